"""What becomes of a build whose answer, queue item, queue or commit was lost: one build, and one true word about it."""

import asyncio
import re
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import pytest

from bot import effects
from bot.demo.jenkins.ledger import CommitThenDrop, Fault, Hang, Late, Reset, Slow
from bot.demo.jenkins.model import Plan, StringParameter
from bot.demo.world import FACTS, REPO, TOKEN, World
from bot.testing import Gordon
from tests.world.crash_rig import MARK, crash_rig
from tests.world.honesty import honest, said, triggers, until

TRIGGER = "/job/docker-prs/buildWithParameters"
QUEUED = r"^moby#1 at \w{7}: queued janky \(item \d+\)"
PASSED = r"janky #1 passed"


def settling(
    folder: Path, *, quiet_period_s: float = 0.0, timeout_s: float = 0.5
) -> AbstractAsyncContextManager[Gordon]:
    """Run a Gordon that waits no longer for anything than a test wants to."""
    return honest(
        folder, quiet_period_s=quiet_period_s, timeout_s=timeout_s, again_after_s=0.2, poll_s=0.1, gather_s=0.1
    )


async def ended(gordon: Gordon, pattern: str = PASSED) -> None:
    """Wait for the one line that tells the end."""
    await said(gordon, pattern, 1)


LOST = [
    pytest.param(CommitThenDrop(), id="F23 the answer is lost"),
    pytest.param(Hang(commit=True), id="F23 the answer never comes"),
    pytest.param(Late(0.3), id="the POST arrives late"),
    pytest.param(Late(0.45, hang=True), id="the POST arrives at its deadline"),
    pytest.param(Reset(), id="the POST never arrives"),
]


@pytest.mark.parametrize("fault", LOST)
async def test_a_trigger_without_an_answer_is_one_build_told_once(tmp_path: Path, fault: Fault) -> None:
    async with settling(tmp_path) as gordon:
        gordon.world.jenkins.faults.next("POST", TRIGGER, fault)
        await gordon.say("tianon", "rebuild moby#1 janky", expect=QUEUED)
        await ended(gordon)
        await triggers(gordon, 1)
        await said(gordon, QUEUED, 1)


@pytest.mark.parametrize(
    ("fault", "jobs"),
    [
        pytest.param(Reset(), 0, id="never sent: nothing is built"),
        pytest.param(CommitThenDrop(), 1, id="sent: what was seen is built"),
    ],
)
async def test_the_head_moves_while_an_answer_is_waited_for(tmp_path: Path, fault: Fault, jobs: int) -> None:
    """G12: nothing is built at a commit that the asker did not see."""
    async with settling(tmp_path) as gordon:
        old = gordon.world.github.push(REPO, 1)
        gordon.world.jenkins.faults.next("POST", TRIGGER, fault)
        await gordon.chat.hear("tianon", "rebuild moby#1 janky")
        await until(lambda: gordon.world.jenkins.ledger.asked("POST"))
        new = gordon.world.github.push(REPO, 1)
        if jobs:
            line = await gordon.chat.line(rf"^moby#1 at {old[:7]}: queued janky \(item 1\)")
        else:
            line = await gordon.chat.line(f"moby#1 moved from {old[:7]} to {new[:7]} before janky could be started")
        assert "does not answer" not in line
        await triggers(gordon, jobs)
        assert {each.parameters["GIT_SHA1"] for each in gordon.world.jenkins.ledger.triggers} <= {old}


@pytest.mark.parametrize(
    ("point", "built", "read"),
    [
        pytest.param("jenkins.trigger.before", 0, "moved from {old} to {new} before janky could", id="before the POST"),
        pytest.param("jenkins.trigger.after", 1, "at {old}: queued janky .* moved on to {new} since", id="after it"),
    ],
)
async def test_the_head_moves_between_a_crash_and_the_next_start(
    tmp_path: Path, point: str, built: int, read: str
) -> None:
    """F28, G12: what was recorded is settled, and only that."""
    async with crash_rig(tmp_path) as rig:
        [tianon] = rig.people
        old = rig.world.github.push(REPO, 1)
        await rig.start(point)
        tianon.type("rebuild moby#1 janky")
        await rig.died()
        new = rig.world.github.push(REPO, 1)
        await rig.start()
        await tianon.hears("moby#1 " + read.format(old=old[:7], new=new[:7]))
        await rig.quiet()
        assert [each.parameters["GIT_SHA1"] for each in rig.world.jenkins.ledger.triggers] == [old] * built


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(None, id="all is well"),
        pytest.param(CommitThenDrop(), id="the first answer is lost"),
    ],
)
async def test_two_ask_at_once(tmp_path: Path, fault: Fault | None) -> None:
    """F24: one build, both are answered, both hear the end."""
    async with settling(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=4.0))
        if fault is not None:
            gordon.world.jenkins.faults.next("POST", TRIGGER, fault)
        both = (gordon.chat.hear(nick, "rebuild moby#1 janky") for nick in ("tianon", "jess"))
        await asyncio.gather(*both)
        await gordon.chat.line(QUEUED)
        await gordon.chat.line(r"janky is already (queued|running)")
        await ended(gordon)
        assert next(place.to for place, text in gordon.chat.said if "passed" in text) == "tianon, jess"
        await triggers(gordon, 1)


