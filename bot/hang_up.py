"""The SIGHUP of whoever owns the machine: the configuration is read again, and operators hear what came of it."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.clock import Clock
from bot.events import ReloadAsked
from bot.notify import Supervisor
from bot.reload import Reload


class HangUp:
    """Takes the signal; one that comes before all is under way is kept, several at once count as one.

    Arguments:
        accept: puts an event on disk for whoever tells it.
        came: set it when the signal has come.
    """

    def __init__(
        self, reload: Reload, supervisor: Supervisor, accept: Callable[[ReloadAsked], Awaitable[None]], clock: Clock
    ) -> None:
        self._reload = reload
        self._supervisor = supervisor
        self._accept = accept
        self._clock = clock
        self.came = asyncio.Event()

    async def wait(self) -> None:
        """Wait for one signal, and do as it asks."""
        await self.came.wait()
        self.came.clear()
        self._supervisor.reloading()
        words = "the reload failed, see the log"
        try:
            words = await self._reload.on_signal()
        finally:
            self._supervisor.ready(words or "nothing to reload")
        if words:
            now = self._clock.now()
            key = f"reload:{now.timestamp():.6f}:{self._clock.monotonic_s():.6f}"
            await self._accept(ReloadAsked(key=key, lane="reload", at=now, words=words))
