"""A room that diagnoses, as in a process of its own, and a build server whose logs are values."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from msgspec import structs

from bot.accepting import Accepting
from bot.audit import Audit
from bot.builds import BuildLedger, BuildRow
from bot.clock import SystemClock
from bot.database import Database
from bot.events import BuildDiagnosed, BuildFinished, Event
from bot.facts import Fact
from bot.jobs import Jobs
from bot.journal import SqliteJournal
from bot.live import Facts, Live
from bot.loader import Registry
from bot.log_room import LogRoom
from bot.people import People
from bot.plugin import Context, Handler
from bot.ports import BuildServer, Delivery
from bot.settings import CoreSettings, DiagnosisSettings, GordonSettings, JenkinsSettings
from bot.values import Build, BuildRef, Cell, JobRef, Node, PullRef, Result, TestReport

JOB = JobRef("ci", "docker-prs")
PULL = PullRef("moby/moby", 7)
SHA = "3f2c1ab9" * 5
STARTED = datetime(2014, 7, 1, 12, tzinfo=UTC)
FAILED = b"Building remotely on n1 in workspace /w\n+ make test\n--- FAIL: TestRun (0.10s)\nFinished: FAILURE\n"
FAST = 100.0  # how fast the clock of these rooms goes
Piece = bytes | Exception | asyncio.Event


@dataclass
class LogServer:
    """A build server that has logs, and notes what it was asked.

    Arguments:
        logs: by number and cell, what is told: pieces, errors that are raised, events that are waited for. The first of
            several lists is for the first time that it is asked, the last one for all further times.
        gone: the numbers of builds that are not there any more.
        anew: the numbers that other builds have by now.
        answering: what a question for agents waits for.
    """

    name: str = "ci"
    deadline_s: float = 1.0
    session: str = "start-1"
    logs: dict[tuple[int, str], list[list[Piece]]] = field(default_factory=dict)
    reports: dict[int, TestReport | Exception] = field(default_factory=dict)
    agents: list[Node] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    anew: set[int] = field(default_factory=set)
    answering: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)

    def has(self, number: int, *pieces: Piece, cell: str = "", then: Sequence[Piece] | None = None) -> None:
        """Put a log there; `then` is what the second time gives."""
        self.logs[number, cell] = [list(pieces), *([list(then)] if then is not None else [])]

    async def log(self, ref: BuildRef, *, cell: str = "", even_open: bool = False) -> AsyncGenerator[bytes, None]:
        self.asked.append(f"log {ref}{f' {cell}' if cell else ''}{' even open' if even_open else ''}")
        times = self.logs[ref.number, cell]
        for piece in times.pop(0) if len(times) > 1 else times[0]:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                yield piece

    def log_link(self, ref: BuildRef, cell: str, offset: int) -> str:
        return f"http://ci/{ref.number}/{cell}?start={offset}"

    async def tests(self, ref: BuildRef) -> TestReport | None:
        self.asked.append(f"tests {ref}")
        report = self.reports.get(ref.number)
        if isinstance(report, Exception):
            raise report
        return report

    async def build(self, ref: BuildRef) -> Build | None:
        self.asked.append(f"build {ref}")
        if ref.number in self.gone:
            return None
        started = STARTED + timedelta(days=1) if ref.number in self.anew else STARTED
        return Build(ref, "", queue_id=None, started_at=started)

    async def nodes(self) -> Sequence[Node]:
        self.asked.append("nodes")
        if self.answering is not None:
            await self.answering.wait()
        return self.agents


class Room:
    """A room that diagnoses, with what it told."""

    def __init__(self, room: LogRoom, server: LogServer, ledger: BuildLedger, database: Database, live: Live) -> None:
        self.room = room
        self.server = server
        self.ledger = ledger
        self.database = database
        self.live = live
        self.told: list[BuildDiagnosed] = []
        self._news = asyncio.Event()

    def submit(self, deliveries: Sequence[Delivery]) -> None:
        self.told += [one.event for one in deliveries if isinstance(one.event, BuildDiagnosed)]
        self._news.set()

    async def ends(
        self,
        number: int,
        result: Result | None = Result.FAILURE,
        *,
        cells: Sequence[Cell] = (),
        is_told: bool = True,
        **known: Any,
    ) -> None:
        """Have a build end, as the watch writes it; `known` are fields of the event and of the row."""
        of_row = {name: known.pop(name) for name in ("chain", "attempt", "retrying") if name in known}
        given: dict[str, Any] = {
            "job": JOB,
            "pull": PULL,
            "sha": SHA,
            "context": "janky",
            "node": "",
            "note": "",
            "at": STARTED + timedelta(minutes=5),
        } | known
        job, pull = given["job"], given["pull"]
        row = BuildRow(
            f"r{number}", "", "ci", job.full_name, "janky", pull.repo if pull else "", pull.number if pull else 0,
            given["sha"], "", "finished", number=number, started_s=STARTED.timestamp(), **of_row,
        )  # fmt: skip
        end = BuildFinished(
            key=f"build:r{number}:finished:0:{number}", lane="lane",
            request_id=f"r{number}", number=number, url=f"http://ci/{number}/", result=result, duration_s=300.0,
            asks=(), cells=tuple(cells), **given,
        )  # fmt: skip

        def write(db: Any) -> None:
            self.ledger.insert(db, row)
            self.ledger.wants_diagnosis(db, end, is_told=is_told)

        await self.database.write(write)
        self.ledger.on_ended()

    async def diagnosed(self, count: int = 1) -> BuildDiagnosed:
        """Wait until so many builds are told, and return the last of them."""
        async with asyncio.timeout(90):
            while len(self.told) < count:
                self._news.clear()
                await self._news.wait()
        return self.told[count - 1]

    async def facts(self, number: int, job: JobRef = JOB) -> Sequence[Fact]:
        return await self.room.facts.of_build(BuildRef(job, number))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what comes after an event."""
        async with asyncio.timeout(90):
            while not is_so():  # noqa: ASYNC110  what is on disk tells nobody
                await asyncio.sleep(0.005)

    def configure(self, **changed: Any) -> None:
        """Change [diagnosis], as a reload does."""
        now = self.live.now
        diagnosis = structs.replace(now.settings.diagnosis, **changed)
        self.live.now = Facts(structs.replace(now.settings, diagnosis=diagnosis), now.people, now.plugin_settings)


