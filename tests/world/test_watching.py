"""Following builds: what cannot be read, what a restart takes, and what is told of it."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import cast

import pytest

from bot.demo.jenkins.ledger import Status
from bot.demo.jenkins.model import Plan, Starting
from bot.demo.jenkins.nodes import Agent
from bot.demo.world import PLUGINS, World
from bot.ports import Order
from bot.testing import Gordon, running
from bot.values import JobRef
from tests.world.honesty import until

TELLS = """
from bot.events import NodeEvent
from bot.plugin import Context, Plugin

plugin = Plugin("tells")


@plugin.on(NodeEvent)
async def tell(ctx: Context, event: NodeEvent) -> None:
    for places in ctx.announce.values():
        for place in places:
            ctx.tell(place, f"{event.node} {type(event).__name__}")
"""
OFTEN: dict[str, float] = {"poll_s": 0.1, "idle_poll_s": 0.2, "gather_s": 0.05}
LONG = Plan("SUCCESS", 3600.0)
DOCKER_PRS = JobRef("ci", "docker-prs")


async def test_a_build_that_cannot_be_read_keeps_no_other_from_being_told(tmp_path: Path) -> None:
    """Trap 15: a broken build page is one build's trouble."""
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.2))
        gordon.world.jenkins.faults.next("GET", "job/docker-prs/1/api/json", Status(500), times=1000)
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.say("tianon", "rebuild moby#2 windows", expect="queued")
        assert "windows #1 passed" in await gordon.chat.line("moby#2 at .*passed")
        gordon.world.jenkins.faults.clear()
        assert "janky #1 passed" in await gordon.chat.line("moby#1 at .*passed")


async def test_an_adopted_build_that_a_restart_takes_is_not_called_cancelled(tmp_path: Path) -> None:
    """F21: somebody else queued it, so nobody here may queue it again; the asker hears what became of it."""
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        jenkins = gordon.world.jenkins
        jenkins.job("docker-prs").quiet_period_s = 60.0
        pull = await gordon.app.builds.pull(gordon.app.live.now.names.pull("moby#1")[0])
        theirs = {"PR": "1", "GIT_SHA1": pull.head, "GIT_BASE_REPO": "moby/moby"}
        await gordon.app.servers["ci"].trigger(Order(JobRef("ci", "docker-prs"), theirs, request_id=""))
        assert "already queued" in await gordon.say("tianon", "rebuild moby#1 janky")
        jenkins.faults.queue_lost_on_restart = True
        await jenkins.restart(0.2)
        told = await gordon.chat.line("never left the queue")
        assert "lost from the queue in a restart" in told
        assert "cancelled" not in told
        assert len(jenkins.ledger.triggers) == 1


async def test_a_queue_that_a_restart_lost_is_asked_for_again_once(tmp_path: Path) -> None:
    """F21: the effect is doubted and looked up, and then sent again with the same mark."""
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        jenkins = gordon.world.jenkins
        jenkins.job("docker-prs").quiet_period_s = 1.5
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        jenkins.faults.queue_lost_on_restart = True
        await jenkins.restart(0.2)
        assert "janky #1 passed" in await gordon.chat.line("moby#1 at .*passed")
        assert list(jenkins.ledger.builds_by("GORDON_REQUEST_ID").values()) == [1]
        assert list(jenkins.ledger.items_by("GORDON_REQUEST_ID").values()) == [2]


def often(folder: Path) -> AbstractAsyncContextManager[Gordon]:
    return running(folder, world=None, chat=None, **OFTEN)


async def somebody_builds(gordon: Gordon, plan: Plan) -> int:
    """Have somebody start a build of janky on Jenkins itself, and tell its queue item."""
    gordon.world.build_of(lambda starting: plan)
    head = (await gordon.app.builds.pull(gordon.app.live.now.names.pull("moby#1")[0])).head
    theirs = {"PR": "1", "GIT_SHA1": head, "GIT_BASE_REPO": "moby/moby"}
    return (await gordon.app.servers["ci"].trigger(Order(DOCKER_PRS, theirs, request_id=""))).id


async def looked_at_first(gordon: Gordon) -> None:
    """Wait until the past is the past."""
    ledger = gordon.world.jenkins.ledger
    await until(lambda: sum("win/api/json" in request.path for request in ledger.requests) > 1)


