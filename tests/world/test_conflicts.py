"""Which pull requests a merge has broken: told once, together, exactly, and with few questions."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo.github.double import GitHubDouble
from bot.demo.world import REPO
from bot.testing import Gordon
from tests.moved_clock import MovedClock
from tests.world.failing import Tries, failing
from tests.world.honesty import until

ONLY = ("failures", "conflicts")
RULES = f"""
[plugin.conflicts]
settle_s = 0.1

[plugin.conflicts.repo."{REPO}"]
"""
SHOWN = f'{RULES}status = "docker/mergeable"\ncomment = true\nlabel = "needs-rebase"\n'
BROKE = " broke [0-9]+ pull request"


async def test_a_merge_is_told_with_exactly_those_that_it_broke(tmp_path: Path) -> None:
    async with looking(tmp_path) as gordon:
        github = gordon.world.github
        numbers = await opened(gordon, [f"daemon/{number % 3}.go" for number in range(30)], asks=1)
        github.close(REPO, numbers[0], merged=True)
        line = await gordon.chat.line(BROKE)
        assert line.startswith(f'the merge of moby#{numbers[0]} ("Change daemon/0.go", by jess) into master broke 9')
        assert named(line) == set(numbers[3::3])
        github.close(
            REPO, numbers[1], merged=True
        )  # what is told of it comes behind whatever else is told of the first
        line = await gordon.chat.line(f"the merge of moby#{numbers[1]} ")
        assert named(line) == set(numbers[4::3])
        assert len(told(gordon)) == 2


@pytest.mark.parametrize("asks", [0, 1, 3])
async def test_two_merges_are_told_with_few_questions(tmp_path: Path, asks: int) -> None:
    """Each look at a hundred pull requests is one question, however slowly GitHub works them out."""
    async with looking(tmp_path) as gordon:
        github = gordon.world.github
        numbers = await opened(gordon, [f"daemon/{number % 30}.go" for number in range(95)], asks=asks)
        before = len(github.requests)
        for merged, others in ((0, {30, 60, 90}), (1, {31, 61, 91})):
            github.close(REPO, numbers[merged], merged=True)
            line = await gordon.chat.line(f"the merge of moby#{numbers[merged]} ")
            assert named(line) == {numbers[other] for other in others}
        assert len(github.requests) - before == 2 * (asks + 1 + 5 * max(0, asks - 2))


@asynccontextmanager
async def looking(folder: Path, rules: str = RULES) -> AsyncIterator[Gordon]:
    """Run a Gordon that knows which pull requests there are, so that what is opened next is news."""
    clock = MovedClock()
    async with failing(folder, Tries(), config=rules, plugins=ONLY, with_hook=True, clock=clock) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        yield gordon


async def opened(gordon: Gordon, files: Sequence[str], *, asks: int = 0) -> list[int]:
    """Open a pull request for each of these files, and wait until it is known that all merge."""
    github = gordon.world.github
    github.set_merging(REPO, asks=asks, by_files=True)
    numbers = [github.open_pull(REPO, title=f"Change {file}", author="jess") for file in files]
    for number, file in zip(numbers, files, strict=True):
        github.set_files(REPO, number, [file])
    await settled(github)
    return numbers


async def settled(github: GitHubDouble) -> None:
    """Wait until somebody was told of all open pull requests whether they merge, and for another second of the clock.

    Of two changes of a pull request within a second nobody can tell by their times which was the later one.
    """
    await until(lambda: all(github.pull_record(REPO, number).told is not None for number, *_ in github.pulls(REPO)))
    assert isinstance(github.clock, MovedClock)
    github.clock.move(2)


def told(gordon: Gordon) -> list[str]:
    """List what was said about merges that have broken something."""
    return [line for line in gordon.lines if re.search(BROKE, line)]


def named(line: str) -> set[int]:
    """Read from a line which pull requests are broken."""
    return {int(number) for number in re.findall(r"#(\d+)", line.partition("broke")[2])}
