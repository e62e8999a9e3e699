"""Which logs of builds are kept, that no secret is in them, and what it costs."""

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import UserError
from bot.log_keeping import FEW_S, GREEN_S
from bot.values import BuildRef, Result
from tests.log_rig import FAILED, FAST, JOB, LogServer, Room, cell, room
from tests.world.canaries import canaries

PASSED = b"+ make test\nok\nFinished: SUCCESS\n"


def contents(folder: Path) -> bytes:
    """Read all that is on the disk as it stands."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".gz")


async def kept(here: Room, count: int, *, is_green: bool = False) -> None:
    await here.until(lambda: len(here.room.kept.list(is_green=is_green)) == count)


async def test_the_log_of_a_build_that_failed_can_be_read_again(tmp_path: Path) -> None:
    server = LogServer()
    server.has(12, b"x\n" * 100 + FAILED)
    async with room(tmp_path, server) as here:
        await here.ends(12)
        await kept(here, 1)
        fact = (await here.diagnosed()).fact
        around = await here.room.lines(fact.build, around=fact.diagnosis.line, at_most=3)
        assert around.lines[1] == fact.diagnosis.text
        assert (around.first, around.of) == (102, 104)
        last = await here.room.lines(fact.build, at_most=1)
        assert last.lines == ("Finished: FAILURE",)
    async with room(tmp_path, server) as here:  # and after a restart
        await kept(here, 1)
        assert (await here.room.lines(fact.build, at_most=1)).lines == ("Finished: FAILURE",)


async def test_secrets_of_a_log_are_on_no_disk(tmp_path: Path) -> None:
    """(A26) In no fact, no kept log, no event, no file that anybody could open."""
    planted = canaries()
    server = LogServer()
    log = "\n".join(f"step {number}\n{one.written}\n" for number, one in enumerate(planted)).encode()
    failing = b"".join(
        b"--- FAIL: Test%d (0.1s)\n    %s\n" % (n, one.written.encode()) for n, one in enumerate(planted)
    )
    server.has(12, log, failing, b"Finished: FAILURE\n")
    async with room(tmp_path, server) as here:
        await here.ends(12)
        await kept(here, 1)
        [log_of_it] = here.room.kept.list()
        text = b"".join(here.room.kept.chunks(log_of_it.fact_id))
    assert text.count(b"\n") == (log + failing).count(b"\n") + 1
    on_disk = contents(tmp_path)
    for one in planted:
        assert not [form for form in one.forbidden if form in on_disk or form in text], one.name


async def test_of_a_matrix_build_the_logs_of_its_cells_are_kept_as_its_own(tmp_path: Path) -> None:
    server = LogServer()
    for name in ("A=1", "A=2"):
        server.has(12, b"this is %s\n" % name.encode(), FAILED, cell=name)
    async with room(tmp_path, server) as here:
        await here.ends(12, cells=[cell("A=1"), cell("A=2"), cell("A=3", Result.SUCCESS)])
        await kept(here, 2)
        ref = BuildRef(JOB, 12)
        assert len(here.room.kept.list(job=JOB)) == 2
        assert (await here.room.lines(ref, cell="A=2", around=1, at_most=1)).lines == ("this is A=2",)
        assert (await here.room.lines(ref, around=1, at_most=1)).lines == ("this is A=1",)
        with pytest.raises(UserError, match="has no cell A=9; it has A=1, A=2, A=3"):
            await here.room.lines(ref, cell="A=9")


async def writing_slowly(here: Room, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Have a build fail whose log is kept only once the event is set."""
    go_on, write = threading.Event(), here.room.kept.write

    def slowly(fact_id: int, lines: Iterable[str]) -> tuple[str, int]:
        go_on.wait(60)
        return write(fact_id, lines)

    monkeypatch.setattr(here.room.kept, "write", slowly)
    await here.ends(12)
    await here.diagnosed()
    return go_on


