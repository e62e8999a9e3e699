"""What every journal keeps, whatever it is made of: at least once in, in order, and each end in one piece.

Only the port is used, so a second implementation joins by a row in `journals.py`.
"""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.chat import Card, MessageRef
from bot.errors import StorageError, UserError
from bot.ports import Delivery, Later, Outcome, Shown
from tests.contract.journals import (
    HANDLER,
    IMPLEMENTATIONS,
    PLACE,
    Implementation,
    child,
    full_outcome,
    happened,
    killed_after,
    remembered,
)

NOTHING = Outcome()
SAYS_HELLO = Outcome(outbox=((PLACE, "hello"),))
HONEST_WITHIN_S = 5.0


@pytest.fixture(params=list(IMPLEMENTATIONS.values()), ids=list(IMPLEMENTATIONS))
def kind(request: pytest.FixtureRequest) -> Implementation:
    """Give each implementation in turn."""
    implementation: Implementation = request.param
    return implementation


async def keys_left(kind: Implementation, folder: Path) -> list[str]:
    """Tell what a new process finds to do."""
    async with kind.opened(folder) as opened:
        return [delivery.event.key for delivery in await opened.journal.open_deliveries()]


async def test_an_accepted_event_is_whole_in_the_next_process(kind: Implementation, tmp_path: Path) -> None:
    event = happened("k1", lane="moby/moby#1", what="naïve \u202e text")
    async with kind.opened(tmp_path) as opened:
        begun = await opened.journal.accept(event, ("a:one", "b:two"))
    async with kind.opened(tmp_path) as opened:
        found = await opened.journal.open_deliveries()
    assert list(found) == list(begun)
    assert [(delivery.event, delivery.handler) for delivery in found] == [(event, "a:one"), (event, "b:two")]


@pytest.mark.parametrize("lines", [1, 7, 60])
async def test_what_was_accepted_outlives_a_kill(kind: Implementation, tmp_path: Path, lines: int) -> None:
    """F29: a key that the dead process has told is there, and nothing is there twice."""
    told = await asyncio.to_thread(lambda: killed_after(child(kind, tmp_path, "accept"), lines))
    left = await keys_left(kind, tmp_path)
    assert len(left) == len(set(left)) >= lines
    assert {f"event-{number}" for number in told} <= set(left)


async def test_a_repeat_yields_nothing(kind: Implementation, tmp_path: Path) -> None:
    """F16: neither while it is open, nor after its end, nor in the next process, nor with other handlers."""
    async with kind.opened(tmp_path) as opened:
        (delivery,) = await opened.journal.accept(happened("k"), (HANDLER,))
        assert not await opened.journal.accept(happened("k", what="other"), (HANDLER,))
        await opened.journal.finish(delivery, NOTHING)
        assert not await opened.journal.accept(happened("k"), ("another:handler",))
    async with kind.opened(tmp_path) as opened:
        assert not await opened.journal.accept(happened("k"), (HANDLER,))
        assert not await opened.journal.open_deliveries()


async def test_of_many_repeats_at_once_one_counts(kind: Implementation, tmp_path: Path) -> None:
    """F16: 64 writers hand in the same key side by side."""
    async with kind.opened(tmp_path) as opened:
        repeats = [opened.journal.accept(happened("same"), (HANDLER,)) for _ in range(64)]
        yielded = [len(deliveries) for deliveries in await asyncio.gather(*repeats)]
    assert sorted(yielded) == [0] * 63 + [1]
    assert await keys_left(kind, tmp_path) == ["same"]


async def test_an_event_that_nobody_handles_is_known_but_not_open(kind: Implementation, tmp_path: Path) -> None:
    async with kind.opened(tmp_path) as opened:
        assert not await opened.journal.accept(happened("k"), ())
        assert not await opened.journal.accept(happened("k"), (HANDLER,))
    assert await keys_left(kind, tmp_path) == []


async def test_open_deliveries_come_in_the_order_of_acceptance(kind: Implementation, tmp_path: Path) -> None:
    keys = [f"{number:02}" for number in range(30)][::-1]
    async with kind.opened(tmp_path) as opened:
        accepted = await asyncio.gather(*(opened.journal.accept(happened(key), (HANDLER,)) for key in keys))
        for deliveries in accepted[::3]:
            await opened.journal.finish(deliveries[0], NOTHING)
        assert await opened.journal.depth() == 20
    assert await keys_left(kind, tmp_path) == [key for index, key in enumerate(keys) if index % 3]


