"""Sign-offs on the embedded GitHub: what is said on a pull request whose commits lack one, and when that goes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.demo.github.double import Asked
from bot.demo.world import CLOSED, CONTEXTS, PLUGINS, REPO, World
from bot.testing import Gordon
from tests.world.failing import Tries, failing
from tests.world.honesty import on_disk, until

SPEED = 20.0  # GitHub wants a second between two writes
CONFIG = f'\n[plugin.dco]\nrepos = ["{REPO}"]\n'
STATUS, LABEL = "docker/dco-signed", "dco/no"
LINE = "Signed-off-by: Tianon <tianon@example.org>"
SIGNED = f"Fix it\n\n{LINE}\n"
OLD = "Fix it\n\nDocker-DCO-1.1-Signed-off-by: Tianon <tianon@example.org> (github: tianon)\n"
COMPARED = "SELECT count(*) FROM compared"
LEFT = "SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM effects WHERE state = 'sending')"


def comparing_often(world: World) -> None:
    """Have a first comparison that failed be made again soon."""
    text = world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace("[github]\n", "[github]\ncompare_s = 10\n", 1), encoding="utf-8")


@asynccontextmanager
async def signing(
    folder: Path, more: str = "", *, plugins: Sequence[str] = PLUGINS, with_hook: bool = True
) -> AsyncIterator[Gordon]:
    clock = SystemClock(speed=SPEED)
    async with failing(
        folder,
        Tries(),
        config=CONFIG + more,
        plugins=plugins,
        prepare=comparing_often,
        with_hook=with_hook,
        clock=clock,
    ) as gordon:
        await on_disk(gordon, COMPARED)  # what is open before that is nothing new
        yield gordon


def status(gordon: Gordon, pull: int) -> tuple[str, str | None] | None:
    """Tell how the status at the head of a pull request is."""
    github = gordon.world.github
    told = [one for one in github.statuses(REPO, github.pull_record(REPO, pull).head) if one.context == STATUS]
    return (told[-1].state, told[-1].description) if told else None


def state(gordon: Gordon, pull: int) -> str:
    return (status(gordon, pull) or ("", ""))[0]


def is_labelled(gordon: Gordon, pull: int) -> bool:
    return LABEL in gordon.world.github.pull_record(REPO, pull).labels


def comments(gordon: Gordon, pull: int) -> list[str]:
    return [body for _, _, body in gordon.world.github.comments(REPO, pull)]


def writes(gordon: Gordon) -> list[str]:
    """List what GitHub was asked to change, by its own count."""
    return [
        f"{one.method} {one.path}"
        for one in gordon.world.github.requests
        if one.method in ("POST", "PATCH", "PUT", "DELETE") and "graphql" not in one.path
    ]


async def at_rest(gordon: Gordon) -> None:
    """Wait until what GitHub has told is worked off; whether it was done right is not asked here."""
    await gordon.world.github.hooks.settled()
    await on_disk(gordon, LEFT, lambda left: left == 0)


async def test_what_is_not_signed_off_is_said_on_the_pull_request_and_gone_when_it_is(tmp_path: Path) -> None:
    async with signing(tmp_path) as gordon:
        github = gordon.world.github
        pull = github.open_pull(REPO, title="One `more` @everyone", author="tianon")
        await until(lambda: comments(gordon, pull))
        assert status(gordon, pull) == ("failure", "the commit lacks a sign-off")
        assert is_labelled(gordon, pull)
        [body] = comments(gordon, pull)
        assert body.startswith("<!-- gordon:dco -->")
        assert f"- `{github.pull_record(REPO, pull).head:.12}` `\"One 'more' @everyone\"`" in body
        assert "git commit --amend --no-edit --signoff\ngit push --force-with-lease" in body
        github.set_commits(REPO, pull, [SIGNED, SIGNED])
        await until(lambda: not comments(gordon, pull))
        assert status(gordon, pull) == ("success", "all 2 commits are signed off")
        assert not is_labelled(gordon, pull)


async def test_what_is_told_twice_is_written_once(tmp_path: Path) -> None:
    """F16: by GitHub's own count of what it was asked to change, whatever makes Gordon look again."""
    async with signing(tmp_path) as gordon:
        github = gordon.world.github
        pull = github.open_pull(REPO, title="One more", author="tianon")
        await until(lambda: comments(gordon, pull))
        await at_rest(gordon)
        assert sorted(line.split()[0] for line in writes(gordon)) == ["POST", "POST", "POST"]
        reads = len(github.requests)
        github.hooks.redeliver(next(one for one in github.hooks.ledger if one.event == "pull_request"))
        github.unready(REPO, pull)
        github.ready(REPO, pull)
        assert "the commit lacks a sign-off" in await gordon.say("jess", f"dco moby#{pull}")
        await at_rest(gordon)
        assert len(github.requests) > reads
        assert "moby#88 is closed" in await gordon.say("jess", f"dco moby#{CLOSED}")
        assert len(writes(gordon)) == 3


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        pytest.param([f"Fix it\n\n> {LINE}\n"], "the commit lacks a sign-off", id="leeroy-a-quoted-line-passes"),
        pytest.param([f"Fix it\n\n{LINE}\n\nThis is why.\n"], "the commit lacks a sign-off", id="in-the-middle"),
        pytest.param([*[SIGNED] * 120, "A", SIGNED], "1 of 122 commits lacks a sign-off", id="leeroy-first-page"),
        pytest.param([SIGNED.replace("Signed-off-by", "signed-off-by")], "", id="leeroy-lowercase-fails"),
        pytest.param([OLD], "the commit lacks a sign-off", id="old-form-where-nobody-asked-for-it"),
    ],
)  # fmt: skip
async def test_which_messages_pass(messages: Sequence[str], told: str, tmp_path: Path) -> None:
    async with signing(tmp_path) as gordon:
        github = gordon.world.github
        github.set_commits(REPO, 1, messages)
        await until(lambda: status(gordon, 1))
        assert status(gordon, 1) == (("failure", told) if told else ("success", "the commit is signed off"))