async def test_whoever_asks_for_a_log_while_it_is_written_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that tells of a failure may come before its log is on disk."""
    server = LogServer()
    server.has(12, FAILED)
    async with room(tmp_path, server) as here:
        go_on = await writing_slowly(here, monkeypatch)
        asking = asyncio.create_task(here.room.lines(BuildRef(JOB, 12), at_most=1))
        await asyncio.wait([asking], timeout=0.3)
        assert not asking.done()
        go_on.set()
        assert (await asking).lines == ("Finished: FAILURE",)


async def test_a_log_that_is_written_for_long_is_told_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.log_room.WRITTEN_WITHIN_S", 0.2)
    server = LogServer()
    server.has(12, FAILED)
    async with room(tmp_path, server) as here:
        go_on = await writing_slowly(here, monkeypatch)
        try:
            with pytest.raises(UserError, match="is still being written; ask again in a minute"):
                await here.room.lines(BuildRef(JOB, 12))
        finally:
            go_on.set()


WHY_NOT = [
    pytest.param(99, "nothing is known of docker-prs#99", id="unknown"),
    pytest.param(1, "the log of docker-prs#1 was not read: its log is gone", id="unread"),
    pytest.param(2, "it passed, and of those only some are", id="passed"),
    pytest.param(3, "is not kept any more", id="too-old"),
]


@pytest.mark.parametrize(("number", "why"), WHY_NOT)
async def test_why_a_log_is_not_kept_is_told(tmp_path: Path, number: int, why: str) -> None:
    server = LogServer()
    server.has(1, UserError("its log is gone"))
    server.has(3, FAILED)
    async with room(tmp_path, server, green_logs=0, red_logs=1) as here:
        for one, result in ((1, Result.FAILURE), (2, Result.SUCCESS), (3, Result.FAILURE)):
            await here.ends(one, result, at=datetime.now(UTC))
        await here.diagnosed(3)
        await kept(here, 1)
        here.configure(red_logs=0)
        await here.room.forget_old()
        with pytest.raises(UserError, match=why):
            await here.room.lines(BuildRef(JOB, number))


async def test_of_builds_that_passed_one_in_a_minute_is_read(tmp_path: Path) -> None:
    server = LogServer()
    for number in range(1, 9):
        server.has(number, PASSED)
    async with room(tmp_path, server) as here:
        for number in (1, 2, 3):
            await here.ends(number, Result.SUCCESS)
        await kept(here, 1, is_green=True)
        assert [asked for asked in server.asked if asked.startswith("log")] == ["log docker-prs#3"] or len(
            server.asked
        ) == 1
        await asyncio.sleep(FEW_S / 100 * 1.2)  # a minute by the clock of the room
        await here.ends(4, Result.SUCCESS)
        await kept(here, 2, is_green=True)
    assert "log docker-prs#4" in server.asked
    assert len(server.asked) == 2


async def test_a_log_that_passed_waits_until_nothing_else_is_to_be_read(tmp_path: Path) -> None:
    server = LogServer()
    going_on = asyncio.Event()
    server.has(1, b"begun\n", going_on, FAILED)
    server.has(2, PASSED)
    async with room(tmp_path, server) as here:
        await here.ends(1)
        await here.until(lambda: bool(server.asked))
        await here.ends(2, Result.SUCCESS)
        await here.diagnosed(1)
        assert not any("#2" in asked for asked in server.asked)
        going_on.set()
        await kept(here, 1, is_green=True)
    assert [asked for asked in server.asked if asked.startswith("log")] == ["log docker-prs#1", "log docker-prs#2"]


async def test_a_log_that_passed_and_does_not_end_holds_up_no_other(tmp_path: Path) -> None:
    """(F25) While it is read those of builds that failed wait, and only a few may."""
    server = LogServer()
    drop, never = asyncio.Event(), asyncio.Event()
    server.has(1, b"begun\n", drop, b"more\n", never)
    server.has(2, FAILED)
    async with room(tmp_path, server) as here:
        await here.ends(1, Result.SUCCESS)
        await here.until(lambda: bool(server.asked))
        await here.ends(2)
        asyncio.get_running_loop().call_later(1.5 * GREEN_S / FAST, drop.set)
        await kept(here, 1, is_green=False)
        assert here.room.kept.list(is_green=True) == []


async def test_where_no_log_can_be_kept_builds_are_diagnosed_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """(F31)"""
    (tmp_path / "logs").write_text("in the way of the folder")
    server = LogServer()
    for number in (1, 2):
        server.has(number, FAILED)
    async with room(tmp_path, server) as here:
        for number in (1, 2):
            await here.ends(number)
            assert (await here.diagnosed(number)).fact.diagnosis.cause == "go-test-failed"
        await here.until(lambda: caplog.text.count("is not kept") == 2)
        with pytest.raises(UserError, match="not kept"):
            await here.room.lines(BuildRef(JOB, 1))


async def test_an_end_while_a_log_is_written_is_nobodys_mistake(tmp_path: Path) -> None:
    server, wrong = LogServer(), list[object]()
    server.has(12, *[b"ok  docker 0.035s\n" * 3000] * 60, FAILED)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, told: wrong.append(told["message"]))
    async with room(tmp_path, server) as here:
        await here.ends(12)
        await here.until(lambda: (tmp_path / "logs" / ".1.gz").exists())
    await here.until(lambda: not any(one.name.startswith("gordon-keep") for one in threading.enumerate()))
    await asyncio.sleep(0)
    gc.collect()
    assert wrong == []


MEASURED = """
import asyncio, resource, sys
from pathlib import Path
from tests.log_rig import FAILED, FAST, LogServer, room

async def main(folder, kind, megabytes):
    server = LogServer()
    piece = {"lines": b"ok  github.com/docker/docker/daemon 0.035s\\n" * 1500, "one line": b"x" * 65536,
             "binary": bytes(range(256)) * 256}[kind]
    server.has(1, *[b"ok  docker 0.035s\\n" * 3000] * 180, FAILED)  # so much that the engine is compiled before
    server.has(2, *[piece] * (megabytes * 1024 * 1024 // len(piece)), b"\\n", FAILED)
    async with room(Path(folder), server) as here:
        await here.ends(1)
        await here.until(lambda: len(here.room.kept.list()) == 1)
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await here.ends(2)
        async with asyncio.timeout(50):
            while len(here.room.kept.list()) < 2:
                await asyncio.sleep(0.05)
        after_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print((after_kb - before_kb) // 1024, here.told[-1].fact.diagnosis.cause)

asyncio.run(main(*sys.argv[1:3], int(sys.argv[3])))
"""


@pytest.mark.parametrize(
    ("kind", "megabytes", "at_most_mb"),
    [
        pytest.param("lines", 16, 14, id="F26-lines"),
        pytest.param("one line", 32, 20, id="F26-one-line"),
        pytest.param("binary", 8, 8, id="F26-binary"),
    ],
)
def test_a_log_of_any_size_takes_little_memory(tmp_path: Path, kind: str, megabytes: int, at_most_mb: int) -> None:
    """Read, judged, put down, cleaned and kept: 80 MB are allowed, and a log of less shows that it is not held."""
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path), kind, str(megabytes)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    more_mb, cause = ran.stdout.split()
    assert int(more_mb) <= at_most_mb
    assert cause == "go-test-failed"
