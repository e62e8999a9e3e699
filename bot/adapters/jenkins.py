"""One Jenkins as a build server: what to ask it, and what its answers mean for builds."""

from asyncio import timeout
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from bot.adapters import jenkins_wire as wire
from bot.adapters.jenkins_http import MOVED, Answer, JenkinsHttp
from bot.adapters.jenkins_wire import JobFacts, Seen
from bot.clock import Clock
from bot.errors import Refused, Unavailable, Unsure, UserError
from bot.ports import Order, Queued
from bot.settings import JenkinsSettings
from bot.values import Build, BuildRef, JobRef

FACTS_LAST_S = 60.0
T = TypeVar("T")
SeenAny = Seen[Queued] | Seen[Build]


@dataclass(frozen=True, slots=True)
class _Known:
    facts: JobFacts
    at_s: float
    session: str


class Jenkins:
    """A Jenkins controller, spoken to over HTTP."""

    def __init__(self, name: str, settings: JenkinsSettings, token: str, clock: Clock) -> None:
        self.name = name
        self.deadline_s = settings.timeout_s
        self._root = settings.url.rstrip("/") + "/"
        self._user = settings.user.casefold()
        self._mark = settings.parameters.request_id
        self._sha = settings.parameters.sha
        self._added = frozenset(getattr(settings.parameters, name) for name in settings.parameters.__struct_fields__)
        self._clock = clock
        self._http = JenkinsHttp(name, self._root, settings.user, token, settings.timeout_s, clock)
        self._known: dict[str, _Known] = {}

    @property
    def peer(self) -> str:
        """How people know it: `Jenkins ci`."""
        return self._http.peer

    @property
    def session(self) -> str:
        """Which start of the controller answered last."""
        return self._http.session

    def link(self, job: JobRef) -> str:
        """Tell where people look at a job."""
        return self._root + wire.job_path(job.full_name)

    async def trigger(self, order: Order) -> Queued:
        """Start a build by one POST, sent no later than the deadline of the whole call."""
        doing = f"starting {order.job}"
        try:
            async with timeout(self.deadline_s):
                return await self._start(order, doing)
        except TimeoutError as error:
            raise Unavailable(self.peer, doing) from error

    async def takes(self, order: Order) -> None:
        """See that a job would take these parameters, by reading what it declares."""
        doing = f"reading {order.job}"
        try:
            async with timeout(self.deadline_s):
                await self._chosen(order, doing)
        except TimeoutError as error:
            raise Unavailable(self.peer, doing) from error

    async def find(self, order: Order, since: datetime) -> Queued | Build | None:
        """Look for the build that an order has started, by its mark or else by everything that tells it."""
        doing = f"looking for a build of {order.job}"
        facts = await self._facts(order.job, doing)
        if facts is None:
            raise self._hidden(doing)  # it was there when the order was sent, and its builds may be
        # What left the queue during the first look, or had just left it and was no build yet, is seen by the second.
        for _ in range(2):
            seen = await self._all_of(order.job, doing)
            if self._mark in facts.definitions:
                found = self._marked(order, seen)
            else:
                found = self._unmarked(order, facts, since, seen)
            if found is not None:
                return await self._with_log(found.what) if isinstance(found.what, Build) else found.what
        return None

    async def live(self, job: JobRef, match: Mapping[str, str]) -> Queued | Build | None:
        """Look for a queued or running build of a job; what waits comes before what runs."""
        doing = f"looking for a running build of {job}"
        declared = await self._declared(job, match, doing)
        if declared is None:
            return None
        for seen in await self._all_of(job, doing):
            is_over = isinstance(seen.what, Build) and seen.what.finished
            if not is_over and wire.has_all(seen.what, declared):
                return seen.what
        return None

    async def queued(self, job: JobRef, queue_id: int) -> Queued:
        """Read one queue item; Jenkins forgets it five minutes after it left, or at a restart."""
        path, doing = f"queue/item/{queue_id}/", f"reading queue item {queue_id}"
        item = await self._read(
            f"{path}api/json", wire.ITEM_TREE, doing, lambda raw: wire.read_item(raw, job, self._root)
        )
        return item or Queued(job, queue_id, url=self._root + path, gone=True)

    async def came_of(self, job: JobRef, queue_id: int) -> Build | None:
        """Look through the newest builds of a job for the one that a queue item became."""
        for seen in await self._builds(job, f"looking for a build of {job}") or ():
            if seen.queue_id == queue_id:
                return await self._with_log(seen.what)
        return None

    async def build(self, ref: BuildRef) -> Build | None:
        """Read one build; it is finished when its result is final and its log complete."""
        path, doing = f"{wire.job_path(ref.job.full_name)}{ref.number}/api/json", f"reading {ref}"
        build = await self._read(path, wire.BUILD_TREE, doing, lambda raw: wire.read_build(raw, ref, self._root))
        return None if build is None else await self._with_log(build)

    async def latest(self, job: JobRef, match: Mapping[str, str]) -> Build | None:
        """Find the newest build of a job with all these parameters."""
        doing = f"reading the builds of {job}"
        declared = await self._declared(job, match, doing)
        if declared is None:
            return None
        for seen in await self._builds(job, doing) or ():
            if wire.has_all(seen.what, declared):
                return await self._with_log(seen.what)
        return None

    async def queue(self) -> Sequence[Queued]:
        """List everything that waits and has a job's name."""
        return [seen.what for seen in await self._waiting("reading the queue")]

    async def running(self) -> Sequence[Build]:
        """List every build that an executor works on, Pipelines in their one-off executors too."""
        return await self._read_always(
            "computer/api/json",
            wire.NODES_TREE,
            "reading what runs",
            lambda raw: wire.read_running(raw, self.name, self._root),
        )

    async def cancel_queued(self, queue_id: int) -> bool:
        """Take an item out of the queue; Jenkins answers 500 if it has just started, 404 if it left long ago."""
        doing = f"cancelling queue item {queue_id}"
        answer = await self._http.post(f"queue/cancelItem?id={queue_id}", {}, doing)
        if answer.status == 422:
            raise Refused(self.peer, f"we may not cancel ({doing})")
        if answer.status not in (200, 204, 404, 500):
            raise self._http.fault(answer, "queue/cancelItem", doing)
        return answer.status in (200, 204)

    async def stop(self, ref: BuildRef) -> None:
        """Ask a running build to stop; Jenkins answers the same when there was nothing to stop."""
        path, doing = f"{wire.job_path(ref.job.full_name)}{ref.number}/stop", f"stopping {ref}"
        answer = await self._http.post(path, {}, doing)
        if answer.status == 404:
            raise UserError(f"{self.peer} has no build {ref}, or hides it from us")
        if answer.status not in (200, 204, 302, 303):
            raise self._http.fault(answer, path, doing)

    def complaints(self, job: JobRef) -> tuple[str, ...]:
        """Tell what is amiss with a job that can be built all the same, as far as it was read before."""
        known = self._known.get(job.full_name.casefold())
        if known is None or not self._mark or self._mark in known.facts.definitions:
            return ()
        return (
            f"job {job} does not declare {self._mark}; if an answer of {self.peer} is lost, "
            f"its build can only be found again by its pull, commit, user and time",
        )

    async def check(self, jobs: Sequence[JobRef]) -> Sequence[str]:
        """Tell what is wrong with the connection, the rights or these jobs."""
        problems: list[str] = []
        try:
            if await self._read_always(
                "api/json", "quietingDown", "checking", lambda raw: raw.get("quietingDown") is True
            ):
                problems.append(f"{self.peer} is about to shut down: it takes builds into its queue and starts none")
            for job in jobs:
                problems += await self._check_job(job)
        except (Unavailable, Refused) as error:
            problems.append(str(error))  # the rest would end alike
        return problems

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _check_job(self, job: JobRef) -> Sequence[str]:
        try:
            facts = await self._facts(job, f"checking {job}")
        except (UserError, Refused) as error:
            return [str(error)]
        if facts is None:
            return [self._no_job(job)]
        return [*([] if facts.buildable else [f"job {job} is disabled"]), *self.complaints(job)]

    async def _chosen(self, order: Order, doing: str) -> tuple[JobFacts, dict[str, str]]:
        """Tell what a job declares, and what of an order is sent to it."""
        facts = await self._facts(order.job, doing)
        if facts is None:
            raise UserError(self._no_job(order.job))
        wanted = {**order.parameters, self._mark: order.request_id}
        try:
            return facts, wire.choose_parameters(order.job, facts, wanted, self._added)
        except UserError:
            # Somebody may have mended the job since we read it: what is refused is refused on fresh facts only.
            self._known.pop(order.job.full_name.casefold(), None)
            facts = await self._facts(order.job, doing) or facts
            return facts, wire.choose_parameters(order.job, facts, wanted, self._added)

    async def _start(self, order: Order, doing: str) -> Queued:
        facts, chosen = await self._chosen(order, doing)
        path = wire.job_path(order.job.full_name) + ("buildWithParameters" if facts.takes_parameters else "build")
        answer = await self._http.post(path, chosen, doing)
        queue_id = self._accepted(answer, order.job, path, doing)
        return Queued(order.job, queue_id, url=f"{self._root}queue/item/{queue_id}/", parameters=chosen)

    def _accepted(self, answer: Answer, job: JobRef, path: str, doing: str) -> int:
        """Take the queue id out of the answer to a trigger; only 201, or 303 for a folded one, means success."""
        queue_id = wire.read_item_id(answer.headers.get("Location"))
        if answer.status in (201, 303) and queue_id is not None:
            return queue_id
        if answer.status == 201:
            raise Unavailable(self.peer, f"{doing}: it does not tell the queue item")
        self._known.pop(job.full_name.casefold(), None)  # it is not as we thought
        if answer.status == 404:
            raise UserError(self._no_job(job))
        if answer.status == 409:
            raise UserError(f"{job} cannot be built on {self.peer}: it is disabled")
        if answer.status == 400:
            raise UserError(f"{self.peer} does not take these parameters for {job}; nothing was queued")
        if answer.status in MOVED:
            raise Refused(self.peer, f"it queued nothing for {job}: a plugin may have vetoed it")
        if answer.status == 500:
            raise Refused(self.peer, f"it failed at {doing} (500), which its own log explains")
        raise self._http.fault(answer, path, doing)

    def _marked(self, order: Order, seen: Sequence[SeenAny]) -> SeenAny | None:
        """Choose by our mark; a build that somebody repeated carries it too, and the first is ours."""
        marked = [each for each in seen if each.what.parameters.get(self._mark) == order.request_id]
        return min(marked, key=lambda each: each.queue_id or 0, default=None)

    def _unmarked(self, order: Order, facts: JobFacts, since: datetime, seen: Sequence[SeenAny]) -> SeenAny | None:
        """Choose by parameters, user and time; what cannot be told apart is a person's to look at."""
        match = wire.told_again(facts, order.match)
        earliest = since + self._http.skew  # their clock need not be ours
        fitting = [each for each in seen if wire.fits(each.what, match) and (each.at is None or each.at >= earliest)]
        ours = [each for each in fitting if each.users is None or self._user in each.users]
        if not ours:
            return None
        if len(ours) > 1 or ours[0].users is None:
            raise Unsure(f"a build of {order.job}", self.link(order.job))
        return ours[0]

    async def _all_of(self, job: JobRef, doing: str) -> list[SeenAny]:
        """Read what waits of a job, then its newest builds: what moves on meanwhile is seen twice, not never."""
        waiting = [each for each in await self._waiting(doing) if _same(each.what.job, job)]
        builds = await self._builds(job, doing)
        if builds is None:
            self._known.pop(job.full_name.casefold(), None)
            raise self._hidden(doing)
        begun = {each.queue_id for each in builds}
        return [
            *(replace(each, what=replace(each.what, job=job)) for each in waiting if each.queue_id not in begun),
            *builds,
        ]

    async def _declared(self, job: JobRef, match: Mapping[str, str], doing: str) -> Mapping[str, str] | None:
        """Keep of what tells a build apart what the job declares; None if its commit is not among that."""
        facts = await self._facts(job, doing)
        if facts is None or (self._sha in match and self._sha not in facts.definitions):
            return None
        return {name: value for name, value in match.items() if name in facts.definitions}

    async def _waiting(self, doing: str) -> list[Seen[Queued]]:
        return await self._read_always(
            "queue/api/json", wire.QUEUE_TREE, doing, lambda raw: wire.read_queue(raw, self.name, self._root)
        )

    async def _builds(self, job: JobRef, doing: str) -> list[Seen[Build]] | None:
        """Read the newest builds of a job; None when there is no such job for us."""
        path = f"{wire.job_path(job.full_name)}api/json"
        return await self._read(path, wire.BUILDS_TREE, doing, lambda raw: wire.read_builds(raw, job, self._root))

    async def _facts(self, job: JobRef, doing: str) -> JobFacts | None:
        """Read what a job declares, at most once a minute; None when there is no such job for us."""
        key = job.full_name.casefold()
        known = self._known.get(key)
        if known and known.session == self._http.session and self._clock.monotonic_s() - known.at_s < FACTS_LAST_S:
            return known.facts
        facts = await self._read(f"{wire.job_path(job.full_name)}api/json", wire.JOB_TREE, doing, wire.read_job)
        if facts is None:
            return None
        self._known[key] = _Known(facts, self._clock.monotonic_s(), self._http.session)
        return facts

    async def _with_log(self, build: Build) -> Build:
        """Take back `finished` while the log is open: its last lines, the verdict among them, come late."""
        if not build.finished:
            return build
        path, doing = (
            f"{wire.job_path(build.ref.job.full_name)}{build.ref.number}/logText/progressiveText",
            f"reading {build.ref}",
        )
        # From 0, as a start beyond the end sends everything too; only the head of the answer is read.
        answer = await self._http.look(f"{path}?start=0", doing)
        if answer.status not in (200, 404):
            raise self._http.fault(answer, path, doing)
        # The log of a deleted build claims to grow for ever, with a size of 0.
        is_open = answer.headers.get("X-More-Data") == "true" and answer.headers.get("X-Text-Size") != "0"
        return replace(build, finished=not is_open)

    async def _read(self, path: str, tree: str, doing: str, read: Callable[[dict[str, Any]], T]) -> T | None:
        """Ask, and read the answer; None when there is no such thing for us."""
        answer = await self._http.get(path, tree, doing)
        if answer is None:
            return None
        try:
            return read(wire.read_object(answer.body))
        except wire.Unreadable:
            pass  # raised below, as an error that came of this one would keep the whole answer, taken apart, in memory
        raise Unavailable(self.peer, f"{doing}: it answered something unreadable")

    async def _read_always(self, path: str, tree: str, doing: str, read: Callable[[dict[str, Any]], T]) -> T:
        """Read what every Jenkins has, so that its absence is never an answer."""
        found = await self._read(path, tree, doing, read)
        if found is None:
            raise self._hidden(doing)
        return found

    def _hidden(self, doing: str) -> Unavailable:
        return Unavailable(self.peer, f"{doing}: what must be there is gone, or hidden from us")

    def _no_job(self, job: JobRef) -> str:
        return f"there is no job {job} on {self.peer}, or it is hidden from us"


def _same(one: JobRef, other: JobRef) -> bool:
    return one.full_name.casefold() == other.full_name.casefold()  # as Jenkins compares names