async def test_a_storage_that_cannot_be_written_refuses_in_time(kind: Implementation, tmp_path: Path) -> None:
    """F31, F32: the answer is honest and soon, nothing of what was refused has happened, and it recovers by itself."""
    async with kind.opened(tmp_path) as opened:
        begun_s = time.monotonic()
        with kind.stalled(tmp_path):
            first = asyncio.create_task(opened.journal.accept(happened("now"), (HANDLER,)))
            await asyncio.sleep(0.1)
            second = asyncio.create_task(opened.journal.accept(happened("soon after"), (HANDLER,)))
            refused = await asyncio.gather(first, second, return_exceptions=True)
            took_s = time.monotonic() - begun_s
        assert [type(error) for error in refused] == [StorageError, StorageError]
        assert took_s < HONEST_WITHIN_S
        assert await opened.journal.accept(happened("now"), (HANDLER,))
    assert await keys_left(kind, tmp_path) == ["now"]


async def test_an_event_of_a_kind_that_is_no_more_becomes_a_letter(kind: Implementation, tmp_path: Path) -> None:
    """F41: a start does not fail for what an uninstalled plugin or a newer version has left."""
    with child(kind, tmp_path, "unknown") as process:
        assert await asyncio.to_thread(process.wait) == 0
    async with kind.opened(tmp_path) as opened:
        await opened.journal.accept(happened("known"), (HANDLER,))
    async with kind.opened(tmp_path) as opened:
        assert [delivery.event.key for delivery in await opened.journal.open_deliveries()] == ["known"]
        (letter,) = await opened.journal.letters()
        assert (letter.event_key, letter.what) == ("forgotten", HANDLER)
        assert "Forgotten" in letter.reason
        with pytest.raises(UserError, match="Forgotten"):
            await opened.journal.replay(letter.id)
        assert await opened.journal.drop(letter.id)
        assert not await opened.journal.letters()


async def test_an_end_leaves_words_events_and_memory(kind: Implementation, tmp_path: Path) -> None:
    async with kind.opened(tmp_path) as opened:
        (delivery,) = await opened.journal.accept(happened("k"), (HANDLER,))
        later, rows = await opened.journal.finish(delivery, full_outcome(3))
        assert [(one.event.key, one.handler) for one in later] == [("later-3", HANDLER)]
        assert [(row.place, row.words, row.again) for row in rows] == [(PLACE, "said 3", False)]
    async with kind.opened(tmp_path) as opened:
        assert list(await opened.journal.open_deliveries()) == list(later)
        assert list(await opened.journal.unsaid([PLACE.network])) == list(rows)
        assert await remembered(opened, "state-3") == 3