async def test_of_more_commits_than_github_lists_nothing_is_said_but_that(tmp_path: Path) -> None:
    async with signing(tmp_path) as gordon:
        gordon.world.github.set_commits(REPO, 1, [SIGNED] * 251)
        await until(lambda: status(gordon, 1))
        await at_rest(gordon)
        words = (
            "cannot tell whether all commits are signed off: it has more than 250 commits, and no others can be read"
        )
        assert status(gordon, 1) == ("error", words)
        assert not comments(gordon, 1)
        assert not is_labelled(gordon, 1)


async def test_a_base_that_is_exempt_is_enough(tmp_path: Path) -> None:
    async with signing(tmp_path, 'exempt_bases = ["release*"]\n') as gordon:
        github = gordon.world.github
        pull = github.open_pull(REPO, title="One more", author="tianon")
        await until(lambda: comments(gordon, pull))
        github.edit(REPO, pull, base="release/1.9")
        await until(lambda: not comments(gordon, pull))
        assert status(gordon, pull) == ("success", "commits for release/1.9 need no sign-off")
        github.edit(REPO, pull, base="master")
        await until(lambda: comments(gordon, pull))
        assert state(gordon, pull) == "failure"


async def test_a_head_that_is_no_more_is_not_judged(tmp_path: Path) -> None:
    """It moves between the reading of the pull request and that of its commits."""
    async with signing(tmp_path) as gordon:
        github = gordon.world.github
        heads: list[str] = []

        def push(asked: Asked) -> None:
            if asked.path.split("?")[0].endswith("/pulls/1/commits") and not heads:
                heads.append(github.pull_record(REPO, 1).head)
                github.set_commits(REPO, 1, [SIGNED])

        github.before_answer = push
        github.set_commits(REPO, 1, ["Fix it"])
        await until(lambda: state(gordon, 1) == "success")
        await at_rest(gordon)
        assert github.statuses(REPO, heads[0]) == []
        assert not comments(gordon, 1)
        assert not is_labelled(gordon, 1)


async def test_while_github_is_down_it_waits_by_itself(tmp_path: Path) -> None:
    async with signing(tmp_path) as gordon:
        github = gordon.world.github
        await github.down()
        github.set_commits(REPO, 1, ["Fix it"])
        await github.hooks.settled()
        await gordon.say("tianon", "ping", expect="pong")
        await github.up()
        await until(lambda: comments(gordon, 1))
        assert state(gordon, 1) == "failure"


