"""Clients that nobody here wrote, pointed at the double of Slack: slack_sdk's, and bolt's by both transports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.slack import moby
from bot.demo.slack.deliveries import Patience
from bot.demo.slack.double import SlackDouble

QUICK = Patience(0.1, (0.0, 0.02, 0.05))  # of a Slack that has no time


def client_of(slack: SlackDouble, token: str = moby.BOT_TOKEN) -> AsyncWebClient:
    """Make a client that tries once."""
    return AsyncWebClient(token, base_url=slack.api_url, timeout=5, retry_handlers=[])


class Bolt:
    """An app that notes everything that it hears, and answers as a test wants."""

    def __init__(self, slack: SlackDouble) -> None:
        self.slack = slack
        self.app = AsyncApp(client=client_of(slack), signing_secret=moby.SIGNING_SECRET)
        self.heard: list[dict[str, Any]] = []

        @self.app.use
        async def note(body: dict[str, Any], next: Any) -> None:
            self.heard.append(body)
            await next()

        @self.app.event({"type": "message"})
        async def message() -> None:
            pass

        @self.app.event("app_mention")
        async def mention() -> None:
            pass

    def ids(self) -> list[str]:
        """List the ids of the events that it heard."""
        return [body["event_id"] for body in self.heard if "event_id" in body]

    @asynccontextmanager
    async def by(self, transport: str) -> AsyncIterator[None]:
        """Run it by "sockets" or by "posts"."""
        async with self.by_sockets() if transport == "sockets" else self.by_posts():
            yield

    @asynccontextmanager
    async def by_sockets(self) -> AsyncIterator[None]:
        handler = AsyncSocketModeHandler(self.app, moby.APP_TOKEN)
        await handler.connect_async()  # type: ignore[no-untyped-call]
        try:
            await self.slack.team().link.connected()
            yield
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]

    @asynccontextmanager
    async def by_posts(self) -> AsyncIterator[None]:
        runner = web.AppRunner(self.app.web_app(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.slack.team().post_to(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
        try:
            yield
        finally:
            await runner.cleanup()


class RawApp:
    """A socket of an app that does what a test wants."""

    def __init__(self, slack: SlackDouble, team: str = "moby", *, acknowledges: bool = False) -> None:
        self._team = slack.team(team)
        self.url = ""
        self.frames: list[dict[str, Any]] = []
        self._slack = slack
        self._acknowledges = acknowledges
        self._session = aiohttp.ClientSession()
        self._wire: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._change = asyncio.Condition()

    async def open(self, url: str = "") -> None:
        """Open it, and wait for its hello unless the double says none."""
        if not url:
            token = self._team.workspace.app.app_token
            opened = await client_of(self._slack, token).apps_connections_open(app_token=token)
            url = self.url = opened["url"]
        self._wire = await self._session.ws_connect(url)
        self._reader = asyncio.create_task(self._read(self._wire))
        if not self._team.link.is_silent:
            await self.hears(0)

    async def hears(self, count: int) -> None:
        """Wait for so many envelopes after the hello."""
        async with asyncio.timeout(30), self._change:
            await self._change.wait_for(lambda: len(self.frames) > count)

    async def close(self) -> None:
        if self._wire is not None and self._reader is not None:
            await self._wire.close()
            await self._reader
        await self._session.close()

    async def _read(self, wire: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in wire:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                continue
            told = frame.json()
            if self._acknowledges and "envelope_id" in told:
                await wire.send_json({"envelope_id": told["envelope_id"]})
            async with self._change:
                self.frames.append(told)
                self._change.notify_all()
