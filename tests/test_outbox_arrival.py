"""Words are forgotten only when they have arrived; what is lost on the way is said again, and marked."""

import asyncio
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bot.chat import Card
from bot.clock import SystemClock
from bot.errors import Refused, Unavailable
from bot.outbox import FLEETING_S, MAX_FLEETING, MOST_PAUSE_S
from bot.outbox_orders import MAX_OPEN_ANSWERS
from bot.ports import OutboxRow
from bot.values import Place
from tests.outbox_rig import ANSWERS, AWAY_S, NEWS, Gated, OverOutput, Trouble, process
from tests.virtual_clock import VirtualClock

AGAIN = "(again) "
LOST = Unavailable("here", "telling whether words arrived")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


async def test_the_next_words_go_while_the_last_are_on_their_way(tmp_path: Path, clock: VirtualClock) -> None:
    here = Gated()
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave(*[(ANSWERS, str(number)) for number in range(3)])
        await clock.until(here.line("2"))
        await clock.wait(60)
        assert running.outbox.depth("here") == 3
        assert await running.marked_on_disk() == ["0", "1", "2"]
        here.end()
        await clock.until(running.said_all())
        assert await running.on_disk() == []
        assert [text for _, text in here.said] == ["0", "1", "2"]


async def test_words_that_nobody_may_have_heard_are_said_again_in_their_order(
    tmp_path: Path, clock: VirtualClock
) -> None:
    """F1: before those that came later, once, and with the mark."""
    here = Gated()
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((ANSWERS, "1"), (ANSWERS, Card("2", ("line",))), (ANSWERS, "3"))
        await clock.until(here.line("3"))
        await clock.wait(0)
        here.is_connected = False
        here.end(LOST)
        await running.leave((ANSWERS, "4"))
        await clock.wait(30)
        here.is_connected = True
        await clock.until(here.line("4"))
        await clock.wait(0)
        here.end()
        await clock.until(running.said_all())
        assert await running.on_disk() == []
    assert [text for _, text in here.said[3:]] == ["(again) 1", "(again) 2; line", "(again) 3", "4"]


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        pytest.param(Refused("here", "nobody may talk"), "waiting changes nothing", id="refused"),
        pytest.param(AttributeError("no such thing"), "no such thing", id="a-mistake-in-the-adapter"),
    ],
)
async def test_what_waiting_cannot_change_is_forgotten(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture, error: Exception, logged: str
) -> None:
    """F5, F36: the log has it, and the next words are said."""
    here = Gated()
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((ANSWERS, "1"))
        await clock.until(here.line("1"))
        await clock.wait(0)
        here.end(error)
        await clock.until(running.said_all())
        await running.leave((ANSWERS, "2"))
        await clock.until(here.line("2"))
        assert await running.on_disk() == ["2"]
    assert logged in caplog.text


async def test_only_so_much_of_an_order_is_on_its_way(tmp_path: Path, clock: VirtualClock) -> None:
    here = Gated()
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave(*[(ANSWERS, str(number)) for number in range(MAX_OPEN_ANSWERS + 10)])
        await clock.until(here.line(str(MAX_OPEN_ANSWERS - 1)))
        await running.leave((NEWS, "another order"))
        await clock.until(here.line("another order"))
        assert len(here.said) == MAX_OPEN_ANSWERS + 1
        here.end()
        await clock.until(here.line(str(MAX_OPEN_ANSWERS + 9)))


async def test_a_network_that_takes_words_and_loses_them_is_not_hurried(tmp_path: Path, clock: VirtualClock) -> None:
    """F5: a channel where nobody may talk for a while costs a line now and then, not all the pace allows."""
    here = Gated()
    tried_s = []
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((ANSWERS, "1"))
        for _ in range(12):
            while not here.fates:
                await clock.wait(0.5)
            tried_s.append(clock.now_s)
            here.end(LOST)
        pauses = [round(after - before, 3) for before, after in pairwise(tried_s)]
        assert pauses == sorted(pauses)
        assert pauses[-1] == pytest.approx(MOST_PAUSE_S, abs=0.5)
        while not here.fates:
            await clock.wait(0.5)
        here.end()
        await clock.until(running.said_all())
        await running.leave((ANSWERS, "2"))
        begun_s = clock.now_s
        await clock.until(here.line("2"))
        assert clock.now_s - begun_s < 1


@pytest.mark.parametrize(
    ("away_s", "said"),
    [pytest.param(FLEETING_S - 5, ["pong", "kept"], id="short"), pytest.param(FLEETING_S + 5, ["kept"], id="long")],
)
async def test_words_on_no_disk_survive_a_short_outage(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture, away_s: float, said: list[str]
) -> None:
    here = Gated()
    here.is_connected = False
    async with process(tmp_path, here, clock=clock) as running:
        running.outbox.say_now(OutboxRow(0, ANSWERS, "pong"))
        await running.leave((ANSWERS, "kept"))
        await clock.wait(away_s)
        here.is_connected = True
        await clock.until(here.line("kept"))
        assert [text for _, text in here.said] == said
    assert ("given up: 'pong'" in caplog.text) == ("pong" not in said)


