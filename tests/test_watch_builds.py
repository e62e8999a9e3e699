"""What is told of a build by what its server says of it: one answer after the other, on a clock that jumps."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.builds import BuildRow
from bot.ports import Queued
from bot.values import BuildRef, Cell, Checkout, JobRef, Kind, Result
from tests.watch_rig import JOB, ROW, SHA, FakeServer, Watching, at, silent, watching

OTHER = "77aa0011" * 5
JOB_REF = JobRef("ci", JOB)
WAITS = replace(ROW, state="queued", number=None)
SEEN = replace(ROW, started_s=at(0).timestamp())
Happens = Callable[[FakeServer], None]


def running(server: FakeServer) -> None:
    server.add(12, queue_id=4)


def ended(server: FakeServer, **known: Any) -> None:
    server.add(12, queue_id=4)
    server.end(12, **known)


def lost(server: FakeServer) -> None:
    server.session = "start-2"
    server.add(13, queue_id=5)
    server.add(2, queue_id=2)


def rotated(server: FakeServer) -> None:
    server.add(40, queue_id=90)
    server.add(41, queue_id=91)


def deleted(server: FakeServer) -> None:
    server.add(13, queue_id=5)
    server.add(2, queue_id=2)


def made_anew(server: FakeServer) -> None:
    server.add(1, queue_id=99)


def reused(server: FakeServer) -> None:
    server.add(12, queue_id=99)


def started_anew(server: FakeServer) -> None:
    server.add(12, queue_id=None, started_at=at(500))


def aborted_by_a_restart(server: FakeServer) -> None:
    server.session = "start-2"
    ended(server, result=Result.ABORTED)


def resumed(server: FakeServer) -> None:
    server.session = "start-2"
    ended(server, kind=Kind.PIPELINE)


def hollow(server: FakeServer) -> None:
    ended(server, kind=Kind.MATRIX, result=Result.NOT_BUILT)


@pytest.mark.parametrize(
    ("row", "happens", "result", "note"),
    [
        pytest.param(SEEN, hollow, Result.NOT_BUILT, "none of its cells was built", id="J13-no-cells"),
        pytest.param(SEEN, ended, Result.SUCCESS, "", id="ended"),
        pytest.param(SEEN, lambda server: None, None, "has no job docker-prs any more: it was re", id="job-gone"),
        pytest.param(SEEN, lost, None, "lost when Jenkins ci was restarted", id="J7-lost-in-a-restart"),
        pytest.param(SEEN, rotated, None, "it ended and was rotated away before its result was read", id="J22-rotated"),
        pytest.param(SEEN, deleted, None, "somebody deleted it", id="deleted"),
        pytest.param(SEEN, made_anew, None, "the job was deleted and made anew; there is no #12 yet", id="anew-lower"),
        pytest.param(
            SEEN, reused, None, "the job was deleted and made anew; #12 is another build now", id="anew-by-queue-id"
        ),
        pytest.param(
            replace(SEEN, queue_id=None),
            started_anew,
            None,
            "the job was deleted and made anew; #12 is another build now",
            id="anew-by-its-start",
        ),
        pytest.param(
            SEEN, aborted_by_a_restart, Result.ABORTED, "aborted when Jenkins ci was restarted", id="J19-aborted"
        ),
        pytest.param(SEEN, resumed, Result.SUCCESS, "resumed after a restart of Jenkins ci", id="resumed-and-over"),
    ],
)
async def test_the_end_of_a_build_is_said_for_what_it_is(
    tmp_path: Path, row: BuildRow, happens: Happens, result: Result | None, note: str
) -> None:
    server = FakeServer()
    happens(server)
    async with watching(tmp_path, server) as watched:
        await watched.insert(row)
        await watched.passes(30)
        (end,) = watched.ends
        assert (end.result, end.number, end.ours) == (result, 12, True)
        assert note in end.note
        assert bool(note) == bool(end.note)
        assert set(await watched.passes(40)) == {"nodes"}


async def test_what_is_not_there_counts_only_the_third_time(tmp_path: Path) -> None:
    """(J15) A proxy may answer 404 once, and a server that does not answer at all says nothing about a build."""
    server = FakeServer()
    running(server)
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        await watched.passes(6)
        builds = server.jobs.pop(JOB)
        await watched.passes(6)
        server.jobs[JOB] = builds
        await watched.passes(6)
        del server.jobs[JOB]
        server.troubles["newest"] = silent()
        await watched.passes(600)
        server.troubles.clear()
        server.jobs[JOB] = builds
        server.end(12)
        await watched.passes(61)
        assert [end.result for end in watched.ends] == [Result.SUCCESS]


async def test_no_verdict_comes_of_a_log_that_is_open(tmp_path: Path) -> None:
    """(J8) The list says that it is over by its own fields; only the build itself says that its log is closed."""
    server = FakeServer(open_logs={12})
    ended(server)
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        await watched.passes(60)
        assert watched.ends == []
        server.open_logs.clear()
        await watched.passes(6)
        assert len(watched.ends) == 1


async def test_a_pipeline_that_goes_on_after_a_restart_says_so_at_its_end(tmp_path: Path) -> None:
    """It is seen running again before it ends, so that a later abort by somebody is no abort by the restart."""
    server = FakeServer()
    server.add(12, queue_id=4, kind=Kind.PIPELINE)
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        await watched.passes(6)
        server.session = "start-2"
        await watched.passes(6)
    server.end(12, Result.ABORTED)
    async with watching(tmp_path, server) as again:
        await again.passes(6)
        assert [end.note for end in again.ends] == ["resumed after a restart of Jenkins ci"]


async def test_a_build_that_fell_out_of_the_list_is_read_by_itself(tmp_path: Path) -> None:
    """(J22) Only so many builds are listed; one of ours may run while many others come and go."""
    server = FakeServer(shown=3)
    running(server)
    for number in range(13, 20):
        server.add(number)
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        assert "build docker-prs#12" in await watched.passes(6)
        server.end(12, Result.FAILURE)
        await watched.passes(6)
        assert [end.result for end in watched.ends] == [Result.FAILURE]


GONE = "Jenkins ci has no job docker-prs any more: it was renamed, moved or deleted"


@pytest.mark.parametrize(
    ("left", "jobs", "note"),
    [
        pytest.param(Queued(JOB_REF, 4, "", cancelled=True), [JOB], "cancelled in the queue", id="cancelled"),
        pytest.param(Queued(JOB_REF, 4, "", gone=True), [JOB], "cancelled in the queue", id="J7-forgotten"),
        pytest.param(Queued(JOB_REF, 4, "", gone=True), [], GONE, id="its-job-was-deleted"),
    ],
)
async def test_what_became_of_an_item_that_left_for_no_build(
    tmp_path: Path, left: Queued, jobs: list[str], note: str
) -> None:
    server = FakeServer(jobs={job: {} for job in jobs}, left={4: left})
    async with watching(tmp_path, server) as watched:
        await watched.insert(WAITS)
        await watched.passes(30)
        assert [(end.number, end.note) for end in watched.ends] == [(0, note)]


async def test_an_item_whose_build_is_not_made_yet_is_waited_for(tmp_path: Path) -> None:
    """(J7) It left the queue, is not cancelled and has no build: no error, and no end."""
    server = FakeServer(jobs={JOB: {}}, left={4: Queued(JOB_REF, 4, "")})
    async with watching(tmp_path, server) as watched:
        await watched.insert(WAITS)
        await watched.passes(60)
        server.left[4] = Queued(JOB_REF, 4, "", build=BuildRef(JOB_REF, 12))
        await watched.passes(6)
        running(server)
        await watched.passes(6)
        assert [(start.number, start.ours) for start in watched.starts] == [(12, True)]
        assert watched.ends == []


async def test_a_job_that_is_renamed_while_its_build_waits_is_followed(tmp_path: Path) -> None:
    """Queue items keep their ids; the job's old address knows nobody any more."""
    server = FakeServer(jobs={JOB: {}}, waiting=[Queued(JobRef("ci", JOB), 4, "")])
    async with watching(tmp_path, server) as watched:
        await watched.insert(WAITS)
        await watched.passes(6)
        del server.jobs[JOB]
        server.waiting = [Queued(JobRef("ci", "pull-requests"), 4, "")]
        await watched.passes(6)
        server.waiting = []
        server.add(1, "pull-requests", queue_id=4)
        server.end(1, job="pull-requests")
        await watched.passes(6)
        assert [(end.job.full_name, end.number) for end in watched.ends] == [("pull-requests", 1)]


