"""Fault F30: SIGTERM in whatever state ends Gordon within 10 s and with 0; the next one loses and repeats nothing."""

import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.demo.jenkins.ledger import Fault, Hang, Slow
from bot.demo.jenkins.model import Plan
from bot.demo.world import PLUGINS, World
from tests.world.crash_rig import Maintainer
from tests.world.gordon_process import gordon_process
from tests.world.honesty import check, until

BAD = Path(__file__).parent / "bad_plugins"
WITHIN_S = 10.0
QUEUED = r"queued janky \(item \d+\)"
TRIGGER = "*/buildWithParameters"
NUMBERS = {"timeout_s": 2, "poll_s": 0.2, "again_after_s": 0.3, "line_every_s": 0.01, "handler_limit_s": 60}
Step = Callable[[World, Maintainer], Awaitable[None]]


async def nothing(world: World, tianon: Maintainer) -> None:
    """Leave Gordon as it is."""


async def command_that_reads_a_slow_github(world: World, tianon: Maintainer) -> None:
    world.github.hang(path="/pulls/")
    tianon.type("rebuild moby#1 janky")
    await world.github.hanging()


async def github_answers(world: World, tianon: Maintainer) -> None:
    world.github.resume()


def trigger_that(fault: Fault) -> Step:
    async def under_way(world: World, tianon: Maintainer) -> None:
        world.jenkins.faults.next("POST", TRIGGER, fault)
        tianon.type("rebuild moby#1 janky")
        await until(lambda: world.jenkins.ledger.asked("POST"))

    return under_way


async def command_that_waits_for_jenkins(world: World, tianon: Maintainer) -> None:
    await world.jenkins.go_down("refused")
    tianon.type("rebuild moby#1 janky")
    await tianon.hears("does not answer")


async def jenkins_comes_back(world: World, tianon: Maintainer) -> None:
    await world.jenkins.come_back()


async def words_that_nobody_can_hear(world: World, tianon: Maintainer) -> None:
    assert world.irc is not None
    await command_that_reads_a_slow_github(world, tianon)
    await tianon.leave()
    await world.irc.stop()
    world.github.resume()
    await until(lambda: world.jenkins.ledger.triggers)


async def the_network_comes_back(world: World, tianon: Maintainer) -> None:
    assert world.irc is not None
    await world.irc.start(port=world.irc_port)
    await tianon.join(world.irc_port)


STATES = [
    pytest.param(command_that_reads_a_slow_github, github_answers, id="handler-waits-for-github"),
    pytest.param(trigger_that(Slow(1.0)), nothing, id="trigger-is-answered-slowly"),
    pytest.param(trigger_that(Hang(commit=True)), nothing, id="trigger-took-effect-unanswered"),
    pytest.param(trigger_that(Hang()), nothing, id="trigger-got-lost"),
    pytest.param(command_that_waits_for_jenkins, jenkins_comes_back, id="delivery-waits-for-jenkins"),
    pytest.param(words_that_nobody_can_hear, the_network_comes_back, id="words-wait-for-irc"),
]


@pytest.mark.parametrize(("before", "between"), STATES)
async def test_work_in_flight_survives_a_stop(tmp_path: Path, before: Step, between: Step) -> None:
    tianon = Maintainer("tianon")
    async with World(tmp_path, with_irc=True, numbers=NUMBERS) as world:
        world.build_of(lambda starting: Plan("SUCCESS", 0.5))
        await tianon.join(world.irc_port)
        async with gordon_process(world) as gordon:
            await tianon.sees_gordon_join(0)
            await before(world, tianon)
            asked_s = time.monotonic()
            assert await gordon.stopped() == 0, gordon.errors
            assert time.monotonic() - asked_s < WITHIN_S
        await between(world, tianon)
        async with gordon_process(world) as gordon:
            await tianon.hears(QUEUED)
            await tianon.hears("janky #1 passed")
            assert await gordon.stopped() == 0, gordon.errors
        assert [trigger.job for trigger in world.jenkins.ledger.triggers] == ["docker-prs"]
        unmarked = [line for line in tianon.heard if re.search(QUEUED, line) and "(again)" not in line]
        assert len(unmarked) == 1
        check(tianon.heard, world)
        await tianon.leave()


async def test_an_idle_one_stops_at_once(tmp_path: Path) -> None:
    tianon = Maintainer("tianon")
    async with World(tmp_path, with_irc=True, numbers=NUMBERS) as world:
        await tianon.join(world.irc_port)
        async with gordon_process(world) as gordon:
            await tianon.sees_gordon_join(0)
            asked_s = time.monotonic()
            assert await gordon.stopped() == 0
            assert time.monotonic() - asked_s < WITHIN_S / 2
            assert "Traceback" not in gordon.errors
        await tianon.leave()


async def test_all_that_is_slow_at_once_stops_in_time(tmp_path: Path) -> None:
    """F30 and F38: a plugin that blocks the work loop, a trigger under way and a network that does not say goodbye."""
    tianon = Maintainer("tianon")
    plugins = (*PLUGINS, "blocking")
    numbers = {**NUMBERS, "timeout_s": 60}
    async with World(tmp_path, with_irc=True, plugins=plugins, plugin_folder=BAD, numbers=numbers) as world:
        await tianon.join(world.irc_port)
        async with gordon_process(world) as gordon:
            await tianon.sees_gordon_join(0)
            await trigger_that(Hang())(world, tianon)
            tianon.type("block 3600")
            await gordon.logs("blocking blocks the work loop")
            asked_s = time.monotonic()
            assert await gordon.stopped() == 0, gordon.errors
            assert time.monotonic() - asked_s < WITHIN_S
        await tianon.leave()
