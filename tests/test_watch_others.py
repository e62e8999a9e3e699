"""Builds that somebody else started, of jobs that are configured: each is told once, ours never as one of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.builds import BuildRow
from bot.values import Place, PullRef, Result
from tests.virtual_clock import VirtualClock
from tests.watch_rig import JOB, REPO, ROW, SHA, FakeServer, at, silent, watching

IDLE_S = 40.0  # within which an idle server is looked at
FACTS = {"PR": "7", "GIT_SHA1": SHA, "GIT_BASE_REPO": REPO}
MARKED = FACTS | {"GORDON_REQUEST_ID": "r1"}
ASKED = replace(ROW, state="asked", session="", queue_id=None, number=None)


async def test_what_was_there_at_the_first_look_is_the_past_but_what_runs_is_followed(tmp_path: Path) -> None:
    server = FakeServer()
    server.add(1)
    server.end(1, Result.FAILURE)
    server.add(2)
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        assert watched.told == []
        server.end(2, Result.FAILURE)
        await watched.passes(IDLE_S)
        assert [(end.number, end.result, end.ours) for end in watched.ends] == [(2, Result.FAILURE, False)]
        assert watched.starts == []


async def test_a_new_build_of_somebody_is_told_once_with_what_it_carries(tmp_path: Path) -> None:
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        server.add(1, parameters=FACTS)
        await watched.passes(IDLE_S)
        (start,) = watched.starts
        assert (start.context, start.pull, start.sha, start.ours) == ("janky", PullRef(REPO, 7), SHA, False)
        assert start.lane == f"{REPO}#7"
        assert start.request_id == "seen:ci/docker-prs/1:1"
    server.end(1, Result.UNSTABLE)
    server.add(2)
    server.end(2)
    async with watching(tmp_path, server, watch_others=True) as again:
        await again.passes(2 * IDLE_S)
        assert [(end.number, end.result) for end in again.ends] == [(1, Result.UNSTABLE), (2, Result.SUCCESS)]
        assert [start.number for start in again.starts] == [2]


async def test_more_builds_than_a_job_lists_are_all_taken_in(tmp_path: Path) -> None:
    """F44: a hook that starts 300 builds at once, of which a list shows the newest hundred."""
    server = FakeServer(jobs={JOB: {}}, shown=3)
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        for number in range(1, 12):
            server.add(number)
            server.end(number, Result.FAILURE)
        await watched.passes(2 * IDLE_S)
        assert [end.number for end in watched.ends] == list(range(1, 12))


@pytest.mark.parametrize(
    ("away_s", "told"),
    [pytest.param(1800.0, [1, 2], id="half-an-hour"), pytest.param(7200.0, [], id="two-hours")],
)
async def test_what_ended_while_we_were_down_is_told_only_while_it_is_news(
    tmp_path: Path, away_s: float, told: list[int]
) -> None:
    server, clock = FakeServer(jobs={JOB: {}}), VirtualClock()
    async with watching(tmp_path, server, clock, watch_others=True) as watched:
        server.add(1)
        await watched.passes(IDLE_S)
    server.add(2, started_at=at(clock.now_s))
    for number in (1, 2):
        server.end(number)
    clock.now_s += away_s
    async with watching(tmp_path, server, clock, watch_others=True) as again:
        await again.passes(IDLE_S)
        assert [end.number for end in again.ends] == told
        await again.passes(3 * IDLE_S)
        assert len(again.ends) == len(told)
        assert (await again.row("seen:ci/docker-prs/1:1")).state == "finished"  # type: ignore[union-attr]


async def test_a_wrong_clock_of_the_server_hides_no_news_from_one_who_looks(tmp_path: Path) -> None:
    """(J28) Its clock is a day behind; we have looked half a minute ago, so it is new."""
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        server.add(1, started_at=at(-86400))
        server.end(1)
        await watched.passes(IDLE_S)
        assert [end.number for end in watched.ends] == [1]


@pytest.mark.parametrize(
    ("row", "parameters"),
    [
        pytest.param(ASKED, MARKED, id="its-answer-is-not-here-yet"),
        pytest.param(replace(ASKED, state="queued", queue_id=4), FACTS, id="by-its-queue-id"),
        pytest.param(replace(ROW, number=1, started_s=at(0).timestamp()), FACTS, id="by-its-queue-id-as-it-runs"),
        pytest.param(replace(ROW, number=1, queue_id=None), FACTS, id="adopted-by-its-number"),
        pytest.param(replace(ROW, number=1, state="finished"), FACTS, id="over"),
    ],
)
async def test_a_build_of_ours_is_no_build_of_others(tmp_path: Path, row: BuildRow, parameters: dict[str, str]) -> None:
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        await watched.insert(row)
        server.add(1, queue_id=4, parameters=parameters)
        await watched.passes(2 * IDLE_S)
        assert [start.request_id for start in watched.starts if not start.ours] == []
        assert await watched.row("seen:ci/docker-prs/1:4") is None


async def test_a_build_that_may_be_ours_waits_until_that_is_known(tmp_path: Path) -> None:
    """A job that declares no mark: until the answer to our request is here, nobody can tell whose it is."""
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        await watched.insert(ASKED)
        server.add(1, queue_id=4, parameters=FACTS)
        server.add(2, queue_id=5)
        await watched.passes(2 * IDLE_S)
        assert watched.starts == []
        await watched.database.write(lambda db: watched.ledger.move(db, replace(ASKED, state="queued", queue_id=4)))
        await watched.passes(2 * IDLE_S)
        assert [(start.number, start.ours) for start in watched.starts] == [(1, True), (2, False)]


async def test_a_copy_that_somebody_made_of_ours_is_theirs(tmp_path: Path) -> None:
    """(J24) The Rebuild plugin copies our mark; the queue id tells the two apart."""
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        await watched.insert(replace(ASKED, state="queued", queue_id=4))
        server.add(1, queue_id=4, parameters=MARKED)
        server.add(2, queue_id=9, parameters=MARKED)
        await watched.passes(2 * IDLE_S)
        assert sorted((start.number, start.ours) for start in watched.starts) == [(1, True), (2, False)]


async def test_numbers_that_begin_again_are_new_builds(tmp_path: Path) -> None:
    """A job that was deleted and made anew uses its numbers a second time."""
    server = FakeServer()
    for number in (1, 2, 3):
        server.add(number)
        server.end(number)
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        del server.jobs[JOB]
        server.add(1, queue_id=20)
        await watched.passes(IDLE_S)
        server.end(1, Result.FAILURE)
        await watched.passes(IDLE_S)
        assert [(end.number, end.request_id) for end in watched.ends] == [(1, "seen:ci/docker-prs/1:20")]


async def test_a_pull_requests_job_that_appears_later_is_new_with_all_its_builds(tmp_path: Path) -> None:
    """A multibranch project makes a job for each pull request; only those of the first look are the past."""
    server = FakeServer()
    server.add(1, "moby/PR-7", queue_id=70)
    server.end(1, Result.FAILURE, "moby/PR-7")
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        server.add(1, "moby/PR-8", queue_id=80)
        await watched.passes(IDLE_S)
        assert [(start.job.full_name, start.pull) for start in watched.starts] == [("moby/PR-8", PullRef(REPO, 8))]
        assert watched.starts[0].context == "pipeline"


@pytest.mark.parametrize(
    ("given", "pull"),
    [
        pytest.param({"PR": "9" * 20}, None, id="A24-a-number-that-is-none"),
        pytest.param({"PR": "9" * 5000}, None, id="A24-a-number-of-any-length"),
        pytest.param({"GIT_BASE_REPO": "docker/other"}, None, id="A29-a-repository-that-this-job-never-builds"),
        pytest.param({"GIT_BASE_REPO": REPO.upper()}, PullRef(REPO, 7), id="its-repository-in-another-case"),
    ],
)
async def test_what_somebody_made_up_keeps_no_other_build_from_being_told(
    tmp_path: Path, given: dict[str, str], pull: PullRef | None
) -> None:
    """Whoever may start a job may give it any values."""
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        server.add(1, parameters=FACTS | given)
        server.add(2, parameters=FACTS)
        await watched.passes(2 * IDLE_S)
        assert [(start.number, start.pull) for start in watched.starts] == [(1, pull), (2, PullRef(REPO, 7))]


async def test_hints_without_end_keep_nothing_from_being_looked_at(tmp_path: Path) -> None:
    """A busy Jenkins notifies of some build all the time; agents and what was missed are looked at all the same."""
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        server.add(1)
        asked: list[str] = []
        for _ in range(60):
            watched.watch.hint("ci", "infra/other", 1)
            asked += await watched.passes(2)
        assert asked.count("nodes") >= 3
        assert [start.number for start in watched.starts] == [1]


async def test_builds_of_a_backup_that_was_restored_are_the_past(tmp_path: Path) -> None:
    """Its numbers go back and its builds are old, so nobody is told how they ended."""
    server = FakeServer(next={JOB: 60})
    for number in (1, 2, 3):
        server.add(number, started_at=at(-86400))
        server.end(number, Result.FAILURE)
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        del server.next[JOB]
        await watched.passes(2 * IDLE_S)
        assert watched.told == []
        server.add(4)
        await watched.passes(IDLE_S)
        assert [start.number for start in watched.starts] == [4]


async def test_somebody_who_joins_makes_it_ours(tmp_path: Path) -> None:
    """F24: from then on its end is for those who asked, and there is one row of it."""
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        server.add(1)
        await watched.passes(IDLE_S)
        mark = "seen:ci/docker-prs/1:1"
        place = Place("net", "#c", to="jess")
        await watched.database.write(lambda db: watched.ledger.ask(db, mark, "jess", place, "e1"))
        server.end(1)
        await watched.passes(6)
        assert [(end.ours, [ask.name for ask in end.asks]) for end in watched.ends] == [(True, ["jess"])]


async def test_what_others_build_is_looked_at_at_the_idle_pace_only(tmp_path: Path) -> None:
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        server.add(1)
        await watched.passes(2 * IDLE_S)
        asked = await watched.passes(300)
        assert 8 <= asked.count("newest docker-prs") <= 11


async def test_nothing_is_watched_of_others_where_that_is_off(tmp_path: Path) -> None:
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=False) as watched:
        server.add(1)
        assert set(await watched.passes(5 * IDLE_S)) == {"nodes"}
        assert watched.told == []


async def test_one_job_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    """(J15) What is hidden or broken is one job's trouble."""
    server = FakeServer(jobs={JOB: {}}, troubles={"branches moby": silent()})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        server.add(1)
        await watched.passes(IDLE_S)
        assert [start.number for start in watched.starts] == [1]


async def test_what_nobody_needs_is_forgotten(tmp_path: Path) -> None:
    """Rows of others' builds go like ours; a mark stays as long as somebody looks at its job."""
    server, clock = FakeServer(jobs={JOB: {}}), VirtualClock()
    async with watching(tmp_path, server, clock, watch_others=True) as watched:
        await watched.passes(IDLE_S)
        server.add(1)
        server.end(1)
        await watched.passes(IDLE_S)
        clock.now_s += 40 * 86400
        await watched.passes(2 * IDLE_S)
        assert await watched.ledger.purge(clock.now().timestamp() - 30 * 86400) == 1
        assert await watched.row("seen:ci/docker-prs/1:1") is None
        server.add(2, started_at=at(clock.now_s))
        await watched.passes(IDLE_S)
        assert [start.number for start in watched.starts] == [1, 2]
