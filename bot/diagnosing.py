"""Finding out why builds ended as they did: each that is over is diagnosed once, whatever dies meanwhile.

A build that ends is written down as undiagnosed in the same piece as its end. Its log is read as a stream and judged in
a thread; then its facts and the event that tells them are written in one piece, and it is undiagnosed no more.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from bot.accepting import Accepting
from bot.build_facts import BuildFacts, bare_fact, is_bad
from bot.builds import BuildLedger, BuildRow
from bot.clock import Clock
from bot.codec import Codec
from bot.endings import TELLING, cancelled, of_result, telling_most, untold, wants_report
from bot.errors import ConfigError, Refused, StorageError, Unavailable, UserError
from bot.events import BuildDiagnosed, BuildFinished, Event
from bot.fact_rows import FactRows, Waiting
from bot.facts import Diagnosis, Fact, Seen
from bot.log_keeping import LogKeeper
from bot.log_reading import LogReader, Wanted, unread
from bot.log_spool import Spool
from bot.ports import BuildServer
from bot.values import BuildRef
from bot.verdicts import is_another, made_anew

MOST_CELLS = 20  # of a matrix build, whose logs are read
MOST_TRIES = 3  # each of which has ended with the process
AGAIN_S = 5.0  # after the disk has refused something
NOBODY_WATCHED = "it ended while nobody watched, so its log was not read"
log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of a build: what the ledger is to keep of it, and of its cells."""

    fact: Fact
    cells: Sequence[Fact] = ()


Spools = dict[str, Spool]  # the logs that were read, by cell; "" for that of the build itself


