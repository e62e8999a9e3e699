"""A whole Gordon on the Slack of the demo, by either transport, and what its people see there."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from bot.adapters.slack import Slack
from bot.app import App
from bot.demo.slack import moby
from bot.demo.slack.act import Act
from bot.demo.slack.acts import Acts
from bot.demo.slack.deliveries import Patience
from bot.demo.slack.workspace import Json, Workspace
from bot.demo.world import SLACK, World

Transport = Literal["socket", "http"]
TRANSPORTS: tuple[Transport, ...] = ("socket", "http")
SOON = Patience(3.0, (0.05, 0.1, 0.2))


class OnSlack:
    """A Gordon that runs, and the team it talks with."""

    def __init__(self, world: World, app: App) -> None:
        assert world.slack is not None
        self.world = world
        self.app = app
        self.double = world.slack
        self.team = world.slack.team(SLACK)
        chat = app.chats[SLACK]
        assert isinstance(chat, Slack)
        self.chat = chat

    @property
    def acts(self) -> Acts:
        """What people do."""
        return self.team.acts

    @property
    def workspace(self) -> Workspace:
        """What Slack keeps."""
        return self.team.workspace

    def messages(self, channel: str = moby.DOCKER_DEV) -> list[Json]:
        """List Gordon's messages at a channel or with somebody, oldest first, as they are now."""
        place = self.acts.place(channel)
        return [message for message in place.messages.values() if message.get("user") == moby.BOT]

    def under(self, ts: str, channel: str = moby.DOCKER_DEV) -> list[str]:
        """List what Gordon has said in the thread of a message."""
        return [each["text"] for each in self.messages(channel) if each.get("thread_ts") == ts]

    def whispers(self, user: str) -> list[str]:
        """List what was shown to somebody alone."""
        return [each.message["text"] for each in self.workspace.ephemerals if each.user == user]

    async def until(self, is_so: Callable[[], Any], within_s: float = 60.0) -> Any:
        """Wait until something is so, and return it.

        Raises:
            AssertionError: it was not within so many seconds; the text shows what was said.
        """
        try:
            async with asyncio.timeout(within_s):
                while not (found := is_so()):  # noqa: ASYNC110  what is asked tells when asked
                    await asyncio.sleep(0.01)
                return found
        except TimeoutError:
            said = [each["text"] for channel in self.workspace.channels for each in self.messages(channel)]
            alone = [each.message["text"] for each in self.workspace.ephemerals]
            raise AssertionError(f"not so; said: {said}, to somebody alone: {alone}") from None

    async def said(self, pattern: str, channel: str = moby.DOCKER_DEV, *, under: str | None = None) -> str:
        """Wait until Gordon has said something at a channel, or in a thread of it, and return its text."""

        def found() -> str:
            here = self.messages(channel) if under is None else []
            texts = [each["text"] for each in here] if under is None else self.under(under, channel)
            return next((text for text in texts if re.search(pattern, text)), "")

        return str(await self.until(found))

    async def asks(self, user: str, text: str, channel: str = moby.DOCKER_DEV, *, expect: str = ".") -> str:
        """Mention Gordon with a command, and return what it answers in the thread of that line."""
        said = self.acts.mentions(user, text, channel)
        return await self.said(expect, channel, under=said.ts)

    async def shown_to(self, user: str, pattern: str) -> str:
        """Wait until something is shown to somebody alone, and return its text."""
        return str(
            await self.until(lambda: next((text for text in self.whispers(user) if re.search(pattern, text)), ""))
        )


@asynccontextmanager
async def on_slack(folder: Path, transport: Transport = "socket", **options: Any) -> AsyncIterator[OnSlack]:
    """Run a Gordon on the Slack of the demo, and end it in order.

    Arguments:
        options: those of `World`.
    """
    async with World(folder, with_slack=transport, **options) as world, running_on_slack(world) as gordon:
        yield gordon


@asynccontextmanager
async def running_on_slack(world: World) -> AsyncIterator[OnSlack]:
    """Run a Gordon in a world that has a Slack."""
    app = world.gordon()
    gordon = OnSlack(world, app)
    gordon.team.deliveries.patience = SOON
    running = asyncio.create_task(app.run())
    try:
        ready = asyncio.create_task(app.ready.wait())
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if running.done():
            running.result()
        if app.settings.slack[SLACK].signing_secret_file is not None:
            await world.send_slack_to(app)
        await gordon.until(gordon.chat.connected)
        await gordon.until(lambda: gordon.double.calls_of("conversations.list"))
        yield gordon
    finally:
        app.stop()
        await running


def failed(act: Act) -> list[str]:
    """List what of an act was not acknowledged."""
    return [delivery.failure for delivery in act.deliveries if not delivery.is_acknowledged]
