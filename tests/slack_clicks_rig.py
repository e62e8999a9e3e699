"""A whole Gordon whose people click at a Slack on loopback; what it answers there, a place of tests hears."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.adapters.slack_ack import Ack
from bot.adapters.slack_api import Api
from bot.adapters.slack_files import Files
from bot.adapters.slack_interactions import Interactions
from bot.adapters.slack_output import Output
from bot.adapters.slack_places import Places
from bot.adapters.slack_wire import read_slash
from bot.chat import Card, Inside, MessageRef, Picture, Words
from bot.clock import Clock, SystemClock
from bot.demo.slack import moby
from bot.demo.slack.act import Act
from bot.demo.slack.double import SlackDouble
from bot.demo.slack.workspace import Json, View
from bot.demo.world import World
from bot.settings import SlackSettings
from bot.testing import NETWORK, EditableChat, Gordon, running
from bot.values import Place, Speaker

CHANNEL = "#docker-dev"
HERE = Place(NETWORK, CHANNEL)
NICKS = {
    moby.TIANON: "tianon", moby.CROSBYMICHAEL: "crosbymichael", moby.ICECRIME: "icecrime", moby.JESS: "jess",
    moby.VIEUX: "vieux", moby.NEWCOMER: "newcomer",
}  # fmt: skip
SPEED = 20.0
ANSWER_S = 30.0


class Clicks:
    """What a test does and sees.

    Arguments:
        gordon: the one behind the buttons; what it answers is said at its `chat`.
        inside: what the buttons ask; a test may put another one there.
    """

    def __init__(self, gordon: Gordon, slack: SlackDouble) -> None:
        self.gordon = gordon
        self.slack = slack
        self.team = slack.team()
        self.clock: Clock = SystemClock(speed=SPEED)
        self.settings = SlackSettings(channels=(CHANNEL,))
        self.api = Api(NETWORK, slack.api_url, moby.BOT_TOKEN, 5.0, self.clock, lambda about, words: None)
        self.places = Places(self.api, self.clock, lambda about, words: None)
        self.output = Output(
            self.api, self.places, Files(self.api, _undrawn, self.clock.sleep), self.clock, lambda about, words: None
        )
        assert gordon.chat.inside is not None
        self.inside: Inside = gordon.chat.inside
        self.interactions = Interactions(
            NETWORK,
            self.api,
            self.places,
            self.output,
            lambda: self.inside,
            self.who,
            lambda: self.settings,
            self.clock,
        )

    async def posted(self, words: Words, place: Place = HERE) -> MessageRef:
        """Have Gordon say something at Slack."""
        return await self.output.send(place, words)

    async def clicks(self, act: Act, times: int = 1) -> Ack:
        """Deliver what somebody did, so often; Slack does with the first acknowledgement what that says."""
        [delivery] = act.deliveries
        acks = [await self.interactions.clicked(_copy(delivery.payload)) for _ in range(times)]
        delivery.on_answer(dict(acks[0].body or {}))
        return acks[0]

    async def presses(self, user: str, label: str, ref: MessageRef, times: int = 1) -> Ack:
        """Press the button with this label."""
        channel, _, ts = ref.id.partition(":")
        return await self.clicks(self.press(user, label, channel, ts), times)

    def press(self, user: str, label: str, channel: str, ts: str) -> Act:
        """Press the button with this label, and deliver it later."""
        return self.team.acts.presses(user, self.buttons(channel, ts)[label], channel, ts)

    def buttons(self, channel: str, ts: str) -> dict[str, str]:
        """List the buttons of a message: their actions by what they say."""
        blocks = self.message(channel, ts)["blocks"]
        found = [one for block in blocks if block["type"] == "actions" for one in block["elements"]]
        return {one["text"]["text"]: one["action_id"] for one in found}

    def message(self, channel: str, ts: str) -> Json:
        return self.team.workspace.channels[channel].messages[ts]

    def shown(self, ref: MessageRef) -> str:
        """Give all that a message shows, as JSON."""
        channel, _, ts = ref.id.partition(":")
        return json.dumps(self.message(channel, ts)["blocks"], ensure_ascii=False)

    def told(self, event: Act) -> None:
        """Deliver an event."""
        for delivery in event.deliveries:
            self.interactions.told(_copy(delivery.payload))

    def slashes(self, user: str, text: str, channel: str = moby.DOCKER_DEV) -> bool:
        """Give a command with a slash; tell whether a form is opened for it."""
        [delivery] = self.team.acts.slash(user, text, channel).deliveries
        return self.interactions.asks(read_slash(delivery.payload))

    @property
    def whispers(self) -> list[tuple[str, str]]:
        """List what was said to people alone."""
        return [(one.user, one.message["text"]) for one in self.team.workspace.ephemerals]

    @property
    def open_views(self) -> list[View]:
        return [view for view in self.team.workspace.views.values() if not view.is_closed]

    async def view(self, pattern: str) -> View:
        """Wait for an open modal that says something."""
        await self.until(lambda: any(pattern in json.dumps(view.view) for view in self.open_views))
        return next(view for view in self.open_views if pattern in json.dumps(view.view))

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(ANSWER_S):
            while not holds():  # noqa: ASYNC110  the stand-ins tell when asked
                await asyncio.sleep(0.01)

    async def builds(self, number: int) -> None:
        """Wait until so many builds were asked for."""
        await self.until(lambda: len(self.gordon.world.request_ids()) >= number)

    def card(self, pattern: str) -> Card | None:
        """Find a card that Gordon said at the place of tests."""
        chat = self.gordon.chat
        assert isinstance(chat, EditableChat)
        return next((one for one in chat.messages if isinstance(one, Card) and pattern in one.title), None)

    async def who(self, team: str, user: str, name: str) -> Speaker:
        """Tell who somebody is, whose account at the place of tests is their nick."""
        nick = NICKS.get(user, "")
        return Speaker(NETWORK, nick or user, nick, "test", "" if nick else "nobody here knows you")


@asynccontextmanager
async def clicking(folder: Path, world: World | None = None) -> AsyncIterator[Clicks]:
    """Run all of it; nothing is delivered but by the test."""
    async with SlackDouble() as slack, running(folder, world=world, chat=EditableChat()) as gordon:
        slack.team().deliveries.hold()
        clicks = Clicks(gordon, slack)
        clicks.places.configure(clicks.settings)
        await clicks.places.refresh()
        try:
            yield clicks
        finally:
            await clicks.interactions.close()
            await clicks.output.close()
            await clicks.api.close()


async def _undrawn(picture: Picture) -> bytes:
    raise AssertionError("no picture is drawn here")


def _copy(payload: Json) -> Json:
    copied: Json = json.loads(json.dumps(payload))
    return copied
