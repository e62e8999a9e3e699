"""Ending what goes on in order, stage by stage, within a time that all stages share."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Sequence

LEAST_S = 0.05  # for a stage when the time is over


class Ending:
    """An end that has begun.

    Arguments:
        within_s: how long all stages may take together.
    """

    def __init__(self, within_s: float) -> None:
        self._deadline_s = time.monotonic() + within_s

    def at_most(self, stage_s: float) -> float:
        """Tell how many seconds of those it would like a stage may take."""
        return max(LEAST_S, min(stage_s, self._deadline_s - time.monotonic()))

    async def wait(self, work: Awaitable[object], stage_s: float) -> None:
        """Let something end by itself; what takes too long is given up.

        Arguments:
            stage_s: how many seconds it would like.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(work, self.at_most(stage_s))

    async def cancel(self, tasks: Sequence[asyncio.Task[None]], stage_s: float) -> None:
        """Cancel tasks and wait for them; those that take too long are left.

        Arguments:
            stage_s: how many seconds they would like.
        """
        for task in tasks:
            task.cancel()
        if tasks:
            done, _ = await asyncio.wait(tasks, timeout=self.at_most(stage_s))
            await asyncio.gather(*done, return_exceptions=True)