async def test_what_was_built_is_compared_with_what_was_asked_for(tmp_path: Path) -> None:
    """(J25) Of all that was checked out only the repository's own counts; its address may be written in many ways."""
    server = FakeServer()
    library = Checkout(("https://hub/acme/library.git",), ("1" * 40,))
    own = Checkout(("git@hub:Moby/moby.git",), (OTHER,))
    ended(server, checkouts=(library, own), cells=(Cell("ARCH=arm", "http://ci/c", Result.SUCCESS),))
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        await watched.passes(6)
        (end,) = watched.ends
        assert (end.built, end.sha) == (OTHER, SHA)
        assert [cell.name for cell in end.cells] == ["ARCH=arm"]


@pytest.mark.parametrize(
    "checkouts",
    [
        pytest.param((), id="nothing-known"),
        pytest.param((Checkout(("https://hub/acme/library",), (OTHER,)),), id="another-repository"),
        pytest.param((Checkout(("https://hub/moby/moby/",), (OTHER, SHA)),), id="merged-into-the-base"),
        pytest.param((Checkout((), (OTHER,)),), id="without-an-address"),
    ],
)
async def test_nothing_is_said_of_a_commit_that_is_right_or_not_known(
    tmp_path: Path, checkouts: tuple[Checkout, ...]
) -> None:
    server = FakeServer()
    ended(server, checkouts=checkouts)
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        await watched.passes(6)
        assert [end.built for end in watched.ends] == [""]


