"""Why a build failed in words that are the same everywhere, and how what others have written is shown."""

from dataclasses import replace

import pytest

from bot.endings import cancelled
from bot.facts import Diagnosis, FailureClass, Kind, Seen
from bot.wording import (
    BECAUSE,
    MAX_NAME_BYTES,
    SURE,
    by,
    cut,
    is_by_test,
    is_known,
    label,
    listed,
    name,
    plain,
    quoted,
    superseded,
    typed,
    verdict,
)

HOSTILE = 'tianon: !cancel moby#1 \x0304,01red\x03 \x02bold\x0f\r\nQUIT :bye\n\u202eevil\u2028 "quoted" @all \x07'


def told(kind: Kind, of_class: FailureClass = FailureClass.UNKNOWN, cause: str = "", *tests: str) -> Diagnosis:
    return Diagnosis(kind, of_class, cause, confidence=0.9, text="exit status 2", failed_tests=tests)


# Each kind with what it is called in cells, statuses and pushes, whether it is known, and its verdict.
KINDS = [
    pytest.param(
        told(Kind.KNOWN_INFRA, FailureClass.DOCKER_DAEMON, "dm-init", "TestX"),
        ("dm-init", True, "known Docker trouble"),
        id="known-infra",
    ),
    pytest.param(
        told(Kind.KNOWN_INFRA, FailureClass.IMAGE_REGISTRY),
        ("registry trouble", True, "known registry trouble"),
        id="known-infra-without-a-cause",
    ),
    pytest.param(
        told(Kind.FLAKY_TEST, FailureClass.TEST_FAILURE, "flaky-exec", "TestExec"),
        ("TestExec", True, "flaky test TestExec"),
        id="flaky-test",
    ),
    pytest.param(
        told(Kind.FLAKY_TEST, FailureClass.TEST_FLAKE, "flaky-exec"),
        ("flaky-exec", True, "flaky test flaky-exec"),
        id="flaky-test-that-its-log-does-not-name",
    ),
    pytest.param(
        told(Kind.FLAKY_TEST, FailureClass.TEST_FLAKE), ("flaky test", True, "flaky test"), id="flaky-test-unnamed"
    ),
    pytest.param(
        told(Kind.NEW_FAILURE, FailureClass.TEST_FAILURE, "go-test", "TestX", "TestY"),
        ("TestX and 1 more", False, "new failure in TestX and 1 more"),
        id="tests",
    ),
    pytest.param(
        told(Kind.NEW_FAILURE, FailureClass.UNKNOWN, "", "TestX"), ("TestX", False, "new failure in TestX"), id="report"
    ),
    pytest.param(
        told(Kind.NEW_FAILURE, FailureClass.LINT, "gofmt"), ("lint error", False, "new lint error"), id="lint"
    ),
    pytest.param(
        told(Kind.NEW_FAILURE, FailureClass.CRASH, "panic", "TestX"), ("crash", False, "new crash"), id="crash"
    ),
    pytest.param(told(Kind.NEW_FAILURE), ("", False, "new failure"), id="new-of-no-class"),
    pytest.param(
        told(Kind.COMPILE_ERROR, FailureClass.COMPILE_ERROR, "go-build", "TestX"),
        ("compile error", False, "compile error"),
        id="compile-error",
    ),
    pytest.param(
        told(Kind.AGENT_LOST, FailureClass.AGENT_LOST, "channel-closed"),
        ("channel-closed", True, "its agent was lost"),
        id="agent-lost",
    ),
    pytest.param(
        told(Kind.AGENT_LOST, FailureClass.AGENT_LOST), ("agent lost", True, "its agent was lost"), id="agent-lost-bare"
    ),
    pytest.param(
        told(Kind.TIMEOUT, FailureClass.TIMEOUT, "build-timeout"), ("build-timeout", True, "timed out"), id="timeout"
    ),
    pytest.param(
        told(Kind.TIMEOUT, FailureClass.TIMEOUT), ("timed out", False, "timed out"), id="timeout-that-nothing-explains"
    ),
    pytest.param(told(Kind.ABORTED, FailureClass.ABORTED), ("aborted", False, "aborted"), id="aborted"),
    pytest.param(told(Kind.UNKNOWN), ("", False, "nobody knows why"), id="unknown"),
    pytest.param(told(Kind.PASSED, FailureClass.SUCCESS), ("", False, "nobody knows why"), id="passed"),
]


@pytest.mark.parametrize(("said", "words"), KINDS)
def test_a_failure_is_called_the_same_everywhere(said: Diagnosis, words: tuple[str, bool, str]) -> None:
    assert (label(said), is_known(said), verdict(said)) == words


