"""The double of Slack, held to what clients accept that nobody here wrote: slack_sdk's and bolt's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncSay
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.slack import moby
from bot.demo.slack.double import SlackDouble


@pytest.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with SlackDouble() as double:
        yield double


def client_of(slack: SlackDouble, token: str = moby.BOT_TOKEN) -> AsyncWebClient:
    return AsyncWebClient(token, base_url=slack.api_url, timeout=5)


def bolt(slack: SlackDouble) -> AsyncApp:
    return AsyncApp(client=client_of(slack), signing_secret=moby.SIGNING_SECRET)


@asynccontextmanager
async def socket_mode(slack: SlackDouble, app: AsyncApp) -> AsyncIterator[None]:
    handler = AsyncSocketModeHandler(app, moby.APP_TOKEN)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await slack.team().link.connected()
        yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


async def test_a_message_is_kept_as_it_is_stored_and_found_by_history(slack: SlackDouble) -> None:
    client = client_of(slack)
    posted = await client.chat_postMessage(channel=moby.DOCKER_DEV, text="a < b & c > d <https://x.test|x>")
    assert posted["message"]["text"] == "a &lt; b &amp; c &gt; d <https://x.test|x>"
    history = await client.conversations_history(channel=moby.DOCKER_DEV)
    assert [message["ts"] for message in history["messages"]] == [posted["ts"]]


async def test_an_app_with_bolt_hears_a_mention_twice_and_answers_in_the_thread(slack: SlackDouble) -> None:
    app, heard = bolt(slack), list[str]()

    @app.event("app_mention")
    async def mentioned(event: dict[str, str], say: AsyncSay) -> None:
        heard.append(event["type"])
        await say("on it", thread_ts=event["ts"])

    @app.event("message")
    async def told(event: dict[str, str]) -> None:
        heard.append(event["type"])

    async with socket_mode(slack, app):
        said = await slack.team().acts.mentions(moby.TIANON, "rebuild 7", moby.DOCKER_DEV).acknowledged()
        assert len(said.deliveries) == 2
        await slack.called("chat.postMessage")
        await slack.team().deliveries.settled()
    thread = slack.workspace().channels[moby.DOCKER_DEV].thread(said.ts)
    assert [message["text"] for message in thread] == [f"<@{moby.BOT}> rebuild 7", "on it"]
    assert sorted(heard)[:2] == ["app_mention", "message"]


async def test_a_command_is_answered_by_its_acknowledgement(slack: SlackDouble) -> None:
    app = bolt(slack)

    @app.command("/gordon")
    async def command(ack: AsyncAck) -> None:
        await ack("queued")

    async with socket_mode(slack, app):
        given = await slack.team().acts.slash(moby.TIANON, "rebuild 7", moby.DOCKER_DEV).acknowledged()
    assert given.answer == {"text": "queued"}
    assert [each.message["text"] for each in slack.workspace().ephemerals] == ["queued"]


async def test_an_unknown_token_is_refused(slack: SlackDouble) -> None:
    with pytest.raises(SlackApiError, match="invalid_auth"):
        await client_of(slack, "xoxb-nobody").auth_test()