async def test_words_on_no_disk_are_said_again_too(tmp_path: Path, clock: VirtualClock) -> None:
    here = Gated()
    async with process(tmp_path, here, clock=clock) as running:
        running.outbox.say_now(OutboxRow(0, ANSWERS, "pong"))
        await clock.until(here.line("pong"))
        await clock.wait(0)
        here.end(LOST)
        await clock.until(here.line("again"))
        await clock.wait(0)
        here.end()
        await clock.until(running.said_all())
        assert running.outbox.depth("here") == 0
    assert [text for _, text in here.said] == ["pong", "(again) pong"]


async def test_words_that_are_given_up_while_their_place_pauses_leave_it_to_others(
    tmp_path: Path, clock: VirtualClock
) -> None:
    """F5: a channel that took nothing for a minute, and then does."""
    here = Gated()
    async with process(tmp_path, here, clock=clock) as running:
        for words in "ab":
            running.outbox.say_now(OutboxRow(0, ANSWERS, words))
        while clock.now_s < 2 * FLEETING_S:
            await clock.wait(0.5)
            here.end(LOST)
        await running.leave((ANSWERS, "after"))
        await clock.wait(MOST_PAUSE_S + 1)
        assert [text for _, text in here.said][-1] == "after"


class Censoring(OverOutput):
    """A network that takes all but some words."""

    def _hear(self, target: str, text: str) -> None:
        if "colour" in text:
            self.output.rejected(target, Unavailable("IRC here", "talking in #c, no colours here"))
        else:
            super()._hear(target, text)


@pytest.mark.parametrize("place", [ANSWERS, NEWS], ids=["answers", "news"])
async def test_words_that_are_not_taken_where_others_are_hold_up_nobody_for_ever(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture, place: Place
) -> None:
    """F5: a channel without colours, or a filter of words."""
    here = Censoring(clock, Trouble())
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((place, "before"), (place, "colour"), *[(place, f"{number}") for number in range(6)])
        await clock.until(asyncio.wait_for(running.said_all(), 30))
        assert await running.on_disk() == []
        assert clock.now_s < 300
    heard = " | ".join(here.texts()).split(" | ")
    assert [text.removeprefix(AGAIN) for text in heard] == ["before", *map(str, range(6))]
    assert "as others are and these are not: ['colour']" in caplog.text


async def test_words_that_nobody_takes_for_an_hour_are_all_kept(tmp_path: Path, clock: VirtualClock) -> None:
    """F5: +m, and not the words."""
    here = OverOutput(clock, Trouble())
    here.refusal = Unavailable("IRC here", "talking in #c, +m")
    here.refused = {"#c"}
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave(*[(ANSWERS, f"{number}") for number in range(6)])
        await clock.wait(3600)
        assert len(await running.on_disk()) == 6
        here.refused = set()
        await clock.until(running.said_all())
    heard = [text.removeprefix(AGAIN) for text in here.texts()]
    assert sorted(heard) == [f"{number}" for number in range(6)]
    assert heard[1:] == sorted(heard[1:]), "at most one went before its turn, to see whether words are taken"


