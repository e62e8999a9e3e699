"""G5: a neighbour is away for half an hour, by the settings that Gordon ships with, and nothing acknowledged is lost.

The clock is the machine's, which the test moves on while the neighbour is away; a first answer takes real time. In
`make soak` nobody moves it, and the neighbour is away for less.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import fields

from bot.demo.jenkins.model import Plan
from bot.demo.world import World
from bot.settings import CoreSettings
from bot.testing import FakeChat, Gordon, running
from tests.moved_clock import MovedClock
from tests.soak.figures import Record, Row
from tests.world.crash_rig import Maintainer, Person
from tests.world.flapping import FlappingWire
from tests.world.honesty import check
from tests.world.slack_person import SlackPerson

AWAY_S, STEP_S = 1800.0, 25.0
HONEST_S, BACK_S = 5.0, 60.0  # the goal: the first answer, and all that waited
LOOK_S = 6.0  # of the clock, after which it is looked whether all is done
WORK_S = 0.5  # real: for what is to be done by then, on a machine that is busy
REAL_AWAY_S = 75.0  # after which the pauses between two tries are as long as they get
SHIPPED = {one.name: one.default for one in fields(CoreSettings) if one.name in ("patience_s", "again_after_s")}


@dataclass(frozen=True, slots=True)
class Outage:
    """A neighbour that goes and comes back, and those who talk with Gordon.

    Arguments:
        beside: somewhere to talk that is always there.
        person: somebody at the chat that goes, if one does.
        is_moved: whether the test moves the clock.
    """

    gordon: Gordon
    clock: MovedClock
    go: Callable[[], Awaitable[object]]
    come: Callable[[], Awaitable[object]]
    person: Person | None = None
    is_moved: bool = True

    async def lasts(self, part: float = 1.0) -> None:
        """Let a part of the outage pass, with as much real time as those need who try again meanwhile."""
        if not self.is_moved:
            await asyncio.sleep(REAL_AWAY_S * part)
            return
        for _ in range(round(AWAY_S * part / STEP_S)):
            self.clock.move(STEP_S)
            await asyncio.sleep(0.01)

    async def over_within(self, is_so: Callable[[], object]) -> float:
        """Wait until something is so; return how long it took by the clock.

        Raises:
            AssertionError: it took longer than is promised.
        """
        began_s = self.clock.monotonic_s()
        while (took_s := self.clock.monotonic_s() - began_s) <= BACK_S:
            until_s = time.monotonic() + WORK_S
            while time.monotonic() < until_s:
                if is_so():
                    return took_s
                await asyncio.sleep(0.01)
            if self.is_moved:
                self.clock.move(LOOK_S - WORK_S)
        heard = self.person.heard if self.person is not None else ()
        raise AssertionError(f"not over {BACK_S:.0f} s after the return: {[*self.gordon.lines, *heard]}")


@asynccontextmanager
async def a_world(folder: Path, is_moved: bool, **options: object) -> AsyncIterator[tuple[World, MovedClock]]:
    """Make a world on a clock that may be moved, whose builds take a third of the outage and pass."""
    clock = MovedClock()
    async with World(folder, clock=clock, numbers={**SHIPPED, "poll_s": 5.0, "gather_s": 5.0}, **options) as world:  # type: ignore[arg-type]
        world.build_of(lambda starting: Plan("SUCCESS", (AWAY_S if is_moved else REAL_AWAY_S) / 3))
        yield world, clock


@asynccontextmanager
async def of_a_server(folder: Path, name: str, is_moved: bool) -> AsyncIterator[Outage]:
    """Run a Gordon that a Jenkins or a GitHub will leave."""
    async with a_world(folder, is_moved) as (world, clock), running(folder, world=world) as gordon:
        ways = {
            "Jenkins": (world.jenkins.go_down, world.jenkins.come_back),
            "GitHub": (world.github.down, world.github.up),
        }
        go, come = ways[name]
        yield Outage(gordon, clock, go, come, is_moved=is_moved)
        check(gordon.lines, world)


MOVED = pytest.mark.parametrize(
    "is_moved",
    [
        pytest.param(True, id="half-an-hour"),
        pytest.param(False, id="real", marks=[pytest.mark.soak, pytest.mark.timeout(400)]),
    ],
)


@MOVED
@pytest.mark.parametrize("name", ["Jenkins", "GitHub"])
async def test_what_is_asked_while_a_server_is_away_is_done_when_it_is_back(
    tmp_path: Path, name: str, is_moved: bool, record_property: Record
) -> None:
    """G5: what was begun before is told, what is asked meanwhile is answered honestly at once, and done once."""
    async with of_a_server(tmp_path, name, is_moved) as outage:
        gordon = outage.gordon
        assert "queued janky" in await gordon.say("tianon", "rebuild moby#1 janky")
        await outage.go()
        for pull in (2, 3):
            asked_s = time.monotonic()
            keeps = rf"^{name}.* does not answer \(.*\); I will keep trying until \d\d:\d\d UTC \[\w{{4}}\]$"
            await gordon.say("tianon", f"rebuild moby#{pull} janky", expect=keeps)
            assert time.monotonic() - asked_s < HONEST_S
            await outage.lasts(0.5)
        assert len(gordon.world.jenkins.ledger.triggers) == 1
        await outage.come()
        wanted = (r"moby#1 .*janky #1 passed", r"moby#2 .*queued janky", r"moby#3 .*queued janky")
        took_s = await outage.over_within(
            lambda: all(any(re.search(one, line) for line in gordon.lines) for one in wanted)
        )
        assert sorted(str(one.parameters["PR"]) for one in gordon.world.jenkins.ledger.triggers) == ["1", "2", "3"]
        assert not [line for line in gordon.lines if "gave up" in line]
    told(took_s, name, is_moved).tell(record_property)


@asynccontextmanager
async def of_irc(folder: Path, is_moved: bool) -> AsyncIterator[Outage]:
    """Run a Gordon whose IRC network will not be reached."""
    async with a_world(folder, is_moved, with_irc=True) as (world, clock):
        wire, person = FlappingWire(clock, 10**6, 1.0), Maintainer("tianon")
        await wire.start(world.irc_port)
        await person.join(world.irc_port)
        world.irc_port = wire.port
        world.write_config()
        async with running(folder, world=world, chat=FakeChat("beside")) as gordon:
            await person.sees_gordon_join(0)
            yield Outage(gordon, clock, wire.go, wire.come, person, is_moved)
        await wire.stop()
        await person.leave()


@asynccontextmanager
async def of_slack(folder: Path, is_moved: bool) -> AsyncIterator[Outage]:
    """Run a Gordon whose Slack will be away; by posts if the clock is moved, as sockets pause by the machine's."""
    async with a_world(folder, is_moved, with_slack="http" if is_moved else "socket") as (world, clock):
        slack = world.slack
        assert slack is not None
        port = int(slack.api_url.rsplit(":", 1)[1].split("/")[0])
        async with running(folder, world=world, chat=FakeChat("beside")) as gordon:
            if is_moved:
                await world.send_slack_to(gordon.app)
            yield Outage(gordon, clock, slack.close, lambda: slack.start(port), SlackPerson(world, "tianon"), is_moved)


