"""What Gordon hears on Slack: each command once, in order, on disk before Slack is told, whoever says it."""

from typing import Any

import pytest

from bot.adapters import slack_hearing, slack_members
from bot.adapters.slack_hearing import EDITED, FORWARDED, TOO_MUCH, TOO_OLD, WITH_MORE
from bot.adapters.slack_members import CANNOT_CHECK, LOOK_UP_S
from bot.demo.slack import moby
from bot.demo.slack.deliveries import Fate, Patience
from bot.demo.slack.moby import BUILDS, CROSBYMICHAEL, DOCKER_DEV, OTHER_BOT, TIANON
from bot.values import Place, Speaker
from tests.moved_clock import MovedClock
from tests.slack_hearing_rig import DEV, ear, eventually

ME = f"<@{moby.BOT}>"


async def test_a_mention_is_told_of_twice_and_heard_once() -> None:
    async with ear() as slack:
        act = await slack.acts.mentions(TIANON, "rebuild moby#1", DOCKER_DEV).acknowledged()
        (heard,) = slack.heard
        assert len(act.deliveries) == 2
        assert heard.key == f"slack:moby:{DOCKER_DEV}:{act.ts}"
        assert heard.text == "rebuild moby#1"
        assert heard.speaker == Speaker("moby", "tianon", TIANON, "Slack")
        assert heard.place == Place("moby", DEV, thread=act.ts, to=TIANON)
        assert heard.awaits_disk


async def test_what_is_said_in_a_thread_is_answered_there() -> None:
    async with ear() as slack:
        first = slack.acts.says(TIANON, "what broke?", DOCKER_DEV)
        await slack.acts.mentions(TIANON, "status", DOCKER_DEV, thread_ts=first.ts).acknowledged()
        await slack.acts.says(TIANON, "!help", DOCKER_DEV, thread_ts=first.ts, broadcast=True).acknowledged()
        assert slack.texts == ["status", "help"]
        assert {heard.place.thread for heard in slack.heard} == {first.ts}


async def test_all_that_is_said_to_us_alone_is_a_command() -> None:
    async with ear() as slack:
        await slack.acts.says(TIANON, "rebuild moby#1", TIANON).acknowledged()
        (heard,) = slack.heard
        assert heard.place == Place("moby", TIANON, to=TIANON, private=True, account=TIANON)


async def test_where_we_do_not_belong_a_mention_is_told_where_we_do() -> None:
    async with ear() as slack:
        await slack.acts.says(TIANON, "!status", BUILDS).acknowledged()
        await slack.acts.mentions(TIANON, "status", BUILDS).acknowledged()
        assert "#docker-dev, #docker-and-friends, a direct message" in await slack.told(TIANON)
        assert len(slack.whispered) == 1
        assert not slack.heard


@pytest.mark.parametrize("copies", [2, 4])
async def test_what_is_delivered_again_is_heard_once(copies: int) -> None:  # A10, F10
    """Reading commands leave nothing on disk, so that nobody behind would know that it is the same."""
    async with ear() as slack:
        slack.team.deliveries.fate = lambda _: Fate(copies=copies)
        await slack.acts.mentions(TIANON, "status", DOCKER_DEV).acknowledged()
        act = await slack.acts.mentions(TIANON, "help", DOCKER_DEV).acknowledged()
        for delivery in act.deliveries:  # its acknowledgement was lost on the way
            await slack.team.deliveries.put("events_api", delivery.payload).done.wait()
        assert slack.texts == ["status", "help"]


async def test_it_is_acknowledged_once_it_is_on_disk() -> None:  # F10
    async with ear() as slack:
        slack.team.deliveries.patience = Patience(0.05, (0.0, 0.0, 0.0))
        slack.disk.clear()
        act = slack.acts.mentions(TIANON, "rebuild moby#1", DOCKER_DEV)
        await eventually(lambda: all(len(delivery.tries) > 1 for delivery in act.deliveries))
        assert not any(delivery.is_acknowledged for delivery in act.deliveries)
        slack.disk.set()
        await act.acknowledged()
        assert all(delivery.is_acknowledged for delivery in act.deliveries)
        assert slack.texts == ["rebuild moby#1"]


