"""A watch that runs as in a process of its own, and a build server that is a value, for what one answer may mean."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from bot.audit import Audit
from bot.builds import BuildLedger, BuildRow
from bot.database import Database
from bot.effects import Effects
from bot.errors import GordonError, Unavailable
from bot.events import BuildFinished, BuildStarted, Event, NodeEvent
from bot.jobs import Jobs
from bot.journal import SqliteJournal
from bot.live import Facts, Live
from bot.loader import Registry
from bot.people import People
from bot.plugin import Context, Handler
from bot.ports import BuildServer, Delivery, Newest, Order, Queued
from bot.settings import ContextSettings, CoreSettings, GordonSettings, JenkinsSettings, RepoSettings
from bot.values import Build, BuildRef, JobRef, Node, NodeRef, Result
from bot.watch import Watch
from tests.virtual_clock import NOON_S, VirtualClock

T = TypeVar("T")
JOB, REPO, SHA = "docker-prs", "moby/moby", "3f2c1ab9" * 5
ROW = BuildRow("r1", "", "ci", JOB, "janky", REPO, 7, SHA, "tianon", "running", "start-1", 4, 12, asked_s=1.0)


@dataclass
class FakeServer:
    """A build server that keeps builds, a queue and agents, and what it was asked.

    Arguments:
        jobs: by full name, the builds that are there by number.
        next: the number that a job gives next, where that is not the one after the newest.
        shown: how many builds a job lists.
        left: what is known of queue items that are not in the queue.
        open_logs: the numbers of builds that are over by their own fields, and whose logs are not closed.
        troubles: what a question ends with, by its beginning: "newest docker-prs".
    """

    name: str = "ci"
    deadline_s: float = 1.0
    session: str = "start-1"
    jobs: dict[str, dict[int, Build]] = field(default_factory=dict)
    next: dict[str, int] = field(default_factory=dict)
    shown: int = 25
    waiting: list[Queued] = field(default_factory=list)
    left: dict[int, Queued] = field(default_factory=dict)
    agents: list[Node] = field(default_factory=list)
    different: Sequence[str] = ()
    open_logs: set[int] = field(default_factory=set)
    troubles: dict[str, GordonError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, number: int, job: str = JOB, **known: Any) -> Build:
        """Put a build there, or another in its place."""
        ref = BuildRef(JobRef(self.name, job), number)
        given: dict[str, Any] = {"queue_id": number, "started_at": datetime.fromtimestamp(NOON_S, UTC)} | known
        self.jobs.setdefault(job, {})[number] = Build(ref, f"http://ci/{job}/{number}", **given)
        return self.jobs[job][number]

    def end(self, number: int, result: Result = Result.SUCCESS, job: str = JOB, **known: Any) -> None:
        """Have a build end."""
        self.jobs[job][number] = replace(self.jobs[job][number], result=result, finished=True, **known)

    def read(self, question: str, answer: Callable[[], T]) -> T:
        self.asked.append(question)
        for beginning, error in self.troubles.items():
            if question.startswith(beginning):
                raise error
        return answer()

    async def queue(self) -> Sequence[Queued]:
        return self.read("queue", lambda: list(self.waiting))

    async def queued(self, job: JobRef, queue_id: int) -> Queued:
        gone = Queued(job, queue_id, "", gone=True)
        return self.read(f"item {queue_id}", lambda: self.left.get(queue_id, gone))

    async def newest(self, job: JobRef, *, since: int = 0, until: int = 0) -> Newest | None:
        found = self.read(f"newest {job}", lambda: self._newest(job.full_name))
        if found is None or not 0 < since <= until or found.next <= since:
            return found
        wanted = [build for build in found.builds if build.ref.number >= since]
        return replace(found, builds=wanted or found.builds[:1])  # no more than it has to

    async def branches(self, project: JobRef) -> Mapping[JobRef, Newest] | None:
        inside = [name for name in self.jobs if name.startswith(f"{project}/")]
        found = {JobRef(self.name, name): self._newest(name) for name in inside}
        return self.read(f"branches {project}", lambda: cast("Mapping[JobRef, Newest]", found))

    async def came_of(self, job: JobRef, queue_id: int) -> Build | None:
        builds = self.jobs.get(job.full_name, {}).values()
        return self.read(f"came of {queue_id}", lambda: next((one for one in builds if one.queue_id == queue_id), None))

    async def build(self, ref: BuildRef) -> Build | None:
        found = self.read(f"build {ref}", lambda: self.jobs.get(ref.job.full_name, {}).get(ref.number))
        return replace(found, finished=False) if found and ref.number in self.open_logs else found

    async def differs(self, order: Order, build: Build) -> Sequence[str]:
        return self.read(f"differs {build.ref}", lambda: self.different)

    async def nodes(self) -> Sequence[Node]:
        return self.read("nodes", lambda: list(self.agents))

    def _newest(self, job: str) -> Newest | None:
        if job not in self.jobs:
            return None
        builds = sorted(self.jobs[job].values(), key=lambda one: -one.ref.number)
        first = builds[-1].ref.number if builds else None
        last = builds[0].ref.number if builds else 0
        return Newest(builds[: self.shown], first, self.next.get(job, last + 1))


def silent() -> Unavailable:
    return Unavailable("Jenkins ci", "reading")


class CountedDatabase(Database):
    """A database that knows whether somebody waits for it, so that virtual time can wait, too."""

    under_way = 0

    async def write(self, write: Callable[[sqlite3.Connection], T], *, deadline_s: float | None = None) -> T:
        self.under_way += 1
        try:
            return await super().write(write, deadline_s=deadline_s)
        finally:
            self.under_way -= 1

    async def read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        self.under_way += 1
        try:
            return await super().read(read)
        finally:
            self.under_way -= 1


class Watching:
    """A watch that runs, with what it told."""

    def __init__(self, server: FakeServer, clock: VirtualClock, ledger: BuildLedger, database: Database) -> None:
        self.server = server
        self.clock = clock
        self.ledger = ledger
        self.database = database
        self.told: list[Event] = []
        self.watch: Watch
        self.effects: Effects

    @property
    def ends(self) -> list[BuildFinished]:
        return [event for event in self.told if isinstance(event, BuildFinished)]

    @property
    def starts(self) -> list[BuildStarted]:
        return [event for event in self.told if isinstance(event, BuildStarted)]

    @property
    def of_nodes(self) -> list[NodeEvent]:
        return [event for event in self.told if isinstance(event, NodeEvent)]

    def submit(self, deliveries: Sequence[Delivery]) -> None:
        self.told += [delivery.event for delivery in deliveries]

    async def insert(self, row: BuildRow) -> None:
        """Put a row into the ledger, as a trigger's answer would."""
        await self.database.write(lambda db: self.ledger.insert(db, row))

    async def row(self, request_id: str) -> BuildRow | None:
        return await self.database.read(lambda db: self.ledger.get(db, request_id))

    async def passes(self, seconds: float) -> Sequence[str]:
        """Let time pass; tell what was asked meanwhile."""
        before = len(self.server.asked)
        await self.clock.wait(seconds)
        return self.server.asked[before:]


