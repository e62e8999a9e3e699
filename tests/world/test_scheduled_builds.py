"""Builds at set times, by the ledger of the Jenkins stand-in: once each, alone, and what goes wrong is told once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from bot.app import App, open_app
from bot.config import load
from bot.demo.jenkins.ledger import CommitThenDrop, Fault, Hang, Late, Reset
from bot.demo.jenkins.model import Plan, Starting
from bot.demo.world import World
from bot.ports import Chat
from bot.testing import NETWORK, FakeChat, Gordon, running
from tests.moved_clock import MovedClock
from tests.world.failing import NUMBERS, REAL

JOB, TRIGGER = "infra/base-image", "/job/infra/job/base-image/buildWithParameters"
OPS = "#ops"
HOUR_S, DAY_S = 3600.0, 86400.0
GREEN, LONG = Plan(duration_s=60.0), Plan(duration_s=6 * HOUR_S)
ENTRY = """
[plugin.scheduled_builds.build.weekly]
job = "base-image"
at = "daily 04:00"
"""
STARTS, WATCHES = f"{ENTRY}start = true\n", f"{ENTRY}start = false\n"


class OpsWorld(World):
    """A world whose operators have a channel in the place where a test talks."""

    def gordon(self, *chats: Chat) -> App:
        settings = load(self.config)
        core = structs.replace(settings.gordon, operators=(f"{NETWORK}/{OPS}",))
        settings = structs.replace(settings, gordon=core)
        return open_app(settings, clock=self.clock, chats={one.network: one for one in chats}, config=self.config)


class Site:
    """A Gordon with builds at set times, and the clock of its world.

    Arguments:
        at: the next time at which a build is due.
    """

    def __init__(self, gordon: Gordon, clock: MovedClock) -> None:
        self.gordon = gordon
        self.clock = clock
        self.jenkins = gordon.world.jenkins
        self.at = clock.now().replace(hour=4, minute=0, second=0, microsecond=0)
        self.next_time()

    def next_time(self) -> None:
        """Let the next time be the one that comes now."""
        while self.at <= self.clock.now():
            self.at += timedelta(days=1)

    def go_to(self, *, minutes: float = 0.0) -> None:
        """Let it be so long after the time at which the build is due."""
        self.clock.move(max(0.0, (self.at - self.clock.now()).total_seconds() + minutes * 60 + 1))

    @property
    def triggers(self) -> list[dict[str, str]]:
        """List with what the job was started."""
        found = (each for each in self.jenkins.ledger.triggers if each.job == JOB and not each.folded)
        return [{name: str(value) for name, value in each.parameters.items()} for each in found]

    @property
    def said(self) -> list[str]:
        """List what was said in the channel of the operators."""
        return [text for place, text in self.gordon.chat.said if place.channel == OPS]

    async def hears(self, words: str, *, step_s: float = 0.0) -> str:
        """Wait for a line in the channel of the operators, while time passes.

        Arguments:
            step_s: of the clock, besides the time that passes anyway.
        """
        await self.sees(lambda: any(words in text for text in self.said), step_s=step_s)
        return next(text for text in self.said if words in text)

    async def sees(self, holds: Callable[[], object], *, step_s: float = 0.0) -> None:
        """Wait until something holds."""
        try:
            async with asyncio.timeout(10.0):
                while not holds():  # noqa: ASYNC110  the stand-in tells nobody
                    self.clock.move(step_s)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"waited in vain; heard {self.said}, started {self.triggers}") from None

    async def by_hand(self, **parameters: str) -> None:
        """Have the job built by somebody else."""
        self.jenkins.trigger(JOB, parameters)


@asynccontextmanager
async def site(
    folder: Path,
    config: str,
    decide: Callable[[Starting], Plan | None] = lambda starting: GREEN,
    *,
    clock: MovedClock | None = None,
    world: OpsWorld | None = None,
    **numbers: float,
) -> AsyncIterator[Site]:
    """Run a Gordon whose configuration ends so; its build servers and its clock are those of the test."""
    clock = clock or MovedClock()
    if world is None:
        async with OpsWorld(folder, clock=clock, numbers={**NUMBERS, "again_after_s": 0.1, **numbers}) as made:
            made.build_of(decide)
            with made.config.open("a", encoding="utf-8") as file:
                file.write(config)
            async with site(folder, config, decide, clock=clock, world=made) as here:
                yield here
        return
    async with running(folder, world=world, chat=FakeChat()) as gordon:
        yield Site(gordon, clock)


async def test_a_build_is_started_once_at_its_time(tmp_path: Path) -> None:
    """F33: and once again at the next."""
    async with site(tmp_path, STARTS + 'tell = ["started", "passed", "failed"]\n') as here:
        here.go_to()
        line = await here.hears("weekly #1 has started")
        assert "/job/infra/job/base-image/1/" in line
        await here.hears("weekly #1 passed (1m)", step_s=5)
        assert len(here.triggers) == 1
        here.next_time()
        here.go_to()
        await here.hears("weekly #2 has started")
        assert len(here.triggers) == 2
