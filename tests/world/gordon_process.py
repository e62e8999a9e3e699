"""A Gordon in a process of its own, for what a process does: exit statuses, signals, a new start."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.world import World
from tests.world.honesty import until

ROOT = Path(__file__).parents[2]


class GordonProcess:
    """`gordon run` at work."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def errors(self) -> str:
        """All that it wrote to stderr."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def logs(self, pattern: str, within_s: float = 20.0) -> None:
        """Wait until something stands in its log."""
        await until(lambda: re.search(pattern, self.errors), within_s)

    async def ended(self, within_s: float = 20.0) -> int:
        """Wait until it has ended, and return its exit status."""
        return await asyncio.wait_for(self._process.wait(), within_s)

    async def stopped(self, within_s: float = 20.0) -> int:
        """Ask it to end, and return its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return await self.ended(within_s)


@asynccontextmanager
async def gordon_process(world: World, *arguments: str, **environment: str) -> AsyncIterator[GordonProcess]:
    """Start Gordon in a world, without a wait for anything; kill it if it still runs at the end."""
    log = world.folder / "gordon.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.cli", "run", str(world.config), *arguments),
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stderr=errors,
        )
    try:
        yield GordonProcess(process, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
