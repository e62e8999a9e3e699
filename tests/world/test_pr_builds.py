"""Pull requests that are built by themselves: gates, contexts, and what is superseded."""

from pathlib import Path

import pytest

from bot.demo.jenkins.ledger import Slow
from bot.demo.jenkins.model import Plan
from bot.demo.world import CONTEXTS, REPO, World
from tests.moved_clock import MovedClock
from tests.world.failing import BRIEF_S, GREEN, NUMBERS, Tries
from tests.world.honesty import until
from tests.world.pr_builds_rig import SLOW, building, comparing, files, site

ENDS = {
    "SUCCESS": "success: passed",
    "FAILURE": "failure: ",
    "UNSTABLE": "failure: ",
    "ABORTED": "error: ",
    "NOT_BUILT": "error: was not built",
}


async def test_a_pull_request_of_somebody_known_is_built_once_in_each_context(tmp_path: Path) -> None:
    async with building(tmp_path, contexts=tuple(CONTEXTS)) as here:
        number = here.open()
        for context in CONTEXTS:
            await here.has_status(number, "success: ", context)
            assert here.built(number, context) == [here.head(number)]


async def test_what_is_open_at_the_first_start_is_built_when_somebody_asks(tmp_path: Path) -> None:
    """As deploy/README.md says it, for whoever comes from Leeroy."""
    numbers: list[int] = []

    def opened_before(world: World) -> None:
        numbers.append(world.github.open_pull(REPO, title="From before", author="tianon"))

    async with building(tmp_path, prepare=opened_before) as here:
        later = here.open()
        await here.has_status(later, "success")
        assert here.built(numbers[0]) == []
        await here.gordon.say("tianon", f"rebuild open {REPO}/janky", expect="lack a success")
        await here.has_status(numbers[0], "success")


@pytest.mark.parametrize("result", ENDS)
async def test_each_result_of_a_build_has_its_status(tmp_path: Path, result: str) -> None:
    plan = Plan(result, duration_s=BRIEF_S, log="+ make\n")  # type: ignore[arg-type]
    async with building(tmp_path, decide=Tries().always("janky", plan)) as here:
        await here.has_status(here.open(), ENDS[result])


@pytest.mark.parametrize("with_hook", [True, False], ids=["by-webhook", "by-comparison"])
async def test_a_push_builds_the_new_head_and_cancels_what_is_superseded(tmp_path: Path, with_hook: bool) -> None:
    """What waits in the queue, too; GitHub may tell of it, or Gordon find out by itself (F19)."""
    prepare = (lambda world: None) if with_hook else comparing
    async with building(tmp_path, decide=lambda _: SLOW, with_hook=with_hook, prepare=prepare) as here:
        number = here.open()
        first = here.head(number)
        await until(lambda: here.built(number) == [first])
        second = here.world.github.push(REPO, number)
        await until(lambda: here.built(number) == [first, second] and here.cancelled())
        await until(lambda: here.running() == [second])


async def test_a_push_leaves_builds_of_older_commits_where_nothing_is_to_be_cancelled(tmp_path: Path) -> None:
    async with building(tmp_path, rules="cancel = false", decide=lambda _: SLOW) as here:
        number = here.open()
        first = here.head(number)
        await until(lambda: here.running() == [first])
        second = here.world.github.push(REPO, number)
        await until(lambda: here.running() == [first, second])
        assert not here.cancelled()


async def test_closing_cancels_and_reopening_builds_what_has_not_passed(tmp_path: Path) -> None:
    tries = Tries().of("janky", SLOW)
    async with building(tmp_path, contexts=("janky", "lxc"), decide=tries) as here:
        number = here.open()
        head = here.head(number)
        await here.has_status(number, "success", "lxc")
        await until(lambda: here.running() == [head])
        here.world.github.close(REPO, number)
        await until(lambda: here.cancelled() == 1 and not here.running())
        here.world.github.reopen(REPO, number)
        await here.has_status(number, "success", "janky")
        assert (here.built(number, "janky"), here.built(number, "lxc")) == ([head, head], [head])