async def test_the_second_end_does_nothing(kind: Implementation, tmp_path: Path) -> None:
    async with kind.opened(tmp_path) as opened:
        (delivery,) = await opened.journal.accept(happened("k"), (HANDLER,))
        await opened.journal.finish(delivery, SAYS_HELLO)
        assert await opened.journal.finish(delivery, full_outcome(1)) == ((), ())
        assert [row.words for row in await opened.journal.unsaid([PLACE.network])] == ["hello"]
        assert await remembered(opened, "state-1") is None


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(Outcome(state=(("plugin", "more", object()),)), id="memory"),
        pytest.param(Outcome(later=(Later(replace(happened("x"), what=object()), 0, (HANDLER,)),)), id="later"),  # type: ignore[arg-type]
        pytest.param(Outcome(outbox=((PLACE, object()),)), id="words"),  # type: ignore[arg-type]
    ],
)
async def test_an_end_that_cannot_be_written_whole_is_not_written(
    kind: Implementation, tmp_path: Path, broken: Outcome
) -> None:
    """A value that is no JSON spoils its own end, none of its neighbours."""
    whole = full_outcome(1)
    spoilt = Outcome(whole.outbox + broken.outbox, whole.later + broken.later, whole.state + broken.state)
    async with kind.opened(tmp_path) as opened:
        (delivery,) = await opened.journal.accept(happened("spoilt"), (HANDLER,))
        (other,) = await opened.journal.accept(happened("other"), (HANDLER,))
        ends = [opened.journal.finish(delivery, spoilt), opened.journal.finish(other, full_outcome(2))]
        failed, ended = await asyncio.gather(*ends, return_exceptions=True)
        assert isinstance(failed, TypeError)
        assert not isinstance(ended, BaseException)
    async with kind.opened(tmp_path) as opened:
        assert {one.event.key for one in await opened.journal.open_deliveries()} == {"spoilt", "later-2"}
        assert [row.words for row in await opened.journal.unsaid([PLACE.network])] == ["said 2"]
        assert (await remembered(opened, "state-1"), await remembered(opened, "state-2")) == (None, 2)


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_kill_around_an_end_leaves_all_of_it_or_nothing(
    kind: Implementation, tmp_path: Path, side: str
) -> None:
    """F28: the fifth end is killed on either side of its commit."""
    process = child(kind, tmp_path, "finish", GORDON_CRASH_AT=f"journal.finish.{side}:5")
    told = await asyncio.to_thread(lambda: process.communicate()[0].split())
    assert (process.returncode, told) == (-9, ["0", "1", "2", "3"])
    ended = range(4 if side == "before" else 5)
    async with kind.opened(tmp_path) as opened:
        left = {one.event.key for one in await opened.journal.open_deliveries()}
        assert left == {f"later-{n}" for n in ended} | ({"event-4"} if side == "before" else set())
        assert [row.words for row in await opened.journal.unsaid([PLACE.network])] == [f"said {n}" for n in ended]
        assert [await remembered(opened, f"state-{n}") for n in range(5)] == [*ended, *[None] * (5 - len(ended))]


@pytest.mark.parametrize("lines", [2, 9, 33])
async def test_a_kill_at_any_instant_leaves_all_of_each_end_or_nothing(
    kind: Implementation, tmp_path: Path, lines: int
) -> None:
    """F29: words, later events and memory agree on which ends there were."""
    told = await asyncio.to_thread(lambda: killed_after(child(kind, tmp_path, "finish"), lines))
    async with kind.opened(tmp_path) as opened:
        left = {one.event.key for one in await opened.journal.open_deliveries()}
        said = {str(row.words) for row in await opened.journal.unsaid([PLACE.network])}
        ended = {int(words.removeprefix("said ")) for words in said}
        assert {int(number) for number in told} <= ended
        assert {key for key in left if key.startswith("later")} == {f"later-{n}" for n in ended}
        for n in range(max(ended) + 2):
            assert await remembered(opened, f"state-{n}") == (n if n in ended else None)
        assert len(left) - len(ended) <= 1  # the one whose end was not yet there


async def test_a_plugin_forgets_a_key_by_keeping_nothing(kind: Implementation, tmp_path: Path) -> None:
    async with kind.opened(tmp_path) as opened:
        one, two = [(await opened.journal.accept(happened(key), (HANDLER,)))[0] for key in "ab"]
        await opened.journal.finish(one, Outcome(state=(("plugin", "x", {"deep": [1]}), ("other", "x", 2))))
        assert await remembered(opened, "x") == {"deep": [1]}
        await opened.journal.finish(two, Outcome(state=(("plugin", "x", None),)))
        assert await remembered(opened, "x") is None
        assert await opened.memory_of("other").get("x") == 2


async def test_a_wait_survives_with_its_limits_and_its_words(kind: Implementation, tmp_path: Path) -> None:
    async with kind.opened(tmp_path) as opened:
        (delivery,) = await opened.journal.accept(happened("k"), (HANDLER,))
        once, rows = await opened.journal.wait(
            delivery, not_before_s=50.0, until_s=90.0, failed=False, reason="Jenkins is away", outcome=SAYS_HELLO
        )
        assert (once.not_before_s, once.until_s, once.attempts) == (50.0, 90.0, 0)
        assert [row.words for row in rows] == ["hello"]
        twice, _ = await opened.journal.wait(
            once, not_before_s=50.0, until_s=90.0, failed=True, reason="it broke", outcome=NOTHING
        )
    async with kind.opened(tmp_path) as opened:
        assert list(await opened.journal.open_deliveries()) == [twice] == [replace(once, attempts=1)]
        assert await opened.journal.depth() == 1
        assert [row.words for row in await opened.journal.unsaid([PLACE.network])] == ["hello"]
        await opened.journal.finish(twice, NOTHING)
    assert await keys_left(kind, tmp_path) == []


