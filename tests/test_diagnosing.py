"""Each build that is over is diagnosed once, from its log as far as that can be read, and by what its server says."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.endings import CANCELLED, of_result, overruled, with_report
from bot.errors import Refused, Unavailable, UserError
from bot.events import BuildDiagnosed
from bot.facts import Diagnosis, FailureClass, Kind
from bot.plugin import Settings
from bot.values import FailedTest, JobRef, Node, NodeRef, Result, TestReport
from tests.log_rig import FAILED, STARTED, LogServer, cell, room

GIVEN_UP_S = 50.0  # half a second by our own clock
AWAY = Unavailable("Jenkins ci", "reading the log of docker-prs#12")
OPEN = Unavailable("Jenkins ci", "reading the log of docker-prs#12: it is not complete yet")


async def told(
    folder: Path, server: LogServer, result: Result | None = Result.FAILURE, within_s: float = 3600.0, **known: Any
) -> BuildDiagnosed:
    """Have build 12 end, and tell what is told of it."""
    async with room(folder, server, within_s=within_s) as here:
        await here.ends(12, result, **known)
        return await here.diagnosed()


async def test_a_build_that_failed_is_told_with_the_place_in_its_log(tmp_path: Path) -> None:
    server = LogServer()
    server.has(12, b"x\n" * 1000, FAILED[:50], FAILED[50:])
    event = await told(tmp_path, server)
    found = event.fact.diagnosis
    assert (found.kind, found.cause, found.line) == (Kind.NEW_FAILURE, "go-test-failed", 1003)
    assert found.failed_tests == ("TestRun",)
    assert found.line is not None
    assert found.quoted[found.line - found.first_quoted] == "--- FAIL: TestRun (0.10s)"
    begin = (b"x\n" * 1000 + FAILED).split(b"\n")[: found.first_quoted - 1]
    assert found.offset == sum(len(line) + 1 for line in begin)
    assert found.link == f"http://ci/12/?start={found.offset}"
    assert (found.partial, found.unread) == ("", "")


# What is read, and what is told of it: kind, why only a part, why nothing.
READINGS = [
    pytest.param([FAILED], [], (Kind.NEW_FAILURE, "", ""), id="whole"),
    pytest.param([AWAY], [FAILED], (Kind.NEW_FAILURE, "", ""), id="away-and-back"),
    pytest.param([FAILED[:60], AWAY], [FAILED], (Kind.NEW_FAILURE, "", ""), id="F25-torn-and-whole-the-next-time"),
    pytest.param([FAILED[:-20], AWAY], None, (Kind.NEW_FAILURE, str(AWAY), ""), id="F25-torn-each-time"),
    pytest.param([OPEN], [FAILED[:-20], OPEN], (Kind.NEW_FAILURE, str(OPEN), ""), id="F25-never-closed"),
    pytest.param([AWAY], None, (Kind.UNKNOWN, "", str(AWAY)), id="away-for-good"),
    pytest.param([UserError("no build")], None, (Kind.UNKNOWN, "", "no build"), id="F26-F27-404"),
    pytest.param(
        [FAILED[:9], UserError("its log is gone")], None, (Kind.UNKNOWN, "", "its log is gone"), id="F27-gone"
    ),
    pytest.param([Refused("Jenkins ci", "we may not")], None, (Kind.UNKNOWN, "", "we may not"), id="F27-not-for-us"),
    pytest.param([b""], None, (Kind.UNKNOWN, "", ""), id="empty"),
    pytest.param([b"\x00\xff\xfe" * 9999], None, (Kind.UNKNOWN, "", ""), id="F26-binary"),
    pytest.param([ZeroDivisionError()], None, (Kind.UNKNOWN, "", "inside Gordon: ZeroDivisionError"), id="our-mistake"),
]


@pytest.mark.parametrize(("first", "then", "known"), READINGS)
async def test_what_of_a_log_can_be_read_is_judged_and_the_rest_is_said(
    tmp_path: Path, first: list[Any], then: list[Any] | None, known: tuple[Kind, str, str]
) -> None:
    """(F25, F26, F27)"""
    server = LogServer()
    server.has(12, *first, then=then or None)
    is_given_up = str(known[1] or known[2]) in (str(AWAY), str(OPEN))
    found = (await told(tmp_path, server, within_s=GIVEN_UP_S if is_given_up else 3600.0)).fact.diagnosis
    assert (found.kind, found.partial) == known[:2]
    assert known[2] in found.unread
    assert bool(found.unread) == bool(known[2])


async def test_a_log_that_is_never_closed_is_asked_for_as_it_is_only_when_time_is_over(tmp_path: Path) -> None:
    """(F25)"""
    server = LogServer()
    server.has(12, OPEN)
    await told(tmp_path, server, within_s=GIVEN_UP_S)
    logs = [asked for asked in server.asked if asked.startswith("log")]
    assert len(logs) > 5
    assert ["even open" in asked for asked in logs] == [False] * (len(logs) - 1) + [True]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"gone": {12}}, "docker-prs#12 is gone: somebody has deleted it", id="F27-deleted"),
        pytest.param(
            {"anew": {12}}, "the job was deleted and made anew; #12 is another build now", id="F27-renumbered"
        ),
    ],
)
async def test_a_log_of_another_build_is_no_reason(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    server = LogServer(**change)
    server.has(12, FAILED)
    found = (await told(tmp_path, server)).fact.diagnosis
    assert (found.kind, found.unread, found.text) == (Kind.UNKNOWN, why, "")


# What a log looks like, what its server says, and what is told.
STOPPED = FAILED.replace(
    b"Finished: FAILURE", b"Build was aborted\nAborted by \x1b[8mha:AAAA\x1b[0mtianon\nFinished: ABORTED"
)
TIMED_OUT = FAILED.replace(
    b"Finished: FAILURE", b"Build timed out (after 3 minutes). Marking the build as aborted.\nFinished: ABORTED"
)
LOST = b"Cannot contact n1: hudson.remoting.ChannelClosedException: Channel closed\nFinished: ABORTED\n"
RESTARTED = "aborted when Jenkins ci was restarted"
SAYINGS = [
    pytest.param(FAILED, Result.FAILURE, "", Kind.NEW_FAILURE, "not known as a flake", id="failed"),
    pytest.param(STOPPED, Result.ABORTED, "", Kind.ABORTED, "somebody stopped it", id="by-a-person"),
    pytest.param(FAILED, Result.ABORTED, "", Kind.ABORTED, "its server says that it was aborted", id="J24-silently"),
    pytest.param(FAILED, Result.ABORTED, RESTARTED, Kind.ABORTED, RESTARTED, id="in-a-restart"),
    pytest.param(TIMED_OUT, Result.ABORTED, "", Kind.TIMEOUT, "", id="by-a-time-out"),
    pytest.param(LOST, Result.ABORTED, "", Kind.AGENT_LOST, "", id="agent-lost"),
    pytest.param(LOST.replace(b"ABORTED", b"FAILURE"), Result.FAILURE, "", Kind.AGENT_LOST, "", id="agent-lost-failed"),
    pytest.param(b"+ make\nFinished: SUCCESS\n", Result.FAILURE, "", Kind.UNKNOWN, "", id="log-says-success"),
    pytest.param(None, Result.SUCCESS, "", Kind.PASSED, "", id="passed"),
    pytest.param(None, Result.NOT_BUILT, "none of its cells was built", Kind.UNKNOWN, "none of its", id="not-built"),
    pytest.param(None, None, CANCELLED, Kind.ABORTED, CANCELLED, id="cancelled-in-the-queue"),
    pytest.param(None, None, "somebody deleted it", Kind.UNKNOWN, "somebody deleted it", id="vanished"),
]


@pytest.mark.parametrize(("log", "result", "note", "kind", "why"), SAYINGS)
async def test_what_the_server_says_counts_for_more_than_what_a_log_looks_like(
    tmp_path: Path, log: bytes | None, result: Result | None, note: str, kind: Kind, why: str
) -> None:
    server = LogServer()
    if log is not None:
        server.has(12, log)
    found = (await told(tmp_path, server, result, note=note)).fact.diagnosis
    assert found.kind is kind
    assert why in found.why
    assert found.retry is not True or kind is Kind.AGENT_LOST
    assert [asked for asked in server.asked if asked.startswith("log")] == ["log docker-prs#12"] * (log is not None)


def test_what_somebody_stopped_counts_as_no_failure_of_tests() -> None:
    looks = Diagnosis(Kind.NEW_FAILURE, FailureClass.TEST_FAILURE, "x", failed_tests=("TestRun",), fingerprint="f")
    found = overruled(looks, Result.ABORTED)
    assert (found.failed_tests, found.fingerprint, found.cause) == ((), "", "")
    assert overruled(looks, Result.FAILURE) is looks
    assert of_result(None, "somebody deleted it").unread == "somebody deleted it"


REPORT = TestReport(2, 5, 0, (FailedTest("pkg.TestB", cell="A=2"), FailedTest("pkg.TestA", cell="A=1")))
SILENT = b"+ run\nRecording test results\nFinished: UNSTABLE\n"
REPORTS = [
    pytest.param(SILENT, Result.UNSTABLE, REPORT, ("pkg.TestB", "pkg.TestA"), Kind.NEW_FAILURE, id="unstable"),
    pytest.param(FAILED, Result.UNSTABLE, REPORT, ("pkg.TestB", "pkg.TestA", "TestRun"), Kind.NEW_FAILURE, id="first"),
    pytest.param(FAILED, Result.FAILURE, REPORT, ("TestRun",), Kind.NEW_FAILURE, id="the-log-names-them"),
    pytest.param(SILENT, Result.FAILURE, REPORT, ("pkg.TestB", "pkg.TestA"), Kind.NEW_FAILURE, id="silent"),
    pytest.param(SILENT, Result.UNSTABLE, None, (), Kind.UNKNOWN, id="no-report-is-not-none-failed"),
    pytest.param(SILENT, Result.UNSTABLE, AWAY, (), Kind.UNKNOWN, id="report-cannot-be-had"),
    pytest.param(SILENT, Result.UNSTABLE, Refused("ci", "no"), (), Kind.UNKNOWN, id="report-not-for-us"),
]


@pytest.mark.parametrize(("log", "result", "report", "tests", "kind"), REPORTS)
async def test_the_test_report_names_what_failed(
    tmp_path: Path, log: bytes, result: Result, report: Any, tests: Sequence[str], kind: Kind
) -> None:
    server = LogServer(reports={12: report} if report else {})
    server.has(12, log)
    found = (await told(tmp_path, server, result)).fact.diagnosis
    assert (found.failed_tests, found.kind) == (tuple(tests), kind)


def test_failures_of_one_test_are_the_same_failure() -> None:
    silent = Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN, fingerprint="of the last line")
    one, other = with_report(silent, ["TestA"]), with_report(silent, ["TestB"])
    assert one.fingerprint != other.fingerprint
    assert one == with_report(silent, ["TestA"])


async def test_of_a_matrix_build_the_cells_that_failed_are_judged(tmp_path: Path) -> None:
    flake = b"Cannot contact n1: hudson.remoting.ChannelClosedException: Channel closed\nFinished: FAILURE\n"
    server = LogServer(agents=[Node(NodeRef("ci", "n2"), "", labels=("aufs",), tags={"kernel": "3.18"})])
    server.has(12, flake, cell="FS=aufs")
    server.has(12, FAILED, cell="FS=zfs")
    began = STARTED + timedelta(minutes=1)
    cells = [
        cell("FS=aufs", node="n2", started_at=began, duration_s=60.0),
        cell("FS=btrfs", Result.SUCCESS, node="n3"),
        cell("FS=zfs"),
    ]
    async with room(tmp_path, server) as here:
        await here.ends(12, cells=cells, chain="r9", attempt=2)
        event = await here.diagnosed()
        facts = await here.facts(12)
    assert event.fact.diagnosis.cause == "go-test-failed"  # no other try helps it, so it tells most
    assert [(one.cell, one.diagnosis.kind) for one in event.cells] == [
        ("FS=aufs", Kind.AGENT_LOST),
        ("FS=zfs", Kind.NEW_FAILURE),
    ]
    assert event.cells[1].diagnosis.link == f"http://ci/12/FS=zfs?start={event.cells[1].diagnosis.offset}"
    assert [(one.cell, one.result) for one in facts] == [
        ("", Result.FAILURE),
        ("FS=aufs", Result.FAILURE),
        ("FS=btrfs", Result.SUCCESS),
        ("FS=zfs", Result.FAILURE),
    ]
    aufs = facts[1]
    assert (aufs.node, aufs.labels, aufs.tags) == ("n2", ("aufs",), {"kernel": "3.18"})
    assert (aufs.started_at, aufs.finished_at, aufs.duration_s) == (began, began + timedelta(minutes=1), 60.0)
    assert {(one.chain, one.attempt) for one in facts} == {("r9", 2)}


async def test_of_many_cells_twenty_are_read_and_the_others_counted(tmp_path: Path) -> None:
    server = LogServer()
    cells = [cell(f"N={number:02}") for number in range(25)]
    for one in cells:
        server.has(12, FAILED, cell=one.name)
    event = await told(tmp_path, server, cells=cells)
    assert sum(asked.startswith("log") for asked in server.asked) == 20
    assert event.fact.diagnosis.why.endswith("; 5 more cells failed, whose logs were not read")
    assert len(event.cells) == 25


async def test_a_cell_whose_log_is_gone_keeps_no_other_from_being_told(tmp_path: Path) -> None:
    """(F27)"""
    server = LogServer()
    server.has(12, UserError("its log is gone"), cell="A=1")
    server.has(12, FAILED, cell="A=2")
    server.has(12, ZeroDivisionError(), cell="A=3")
    event = await told(tmp_path, server, cells=[cell("A=1"), cell("A=2"), cell("A=3")])
    assert [one.diagnosis.unread for one in event.cells] == ["its log is gone", "", "inside Gordon: ZeroDivisionError"]
    assert event.fact.diagnosis.cause == "go-test-failed"


async def test_a_matrix_build_whose_cells_passed_is_judged_by_its_own_log(tmp_path: Path) -> None:
    server = LogServer()
    server.has(12, FAILED)
    event = await told(tmp_path, server, cells=[cell("A=1", Result.SUCCESS)])
    assert event.fact.diagnosis.cause == "go-test-failed"
    assert event.cells == ()


async def test_the_tests_of_each_cell_are_its_own(tmp_path: Path) -> None:
    server = LogServer(reports={12: REPORT})
    for name in ("A=1", "A=2"):
        server.has(12, SILENT, cell=name)
    cells = [cell(name, Result.UNSTABLE) for name in ("A=1", "A=2")]
    event = await told(tmp_path, server, Result.UNSTABLE, cells=cells)
    assert [one.diagnosis.failed_tests for one in event.cells] == [("pkg.TestA",), ("pkg.TestB",)]


async def test_agents_that_nobody_has_seen_are_asked_for_once(tmp_path: Path) -> None:
    server = LogServer(agents=[Node(NodeRef("ci", "n1"), "", labels=("aufs", "kernel-3.18"))])
    async with room(tmp_path, server) as here:
        for number in (1, 2, 3):
            await here.ends(number, Result.SUCCESS, node="n1" if number < 3 else "n9")
        await here.diagnosed(3)
        assert {one.fact.node: one.fact.labels for one in here.told} == {"n1": ("aufs", "kernel-3.18"), "n9": ()}
    assert server.asked.count("nodes") == 1


async def test_a_build_that_ended_unwatched_is_a_fact_and_no_news(tmp_path: Path) -> None:
    server = LogServer()
    async with room(tmp_path, server, green_logs=0) as here:
        await here.ends(11, is_told=False)
        await here.ends(12, Result.SUCCESS)
        await here.diagnosed()
        async with asyncio.timeout(60):
            while not (facts := await here.facts(11)):  # noqa: ASYNC110  of which nobody is told
                await asyncio.sleep(0.005)
        assert [one.fact.build.number for one in here.told] == [12]
    [fact] = facts
    assert fact.diagnosis.unread.startswith("it ended while nobody watched")
    assert server.asked == []


async def test_how_often_a_failure_was_seen_before_is_told(tmp_path: Path) -> None:
    server = LogServer()
    async with room(tmp_path, server) as here:
        for number in (1, 2):
            server.has(number, FAILED)
            await here.ends(number, at=datetime.now(UTC))
            await here.diagnosed(number)
    assert [one.fact.diagnosis.seen.month for one in here.told] == [0, 1]


class Patterns(Settings, frozen=True):
    """What a plugin wants to be looked for."""

    regexes: tuple[str, ...]

    def patterns_for(self, context: str, job: str) -> Sequence[str]:
        return self.regexes if (context, job) == ("janky", "docker-prs") else ()


async def test_what_plugins_want_to_be_looked_for_is_found_however_it_is_wrapped(tmp_path: Path) -> None:
    regexes = (r"could not reach the mirror \w+", "TestRun", "not there", r"(?=x)")
    server = LogServer()
    server.has(12, b"x" * 200_000 + b"\nwe could not reach\nthe mirror eu-1 today\n", FAILED)
    async with room(tmp_path, server, plugin_settings={"retries": Patterns(regexes), "other": None}) as here:
        await here.ends(12)
        assert (await here.diagnosed()).fact.diagnosis.matched == regexes[:2]
        server.has(13, FAILED)
        await here.ends(13, job=JobRef("ci", "win"))
        assert (await here.diagnosed(2)).fact.diagnosis.matched == ()


async def test_a_catalogue_that_changes_is_in_force_for_the_next_log(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    server = LogServer()
    for number in (1, 2, 3):
        server.has(number, b"the moon is full\nFinished: FAILURE\n")
    async with room(tmp_path, server) as here:
        await here.ends(1)
        assert (await here.diagnosed(1)).fact.diagnosis.cause == ""
        own.write_text(
            '[[signature]]\nid = "full-moon"\nregex = "the moon is full"\nclass = "network"\nretry = "true"\n'
            'example = "the moon is full"\n'
        )
        here.configure(catalogues=(own,))
        await here.ends(2)
        assert (await here.diagnosed(2)).fact.diagnosis.cause == "full-moon"
        own.write_text("no catalogue")
        await here.ends(3)
        assert (await here.diagnosed(3)).fact.diagnosis.cause == "full-moon"  # what cannot be read changes nothing


async def test_a_log_that_ends_the_program_again_and_again_is_given_up(tmp_path: Path) -> None:
    """Each start finds it begun; what ends in good order does not count."""
    server = LogServer()
    never = asyncio.Event()
    server.has(12, b"begun\n", never)
    async with room(tmp_path, server) as here:
        await here.ends(12)
        await here.until(lambda: any(asked.startswith("log") for asked in server.asked))
    for _ in range(4):  # in good order
        asked = len(server.asked)
        async with room(tmp_path, server) as here:
            await here.until(lambda: len(server.asked) > asked)  # noqa: B023
    async with room(tmp_path, server) as here:
        await here.until(lambda: len(server.asked) > asked + 1)
        for _ in range(3):
            await here.room.facts.begun("r12")
    async with room(tmp_path, server) as here:
        event = await here.diagnosed()
    assert event.fact.diagnosis.unread == "inside Gordon: its log has ended this program 3 times"


async def test_a_huge_log_holds_up_no_small_one(tmp_path: Path) -> None:
    """(F26)"""
    server = LogServer()
    going_on = asyncio.Event()
    server.has(1, b"x\n" * 1000, going_on, FAILED)
    async with room(tmp_path, server, within_s=3600) as here:
        await here.ends(1)
        await here.until(lambda: "log docker-prs#1" in server.asked)
        for number in range(2, 7):
            server.has(number, FAILED)
            await here.ends(number)
        await here.diagnosed(5)
        assert {one.fact.build.number for one in here.told} == {2, 3, 4, 5, 6}
        await here.until(lambda: here.room.part().facts["undiagnosed"] == 1)
        going_on.set()
        assert (await here.diagnosed(6)).fact.build.number == 1


async def test_a_log_without_end_is_judged_by_what_came_in_time(tmp_path: Path) -> None:
    """(F26)"""
    server = LogServer()
    pauses = [asyncio.Event() for _ in range(2)]
    server.has(12, FAILED, pauses[0], b"more\n", pauses[1], b"never\n")
    async with room(tmp_path, server, within_s=1) as here:
        await here.ends(12)
        await here.until(lambda: bool(server.asked))
        await asyncio.to_thread(lambda: None)
        asyncio.get_running_loop().call_later(0.05, pauses[0].set)  # five seconds by the room's clock
        found = (await here.diagnosed()).fact.diagnosis
    assert (found.cause, found.partial) == ("go-test-failed", "it could not be read to its end within 1 s")


async def test_builds_of_a_server_that_is_not_configured_any_more_are_told_as_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They ended right before the configuration lost it."""
    async with room(tmp_path, LogServer(agents=[])) as here:
        await here.ends(12, job=JobRef("old", "docker-prs"), node="n1")
        assert (await here.diagnosed()).fact.diagnosis.unread == "Jenkins old is not configured any more"
        await here.ends(13, Result.SUCCESS, job=JobRef("old", "docker-prs"), node="n1")
        assert (await here.diagnosed(2)).fact.diagnosis.kind is Kind.PASSED
        await here.until(lambda: here.room.part().facts["undiagnosed"] == 0)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
