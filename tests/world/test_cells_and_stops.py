"""Some cells of a matrix alone, and what stopping a build comes to, from chat to Jenkins."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from bot.demo.jenkins.cells import CombinationsParameter
from bot.demo.jenkins.model import Catch, Outcome, Parameter, Plan, StringParameter
from bot.demo.world import CHANNEL, FACTS, TOKEN, World
from bot.rights import Asker
from bot.testing import NETWORK, Gordon, running
from bot.values import Place, Speaker
from tests.world.honesty import check, until

LONG_S = 30.0
TIANON = Asker(
    "event", "rebuild:cancel", Speaker(NETWORK, "tianon", "tianon", "test"), Place(NETWORK, CHANNEL, to="tianon")
)
CELLS = {"ARCH": ("arm64", "x86"), "FS": ("aufs", "zfs")}
CONTEXT = """
[repos."moby/moby".contexts.matrix]
jenkins = "ci"
job = "matrix"

[jobs.base-image]"""


@asynccontextmanager
async def site(
    folder: Path, *, prepare: Callable[[World], object] = lambda world: None, quiet_period_s: float = 0.0
) -> AsyncIterator[Gordon]:
    """Run a Gordon with a context whose job is a matrix.

    Arguments:
        prepare: makes its world different.
    """
    world = World(folder, quiet_period_s=quiet_period_s, numbers={"poll_s": 0.1, "gather_s": 0.05})
    async with world:
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace("\n[jobs.base-image]", CONTEXT), encoding="utf-8")
        prepare(world)
        async with running(folder, world=world) as gordon:
            yield gordon
            check(gordon.lines, world)


def can_choose(world: World) -> None:
    """Have a matrix that builds the cells that it is told to."""
    parameters: list[Parameter] = [*(StringParameter(name) for name in FACTS), CombinationsParameter("COMBINATIONS")]
    bad: dict[str, Outcome] = {"ARCH=arm64,FS=zfs": ("FAILURE",)}
    world.jenkins.items.add_matrix("matrix", CELLS, parameters=parameters, duration_s=0.05, outcomes=bad)


def cannot_choose(world: World) -> None:
    """Have a matrix that always builds all of its cells."""
    parameters = [StringParameter(name) for name in FACTS]
    world.jenkins.items.add_matrix("matrix", CELLS, parameters=parameters, duration_s=0.05)


def built(gordon: Gordon, number: int) -> list[str]:
    """List the cells that one build of the matrix has built itself."""
    job = gordon.world.jenkins.items
    names = [f"ARCH={arch},FS={fs}" for arch in CELLS["ARCH"] for fs in CELLS["FS"]]
    return [name for name in names if number in job.find_cell("matrix", name).builds]


async def test_the_cells_that_failed_are_built_alone(tmp_path: Path) -> None:
    """J13."""
    async with site(tmp_path, prepare=can_choose) as gordon:
        await gordon.say("tianon", "rebuild moby#1 matrix")
        await gordon.chat.line("matrix #1 failed")
        assert len(built(gordon, 1)) == 4
        said = await gordon.say("jess", "rebuild matrix#1 failed")
        assert re.search(r"^matrix#1 again: matrix at \w{7} queued \(item \d+\) \[", said), said
        await gordon.chat.line("matrix #2 failed")
        assert built(gordon, 2) == ["ARCH=arm64,FS=zfs"]


async def test_cells_of_a_context_are_named(tmp_path: Path) -> None:
    """J13."""
    async with site(tmp_path, prepare=can_choose) as gordon:
        said = await gordon.say("tianon", "rebuild moby#1 FS=aufs,ARCH=x86")
        assert "name the context whose cells are meant: experimental, janky, lxc, matrix, windows" in said
        said = await gordon.say("tianon", "rebuild moby#1 matrix ARCH=x86,FS=aufs ARCH=x86,FS=zfs")
        assert "queued matrix" in said
        await gordon.chat.line("matrix #1 passed")
        assert built(gordon, 1) == ["ARCH=x86,FS=aufs", "ARCH=x86,FS=zfs"]
        assert "ARCH of matrix is one of" in await gordon.say("tianon", "rebuild matrix#1 ARCH=s390x,FS=zfs")
        assert "no cell of matrix#1 has failed" in await gordon.say("tianon", "rebuild matrix#1 failed")


async def test_where_cells_cannot_be_chosen_all_are_built_and_that_is_said(tmp_path: Path) -> None:
    """J13."""
    async with site(tmp_path, prepare=cannot_choose) as gordon:
        said = await gordon.say("tianon", "rebuild moby#1 matrix ARCH=x86,FS=aufs")
        assert "; all cells are built: matrix has no way to choose them [" in said
        await gordon.chat.line("matrix #1 passed")
        assert len(built(gordon, 1)) == 4


async def test_a_pipeline_that_catches_a_stop_is_told_as_running_and_ended_by_more(tmp_path: Path) -> None:
    """J18: its `finally` runs on, so it is told how to end that."""

    def prepare(world: World) -> None:
        world.jenkins.add_job("win", parameters=[StringParameter(name) for name in FACTS], kind="pipeline")
        world.build_of(lambda starting: Plan(duration_s=LONG_S, catches=Catch(LONG_S, up_to="term")))

    async with site(tmp_path, prepare=prepare) as gordon:
        await gordon.say("tianon", "rebuild moby#1 windows")
        await gordon.say("tianon", "running", expect="1 running")
        said = await gordon.say("tianon", "cancel moby#1")
        assert "windows #1 asked to stop, not yet over (cancel win#1 term ends its running steps)" in said
        said = await gordon.say("tianon", "cancel win#1 term")
        assert "windows #1 asked to end its running steps, not yet over" in said
        assert "1 running" in await gordon.say("tianon", "running", expect="running")
        assert "choose one of them" in await gordon.say("tianon", "cancel win#1 term kill")
        assert "windows #1 asked to end at once" in await gordon.say("tianon", "cancel win#1 kill")
        await gordon.chat.line("windows #1 was aborted")


async def test_what_is_no_pipeline_cannot_be_ended_harder(tmp_path: Path) -> None:
    def prepare(world: World) -> None:
        world.build_of(lambda starting: Plan(duration_s=LONG_S))

    async with site(tmp_path, prepare=prepare) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.say("tianon", "running", expect="1 running")
        said = await gordon.say("tianon", "cancel docker-prs#1 kill")
        assert "asked to" not in said
        assert "docker-prs#1" in said
        assert gordon.world.jenkins.ledger.stops == []


async def test_a_build_that_left_the_queue_meanwhile_is_stopped_instead(tmp_path: Path) -> None:
    """J17: cancelItem answers 500 then."""

    def prepare(world: World) -> None:
        world.build_of(lambda starting: Plan(duration_s=LONG_S))

    async with site(tmp_path, prepare=prepare, quiet_period_s=0.6) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        ci, pull = gordon.app.builds, await gordon.app.builds.pull(gordon.app.live.now.names.pull("moby#1")[0])
        waiting = await ci.reading.of_context("janky", pull)
        assert waiting.number is None
        await until(lambda: gordon.world.jenkins.ledger.builds)
        assert await ci.cancel(TIANON, waiting) == "asked to stop"
        assert [(stop.job, stop.number) for stop in gordon.world.jenkins.ledger.stops] == [("docker-prs", 1)]


async def test_a_server_about_to_shut_down_is_named_wherever_its_builds_are(tmp_path: Path) -> None:
    """J27: it takes a trigger and starts nothing."""
    async with site(tmp_path) as gordon:
        headers = {"Authorization": "Basic " + b64encode(f"gordon:{TOKEN}".encode()).decode()}
        address = f"{gordon.world.jenkins.url}quietDown?message=new+disks"
        async with aiohttp.ClientSession() as session, session.post(address, headers=headers) as answer:
            assert answer.status == 200
        for typed in ("queue", "running", "rebuild moby#1 janky"):
            said = await gordon.say("tianon", typed)
            assert "Jenkins ci is about to shut down (new disks): it starts nothing" in said


async def test_a_build_that_somebody_cancels_here_is_told_as_theirs(tmp_path: Path) -> None:
    """Jenkins knows Gordon alone, whoever it was that said so to him."""

    def prepare(world: World) -> None:
        world.build_of(lambda starting: Plan(duration_s=LONG_S))

    async with site(tmp_path, prepare=prepare) as gordon:
        await gordon.say("jess", "rebuild moby#1 windows")
        await gordon.say("jess", "running", expect="1 running")
        await gordon.say("jess", "cancel win#1", expect="asked to stop")
        assert "windows #1 was aborted by jess after" in await gordon.chat.line("windows #1 was aborted")
        assert "aborted by jess" in await gordon.say("tianon", "why win#1")
