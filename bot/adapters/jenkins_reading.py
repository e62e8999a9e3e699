"""Reading one Jenkins: its queue and builds, and stopping either."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bot.adapters.jenkins_builds import (
    BRANCHES_TREE,
    BUILD_TREE,
    BUILDS_BY_COMMIT_TREE,
    BUILDS_TREE,
    ITEM_TREE,
    POLLED_BUILDS,
    QUEUE_TREE,
    Seen,
    has_all,
    has_reached,
    has_taken,
    how_many,
    newest_tree,
    read_branches,
    read_build,
    read_builds,
    read_item,
    read_newest,
    read_queue,
)
from bot.adapters.jenkins_facts import KnownJobs
from bot.adapters.jenkins_http import JenkinsHttp, TooLarge
from bot.adapters.jenkins_logs import JenkinsLogs, LogState
from bot.adapters.jenkins_nodes import RUNNING_TREE, read_running
from bot.adapters.jenkins_reports import (
    COUNTS_TREE,
    MAX_DETAILS,
    MAX_REPORT_BYTES,
    REPORT_TREE,
    read_counts,
    read_report,
    read_stages,
)
from bot.adapters.jenkins_wire import job_path, number_of, one_line
from bot.errors import Refused, UserError
from bot.ports import Newest, Queued
from bot.values import Build, BuildRef, JobRef, Node, PipelineStage, Stop, TestReport

STEADY = timedelta(
    seconds=3
)  # what a clock may seem to be off by, as `Date` tells whole seconds and an answer takes time
SeenAny = Seen[Queued] | Seen[Build]
What = TypeVar("What", bound=Queued | Build)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What tells a build apart: its parameters, and the commit if its job does not declare that as one of them."""

    parameters: Mapping[str, str]
    commit: str = ""

    def is_met_by(self, what: Queued | Build) -> bool:
        """Tell whether this is such a build; what waits will check out the newest commit, whichever that is."""
        took = not self.commit or isinstance(what, Queued) or has_taken(what, self.commit)
        return took and has_all(what, self.parameters)


