"""Builds that Jenkins takes after it was decided that they are not wanted: they are cancelled when they turn up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.demo.jenkins.ledger import Slow
from bot.demo.world import REPO
from tests.world.failing import Tries
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
        await until(lambda: not here.running(), within_s=15.0)
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
        await until(lambda: not here.running(), within_s=15.0)
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