async def _hear(_ctx: Context, _event: Event) -> None:
    """Nobody runs it: what is told is read from the deliveries."""


@asynccontextmanager
async def room(
    folder: Path,
    server: LogServer,
    *,
    plugin_settings: Mapping[str, Any] | None = None,
    last_seen: Callable[[str, str], Node | None] = lambda server, name: None,
    **diagnosis: Any,
) -> AsyncIterator[Room]:
    """Be one process that diagnoses, until it ends where it stands."""
    clock = SystemClock(speed=FAST)
    database = Database(folder / "gordon.db")
    diagnosis.setdefault("within_s", 3600.0)  # however slow the machine is
    settings = GordonSettings(
        gordon=CoreSettings(home="moby/moby"),
        jenkins={"ci": JenkinsSettings(url="http://ci/")},
        diagnosis=DiagnosisSettings(**diagnosis),
    )
    live = Live(Facts(settings, People({}, {}), plugin_settings or {}))
    registry = Registry(handlers={"p:all": Handler("p", Event, _hear)})
    ledger = BuildLedger(database)
    accepting = Accepting(SqliteJournal(database, clock), registry, database, lambda found: made.submit(found))
    servers = {"ci": cast(BuildServer, server)}
    audit = Audit(database, clock, "host", lambda: "policy")
    rooms = LogRoom(servers, database, ledger, Jobs(live), accepting, live, clock, audit, folder, last_seen)
    made = Room(rooms, server, ledger, database, live)
    task = asyncio.create_task(rooms.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(database.close)


def cell(name: str, result: Result = Result.FAILURE, **known: Any) -> Cell:
    return replace(Cell(name, f"http://ci/{name}/", result), **known)