def settings_of(**changed: Any) -> GordonSettings:
    """Configure one server and one context; what is about the server may be changed."""
    jenkins: dict[str, Any] = {"url": "http://ci/", "watch_others": False} | changed
    project = ContextSettings(jenkins="ci", job="moby", branch="PR-{number}")
    contexts = {"janky": ContextSettings(jenkins="ci", job=JOB), "pipeline": project}
    return GordonSettings(
        gordon=CoreSettings(home=REPO),
        jenkins={"ci": JenkinsSettings(**jenkins)},
        repos={REPO: RepoSettings(contexts=contexts)},
    )


async def _hear(_ctx: Context, _event: Event) -> None:
    """Nobody runs it: what is told is read from the deliveries."""


@asynccontextmanager
async def watching(
    folder: Path, server: FakeServer, clock: VirtualClock | None = None, **changed: Any
) -> AsyncIterator[Watching]:
    """Be one process that watches, until it ends where it stands; time passes only in `passes`."""
    clock = clock or VirtualClock()
    database = CountedDatabase(folder / "gordon.db")
    clock.is_held_up = lambda: database.under_way > 0
    ledger = BuildLedger(database)
    live = Live(Facts(settings_of(**changed), People({}, {})))
    registry = Registry(handlers={"p:all": Handler("p", Event, _hear)})
    made = Watching(server, clock, ledger, database)
    journal, audit = SqliteJournal(database, clock), Audit(database, clock, "here", lambda: "")
    made.effects = Effects(database, clock, audit, [], lambda: 600.0)
    made.watch = Watch(ledger, Jobs(live), journal, made.effects, registry, database, clock, live, made.submit)
    task = asyncio.create_task(made.watch.run(cast(BuildServer, server)))
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(database.close)


def node(name: str, *, down: bool = False, marked: bool = False, reason: str = "") -> Node:
    return Node(NodeRef("ci", name), f"http://ci/{name}", offline=down, marked=marked, reason=reason)


def at(seconds: float) -> datetime:
    """Tell a moment by the seconds since a clock of these tests began."""
    return datetime.fromtimestamp(NOON_S, UTC) + timedelta(seconds=seconds)