CHATS: Sequence[object] = (pytest.param(of_irc, "demo", id="IRC"), pytest.param(of_slack, "moby", id="Slack"))


@MOVED
@pytest.mark.parametrize(("of", "network"), CHATS)
async def test_what_ends_while_a_chat_is_away_is_told_there_when_it_is_back(
    tmp_path: Path,
    of: Callable[[Path, bool], AbstractAsyncContextManager[Outage]],
    network: str,
    is_moved: bool,
    record_property: Record,
) -> None:
    """G5: each asker hears the end of what was acknowledged, and who asks elsewhere hears which chat is away."""
    async with of(tmp_path, is_moved) as outage:
        gordon, person = outage.gordon, outage.person
        assert person is not None
        for pull in (1, 2):
            person.type(f"rebuild moby#{pull} janky")
            await person.hears(rf"moby#{pull} .*queued janky")
        await outage.go()
        await outage.lasts()
        asked_s = time.monotonic()
        assert re.search(rf"{network}: not connected", await gordon.say("jess", "status")), gordon.lines
        assert time.monotonic() - asked_s < HONEST_S
        assert not [line for line in person.heard if "passed" in line]
        await outage.come()
        took_s = await outage.over_within(lambda: {1, 2} <= ends(person.heard))
    told(took_s, f"the chat {network}", is_moved).tell(record_property)


def told(took_s: float, name: str, is_moved: bool) -> Row:
    """Make the row of `make soak`."""
    away = f"{AWAY_S / 60:.0f} min of a moved clock" if is_moved else f"{REAL_AWAY_S:.0f} s"
    return Row(f"G5, after {name} was away for {away}", f"{took_s:.0f} s", f"{BACK_S:.0f} s", took_s <= BACK_S)


def ends(heard: Sequence[str]) -> set[int]:
    """List the builds of the job whose ends were heard."""
    return {int(number) for line in heard for number in re.findall(r"janky #(\d+) passed", line)}
