"""`python -m tests.bench.busy_gordon CONFIG TOLD`: what `gordon run` does, telling how late the edge loop is.

A hundred times a second it asks for its turn; once a second it adds a line to the file: when it asked for each turn, by
the monotonic clock, and by how many seconds that came too late.
"""

import asyncio
import signal
import sys
import time
from pathlib import Path

import msgspec

from bot.app import App
from bot.config import load

EVERY_S, TOLD_EVERY = 0.01, 100


async def serve(config: Path, told: Path) -> int:
    """Run until SIGTERM, and tell."""
    app = App(load(config), config=config)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
    telling = asyncio.create_task(tell(told), name="telling")
    try:
        return await app.run()
    finally:
        telling.cancel()


async def tell(told: Path) -> None:
    """Take turns for as long as this runs."""
    with told.open("ab", buffering=0) as file:
        while True:
            turns = []
            for _ in range(TOLD_EVERY):
                asked_s = time.monotonic()
                await asyncio.sleep(EVERY_S)
                turns.append((asked_s, time.monotonic() - asked_s - EVERY_S))
            file.write(msgspec.json.encode(turns) + b"\n")


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2]))))
