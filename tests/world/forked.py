"""A Python program in a process that is forked where everything is imported already.

Starting Python and importing takes half a second of the processor, which hundreds of deaths would pay each. Nothing
else differs: a process with its own memory, killed by SIGKILL. `gordon_process.py` starts one by its command line.
"""

import asyncio
import importlib
import multiprocessing
import os
import pkgutil
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import plugins
from bot import crash, migrations

ROOT = Path(__file__).parents[2]
_FORKING = multiprocessing.get_context("forkserver")
_ADAPTERS = ("github", "irc", "jenkins", "slack", "slack_http")
_LATE = ("bot.diagnosis.command_line", "bot.diagnosis.hyperscan_engine", "bot.diagnosis.late_engine", "bot.migrations")
_PLUGINS = (f"plugins.{each.name}" for each in pkgutil.iter_modules(plugins.__path__))
_FORKING.set_forkserver_preload(
    ["bot.app", "bot.neighbours", *(f"bot.adapters.{each}" for each in _ADAPTERS), *_LATE, *_PLUGINS, __name__]
)


class Forked:
    """A program that runs."""

    def __init__(self, process: multiprocessing.process.BaseProcess) -> None:
        self._process = process
        self._ended = asyncio.create_task(self._wait())

    @property
    def is_over(self) -> bool:
        return self._ended.done()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    async def wait(self) -> int:
        """Wait for its end and return its status; of a signal that killed it, the negative number."""
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    async def _wait(self) -> int:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        status = self._process.exitcode
        assert status is not None
        return status


async def forked(module: str, *arguments: str, environment: Mapping[str, str], log: Path) -> Forked:
    """Run a module as `python -m` does, in the folder of the project.

    Arguments:
        log: the file to which it adds what it writes to its standard error.
    """
    process = _FORKING.Process(target=_run, args=(module, arguments, dict(environment), log), daemon=True)
    await asyncio.to_thread(process.start)  # the first one waits for the imports
    return Forked(process)


def with_empty_database(state: Path) -> None:
    """Spare a program that begins in this folder to make its database; see `conftest.py`."""
    if not state.exists():
        state.mkdir(mode=0o750)
        migrations.upgrade(state / "gordon.db", "")


def _run(module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))  # as Python does when it starts
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    sys.argv[1:] = arguments
    importlib.reload(crash)  # it reads its environment as it is imported
    runpy.run_module(module, run_name="__main__", alter_sys=True)