async def test_the_start_is_told_once_over_a_restart_of_ours(tmp_path: Path) -> None:
    server = FakeServer()
    running(server)
    async with watching(tmp_path, server) as watched:
        await watched.insert(WAITS)
        await watched.passes(6)
        assert [start.number for start in watched.starts] == [12]
    async with watching(tmp_path, server) as again:
        await again.passes(60)
        assert again.starts == []
        server.end(12)
        await again.passes(6)
        assert len(again.ends) == 1


async def test_one_economical_round(tmp_path: Path) -> None:
    """One queue request if something waits, one of each job however many of its builds are watched, one of agents."""
    server = FakeServer(waiting=[Queued(JOB_REF, 90, "")])
    async with watching(tmp_path, server) as watched:
        for number in range(1, 9):
            server.add(number)
            await watched.insert(replace(SEEN, request_id=f"r{number}", number=number, queue_id=number))
        server.add(1, "other")
        await watched.insert(replace(SEEN, request_id="o1", job="other", number=1, queue_id=1))
        await watched.insert(replace(WAITS, request_id="w", queue_id=90))
        await watched.passes(1)
        asked = await watched.passes(60)
    assert set(asked) == {"queue", "newest docker-prs", "newest other", "nodes"}
    assert 9 <= asked.count("queue") <= 16
    assert asked.count("newest docker-prs") == asked.count("newest other") == asked.count("queue")
    assert 1 <= asked.count("nodes") <= 3


