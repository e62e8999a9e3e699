"""The IRC adapter alone, running, and what it heard and reported."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from bot.adapters.irc import Irc
from bot.adapters.irc_secrets import IrcSecrets
from bot.chat import Hear, Heard
from bot.clock import Clock, SystemClock
from bot.settings import IrcSettings
from bot.values import Place
from tests.scripted_irc import WITHIN_S

FAST = 25.0  # pauses of a second take 40 ms
CHANNEL = Place("net", "#dev")


class IrcBot:
    """An adapter that somebody runs.

    Arguments:
        reports: what it reported, in its order: what it is about, and the words.
    """

    def __init__(self, irc: Irc, hear: Hear | None) -> None:
        self.irc = irc
        self.heard: asyncio.Queue[Heard] = asyncio.Queue()
        self.reports: list[tuple[str, str]] = []
        irc.report = lambda about, words: self.reports.append((about, words))
        self._task = asyncio.create_task(irc.run(hear or self.heard.put))

    async def hears(self) -> Heard:
        """Wait for the next line that was for it."""
        getting = asyncio.create_task(self.heard.get())
        done, _ = await asyncio.wait({getting, self._task}, timeout=WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        assert getting in done, "the adapter heard nothing, or ended by itself"
        return getting.result()

    async def says(self, words: str, place: Place = CHANNEL) -> None:
        """Say words and wait until they have arrived."""
        await self.irc.arrived(await self.irc.send(place, words))

    def reports_about(self, about: str) -> list[str]:
        """List what was reported about something."""
        return [words for what, words in self.reports if what == about]

    def troubles(self) -> dict[str, str]:
        """Tell what was reported and is not over."""
        return {about: words for about, words in dict(self.reports).items() if words}

    async def stop(self) -> None:
        """End the adapter."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


def irc_settings(port: int, **more: object) -> IrcSettings:
    """Make settings for a server on loopback."""
    values = {"host": "127.0.0.1", "port": port, "tls": False, "channels": ("#dev",), "line_every_s": 0.0, **more}
    return IrcSettings(**values)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def irc_bot(
    port: int,
    *,
    clock: Clock | None = None,
    secrets: IrcSecrets = IrcSecrets(),  # noqa: B008  frozen
    hear: Hear | None = None,
    nick_is_identity: bool = True,
    read_passwords: Callable[[], tuple[str, str]] | None = None,
    **settings: object,
) -> AsyncIterator[IrcBot]:
    """Run an adapter, which believes nicks unless told otherwise.

    Arguments:
        settings: what differs from a server on loopback with one channel and no pace.
    """
    wanted = irc_settings(port, nick_is_identity=nick_is_identity, **settings)
    bot = IrcBot(Irc("net", wanted, secrets, "!", clock or SystemClock(FAST), read_passwords), hear)
    try:
        yield bot
    finally:
        await bot.stop()
