"""A Gordon that GitHub tells of pull requests: signed deliveries over HTTP, doubled, late and lost, and a restart."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.demo.github.hooks import ARRIVES, FORGOTTEN, LOST, Delivery, Fate, dice
from bot.demo.world import REPO, World
from bot.pull_news import Taken
from bot.testing import Gordon, running
from tests.world.honesty import until

SECRET = "what GitHub signs with"
ACTIONS = 200
OPEN = 3  # pull requests that the world has at the start, found by the first comparison
NEVER_S = 600.0  # no second comparison comes within a test
PLUGIN = '''
"""Tells what was told of a push, and what the forge says then."""

from bot.events import PullPushed
from bot.plugin import Context, Plugin

plugin = Plugin("looking")


@plugin.on(PullPushed)
async def pushed(ctx: Context, event: PullPushed) -> None:
    read = await ctx.forge.pull(event.pull.ref)
    for place in ctx.announce[event.pull.ref.repo]:
        ctx.tell(place, f"{event.pull.ref} told {event.pull.head} read {read.head}")
'''


@asynccontextmanager
async def listening(world: World, *, is_first: bool = True) -> AsyncIterator[Gordon]:
    """Be a Gordon to whom GitHub's webhook is sent, and who compares once, at its start."""
    if is_first:
        (world.folder / "hook-secret").touch(0o600)
        (world.folder / "hook-secret").write_text(SECRET)
        github = f'[github]\ncompare_s = {NEVER_S}\nsecret_files = ["hook-secret"]\n'
        text = world.config.read_text().replace("[github]\n", github)
        world.config.write_text(f"{text}\n[web]\nport = 0\n")
    async with running(world.folder, world=world) as gordon:
        assert gordon.app.web is not None
        await gordon.app.web.listening.wait()
        await until(lambda: gordon.app.forge_side.parts()[0].is_well and "compared at" in gordon.app.forge_side.words())
        if is_first:
            world.github.add_hook(f"{gordon.app.web.url}/notification/github", SECRET, repo=REPO)
            await world.github.hooks.settled()
        yield gordon


def something(world: World, chance: random.Random) -> None:
    """Have something happen to a pull request, or open one."""
    github = world.github
    open_pulls = [number for number, *_ in github.pulls(REPO)]
    if len(open_pulls) < 3 or chance.random() < 0.1:
        github.open_pull(REPO, title="One more", author="jess")
        return
    number = chance.choice(open_pulls)
    action = chance.choice(("push", "push", "edit", "label", "close", "comment", "review"))
    if action == "push":
        github.push(REPO, number)
    elif action == "edit":
        github.edit(REPO, number, title=f"Fix it in {chance.randint(1, 99)} ways")
    elif action == "label":
        github.label(REPO, number, f"area/{chance.randint(1, 9)}")
    elif action == "close":
        github.close(REPO, number)
    elif action == "comment":
        github.comment(REPO, number, "LGTM", by="tianon")
    else:
        github.review(REPO, number, by="tianon")


def at_the_forge(world: World) -> Mapping[int, tuple[str, str, frozenset[str]]]:
    """Tell how each open pull request stands there."""
    pulls = world.github.repo(REPO).pulls.values()
    return {pull.number: (pull.head, pull.title, frozenset(pull.labels)) for pull in pulls if not pull.closed}


async def in_the_book(gordon: Gordon) -> Mapping[int, tuple[str, str, frozenset[str]]]:
    known = await gordon.app.forge_side.book.open_pulls(REPO)
    return {number: (one.pull.head, one.pull.title, frozenset(one.pull.labels)) for number, one in known.items()}


async def read_again(gordon: Gordon) -> None:
    """Wait until all is read that was told twice within a second."""
    await until(lambda: gordon.app.forge_side.parts()[0].facts["wanted"] == 0)


