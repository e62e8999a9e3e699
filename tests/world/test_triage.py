"""Lists of open pull requests from chat: which ones, by how few requests, and what is said when there is no answer."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from math import ceil
from pathlib import Path

import pytest

from bot.demo.libcontainer import REPO as LIBCONTAINER
from bot.demo.world import REPO, World
from bot.testing import Gordon, running
from tests.world.failing import Tries, failing
from tests.world.honesty import honest, until

ONLY = ("failures", "triage")
CONFIG = f"""
[plugin.triage.repo."{REPO}"]
required = ["janky"]
stale_days = 7
"""
OLD = timedelta(days=40)


def populate(world: World) -> None:
    """Open pull requests beside the three of every world: approved, asked for, in conflict, a draft, old, a bot's."""
    github = world.github
    github.set_files(REPO, 1, ["daemon/mount.go"])
    github.review(REPO, 1, by="jess")
    github.set_status(REPO, github.pull_record(REPO, 1).head, "janky", "success", by="gordon-bot")
    github.set_files(REPO, 2, ["docs/run.md"])
    github.ask_review(REPO, 2, "tianon")
    github.set_mergeable(REPO, 2, False)
    github.assign(REPO, 2, "icecrime")
    github.unready(REPO, 3)
    for number, author in ((4, "vieux"), (5, "crosbymichael")):
        github.open_pull(REPO, title=f"Old {number}", author=author, number=number, labels=("Bug",), base="release")
        pull = github.pull_record(REPO, number)
        pull.created = pull.updated = pull.created - OLD + timedelta(days=number)
        github.set_files(REPO, number, ["cli/run.go"])
    github.set_status(REPO, github.pull_record(REPO, 5).head, "janky", "failure", by="gordon-bot")
    github.comment(REPO, 5, "Ping?", by="crosbymichael")
    github.vote(REPO, 5, "jess", "vieux")
    for number in (1, 2, 3):
        pull = github.pull_record(REPO, number)
        pull.created = pull.updated = pull.created - timedelta(hours=20 - number)
    github.put_file(REPO, ".github/CODEOWNERS", "/daemon/ @jess @moby/storage\n")
    github.put_file(REPO, "docs/MAINTAINERS", "Tianon <tianon@example.org> (@tianon)\n")


@asynccontextmanager
async def asking(folder: Path, prepare: Callable[[World], object], *, config: str = CONFIG) -> AsyncIterator[Gordon]:
    """Run a Gordon that has had its first look at all pull requests, so that it asks for nothing but lists."""
    async with failing(folder, Tries(), config=config, plugins=ONLY, prepare=prepare) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        yield gordon


def numbers(line: str) -> list[int]:
    """Read which pull requests a list has, in order."""
    return [int(number) for number in re.findall(r'#(\d+) \w+ "', line)]


@pytest.fixture(scope="module")
def asked() -> Sequence[tuple[str, str, list[int]]]:
    """Who asks for what, and what they are told."""
    return [
        ("jess", "prs", [4, 5, 1, 2]),
        ("jess", "prs with-drafts sort=created", [3, 2, 1, 5, 4]),
        ("jess", "prs draft", [3]),
        ("jess", "prs new", [1, 2]),
        ("jess", "prs stale", [4]),
        ("jess", "prs conflicts", [2]),
        ("jess", "prs approved", [1]),
        ("jess", "prs approvals=0 label=bug", [4, 5]),
        ("jess", "prs no-answer", [4, 5, 2]),
        ("jess", "prs mine", [2]),
        ("tianon", "prs mine", [1]),
        ("tianon", "prs review=me", [2]),
        ("jess", "prs maintainer=me", [1]),
        ("tianon", "prs maintainer=me", [2]),
        ("tianon", "prs maintainer=moby/storage", [1]),
        ("jess", "prs assigned", [2]),
        ("jess", "prs assigned=icecrime", [2]),
        ("jess", "prs unassigned not-label=bug", [1]),
        ("jess", "prs dir=daemon/ ext=go base=master", [1]),
        ("jess", "prs green", [1]),
        ("jess", "prs red", [5]),
        ("jess", "prs waits=merge", [1]),
        ("jess", "prs sort=votes limit=1", [5]),
        ("jess", "prs moby/moby author=vieux", [4]),
        ("jess", "prs docker author=vieux", [4]),
        ("jess", "prs assigned unassigned", []),
    ]


async def test_each_list_has_what_is_so_at_github(tmp_path: Path, asked: Sequence[tuple[str, str, list[int]]]) -> None:
    """Each by one request, and one more where it is asked who owns files."""
    async with asking(tmp_path, populate) as gordon:
        github = gordon.world.github
        for nick, typed, wanted in asked:
            before = len(github.requests)
            line = await gordon.say(nick, typed)
            assert numbers(line) == wanted, f"{typed}: {line}"
            owners = "review=" in typed or "maintainer=" in typed
            assert len(github.requests) - before <= 1 + owners, typed


async def test_a_list_says_what_it_is(tmp_path: Path) -> None:
    async with asking(tmp_path, populate) as gordon:
        assert await gordon.say("jess", "prs conflicts") == (
            "1 of 5 open pull requests of moby: conflicts, without drafts, oldest first; "
            '#2 18h "Docs: say what --restart does" by jess: waits for its author since 18h, conflicts'
        )
        assert await gordon.say("jess", "prs label=nowhere") == (
            "none of 5 open pull requests of moby: label=nowhere, without drafts"
        )
        line = await gordon.say("jess", "alru")
        assert line.startswith("4 open pull requests of moby: last touched 9d ago on average, ")
        assert '; longest ago: moby#4 5w "Old 4" by vieux; moby#' in line
        line = await gordon.say("jess", "prs filters")
        assert "new, stale, conflicts, " in line
        assert "sort=age|created" in line


