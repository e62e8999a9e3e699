"""Building one build again: with what it had, only at its pull request's head, on a chosen agent, and once."""

import base64
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.demo.jenkins.ledger import TriggerAccepted
from bot.demo.jenkins.model import Plan, StringParameter
from bot.demo.jenkins.nodes import Agent
from bot.demo.world import CHANNEL, FACTS, REPO, TOKEN, World
from bot.errors import NotAllowed
from bot.rights import Asker
from bot.testing import NETWORK, Gordon, running
from bot.values import BuildRef, JobRef, NodeRef, Place, Speaker
from tests.world.honesty import check, until

AT = r"[0-9a-f]{7}"
LONG_S = 30.0
MARK = "GORDON_REQUEST_ID"


@asynccontextmanager
async def site(
    folder: Path, *, node: str = "", quiet_period_s: float = 0.0, poll_s: float = 0.1
) -> AsyncIterator[Gordon]:
    """Run a Gordon whose builds fail at once.

    Arguments:
        node: the parameter by which the jobs choose their agent.
    """
    world = World(folder, quiet_period_s=quiet_period_s, numbers={"poll_s": poll_s, "gather_s": 0.05})
    world.build_of(lambda starting: Plan("FAILURE", 0.0))
    async with world:
        world.jenkins.add_job(
            "docker-prs", parameters=[StringParameter(name) for name in (*FACTS, *([node] if node else []))]
        )
        if node:
            text = world.config.read_text(encoding="utf-8")
            parameters = f'[jenkins.ci.parameters]\nnode = "{node}"\n\n[github]'
            world.config.write_text(text.replace("[github]", parameters), encoding="utf-8")
        async with running(folder, world=world) as gordon:
            yield gordon
            check(gordon.lines, world)


async def janky_failed(gordon: Gordon) -> None:
    """Have moby#1's janky built once, as docker-prs#1, and fail."""
    await gordon.say("tianon", "rebuild moby#1 janky")
    await gordon.chat.line("janky #1 failed")


def triggers(gordon: Gordon) -> Sequence[TriggerAccepted]:
    return gordon.world.jenkins.ledger.triggers


async def test_a_build_of_a_pull_request_is_built_again_as_it_was(tmp_path: Path) -> None:
    async with site(tmp_path) as gordon:
        await janky_failed(gordon)
        said = await gordon.say("jess", "rebuild docker-prs#1")
        assert re.search(rf"^docker-prs#1 again: janky at {AT} queued \(item 2\) \[\w{{4}}\]$", said), said
        first, second = (dict(each.parameters) for each in triggers(gordon))
        assert first.pop(MARK) != second.pop(MARK)
        assert first == second
        assert "janky #2 failed" in await gordon.chat.line("janky #2 failed")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("rebuild moby#1 janky", "queued janky \\(item 2\\)"),
        ("rebuild docker-prs#1", "janky at .* queued \\(item 2\\)"),
    ],
)
async def test_what_has_ended_since_the_last_look_is_built_again(tmp_path: Path, command: str, answer: str) -> None:
    """Who has read of the failure on Jenkins itself is not told that it runs still."""
    async with site(tmp_path, poll_s=30.0) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await until(lambda: ended(gordon, 1))
        assert re.search(answer, said := await gordon.say("jess", command)), said
        await until(lambda: ended(gordon, 2))
        assert len(triggers(gordon)) == 2


def ended(gordon: Gordon, number: int) -> bool:
    """Tell whether a build of janky is there and over."""
    build = gordon.world.jenkins.job("docker-prs").builds.get(number)
    return build is not None and not build.in_progress(gordon.world.clock.monotonic_s())


async def test_a_build_of_an_outdated_commit_is_not_built_again(tmp_path: Path) -> None:
    """J25."""
    async with site(tmp_path) as gordon:
        await janky_failed(gordon)
        head = gordon.world.github.push(REPO, 1)
        said = await gordon.say("tianon", "rebuild docker-prs#1")
        assert f"moby#1 has moved on to {head:.7}; say rebuild moby#1" in said
        assert len(triggers(gordon)) == 1


