"""Logs of builds, read from a Jenkins and from whatever answers in its place."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.adapters.jenkins import Jenkins
from bot.adapters.jenkins_http import CHUNK_BYTES
from bot.clock import SystemClock
from bot.demo.jenkins.ledger import Hang, Status
from bot.demo.jenkins.model import Plan
from bot.errors import Unavailable, UserError
from bot.settings import JenkinsSettings
from bot.values import BuildRef, JobRef
from tests.contract.jenkins_world import MARK, Ci, a_jenkins, add_users, until
from tests.scripted_jenkins import Told, answer, scripted_jenkins

REF = BuildRef(JobRef("ci", "quick"), 1)
LOG_ROUTE = "/job/quick/1/logText/progressiveText"


@pytest_asyncio.fixture
async def ci() -> AsyncIterator[Ci]:
    async with a_jenkins() as ci:
        add_users(ci)
        yield ci


async def read(adapter: Jenkins, ref: BuildRef = REF) -> bytes:
    return b"".join([piece async for piece in adapter.log(ref)])


async def built(ci: Ci, plan: Plan) -> Jenkins:
    """Have `quick` built, and its log closed."""
    ci.jenkins.add_job("quick", parameters=(MARK,), quiet_period_s=0, outcome=[plan])
    adapter = ci.adapter()
    await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    while not ((build := await adapter.build(REF)) and build.finished):
        await ci.clock.sleep(0.01)
    return adapter


LOGS = [
    pytest.param(b"one\ntwo\n", id="lines"),
    pytest.param("héllo €\n".encode() * 30_000, id="several pieces, with characters over their borders"),
    pytest.param(b"10%\r20%\r100%\nok\n", id="progress of a tool"),
    pytest.param(b"\x1b[8mha:AAAA\x1b[0mError: \x1b[31mno\x1b[0m\n", id="console notes and colours"),
    pytest.param(b"\n".join(b"line %d" % number for number in range(25_000)) + b"\n", id="25,000 lines"),
]


@pytest.mark.parametrize("text", LOGS)
async def test_a_log_is_read_as_it_was_stored(ci: Ci, text: bytes) -> None:
    """(J9, J11) All of it, from the start, with the line ends that it had."""
    adapter = await built(ci, Plan("FAILURE", duration_s=0.01, log=text))
    log = await read(adapter)
    assert text in log
    assert log.endswith(b"\nFinished: FAILURE\n")


async def test_a_log_is_asked_for_from_its_first_byte_however_often(ci: Ci) -> None:
    """(J12) From beyond its end all of it would be sent again."""
    adapter = await built(ci, Plan(duration_s=0.01, log=b"one\ntwo\n"))
    assert [(await read(adapter)).count(b"one\n") for _ in range(2)] == [1, 1]
    asked = ci.jenkins.ledger.asked("GET", LOG_ROUTE)
    assert {each.path.partition("?")[2] for each in asked} == {"start=0"}


async def test_an_old_jenkins_leaves_console_notes_out_itself(ci: Ci) -> None:
    ci.jenkins.faults.old_logs = True
    adapter = await built(ci, Plan(duration_s=0.01, log=b"\x1b[8mha:AAAA\x1b[0mError: no\n"))
    log = await read(adapter)
    assert b"\nError: no\n" in log
    assert log.endswith(b"\nFinished: SUCCESS\n")


async def test_a_line_end_of_windows_becomes_one_of_ours(ci: Ci) -> None:
    """Jenkins adds a CR only where there is none [LineEndNormalizingWriter], so nobody can tell which were there."""
    adapter = await built(ci, Plan(duration_s=0.01, log=b"one\r\ntwo\n"))
    assert b"\none\ntwo\n" in await read(adapter)


async def test_a_log_that_is_still_written_is_not_read(ci: Ci) -> None:
    """(J8)"""
    ci.jenkins.add_job("quick", quiet_period_s=0, outcome=[Plan(duration_s=60, log="x\n" * 100)])
    adapter = ci.adapter()
    await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    with pytest.raises(Unavailable, match="not complete yet"):
        await read(adapter)


async def test_a_log_that_is_lost_is_told_from_one_that_has_not_begun(ci: Ci) -> None:
    """(J32) Both say that they are empty and still grow."""
    adapter = await built(ci, Plan(duration_s=0.01))
    ci.jenkins.job("quick").builds[1].log_lost = True
    with pytest.raises(UserError, match="its log is gone"):
        await read(adapter)
    ci.jenkins.faults.next("GET", LOG_ROUTE, Status(200, "", {"X-Text-Size": "0", "X-More-Data": "true"}))
    running = '{"building": true, "inProgress": true}'
    ci.jenkins.faults.next("GET", "/job/quick/1/api/json", Status(200, running, {"X-Jenkins": "2.579"}))
    with pytest.raises(Unavailable, match="not complete yet"):
        await read(adapter)


async def test_no_build_has_no_log(ci: Ci) -> None:
    with pytest.raises(UserError, match="no build quick#1"):
        await read(ci.adapter())


FOREIGN = [
    pytest.param(Status(200, "<html>log in</html>"), "not its own", id="a page of a proxy"),
    pytest.param(Status(503, "starting"), "does not answer", id="503"),
    pytest.param(Status(404, "no such route"), "404 is not its own", id="404 of a proxy"),
    pytest.param(Hang(), "does not answer", id="silence"),
]


@pytest.mark.parametrize(("fault", "words"), FOREIGN)
async def test_what_is_no_answer_of_jenkins_is_no_log(ci: Ci, fault: Status | Hang, words: str) -> None:
    """(J15)"""
    adapter = ci.adapter(timeout_s=0.3)
    for route in (LOG_ROUTE, "/api/json"):
        ci.jenkins.faults.next("GET", route, fault)
    with pytest.raises(Unavailable, match=words):
        await read(adapter)


async def test_a_page_of_a_proxy_does_not_end_a_build(ci: Ci) -> None:
    """(J8, J15) Only a log says that it is complete."""
    adapter = await built(ci, Plan(duration_s=0.01))
    ci.jenkins.faults.next("GET", LOG_ROUTE, Status(200, "<html>log in</html>"))
    with pytest.raises(Unavailable, match="not its own"):
        await adapter.build(REF)


# Long logs, from a port that answers piece by piece


def adapter_of(url: str, timeout_s: float = 5.0) -> Jenkins:
    return Jenkins("ci", JenkinsSettings(url=url, timeout_s=timeout_s), "", SystemClock())


async def test_a_connection_that_is_lost_in_the_middle_is_no_end_of_a_log() -> None:
    async with scripted_jenkins(lambda *_: answer(b"half a log\r\n", length=900, X_Text_Size="900")) as server:
        adapter = adapter_of(server.url)
        got = b""
        with pytest.raises(Unavailable):  # noqa: PT012 - what came before is seen, too
            async for piece in adapter.log(REF):
                got += piece
        assert got in (b"", b"half a log\n")
        await adapter.close()


async def test_each_piece_has_its_own_deadline() -> None:
    pieces = 8

    async def slowly(method: str = "", path: str = "") -> AsyncIterator[bytes]:
        yield answer(b"", length=pieces, X_Text_Size="8")
        for _ in range(pieces):
            await asyncio.sleep(0.1)
            yield b"x"

    async with scripted_jenkins(slowly) as server:
        adapter = adapter_of(server.url, timeout_s=0.5)
        assert await read(adapter) == b"x" * pieces
        await adapter.close()


async def test_a_log_that_falls_silent_is_given_up() -> None:
    over = asyncio.Event()

    async def silent(method: str = "", path: str = "") -> AsyncIterator[bytes]:
        yield answer(b"begun\r\n", length=900, X_Text_Size="900")
        await over.wait()

    async with scripted_jenkins(silent) as server:
        adapter = adapter_of(server.url, timeout_s=0.2)
        with pytest.raises(Unavailable):
            await read(adapter)
        over.set()
        await adapter.close()


async def test_a_large_log_comes_in_small_pieces() -> None:
    """(J30)"""
    size = 16 * 1024 * 1024
    async with scripted_jenkins(lambda *_: answer(b"x" * size, X_Text_Size=str(size))) as server:
        adapter = adapter_of(server.url)
        sizes = [len(piece) async for piece in adapter.log(REF)]
        assert sum(sizes) == size
        assert max(sizes) <= CHUNK_BYTES
        await adapter.close()


async def test_two_logs_are_read_at_a_time_and_questions_go_on() -> None:
    going_on = asyncio.Event()
    asked = asyncio.Semaphore(0)

    async def begun(path: str) -> AsyncIterator[bytes]:
        asked.release()
        yield answer(b"begun\r\n", length=11, X_Text_Size="8")
        await going_on.wait()
        yield b"end\n"

    def tell(method: str, path: str) -> Told:
        return begun(path) if "logText" in path else answer(b'{"items": []}')

    async with scripted_jenkins(tell) as server:
        adapter = adapter_of(server.url)
        logs = [asyncio.create_task(read(adapter)) for _ in range(6)]
        await asked.acquire()
        await asked.acquire()
        assert await asyncio.gather(*(adapter.queue() for _ in range(8))) == [[]] * 8
        assert sum("logText" in path for path in server.asked) == 2
        going_on.set()
        assert await asyncio.gather(*logs) == [b"begun\nend\n"] * 6
        await adapter.close()


async def test_a_small_log_does_not_wait_behind_a_huge_one() -> None:
    """(F26)"""
    begun, going_on = asyncio.Event(), asyncio.Event()

    async def huge() -> AsyncIterator[bytes]:
        yield answer(b"begun\r\n", length=11, X_Text_Size="8")
        begun.set()
        await going_on.wait()
        yield b"end\n"

    def tell(method: str, path: str) -> Told:
        return huge() if "/1/" in path else answer(b"small\r\n", X_Text_Size="6")

    async with scripted_jenkins(tell) as server:
        adapter = adapter_of(server.url)
        first = asyncio.create_task(read(adapter))
        await begun.wait()
        assert await read(adapter, BuildRef(REF.job, 2)) == b"small\n"
        going_on.set()
        assert await first == b"begun\nend\n"
        await adapter.close()


async def test_of_an_open_log_what_is_there_is_given_to_whoever_wants_even_that() -> None:
    """(F25)"""
    told = answer(b"begun\r\n", X_Text_Size="6", X_More_Data="true")
    async with scripted_jenkins(lambda *_: told) as server:
        adapter = adapter_of(server.url)
        log = aiter(adapter.log(REF, even_open=True))
        assert await anext(log) == b"begun\n"
        assert await anext(log) == b""  # where a CR at the end would be
        with pytest.raises(Unavailable, match="not complete yet"):
            await anext(log)
        with pytest.raises(Unavailable, match="not complete yet"):
            await read(adapter)
        await adapter.close()


CELLS = [
    pytest.param("", "/job/quick/1/", id="the build itself"),
    pytest.param("ARCH=arm64,FS=aufs", "/job/quick/ARCH=arm64,FS=aufs/1/", id="two axes"),
    pytest.param("FS=a b/c", "/job/quick/FS=a%20b%2Fc/1/", id="a value with a slash"),
    pytest.param("default", "/job/quick/default/1/", id="a matrix without axes"),
]


@pytest.mark.parametrize(("cell", "path"), CELLS)
async def test_the_log_of_a_cell_is_asked_for_at_its_own_address(cell: str, path: str) -> None:
    async with scripted_jenkins(lambda *_: answer(b"x\r\n", X_Text_Size="2")) as server:
        adapter = adapter_of(server.url)
        assert b"".join([piece async for piece in adapter.log(REF, cell=cell)]) == b"x\n"
        assert server.asked[-1] == f"GET {path}logText/progressiveText?start=0"
        assert adapter.log_link(REF, cell, 4096) == f"{server.url}{path[1:]}logText/progressiveText?start=4096"
        await adapter.close()


async def test_a_log_that_nobody_reads_on_makes_room_for_the_next() -> None:
    async with scripted_jenkins(lambda *_: answer(b"x" * 1_000_000, X_Text_Size="1000000")) as server:
        adapter = adapter_of(server.url)
        for _ in range(6):  # more than there are connections
            log = adapter.log(REF)
            assert await anext(aiter(log))
            await log.aclose()
        assert len(await read(adapter)) == 1_000_000
        await adapter.close()
