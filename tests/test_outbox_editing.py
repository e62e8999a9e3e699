"""Words that show how something stands: said once and then edited, in order, folded, and after a crash once more."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat import Card, Instead, MessageRef, Words
from bot.clock import SystemClock
from bot.errors import Unavailable
from bot.outbox_orders import SLOT_S
from bot.testing import EditableChat, FakeChat
from bot.values import Place
from tests.outbox_rig import Running, process
from tests.virtual_clock import VirtualClock

CLOCK = SystemClock(speed=20.0)
HERE, OTHER = Place("here", "#c"), Place("here", "#other")
SLOT = "push moby/moby master 3f2c1ab"


def step(title: str, slot: str = SLOT) -> Card:
    return Card(title, slot=slot, is_step=True)


def last(title: str, slot: str = SLOT) -> Card:
    return Card(title, slot=slot)


def titles(chat: EditableChat) -> list[list[str]]:
    """List what each message has said, version by version."""
    return [
        [words.title if isinstance(words, Card) else words for words in versions] for versions in chat.versions.values()
    ]


async def said(running: Running) -> None:
    await asyncio.wait_for(running.outbox.drain(10), 11)
    assert await running.on_disk() == []


class LosesWhatItTook(EditableChat):
    """A network that is cut after it took the first edit, so that nobody knows whether it did."""

    edits = 0

    async def edit(self, ref: MessageRef, words: Words) -> MessageRef:
        self.edits += 1
        return await super().edit(ref, words)

    async def arrived(self, ref: MessageRef) -> None:
        if self.edits == 1:
            self.edits += 1
            raise Unavailable(self.network, "hearing of an edit")


class HoldsBack(EditableChat):
    """A network on which the first message arrives only when the test wants."""

    def __init__(self, network: str) -> None:
        super().__init__(network)
        self.may_arrive = asyncio.Event()
        self.sent = asyncio.Event()

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        ref = await super().send(place, words, instead=instead)
        self.sent.set()
        return ref

    async def arrived(self, ref: MessageRef) -> None:
        await self.may_arrive.wait()


class WaitsForItsTurn(EditableChat):
    """A network where whatever is said had to wait."""

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        return await super().send(place, instead(500) if instead else words)


async def test_the_cards_of_a_slot_are_one_message(tmp_path: Path) -> None:
    here = EditableChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        for title in ("1", "2", "3"):
            await running.leave((HERE, step(title)))
            await here.card(lambda card, title=title: card.title == title)  # type: ignore[misc]
        await said(running)
    assert titles(here) == [["1", "2", "3"]]


async def test_each_place_and_each_slot_has_a_message_of_its_own(tmp_path: Path) -> None:
    here = EditableChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, step("a1", "a")), (OTHER, step("a1", "a")), (HERE, step("b1", "b")))
        await said(running)
        await running.leave((HERE, last("a2", "a")), (HERE, Card("no slot")), (HERE, last("b2", "b")))
        await said(running)
    assert sorted(titles(here)) == [["a1"], ["a1", "a2"], ["b1", "b2"], ["no slot"]]


async def test_a_network_that_cannot_edit_hears_no_steps(tmp_path: Path) -> None:
    """What is no step is said as lines, in the old order."""
    here = FakeChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, step("1")), (HERE, "before"), (HERE, last("2")))
        await running.leave((HERE, step("3")), (HERE, last("4")))
        await here.line("4")
        await said(running)
    assert [text for _, text in here.said] == ["before", "2", "4"]


async def test_what_follows_stands_under_the_message_of_its_slot(tmp_path: Path) -> None:
    """The message itself stays as it is, also for a process that comes after; what has no message is said plainly."""
    here, first = EditableChat("here"), Card("a cell failed", slot=SLOT, follows=True)
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, replace(first, title="too early")), (HERE, step("building")), (HERE, first))
        await said(running)
        here.is_connected = False
        await running.leave((HERE, replace(first, title="and another")), (HERE, last("it failed")))
    back = EditableChat("here")
    back.versions, back.said = here.versions, here.said
    async with process(tmp_path, back, clock=CLOCK) as running:
        await running.outbox.load()
        await back.card(lambda card: card.title == "it failed")
        await said(running)
    assert titles(back) == [["too early"], ["building", "it failed"], ["a cell failed"], ["and another"]]
    assert [place.thread for place, _ in back.said] == ["", "", "2", "2"]


async def test_what_follows_is_said_plainly_where_there_are_no_threads(tmp_path: Path) -> None:
    here = FakeChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, last("building")), (HERE, Card("a cell failed", slot=SLOT, follows=True)))
        await here.line("a cell failed")
        await said(running)
    assert here.said == [(HERE, "building"), (HERE, "a cell failed")]


async def test_edits_that_wait_are_folded_into_the_newest(tmp_path: Path) -> None:
    """F1: an outage is followed by one edit, and nothing in between is heard."""
    here = EditableChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, step("1")))
        await said(running)
        here.is_connected = False
        await running.leave((HERE, step("2")), (HERE, "news"), (HERE, step("3")), (HERE, last("4")))
        here.is_connected = True
        await said(running)
    assert titles(here) == [["1", "4"], ["news"]]


async def test_a_newer_state_waits_until_the_older_one_has_arrived(tmp_path: Path) -> None:
    """An older one that is lost and edited again would be the last word."""
    here = HoldsBack("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, step("1")))
        await asyncio.wait_for(here.sent.wait(), 10)
        await running.leave((HERE, step("2")), (HERE, last("3")))
        await running.outbox.drain(0.2)
        assert titles(here) == [["1"]]
        here.may_arrive.set()
        await said(running)
    assert titles(here) == [["1", "3"]]


async def test_an_edit_that_was_not_confirmed_is_made_again_without_a_mark(tmp_path: Path) -> None:
    """F8: twice the same edit does no harm."""
    here = LosesWhatItTook("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, step("1")))
        await said(running)
        await running.leave((HERE, last("2")))
        await said(running)
    assert titles(here) == [["1", "2", "2"]]


async def test_the_next_process_edits_the_message_of_the_one_before(tmp_path: Path) -> None:
    """F28: and again what it may have edited already, unmarked."""
    here = EditableChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, step("1")))
        await said(running)
        here.is_connected = False
        (row,) = await running.leave((HERE, last("2")))
        await running.journal.saying([row])
    back = EditableChat("here")
    back.versions = here.versions
    async with process(tmp_path, back, clock=CLOCK) as running:
        await running.outbox.load()
        await said(running)
    assert titles(back) == [["1", "2"]]


async def test_a_first_message_that_nobody_knows_of_is_said_again_with_a_mark(tmp_path: Path) -> None:
    """F28: without its number it cannot be edited."""
    async with process(tmp_path, clock=CLOCK) as running:
        (row,) = await running.leave((HERE, last("1")))
        await running.journal.saying([row])
    here = EditableChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.outbox.load()
        await said(running)
    assert titles(here) == [["(again) 1"]]


async def test_a_message_that_is_gone_is_said_anew_and_edited_from_then_on(tmp_path: Path) -> None:
    here = EditableChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, step("1")))
        await said(running)
        here.gone = set(here.versions)
        await running.leave((HERE, step("2")))
        await said(running)
        await running.leave((HERE, last("3")))
        await said(running)
    assert titles(here) == [["1"], ["2", "3"]]


@pytest.mark.parametrize(
    ("after_s", "messages"),
    [pytest.param(SLOT_S - 60, 1, id="within-three-days"), pytest.param(SLOT_S + 60, 2, id="later")],
)
async def test_an_old_message_is_out_of_sight(tmp_path: Path, after_s: float, messages: int) -> None:
    here, clock = EditableChat("here"), VirtualClock()
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((HERE, step("1")))
        await clock.until(running.said_all())
        await clock.wait(after_s)
        await running.leave((HERE, last("2")))
        await clock.until(running.said_all())
    assert len(titles(here)) == messages


async def test_after_a_long_outage_a_slot_tells_how_it_stands_and_not_what_was_missed(tmp_path: Path) -> None:
    """F7: other announcements that are stale are told of in one line."""
    here, clock = EditableChat("here"), VirtualClock()
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((HERE, step("1")))
        await clock.until(running.said_all())
        here.is_connected = False
        await running.leave((HERE, "old news"), (HERE, step("2")), (HERE, "more news"), (HERE, last("3")))
        await clock.wait(3600.0)
        here.is_connected = True
        await clock.until(running.said_all())
    assert titles(here)[0] == ["1", "3"]
    ((summary,),) = titles(here)[1:]
    assert "2 notices" in summary


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "then"])
async def test_who_is_addressed_makes_no_other_message(tmp_path: Path, is_first: bool) -> None:
    here, addressed = EditableChat("here"), replace(HERE, to="ann")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((addressed if is_first else HERE, last("1")))
        await said(running)
        await running.leave((HERE if is_first else addressed, last("2")))
        await said(running)
    assert titles(here) == [["1", "2"]]


async def test_a_first_message_that_comes_late_tells_how_it_stands(tmp_path: Path) -> None:
    """F7: it is no old news, as it will be edited."""
    here, clock = EditableChat("here"), VirtualClock()
    here.is_connected = False
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((HERE, last("1")))
        await clock.wait(3600.0)
        here.is_connected = True
        await clock.until(running.said_all())
    assert titles(here) == [["1"]]


async def test_what_is_edited_later_goes_out_in_no_line_with_others(tmp_path: Path) -> None:
    """F9: announcements that had to wait for the pace are one line, from which nothing could be taken back."""
    here = WaitsForItsTurn("here")
    here.is_connected = False
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, "news 1"), (HERE, "news 2"), (HERE, step("a")), (HERE, "news 3"))
        here.is_connected = True
        await said(running)
        await running.leave((HERE, last("b")))
        await said(running)
    assert titles(here) == [["news 1 | news 2"], ["a", "b"], ["news 3"]]
