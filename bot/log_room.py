"""All that finds out why builds ended as they did, put together: what logs are searched for, read by, and kept in."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bot.accepting import Accepting
from bot.audit import Audit
from bot.build_facts import Agents, BuildFacts
from bot.builds import BuildLedger
from bot.causes import KnownCauses
from bot.clock import Clock
from bot.database import Database
from bot.diagnosing import Diagnosing
from bot.errors import UserError
from bot.fact_rows import FactRows
from bot.facts import Diagnosis, Fact, LogLines
from bot.health import Part
from bot.jobs import Jobs
from bot.judging import Judge
from bot.kept_logs import MB, KeptLogs
from bot.ledger import DiskLedger
from bot.live import Live
from bot.log_keeping import LogKeeper
from bot.log_reading import LogReader, Wanted
from bot.ports import BuildServer
from bot.values import BuildRef, Node, Result

ASKED_WITHIN_S = 20.0  # for a log that somebody asks about; a command has 30 s
WRITTEN_WITHIN_S = 10.0  # whoever reads why a build failed may ask for its log before that is written
WRITTEN_LOOK_S = 0.05
LATE_S = 600.0  # a build that waits longer for its diagnosis shows that something is wrong
DAY_S = 86400.0


class LogRoom:
    """Diagnoses builds and keeps their logs; `run` goes on until it is cancelled.

    Arguments:
        state: the folder of everything that is kept.
        last_seen: tells an agent, by server and name, as it was seen last.
    """

    def __init__(
        self,
        servers: Mapping[str, BuildServer],
        database: Database,
        builds: BuildLedger,
        jobs: Jobs,
        accepting: Accepting,
        live: Live,
        clock: Clock,
        audit: Audit,
        state: Path,
        last_seen: Callable[[str, str], Node | None],
    ) -> None:
        self._live = live
        self._clock = clock
        self.added = state / "known.toml"  # what people have added in chat to what is searched for
        self.judge = Judge(live, self.added)
        self.facts = FactRows(database)
        self.kept = KeptLogs(database, state / "logs")
        self.ledger = DiskLedger(database, self.facts, clock, self.lines)
        self.causes = KnownCauses(database, self.judge, live, clock, audit, self.added, self.logs)
        self._servers = servers
        self._reader = LogReader(self.judge, live, clock, state, list(servers))
        self._asked = asyncio.Semaphore(1)  # who asks out of turn holds up no more than half of what is diagnosed
        self._keeper = LogKeeper(servers, self.kept, self.judge, live, clock, state)
        self._diagnosing = Diagnosing(
            servers,
            self.facts,
            builds,
            self._reader,
            BuildFacts(live, jobs, Agents(servers, clock, last_seen)),
            self._keeper,
            accepting,
            clock,
        )
        builds.on_ended = self._diagnosing.wake
        self.run = self._diagnosing.run

    def logs(self, is_green: bool) -> Iterator[Iterable[bytes]]:
        """Go through the logs of one colour that are kept, the newest first; from any thread."""
        return (self.kept.chunks(one.fact_id) for one in self.kept.list(is_green=is_green))

    async def diagnose(self, ref: BuildRef) -> Diagnosis:
        """Tell why a build that is not on record ended so, by reading its log now; nothing of it is kept.

        Raises:
            UserError: there is no such build, it still runs, or its log takes too long.
            Unavailable: its server does not answer.
        """
        server = self._servers[ref.job.server]
        build = await server.build(ref)
        if build is None:
            raise UserError(f"there is no build {ref}, or not any more")
        if not build.finished:
            raise UserError(f"{ref} still runs")
        try:
            async with asyncio.timeout(ASKED_WITHIN_S), self._asked:
                told = await self._reader.told(Wanted(server, ref, "", ref.job.full_name, build.result))
        except TimeoutError:
            raise UserError(f"{ref} is not on record, and its log was not read within {ASKED_WITHIN_S:g} s") from None
        if told.spool is not None:
            told.spool.close()
        return told.diagnosis

    async def lines(self, ref: BuildRef, *, cell: str = "", around: int | None = None, at_most: int = 15) -> LogLines:
        """Read lines of a log that is kept: the last ones, or those around a line; of a matrix the first that failed.

        Raises:
            UserError: it is not kept, and why, or still being written.
        """
        facts = await self.facts.of_build(ref)
        if not facts:
            raise UserError(f"nothing is known of {ref}")
        known = [one for one in facts if not cell or one.cell == cell]
        if not known:
            raise UserError(f"{ref} has no cell {cell}; it has {', '.join(one.cell for one in facts if one.cell)}")
        is_written = await self._is_written(known)
        for fact in sorted(known, key=lambda one: (bool(one.cell), not one.is_bad)):
            found = await asyncio.to_thread(self.kept.lines, fact.id, around=around, at_most=at_most)
            if found is not None:
                return found
        if not is_written:
            raise UserError(f"the log of {ref} is still being written; ask again in a minute")
        raise UserError(_why_not(ref, known[0]))

    async def _is_written(self, facts: Sequence[Fact]) -> bool:
        """Wait a while until a log of these is on disk, or is not to be; by looks, as plugins ask from another loop."""
        ids = [one.id for one in facts]
        try:
            async with asyncio.timeout(WRITTEN_WITHIN_S):
                # Of a matrix the first that failed is written first, so one is enough.
                while any(map(self._keeper.is_due, ids)) and not any(map(self.kept.get, ids)):  # noqa: ASYNC110  see above
                    await asyncio.sleep(WRITTEN_LOOK_S)
        except TimeoutError:
            return False
        return True

    async def forget_old(self) -> int:
        """Forget facts, and logs, that are older than is configured; tell how many facts went."""
        settings = self._live.now.settings.diagnosis
        gone = await self.facts.purge(self._clock.now().timestamp() - settings.keep_days * DAY_S)
        await self.kept.trim(settings)
        return gone

    def words(self) -> str:
        """Say how it is."""
        load = self._diagnosing.load()
        return f"{load['undiagnosed']:g} builds wait, {self._kept_mb():g} MB of logs"

    def part(self) -> Part:
        """Tell how it is in numbers."""
        load = self._diagnosing.load()
        facts = {**load, "kept_logs": len(self.kept.list()), "kept_logs_mb": self._kept_mb()}
        return Part("diagnosis", facts, is_well=load["oldest_s"] < LATE_S)

    def _kept_mb(self) -> float:
        return round(self.kept.size() / MB, 1)


def _why_not(ref: BuildRef, fact: Fact) -> str:
    if fact.diagnosis.unread:
        return f"the log of {ref} was not read: {fact.diagnosis.unread}"
    if fact.result is Result.SUCCESS:
        return f"the log of {ref} is not kept: it passed, and of those only some are"
    return f"the log of {ref} is not kept any more"
