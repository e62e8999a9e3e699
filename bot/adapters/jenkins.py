"""One Jenkins as a build server: what to ask it, and what its answers mean for builds."""

from asyncio import timeout
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from bot.adapters.jenkins_agents import JenkinsAgents
from bot.adapters.jenkins_builds import fits
from bot.adapters.jenkins_facts import KnownJobs
from bot.adapters.jenkins_http import MOVED, Answer, JenkinsHttp
from bot.adapters.jenkins_jobs import JobFacts, choose_parameters, told_again
from bot.adapters.jenkins_library import JenkinsLibrary
from bot.adapters.jenkins_logs import JenkinsLogs
from bot.adapters.jenkins_reading import JenkinsReading, SeenAny
from bot.adapters.jenkins_wire import job_path, read_item_id
from bot.clock import Clock
from bot.errors import Refused, Unavailable, Unsure, UserError
from bot.ports import Order, Queued
from bot.settings import JenkinsSettings
from bot.values import Build, BuildRef, JobRef, Node, NodeRef


class Jenkins(JenkinsReading):
    """A Jenkins controller, spoken to over HTTP."""

    def __init__(self, name: str, settings: JenkinsSettings, token: str, clock: Clock) -> None:
        self.deadline_s = settings.timeout_s
        self._root = settings.url.rstrip("/") + "/"
        self._user = settings.user.casefold()
        self._mark = settings.parameters.request_id
        self._added = frozenset(getattr(settings.parameters, name) for name in settings.parameters.__struct_fields__)
        ca_file = settings.ca_file
        http = JenkinsHttp(name, self._root, settings.user, token, settings.timeout_s, clock, ca_file)
        self._library = JenkinsLibrary(http, settings.user, token, ca_file)
        self._agents = JenkinsAgents(http, name, settings.tags)
        jobs = KnownJobs(http, self._library, clock)
        super().__init__(http, name, jobs, JenkinsLogs(http), settings.parameters.sha)

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
        return self._root + job_path(job.full_name)

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
        facts = await self._jobs.facts(order.job, doing)
        if facts is None:
            raise self._http.hidden(doing)  # it was there when the order was sent, and its builds may be
        # What left the queue during the first look, or had just left it and was no build yet, is seen by the second.
        for _ in range(2):
            seen = await self._all_of(order.job, doing)
            if self._mark in facts.definitions:
                found = self._marked(order, seen)
            else:
                found = self._unmarked(order, facts, since, seen)
            if found is not None:
                what = found.what
                return self._in_our_time(await self._with_log(what) if isinstance(what, Build) else what)
        return None

    def log(self, ref: BuildRef) -> AsyncIterator[bytes]:
        """Read the log of a finished build piece by piece, console notes included."""
        return self._logs.log(ref)

    async def nodes(self) -> Sequence[Node]:
        """List the nodes with what runs on each."""
        return [self._node_in_our_time(node) for node in await self._agents.nodes()]

    async def set_node(self, node: NodeRef, *, offline: bool, reason: str) -> Node:
        """Have a node marked offline, or not any more; it is read before and after."""
        return self._node_in_our_time(await self._agents.set_node(node, offline=offline, reason=reason))

    def complaints(self, job: JobRef) -> tuple[str, ...]:
        """Tell what is amiss with a job that can be built all the same, as far as it was read before."""
        facts = self._jobs.last(job)
        if facts is None or not self._mark or self._mark in facts.definitions:
            return ()
        return (
            f"job {job} does not declare {self._mark}; if an answer of {self.peer} is lost, "
            f"its build can only be found again by its pull, commit, user and time",
        )

    async def check(self, jobs: Sequence[JobRef]) -> Sequence[str]:
        """Tell what is wrong with the connection, the rights or these jobs."""
        problems: list[str] = []
        try:
            if await self._http.read_always(
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
        self._library.close()
        await self._http.close()

    async def _check_job(self, job: JobRef) -> Sequence[str]:
        try:
            facts = await self._jobs.facts(job, f"checking {job}")
        except (UserError, Refused) as error:
            return [str(error)]
        if facts is None:
            return [self._no_job(job)]
        return [*([] if facts.buildable else [f"job {job} is disabled"]), *self.complaints(job)]

    async def _chosen(self, order: Order, doing: str) -> tuple[JobFacts, dict[str, str]]:
        """Tell what a job declares, and what of an order is sent to it."""
        facts = await self._jobs.facts(order.job, doing)
        if facts is None:
            raise UserError(self._no_job(order.job))
        wanted = {**order.parameters, self._mark: order.request_id}
        try:
            return facts, choose_parameters(order.job, facts, wanted, self._added)
        except UserError:
            # Somebody may have mended the job since we read it: what is refused is refused on fresh facts only.
            self._jobs.forget(order.job)
            facts = await self._jobs.facts(order.job, doing) or facts
            return facts, choose_parameters(order.job, facts, wanted, self._added)

    async def _start(self, order: Order, doing: str) -> Queued:
        facts, chosen = await self._chosen(order, doing)
        path = job_path(order.job.full_name) + ("buildWithParameters" if facts.takes_parameters else "build")
        answer = await self._http.post(path, chosen, doing)
        queue_id = self._accepted(answer, order.job, path, doing)
        return Queued(order.job, queue_id, url=f"{self._root}queue/item/{queue_id}/", parameters=chosen)

    def _accepted(self, answer: Answer, job: JobRef, path: str, doing: str) -> int:
        """Take the queue id out of the answer to a trigger; only 201, or 303 for a folded one, means success."""
        queue_id = read_item_id(answer.headers.get("Location"))
        if answer.status in (201, 303) and queue_id is not None:
            return queue_id
        if answer.status == 201:
            raise Unavailable(self.peer, f"{doing}: it does not tell the queue item")
        self._jobs.forget(job)  # it is not as we thought
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
        match = told_again(facts, order.match)
        earliest = since + self._http.skew  # their clock need not be ours
        fitting = [each for each in seen if fits(each.what, match) and (each.at is None or each.at >= earliest)]
        ours = [each for each in fitting if each.users is None or self._user in each.users]
        if not ours:
            return None
        if len(ours) > 1 or ours[0].users is None:
            raise Unsure(f"a build of {order.job}", self.link(order.job))
        return ours[0]

    def _no_job(self, job: JobRef) -> str:
        return f"there is no job {job} on {self.peer}, or it is hidden from us"