def test_every_kind_is_in_the_table() -> None:
    assert {case.values[0].kind for case in KINDS} == set(Kind)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("said", "facts", "words"),
    [
        pytest.param(told(Kind.TIMEOUT), ("", ""), "probably timed out", id="no-facts"),
        pytest.param(told(Kind.TIMEOUT), ("a", "", "b"), "probably timed out (a, b)", id="facts"),
        pytest.param(told(Kind.NEW_FAILURE, FailureClass.LINT), (), "probably a new lint error", id="article"),
        pytest.param(told(Kind.FLAKY_TEST, cause="x"), (), "probably the flaky test x", id="a-certain-one"),
        pytest.param(told(Kind.UNKNOWN), (), "nobody knows why", id="nothing-to-guess"),
    ],
)
def test_a_guess_is_told_as_one(said: Diagnosis, facts: tuple[str, ...], words: str) -> None:
    assert verdict(replace(said, confidence=SURE - 0.1), "", *facts) == words


def test_what_was_seen_within_a_month_is_not_new() -> None:
    assert verdict(replace(told(Kind.NEW_FAILURE, FailureClass.LINT), seen=Seen(0, 1))) == "lint error"


def test_the_agent_that_was_lost_is_named_where_it_is_known() -> None:
    assert verdict(told(Kind.AGENT_LOST), "dm-7") == "the agent dm-7 was lost"
    assert verdict(told(Kind.AGENT_LOST), "tianon: hi") == 'the agent "tianon: hi" was lost'


def test_what_was_cancelled_for_nobodys_asking_says_for_what() -> None:
    """Its log names Gordon, who only did what followed from a push."""
    of_log = replace(told(Kind.ABORTED, FailureClass.ABORTED), text="Aborted by gordon")
    found = cancelled(of_log, f"{BECAUSE}superseded by 1db65fa")
    assert verdict(found) == "cancelled: superseded by 1db65fa"
    assert (superseded(found), by(found)) == ("superseded by 1db65fa", "")
    assert verdict(cancelled(of_log, "tianon")) == "aborted by tianon"
    assert verdict(cancelled(of_log, "")) == 'aborted by "gordon"'


def test_who_aborted_a_build_is_quoted() -> None:
    assert verdict(replace(told(Kind.ABORTED), text="Aborted by @all")) == 'aborted by "@all"'


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_of_a_log_acts_on_a_chat(kind: Kind) -> None:
    """A26: on one line, nothing unseen, no name outside of quotation marks, and no longer than a name may be."""
    said = replace(told(kind, FailureClass.TEST_FAILURE, HOSTILE, HOSTILE), text=f"Aborted by {HOSTILE}")
    for words in (label(said), verdict(said, HOSTILE)):
        assert words.isprintable()
        assert len(words.encode()) <= MAX_NAME_BYTES + 40
        assert "tianon:" not in words.partition('"')[0]
    assert is_by_test(said) is (kind in (Kind.FLAKY_TEST, Kind.NEW_FAILURE))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("TestRun/volumes_[a-b]", "TestRun/volumes_[a-b]", id="as-it-is"),
        pytest.param("test that runs", '"test that runs"', id="blanks"),
        pytest.param("@everyone", '"@everyone"', id="calls-all"),
        pytest.param("https://evil.test/x", '"https://evil.test/x"', id="would-be-a-link"),
        pytest.param('say "hi"\tnow', "\"say 'hi' now\"", id="quotation-marks"),
        pytest.param("a\x00b", '"a\N{REPLACEMENT CHARACTER}b"', id="control"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_name_is_quoted_unless_it_is_harmless(text: str, shown: str) -> None:
    assert name(text) == shown


@pytest.mark.parametrize(
    ("text", "at_most", "shown"),
    [
        pytest.param("short", 5, "short", id="fits"),
        pytest.param("longer", 5, "lo...", id="goes-on"),
        pytest.param("\N{SNOWMAN}" * 10, 10, "\N{SNOWMAN}\N{SNOWMAN}...", id="between-characters"),
        pytest.param("\N{SNOWMAN}" * 10, 11, "\N{SNOWMAN}\N{SNOWMAN}...", id="no-half-of-one"),
        pytest.param("one two", 6, "one...", id="no-blank-before-the-mark"),
    ],
)
def test_a_text_is_cut_by_its_bytes(text: str, at_most: int, shown: str) -> None:
    assert cut(text, at_most) == shown
    assert quoted(text, at_most) == f'"{shown}"'


def test_a_text_becomes_one_line() -> None:
    assert plain(" a\n\n b\tc\x1b[31m\u202e ") == "a b c\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("text", "command"),
    [("docker-prs#7", "docker-prs#7"), ("el 7", '"el 7"'), ("a\u00a0b", '"a\u00a0b"'), ("", "")],
    ids=["as-it-is", "blank", "another-blank", "nothing"],
)
def test_a_name_with_blanks_is_one_word_of_a_command(text: str, command: str) -> None:
    assert typed(text) == command


@pytest.mark.parametrize(
    ("words", "total", "told"),
    [
        pytest.param([], 0, "", id="none"),
        pytest.param(["a", "b"], 0, "a, b", id="all"),
        pytest.param(["a", "b", "c", "d"], 0, "a, b and 2 more", id="too-many"),
        pytest.param(["a", "b"], 5, "a, b and 3 more", id="not-all-at-hand"),
        pytest.param(["a"], 1, "a", id="all-at-hand"),
    ],
)
def test_a_list_names_the_first_and_counts_the_rest(words: list[str], total: int, told: str) -> None:
    assert listed(words, 2, total) == told
