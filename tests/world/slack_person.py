"""Somebody on Slack for the crash tests, with the same few words as a maintainer with an IRC client.

Slack delivers what they type again until it is acknowledged, and never what they click: they see that it failed, and
click again.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from bot.adapters.slack_text import unescape
from bot.demo.slack import moby
from bot.demo.slack.act import Act
from bot.demo.slack.deliveries import Patience
from bot.demo.slack.double import SlackDouble
from bot.demo.slack.workspace import Json
from bot.demo.world import SLACK, SLACK_PEOPLE, World

WITHIN_S = 40.0  # for whatever must happen; a machine that is busy with other tests needs most of it
# As long as Slack is patient, in small steps: how long a new start takes here depends on what else the machine does.
PATIENCE = Patience(3.0, (0.25,) * 60)
CALLED = re.compile(r"^<@(\w+)> ")


class SlackPerson:
    """Types and clicks in a channel, and sees what Gordon shows there.

    Arguments:
        nick: theirs, as of the people of the demo.
    """

    channel = moby.DOCKER_DEV

    def __init__(self, world: World, nick: str) -> None:
        assert world.slack is not None
        self.nick = nick
        self.id = SLACK_PEOPLE[nick]
        self.slack: SlackDouble = world.slack
        self.team = world.slack.team(SLACK)
        self.team.deliveries.patience = PATIENCE

    @property
    def gordons_joins(self) -> int:
        """How often Gordon has asked who it is, which it does as it starts."""
        return len(self.slack.calls_of("auth.test"))

    @property
    def heard(self) -> list[str]:
        """What Gordon has said, oldest first, as it is now; an answer begins with who has asked."""
        return [self._line(message) for message in self.messages()]

    def messages(self) -> list[Json]:
        """List Gordon's messages in the channel, oldest first."""
        everything = self.team.workspace.channels[self.channel].messages.values()
        return [message for message in everything if message.get("user") == moby.BOT]

    def cards(self, pattern: str) -> list[Json]:
        """List Gordon's messages that are in no thread and say something now."""
        first = [one for one in self.messages() if one.get("thread_ts", one["ts"]) == one["ts"]]
        return [one for one in first if re.search(pattern, one["text"])]

    def type(self, command: str) -> Act:
        """Give a command in the channel."""
        return self.team.acts.mentions(self.id, command, self.channel)

    def press(self, label: str, card: Json) -> Act:
        """Press a button of a card, by what it says."""
        found = [one for block in card["blocks"] if block["type"] == "actions" for one in block["elements"]]
        [action] = [one["action_id"] for one in found if one["text"]["text"] == label]
        return self.team.acts.presses(self.id, action, self.channel, card["ts"])

    async def insist(self, does: Callable[[], Act]) -> None:
        """Click until Gordon takes it."""
        async with asyncio.timeout(WITHIN_S):
            while (await does().acknowledged(WITHIN_S)).failure:  # noqa: ASYNC110  as below
                await asyncio.sleep(0.02)

    async def hears(self, pattern: str, *, after: int = 0) -> str:
        """Wait for a line of Gordon's that has this regular expression, and return it."""
        return str(
            await self.sees(
                lambda: next((line for line in self.heard[after:] if re.search(pattern, line)), ""),
                f"{pattern!r} after line {after}",
            )
        )

    async def sees_gordon_join(self, before: int) -> None:
        """Wait until Gordon is there once more than before, and takes what is clicked."""
        await self.sees(lambda: self.gordons_joins > before, "Gordon")
        closed = {"type": "view_closed", "user": {"id": self.id}}  # which is of no use to it
        await self.insist(lambda: Act([self.team.deliveries.put("interactive", closed)]))

    async def sees(self, found: Callable[[], Any], what: str) -> Any:
        """Wait until there is something to see, and return it."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not (it := found()):  # noqa: ASYNC110  the double tells when asked
                    await asyncio.sleep(0.01)
                return it
        except TimeoutError:
            raise AssertionError(f"{self.nick} waits in vain for {what}; heard {self.heard}") from None

    def _line(self, message: Json) -> str:
        text = unescape(CALLED.sub(lambda found: f"{self._name(found[1])}: ", message["text"]))
        asked = self.team.workspace.channels[self.channel].messages.get(message.get("thread_ts", ""), {})
        is_answer = asked.get("user") not in (None, moby.BOT)
        return f"{self._name(asked['user'])}: {text}" if is_answer else text

    def _name(self, user: str) -> str:
        return self.team.workspace.users[user].display_name
