"""A clock that a test may move on, which wakes whoever sleeps by it.

It begins on a Monday at noon, however long the machine has been up, so that no test meets another time of the day.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

MONDAY_S = datetime(2023, 11, 13, 12, tzinfo=UTC).timestamp()


def passing(speed: float = 1.0) -> Callable[[], float]:
    """Make what moves a clock: the time that passes from now on."""
    began_s = time.monotonic()
    return lambda: (time.monotonic() - began_s) * speed


class MovedClock:
    """A clock for all the loops of a program.

    Arguments:
        base_s: what moves it besides the test: the time that passes, unless told.
    """

    def __init__(self, base_s: Callable[[], float] | None = None) -> None:
        self.ahead_s = 0.0
        self._base_s = base_s or passing()
        self._asleep: set[asyncio.Future[None]] = set()

    def now(self) -> datetime:
        return datetime.fromtimestamp(MONDAY_S + self.monotonic_s(), UTC)

    def monotonic_s(self) -> float:
        return self._base_s() + self.ahead_s

    async def sleep(self, delay_s: float) -> None:
        due_s = self.monotonic_s() + delay_s
        while (left_s := due_s - self.monotonic_s()) > 0:
            moved = asyncio.get_running_loop().create_future()
            self._asleep.add(moved)
            try:
                await asyncio.wait({moved}, timeout=left_s)
            finally:
                self._asleep.discard(moved)

    def move(self, by_s: float) -> None:
        """Let time pass."""
        self.ahead_s += by_s
        for moved in list(self._asleep):
            moved.get_loop().call_soon_threadsafe(_wake, moved)


def _wake(moved: "asyncio.Future[None]") -> None:
    if not moved.done():
        moved.set_result(None)


def still() -> MovedClock:
    """Make a clock that only the test moves."""
    return MovedClock(lambda: 0.0)
