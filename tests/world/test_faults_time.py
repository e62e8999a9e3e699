"""Fault F33: the wall clock jumps by an hour either way, while nothing that waits is lost, doubled or stuck."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.demo.jenkins.model import Plan
from bot.demo.world import World
from bot.testing import FakeChat, Gordon, running
from tests.world.honesty import check, said, triggers

HOUR_S = 3600.0
JUMPS = [pytest.param(HOUR_S, id="forward"), pytest.param(-HOUR_S, id="back")]
QUEUED = r"queued janky \(item \d+\)"


@dataclass(slots=True)
class JumpingClock:
    """The machine's clock, with a wall clock that somebody sets."""

    ahead_s: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.ahead_s, UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(max(0.0, delay_s))


@asynccontextmanager
async def beside(folder: Path, clock: JumpingClock, **numbers: float) -> AsyncIterator[Gordon]:
    """Run a Gordon whose clock may jump, in a world whose clock does not."""
    world = World(folder, numbers=numbers)
    async with world:
        world.clock = clock
        async with running(folder, world=world, chat=FakeChat()) as gordon:
            yield gordon
            check(gordon.lines, world)


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_a_command_that_waits_is_done_once(tmp_path: Path, jump_s: float) -> None:
    """F33: Jenkins is down, the clock jumps by more than the patience, Jenkins comes back."""
    clock = JumpingClock()
    async with beside(tmp_path, clock, again_after_s=0.3) as gordon:
        await gordon.world.jenkins.go_down("refused")
        await gordon.say("tianon", "rebuild moby#1 janky", expect="does not answer")
        clock.ahead_s += jump_s
        await gordon.world.jenkins.come_back()
        await gordon.chat.line(QUEUED)
        await triggers(gordon, 1)


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_a_wait_ends(tmp_path: Path, jump_s: float) -> None:
    """F33: patience is a span, whatever the wall clock says in the middle of it."""
    clock = JumpingClock()
    async with beside(tmp_path, clock, again_after_s=0.2, patience_s=1.5) as gordon:
        await gordon.world.jenkins.go_down("refused")
        await gordon.say("tianon", "rebuild moby#1 janky", expect="does not answer")
        clock.ahead_s += jump_s
        await gordon.chat.line("^gave up: Jenkins ci did not answer")
        await gordon.world.jenkins.come_back()
        await triggers(gordon, 0)


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_what_comes_later_comes_once(tmp_path: Path, jump_s: float) -> None:
    """F33: ends are gathered by an event with a not-before time."""
    clock = JumpingClock()
    async with beside(tmp_path, clock, gather_s=1.5) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.1))
        await gordon.say("tianon", "rebuild moby#1 janky")
        await asyncio.sleep(1.2)  # the build has ended and its outcome is kept
        clock.ahead_s += jump_s
        await gordon.chat.line("janky #1 passed")
        await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.chat.line("janky #2 passed")
        await said(gordon, "janky #1 passed", 1)
        await said(gordon, "janky #2 passed", 1)


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_a_jump_between_two_processes_loses_and_doubles_nothing(tmp_path: Path, jump_s: float) -> None:
    """F33: the machine was off, or its clock was set while it was."""
    clock = JumpingClock()
    async with World(tmp_path, numbers={"again_after_s": 0.3, "patience_s": 2 * HOUR_S}) as world:
        world.clock = clock
        async with running(tmp_path, world=world) as gordon:
            await world.jenkins.go_down("refused")
            await gordon.say("tianon", "rebuild moby#1 janky", expect="does not answer")
        clock.ahead_s += jump_s
        await world.jenkins.come_back()
        async with running(tmp_path, world=world) as gordon:
            assert re.search(QUEUED, await gordon.chat.line(QUEUED))
            await triggers(gordon, 1)


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_the_pace_of_a_speaker_does_not_hang_on_the_wall_clock(tmp_path: Path, jump_s: float) -> None:
    """F33: setting the clock gives nobody a full bucket, and takes it from nobody."""
    clock = JumpingClock()
    async with beside(tmp_path, clock, commands_per_minute=5) as gordon:
        for _ in range(5):
            assert await gordon.say("tianon", "ping") == "pong"
        clock.ahead_s += jump_s
        assert "too many commands" in await gordon.say("tianon", "ping")
        assert await gordon.say("jess", "ping") == "pong"
