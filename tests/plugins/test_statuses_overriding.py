"""What an override says, how long it counts, and what is told when it is over."""

from datetime import UTC, datetime

import pytest

from bot.facts import Diagnosis, Fact, FailureClass, Kind
from bot.plugin import UserError
from bot.values import BuildRef, JobRef, Pull, PullRef, Result, Status, StatusState
from plugins.statuses.overriding import Override, StatusesSettings, description, find, read_reason, span, until

SHA, OTHER = "3f2c1ab9" * 5, "77aa0011" * 5
REF = PullRef("moby/moby", 7)
PULL = Pull(REF, "A title", "jess", 103, SHA, "master", "jess/moby", "https://hub/7")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAMES = {"janky": "docker/janky", "lxc": "lxc", "silent": ""}
HOUR_S, DAY_S = 3600.0, 86400.0
OVERRIDE = Override("k", SHA, "master", "jess", "icecrime", "docker/janky", 0.0)


@pytest.mark.parametrize(
    ("typed", "lasts_s", "reason"),
    [
        pytest.param("the mirror is down", DAY_S, "the mirror is down", id="a-day-unless-told"),
        pytest.param("90m the mirror is down", 1.5 * HOUR_S, "the mirror is down", id="minutes"),
        pytest.param("2h off by one", 2 * HOUR_S, "off by one", id="hours"),
        pytest.param("3d holidays", 3 * DAY_S, "holidays", id="days"),
        pytest.param("7d as long as may be", 7 * DAY_S, "as long as may be", id="the-longest"),
        pytest.param("0d of it", DAY_S, "0d of it", id="no-time"),
        pytest.param("2hours", DAY_S, "2hours", id="no-such-unit"),
    ],
)
def test_a_time_may_stand_before_the_reason(typed: str, lasts_s: float, reason: str) -> None:
    assert read_reason(typed.split(), StatusesSettings()) == (lasts_s, reason)


@pytest.mark.parametrize(
    ("typed", "refusal"),
    [
        pytest.param(["2h"], "say why", id="only-a-time"),
        pytest.param([" "], "say why", id="blanks"),
        pytest.param(["8d", "x"], "7d at most", id="longer-than-may-be"),
        pytest.param(["99999d", "x"], "7d at most", id="very-long"),
    ],
)
def test_what_is_no_reason_is_refused(typed: list[str], refusal: str) -> None:
    with pytest.raises(UserError, match=refusal):
        read_reason(typed, StatusesSettings())


@pytest.mark.parametrize(
    ("override_s", "at_most_s"),
    [
        pytest.param(59.0, DAY_S, id="too-short"),
        pytest.param(2 * DAY_S, DAY_S, id="longer-than-the-longest"),
        pytest.param(DAY_S, 31 * DAY_S, id="too-long"),
        pytest.param(float("nan"), DAY_S, id="no-number"),
    ],
)
def test_times_that_make_no_sense_are_refused(override_s: float, at_most_s: float) -> None:
    with pytest.raises(ValueError, match="must be 60 to"):
        StatusesSettings(override_s=override_s, override_at_most_s=at_most_s)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        pytest.param("janky", "janky", id="its-name"),
        pytest.param("docker/janky", "janky", id="its-name-on-the-forge"),
        pytest.param("lxc", "lxc", id="the-same-in-both"),
    ],
)
def test_a_context_is_found_by_either_name(typed: str, found: str) -> None:
    assert find(typed, NAMES, {}, PULL) == found


