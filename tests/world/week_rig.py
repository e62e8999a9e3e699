"""Days of a Jenkins and of those who use it, on a clock that jumps: the real adapter and the stand-in over loopback."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, cast

from bot.access import Access
from bot.adapters.jenkins import Jenkins
from bot.audit import Audit
from bot.build_effects import StartBuild
from bot.builds import BuildLedger
from bot.ci import Builds
from bot.database import Database
from bot.demo.jenkins.ledger import CommitThenDrop, Outage, Reset
from bot.demo.jenkins.model import Plan, Result, Starting, StringParameter
from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.standin import JenkinsStandIn
from bot.effects import Effects
from bot.errors import Unavailable, UserError
from bot.events import Event
from bot.forge import PullForge
from bot.journal import SqliteJournal
from bot.live import Facts, Live
from bot.loader import Registry
from bot.people import People
from bot.plugin import Context, Handler
from bot.ports import BuildServer, Delivery, Order
from bot.rights import Asker
from bot.settings import ContextSettings, CoreSettings, GordonSettings, JenkinsSettings, RepoSettings
from bot.teams import Teams
from bot.trust import TrustBook
from bot.values import Person, Place, Pull, PullRef, Role, Speaker
from bot.watch import Watch
from tests.virtual_clock import VirtualClock
from tests.watch_rig import CountedDatabase

REPO, POLL_S, IDLE_POLL_S = "moby/moby", 10.0, 60.0
JOBS = ("docker-prs", "docker-prs-experimental", "lxc", "win")
FACTS = ("GIT_BASE_REPO", "GIT_HEAD_REPO", "GIT_SHA1", "GITHUB_URL", "PR", "BASE_BRANCH", "GORDON_REQUEST_ID")
NODES = 50
TIANON, PLACE = Speaker("test", "tianon", "tianon", "test"), Place("test", "#c", to="tianon")
AGAIN_AFTER_S = 60.0  # until somebody whose command could not be done gives it again
OUTAGES: tuple[Outage, ...] = ("refused", "503", "502", "reset")
RESULTS: tuple[Result, ...] = ("SUCCESS", "SUCCESS", "FAILURE", "UNSTABLE")


class Counted:
    """A build server that knows how many questions are under way, and what it was told to start or to find.

    Arguments:
        deadline_s: how long the network may keep a trigger; nothing here does.
    """

    deadline_s = 0.05

    def __init__(self, server: Jenkins) -> None:
        self._server = server
        self.under_way = 0
        self.orders: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._server, name)
        return self._counting(name, found) if iscoroutinefunction(found) else found

    def _counting(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(*given: Any, **more: Any) -> Any:
            if given and isinstance(given[0], Order):
                self.orders.append((given[0].request_id, name))
            self.under_way += 1
            try:
                return await call(*given, **more)
            finally:
                self.under_way -= 1

        return counted


class Hub:
    """A forge that knows the heads of pull requests."""

    def __init__(self) -> None:
        self.heads: dict[int, str] = {}

    async def pull(self, ref: PullRef) -> Pull:
        return Pull(ref, "A title", "jess", 103, self.heads[ref.number], "master", REPO, f"http://hub/{ref.number}")


@dataclass
class Days:
    """What happened in all, over all the lives of Gordon.

    Arguments:
        accepted: how often a build was promised to somebody.
        told: every event that was accepted, in order.
    """

    clock: VirtualClock
    jenkins: JenkinsStandIn
    chance: random.Random
    hub: Hub = field(default_factory=Hub)
    accepted: int = 0
    told: list[Event] = field(default_factory=list)
    orders: list[tuple[str, str]] = field(default_factory=list)

    def per_minute(self) -> Counter[datetime]:
        """Count the requests of each minute."""
        return Counter(request.at.replace(second=0, microsecond=0) for request in self.jenkins.ledger.requests)

    def posted_blindly(self) -> list[str]:
        """List the marks of requests that were sent again without a look in between."""
        last: dict[str, str] = {}
        blind = []
        for mark, what in self.orders:
            if what == "trigger" and last.get(mark) == "trigger":
                blind.append(mark)
            if what in ("trigger", "find"):
                last[mark] = what
        return blind


class Life:
    """One Gordon from its start to its end, as far as builds go: effects and the watch."""

    def __init__(self, days: Days, builds: Builds, ledger: BuildLedger, database: Database) -> None:
        self._days = days
        self._builds = builds
        self._database = database
        self.ledger = ledger

    async def ask(self, pull: int, contexts: Sequence[str]) -> list[str]:
        """Ask for builds of a pull request; return those that could not be asked for now."""
        left = []
        for context in contexts:
            key = f"{pull}:{self._days.hub.heads[pull]}"
            asker = Asker(key, "rebuild:rebuild", TIANON, PLACE, Role.MAINTAINER)
            found = await self._builds.pull(PullRef(REPO, pull))
            try:
                await self._builds.start(asker, context, found, again=False)
                self._days.accepted += 1
            except Unavailable:
                left.append(context)
            except UserError:
                continue  # the pull request moved on before it was sent
        return left

    async def is_done(self) -> bool:
        """Tell whether nothing of ours is asked for, waits or runs."""
        rows = await self.ledger.watched()
        live = await self._database.read(lambda db: self.ledger.count_of(db, "tianon"))
        return not live and not any(row.ours for row in rows)


async def _hear(_ctx: Context, _event: Event) -> None:
    """Nobody runs it: what is told is read from the deliveries."""


@asynccontextmanager
async def days_of(folder: Path, seed: int) -> AsyncIterator[Days]:
    """Run a Jenkins with fifty agents whose time passes with the test's."""
    clock = VirtualClock()
    jenkins = JenkinsStandIn(clock, quiet_period_s=5.0, executors=20)
    for job in JOBS:
        jenkins.add_job(job, parameters=tuple(StringParameter(name) for name in FACTS))
    for number in range(NODES):
        jenkins.add_node(Agent(f"node-{number}"))
    jenkins.add_user("gordon", token="gordons-token")
    await jenkins.start()
    days = Days(clock, jenkins, random.Random(seed))

    def plan(_starting: Starting) -> Plan:
        return Plan(days.chance.choice(RESULTS), days.chance.uniform(300, 2400), closing_s=days.chance.uniform(0, 20))

    jenkins.on_build(plan)
    try:
        yield days
    finally:
        await jenkins.stop()


