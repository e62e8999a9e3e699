"""What neighbours, and those in front of them, answer in the wrong moment: nothing is built twice or hidden."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.builds import BuildRow
from bot.demo.jenkins.ledger import CommitThenDrop, Reset, Status
from bot.demo.world import CHANNEL, REPO, TOKEN, World
from bot.testing import Gordon, confirmation, running
from bot.values import Place
from tests import rigs
from tests.world.honesty import honest, said, triggers, until

TWO = """
[jenkins.two]
url = "{url}"
user = "gordon"
token_file = "jenkins-token"
timeout_s = 0.5

[repos."moby/moby".contexts.arm]
jenkins = "two"
job = "arm"
"""
TRIGGER = "/job/docker-prs/buildWithParameters"
QUEUED = r"^moby#1 at \w{7}: queued janky \(item \d+\)"


async def test_a_proxy_that_knows_no_route_while_a_lost_start_is_looked_for(tmp_path: Path) -> None:
    """F23, trap 15: its 404 does not tell of a job without builds."""
    async with honest(tmp_path, timeout_s=0.5, again_after_s=0.2, poll_s=0.1, gather_s=0.1) as gordon:
        jenkins = gordon.world.jenkins
        jenkins.faults.next("POST", TRIGGER, CommitThenDrop())
        await gordon.chat.hear("tianon", "rebuild moby#1 janky")
        await until(lambda: jenkins.ledger.triggers)
        jenkins.faults.next("GET", "/job/docker-prs/api/json", Status(404, "<html>no such route</html>"), times=2)
        await gordon.chat.line(QUEUED)
        await said(gordon, "janky #1 passed", 1)
        await triggers(gordon, 1)


async def test_a_lost_start_takes_no_other_build_of_the_job_for_its_own(tmp_path: Path) -> None:
    """F23: without a mark a build is known by its parameters, those of a job that is no context too."""
    async with honest(tmp_path, quiet_period_s=60, timeout_s=0.5, again_after_s=0.2) as gordon:
        jenkins = gordon.world.jenkins
        base_image = jenkins.job("infra/base-image")
        base_image.parameters = tuple(each for each in base_image.parameters if each.name != "GORDON_REQUEST_ID")
        jenkins.faults.next("POST", "*/base-image/buildWithParameters", Reset())
        asked = await gordon.say("tianon", "build base-image PLATFORM=el6 PUSH=TRUE")
        await gordon.chat.hear("tianon", confirmation(asked))
        await until(lambda: jenkins.ledger.asked("POST"))
        # Another tool with Gordon's account, or one more Gordon.
        auth = {"Authorization": aiohttp.encode_basic_auth("gordon", TOKEN)}
        url = f"{jenkins.url}job/infra/job/base-image/buildWithParameters?PLATFORM=el7"
        async with aiohttp.ClientSession(headers=auth) as client, client.post(url) as answer:
            assert answer.status == 201
        await gordon.chat.line(r"queued \(item 2\)")
        await triggers(gordon, 2)
        assert [each.parameters["PLATFORM"] for each in jenkins.ledger.triggers] == ["el7", "el6"]


@asynccontextmanager
async def beside_a_dead_jenkins(folder: Path) -> AsyncIterator[Gordon]:
    """Run a Gordon with two Jenkinses, the second of which is down."""
    async with World(folder, quiet_period_s=60) as world:
        url = f"http://127.0.0.1:{rigs.free_port()}/"
        world.config.write_text(world.config.read_text() + TWO.format(url=url))
        async with running(folder, world=world) as gordon:
            yield gordon


TOLD = [
    pytest.param(
        "queue", r"^1 waiting: moby#1 janky \(.*\); Jenkins two does not answer \(reading the queue\)", id="queue"
    ),
    pytest.param("running", r"^nothing is running; Jenkins two does not answer \(reading what runs\)", id="running"),
    pytest.param(
        "status moby#1",
        r"^moby#1 at \w{7}: experimental never built; janky queued .*; windows never built; "
        r"Jenkins two does not answer \(",
        id="status",
    ),
]


@pytest.mark.parametrize(("typed", "told"), TOLD)
async def test_a_dead_jenkins_hides_nothing_of_the_other(tmp_path: Path, typed: str, told: str) -> None:
    """F21."""
    async with beside_a_dead_jenkins(tmp_path) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect=QUEUED)
        await gordon.say("tianon", typed, expect=told)


async def test_what_is_on_a_dead_jenkins_is_not_asked_for_what_is_on_the_other(tmp_path: Path) -> None:
    """F21: and everybody else still waits for it."""
    async with beside_a_dead_jenkins(tmp_path) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky lxc", expect=r": queued janky \(item 1\), lxc \(item 2\)")
        await gordon.say("tianon", "rebuild moby#1 arm", expect="^Jenkins two does not answer")


@pytest.mark.parametrize("state", ["void", "unsure"])
async def test_a_build_that_came_to_nothing_is_not_on_its_way(tmp_path: Path, state: str) -> None:
    """F28: a command that is handled again, after it joined a build that was given up since, starts one itself."""
    async with honest(tmp_path, quiet_period_s=60) as gordon:
        row = BuildRow("gone", "", "ci", "docker-prs", "janky", REPO, 1, "9" * 40, "jess", state)
        place = Place("test", CHANNEL, to="tianon")

        def write(db: sqlite3.Connection) -> None:
            gordon.app.ledger.insert(db, row)
            gordon.app.ledger.ask(db, row.request_id, "tianon", place, "test:joined")

        await gordon.app.database.write(write)
        await gordon.say("tianon", "rebuild moby#1 janky", key="test:joined", expect=QUEUED)
