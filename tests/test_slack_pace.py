"""That nothing is sent to Slack faster than it takes it, however much there is at once."""

import asyncio
from functools import partial

import pytest

from bot.adapters.slack_api import Api, Limited
from bot.adapters.slack_files import Files
from bot.adapters.slack_output import Output
from bot.adapters.slack_places import Places
from bot.chat import Card, MessageRef
from bot.clock import SystemClock
from bot.demo.slack import moby
from bot.demo.slack.double import SlackDouble
from bot.values import Place
from tests.slack_said_rig import Told, drawn
from tests.world.test_slack_chaos import A_MINUTE, busiest_minute

MESSAGES, STATES = 60, 3
HERE = Place("moby", "#builds")


async def test_many_cards_that_change_at_once_are_changed_no_faster_than_slack_promises_to_take() -> None:
    clock = SystemClock(speed=30.0)
    async with SlackDouble(clock) as slack:
        api = Api("moby", slack.api_url, moby.BOT_TOKEN, 5.0, clock, Told())
        output = Output(api, Places(api, clock, Told()), Files(api, drawn, clock.sleep), clock, Told())
        messages = slack.workspace().channels[moby.BUILDS].messages
        for number in range(MESSAGES):
            ts = f"{number}.0001"
            messages[ts] = {"ts": ts, "bot_id": moby.BOT_ID, "text": "", "user": moby.BOT}
        refs = [MessageRef(HERE, f"{moby.BUILDS}:{ts}") for ts in messages]
        await asyncio.gather(*(output.edit(ref, Card(f"state {n}")) for n in range(STATES) for ref in refs))
        await output.close()
        await api.close()
        calls = slack.calls_of("chat.update")
        assert len(calls) < 2 * MESSAGES, "of what waits, only the last state of a card is shown"
        assert {message["text"] for message in messages.values()} == {f"state {STATES - 1}"}
        assert busiest_minute([call.at_s for call in calls]) <= A_MINUTE["chat.update"]


async def test_what_was_sent_before_a_limit_was_told_does_not_lift_it() -> None:
    """F8: of two changes on their way at once one is too much, and the other is answered after that."""
    clock = SystemClock()
    async with SlackDouble(clock) as slack:
        api = Api("moby", slack.api_url, moby.BOT_TOKEN, 5.0, clock, Told())
        post = partial(api.call, "chat.postMessage", lane=moby.BUILDS, channel=moby.BUILDS, text="hello")
        slack.faults.slow(0.2, method="chat.postMessage")
        slow = asyncio.create_task(post())
        await asyncio.sleep(0.05)
        slack.faults.limit("30")
        with pytest.raises(Limited):
            await post()
        await slow
        with pytest.raises(Limited):
            await post()
        assert len(slack.calls_of("chat.postMessage")) == 2
        await api.close()
