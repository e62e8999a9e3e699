"""Reading one Jenkins: its queue and builds, and stopping either."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.adapters.jenkins_builds import (
    BUILD_TREE,
    BUILDS_TREE,
    ITEM_TREE,
    QUEUE_TREE,
    Seen,
    has_all,
    read_build,
    read_builds,
    read_item,
    read_queue,
)
from bot.adapters.jenkins_facts import KnownJobs
from bot.adapters.jenkins_http import JenkinsHttp
from bot.adapters.jenkins_nodes import RUNNING_TREE, read_running
from bot.adapters.jenkins_wire import job_path
from bot.errors import Refused, UserError
from bot.ports import Queued
from bot.values import Build, BuildRef, JobRef

SeenAny = Seen[Queued] | Seen[Build]


class JenkinsReading:
    """What waits, runs and has ended at one Jenkins; its methods are those of `BuildServer`.

    Arguments:
        name: of the server in our configuration.
        jobs: what the jobs declare.
        sha: the name of the parameter that tells a job its commit; empty for none.
    """

    def __init__(self, http: JenkinsHttp, name: str, jobs: KnownJobs, sha: str) -> None:
        self._http = http
        self._name = name
        self._jobs = jobs
        self._sha = sha

    async def queued(self, job: JobRef, queue_id: int) -> Queued:
        """Read one queue item; Jenkins forgets it five minutes after it left, or at a restart."""
        path, doing = f"queue/item/{queue_id}/", f"reading queue item {queue_id}"
        item = await self._http.read(
            f"{path}api/json", ITEM_TREE, doing, lambda raw: read_item(raw, job, self._http.root)
        )
        return item or Queued(job, queue_id, url=self._http.root + path, gone=True)

    async def came_of(self, job: JobRef, queue_id: int) -> Build | None:
        """Look through the newest builds of a job for the one that a queue item became."""
        for seen in await self.builds(job, f"looking for a build of {job}") or ():
            if seen.queue_id == queue_id:
                return await self.with_log(seen.what)
        return None

    async def build(self, ref: BuildRef) -> Build | None:
        """Read one build; it is finished when its result is final and its log complete."""
        path, doing = f"{job_path(ref.job.full_name)}{ref.number}/api/json", f"reading {ref}"
        build = await self._http.read(path, BUILD_TREE, doing, lambda raw: read_build(raw, ref, self._http.root))
        return None if build is None else await self.with_log(build)

    async def live(self, job: JobRef, match: Mapping[str, str]) -> Queued | Build | None:
        """Look for a queued or running build of a job; what waits comes before what runs."""
        doing = f"looking for a running build of {job}"
        declared = await self._declared(job, match, doing)
        if declared is None:
            return None
        for seen in await self.all_of(job, doing):
            is_over = isinstance(seen.what, Build) and seen.what.finished
            if not is_over and has_all(seen.what, declared):
                return seen.what
        return None

    async def latest(self, job: JobRef, match: Mapping[str, str]) -> Build | None:
        """Find the newest build of a job with all these parameters."""
        doing = f"reading the builds of {job}"
        declared = await self._declared(job, match, doing)
        if declared is None:
            return None
        for seen in await self.builds(job, doing) or ():
            if has_all(seen.what, declared):
                return await self.with_log(seen.what)
        return None

    async def queue(self) -> Sequence[Queued]:
        """List everything that waits and has a job's name."""
        return [seen.what for seen in await self._waiting("reading the queue")]

    async def running(self) -> Sequence[Build]:
        """List every build that an executor works on, Pipelines in their one-off executors too."""
        return await self._http.read_always(
            "computer/api/json",
            RUNNING_TREE,
            "reading what runs",
            lambda raw: read_running(raw, self._name, self._http.root),
        )

    async def cancel_queued(self, queue_id: int) -> bool:
        """Take an item out of the queue; Jenkins answers 500 if it has just started, 404 if it left long ago."""
        doing = f"cancelling queue item {queue_id}"
        answer = await self._http.post(f"queue/cancelItem?id={queue_id}", {}, doing)
        if answer.status == 422:
            raise Refused(self._http.peer, f"we may not cancel ({doing})")
        if answer.status not in (200, 204, 404, 500):
            raise self._http.fault(answer, "queue/cancelItem", doing)
        return answer.status in (200, 204)

    async def stop(self, ref: BuildRef) -> None:
        """Ask a running build to stop; Jenkins answers the same when there was nothing to stop."""
        path, doing = f"{job_path(ref.job.full_name)}{ref.number}/stop", f"stopping {ref}"
        answer = await self._http.post(path, {}, doing)
        if answer.status == 404:
            raise UserError(f"{self._http.peer} has no build {ref}, or hides it from us")
        if answer.status not in (200, 204, 302, 303):
            raise self._http.fault(answer, path, doing)

    async def with_log(self, build: Build) -> Build:
        """Take back `finished` while the log is open: its last lines, the verdict among them, come late."""
        if not build.finished:
            return build
        path, doing = (
            f"{job_path(build.ref.job.full_name)}{build.ref.number}/logText/progressiveText",
            f"reading {build.ref}",
        )
        # From 0, as a start beyond the end sends everything too; only the head of the answer is read.
        answer = await self._http.look(f"{path}?start=0", doing)
        if answer.status not in (200, 404):
            raise self._http.fault(answer, path, doing)
        # The log of a deleted build claims to grow for ever, with a size of 0.
        is_open = answer.headers.get("X-More-Data") == "true" and answer.headers.get("X-Text-Size") != "0"
        return replace(build, finished=not is_open)

    async def all_of(self, job: JobRef, doing: str) -> list[SeenAny]:
        """Read what waits of a job, then its newest builds: what moves on meanwhile is seen twice, not never."""
        waiting = [each for each in await self._waiting(doing) if _same(each.what.job, job)]
        builds = await self.builds(job, doing)
        if builds is None:
            self._jobs.forget(job)
            raise self._http.hidden(doing)
        begun = {each.queue_id for each in builds}
        return [
            *(replace(each, what=replace(each.what, job=job)) for each in waiting if each.queue_id not in begun),
            *builds,
        ]

    async def builds(self, job: JobRef, doing: str) -> list[Seen[Build]] | None:
        """Read the newest builds of a job; None when there is no such job for us."""
        path = f"{job_path(job.full_name)}api/json"
        return await self._http.read(path, BUILDS_TREE, doing, lambda raw: read_builds(raw, job, self._http.root))

    async def _waiting(self, doing: str) -> list[Seen[Queued]]:
        return await self._http.read_always(
            "queue/api/json", QUEUE_TREE, doing, lambda raw: read_queue(raw, self._name, self._http.root)
        )

    async def _declared(self, job: JobRef, match: Mapping[str, str], doing: str) -> Mapping[str, str] | None:
        """Keep of what tells a build apart what the job declares; None if its commit is not among that."""
        facts = await self._jobs.facts(job, doing)
        if facts is None or (self._sha in match and self._sha not in facts.definitions):
            return None
        return {name: value for name, value in match.items() if name in facts.definitions}


def _same(one: JobRef, other: JobRef) -> bool:
    return one.full_name.casefold() == other.full_name.casefold()  # as Jenkins compares names
