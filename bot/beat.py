"""When a server is asked again: at its pace, sooner for a hint, and never more often than it can bear."""

import asyncio
import random
from collections.abc import Collection

from bot.clock import Clock, sleep_until

JITTER = 0.2  # of a pause, so that many bots do not ask in step
HINTED_AT_MOST_EVERY_S = 1.0
PAUSE_AT_MOST_S = 30.0  # so that what has ended meanwhile is told within a minute of a server's return
MAX_HINTED = 1000  # jobs; what comes in a flood is found by the next ordinary look


class Beat:
    """The pauses between the looks at one server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hinted: set[str] = set()
        self._woken = asyncio.Event()

    def hint(self, job: str) -> None:
        """Have a job looked at soon; it is not asked for more than once, however often it is hinted at."""
        if len(self._hinted) < MAX_HINTED:
            self._hinted.add(job.casefold())
        self._woken.set()

    async def pause(self, pause_s: float, *, hastens: bool = True) -> Collection[str]:
        """Wait for the next look; tell the jobs that were hinted at, or nothing when the time has come.

        Arguments:
            hastens: a hint ends the wait.
        """
        hinted_s = min(pause_s, HINTED_AT_MOST_EVERY_S)
        await self._clock.sleep(hinted_s)
        if left_s := max(0.0, pause_s * random.uniform(1 - JITTER, 1 + JITTER) - hinted_s):  # noqa: S311  no secret
            await (sleep_until(self._woken, left_s, self._clock) if hastens else self._clock.sleep(left_s))
        hinted = frozenset(self._hinted)
        self._hinted.clear()
        self._woken.clear()
        return hinted
