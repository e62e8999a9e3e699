"""A Gordon that tells lists at set times, in a world whose clock a test moves.

    async with noticing(tmp_path, at("2014-09-01 08:59"), MORNING) as site:
        site.clock.move(60)
        await site.gordon.chat.line("2 things to do")

`own_plugins/listing.py` has what is listed.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.demo.world import CHANNEL, World
from bot.testing import NETWORK, FakeChat, Gordon, running
from bot.timetable import LOOK_S
from bot.values import Place
from tests.moved_clock import MovedClock
from tests.world.honesty import left_now

OWN = Path(__file__).parent / "own_plugins"
PLUGINS = ("notices", "listing", "failures", "help", "people", "operate")
HERE = f"{NETWORK}/{CHANNEL}"
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0
NUDGE_AFTER = 40
_numbers = itertools.count(1)
MORNING = f"""
[plugin.notices.list.morning]
at = "daily 09:00"
to = ["{HERE}"]
commands = ["todo"]
"""
QUIET = f"""
[plugin.notices.channel."{HERE}"]
quiet = "22:00-07:00"
"""


class SetClock(MovedClock):
    """A clock that passes, that a test may move on, and whose wall clock somebody may set wrong."""

    def __init__(self, begins: datetime) -> None:
        super().__init__()
        self.wrong_s = 0.0
        self._begins = begins

    def now(self) -> datetime:
        return self._begins + timedelta(seconds=self.monotonic_s() + self.wrong_s)

    def move_to(self, text: str) -> None:
        """Let time pass up to a moment, in UTC."""
        self.move((moment(text) - self.now()).total_seconds())


@dataclass(slots=True)
class Site:
    """A Gordon and its clock."""

    gordon: Gordon
    clock: SetClock

    @property
    def chat(self) -> FakeChat:
        return self.gordon.chat

    def said(self, words: str, place: str = "") -> list[str]:
        """List the lines that have these words, of one channel or person if named."""
        return [text for where, text in self.chat.said if words in text and where.channel == (place or where.channel)]

    async def has_told(self, words: str) -> str:
        """Wait for a line with these words."""
        return await self.chat.line(words)

    async def settled(self) -> None:
        """Wait until all is told that is due now.

        Who has read the clock just before it is moved sleeps on by what it said, so it is moved a little more.
        """
        async with asyncio.timeout(60):
            for look in itertools.count(1):
                if not await left_now(self.gordon):
                    break
                await asyncio.sleep(0.01)
                if look % NUDGE_AFTER == 0:
                    self.clock.move(LOOK_S)

    async def say(self, nick: str, text: str, *, expect: str = "", private: bool = False) -> str:
        """Type a line and return the next one that is said, or the next that has the pattern."""
        before = len(self.chat.said)
        await self.chat.hear(nick, text, key=f"typed:{next(_numbers)}", channel="" if private else CHANNEL)
        return await self.chat.line(expect or ".", after=before)

    async def pass_by(self, span_s: float, *, step_s: float = MINUTE_S) -> None:
        """Let time pass in steps, and have told what comes due on the way."""
        end = self.clock.now() + timedelta(seconds=span_s)
        while self.clock.now() < end:
            self.clock.move(step_s)
            await self.settled()

    def places(self, words: str) -> list[Place]:
        """List where these words were said."""
        return [where for where, text in self.chat.said if words in text]


def moment(text: str) -> datetime:
    """Read a time, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(text: str) -> SetClock:
    """Make a clock that begins at a time, in UTC."""
    return SetClock(moment(text))


@asynccontextmanager
async def world_with(folder: Path, clock: SetClock, config: str, **numbers: float) -> AsyncIterator[World]:
    """Make a world whose Gordon has this at the end of its configuration."""
    async with World(folder, clock=clock, plugins=PLUGINS, plugin_folder=OWN, numbers=numbers) as world:
        with world.config.open("a", encoding="utf-8") as file:
            file.write(config)
        yield world


@asynccontextmanager
async def at_work(world: World) -> AsyncIterator[Site]:
    """Run a Gordon in a world that outlasts it."""
    assert isinstance(world.clock, SetClock)
    async with running(world.folder, world=world) as gordon:
        yield Site(gordon, world.clock)


@asynccontextmanager
async def noticing(folder: Path, clock: SetClock, config: str = "", **numbers: float) -> AsyncIterator[Site]:
    """Run a Gordon in a world of its own."""
    async with world_with(folder, clock, config, **numbers) as world, at_work(world) as site:
        yield site
