"""How one job or cell of a push is put into words, as tables."""

from dataclasses import replace

import pytest

from bot.facts import Diagnosis, FailureClass, Kind, Pushed
from plugins.pushes.grid import Branch, Change, Push, Row, Stand
from plugins.pushes.words import card, command, reason, row_words

MASTER = Pushed("moby/moby", "master", {})
FAILED = Row("drivers", "FS=aufs", Stand.FAILED, 12, "https://ci/12", "r")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        pytest.param(Row("lxc"), "waiting", id="waiting"),
        pytest.param(replace(FAILED, stand=Stand.RUNNING), "running (#12)", id="running"),
        pytest.param(FAILED, "failed (#12)", id="first-of-all"),
        pytest.param(
            replace(FAILED, change=Change.NEW, test="TestX"), "new failure in TestX (#12)", id="new-failure-of-a-test"
        ),
        pytest.param(
            replace(FAILED, change=Change.NEW, word="exit 2"), "new failure: exit 2 (#12)", id="new-failure-else"
        ),
        pytest.param(
            replace(FAILED, change=Change.NEW, word="dm-init-rootfs", is_known=True),
            "failed: dm-init-rootfs (#12)",
            id="known-trouble-is-no-news",
        ),
        pytest.param(
            replace(FAILED, change=Change.STILL, since=9, test="TestX"),
            "still failing since #9 in TestX (#12)",
            id="still",
        ),
        pytest.param(
            replace(FAILED, stand=Stand.UNSTABLE, change=Change.NEW, test="TestX"),
            "newly unstable in TestX (#12)",
            id="newly-unstable",
        ),
        pytest.param(
            replace(FAILED, word="dm", is_known=True, not_retried="2 of 2 tries are used up"),
            "failed: dm (#12, not retried: 2 of 2 tries are used up)",
            id="not-retried",
        ),
        pytest.param(replace(FAILED, stand=Stand.RETRYING, word="dm, 2 of 3"), "retrying (dm, 2 of 3)", id="retrying"),
        pytest.param(
            replace(FAILED, stand=Stand.PASSED, change=Change.FIXED, since=9), "fixed (failed since #9)", id="fixed"
        ),
        pytest.param(replace(FAILED, stand=Stand.PASSED), "passed", id="passed"),
        pytest.param(
            replace(Row("lxc"), stand=Stand.TOGETHER, word="9d8e7f6"), "built together with 9d8e7f6", id="together"
        ),
        pytest.param(replace(FAILED, stand=Stand.NOT_BUILT), "not built", id="not-built"),
    ],
)
def test_a_row_begins_with_the_verdict(row: Row, words: str) -> None:
    assert row_words(row) == words


def diagnosis(kind: Kind, cause: str = "", text: str = "", *tests: str) -> Diagnosis:
    return Diagnosis(kind, FailureClass.UNKNOWN, cause, text=text, failed_tests=tests)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param(diagnosis(Kind.KNOWN_INFRA, "dm-init", "x"), ("dm-init", "", True), id="known-by-its-name"),
        pytest.param(diagnosis(Kind.NEW_FAILURE, "go-test", "x", "TestX"), ("", "TestX", False), id="by-its-test"),
        pytest.param(
            diagnosis(Kind.NEW_FAILURE, "", "x", "TestX", "TestY"), ("", "TestX and 1 more", False), id="tests"
        ),
        pytest.param(diagnosis(Kind.FLAKY_TEST, "dm", "x", "TestX"), ("", "TestX", True), id="flake-by-its-test"),
        pytest.param(diagnosis(Kind.COMPILE_ERROR, "", "x"), ("compile error", "", False), id="by-its-kind"),
        pytest.param(diagnosis(Kind.TIMEOUT, "build-timeout"), ("build-timeout", "", True), id="timeout"),
        pytest.param(
            diagnosis(Kind.UNKNOWN, "", "ann:\n @all\x07"),
            ('"ann: @all\N{REPLACEMENT CHARACTER}"', "", False),
            id="A26-line",
        ),
        pytest.param(diagnosis(Kind.UNKNOWN), ("", "", False), id="nobody-knows"),
        pytest.param(diagnosis(Kind.NEW_FAILURE, "", "x" * 500), (f'"{"x" * 77}..."', "", False), id="a-long-line"),
    ],
)
def test_why_it_failed_is_said_in_a_word(found: Diagnosis, told: tuple[str, str, bool]) -> None:
    assert reason(found) == told


@pytest.mark.parametrize(
    ("row", "typed"),
    [
        (FAILED, "rebuild drivers#12 FS=aufs"),
        (replace(FAILED, cell=""), "rebuild drivers#12"),
        (replace(FAILED, cell="OS=el 7"), 'rebuild drivers#12 "OS=el 7"'),
        (replace(FAILED, job="base image"), 'rebuild "base image#12" FS=aufs'),
    ],
    ids=["cell", "job", "blank", "blank-in-its-job"],
)
def test_each_row_can_be_built_again(row: Row, typed: str) -> None:
    assert command(row) == typed


def test_only_so_many_failures_are_named_in_one_line() -> None:
    rows = tuple(replace(FAILED, cell=f"FS={number:02}") for number in range(24))
    push = Push("3f2c1ab", "ann", "3f2c1ab", 0.0, rows)
    told = card(MASTER, Branch((push,)), push, is_step=False)
    assert len(told.one_line().encode()) < 420
    assert "and 19 more" in told.one_line()
    assert (len(told.lines), len(told.buttons)) == (24, 21)
