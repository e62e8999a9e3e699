"""Finding out why builds ended as they did: each that is over is diagnosed once, whatever dies meanwhile.

A build that ends is written down as undiagnosed in the same piece as its end. Its log is read as a stream and judged in
a thread; then its facts and the event that tells them are written in one piece, and it is undiagnosed no more.
"""

import asyncio
import logging
import queue
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.accepting import Accepting
from bot.clock import Clock
from bot.codec import Codec
from bot.errors import Unavailable, UserError
from bot.events import BuildDiagnosed, BuildFinished, Event
from bot.fact_rows import FactRows, Waiting
from bot.facts import Diagnosis, Fact, FailureClass, Kind
from bot.judging import Judge
from bot.live import Live
from bot.ports import BuildServer
from bot.values import BuildRef, Node, Result

AT_ONCE = 2  # logs that are judged at the same time: as many as there are processors to expect
PIECES = 16  # of a log that wait for the thread which judges it, 64 KiB each
AGAIN_S = 1.0
TELLING = (Result.FAILURE, Result.UNSTABLE, Result.ABORTED)  # of these the log says why
log = logging.getLogger(__name__)


class Diagnosing:
    """Works off the builds that are undiagnosed.

    Arguments:
        node_of: tells an agent, by server and name, as it was seen last.
    """

    def __init__(
        self,
        servers: Mapping[str, BuildServer],
        rows: FactRows,
        judge: Judge,
        accepting: Accepting,
        live: Live,
        clock: Clock,
        node_of: Callable[[str, str], Node | None],
    ) -> None:
        self._servers = servers
        self._rows = rows
        self._judge = judge
        self._accepting = accepting
        self._live = live
        self._clock = clock
        self._node_of = node_of
        self._codec = Codec()
        self._woken = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    def wake(self) -> None:
        """Look at once whether there is something to diagnose; from the edge loop."""
        self._woken.set()

    async def run(self) -> None:
        """Work off what comes, for ever."""
        self.wake()
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                for waiting in await self._rows.waiting():
                    if waiting.request_id not in self._tasks:
                        self._begin(waiting)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _begin(self, waiting: Waiting) -> None:
        task = self._tasks[waiting.request_id] = asyncio.create_task(self._diagnose(waiting))
        task.add_done_callback(lambda done: self._tasks.pop(waiting.request_id, None))

    async def _diagnose(self, waiting: Waiting) -> None:
        end = self._codec.load("BuildFinished", waiting.body)
        assert isinstance(end, BuildFinished)
        diagnosis = await self._reason(end, waiting)
        fact = self._fact(end, diagnosis)

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            if not self._rows.diagnosed(db, end.request_id):
                return ()
            kept = self._rows.insert(db, fact)
            return [self._event(end, kept, ())] if waiting.is_told else []

        await self._accepting(make)

    async def _reason(self, end: BuildFinished, waiting: Waiting) -> Diagnosis:
        if end.result not in TELLING or not end.number:
            return untold(end)
        give_up_s = waiting.since_s + self._live.now.settings.diagnosis.within_s
        server = self._servers[end.job.server]
        while True:
            try:
                async with self._slots:
                    return await self._judged(server, BuildRef(end.job, end.number), end)
            except UserError as error:
                return untold(end, str(error))
            except Unavailable as error:
                if self._clock.now().timestamp() >= give_up_s:
                    return untold(end, str(error))
            await self._clock.sleep(AGAIN_S)

    async def _judged(self, server: BuildServer, ref: BuildRef, end: BuildFinished) -> Diagnosis:
        pieces: queue.Queue[bytes | None] = queue.Queue(PIECES)
        judging = asyncio.create_task(asyncio.to_thread(self._judge.verdict, _chunks(pieces), str(end.result or "")))
        try:
            async for piece in server.log(ref):
                while not judging.done():
                    try:
                        pieces.put_nowait(piece)
                        break
                    except queue.Full:
                        await asyncio.sleep(0.001)
        finally:
            while not judging.done():
                try:
                    pieces.put_nowait(None)
                    break
                except queue.Full:
                    await asyncio.sleep(0.001)
        verdict = await judging
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
        )

    def _fact(self, end: BuildFinished, diagnosis: Diagnosis) -> Fact:
        node = self._node_of(end.job.server, end.node)
        return Fact(
            0,
            end.request_id,
            BuildRef(end.job, end.number),
            "",
            end.context,
            end.result,
            diagnosis,
            url=end.url,
            repo=end.pull.repo if end.pull else "",
            pull=end.pull,
            sha=end.built or end.sha,
            node=end.node,
            labels=node.labels if node else (),
            tags=node.tags if node else {},
            finished_at=end.at,
            duration_s=end.duration_s,
            chain=end.chain or end.request_id,
            attempt=end.attempt,
        )

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


def untold(end: BuildFinished, unread: str = "") -> Diagnosis:
    """Tell what is known of a build without its log.

    Arguments:
        unread: why that could not be read, where it was wanted.
    """
    if end.result is Result.SUCCESS:
        return Diagnosis(Kind.PASSED, FailureClass.SUCCESS, retry=False, confidence=1.0)
    if end.result is Result.ABORTED:
        return Diagnosis(Kind.ABORTED, FailureClass.ABORTED, retry=False, unread=unread)
    return Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN, unread=unread)


def _chunks(pieces: "queue.Queue[bytes | None]") -> Iterator[bytes]:
    while (piece := pieces.get()) is not None:
        yield piece