async def test_what_a_full_disk_did_not_take_is_delivered_and_taken_again() -> None:
    async with ear() as slack:
        slack.full.add("rebuild moby#1")
        act = await slack.acts.mentions(TIANON, "rebuild moby#1", DOCKER_DEV).acknowledged()
        assert max(len(delivery.tries) for delivery in act.deliveries) > 1
        assert slack.texts == ["rebuild moby#1"]


async def test_the_order_is_that_of_arrival_whoever_is_looked_up_longer() -> None:
    async with ear() as slack:
        slack.slack.faults.slow(0.2, method="users.info")
        acts = [slack.acts.mentions(who, words, DOCKER_DEV) for who, words in ((TIANON, "1st"), (CROSBYMICHAEL, "2nd"))]
        elsewhere = slack.acts.says(CROSBYMICHAEL, "alone", CROSBYMICHAEL)
        await elsewhere.acknowledged()
        assert slack.texts == ["alone"]  # of another place, which waits for nobody here
        for act in acts:
            await act.acknowledged()
        assert slack.texts == ["alone", "1st", "2nd"]


async def test_one_after_another_they_do_not_wait_for_the_disk() -> None:
    async with ear() as slack:
        slack.disk.clear()
        acts = [slack.acts.mentions(TIANON, f"rebuild moby#{number}", DOCKER_DEV) for number in range(5)]
        await eventually(lambda: len(slack.heard) == 5)
        slack.disk.set()
        for act in acts:
            await act.acknowledged()
        assert slack.texts == [f"rebuild moby#{number}" for number in range(5)]


async def test_of_too_much_somebody_is_told_once_and_what_was_not_heard_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slack_hearing, "MAX_WAITING", 3)
    async with ear() as slack:
        slack.disk.clear()
        slack.team.deliveries.patience = Patience(5.0, (0.05,) * 20)
        acts = [slack.acts.says(TIANON, f"rebuild moby#{number}", TIANON) for number in range(8)]
        assert await slack.told(TIANON) == TOO_MUCH
        await eventually(lambda: all(len(act.deliveries[0].tries) > 2 for act in acts[3:]))
        assert (len(slack.heard), len(slack.whispered)) == (3, 1)
        slack.disk.set()
        for act in acts:
            assert (await act.acknowledged()).failure == ""
        assert sorted(slack.texts) == [f"rebuild moby#{number}" for number in range(8)]
        await slack.acts.says(TIANON, "status", TIANON).acknowledged()
        assert slack.texts[-1] == "status"


@pytest.mark.parametrize(
    ("age_s", "is_obeyed"),
    [(0, True), (360, True), (3599, True), (3601, False), (86_400, False), (-600, True)],
)
async def test_what_was_said_long_ago_is_no_command_any_more(age_s: int, is_obeyed: bool) -> None:  # F9
    """Whoever waited out an outage wants it still; what was asked an hour ago may be wrong by now, and is told so."""
    clock = MovedClock(lambda: 0.0)
    async with ear(clock) as slack:
        slack.team.deliveries.hold()
        act = slack.acts.mentions(TIANON, "rebuild moby#1", DOCKER_DEV)
        clock.ahead_s += age_s
        slack.team.deliveries.release()
        await act.acknowledged()
        if is_obeyed:
            assert slack.texts == ["rebuild moby#1"]
        else:
            assert await slack.told(TIANON) == TOO_OLD
            assert not slack.heard


async def test_an_edited_line_is_no_command() -> None:
    async with ear() as slack:
        said = await slack.acts.says(TIANON, "look at this", DOCKER_DEV).acknowledged()
        await slack.acts.edits(DOCKER_DEV, said.ts, f"{ME} rebuild moby#1").acknowledged()
        assert await slack.told(TIANON) == EDITED
        obeyed = await slack.acts.mentions(TIANON, "status", DOCKER_DEV).acknowledged()
        await slack.acts.edits(DOCKER_DEV, obeyed.ts, f"{ME} rebuild moby#1").acknowledged()
        await slack.acts.takes_back(DOCKER_DEV, obeyed.ts).acknowledged()
        assert slack.texts == ["status"]
        assert len(slack.whispered) == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"attachments": [{"is_share": True, "text": "rebuild moby#2"}]}, FORWARDED),
        ({"subtype": "file_share", "files": [{"id": "F1"}]}, WITH_MORE),
        ({"type": "app_mention", "files": [{"id": "F1"}]}, WITH_MORE),
        ({"subtype": "me_message"}, WITH_MORE),
    ],
)
async def test_what_comes_with_more_is_no_command(more: dict[str, Any], told: str) -> None:  # A5
    async with ear() as slack:
        await slack.tells("!rebuild moby#1", user=TIANON, **more).acknowledged()
        assert await slack.told(TIANON) == told
        assert not slack.heard