async def test_what_others_started_is_told_to_the_channel_when_it_fails(tmp_path: Path) -> None:
    """To nobody by name, once, and nothing of what passed or was aborted."""
    async with often(tmp_path) as gordon:
        await looked_at_first(gordon)
        for plan in (Plan("SUCCESS", 0.1), Plan("ABORTED", 0.1), Plan("FAILURE", 0.1)):
            await somebody_builds(gordon, plan)
            await until(lambda: gordon.world.jenkins.job("docker-prs").builds)
        told = await gordon.chat.line("janky #3 failed")
        assert [line for line in gordon.lines if "janky" in line] == [told]
        assert told.startswith("nobody knows why: moby#1 at ")
        assert all(not place.to for place, _ in gordon.chat.said)


async def test_who_asks_for_what_others_started_hears_its_end_once(tmp_path: Path) -> None:
    """F24: there is one row of it and one line about it."""
    async with often(tmp_path) as gordon:
        await looked_at_first(gordon)
        await somebody_builds(gordon, Plan("SUCCESS", 0.8))
        assert "janky is already running" in await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.chat.line("janky #1 passed")
        assert len(gordon.world.jenkins.ledger.triggers) == 1
        rows = await gordon.app.ledger.asked_by("test:1", gordon.app.live.now.names.pull("moby#1")[0])
        assert [row.ours for row in rows] == [1]


@pytest.mark.parametrize(
    ("vanish", "told"),
    [
        pytest.param(True, r"janky #1 was gone before .*lost when Jenkins ci was restarted", id="killed"),
        pytest.param(False, r"janky #1 was aborted .*aborted when Jenkins ci was restarted", id="J19-stopped-in-order"),
    ],
)
async def test_what_a_restart_does_to_a_running_build_is_said(tmp_path: Path, vanish: bool, told: str) -> None:
    async with often(tmp_path) as gordon:
        jenkins = gordon.world.jenkins
        gordon.world.build_of(lambda starting: LONG)
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await until(lambda: jenkins.job("docker-prs").builds)
        await seen_running(gordon)
        jenkins.faults.builds_lost_on_restart = vanish
        await jenkins.restart(0.2)
        await gordon.chat.line(told)


async def seen_running(gordon: Gordon) -> None:
    """Wait until the ledger has a build that runs."""
    while not any(row.state == "running" and row.started_s for row in await gordon.app.ledger.watched()):
        await gordon.world.clock.sleep(0.02)


async def test_a_build_that_was_deleted_is_not_said_to_have_failed(tmp_path: Path) -> None:
    async with often(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: LONG)
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await seen_running(gordon)
        gordon.world.jenkins.delete_build("docker-prs", 1)
        assert "#1" in await gordon.chat.line("was gone before anybody saw its result")


async def test_a_build_that_runs_with_something_else_is_told_at_once(tmp_path: Path) -> None:
    """(J4) Something on Jenkins changed a parameter on the way; whoever asked hears it while the build runs."""

    def change(starting: Starting) -> Plan:
        cast("dict[str, object]", starting.parameters)["BASE_BRANCH"] = "18.09"  # as a plugin there may do
        return LONG

    async with often(tmp_path) as gordon:
        gordon.world.build_of(change)
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        told = await gordon.chat.line("BASE_BRANCH=18.09")
        assert told.startswith("moby#1 janky #1 runs with BASE_BRANCH=18.09, not ")


async def test_agents_that_go_down_and_come_back_are_told(tmp_path: Path) -> None:
    """By the adapter and over HTTP, as Jenkins has it: no connection, then one again."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "tells.py").write_text(TELLS)
    numbers = OFTEN | {"node_stable_s": 0.3}
    world = World(tmp_path, numbers=numbers, plugins=(*PLUGINS, "tells"), plugin_folder=plugins)
    world.jenkins.add_node(Agent("arm-7"))
    async with world, running(tmp_path, world=world) as gordon:
        await looked_at_first(gordon)
        world.jenkins.disconnect_node("arm-7")
        await gordon.chat.line("arm-7 NodeWentDown")
        world.jenkins.connect_node("arm-7")
        await gordon.chat.line("arm-7 NodeCameBack")
        assert len([line for line in gordon.lines if "arm-7 Node" in line]) == 2
