"""Faults F31 and F32: a disk that is full, locked, damaged, read-only, of the future, or somebody else's."""

import asyncio
import contextlib
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.database import Database
from bot.demo.world import World
from bot.errors import StorageError
from bot.testing import FakeChat, Gordon, running
from tests.world.honesty import honest, said, triggers, until

HONEST_WITHIN_S = 5.0
REFUSED = r"^I cannot take commands now, nothing was started: .*gordon\.db"
QUEUED = r"queued janky \(item \d+\)"
AGAIN = "rebuild moby#1 janky again"
ENOUGH = 400  # commands that fill what is left of a page


async def test_a_full_disk_refuses_new_commands_and_forgets_none_that_it_took(tmp_path: Path) -> None:
    """F31: no side effect without a durable intent; what was refused is never done, what was taken is done once."""
    async with honest(tmp_path, again_after_s=0.2) as gordon:
        await gordon.say("tianon", AGAIN)
        await limit_pages(gordon, "(SELECT page_count FROM pragma_page_count)")
        typed = 0
        while not refusals(gordon):
            typed += 1
            assert typed < ENOUGH, "the disk was never full"
            await gordon.chat.hear("tianon", AGAIN)
            await asyncio.sleep(0.05)
            assert set(gordon.world.request_ids()) <= recorded(gordon), "a build was started that is on no disk"
        assert "full" in refusals(gordon)[0]
        assert await gordon.say("tianon", "ping", expect="pong")

        await limit_pages(gordon, "1073741823")
        await gordon.chat.hear("tianon", AGAIN)
        # What is said waits for the disk, too, so the last refusals may be heard only now.
        await until(lambda: len(set(gordon.world.request_ids())) + len(refusals(gordon)) == 1 + typed + 1)
        taken = 1 + typed - len(refusals(gordon)) + 1
        await said(gordon, QUEUED, taken)


async def test_a_locked_disk_is_told_of_in_time_and_what_was_refused_is_never_done(tmp_path: Path) -> None:
    """F32: several commands at once, so that none has to wait behind the refusal of another."""
    async with honest(tmp_path) as gordon:
        with locked(gordon.app.database.path):
            asked_s = time.monotonic()
            for _ in range(3):
                await gordon.chat.hear("tianon", AGAIN)
            await asyncio.sleep(1.0)
            await gordon.chat.hear("tianon", AGAIN)
            await gordon.chat.line(REFUSED)
            assert time.monotonic() - asked_s < HONEST_WITHIN_S
            await said(gordon, REFUSED, 4)
            assert time.monotonic() - asked_s - 1.0 < HONEST_WITHIN_S
        await gordon.say("tianon", AGAIN, expect=QUEUED)
        await triggers(gordon, 1)


async def test_a_short_lock_is_waited_for(tmp_path: Path) -> None:
    """F32: queued up to the deadline."""
    async with honest(tmp_path) as gordon:
        with locked(gordon.app.database.path):
            typing = asyncio.create_task(gordon.chat.hear("tianon", AGAIN))
            await asyncio.sleep(0.5)
            assert await gordon.say("tianon", "ping") == "pong"
        await typing
        await gordon.chat.line(QUEUED)
        await triggers(gordon, 1)


async def test_a_lock_while_a_build_is_started_costs_no_build_and_makes_no_second_one(tmp_path: Path) -> None:
    """F32: the command is on disk, then the disk is locked for longer than a writer waits."""
    async with honest(tmp_path, again_after_s=0.2, timeout_s=1) as gordon:
        gordon.world.github.hang(path="/pulls/")
        await gordon.chat.hear("tianon", "rebuild moby#1 janky")
        await gordon.world.github.hanging()
        with locked(gordon.app.database.path):
            gordon.world.github.resume()
            await asyncio.sleep(3.0)
            assert gordon.world.request_ids() == []
        await gordon.chat.line(QUEUED)
        await triggers(gordon, 1)


async def test_a_wait_that_is_given_up_neither_writes_nor_ends_the_writer(tmp_path: Path) -> None:
    """F32: a handler may be cancelled at its limit while it waits for the disk."""
    database = Database(tmp_path / "gordon.db")
    wrote: list[str] = []
    try:
        with locked(database.path):
            first = asyncio.create_task(database.write(lambda db: wrote.append("began before it was given up")))
            await asyncio.sleep(0.1)
            second = asyncio.create_task(database.write(lambda db: wrote.append("given up before it began")))
            await asyncio.sleep(0.1)
            first.cancel()
            second.cancel()
            await asyncio.wait({first, second})
        await asyncio.wait_for(database.write(lambda db: wrote.append("the next one")), HONEST_WITHIN_S)
    finally:
        database.close()
    assert wrote == ["began before it was given up", "the next one"]