class Diagnosing:
    """Works off the builds that are undiagnosed."""

    def __init__(
        self,
        servers: Mapping[str, BuildServer],
        rows: FactRows,
        builds: BuildLedger,
        reader: LogReader,
        making: BuildFacts,
        keeper: LogKeeper,
        accepting: Accepting,
        clock: Clock,
    ) -> None:
        self._servers = servers
        self._rows = rows
        self._builds = builds
        self._reader = reader
        self._making = making
        self._keeper = keeper
        self._accepting = accepting
        self._clock = clock
        self._codec = Codec()
        self._woken = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._since_s: dict[str, float] = {}

    def wake(self) -> None:
        """Look at once whether there is something to diagnose; from the edge loop."""
        self._woken.set()

    def load(self) -> Mapping[str, float]:
        """Tell how many builds wait for their diagnosis, and for how long the first of them has."""
        now_s = self._clock.now().timestamp()
        return {
            "undiagnosed": len(self._since_s),
            "oldest_s": round(max((now_s - since_s for since_s in self._since_s.values()), default=0.0), 1),
        }

    async def run(self) -> None:
        """Work off what comes, for ever."""
        self.wake()
        warm = asyncio.create_task(self._warm_up())
        keeping = asyncio.create_task(self._keeper.run(lambda: bool(self._tasks)))
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                for waiting in await self._on_disk("what waits", self._rows.waiting):
                    if waiting.request_id not in self._tasks:
                        self._begin(waiting)
        finally:
            under_way = [warm, keeping, *self._tasks.values()]
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            self._reader.close()

    async def _warm_up(self) -> None:
        try:
            await self._reader.warm_up()
        except ConfigError as error:
            log.error("no build can be diagnosed: %s", error)

    def _begin(self, waiting: Waiting) -> None:
        self._since_s[waiting.request_id] = waiting.since_s
        task = self._tasks[waiting.request_id] = asyncio.create_task(self._diagnose(waiting))
        task.add_done_callback(lambda done: self._ended(waiting.request_id, done))

    def _ended(self, request_id: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(request_id, None)
        self._since_s.pop(request_id, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s is left for the next time that something is diagnosed", request_id, exc_info=error)

    async def _diagnose(self, waiting: Waiting) -> None:
        """Diagnose a build and write that down, sooner or later."""
        try:
            end = self._codec.load("BuildFinished", waiting.body)
        except (KeyError, msgspec.MsgspecError) as error:
            log.error("the end of %s cannot be read any more, so nobody hears why: %s", waiting.request_id, error)
            await self._on_disk(waiting.request_id, lambda: self._rows.forget_waiting(waiting.request_id))
            return
        assert isinstance(end, BuildFinished)
        row = await self._on_disk(end.request_id, lambda: self._builds.row(end.request_id))
        spools: Spools = {}
        try:
            found = await self._found(end, row, waiting, spools)
            await self._write(end, found, waiting, spools)
        finally:
            _let_go(spools)

    async def _found(self, end: BuildFinished, row: BuildRow | None, waiting: Waiting, spools: Spools) -> _Found:
        """Find out why a build ended so; whatever goes wrong, something is told."""
        has_log = end.result in TELLING and bool(end.number)
        reads_log = has_log and waiting.is_told and end.job.server in self._servers
        try:
            await self._making.prepare(end)
            if reads_log and waiting.tries < MOST_TRIES:
                await self._on_disk(end.request_id, lambda: self._rows.begun(end.request_id))
                diagnosis, of_cells = await self._from_logs(end, row, spools)
            else:
                diagnosis, of_cells = untold(end, self._why_unread(end, waiting) if has_log else ""), {}
            fact = self._making.of_build(end, row, cancelled(diagnosis, row.cancelled_by if row else ""))
            cells = [(cell, of_cells.get(cell.name) or of_result(cell.result)) for cell in end.cells]
            return _Found(fact, [self._making.of_cell(fact, cell, told) for cell, told in cells])
        except asyncio.CancelledError:
            if reads_log:
                self._rows.put_off(end.request_id)
            raise
        except Exception as error:  # whichever mistake of ours it is, the build is told, and the others are diagnosed
            log.exception("diagnosing %s failed", end.request_id)
            return _Found(bare_fact(end, untold(end, _inside(error))))

    def _why_unread(self, end: BuildFinished, waiting: Waiting) -> str:
        if not waiting.is_told:
            return NOBODY_WATCHED
        if end.job.server not in self._servers:
            return f"Jenkins {end.job.server} is not configured any more"
        return f"inside Gordon: its log has ended this program {waiting.tries} times"

    async def _from_logs(
        self, end: BuildFinished, row: BuildRow | None, spools: Spools
    ) -> tuple[Diagnosis, Mapping[str, Diagnosis]]:
        """Read the log of a build, or of its cells that failed; tell its diagnosis, and theirs by name."""
        server, ref = self._servers[end.job.server], BuildRef(end.job, end.number)
        failed = [cell for cell in end.cells if is_bad(cell)]
        read = [Wanted(server, ref, cell.name, end.context, cell.result, end.note) for cell in failed[:MOST_CELLS]]
        read = read or [Wanted(server, ref, "", end.context, end.result, end.note)]
        told = await self._read(read, spools)
        if why := await self._why_another(server, ref, row):
            return untold(end, why), {}
        wants = any(wants_report(one, wanted.result) for one, wanted in zip(told, read, strict=True))
        report = await self._reader.report(server, ref) if wants else None
        full = {
            wanted.cell: await self._reader.with_tests(one, wanted.result, report, wanted.cell)
            for one, wanted in zip(told, read, strict=True)
        }
        diagnosis = telling_most(list(full.values()))
        if (more := len(failed) - MOST_CELLS) > 0:
            diagnosis = replace(diagnosis, why=f"{diagnosis.why}; {more} more cells failed, whose logs were not read")
        return diagnosis, full

    async def _read(self, wanted: Sequence[Wanted], spools: Spools) -> list[Diagnosis]:
        """Read several logs; a mistake of ours in one of them keeps no other from being told."""
        tasks = [asyncio.create_task(self._reader.told(one)) for one in wanted]
        try:
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        finally:  # a gathering that is cancelled has waited for all of them
            for one, task in zip(wanted, tasks, strict=True):
                if task.done() and not task.cancelled() and not task.exception() and (spool := task.result().spool):
                    spools[one.cell] = spool
        found = []
        for one, told in zip(wanted, ended, strict=True):
            if isinstance(told, BaseException):
                log.error("reading the log of %s %s failed", one.ref, one.cell, exc_info=told)
                told = unread(one, _inside(told))
            found.append(told.diagnosis)
        return found

    async def _why_another(self, server: BuildServer, ref: BuildRef, row: BuildRow | None) -> str:
        """Tell why the log that was read is none of this build's, if its job was deleted or made anew meanwhile."""
        try:
            build = await server.build(ref)
        except (UserError, Refused, Unavailable):
            return ""  # nobody can tell
        if build is None:
            return f"{ref} is gone: somebody has deleted it"
        return made_anew(row) if row is not None and is_another(row, build) else ""

    async def _write(self, end: BuildFinished, found: _Found, waiting: Waiting, spools: Spools) -> None:
        """Write facts and event in one piece, as often as it takes; then have the logs kept."""
        kept: list[Fact] = []

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            kept.clear()
            if not self._rows.diagnosed(db, end.request_id):
                return ()
            now_s = self._clock.now().timestamp()
            facts = [_seen(fact, self._rows.seen(db, fact.diagnosis, now_s)) for fact in (found.fact, *found.cells)]
            kept.extend([self._rows.insert(db, fact) for fact in facts[::-1]][::-1])  # cells first: they are counted
            failed = tuple(one for one in kept[1:] if one.result in TELLING)
            return [self._event(end, kept[0], failed)] if waiting.is_told else []

        await self._on_disk(end.request_id, lambda: self._accepting(make), spools)
        for fact in kept:
            self._keeper.offer(fact, spools.pop(fact.cell, None))

    async def _on_disk(self, what: str, step: Callable[[], Awaitable[T]], spools: Spools | None = None) -> T:
        """Read or write something, as often as it takes; a verdict is worth more than logs, which may fill the disk.

        Arguments:
            spools: logs that are let go of when the disk refuses.
        """
        while True:
            try:
                return await step()
            except StorageError as error:
                log.warning("the diagnosis of %s has to wait: %s", what, error)
                _let_go(spools or {})
                await self._clock.sleep(AGAIN_S)

    def _event(self, end: BuildFinished, fact: Fact, cells: tuple[Fact, ...]) -> BuildDiagnosed:
        return BuildDiagnosed(
            key=end.key.replace(":finished:", ":diagnosed:"),
            lane=end.lane,
            at=self._clock.now(),
            request_id=end.request_id,
            context=end.context,
            job=end.job,
            pull=end.pull,
            sha=end.sha,
            ours=end.ours,
            retrying=end.retrying,
            end=end,
            fact=fact,
            cells=cells,
        )


def _let_go(spools: Spools) -> None:
    for spool in spools.values():
        spool.close()
    spools.clear()


def _inside(error: BaseException) -> str:
    return f"inside Gordon: {type(error).__name__}"  # its words may quote a log


def _seen(fact: Fact, seen: Seen) -> Fact:
    return replace(fact, diagnosis=replace(fact.diagnosis, seen=seen))