async def test_two_ask_while_jenkins_may_not_have_heard_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F24: it knows of no such build, and we do; the second asks when the first has left the lane."""
    monkeypatch.setattr(effects, "ANSWER_WITHIN_S", 0.1)
    async with settling(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=4.0))
        gordon.world.jenkins.faults.next("POST", TRIGGER, Hang())
        await gordon.say("tianon", "rebuild moby#1 janky", expect="Jenkins ci does not answer|takes longer")
        await gordon.say("jess", "rebuild moby#1 janky", expect="janky")
        await ended(gordon)
        await triggers(gordon, 1)


async def test_jenkins_itself_folds_what_has_no_mark(tmp_path: Path) -> None:
    """F24: two equal builds of a job without our mark are one item; both askers hear how it ended."""
    async with settling(tmp_path, quiet_period_s=0.6) as gordon:
        gordon.world.jenkins.add_job("infra/base-image", parameters=(StringParameter("PLATFORM"),))
        for nick in ("tianon", "icecrime"):
            told = await gordon.confirmed(nick, "build base-image PLATFORM=el7")
            assert re.search(r"base-image: .*queued \(item 1\)", told)
        await until(
            lambda: {place.to for place, text in gordon.chat.said if "passed" in text} == {"tianon", "icecrime"}
        )
        assert [each.folded for each in gordon.world.jenkins.ledger.triggers] == [False, True]
        assert len(gordon.world.jenkins.ledger.builds) == 1


async def restarted(world: World, down_s: float = 0.3) -> None:
    """Restart Jenkins behind a proxy that says 503 meanwhile; the queue is lost."""
    world.jenkins.faults.queue_lost_on_restart = True
    await world.jenkins.go_down("503")
    await world.jenkins.restart(down_s)
    await world.jenkins.come_back()


async def test_a_restart_that_loses_the_queue_costs_no_build(tmp_path: Path) -> None:
    """F21: found by its mark to be absent, it is put into the queue again, once."""
    async with settling(tmp_path, quiet_period_s=1.0) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect=QUEUED)
        await restarted(gordon.world)
        await ended(gordon)
        ledger = gordon.world.jenkins.ledger
        assert (list(ledger.triggers_by(MARK).values()), list(ledger.builds_by(MARK).values())) == ([2], [1])


async def test_a_restart_that_loses_the_queue_of_an_old_head_is_told(tmp_path: Path) -> None:
    """F21, G12: what nobody wants any more is not put into the queue again."""
    async with settling(tmp_path, quiet_period_s=60.0) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect=QUEUED)
        gordon.world.github.push(REPO, 1)
        await restarted(gordon.world)
        await ended(gordon, r"janky never left the queue \(lost from the queue in a restart and not started again")
        await triggers(gordon, 1)


async def test_a_command_during_a_restart_gets_an_honest_line_and_then_the_truth(tmp_path: Path) -> None:
    """F21."""
    async with settling(tmp_path) as gordon:
        await gordon.world.jenkins.go_down("503")
        assert re.match(r"Jenkins ci does not answer \(", await gordon.say("tianon", "rebuild moby#1 janky"))
        await gordon.world.jenkins.restart(0.2)
        await gordon.world.jenkins.come_back()
        await gordon.chat.line(QUEUED)
        await ended(gordon)
        await triggers(gordon, 1)


@pytest.mark.parametrize(
    ("before_start", "read"),
    [
        pytest.param(True, r"janky never left the queue \(cancelled in the queue\)", id="before it started"),
        pytest.param(False, PASSED, id="after it started"),
    ],
)
async def test_a_queue_item_that_vanishes(tmp_path: Path, before_start: bool, read: str) -> None:
    """F22: its build is found among the newest, else it was cancelled; nothing is started again."""
    async with settling(tmp_path, quiet_period_s=0.5) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect=QUEUED)
        gordon.world.jenkins.clear_queue_item(1, before_start=before_start)
        await ended(gordon, read)
        await triggers(gordon, 1)


def without_mark(world: World) -> None:
    """Make janky's job one that nobody has prepared for us."""
    facts = tuple(StringParameter(name) for name in FACTS if name != MARK)
    world.jenkins.add_job("docker-prs", parameters=facts, duration_s=0.3)


