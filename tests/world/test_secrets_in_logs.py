"""Secrets in logs, in names of tests and agents and in parameters reach nobody and no file; links are not followed.

(A25, A26, G13.)
"""

import gzip
import logging
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot.clock import SystemClock
from bot.demo.jenkins.ledger import Status
from bot.demo.jenkins.model import Plan
from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.reports import Case
from bot.demo.world import REPO, World
from bot.testing import Gordon
from tests.world.canaries import CANARIES, MORE, TWO_HUNDRED, Canary, letters
from tests.world.failing import BRIEF_S, REAL, Tries, failing, open_pulls
from tests.world.honesty import until

AROUND = 6  # canaries about each failure, so that all are quoted with it
IN_NAME, IN_NODE, IN_VALUE = (
    Canary(name, "", (f"ghp_{letters(36)}",)) for name in ("name of a test", "name of an agent", "value of a parameter")
)
OF_LOGS = (*TWO_HUNDRED, IN_NAME)
ALL = (
    *OF_LOGS,
    IN_NODE,
    IN_VALUE,
)  # what an agent is called, and what a build was given, is needed to ask for it again
NODE = f"agent-{IN_NODE.secrets[0]}"
GROUPS = [CANARIES[at : at + AROUND] for at in range(0, len(CANARIES), AROUND)]
PULLS = range(4, 4 + len(GROUPS))  # as they are opened
OTHERS_JOB = "docker-prs-experimental"
ONCE = "\n[plugin.retries]\noff = true\n"
SPEED = 10.0  # GitHub is written to once a second, by this clock


def red(group: Sequence[Canary], number: int) -> Plan:
    """Make a build that fails, with canaries as near to the telling line as they can be, and others further off."""
    first, second, *rest = [*(one.written for one in group), "", ""]
    test = f"TestDeploy{number}/{IN_NAME.secrets[0]}"
    lines = [first, second, f"--- FAIL: {test} (1.20s)", f"    deploy_test.go:41: timed out, {rest[0]}", *rest[1:]]
    case = Case("deploy", test, "failed", details=first, trace=second, stdout="\n".join(rest))
    above = [one.written for one in MORE[number % len(GROUPS) :: len(GROUPS)]]
    log = "\n".join([*above, "---> Making bundle: test", *lines, "FAIL", "make: *** [test] Error 1", ""])
    return Plan("FAILURE", duration_s=BRIEF_S, log=log, tests=(case,), node=NODE)


def fates() -> Tries:
    """Have each group of canaries in a log that fails, and in one that passes."""
    tries = Tries()
    for number, group in zip(PULLS, GROUPS, strict=True):
        tries.of("janky", red(group, number), pull=number)
        good = "\n".join([*(one.written for one in group), "ok", ""])
        tries.of("lxc", Plan("SUCCESS", duration_s=BRIEF_S, log=good, node=NODE), pull=number)
    unread = replace(REAL, log=f"+ hack/frobnicate {IN_NAME.secrets[0]}\nshelf {IN_NAME.secrets[0]} fell\n", node=NODE)
    return tries.of("experimental", unread, unread)


def prepare(world: World) -> None:
    """Tell all of how builds end, in the channel and on GitHub."""
    told = 'comment = true\nstrategy = "all"\nstorm_builds = 1000\n'
    text = world.config.read_text(encoding="utf-8").replace("[plugin.failures]\n", f"[plugin.failures]\n{told}")
    world.config.write_text(text, encoding="utf-8")
    assert open_pulls(world, len(GROUPS)) == list(PULLS)


@pytest.mark.timeout(120)
async def test_no_secret_of_a_log_gets_anywhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A26, G13: not chat, GitHub, the program's log, its pages, its database or the logs that it keeps."""
    caplog.set_level(logging.DEBUG)
    agents = [Agent(NODE, 4, ("driver:aufs",), exclusive=True)]
    async with failing(
        tmp_path,
        fates(),
        config=ONCE,
        agents=agents,
        prepare=prepare,
        with_hook=True,
        clock=SystemClock(SPEED),
        timeout_s=60.0,
        poll_s=1.0,
        idle_poll_s=2.0,
        gather_s=0.5,
    ) as gordon:
        await everything_is_built(gordon)
        await everything_is_asked(gordon)
        shown = {"chat": "\n".join(gordon.lines), "GitHub": on_github(gordon), **await pages(gordon)}
        logs = tmp_path / "state" / "logs"
        await until(lambda: len(list(logs.glob("*.gz"))) > len(GROUPS))  # all red ones, and a green one
    said = {name: text.encode() for name, text in (*shown.items(), ("the program's log", caplog.text))}
    found = [*leaks(said, ALL), *leaks(files(tmp_path / "state"), OF_LOGS)]
    assert found == []
    assert shown["chat"].count("[secret]") > len(GROUPS)
    assert "[secret]" in shown["GitHub"]
    assert "[secret]" in shown["/"]


async def everything_is_built(gordon: Gordon) -> None:
    """Have all builds run, and one with a canary among its parameters that somebody else has started."""
    jenkins = gordon.world.jenkins
    asked = jenkins.ledger.asked
    await until(lambda: len(asked("GET", f"/job/{OTHERS_JOB}/api/json")) > 1)  # what is there at the first is the past
    values = {"PR": "1", "GIT_SHA1": gordon.world.github.repo(REPO).pulls[1].head, "BASE_BRANCH": IN_VALUE.secrets[0]}
    jenkins.trigger(OTHERS_JOB, values)
    for number in PULLS:
        await gordon.say("tianon", f"rebuild moby#{number} janky lxc", expect="queued")
    await until(lambda: len(jenkins.ledger.builds) == 1 + 2 * len(PULLS))
    for number in PULLS:
        await gordon.chat.line(rf"moby#{number} at \w+: .*janky #\d+ failed")