@pytest.mark.parametrize(
    ("typed", "states", "refusal"),
    [
        pytest.param("jenky", {"docker/janky": "failure", "lxc": "success"}, "failing are: janky$", id="A30-unknown"),
        pytest.param("jenky", {}, "none is failing; did you mean janky", id="A30-unknown-and-nothing-failed"),
        pytest.param("silent", {}, "has no status in my configuration", id="A30-not-told-by-us"),
        pytest.param("", {}, 'no context ""', id="A30-no-name"),
        pytest.param("x\u202ey\n", {}, 'no context "x\ufffdy"', id="A13-what-cannot-be-seen"),
    ],
)
def test_a_context_that_cannot_be_overridden_is_refused(typed: str, states: dict[str, str], refusal: str) -> None:
    known = {name: Status(name, StatusState(state)) for name, state in states.items()}
    with pytest.raises(UserError, match=refusal):
        find(typed, NAMES, known, PULL)


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param("x" * 400, id="long"),
        pytest.param("\u2603" * 200, id="wide"),
        pytest.param("a\nb\r\x00c", id="A13-lines"),
    ],
)
def test_the_description_fits_and_stays_on_one_line(reason: str) -> None:
    words = description("icecrime", "14:05 UTC", reason)
    assert words.startswith('overridden by icecrime until 14:05 UTC: "')
    assert words.endswith('"')
    assert len(words) <= 140
    assert words.isprintable()


def test_a_secret_in_a_reason_is_not_told() -> None:
    """A26: somebody who pastes a command may paste its token."""
    assert "ghp_" not in description("icecrime", "14:05 UTC", f"curl -H 'Authorization: token ghp_{'a1B2' * 9}'")


@pytest.mark.parametrize(
    ("lasts_s", "words"),
    [
        pytest.param(HOUR_S, "13:00 UTC", id="today"),
        pytest.param(DAY_S, "23 Nov 12:00 UTC", id="tomorrow-with-its-day"),
    ],
)
def test_the_end_is_told_with_its_day_where_that_is_another(lasts_s: float, words: str) -> None:
    assert until(NOON, lasts_s) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        pytest.param(DAY_S, "24h", id="a-day"),
        pytest.param(7 * DAY_S, "7d", id="days"),
        pytest.param(1.5 * HOUR_S, "1h 30m", id="minutes"),
    ],
)
def test_spans_are_told_as_they_are_typed(seconds: float, words: str) -> None:
    assert span(seconds) == words


def fact(sha: str, result: Result, context: str = "janky") -> Fact:
    diagnosis = Diagnosis(Kind.NEW_FAILURE, FailureClass.TEST_FAILURE, "go-test", failed_tests=("TestRun",))
    build = BuildRef(JobRef("ci", "docker-prs"), 12)
    return Fact(1, "r1", build, "", context, result, diagnosis, url="https://ci/12", sha=sha)


@pytest.mark.parametrize(
    ("now", "before", "facts", "state", "words"),
    [
        pytest.param(
            Status("docker/janky", StatusState.ERROR, "was aborted"),
            None,
            [],
            StatusState.ERROR,
            "was aborted",
            id="what-stood-there",
        ),
        pytest.param(
            Status("docker/janky", StatusState.SUCCESS, "overridden by jess until 13:00 UTC"),
            Override("j", SHA, "master", "jess", "jess", "docker/janky", 0.0, "failure", "failed"),
            [],
            StatusState.FAILURE,
            "failed",
            id="what-an-earlier-override-has-kept",
        ),
        pytest.param(
            Status("docker/janky", StatusState.SUCCESS, "overridden by icecrime until 13:00 UTC"),
            None,
            [fact(OTHER, Result.SUCCESS), fact(SHA, Result.FAILURE)],
            StatusState.FAILURE,
            "TestRun: #12 failed",
            id="what-the-ledger-has-where-Gordon-died-in-between",
        ),
        pytest.param(
            None,
            None,
            [fact(SHA, Result.FAILURE, "lxc"), fact(OTHER, Result.SUCCESS)],
            StatusState.PENDING,
            "not built since it was overridden",
            id="nothing-known",
        ),
    ],
)
def test_when_it_is_over_the_builds_count_again(
    now: Status | None, before: Override | None, facts: list[Fact], state: StatusState, words: str
) -> None:
    told = OVERRIDE.over(now, before).after(facts, "janky")
    assert (told.context, told.state, told.description) == ("docker/janky", state, words)
