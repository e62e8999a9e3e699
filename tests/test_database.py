"""The one writer: groups, a savepoint each, a log that stays small, and files that it refuses."""

import asyncio
import os
import sqlite3
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from bot.database import CHECKPOINT_AT_BYTES, Database
from bot.errors import StorageError
from bot.schema import HEAD

PUT = "INSERT INTO plugin_state VALUES ('p', ?, ?)"
MANY = 200


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Database]:
    database = Database(path)
    try:
        yield database
    finally:
        await asyncio.to_thread(database.close)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Tell where the database of a test is."""
    return tmp_path / "gordon.db"


def putting(key: str, value: str = "1") -> Callable[[sqlite3.Connection], int]:
    return lambda db: db.execute(PUT, (key, value)).rowcount


def keys_on_disk(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT key FROM plugin_state ORDER BY key")]


def held(database: Database) -> tuple[threading.Event, Future[None]]:
    """Keep the writer in one write until the event is set, so that what comes meanwhile is one group."""
    go, here = threading.Event(), threading.Event()

    def wait(_db: sqlite3.Connection) -> None:
        here.set()
        go.wait(10)

    future = database.submit(wait)
    here.wait(10)
    return go, future


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "of-a-former-version"])
async def test_nobody_else_may_read_it_whatever_the_shell_lets_others_do(path: Path, is_there: bool) -> None:
    """What people said, and who they are, is in it, and in the log beside it."""
    lax = os.umask(0o022)
    try:
        if is_there:
            with closing(sqlite3.connect(path)) as db:
                db.execute("PRAGMA user_version = 1")
        async with opened(path) as database:
            await database.write(putting("k"))
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    finally:
        os.umask(lax)
    assert modes.keys() == {"gordon.db", "gordon.db-wal", "gordon.db-shm"}
    assert set(modes.values()) == {0o640}


async def test_many_writers_share_one_commit(path: Path) -> None:
    """Another connection never sees a part of the group."""
    seen = set()
    async with opened(path) as database:
        with closing(sqlite3.connect(path)) as other:
            go, _ = held(database)
            futures = [database.submit(putting(f"{number:03}")) for number in range(MANY)]
            go.set()
            while not all(future.done() for future in futures):
                seen.add(other.execute("SELECT count(*) FROM plugin_state").fetchone()[0])
        assert [future.result() for future in futures] == [1] * MANY
    assert seen <= {0, MANY}
    assert len(keys_on_disk(path)) == MANY


async def test_a_result_is_told_only_when_it_is_on_disk(path: Path) -> None:
    async with opened(path) as database:
        for number in range(20):
            await database.write(putting(f"{number:02}"))
            assert keys_on_disk(path)[-1] == f"{number:02}"


async def test_no_cursor_of_the_writer_gets_into_another_thread(path: Path) -> None:
    """Dropped there it resets a statement that the writer may be at, which then fails as misused."""
    async with opened(path) as database:
        assert await database.write(lambda db: db.execute("SELECT 1")) is None
        assert await database.write(lambda db: db.execute("SELECT 1").fetchone()) == (1,)
        found = [database.submit(lambda db: db.execute("SELECT 1")) for _ in range(3)]
        assert [await asyncio.wrap_future(one) for one in found] == [None] * 3


@pytest.mark.parametrize("others", [0, 5], ids=["alone", "in-a-group"])
async def test_one_mistake_undoes_only_its_own_write(path: Path, others: int) -> None:
    """A write that fails half-way leaves nothing of itself and all of its neighbours."""

    def half(db: sqlite3.Connection) -> None:
        putting("half")(db)
        raise ValueError("a mistake")

    def twice(db: sqlite3.Connection) -> None:
        putting("x")(db)
        putting("x")(db)

    async with opened(path) as database:
        go, _ = held(database)
        first = [database.submit(putting(f"a{number}")) for number in range(others)]
        broken: list[Future[Any]] = [database.submit(half), database.submit(twice)]
        last = [database.submit(putting(f"b{number}")) for number in range(others)]
        go.set()
        errors = [await asyncio.to_thread(future.exception, 10) for future in broken]
        assert [type(error) for error in errors] == [ValueError, sqlite3.IntegrityError]
        assert [future.result(10) for future in first + last] == [1] * 2 * others
    assert keys_on_disk(path) == [f"{side}{number}" for side in "ab" for number in range(others)]


async def test_a_write_after_its_deadline_is_refused_not_run(path: Path) -> None:
    async with opened(path) as database:
        go, _ = held(database)
        late = database.submit(putting("late"), deadline_s=0.05)
        patient = database.submit(putting("patient"))
        time.sleep(0.1)  # noqa: ASYNC251  nothing else runs in this loop
        go.set()
        assert isinstance(late.exception(10), StorageError)
        assert patient.result(10) == 1
    assert keys_on_disk(path) == ["patient"]


async def test_a_write_that_nobody_waits_for_goes_with_the_next(path: Path) -> None:
    """It makes no commit of its own before one that somebody waits for, and stays in order."""
    async with opened(path) as database:
        go, _ = held(database)
        riding = database.submit(putting("rides"), rides=True)
        waited = database.submit(lambda db: db.execute("SELECT key FROM plugin_state").fetchall())
        go.set()
        assert await asyncio.to_thread(waited.result, 10) == [("rides",)]
        assert riding.done()


async def test_a_write_that_nobody_waits_for_goes_alone_after_a_moment(path: Path) -> None:
    """However many of them come, the first is not put off by the next."""
    async with opened(path) as database:
        futures: list[Future[int]] = []
        begun_s = time.monotonic()
        while not futures or not futures[0].done():
            futures.append(database.submit(putting(f"{len(futures):04}"), rides=True))
            await asyncio.sleep(0.005)
        assert time.monotonic() - begun_s < 1.0
        assert len(futures) > 1
    assert len(keys_on_disk(path)) == len(futures)


async def test_a_read_cannot_write(path: Path) -> None:
    async with opened(path) as database:
        with pytest.raises(StorageError):
            await database.read(putting("sneaked in"))
    assert keys_on_disk(path) == []


async def test_closing_finishes_what_was_handed_in(path: Path) -> None:
    database = Database(path)
    go, _ = held(database)
    futures = [database.submit(putting(f"{number:03}")) for number in range(600)]
    closing_ = asyncio.create_task(asyncio.to_thread(database.close))
    await asyncio.sleep(0.05)
    assert not closing_.done()
    go.set()
    await closing_
    assert all(future.done() and future.result() == 1 for future in futures)
    assert len(keys_on_disk(path)) == 600
    assert not path.with_name(path.name + "-wal").exists()


async def test_what_comes_after_the_close_is_refused(path: Path) -> None:
    """A handler that outlived the stop must not wait for ever for a writer that is gone."""
    database = Database(path)
    database.close()
    with pytest.raises(StorageError):
        await asyncio.wait_for(database.write(putting("late")), 5)


async def test_the_log_is_folded_beside_the_writers(path: Path) -> None:
    """The write-ahead log stays near the size at which it is folded, though much more is written."""
    wal = path.with_name(path.name + "-wal")
    largest = 0
    value = "x" * 100_000
    async with opened(path) as database:
        for round_ in range(8):
            await asyncio.gather(*(database.write(putting(f"{round_}-{n}", value)) for n in range(40)))
            largest = max(largest, wal.stat().st_size)
            await asyncio.sleep(0.3)  # the fold looks four times a second
    assert len(keys_on_disk(path)) == 320
    assert 0 < largest < 3 * CHECKPOINT_AT_BYTES


async def test_only_what_is_on_disk_is_told_of(path: Path) -> None:
    """F31: of a write that is rolled back nothing happened, however often it is tried."""
    told: list[str] = []

    def telling(key: str, problem: Exception | None = None) -> Callable[[sqlite3.Connection], None]:
        def write(db: sqlite3.Connection) -> None:
            db.execute(PUT, (key, "1"))
            database.once_on_disk(lambda: told.append(key))
            if problem is not None:
                raise problem

        return write

    async with opened(path) as database:
        with pytest.raises(ValueError, match="a mistake"):
            await database.write(telling("alone", ValueError("a mistake")))
        go, holding = held(database)
        both = [database.submit(telling("b", ValueError("a mistake"))), database.submit(telling("a"))]
        go.set()
        await asyncio.to_thread(lambda: [each.exception(10) for each in (holding, *both)])
        assert told == ["a"]
        go, holding = held(database)
        full = [database.submit(telling("c")), database.submit(telling("d", sqlite3.OperationalError("disk is full")))]
        go.set()
        await asyncio.to_thread(lambda: [each.exception(10) for each in (holding, *full)])
        await database.write(telling("e"))
    assert told == keys_on_disk(path) == ["a", "e"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"not a database at all, " * 100, id="other-file"),
        pytest.param(b"SQLite format 3\x00" + b"\xff" * 5000, id="header-only"),
    ],
)
def test_a_file_that_is_no_database_is_refused_by_name(path: Path, content: bytes) -> None:
    """F32: and it is left as it is."""
    path.write_bytes(content)
    with pytest.raises(StorageError, match="restore it from a backup"):
        Database(path)
    assert path.read_bytes() == content


def test_what_is_wrong_with_the_folder_is_not_blamed_on_the_file(path: Path) -> None:
    """F31: whoever moves a whole state away as they are told to has lost it."""
    Database(path).close()
    path.with_name(f"{path.name}-wal").mkdir()  # so that SQLite cannot write beside it
    with pytest.raises(StorageError, match=r"cannot be opened \(unable to open database file\)$"):
        Database(path)


def test_flipped_bytes_are_refused_by_name(path: Path) -> None:
    """F32: pages that no longer fit together are told before anything relies on them."""
    database = Database(path)
    for number in range(2000):
        database.submit(putting(f"{number}", "x" * 50))
    database.close()
    damaged = bytearray(path.read_bytes())
    for offset in range(4096 * 10, len(damaged) - 8192, 4096):
        damaged[offset : offset + 64] = bytes(255 - byte for byte in damaged[offset : offset + 64])
    path.write_bytes(damaged)
    with pytest.raises(StorageError, match=r"gordon\.db is damaged .* backup"):
        Database(path)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/gordon\.db"):
        Database(tmp_path / "nowhere" / "gordon.db")


@pytest.mark.parametrize("version", [f"{int(HEAD) + 1:04}", "9999", "a1b2c3"])
def test_a_newer_schema_is_refused_and_left(path: Path, version: str) -> None:
    """F41: an older program must not touch what it does not know."""
    Database(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = ?", (version,))
    with pytest.raises(StorageError, match=f"{version}, newer"):
        Database(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchall() == [(version,)]


def test_a_second_start_finds_its_schema(path: Path) -> None:
    for _ in range(2):
        Database(path).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
