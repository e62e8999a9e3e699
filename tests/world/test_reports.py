"""What one asks of a build from chat: its stages, its tests, how long it takes; hostile names do nothing (J29)."""

import base64
from pathlib import Path

import aiohttp
import pytest

from bot.demo.jenkins.model import Plan
from bot.demo.jenkins.reports import Case
from bot.demo.jenkins.stages import StagePlan
from bot.testing import Gordon, running
from tests.world.honesty import until

BAD, GOOD, SKIPPED = Case("pkg.T", "x", "failed"), Case("pkg.T", "y"), Case("pkg.T", "z", "skipped")


async def built(gordon: Gordon, plan: Plan) -> None:
    """Have a build of janky begin that goes as planned."""
    gordon.world.build_of(lambda starting: plan)
    before = len(gordon.world.jenkins.job("docker-prs").builds)
    await gordon.say("tianon", "rebuild moby#1 janky again", expect="queued")
    await until(lambda: len(gordon.world.jenkins.job("docker-prs").builds) > before)


async def test_what_tests_came_to_and_for_how_long(tmp_path: Path) -> None:
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        for number in (1, 2):
            await built(gordon, Plan("UNSTABLE", 0.0, tests=(BAD, GOOD, SKIPPED)))
            await gordon.chat.line(f"janky #{number} .*unstable")
        assert "docker-prs#1: 3 tests: 1 failed, 1 skipped: pkg.T.x (new)" in await gordon.say(
            "newcomer", "tests docker-prs#1"
        )
        assert "pkg.T.x (failing in 2 builds, since #1)" in await gordon.say("newcomer", "tests docker-prs#2")


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        pytest.param(None, "docker-prs#1 has no test report (it may have ended before its tests)", id="J31-no-report"),
        pytest.param((GOOD,), "docker-prs#1: 1 test: 1 passed", id="passed"),
        pytest.param(
            (Case("pkg\r\nQUIT :x", "\x02y\x1b[31m" + "z" * 500, "failed"),), "1 failed: pkg QUIT :x", id="J29-hostile"
        ),
    ],
)
async def test_what_is_no_failure_is_not_said_to_be_one(
    tmp_path: Path, tests: tuple[Case, ...] | None, told: str
) -> None:
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        await built(gordon, Plan("FAILURE", 0.0, tests=tests))
        await gordon.chat.line("janky #1 failed")
        said = await gordon.say("newcomer", "tests docker-prs#1")
        assert told in said
        assert "0 failed" not in said
        assert said.isprintable()
        assert len(said) < 300


async def test_a_build_that_runs_or_never_was_is_not_said_to_have_ended_without_tests(tmp_path: Path) -> None:
    """J31."""
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        await built(gordon, Plan("SUCCESS", 600.0, tests=(GOOD,)))
        said = await gordon.say("newcomer", "tests docker-prs#1")
        assert said == "docker-prs#1 still runs, and has no test report yet"
        assert "docker-prs#9 does not exist, or not any more" in await gordon.say("newcomer", "tests docker-prs#9")


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        pytest.param((StagePlan("Build", 0.0), StagePlan("Test", 600.0)), "in stage Test (", id="runs"),
        pytest.param(
            (StagePlan("Deploy", input_s=600.0),), "paused for input in stage Deploy", id="waits-for-somebody"
        ),
    ],
)
async def test_a_pipeline_tells_where_it_is(tmp_path: Path, stages: tuple[StagePlan, ...], told: str) -> None:
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        gordon.world.jenkins.job("docker-prs").kind = "pipeline"
        await built(gordon, Plan("SUCCESS", stages=stages))
        assert told in await gordon.say("newcomer", "status docker-prs#1")


async def test_patterns_choose_and_estimates_are_told(tmp_path: Path) -> None:
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        await built(gordon, Plan("SUCCESS", 0.2))
        await gordon.chat.line("janky #1 passed")
        await built(gordon, Plan("SUCCESS", 600.0))
        told = await gordon.say("newcomer", "running ^moby#1.jan(ky|e)")
        assert "1 of 1 running: moby#1 janky #2 (" in told
        assert "left" in told or "over its estimate" in told
        assert 'nothing with "zfs|lxc" is running' in await gordon.say("newcomer", "running zfs|lxc")
        assert "is no pattern: missing )" in await gordon.say("newcomer", "running (zfs")


async def test_quieting_down_is_said_where_one_looks_why_nothing_starts(tmp_path: Path) -> None:
    """(J27) What is queued then waits for the restart, and whoever looks is told so."""
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        jenkins = gordon.world.jenkins
        jenkins.add_user("admin", token="token-of-admin")
        login = base64.b64encode(b"admin:token-of-admin").decode()
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Basic {login}"}) as session,
            session.post(f"{jenkins.url}quietDown", params={"message": "upgrade to 2.579"}) as answer,
        ):
            assert answer.status == 200
        told = await gordon.say("newcomer", "queue")
        assert "nothing is waiting; Jenkins ci is about to shut down (upgrade to 2.579): it starts nothing" in told
