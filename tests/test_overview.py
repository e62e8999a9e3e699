"""What the overview reads of the ledgers, of servers that answer and of those that do not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.demo.jenkins.model import Plan
from bot.demo.jenkins.nodes import Agent
from bot.demo.world import World
from bot.glances import EVERY_S, Glance, Glances
from bot.overview import Overview, Tone, stands, troubles
from bot.overview_rows import Head
from bot.testing import Gordon, running
from tests.moved_clock import MovedClock

AGENTS = (Agent("builder-1", executors=4), Agent("builder-2", marked=True, mark_reason="new disk"))


@pytest.fixture
async def gordon(tmp_path: Path) -> AsyncIterator[Gordon]:
    world = World(tmp_path, with_hook=True, agents=AGENTS, numbers={"compare_s": 0.1})
    async with world, running(tmp_path, world=world) as made:
        yield made


async def seen(gordon: Gordon, wanted: Callable[[Overview], object]) -> Overview:
    """Look until what is seen is as wanted."""
    async with asyncio.timeout(60):
        while not wanted(found := await gordon.app.overlook.look()):
            await gordon.world.clock.sleep(0.05)
    return found


async def test_a_build_is_seen_on_its_way(gordon: Gordon) -> None:
    gordon.world.build_of(lambda starting: Plan("FAILURE", 1.0))
    await seen(gordon, lambda it: it.pulls.total == 3 and it.agents.total)
    await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")

    def states(it: Overview) -> dict[str, Tone]:
        pull = next(one for one in it.pulls.items if one.pull.ref.number == 1)
        return {context.context: context.tone for context in pull.contexts}

    await seen(gordon, lambda it: states(it)["janky"] is Tone.BUSY)
    over = await seen(gordon, lambda it: it.verdicts)
    assert states(over)["janky"] is Tone.BAD
    assert [fact.context for fact in over.verdicts] == ["janky"]
    assert {trace.what for trace in over.trail} >= {"rebuild", "build.start"}
    assert over.agents.total == 3  # with the controller
    assert [one.node.reason for one in over.agents.down.items] == ["new disk"]
    assert not over.troubles


async def test_a_server_that_does_not_answer_is_told_with_what_it_said_last(gordon: Gordon) -> None:
    gordon.world.build_of(lambda starting: Plan("SUCCESS", None))
    await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
    clock = MovedClock()
    glances = Glances(gordon.app.servers, gordon.app.builds.jobs, clock)

    async def looked(is_so: Callable[[Glance], object]) -> Glance:
        async with asyncio.timeout(60):
            while not is_so(found := (await glances.take())[0]):
                clock.move(EVERY_S)
                await asyncio.sleep(0.02)
        return found

    await looked(lambda it: it.running)
    await gordon.world.jenkins.go_down()  # F1
    silent = await looked(lambda it: it.silent_since)
    assert [(one.context, one.number) for one in silent.running] == [("janky", 1)]
    assert troubles((), [silent], 0) == ["Jenkins ci does not answer"]
    await gordon.world.jenkins.come_back()
    assert (await looked(lambda it: not it.silent_since)).running
    glances.close()


@pytest.mark.parametrize(
    ("head", "word", "tone"),
    [
        pytest.param(None, "not built", Tone.NONE, id="never-built"),
        pytest.param(Head("asked", None, None, ""), "asked for", Tone.BUSY, id="asked"),
        pytest.param(Head("queued", None, None, ""), "waits", Tone.BUSY, id="queued"),
        pytest.param(Head("running", None, 1, ""), "runs", Tone.BUSY, id="running"),
        pytest.param(Head("finished", "SUCCESS", 1, ""), "passed", Tone.GOOD, id="passed"),
        pytest.param(Head("finished", "FAILURE", 1, ""), "failed", Tone.BAD, id="failed"),
        pytest.param(Head("finished", "UNSTABLE", 1, ""), "unstable", Tone.BAD, id="unstable"),
        pytest.param(Head("finished", "ABORTED", 1, ""), "aborted", Tone.NONE, id="aborted"),
        pytest.param(Head("finished", "NOT_BUILT", 1, ""), "ended", Tone.NONE, id="not-built"),
        pytest.param(Head("finished", None, 1, ""), "ended", Tone.NONE, id="its-result-was-never-seen"),
    ],
)
def test_how_a_context_stands_is_a_word(head: Head | None, word: str, tone: Tone) -> None:
    told = stands("janky", head)
    assert (told.word, told.tone) == (word, tone)