async def test_a_build_of_a_closed_pull_request_is_not_built_again(tmp_path: Path) -> None:
    async with site(tmp_path) as gordon:
        await janky_failed(gordon)
        gordon.world.github.close(REPO, 1)
        assert "moby#1 is closed" in await gordon.say("tianon", "rebuild docker-prs#1")
        assert len(triggers(gordon)) == 1


async def test_a_live_build_is_joined_and_not_built_beside(tmp_path: Path) -> None:
    """J1, F24: the one that is meant, or another of the same commit."""
    async with site(tmp_path) as gordon:
        await janky_failed(gordon)
        gordon.world.build_of(lambda starting: Plan(duration_s=LONG_S))
        await gordon.say("tianon", "rebuild docker-prs#1")
        await gordon.say("tianon", "running", expect="1 running")
        for build in ("docker-prs#1", "docker-prs#2"):
            said = await gordon.say("jess", f"rebuild {build}")
            assert re.search(rf"^{build} again: janky at {AT} is already running \(#2 ", said), said
        assert len(triggers(gordon)) == 2


WRONG = [
    pytest.param("tianon", "rebuild docker-prs#7", "docker-prs#7 does not exist, or not any more", id="no-build"),
    pytest.param("tianon", "rebuild docker-prs#1 lxc", 'is one build, so "lxc" is too much', id="context"),
    pytest.param("tianon", "rebuild docker-prs#1 failed", "docker-prs#1 is no matrix build", id="J13-no-matrix"),
    pytest.param(
        "tianon",
        "rebuild docker-prs#1 on arm-7",
        "Jenkins ci has no parameter that chooses the node ([jenkins.ci.parameters] node), so it cannot be chosen",
        id="no-parameter-for-the-node",
    ),
    pytest.param(
        "tianon", "rebuild moby#1 janky on arm-7", "has no parameter that chooses the node", id="nor-for-a-context"
    ),
    pytest.param("newcomer", "rebuild docker-prs#1", "newcomer is neither", id="author-of-another"),
    pytest.param("eve", "rebuild docker-prs#1", "nobody with your account", id="stranger"),
]


@pytest.mark.parametrize(("nick", "typed", "why"), WRONG)
async def test_why_a_build_is_not_built_again_is_told(tmp_path: Path, nick: str, typed: str, why: str) -> None:
    async with site(tmp_path) as gordon:
        await janky_failed(gordon)
        assert why in await gordon.say(nick, typed)
        assert len(triggers(gordon)) == 1


async def test_an_author_has_their_own_failed_builds_built_again_as_often_as_rebuilt(tmp_path: Path) -> None:
    async with site(tmp_path) as gordon:
        await gordon.say("tianon", "rebuild moby#3 janky")
        for number in (1, 2, 3):
            await gordon.chat.line(f"janky #{number} failed")
            assert f"queued (item {number + 1})" in await gordon.say("newcomer", f"rebuild docker-prs#{number}")
        await gordon.chat.line("janky #4 failed")
        assert "which is as often as its author may" in await gordon.say("newcomer", "rebuild docker-prs#4")


async def test_an_author_repeats_no_values_that_somebody_else_has_given(tmp_path: Path) -> None:
    """A13: what was started on Jenkins itself, or is a copy of that, may have what an author may not give."""
    async with site(tmp_path) as gordon:
        jenkins = gordon.world.jenkins
        jenkins.add_job("docker-prs", parameters=[StringParameter(name) for name in (*FACTS, "PUBLISH")])
        await gordon.say("tianon", "rebuild moby#3 janky")
        await gordon.chat.line("janky #1 failed")
        given = {name: str(value) for name, value in triggers(gordon)[0].parameters.items()} | {"PUBLISH": "yes"}
        login = base64.b64encode(f"gordon:{TOKEN}".encode()).decode()
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Basic {login}"}) as session,
            session.post(f"{jenkins.url}job/docker-prs/buildWithParameters", params=given) as answer,
        ):
            assert answer.status == 201
        await until(lambda: ended(gordon, 2))
        refused = await gordon.say("newcomer", "rebuild docker-prs#2")
        assert "may have got values that only triagers of moby/moby may give again; say rebuild moby#3 janky" in refused
        assert "queued (item 3)" in await gordon.say("jess", "rebuild docker-prs#2")
        await gordon.chat.line("janky #3 failed")
        assert "only triagers" in await gordon.say("newcomer", "rebuild docker-prs#3")
        assert len(triggers(gordon)) == 3


