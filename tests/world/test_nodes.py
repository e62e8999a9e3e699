"""Agents of a Jenkins in chat: shown, taken out and back, and told of when they go down, many in one line."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.jenkins.model import Plan
from bot.demo.jenkins.nodes import Agent
from bot.demo.world import CHANNEL, World
from bot.testing import NETWORK, Gordon, running
from tests.world.honesty import until

NUMBERS = {"poll_s": 0.1, "idle_poll_s": 0.1, "node_stable_s": 0.2, "gather_s": 0.05}
TOLD = f"""
[plugin.nodes]
announce = ["{NETWORK}/{CHANNEL}"]
gather_s = 1.0
remind_s = 1.0
reminders = 1
"""


@asynccontextmanager
async def with_agents(folder: Path, agents: Sequence[Agent] = (), settings: str = "") -> AsyncIterator[Gordon]:
    world = World(folder, numbers=NUMBERS)
    for agent in agents:
        world.jenkins.add_node(agent)
    async with world:
        text = world.config.read_text().replace("poll_s =", "tags = { kernel = 'kernel-(.+)' }\npoll_s =", 1)
        world.config.write_text(text + settings)
        async with running(folder, world=world) as gordon:
            yield gordon


async def test_agents_are_shown_marked_and_given_back(tmp_path: Path) -> None:
    """(J23) Marking twice marks once, a reason is needed, and who may is weighed."""
    async with with_agents(tmp_path, [Agent("dm-7", labels=("linux", "kernel-4.2"))]) as gordon:
        assert "dm-7 is up; kernel=4.2" in await gordon.say("newcomer", "node dm-7")
        assert "1 agent with kernel=4.2: 1 up: dm-7" in await gordon.say("newcomer", "nodes kernel=4.2")
        assert "maintainer" in await gordon.say("jess", "node dm-7 offline disk full")
        assert "<reason> is missing" in await gordon.say("tianon", "node dm-7 offline")
        assert 'no agent "dm-9"' in await gordon.say("tianon", "node dm-9 offline disk full")
        for _ in range(2):
            told = await gordon.say("tianon", "node dm-7 offline disk full")
            assert "dm-7 is marked offline: " in told
            assert "tianon: disk full" in told
        assert gordon.world.jenkins.node("dm-7").marked
        assert "1 down: dm-7 (marked: " in await gordon.say("newcomer", "nodes")
        assert "dm-7 is up" in await gordon.say("tianon", "node dm-7 online")
        assert not gordon.world.jenkins.node("dm-7").marked


async def test_what_runs_on_a_marked_agent_is_said(tmp_path: Path) -> None:
    async with with_agents(tmp_path, [Agent("dm-7", labels=("linux",))]) as gordon:
        jenkins = gordon.world.jenkins
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 3600.0, node="dm-7"))
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await until(lambda: jenkins.job("docker-prs").builds)
        told = await gordon.say("tianon", "node dm-7 offline disk full")
        assert "docker-prs#1 still runs there" in told
        assert "1 up" not in told


async def test_a_lost_agent_is_not_called_online_when_its_mark_is_taken_away(tmp_path: Path) -> None:
    """(J23) Taking the mark of a disconnected agent away leaves it without a connection, and adds no mark."""
    async with with_agents(tmp_path, [Agent("dm-7")]) as gordon:
        gordon.world.jenkins.disconnect_node("dm-7")
        told = await gordon.say("tianon", "node dm-7 online")
        assert "dm-7 is not marked offline but has no connection (" in told
        assert "Jenkins must reach it again" in told
        assert not gordon.world.jenkins.node("dm-7").marked


async def test_many_that_go_down_are_told_in_one_line_then_again_and_then_no_more(tmp_path: Path) -> None:
    agents = [Agent(f"dm-{number}") for number in range(1, 5)]
    async with with_agents(tmp_path, agents, TOLD) as gordon:
        jenkins = gordon.world.jenkins
        for agent in agents[:3]:
            jenkins.disconnect_node(agent.name)
        jenkins.set_node("dm-4", offline_reason="disk full")
        told = await gordon.chat.line("4 agents are down since")
        assert "dm-1, dm-2, dm-3 (no connection), dm-4 (marked: disk full)" in told
        await gordon.chat.line("4 agents are still down since")
        for agent in agents[:3]:
            jenkins.connect_node(agent.name)
        assert "dm-1, dm-2, dm-3 are back after" in await gordon.chat.line("are back after")
        assert sum("down since" in line for line in gordon.lines) == 2
