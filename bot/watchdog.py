"""Looks at the work loop from outside: names the plugin that blocks it, and ends the process if it never lets go."""

import asyncio
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import FrameType

from bot.strikes import Strikes
from bot.work import WorkLoop

BEAT_S = 0.25
LAG_TOLD_S = 1.0
STUCK_EXIT = 70  # EX_SOFTWARE: the supervisor restarts us, and the journal is replayed
log = logging.getLogger(__name__)


class Pulse:
    """How late a loop comes to what another thread asks of it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lag: Callable[[float], None]) -> None:
        self._loop = loop
        self._on_lag = on_lag
        self._asked_s = 0.0  # 0: it is not asked now

    def ask(self) -> None:
        """Ask the loop for a word, unless it owes one still."""
        if not self._asked_s:
            self._asked_s = time.monotonic()
            with suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(self._answer)

    def owed_s(self) -> float:
        """Tell for how long the loop has not answered; from any thread."""
        asked_s = self._asked_s
        return time.monotonic() - asked_s if asked_s else 0.0

    def _answer(self) -> None:
        self._on_lag(self.owed_s())
        self._asked_s = 0.0


class Watchdog:
    """A thread that sees to it that the work loop answers, and how fast both loops do.

    Arguments:
        files: source file to plugin.
        stuck_after_s: a loop that is blocked longer than this ends the process.
        edge: the loop of the connections.
        on_lag: told which loop, "edge" or "work", was how late; from that loop.
    """

    def __init__(
        self,
        work: WorkLoop,
        strikes: Strikes,
        files: Mapping[str, str],
        stuck_after_s: float,
        edge: asyncio.AbstractEventLoop,
        on_lag: Callable[[str, float], None],
    ) -> None:
        loops = {"edge": edge, "work": work.loop}
        self._pulses = {name: Pulse(loop, partial(on_lag, name)) for name, loop in loops.items()}
        self._work = work
        self._strikes = strikes
        self._files = files
        self._stuck_after_s = stuck_after_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gordon-watchdog", daemon=True)
        self._beaten_s = time.monotonic()
        self.worst_lag_s = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(1.0)

    def blocked_s(self) -> Mapping[str, float]:
        """Tell for how long each loop has not answered; from any thread."""
        return {name: pulse.owed_s() for name, pulse in self._pulses.items()}

    def is_answered(self) -> bool:
        """Tell whether the work loop has answered lately; from any thread."""
        return time.monotonic() - self._beaten_s < LAG_TOLD_S + BEAT_S

    def _run(self) -> None:
        was_told = False
        self._beat()
        began_s = time.monotonic()
        while not self._stop.wait(BEAT_S):
            began_s, waited_s = time.monotonic(), time.monotonic() - began_s
            for pulse in self._pulses.values():
                pulse.ask()
            if waited_s > LAG_TOLD_S:  # the whole process was stopped, so nobody blocked anything meanwhile
                self._beaten_s += waited_s
            lag_s = began_s - self._beaten_s - BEAT_S
            self.worst_lag_s = max(self.worst_lag_s, lag_s)
            if lag_s < LAG_TOLD_S:
                was_told = False
                with suppress(RuntimeError):  # it is closed
                    self._work.loop.call_soon_threadsafe(self._beat)
                continue
            stack = sys._current_frames().get(self._work.thread.ident or 0)
            plugin = self._plugin_on(stack)
            if not was_told:
                was_told = True
                text = "".join(traceback.format_stack(stack)) if stack else "(no stack)"
                log.error("plugin %s blocks the work loop for %.1f s:\n%s", plugin or "(none)", lag_s, text)
            if lag_s > self._stuck_after_s:
                log.critical("plugin %s has blocked the work loop for %.0f s: ending", plugin or "(none)", lag_s)
                try:
                    if plugin:
                        self._strikes.note_stuck(plugin)
                finally:  # the disk may be full or locked, and still nothing else here can help
                    os._exit(STUCK_EXIT)

    def _beat(self) -> None:
        self._beaten_s = time.monotonic()

    def _plugin_on(self, frame: FrameType | None) -> str:
        while frame is not None:
            if plugin := self._files.get(frame.f_code.co_filename):
                return plugin
            frame = frame.f_back
        return ""