async def test_another_base_has_all_built_anew(tmp_path: Path) -> None:
    async with building(tmp_path, decide=Tries().of("janky", SLOW)) as here:
        number = here.open()
        head = here.head(number)
        await until(lambda: here.running() == [head])
        here.world.github.edit(REPO, number, base="release")
        await here.has_status(number, "success")
        bases = [one.parameters["BASE_BRANCH"] for one in here.world.jenkins.ledger.triggers]
        assert (bases, here.cancelled()) == (["master", "release"], 1)


async def test_a_draft_is_built_once_it_is_ready(tmp_path: Path) -> None:
    async with building(tmp_path, decide=Tries().of("janky", SLOW)) as here:
        number = here.open(draft=True)
        await here.has_status(number, "pending: a draft")
        assert here.built(number) == []
        here.world.github.ready(REPO, number)
        await until(lambda: here.running() == [here.head(number)])
        here.world.github.unready(REPO, number)
        await until(lambda: not here.running())
        here.world.github.ready(REPO, number)
        await here.has_status(number, "success")
        assert here.built(number) == [here.head(number)] * 2


async def test_a_draft_is_built_where_the_rule_says_so(tmp_path: Path) -> None:
    async with building(tmp_path, rules="draft = true") as here:
        await here.has_status(here.open(draft=True), "success")


async def test_what_has_conflicts_is_not_built(tmp_path: Path) -> None:
    async with building(tmp_path) as here:
        here.world.github.set_merging(REPO, asks=0)
        number = here.open()
        await here.has_status(number, "success")
        here.world.github.set_mergeable(REPO, number, False)
        here.world.github.push(REPO, number)
        here.world.github.set_mergeable(REPO, number, False)
        await here.has_status(number, "error: has conflicts with master")
        assert len(here.built(number)) == 1


async def test_whether_it_merges_is_asked_again_and_never_taken_for_yes(tmp_path: Path) -> None:
    """GitHub works it out when it is asked for."""
    async with building(tmp_path) as here:
        here.world.github.set_merging(REPO, asks=2)
        number = here.open()
        await here.has_status(number, "pending: waits: GitHub works out")
        assert here.built(number) == []
        await here.has_status(number, "success")
        assert here.built(number) == [here.head(number)]


async def test_only_the_contexts_that_a_change_concerns_are_built(tmp_path: Path) -> None:
    """The slash that leeroy forgot: docsomething.go is code."""
    rules = (
        'skip_if_only = ["@docs"]\n'
        '[plugin.pr_builds.repo."moby/moby".context.lxc]\nskip_if_only = []\nonly_if = ["/docs/"]\n'
    )
    async with building(tmp_path, rules=rules, contexts=("janky", "lxc")) as here:
        docs = here.open(files=files("docs/index.md", "docs/cli.md"))
        code = here.open(files=files("docsomething.go"))
        await here.has_status(docs, "success: skipped, only docs changed", "janky")
        await here.has_status(docs, "success: passed", "lxc")
        await here.has_status(code, "success: passed", "janky")
        await here.has_status(code, "success: skipped, no change of the files that it is for", "lxc")
        assert [here.built(number, name) != [] for number in (docs, code) for name in ("janky", "lxc")] == [
            False, True, True, False,
        ]  # fmt: skip


async def test_what_changes_on_the_second_page_of_files_is_seen(tmp_path: Path) -> None:
    async with building(tmp_path, rules='skip_if_only = ["@docs"]') as here:
        number = here.open(files=files(*(f"docs/{n}.md" for n in range(150)), "daemon/daemon.go"))
        await here.has_status(number, "success: passed")


@pytest.mark.parametrize(("mode", "kept"), [("new", [1, 2]), ("all", [0, 1, 2]), ("last", [2])])
async def test_commits_are_built_as_the_mode_says(tmp_path: Path, mode: str, kept: list[int]) -> None:
    """The first has passed, the second has failed; a third is pushed."""
    failing = Plan("FAILURE", duration_s=BRIEF_S, log="+ make\n")
    tries = Tries().of("janky", Plan("SUCCESS", duration_s=BRIEF_S), failing)
    async with building(tmp_path, rules=f'build_commits = "{mode}"', decide=tries) as here:
        number = here.open()
        heads = [here.head(number)]
        await here.has_status(number, "success")
        heads.append(here.world.github.push(REPO, number))
        await here.has_status(number, "failure")
        if mode == "all":
            await until(lambda: len(here.built(number)) == 3)
        before = len(here.built(number))
        heads.append(here.world.github.push(REPO, number))
        await here.has_status(number, "success", sha=heads[2])
        await until(lambda: len(here.built(number)) == before + len(kept))
        assert sorted(here.built(number)[before:]) == sorted(heads[n] for n in kept)