async def test_two_hundred_deliveries_end_as_the_forge_stands(tmp_path: Path) -> None:
    """F16, F18, F19: 30 % doubled, 10 % late, 5 % lost, told over HTTP; what was lost is found by the next start."""
    chance = random.Random(3)
    async with World(tmp_path) as world:
        async with listening(world) as gordon:
            world.github.hooks.fate = dice(3, lost=0.05, twice=0.3, late=0.1)
            for _ in range(ACTIONS):
                something(world, chance)
            world.github.hooks.flush()
            await world.github.hooks.settled()
            await read_again(gordon)
            counts: Counter[Taken] = gordon.app.forge_side.book.counts
            assert counts[Taken.REPEATED] > 0.2 * ACTIONS
            assert counts[Taken.OLD] + counts[Taken.UNSURE] > 0
            world.github.hooks.fate = lambda _: FORGOTTEN
            world.github.push(REPO, max(at_the_forge(world)))  # which no later delivery makes up for
            assert await in_the_book(gordon) != at_the_forge(world)
        world.github.hooks.fate = lambda _: ARRIVES
        async with listening(world, is_first=False) as gordon:
            await read_again(gordon)
            assert await in_the_book(gordon) == at_the_forge(world)


async def test_whoever_watches_over_gordon_is_told_what_came_in(tmp_path: Path) -> None:
    async with World(tmp_path) as world, listening(world) as gordon, aiohttp.ClientSession() as session:
        world.github.hooks.fate = lambda _: Fate(copies=2)
        world.github.open_pull(REPO, title="One more", author="jess")
        await world.github.hooks.settled()
        assert gordon.app.web is not None
        async with session.get(f"{gordon.app.web.url}/ping") as answer:
            assert await answer.text() == "pong\n"
        async with session.get(f"{gordon.app.web.url}/healthz") as answer:
            told = (await answer.json())["parts"]
        assert told["pull requests"] == {"well": True, "told": {"fresh": 1 + OPEN, "repeated": 1}, "wanted": 0}
        assert told["GitHub"]["limits"]["graphql"]["left"] < told["GitHub"]["limits"]["graphql"]["limit"]
        words = gordon.app.vitals.words()["pull requests"]
        assert words.startswith(f"{1 + OPEN} taken, 1 repeated; compared at ")


@pytest.mark.parametrize("fate", [LOST, FORGOTTEN], ids=["GitHub-lists-it", "GitHub-lost-it"])
async def test_a_push_that_nobody_told_is_told_after_a_restart(tmp_path: Path, fate: Fate) -> None:
    """F19: by the list of deliveries, or by the list of open pull requests where that does not know of it."""
    plugins = tmp_path / "own"
    plugins.mkdir()
    (plugins / "looking.py").write_text(PLUGIN)
    async with World(tmp_path / "world", plugins=("looking", "failures"), plugin_folder=plugins) as world:
        async with listening(world):
            world.github.hooks.fate = lambda _: fate
            head = world.github.push(REPO, 1)
            await world.github.hooks.settled()
        async with listening(world, is_first=False) as gordon:
            assert await gordon.chat.line("moby#1 told") == f"{REPO}#1 told {head} read {head}"


async def test_a_handler_that_reads_never_sees_an_older_head_than_it_was_told(tmp_path: Path) -> None:
    """G12: pushes come faster than handlers run, some of them late and twice."""
    plugins = tmp_path / "own"
    plugins.mkdir()
    (plugins / "looking.py").write_text(PLUGIN)
    late = iter([0, 2, 0, 0, 1] * 4)

    def fate(_: Delivery) -> Fate:
        return Fate(copies=2, late=next(late))

    async with (
        World(tmp_path / "world", plugins=("looking", "failures"), plugin_folder=plugins) as world,
        listening(world) as gordon,
    ):
        world.github.hooks.fate = fate
        heads = [world.github.push(REPO, 1) for _ in range(20)]
        world.github.hooks.flush()
        await world.github.hooks.settled()
        await gordon.chat.line(f"told {heads[-1]}")
        told = [(line.split()[2], line.split()[4]) for line in gordon.lines if " told " in line]
        places = [heads.index(head) for head, _ in told]
        assert places == sorted(set(places))
        assert all(heads.index(read) >= heads.index(head) for head, read in told)
