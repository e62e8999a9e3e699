"""Which pull requests a merge has broken: told once, together, exactly, and with few questions."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo.github.double import GitHubDouble
from bot.demo.github.records import FileRecord, StatusRecord
from bot.demo.world import HOOK_SECRET, REPO, World
from bot.testing import Gordon, running
from plugins.conflicts.radar import SHOWN_AT_MOST, SPAN_S
from tests.moved_clock import MovedClock
from tests.world.failing import Tries, failing
from tests.world.honesty import until

ONLY = ("failures", "conflicts")
RULES = f"""
[plugin.conflicts]
settle_s = 0.1

[plugin.conflicts.repo."{REPO}"]
"""
SLOWLY = RULES.replace("settle_s = 0.1", "settle_s = 10")  # by a clock that the test moves on
SHOWN = f'{SLOWLY}status = "docker/mergeable"\ncomment = true\nlabel = "needs-rebase"\n'
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


async def test_a_push_without_a_pull_request_breaks_too(tmp_path: Path) -> None:
    """A topic branch, which nothing is to be merged into, is no reason to ask."""
    async with looking(tmp_path) as gordon:
        github = gordon.world.github
        numbers = await opened(gordon, ["a.go", "b.go", "c.go"])
        github.push_branch(REPO, "topic", files=["a.go"])
        before = github.repo(REPO).tips["master"]
        after = github.push_branch(REPO, "master", files=["b.go", "c.go"])
        line = await gordon.chat.line(BROKE)
        assert line.startswith(f"the push {before:.7}..{after:.7} to master of moby broke 2 pull requests: ")
        assert named(line) == set(numbers[1:])
        assert told(gordon) == [line]


async def test_what_a_place_has_muted_is_left_out_of_its_line(tmp_path: Path) -> None:
    async with looking(tmp_path, plugins=(*ONLY, "watches")) as gordon:
        github = gordon.world.github
        numbers = await opened(gordon, ["a.go", "a.go", "a.go", "b.go", "b.go"])
        for muted in (numbers[2], numbers[4]):
            await gordon.say("tianon", f"mute moby#{muted} here 2h", expect=f"moby#{muted}")
        github.close(REPO, numbers[3], merged=True)
        github.close(REPO, numbers[0], merged=True)
        await gordon.chat.line(BROKE)
        assert [named(line) for line in told(gordon)] == [{numbers[1]}]


async def test_a_merge_that_two_webhooks_tell_twice_is_told_once(tmp_path: Path) -> None:
    """F16, F17: nor is it asked for more often."""
    async with looking(tmp_path) as gordon:
        github = gordon.world.github
        numbers = await opened(gordon, [f"{number % 2}.go" for number in range(12)])
        [hook] = github.hooks.of(github.repo(REPO), "push")
        github.add_hook(hook.url, HOOK_SECRET, org="moby")
        before = len(github.requests)
        for merged in (0, 1):
            github.close(REPO, numbers[merged], merged=True)
            await github.hooks.settled()
            await gordon.chat.line(f"the merge of moby#{numbers[merged]} ")
        assert [named(line) for line in told(gordon)] == [set(numbers[2::2]), set(numbers[3::2])]
        assert len(github.requests) - before == 2


async def test_what_github_never_works_out_is_left_to_the_next_merge(tmp_path: Path) -> None:
    """It counts neither as a conflict nor as none, and then nobody can tell which of the merges it was."""
    async with looking(tmp_path) as gordon:
        github = gordon.world.github
        numbers = await opened(gordon, [f"{number % 2}.go" for number in range(8)])
        github.set_mergeable(REPO, numbers[2], None)
        github.close(REPO, numbers[0], merged=True)
        github.set_mergeable(REPO, numbers[2], None)
        line = await gordon.chat.line(f"the merge of moby#{numbers[0]} ")
        assert named(line) == {numbers[4], numbers[6]}
        github.set_mergeable(REPO, numbers[2], False)
        github.close(REPO, numbers[1], merged=True)
        await gordon.chat.line(f"^the merge of moby#{numbers[1]} .* broke 3 pull requests:")
        line = await gordon.chat.line("it is not known which")
        assert f"the merge of moby#{numbers[0]} " in line
        assert f"or the merge of moby#{numbers[1]} " in line
        assert named(line) == {numbers[2]}
        assert {frozenset(named(line)) for line in told(gordon)} == {
            frozenset({numbers[4], numbers[6]}),
            frozenset({numbers[2]}),
            frozenset({numbers[3], numbers[5], numbers[7]}),
        }


@pytest.mark.parametrize("when", ["before-the-webhook", "before-the-look", "while-it-is-worked-out"])
async def test_a_restart_loses_nothing_and_tells_nothing_twice(tmp_path: Path, when: str) -> None:
    """F19, F28: a merge that no webhook told is found by the comparison at the start."""
    clock = MovedClock()
    async with World(tmp_path, clock=clock, plugins=ONLY, with_hook=True) as world:
        with world.config.open("a", encoding="utf-8") as file:
            file.write(SLOWLY)
        github = world.github
        async with at_work(world) as gordon:
            github.set_merging(REPO, asks=1, by_files=True)
            numbers = [
                github.open_pull(REPO, title=name, author="jess", files=[FileRecord(name)]) for name in ("a", "a", "b")
            ]
            last = github.pull_record(REPO, numbers[2])
            await passing(clock, lambda: last.told)
            if when != "before-the-webhook":
                github.close(REPO, numbers[0], merged=True)
                await github.hooks.settled()
            if when == "while-it-is-worked-out":
                await passing(clock, lambda: last.told_from)
            before = gordon.lines
        clock.move(2)
        if when == "before-the-webhook":
            github.close(REPO, numbers[0], merged=True)
        async with at_work(world) as gordon:
            await passing(clock, lambda: told(gordon))
            github.set_mergeable(REPO, numbers[2], False)
            github.push_branch(REPO, "master")
            await passing(clock, lambda: len(told(gordon)) > 1)
            assert [named(line) for line in [*before, *told(gordon)]] == [{numbers[1]}, {numbers[2]}]


async def test_what_is_shown_goes_once_a_pull_request_merges(tmp_path: Path) -> None:
    """The status is of each head, comment and label of the pull request; a draft has none."""
    async with looking(tmp_path, SHOWN) as gordon:
        github = gordon.world.github
        draft = github.open_pull(REPO, title="Not yet", author="jess", draft=True)
        merged, number = await opened(gordon, ["a.go", "a.go"])
        first = await status(github, number, "success")
        assert first.description == "no conflicts with master"
        github.close(REPO, merged, merged=True)
        broken = await status(github, number, "failure")
        assert broken.description == f"conflicts with master since the merge of #{merged}"
        await until(lambda: github.pull_record(REPO, number).labels == ("needs-rebase",))
        await until(lambda: github.comments(REPO, number))
        [(_, _, comment)] = github.comments(REPO, number)
        assert f"conflicts with master since the merge of #{merged}. Please rebase" in comment
        later(github)
        github.push(REPO, number)  # which does not help
        await status(github, number, "failure")
        later(github)
        github.push(REPO, number, force=True)
        await status(github, number, "success")
        await until(lambda: not github.comments(REPO, number) and not github.pull_record(REPO, number).labels)
        assert len(told(gordon)) == 1
        assert github.statuses(REPO, github.pull_record(REPO, draft).head) == []


async def test_a_draft_is_not_asked_to_be_rebased(tmp_path: Path) -> None:
    async with looking(tmp_path, SHOWN) as gordon:
        github = gordon.world.github
        merged, number = await opened(gordon, ["a.go", "a.go"])
        github.close(REPO, merged, merged=True)
        await until(lambda: github.comments(REPO, number) and github.pull_record(REPO, number).labels)
        github.unready(REPO, number)
        await until(lambda: not github.comments(REPO, number) and not github.pull_record(REPO, number).labels)
        github.ready(REPO, number)
        await until(lambda: github.comments(REPO, number) and github.pull_record(REPO, number).labels)


async def test_not_all_that_is_open_is_written_to_at_once(tmp_path: Path) -> None:
    """Where nobody looked before each pull request is new; the rest has its turn later."""

    def prepare(world: World) -> None:
        for number in range(SHOWN_AT_MOST + 10):
            world.github.open_pull(REPO, title=f"Change {number}", author="jess")

    rules = RULES.replace("settle_s = 0.1", "settle_s = 10") + 'status = "docker/mergeable"\n'
    clock = MovedClock()
    async with failing(tmp_path, Tries(), config=rules, plugins=ONLY, prepare=prepare, clock=clock) as gordon:
        github = gordon.world.github

        def written() -> int:
            pulls = [number for number, *_ in github.pulls(REPO)]
            return sum(bool(github.statuses(REPO, github.pull_record(REPO, number).head)) for number in pulls)

        await passing(clock, lambda: written() == SHOWN_AT_MOST, 3.0)
        until_s = clock.ahead_s + SPAN_S / 2
        await passing(clock, lambda: clock.ahead_s >= until_s, 3.0)
        assert written() == SHOWN_AT_MOST
        await passing(clock, lambda: written() == len(list(github.pulls(REPO))), 3.0)


async def test_what_is_opened_with_conflicts_is_shown_and_not_told(tmp_path: Path) -> None:
    async with looking(tmp_path, SHOWN) as gordon:
        github = gordon.world.github
        [other] = await opened(gordon, ["a.go"])
        number = github.open_pull(REPO, title="Late", author="jess")
        github.set_mergeable(REPO, number, False)
        broken = await status(github, number, "failure")
        assert broken.description == "conflicts with master"
        github.push_branch(REPO, "master", files=["a.go"])
        await status(github, other, "failure")
        await gordon.chat.line(BROKE)
        assert [named(line) for line in told(gordon)] == [{other}]


@asynccontextmanager
async def at_work(world: World) -> AsyncIterator[Gordon]:
    """Run a Gordon that has compared the pull requests with those it knew, and is told what happens next."""
    async with running(world.folder, world=world) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        await world.send_webhook_to(gordon.app)
        yield gordon


async def passing(clock: MovedClock, holds: Callable[[], object], step_s: float = 0.5) -> None:
    """Let time pass, faster than it does, until something holds."""

    def held() -> object:
        clock.move(step_s)
        return holds()

    await until(held)


async def status(github: GitHubDouble, number: int, state: str) -> StatusRecord:
    """Wait until the head of a pull request has a status that says so."""
    head = github.pull_record(REPO, number).head
    assert isinstance(github.clock, MovedClock)
    await passing(github.clock, lambda: [one.state for one in github.statuses(REPO, head)][-1:] == [state])
    return github.statuses(REPO, head)[-1]


@asynccontextmanager
async def looking(folder: Path, rules: str = RULES, *, plugins: Sequence[str] = ONLY) -> AsyncIterator[Gordon]:
    """Run a Gordon that knows which pull requests there are, so that what is opened next is news."""
    clock = MovedClock()
    async with failing(folder, Tries(), config=rules, plugins=plugins, with_hook=True, clock=clock) as gordon:
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

    def is_known() -> bool:
        return all(github.pull_record(REPO, number).told is not None for number, *_ in github.pulls(REPO))

    assert isinstance(github.clock, MovedClock)
    await passing(github.clock, is_known)
    later(github)


def later(github: GitHubDouble) -> None:
    """Have what happens next be of another second."""
    assert isinstance(github.clock, MovedClock)
    github.clock.move(2)


def told(gordon: Gordon) -> list[str]:
    """List what was said about merges that have broken something."""
    return [line for line in gordon.lines if re.search(BROKE, line)]


def named(line: str) -> set[int]:
    """Read from a line which pull requests are broken."""
    return {int(number) for number in re.findall(r"#(\d+)", line.partition("broke")[2])}
