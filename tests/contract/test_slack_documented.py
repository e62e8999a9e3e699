"""The double of Slack beside what Slack documents by example, where clients take more than Slack sends."""

import asyncio
import time
from urllib.parse import parse_qs

import aiohttp
import msgspec

from bot.demo.slack import moby
from bot.demo.slack.double import SlackDouble
from bot.demo.slack.posts import FORM, signature
from tests.slack_double_rig import RawApp, client_of


def test_a_signature_is_that_of_the_documents() -> None:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    made = signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body.encode())
    assert made == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


async def test_what_is_clicked_is_posted_as_json_in_a_form() -> None:
    """https://docs.slack.dev/interactivity/handling-user-interaction"""
    async with SlackDouble() as slack:
        team = slack.team()
        team.deliveries.hold()
        [click] = team.acts.shortcut(moby.TIANON, "start").deliveries
        body, headers = team.posts.request_of(click)
    assert headers["Content-Type"] == FORM
    assert msgspec.json.decode(parse_qs(body.decode())["payload"][0]) == click.payload


async def test_an_envelope_tells_whether_it_may_be_answered() -> None:
    """https://docs.slack.dev/apis/events-api/using-socket-mode"""
    async with SlackDouble() as slack:
        app = RawApp(slack, acknowledges=True)
        await app.open()
        slack.team().acts.says(moby.TIANON, "hello", moby.DOCKER_DEV)
        await app.hears(1)
        slack.team().acts.slash(moby.TIANON, "help", moby.DOCKER_DEV)
        await app.hears(2)
        await app.close()
    event, slash = app.frames[1:]
    assert (event["type"], event["accepts_response_payload"], event["retry_attempt"]) == ("events_api", False, 0)
    assert (slash["type"], slash["accepts_response_payload"]) == ("slash_commands", True)
    assert event.keys() >= slash.keys() == {"envelope_id", "payload", "type", "accepts_response_payload"}


async def test_a_ping_comes_back_as_it_was() -> None:
    """Slack's own clients send the time in it, and take a socket for dead whose answers do not have it."""
    sent = f"sdk-ping-pong:{time.time()}".encode()
    async with SlackDouble() as slack, aiohttp.ClientSession() as session:
        opened = await client_of(slack, moby.APP_TOKEN).apps_connections_open(app_token=moby.APP_TOKEN)
        async with session.ws_connect(opened["url"], autoping=False) as wire, asyncio.timeout(30):
            assert (await wire.receive_json())["type"] == "hello"
            await wire.ping(sent)
            answer = await wire.receive()
    assert (answer.type, bytes(answer.data)) == (aiohttp.WSMsgType.PONG, sent)


async def test_a_bot_is_told_who_it_is() -> None:
    """https://docs.slack.dev/reference/methods/auth.test"""
    async with SlackDouble() as slack:
        told = await client_of(slack).auth_test()
    named = {"ok", "url", "team", "user", "team_id", "user_id", "bot_id", "is_enterprise_install"}
    assert isinstance(told.data, dict)
    assert told.data.keys() == named
    assert (told["user_id"], told["bot_id"]) == (moby.BOT, moby.BOT_ID)
