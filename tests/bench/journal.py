"""The journal: events per second that are durable, and the slowest of them while the log is folded."""

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.clock import SystemClock
from bot.codec import Codec
from bot.database import Database
from bot.events import CommandGiven
from bot.journal import SqliteJournal, accept_in
from bot.values import Place, Speaker
from tests.bench.table import Table, percentile, spread

WRITERS = (1, 16, 64)
EVENTS = 4000
TAIL_EVENTS = 12_000  # some 20 MB, so that the log is folded several times
PAUSE_S = 0.005
AT = datetime(2014, 7, 1, tzinfo=UTC)
Accept = Callable[[CommandGiven], Awaitable[object]]


def event(number: int) -> CommandGiven:
    """Make an event as large as a command with some text."""
    speaker, place = Speaker("demo", "tianon", "tianon", "account-tag"), Place("demo", "#docker-maintainers")
    lane = f"moby/moby#{number % 50}"
    text = f"rebuild moby#{number} " + "x" * 400
    return CommandGiven(
        key=f"demo:{number}", lane=lane, at=AT, command="rebuild", text=text, speaker=speaker, place=place
    )


def measure_journal(folder: Path, rounds: int) -> None:
    """Print events per second, and the tail."""
    results = [_round(folder / str(number)) for number in range(rounds)]
    table = Table(
        f"Accepted events per second, {EVENTS} of 600 B, {rounds} rounds", "how | per second (rounds) | times"
    )
    floor = statistics.median(result["a commit for each, no group"] for result in results)
    for name in results[0]:
        rates = [result[name] for result in results]
        table.row(name, spread(rates, ".0f"), f"{statistics.median(rates) / floor:.1f}")
    table.show("each but the last is on disk (synchronous=FULL) before it counts")

    table = Table(
        f"How long one of {TAIL_EVENTS} events takes, 16 writers, the log folded meanwhile",
        "how | median ms | p99 | most",
    )
    for name, accept in (("the journal", _through_journal), ("the same, folded inside a commit", _folded_inside)):
        (folder / name).mkdir()
        times = asyncio.run(accept(folder / name))
        table.row(name, *(f"{one:.2f}" for one in (statistics.median(times), percentile(times, 0.99), max(times))))
    table.show()


def commit_times_ms(path: Path, count: int) -> list[float]:
    """Tell how long the disk takes for a commit of one row, with a pause between two as people leave."""
    times = []
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE events (body TEXT)")
        for _ in range(count):
            time.sleep(PAUSE_S)
            begun_s = time.perf_counter()
            db.execute("INSERT INTO events VALUES (?)", ("x" * 600,))
            times.append((time.perf_counter() - begun_s) * 1e3)
    return times


def _round(folder: Path) -> dict[str, float]:
    folder.mkdir(parents=True)
    found = {"a commit for each, no group": _one_by_one(folder)}
    for writers in WRITERS:
        found[f"the journal, {writers} writer{'s' if writers > 1 else ''}"] = asyncio.run(_rate(folder, writers))
    found["no journal: encoded and kept in memory"] = _in_memory()
    return found


async def _rate(folder: Path, writers: int) -> float:
    database = Database(folder / f"{writers}.db")
    journal = SqliteJournal(database, SystemClock())
    count = EVENTS if writers > 1 else EVENTS // 4
    begun_s = time.perf_counter()
    await _write(lambda one: journal.accept(one, ("rebuild:rebuild",)), writers, count)
    rate = count / (time.perf_counter() - begun_s)
    database.close()
    return rate


def _one_by_one(folder: Path) -> float:
    path = folder / "each.db"
    Database(path).close()
    codec, count = Codec(), EVENTS // 4
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=FULL")
        begun_s = time.perf_counter()
        for number in range(count):
            db.execute("BEGIN IMMEDIATE")
            one = event(number)
            accept_in(db, one, *codec.dump(one), ("rebuild:rebuild",), 0.0)
            db.execute("COMMIT")
        return count / (time.perf_counter() - begun_s)


def _in_memory() -> float:
    codec, kept = Codec(), {}
    begun_s = time.perf_counter()
    for number in range(EVENTS):
        one = event(number)
        kept[one.key] = codec.dump(one)
    return EVENTS / (time.perf_counter() - begun_s)


async def _through_journal(folder: Path) -> list[float]:
    database = Database(folder / "gordon.db")
    journal = SqliteJournal(database, SystemClock())
    times = await _write(lambda one: journal.accept(one, ("rebuild:rebuild",)), 16, TAIL_EVENTS)
    database.close()
    return times


async def _folded_inside(folder: Path) -> list[float]:
    """The same writer, but whoever's commit makes the log long enough folds it, as SQLite does by itself."""
    database = Database(folder / "gordon.db")
    await database.write(lambda db: db.execute("PRAGMA wal_autocheckpoint=1000").fetchall())
    journal = SqliteJournal(database, SystemClock())
    times = await _write(lambda one: journal.accept(one, ("rebuild:rebuild",)), 16, TAIL_EVENTS)
    database.close()
    return times


async def _write(accept: Accept, writers: int, count: int) -> list[float]:
    numbers, times = iter(range(count)), []

    async def writer() -> None:
        for number in numbers:
            begun_s = time.perf_counter()
            await accept(event(number))
            times.append((time.perf_counter() - begun_s) * 1e3)

    await asyncio.gather(*(writer() for _ in range(writers)))
    return times
