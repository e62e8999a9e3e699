"""`gordon backup` and `gordon restore`: a copy is whole or not there, and so is what takes the place of the state."""

import asyncio
import contextlib
import os
import re
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.audit import Audit, AuditRecord
from bot.backup import backup, restore
from bot.cli import FAILED, main
from bot.clock import SystemClock
from bot.database import Database
from bot.errors import StorageError
from bot.state_file import copied, opened
from bot.state_lock import StateLock

CONFIG = """
[gordon]
home = "moby/moby"
state = "state"

[repos."moby/moby"]
"""
PUT = "INSERT INTO plugin_state VALUES ('p', ?, ?)"
OTHER = 65534  # a user
KEYS = "SELECT key FROM plugin_state WHERE plugin = 'p' ORDER BY key"
# What Python tells of before it is done, and after which something else is on the disk.
STEPS = {"open", "os.chmod", "os.link", "os.remove", "os.rename", "sqlite3.connect", "tempfile.mkstemp"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a state with two records of the audit, once for all tests of this file."""
    folder = tmp_path_factory.mktemp("written")
    database = Database(folder / "gordon.db")
    audit = Audit(database, SystemClock(), "host", lambda: "policy")
    for rule in ("first", "second"):
        audit.append(AuditRecord(id="aaaa", rule=rule))
    database.submit(lambda db: db.execute(PUT, ("old", "x" * 200_000)))
    database.close()
    return folder


@pytest.fixture
def config(tmp_path: Path, written: Path) -> Path:
    """Write a configuration that has a state of its own."""
    (tmp_path / "gordon.toml").write_text(CONFIG)
    (tmp_path / "people.toml").write_text("")
    shutil.copytree(written, tmp_path / "state")
    return tmp_path / "gordon.toml"


@pytest.fixture
def copy(config: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Make a backup, and let something happen to the state after it."""
    target = config.parent / "copy.db"
    assert backup(config, target) == 0
    capsys.readouterr()
    put(state_of(config), "new")
    return target


def state_of(config: Path) -> Path:
    return config.parent / "state" / "gordon.db"


def put(path: Path, key: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(PUT, (key, "1"))


def keys(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute(KEYS)]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_a_running_gordon_has_written_last_is_in_the_copy(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what is still in the log beside the file."""
    database, lock = Database(state_of(config)), StateLock(config.parent / "state")
    target = config.parent / "copy.db"
    try:
        database.submit(lambda db: db.execute(PUT, ("new", "1"))).result(10)
        assert main(["backup", str(config), str(target)]) == 0
    finally:
        database.close()
        lock.close()
    assert keys(target) == ["new", "old"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert {path.name for path in config.parent.iterdir()} == {"copy.db", "gordon.toml", "people.toml", "state"}
    told = capsys.readouterr()
    assert told.err == ""
    assert re.match(
        rf"{target}: 0\.\d MB, schema \d{{4}}, 0 letters wait for an operator; the audit trail: 2 records, "
        rf"from \S+ to \S+, head 2:[0-9a-f]{{64}}\n",
        told.out,
    )
    assert told.out.endswith(f"to put it back, stop Gordon, then: gordon restore {config} {target}\n")


async def test_a_copy_is_of_one_moment_while_much_is_written(config: Path) -> None:
    """Of two rows that are written together never one alone is there, and the writer waits for nobody."""
    database = Database(state_of(config))
    is_over = False

    async def write() -> int:
        count = 0
        while not is_over:
            count += 1
            both = [(f"{side}{count:06}", "x" * 2000) for side in "ab"]
            await database.write(lambda db, both=both: db.executemany(PUT, both), deadline_s=5.0)  # type: ignore[misc]
        return count

    writing = asyncio.create_task(write())
    found = []
    for number in range(5):
        target = config.parent / f"{number}.db"
        await asyncio.to_thread(backup, config, target)
        found.append([key for key in keys(target) if key != "old"])
    is_over = True
    assert await writing > 5
    await asyncio.to_thread(database.close)
    for there in found:
        assert [key[1:] for key in there if key[0] == "a"] == [key[1:] for key in there if key[0] == "b"]
    assert len(found[-1]) > len(found[0])


def test_a_folder_gets_a_file_that_is_named_by_the_time(config: Path) -> None:
    folder = config.parent / "copies"
    folder.mkdir()
    assert backup(config, folder) == 0
    assert [re.fullmatch(r"gordon-\d{8}T\d{6}Z\.db", path.name) is not None for path in folder.iterdir()] == [True]


def test_nothing_is_written_over(config: Path, copy: Path) -> None:
    before = copy.read_bytes()
    with pytest.raises(StorageError, match="is there already"):
        backup(config, copy)
    assert copy.read_bytes() == before


def test_a_folder_that_is_not_there_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", str(config), str(config.parent / "nowhere" / "copy.db")]) == FAILED
    assert "nowhere/copy.db: No such file or directory" in capsys.readouterr().err


def test_ctrl_c_leaves_nothing_half_behind(config: Path) -> None:
    def stop(megabytes: float) -> None:
        raise KeyboardInterrupt

    before = files(config.parent)
    with opened(state_of(config)) as db, pytest.raises(KeyboardInterrupt), copied(db, config.parent / "copy.db", stop):
        pytest.fail("it is not whole")
    assert files(config.parent) == before


def test_ctrl_c_is_heard_while_a_copy_is_looked_through(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself does that, and keeps what it is told by Python to itself."""
    monkeypatch.setattr("bot.state_file.STEPS_AT_ONCE", 10)
    monkeypatch.setattr("bot.backup.following", interrupted)
    before = files(config.parent)
    with pytest.raises(KeyboardInterrupt):
        backup(config, config.parent / "copy.db")
    assert files(config.parent) == before


@contextlib.contextmanager
def interrupted(what: str, total: float) -> Iterator[Callable[[float], None]]:
    def advance(more: float) -> None:
        if more == 0:
            raise KeyboardInterrupt

    yield advance


def test_a_full_disk_is_told_and_leaves_nothing(config: Path) -> None:
    """F31: a process that may write no larger files sees the same."""
    before = files(config.parent)
    ended = subprocess.run(
        [sys.executable, "-m", "bot.cli", "backup", str(config), str(config.parent / "copy.db")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[1],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert ended.returncode == FAILED
    assert re.fullmatch(r"gordon: cannot write .*copy\.db: .*\n", ended.stderr)
    assert files(config.parent) == before


def test_a_disk_that_has_no_room_is_told_before_anything_is_written(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F31."""
    usage = shutil.disk_usage(config)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(StorageError, match=r"it takes 0\.\d MB, and 1\.0 MB are free"):
        backup(config, config.parent / "copy.db")


def damage(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    for offset in range(4096 * 4, len(damaged) - 8192, 4096):
        damaged[offset : offset + 64] = bytes(255 - byte for byte in damaged[offset : offset + 64])
    path.write_bytes(damaged)


def test_a_damaged_state_is_not_backed_up_as_if_it_were_whole(config: Path) -> None:
    """F32."""
    damage(state_of(config))
    with pytest.raises(StorageError, match=r"state/gordon\.db is damaged"):
        backup(config, config.parent / "copy.db")
    assert not (config.parent / "copy.db").exists()


@pytest.mark.parametrize("command", ["backup", "restore", "check"])
def test_a_newer_schema_is_refused_by_every_command(
    config: Path, copy: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """F41: with what to do."""
    for path in (copy, state_of(config)):
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE alembic_version SET version_num = '9999'")
    before = files(config.parent / "state")
    more = {"backup": [str(config.parent / "second.db")], "restore": [str(copy)], "check": []}[command]
    assert main([command, str(config), *more]) != 0
    assert "has schema 9999, newer than this program: run the newer one, or restore" in capsys.readouterr().err
    assert files(config.parent / "state") == before


def test_a_restored_state_is_the_copy_and_the_former_one_is_kept_whole(
    config: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what a Gordon that was killed had left in the log beside it."""
    leave_a_log(state_of(config), "last")
    assert (config.parent / "state" / "gordon.db-wal").stat().st_size
    assert main(["restore", str(config), str(copy)]) == 0
    assert keys(state_of(config)) == ["old"]
    (former,) = (config.parent / "state").glob("gordon.db.before-*")
    assert keys(former) == ["last", "new", "old"]
    assert {path.name for path in (config.parent / "state").iterdir()} == {"gordon.db", "gordon.lock", former.name}
    told = capsys.readouterr().out
    assert told.startswith(f"{state_of(config)} is now {copy}: ")
    assert f"kept as {former}\n" in told
    Database(state_of(config)).close()


def leave_a_log(path: Path, key: str) -> None:
    """Write like a Gordon that is killed before it folds its log into the file."""
    if not (child := os.fork()):
        db = sqlite3.connect(path)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(PUT, (key, "1"))
        db.commit()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_state_is_put_where_there_was_none(config: Path, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(config.parent / "state")
    assert main(["restore", str(config), str(copy)]) == 0
    assert keys(state_of(config)) == ["old"]
    assert "kept as" not in capsys.readouterr().out


@pytest.fixture
def of_another(config: Path, copy: Path) -> Iterator[Path]:
    """Put configuration and copy where another user gets to, who has the folder of the state, with nothing in it."""
    if os.geteuid() != 0:
        pytest.skip("only root may act as others")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for path in (config, config.with_name("people.toml"), copy):
            shutil.copy(path, folder)
        (folder / "state").mkdir()
        os.chown(folder / "state", OTHER, OTHER)
        yield folder / "gordon.toml"


def test_what_root_puts_back_belongs_to_whoever_has_the_folder(of_another: Path) -> None:
    """F22: on a new machine nothing is there yet, and a lock that is root's would keep Gordon out."""
    copy, state = of_another.with_name("copy.db"), of_another.with_name("state")
    copy.chmod(0o600)
    assert restore(of_another, copy) == 0
    assert {path.name: path.stat().st_uid for path in state.iterdir()} == {"gordon.db": OTHER, "gordon.lock": OTHER}
    assert (os.geteuid(), os.getegid()) == (0, 0)


def test_no_name_in_the_folder_leads_root_to_a_file_of_its_own(of_another: Path) -> None:
    """Whoever has the folder may put any name there, before or in the middle of it."""
    copy, state, own = (of_another.with_name(name) for name in ("copy.db", "state", "own"))
    own.touch(0o600)
    (state / "gordon.lock").symlink_to(own)
    with pytest.raises(StorageError, match="must be a folder that Gordon may write in: Permission denied"):
        restore(of_another, copy)
    (state / "gordon.lock").unlink()
    assert restore(of_another, copy) == 0
    swapped = f"""
import os, sys
from pathlib import Path
from bot.cli import main

def swap(event, given):
    if event == "os.chmod":
        part, = Path({str(state)!r}).glob(".*.part")
        part.unlink()
        part.symlink_to({str(own)!r})

sys.addaudithook(swap)
sys.exit(main(["restore", {str(of_another)!r}, {str(copy)!r}]))
"""
    ended = subprocess.run([sys.executable, "-c", swapped], capture_output=True, text=True, check=False)
    assert (ended.returncode, "Operation not permitted" in ended.stderr) == (FAILED, True), ended.stderr
    assert (own.stat().st_uid, stat.S_IMODE(own.stat().st_mode), own.read_bytes()) == (0, 0o600, b"")


def test_what_a_killed_restoration_has_left_goes_with_the_next_one(config: Path, copy: Path) -> None:
    state = config.parent / "state"
    for left in (".gordon.db.abcdefgh.part", ".gordon.db.abcdefgh.part-journal", ".gordon.db.v0006.abcdefgh.part"):
        (state / left).write_text("half")
    of_others = state / ".gordon-20260101T040000Z.db.abcdefgh.part"
    of_others.write_text("a backup that may be under way")
    restore(config, copy)
    assert [path for path in state.iterdir() if ".part" in path.name] == [of_others]


def test_a_damaged_state_is_replaced_and_kept_as_it_is(config: Path, copy: Path) -> None:
    """F32: a log beside it that belongs to nothing any more would be taken for a part of the copy."""
    leave_a_log(state_of(config), "last")
    state_of(config).write_bytes(b"no database at all")
    log = (config.parent / "state" / "gordon.db-wal").read_bytes()
    assert main(["restore", str(config), str(copy)]) == 0
    assert keys(state_of(config)) == ["old"]
    kept = {path.name.partition("Z")[2]: path for path in (config.parent / "state").glob("gordon.db.before-*")}
    assert kept[""].read_bytes() == b"no database at all"
    assert kept["-wal"].read_bytes() == log


def test_a_copy_by_sqlites_own_tool_can_be_restored(config: Path) -> None:
    """It is in the mode with a log beside it, as Gordon's own file is."""
    target = config.parent / "theirs.db"
    with closing(sqlite3.connect(state_of(config))) as db, closing(sqlite3.connect(target)) as other:
        db.backup(other)
    assert target.read_bytes()[18] == 2
    put(state_of(config), "new")
    assert main(["restore", str(config), str(target)]) == 0
    assert keys(state_of(config)) == ["old"]


def test_nothing_is_restored_under_a_gordon_that_runs(
    config: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(config.parent / "state")
    lock = StateLock(config.parent / "state")
    try:
        assert main(["restore", str(config), str(copy)]) == FAILED
    finally:
        lock.close()
    assert "another Gordon uses" in capsys.readouterr().err
    assert {**files(config.parent / "state"), "gordon.lock": b""} == {**before, "gordon.lock": b""}


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE audit (a)")


def tampered(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM audit WHERE seq = 1")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(Path.unlink, r"copy\.db is not there", id="absent"),
        pytest.param(damage, r"copy\.db is damaged", id="damaged"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:9000]), "copy.db", id="cut-off"),
        pytest.param(lambda path: path.write_text("words"), "copy.db: file is not a database", id="other-file"),
        pytest.param(lambda path: path.write_bytes(b""), r"copy\.db is no database of Gordon's", id="empty"),
        pytest.param(foreign, r"copy\.db is no database of Gordon's", id="foreign"),
        pytest.param(tampered, "the audit trail is not as it was written: record 1 is gone", id="A37-tampered"),
    ],
)
def test_what_cannot_be_trusted_is_refused_before_anything_is_touched(
    config: Path, copy: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], None], said: str
) -> None:
    make(copy)
    before = files(config.parent / "state")
    assert main(["restore", str(config), str(copy)]) == FAILED
    assert re.search(said, capsys.readouterr().err)
    assert {**files(config.parent / "state"), "gordon.lock": b""} == {**before, "gordon.lock": b""}


def test_a_copy_whose_trail_was_touched_is_restored_if_that_is_meant(
    config: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A37: when there is no other one, and it is told all the same."""
    tampered(copy)
    assert main(["restore", str(config), str(copy), "--even-tampered"]) == 0
    told = capsys.readouterr()
    assert "not as it was written: record 1 is gone" in told.err
    assert "the audit trail: not as it was written" in told.out


def test_a_kill_at_any_step_leaves_the_one_state_or_the_other(config: Path, copy: Path) -> None:
    """G17: never a mixture, whatever the former Gordon had left in the log beside it; and the next try goes through."""
    kept, seen = config.parent / "kept", []
    shutil.copytree(config.parent / "state", kept)
    for step in range(1, 100):
        shutil.rmtree(config.parent / "state")
        shutil.copytree(kept, config.parent / "state")
        leave_a_log(state_of(config), "last")
        was_killed = killed_at(step, config, copy)
        seen.append(tuple(keys(state_of(config))))
        if not was_killed:
            break
        if step % 8 == 0:
            assert restore(config, copy) == 0
            assert keys(state_of(config)) == ["old"]
    assert seen[0] == ("last", "new", "old")
    assert seen[-1] == ("old",)
    assert set(seen) == {seen[0], seen[-1]}
    assert seen == sorted(seen), "the one, and then the other"
    assert len(seen) > 10


def killed_at(step: int, config: Path, copy: Path) -> bool:
    """Restore in a process that dies before its step of this number; tell whether it came to that."""
    if not (child := os.fork()):
        left = step

        def watch(name: str, given: tuple[object, ...]) -> None:
            nonlocal left
            if name in STEPS and str(config.parent) in str(given):
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        os._exit(restore(config, copy))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)
