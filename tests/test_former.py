"""The state as it was is kept beside the new one before its schema is changed, whenever that dies."""

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bot.migrations
from bot.database import Database
from bot.errors import StorageError
from bot.former import keep_former
from bot.migrations import upgrade
from bot.schema import HEAD
from bot.state_file import SPARE_BYTES
from tests.test_migrations import at_version, rows_of, version_of

# What Python tells of before it is done; each statement of SQL counts, too.
STEPS = {"open", "os.remove", "os.rename", "sqlite3.connect"}
KILLS = 8  # among some dozens of steps


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Tell where the database of a test is."""
    return tmp_path / "gordon.db"


def test_the_former_state_is_kept_beside_the_new_one_and_no_older_one(path: Path) -> None:
    """So that going back is possible: it is what it was, and can be put back by its own program."""
    at_version(path, "0006")
    older, before = path.with_name("gordon.db.v0005"), rows_of(path)
    older.write_text("of the upgrade before")
    Database(path).close()
    kept = path.with_name("gordon.db.v0006")
    assert (version_of(kept), rows_of(kept)) == ("0006", before)
    assert not older.exists()
    kept.unlink()
    Database(path).close()
    assert not kept.exists(), "only before the schema is changed"


def test_a_disk_without_room_for_the_former_state_keeps_nobody_from_upgrading(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    at_version(path, "0006")
    usage = shutil.disk_usage(path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    Database(path).close()
    assert version_of(path) == HEAD
    assert [one.name for one in path.parent.iterdir()] == ["gordon.db"]
    assert "changed without a copy of the former state" in caplog.text


def test_a_copy_leaves_the_room_that_the_change_itself_may_need(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    at_version(path, "0006")
    free = int(1.5 * path.stat().st_size) + SPARE_BYTES
    usage = shutil.disk_usage(path)._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    keep_former(path, "0006")
    assert [one.name for one in path.parent.iterdir()] == ["gordon.db"]
    assert " for what follows, and " in caplog.text


def test_a_disk_that_is_full_in_the_middle_is_told_and_the_state_is_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F31: it is no mistake of ours, so it ends as any other state that cannot be used."""
    at_version(path, "0001")
    before = rows_of(path)

    def full(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        return connection

    monkeypatch.setattr(bot.migrations, "_connect", full)
    with pytest.raises(StorageError, match="cannot be brought up to date, and is as it was: database or disk is full"):
        Database(path)
    assert (version_of(path), rows_of(path)) == ("0001", before)


def test_a_kill_at_any_step_leaves_the_state_and_the_next_start_keeps_it(path: Path) -> None:
    """F41, G17: neither a half copy nor a lost row."""
    version = "0006"
    at_version(path, version)
    before, old = rows_of(path), path.read_bytes()
    whole = steps_of(path, version)
    assert whole > KILLS
    for step in range(1, whole + 1, whole // KILLS):
        for left in path.parent.glob("*gordon.db*"):
            left.unlink()
        path.write_bytes(old)
        assert killed_at(step, path, version) == -signal.SIGKILL
        after, kept = rows_of(path), path.with_name(f"gordon.db.v{version}")
        assert {table: after[table] for table in before} == before
        assert not kept.exists() or rows_of(kept) == before
        Database(path).close()
        assert (version_of(path), version_of(kept), rows_of(kept)) == (HEAD, version, before)


def steps_of(path: Path, version: str) -> int:
    """Count the steps of the whole way, on a copy."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        copy = path.with_name("copy") / path.name
        copy.parent.mkdir()
        copy.write_bytes(path.read_bytes()) if path.exists() else None
        count = [0]
        go(copy, version, lambda: count.__setitem__(0, count[0] + 1))
        os.write(writing, str(count[0]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        return int(told.read())


def killed_at(step: int, path: Path, version: str) -> int:
    """Bring a database up to date in a process that dies before its step of this number; return how it ended."""
    if not (child := os.fork()):
        left = [step]

        def passed() -> None:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        go(path, version, passed)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def go(path: Path, version: str, passed: Callable[[], None]) -> None:
    """Bring a database up to date, and tell of each step before it is done."""

    def watch(name: str, given: tuple[object, ...]) -> None:
        if name in STEPS and str(path) in str(given):
            passed()

    def traced(*given: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **more)
        connection.set_trace_callback(lambda statement: passed())
        return connection

    connect = sqlite3.connect
    sys.addaudithook(watch)
    sqlite3.connect = traced  # type: ignore[assignment]
    if version:
        keep_former(path, version)
    upgrade(path, version)
