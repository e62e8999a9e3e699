"""An app of a few lines on slack_bolt that acknowledges and keeps nothing: `python -m tests.bench.bolt_app URL [PORT]`.

With a port it listens for Slack's posts, else it opens a socket.
"""

import asyncio
import sys
from typing import Any

from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.slack import moby


async def serve(url: str, port: int) -> None:
    """Acknowledge all there is, until killed."""
    client = AsyncWebClient(moby.BOT_TOKEN, base_url=url)
    app = AsyncApp(client=client, signing_secret=moby.SIGNING_SECRET, ignoring_self_events_enabled=True)

    async def nothing(event: Any) -> None:
        pass

    app.event("app_mention")(nothing)
    app.event("message")(nothing)
    if port:
        runner = web.AppRunner(app.server(port, "/slack/moby/events", "127.0.0.1").web_app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
    else:
        await AsyncSocketModeHandler(app, moby.APP_TOKEN).connect_async()  # type: ignore[no-untyped-call]
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
