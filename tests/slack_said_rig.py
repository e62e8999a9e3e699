"""What says things on Slack, put together for tests, against the double; its time passes when somebody sleeps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from bot.adapters.slack_api import Api
from bot.adapters.slack_blocks import digest_of, disabled
from bot.adapters.slack_files import Files
from bot.adapters.slack_output import Output
from bot.adapters.slack_places import Places
from bot.chat import Card, MessageRef, Picture
from bot.demo.slack import moby
from bot.demo.slack.double import SlackDouble
from bot.demo.slack.workspace import Json
from bot.settings import SlackSettings
from bot.values import Place

NOON_S = 1_404_216_000.0  # 1 July 2014, 12:00 UTC
PNG = b"\x89PNG, drawn"


class JumpingClock:
    """A clock that goes on when somebody sleeps, and at once.

    Arguments:
        slept: every sleep, in seconds.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOON_S + self.now_s, UTC)

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)
        self.now_s += max(0.0, delay_s)
        await asyncio.sleep(0)


class Told:
    """What operators were told, and how it stands."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, about: str, words: str) -> None:
        self.lines.append((about, words))

    @property
    def now(self) -> dict[str, str]:
        """Give what is wrong now."""
        return {about: words for about, words in dict(self.lines).items() if words}


class Said:
    """The parts, and the Slack that they talk to.

    Arguments:
        draws: makes a PNG of a picture.
    """

    def __init__(self, slack: SlackDouble) -> None:
        self.slack = slack
        self.clock = JumpingClock()
        self.told = Told()
        self.draws: Callable[[Picture], Awaitable[bytes]] = drawn
        self.api = Api("moby", slack.api_url, moby.BOT_TOKEN, 5.0, self.clock, self.told)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Go on as a process that was just started."""
        self.places = Places(self.api, self.clock, self.told)
        files = Files(self.api, lambda picture: self.draws(picture), self.clock.sleep)
        self.output = Output(self.api, self.places, files, self.clock, self.told)
        self.configure()

    def place(self, channel: str = "#docker-dev", **fields: Any) -> Place:
        return Place("moby", channel, **fields)

    def messages(self, channel: str = moby.DOCKER_DEV) -> list[Json]:
        """List what stands at a channel, oldest first."""
        return list(self.slack.workspace().channels[channel].messages.values())

    def texts(self, channel: str = moby.DOCKER_DEV) -> list[str]:
        return [message["text"] for message in self.messages(channel)]

    def configure(self, **settings: Any) -> None:
        settings = {"channels": ("#docker-dev", "#builds")} | settings
        self.places.configure(SlackSettings(**settings))
        self.output.configure(SlackSettings(**settings))


async def drawn(picture: Picture) -> bytes:
    return PNG


@asynccontextmanager
async def saying() -> AsyncIterator[Said]:
    """Put the parts together with a Slack of their own."""
    async with SlackDouble() as slack:
        said = Said(slack)
        try:
            yield said
        finally:
            await said.output.close()
            await said.api.close()


def shown_at(message: Json) -> str:
    """Give all text of a message's blocks."""
    texts: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            texts.extend(value for key, value in part.items() if key == "text" and isinstance(value, str))
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(message.get("blocks", []))
    return " ".join(texts)


async def press(said: Said, ref: MessageRef, card: Card, action: str = "press.0", user: str = moby.TIANON) -> bool:
    """Have the output show that a button was pressed."""
    channel_id, _, ts = ref.id.partition(":")
    (message,) = (one for one in said.messages() if one["ts"] == ts)
    return await said.output.repaint(
        channel_id,
        ts,
        lambda blocks: disabled(blocks, action, user),
        over=digest_of(card),
        blocks=message["blocks"],
        text=message["text"],
    )