async def test_what_github_refuses_keeps_the_rest_from_nothing(tmp_path: Path) -> None:
    """A token that may not label, and builds that wait for what was found."""
    async with signing(tmp_path) as gordon:
        github = gordon.world.github
        github.fail(403, times=9, path="/labels", method="POST", message="Resource not accessible")
        github.set_commits(REPO, 1, ["Fix it"])
        await until(lambda: comments(gordon, 1))
        assert state(gordon, 1) == "failure"
        assert not is_labelled(gordon, 1)


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        pytest.param('label = ""\n', {"status", "comment"}, id="no-label"),
        pytest.param('status = ""\n', {"label", "comment"}, id="no-status"),
        pytest.param("comment = false\n", {"status", "label"}, id="no-comment"),
    ],
)
async def test_each_way_to_say_it_can_be_switched_off(more: str, kept: set[str], tmp_path: Path) -> None:
    async with signing(tmp_path, more) as gordon:
        gordon.world.github.set_commits(REPO, 1, ["Fix it"])
        await gordon.world.github.hooks.settled()
        assert "lacks a sign-off" in await gordon.say("tianon", "dco moby#1")
        await at_rest(gordon)
        told = {"status": status(gordon, 1), "label": is_labelled(gordon, 1), "comment": comments(gordon, 1)}
        assert {name for name, is_there in told.items() if is_there} == kept


async def test_where_nobody_asks_for_sign_offs_nothing_is_said(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries(), with_hook=True) as gordon:
        gordon.world.github.set_commits(REPO, 1, ["Fix it"])
        assert "nobody asks for sign-offs in moby/moby" in await gordon.say("tianon", "dco moby#1")
        await at_rest(gordon)
        assert writes(gordon) == []


async def test_nothing_is_built_until_all_is_signed_off(tmp_path: Path) -> None:
    rules = f'\n[plugin.pr_builds.repo."{REPO}"]\nneeds = ["dco"]\n'
    plugins = tuple(dict.fromkeys((*PLUGINS, "pr_builds")))
    async with signing(tmp_path, rules, plugins=plugins) as gordon:
        github, jenkins = gordon.world.github, gordon.world.jenkins
        pull = github.open_pull(REPO, title="One more", author="tianon")
        await until(lambda: comments(gordon, pull))
        await at_rest(gordon)
        assert jenkins.ledger.triggers == []
        head = github.set_commits(REPO, pull, [SIGNED])
        await until(lambda: len(jenkins.ledger.triggers) == len(CONTEXTS))
        assert {trigger.parameters["GIT_SHA1"] for trigger in jenkins.ledger.triggers} == {head}
        await until(lambda: not comments(gordon, pull))


async def test_a_push_that_only_a_comparison_finds_is_looked_at(tmp_path: Path) -> None:
    """F19: no webhook tells of it."""
    async with signing(tmp_path, with_hook=False) as gordon:
        gordon.world.github.set_commits(REPO, 1, ["Fix it"])
        await until(lambda: comments(gordon, 1))
        assert state(gordon, 1) == "failure"


async def test_a_head_that_comes_back_is_judged_anew(tmp_path: Path) -> None:
    """A19: by a push back and forth."""
    async with signing(tmp_path) as gordon:
        github = gordon.world.github
        bad = github.set_commits(REPO, 1, ["Fix it"])
        await until(lambda: comments(gordon, 1))
        github.set_commits(REPO, 1, [SIGNED])
        await until(lambda: not comments(gordon, 1))
        assert github.push(REPO, 1, bad, force=True) == bad
        await until(lambda: comments(gordon, 1))
        assert state(gordon, 1) == "failure"
        assert is_labelled(gordon, 1)


async def test_where_the_author_must_sign_nobody_else_will_do(tmp_path: Path) -> None:
    async with signing(tmp_path, "author_must_sign = true\n") as gordon:
        github = gordon.world.github
        github.set_commits(REPO, 1, [SIGNED], author="tianon")
        await until(lambda: comments(gordon, 1))
        theirs = SIGNED.replace("tianon@example.org", "Tianon@users.noreply.example")
        github.set_commits(REPO, 1, [theirs], author="tianon")
        await until(lambda: not comments(gordon, 1))
        assert state(gordon, 1) == "success"