async def test_an_event_to_come_rests_until_its_time(kind: Implementation, tmp_path: Path) -> None:
    async with kind.opened(tmp_path) as opened:
        (delivery,) = await opened.journal.accept(happened("k"), (HANDLER,))
        before_s = time.time()
        later = (Later(happened("soon"), 0, ("a:x", "b:y")), Later(happened("in an hour"), 3600, (HANDLER,)))
        begun, _ = await opened.journal.finish(delivery, Outcome(later=(*later, later[0])))
    assert [one.event.key for one in begun] == ["soon", "soon", "in an hour"]
    assert begun[0].not_before_s <= time.time()
    assert before_s + 3600 <= begun[2].not_before_s <= time.time() + 3600
    async with kind.opened(tmp_path) as opened:
        assert list(await opened.journal.open_deliveries()) == list(begun)


async def buried(kind: Implementation, folder: Path) -> Delivery:
    """Leave one letter and one open delivery of the same event."""
    async with kind.opened(folder) as opened:
        dead, _ = await opened.journal.accept(happened("k", what="content"), ("a:dies", "b:lives"))
        waits, _ = await opened.journal.wait(
            dead, not_before_s=5.0, until_s=9.0, failed=True, reason="x", outcome=NOTHING
        )
        (row,) = await opened.journal.bury(waits, "it broke", SAYS_HELLO)
        assert row.words == "hello"
        return waits


async def test_a_letter_is_listed_and_not_taken_up(kind: Implementation, tmp_path: Path) -> None:
    await buried(kind, tmp_path)
    async with kind.opened(tmp_path) as opened:
        assert [one.handler for one in await opened.journal.open_deliveries()] == ["b:lives"]
        (letter,) = await opened.journal.letters()
        assert (letter.what, letter.reason, letter.event_key) == ("a:dies", "it broke", "k")
        assert abs(letter.at.timestamp() - time.time()) < 60
        assert await opened.journal.depth() == 1


async def test_a_replayed_letter_begins_anew(kind: Implementation, tmp_path: Path) -> None:
    dead = await buried(kind, tmp_path)
    async with kind.opened(tmp_path) as opened:
        (letter,) = await opened.journal.letters()
        again = await opened.journal.replay(letter.id)
        assert again is not None
        assert (again.id, again.event, again.attempts, again.until_s) == (dead.id, dead.event, 0, None)
        assert again.not_before_s <= time.time()
        assert await opened.journal.replay(letter.id) is None
        assert not await opened.journal.letters()
    async with kind.opened(tmp_path) as opened:
        assert again in await opened.journal.open_deliveries()


async def test_a_dropped_letter_is_gone_and_its_key_stays_known(kind: Implementation, tmp_path: Path) -> None:
    await buried(kind, tmp_path)
    async with kind.opened(tmp_path) as opened:
        (letter,) = await opened.journal.letters()
        assert await opened.journal.drop(letter.id)
        assert not await opened.journal.drop(letter.id)
        assert await opened.journal.replay(letter.id) is None
        assert not await opened.journal.accept(happened("k"), (HANDLER,))
        (alive,) = await opened.journal.open_deliveries()
        assert (alive.handler, alive.event) == ("b:lives", happened("k", what="content"))


@pytest.mark.parametrize("name", ["", "d", "d0", "d99", "e1", "1", "dx", "d-1", "d1.0", "d¹", "d" + "9" * 40])
async def test_no_name_but_that_of_a_letter_is_taken(kind: Implementation, tmp_path: Path, name: str) -> None:
    """A12: an open delivery is no letter either."""
    async with kind.opened(tmp_path) as opened:
        await opened.journal.accept(happened("k"), (HANDLER,))
        assert await opened.journal.replay(name) is None
        assert not await opened.journal.drop(name)
        (delivery,) = await opened.journal.open_deliveries()
        assert not await opened.journal.drop(f"d{delivery.id}")


