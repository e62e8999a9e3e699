"""Attacks A12, A23, A24, A33 and A36, each from where the attacker stands."""

import asyncio
import re
import resource
import time
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer as TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.jenkins_wire import job_path
from bot.demo.jenkins.ledger import Status
from bot.demo.jenkins.model import Plan, StringParameter
from bot.demo.world import CONTEXTS, World
from bot.pace import UNPROVEN_PER_MINUTE
from bot.testing import confirmation, running
from tests.world.gordon_process import gordon_process
from tests.world.honesty import honest, until

DEPTH = 100_000
KEYS = 300_000  # fewer than A12 names: each of four commands reads several of these, which takes most of the second
BOMBS = [
    pytest.param("[" * DEPTH, id="deep-lists"),
    pytest.param('{"a":' * DEPTH, id="deep-objects"),
    pytest.param('{"a":' * DEPTH + "1" + "}" * DEPTH, id="deep-and-closed"),
    pytest.param("{" + ",".join(f'"k{n}":0' for n in range(KEYS)) + "}", id="many-keys"),
    pytest.param('{"number": NaN, "head": Infinity}', id="not-a-number"),
    pytest.param('{"number": 1, "number": 2, "builds": [{"number": 1}], "builds": 7}', id="keys-twice"),
    pytest.param('{"number": ' + "9" * 100_000 + "}", id="huge-integer"),
    pytest.param('{"builds": [{"number": 1e999}], "number": -1e999}', id="huge-exponent"),
    pytest.param(
        '{"builds": [{"number": "\\ud800"}], "number": "\\udfff", "head": {"sha": "\\ud800"}}', id="surrogate"
    ),
    pytest.param("null", id="null"),
    pytest.param("", id="empty"),
    pytest.param("\x00\x01", id="no-text"),
]
JENKINS_OWN = {"X-Jenkins": "2.579"}  # without it nobody would try to read the answer
SERVED_BYTES_PER_S = 1e7  # what the stand-ins need of the same processor for sending a bomb comes on top of a second
GROWTH_BYTES = 512 * 1024 * 1024  # of the whole process: each of four reads at once may hold a bomb


@pytest.mark.parametrize("bomb", BOMBS)
async def test_an_answer_of_jenkins_that_nobody_can_read_is_said(tmp_path: Path, bomb: str) -> None:
    """A12: within a second, and the next answer is read again."""
    async with honest(tmp_path, poll_s=3600) as gordon:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for typed in ("queue", "running", "status base-image", "status moby#1"):
            gordon.world.jenkins.faults.next("GET", "*", Status(200, bomb, JENKINS_OWN), times=20)
            began_s, before_it = time.process_time(), len(gordon.world.jenkins.ledger.requests)
            await gordon.say("tianon", typed, expect=r"Jenkins ci (does not answer|refused)|nothing is|never built")
            sent_bytes = (len(gordon.world.jenkins.ledger.requests) - before_it) * len(bomb)
            assert time.process_time() - began_s < 1 + sent_bytes / SERVED_BYTES_PER_S
            gordon.world.jenkins.faults.clear()
        assert "queued janky" in await gordon.say("tianon", "rebuild moby#1 janky")
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < GROWTH_BYTES


