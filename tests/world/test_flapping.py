"""Hours on a network that comes and goes: every accepted command is answered, and built once, at the stated pace."""

import asyncio
import itertools
import random
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.app import App
from bot.clock import SystemClock
from bot.demo.jenkins.model import Plan
from bot.demo.world import REPO, World
from tests.world.crash_rig import Maintainer
from tests.world.flapping import Drop, FlappingWire

SPEED = 60.0
BURST, EVERY_S = 4, 1.1
FLOOD_LINES, FLOOD_S = 20, 10.0
LATE_S = 2.5  # by which a line may be late on this machine, in the scaled time
COMES_S = 0.5  # real: from typing to Gordon
ANSWER_S = 0.03  # real: from a command to its answer, or a little more
SURE_S = 0.1  # real: what reached Gordon so long before a drop was read
ANSWERED_S = 20.0  # real: after the last drop
NUMBERS = {
    "burst_lines": BURST,
    "line_every_s": EVERY_S,
    "poll_s": 10,
    "gather_s": 20,
    "again_after_s": 20,
    "patience_s": 36_000,
    "handler_limit_s": 600,
    "stuck_after_s": 3600,
}
SEED = 20141


class Day:
    """People who type, a wire that fails, and what came of each command.

    Arguments:
        came_s: by pull request, the real time when the command about it was handed on to Gordon.
        dropped_s: the real times when the wire failed.
    """

    def __init__(self, world: World, wire: FlappingWire, person: Maintainer) -> None:
        self.world = world
        self.wire = wire
        self.person = person
        self.came_s: dict[int, float] = {}
        self.dropped_s: list[float] = []
        self._came = asyncio.Event()
        wire.on_line = self._on_line

    async def type_commands(self, chance: random.Random) -> None:
        """Ask for a build of a new pull request every so often, whether Gordon is there or not."""
        while True:
            await self.world.clock.sleep(chance.uniform(3, 20))
            self.type_one()

    def type_one(self) -> int:
        """Ask for a build of a new pull request, and tell which it is."""
        pull = self.world.github.open_pull(REPO, title="Something else", author="jess")
        self.person.type(f"rebuild moby#{pull} janky")
        return pull

    async def fail(self, chance: random.Random, until_s: float) -> None:
        """Let the wire fail, each time in another way, while a command is worked on or its answer is on its way."""
        clock = self.world.clock
        for how in itertools.cycle(chance.sample(list(Drop), len(Drop))):
            await clock.sleep(chance.uniform(25, 75))
            while not self.wire.is_up():
                await clock.sleep(1)
            if clock.monotonic_s() >= until_s and len(self.dropped_s) >= len(Drop):
                return
            while not await self._has_come(self.type_one()):
                continue  # Gordon was not in the channel yet
            await asyncio.sleep(chance.uniform(0, ANSWER_S))
            self.dropped_s.append(time.monotonic())
            await self.wire.drop(how, refuse_s=chance.uniform(5, 30))

    async def _has_come(self, pull: int) -> bool:
        try:
            async with asyncio.timeout(COMES_S):
                while pull not in self.came_s:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            return False
        return True

    def accepted(self) -> set[int]:
        """Tell which commands Gordon has surely read, or has acted on."""
        sure = {
            pull
            for pull, came_s in self.came_s.items()
            if not any(0 <= dropped_s - came_s < SURE_S for dropped_s in self.dropped_s)
        }
        return sure | self.built()

    def built(self) -> set[int]:
        return {int(str(trigger.parameters["PR"])) for trigger in self.world.jenkins.ledger.triggers}

    def answered(self) -> set[int]:
        """Tell whose answer, that something was queued, was read in the channel."""
        lines = " ".join(line for line in self.person.heard if "queued janky" in line)
        return {int(number) for number in re.findall(r"moby#(\d+)", lines)}

    def _on_line(self, line: str) -> None:
        if found := re.search(r":!rebuild moby#(\d+)", line):
            self.came_s[int(found[1])] = time.monotonic()
            self._came.set()


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[Day]:
    clock = SystemClock(SPEED)
    world = World(tmp_path, clock=clock, with_irc=True, numbers=NUMBERS)
    wire, person = FlappingWire(clock, FLOOD_LINES, FLOOD_S), Maintainer("tianon")
    async with world:
        world.build_of(lambda starting: Plan(duration_s=30))
        await wire.start(world.irc_port)
        await person.join(world.irc_port)
        world.irc_port = wire.port
        world.write_config()
        yield Day(world, wire, person)
        await wire.stop()
        await person.leave()


async def run(day: Day, app: App, scaled_s: float) -> None:
    """Have it flap for so long, and wait until all that was accepted is answered."""
    chance = random.Random(SEED)
    typing = asyncio.create_task(day.type_commands(chance))
    ending = asyncio.create_task(app.run())
    try:
        await day.fail(random.Random(SEED), day.world.clock.monotonic_s() + scaled_s)
        typing.cancel()
        async with asyncio.timeout(ANSWERED_S):
            while not day.accepted() <= day.answered() & day.built():  # noqa: ASYNC110  nobody tells of it
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"accepted and never answered: {sorted(day.accepted() - (day.answered() & day.built()))}")
    finally:
        typing.cancel()
        app.stop()
        await ending


@pytest.mark.parametrize(
    "scaled_s",
    [
        pytest.param(420.0, id="some-minutes"),
        pytest.param(7200.0, id="two-hours", marks=[pytest.mark.soak, pytest.mark.timeout(300)]),
    ],
)
async def test_nothing_accepted_is_lost_built_twice_or_said_too_fast(day: Day, scaled_s: float) -> None:
    """F1, F6, F7: reset, half-open, killed and refused, in turn."""
    await run(day, day.world.gordon(), scaled_s)
    assert len(day.dropped_s) >= len(Drop)
    assert len(day.accepted()) >= 8
    builds = day.world.jenkins.ledger.builds_by("PR")
    assert {pull: count for pull, count in builds.items() if count != 1} == {}
    assert len(day.world.request_ids()) == len(set(day.world.request_ids()))
    assert day.wire.floods == 0
    assert_pace(day.wire.sent)


def assert_pace(sent: list[tuple[float, str]]) -> None:
    """No window holds more than the burst and its share, but for what came late."""
    for last, (end_s, line) in enumerate(sent):
        if line.startswith(("PONG", "QUIT", "PING :alive")):
            continue  # at once, and paid for by those behind
        for first, (begin_s, _) in enumerate(sent[: last + 1]):
            assert last - first + 1 <= BURST + (end_s - begin_s + LATE_S) / EVERY_S, sent[first : last + 1]
