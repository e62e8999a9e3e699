"""What is done beside an acknowledgement, which must not wait for it."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from bot.errors import Refused, Unavailable

log = logging.getLogger(__name__)


class Beside:
    """Tasks that nobody waits for; what a neighbour refuses or does not answer ends one, and is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        """Begin something."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, Unavailable | Refused):
            log.info("not done: %s", error)
        else:
            log.error("something at Slack could not be done", exc_info=error)
