"""What Gordon says on Slack: in which order and at which pace, as what, and what becomes of it when Slack says no."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.slack_api import Limited
from bot.adapters.slack_blocks import digest_of, disabled
from bot.adapters.slack_files import MAX_QUOTE_BYTES, PAUSE_S, content_of
from bot.adapters.slack_output import JOINED_BYTES, MESSAGE_CHARS, pieces_of
from bot.chat import Button, Card, MessageRef, Picture, Series
from bot.demo.slack import moby
from bot.demo.slack.workspace import Json
from bot.errors import Refused, Unavailable, Unsent
from bot.settings import SlackChannelSettings, SlackSettings
from tests.slack_said_rig import PNG, Said, saying

POST, UPDATE, UPLOAD = "chat.postMessage", "chat.update", "files.getUploadURLExternal"
FAILED = Card("unit failed", buttons=(Button("Rebuild", "rebuild 7"), Button("Mute", "mute 7")), slot="pr 7")
PICTURE = Picture("Builds", "builds an hour", (Series("all", ((0.0, 1.0), (60.0, 2.0))),))
LOG = "\n".join(f"line {number} of a long log" for number in range(100))
LOST = "; what is said there is lost"


@pytest.fixture
async def said() -> AsyncIterator[Said]:
    async with saying() as parts:
        yield parts


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


# -- one message --


async def test_words_are_a_message_that_calls_nobody_and_previews_nothing(said: Said) -> None:
    words = "@tianon <!channel> <@U0TIANON1> https://ci.test/job/7/ *x*"
    ref = await said.output.send(said.place(), words)
    (message,) = said.messages()
    assert ref.id == f"{moby.DOCKER_DEV}:{message['ts']}"
    assert message["text"] == "@tianon &lt;!channel&gt; &lt;@U0TIANON1&gt; <https://ci.test/job/7/> *x*"
    assert said.slack.workspace().pings == []
    assert said.slack.workspace().unfurled == []
    (call,) = said.slack.calls_of(POST)
    asked = {name: call.arguments[name] for name in ("parse", "link_names", "unfurl_links", "unfurl_media")}
    assert asked == {"parse": "none", "link_names": "false", "unfurl_links": "false", "unfurl_media": "false"}
    await said.output.arrived(ref)


@pytest.mark.parametrize(
    ("thread", "private", "calls"),
    [
        pytest.param("", False, True, id="in-a-channel"),
        pytest.param("1", False, False, id="in-their-thread"),
        pytest.param("", True, False, id="in-a-direct-message"),
    ],
)
async def test_whoever_asked_is_called_where_nothing_else_does_that(
    said: Said, thread: str, private: bool, calls: bool
) -> None:
    first = await said.output.send(said.place(), "first")
    thread = said.output.under(first).thread if thread else ""
    channel = moby.TIANON if private else "#docker-dev"
    await said.output.send(said.place(channel, thread=thread, to=moby.TIANON, private=private), "done")
    asked = said.slack.calls_of(POST)[-1].arguments
    assert asked["text"] == (f"<@{moby.TIANON}> done" if calls else "done")
    assert (moby.TIANON in asked["blocks"]) is calls
    assert asked.get("thread_ts", "") == thread


async def test_what_follows_under_a_card_calls_who_asked_for_it_elsewhere(said: Said) -> None:
    """Who gave a command with a slash is in no thread, and sees nothing of what is said in one."""
    under = said.output.under(await said.output.send(said.place(), FAILED))
    to = f"{moby.TIANON}, {moby.JESS}"
    await said.output.send(replace(under, to=to), Card("it passed", follows=True))
    assert said.slack.calls_of(POST)[-1].arguments["text"] == f"<@{moby.TIANON}> <@{moby.JESS}> it passed"


async def test_a_card_calls_who_asked_still_once_a_button_was_pressed(said: Said) -> None:
    card = Card("this would build", buttons=(Button("Confirm", "confirm x"),))
    ref = await said.output.send(said.place(to=moby.TIANON), card)
    assert await press(said, ref, card)
    [message] = said.messages()
    assert message["blocks"][0]["elements"][0]["elements"][0] == {"type": "user", "user_id": moby.TIANON}
    assert message["text"].startswith(f"<@{moby.TIANON}> ")


async def test_a_place_under_a_message_is_its_thread_and_under_a_reply_the_same(said: Said) -> None:
    first = await said.output.send(said.place(), "first")
    under = said.output.under(first)
    reply = await said.output.send(under, "reply")
    assert said.output.under(reply) == under
    assert said.messages()[1]["thread_ts"] == said.messages()[0]["ts"]
    assert said.output.under(MessageRef(said.place())).thread == ""


@pytest.mark.parametrize(
    ("everywhere", "own", "follows", "to", "is_broadcast"),
    [
        pytest.param(False, None, True, "", False, id="not-unless-told"),
        pytest.param(True, None, True, "", True, id="the-workspace-says-so"),
        pytest.param(True, False, True, "", False, id="the-channel-says-otherwise"),
        pytest.param(False, True, True, "", True, id="the-channel-alone-says-so"),
        pytest.param(True, None, False, "", False, id="what-does-not-follow"),
        pytest.param(True, None, True, moby.TIANON, False, id="an-answer"),
    ],
)
async def test_what_follows_is_shown_in_the_channel_where_the_settings_say_so(
    said: Said, everywhere: bool, own: bool | None, follows: bool, to: str, is_broadcast: bool
) -> None:
    channel = {"#docker-dev": SlackChannelSettings(broadcast=own)}
    said.output.configure(SlackSettings(broadcast=everywhere, channel=channel))
    ref = await said.output.send(said.place(), FAILED)
    await said.output.send(replace(said.output.under(ref), to=to), Card("why", follows=follows))
    assert (said.messages()[1].get("subtype") == "thread_broadcast") is is_broadcast


@pytest.mark.parametrize("private", [False, True])
async def test_what_stands_in_no_thread_of_a_channel_needs_not_be_shown_there(said: Said, private: bool) -> None:
    said.configure(broadcast=True)
    place = said.place(moby.TIANON, private=True) if private else said.place()
    if private:
        place = said.output.under(await said.output.send(place, FAILED))
    await said.output.send(place, Card("why", follows=True))
    assert "reply_broadcast" not in said.slack.calls_of(POST)[-1].arguments


# -- long texts --


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        pytest.param("", [0], id="empty"),
        pytest.param("x" * MESSAGE_CHARS, [3900], id="just-fits"),
        pytest.param("x" * (MESSAGE_CHARS + 1), [3900, 1], id="one-more"),
        pytest.param("word " * 1000, [3899, 1100], id="between-words"),
        pytest.param("x" * 3000 + "\n" + "y" * 3000, [3000, 3000], id="between-lines"),
        pytest.param("x" * 10 + "\n" + "y" * 6000, [3900, 2111], id="a-line-that-would-leave-almost-nothing"),
        pytest.param("\n" * 5000, [3899], id="nothing-but-ends-of-lines"),
    ],
)
def test_a_long_text_is_several_messages(text: str, sizes: list[int]) -> None:
    pieces = [piece for piece in pieces_of(text) if isinstance(piece, str)]
    assert [len(piece) for piece in pieces] == sizes
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize(
    "word", ['"', "\\", "<", "&", "é", "\U0001f389", "http://a.b/c ", "https://ci.test/job/unit/7/ failed\n"]
)
async def test_of_a_long_text_everything_is_shown(said: Said, word: str) -> None:
    text = (word * 10_000)[: MESSAGE_CHARS * 2]
    await said.output.send(said.place(), text)
    elements = [message["blocks"][0]["elements"][0]["elements"] for message in said.messages()]
    shown = [one.get("text") or one["url"] for some in elements for one in some]
    assert "".join("".join(shown).split()) == "".join(text.split())
    assert len(said.messages()) <= 8


async def test_a_long_text_is_said_in_order_and_each_message_under_the_same_limits(said: Said) -> None:
    text = " ".join(str(number) for number in range(3000))
    ref = await said.output.send(said.place(to=moby.TIANON), text)
    assert len(said.texts()) == 4
    assert " ".join(shown_at(message).strip() for message in said.messages()) == text
    assert [message["text"].startswith("<@") for message in said.messages()] == [True, False, False, False]
    assert ref.id.endswith(said.messages()[0]["ts"])


async def test_of_a_text_the_rest_waits_for_a_limit_however_long(said: Said) -> None:
    await said.places.refresh()
    text = "a" * MESSAGE_CHARS + "b"
    sending = asyncio.create_task(said.output.send(said.place(), text))
    await said.slack.called(POST, 1)
    said.slack.faults.limit("600")
    await sending
    assert said.clock.now_s >= 600
    assert [text[0] for text in said.texts()] == ["a", "b"]


async def test_a_text_of_which_the_rest_is_not_said_may_be_said_again(said: Said) -> None:
    await said.places.refresh()
    sending = asyncio.create_task(said.output.send(said.place(), "a" * MESSAGE_CHARS + "b"))
    await said.slack.called(POST, 1)
    said.slack.faults.refuse(POST, "service_unavailable", channel=moby.DOCKER_DEV)
    ref = await sending
    assert ref.id == ""
    with pytest.raises(Unavailable):
        await said.output.arrived(ref)


# -- pace and order --


async def test_announcements_keep_a_pace_at_each_channel_and_answers_do_not_wait_for_it(said: Said) -> None:
    at_s = []
    for number in range(6):
        await said.output.send(said.place(), f"news {number}")
        at_s.append(said.clock.now_s)
    assert at_s == [0, 0, 0, 1, 2, 3]
    await said.output.send(said.place("#builds"), "elsewhere")
    await said.output.send(said.place(to=moby.TIANON), "an answer")
    assert said.clock.now_s == 3


async def test_answers_leave_something_to_announcements(said: Said) -> None:
    for _ in range(30):
        await said.output.send(said.place(to=moby.TIANON), "an answer")
    await said.output.send(said.place(), "news")
    assert said.clock.now_s == 1, "what there is room for went to answers, and no more"


async def test_a_crowd_of_announcements_goes_as_one(said: Said) -> None:
    asked: list[int] = []

    def instead(room: int) -> str:
        asked.append(room)
        return "several"

    for number in range(9):
        await said.output.send(said.place(), f"news {number}", instead=instead)
    assert asked == [JOINED_BYTES] * 2
    assert said.texts() == [f"news {number}" for number in range(7)] + ["several"] * 2
    said.clock.now_s += 60
    await said.output.send(said.place(), "later", instead=instead)
    assert said.texts()[-1] == "later"


async def test_what_goes_into_a_thread_is_never_said_with_others(said: Said) -> None:
    place = said.output.under(await said.output.send(said.place(), "first"))
    for number in range(9):
        await said.output.send(place, str(number), instead=lambda room: "several")
    assert said.texts() == ["first", *map(str, range(9))]


async def test_messages_at_one_channel_go_one_after_the_other(said: Said) -> None:
    await said.places.refresh()
    said.slack.faults.slow(0.05, method=POST)
    to = {"to": moby.TIANON}
    await asyncio.gather(*(said.output.send(said.place(**to), str(number)) for number in range(5)))
    assert [text.rpartition("> ")[2] for text in said.texts()] == ["0", "1", "2", "3", "4"]


async def test_a_limit_at_one_channel_holds_up_no_other(said: Said) -> None:  # F8
    said.slack.faults.limit("30", channel=moby.DOCKER_DEV)
    for to in ("", moby.TIANON):
        with pytest.raises(Limited):
            await said.output.send(said.place(to=to), "held up")
    await said.output.send(said.place("#builds"), "elsewhere")
    assert said.texts(moby.BUILDS) == ["elsewhere"]
    said.clock.now_s += 30
    await said.output.send(said.place(), "now")
    assert said.texts() == ["now"]


async def test_an_answer_waits_for_a_short_limit_and_goes_before_announcements(said: Said) -> None:  # F8
    said.slack.faults.limit("2")
    with pytest.raises(Limited):
        await said.output.send(said.place(), "news")
    await said.output.send(said.place(to=moby.TIANON), "an answer")
    assert said.clock.now_s == 2
    await said.output.send(said.place(), "news")
    assert [text.rpartition("> ")[2] for text in said.texts()] == ["an answer", "news"]


@pytest.mark.parametrize(("retry_after", "is_told"), [("3600", True), ("61", True), ("60", False), ("soon", False)])
async def test_a_long_limit_is_told_once_until_it_is_over(said: Said, retry_after: str, is_told: bool) -> None:  # F8
    said.slack.faults.limit(retry_after)
    for _ in range(3):
        with pytest.raises(Limited):
            await said.output.send(said.place(), "held up")
    minutes = 60 if retry_after == "3600" else 1
    words = f"Slack takes no more words for {minutes} min; they wait"
    assert said.told.lines == ([("#docker-dev", words)] if is_told else [])
    said.clock.now_s += 3600
    await said.output.send(said.place(), "now")
    assert said.told.now == {}


# -- when Slack says no --


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("is_archived", "it is archived (is_archived)"),
        ("restricted_action", "the workspace does not let Gordon post there (restricted_action)"),
        ("msg_too_long", "the message is too long (msg_too_long)"),
        ("something_new", "something_new"),
    ],
)
async def test_what_is_refused_is_not_tried_again_and_told_until_it_is_taken(  # F11
    said: Said, code: str, words: str
) -> None:
    said.slack.faults.refuse(POST, code, times=2)
    for _ in range(2):
        with pytest.raises(Refused):
            await said.output.send(said.place(), "lost")
    assert said.told.lines == [("#docker-dev", words + LOST)]
    assert len(said.slack.calls_of(POST)) == 2
    await said.output.send(said.place(), "heard")
    assert said.told.now == {}


async def test_a_channel_that_is_not_there_is_told(said: Said) -> None:  # F11
    with pytest.raises(Refused):
        await said.output.send(said.place("#nowhere"), "lost")
    about = "there is no such channel, or it is private and Gordon is not in it (channel_not_found)"
    assert said.told.now == {"#nowhere": about + LOST}


async def test_a_channel_that_is_configured_no_more_is_no_trouble_any_more(said: Said) -> None:
    said.slack.faults.refuse(POST, "is_archived")
    with pytest.raises(Refused):
        await said.output.send(said.place(), "lost")
    said.configure(channels=("#docker-dev", "#builds"), broadcast=True)
    assert list(said.told.now) == ["#docker-dev"]
    said.configure(channels=("#builds",))
    assert said.told.now == {}


async def test_what_one_person_is_not_told_is_not_the_operators_business(said: Said) -> None:
    with pytest.raises(Refused):
        await said.output.send(said.place(moby.GONE, to=moby.GONE, private=True), "lost")
    assert said.told.now == {}


async def test_a_channel_that_gordon_was_removed_from_is_entered_again(said: Said) -> None:
    await said.places.refresh()
    workspace = said.slack.workspace()
    workspace.app.scopes -= {"chat:write.public"}
    workspace.channels[moby.BUILDS].members.remove(moby.BOT)
    await said.output.send(said.place("#builds"), "here again")
    assert said.texts(moby.BUILDS) == ["here again"]
    workspace.channels[moby.BUILDS].members.remove(moby.BOT)
    workspace.app.scopes -= {"channels:join"}
    with pytest.raises(Refused):
        await said.output.send(said.place("#builds"), "lost")
    assert said.told.now["#builds"] == "Gordon is not in it; say /invite @gordon there (not_in_channel)" + LOST


async def test_a_channel_that_takes_nothing_though_gordon_is_in_it_is_given_up(said: Said) -> None:
    said.slack.faults.refuse(POST, "not_in_channel", times=-1)
    with pytest.raises(Refused):
        await said.output.send(said.place(), "lost")
    assert len(said.slack.calls_of(POST)) == 2


async def test_a_channel_that_moved_is_found_again(said: Said) -> None:
    await said.places.refresh()
    workspace = said.slack.workspace()
    moved = workspace.channels.pop(moby.BUILDS)
    moved.id = "C0BUILDS2"
    workspace.add_channel(moved)
    said.clock.now_s += 30
    ref = await said.output.send(said.place("#builds"), "here")
    assert ref.id.startswith("C0BUILDS2:")


async def test_a_direct_message_that_is_gone_is_opened_again(said: Said) -> None:
    place = said.place(moby.TIANON, to=moby.TIANON, private=True)
    first = await said.output.send(place, "one")
    workspace = said.slack.workspace()
    del workspace.channels[first.id.partition(":")[0]]
    second = await said.output.send(place, "two")
    assert said.texts(second.id.partition(":")[0]) == ["two"]


async def test_a_thread_that_is_gone_keeps_nobody_from_hearing(said: Said) -> None:
    await said.output.send(said.place(thread="1700000000.000100", to=moby.TIANON), "an answer")
    assert said.texts() == ["an answer"]


@pytest.mark.parametrize("code", ["cannot_reply_to_message", "restricted_action_thread_locked"])
async def test_a_thread_that_takes_no_replies_keeps_nobody_from_hearing(said: Said, code: str) -> None:
    said.slack.faults.refuse("chat.postMessage", code)
    await said.output.send(said.place(thread="1700000000.000100", to=moby.TIANON), "an answer")
    assert said.texts() == ["an answer"]
    assert "thread_ts" not in said.slack.calls_of("chat.postMessage")[-1].arguments


async def test_blocks_that_slack_does_not_take_are_left_out(said: Said, caplog: pytest.LogCaptureFixture) -> None:
    said.slack.faults.refuse(POST, "invalid_blocks")
    await said.output.send(said.place(), FAILED)
    assert said.texts() == ["unit failed"]
    assert "said without its structure" in caplog.text


async def test_words_wait_for_a_token_that_counts(said: Said) -> None:  # F11
    await said.places.refresh()
    said.slack.team().acts.revokes()
    with pytest.raises(Unsent):
        await said.output.send(said.place(), "later")
    assert said.api.is_refused_token
    with pytest.raises(Unsent):
        await said.output.send(said.place(moby.TIANON, private=True), "later")
    assert "#docker-dev" not in said.told.now


@pytest.mark.parametrize("is_done", [True, False])
async def test_words_whose_answer_was_lost_are_not_known_to_have_arrived(said: Said, is_done: bool) -> None:
    await said.places.refresh()
    said.slack.faults.drop(method=POST, is_done=is_done)
    ref = await said.output.send(said.place(), FAILED)
    with pytest.raises(Unavailable):
        await said.output.arrived(ref)
    with pytest.raises(Refused):
        await said.output.edit(ref, FAILED)
    assert len(said.texts()) == is_done


async def test_a_place_that_cannot_be_looked_up_now_leaves_the_words_unsaid(said: Said) -> None:
    said.slack.faults.break_down(method="conversations.list")
    with pytest.raises(Unsent):
        await said.output.send(said.place(), "later")


# -- states --


async def test_a_message_is_changed_no_faster_than_it_may_be(said: Said) -> None:
    ref = await said.output.send(said.place(), FAILED)
    at_s = []
    for title in ("two", "three"):
        assert await said.output.edit(ref, replace(FAILED, title=title)) == ref
        at_s.append(said.clock.now_s)
    assert at_s == pytest.approx([1.2, 2.4])
    assert said.texts() == ["three"]
    other = await said.output.send(said.place(), FAILED)
    said.clock.now_s += 1.2
    began_s = said.clock.now_s
    await said.output.edit(other, FAILED)
    assert said.clock.now_s == began_s


async def test_of_many_states_the_last_one_wins_and_no_older_one_comes_after_it(said: Said) -> None:
    ref = await said.output.send(said.place(), FAILED)
    said.slack.faults.slow(0.05, method=UPDATE)
    states = [replace(FAILED, title=f"state {number}") for number in range(8)]
    edits = [asyncio.create_task(said.output.edit(ref, state)) for state in states[:4]]
    await asyncio.sleep(0.02)
    edits += [asyncio.create_task(said.output.edit(ref, state)) for state in states[4:]]
    await asyncio.gather(*edits)
    assert [call.arguments["text"] for call in said.slack.calls_of(UPDATE)] == ["state 3", "state 7"]
    assert said.texts() == ["state 7"]


@pytest.mark.parametrize(
    "code", ["message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found", "is_archived"]
)
async def test_what_cannot_be_changed_any_more_is_to_be_said_anew(said: Said, code: str) -> None:
    ref = await said.output.send(said.place(), FAILED)
    said.slack.faults.refuse(UPDATE, code)
    with pytest.raises(Refused):
        await said.output.edit(ref, FAILED)
    assert said.told.now == {}


async def test_a_state_whose_answer_was_lost_is_shown_again(said: Said) -> None:
    ref = await said.output.send(said.place(), FAILED)
    said.slack.faults.drop(method=UPDATE)
    with pytest.raises(Unavailable):
        await said.output.edit(ref, replace(FAILED, title="two"))
    said.clock.now_s += 1
    await said.output.edit(ref, replace(FAILED, title="two"))
    assert said.texts() == ["two"]


async def test_a_state_without_blocks_that_slack_takes_is_shown_in_words(said: Said) -> None:
    ref = await said.output.send(said.place(), FAILED)
    said.slack.faults.refuse(UPDATE, "invalid_blocks")
    await said.output.edit(ref, replace(FAILED, title="two"))
    assert said.texts() == ["two"]
    assert not said.messages()[0].get("blocks")


async def test_a_state_waits_for_a_token_that_counts(said: Said) -> None:
    ref = await said.output.send(said.place(), FAILED)
    said.slack.team().acts.revokes()
    with pytest.raises(Unsent):
        await said.output.edit(ref, FAILED)


# -- presses --


async def press(said: Said, ref: MessageRef, card: Card, action: str = "press.0", user: str = moby.TIANON) -> bool:
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


async def test_who_pressed_is_shown_on_the_state_that_was_pressed(said: Said) -> None:
    ref = await said.output.send(said.place(), FAILED)
    assert await press(said, ref, FAILED)
    assert await press(said, ref, FAILED, "press.1", moby.JESS)
    shown = shown_at(said.messages()[0])
    assert "Rebuild: pressed by" in shown
    assert "Mute: pressed by" in shown
    assert said.texts() == ["unit failed"]


async def test_a_press_never_goes_over_a_newer_state(said: Said) -> None:
    ref = await said.output.send(said.place(), FAILED)
    newer = replace(FAILED, title="unit is built again")
    await said.output.edit(ref, newer)
    assert not await press(said, ref, FAILED)
    pressing = asyncio.create_task(press(said, ref, newer))
    await asyncio.sleep(0)
    await said.output.edit(ref, FAILED)
    assert not await pressing
    assert said.texts() == ["unit failed"]
    assert "pressed" not in shown_at(said.messages()[0])


async def test_a_press_on_a_message_of_an_earlier_process_goes_by_what_slack_tells(said: Said) -> None:
    ref = await said.output.send(said.place(), FAILED)
    said.begin_anew()
    assert await press(said, ref, FAILED)
    assert "Rebuild: pressed by" in shown_at(said.messages()[0])


# -- whispers --


async def test_a_whisper_is_for_one_person(said: Said) -> None:
    await said.output.whisper(moby.DOCKER_DEV, f"{moby.TEAM}/{moby.TIANON}", "not you", "1700000000.000100")
    (whisper,) = said.slack.workspace().ephemerals
    assert (whisper.channel, whisper.user) == (moby.DOCKER_DEV, moby.TIANON)
    assert (whisper.message["text"], whisper.message["thread_ts"]) == ("not you", "1700000000.000100")
    assert said.texts() == []


async def test_a_whisper_that_cannot_be_shown_there_is_a_direct_message(said: Said) -> None:
    await said.output.whisper(moby.SECRETS, moby.TIANON, "not you")
    direct = said.slack.workspace().im_with(moby.TIANON)
    assert said.texts(direct.id) == ["not you"]
    said.slack.faults.refuse("chat.postEphemeral", "restricted_action")
    with pytest.raises(Refused):
        await said.output.whisper(moby.DOCKER_DEV, moby.TIANON, "not you")


# -- files --


async def test_a_long_quotation_is_a_file_in_the_thread_without_secrets(said: Said) -> None:
    card = replace(FAILED, quote=LOG + "\npassword=hunter2-and-more")
    await said.output.send(said.place(), card)
    await said.output.close()
    (file,) = said.slack.workspace().files.values()
    content = (file.content or b"").decode()
    assert content.startswith("line 0 of a long log\n")
    assert "hunter2" not in content
    assert (file.name, file.title) == ("log.txt", "unit failed")
    first, second = said.messages()
    assert second["thread_ts"] == first["ts"]


async def test_a_short_quotation_needs_no_file(said: Said) -> None:
    await said.output.send(said.place(), replace(FAILED, quote="one line"))
    await said.output.close()
    assert said.slack.calls_of(UPLOAD) == []


async def test_a_picture_is_drawn_in_the_thread_that_the_card_is_in(said: Said) -> None:
    first = await said.output.send(said.place(), "first")
    await said.output.send(said.output.under(first), Card("how it went", picture=PICTURE))
    await said.output.close()
    (file,) = said.slack.workspace().files.values()
    assert (file.content, file.title, file.name) == (PNG, "Builds", "picture.png")
    assert file.alt_txt.startswith("Builds, builds an hour")
    assert said.messages()[-1]["thread_ts"] == said.messages()[0]["ts"]


async def test_a_state_with_the_same_files_shows_them_once(said: Said) -> None:
    card = replace(FAILED, quote=LOG)
    ref = await said.output.send(said.place(), card)
    await said.output.edit(ref, replace(card, title="still"))
    await said.output.close()
    assert len(said.slack.workspace().files) == 1
    await said.output.edit(ref, replace(card, quote=LOG + LOG))
    await said.output.close()
    assert len(said.slack.workspace().files) == 2


@pytest.mark.parametrize(
    ("error", "why", "tries"),
    [
        ("missing_scope", "the app lacks the scope files:write", 1),
        ("file_uploads_disabled", "file_uploads_disabled", 1),
        ("internal_error", "Slack does not take it now", 3),
    ],
)
async def test_a_file_that_is_not_taken_neither_loses_nor_doubles_its_message(
    said: Said, error: str, why: str, tries: int
) -> None:
    said.slack.faults.refuse(UPLOAD, error, times=-1, needed="files:write")
    ref = await said.output.send(said.place(), replace(FAILED, quote=LOG))
    await said.output.arrived(ref)
    await said.output.close()
    first, second = said.messages()
    assert first["text"] == "unit failed"
    assert "line 0 of a long log" in shown_at(first)
    assert second["text"] == f"the rest of the quotation could not be attached: {why}"
    assert second["thread_ts"] == first["ts"]
    assert len(said.slack.calls_of(UPLOAD)) == tries
    assert said.clock.slept.count(PAUSE_S) == tries - 1


async def test_a_file_is_tried_again_when_slack_stumbles(said: Said) -> None:
    said.slack.faults.refuse("files.completeUploadExternal", "service_unavailable", times=2)
    await said.output.send(said.place(), Card("how it went", picture=PICTURE))
    await said.output.close()
    assert len(said.messages()) == 2
    assert "files" in said.messages()[1]


async def test_a_picture_that_cannot_be_drawn_is_said(said: Said) -> None:
    async def draw(picture: Picture) -> bytes:
        raise Unavailable("pictures", "drawing within 20 s")

    said.draws = draw
    await said.output.send(said.place(), Card("how it went", picture=PICTURE))
    await said.output.close()
    assert said.texts()[1] == "the picture could not be drawn: pictures does not answer (drawing within 20 s)"


async def test_a_mistake_in_drawing_is_in_the_log_and_the_message_stands(
    said: Said, caplog: pytest.LogCaptureFixture
) -> None:
    async def draw(picture: Picture) -> bytes:
        raise ZeroDivisionError

    said.draws = draw
    await said.output.send(said.place(), Card("how it went", picture=PICTURE))
    await said.output.close()
    assert said.texts() == ["how it went"]
    assert [record.levelno for record in caplog.records if "attached" in record.message] == [logging.ERROR]


async def test_an_end_does_not_wait_for_a_file_for_long(said: Said) -> None:
    async def draw(picture: Picture) -> bytes:
        return (await asyncio.Event().wait() and b"") or b""

    said.draws = draw
    await said.output.send(said.place(), Card("how it went", picture=PICTURE))
    async with asyncio.timeout(3):
        await said.output.close()


@pytest.mark.parametrize("line", ["x" * 79, "ä" * 79, "€"])
def test_a_file_ends_with_a_whole_line_however_much_there_is(line: str) -> None:
    content = content_of(f"{line}\n" * (2 * MAX_QUOTE_BYTES // len(line)))
    assert len(content) <= MAX_QUOTE_BYTES + 20
    *lines, last, end = content.decode().split("\n")
    assert (set(lines), last, end) == ({line}, "… and more", "")
