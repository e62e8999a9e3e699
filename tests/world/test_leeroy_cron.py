"""`/build/cron` and its command: every open pull request without a success is built, as far as it may be."""

import json
from pathlib import Path

import pytest

from bot.demo.jenkins.model import Plan
from bot.testing import Gordon
from bot.values import BuildRef, JobRef
from tests.moved_clock import MovedClock
from tests.world.honesty import until
from tests.world.leeroy_rig import Answer, as_curl, built, host_of, send, with_leeroy

REPO = "moby/moby"


async def cron(gordon: Gordon, **asked: object) -> Answer:
    return await send(gordon, as_curl("/build/cron", json.dumps(asked), host=host_of(gordon)))


def pulls_built(gordon: Gordon) -> list[str]:
    """List the numbers of the pull requests of which a build was asked for."""
    return sorted(str(trigger.parameters["PR"]) for trigger in gordon.world.jenkins.ledger.triggers)


def green(gordon: Gordon, number: int, context: str) -> None:
    github = gordon.world.github
    github.set_status(REPO, github.pull_record(REPO, number).head, context, "success", by="gordon-bot")


async def ended(gordon: Gordon, number: int) -> None:
    """Wait until Jenkins itself says that a build of `win` is over."""
    ref = BuildRef(JobRef("ci", "win"), number)
    while (build := await gordon.app.servers["ci"].build(ref)) is None or not build.finished:
        await gordon.world.clock.sleep(0.05)


async def test_what_lacks_a_success_is_built_once(tmp_path: Path) -> None:
    """The second is green, the third and the last are of outsiders (A21), and the 88th is closed."""
    async with with_leeroy(tmp_path) as gordon:
        green(gordon, 2, "docker/windows")
        green(gordon, 1, "another")
        known = gordon.world.github.open_pull(REPO, title="One more", author="vieux")
        gordon.world.github.open_pull(REPO, title="Mine bitcoins", author="stranger")
        answer = await cron(gordon, repo=REPO, context="windows")
        assert (answer.code, answer.body) == (204, "")
        await until(lambda: pulls_built(gordon) == sorted(["1", str(known)]))
        await until(lambda: not gordon.app.work.lag())
        assert pulls_built(gordon) == sorted(["1", str(known)])
        assert set(built(gordon)) == {"win"}


async def test_each_asking_builds_what_is_not_green_once_more(tmp_path: Path) -> None:
    async with with_leeroy(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan("FAILURE", 0.0))
        green(gordon, 2, "docker/windows")
        for asked in (["1"], ["1", "1"]):
            assert (await cron(gordon, repo=REPO, context="windows")).code == 204
            await ended(gordon, len(asked))
            assert pulls_built(gordon) == asked


async def test_what_finds_no_room_asks_nobody_until_there_is_some(tmp_path: Path) -> None:
    """After an outage hundreds may lack a success, and five builds of one author are under way at most."""
    clock = MovedClock()
    async with with_leeroy(tmp_path, clock=clock) as gordon:
        github = gordon.world.github
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 1500.0))
        numbers = [github.open_pull(REPO, title=f"More {number}", author="vieux") for number in range(7)]
        assert (await cron(gordon, repo=REPO, context="windows")).code == 204
        await until(lambda: len(of_them(gordon, numbers)) == 5 and not gordon.app.work.lag())
        before, until_s = asked(gordon, numbers), clock.ahead_s + 900

        def passed() -> bool:
            clock.move(10.0)
            return clock.ahead_s >= until_s

        await until(passed)
        assert asked(gordon, numbers) == before

        def are_built() -> bool:
            clock.move(10.0)
            return len(of_them(gordon, numbers)) == 7

        await until(are_built)


def of_them(gordon: Gordon, numbers: list[int]) -> list[str]:
    return [number for number in pulls_built(gordon) if int(number) in numbers]


def asked(gordon: Gordon, numbers: list[int]) -> int:
    """Count how often GitHub was asked how one of these pull requests stands."""
    return sum(
        one.path.endswith(tuple(f"/pulls/{number}" for number in numbers)) for one in gordon.world.github.requests
    )


WRONG = [
    pytest.param({"repo": "evil/moby", "context": "janky"}, 'no repository "evil/moby"', id="A23-repository"),
    pytest.param({"repo": REPO, "context": "jank"}, 'no context "jank"', id="A23-context"),
    pytest.param({"context": "janky"}, 'no repository ""', id="none"),
]


@pytest.mark.parametrize(("asked", "said"), WRONG)
async def test_what_is_not_configured_is_500(tmp_path: Path, asked: dict[str, str], said: str) -> None:
    async with with_leeroy(tmp_path) as gordon:
        answer = await cron(gordon, **asked)
        assert answer.code == 500
        assert said in answer.body
        assert built(gordon) == []


async def test_no_context_is_the_one_that_leeroy_took(tmp_path: Path) -> None:
    async with with_leeroy(tmp_path) as gordon:
        assert (await cron(gordon, repo=REPO)).code == 204
        await until(lambda: built(gordon) == ["docker-prs"] * 2)


async def test_a_program_that_is_no_maintainer_starts_nothing(tmp_path: Path) -> None:
    async with with_leeroy(tmp_path, role="triager") as gordon:
        answer = await cron(gordon, repo=REPO, context="janky")
        assert answer.code == 500
        assert "needs the role maintainer" in answer.body
        assert built(gordon) == []


async def test_people_confirm_many_and_are_told_how_many(tmp_path: Path) -> None:
    async with with_leeroy(tmp_path) as gordon:
        said = await gordon.say("tianon", "rebuild open moby/moby/janky")
        assert "3 of 3 open pull requests of moby/moby lack a success of janky" in said
        await until(lambda: pulls_built(gordon) == ["1", "2"])
        for number in range(9):
            gordon.world.github.open_pull(REPO, title=f"More {number}", author="tianon")
        asked = await gordon.say("tianon", "rebuild open moby/moby/janky")
        assert "this would start up to 12 builds of janky" in asked


@pytest.mark.parametrize("what", ["moby#1", "janky", "moby/moby", "node:arm-7"])
async def test_anything_but_a_context_of_a_repository_is_refused(tmp_path: Path, what: str) -> None:
    async with with_leeroy(tmp_path) as gordon:
        assert "name a context with its repository" in await gordon.say("icecrime", f"rebuild open {what}")
