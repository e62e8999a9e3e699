"""All of one pull request on a card, and who might review it: what is said first, what that costs, what is left out."""

import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.chat import Tone
from bot.demo.world import CLOSED, REPO, World
from bot.testing import EditableChat, Gordon
from tests.world.failing import FLAKE, FLAKE_CAUSE, REAL, Tries, failing
from tests.world.honesty import until
from tests.world.retries_rig import planned

ONLY = ("rebuild", "failures", "triage")
OF_3 = "Fix a race in the devicemapper driver"
MAX_BYTES = 1050  # three lines of IRC
CODEOWNERS = "/daemon/ @vieux @moby/storage\n/docs/ @jess\n*.md docs@example.com\n"


@asynccontextmanager
async def asking(
    folder: Path,
    *,
    tries: Tries | None = None,
    prepare: Callable[[World], object] = lambda world: None,
    plugins: tuple[str, ...] = ONLY,
    config: str = "",
    chat: EditableChat | None = None,
) -> AsyncIterator[Gordon]:
    """Run a Gordon that has looked at all pull requests once, so that it asks nothing but what it is asked for."""
    run = failing(folder, tries or Tries(), plugins=plugins, config=config, prepare=prepare, chat=chat)
    async with run as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        yield gordon


def cost(gordon: Gordon) -> int:
    """Count what GitHub was asked."""
    return len(gordon.world.github.requests)


async def built(gordon: Gordon, number: int, *contexts: str) -> None:
    """Build contexts of a pull request to their end."""
    await gordon.say("tianon", f"rebuild moby#{number} {' '.join(contexts)}", expect="queued")
    for context in contexts:
        await gordon.chat.line(f"{context} #[0-9]+ (passed|failed)")


def contested(world: World) -> None:
    """Have a pull request that nothing speaks for: in conflict, red, with changes wanted, and its owners silent."""
    github = world.github
    github.set_files(REPO, 3, ["daemon/graph.go", "daemon/kill.go", "docs/x.go"])
    github.put_file(REPO, ".github/CODEOWNERS", CODEOWNERS)
    github.set_mergeable(REPO, 3, False)
    github.review(REPO, 3, "CHANGES_REQUESTED", by="jess")
    github.ask_review(REPO, 3, "icecrime")
    github.vote(REPO, 3, "vieux", "tianon")


async def test_the_card_says_first_why_it_is_not_merged(tmp_path: Path) -> None:
    tries = Tries().of("janky", FLAKE).of("lxc", REAL)
    async with asking(tmp_path, tries=tries, prepare=contested) as gordon:
        await built(gordon, 3, "janky", "lxc", "windows")
        line = await gordon.say("vieux", "pr moby#3")
        assert line.startswith(
            "moby#3 is not merged: it conflicts with master; jess wants changes; lxc failed; "
            "janky has to be built again; "
            f'it has 0 of 1 approval; "{OF_3}" by newcomer; has waited 0m for its author; builds: '
            "janky #1 failed: known Docker trouble; lxc #1 failed: new failure in TestRunVolumesFrom; "
            "passed: windows; never built: experimental; jess wants changes, 0m ago, asked for a review: icecrime; "
            "2 votes; 3 files: daemon/ (2), docs/ (1); owned by moby/storage, vieux, jess, who did not approve http"
        )
        assert len(line.encode()) <= MAX_BYTES


async def test_a_card_costs_two_requests_and_one_while_the_owners_are_known(tmp_path: Path) -> None:
    async with asking(tmp_path, prepare=contested) as gordon:
        costs = []
        for command in ("pr moby#3", "pr moby#3", "pr moby#1", f"pr moby#{CLOSED}", "review moby#3"):
            before = cost(gordon)
            await gordon.say("vieux", command)
            costs.append(cost(gordon) - before)
        assert costs == [2, 1, 1, 1, 2]