async def test_a_server_without_anything_of_ours_is_asked_at_the_idle_pace(tmp_path: Path) -> None:
    server = FakeServer(jobs={JOB: {}, "moby/PR-7": {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        asked = await watched.passes(600)
    assert set(asked) == {"newest docker-prs", "branches moby", "nodes"}
    assert 15 <= asked.count("nodes") <= 21


async def test_many_jobs_of_one_project_are_read_together(tmp_path: Path) -> None:
    """Few are read one by one, as all branches of a large project are megabytes."""
    few, all_of_them = {f"newest moby/PR-{number}" for number in range(5, 9)}, {"branches moby"}
    server = FakeServer()
    async with watching(tmp_path, server) as watched:
        await watched.passes(1)
        for number in (5, 6, 7, 8, 9):
            server.add(1, f"moby/PR-{number}", queue_id=number)
            row = replace(SEEN, request_id=f"r{number}", job=f"moby/PR-{number}", number=1, queue_id=number)
            await watched.insert(row)
        assert set(await watched.passes(6)) == all_of_them
        server.end(1, job="moby/PR-9")
        await watched.passes(6)
        assert [end.job.full_name for end in watched.ends] == ["moby/PR-9"]
        assert set(await watched.passes(12)) - {"nodes"} == few


async def test_a_server_that_does_not_answer_is_asked_less_and_less(tmp_path: Path) -> None:
    """F21: up to half a minute between two rounds; the first answer brings the pace back."""
    server = FakeServer()
    running(server)
    server.troubles = {"newest": silent(), "nodes": silent()}
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        await watched.passes(300)
        asked = (await watched.passes(600)).count("newest docker-prs")
        assert 16 <= asked <= 28
        assert list(watched.watch.silent) == ["ci"]
        server.troubles.clear()
        server.end(12)
        await watched.passes(75)
        assert len(watched.ends) == 1
        assert watched.watch.silent == {}


async def test_what_goes_wrong_at_every_look_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And again when it has gone wrong anew."""
    server = FakeServer()
    running(server)
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        for _ in range(2):
            server.troubles = {"newest": silent()}
            await watched.passes(300)
            server.troubles.clear()
            await watched.passes(75)
    assert sum(record.getMessage().startswith("watching ci/docker-prs: ") for record in caplog.records) == 2


async def test_hints_hasten_the_look_and_never_make_a_storm(tmp_path: Path) -> None:
    """(J26) They are no more than hints: a hundred in a second are one round, and all of it is read."""
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(3)
        running(server)
        before = len(server.asked)
        for _ in range(20):
            for _ in range(100):
                watched.watch.hint("ci", "Docker-PRs", 12)
            await watched.passes(0.5)
        asked = server.asked[before:]
        assert 8 <= asked.count("newest docker-prs") <= 11
        assert set(asked) == {"newest docker-prs"}
        assert [(start.number, start.ours) for start in watched.starts] == [(12, False)]


async def asked_under_hints(watched: Watching, job: str, seconds: int) -> list[str]:
    """List what is asked while hints about a job come every second."""
    before = len(watched.server.asked)
    for _ in range(seconds):
        watched.watch.hint("ci", job, 3)
        await watched.passes(1)
    return watched.server.asked[before:]


async def test_hints_hasten_only_what_they_are_about(tmp_path: Path) -> None:
    server = FakeServer(jobs={JOB: {}, "busy": {}})
    running(server)
    server.add(3, "busy", queue_id=5)
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        await watched.insert(replace(SEEN, request_id="r2", job="busy", number=3, queue_id=5))
        await watched.passes(10)
        asked = await asked_under_hints(watched, "busy", 60)
        assert asked.count("newest docker-prs") <= 15
        assert asked.count("newest busy") >= 50
        assert (await asked_under_hints(watched, "somebody/elses", 60)).count("newest busy") <= 15


async def test_hints_do_not_hasten_the_looks_at_who_does_not_answer(tmp_path: Path) -> None:
    server = FakeServer(jobs={JOB: {}}, troubles={"": silent()})
    async with watching(tmp_path, server) as watched:
        await watched.insert(SEEN)
        await watched.passes(200)
        assert (await asked_under_hints(watched, JOB, 120)).count("newest docker-prs") <= 6
        server.troubles = {}
        running(server)
        ended(server)
        await watched.passes(80)
        assert len(watched.ends) == 1


async def test_a_hint_about_nothing_that_is_watched_asks_nothing(tmp_path: Path) -> None:
    server = FakeServer(jobs={JOB: {}})
    async with watching(tmp_path, server, watch_others=True) as watched:
        await watched.passes(3)
        watched.watch.hint("ci", "somebody/elses", 3)
        watched.watch.hint("nowhere", JOB, 3)
        assert await watched.passes(20) == []
