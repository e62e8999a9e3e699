"""Where a script of the demo is played: people's lines, Gordon's, and what is shown of both."""

import asyncio
import re
from collections.abc import Callable

from bot.app import App
from bot.demo.irc import Said
from bot.demo.world import CHANNEL, World

GORDON = "gordon"
ANSWER_WITHIN_S, OUTCOME_WITHIN_S = 15.0, 30.0


class Missing(Exception):
    """What the script waited for did not come."""


class Stage:
    """A world with an IRC network whose people are all scripted, and the Gordon in it.

    Arguments:
        show: takes each line of the transcript.
        answer_within_s: real seconds that an answer may take, on a machine that has other things to do.
    """

    def __init__(self, world: World, show: Callable[[str], None], *, answer_within_s: float = ANSWER_WITHIN_S) -> None:
        assert world.irc is not None
        self.world = world
        self.said: list[str] = []
        self._irc = world.irc
        self._show = show
        self._answer_within_s = answer_within_s
        self._something = asyncio.Event()
        self._app: App | None = None
        self._running: asyncio.Task[int] | None = None
        self._irc.on_message(self._hear)

    async def come(self) -> None:
        """Start a Gordon and wait until it is in the channel."""
        self._app = self.world.gordon()
        self._running = asyncio.create_task(self._app.run())
        async with asyncio.timeout(self._answer_within_s):
            while not self._is_in():
                if self._running.done():
                    raise Missing(f"Gordon ended with {self._running.result()}")
                await asyncio.sleep(0.02)
            await self.world.send_webhook_to(self._app)

    async def go(self) -> None:
        """Stop it, if there is one."""
        app, running, self._app, self._running = self._app, self._running, None, None
        if app is not None and running is not None:
            app.stop()
            await running

    def say(self, nick: str, text: str) -> None:
        """Let somebody say a line, whatever becomes of it."""
        self._irc.say(nick, CHANNEL, text)

    async def ask(self, nick: str, text: str, pattern: str) -> re.Match[str]:
        """Let somebody say a line, and wait for an answer like this."""
        before = len(self.said)
        self.say(nick, text)
        return await self.hears(pattern, after=before, within_s=self._answer_within_s)

    async def confirm(self, nick: str, text: str, pattern: str) -> None:
        """Ask for something large, and say what Gordon wants to hear before it does that."""
        asked = await self.ask(nick, text, rf"{nick}: .*to go on say: (?P<words>confirm \w+)")
        await self.ask(nick, f"!{asked['words']}", pattern)

    async def hears(self, pattern: str, *, after: int = 0, within_s: float = OUTCOME_WITHIN_S) -> re.Match[str]:
        """Wait until Gordon has said a line like this.

        Arguments:
            after: how many of its lines are passed over.

        Raises:
            Missing: it has not.
        """
        try:
            async with asyncio.timeout(within_s):
                while True:
                    for line in self.said[after:]:
                        if found := re.search(pattern, line):
                            return found
                    self._something.clear()
                    await self._something.wait()
        except TimeoutError:
            raise Missing(f"Gordon did not say {pattern!r} within {within_s:g} s") from None

    async def sees(self, what: str, look: Callable[[], str], *, within_s: float = ANSWER_WITHIN_S) -> str:
        """Wait until the records of a neighbour have something to tell, and return that.

        Arguments:
            what: names it, should it not come.
            look: tells it; empty as long as it is not there.

        Raises:
            Missing: it is not there.
        """
        try:
            async with asyncio.timeout(within_s):
                while True:
                    if told := look():
                        return told
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Missing(f"{what}: not within {within_s:g} s") from None

    def tell(self, text: str) -> None:
        """Show a line of the script's own."""
        self._show(f"-- {text}")

    def _is_in(self) -> bool:
        room = self._irc.channels.get(CHANNEL)
        return room is not None and any(member.nick == GORDON for member in room.members)

    def _hear(self, said: Said) -> None:
        if said.target != CHANNEL:
            return
        self._show(f"<{said.nick}> {said.text}")
        if said.nick == GORDON:
            self.said.append(said.text)
            self._something.set()