class JenkinsReading:
    """What of a `BuildServer` is about what waits, runs and has ended; `Jenkins` is this and the rest.

    Arguments:
        name: of the server in our configuration.
        jobs: what the jobs declare.
        sha: the name of the parameter that tells a job its commit; empty for none.
    """

    def __init__(self, http: JenkinsHttp, name: str, jobs: KnownJobs, logs: JenkinsLogs, sha: str) -> None:
        self._http = http
        self.name = name
        self._jobs = jobs
        self._logs = logs
        self._sha = sha
        self._ahead = timedelta()

    async def queued(self, job: JobRef, queue_id: int) -> Queued:
        """Read one queue item; Jenkins forgets it five minutes after it left, or at a restart."""
        path, doing = f"queue/item/{queue_id}/", f"reading queue item {queue_id}"
        item = await self._http.read(
            f"{path}api/json", ITEM_TREE, doing, lambda raw: read_item(raw, job, self._http.root)
        )
        return self._in_our_time(item) if item else Queued(job, queue_id, url=self._http.root + path, gone=True)

    async def came_of(self, job: JobRef, queue_id: int) -> Build | None:
        """Look through the newest builds of a job for the one that a queue item became."""
        for seen in await self._builds(job, f"looking for a build of {job}") or ():
            if seen.queue_id == queue_id:
                return await self.build(seen.what.ref)
        return None

    async def build(self, ref: BuildRef) -> Build | None:
        """Read one build; it is finished when its result is final and its log complete."""
        path, doing = f"{_path(ref)}api/json", f"reading {ref}"
        build = await self._http.read(path, BUILD_TREE, doing, lambda raw: read_build(raw, ref, self._http.root))
        return None if build is None else self._in_our_time(await self._with_log(build))

    async def live(self, job: JobRef, match: Mapping[str, str], commit: str = "") -> Queued | Build | None:
        """Look for a queued or running build of a job; what waits comes before what runs."""
        doing = f"looking for a running build of {job}"
        wanted = await self._wanted(job, match, commit, doing)
        for seen in await self.all_of(job, doing, by_commit=bool(wanted.commit)) if wanted else ():
            what = seen.what
            if not wanted or not wanted.is_met_by(what):
                continue
            if isinstance(what, Queued):
                return self._in_our_time(what)
            if not what.finished and (build := await self.build(what.ref)) and not build.finished:
                return build
        return None

    async def latest(self, job: JobRef, match: Mapping[str, str], commit: str = "") -> Build | None:
        """Find the newest build of a job with all these parameters, or of this commit."""
        doing = f"reading the builds of {job}"
        wanted = await self._wanted(job, match, commit, doing)
        if wanted is None:
            return None
        for seen in await self._builds(job, doing, by_commit=bool(wanted.commit)) or ():
            if wanted.is_met_by(seen.what) and (build := await self.build(seen.what.ref)):
                return build
        return None

    async def newest(self, job: JobRef, *, since: int = 0, until: int = 0) -> Newest | None:
        """Read the newest builds of a job, without their cells and checkouts, which only one build itself tells."""
        at_most = how_many(since, until)
        found = await self._newest(job, at_most)
        if found and at_most < POLLED_BUILDS and not has_reached(found, since, at_most):
            found = await self._newest(job, POLLED_BUILDS)
        return self._newest_in_our_time(found) if found else None

    async def _newest(self, job: JobRef, at_most: int) -> Newest | None:
        return await self._http.read(
            f"{job_path(job.full_name)}api/json",
            newest_tree(at_most),
            f"reading the builds of {job}",
            lambda raw: read_newest(raw, job, self._http.root),
        )

    async def branches(self, project: JobRef) -> Mapping[JobRef, Newest] | None:
        """Read the newest builds of all jobs of a multibranch project.

        Raises:
            UserError: it is a job that holds no others.
        """

        def read(raw: Mapping[str, Any]) -> Mapping[JobRef, Newest]:
            if "_class" in raw and "jobs" not in raw:  # it answers, and waiting for it would be for ever
                raise UserError(
                    f"{project} on {self._http.peer} is no multibranch project; its context must have no branch"
                )
            return read_branches(raw, project, self._http.root)

        doing = f"reading the branches of {project}"
        found = await self._http.read(f"{job_path(project.full_name)}api/json", BRANCHES_TREE, doing, read)
        return None if found is None else {job: self._newest_in_our_time(newest) for job, newest in found.items()}

    async def tests(self, ref: BuildRef) -> TestReport | None:
        """Read the test report of a build; of one that is too large to be read, how many failed."""
        doing = f"reading the tests of {ref}"
        try:
            return await self._http.read(
                f"{_path(ref)}testReport/api/json",
                REPORT_TREE,
                doing,
                lambda raw: read_report(raw, ref.number),
                MAX_REPORT_BYTES,
            )
        except TooLarge:
            return await self._http.read(f"{_path(ref)}api/json", COUNTS_TREE, doing, read_counts)

    async def stages(self, ref: BuildRef) -> Sequence[PipelineStage] | None:
        """Read the stages of a Pipeline build; None where the stage view plugin does not tell any."""
        return await self._http.read(f"{_path(ref)}wfapi/describe", "", f"reading the stages of {ref}", read_stages)

    async def queue(self) -> Sequence[Queued]:
        """List everything that waits and has a job's name."""
        return [self._in_our_time(seen.what) for seen in await self._waiting("reading the queue")]

    async def running(self) -> Sequence[Build]:
        """List every build that an executor works on, Pipelines in their one-off executors too."""
        running = await self._http.read_always(
            "computer/api/json",
            RUNNING_TREE,
            "reading what runs",
            lambda raw: read_running(raw, self.name, self._http.root),
        )
        return [self._in_our_time(build) for build in running]

    async def quieting(self) -> str | None:
        """Tell whether it is about to shut down: what is triggered then waits and never starts."""
        reasons: list[str] = await self._http.read_always(
            "api/json",
            "quietingDown,quietDownReason",
            "asking whether it is about to shut down",
            lambda raw: [one_line(raw.get("quietDownReason"), MAX_DETAILS)] if raw.get("quietingDown") is True else [],
        )
        return reasons[0] if reasons else None

    async def cancel_queued(self, queue_id: int) -> bool:
        """Take an item out of the queue; Jenkins answers 500 if it has just started, 404 if it left long ago."""
        doing = f"cancelling queue item {queue_id}"
        answer = await self._http.post(f"queue/cancelItem?id={queue_id}", {}, doing)
        if answer.status in (302, 303):
            return await self._was_cancelled(queue_id, doing)
        if answer.status == 422:
            raise self._may_not_cancel(doing)
        if answer.status not in (200, 204, 404, 500):
            raise self._http.fault(answer, "queue/cancelItem", doing)
        return answer.status in (200, 204)

    async def _was_cancelled(self, queue_id: int, doing: str) -> bool:
        """Read what came of a cancel: before 2.211 it is answered with the same redirect always [doCancelItem]."""
        path = f"queue/item/{queue_id}/api/json"
        item = await self._http.read(path, "id,cancelled,pending", doing, dict)
        if (
            item is not None and "cancelled" not in item and item.get("pending") is not True
        ):  # only what has left tells the first
            raise self._may_not_cancel(doing)
        return item is not None and item.get("cancelled") is True

    def _may_not_cancel(self, doing: str) -> Refused:
        return Refused(self._http.peer, f"we may not cancel ({doing})")

    async def stop(self, ref: BuildRef, how: Stop = Stop.ASK) -> None:
        """Ask a running build to stop; Jenkins redirects in the same way when there was nothing to stop."""
        path, doing = f"{_path(ref)}{how.value}", f"stopping {ref}"
        answer = await self._http.post(path, {}, doing)
        if answer.status == 404:
            if how is not Stop.ASK:
                found = await self._http.read(f"{_path(ref)}api/json", "number", doing, number_of)
                if found:  # only Pipelines have `term` and `kill` [WorkflowRun]
                    raise UserError(f"{ref} cannot be stopped so hard: it is no Pipeline")
            raise UserError(f"{self._http.peer} has no build {ref}, or hides it from us")
        if answer.status not in (200, 204, 302, 303):
            raise self._http.fault(answer, path, doing)

    async def settled(self, what: Queued | Build) -> Queued | Build:
        """Tell a build that was found in a list as it would be told by itself."""
        return self._in_our_time(await self._with_log(what) if isinstance(what, Build) else what)

    async def _with_log(self, build: Build) -> Build:
        """Take back `finished` while the log is open: its last lines, the verdict among them, come late."""
        if not build.finished:
            return build
        state = await self._logs.state(build.ref, f"reading {build.ref}")
        return replace(build, finished=state is not LogState.OPEN)

    async def all_of(self, job: JobRef, doing: str, *, by_commit: bool = False) -> list[SeenAny]:
        """Read what waits of a job, then its newest builds: what moves on meanwhile is seen twice, not never."""
        waiting = [each for each in await self._waiting(doing) if _same(each.what.job, job) and not each.is_cell]
        builds = await self._builds(job, doing, by_commit=by_commit)
        if builds is None:
            self._jobs.forget(job)
            raise self._http.hidden(doing)
        begun = {each.queue_id for each in builds}
        return [
            *(replace(each, what=replace(each.what, job=job)) for each in waiting if each.queue_id not in begun),
            *builds,
        ]

    async def _builds(self, job: JobRef, doing: str, *, by_commit: bool = False) -> list[Seen[Build]] | None:
        """Read the newest builds of a job, by the controller's clock; None when there is no such job for us."""
        path, tree = f"{job_path(job.full_name)}api/json", BUILDS_BY_COMMIT_TREE if by_commit else BUILDS_TREE
        return await self._http.read(path, tree, doing, lambda raw: read_builds(raw, job, self._http.root))

    def _in_our_time(self, what: What) -> What:
        """Tell times by our clock where the controller's is off, so that ages come out right.

        How far it is off is known to some seconds only, so it is kept until it surely changed: a time told twice is
        the same both times.
        """
        if abs(self._http.skew - self._ahead) > STEADY:
            self._ahead = timedelta(seconds=round(self._http.skew.total_seconds()))
        if isinstance(what, Queued):
            return replace(what, since=_before(what.since, self._ahead))
        cells = tuple(replace(cell, started_at=_before(cell.started_at, self._ahead)) for cell in what.cells)
        return replace(what, started_at=_before(what.started_at, self._ahead), cells=cells)

    def _node_in_our_time(self, node: Node) -> Node:
        return replace(node, running=tuple(self._in_our_time(build) for build in node.running))

    def _newest_in_our_time(self, newest: Newest) -> Newest:
        return replace(newest, builds=[self._in_our_time(build) for build in newest.builds])

    async def _waiting(self, doing: str) -> list[Seen[Queued]]:
        return await self._http.read_always(
            "queue/api/json", QUEUE_TREE, doing, lambda raw: read_queue(raw, self.name, self._http.root)
        )

    async def _wanted(self, job: JobRef, match: Mapping[str, str], commit: str, doing: str) -> _Wanted | None:
        """Keep of what tells a build apart what the job declares; None if nothing would tell its commit."""
        facts = await self._jobs.facts(job, doing)
        if facts is None:
            return None
        declared = {name: value for name, value in match.items() if name in facts.definitions}
        if self._sha in facts.definitions:
            return _Wanted(declared)
        return _Wanted(declared, commit) if commit or self._sha not in match else None


def _path(ref: BuildRef) -> str:
    return f"{job_path(ref.job.full_name)}{ref.number}/"


def _before(at: datetime | None, ahead: timedelta) -> datetime | None:
    try:
        return at - ahead if at and ahead else at
    except OverflowError:
        return None


def _same(one: JobRef, other: JobRef) -> bool:
    return one.full_name.casefold() == other.full_name.casefold()  # as Jenkins compares names
