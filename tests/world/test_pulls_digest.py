"""What is over the budget of a place, or comes in quiet hours, is told together, once, and nothing of it is lost."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from bot.chat import Card, Instead, MessageRef, Words
from bot.demo.world import CHANNEL, REPO, World
from bot.testing import EditableChat, FakeChat, Gordon, running
from bot.values import Place
from plugins.pulls.digests import KEPT_S
from tests.moved_clock import MovedClock
from tests.world.honesty import on_disk, until
from tests.world.pulls_rig import GATHER_S, HERE, ONLY, Site, announcing, table

KINDS = {"opened": "opened", "approved": "approved", "merged": "merged"}
DIGEST = re.compile(r"digest ([a-z2-9]{6})$")
KEPT = "SELECT count(*) FROM plugin_state WHERE plugin = 'pulls' AND key LIKE :key"
ASKED = re.compile(r"^moby#(\d+) (.+?): \"", re.MULTILINE)


class TimedChat(FakeChat):
    """A place to talk that keeps when something was said, by the clock of the world."""

    def __init__(self, clock: MovedClock) -> None:
        super().__init__()
        self.clock = clock
        self.times: list[tuple[float, str]] = []

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        ref = await super().send(place, words, instead=instead)
        if place.channel == CHANNEL and not place.to:
            self.times.append((self.clock.monotonic_s(), self.said[-1][1]))
        return ref


async def test_a_burst_keeps_to_the_budget_and_each_event_is_found(tmp_path: Path) -> None:
    """500 events within an hour, on the same lines as a few: what is not said by itself is in a digest."""
    clock = MovedClock()
    chat = TimedChat(clock)
    async with announcing(tmp_path, chat=chat, clock=clock) as here:
        wanted: set[tuple[int, str]] = set()
        numbers: list[int] = []
        for step in range(500):
            clock.move(7)
            if step % 5 in (0, 2, 4):
                numbers.append(here.open("jess"))
                wanted.add((numbers[-1], "opened"))
            elif step % 5 == 1:
                here.github.review(REPO, numbers[-1], "APPROVED", by="vieux")
                wanted.add((numbers[-1], "approved"))
            else:
                here.github.close(REPO, numbers[-1], merged=True, by="vieux")
                wanted.add((numbers[-1], "merged"))
            if step % 50 == 49:
                await here.github.hooks.settled()
        await here.github.hooks.settled()
        await here.passes(lambda: told_by_itself(chat) and len(digest_ids(chat)) >= 1 and is_quiet(here), 20.0)
        found = told_by_itself(chat)
        for id in digest_ids(chat):
            found |= await in_digest(here.gordon, id)
        assert wanted - found == set()
        moments = [at_s for at_s, _ in chat.times]
        assert max(sum(first <= at_s < first + 3600 - 1 for at_s in moments) for first in moments) <= 20
        assert len(chat.times) < 60


async def test_what_comes_in_quiet_hours_is_told_at_their_end(tmp_path: Path) -> None:
    clock = MovedClock()
    now = clock.now()
    ends = now + timedelta(hours=3)
    chat = TimedChat(clock)
    async with announcing(tmp_path, f'quiet = "{at(now)}-{at(ends)}"', chat=chat, clock=clock) as here:
        numbers = [here.open("jess") for _ in range(6)]
        await here.github.hooks.settled()
        await here.passes(lambda: clock.now() > ends - timedelta(minutes=10), 240.0)
        assert chat.times == []
        line = await here.hears("digest ", 60.0)
        assert re.match(r"in quiet hours, since \d\d:\d\d UTC, 6 pull requests: moby: 6 opened \(#", line)
        assert clock.now() >= ends.replace(second=0, microsecond=0)
        assert await in_digest(here.gordon, digest_ids(chat)[0]) == {(number, "opened") for number in numbers}


async def test_what_is_told_together_survives_a_restart_and_is_told_once(tmp_path: Path) -> None:
    clock = MovedClock()
    async with world_of(tmp_path, clock) as world:
        async with at_work(world, clock) as here:
            numbers = [here.open("jess") for _ in range(12)]
            await here.github.hooks.settled()
            await here.passes(lambda: len(here.told()) == 3 and is_quiet(here))
            first = {number for number, _ in here.told()}
        clock.move(1800)
        async with at_work(world, clock) as here:
            later = here.open("jess")
            await here.hears("digest ", 60.0)
            [id] = digest_ids(here.gordon.chat)
            told = {(number, "opened") for number in (*numbers, later) if number not in first}
            assert await in_digest(here.gordon, id) == told
            assert here.told() == []
        clock.move(10)
        async with at_work(world, clock) as here:
            number = here.open("jess", "After that")
            await here.passes(lambda: here.told_of(number), 60.0)
            assert [text for text in here.gordon.lines if "digest" in text] == []
            assert await in_digest(here.gordon, id) == told
            clock.move(KEPT_S)
            await forgotten(here.gordon, id)


async def test_what_a_day_away_has_brought_keeps_to_the_budget(tmp_path: Path) -> None:
    clock = MovedClock()
    async with world_of(tmp_path, clock) as world:
        async with at_work(world, clock) as here:
            old = [here.open("jess") for _ in range(3)]
            await here.passes(lambda: len(here.told()) == 3)
        clock.move(86400)
        opened = [world.github.open_pull("moby/moby", title="Late", author="jess") for _ in range(9)]
        world.github.close(REPO, old[0], merged=True, by="vieux")
        clock.move(10)
        chat = TimedChat(clock)
        async with at_work(world, clock, chat) as here:
            await here.hears("digest ", 60.0)
            found = told_by_itself(chat) | await in_digest(here.gordon, digest_ids(chat)[0])
            assert found == {(old[0], "merged"), *((number, "opened") for number in opened)}
            assert len(chat.times) == 4


async def test_a_digest_is_read_where_it_was_told_and_in_private(tmp_path: Path) -> None:
    async with announcing(tmp_path, "lines_per_hour = 4") as here:
        none = await here.gordon.say("jess", "digest")
        assert "nothing was told together here" in none
        for _ in range(30):
            here.open("jess")
        await here.github.hooks.settled()
        await here.hears("digest ", 60.0)
        [id] = digest_ids(here.gordon.chat)
        newest = await here.gordon.say("jess", "digest", expect="page 1 of 3")
        assert len(newest.splitlines()) == 11
        assert "there are 3 pages" in await here.gordon.say("jess", f"digest {id} 4")
        assert await here.gordon.say("jess", "digest 1") == newest
        assert "page 3 of 3" not in (third := await here.gordon.say("jess", "digest 3"))
        assert third == await here.gordon.say("jess", f"digest {id} 3")
        assert "there are 3 pages" in await here.gordon.say("jess", "digest 004")
        assert 'there is no digest "2222"' in await here.gordon.say("jess", "digest 2222")
        for part in (f"{id}:0", f"{id}:", f"{id}:1"):
            assert "there is no digest" in await here.gordon.say("jess", f"digest {part}")
        for channel, words in (("#elsewhere", "there is no digest"), ("", "page 1 of 3")):
            before = len(here.gordon.chat.said)
            await here.gordon.chat.hear("jess", f"digest {id}", channel=channel)
            await here.gordon.chat.line(words, after=before)


async def test_a_place_that_heard_all_by_itself_may_have_its_digest_scheduled(tmp_path: Path) -> None:
    async with announcing(tmp_path, plugins=("notices", *ONLY)) as here:
        assert await here.gordon.say("jess", "digest") == "nothing was told together here within the last week"
        assert "is told digest at" in await here.gordon.say("jess", 'schedule add "daily 09:00" digest')


async def test_what_is_muted_before_it_is_told_together_is_not_told(tmp_path: Path) -> None:
    async with announcing(tmp_path, "lines_per_hour = 4") as here:
        numbers = [here.open("jess") for _ in range(8)]
        await here.github.hooks.settled()
        await here.passes(lambda: len(here.told()) == 3 and is_quiet(here))
        for number in numbers:
            await here.gordon.say("tianon", f"mute moby#{number} here 2d", expect=f"moby#{number}")
        before = len(here.gordon.chat.said)
        for _ in range(45):
            here.clock.move(120)
            await until(lambda: is_quiet(here))
        await on_disk(here.gordon, KEPT, lambda kept: kept == 0, key="digest:%")
        assert here.gordon.chat.said[before:] == []


async def test_a_card_that_stands_is_kept_true_without_another_line(tmp_path: Path) -> None:
    chat = EditableChat()
    async with announcing(tmp_path, "lines_per_hour = 4", chat=chat) as here:
        numbers = [here.open("jess") for _ in range(4)]

        def states() -> dict[int, str]:
            cards = [one for one in chat.messages if isinstance(one, Card)]
            return {int(one.slot.partition("#")[2]): one.fields["state"] for one in cards}

        await here.passes(lambda: len(states()) == 3 and is_quiet(here))
        shown, *_ = states()
        here.github.close(REPO, shown, merged=True, by="vieux")
        await here.passes(lambda: states()[shown] == "merged")
        assert len(chat.messages) == 3
        await here.passes(lambda: len(chat.messages) == 4, 60.0)
        [late] = {*numbers} - states().keys()
        assert await in_digest(here.gordon, digest_ids(chat)[0]) == {(late, "opened"), (shown, "merged")}


@asynccontextmanager
async def world_of(folder: Path, clock: MovedClock) -> AsyncIterator[World]:
    """Make a world that outlasts a Gordon, whose places hear four lines an hour."""
    async with World(folder, clock=clock, plugins=ONLY, with_hook=True) as world:
        with world.config.open("a", encoding="utf-8") as file:
            file.write(f"\n[plugin.pulls]\ngather_s = {GATHER_S}\nlines_per_hour = 4\n{table('', HERE)}")
        yield world


@asynccontextmanager
async def at_work(world: World, clock: MovedClock, chat: FakeChat | None = None) -> AsyncIterator[Site]:
    """Run a Gordon that has compared the pull requests with those it knew, and is told what happens next."""
    async with running(world.folder, world=world, chat=chat) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        await world.send_webhook_to(gordon.app)
        yield Site(gordon, clock)


async def forgotten(gordon: Gordon, id: str) -> None:
    """Wait until nothing is kept any more of what was told together."""
    await on_disk(gordon, KEPT, lambda kept: kept == 0, key=f"digest:{id}%")


def at(moment: datetime) -> str:
    return f"{moment:%H:%M}"


def is_quiet(here: Site) -> bool:
    """Tell whether no handler has anything to do now."""
    return here.gordon.app.work.lag() == 0


def told_by_itself(chat: FakeChat) -> set[tuple[int, str]]:
    """Tell which events a channel has heard of by themselves."""
    return {event for place, text in chat.said if not place.to for event in events_of(text)}


def events_of(text: str) -> set[tuple[int, str]]:
    """Read events from lines about pull requests."""
    return {
        (int(number), kind)
        for number, what in ASKED.findall(text)
        for word, kind in KINDS.items()
        if re.search(rf"\b{word} by\b", what) or what == word
    }


def digest_ids(chat: FakeChat) -> list[str]:
    """List the ids of what was told together, in order."""
    return [found[1] for place, text in chat.said if not place.to and (found := DIGEST.search(text))]


async def in_digest(gordon: Gordon, id: str) -> set[tuple[int, str]]:
    """Read all pages of what was told together."""
    found, asked = set[tuple[int, str]](), f"digest {id}"
    while asked:
        answer = await gordon.say("jess", asked)
        found |= events_of(answer)
        more = re.search(rf"(digest {id} \d+)", answer)
        asked = more[1] if more else ""
    return found
