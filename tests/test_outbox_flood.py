"""Many words at once: answers first, announcements together, what is stale as one line, and no flood."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat import Card, Instead, MessageRef, Words
from bot.values import Place
from tests.outbox_rig import ANSWERS, KILLED_ABOVE, KILLED_WITHIN_S, NEWS, ROOM, Gated, OverOutput, Trouble, process
from tests.virtual_clock import VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


class Crowded(Gated):
    """A network where every announcement has to wait until the test lets it go, and is asked for other words then."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.is_crowded = True
        self._clock = clock

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        if not place.to:
            while self.is_crowded:
                await self._clock.sleep(1)
            words = instead(ROOM) if instead else words
        return await super().send(place, words)


async def test_announcements_that_wait_hold_up_no_answer(tmp_path: Path, clock: VirtualClock) -> None:
    here = Crowded(clock)
    private = Place("here", "jess", to="jess", private=True)
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((NEWS, "news"), (ANSWERS, "in the channel"), (private, "in private"))
        await clock.until(here.line("in the channel"))
        await clock.until(here.line("in private"))
        assert len(here.said) == 2
        here.is_crowded = False
        await clock.until(here.line("news"))


async def test_announcements_that_had_to_wait_go_together_and_arrive_together(
    tmp_path: Path, clock: VirtualClock
) -> None:
    """Those too that came while the first one waited; as many as fit, and the rest in the next turn."""
    here = Crowded(clock)
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((NEWS, "first"), (NEWS, Card("card", ("line",), url="http://x/")), (NEWS, "two\nlines"))
        await clock.wait(3)
        await running.leave((replace(NEWS, channel="#d"), "elsewhere"), (NEWS, "x" * 60), (NEWS, "y" * 60))
        await clock.wait(3)
        assert len(await running.marked_on_disk()) == 6, "each of them may be said any moment"
        here.is_crowded = False
        await clock.until(here.line("yyy"))
        await clock.wait(0)
        here.end()
        await clock.until(running.said_all())
        assert await running.on_disk() == []
    assert [text for place, text in here.said if place == NEWS] == [
        f"first | card; line http://x/ | two | lines | {'x' * 60}",
        "y" * 60,
    ]


async def test_those_who_died_while_they_waited_to_go_together_are_all_marked(
    tmp_path: Path, clock: VirtualClock
) -> None:
    """F28: the process ends in the moment when they may have been said."""
    here = Crowded(clock)
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave((NEWS, "1"), (NEWS, "2"))
        await clock.wait(3)
        await running.leave((NEWS, "3"))
        await clock.wait(3)
    back = Crowded(clock)
    back.is_crowded = False
    async with process(tmp_path, back, clock=clock) as running:
        await running.outbox.load()
        await clock.until(back.line("3"))
    assert [text for _, text in back.said] == ["(again) 1 | (again) 2 | (again) 3"]


async def test_a_burst_of_announcements_is_told_in_a_few_lines(tmp_path: Path, clock: VirtualClock) -> None:
    here = OverOutput(clock, Trouble())
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave(*[(NEWS, f"news {number:02}") for number in range(40)])
        await running.leave(*[(ANSWERS, f"answer {number}") for number in range(3)])
        await clock.until(running.said_all())
        assert await running.on_disk() == []
    news = [text for text in here.texts() if text.startswith("news")]
    assert " | ".join(news) == " | ".join(f"news {number:02}" for number in range(40))
    assert len(news) <= 9
    assert [text for text in here.texts() if text.startswith("answer")] == ["answer 0", "answer 1", "answer 2"]
    assert max(len(text.encode()) for text in here.texts()) <= ROOM


@pytest.mark.parametrize("echoes", [True, False], ids=["echoes", "is-pinged"])
async def test_a_kill_while_two_hundred_lines_wait_loses_none(
    tmp_path: Path, clock: VirtualClock, echoes: bool
) -> None:
    """F7: the server kills above five lines in two seconds; the one kill is on purpose, and none follows."""
    here = OverOutput(clock, Trouble(echoes=echoes))
    numbers = [f"n{number:03}" for number in range(200)]
    async with process(tmp_path, here, clock=clock) as running:
        for begin in range(0, 200, 20):
            await running.leave(*[(ANSWERS if n.endswith("0") else NEWS, n) for n in numbers[begin : begin + 20]])
        await clock.wait(5)
        here.lose()
        await clock.until(running.said_all())
        assert await running.on_disk() == []
        assert (here.losses, here.kicks) == (1, 0)
    heard = " | ".join(here.texts())
    assert [n for n in numbers if n not in heard] == []
    assert [n for n in numbers if heard.count(n) > 1 and f"(again) {n}" not in heard] == []
    times = [at_s for at_s, _, _ in here.heard]
    within = [sum(0 <= at_s - begin_s < KILLED_WITHIN_S for at_s in times) for begin_s in times]
    assert max(within) <= KILLED_ABOVE


async def test_a_server_that_kills_for_a_flood_sees_one(tmp_path: Path, clock: VirtualClock) -> None:
    """The judge of the test above: at twice the pace it kills."""
    here = OverOutput(clock, Trouble(), every_s=0.5)
    async with process(tmp_path, here, clock=clock) as running:
        await running.leave(*[(ANSWERS, str(number)) for number in range(10)])
        await clock.wait(3)
        assert here.kicks == 1


async def test_what_has_gone_stale_is_told_as_one_and_late_answers_as_they_are(
    tmp_path: Path, clock: VirtualClock
) -> None:
    """F7: an outage of an hour, and what came in its last minutes is still news."""
    here = OverOutput(clock, Trouble())
    async with process(tmp_path, here, clock=clock) as running:
        await clock.wait(0)
        here.back_after_s = 3600.0
        here.lose()
        await running.leave((NEWS, "stale 0"), (ANSWERS, "late answer"), *[(NEWS, f"stale {n}") for n in range(1, 12)])
        await clock.wait(3500)
        await running.leave((NEWS, "news"))
        await clock.until(running.said_all())
        assert await running.on_disk() == []
    stale = " | ".join(f"stale {number}" for number in range(12))
    summary = f"while I was away, 12 notices since 12:00 UTC: {stale}"
    assert sorted(here.texts()) == ["late answer", "news", summary]
    assert here.texts().index(summary) < here.texts().index("news")