async def test_what_was_fixed_and_approved_could_be_merged(tmp_path: Path) -> None:
    async with asking(tmp_path, prepare=contested) as gordon:
        github = gordon.world.github
        github.set_mergeable(REPO, 3, True)
        github.review(REPO, 3, "APPROVED", by="jess")
        await built(gordon, 3, "janky", "lxc", "windows", "experimental")
        line = await gordon.say("vieux", "pr moby#3")
        assert line.startswith("moby#3 could be merged: nothing known keeps it from that; ")
        assert (
            "has waited 0m for being merged; builds: passed: experimental, janky, lxc, windows; approved by jess"
            in line
        )
        github.push(REPO, 3)
        line = await gordon.say("vieux", "pr moby#3")
        assert "it has 0 of 1 approval, jess approved an older commit; " in line
        assert "never built: experimental, janky, lxc, windows; jess approved an older commit, asked for" in line


async def test_what_github_is_told_by_others_counts_too(tmp_path: Path) -> None:
    def prepare(world: World) -> None:
        head = world.github.pull_record(REPO, 1).head
        world.github.review(REPO, 1, by="jess")
        world.github.set_status(REPO, head, "travis", "failure", by="jess")
        world.github.set_status(REPO, head, "dco", "failure", by="jess")
        world.github.label(REPO, 1, "do-not-merge")

    async with asking(tmp_path, prepare=prepare) as gordon:
        line = await gordon.say("vieux", "pr moby#1")
    assert line.startswith(
        "moby#1 is not merged: commits lack a sign-off; travis failed; it is held by the label do-not-merge; "
    )
    assert "builds: travis failed; never built: " in line
    assert "not all is signed off" in line


async def test_jenkins_is_missed_and_the_rest_is_told(tmp_path: Path) -> None:
    """F4: what is on record of its builds is told in its place."""
    async with asking(tmp_path, tries=Tries().of("janky", REAL), prepare=contested) as gordon:
        await built(gordon, 3, "janky")
        await gordon.world.jenkins.stop()
        before = len(gordon.lines)
        await gordon.chat.hear("vieux", "pr moby#3")
        line = await gordon.chat.line("moby#3 is not merged", after=before)
    assert "; janky failed; " in line
    assert "builds: janky #1 failed: new failure in TestRunVolumesFrom; " in line
    assert "Jenkins ci does not answer (" in line
    assert "owned by moby/storage, vieux, jess, who did not approve" in line


async def test_github_is_missed_by_as_much_as_it_does_not_tell(tmp_path: Path) -> None:
    async with asking(tmp_path, prepare=contested) as gordon:
        github, asked = gordon.world.github, itertools.count()
        github.before_answer = lambda one: github.fail(502, times=9) if next(asked) == 0 else None
        line = await gordon.say("vieux", "pr moby#3")
        assert "nobody can tell who owns these files: GitHub does not answer (reading files of moby/moby)" in line
        assert line.startswith("moby#3 is not merged: it conflicts with master; ")
        assert await gordon.say("vieux", "pr moby#3") == "GitHub does not answer (reading moby/moby#3)"


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        pytest.param(
            CLOSED,
            f'^moby#{CLOSED} was merged into master as [0-9a-f]{{7}}; "Let containers run as another user" by vieux, '
            "opened 0m ago, at [0-9a-f]{7} for master http",
            id="merged",
        ),
        pytest.param(2, '^moby#2 is closed and was not merged; "Docs: ', id="closed"),
        pytest.param(77, "^there is no pull request #77 in moby/moby", id="none"),
    ],
)
async def test_of_what_is_not_open_nobody_asks_what_it_waits_for(tmp_path: Path, number: int, answer: str) -> None:
    async with asking(tmp_path, prepare=lambda world: world.github.close(REPO, 2)) as gordon:
        assert re.search(answer, await gordon.say("vieux", f"pr moby#{number}"))


async def test_what_others_have_written_is_shown_and_no_more(tmp_path: Path) -> None:
    def prepare(world: World) -> None:
        github = world.github
        number = github.open_pull(REPO, title='Say "hi"\n!cancel moby#1 \x03' * 9, author="newcomer", number=9)
        github.set_files(REPO, number, ["a b\x1b[31m/x", *(f"dir-{n}/{'x' * 200}" for n in range(90))])
        github.label(REPO, number, "WIP")

    async with asking(tmp_path, prepare=prepare) as gordon:
        line = await gordon.say("vieux", "pr moby#9")
    assert "\n" not in line
    assert "\x03" not in line
    assert "\x1b" not in line
    assert "91 files: " in line
    assert "held by the label WIP" in line
    assert len(line.encode()) <= MAX_BYTES