async def everything_is_asked(gordon: Gordon) -> None:
    """Ask for all that quotes logs, parameters or agents."""
    last = len(PULLS)
    asked = [f"why moby#{number}" for number in PULLS]
    asked += [f"{word} docker-prs#{number}{more}" for number in range(1, last + 1) for word, more in WAYS]
    asked += [f"log lxc/docker-prs#{number} 15" for number in range(1, last + 1)]
    asked += [f"why {OTHERS_JOB}#1", f"log {OTHERS_JOB}#1 15", f"status {OTHERS_JOB}#1", "unknown", "nodes"]
    asked += ["flakes", "flakes tests", "flakes nodes", "known test FAIL: TestDeploy", "known test made|password|token"]
    asked += [f"rebuild {OTHERS_JOB}#1"]
    for line in asked:
        await gordon.say("tianon", line)


WAYS = (("why", ""), ("log", ""), ("log", " 15"), ("status", ""), ("tests", ""))


def on_github(gordon: Gordon) -> str:
    """Give all that was written there: statuses, comments and whatever was asked."""
    repo = gordon.world.github.repo(REPO)
    statuses = [one.description or "" for number in repo.pulls for one in repo.newest_statuses(repo.pulls[number].head)]
    comments = [one.body for one in repo.comments.values()]
    return "\n".join([*statuses, *comments])


async def pages(gordon: Gordon) -> Mapping[str, str]:
    """Read all that it shows to whoever asks."""
    assert gordon.app.web is not None
    found = {}
    async with aiohttp.ClientSession(gordon.app.web.url) as session:
        for page in ("/", "/healthz", "/metrics", "/readyz"):
            async with session.get(page) as answer:
                found[page] = await answer.text()
    return found


def files(state: Path) -> Mapping[str, bytes]:
    """Read all that is on disk: as bytes, what is compressed also as text, and the database row by row."""
    found = {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file()}
    assert any(name.endswith(".db") for name in found)
    found |= {f"{name}, unpacked": gzip.decompress(raw) for name, raw in found.items() if name.endswith(".gz")}
    with closing(sqlite3.connect(state / "gordon.db")) as db:
        found["rows"] = "\n".join(db.iterdump()).encode()
    return found


def leaks(where: Mapping[str, bytes], canaries: Sequence[Canary]) -> Iterator[str]:
    """Name each canary that is seen somewhere, with what of it."""
    pieces = [(canary, canary.forbidden) for canary in canaries]
    for name, raw in where.items():
        for canary, forbidden in pieces:
            seen = next((form for form in forbidden if form in raw), None)
            if seen is not None:
                at = raw.index(seen)
                around = str(raw[max(0, at - 60) : at + 40], "utf-8", "replace")
                yield f"{canary.name} in {name}: {around}"


@asynccontextmanager
async def a_trap() -> AsyncIterator[tuple[str, list[str]]]:
    """Listen on loopback; give the address, and what was asked for there."""
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(f"{request.method} {request.path} {request.headers.get('Authorization', '')}")
        return web.Response(text="nothing here")

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def test_no_link_in_a_log_is_followed(tmp_path: Path) -> None:
    """A25: whatever a log names, only its own Jenkins is asked."""
    async with a_trap() as (trap, asked):
        own = "/job/docker-prs/api/json?deep=trap"
        links = [f"{trap}/x", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "gopher://127.0.0.1:1/"]
        text = "\n".join(f"see {link} and <a href='{link}'>report</a>" for link in [*links, own])
        assert isinstance(REAL.log, str)
        plan = replace(REAL, log=f"{text}\n{REAL.log}".replace("timed out", f"timed out for {trap}/y"))
        async with failing(tmp_path, Tries().of("janky", plan)) as gordon:
            await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
            await gordon.chat.line("janky #1 failed")
            await gordon.say("tianon", "log docker-prs#1 15")
            requests = [seen.path for seen in gordon.world.jenkins.ledger.requests]
        assert asked == []
        assert [path for path in requests if "trap" in path or "meta-data" in path or "passwd" in path] == []


@pytest.mark.parametrize("code", [301, 302, 307])
async def test_no_log_is_taken_from_where_an_answer_leads(tmp_path: Path, code: int) -> None:
    """A25: a redirect to somewhere else is not followed, least of all with our credentials."""
    async with a_trap() as (trap, asked):

        def prepare_redirect(world: World) -> None:
            fault, seen = Status(code, headers={"Location": f"{trap}/log"}), []

            def lead_away(method: str, path: str) -> None:
                if "/logText/" in path:
                    seen.append(path)
                    if len(seen) == 2:  # the first only sees whether the build is over
                        world.jenkins.faults.next("GET", "/job/docker-prs/*/logText/*", fault, times=1000)

            world.jenkins.before_answer = lead_away
            text = world.config.read_text(encoding="utf-8")
            world.config.write_text(f"{text}\n[diagnosis]\nwithin_s = 1\n", encoding="utf-8")

        async with failing(tmp_path, Tries().of("janky", REAL), prepare=prepare_redirect) as gordon:
            await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
            told = await gordon.chat.line("janky #1 failed")
        assert asked == []
        assert re.search("its log was not read", told), told
