"""A clock for a whole program, with all its threads and neighbours: it stands still while anything works.

A clock that is run faster lets requests take minutes of its time, so that no limit is ever met. This one goes on to the
next moment that somebody sleeps for, once no thread does anything: so a week takes as long as its work.
"""

import asyncio
import contextlib
import heapq
import itertools
import linecache
import math
import queue
import re
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import FrameType

NOON_S = 1_404_216_000.0  # 1 July 2014, 12:00 UTC
ROUNDS = 4  # of this loop, after which only what other threads do may give it more
LOOKS = 2  # at other threads, each after a rest in which they may take up what they were given
REST_S = 0.00005
MINUTE_S, LONG_S = 60.0, 30.0  # who sleeps so long wakes on the minute, with all others who do: a step takes some ms
RESTING = frozenset({"wait", "_worker", "_wait_for_tstate_lock"})  # functions in which a thread does nothing
QUEUE = re.compile(r"\.get\(")  # a queue's, in a line of somebody's own
GATHERED = "group"  # what the writer of the database has taken from its queue already


class HeldClock:
    """A clock for all loops; it passes while `passing` is entered."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.steps = 0
        self._sleepers: list[tuple[float, int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOON_S + self.now_s, UTC)

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        with self._lock:
            due_s = self.now_s + max(0.0, delay_s)
            if delay_s >= LONG_S:
                due_s = math.ceil(due_s / MINUTE_S) * MINUTE_S
            heapq.heappush(self._sleepers, (due_s, next(self._numbers), loop, woken))
        await woken

    @asynccontextmanager
    async def passing(self) -> AsyncIterator[None]:
        """Let time pass whenever nothing else happens; if that breaks, whoever entered this is told, and waits no more.

        Raises:
            Exception: it was broken by that.
        """
        task, whose = asyncio.create_task(self._pass()), asyncio.current_task()
        task.add_done_callback(lambda ended: whose.cancel() if whose and not ended.cancelled() else None)
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _pass(self) -> None:
        while True:
            await self._settled()
            if not self._go_on():
                await asyncio.sleep(REST_S)

    async def _settled(self) -> None:
        looks = 0
        while looks < LOOKS:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            if not _is_busy() and _all_rest():
                looks += 1
            else:
                looks = 0
            if looks < LOOKS and not _is_busy():
                time.sleep(REST_S)  # noqa: ASYNC251  the other threads have the interpreter meanwhile

    def _go_on(self) -> bool:
        with self._lock:
            while self._sleepers and self._sleepers[0][3].done():
                heapq.heappop(self._sleepers)
            if not self._sleepers:
                return False
            self.now_s = max(self.now_s, self._sleepers[0][0])
            self.steps += 1
            while self._sleepers and self._sleepers[0][0] <= self.now_s:
                _, _, loop, woken = heapq.heappop(self._sleepers)
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_wake, woken)
        return True


def _is_busy() -> bool:
    """Tell whether this loop has something to do besides whoever asks."""
    return bool(getattr(asyncio.get_running_loop(), "_ready", ()))


def _all_rest() -> bool:
    """Tell whether every other thread waits for something."""
    me = threading.get_ident()
    return all(_rests(frame) for ident, frame in sys._current_frames().items() if ident != me)


def _rests(frame: FrameType) -> bool:
    """Tell whether a thread waits, and nothing that it was given waits for it."""
    if frame.f_code.co_name == "select":
        loop = frame.f_back.f_locals.get("self") if frame.f_back else None
        return not getattr(loop, "_ready", ())
    if frame.f_code.co_name in RESTING:
        return _are_empty(frame)
    takes = QUEUE.search(linecache.getline(frame.f_code.co_filename, frame.f_lineno))
    return bool(takes) and not frame.f_locals.get(GATHERED) and _are_empty(frame)


def _are_empty(frame: FrameType) -> bool:
    """Tell whether the queues are empty that a function has at hand."""
    there = [*frame.f_locals.values(), *getattr(frame.f_locals.get("self"), "__dict__", {}).values()]
    return all(each.empty() for each in there if isinstance(each, queue.SimpleQueue | queue.Queue))


def _wake(woken: "asyncio.Future[None]") -> None:
    if not woken.done():
        woken.set_result(None)