async def test_a_network_with_cards_has_lines_and_what_to_press(tmp_path: Path) -> None:
    chat = EditableChat()
    async with asking(tmp_path, tries=Tries().of("janky", FLAKE), prepare=contested, chat=chat) as gordon:
        await built(gordon, 3, "janky")
        await gordon.chat.hear("vieux", "pr moby#3")
        card = await chat.card(lambda one: one.title.startswith("moby#3 is not merged"))
    assert card.title == "moby#3 is not merged: it conflicts with master"
    assert card.lines[0] == "also: jess wants changes; janky has to be built again; it has 0 of 1 approval"
    assert [button.command for button in card.buttons] == ["rebuild moby/moby#3 failed"]
    assert card.tone is Tone.BAD


async def test_a_retry_that_is_planned_is_told(tmp_path: Path) -> None:
    config = "\n[plugin.retries]\ndelay_s = 600\n"
    async with asking(tmp_path, tries=Tries().of("janky", FLAKE), plugins=(*ONLY, "retries"), config=config) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await planned(gordon)
        line = await gordon.say("vieux", "pr moby#1")
    assert line.startswith("moby#1 is not merged: janky is pending; ")
    assert f"janky #1 failed: known Docker trouble, is tried again ({FLAKE_CAUSE}, 2 of 3)" in line


async def test_it_waits_for_somebody_who_looks_at_what_an_outsider_has_pushed(tmp_path: Path) -> None:
    config = f'\n[plugin.pr_builds.repo."{REPO}"]\ncontexts = ["janky"]\n'
    async with asking(tmp_path, plugins=(*ONLY, "pr_builds"), config=config) as gordon:
        head = gordon.world.github.pull_record(REPO, 3).head
        line = await gordon.say("vieux", "pr moby#3")
        assert line.startswith(f"moby#3 is not merged: nobody has found {head:.7} ok to test; ")
        assert "for somebody to find it ok to test" in line
        await gordon.say("tianon", f"ok to test moby#3 {head}", expect="is ok to test")
        assert "ok to test" not in await gordon.say("vieux", "pr moby#3", expect="moby#3 is not merged")
        assert "ok to test" not in await gordon.say("vieux", "pr moby#1", expect="moby#1 is not merged")


def with_history(world: World) -> None:
    """Let some people own what is changed, and others have changed it before."""
    contested(world)
    for path, author, times in (
        ("daemon/graph.go", "crosbymichael", 3),
        ("daemon/kill.go", "newcomer", 2),
        ("docs/x.go", "tianon", 1),
        ("docs/x.go", "dependabot[bot]", 4),
        ("docs/x.go", "icecrime", 1),
    ):
        for number in range(times):
            world.github.put_file(REPO, path, str(number), author=author)


async def test_reviewers_are_owners_and_those_who_know_the_files(tmp_path: Path) -> None:
    """Neither the author, nor bots, nor who has reviewed or is asked already; and nobody is asked by that."""
    async with asking(tmp_path, prepare=with_history) as gordon:
        line = await gordon.say("vieux", "review moby#3")
        assert line.startswith(
            f'moby#3 "{OF_3}" by newcomer might be reviewed by moby/storage (owns 2 of 3 files in daemon/), '
            "vieux (owns 2 of 3 files in daemon/), crosbymichael (wrote 3 of the last 7 commits there), "
            "tianon (wrote 1 of the last 7 commits there); "
            "to ask: gh pr edit 3 --repo moby/moby --add-reviewer moby/storage,vieux; "
            "asked already: icecrime; may look again: jess http"
        )
        assert gordon.world.github.pull_record(REPO, 3).asked == ["icecrime"]
        assert all(one.method == "GET" or one.path.endswith("/graphql") for one in gordon.world.github.requests)


async def test_nobody_is_suggested_where_nobody_is_near(tmp_path: Path) -> None:
    async with asking(tmp_path, prepare=lambda world: world.github.close(REPO, 2)) as gordon:
        line = await gordon.say("vieux", "review moby#1")
        assert line.endswith("nobody else owns these files or has changed them before " + line.rpartition(" ")[2])
        assert await gordon.say("vieux", "review moby#2") == "moby#2 is closed, so nobody needs to review it"
