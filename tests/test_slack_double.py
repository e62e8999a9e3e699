"""The double of Slack's Web API, held to what slack_sdk's client accepts, which nobody here wrote."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from bot.demo.slack import moby
from bot.demo.slack.double import SlackDouble
from tests.moved_clock import MovedClock
from tests.slack_double_rig import client_of

DEV = moby.DOCKER_DEV
TITLE = {"type": "plain_text", "text": "Build"}
MODAL = {"type": "modal", "title": TITLE, "blocks": [{"type": "divider"}]}
BUTTON = {"type": "actions", "elements": [{"type": "button", "text": TITLE, "action_id": "go", "value": "1"}]}


@pytest.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with SlackDouble() as double:
        yield double


async def test_a_message_is_kept_as_it_is_stored_and_found_by_history(slack: SlackDouble) -> None:
    client = client_of(slack)
    posted = await client.chat_postMessage(channel=DEV, text="a < b & c > d <https://x.test|x>")
    assert posted["message"]["text"] == "a &lt; b &amp; c &gt; d <https://x.test|x>"
    history = await client.conversations_history(channel=DEV)
    assert [message["ts"] for message in history["messages"]] == [posted["ts"]]


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("chat.postMessage", {"channel": "C404", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": moby.SECRETS, "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": moby.OLD, "text": "x"}, "is_archived"),
        ("chat.postMessage", {"channel": DEV}, "no_text"),
        ("chat.postMessage", {"channel": DEV, "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ("chat.postMessage", {"channel": DEV, "text": "x", "blocks": "no"}, "invalid_blocks_format"),
        ("chat.postMessage", {"channel": DEV, "text": "x", "blocks": [{"type": "?"}]}, "invalid_blocks"),
        ("chat.postEphemeral", {"channel": moby.QUIET, "text": "x", "user": moby.JESS}, "not_in_channel"),
        ("chat.postEphemeral", {"channel": DEV, "text": "x", "user": moby.STRANGER}, "user_not_in_channel"),
        ("chat.update", {"channel": DEV, "ts": "1.000001", "text": "x"}, "message_not_found"),
        ("chat.update", {"channel": moby.TIANON, "ts": "1.000001", "text": "x"}, "channel_not_found"),
        ("chat.delete", {"channel": DEV, "ts": "1.000001"}, "message_not_found"),
        ("conversations.history", {"channel": moby.QUIET}, "not_in_channel"),
        ("conversations.list", {"types": "pub"}, "invalid_types"),
        ("conversations.list", {"cursor": "?"}, "invalid_cursor"),
        ("conversations.replies", {"channel": DEV, "ts": "1.000001"}, "thread_not_found"),
        ("users.info", {"user": "U404"}, "user_not_found"),
        ("reactions.add", {"channel": DEV, "timestamp": "1.000001", "name": "eyes"}, "message_not_found"),
        ("views.open", {"trigger_id": "no", "view": MODAL}, "invalid_trigger_id"),
        ("views.open", {"trigger_id": "no", "view": {**MODAL, "title": {}}}, "invalid_arguments"),
        ("apps.connections.open", {}, "not_allowed_token_type"),
        ("chat.nonsense", {}, "unknown_method"),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(
    slack: SlackDouble, method: str, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client_of(slack).api_call(method, json=arguments)
    assert refused.value.response["error"] == error
    assert slack.calls[-1].answer["error"] == error


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("", "not_authed"),
        ("xoxb-nobody", "invalid_auth"),
        (moby.APP_TOKEN, "not_allowed_token_type"),
    ],
)
async def test_a_token_that_does_not_count_is_refused(slack: SlackDouble, token: str, error: str) -> None:
    with pytest.raises(SlackApiError, match=error):
        await client_of(slack, token).auth_test()


async def test_tokens_are_revoked_and_scopes_are_missed(slack: SlackDouble) -> None:  # F11
    app = slack.workspace().app
    app.scopes = frozenset({"commands"})
    with pytest.raises(SlackApiError) as refused:
        await client_of(slack).chat_postMessage(channel=DEV, text="x")
    answer = refused.value.response
    assert (answer["error"], answer["needed"], answer["provided"]) == ("missing_scope", "chat:write", "commands")
    slack.team().acts.revokes()
    with pytest.raises(SlackApiError, match="token_revoked"):
        await client_of(slack).auth_test()


async def test_a_name_pings_by_mention_alone_unless_names_are_linked(slack: SlackDouble) -> None:  # A15
    client, pings = client_of(slack), slack.workspace().pings
    harmless = "@everyone @tianon &lt;!channel&gt; &lt;@U0TIANON1&gt; a@b.test"
    await client.chat_postMessage(channel=DEV, text=harmless)
    await client.chat_postMessage(channel=DEV, text=harmless, blocks=[{"type": "header", "text": {**TITLE}}])
    assert pings == []
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "<@U0JESS001>"}}
    await client.chat_postMessage(channel=DEV, text="<!channel>", blocks=[block])
    assert [ping.whom for ping in pings] == [moby.JESS]  # of a message with blocks these are what is shown
    pings.clear()
    await client.chat_postMessage(channel=DEV, text="@tianon", link_names=True)
    await client.chat_postMessage(channel=DEV, text="@everyone", parse="full")
    members = [user for user in slack.workspace().channels[DEV].members if not slack.workspace().users[user].is_bot]
    assert [ping.whom for ping in pings] == [moby.TIANON, *members]
    pings.clear()
    await client.chat_postMessage(channel=DEV, text=f"<!subteam^{moby.MAINTAINERS_GROUP}> <!here>")
    assert {ping.word for ping in pings} == {f"<!subteam^{moby.MAINTAINERS_GROUP}>", "<!here>"}


async def test_links_unfurl_unless_that_is_off(slack: SlackDouble) -> None:
    client = client_of(slack)
    await client.chat_postMessage(channel=DEV, text="https://a.test/1 <https://b.test|b>", unfurl_links=False)
    assert slack.workspace().unfurled == []
    posted = await client.chat_postMessage(channel=DEV, text="https://a.test/1 <https://b.test|b>")
    found = [(DEV, posted["ts"], "https://a.test/1"), (DEV, posted["ts"], "https://b.test")]
    assert slack.workspace().unfurled == found


async def test_an_update_drops_the_blocks_if_it_has_a_text_alone(slack: SlackDouble) -> None:
    client = client_of(slack)
    posted = await client.chat_postMessage(channel=DEV, text="a card", blocks=[BUTTON])
    kept = slack.workspace().channels[DEV].messages[posted["ts"]]
    await client.chat_update(channel=DEV, ts=posted["ts"], text="the same card", blocks=[BUTTON])
    assert kept["blocks"][0]["elements"][0]["action_id"] == "go"
    assert "edited" not in kept
    await client.chat_update(channel=DEV, ts=posted["ts"], text="no card")
    assert "blocks" not in kept
    assert kept["edited"]["user"] == moby.BOT


async def test_long_texts_are_cut_and_longer_updates_refused(slack: SlackDouble) -> None:
    client = client_of(slack)
    posted = await client.chat_postMessage(channel=DEV, text="x" * 40_001)
    assert len(posted["message"]["text"]) == 40_000
    assert posted["response_metadata"]["warnings"] == ["message_truncated"]
    with pytest.raises(SlackApiError, match="msg_too_long"):
        await client.chat_update(channel=DEV, ts=posted["ts"], text="x" * 4001)


async def test_nobody_changes_what_another_said(slack: SlackDouble) -> None:
    said = slack.team().acts.says(moby.TIANON, "mine", DEV)
    with pytest.raises(SlackApiError, match="cant_update_message"):
        await client_of(slack).chat_update(channel=DEV, ts=said.ts, text="x")
    with pytest.raises(SlackApiError, match="cant_delete_message"):
        await client_of(slack).chat_delete(channel=DEV, ts=said.ts)


async def test_replies_are_in_the_thread_and_those_told_to_all_in_the_channel_too(slack: SlackDouble) -> None:
    client = client_of(slack)
    first = (await client.chat_postMessage(channel=DEV, text="first"))["ts"]
    quiet = (await client.chat_postMessage(channel=DEV, text="quiet", thread_ts=first))["ts"]
    loud = (await client.chat_postMessage(channel=DEV, text="loud", thread_ts=quiet, reply_broadcast=True))["ts"]
    thread = await client.conversations_replies(channel=DEV, ts=first)
    assert [message["ts"] for message in thread["messages"]] == [first, quiet, loud]
    assert thread["messages"][0]["reply_count"] == 2
    history = await client.conversations_history(channel=DEV)
    assert [message["ts"] for message in history["messages"]] == [loud, first]
    await client.chat_delete(channel=DEV, ts=first)
    assert slack.workspace().channels[DEV].thread(first)[0]["subtype"] == "tombstone"


async def test_lists_come_in_pages(slack: SlackDouble) -> None:
    names = list[str]()
    async for page in await client_of(slack).conversations_list(limit=2, exclude_archived=True):
        assert len(page["channels"]) <= 2
        names += [channel["name"] for channel in page["channels"]]
    assert names == ["docker-dev", "builds", "maintainers", "docker-and-friends", "quiet"]


async def test_a_direct_message_is_opened_once_and_written_to_by_the_persons_id(slack: SlackDouble) -> None:
    client = client_of(slack)
    opened = await client.conversations_open(users=moby.TIANON)
    posted = await client.chat_postMessage(channel=moby.TIANON, text="psst")
    assert posted["channel"] == opened["channel"]["id"]
    assert posted["channel"].startswith("D")


async def test_people_and_groups_are_told_with_what_tells_them_apart(slack: SlackDouble) -> None:  # A4, A5
    client = client_of(slack)
    people = {user["id"]: user for user in (await client.users_list())["members"]}
    assert people[moby.IMPOSTOR]["profile"]["display_name"] == people[moby.TIANON]["profile"]["display_name"]
    assert people[moby.STRANGER]["team_id"] == moby.STRANGERS_TEAM
    assert people[moby.GUEST]["is_restricted"]
    assert people[moby.SINGLE_GUEST]["is_ultra_restricted"]
    assert people[moby.GONE]["deleted"]
    assert people[moby.OTHER_BOT]["is_bot"]
    groups = await client.usergroups_list(include_users=True)
    assert groups["usergroups"][0]["users"] == [moby.TIANON, moby.CROSBYMICHAEL, moby.ICECRIME]


async def test_a_trigger_opens_one_view_for_three_seconds() -> None:
    clock = MovedClock()
    async with SlackDouble(clock) as slack:
        client, acts = client_of(slack), slack.team().acts
        given = acts.slash(moby.TIANON, "build", DEV)
        opened = await client.views_open(trigger_id=given.trigger_id, view=MODAL)
        with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
            await client.views_open(trigger_id=given.trigger_id, view=MODAL)
        late = acts.slash(moby.TIANON, "build", DEV)
        clock.move(3.1)
        with pytest.raises(SlackApiError, match="expired_trigger_id"):
            await client.views_open(trigger_id=late.trigger_id, view=MODAL)
        view = opened["view"]
        await client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)
        with pytest.raises(SlackApiError, match="hash_conflict"):
            await client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)


async def test_a_home_tab_is_published_and_opened(slack: SlackDouble) -> None:
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    published = await client_of(slack).views_publish(user_id=moby.TIANON, view=home)
    opened = slack.team().acts.opens_home(moby.TIANON)
    assert opened.deliveries[0].payload["event"]["view"]["id"] == published["view"]["id"]


async def test_a_file_is_uploaded_into_a_thread(slack: SlackDouble) -> None:
    client = client_of(slack)
    first = (await client.chat_postMessage(channel=DEV, text="first"))["ts"]
    content = "panic: nil\n" * 10
    shared = await client.files_upload_v2(
        content=content, filename="build.log", channel=DEV, thread_ts=first, initial_comment="The log"
    )
    file = slack.workspace().files[shared["file"]["id"]]
    assert (file.content, file.channels) == (content.encode(), [DEV])
    said = slack.workspace().channels[DEV].thread(first)[1]
    assert (said["text"], said["files"][0]["id"]) == ("The log", file.id)


async def test_an_upload_address_is_asked_for_by_form_alone(slack: SlackDouble) -> None:
    asked = {"filename": "a.log", "length": 3}
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client_of(slack).api_call("files.getUploadURLExternal", json=asked)


@pytest.mark.parametrize("after", ["1", "30", "3600", None, "-1", "soon"])
async def test_a_channel_is_limited_and_the_others_are_not(slack: SlackDouble, after: str | None) -> None:  # F8
    client = client_of(slack)
    slack.faults.limit(after, channel=DEV)
    await client.chat_postMessage(channel=moby.BUILDS, text="x")
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel=DEV, text="x")
    answer = refused.value.response
    assert (answer.status_code, answer["error"], answer.headers.get("Retry-After")) == (429, "ratelimited", after)
    await client.chat_postMessage(channel=DEV, text="x")


async def test_a_channel_takes_one_message_a_second() -> None:
    clock = MovedClock()
    async with SlackDouble(clock) as slack:
        slack.faults.one_a_second = True
        client = client_of(slack)
        await client.chat_postMessage(channel=DEV, text="x")
        await client.chat_postMessage(channel=moby.BUILDS, text="x")
        with pytest.raises(SlackApiError, match="ratelimited"):
            await client.chat_postMessage(channel=DEV, text="y")
        clock.move(1.1)
        await client.chat_postMessage(channel=DEV, text="y")
        assert [message["text"] for message in slack.workspace().channels[DEV].messages.values()] == ["x", "y"]


async def test_a_connection_that_drops_after_the_act_leaves_the_message(slack: SlackDouble) -> None:
    slack.faults.drop(method="chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await client_of(slack).chat_postMessage(channel=DEV, text="x")
    assert len(slack.workspace().channels[DEV].messages) == 1
    slack.faults.drop(method="chat.postMessage", is_done=False)
    with pytest.raises(aiohttp.ClientError):
        await client_of(slack).chat_postMessage(channel=DEV, text="y")
    assert len(slack.workspace().channels[DEV].messages) == 1


async def test_answers_that_are_not_slacks_and_errors_come_when_told(slack: SlackDouble) -> None:
    slack.faults.break_down(502)
    slack.faults.refuse("auth.test", "fatal_error")
    client = client_of(slack)
    with pytest.raises(SlackApiError, match="502"):
        await client.auth_test()
    with pytest.raises(SlackApiError, match="fatal_error"):
        await client.auth_test()
    assert (await client.auth_test())["user_id"] == moby.BOT
    assert [(call.method, call.token, call.status) for call in slack.calls] == [
        ("auth.test", "bot", 502),
        ("auth.test", "bot", 200),
        ("auth.test", "bot", 200),
    ]


async def test_links_of_a_message_are_unfurled_by_the_id_that_the_event_named(slack: SlackDouble) -> None:
    url = "https://github.com/moby/moby/pull/7"
    said = slack.team().acts.says(moby.TIANON, f"see <{url}>", DEV)
    event = said.deliveries[-1].payload["event"]
    assert (event["type"], event["links"]) == ("link_shared", [{"domain": "github.com", "url": url}])
    shown = {url: {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "a card"}}]}}
    await client_of(slack).chat_unfurl(source=event["source"], unfurl_id=event["unfurl_id"], unfurls=shown)
    assert slack.workspace().channels[DEV].messages[said.ts]["attachments"][0]["from_url"] == url
    with pytest.raises(SlackApiError, match="cannot_unfurl_url"):
        await client_of(slack).chat_unfurl(channel=DEV, ts=said.ts, unfurls={"https://x.test": {}})


async def test_a_thread_whose_first_message_was_deleted_takes_no_replies(slack: SlackDouble) -> None:
    client, acts = client_of(slack), slack.team().acts
    first = acts.says(moby.TIANON, "first", DEV)
    await client.chat_postMessage(channel=DEV, text="x", thread_ts=first.ts)
    acts.takes_back(DEV, first.ts)
    with pytest.raises(SlackApiError, match="cannot_reply_to_message"):
        await client.chat_postMessage(channel=DEV, text="x", thread_ts=first.ts)


async def test_a_slow_method_is_slow_and_the_others_are_not(slack: SlackDouble) -> None:
    slack.faults.slow(0.3, method="auth.test")
    client = client_of(slack)
    await asyncio.gather(client.auth_test(), client.team_info())
    assert slack.calls_of("team.info")[0].took_s < 0.3 <= slack.calls_of("auth.test")[0].took_s


async def test_a_channel_is_joined_once_and_a_sign_taken_back(slack: SlackDouble) -> None:
    client = client_of(slack)
    joined = await client.conversations_join(channel=moby.QUIET)
    assert joined["channel"]["is_member"]
    assert (await client.conversations_join(channel=moby.QUIET))["warning"] == "already_in_channel"
    posted = await client.chat_postMessage(channel=moby.QUIET, text="x")
    sign = {"channel": moby.QUIET, "timestamp": posted["ts"], "name": "eyes"}
    await client.reactions_add(**sign)
    await client.reactions_remove(**sign)
    assert "reactions" not in slack.workspace().channels[moby.QUIET].messages[posted["ts"]]
    with pytest.raises(SlackApiError, match="no_reaction"):
        await client.reactions_remove(**sign)