async def test_a_long_outage_does_not_fill_the_log(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    here = Gated()
    here.is_connected = False
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((ANSWERS, "1"))
        await clock.wait(3600)
        assert caplog.text.count("said later") == 1
        here.is_connected = True
        await clock.until(here.line("1"))
        here.is_connected = False
        await running.leave((ANSWERS, "2"))
        await clock.wait(60)
        assert caplog.text.count("said later") == 2


async def test_words_on_no_disk_are_counted(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    here = Gated()
    here.is_connected = False
    async with process(tmp_path, here, clock=clock) as running:
        for _ in range(2):
            for number in range(MAX_FLEETING + 3):
                running.outbox.say_now(OutboxRow(0, replace(ANSWERS, channel=f"#{number % 7}"), str(number)))
            await clock.wait(1)
            assert running.outbox.depth("here") == MAX_FLEETING
            await clock.wait(FLEETING_S + 1)
            assert running.outbox.depth("here") == 0
    assert caplog.text.count(f"as {MAX_FLEETING} lines wait") == 6


@pytest.mark.parametrize("echoes", [True, False], ids=["echoes", "is-pinged"])
@pytest.mark.parametrize("lost_at", range(28))
async def test_wherever_the_connection_is_lost_every_line_is_heard_and_no_repeat_is_unmarked(
    tmp_path: Path, clock: VirtualClock, lost_at: int, echoes: bool
) -> None:
    """F1: a connection that goes at each step of five answers, one of them of three lines."""
    here = OverOutput(clock, Trouble(frozenset({lost_at}), echoes))
    words = ["one", "two\ntwo b\ntwo c", "three", "four", "five"]
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave(*[(ANSWERS, one) for one in words])
        await clock.until(running.said_all())
        assert await running.on_disk() == []
    lines = [line for one in words for line in one.splitlines()]
    heard = here.texts()
    assert [line for line in lines if line not in heard and AGAIN + line not in heard] == []
    times = Counter(text.removeprefix(AGAIN) for text in heard)
    assert max(times.values()) <= 2
    for text in ("one", "two", "three", "four", "five"):
        if times[text] == 2:
            assert heard.index(text) < heard.index(AGAIN + text)
    lasts = list(dict.fromkeys(text.removeprefix(AGAIN) for text in reversed(heard)))[::-1]
    assert lasts == lines
    assert here.losses <= 2, "the cut and the end"


@pytest.mark.parametrize(
    ("lost_at", "heard"),
    [
        pytest.param(0, ["(again) word"], id="between-write-and-server"),
        pytest.param(1, ["word", "(again) word"], id="between-server-and-echo"),
        pytest.param(2, ["word"], id="after-the-echo"),
    ],
)
async def test_a_line_that_was_written_is_marked_when_it_is_said_again(
    tmp_path: Path, clock: VirtualClock, lost_at: int, heard: list[str]
) -> None:
    here = OverOutput(clock, Trouble(frozenset({lost_at})))
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((ANSWERS, "word"))
        await clock.until(running.said_all())
        await clock.wait(2 * AWAY_S)
    assert here.texts() == heard


async def test_a_line_that_was_never_written_bears_no_mark(tmp_path: Path, clock: VirtualClock) -> None:
    """F1: it waited for its turn when the connection went."""
    here = OverOutput(clock, Trouble(), burst=1)
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((ANSWERS, "spends the burst"), (ANSWERS, "waits"))
        await clock.wait(0.5)
        here.lose()
        await clock.until(running.said_all())
    assert here.texts() == ["spends the burst", "waits"]


async def test_a_refused_place_keeps_nobody_waiting(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """F5: 404 for one channel, while others are talked to."""
    here = OverOutput(clock, Trouble())
    here.refused = {"#mute"}
    mute = replace(ANSWERS, channel="#mute")
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave(*[(place, str(number)) for number in range(3) for place in (mute, ANSWERS)])
        await clock.until(running.said_all())
        assert await running.on_disk() == []
    assert here.texts() == ["0", "1", "2"]
    assert caplog.text.count("nobody may talk there") == 3


@pytest.mark.parametrize("seed", range(3))
async def test_each_order_is_kept_whatever_the_places_and_the_losses(
    tmp_path: Path, clock: VirtualClock, seed: int
) -> None:
    """F1: eighty lines at seven places, with a loss every so often."""
    chance = random.Random(seed)
    here = OverOutput(clock, Trouble(frozenset(chance.sample(range(300), 8)), chance.random() < 0.5, is_strict=False))
    places = [Place("here", f"#{n}", to=to) for n in range(3) for to in ("", "jess")]
    places.append(Place("here", "jess", to="jess", private=True))
    async with process(tmp_path, here, clock=clock) as running:
        told = [(chance.choice(places), f"n{number:02}") for number in range(80)]
        for begin in range(0, 80, 8):
            await running.leave(*told[begin : begin + 8])
            await clock.wait(chance.choice([0, 0.1, 1, 10]))
        await clock.until(running.said_all())
        assert await running.on_disk() == []
    for place in places:
        mine = [text for where, text in told if where == place]
        parts = [part for text in here.texts(place.channel) for part in text.split(" | ")]
        heard = [part.removeprefix(AGAIN) for part in parts if part.removeprefix(AGAIN) in mine]
        firsts = list(dict.fromkeys(heard))
        assert set(firsts) == set(mine)
        lasts = list(dict.fromkeys(reversed(heard)))[::-1]
        assert mine in (firsts, lasts)
        unmarked = Counter(part for part in parts if not part.startswith(AGAIN))
        assert not unmarked or max(unmarked.values()) == 1


async def test_an_outbox_that_ends_leaves_its_words_on_disk(tmp_path: Path) -> None:
    """What was on its way is marked by the next process, what waited is not."""
    clock, here = SystemClock(), Gated()
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((ANSWERS, "on its way"))
        await here.line("on its way")
        here.is_connected = False
        await running.leave((ANSWERS, "waits"))
        await asyncio.sleep(0)
    back = Gated()
    async with process(tmp_path, back, clock=clock) as running:
        await running.outbox.load()
        await back.line("waits")
    assert [text for _, text in back.said] == ["(again) on its way", "waits"]
