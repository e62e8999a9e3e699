"""What messages on Slack show as things change and are pressed: the newest state, and never an older one after it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.chat import Button, Card
from bot.demo.slack import moby
from bot.errors import Refused, Unavailable, Unsent
from tests.slack_said_rig import Said, press, saying, shown_at

UPDATE = "chat.update"
FAILED = Card("unit failed", buttons=(Button("Rebuild", "rebuild 7"), Button("Mute", "mute 7")), slot="pr 7")


@pytest.fixture
async def said() -> AsyncIterator[Said]:
    async with saying() as parts:
        yield parts


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
