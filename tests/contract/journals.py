"""The journals that the contract is put to, and a process that writes to one until it is killed.

python -m tests.contract.journals NAME FOLDER accept|finish|unknown
"""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.clock import SystemClock
from bot.context import PluginStore
from bot.database import Database
from bot.events import Event
from bot.journal import SqliteJournal
from bot.plugin import Store
from bot.ports import Journal, Later, Outcome
from bot.values import Place

AT = datetime(2014, 7, 1, 12, tzinfo=UTC)
PLACE = Place("net", "#c", to="tianon")
HANDLER = "plugin:command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    """Something that a test tells."""

    what: str = ""


def happened(key: str, lane: str = "lane", what: str = "") -> Happened:
    """Make an event that only its key tells from others."""
    return Happened(key=key, lane=lane, at=AT, what=what)


@dataclass(frozen=True, slots=True)
class Opened:
    """A journal as one process has it, and the plugins' memory that is committed with it."""

    journal: Journal
    memory_of: Callable[[str], Store]


@dataclass(frozen=True, slots=True)
class Implementation:
    """One sort of journal.

    Arguments:
        opened: opens what is kept in a folder, as a new process does.
        stalled: makes the storage unwritable meanwhile.
    """

    name: str
    opened: Callable[[Path], AbstractAsyncContextManager[Opened]]
    stalled: Callable[[Path], AbstractContextManager[None]]


@asynccontextmanager
async def sqlite_journal(folder: Path) -> AsyncIterator[Opened]:
    database = Database(folder / "gordon.db")
    try:
        journal = SqliteJournal(database, SystemClock())
        yield Opened(journal, lambda plugin: PluginStore(database, plugin, {}))
    finally:
        await asyncio.to_thread(database.close)


@contextmanager
def sqlite_locked(folder: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(folder / "gordon.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


IMPLEMENTATIONS = {"sqlite": Implementation("sqlite", sqlite_journal, sqlite_locked)}


def full_outcome(number: int) -> Outcome:
    """Make an outcome with something of every sort, to be found whole or not at all."""
    return Outcome(
        outbox=((PLACE, f"said {number}"),),
        later=(Later(happened(f"later-{number}"), 0.0, (HANDLER,)),),
        state=(("plugin", f"state-{number}", number),),
    )


def child(implementation: Implementation, folder: Path, what: str, **env: str) -> subprocess.Popen[str]:
    """Start a process that writes to the journal, and tells each step that is done in a line."""
    command = [sys.executable, "-m", "tests.contract.journals", implementation.name, str(folder), what]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | env)


def killed_after(process: subprocess.Popen[str], lines: int) -> list[str]:
    """Kill a child with SIGKILL as soon as it has told so many steps, and return all that it told."""
    with process:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        told += [line.strip() for line in process.stdout if line.endswith("\n")]
    return told


async def write_until_killed(implementation: Implementation, folder: Path, what: str) -> None:
    """Be the child."""
    async with implementation.opened(folder) as opened:
        journal = opened.journal
        if what == "unknown":
            unknown = type("Forgotten", (Happened,), {})
            await journal.accept(unknown(key="forgotten", lane="lane", at=AT), (HANDLER,))
            return
        for number in range(1_000_000):
            deliveries = await journal.accept(happened(f"event-{number}"), (HANDLER,))
            if what == "finish":
                await journal.finish(deliveries[0], full_outcome(number))
            print(number, flush=True)


async def remembered(opened: Opened, key: str) -> Any:
    """Read what the plugin of these tests has in its memory on disk."""
    return await opened.memory_of("plugin").get(key)


if __name__ == "__main__":
    asyncio.run(write_until_killed(IMPLEMENTATIONS[sys.argv[1]], Path(sys.argv[2]), sys.argv[3]))
