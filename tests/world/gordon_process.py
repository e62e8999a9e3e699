"""A Gordon in a process of its own, for what a process does: exit statuses, signals, a new start.

It is forked, as starting Python would be most of what many tests do; `test_cli.py` and `test_stopping.py` start it as
people do.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.world import World
from tests.world.forked import Forked, forked, with_empty_database
from tests.world.honesty import until


class GordonProcess:
    """`gordon run` at work."""

    def __init__(self, process: Forked, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def errors(self) -> str:
        """All that it wrote to stderr."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def logs(self, pattern: str, within_s: float = 60.0) -> None:
        """Wait until something stands in its log."""
        await until(lambda: re.search(pattern, self.errors), within_s)

    async def ended(self, within_s: float = 60.0) -> int:
        """Wait until it has ended, and return its exit status."""
        return await asyncio.wait_for(self._process.wait(), within_s)

    async def stopped(self, within_s: float = 60.0) -> int:
        """Ask it to end, and return its exit status."""
        self._process.terminate()
        return await self.ended(within_s)


@asynccontextmanager
async def gordon_process(world: World, *arguments: str, **environment: str) -> AsyncIterator[GordonProcess]:
    """Start Gordon in a world, without a wait for anything; kill it if it still runs at the end."""
    log = world.folder / "gordon.log"
    log.write_bytes(b"")
    with_empty_database(world.folder / "state")
    process = await forked(
        "bot.cli", "run", str(world.config), *arguments, environment={**os.environ, **environment}, log=log
    )
    try:
        yield GordonProcess(process, log)
    finally:
        if not process.is_over:
            process.kill()
            await process.wait()
