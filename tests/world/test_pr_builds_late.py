"""Builds that Jenkins takes after it was decided that they are not wanted: they are cancelled when they turn up."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo.jenkins.ledger import Slow
from bot.demo.world import REPO
from tests.world.failing import GREEN, Tries
from tests.world.honesty import until
from tests.world.pr_builds_rig import SLOW, Site, building

ASKED_S = 5.5  # so long the answer takes: a handler waits 4 s for it, and whatever happens then finds it under way


def drafted(here: Site, number: int) -> None:
    here.world.github.unready(REPO, number)


def closed(here: Site, number: int) -> None:
    here.world.github.close(REPO, number)


@pytest.mark.parametrize("act", [drafted, closed])
async def test_what_is_under_way_to_jenkins_is_cancelled_as_it_is_taken(
    tmp_path: Path, act: Callable[[Site, int], None]
) -> None:
    async with building(tmp_path, decide=lambda _: SLOW) as here:
        here.world.jenkins.faults.next("POST", "*/buildWithParameters", Slow(ASKED_S))
        number = here.open()
        head = here.head(number)
        await until(lambda: here.running() == [head])
        act(here, number)
        await until(lambda: not here.running())
        assert here.built(number) == [head]


async def test_what_is_not_ok_any_more_is_cancelled_as_it_is_taken(tmp_path: Path) -> None:
    async with building(tmp_path, decide=lambda _: SLOW) as here:
        number = here.open("stranger")
        head = here.head(number)
        await here.has_status(number, "pending: waits for ok")
        here.world.jenkins.faults.next("POST", "*/buildWithParameters", Slow(ASKED_S))
        await here.gordon.chat.hear("tianon", f"ok to test moby#{number} {head}")
        await until(lambda: here.running() == [head])
        await here.gordon.say("tianon", f"ok to test moby#{number} cancel", expect="any more")
        await until(lambda: not here.running())
        assert here.built(number) == [head]


async def test_what_is_taken_with_the_former_base_is_not_taken_for_the_new_one(tmp_path: Path) -> None:
    async with building(tmp_path, decide=Tries().of("janky", SLOW)) as here:
        here.world.jenkins.faults.next("POST", "*/buildWithParameters", Slow(ASKED_S))
        number = here.open()
        await until(lambda: here.running() == [here.head(number)])
        here.world.github.edit(REPO, number, base="release")
        await here.has_status(number, "success")
        bases = [one.parameters["BASE_BRANCH"] for one in here.world.jenkins.ledger.triggers]
        assert (bases, here.cancelled()) == (["master", "release"], 1)


async def test_a_build_for_the_new_base_that_somebody_asked_for_is_the_one_of_that_base(tmp_path: Path) -> None:
    """What is taken for one with the former base would be built once more, and its success taken back meanwhile."""
    async with building(tmp_path, decide=Tries().of("janky", SLOW, replace(GREEN, duration_s=5.0))) as here:
        github, number = here.world.github, here.open()
        await until(lambda: here.running() == [here.head(number)])
        github.edit(REPO, number, base="release")
        await until(lambda: here.cancelled() == 1 and not here.running())
        await here.gordon.say("tianon", f"rebuild moby#{number} janky", expect="queued")
        await here.has_status(number, "success")
        told = [status.description or "" for status in github.statuses(REPO, here.head(number))]
        assert [words for words in told if "former base" in words] == []
        assert [one.parameters["BASE_BRANCH"] for one in here.world.jenkins.ledger.triggers] == ["master", "release"]


async def asked_to_stop(here: Site, number: int) -> None:
    await here.gordon.confirmed("tianon", f"cancel moby#{number} janky", expect="asked to stop")


async def made_a_draft(here: Site, number: int) -> None:
    drafted(here, number)


@pytest.mark.parametrize("act", [made_a_draft, asked_to_stop])
@pytest.mark.parametrize("command", ["rebuild moby#{} janky", "rebuild docker-prs#1"])
async def test_whoever_asks_again_while_it_is_being_cancelled_gets_a_build_of_their_own(
    tmp_path: Path, act: Callable[[Site, int], Awaitable[None]], command: str
) -> None:
    """Jenkins shows as live what takes its time to stop, and all that comes of it is that it was stopped."""
    stubborn = replace(SLOW, stopping_s=2.0)
    async with building(tmp_path, decide=Tries().of("janky", stubborn)) as here:
        number = here.open()
        head = here.head(number)
        await until(lambda: here.running() == [head])
        await act(here, number)
        await until(lambda: here.world.jenkins.ledger.stops)
        await here.gordon.say("tianon", command.format(number), expect="queued janky|janky at .* queued")
        await here.gordon.chat.line("janky #2 passed")
        assert here.built(number) == [head, head]
