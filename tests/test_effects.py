"""Effects on a world that a test can look into: once each, whatever is lost, doubted or killed on the way."""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot import effects as effects_module
from bot.audit import Audit, short_id
from bot.clock import SystemClock
from bot.database import Database
from bot.effect import About, Effect, request_id
from bot.effects import Effects
from bot.errors import GordonError, Pending, Refused, Unavailable, Unsure, UserError, Void
from bot.events import Event

CLOCK = SystemClock(speed=40.0)
AWAY = Unavailable("the shop", "putting it on the shelf")
PATIENCE_S = 600.0


@dataclass
class Shop:
    """What is done to the outside: things on a shelf, each with its mark; its answers may be scripted.

    Arguments:
        answers: to the next requests: None is well, "lost" puts the thing there and does not answer.
        looks: to the next look-ups: None is well.
        forbidden: why nothing may be put there any more.
    """

    shelf: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: deque[GordonError | str | None] = field(default_factory=deque)
    looks: deque[GordonError | None] = field(default_factory=deque)
    forbidden: str = ""
    answers_within_s: float = 0.0
    silent: asyncio.Event | None = None
    began: asyncio.Event = field(default_factory=asyncio.Event)
    settled_breaks: bool = False
    guard_breaks: Exception | None = None


class Put:
    """The effect of putting a thing on the shelf."""

    name = "put"

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def deadline_s(self, effect: Effect) -> float:
        return self.shop.answers_within_s

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        self.shop.asked.append("put")
        self.shop.began.set()
        if self.shop.silent:
            await self.shop.silent.wait()
        answer = self.shop.answers.popleft() if self.shop.answers else None
        if isinstance(answer, GordonError):
            raise answer
        self.shop.shelf.append((effect.request_id, effect.payload["thing"]))
        if answer == "lost":
            raise AWAY
        return {"place": len(self.shop.shelf)}

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        self.shop.asked.append("look")
        if self.shop.looks and (trouble := self.shop.looks.popleft()):
            raise trouble
        places = [place for place, (mark, _) in enumerate(self.shop.shelf, 1) if mark == effect.request_id]
        return {"place": places[0]} if places else None

    async def guard(self, effect: Effect) -> str:
        self.shop.asked.append("guard")
        if self.shop.guard_breaks:
            raise self.shop.guard_breaks
        return self.shop.forbidden

    def record(self, db: sqlite3.Connection, effect: Effect) -> None:
        if effect.payload["thing"] == "unwanted":
            raise UserError("nobody may put that")

    def settled(self, db: sqlite3.Connection, effect: Effect) -> Sequence[Event]:
        if self.shop.settled_breaks:
            raise ValueError("a mistake of ours")
        return ()

    def audit(self, effect: Effect) -> dict[str, Any]:
        return {"external_id": str(effect.external.get("place", ""))}

    def about(self, effect: Effect) -> About:
        return About("the shop", f"putting {effect.payload['thing']}", "http://shelf/")


@dataclass(frozen=True)
class Running:
    """Effects as one process has them."""

    effects: Effects
    audit: Audit
    database: Database
    settled: "asyncio.Queue[str]"

    async def put(self, thing: str = "cup", key: str = "e1/h/put/cup") -> Effect:
        return await self.effects.run("put", key, {"thing": thing}, "e1")

    async def records(self) -> list[tuple[str, str]]:
        """Tell what the trail says, oldest first."""
        return [(str(one["decision"]), str(one["idem_key"])) for one in reversed(await self.audit.newest(50))]

    async def ended(self) -> str:
        """Wait until the next effect has settled, and tell its event."""
        async with asyncio.timeout(30):
            return await self.settled.get()


@asynccontextmanager
async def process(folder: Path, shop: Shop, patience_s: float = PATIENCE_S) -> AsyncIterator[Running]:
    """Be one process; at its end calls under way are cut off."""
    database = Database(folder / "gordon.db")
    audit = Audit(database, CLOCK, "here", lambda: "policy")
    effects = Effects(database, CLOCK, audit, [Put(shop)], lambda: patience_s)
    settled: asyncio.Queue[str] = asyncio.Queue()
    effects.on_settled = settled.put_nowait
    try:
        yield Running(effects, audit, database, settled)
    finally:
        await effects.stop(0.0)
        await asyncio.to_thread(database.close)


async def left_sending(folder: Path, shop: Shop, *, did_it: bool) -> None:
    """Leave an effect whose process died with the request under way, which came through or not."""
    shop.silent = asyncio.Event()
    async with process(folder, shop) as running:
        begun = asyncio.create_task(running.put())
        await shop.began.wait()
        begun.cancel()
    shop.silent = None
    shop.asked.clear()
    if did_it:
        shop.shelf.append((request_id("e1/h/put/cup"), "cup"))


