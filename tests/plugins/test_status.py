"""How standings, ages and lists are put into words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.plugin import Card, Pattern, lasting
from bot.values import Cell, JobRef, PipelineStage, Pull, PullRef, Result, Stage, StageState, Standing, Standings
from plugins.status import MAX_SHOWN, failed_cells, listed, matching, of_pull, phrase, progress, waits, where, words

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
        pytest.param("^(young|old)|janky$", ["young"], id="where-in-the-name"),
        pytest.param("#1234|young", ["old", "young"], id="one-of-two"),
        pytest.param("moby#1234", ["old"], id="by-pull"),
        pytest.param("moby/moby", ["old"], id="by-repository"),
        pytest.param("infra/", ["old", "young", "dateless"], id="by-job"),
        pytest.param("zfs", [], id="none"),
    ],
)
def test_a_pattern_is_looked_for_in_the_name(pattern: str, names: list[str]) -> None:
    standings = [
        Standing("dateless", JOB, Stage.RUNNING),
        Standing("young", JOB, Stage.RUNNING, started_at=minutes_ago(1)),
        Standing("old", JOB, Stage.RUNNING, pull=PULL, started_at=minutes_ago(9)),
    ]
    assert [standing.context for standing in matching(standings, Pattern(pattern))] == names
    assert len(matching(standings, None)) == 3


@pytest.mark.parametrize(
    ("entries", "pattern", "text"),
    [
        pytest.param([], "", "nothing is waiting", id="nothing"),
        pytest.param([], "zfs", 'nothing with "zfs" is waiting', id="nothing-matches"),
        pytest.param(["a", "b"], "", "2 waiting: a; b", id="all-shown"),
        pytest.param(["a", "b"], "x", "2 of 99 waiting: a; b", id="chosen"),
        pytest.param(list("abcdefgh"), "", "8 waiting: a; b; c; d; e; f; g; h", id="just-as-many"),
        pytest.param(list("abcdefghij"), "", "10 waiting: a; b; c; d; e; f; g; h; and 2 more", id="capped"),
    ],
)
def test_a_list_is_capped(entries: list[str], pattern: str, text: str) -> None:
    assert listed("waiting", entries, pattern, 99) == text


@pytest.mark.parametrize(
    ("minutes", "more", "text"),
    [
        pytest.param(12, {}, "12m", id="no-estimate"),
        pytest.param(12, {"estimate_s": 1800.0}, "12m of about 30m, ~18m left", id="within"),
        pytest.param(30, {"estimate_s": 1800.0}, "30m of about 30m, ~0s left", id="just-due"),
        pytest.param(35, {"estimate_s": 1800.0}, "35m, 5m over its estimate", id="over"),
        pytest.param(-1, {"estimate_s": 1800.0}, "0s of about 30m, ~31m left", id="J28-a-start-in-the-future"),
        pytest.param(12, {"node": "dm-7"}, "12m, on dm-7", id="where"),
        pytest.param(None, {"estimate_s": 1800.0}, "no start known", id="no-start"),
    ],
)
def test_how_long_a_build_still_takes(minutes: float | None, more: dict[str, Any], text: str) -> None:
    started = None if minutes is None else minutes_ago(minutes)
    assert progress(Standing("a", JOB, Stage.RUNNING, started_at=started, **more), NOW) == text


RUNNING, PAUSED, FAILED = StageState.RUNNING, StageState.PAUSED, StageState.FAILED


@pytest.mark.parametrize(
    ("stages", "is_running", "told"),
    [
        pytest.param([], True, [], id="none-to-tell"),
        pytest.param(
            [PipelineStage("Build", StageState.PASSED), PipelineStage("Test", RUNNING, 240)],
            True,
            ["in stage Test (4m)"],
            id="running",
        ),
        pytest.param(
            [PipelineStage("zfs", RUNNING, 60), PipelineStage("aufs", RUNNING, 60)],
            True,
            ["in stage zfs (1m), aufs (1m)"],
            id="two-beside-each-other",
        ),
        pytest.param(
            [PipelineStage("Deploy", PAUSED)], True, ["paused for input in stage Deploy"], id="waits-for-somebody"
        ),
        pytest.param([PipelineStage("Test", RUNNING)], False, [], id="nothing-runs-in-what-is-over"),
        pytest.param(
            [PipelineStage("Test", FAILED, error="exit 1"), PipelineStage("Lint", StageState.UNSTABLE)],
            False,
            ["failed in stage Test: exit 1, unstable in stage Lint"],
            id="failed",
        ),
        pytest.param([PipelineStage("Test", FAILED)], True, [], id="no-verdict-while-it-runs"),
        pytest.param([PipelineStage("T" * 200, PAUSED)], True, [f"paused for input in stage {'T' * 97}..."], id="long"),
    ],
)
def test_where_a_pipeline_stands(stages: list[PipelineStage], is_running: bool, told: list[str]) -> None:
    assert where(stages, is_running=is_running) == told


OK, BAD = Result.SUCCESS, Result.FAILURE


@pytest.mark.parametrize(
    ("results", "told"),
    [
        pytest.param([], [], id="no-matrix"),
        pytest.param([OK, OK], ["2 cells, none failed"], id="all-well"),
        pytest.param([OK, BAD], ["2 cells: A=1 failed"], id="J13-one-is-bad"),
        pytest.param([None, BAD, Result.ABORTED], ["3 cells, 1 still running: A=1 failed, A=2 aborted"], id="running"),
        pytest.param([None], ["1 cell, 1 still running, none failed"], id="nothing-yet"),
        pytest.param(
            [BAD] * (MAX_SHOWN + 2),
            [f"10 cells: {', '.join(f'A={n} failed' for n in range(MAX_SHOWN))} and 2 more"],
            id="capped",
        ),
    ],
)
def test_which_cells_of_a_matrix_are_not_well(results: list[Result | None], told: list[str]) -> None:
    assert failed_cells([Cell(f"A={n}", "", result) for n, result in enumerate(results)]) == told


AT = Pull(PULL, "Fix", "jess", 7, "3f2c1ab9" * 5, "master", "jess/moby", "https://gh/1234")
LXC, JANKY = Standing("lxc", JOB, Stage.NEVER), Standing("janky", JOB, Stage.ENDED, Result.SUCCESS, number=7)


@pytest.mark.parametrize(
    ("standings", "title", "lines"),
    [
        pytest.param(
            Standings([LXC, JANKY]), ": 1 of 2 passed", ("janky passed (#7, 0s)", "lxc never built"), id="all"
        ),
        pytest.param(Standings([], ["ci is silent"]), "", ("ci is silent",), id="nobody-answers"),
    ],
)
def test_how_a_pull_request_stands_is_a_line_for_each_context(
    standings: Standings, title: str, lines: tuple[str, ...]
) -> None:
    told = of_pull(AT, standings, NOW)
    assert isinstance(told, Card)
    assert (told.title, told.lines) == (f"moby#1234 at 3f2c1ab{title}", lines)
    assert told.one_line() == f"moby#1234 at 3f2c1ab: {'; '.join(lines)}"
