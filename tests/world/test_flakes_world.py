"""What many builds say together, from the stand-ins to a line in chat: a kernel that is to blame, and a storm."""

from pathlib import Path

import pytest

from bot.demo.jenkins.model import Plan, Starting
from bot.demo.world import REPO, World
from bot.testing import Gordon
from tests.world.failing import FLAKE, FLAKE_CAUSE, GREEN, Tries, failing, fleet, on, open_pulls
from tests.world.honesty import on_disk, until

NODES, BAD = 50, (7, 19, 28, 33, 41)
BUILDS = 100  # two on each agent
ALIKE = 300
ENOUGH = 90  # a job that has 300 new builds at once is told of its newest hundred
ONCE = "\n[plugin.retries]\noff = true\n"
SOON = "\n[plugin.retries]\ndelay_s = 0.1\n"
JOB = "docker-prs"


async def diagnosed(gordon: Gordon, count: int) -> None:
    """Wait until it is known of so many builds why they ended as they did."""
    await on_disk(gordon, "SELECT count(*) FROM facts", lambda known: known >= count)


@pytest.mark.timeout(120)
async def test_a_kernel_on_which_builds_fail_is_named_first_among_fifty_agents(tmp_path: Path) -> None:
    """Five agents of fifty have a kernel on which the driver breaks."""
    begun: list[Starting] = []

    def fate(starting: Starting) -> Plan:
        number = len(begun) % NODES + 1
        begun.append(starting)
        return on(FLAKE if number in BAD else GREEN, f"node-{number}")

    pulls = range(4, 4 + BUILDS // 2)
    agents = fleet(NODES, bad=BAD)
    async with failing(
        tmp_path, fate, agents=agents, config=ONCE, prepare=lambda world: open_pulls(world, len(pulls))
    ) as gordon:
        for number in pulls:
            await gordon.say("tianon", f"rebuild moby#{number} janky lxc", expect="queued")
        await diagnosed(gordon, BUILDS)
        said = await gordon.say("jess", "flakes label", expect="flakes by")
        first = said.partition("suspected: ")[2]
        assert first.startswith(f"kernel 3.18: {2 * len(BAD)} of {2 * len(BAD)} fail, others 0 of "), said
        said = await gordon.say("jess", "flakes", expect="flakes by cause")
        assert f"{FLAKE_CAUSE}: {2 * len(BAD)} of " in said


@pytest.mark.timeout(90)
async def test_three_hundred_builds_that_fail_alike_are_one_message_and_few_retries(tmp_path: Path) -> None:
    """F44: builds that hooks have started, in a channel that hears of all."""

    def prepare(world: World) -> None:
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace("[plugin.failures]\n", '[plugin.failures]\nstrategy = "all"\n'))
        open_pulls(world, ALIKE)

    tries = Tries().always("janky", FLAKE)
    async with failing(tmp_path, tries, config=SOON, prepare=prepare, idle_poll_s=0.2) as gordon:
        jenkins, pulls = gordon.world.jenkins, gordon.world.github.repo(REPO).pulls
        await until(lambda: len(jenkins.ledger.asked("GET", f"/job/{JOB}/api/json")) > 1)  # the first look is the past
        for number in range(4, 4 + ALIKE):
            jenkins.trigger(JOB, {"PR": str(number), "GIT_SHA1": pulls[number].head, "GIT_BASE_REPO": REPO})
        await diagnosed(gordon, ENOUGH)
        await gordon.chat.line("builds failed alike since")
        ours = [each for each in jenkins.ledger.triggers if each.user == "gordon"]
        told = [line for line in gordon.lines if "failed" in line]
        assert len(ours) <= 20, "no more retries of one cause within an hour"
        assert sum("they are counted here" in line for line in told) == 1
        assert len(told) <= 12, told