async def test_a_repeat_returns_what_the_first_one_did(tmp_path: Path) -> None:
    """The first recorded payload wins, in this process and in the next; the world is asked once."""
    shop = Shop()
    async with process(tmp_path, shop) as running:
        first = await running.put("cup")
        assert (first.state, first.payload, first.external) == ("sent", {"thing": "cup"}, {"place": 1})
        assert await running.put("another cup") == first
        assert await running.effects.known("e1/h/put/cup")
        assert not await running.effects.known("e1/h/put/plate")
    async with process(tmp_path, shop) as running:
        await running.effects.resume()
        assert await running.put("a third cup") == first
    assert (shop.shelf, shop.asked) == ([(first.request_id, "cup")], ["put"])


async def test_two_at_once_are_one(tmp_path: Path) -> None:
    shop = Shop()
    async with process(tmp_path, shop) as running:
        done = await asyncio.gather(*(running.put() for _ in range(20)))
    assert len(shop.shelf) == len({effect.id for effect in done}) == 1


async def test_different_keys_have_different_marks(tmp_path: Path) -> None:
    shop = Shop()
    async with process(tmp_path, shop) as running:
        one, two = await running.put(), await running.put(key="e1/h/put/cup/again")
    assert one.request_id != two.request_id
    assert [mark for mark, _ in shop.shelf] == [one.request_id, two.request_id]


async def test_what_a_kind_forbids_is_not_recorded(tmp_path: Path) -> None:
    shop = Shop()
    async with process(tmp_path, shop) as running:
        with pytest.raises(UserError, match="nobody may"):
            await running.put("unwanted")
        assert not await running.effects.known("e1/h/put/cup")
        assert (await running.put("cup")).state == "sent"


@pytest.mark.parametrize("answer", [UserError("no such shelf"), Refused("the shop", "closed")], ids=["asker", "shop"])
async def test_a_no_is_void_for_good(tmp_path: Path, answer: GordonError) -> None:
    """A refusal is looked after too, as one may come from a gateway behind which the thing was done."""
    shop = Shop(answers=deque([answer]))
    async with process(tmp_path, shop) as running:
        for _ in range(2):
            with pytest.raises(Void, match=str(answer)):
                await running.put()
        assert await running.records() == [("void", "e1/h/put/cup")]
        assert (await running.audit.newest(1))[0]["error_class"] == type(answer).__name__
    assert (shop.shelf, shop.asked.count("put")) == ([], 1)


async def test_a_no_that_can_not_be_told_from_a_yes_is_a_letter(tmp_path: Path) -> None:
    shop = Shop(answers=deque([Refused("the shop", "500")]), looks=deque([Unsure("putting", "http://shelf/")]))
    async with process(tmp_path, shop) as running:
        with pytest.raises(Unsure):
            await running.put()
        assert [letter.what for letter in await running.effects.letters()] == ["put"]


async def test_a_lost_answer_is_looked_up_not_sent_again(tmp_path: Path) -> None:
    """F23, F14."""
    shop = Shop(answers=deque(["lost"]))
    async with process(tmp_path, shop) as running:
        effect = await running.put()
        assert (effect.state, effect.external) == ("sent", {"place": 1})
        assert await running.records() == [("sent", "e1/h/put/cup")]
    assert shop.asked == ["put", "look"]


async def test_what_did_not_arrive_is_sent_with_the_same_mark(tmp_path: Path) -> None:
    """F21: absent by a look-up, allowed by the guard, and only then sent again."""
    shop = Shop(answers=deque([AWAY, AWAY]))
    async with process(tmp_path, shop) as running:
        effect = await running.put()
    assert shop.shelf == [(effect.request_id, "cup")]
    assert shop.asked == ["put", "look", "guard", "put", "look", "guard", "put"]


async def test_a_neighbour_that_cannot_be_asked_is_not_sent_to(tmp_path: Path) -> None:
    shop = Shop(answers=deque([AWAY]), looks=deque([AWAY, AWAY]))
    async with process(tmp_path, shop) as running:
        assert (await running.put()).state == "sent"
    assert shop.asked == ["put", "look", "look", "look", "guard", "put"]


