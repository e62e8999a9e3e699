"""Calls of Slack's Web API: what an answer means, what a limit stops, and what nobody may read in the log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.adapters import slack_errors
from bot.adapters.slack_api import MAX_PAGES, PAUSE_S, Api, Declined, Limited
from bot.adapters.slack_errors import Verdict, wait_of, words_of
from bot.demo.slack import moby
from bot.errors import Refused, Unavailable, Unrecognised, Unsent
from tests.slack_said_rig import JumpingClock, Said, Told, saying

POST = "chat.postMessage"


@pytest.fixture
async def said() -> AsyncIterator[Said]:
    async with saying() as parts:
        yield parts


async def post(said: Said, text: str = "hello", channel: str = moby.DOCKER_DEV) -> None:
    await said.api.call(POST, lane=channel, patience_s=0.0, channel=channel, text=text)


@pytest.mark.parametrize(
    ("retry_after", "wait_s"),
    [
        pytest.param("1", 1.0, id="a-second"),
        pytest.param("30", 30.0, id="half-a-minute"),
        pytest.param("3600", 3600.0, id="an-hour"),
        pytest.param("86400", 3600.0, id="a-day-is-asked-again-after-an-hour"),
        pytest.param("2.5", 2.5, id="a-fraction"),
        pytest.param("0", 1.0, id="nothing"),
        pytest.param(None, 1.0, id="missing"),
        pytest.param("", 1.0, id="empty"),
        pytest.param("-5", 1.0, id="negative"),
        pytest.param("soon", 1.0, id="a-word"),
        pytest.param("1e400", 1.0, id="beyond-all-numbers"),
        pytest.param("9" * 400, 1.0, id="more-digits-than-any-time-has"),
        pytest.param("nan", 1.0, id="not-a-number"),
        pytest.param("٣", 1.0, id="a-digit-of-another-script"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 GMT", 1.0, id="a-date"),
    ],
)
async def test_a_limit_is_kept_as_long_as_it_says(said: Said, retry_after: str | None, wait_s: float) -> None:  # F8
    assert wait_of(retry_after, 0) == wait_s
    if retry_after is not None and not retry_after.isascii():
        return  # no header can say that
    said.slack.faults.limit(retry_after)
    with pytest.raises(Limited):
        await post(said, "one")
    assert len(said.slack.calls_of(POST)) == 1
    said.clock.now_s = wait_s - 0.01
    with pytest.raises(Limited):
        await post(said, "two")
    assert len(said.slack.calls_of(POST)) == 1, "nothing is sent past a limit"
    said.clock.now_s = wait_s
    await post(said, "three")
    assert said.texts() == ["three"]


async def test_a_limit_stops_its_channel_and_method_alone(said: Said) -> None:  # F8
    said.slack.faults.limit("3600", channel=moby.DOCKER_DEV)
    with pytest.raises(Limited) as limited:
        await post(said)
    assert str(limited.value) == "Slack moby takes no more for now (chat.postMessage at C0DOCKDEV)"
    await post(said, channel=moby.BUILDS)
    await said.api.call("users.info", user=moby.TIANON)
    assert said.texts(moby.BUILDS) == ["hello"]


async def test_a_limit_that_says_nothing_is_kept_longer_each_time(said: Said) -> None:
    said.slack.faults.limit(None, times=8)
    waited = []
    for _ in range(8):
        with pytest.raises(Limited) as limited:
            await post(said)
        waited.append(limited.value.wait_s)
        said.clock.now_s += limited.value.wait_s
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60]
    await post(said)
    said.slack.faults.limit(None)
    with pytest.raises(Limited) as limited:
        await post(said)
    assert limited.value.wait_s == 1


async def test_a_short_limit_is_waited_for(said: Said) -> None:
    said.slack.faults.limit("2", times=2)
    await said.api.call(POST, lane=moby.DOCKER_DEV, channel=moby.DOCKER_DEV, text="hello")
    assert said.clock.slept == [2, 2]
    assert said.texts() == ["hello"]


async def test_one_limit_after_another_is_not_waited_for_without_end(said: Said) -> None:
    said.slack.faults.limit("1", times=-1)
    with pytest.raises(Limited):
        await said.api.call(POST, lane=moby.DOCKER_DEV, channel=moby.DOCKER_DEV, text="hello")
    assert len(said.slack.calls_of(POST)) == 3


PERMANENT = (
    "channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "msg_too_long", "invalid_blocks",
    "invalid_blocks_format", "no_text", "restricted_action", "user_disabled", "message_not_found",
    "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_dm_bot", "ekm_access_denied",
    "not_allowed_token_type", "something_new",
)  # fmt: skip


@pytest.mark.parametrize("code", PERMANENT)
async def test_what_is_refused_is_not_tried_again(said: Said, code: str) -> None:  # F11
    said.slack.faults.refuse(POST, code, times=-1)
    with pytest.raises(Declined) as refused:
        await said.api.call(POST, lane=moby.DOCKER_DEV, channel=moby.DOCKER_DEV, text="hello")
    assert refused.value.code == code
    assert code in str(refused.value)
    assert len(said.slack.calls_of(POST)) == 1
    assert not said.api.is_refused_token
    assert said.told.now == {}


@pytest.mark.parametrize("code", [code for code, verdict in slack_errors.VERDICTS.items() if verdict is Verdict.TOKEN])
async def test_a_token_that_does_not_count_is_told_until_one_does(said: Said, code: str) -> None:  # F11
    said.slack.faults.refuse(POST, code)
    with pytest.raises(Unrecognised):
        await post(said)
    assert said.api.is_refused_token
    assert said.told.now == {"its token": f"Slack does not take it ({code}); put another one where it is read from"}
    await post(said)
    assert not said.api.is_refused_token
    assert said.told.now == {}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("service_unavailable", Unsent),
        ("request_timeout", Unsent),
        ("team_added_to_org", Unsent),
        ("org_login_required", Unsent),
        ("ratelimited", Limited),
        ("rate_limited", Limited),
        ("internal_error", Unavailable),
        ("fatal_error", Unavailable),
    ],
)
async def test_what_may_pass_is_tried_again_by_whoever_asked(said: Said, code: str, kind: type[Unavailable]) -> None:
    said.slack.faults.refuse(POST, code)
    with pytest.raises(Unavailable) as away:
        await post(said)
    assert type(away.value) is kind
    said.clock.now_s += 1
    await post(said)


async def test_another_token_takes_the_place_of_one_that_does_not_count(said: Said) -> None:
    said.api.renew("xoxb-not-this-one")
    with pytest.raises(Unrecognised):
        await said.api.call("auth.test")
    said.api.renew(moby.BOT_TOKEN)
    assert (await said.api.call("auth.test"))["user_id"] == moby.BOT


async def test_a_scope_that_is_missing_is_told_by_its_name_and_the_rest_goes_on(said: Said) -> None:
    app = said.slack.workspace().app
    every, app.scopes = app.scopes, app.scopes - {"usergroups:read"}
    with pytest.raises(Declined) as refused:
        await said.api.call("usergroups.list")
    assert str(refused.value) == "Slack moby refused: the app lacks the scope usergroups:read"
    assert said.told.now == {
        "its scope usergroups:read": "the app lacks it for usergroups.list; add it, and install the app again"
    }
    assert not said.api.is_refused_token
    app.scopes = every
    await said.api.call("usergroups.list")
    assert said.told.now == {}


async def test_what_was_done_when_its_answer_was_lost_may_have_been_done(said: Said) -> None:
    said.slack.faults.drop(method=POST)
    with pytest.raises(Unavailable) as lost:
        await post(said)
    assert not isinstance(lost.value, Unsent)
    assert said.texts() == ["hello"]


async def test_slack_is_left_alone_for_a_moment_when_it_does_not_answer_and_told_after_a_minute(said: Said) -> None:
    said.slack.faults.break_down(502, times=-1)
    sent_s = list[float]()
    while said.clock.now_s < 75:
        sent = len(said.slack.calls)
        with pytest.raises(Unavailable):
            await (post(said) if len(sent_s) % 2 else said.api.call("auth.test"))
        if len(said.slack.calls) > sent:
            sent_s.append(said.clock.now_s)
            assert bool(said.told.now) is (said.clock.now_s >= 60)
        said.clock.now_s += 0.5
    assert sent_s == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 30.5, 45.5, 60.5]
    assert said.told.now == {"its Web API": "does not answer since 12:00 UTC"}
    said.slack.faults.mend()
    said.clock.now_s += 15
    await post(said)
    assert said.told.now == {}


async def test_calls_that_were_lost_together_are_one_silence(said: Said) -> None:
    """Ten connections that break at once make nobody wait for as long as ten in a row would."""
    said.slack.faults.drop(times=10)
    await asyncio.gather(*(said.api.call("auth.test") for _ in range(10)), return_exceptions=True)
    said.clock.now_s += PAUSE_S
    assert (await said.api.call("auth.test"))["ok"]


@asynccontextmanager
async def answering(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Api]:
    """Stand in for a Slack that answers what Slack never would."""
    app = web.Application()
    app.router.add_post("/{method}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    api = Api("moby", url, moby.BOT_TOKEN, 0.3, JumpingClock(), Told())
    try:
        yield api
    finally:
        await api.close()
        await runner.cleanup()


JSON = "application/json"


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        pytest.param(200, "text/html", b"<html>hello</html>", id="a-page"),
        pytest.param(200, "text/plain", b"ok", id="plain-text"),
        pytest.param(200, JSON, b"", id="nothing"),
        pytest.param(200, JSON, b"{", id="half"),
        pytest.param(200, JSON, b"[1]", id="a-list"),
        pytest.param(200, JSON, b"7", id="a-number"),
        pytest.param(200, JSON, b"null", id="null"),
        pytest.param(200, JSON, b"{}", id="neither-ok-nor-not"),
        pytest.param(200, JSON, b'{"ok": null, "error": "is_archived"}', id="ok-is-nothing"),
        pytest.param(200, JSON, b'{"ok": true, "\xff": 1}', id="no-text"),
        pytest.param(200, JSON, b"[" * 100_000, id="deep"),
        pytest.param(200, "application/gzip", b"\x1f\x8b", id="bytes"),
        pytest.param(403, "text/html", b"<html>your proxy says no</html>", id="a-proxy"),
        pytest.param(500, "text/html", b"<html>oh</html>", id="broken"),
        pytest.param(503, JSON, b"{", id="half-and-broken"),
    ],
)
async def test_an_answer_that_is_not_slacks_says_nothing_about_what_was_done(
    status: int, kind: str, body: bytes
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=kind)

    async with answering(answer) as api:
        with pytest.raises(Unavailable) as away:
            await api.call(POST, channel="C1", text="hello")
        assert not isinstance(away.value, Unsent)


async def test_an_error_that_is_no_word_is_not_repeated() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": False, "error": {"<!channel>": "x" * 5000}})

    async with answering(answer) as api:
        with pytest.raises(Refused) as refused:
            await api.call(POST, channel="C1", text="hello")
    assert str(refused.value) == "Slack moby refused: an error that is none of Slack's"


async def test_an_answer_that_does_not_come_in_time_may_have_been_done() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.6)
        return web.json_response({"ok": True})

    async with answering(answer) as api:
        with pytest.raises(Unavailable) as away:
            await api.call(POST, channel="C1", text="hello")
    assert not isinstance(away.value, Unsent)


async def test_where_nobody_listens_nothing_was_done(unused_tcp_port: int) -> None:
    api = Api("moby", f"http://127.0.0.1:{unused_tcp_port}/", moby.BOT_TOKEN, 1.0, JumpingClock(), Told())
    try:
        with pytest.raises(Unsent):
            await api.call(POST, channel="C1", text="hello")
    finally:
        await api.close()


async def test_arguments_and_tokens_are_neither_logged_nor_in_errors(
    said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said.slack.faults.refuse(POST, "is_archived")
    said.slack.faults.break_down(method="auth.test")
    words = "the words of somebody"
    for method in (POST, "auth.test"):
        with pytest.raises((Refused, Unavailable)) as wrong:
            await said.api.call(method, channel=moby.DOCKER_DEV, text=words)
        assert wrong.value.__cause__ is None
        assert moby.BOT_TOKEN not in repr(wrong.value) + str(wrong.value)
    ours = "".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("bot.adapters", "slack"))
    )
    assert moby.BOT_TOKEN not in ours
    assert words not in ours


async def test_half_a_character_is_sent_as_something(said: Said) -> None:
    await post(said, "a\ud800b")
    assert said.texts() == ["a?b"]


async def test_a_list_is_read_to_its_last_page(said: Said) -> None:
    listed = await said.api.pages("conversations.list", "channels", limit=2, types="public_channel")
    assert len(said.slack.calls_of("conversations.list")) == 3
    assert len({one["id"] for one in listed}) == 6


@pytest.mark.parametrize("turns", [1, 2])
async def test_a_list_that_never_ends_is_given_up(turns: int) -> None:
    asked = 0

    async def answer(_: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        cursor = f"c{asked if turns > 1 else 0}"
        return web.json_response({"ok": True, "members": [], "response_metadata": {"next_cursor": cursor}})

    async with answering(answer) as api:
        with pytest.raises(Unavailable, match=r"ending the list of users\.list"):
            await api.pages("users.list", "members")
    assert asked == (2 if turns == 1 else MAX_PAGES)


async def test_a_file_is_shown_in_its_thread(said: Said) -> None:
    await post(said)
    thread = said.messages()[0]["ts"]
    await said.api.upload(moby.DOCKER_DEV, thread, "log.txt", "The log", b"line\n", "what it shows")
    (file,) = said.slack.workspace().files.values()
    assert (file.content, file.title, file.alt_txt, file.channels) == (
        b"line\n",
        "The log",
        "what it shows",
        [moby.DOCKER_DEV],
    )
    assert said.messages()[1]["thread_ts"] == thread


@pytest.mark.parametrize(
    ("address", "is_sent"), [("ftp://127.0.0.1/x", False), ("", False), (7, False), ("https://127.0.0.1:9/x", True)]
)
async def test_a_file_goes_nowhere_but_to_an_address_of_the_web(address: object, is_sent: bool) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True, "upload_url": address, "file_id": "F1"})

    async with answering(answer) as api:
        with pytest.raises(Unavailable if is_sent else Refused):
            await api.upload("C1", "", "log.txt", "The log", b"line\n")


async def test_a_file_does_not_follow_where_others_lead(said: Said) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/put":
            raise web.HTTPTemporaryRedirect("/elsewhere")
        return web.json_response({"ok": True, "upload_url": f"http://{request.host}/put", "file_id": "F1"})

    async with answering(answer) as api:
        with pytest.raises(Unavailable, match="sending a file: HTTP 307"):
            await api.upload("C1", "", "log.txt", "The log", b"line\n")
    assert asked == ["/files.getUploadURLExternal", "/put"]


async def test_what_is_on_loopback_is_reached_without_a_proxy(
    said: Said, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unused_tcp_port}")
    await post(said)
    assert said.texts() == ["hello"]


async def test_a_file_whose_last_answer_was_lost_is_taken_as_shown(said: Said) -> None:
    said.slack.faults.drop(method="files.completeUploadExternal")
    await said.api.upload(moby.DOCKER_DEV, "", "log.txt", "The log", b"line\n")
    assert len(said.messages()) == 1


def test_errors_are_said_in_words_with_their_codes() -> None:
    assert words_of("is_archived") == "it is archived (is_archived)"
    assert words_of("something_new") == "something_new"