async def until_spoilt(database: Database) -> None:
    """Do the damage; a write that shares a group with it finds it at once, by which both are taken back."""
    for _ in range(20):
        with contextlib.suppress(StorageError):
            return await database.write(spoil)
    raise AssertionError("other writes were always beside it")


async def test_damage_while_it_runs_is_told_as_a_broken_disk(tmp_path: Path) -> None:
    """F32: SQLite finds the damage when it reads the page, not when it opens the file."""
    async with honest(tmp_path) as gordon:
        await until_spoilt(gordon.app.database)
        assert re.search(REFUSED, await gordon.say("tianon", AGAIN))
        assert gordon.world.request_ids() == []


DAMAGES = [
    pytest.param(lambda body: body[:4096] + bytes(byte ^ 0xFF for byte in body[4096:8192]) + body[8192:], id="a-page"),
    pytest.param(lambda body: b"not a database at all" + body[21:], id="its-first-bytes"),
    pytest.param(lambda body: body[: len(body) // 2], id="half-of-it-gone"),
    pytest.param(lambda body: body[:28] + b"\xff\xff\xff\xff" + body[32:], id="its-size"),
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_file_is_named_and_nothing_starts(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """F32: it refuses to start, says which file, and what to do."""
    async with World(tmp_path, with_irc=True) as world:
        async with running(tmp_path, world=world, chat=FakeChat("demo")) as gordon:
            await gordon.say("tianon", "rebuild moby#1 janky")
        file = tmp_path / "state" / "gordon.db"
        file.write_bytes(damage(file.read_bytes()))
        status, errors = await run(world)
    assert status == 1
    assert re.search(rf"^gordon: {re.escape(str(file))} .*restore it from a backup, or move it away$", errors, re.M)
    assert "Traceback" not in errors


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """F41: an old program must not write what a newer one has to read."""
    async with World(tmp_path, with_irc=True) as world:
        async with running(tmp_path, world=world, chat=FakeChat("demo")):
            pass
        with contextlib.closing(sqlite3.connect(tmp_path / "state" / "gordon.db")) as db:
            db.execute("UPDATE alembic_version SET version_num = '9999'")
            db.commit()
        status, errors = await run(world)
    assert status == 1
    assert re.search(r"gordon\.db has schema 9999, newer than this program: run the newer one, or restore", errors)


async def test_a_second_gordon_on_one_folder_is_refused(tmp_path: Path) -> None:
    """F34: the first one must not be disturbed, the second must say why."""
    world = World(tmp_path, with_irc=True)
    async with world, running(tmp_path, world=world, chat=FakeChat("demo")) as gordon:
        status, errors = await run(world)
        assert status == 1
        assert re.search(r"^gordon: another Gordon uses .*state; stop it first", errors, re.M)
        await gordon.say("tianon", "rebuild moby#1 janky", expect=QUEUED)


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, what: str) -> None:
    """F32: something else stands in its place, which stops even root; a read-only one fails in the same call."""
    async with World(tmp_path, with_irc=True) as world:
        place = tmp_path / "state"
        if what == "file":
            place /= "gordon.db"
            place.mkdir(parents=True)
        else:
            place.write_text("no folder")
        status, errors = await run(world)
    assert status == 1
    assert re.search(rf"^gordon: {re.escape(str(place))} (cannot be opened|must be a folder)", errors)
    assert "Traceback" not in errors


async def limit_pages(gordon: Gordon, pages: str) -> None:
    """Make SQLite believe that the disk ends after so many pages."""

    def write(db: sqlite3.Connection) -> None:
        count = db.execute(f"SELECT {pages}").fetchone()[0]
        db.execute(f"PRAGMA max_page_count={count}")

    while True:
        try:
            return await gordon.app.database.write(write)
        except StorageError:  # it shared a group with a write that found the disk full
            await asyncio.sleep(0.05)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock as another program would."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def spoil(db: sqlite3.Connection) -> None:
    """Let the events' table begin on a page that holds something else."""
    db.execute("PRAGMA writable_schema=ON")
    db.execute("UPDATE sqlite_master SET rootpage = 1 WHERE name = 'events'")
    db.execute("PRAGMA writable_schema=RESET")


def recorded(gordon: Gordon) -> set[str]:
    """List the marks of the effects that are on disk."""
    with contextlib.closing(sqlite3.connect(gordon.app.database.path)) as db:
        return {row[0] for row in db.execute("SELECT request_id FROM effects")}


def refusals(gordon: Gordon) -> list[str]:
    return [line for line in gordon.lines if re.search(REFUSED, line)]


async def run(world: World) -> tuple[int | None, str]:
    """Run Gordon in a process of its own that ends at once, and return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.cli", "run", str(world.config), stderr=asyncio.subprocess.PIPE
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, errors.decode()
