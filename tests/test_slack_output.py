"""What Gordon says on Slack: in which order and at which pace, as what, and what becomes of it when Slack says no."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.adapters.slack_api import Limited
from bot.adapters.slack_output import JOINED_BYTES, MESSAGE_CHARS, pieces_of
from bot.chat import Button, Card, MessageRef
from bot.demo.slack import moby
from bot.errors import Refused, Unavailable, Unsent
from bot.settings import SlackChannelSettings, SlackSettings
from tests.slack_said_rig import Said, press, saying, shown_at

POST = "chat.postMessage"
FAILED = Card("unit failed", buttons=(Button("Rebuild", "rebuild 7"), Button("Mute", "mute 7")), slot="pr 7")
LOST = "; what is said there is lost"


@pytest.fixture
async def said() -> AsyncIterator[Said]:
    async with saying() as parts:
        yield parts


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


# -- whispers --


async def test_a_whisper_is_for_one_person(said: Said) -> None:
    await said.output.whisper(moby.DOCKER_DEV, f"{moby.TEAM}/{moby.TIANON}", "not you", "1700000000.000100")
    (whisper,) = said.slack.workspace().ephemerals
    assert (whisper.channel, whisper.user) == (moby.DOCKER_DEV, moby.TIANON)
    assert (whisper.message["text"], whisper.message["thread_ts"]) == ("not you", "1700000000.000100")
    assert said.texts() == []


async def test_a_whisper_that_slack_does_not_take_now_is_tried_again(said: Said) -> None:
    said.slack.faults.refuse("chat.postEphemeral", "service_unavailable")
    await said.output.whisper(moby.DOCKER_DEV, moby.TIANON, "not you")
    assert len(said.slack.workspace().ephemerals) == 1
    said.slack.faults.refuse("chat.postEphemeral", "service_unavailable", times=-1)
    with pytest.raises(Unsent):
        await said.output.whisper(moby.DOCKER_DEV, moby.TIANON, "not you")


async def test_a_whisper_that_cannot_be_shown_there_is_a_direct_message(said: Said) -> None:
    await said.output.whisper(moby.SECRETS, moby.TIANON, "not you")
    direct = said.slack.workspace().im_with(moby.TIANON)
    assert said.texts(direct.id) == ["not you"]
    said.slack.faults.refuse("chat.postEphemeral", "restricted_action")
    with pytest.raises(Refused):
        await said.output.whisper(moby.DOCKER_DEV, moby.TIANON, "not you")