async def test_a_job_without_our_mark_is_found_by_all_else_that_tells_it(tmp_path: Path) -> None:
    """F23: pull request, commit, user and time; and somebody else's equal build is not ours."""
    async with settling(tmp_path) as gordon:
        without_mark(gordon.world)
        gordon.world.jenkins.faults.next("POST", TRIGGER, CommitThenDrop())
        line = await gordon.say("tianon", "rebuild moby#1 janky", expect=QUEUED)
        assert f"docker-prs does not declare {MARK}" in line
        await ended(gordon)
        await triggers(gordon, 1)


async def a_doubt(gordon: Gordon) -> None:
    """Let the answer to a trigger be lost, and something of ours be there that could as well be its build."""
    without_mark(gordon.world)
    gordon.world.jenkins.faults.next("POST", TRIGGER, CommitThenDrop())
    await gordon.chat.hear("tianon", "rebuild moby#1 janky")
    await until(lambda: gordon.world.jenkins.ledger.builds)
    form = {name: str(value) for name, value in gordon.world.jenkins.ledger.triggers[0].parameters.items()}
    auth = {"Authorization": aiohttp.encode_basic_auth("gordon", TOKEN)}
    url = gordon.world.jenkins.url.rstrip("/") + TRIGGER
    async with aiohttp.ClientSession(headers=auth) as session, session.post(url, data=form) as answer:
        assert answer.status == 201
    await gordon.chat.line(r"starting janky may have happened, look at http://127\S+/job/docker-prs/ \[")


async def test_what_cannot_be_told_apart_is_a_letter_and_never_sent_again(tmp_path: Path) -> None:
    async with settling(tmp_path) as gordon:
        await a_doubt(gordon)
        letter = await gordon.say("icecrime", "letters")
        assert re.search(r"e1 .*build\.start: .*may have happened, look at", letter)
        await triggers(gordon, 2)
        assert "e1" in await gordon.say("icecrime", "letters drop e1")
        assert await gordon.say("icecrime", "letters") == "nothing is stuck"
        await triggers(gordon, 2)


async def test_a_letter_that_is_replayed_is_looked_up_first(tmp_path: Path) -> None:
    async with settling(tmp_path) as gordon:
        await a_doubt(gordon)
        await gordon.say("icecrime", "letters replay e1")
        async with asyncio.timeout(60):
            while "e1 " not in await gordon.say("icecrime", "letters"):  # noqa: ASYNC110
                await asyncio.sleep(0.2)  # it is being looked up, and nobody is told when that has ended
        gordon.world.jenkins.delete_build("docker-prs", 2)  # whose it was has become clear
        await gordon.say("icecrime", "letters replay e1")
        await ended(gordon)
        assert await gordon.say("icecrime", "letters") == "nothing is stuck"
        await triggers(gordon, 2)


async def test_what_starts_while_it_is_cancelled_is_stopped(tmp_path: Path) -> None:
    """Jenkins answers 500 to a cancel that comes too late: the build that came of the item is stopped."""
    async with settling(tmp_path, quiet_period_s=1.0, timeout_s=5) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=30))
        await gordon.say("tianon", "rebuild moby#1 janky", expect=QUEUED)
        gordon.world.jenkins.faults.next("GET", "/job/docker-prs/api/json", Slow(1.3))
        assert "moby#1: janky asked to stop, not yet over" in await gordon.say("tianon", "cancel moby#1")
        await ended(gordon, "janky #1 was aborted")
        ledger = gordon.world.jenkins.ledger
        assert ([each.number for each in ledger.stops], ledger.cancels) == ([1], [])
