"""`gordon demo`: a whole world in this process, played by the script or shown at a prompt."""

import asyncio
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.clock import SystemClock
from bot.demo import pull_queue
from bot.demo.day import Day
from bot.demo.fates import AGENTS
from bot.demo.stage import Missing
from bot.demo.world import World
from bot.logs import log_to

SCRIPT_SPEED = 90.0  # 18 minutes of windows in 12 seconds; above 100 the IRC connection's watchdog sees ghosts
NUMBERS = {"poll_s": 20, "gather_s": 60, "again_after_s": 30, "line_every_s": 5}  # scaled, as people would set them
LOG, LOG_LINES_SHOWN = "gordon.log", 20
FAILED, ENDED_BY_SIGNAL = 1, 143


def play(*, interactive: bool) -> int:
    """Show the world at a prompt, or play the script and print its transcript; return the exit status."""
    with tempfile.TemporaryDirectory(prefix="gordon-demo-") as name:
        folder = Path(name)
        with _logging_to(folder / LOG):
            try:
                return asyncio.run(_ending_by_signal(folder, interactive=interactive))
            except asyncio.CancelledError:
                return ENDED_BY_SIGNAL


async def _ending_by_signal(folder: Path, *, interactive: bool) -> int:
    """End in order when asked to, so that nothing is left in the temporary folder."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    if interactive:
        from bot.demo.show import show  # the prompt's library is loaded for a prompt only

        return await show(folder, folder / LOG)
    return await _script(folder)


async def _script(folder: Path) -> int:
    clock = SystemClock(SCRIPT_SPEED)
    world = World(
        folder,
        clock=clock,
        with_irc=True,
        with_hook=True,
        with_second=True,
        executors=6,
        agents=AGENTS,
        numbers=NUMBERS,
    )
    async with world:
        pull_queue.configure(world)
        return await print_transcript(Day(world, _print_or_end), folder / LOG)


def _print_or_end(line: str) -> None:
    """Print a line; where nobody reads on, as behind `head`, end in order."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python fails at exit, as it flushes
        os.kill(os.getpid(), signal.SIGTERM)


async def print_transcript(day: Day, log: Path) -> int:
    """Play a day and return the exit status; where it went wrong, show the end of the log too."""
    try:
        await day.play()
    except Missing as missing:
        _print_or_end(f"-- {missing}")
        print(end_of(log), file=sys.stderr)
        return FAILED
    return 0


def end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8").splitlines()[-LOG_LINES_SHOWN:])


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Keep what the program logs out of what is shown."""
    handler = logging.FileHandler(path, encoding="utf-8")
    log_to(handler, "INFO")
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
