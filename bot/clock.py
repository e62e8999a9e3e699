"""Time as a value that is handed in, so that tests and the demo may scale or move it."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol


class Clock(Protocol):
    """Where every part of the program gets its time from."""

    def now(self) -> datetime:
        """Tell the wall clock in UTC; it may jump."""

    def monotonic_s(self) -> float:
        """Tell seconds since some fixed moment; it never goes back."""

    async def sleep(self, delay_s: float) -> None:
        """Wait for this clock's seconds."""


async def sleep_until(event: asyncio.Event, at_most_s: float, clock: Clock) -> None:
    """Wait for an event.

    Arguments:
        at_most_s: of the clock; it may be infinite.
    """
    waits: list[asyncio.Task[Any]] = [asyncio.create_task(event.wait())]
    if at_most_s < math.inf:
        waits.append(asyncio.create_task(clock.sleep(at_most_s)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock, run `speed` times as fast.

    Arguments:
        speed: scaled seconds per real second; above 1 only in the demo and the long tests.
    """

    speed: float = 1.0
    _wall_s: Callable[[], float] = time.time
    _started_s: float = field(default_factory=time.time)
    _started_monotonic_s: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        if self.speed == 1.0:
            return datetime.fromtimestamp(self._wall_s(), UTC)
        elapsed_s = (time.monotonic() - self._started_monotonic_s) * self.speed
        return datetime.fromtimestamp(self._started_s + elapsed_s, UTC)

    def monotonic_s(self) -> float:
        return time.monotonic() * self.speed

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(max(0.0, delay_s) / self.speed)
