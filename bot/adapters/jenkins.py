"""One Jenkins as a build server: what to ask it, and what its answers mean for builds."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime

from bot.adapters.jenkins_agents import JenkinsAgents
from bot.adapters.jenkins_facts import KnownJobs
from bot.adapters.jenkins_http import JenkinsHttp
from bot.adapters.jenkins_library import JenkinsLibrary
from bot.adapters.jenkins_logs import JenkinsLogs, log_path
from bot.adapters.jenkins_reading import JenkinsReading
from bot.adapters.jenkins_starting import JenkinsStarting
from bot.adapters.jenkins_wire import job_path
from bot.chat import Blank
from bot.clock import Clock
from bot.errors import Refused, Unavailable, UserError
from bot.ports import Order, Queued
from bot.settings import JenkinsSettings
from bot.values import Build, BuildRef, JobRef, Node, NodeRef


class Jenkins(JenkinsReading):
    """A Jenkins controller, spoken to over HTTP."""

    def __init__(self, name: str, settings: JenkinsSettings, token: str, clock: Clock) -> None:
        self.deadline_s = settings.timeout_s
        self._root = settings.url.rstrip("/") + "/"
        self._mark = settings.parameters.request_id
        self._is_notified = settings.notify_secret_file is not None or bool(settings.notify_secret_env)
        ca_file = settings.ca_file
        http = JenkinsHttp(name, self._root, settings.user, token, settings.timeout_s, clock, ca_file)
        self._library = JenkinsLibrary(http, settings.user, token, ca_file)
        self._agents = JenkinsAgents(http, self._library, name, settings.tags)
        jobs = KnownJobs(http, self._library, clock)
        super().__init__(http, name, jobs, JenkinsLogs(http), settings.parameters.sha)
        self._starting = JenkinsStarting(http, jobs, self, settings.user, settings.parameters)

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
        return await self._starting.trigger(order)

    async def blanks(self, job: JobRef) -> Sequence[Blank]:
        """Tell what people may fill in of a job."""
        return await self._starting.blanks(job)

    async def takes(self, order: Order) -> None:
        """See that a job would take an order, by reading what it declares."""
        await self._starting.takes(order)

    async def find(self, order: Order, since: datetime) -> Queued | Build | None:
        """Look for the build that an order has started, by its mark or else by everything that tells it."""
        return await self._starting.find(order, since)

    async def model(self, ref: BuildRef) -> Mapping[str, str]:
        """Tell the parameters of a build that its job still declares, without the mark of its order."""
        return await self._starting.model(ref)

    async def differs(self, order: Order, build: Build) -> Sequence[str]:
        """Tell in words what a build runs with, where that is not what was ordered."""
        return await self._starting.differs(order, build)

    def log(self, ref: BuildRef, *, cell: str = "", even_open: bool = False) -> AsyncGenerator[bytes, None]:
        """Read the log of a finished build, or of a cell of it, piece by piece, console notes included."""
        return self._logs.log(ref, cell=cell, even_open=even_open)

    def log_link(self, ref: BuildRef, cell: str, offset: int) -> str:
        """Tell where the log of a build, or of a cell of it, shows from a byte on."""
        return self._http.root + log_path(ref, cell, offset)

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
            problems += await self._check_plugins()
            for job in jobs:
                problems += await self._check_job(job)
        except (Unavailable, Refused) as error:
            problems.append(str(error))  # the rest would end alike
        return problems

    async def close(self) -> None:
        """Let go of connections."""
        self._library.close()
        await self._http.close()

    async def _check_plugins(self) -> Sequence[str]:
        """Tell what the configuration counts on and is not there; most users are not told which plugins there are."""
        if not self._is_notified:
            return ()
        plugins = await self._library.plugins("checking")
        if plugins is None or "notification" in plugins:
            return ()
        return (f"{self.peer} has no Notification plugin, so nothing will come for its notify_secret",)

    async def _check_job(self, job: JobRef) -> Sequence[str]:
        try:
            facts = await self._jobs.facts(job, f"checking {job}")
        except (UserError, Refused) as error:
            return [str(error)]
        if facts is None:
            return [self._starting.no_job(job)]
        if facts.holds_jobs:
            return [
                f'{job} holds other jobs: if it is a multibranch project, its context needs branch = "PR-{{number}}"'
            ]
        return [*([] if facts.buildable else [f"job {job} is disabled"]), *self.complaints(job)]