async def test_the_guard_is_asked_before_it_is_sent_again(tmp_path: Path) -> None:
    """A18: what was wanted may not be wanted any more when the neighbour is back."""
    shop = Shop(answers=deque([AWAY]), forbidden="the head moved")
    async with process(tmp_path, shop) as running:
        with pytest.raises(Void, match="the head moved"):
            await running.put()
    assert (shop.shelf, shop.asked) == ([], ["put", "look", "guard"])


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        pytest.param(UserError("there is no such pull request"), "void", id="nothing-to-judge"),
        pytest.param(KeyError("a server that is configured no more"), "unsure", id="a-mistake-of-ours"),
    ],
)
async def test_a_guard_that_breaks_leaves_nothing_hanging(tmp_path: Path, trouble: Exception, state: str) -> None:
    """An effect that stayed `sending` would hold up everybody who asks for the same build."""
    shop = Shop(answers=deque([AWAY]), guard_breaks=trouble)
    async with process(tmp_path, shop) as running:
        with pytest.raises(Void if state == "void" else Unsure):
            await running.put()
        assert shop.shelf == []
        assert [one for one, _ in await running.records()] == [state]


async def test_who_may_not_look_now_looks_again(tmp_path: Path) -> None:
    shop = Shop(answers=deque(["lost"]), looks=deque([Refused("the shop", "no entry today"), None]))
    async with process(tmp_path, shop) as running:
        assert (await running.put()).external == {"place": 1}
        assert shop.asked == ["put", "look", "look"]


async def test_a_handler_that_is_stopped_while_it_records_leaves_a_running_effect(tmp_path: Path) -> None:
    shop = Shop()
    async with process(tmp_path, shop) as running:
        handler = asyncio.create_task(running.put())
        await asyncio.sleep(0)  # the handler begins; its record is on its way to the disk
        handler.cancel()
        assert await running.ended() == "e1"
        assert [thing for _, thing in shop.shelf] == ["cup"]


async def test_what_was_done_is_adopted_whatever_the_guard_says(tmp_path: Path) -> None:
    shop = Shop(forbidden="the head moved")
    await left_sending(tmp_path, shop, did_it=True)
    async with process(tmp_path, shop) as running:
        await running.effects.resume()
        await running.ended()
        assert (await running.put()).state == "sent"
    assert shop.asked == ["look"]


@pytest.mark.parametrize("did_it", [True, False], ids=["came-through", "did-not"])
async def test_a_start_settles_what_the_last_process_left(tmp_path: Path, did_it: bool) -> None:
    """F28: looked up first; one thing is on the shelf at the end, and its record is one."""
    shop = Shop()
    await left_sending(tmp_path, shop, did_it=did_it)
    async with process(tmp_path, shop) as running:
        assert await running.records() == []
        await running.effects.resume()
        assert await running.ended() == "e1"
        assert await running.records() == [("sent", "e1/h/put/cup")]
        (record,) = await running.audit.newest(5)
        assert (record["id"], record["effect"], record["external_id"]) == (short_id("e1"), "put", "1")
    assert len(shop.shelf) == 1
    assert shop.asked == (["look"] if did_it else ["look", "guard", "put"])


async def test_a_handler_that_runs_again_meets_the_doubt_too(tmp_path: Path) -> None:
    """Without a resume: the handler's own second call looks up before it sends."""
    shop = Shop()
    await left_sending(tmp_path, shop, did_it=True)
    async with process(tmp_path, shop) as running:
        assert (await running.put("other")).payload == {"thing": "cup"}
    assert shop.asked == ["look"]


async def test_nothing_is_looked_up_while_the_request_may_be_under_way(tmp_path: Path) -> None:
    """F23: the deadline counts from our own start, whatever the wall clock says."""
    shop = Shop()
    await left_sending(tmp_path, shop, did_it=False)
    shop.answers_within_s = 0.4
    async with process(tmp_path, shop) as running:
        begun_s = time.monotonic()
        await running.effects.resume()
        await asyncio.sleep(0.2)
        assert shop.asked == []
        shop.shelf.append((request_id("e1/h/put/cup"), "cup"))  # it arrives late
        await running.ended()
        assert time.monotonic() - begun_s >= 0.35
    assert len(shop.shelf) == 1


async def test_a_lost_answer_waits_for_the_deadline_of_its_own_request(tmp_path: Path) -> None:
    shop = Shop(answers=deque([AWAY]), answers_within_s=0.3)
    async with process(tmp_path, shop) as running:
        begun_s = time.monotonic()
        await running.put()
        assert time.monotonic() - begun_s >= 0.3


async def test_a_look_that_cannot_tell_is_a_letter_and_nothing_is_sent(tmp_path: Path) -> None:
    shop = Shop(answers=deque([AWAY]), looks=deque([Unsure("putting cup", "http://shelf/")]))
    async with process(tmp_path, shop) as running:
        for _ in range(2):
            with pytest.raises(Unsure, match="http://shelf/"):
                await running.put()
        (letter,) = await running.effects.letters()
        assert (letter.what, letter.event_key) == ("put", "e1")
        assert "http://shelf/" in letter.reason
    async with process(tmp_path, shop) as running:
        await running.effects.resume()
        assert [one.id for one in await running.effects.letters()] == [letter.id]
    assert (shop.shelf, shop.asked) == ([], ["put", "look"])


