"""What Gordon hears of a Slack on loopback: signed posts, handed to the parts that hear, without the rest of Gordon."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from bot.adapters.slack_api import Api
from bot.adapters.slack_hearing import Hearing
from bot.adapters.slack_members import Members
from bot.adapters.slack_wire import Installation
from bot.chat import Heard
from bot.clock import Clock
from bot.demo.slack import moby
from bot.demo.slack.act import Act
from bot.demo.slack.deliveries import Patience
from bot.demo.slack.double import SlackDouble
from bot.errors import StorageError
from bot.settings import SlackSettings
from bot.values import Place
from tests.moved_clock import MovedClock

QUICK = Patience(0.5, (0.0, 0.02, 0.05))  # of a Slack that has no time
US = Installation(moby.TEAM, moby.BOT, moby.BOT_ID, moby.APP)
CHANNELS = {moby.DOCKER_DEV: "#docker-dev", moby.SHARED: "#docker-and-friends"}
DEV = "#docker-dev"


class Ear:
    """A Slack whose events are heard.

    Arguments:
        heard: what was handed on, in its order.
        disk: set while lines can be written; a line that is heard waits for it.
        full: lines with this text meet a full disk once.
    """

    def __init__(self, slack: SlackDouble, clock: Clock, settings: SlackSettings) -> None:
        self.slack = slack
        self.team = slack.team()
        self.acts = self.team.acts
        self.heard: list[Heard] = []
        self.disk = asyncio.Event()
        self.disk.set()
        self.full: set[str] = set()
        self.listens_at: set[str] = set()
        self.api = Api("moby", slack.api_url, moby.BOT_TOKEN, 5.0, clock, lambda about, words: None)
        self.members = Members("moby", self.api.call, lambda: US, clock)
        self.hearing = Hearing(
            "moby",
            settings,
            "!",
            clock,
            self.members,
            installed=lambda: US,
            place_of=CHANNELS.get,
            elsewhere=lambda: f"I obey in {', '.join([*CHANNELS.values(), 'a direct message'])}, and not here",
            hear=self._hear,
            whisper=self._whisper,
            listens=self._listens,
        )

    @property
    def texts(self) -> Sequence[str]:
        """What was said, in the order in which it was handed on."""
        return [heard.text for heard in self.heard]

    @property
    def whispered(self) -> Sequence[tuple[str, str]]:
        """Whom something was told alone, and what."""
        return [(one.user, one.message["text"]) for one in self.team.workspace.ephemerals]

    async def told(self, user: str) -> str:
        """Wait until somebody is told something alone, and return it."""
        await eventually(lambda: user in dict(self.whispered))
        return dict(self.whispered)[user]

    def tells(self, text: str, channel: str = moby.DOCKER_DEV, **event: object) -> Act:
        """Have the app told of a message as it stands here, which nobody said."""
        told = {"type": "message", "channel": channel, "channel_type": "channel", "text": text}
        return self.acts.tells({**told, "ts": self.team.workspace.next_ts(), **event})

    async def take(self, request: web.Request) -> web.Response:
        """Take what Slack posts; it is acknowledged when it is on disk."""
        payload = await request.json()
        if payload["event"]["type"] == "user_change":
            self.members.changed(payload)
        else:
            try:
                await self.hearing.heard(payload)
            except StorageError:
                return web.Response(status=503)
        return web.Response()

    async def _hear(self, heard: Heard) -> None:
        self.heard.append(heard)
        await self.disk.wait()
        if heard.text in self.full:
            self.full.discard(heard.text)
            self.heard.remove(heard)
            raise StorageError("the disk is full")

    async def _whisper(self, channel_id: str, user: str, words: str, thread: str = "") -> None:
        await self.api.call("chat.postEphemeral", channel=channel_id, user=user, text=words, thread_ts=thread or None)

    def _listens(self, place: Place) -> bool:
        return place.channel in self.listens_at


async def eventually(is_so: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it was not within so many real seconds.
    """
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110  of a double, which tells nobody
            await asyncio.sleep(0.005)


@asynccontextmanager
async def ear(clock: Clock | None = None, **settings: object) -> AsyncIterator[Ear]:
    """Run a Slack, and hear it.

    Arguments:
        settings: what differs from those of a workspace with two channels.
    """
    clock = clock or MovedClock()
    wanted = SlackSettings(channels=tuple(CHANNELS.values()), **settings)  # type: ignore[arg-type]
    async with SlackDouble(clock) as slack:
        made = Ear(slack, clock, wanted)
        made.team.deliveries.patience = QUICK
        app = web.Application()
        app.router.add_post("/", made.take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.team.post_to(f"http://127.0.0.1:{runner.addresses[0][1]}/")
        try:
            yield made
        finally:
            await made.hearing.close()
            await made.members.close()
            await slack.close()
            await runner.cleanup()
            await made.api.close()
