"""A Gordon that listens: what Jenkins posts has it look at once, and is never believed (A29, J26)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.demo.jenkins.model import Plan
from bot.demo.world import World
from bot.testing import Gordon, running
from bot.values import BuildRef, JobRef
from tests.world.honesty import until

SECRET = "what-the-plugin-knows"
BUILD = BuildRef(JobRef("ci", "docker-prs"), 1)
NEVER_S = 3000.0  # a poll that no test waits for


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[Gordon]:
    """A Gordon that asks Jenkins nothing by itself for a long time, and listens on a free port."""
    async with World(folder, numbers={"poll_s": NEVER_S, "idle_poll_s": NEVER_S, "gather_s": 0.05}) as world:
        (folder / "notify").touch(0o600)
        (folder / "notify").write_text(SECRET)
        text = world.config.read_text().replace("poll_s =", 'notify_secret_file = "notify"\npoll_s =', 1)
        world.config.write_text(f"{text}\n[web]\nport = 0\n")
        async with running(folder, world=world) as gordon:
            assert gordon.app.web is not None
            await gordon.app.web.listening.wait()
            yield gordon


async def post(gordon: Gordon, phase: str, status: str = "", *, secret: str = SECRET) -> int:
    """Post what the Notification plugin would, true or not."""
    assert gordon.app.web is not None
    url = f"{gordon.world.jenkins.url}job/docker-prs/1/"
    build = {"full_url": url, "number": 1, "phase": phase, "status": status, "log": "Finished: SUCCESS"}
    body = json.dumps({"name": "docker-prs", "url": "job/docker-prs/", "build": build}).encode()
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gordon.app.web.url}/notification/jenkins/{secret}", data=body) as answer,
    ):
        return answer.status


async def ended(gordon: Gordon) -> None:
    """Wait until Jenkins itself says that the build is over."""
    while (build := await gordon.app.servers["ci"].build(BUILD)) is None or not build.finished:
        await gordon.world.clock.sleep(0.02)


async def test_a_build_is_told_long_before_the_next_poll_and_by_what_jenkins_says(tmp_path: Path) -> None:
    """A29: the notifications say SUCCESS, while it runs and after it failed; FINALIZED comes twice (J26)."""
    async with listening(tmp_path) as gordon:
        jenkins = gordon.world.jenkins
        gordon.world.build_of(lambda starting: Plan("FAILURE", 0.3))
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await until(lambda: jenkins.job("docker-prs").builds)
        assert await post(gordon, "COMPLETED", "SUCCESS") == 200
        looks = len(jenkins.ledger.requests)
        await until(lambda: len(jenkins.ledger.requests) > looks)
        await ended(gordon)
        for _ in range(2):
            assert await post(gordon, "FINALIZED", "SUCCESS") == 200
        told = await gordon.chat.line("janky #1 failed")
        assert [line for line in gordon.lines if "#1 failed" in line or "passed" in line] == [told]


async def test_whoever_has_no_secret_has_nothing_looked_at(tmp_path: Path) -> None:
    async with listening(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.0))
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await ended(gordon)
        looks = len(gordon.world.jenkins.ledger.requests)
        assert await post(gordon, "FINALIZED", secret="guessed") == 404
        assert len(gordon.world.jenkins.ledger.requests) == looks
        assert await post(gordon, "FINALIZED") == 200
        await gordon.chat.line("janky #1 passed")


async def test_a_gordon_that_ended_listens_no_more(tmp_path: Path) -> None:
    async with listening(tmp_path) as gordon:
        assert gordon.app.web is not None
        port = int(gordon.app.web.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
