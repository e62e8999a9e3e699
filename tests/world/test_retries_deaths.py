"""What dies under a retry: the agent that a build ran on, and Gordon itself while the delay lasts."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from bot.demo.jenkins.nodes import Agent
from tests.world.crash_rig import WITHIN_S, crash_rig
from tests.world.failing import FLAKE, GREEN, LOST_CAUSE, Tries, failing, lose, on
from tests.world.honesty import until
from tests.world.retries_rig import SOON, triggers

DELAY_S = 4.0  # longer than a new start takes, so that what is early can be told from what is in time
DELAYED = f"\n[plugin.retries]\ndelay_s = {DELAY_S}\njitter = 0.0\n"


async def test_a_build_whose_agent_is_lost_under_it_is_tried_again_and_told_once_as_green(tmp_path: Path) -> None:
    agents = [Agent("dm-7"), Agent("dm-8")]
    tries = Tries().of("janky", on(replace(GREEN, duration_s=60.0), "dm-7"))
    async with failing(tmp_path, tries, config=SOON, agents=agents) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await until(lambda: gordon.world.jenkins.job("docker-prs").builds)
        lose(gordon.world, "dm-7")
        told = await gordon.chat.line("janky #2 passed")
        assert f"the 1st hit {LOST_CAUSE}" in told
        assert triggers(gordon) == 2
        assert not [line for line in gordon.lines if "janky #1" in line]


async def test_a_gordon_that_is_killed_in_the_delay_tries_again_once_when_that_is_over(tmp_path: Path) -> None:
    """F28: by SIGKILL, and the delay goes on from when it was planned."""
    async with crash_rig(tmp_path, config=DELAYED) as rig:
        rig.world.build_of(Tries().of("janky", FLAKE))
        await rig.start()
        rig.people[0].type("rebuild moby#1 janky")
        async with asyncio.timeout(WITHIN_S):
            while not rig.count("SELECT count(*) FROM retries WHERE state = 'planned'"):  # noqa: ASYNC110  on disk
                await asyncio.sleep(0.02)
        planned_s = time.monotonic()
        await rig.kill()
        await rig.start()
        await until(lambda: len(rig.world.jenkins.ledger.triggers) > 1, WITHIN_S)
        assert DELAY_S - 1.0 < time.monotonic() - planned_s < DELAY_S + 6.0
        await rig.people[0].hears("janky #2 passed")
        await rig.quiet()
        assert [*rig.builds().values()] == [2]
        assert rig.marked_twice() == {}
        assert sum("janky #" in line for line in rig.lines()) == 1
