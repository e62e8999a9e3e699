"""The double of Slack delivers as Slack does, by sockets and by signed posts: bolt takes both, and did not know it."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_bolt.async_app import AsyncAck, AsyncRespond
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.clock import Clock
from bot.demo.slack import moby
from bot.demo.slack.deliveries import Delivery, Fate
from bot.demo.slack.double import SlackDouble
from bot.demo.slack.posts import signature
from bot.demo.slack.workspace import AppRecord, Channel, Workspace
from tests.slack_double_rig import QUICK, Bolt, RawApp, client_of

DEV = moby.DOCKER_DEV
BOTH = pytest.mark.parametrize("transport", ["sockets", "posts"])
TITLE = {"type": "plain_text", "text": "Build"}
CARD = [
    {
        "type": "actions",
        "block_id": "buttons",
        "elements": [{"type": "button", "text": TITLE, "action_id": "rebuild", "value": "7"}],
    }
]
INPUT = {
    "type": "input",
    "block_id": "branch",
    "label": TITLE,
    "element": {"type": "plain_text_input", "action_id": "b"},
}
CHOICE = {"text": TITLE, "value": "el7"}
MENU = {"type": "static_select", "action_id": "p", "options": [CHOICE], "initial_option": CHOICE}
PLATFORM = {"type": "input", "block_id": "platform", "label": TITLE, "element": MENU}
MODAL = {"type": "modal", "title": TITLE, "submit": TITLE, "callback_id": "build", "blocks": [INPUT, PLATFORM]}


@pytest.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with SlackDouble() as double:
        yield double


@BOTH
async def test_a_mention_is_heard_twice_by_two_ids_with_one_ts(slack: SlackDouble, transport: str) -> None:
    bolt = Bolt(slack)
    async with bolt.by(transport):
        said = await slack.team().acts.mentions(moby.TIANON, "rebuild 7", DEV).acknowledged()
    assert sorted(body["event"]["type"] for body in bolt.heard) == ["app_mention", "message"]
    assert len(set(bolt.ids())) == 2
    assert {body["event"]["ts"] for body in bolt.heard} == {said.ts}


@BOTH
async def test_a_command_is_answered_at_once_and_by_its_address_five_times(slack: SlackDouble, transport: str) -> None:
    bolt = Bolt(slack)

    @bolt.app.command("/gordon")
    async def command(ack: AsyncAck, respond: AsyncRespond) -> None:
        await ack("queued")
        for _ in range(6):
            await respond(text="more", response_type="in_channel")

    async with bolt.by(transport):
        given = await slack.team().acts.slash(moby.TIANON, "rebuild 7", DEV).acknowledged()
        await slack.team().responses.heard(6)
    workspace = slack.workspace()
    assert given.answer["text"] == "queued"
    assert [(each.user, each.message["text"]) for each in workspace.ephemerals] == [(moby.TIANON, "queued")]
    assert [message["text"] for message in workspace.channels[DEV].messages.values()] == ["more"] * 5
    assert [status for _, status in slack.team().responses.told] == [200] * 5 + [404]


@BOTH
async def test_a_button_says_what_was_pressed_and_its_message_is_replaced(slack: SlackDouble, transport: str) -> None:
    bolt, pressed = Bolt(slack), list[dict[str, Any]]()

    @bolt.app.action("rebuild")
    async def rebuild(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        pressed.append(body)
        await respond(text="rebuilding", replace_original=True)

    async with bolt.by(transport):
        posted = await client_of(slack).chat_postMessage(channel=DEV, text="it failed", blocks=CARD)
        await slack.team().acts.presses(moby.JESS, "rebuild", DEV, posted["ts"]).acknowledged()
        await slack.team().responses.heard(1)
    (body,) = pressed
    assert body["user"]["id"] == moby.JESS
    assert body["message"]["ts"] == body["container"]["message_ts"] == posted["ts"]
    action = body["actions"][0]
    assert (action["action_id"], action["block_id"], action["value"]) == ("rebuild", "buttons", "7")
    assert slack.workspace().channels[DEV].messages[posted["ts"]]["text"] == "rebuilding"


@BOTH
async def test_a_modal_is_opened_refused_changed_and_closed(slack: SlackDouble, transport: str) -> None:
    bolt = Bolt(slack)
    answers: list[dict[str, Any]] = [
        {"response_action": "errors", "errors": {"branch": "no such branch"}},
        {"response_action": "update", "view": {**MODAL, "callback_id": "again"}},
        {},
    ]
    submitted = list[dict[str, Any]]()

    @bolt.app.command("/gordon")
    async def command(ack: AsyncAck, body: dict[str, Any]) -> None:
        await ack()
        await client_of(slack).views_open(trigger_id=body["trigger_id"], view=MODAL)

    @bolt.app.view("build")
    @bolt.app.view("again")
    async def submission(ack: AsyncAck, view: dict[str, Any]) -> None:
        submitted.append(view["state"]["values"])
        await ack(**answers.pop(0))

    async with bolt.by(transport):
        acts, views = slack.team().acts, slack.workspace().views
        await acts.slash(moby.TIANON, "build", DEV).acknowledged()
        await slack.called("views.open")
        (view,) = views.values()
        await acts.submits(moby.TIANON, view.id, {"branch": "no"}).acknowledged()
        assert view.errors == {"branch": "no such branch"}
        await acts.submits(moby.TIANON, view.id, {"b": "yes"}).acknowledged()
        assert (view.view["callback_id"], view.errors) == ("again", {})
        await acts.submits(moby.TIANON, view.id, {"branch": "yes"}).acknowledged()
    assert view.is_closed
    chosen = {"p": {"type": "static_select", "selected_option": CHOICE}}
    assert [each["branch"]["b"]["value"] for each in submitted] == ["no", "yes", "yes"]
    assert submitted[0]["platform"] == chosen


@BOTH
async def test_shortcuts_are_taken_and_options_given(slack: SlackDouble, transport: str) -> None:
    bolt = Bolt(slack)

    @bolt.app.shortcut("why")
    async def why(ack: AsyncAck) -> None:
        await ack()

    @bolt.app.options("job")
    async def options(ack: AsyncAck, payload: dict[str, Any]) -> None:
        await ack(options=[{"text": TITLE, "value": payload["value"]}])

    async with bolt.by(transport):
        acts = slack.team().acts
        said = acts.says(moby.TIANON, "it failed", DEV)
        await said.acknowledged()
        asked = await acts.message_shortcut(moby.TIANON, "why", DEV, said.ts).acknowledged()
        plain = await acts.shortcut(moby.TIANON, "why").acknowledged()
        menu = {"type": "external_select", "action_id": "job"}
        view = {**MODAL, "blocks": [{**INPUT, "element": menu}]}
        opened = await client_of(slack).views_open(trigger_id=plain.trigger_id, view=view)
        typed = await acts.asks_options(moby.TIANON, "job", "branch", opened["view"]["id"], "lx").acknowledged()
    assert asked.failure == plain.failure == ""
    assert typed.answer["options"][0]["value"] == "lx"


@BOTH
async def test_what_nobody_takes_fails_at_once_for_a_person_and_is_sent_again_for_an_event(
    slack: SlackDouble, transport: str
) -> None:  # F10
    bolt = Bolt(slack)
    slack.team().deliveries.patience = QUICK
    held = asyncio.Event()

    @bolt.app.middleware
    async def hold() -> None:
        await held.wait()

    async with bolt.by(transport):
        acts = slack.team().acts
        given = acts.slash(moby.TIANON, "rebuild 7", DEV)
        said = acts.says(moby.TIANON, "hello", DEV)
        await asyncio.gather(given.acknowledged(), said.acknowledged())
        held.set()
    assert given.failure == "operation_timeout"
    assert len(given.deliveries[0].tries) == 1
    reason = "timeout" if transport == "sockets" else "http_timeout"
    tries = [(each.attempt, each.reason) for each in said.deliveries[0].tries]
    assert tries == [(0, ""), (1, reason), (2, reason), (3, reason)]
    sent_s = [each.at_s for each in said.deliveries[0].tries]
    waits_s = [QUICK.ack_s + wait_s for wait_s in QUICK.retries_s]
    assert all(b - a >= wait_s - 0.01 for (a, b), wait_s in zip(pairwise(sent_s), waits_s, strict=True))
    assert len(set(bolt.ids())) == 1


@BOTH
async def test_deliveries_are_lost_doubled_and_late_as_told(slack: SlackDouble, transport: str) -> None:
    bolt, deliveries = Bolt(slack), slack.team().deliveries

    def fate(delivery: Delivery) -> Fate:
        text = delivery.payload["event"]["text"]
        return {"lost": Fate(0), "twice": Fate(2), "late": Fate(late=1)}.get(text, Fate())

    deliveries.fate = fate
    async with bolt.by(transport):
        for text in ("lost", "twice", "late", "plain"):
            slack.team().acts.says(moby.TIANON, text, DEV)
            await deliveries.settled()
        deliveries.hold()
        for text in ("first", "second"):
            slack.team().acts.says(moby.TIANON, text, DEV)
        deliveries.release(lambda held: held[::-1])
        await deliveries.settled()
    heard = [body["event"]["text"] for body in bolt.heard]
    assert heard[:2] == ["twice", "twice"]
    assert sorted(heard[2:4]) == ["late", "plain"]
    assert sorted(heard[4:]) == ["first", "second"]


async def test_a_refreshed_or_broken_socket_loses_nothing(slack: SlackDouble) -> None:  # F9
    bolt, team = Bolt(slack), slack.team()
    team.link.refresh_every = 4
    async with bolt.by_sockets():
        said = [team.acts.says(moby.TIANON, f"{number}", DEV) for number in range(20)]
        for each in said:
            await each.acknowledged()
        team.link.refresh_every = None
        assert team.link.opened > 1
        await team.link.connected()
    assert {body["event"]["text"] for body in bolt.heard} == {f"{number}" for number in range(20)}


async def test_what_was_on_a_socket_that_breaks_goes_to_the_next_one(slack: SlackDouble) -> None:
    team = slack.team()
    first, second = RawApp(slack), RawApp(slack, acknowledges=True)
    await first.open()
    said = team.acts.says(moby.TIANON, "hello", DEV)
    await first.hears(1)
    team.link.cut()
    await second.open()
    await said.acknowledged()
    (retried,) = second.frames[1:]
    assert (retried["retry_attempt"], retried["retry_reason"]) in [(1, "connection_failed"), (2, "connection_failed")]
    assert retried["payload"] == first.frames[1]["payload"]
    assert retried["envelope_id"] != first.frames[1]["envelope_id"]
    await asyncio.gather(first.close(), second.close())


async def test_ten_sockets_are_the_most_and_each_has_its_share(slack: SlackDouble) -> None:
    apps = [RawApp(slack, acknowledges=True) for _ in range(11)]
    for app in apps[:10]:
        await app.open()
    assert apps[9].frames[0]["num_connections"] == 10
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await apps[10].open()
    said = [slack.team().acts.says(moby.TIANON, f"{number}", DEV) for number in range(20)]
    for each in said:
        await each.acknowledged()
    assert [len(app.frames) for app in apps[:10]] == [3] * 10
    await asyncio.gather(*(app.close() for app in apps))


async def test_a_ticket_opens_one_socket(slack: SlackDouble) -> None:
    app, other = RawApp(slack), RawApp(slack)
    await app.open()
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await other.open(app.url)
    await asyncio.gather(app.close(), other.close())


async def test_a_silent_socket_takes_all_and_says_nothing(slack: SlackDouble) -> None:  # F12
    team = slack.team()
    team.deliveries.patience = QUICK
    team.link.silence()
    app = RawApp(slack, acknowledges=True)
    await app.open()
    said = await team.acts.says(moby.TIANON, "hello", DEV).acknowledged()
    assert (app.frames, said.failure) == ([], "timeout")
    await app.close()


async def test_slack_sdks_own_client_is_warned_and_reconnects(slack: SlackDouble) -> None:
    team, heard = slack.team(), list[str]()
    client = SocketModeClient(moby.APP_TOKEN, web_client=client_of(slack), ping_interval=0.2)

    async def listen(client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        heard.append(request.payload["event"]["text"])
        await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    client.socket_mode_request_listeners.append(listen)
    try:
        await client.connect()  # type: ignore[no-untyped-call]
        await team.link.connected()
        await team.link.disconnect(reason="refresh_requested")
        await team.acts.says(moby.TIANON, "hello", DEV).acknowledged()
        team.link.cut()
        await team.acts.says(moby.TIANON, "again", DEV).acknowledged()
    finally:
        await client.close()  # type: ignore[no-untyped-call]
    assert heard == ["hello", "again"]
    assert team.link.opened >= 3


async def test_posts_are_signed_verified_and_may_be_forged(slack: SlackDouble) -> None:  # A11
    bolt, posts = Bolt(slack), slack.team().posts
    async with bolt.by_posts():
        status, answer = await posts.verify("abc")
        assert (status, "abc" in answer) == (200, True)
        said = await slack.team().acts.says(moby.TIANON, "hello", DEV).acknowledged()
        body, headers = posts.request_of(said.deliveries[0])
        assert (await posts.post(body, headers))[0] == 200  # A10: bolt takes it again
        for name, value in (("X-Slack-Signature", "v0=0"), ("X-Slack-Request-Timestamp", "1")):
            assert (await posts.post(body, headers | {name: value}))[0] == 401
        old = str(int(slack.workspace().now_s()) - 400)
        forged = {"X-Slack-Request-Timestamp": old, "X-Slack-Signature": signature(moby.SIGNING_SECRET, old, body)}
        assert (await posts.post(body, headers | forged))[0] == 401
    assert len(bolt.heard) == 2


async def test_an_app_that_is_away_is_posted_to_again(slack: SlackDouble) -> None:
    team = slack.team()
    team.deliveries.patience = QUICK
    team.post_to("http://127.0.0.1:1/")
    said = await team.acts.says(moby.TIANON, "hello", DEV).acknowledged()
    first, *others = [each.reason for each in said.deliveries[0].tries]
    assert (first, len(others)) == ("", 3)
    assert {*others} <= {"connection_failed", "http_timeout"}  # of a busy machine not even a refusal comes in time


async def test_an_app_that_fails_is_posted_to_again_and_told_why(slack: SlackDouble) -> None:
    team, told = slack.team(), list[tuple[str | None, str | None]]()
    team.deliveries.patience = QUICK

    async def fail(request: web.Request) -> web.Response:
        told.append((request.headers.get("X-Slack-Retry-Num"), request.headers.get("X-Slack-Retry-Reason")))
        return web.Response(status=200 if len(told) == 3 else 500)

    app = web.Application()
    app.router.add_post("/", fail)
    async with TestServer(app) as server:
        team.post_to(str(server.make_url("/")))
        said = await team.acts.says(moby.TIANON, "hello", DEV).acknowledged()
    assert told == [(None, None), ("1", "http_error"), ("2", "http_error")]
    assert said.failure == ""


async def test_an_ephemeral_message_is_pressed_and_goes(slack: SlackDouble) -> None:
    bolt, workspace = Bolt(slack), slack.workspace()

    @bolt.app.action("rebuild")
    async def rebuild(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond) -> None:
        await ack()
        assert "message" not in body
        assert body["container"]["is_ephemeral"]
        await respond(delete_original=True)

    async with bolt.by_sockets():
        client = client_of(slack)
        shown = await client.chat_postEphemeral(channel=DEV, user=moby.JESS, text="sure?", blocks=CARD)
        await slack.team().acts.presses(moby.JESS, "rebuild", DEV, shown["message_ts"]).acknowledged()
        await slack.team().responses.heard(1)
    assert workspace.ephemerals == []


async def test_two_workspaces_have_their_own_people_tokens_and_sockets() -> None:
    def other(clock: Clock) -> Workspace:
        app = AppRecord("A0OTHER01", "U0OTHER01", "B0OTHER01", "xoxb-other", "xapp-other", "another secret")
        workspace = Workspace("other", "T0OTHER01", app, clock)
        workspace.add_channel(Channel(DEV, "docker-dev"), ["U0OTHER01"])
        return workspace

    async with SlackDouble(None, moby.moby, other) as slack:
        apps = [RawApp(slack, "moby", acknowledges=True), RawApp(slack, "other", acknowledges=True)]
        for app in apps:
            await app.open()
        await client_of(slack, "xoxb-other").chat_postMessage(channel=DEV, text="from there")
        await slack.team("other").deliveries.settled()
        assert [len(app.frames) for app in apps] == [1, 2]
        assert slack.workspace("moby").channels[DEV].messages == {}
        assert slack.calls_of("chat.postMessage")[0].team == "T0OTHER01"
        for app in apps:
            await app.close()