async def test_words_are_kept_until_said_and_told_apart_if_they_may_have_been(
    kind: Implementation, tmp_path: Path
) -> None:
    card = Card("title", ("line",), {"PR": "moby#1"}, url="http://x/")
    outcome = Outcome(outbox=((PLACE, "said"), (PLACE, "begun"), (PLACE, card), (replace(PLACE, network="else"), "x")))
    async with kind.opened(tmp_path) as opened:
        (delivery,) = await opened.journal.accept(happened("k"), (HANDLER,))
        _, rows = await opened.journal.finish(delivery, outcome)
        await opened.journal.saying([rows[0]])
        await opened.journal.said([rows[0]])
        await opened.journal.saying([rows[1]])
    async with kind.opened(tmp_path) as opened:
        found = await opened.journal.unsaid([PLACE.network])
        assert [(row.words, row.again, row.event_key) for row in found] == [("begun", True, "k"), (card, False, "k")]
        assert [row.words for row in await opened.journal.unsaid(["else", "none"])] == ["x"]
        assert await opened.journal.forget_unsayable([PLACE.network, "none"]) == 1
        assert await opened.journal.unsaid(["else"]) == []
        await opened.journal.said([found[0]])
        assert [row.words for row in await opened.journal.unsaid([PLACE.network])] == [card]


async def test_words_bear_the_time_when_they_were_meant_and_go_together(kind: Implementation, tmp_path: Path) -> None:
    """F7: after a long outage that time tells what is stale, and many are said as one."""
    async with kind.opened(tmp_path) as opened:
        (delivery,) = await opened.journal.accept(happened("k"), (HANDLER,))
        begun_s = time.time()
        _, rows = await opened.journal.finish(delivery, Outcome(outbox=tuple((PLACE, str(n)) for n in range(4))))
        await opened.journal.saying(rows[:3])
        await opened.journal.said(rows[:2])
        await opened.journal.said([])
    async with kind.opened(tmp_path) as opened:
        found = await opened.journal.unsaid([PLACE.network])
        assert [(row.words, row.again) for row in found] == [("2", True), ("3", False)]
        assert [row.at_s for row in found] == [row.at_s for row in rows[2:]]
        assert all(begun_s <= row.at_s <= time.time() for row in found)


async def test_which_message_shows_a_slot_is_known_to_the_next_process(kind: Implementation, tmp_path: Path) -> None:
    """The last one noted counts, for each place and slot; old ones are forgotten with the keys of events."""
    old, new = MessageRef(PLACE, "1"), MessageRef(PLACE, "2")
    elsewhere = replace(PLACE, network="else")
    async with kind.opened(tmp_path) as opened:
        for shown in (
            Shown(PLACE, "a", old, 10.0),
            Shown(PLACE, "a", new, 20.0),
            Shown(PLACE, "b", old, 30.0),
            Shown(elsewhere, "a", MessageRef(elsewhere, "3"), 40.0),
        ):
            await opened.journal.shows(shown)
    async with kind.opened(tmp_path) as opened:
        found = await opened.journal.shown([PLACE.network])
        assert found == [Shown(PLACE, "a", new, 20.0), Shown(PLACE, "b", old, 30.0)]
        assert await opened.journal.purge(25.0) == 0
        assert [one.slot for one in await opened.journal.shown([PLACE.network])] == ["b"]


async def test_only_keys_of_ended_events_are_forgotten(kind: Implementation, tmp_path: Path) -> None:
    async with kind.opened(tmp_path) as opened:
        journal = opened.journal
        begun = {
            key: (await journal.accept(happened(key), (HANDLER,)))[0] for key in ("open", "waits", "dead", "dropped")
        }
        await journal.accept(happened("for nobody"), ())
        await journal.wait(begun["waits"], not_before_s=1, until_s=2, failed=False, reason="", outcome=NOTHING)
        for key in ("dead", "dropped"):
            await journal.bury(begun[key], "", NOTHING)
        await journal.drop(next(one.id for one in await journal.letters() if one.event_key == "dropped"))
        both, half = await journal.accept(happened("half"), ("a:x", "b:y"))
        await journal.finish(both, NOTHING)
        assert await journal.purge(time.time() - 60) == 0
        assert await journal.purge(time.time() + 60) == 2
        known = [not await journal.accept(happened(key), (HANDLER,)) for key in (*begun, "for nobody", "half")]
        assert known == [True, True, True, False, False, True]
        assert half.event.key == "half"
    async with kind.opened(tmp_path) as opened:
        left = [one.event.key for one in await opened.journal.open_deliveries()]
        assert left == ["open", "waits", "half", "dropped", "for nobody"]
