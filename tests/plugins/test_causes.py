"""How diagnoses, tallies, trials and suspects are put into words, and how the words of a command are read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.facts import (
    Cluster,
    Diagnosis,
    FailureClass,
    FlakeRow,
    Kind,
    KnownCause,
    Retry,
    RetryPlan,
    RetryState,
    Seen,
    Suspect,
    Trial,
)
from bot.plugin import UserError
from bot.values import BuildRef, JobRef, Result
from plugins.causes import class_of, proposed, retry_of, wanted_lines, what_flakes, words
from tests.fact_rig import build, known

NOW = datetime(2014, 9, 12, 12, tzinfo=UTC)
DM = Diagnosis(
    Kind.KNOWN_INFRA,
    FailureClass.DOCKER_DAEMON,
    "dm-init-rootfs",
    True,
    confidence=0.9,
    line=14233,
    text="Error getting init rootfs",
)


def told(**changed: Any) -> Diagnosis:
    return replace(DM, **changed)


@pytest.mark.parametrize(
    ("diagnosis", "said"),
    [
        pytest.param(DM, "known Docker trouble (dm-init-rootfs, docker-daemon)", id="known"),
        pytest.param(told(kind=Kind.NEW_FAILURE), "new failure of Docker (dm-init-rootfs, docker-daemon)", id="new"),
        pytest.param(
            told(kind=Kind.NEW_FAILURE, seen=Seen(1, 1, NOW)),
            "failure of Docker (dm-init-rootfs, docker-daemon)",
            id="seen-before",
        ),
        pytest.param(
            told(kind=Kind.COMPILE_ERROR, failure_class=FailureClass.COMPILE_ERROR, cause=""),
            "compile error",
            id="said-once",
        ),
        pytest.param(
            told(kind=Kind.UNKNOWN, failure_class=FailureClass.UNKNOWN, cause=""), "nobody knows why", id="unknown"
        ),
        pytest.param(
            told(kind=Kind.TIMEOUT, failure_class=FailureClass.TIMEOUT, cause="step-timeout"),
            "timed out (step-timeout)",
            id="timeout",
        ),
    ],
)
def test_a_verdict(diagnosis: Diagnosis, said: str) -> None:
    assert words.verdict(diagnosis) == said


@pytest.mark.parametrize(
    ("diagnosis", "said"),
    [
        pytest.param(DM, 'line 14233: "Error getting init rootfs"', id="line"),
        pytest.param(told(line=None), '"Error getting init rootfs"', id="without-a-number"),
        pytest.param(
            told(partial="it is cut"), 'line 14233: "Error getting init rootfs" (partial: it is cut)', id="F25-partial"
        ),
        pytest.param(told(text="", unread="it is gone"), "its log could not be read: it is gone", id="unread"),
        pytest.param(told(text=""), "", id="nothing"),
        pytest.param(told(text="a\tb\x1b[31m\u202e\nc"), 'line 14233: "a b\ufffd[31m\ufffd c"', id="A13-unseen"),
        pytest.param(told(text="x" * 900), f'line 14233: "{"x" * 197}..."', id="long"),
    ],
)
def test_the_telling_line(diagnosis: Diagnosis, said: str) -> None:
    assert words.telling(diagnosis) == said


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(Seen(), "not seen before in 30 days", id="never"),
        pytest.param(Seen(1, 1, NOW), "not seen before in 30 days", id="this-one"),
        pytest.param(
            Seen(14, 20, NOW - timedelta(hours=2)),
            "seen 14 times this week, 20 times in 30 days, last 2h 0m ago",
            id="often",
        ),
        pytest.param(Seen(0, 2, NOW - timedelta(days=9)), "seen twice in 30 days, last 9 days ago", id="a-while-ago"),
    ],
)
def test_how_often(seen: Seen, said: str) -> None:
    assert words.often(seen, NOW) == said


def retry(state: RetryState, reason: str = "", event_id: str = "") -> Retry:
    return Retry("r1", "r1", RetryPlan(2, 2, "dm-init-rootfs", 5.0), state, NOW, reason, event_id=event_id)


@pytest.mark.parametrize(
    ("decided", "said"),
    [
        pytest.param(None, "not tried again: the code does not compile", id="nothing-decided"),
        pytest.param(
            retry(RetryState.PLANNED), "is to be tried again at 12:00:00 UTC (dm-init-rootfs, 2 of 3)", id="planned"
        ),
        pytest.param(retry(RetryState.STARTED), "tried again as #8 (dm-init-rootfs, 2 of 3)", id="started"),
        pytest.param(
            retry(RetryState.DROPPED, "moby#1 has another head", "k7f2"),
            "not tried again: moby#1 has another head [k7f2]",
            id="dropped",
        ),
    ],
)
def test_whether_it_is_tried_again_and_why_not(decided: Retry | None, said: str) -> None:
    assert words.decided(decided, told(why="the code does not compile"), "#8") == said
    assert words.decided(None, DM, "") == "not tried again"


def test_tries_and_cells() -> None:
    first, second = known(build(7, Result.FAILURE), DM), build(8)
    assert words.tries([first]) == ""
    assert words.tries([first, second]) == "tries: #7 failed (dm-init-rootfs); #8 passed"
    cells = [replace(first, cell=f"FS=fs{number}") for number in range(10)]
    assert words.cells([first, replace(second, cell="FS=zfs")]) == ""
    assert words.cells([first, cells[0]]) == "failed cells: FS=fs0 (dm-init-rootfs)"
    assert words.cells(cells).endswith("FS=fs7 (dm-init-rootfs); and 2 more")
    assert words.failed_tests(told(failed_tests=("TestA", "TestB", "TestC"))) == "failed tests: TestA, TestB and 1 more"


ROW = FlakeRow("dm-init-rootfs", 310, 14, 13, 12, 6, NOW - timedelta(hours=2), ("janky on dm-7", "lxc"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        pytest.param(
            ROW,
            "dm-init-rootfs: 14 of 310 builds (4.5 %), up from 6, last 2h 0m ago, 12 of 13 passed when tried again; "
            'mostly "janky on dm-7", lxc',
            id="all-of-it",
        ),
        pytest.param(
            replace(ROW, before=20, retried=0, jobs=()),
            "dm-init-rootfs: 14 of 310 builds (4.5 %), down from 20, last 2h 0m ago",
            id="less-than-before",
        ),
        pytest.param(
            replace(ROW, before=0, retried=0, jobs=(), runs=0),
            "dm-init-rootfs: 14 of 0 builds, none before, last 2h 0m ago",
            id="new",
        ),
        pytest.param(
            replace(ROW, before=14, retried=0, jobs=()),
            "dm-init-rootfs: 14 of 310 builds (4.5 %), as before, last 2h 0m ago",
            id="as-before",
        ),
    ],
)
def test_what_flakes(row: FlakeRow, said: str) -> None:
    assert words.flake(row, NOW) == said


@pytest.mark.parametrize(
    ("values", "p", "said"),
    [
        pytest.param(("3.18", "3.19"), 2e-7, "kernel 3.18 and 3.19: 9 of 10 fail, others 1 of 60 (p < 10⁻⁶)", id="two"),
        pytest.param(("3.18",), 1e-12, "kernel 3.18: 9 of 10 fail, others 1 of 60 (p < 10⁻¹¹)", id="one"),
        pytest.param(
            ("1", "2", "3"), 0.0042, "kernel 1, 2 and 3: 9 of 10 fail, others 1 of 60 (p = 0.004)", id="three"
        ),
        pytest.param(("3.18",), 0.0, "kernel 3.18: 9 of 10 fail, others 1 of 60 (p ≈ 0)", id="no-chance"),
    ],
)
def test_suspects(values: tuple[str, ...], p: float, said: str) -> None:
    assert words.suspect(Suspect("kernel", values, 9, 10, 1, 60, p)) == said


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        pytest.param(
            Trial((), 14, 50, 0, 20, ("Error: x",)),
            'found in 14 of 50 red logs, 0 of 20 green; e.g. "Error: x"',
            id="both",
        ),
        pytest.param(
            Trial((), 0, 3),
            "found in 0 of 3 red logs, unproven, as no log of a build that passed is kept",
            id="unproven",
        ),
    ],
)
def test_a_trial(trial: Trial, said: str) -> None:
    assert words.tried(trial) == said


@pytest.mark.parametrize(
    ("cause", "month", "said"),
    [
        pytest.param(
            KnownCause("a", FailureClass.NETWORK, None, "x"), 0, "a (network, retry unknown, from gordon)", id="ours"
        ),
        pytest.param(
            KnownCause("a", FailureClass.NETWORK, True, "x", origin="jess", is_added=True, is_unproven=True),
            2,
            "a (network, retry true, added by jess, unproven, twice in 30 days)",
            id="added",
        ),
    ],
)
def test_a_known_cause(cause: KnownCause, month: int, said: str) -> None:
    assert words.known(cause, month) == said


CLUSTER = Cluster("f", "Error: frobnicator gave up", 8, NOW, (BuildRef(JobRef("ci", "x"), 1),), ("x",))


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        pytest.param(
            replace(CLUSTER, regex="gave up", knows=7, greens_tried=20),
            " - would know 7 of 8, in 0 of 20 green logs; to add it: known add frobnicator-gave unknown unknown "
            "gave up",
            id="tried",
        ),
        pytest.param(
            replace(CLUSTER, regex="gave up", knows=7),
            " - would know 7 of 8, no green log to try it on; to add it: known add frobnicator-gave unknown unknown "
            "gave up",
            id="unproven",
        ),
        pytest.param(replace(CLUSTER, why_none="too few words"), " (no signature: too few words)", id="none"),
    ],
)
def test_what_is_proposed(cluster: Cluster, said: str) -> None:
    assert proposed(cluster) == said


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        pytest.param(("", ""), ("cause", ""), id="nothing"),
        pytest.param(("Tests", "io"), ("test", "io"), id="by-and-word"),
        pytest.param(("dm", ""), ("cause", "dm"), id="word-alone"),
        pytest.param(("label", ""), ("label", ""), id="by-alone"),
    ],
)
def test_what_flakes_are_counted_by(typed: tuple[str, str], read: tuple[str, str]) -> None:
    assert what_flakes(*typed) == read


def test_words_that_are_none() -> None:
    wrong: Sequence[tuple[Any, str]] = (
        (lambda: what_flakes("spleens", "x"), "not counted by"),
        (lambda: class_of("success"), "is no class"),
        (lambda: retry_of("perhaps"), "true, false or unknown"),
        (lambda: wanted_lines("0"), "no number of lines"),
        (lambda: wanted_lines("1" * 5000), "no number of lines"),
        (lambda: wanted_lines("\u0663"), "no number of lines"),
    )
    for reads, why in wrong:
        with pytest.raises(UserError, match=why):
            reads()
    assert (class_of("NETWORK"), retry_of("False"), wanted_lines("40")) == (FailureClass.NETWORK, False, 40)