@asynccontextmanager
async def life(folder: Path, days: Days) -> AsyncIterator[Life]:
    """Be one process, which ends where it stands."""
    database, clock = CountedDatabase(folder / "gordon.db"), days.clock
    jenkins = JenkinsSettings(url=days.jenkins.url, user="gordon", poll_s=POLL_S, idle_poll_s=IDLE_POLL_S)
    contexts = {job: ContextSettings(jenkins="ci", job=job) for job in JOBS}
    settings = GordonSettings(
        gordon=CoreSettings(home=REPO, builds_per_person=1000),
        jenkins={"ci": jenkins},
        repos={REPO: RepoSettings(contexts=contexts, outsiders="build")},
    )
    people = People({"tianon": Person("tianon", {"*": Role.MAINTAINER})}, {("test", "tianon"): "tianon"})
    live = Live(Facts(settings, people))
    adapter = Jenkins("ci", jenkins, "gordons-token", clock)
    server = Counted(adapter)
    server.orders = days.orders
    clock.is_held_up = lambda: database.under_way + server.under_way > 0
    ledger, journal = BuildLedger(database), SqliteJournal(database, clock)
    access = Access(live, Teams(None, live, clock))
    servers = {"ci": cast(BuildServer, server)}
    builds = Builds(live, servers, cast(PullForge, days.hub), access, ledger, database, clock)
    audit = Audit(database, clock, "here", lambda: "")
    builds.trust = TrustBook(live, access, database, clock, audit, None)
    kinds = [StartBuild(builds, ledger, access, live, clock)]
    effects = builds.effects = Effects(database, clock, audit, kinds, lambda: 86400.0)
    registry = Registry(handlers={"p:all": Handler("p", Event, _hear)})

    def submit(deliveries: Sequence[Delivery]) -> None:
        days.told += [delivery.event for delivery in deliveries]

    watch = Watch(ledger, builds.jobs, journal, effects, registry, database, clock, live, submit)
    await effects.resume()
    task = asyncio.create_task(watch.run(servers["ci"]))
    try:
        yield Life(days, builds, ledger, database)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await effects.stop(0.0)
        await adapter.close()
        await asyncio.to_thread(database.close)


async def misfortune(days: Days, kind: str) -> None:
    """Let something befall Jenkins."""
    chance, jenkins = days.chance, days.jenkins
    if kind == "restart":
        jenkins.faults.builds_lost_on_restart = chance.random() < 0.5
        jenkins.faults.queue_lost_on_restart = chance.random() < 0.5
        jenkins.begin_restart(chance.uniform(30, 180))
    elif kind == "outage":
        await jenkins.go_down(chance.choice(OUTAGES))
        await days.clock.wait(chance.uniform(60, 1200))
        await jenkins.come_back()
    elif kind == "lost answer":
        fault = chance.choice((CommitThenDrop(), Reset()))
        jenkins.faults.next("POST", "*buildWithParameters", fault)
    elif kind == "node":
        name = f"node-{chance.randrange(NODES)}"
        jenkins.disconnect_node(name)
        await days.clock.wait(chance.choice((20.0, 600.0)))
        jenkins.connect_node(name)
