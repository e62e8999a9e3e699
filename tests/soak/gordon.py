"""`python -m tests.soak.gordon CONFIG CLOCK TOLD`: Gordon on the clock of the soak, which tells what it holds.

It does what `gordon run` does. Ten times a second it adds a line to a file: its tasks on both loops. On SIGUSR1 it
writes beside it how large everything is that its parts hold, by the name of the attribute; with GORDON_SOAK_TRACE=1
also where memory came from.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

import msgspec

from bot.app import App
from bot.config import load
from bot.logs import log_to
from tests.soak.clock import LeapingClock

EVERY_S = 0.1
OURS = ("bot.", "plugins.", "gordon_plugin")
PLACES = 25  # of the memory that is told


async def serve(config: Path, clock: LeapingClock, told: Path) -> int:
    """Run until SIGTERM, and tell."""
    app = App(load(config), clock=clock, config=config)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, app.stop)
    loop.add_signal_handler(signal.SIGHUP, app.hang_up.came.set)
    telling = asyncio.create_task(tell(app, told), name="telling")
    telling.add_done_callback(lambda ended: ended.cancelled() or ended.result())
    try:
        return await app.run()
    finally:
        telling.cancel()


async def tell(app: App, told: Path) -> None:
    """Add what there is to the file, again and again."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, asked.set)
    await app.ready.wait()
    parent = os.getppid()
    with told.open("ab", buffering=0) as file:
        while os.getppid() == parent:  # whoever measures may be killed
            edge, work = asyncio.all_tasks(), asyncio.all_tasks(app.work.loop)
            file.write(msgspec.json.encode({"edge": len(edge), "work": len(work)}) + b"\n")
            if asked.is_set():
                asked.clear()
                names = Counter(getattr(task.get_coro(), "__qualname__", "") for task in (*edge, *work))
                inventory = {"names": names, "held": held(), "memory": memory()}
                unfinished = told.with_suffix(".unfinished")
                unfinished.write_bytes(msgspec.json.encode(inventory))
                unfinished.replace(told.with_suffix(".held"))
            await asyncio.sleep(EVERY_S)
    app.stop()


def held() -> Mapping[str, int]:
    """Tell how many things each attribute of our own objects holds, added up over the objects of a class."""
    gc.collect()
    sizes: Counter[str] = Counter()
    for one in gc.get_objects():
        if str(type(one).__module__).startswith(OURS):
            for name, value in attributes(one):
                if isinstance(value, Sized) and not isinstance(value, str | bytes):
                    sizes[f"{type(one).__module__}.{type(one).__qualname__}.{name}"] += len(value)
    return sizes


def attributes(one: object) -> Iterator[tuple[str, Any]]:
    """List what an object has, whichever way it keeps that."""
    yield from list(getattr(one, "__dict__", {}).items())
    for kind in type(one).__mro__:
        for name in getattr(kind, "__slots__", ()):
            with contextlib.suppress(AttributeError):  # it was never set
                yield name, getattr(one, name)


def memory() -> list[str]:
    """Tell which lines of the program have most of the memory, if that is traced."""
    if not tracemalloc.is_tracing():
        return []
    found = tracemalloc.take_snapshot().statistics("lineno")[:PLACES]
    return [f"{each.size // 1024} KB in {each.count}: {each.traceback}" for each in found]


if __name__ == "__main__":
    if os.environ.get("GORDON_SOAK_TRACE") == "1":
        tracemalloc.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    log_to(logging.StreamHandler(sys.stderr), "WARNING")
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    config, clock, told = sys.argv[1:]
    sys.exit(asyncio.run(serve(Path(config), LeapingClock.told(clock), Path(told))))
