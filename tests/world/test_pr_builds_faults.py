"""Webhooks that come twice, in any order or not at all: the same is built, and nothing twice."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from bot.demo.github.hooks import FORGOTTEN, Delivery, Fate
from bot.demo.world import HOOK_EVENTS, HOOK_SECRET, REPO
from tests.world.honesty import until
from tests.world.pr_builds_rig import Site, building, comparing

ORDERS = list(itertools.permutations(range(5)))


async def test_a_webhook_that_comes_again_and_again_builds_once(tmp_path: Path) -> None:
    """F16."""
    async with building(tmp_path) as here:
        here.world.github.hooks.fate = lambda _: Fate(copies=20)
        number = here.open()
        await here.has_status(number, "success")
        here.world.github.push(REPO, number)
        await here.has_status(number, "success")
        await here.world.github.hooks.settled()
        assert len(here.built(number)) == 2


async def test_the_hooks_of_organisation_and_repository_build_once(tmp_path: Path) -> None:
    """F17: two deliveries with identities of their own."""
    async with building(tmp_path) as here:
        [hook] = here.world.github.hooks.all
        here.world.github.add_hook(hook.url, HOOK_SECRET, org=REPO.partition("/")[0], events=HOOK_EVENTS)
        number = here.open()
        await here.has_status(number, "success")
        await here.world.github.hooks.settled()
        assert here.built(number) == [here.head(number)]


def life(here: Site, *, ends: bool) -> tuple[int, Sequence[str]]:
    """Have five things happen to a pull request at once; tell its number and what is to be built in the end."""
    number = here.open()
    here.world.github.push(REPO, number)
    here.world.github.edit(REPO, number, title="Fix it")
    head = here.world.github.push(REPO, number)
    if ends:
        here.world.github.close(REPO, number)
        return number, []
    here.world.github.label(REPO, number, "area/ci")
    return number, [head]


async def test_in_whatever_order_they_come_only_the_last_head_is_built(tmp_path: Path) -> None:
    """F18: all orders of five events, each of a pull request of its own, of which every other one is closed."""
    async with building(tmp_path, top="per_author = 1000\nper_repo = 1000") as here:
        hooks = here.world.github.hooks
        lives = []
        for index, order in enumerate(ORDERS):
            hooks.hold()
            lives.append(life(here, ends=index % 2 == 1))
            hooks.release(ordered(order))
            await hooks.settled()
        await until(lambda: all(here.built(number) for number, wanted in lives if wanted))
        assert [here.built(number) for number, _ in lives] == [wanted for _, wanted in lives]


@pytest.mark.parametrize("lost", [0, 1, 2, 3, 4], ids=["opened", "push", "close", "reopen", "last-push"])
async def test_whichever_webhook_is_lost_the_end_is_the_same(tmp_path: Path, lost: int) -> None:
    """F19: what nobody told is found by comparing."""
    async with building(tmp_path, prepare=comparing) as here:
        count = itertools.count()
        here.world.github.hooks.fate = lambda _: FORGOTTEN if next(count) == lost else Fate()
        number = here.open()
        for act in acts(here, number):
            act()
            await here.world.github.hooks.settled()
        head = here.head(number)
        await here.has_status(number, "success")
        assert here.built(number)[-1] == head
        assert here.built(number).count(head) == 1


def acts(here: Site, number: int) -> Iterable[Callable[[], object]]:
    """List what happens to a pull request after it was opened."""
    github = here.world.github
    yield lambda: github.push(REPO, number)
    yield lambda: github.close(REPO, number)
    yield lambda: github.reopen(REPO, number)
    yield lambda: github.push(REPO, number)


def ordered(order: Sequence[int]) -> Callable[[list[Delivery]], Iterable[Delivery]]:
    """Put what waits into an order; what there is besides goes last."""
    return lambda waiting: [*(waiting[n] for n in order if n < len(waiting)), *waiting[len(order) :]]