async def test_builds_go_on_of_commits_that_are_still_wanted(tmp_path: Path) -> None:
    async with building(tmp_path, rules='build_commits = "new"', decide=lambda _: SLOW) as here:
        number = here.open()
        first = here.head(number)
        await until(lambda: here.running() == [first])
        second = here.world.github.push(REPO, number)
        await until(lambda: here.running() == [first, second])
        assert here.built(number) == [first, second]
        third = here.world.github.push(REPO, number, force=True)
        await until(lambda: here.running() == [third])


async def test_more_than_one_may_have_under_way_waits_and_is_started_later(tmp_path: Path) -> None:
    async with building(tmp_path, top="per_author = 1", decide=Tries().of("janky", SLOW, pull=4)) as here:
        first = here.open()
        await until(lambda: here.running() == [here.head(first)])
        second = here.open()
        await here.has_status(second, "pending: waits: as many builds of the same author are under way as may be: 1")
        here.world.github.close(REPO, first)
        await here.has_status(second, "success")
        assert here.built(second) == [here.head(second)]


async def test_what_waits_for_room_asks_nobody_meanwhile(tmp_path: Path) -> None:
    """Hundreds may wait so, for hours, and ask each minute."""
    clock = MovedClock()
    async with building(tmp_path, top="per_author = 1", decide=lambda _: SLOW, clock=clock) as here:
        first = here.open()
        await until(lambda: here.running() == [here.head(first)])
        second = here.open()
        await here.has_status(second, "pending: waits: as many builds of the same author")
        before, until_s = here.asked_of(second), clock.ahead_s + 300

        def passed() -> bool:
            clock.move(2.0)
            return clock.ahead_s >= until_s

        await until(passed)
        assert here.asked_of(second) == before
        here.world.github.close(REPO, first)

        def is_built() -> bool:
            clock.move(2.0)
            return here.built(second) == [here.head(second)]

        await until(is_built)


async def test_who_asked_for_a_build_hears_once_that_it_was_superseded(tmp_path: Path) -> None:
    async with building(tmp_path, decide=Tries().of("janky", SLOW)) as here:
        number = here.open()
        await until(lambda: here.running() == [here.head(number)])
        await here.gordon.say("tianon", f"rebuild moby#{number}", expect="already running")
        head = here.world.github.push(REPO, number)
        await here.gordon.chat.line(f"janky #1 was cancelled: superseded by {head[:7]}")
        await here.has_status(number, "success")
        assert not [line for line in here.gordon.lines if "has moved" in line]


async def test_a_build_of_an_old_commit_that_turns_up_after_the_push_is_cancelled(tmp_path: Path) -> None:
    """Somebody asked for it, and Jenkins has taken it, but does not answer before the push has come."""
    tries = Tries().of("janky", GREEN, SLOW)
    async with building(tmp_path, decide=tries) as here:
        number = here.open()
        first = here.head(number)
        await here.has_status(number, "success")
        here.world.jenkins.faults.next("POST", "*/buildWithParameters", Slow(4.5))
        await here.gordon.chat.hear("tianon", f"rebuild moby#{number} janky")
        await until(lambda: here.running() == [first])
        second = here.world.github.push(REPO, number)
        await here.has_status(number, "success")
        await until(lambda: not here.running())
        assert (here.built(number), here.cancelled()) == ([first, first, second], 1)


async def test_what_waits_for_its_turn_outlasts_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path, with_hook=True, numbers=NUMBERS) as world:
        world.build_of(Tries().of("janky", SLOW, pull=4))
        with world.config.open("a", encoding="utf-8") as file:
            file.write(f'[plugin.pr_builds]\nper_author = 1\n[plugin.pr_builds.repo."{REPO}"]\ncontexts = ["janky"]\n')
        async with site(world) as here:
            first = here.open()
            await until(lambda: here.running() == [here.head(first)])
            second = here.open()
            await here.has_status(second, "pending: waits: as many builds")
        world.github.close(REPO, first)
        async with site(world) as here:
            await here.has_status(second, "success")
            assert here.built(second) == [here.head(second)]
