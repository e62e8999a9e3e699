"""Words on their way: in order, each network for itself, marked where they may have been said before."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat import Card, Instead, MessageRef, Words
from bot.clock import SystemClock
from bot.errors import Refused, Unavailable
from bot.ports import OutboxRow
from bot.testing import FakeChat
from bot.values import Place
from tests.outbox_rig import process

CLOCK = SystemClock(speed=20.0)
HERE, THERE = Place("here", "#c"), Place("there", "#c")
CLOSED = Place("here", "#closed")


class LosesOne(FakeChat):
    """A network on which the first try of each line is lost, or refused for good."""

    def __init__(self, network: str, error: Exception) -> None:
        super().__init__(network)
        self.tried: list[Words] = []
        self._error = error

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        self.tried.append(words)
        if self.tried.count(words) == 1:
            raise self._error
        return await super().send(place, words, instead=instead)


class Stumbles(FakeChat):
    """A network whose adapter has a mistake that one line wakes."""

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        if words == "stumble":
            raise AttributeError("no such thing")
        return await super().send(place, words, instead=instead)


class HasAClosedChannel(FakeChat):
    """A network that is there, with a channel that cannot be entered for some time."""

    is_closed = True

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        if place.channel == CLOSED.channel and self.is_closed:
            raise Unavailable(self.network, "talking in #closed, where we are not now")
        return await super().send(place, words, instead=instead)


class LocksTheDisk(FakeChat):
    """A network on which, while a line is being said, another program takes the database for some time."""

    def __init__(self, network: str, path: Path) -> None:
        super().__init__(network)
        self.path = path
        self.unlocked: asyncio.TimerHandle | None = None

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        if self.unlocked is None:
            other = sqlite3.connect(self.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            self.unlocked = asyncio.get_running_loop().call_later(3.0, other.close)
        return await super().send(place, words, instead=instead)


def said(chat: FakeChat) -> list[str]:
    return [text for _, text in chat.said]


async def test_words_are_said_in_order_and_then_forgotten(tmp_path: Path) -> None:
    here = FakeChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        for number in range(3):
            await running.leave((HERE, f"{number}a"), (HERE, f"{number}b"))
        running.outbox.say_now(OutboxRow(0, HERE, "end"))
        await here.line("end")
        assert said(here) == ["0a", "0b", "1a", "1b", "2a", "2b", "end"]
        await running.outbox.drain(5)
        assert await running.on_disk() == []


async def test_a_network_that_is_down_keeps_only_its_own_waiting(tmp_path: Path) -> None:
    """F1: the other goes on meanwhile; what waited is said in order when it is back."""
    here, there = FakeChat("here"), FakeChat("there")
    here.is_connected = False
    async with process(tmp_path, here, there, clock=CLOCK) as running:
        await running.leave((HERE, "1"), (THERE, "1"))
        await running.leave((HERE, "2"), (THERE, "2"))
        await there.line("2")
        assert (said(here), said(there)) == ([], ["1", "2"])
        here.is_connected = True
        await here.line("2")
        assert said(here) == ["1", "2"]


async def test_words_outlive_the_process_that_could_not_say_them(tmp_path: Path) -> None:
    here = FakeChat("here")
    here.is_connected = False
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, "kept"), (HERE, Card("a card", ("of two lines",))))
    back = FakeChat("here")
    async with process(tmp_path, back, clock=CLOCK) as running:
        await running.outbox.load()
        await back.line("card")
    assert said(back) == ["kept", "a card; of two lines"]


@pytest.mark.parametrize(
    ("words", "marked"),
    [("yes", "(again) yes"), (Card("title", ("line",)), "(again) title; line")],
    ids=["text", "card"],
)
async def test_what_may_have_been_said_is_marked(tmp_path: Path, words: Words, marked: str) -> None:
    """F28: a process that died while it was saying something."""
    async with process(tmp_path, clock=CLOCK) as running:
        (row,) = await running.leave((HERE, words))
        await running.leave((HERE, "surely not"))
        await running.journal.saying([row])
    here = FakeChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.outbox.load()
        await here.line("surely not")
    assert said(here) == [marked, "surely not"]


async def test_a_try_that_was_lost_is_made_again(tmp_path: Path) -> None:
    here = LosesOne("here", Unavailable("here", "saying something"))
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, "1"), (HERE, "2"))
        await here.line("2")
    assert here.tried == ["1", "1", "2", "2"]
    assert said(here) == ["1", "2"]


async def test_a_place_that_is_not_there_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """F5, F11: what waiting cannot change is dropped, not tried for ever."""
    here = LosesOne("here", Refused("here", "no such channel"))
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, "into the void"))
        await running.leave((HERE, "heard"))
        await asyncio.wait_for(running.outbox.drain(5), 6)
        assert await running.on_disk() == []
    assert (here.tried, said(here)) == (["into the void", "heard"], [])


@pytest.mark.parametrize("is_kept", [True, False], ids=["on-disk", "need-not-last"])
async def test_a_line_that_makes_an_adapter_fail_is_dropped_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_kept: bool
) -> None:
    """F36: the log has it; the next line is said, and the next process does not meet it again."""
    here = Stumbles("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        if is_kept:
            await running.leave((HERE, "stumble"))
        else:
            running.outbox.say_now(OutboxRow(0, HERE, "stumble"))
        await running.leave((HERE, "heard"))
        await here.line("heard")
        await asyncio.wait_for(running.outbox.drain(5), 6)
        assert await running.on_disk() == []
    assert "no such thing" in caplog.text


async def test_a_channel_that_cannot_be_entered_silences_only_itself(tmp_path: Path) -> None:
    """F5: the rest of the network is talked to meanwhile; what waited is said in its order."""
    here = HasAClosedChannel("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((CLOSED, "1"), (HERE, "1"), (replace(HERE, channel="jess", private=True), "1"))
        await running.leave((CLOSED, "2"), (HERE, "2"))
        await here.line("2")
        await running.outbox.drain(0.2)
        assert [place.channel for place, _ in here.said] == ["#c", "jess", "#c"]
        assert running.outbox.depth("here") == 2
        here.is_closed = False
        await asyncio.wait_for(running.outbox.drain(10), 11)
        assert [text for place, text in here.said if place == CLOSED] == ["1", "2"]
        assert await running.on_disk() == []


async def test_words_for_a_network_that_is_gone_are_forgotten(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They would be on disk for ever; the log tells how many they were."""
    here = FakeChat("here")
    here.is_connected = False
    async with process(tmp_path, here, FakeChat("there"), clock=CLOCK) as running:
        await running.leave((HERE, "never"), (HERE, "said"))
    there = FakeChat("there")
    async with process(tmp_path, there, clock=CLOCK) as running:
        await running.outbox.load()
        assert await running.on_disk() == []
    assert "forgot 2 lines" in caplog.text


async def test_a_disk_that_is_locked_meanwhile_repeats_no_words(tmp_path: Path) -> None:
    """F32: they were said; only the note of it waits."""
    here = LocksTheDisk("here", tmp_path / "gordon.db")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((HERE, "once"))
        await here.line("once")
        await running.outbox.drain(20)
        assert await running.on_disk() == []
    assert said(here) == ["once"]


async def test_words_for_no_configured_network_are_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = FakeChat("here")
    async with process(tmp_path, here, clock=CLOCK) as running:
        await running.leave((replace(HERE, network="elsewhere"), "lost"), (HERE, "said"))
        await here.line("said")
    assert "elsewhere/#c" in caplog.text


async def test_draining_waits_for_words_and_not_for_a_dead_network(tmp_path: Path) -> None:
    """F30."""
    here, there = FakeChat("here"), FakeChat("there")
    there.is_connected = False
    async with process(tmp_path, here, there, clock=CLOCK) as running:
        await running.leave(*[(HERE, str(number)) for number in range(20)], (THERE, "never"))
        await asyncio.sleep(0)
        await asyncio.wait_for(running.outbox.drain(10), 5)
        assert len(here.said) == 20
        assert running.outbox.depth("there") <= 1
        assert await running.on_disk() == ["never"]