async def test_patience_ends_as_a_letter(tmp_path: Path) -> None:
    shop = Shop(answers=deque([AWAY]), looks=deque([AWAY] * 100))
    async with process(tmp_path, shop, patience_s=20.0) as running:
        with pytest.raises(Unsure):
            await running.put()
        (letter,) = await running.effects.letters()
        assert "gave up" in letter.reason
        assert await running.records() == [("unsure", "e1/h/put/cup")]
    assert shop.asked.count("put") == 1


@pytest.mark.parametrize(
    ("did_it", "asked"), [(True, ["look"]), (False, ["look", "guard", "put"])], ids=["happened", "did-not"]
)
async def test_a_replayed_letter_is_looked_up_first(tmp_path: Path, did_it: bool, asked: list[str]) -> None:
    shop = Shop(answers=deque(["lost" if did_it else AWAY]), looks=deque([Unsure("it", "x")]))
    async with process(tmp_path, shop) as running:
        with pytest.raises(Unsure):
            await running.put()
        shop.asked.clear()
        await running.ended()
        (letter,) = await running.effects.letters()
        assert await running.effects.replay(letter.id)
        await running.ended()
        assert not await running.effects.replay(letter.id)
        assert not await running.effects.letters()
        assert (await running.put()).external == {"place": 1}
    assert (len(shop.shelf), shop.asked) == (1, asked)


async def test_a_dropped_letter_is_given_up_for_good(tmp_path: Path) -> None:
    shop = Shop(answers=deque([AWAY]), looks=deque([Unsure("it", "x")]))
    async with process(tmp_path, shop) as running:
        with pytest.raises(Unsure):
            await running.put()
        (letter,) = await running.effects.letters()
        assert await running.effects.drop(letter.id)
        assert not await running.effects.drop(letter.id)
        with pytest.raises(Void, match="dropped"):
            await running.put()
        assert [decision for decision, _ in await running.records()] == ["unsure", "void"]
    assert shop.shelf == []


@pytest.mark.parametrize("name", ["", "e", "e0", "e2", "d1", "1", "e-1"])
async def test_only_a_letter_of_effects_is_taken(tmp_path: Path, name: str) -> None:
    shop = Shop(answers=deque([AWAY]), looks=deque([Unsure("it", "x")]))
    async with process(tmp_path, shop) as running:
        with pytest.raises(Unsure):
            await running.put()
        assert not await running.effects.replay(name)
        assert not await running.effects.drop(name)
        assert [one.id for one in await running.effects.letters()] == ["e1"]


async def test_the_state_and_its_record_stand_or_fall_together(tmp_path: Path) -> None:
    """A mistake while the end is noted leaves neither; the next start settles it."""
    shop = Shop(settled_breaks=True)
    async with process(tmp_path, shop) as running:
        with pytest.raises(ValueError, match="ours"):
            await running.put()
        assert await running.records() == []
    shop.settled_breaks = False
    async with process(tmp_path, shop) as running:
        await running.effects.resume()
        await running.ended()
        assert await running.records() == [("sent", "e1/h/put/cup")]
    assert (len(shop.shelf), shop.asked) == (1, ["put", "look"])


async def test_an_asker_hears_in_time_and_the_effect_goes_on(tmp_path: Path) -> None:
    """G5: a call that hangs is no reason to keep the asker waiting; the end is told to who waits for it."""
    shop = Shop(silent=asyncio.Event())
    async with process(tmp_path, shop) as running:
        begun_s = time.monotonic()
        with pytest.raises(Pending, match="the shop"):
            await running.put()
        assert 0.9 * effects_module.ANSWER_WITHIN_S < time.monotonic() - begun_s < 5.0
        assert running.settled.empty()
        assert shop.silent is not None
        shop.silent.set()
        await running.ended()
        assert (await running.put()).state == "sent"
    assert len(shop.shelf) == 1


async def test_only_what_has_ended_is_forgotten(tmp_path: Path) -> None:
    shop = Shop()
    async with process(tmp_path, shop) as running:
        await running.put(key="sent")
        shop.answers.append(UserError("no"))
        with pytest.raises(Void):
            await running.put(key="void")
        shop.answers.append(AWAY)
        shop.looks.append(Unsure("it", "x"))
        with pytest.raises(Unsure):
            await running.put(key="unsure")

        async def known() -> list[bool]:
            return [await running.effects.known(key) is not None for key in ("sent", "void", "unsure")]

        assert await running.effects.purge(CLOCK.now().timestamp() - 60) == 0
        assert await known() == [True, True, True]
        assert await running.effects.purge(CLOCK.now().timestamp() + 60) == 2
        assert await known() == [False, False, True]