@pytest.mark.parametrize("subtype", ["channel_join", "channel_topic", "message_replied", "bot_add", "huddle_thread"])
async def test_what_slack_says_by_itself_is_nobodys(subtype: str) -> None:
    async with ear() as slack:
        await slack.tells(f"{ME} rebuild", user=TIANON, subtype=subtype).acknowledged()
        await slack.acts.mentions(TIANON, "status", DOCKER_DEV).acknowledged()
        assert slack.texts == ["status"]
        assert not slack.whispered


async def test_what_is_said_to_nobody_is_heard_where_somebody_listens() -> None:
    async with ear(relays=(OTHER_BOT,), bots=("B0LISTED1",)) as slack:
        slack.listens_at.add(DEV)
        said = await slack.acts.says(TIANON, "is &lt;ci&gt; down?\nor me?", DOCKER_DEV).acknowledged()
        slack.acts.says(TIANON, f"ask {ME} about it", DOCKER_DEV)
        slack.acts.bot_says(OTHER_BOT, "&lt;alice&gt; is it down?", DOCKER_DEV)
        slack.acts.workflow_says("is it down?", DOCKER_DEV)
        slack.tells("is it down?", user="U0ROBOT01", bot_id="B0ROBOT01")
        slack.tells("renamed the channel", user=TIANON, subtype="channel_name")
        slack.acts.says(TIANON, "is it down here?", moby.SHARED)
        slack.acts.edits(DOCKER_DEV, said.ts, "is it down still?")
        slack.acts.forwards(TIANON, DOCKER_DEV, said.ts, DOCKER_DEV, "look at that")
        await slack.acts.says(TIANON, "> is it down there?", DOCKER_DEV).acknowledged()
        for delivery in slack.team.deliveries.ledger:
            await delivery.done.wait()
        assert slack.texts == ["is <ci> down?", f"ask @{moby.BOT} about it", "> is it down there?"]
        assert not any(heard.is_for_us for heard in slack.heard)
        assert slack.heard[0].speaker == Speaker("moby", TIANON)
        assert slack.heard[0].place == Place("moby", DEV, thread=said.ts, to=TIANON)
        assert not slack.slack.calls_of("users.info")


async def test_much_talk_leaves_room_for_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack_hearing, "MAX_OVERHEARD", 2)
    async with ear() as slack:
        slack.listens_at.add(DEV)
        slack.disk.clear()
        talk = [slack.acts.says(TIANON, f"is it {number} already?", DOCKER_DEV) for number in range(5)]
        slack.acts.says(TIANON, "status", TIANON)
        await eventually(lambda: "status" in slack.texts)
        slack.disk.set()
        for act in talk:
            await act.acknowledged()
        assert slack.texts == ["is it 0 already?", "is it 1 already?", "status"]


async def test_what_was_said_to_nobody_a_while_ago_is_not_heard() -> None:
    clock = MovedClock(lambda: 0.0)
    async with ear(clock) as slack:
        slack.listens_at.add(DEV)
        slack.team.deliveries.hold()
        acts = [slack.acts.says(TIANON, "is it down?", DOCKER_DEV)]
        clock.ahead_s += 301
        acts.append(slack.acts.says(TIANON, "is it up?", DOCKER_DEV))
        slack.team.deliveries.release()
        for act in acts:
            await act.acknowledged()
        assert slack.texts == ["is it up?"]


async def test_what_slack_does_not_tell_in_time_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An acknowledgement is due within three seconds, so that a look-up has less."""
    assert LOOK_UP_S <= 2
    monkeypatch.setattr(slack_members, "LOOK_UP_S", 0.05)
    async with ear() as slack:
        slack.slack.faults.slow(0.5, method="users.info")
        slack.team.deliveries.patience = Patience(0.4, ())
        act = await slack.acts.mentions(TIANON, "rebuild moby#1", DOCKER_DEV).acknowledged()
        assert not act.failure
        assert slack.heard[0].speaker.doubt == CANNOT_CHECK
