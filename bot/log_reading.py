"""Reading the log of a build that is over, as often as it takes and no longer, and having it judged on the way."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from bot.clock import Clock
from bot.diagnosis.reading import Extent
from bot.endings import names_in, of_result, overruled, wants_report, with_report
from bot.errors import Refused, Unavailable, UserError
from bot.facts import Diagnosis
from bot.judging import Judge, Judged
from bot.live import Live
from bot.log_spool import Spool
from bot.log_stream import in_thread
from bot.plugin import LooksForPatterns
from bot.ports import BuildServer
from bot.values import BuildRef, Result, TestReport

AT_ONCE = 2  # logs of one server, as many as it is asked for at once
AGAIN_S, AGAIN_AT_MOST_S = 1.0, 15.0  # until a server that does not answer is asked again
ASKED = 3  # how often for what is of use and not needed
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A log to be read.

    Arguments:
        cell: of a matrix build, the one whose log it is.
        note: what befell the build, by its server.
    """

    server: BuildServer
    ref: BuildRef
    cell: str
    context: str
    result: Result | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a log came to.

    Arguments:
        spool: the log itself, to be closed by whoever has it; None where none was read.
    """

    diagnosis: Diagnosis
    spool: Spool | None = None


class LogReader:
    """Reads logs, each once to its end, and has them judged in threads.

    Arguments:
        folder: where a log lies while it is looked at.
    """

    def __init__(self, judge: Judge, live: Live, clock: Clock, folder: Path, servers: Sequence[str]) -> None:
        self._judge = judge
        self._live = live
        self._clock = clock
        self._folder = folder
        self._slots = {name: asyncio.Semaphore(AT_ONCE) for name in servers}
        self._threads = ThreadPoolExecutor(AT_ONCE * len(servers) + 1, thread_name_prefix="gordon-judge")

    async def warm_up(self) -> None:
        """Have the catalogue read before the first log comes."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._judge.catalogue)

    def close(self) -> None:
        """Let the threads go; those that judge have ended with the tasks that waited for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def told(self, wanted: Wanted) -> Told:
        """Tell why a build ended so; a server that does not answer is asked again for as long as is configured."""
        within_s = self._live.now.settings.diagnosis.within_s
        until_s = self._clock.monotonic_s() + within_s
        again_s = AGAIN_S
        while True:
            is_last = self._clock.monotonic_s() >= until_s
            try:
                async with self._slots[wanted.server.name]:
                    return await self._judged(wanted, is_last)
            except (UserError, Refused) as error:
                return unread(wanted, str(error))
            except Unavailable as error:
                if is_last:
                    return unread(wanted, str(error))
            await self._clock.sleep(min(again_s, max(0.0, until_s - self._clock.monotonic_s())))
            again_s = min(2 * again_s, AGAIN_AT_MOST_S)

    async def report(self, server: BuildServer, ref: BuildRef) -> TestReport | None:
        """Read a test report; None where there is none or none can be had, which is not "none failed"."""
        for attempt in range(ASKED):
            try:
                return await server.tests(ref)
            except (UserError, Refused) as error:
                log.info("the tests of %s: %s", ref, error)
                return None
            except Unavailable as error:
                log.info("the tests of %s: %s", ref, error)
                if attempt + 1 < ASKED:
                    await self._clock.sleep(AGAIN_S)
        return None

    async def with_tests(
        self, told: Diagnosis, result: Result | None, report: TestReport | None, cell: str
    ) -> Diagnosis:
        """Put the failed tests of a report, without secrets, above those that a log names."""
        names = names_in(report, cell)
        if not names or not wants_report(told, result):
            return told
        clean = await asyncio.to_thread(lambda: tuple(map(self._judge.redaction().clean_line, names)))
        return with_report(told, clean)

    async def _judged(self, wanted: Wanted, is_last: bool) -> Told:
        extent = Extent()
        server, ref, cell = wanted.server, wanted.ref, wanted.cell
        patterns = self._patterns(wanted.context, ref.job.full_name)
        spool = Spool(self._folder)
        is_told = False
        try:
            stream = server.log(ref, cell=cell, even_open=is_last)
            async with aclosing(self._pieces(stream, extent, is_last)) as pieces:
                judged, offset = await in_thread(pieces, self._work(wanted, spool, extent, patterns), self._threads)
            is_told = True
        finally:
            if not is_told:
                spool.close()
        link = server.log_link(ref, cell, offset) if offset is not None else ""
        told = replace(diagnosis_of(judged), offset=offset, link=link)
        return Told(overruled(told, wanted.result, wanted.note), spool)

    def _work(
        self, wanted: Wanted, spool: Spool, extent: Extent, patterns: Sequence[str]
    ) -> Callable[[Iterator[bytes]], tuple[Judged, int | None]]:
        def work(chunks: Iterator[bytes]) -> tuple[Judged, int | None]:
            result = str(wanted.result or "")
            judged = self._judge.verdict(_spooled(chunks, spool), result, extent=extent, wanted=patterns)
            chunk = judged.verdict.chunk
            return judged, spool.offset_of(chunk[0]) if chunk else None

        return work

    async def _pieces(
        self, stream: AsyncGenerator[bytes, None], extent: Extent, is_last: bool
    ) -> AsyncGenerator[bytes, None]:
        """Give a log on; of one that cannot be had whole, what there is of it, once no time is left for another try."""
        within_s = self._live.now.settings.diagnosis.within_s
        until_s = self._clock.monotonic_s() + within_s
        some = False
        try:
            async with aclosing(stream):
                async for piece in stream:
                    some = some or bool(piece)
                    yield piece
                    if self._clock.monotonic_s() > until_s:
                        extent.tell(f"it could not be read to its end within {within_s:g} s")
                        return
        except Unavailable as error:
            if not (some and is_last):
                raise
            extent.tell(str(error))

    def _patterns(self, context: str, job: str) -> Sequence[str]:
        """List what plugins' settings want to be looked for in the logs of a job."""
        settings = self._live.now.plugin_settings.values()
        wants = [each for each in settings if isinstance(each, LooksForPatterns)]
        return [pattern for each in wants for pattern in each.patterns_for(context, job)]


def unread(wanted: Wanted, why: str) -> Told:
    """Tell what is known of a build whose log cannot be read."""
    return Told(of_result(wanted.result, wanted.note, why))


def diagnosis_of(judged: Judged) -> Diagnosis:
    """Tell a verdict as the ledger keeps it."""
    verdict = judged.verdict
    return Diagnosis(
        verdict.kind,
        verdict.failure_class,
        verdict.cause,
        verdict.retry,
        verdict.why,
        verdict.confidence,
        verdict.line,
        text=verdict.text,
        first_quoted=verdict.chunk[0] if verdict.chunk else 0,
        quoted=verdict.quoted,
        failed_tests=verdict.failed_tests,
        fingerprint=verdict.fingerprint,
        partial=verdict.why_partial,
        matched=judged.matched,
    )


def _spooled(chunks: Iterator[bytes], spool: Spool) -> Iterator[bytes]:
    for chunk in chunks:
        spool.add(chunk)
        yield chunk
