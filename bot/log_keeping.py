"""Keeping logs of builds, bad and good ones, without secrets; what cannot be kept is lost and holds up nothing."""

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from bot.bounded import Bounded
from bot.clock import Clock
from bot.diagnosis.whole_log import LongRedaction
from bot.errors import GordonError, StorageError
from bot.facts import Fact
from bot.judging import Judge
from bot.kept_logs import KeptLog, KeptLogs, gap_line
from bot.live import Live
from bot.log_spool import HEAD_BYTES, Gap, Spool
from bot.ports import BuildServer
from bot.values import JobRef, Result

MOST_WAITING = 8  # logs of bad builds, up to 64 MB each; those that come while so many wait are not kept
# How often a log of a build that passed is read, only to have it: until there are enough of its job, and then.
FEW_S, ENOUGH_S = 60.0, 3600.0
MOST_JOBS = 10_000  # of which it is known when one was read; each branch of a project is one
GREEN_S = 30.0  # so long such a log may take: others wait behind it
PAUSE_S = 1.0  # until it is looked again whether nothing else is to be done
NICENESS = 10
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Green:
    """A build that passed and whose log is to be read; of a matrix build any of its cells."""

    fact: Fact
    cells: int = 0


class LogKeeper:
    """Takes logs over and keeps them, one at a time.

    Arguments:
        folder: where a log lies while it is read.
    """

    def __init__(
        self,
        servers: Mapping[str, BuildServer],
        kept: KeptLogs,
        judge: Judge,
        live: Live,
        clock: Clock,
        folder: Path,
    ) -> None:
        self._servers = servers
        self._kept = kept
        self._judge = judge
        self._live = live
        self._clock = clock
        self._folder = folder
        self._bad: deque[tuple[Fact, Spool]] = deque()
        self._due: set[int] = set()  # of which facts a log that was handed over is not on disk yet
        self._green: dict[JobRef, _Green] = {}
        self._green_s: Bounded[JobRef, float] = Bounded(MOST_JOBS)  # when one of a job was read
        self._woken = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gordon-keep", initializer=_be_modest)

    def offer(self, fact: Fact, spool: Spool | None) -> None:
        """Take a log over, which is closed here; of a build that passed note that its log may be read."""
        if spool is not None:
            if len(self._bad) >= MOST_WAITING or not self._live.now.settings.diagnosis.red_logs:
                spool.close()
                log.info("the log of %s %s is not kept, as others wait to be", fact.build, fact.cell)
            else:
                self._bad.append((fact, spool))
                self._due.add(fact.id)
                self._woken.set()
        elif fact.result is Result.SUCCESS and fact.build.number and self._is_wanted(fact.build.job):
            self._note_green(fact)
            self._woken.set()

    def is_due(self, fact_id: int) -> bool:
        """Tell whether the log of a fact is still to be written; from any thread."""
        return fact_id in self._due

    async def run(self, is_busy: Callable[[], bool]) -> None:
        """Keep what comes, for ever.

        Arguments:
            is_busy: tells whether something is to be diagnosed, behind which logs of builds that passed wait.
        """
        try:
            await self._begin()
            while True:
                await self._woken.wait()
                self._woken.clear()
                while self._bad or self._green:
                    if self._bad or not is_busy():
                        await self._next()
                    else:
                        await self._clock.sleep(PAUSE_S)
        finally:
            for _, spool in self._bad:
                spool.close()
            self._due.clear()
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def _next(self) -> None:
        """Keep one log, whatever comes of that."""
        fact, spool = self._bad.popleft() if self._bad else (self._green.pop(next(iter(self._green))).fact, None)
        try:
            if spool is None:
                spool = Spool(self._folder)
                if not await self._read_green(fact, spool):
                    return
            await self._keep(fact, spool)
        except (OSError, GordonError) as error:
            log.warning("the log of %s %s is not kept: %s", fact.build, fact.cell, error)
        except Exception:  # a mistake of ours costs this log, and no diagnosis
            log.exception("the log of %s %s is not kept", fact.build, fact.cell)
        finally:
            self._due.discard(fact.id)
            if spool is not None:
                spool.close()

    async def _begin(self) -> None:
        try:
            await self._kept.load()
        except (OSError, StorageError) as error:
            log.warning("what is kept of logs cannot be read: %s", error)

    def _note_green(self, fact: Fact) -> None:
        """Note a build that passed, the newest of its job; of a matrix build a cell, each time another."""
        job = fact.build.job
        noted = self._green.get(job)
        if noted is None or noted.fact.request_id != fact.request_id:
            self._green[job] = _Green(fact)
        else:
            noted.cells += 1
            if fact.build.number % noted.cells == 0:
                noted.fact = fact

    def _is_wanted(self, job: JobRef) -> bool:
        """Tell whether another log of a job's good builds is worth a request."""
        most = self._live.now.settings.diagnosis.green_logs
        if not most or job.server not in self._servers:
            return False
        every_s = ENOUGH_S if len(self._kept.list(is_green=True, job=job)) >= most else FEW_S
        last_s = self._green_s.get(job)
        return last_s is None or self._clock.monotonic_s() - last_s >= every_s

    async def _read_green(self, fact: Fact, spool: Spool) -> bool:
        """Read a log, the head of a long one; False if that takes too long."""
        job = fact.build.job
        self._green_s[job] = began_s = self._clock.monotonic_s()
        async with aclosing(self._servers[job.server].log(fact.build, cell=fact.cell)) as pieces:
            async for piece in pieces:
                await asyncio.to_thread(spool.add, piece)
                if spool.size >= HEAD_BYTES:
                    break  # more of a log that passed is not worth reading
                if self._clock.monotonic_s() - began_s > GREEN_S:
                    log.info("the log of %s %s is not kept, as it comes too slowly", fact.build, fact.cell)
                    return False
        return True

    async def _keep(self, fact: Fact, spool: Spool) -> None:
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._written, fact, spool)
        try:
            kept = await asyncio.shield(work)
        except asyncio.CancelledError:  # the spool is closed now, by which the thread ends, and nobody asks how
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise
        if kept is not None:
            await self._kept.add(kept, self._live.now.settings.diagnosis)

    def _written(self, fact: Fact, spool: Spool) -> KeptLog | None:
        """Write a log without its secrets, in the thread for that."""
        if spool.is_lost or not spool.size:
            return None
        count = 0

        def counted() -> Iterator[str]:
            nonlocal count
            for number, line in _numbered(spool, LongRedaction(self._judge.redaction())):
                count = number
                yield line

        name, size = self._kept.write(fact.id, counted())
        job, is_green = fact.build.job, fact.result is Result.SUCCESS
        now_s = self._clock.now().timestamp()
        return KeptLog(fact.id, job.server, job.full_name, is_green, name, size, count, now_s)


def _numbered(spool: Spool, redaction: LongRedaction) -> Iterator[tuple[int, str]]:
    """Give the lines of a log without secrets, each with its number; one stands for those that are not kept."""
    parts = spool.parts()
    gap: list[Gap] = []

    def until_gap() -> Iterator[bytes]:
        for part in parts:
            if isinstance(part, Gap):
                gap.append(part)
                return
            yield part

    number = 0
    for number, line in enumerate(redaction.clean(until_gap()), 1):
        if gap and number >= gap[0].first:
            break  # it is cut
        yield number, line
    if gap:
        yield gap[0].last, gap_line(gap[0].first, gap[0].last)
        yield from enumerate(redaction.clean(part for part in parts if isinstance(part, bytes)), gap[0].last + 1)


def _be_modest() -> None:
    """Let all other threads go first, where threads have a priority of their own."""
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
