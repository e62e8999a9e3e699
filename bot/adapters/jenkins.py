"""One Jenkins as a build server: what to ask it, and what its answers mean for builds."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime

from bot.adapters.jenkins_agents import JenkinsAgents
from bot.adapters.jenkins_examination import JenkinsExamination, without_mark
from bot.adapters.jenkins_facts import KnownJobs
from bot.adapters.jenkins_http import JenkinsHttp
from bot.adapters.jenkins_library import JenkinsLibrary
from bot.adapters.jenkins_logs import JenkinsLogs, log_path
from bot.adapters.jenkins_reading import JenkinsReading
from bot.adapters.jenkins_starting import JenkinsStarting
from bot.adapters.jenkins_wire import job_path
from bot.calls import Calls
from bot.chat import Blank
from bot.clock import Clock
from bot.findings import Finding, JobNeeds, ServerNeeds, words_of
from bot.ports import Order, Queued
from bot.settings import JenkinsSettings
from bot.values import Build, BuildRef, JobRef, Node, NodeRef


class Jenkins(JenkinsReading):
    """A Jenkins controller, spoken to over HTTP.

    Arguments:
        read_token: reads the token that is to be used now, once the first one is refused; None where there is no other.
    """

    def __init__(
        self,
        name: str,
        settings: JenkinsSettings,
        token: str,
        clock: Clock,
        calls: Calls | None = None,
        read_token: Callable[[], str] | None = None,
    ) -> None:
        self.deadline_s = settings.timeout_s
        self._root = settings.url.rstrip("/") + "/"
        self._mark = settings.parameters.request_id
        ca_file = settings.ca_file
        user, timeout_s = settings.user, settings.timeout_s
        http = JenkinsHttp(name, self._root, user, token, timeout_s, clock, ca_file, calls, read_token)
        self._library = JenkinsLibrary(http, user, ca_file)
        self._agents = JenkinsAgents(http, self._library, name, settings.tags)
        jobs = KnownJobs(http, self._library, clock)
        super().__init__(http, name, jobs, JenkinsLogs(http), settings.parameters.sha)
        self._starting = JenkinsStarting(http, jobs, self, settings.user, settings.parameters)
        self._examination = JenkinsExamination(http, jobs, name, settings)

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
        return (without_mark(job, self._mark, self.peer),)

    def examine(self, needs: ServerNeeds) -> AsyncIterator[Finding]:
        """Tell of the connection, the rights and the jobs how they are, and what to do about what is wrong."""
        return self._examination.findings(needs)

    async def check(self, jobs: Sequence[JobRef]) -> Sequence[str]:
        """Tell what is wrong with the connection, the rights or these jobs."""
        return words_of([one async for one in self.examine(ServerNeeds([JobNeeds(job) for job in jobs]))])

    async def close(self) -> None:
        """Let go of connections."""
        self._library.close()
        await self._http.close()
