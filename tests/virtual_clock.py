"""A clock whose time passes only when nothing else happens: it goes on to the next moment that somebody sleeps for."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

NOON_S = 1_404_216_000.0  # 1 July 2014, 12:00 UTC
ROUNDS = 12  # of the loop, after which only sleepers are left
T = TypeVar("T")


class VirtualClock:
    """A clock for one event loop.

    Arguments:
        is_held_up: tells that something is under way elsewhere, a write to the disk, for which time must wait.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.is_held_up: Callable[[], bool] = lambda: False
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOON_S + self.now_s, UTC)

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, delay_s: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_s + max(0.0, delay_s), next(self._numbers), woken))
        await woken

    async def until(self, awaited: Awaitable[T]) -> T:
        """Let time pass until something has ended, and return what came of it."""
        task = asyncio.ensure_future(awaited)
        while not await self._is_through(task):
            self._go_on()
        return task.result()

    async def wait(self, delay_s: float) -> None:
        """Let so much time pass."""
        await self.until(self.sleep(delay_s))

    async def _is_through(self, task: "asyncio.Future[T]") -> bool:
        rounds = 0
        while not task.done() and rounds < ROUNDS:
            rounds = 0 if self.is_held_up() else rounds + 1
            await asyncio.sleep(0)
        return task.done()

    def _go_on(self) -> None:
        while self._sleepers:
            due_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self.now_s = max(self.now_s, due_s)
                woken.set_result(None)
                return
        raise AssertionError("nobody sleeps, so nothing will ever happen")
