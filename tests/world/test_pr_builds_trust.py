"""Whose commits are built: those of outsiders once a maintainer has looked at that very commit, and no other."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot.demo.world import REPO, World
from plugins.pr_builds.asking import MOMENT_S, PAUSE_S
from tests.moved_clock import MovedClock
from tests.world.honesty import on_disk, said, until
from tests.world.pr_builds_rig import KEPT, SLOW, Site, building, files

PLANNED = "SELECT count(*) FROM deliveries WHERE handler = 'pr_builds.ask_again'"

WAITS = "pending: waits for ok to test"


async def ok(here: Site, number: int, sha: str = "") -> str:
    """Say ok to test as a maintainer, and confirm it where that is asked for."""
    text = f"ok to test moby#{number} {sha}".strip()
    if sha:
        return await here.gordon.say("tianon", text, expect="is ok to test|you named")
    return await here.gordon.confirmed("tianon", text, expect="is ok to test")


async def test_an_outsider_is_built_once_a_maintainer_has_found_the_commit_ok(tmp_path: Path) -> None:
    """A21: and no later one; the channel hears once of each head."""
    clock = MovedClock()
    async with building(tmp_path, clock=clock) as here:
        number = here.open("stranger")
        await here.has_status(number, WAITS)
        first = here.head(number)
        await here.gordon.chat.line(f"by stranger waits for ok to test at {first[:12]}")
        assert here.built(number) == []
        assert "janky: starts" in await ok(here, number)
        await here.has_status(number, "success")
        second = here.world.github.push(REPO, number)
        await here.has_status(number, WAITS)
        assert here.built(number) == [first]
        await on_disk(here.gordon, PLANNED)  # else its time would be counted from the move on
        clock.move(PAUSE_S + MOMENT_S)
        await said(here.gordon, "waits for ok to test at", 2)
        assert "is ok to test" in await ok(here, number, second)
        await until(lambda: here.built(number) == [first, second])


async def test_a_push_voids_it_though_the_same_commit_comes_back(tmp_path: Path) -> None:
    """A19."""
    clock = MovedClock()
    async with building(tmp_path, decide=lambda _: SLOW, clock=clock) as here:
        number = here.open("stranger")
        first = here.head(number)
        await here.has_status(number, WAITS)
        await ok(here, number, first)
        await until(lambda: here.running() == [first])
        other = here.world.github.push(REPO, number, force=True)
        await here.has_status(number, WAITS, sha=other)
        await until(lambda: not here.running())
        here.world.github.push(REPO, number, first, force=True)
        await here.world.github.hooks.settled()
        clock.move(PAUSE_S + MOMENT_S)
        await said(here.gordon, f"waits for ok to test at {first[:12]}", 2)
        assert here.built(number) == [first]


async def closed_and_opened_again(here: Site, number: int) -> None:
    for _ in range(3):
        here.world.github.close(REPO, number)
        await here.forgotten(number)
        here.world.github.reopen(REPO, number)
        await here.remembered(number)


async def pushed_to(here: Site, number: int) -> None:
    for _ in range(3):
        await here.has_status(number, WAITS, sha=here.world.github.push(REPO, number))


async def given_another_base(here: Site, number: int) -> None:
    here.world.github.edit(REPO, number, base="release")
    await here.world.github.hooks.settled()


LINE = "waits for ok to test at {head:.12} on {base};"


@pytest.mark.parametrize(
    ("act", "base"), [(pushed_to, "master"), (closed_and_opened_again, ""), (given_another_base, "release")]
)
async def test_one_pull_request_is_told_once_in_ten_minutes_and_then_as_it_is(
    tmp_path: Path, act: Callable[[Site, int], Awaitable[None]], base: str
) -> None:
    """An outsider may do all of this at will."""
    clock = MovedClock()
    async with building(tmp_path, clock=clock) as here:
        number = here.open("stranger")
        await here.has_status(number, WAITS)
        await here.gordon.chat.line(LINE.format(head=here.head(number), base="master"))
        await act(here, number)
        other = here.open("stranger")
        await here.gordon.chat.line(LINE.format(head=here.head(other), base="master"))
        await said(here.gordon, "waits for ok to test at", 2)
        clock.move(PAUSE_S + MOMENT_S)
        if base:
            await said(here.gordon, "waits for ok to test at", 3)
            await here.gordon.chat.line(LINE.format(head=here.head(number), base=base))
        again = here.open("stranger")
        await here.gordon.chat.line(LINE.format(head=here.head(again), base="master"))
        await said(here.gordon, "waits for ok to test at", 4 if base else 3)


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "ok"])
async def test_what_does_not_wait_any_more_is_not_told_later(tmp_path: Path, is_closed: bool) -> None:
    clock = MovedClock()
    async with building(tmp_path, clock=clock) as here:
        number = here.open("stranger")
        await here.has_status(number, WAITS)
        head = here.world.github.push(REPO, number)
        await here.has_status(number, WAITS, sha=head)
        if is_closed:
            here.world.github.close(REPO, number)
            await here.forgotten(number)
        else:
            await ok(here, number, head)
        clock.move(PAUSE_S + MOMENT_S)
        other = here.open("stranger")
        await here.gordon.chat.line(f"waits for ok to test at {here.head(other):.12}")
        await said(here.gordon, "waits for ok to test at", 2)
        left = await here.gordon.app.database.read(
            lambda db: db.execute(KEPT, {"key": f"asked {REPO}#{number}"}).fetchall()
        )
        assert bool(left) is not is_closed


async def test_another_base_voids_it(tmp_path: Path) -> None:
    """A20."""
    async with building(tmp_path, decide=lambda _: SLOW) as here:
        number = here.open("stranger")
        await ok(here, number, here.head(number))
        await until(lambda: here.running() != [])
        here.world.github.edit(REPO, number, base="release")
        await until(lambda: here.cancelled() == 1)
        await here.has_status(number, WAITS)
        assert len(here.built(number)) == 1


async def test_what_passed_with_the_former_base_is_no_success_with_another(tmp_path: Path) -> None:
    """What is said of the head is the same as before it was found ok to test."""
    async with building(tmp_path) as here:
        number = here.open("stranger")
        await here.has_status(number, WAITS)
        await ok(here, number, here.head(number))
        await here.has_status(number, "success")
        here.world.github.edit(REPO, number, base="release")
        await here.has_status(number, WAITS)


async def test_nobody_is_asked_to_look_at_what_has_to_be_signed_first(tmp_path: Path) -> None:
    rules = 'needs = ["dco"]\n[plugin.dco]\nrepos = ["moby/moby"]\nlabel = ""\nstatus = ""\ncomment = false\n'
    async with building(tmp_path, rules=rules) as here:
        number = here.open("stranger")
        await here.has_status(number, "error: not built: dco: ")
        signed = here.world.github.set_commits(REPO, number, ["Fix\n\nSigned-off-by: S <s@example.com>"])
        await here.gordon.chat.line(f"by stranger waits for ok to test at {signed[:12]}")
        await said(here.gordon, "waits for ok to test at", 1)


@pytest.mark.parametrize("cut", [7, 39], ids=["short", "one-short"])
async def test_a_part_of_a_commit_or_another_one_is_refused_and_both_are_shown(tmp_path: Path, cut: int) -> None:
    """A18, A19."""
    async with building(tmp_path) as here:
        number = here.open("stranger")
        head = here.head(number)
        refused = await ok(here, number, head[:cut])
        assert head[:cut] in refused
        assert f"is {head}; name all 40 digits" in refused
        moved = here.world.github.push(REPO, number)
        refused = await ok(here, number, head)
        assert re.search(f"you named {head}, and the head of moby#{number} is {moved}", refused)
        assert here.built(number) == []


async def test_a_head_that_is_swapped_before_it_is_confirmed_is_not_built(tmp_path: Path) -> None:
    """A18: what was confirmed is what was shown."""
    async with building(tmp_path) as here:
        number = here.open("stranger")
        asked = await here.gordon.say("tianon", f"ok to test moby#{number}", expect="to go on say: ")
        assert f"let {here.head(number)[:12]} of moby#{number} (base master, by stranger) be built: janky" in asked
        here.world.github.push(REPO, number)
        token = re.search("confirm [a-z2-7]{26}", asked)
        assert token
        assert "not done: you confirmed to" in await here.gordon.say("tianon", token[0], expect="not done")
        await here.has_status(number, WAITS)
        assert here.built(number) == []


async def test_changes_to_what_ci_does_are_pointed_out(tmp_path: Path) -> None:
    """A22."""
    async with building(tmp_path) as here:
        number = here.open("stranger", files=files("daemon/a.go", "Jenkinsfile"))
        await here.gordon.chat.line("it changes what CI itself does: Jenkinsfile; look at ")
        asked = await here.gordon.say("tianon", f"ok to test moby#{number}", expect="to go on say: ")
        assert "it changes what CI itself does: Jenkinsfile" in asked


async def test_it_is_taken_back_with_what_is_built(tmp_path: Path) -> None:
    async with building(tmp_path, decide=lambda _: SLOW) as here:
        number = here.open("stranger")
        head = here.head(number)
        await ok(here, number, head)
        await until(lambda: here.running() == [head])
        assert "is not ok to test any more" in await here.gordon.say(
            "tianon", f"ok to test moby#{number} cancel", expect="any more"
        )
        await until(lambda: not here.running())
        await ok(here, number, head)
        await until(lambda: here.running() == [head])


async def test_what_is_built_anyway_needs_no_ok(tmp_path: Path) -> None:
    async with building(tmp_path) as here:
        number = here.open("tianon")
        for text in (f"ok to test moby#{number}", f"ok to test moby#{number} {here.head(number)}"):
            assert f"moby#{number} needs no ok to test" in await here.gordon.say("icecrime", text)


async def test_only_maintainers_say_it(tmp_path: Path) -> None:
    async with building(tmp_path) as here:
        number = here.open("stranger")
        for nick in ("jess", "newcomer"):
            await here.gordon.say(nick, f"ok to test moby#{number} {here.head(number)}", expect="maintainer")
        await here.has_status(number, WAITS)
        assert here.built(number) == []


async def test_what_was_opened_before_the_first_start_is_checked_once_somebody_says_ok(tmp_path: Path) -> None:
    rules = 'needs = ["dco"]\n[plugin.dco]\nrepos = ["moby/moby"]\nlabel = ""\nstatus = ""\ncomment = false\n'
    numbers: list[int] = []

    def opened(world: World) -> None:
        for message in ("Fix\n\nSigned-off-by: S <s@example.com>", "Fix"):
            numbers.append(world.github.open_pull(REPO, title="Of old", author="stranger"))
            world.github.set_commits(REPO, numbers[-1], [message])

    async with building(tmp_path, rules=rules, prepare=opened) as here:
        signed, unsigned = numbers
        assert "janky: waits for dco" in await ok(here, unsigned, here.head(unsigned))
        await here.has_status(unsigned, "error: not built: dco: ")
        assert "janky: waits for dco" in await ok(here, signed, here.head(signed))
        await here.has_status(signed, "success")
        assert (here.built(signed), here.built(unsigned)) == ([here.head(signed)], [])


@pytest.mark.parametrize("is_cancelled", [True, False], ids=["cancelled", "in-time"])
async def test_the_end_of_an_override_leaves_what_is_true_by_then(tmp_path: Path, is_cancelled: bool) -> None:
    """What it waits for is another thing, of which nothing is shown while the override lasts."""
    clock = MovedClock()
    async with building(tmp_path, clock=clock) as here:
        number = here.open("stranger")
        await here.has_status(number, WAITS)
        await here.gordon.confirmed("icecrime", f"override moby#{number} janky 2h known", expect="counts as passed")
        await here.has_status(number, "success: overridden by icecrime")
        here.world.github.set_mergeable(REPO, number, False)
        if is_cancelled:
            await here.gordon.say("icecrime", f"override cancel moby#{number} janky", expect="again")
        else:
            clock.move(7200.0)
        await here.has_status(number, "error: has conflicts with master")


async def test_nothing_is_built_while_a_check_has_not_passed(tmp_path: Path) -> None:
    rules = 'needs = ["dco"]\n[plugin.dco]\nrepos = ["moby/moby"]\nlabel = ""\nstatus = ""\ncomment = false\n'
    async with building(tmp_path, rules=rules) as here:
        number = here.open()
        await here.has_status(number, "error: not built: dco: ")
        assert here.built(number) == []
        signed = ["Use one mount\n\nSigned-off-by: Tianon <tianon@example.com>"]
        here.world.github.set_commits(REPO, number, signed)
        await here.has_status(number, "success")
        assert here.built(number) == [here.head(number)]


async def test_what_passed_as_its_base_asks_for_nothing_is_checked_for_another_base_before_it_is_built(
    tmp_path: Path,
) -> None:
    rules = 'needs = ["dco"]\n[plugin.dco]\nrepos = ["moby/moby"]\nlabel = ""\nstatus = ""\ncomment = false\n'
    async with building(tmp_path, rules=f'{rules}exempt_bases = ["release"]\n') as here:
        number = here.open("tianon", base="release")
        await here.has_status(number, "success")
        here.world.github.fail(503, times=10, path=f"/pulls/{number}/commits")
        here.world.github.edit(REPO, number, base="master")
        await here.has_status(number, "pending: waits for dco")
        await here.has_status(number, "error: not built: dco: ")
        assert here.built(number) == [here.head(number)]