async def test_a_build_of_no_pull_request_is_for_maintainers(tmp_path: Path) -> None:
    async with site(tmp_path) as gordon:
        await gordon.confirmed("tianon", "build base-image PLATFORM=el7 PUSH=true", expect="queued")
        await gordon.chat.line("base-image #1 failed")
        refused = await gordon.say("jess", "rebuild base-image#1")
        assert "building base-image again needs the role maintainer in moby/moby; jess is triager" in refused
        said = await gordon.say("tianon", "rebuild base-image#1")
        assert re.search(r"^infra/base-image#1 again: base-image queued \(item 2\) \[\w{4}\]$", said), said
        assert {**triggers(gordon)[1].parameters, MARK: ""} == {"PLATFORM": "el7", "PUSH": True, MARK: ""}


async def test_a_build_is_built_again_on_another_agent(tmp_path: Path) -> None:
    async with site(tmp_path, node="NODE") as gordon:
        await janky_failed(gordon)
        for typed in ("rebuild docker-prs#1 on arm-7", "rebuild moby#1 janky ON arm-8"):
            before = len(gordon.lines)
            assert "queued" in await gordon.say("tianon", typed)
            await gordon.chat.line(r"janky #\d failed", after=before)
        assert [each.parameters["NODE"] for each in triggers(gordon)] == ["", "arm-7", "arm-8"]


async def test_who_wants_another_agent_is_attached_to_no_build_elsewhere(tmp_path: Path) -> None:
    async with site(tmp_path, node="NODE", quiet_period_s=LONG_S) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        said = await gordon.say("jess", "rebuild moby#1 janky on arm-7")
        assert re.search(r"janky is under way already \(\S+/queue/item/1/\), and not as you want it; again", said), said
        assert "queued janky (item 2)" in await gordon.say("jess", "rebuild moby#1 janky on arm-7 again")
        assert len(triggers(gordon)) == 2


async def test_one_build_is_built_beside_a_live_one_by_those_who_may(tmp_path: Path) -> None:
    async with site(tmp_path, node="NODE") as gordon:
        await janky_failed(gordon)
        gordon.world.build_of(lambda starting: Plan(duration_s=LONG_S))
        await gordon.say("tianon", "rebuild docker-prs#1")
        await gordon.say("tianon", "running", expect="1 running")
        said = await gordon.say("tianon", "rebuild docker-prs#1 on arm-7")
        assert "not as you want it; again builds beside it" in said
        for typed, item in (("rebuild docker-prs#1 on arm-7 again", 3), ("rebuild docker-prs#2 again", 4)):
            assert f"queued (item {item})" in await gordon.say("tianon", typed)


async def test_nothing_is_done_for_whoever_has_the_account_since(tmp_path: Path) -> None:
    """A31: a reload may give it away while a handler waits for an answer of Jenkins."""
    async with site(tmp_path) as gordon:
        await janky_failed(gordon)
        gordon.world.jenkins.add_node(Agent("arm-7"))
        builds = gordon.app.builds
        speaker, place = Speaker(NETWORK, "tianon", "tianon", "test"), Place(NETWORK, CHANNEL, to="tianon")
        asker = Asker("event", "rebuild:rebuild", speaker, place, person="jess")
        pull = await builds.pull(gordon.app.live.now.names.pull("moby#1")[0])
        janky = await builds.reading.of_context("janky", pull)
        for attempt in (
            builds.start(asker, "janky", pull, again=True),
            builds.build(asker, JobRef("ci", "infra/base-image"), {}),
            builds.repeat(asker, BuildRef(janky.job, 1)),
            builds.cancel(asker, janky),
            builds.mark_node(asker, NodeRef("ci", "arm-7"), offline=True, reason="x"),
        ):
            with pytest.raises(NotAllowed, match="tianon is not proven to be jess any more"):
                await attempt
        assert len(gordon.world.jenkins.ledger.asked("POST")) == 1