@pytest.mark.parametrize("bomb", BOMBS)
async def test_an_answer_of_github_that_nobody_can_read_is_said(tmp_path: Path, bomb: str) -> None:
    """A12: nothing is built for a pull request that could not be read."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=bomb, content_type="application/json")

    async with World(tmp_path) as world, TestServer(answer) as github:
        world.config.write_text(world.config.read_text().replace(world.github.base_url, str(github.make_url(""))))
        async with running(tmp_path, world=world) as gordon:
            began_s = time.process_time()
            told = await gordon.say("tianon", "rebuild moby#1 janky")
            assert time.process_time() - began_s < 1 + len(bomb) / SERVED_BYTES_PER_S
            assert re.search(r"^GitHub does not answer \(reading moby/moby#1: it answered something unreadable\)", told)
            assert await gordon.say("tianon", "ping") == "pong"
            assert world.jenkins.ledger.triggers == []


JOBS = (
    *(
        "..",
        ".",
        "../base-image",
        "base-image/..",
        "base-image/../../admin",
        "%2e%2e",
        "%2e%2e/%2e%2e",
        "base-image%2f",
    ),
    *(
        "//",
        "/base-image",
        "base-image/",
        "//evil.example/x",
        "base-image?delay=0",
        "?delay=999sec",
        "base-image?token=x",
    ),
    *("base-image#", "#", "base-image#1#2", "-base-image", "--help", "-", "base-image;", "base image"),
    *(
        "job/base-image",
        "infra/base-image/build",
        "base-image\x00",
        "base-image\t",
        "\uff42ase-image",
        "base-image\u200b",
    ),
    *("infra", "*", "base-*", "win/../win", "a" * 4000),
)


# What Gordon asks of itself, at its start: what waits, which agents there are, how the configured jobs stand.
WATCHED = {"/queue/api/json", "/computer/api/json"} | {
    "".join(f"/job/{part}" for part in job.split("/")) + "/api/json" for job in CONTEXTS.values()
}


# What is read while nobody says anything: the queue, the agents, and the jobs of the configuration.
UNASKED = {"/api/json", "/queue/api/json", "/computer/api/json"} | {
    f"/{job_path(job)}api/json" for job in (*CONTEXTS.values(), "infra/base-image")
}


@pytest.mark.parametrize("job", [pytest.param(job, id=repr(job)[:30]) for job in JOBS])
async def test_a_job_that_is_not_configured_is_unknown_and_jenkins_is_not_asked(tmp_path: Path, job: str) -> None:
    """A23: names come from the configuration, never from chat."""
    async with honest(tmp_path, poll_s=3600) as gordon:
        for typed in (f'build "{job}" PLATFORM=el6', f'status "{job}#1"', f'cancel "{job}#1"', f'status "{job}"'):
            told = await gordon.say("icecrime", typed)
            assert re.search(
                r"^(no job|no repository|\".*\" is (no|neither) |.*is too much|a command has at most|a character in)",
                told,
            ), told
            assert "\n" not in told
        ledger = gordon.world.jenkins.ledger
        assert {each.path.partition("?")[0] for each in ledger.requests} <= WATCHED
        assert ledger.asked("POST") == []


VALUES = (
    *("a\nb", "a\rb", "a&PUSH=true", "&delay=99", "a=b=c", "$(id)", "`id`", "${PATH}", "a;rm -rf /", "../../x", "%0a"),
    *("a b", "", "é", "\u202e", "😀", "a+b", "a%26b", "true&GORDON_REQUEST_ID=x", "x" * 3000, "'", "\\", "{}", "<x>"),
)


async def test_a_choice_outside_the_list_is_refused_whatever_it_is(tmp_path: Path) -> None:
    """A24: with the allowed values, and without a trigger."""
    async with honest(tmp_path, poll_s=3600) as gordon:
        for value in VALUES:
            told = await gordon.say("tianon", f'build base-image "PLATFORM={value}"')
            assert re.search("one of el6, el7, jessie|a character in that cannot be seen", told), told
        for key in ("DELAY", "delay", "token", "GORDON_REQUEST_ID", "PLATFORM&PUSH", "PLATFORM\n", "P LATFORM"):
            told = await gordon.say("tianon", f'build base-image "{key}=el6"')
            assert re.search("no parameter|is filled in|cannot be seen", told), told
        assert "has at most" in await gordon.say("tianon", f"build base-image PLATFORM={'x' * 1_000_000}")
        assert gordon.world.jenkins.ledger.triggers == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(alphabet=st.characters(exclude_characters='"', exclude_categories=["Cs"]), max_size=200))
def test_a_value_arrives_as_it_was_typed_or_not_at_all(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    """A24: nothing that is typed becomes another parameter, another job or another value."""
    asyncio.run(type_value(tmp_path_factory.mktemp("world"), value))


def free_parameters() -> tuple[StringParameter, ...]:
    return tuple(StringParameter(name) for name in ("GORDON_REQUEST_ID", "NOTE", "OTHER", "UNSET"))


async def type_value(folder: Path, value: str) -> None:
    async with honest(folder, poll_s=3600) as gordon:
        gordon.world.jenkins.add_job("infra/base-image", parameters=free_parameters())
        told = await gordon.say("tianon", f'build base-image "NOTE={value}" "OTHER=untouched"')
        if "to go on say" in told:
            told = await gordon.say("tianon", confirmation(told))
            assert "queued" in told
        ledger = gordon.world.jenkins.ledger
        posts = ledger.asked("POST")
        assert all("?" not in post.path for post in posts), "a value must not get into an address"
        if "queued" in told:
            [trigger] = ledger.triggers
            assert trigger.parameters["NOTE"] == value
            assert trigger.parameters["OTHER"] == "untouched"
            assert trigger.parameters["UNSET"] == ""
            assert str(trigger.parameters["GORDON_REQUEST_ID"]).startswith("gordon-")
        else:
            assert ledger.triggers == []


async def test_a_storm_of_commands_does_not_burn_the_executors(tmp_path: Path) -> None:
    """A33, F43: 10,000 lines of one person; one notice, a few builds, and others are answered in between."""
    async with honest(tmp_path, commands_per_minute=30, builds_per_person=5) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=60))
        for number in range(10_000):
            await gordon.chat.hear("tianon", "rebuild moby#1 again")
            if number % 2_000 == 1_000:
                asked_s = time.monotonic()
                await gordon.say("jess", "ping", expect="pong")
                assert time.monotonic() - asked_s < 5
        await gordon.chat.line("tianon has 5 builds under way, which is as many as one person may have")
        assert "queued janky" in await gordon.say("jess", "rebuild moby#2 janky", expect="moby#2")
        assert len(gordon.world.jenkins.ledger.triggers) == 5 + 1
        notices = [line for line in gordon.lines if "too many commands at once" in line]
        assert 1 <= len(notices) <= 2, "a machine that takes over a minute for it tells a second time"
        assert len(gordon.lines) < 60


async def test_a_storm_of_strangers_is_answered_ten_times_each(tmp_path: Path) -> None:
    """A33: whom nothing proves has a smaller bucket."""
    async with honest(tmp_path, commands_per_minute=30) as gordon:
        for _ in range(200):
            await gordon.chat.hear("eve", "ping", proven=False)
        await until(lambda: gordon.lines.count("pong") >= UNPROVEN_PER_MINUTE)
        assert "Gordon" in await gordon.say("jess", "version", expect="Gordon")
        assert len(gordon.lines) <= UNPROVEN_PER_MINUTE + 2 + 2, "a slow machine may earn one more answer and notice"


@pytest.mark.parametrize("name", ["jenkins-token", "github-token"])
@pytest.mark.parametrize(("mode", "told"), [(0o644, "may read"), (0o604, "may read"), (0o602, "may change")])
async def test_a_secret_that_everybody_may_reach_is_refused(tmp_path: Path, name: str, mode: int, told: str) -> None:
    """A36: it refuses to start, and says what to type."""
    async with World(tmp_path, with_irc=True) as world:
        (tmp_path / name).chmod(mode)
        async with gordon_process(world) as gordon:
            assert await gordon.ended() == 2
            assert re.search(rf"{name}: everybody {told} the secret of .*; run: chmod o-[rw] ", gordon.errors)
            assert "Traceback" not in gordon.errors
        assert world.jenkins.ledger.requests == []


async def test_no_secret_is_taken_from_the_command_line(tmp_path: Path) -> None:
    """A36: everybody on the machine can read arguments, so there is no option for one, nor a key beside a file's."""
    async with World(tmp_path, with_irc=True) as world:
        for option in ("--token=x", "--password=x", "--jenkins-token=x", "--secret=x"):
            async with gordon_process(world, option) as gordon:
                assert await gordon.ended() == 2
                assert f"it takes no {option}" in gordon.errors
        world.config.write_text(world.config.read_text().replace("token_file", "token"))
        async with gordon_process(world) as gordon:
            assert await gordon.ended() == 2
            assert 'unknown key "token"' in gordon.errors
