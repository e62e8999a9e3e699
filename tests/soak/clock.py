"""A clock for two processes at once that runs fast and, every so often, has some days pass in a moment."""

import asyncio
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Self

import msgspec


@dataclass(frozen=True, slots=True)
class LeapingClock:
    """What it shows follows from the machine's monotonic clock, so each process that has the numbers shows the same.

    Arguments:
        began_s: the machine's monotonic clock when it began.
        wall_s: what it showed then.
        speed: its seconds per second.
        leap_s: how far the wall clock goes on at once.
        every_s: after so many of its seconds.
    """

    began_s: float
    wall_s: float
    speed: float
    leap_s: float
    every_s: float

    @classmethod
    def begun(cls, *, speed: float, leap_s: float, every_s: float) -> Self:
        """Set one going now."""
        return cls(time.monotonic(), time.time(), speed, leap_s, every_s)

    @classmethod
    def told(cls, text: str) -> Self:
        """Make the one that another process tells of."""
        return cls(**msgspec.json.decode(text))

    def tell(self) -> str:
        """Write down what another process needs to show the same."""
        return msgspec.json.encode(asdict(self)).decode()

    def now(self) -> datetime:
        passed_s = self.monotonic_s()
        return datetime.fromtimestamp(self.wall_s + passed_s + passed_s // self.every_s * self.leap_s, UTC)

    def monotonic_s(self) -> float:
        return (time.monotonic() - self.began_s) * self.speed

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(max(0.0, delay_s) / self.speed)
