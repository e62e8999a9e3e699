"""How standings, ages and lists are put into words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.plugin import lasting
from bot.values import JobRef, PullRef, Result, Stage, Standing
from plugins.status import listed, matching, phrase, waits, words

NOW = datetime(2015, 6, 1, 12, 0, tzinfo=UTC)
JOB = JobRef("ci", "infra/docker-prs")
PULL = PullRef("moby/moby", 1234)


def minutes_ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-3, "0s", id="a-clock-that-jumped"),
        pytest.param(0, "0s", id="nothing"),
        pytest.param(45, "45s", id="seconds"),
        pytest.param(59.6, "1m", id="rounded-to-a-minute"),
        pytest.param(1109, "18m", id="minutes"),
        pytest.param(3599.9, "1h 0m", id="rounded-to-an-hour"),
        pytest.param(3840, "1h 4m", id="hours"),
        pytest.param(100_000, "27h 46m", id="more-than-a-day"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        pytest.param(Standing("a", JOB, Stage.NEVER), "never built", id="never"),
        pytest.param(
            Standing("a", JOB, Stage.QUEUED, queue_id=4, why="no agent", started_at=minutes_ago(3)),
            "queued (item 4: 3m, no agent)",
            id="queued",
        ),
        pytest.param(Standing("a", JOB, Stage.QUEUED, queue_id=4), "queued (item 4: no reason given)", id="no-reason"),
        pytest.param(
            Standing("a", JOB, Stage.RUNNING, number=981, url="https://ci/981", started_at=minutes_ago(12)),
            "running for 12m (#981 https://ci/981)",
            id="running",
        ),
        pytest.param(Standing("a", JOB, Stage.RUNNING, number=981), "running (#981)", id="running-since-unknown"),
        pytest.param(
            Standing("a", JOB, Stage.ENDED, Result.SUCCESS, number=5, url="https://ci/5", duration_s=1080),
            "passed (#5, 18m)",
            id="passed-without-a-link",
        ),
        pytest.param(
            Standing("a", JOB, Stage.ENDED, Result.FAILURE, number=5, url="https://ci/5"),
            "failed (#5 https://ci/5)",
            id="failed",
        ),
        pytest.param(Standing("a", JOB, Stage.ENDED, Result.UNSTABLE, number=5), "unstable (#5)", id="unstable"),
        pytest.param(Standing("a", JOB, Stage.ENDED, Result.NOT_BUILT, number=5), "not built (#5)", id="not-built"),
        pytest.param(Standing("a", JOB, Stage.ENDED, Result.ABORTED, number=5), "aborted (#5)", id="aborted"),
        pytest.param(Standing("a", JOB, Stage.ENDED, None, number=5), "ended without a result (#5)", id="no-result"),
    ],
)
def test_a_standing(standing: Standing, text: str) -> None:
    assert words(standing, NOW) == text


PASSED = Standing("janky", JOB, Stage.ENDED, Result.SUCCESS, number=5, sha="3f2c1ab9" * 5, pull=PULL, duration_s=60)


@pytest.mark.parametrize(
    ("standing", "text"),
    [
        pytest.param(PASSED, "moby#1234 at 3f2c1ab: janky passed (#5, 1m)", id="of-a-pull-request"),
        pytest.param(replace(PASSED, sha=""), "moby#1234: janky passed (#5, 1m)", id="no-commit-known"),
        pytest.param(replace(PASSED, pull=None), "janky at 3f2c1ab: passed (#5, 1m)", id="no-pull-request-known"),
        pytest.param(replace(PASSED, sha="", pull=None), "janky: passed (#5, 1m)", id="neither-known"),
    ],
)
def test_one_build_is_told_with_what_it_built(standing: Standing, text: str) -> None:
    assert phrase(standing, NOW) == text


def test_a_long_reason_is_cut() -> None:
    assert waits(Standing("a", JOB, Stage.QUEUED, why="x" * 90), NOW) == "x" * 77 + "..."


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        pytest.param("", ["old", "young", "dateless"], id="all-the-oldest-first"),
        pytest.param("YOUNG", ["young"], id="in-any-case"),
        pytest.param("moby#1234", ["old"], id="by-pull"),
        pytest.param("moby/moby", ["old"], id="by-repository"),
        pytest.param("infra/", ["old", "young", "dateless"], id="by-job"),
        pytest.param("zfs", [], id="none"),
    ],
)
def test_a_pattern_is_a_part_of_the_name(pattern: str, names: list[str]) -> None:
    standings = [
        Standing("dateless", JOB, Stage.RUNNING),
        Standing("young", JOB, Stage.RUNNING, started_at=minutes_ago(1)),
        Standing("old", JOB, Stage.RUNNING, pull=PULL, started_at=minutes_ago(9)),
    ]
    assert [standing.context for standing in matching(standings, pattern)] == names


@pytest.mark.parametrize(
    ("entries", "pattern", "text"),
    [
        pytest.param([], "", "nothing is waiting", id="nothing"),
        pytest.param([], "zfs", 'nothing with "zfs" is waiting', id="nothing-matches"),
        pytest.param(["a", "b"], "", "2 waiting: a; b", id="all-shown"),
        pytest.param(list("abcdefgh"), "", "8 waiting: a; b; c; d; e; f; g; h", id="just-as-many"),
        pytest.param(list("abcdefghij"), "", "10 waiting: a; b; c; d; e; f; g; h; and 2 more", id="capped"),
    ],
)
def test_a_list_is_capped(entries: list[str], pattern: str, text: str) -> None:
    assert listed("waiting", entries, pattern) == text
