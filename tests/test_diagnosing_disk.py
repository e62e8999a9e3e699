"""What a disk that is full or locked for a while does to diagnoses: they wait, and nothing else."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.log_rig import FAILED, LogServer, Room, room


@asynccontextmanager
async def refusing(here: Room, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Have the disk refuse all writes, and wait until a diagnosis has met that."""
    await here.database.write(lambda db: db.execute("PRAGMA busy_timeout=0") and None)
    with contextlib.closing(sqlite3.connect(here.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        await here.until(lambda: "has to wait" in caplog.text)


async def test_a_disk_that_refuses_when_a_diagnosis_begins_costs_no_verdict(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """(F31, F32)"""
    server, agents = LogServer(), asyncio.Event()
    server.has(12, FAILED)
    server.answering = agents
    async with room(tmp_path, server) as here:
        await here.ends(12, node="n1")
        await here.until(lambda: server.asked == ["nodes"])
        async with refusing(here, caplog):
            agents.set()
        found = (await here.diagnosed()).fact.diagnosis
    assert (found.cause, found.unread) == ("go-test-failed", "")


async def test_logs_that_are_read_are_let_go_of_where_the_verdict_finds_no_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """(F31) Else what waits for room to be written is itself what takes the room."""
    server, read = LogServer(), asyncio.Event()
    server.has(12, read, FAILED)
    async with room(tmp_path, server) as here:
        await here.ends(12)
        await here.until(lambda: bool(drafts(tmp_path)))
        async with refusing(here, caplog):
            read.set()
            await here.until(lambda: "has to wait" in caplog.text)
            assert drafts(tmp_path) == []
        assert (await here.diagnosed()).fact.diagnosis.cause == "go-test-failed"


def drafts(folder: Path) -> list[str]:
    """List the files without a name that this process has open in a folder."""
    links = []
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # it was that of the listing
            links.append(str(handle.readlink()))
    return [link for link in links if link.startswith(str(folder)) and link.endswith("(deleted)")]
