"""A clock whose time passes only when nothing else happens: it goes on to the next moment that somebody sleeps for."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TypeVar

NOON_S = 1_404_216_000.0  # 1 July 2014, 12:00 UTC
ROUNDS = 12  # of the loop, after which only sleepers are left
T = TypeVar("T")


class VirtualClock:
    """A clock for one event loop.

    Arguments:
        rest_s: real seconds that are left to other threads before time goes on; more makes nothing faster.
    """

    def __init__(self, rest_s: float = 0.0) -> None:
        self.now_s = 0.0
        self._rest_s = rest_s
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
        for _ in range(ROUNDS):
            if task.done():
                return True
            await asyncio.sleep(0)
        if self._rest_s:
            await asyncio.wait({task}, timeout=self._rest_s)
        return task.done()

    def _go_on(self) -> None:
        while self._sleepers:
            due_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self.now_s = max(self.now_s, due_s)
                woken.set_result(None)
                return
        assert self._rest_s, "nobody sleeps, so nothing will ever happen"