async def test_hundreds_are_listed_by_a_request_a_hundred(tmp_path: Path) -> None:
    """And one more for who owns what they change; ten are told in a channel, more in private."""
    count = 230

    def prepare(world: World) -> None:
        populate(world)
        for number in range(count - 5):
            world.github.open_pull(REPO, title=f"Change {number}", author="vieux")

    async with asking(tmp_path, prepare) as gordon:
        for typed, more, left_out in (("prs", 0, 1), ("prs maintainer=jess", 1, 4)):
            before = len(gordon.world.github.requests)
            line = await gordon.say("jess", typed)
            assert len(gordon.world.github.requests) - before <= ceil(count / 100) + more
            assert len(numbers(line)) == 10
            assert line.endswith(f"; and {count - 10 - left_out} more")
        before = len(gordon.lines)
        await gordon.chat.hear("jess", "prs", channel="")
        line = await gordon.chat.line(" and [0-9]+ more$", after=before)
        assert 10 < len(numbers(line)) <= 40
        assert line.endswith(f"; and {count - 1 - len(numbers(line))} more")


async def test_what_others_have_written_does_no_harm(tmp_path: Path) -> None:
    def prepare(world: World) -> None:
        world.github.open_pull(REPO, title='\x02x\r\nQUIT :"bye" \u202e#1 0m "', author="jess", labels=("\x03",))

    async with asking(tmp_path, prepare) as gordon:
        line = await gordon.say("jess", "prs")
        assert line.isprintable()
        assert len(numbers(line)) == 4
        assert "prs" not in await gordon.say("jess", 'prs "label=\x02"')


def nobodys_account(world: World) -> None:
    """Let the people file not tell jess's account on GitHub."""
    path = world.folder / "people.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("github_id = 103\n", ""), encoding="utf-8")


async def test_whoever_has_no_account_is_told_so(tmp_path: Path) -> None:
    async with asking(tmp_path, nobodys_account) as gordon:
        before = len(gordon.world.github.requests)
        for typed in ("prs mine", "prs author=me", "prs review=me"):
            assert "nobody has told me your account on GitHub; name it" in await gordon.say("jess", typed)
            assert "nothing proves who you are; name somebody" in await gordon.say("jess", typed, proven=False)
        assert len(gordon.world.github.requests) == before
        assert "no open pull request shows what you are called" in await gordon.say("icecrime", "prs assigned=me")


async def test_another_repository_is_named(tmp_path: Path) -> None:
    async with (
        World(tmp_path, with_second=True) as world,
        running(tmp_path, world=world) as gordon,
    ):
        world.github.open_pull(LIBCONTAINER, title="Mount", author="jess", number=77)
        name = LIBCONTAINER.rpartition("/")[2]
        for typed in (f"prs {name} mine", f"prs mine repo={LIBCONTAINER}"):
            assert f'{name}#77 0m "Mount" by jess' in await gordon.say("jess", typed)
        assert f"of {name}: last touched" in await gordon.say("jess", f"alru {name}")
        for typed in ("prs moby/nope", "prs repo=moby/nope", "alru nope"):
            line = await gordon.say("jess", typed)
            assert "no repository" in line
            assert f"{LIBCONTAINER}, " in line


@pytest.mark.parametrize(
    ("how", "first"),
    [
        pytest.param("refuses", "^GitHub does not answer", id="refuses"),
        pytest.param("breaks", "^GitHub does not answer", id="breaks"),
        pytest.param("hangs", "^no answer yet, I am still at it", id="hangs"),
    ],
)
async def test_that_github_does_not_answer_is_told_within_five_seconds(tmp_path: Path, how: str, first: str) -> None:
    """F13: nor is anything promised for later."""
    async with honest(tmp_path, plugins=ONLY, timeout_s=2) as gordon:
        github = gordon.world.github
        match how:
            case "refuses":
                await github.down()
            case "breaks":
                github.fail(502, times=100)
            case _:
                github.hang(times=100)
        await gordon.chat.hear("jess", "prs stale")
        await gordon.chat.line(first, within_s=5)
        line = await gordon.chat.line("^GitHub does not answer")
        assert line.startswith("GitHub does not answer (listing the pull requests of moby/moby)")
        assert "keep trying" not in line


async def test_what_is_asked_of_a_team_is_its_members_too(tmp_path: Path) -> None:
    """Of a team whose members are read; whoever is in none, or has no say in it, is meant alone."""

    def prepare(world: World) -> None:
        populate(world)
        github = world.github
        github.teams.add("moby/storage", "jess", "vieux")
        github.ask_review(REPO, 4, teams=["storage"])

    config = CONFIG + '\n[plugin.triage]\nmembers_of = ["moby/storage"]\n'
    async with asking(tmp_path, prepare, config=config) as gordon:
        await until(lambda: gordon.app.teams.members("moby/storage"))
        for nick, typed, wanted in (
            ("jess", "prs review=me", [4, 1]),  # the storage team is asked about one, and owns the other
            ("vieux", "prs review=me", [1]),  # the one that the team is asked about is their own
            ("vieux", "prs maintainer=me", [1]),
            ("newcomer", "prs review=me", []),
        ):
            assert numbers(await gordon.say(nick, typed)) == wanted, f"{nick}: {typed}"
