"""What gordon-bot and Leeroy got wrong, and Gordon does not; the others of the five are named in other files.

`test_unknown_speaker_refused`, `test_unknown_repo_refused` and `test_backend_down_never_says_started` are in
test_conversations.py, `test_each_credential_half_refused` is in test_leeroy.py.
"""

import asyncio
import inspect
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.adapters.github import GitHub
from bot.adapters.jenkins import Jenkins
from bot.clock import SystemClock
from bot.demo.jenkins.model import Plan
from bot.demo.world import REPO
from bot.errors import Unavailable
from bot.forge import ForgeServer
from bot.ports import BuildServer, Order
from bot.settings import GitHubSettings, JenkinsSettings
from bot.testing import Gordon
from bot.values import Build, BuildRef, JobRef, NodeRef, PullRef, Status, StatusState
from tests.world.failing import Tries, failing
from tests.world.honesty import until

TIMEOUT_S = 0.2
OVER_S = 10.0  # a few tries of a read, on a machine that does other things too
JOB, PULL = JobRef("ci", "docker-prs"), PullRef("moby/moby", 7)
BUILD = BuildRef(JOB, 1)
ASKS_NOBODY = {"close"}
TELLS = "check"  # what is wrong, instead of raising it
BY_KIND: Mapping[object, object] = {
    JobRef: JOB,
    BuildRef: BUILD,
    PullRef: PULL,
    Build: Build(BUILD, ""),
    NodeRef: NodeRef("ci", "dm-7"),
    Order: Order(JOB, {}, "mark"),
    Status: Status("janky", StatusState.PENDING, "", ""),
    datetime: datetime(2026, 1, 1, tzinfo=UTC),
    int: 7,
}
BY_NAME: Mapping[str, object] = {
    "self": None,
    "repo": REPO,
    "repos": [REPO],
    "paths": ["MAINTAINERS"],
    "jobs": [JOB],
    "sha": "a" * 40,
    "name": "docker/core",
    "marker": "mark",
    "body": "words",
    "reaction": "eyes",
    "reason": "the disk is full",
    "match": {"PR": "7"},
    "unnoted": None,
    "offline": True,
    "add": ["label"],
}

FORGED = [
    pytest.param("/notification/jenkins", {}, 404, id="without-a-secret"),
    pytest.param("/notification/jenkins/guessed", {}, 404, id="with-a-wrong-one"),
    pytest.param("/notification/jenkins", {"Authorization": "Basic Y2k6Z3Vlc3NlZA=="}, 404, id="with-a-wrong-password"),
    pytest.param("/notification/github", {"X-GitHub-Event": "status", "X-GitHub-Delivery": "1"}, 403, id="as-github"),
]


@pytest.mark.parametrize(("path", "headers", "code"), FORGED)
async def test_unsigned_build_result_refused(tmp_path: Path, path: str, headers: Mapping[str, str], code: int) -> None:
    """A7: whoever told Leeroy that a build had passed had a green status set."""
    async with failing(tmp_path, Tries().always("janky", Plan("FAILURE", 0.3)), with_hook=True) as gordon:
        github, head = gordon.world.github, gordon.world.github.pull_record(REPO, 1).head
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        job = gordon.world.jenkins.job("docker-prs")
        await until(lambda: job.builds)
        facts = {"GIT_BASE_REPO": REPO, "GIT_SHA1": head, "PR": "1"}
        told = {"full_url": "", "number": 1, "phase": "COMPLETED", "status": "SUCCESS", "parameters": facts}
        assert await post(gordon, path, headers, {"name": "docker-prs", "build": told}) == code
        await until(lambda: [one for one in github.statuses(REPO, head) if one.state == "failure"])
        assert "success" not in {one.state for one in github.statuses(REPO, head)}


async def post(gordon: Gordon, path: str, headers: Mapping[str, str], body: object) -> int:
    assert gordon.app.web is not None
    sent = {"Content-Type": "application/json", **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gordon.app.web.url}{path}", data=json.dumps(body), headers=sent) as answer,
    ):
        return answer.status


def calls_of(port: type) -> Sequence[str]:
    """List what a port asks a neighbour for."""
    return [name for name, _ in inspect.getmembers(port, inspect.iscoroutinefunction) if name not in ASKS_NOBODY]


def arguments_of(call: Callable[..., Any]) -> list[object]:
    """Make what a call must be given."""
    given = [one for one in inspect.signature(call).parameters.values() if one.default is one.empty]
    return [
        BY_NAME[one.name] if one.name in BY_NAME else BY_KIND[one.annotation]
        for one in given
        if one.kind != one.KEYWORD_ONLY
    ]


def named_of(call: Callable[..., Any]) -> dict[str, object]:
    """Make what a call must be given by name."""
    given = [one for one in inspect.signature(call).parameters.values() if one.kind is one.KEYWORD_ONLY]
    return {one.name: BY_NAME[one.name] for one in given if one.name in BY_NAME}


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """A server that takes whatever it is sent, and never says a word."""
    taken: list[asyncio.BaseTransport] = []

    class Taking(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            taken.append(transport)

    server = await asyncio.get_running_loop().create_server(Taking, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for transport in taken:
            transport.close()
        server.close()


def jenkins_at(url: str) -> BuildServer:
    return Jenkins("ci", JenkinsSettings(url=url, timeout_s=TIMEOUT_S), "", SystemClock())


def github_at(url: str) -> ForgeServer:
    return GitHub(GitHubSettings(url=url, timeout_s=TIMEOUT_S), lambda: "a-token", SystemClock())


CLIENTS: list[tuple[Callable[[str], Any], type, str]] = [
    (jenkins_at, BuildServer, name) for name in calls_of(BuildServer)
]
CLIENTS += [(github_at, ForgeServer, name) for name in calls_of(ForgeServer)]


async def test_every_client_call_has_deadline() -> None:
    """Neither of the old pair had one, so that a neighbour which hung hung them, too."""

    async def call(make: Callable[[str], Any], port: type, name: str, url: str) -> str:
        client = make(url)
        method, declared = getattr(client, name), getattr(port, name)
        began_s = time.monotonic()
        try:
            found = await method(*arguments_of(declared)[1:], **named_of(declared))
            wrong = "" if name == TELLS and found else f"{name}: {found!r}"
        except Unavailable:
            wrong = ""
        finally:
            await client.close()
        lasted_s = time.monotonic() - began_s
        return wrong or ("" if lasted_s < OVER_S else f"{name}: {lasted_s:.1f} s")

    async with silent() as url:
        assert CLIENTS
        found = await asyncio.gather(*(call(make, port, name, url) for make, port, name in CLIENTS))
    assert not [wrong for wrong in found if wrong]
