"""Commands in comments on pull requests, told by signed webhooks: who is obeyed, once, and how that is answered."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.demo.github.hooks import ARRIVES, FORGOTTEN, Fate
from bot.demo.world import REPO, World
from bot.testing import Gordon
from tests.world.crash_rig import crash_rig
from tests.world.failing import REAL, Tries, failing
from tests.world.honesty import on_disk, until

SPEED = 10.0
ANSWER = re.compile(r"<!-- gordon:answer:(\d+) -->\n")


@asynccontextmanager
async def commented(
    folder: Path, tries: Tries | None = None, *, commands_per_minute: float = 1000
) -> AsyncIterator[Gordon]:
    """Run a Gordon that obeys comments, and is told of them by webhooks; GitHub takes a write a second of its clock."""
    async with failing(
        folder,
        tries or Tries(),
        prepare=obey_comments,
        with_hook=True,
        clock=SystemClock(speed=SPEED),
        timeout_s=30,
        commands_per_minute=commands_per_minute,
    ) as gordon:
        yield gordon


def obey_comments(world: World, more: str = "") -> None:
    """Have Gordon obey comments."""
    text = world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace("[github]\n", f"[github]\ncomments = true\n{more}", 1), encoding="utf-8")


def answers(world: World, number: int) -> dict[int, str]:
    """Tell what Gordon has written on a pull request, by the comment that it answers."""
    own = [body for _, author, body in world.github.comments(REPO, number) if author == "gordon-bot"]
    found = [(int(match[1]), body) for body in own if (match := ANSWER.match(body))]
    assert len(dict(found)) == len(found), "two answers to one comment"
    return dict(found)


def signs(world: World, comment: int) -> list[str]:
    """List the reactions to a comment."""
    return [one.content for one in world.github.repo(REPO).comments[comment].reactions]


async def answered(gordon: Gordon, number: int, comment: int, words: str) -> str:
    """Wait until the answer to a comment has some words, and return all of it."""
    try:
        await until(lambda: words in answers(gordon.world, number).get(comment, ""))
    except TimeoutError:
        raise AssertionError(f"{words!r} is not in {answers(gordon.world, number)}") from None
    return answers(gordon.world, number)[comment]


async def test_a_comment_of_the_author_is_answered_by_one_that_grows_to_the_result(tmp_path: Path) -> None:
    """The same rights and the same record as on IRC, under the name of the surface."""
    async with commented(tmp_path, Tries().of("windows", REAL)) as gordon:
        world = gordon.world
        written = world.github.comment(REPO, 1, "Again, please.\n\n@gordon rebuild windows", by="tianon")
        answer = await answered(gordon, 1, written, "failed after")
        assert answer.startswith(f"<!-- gordon:answer:{written} -->\n@tianon\n")
        assert answer.index("queued windows") < answer.index("failed after")
        await until(lambda: signs(world, written) == ["eyes"])
        assert len(world.jenkins.ledger.triggers) == 1
        [record] = [one for one in await gordon.app.audit.newest(50) if one.get("decision") == "accepted"]
        assert (record["surface"], record["person"], record["account_id"]) == ("github", "tianon", "102")
        assert record["text_redacted"] == "rebuild moby/moby#1 windows"

        again = world.github.comment(REPO, 1, "/retest", by="jess")
        await answered(gordon, 1, again, "passed")
        assert len(world.jenkins.ledger.triggers) == 1 + 4, "a triager's, for what failed and what was never built"
        world.github.comment(REPO, 1, "/retest", by="jess")
        await until(lambda: any("everything passed" in body for body in answers(world, 1).values()))
        assert len(world.jenkins.ledger.triggers) == 5


@pytest.mark.parametrize(
    "fate", [pytest.param(Fate(copies=3), id="F16-told-three-times"), pytest.param(ARRIVES, id="told-once")]
)
async def test_a_comment_is_obeyed_once_however_often_it_is_told(tmp_path: Path, fate: Fate) -> None:
    async with commented(tmp_path) as gordon:
        hooks = gordon.world.github.hooks
        hooks.fate = lambda _: fate
        written = gordon.world.github.comment(REPO, 1, "/test windows\n/test janky\n", by="tianon")
        await hooks.settled()
        hooks.redeliver(next(one for one in hooks.ledger if one.event == "issue_comment"))
        await hooks.settled()
        answer = await answered(gordon, 1, written, "passed")
        assert len(gordon.world.jenkins.ledger.triggers) == 2
        assert answer.count("queued windows") == answer.count("queued janky") == 1


NOBODYS: dict[str, tuple[str, str, list[str]]] = {  # whose comment, what it says, which signs it gets
    "A17-quoted": ("tianon", "> /retest\n> @gordon rebuild", []),
    "A17-code": ("tianon", "```\n@gordon rebuild\n```", []),
    "A17-relayed": ("tianon", "<alice> @gordon rebuild", []),
    "A17-own-account": ("gordon-bot", "/retest", []),
    "A17-own-mark": ("tianon", "<!-- gordon:failures -->\n\n/retest", []),
    "of-another-program": ("tianon", "/hold", []),
    "a-machine": ("robot[bot]", "/retest", []),
    "an-account-that-is-gone": ("ghost", "/retest", []),
    "A31-nobody-of-that-number": ("stranger", "@gordon rebuild", ["confused"]),
}


async def test_what_nobody_may_be_obeyed_for_gets_no_words(tmp_path: Path) -> None:
    """A17, A31, in one world: a sign at most, and then a comment that is obeyed shows that all were looked at."""
    async with commented(tmp_path) as gordon:
        world = gordon.world
        made = {name: world.github.comment(REPO, 1, body, by=by) for name, (by, body, _) in NOBODYS.items()}
        edited = world.github.comment(REPO, 1, "nothing", by="tianon")
        world.github.edit_comment(REPO, edited, "/retest")
        last = world.github.comment(REPO, 1, "@gordon status", by="tianon")
        await answered(gordon, 1, last, "windows")
        await world.github.hooks.settled()
        await until(lambda: signs(world, made["A31-nobody-of-that-number"]))
        given = {name: signs(world, comment) for name, comment in made.items()}
        assert given == {name: expected for name, (*_, expected) in NOBODYS.items()}
        assert list(answers(world, 1)) == [last]
        assert not world.jenkins.ledger.triggers


async def test_an_account_that_took_a_freed_name_is_nobody(tmp_path: Path) -> None:
    """A31: the number counts, and it goes with whoever has it."""
    async with commented(tmp_path) as gordon:
        github = gordon.world.github
        github.rename("jess", "jessie")
        taken = github.comment(REPO, 1, "/test windows", by="jess")
        own = github.comment(REPO, 1, "/test janky", by="jessie")
        await answered(gordon, 1, own, "passed")
        await until(lambda: signs(gordon.world, taken) == ["confused"])
        assert len(gordon.world.jenkins.ledger.triggers) == 1


async def test_somebody_known_is_told_in_words_why_not(tmp_path: Path) -> None:
    """And once something was taken in, what explained their mistakes goes; what others were told stays."""
    async with commented(tmp_path) as gordon:
        world = gordon.world
        refused = world.github.comment(REPO, 1, "/retest", by="newcomer")
        assert "may be started by its author and by triagers" in await answered(gordon, 1, refused, "newcomer")
        unknown = world.github.comment(REPO, 1, "@gordon rebuid\n@gordon rebuid", by="tianon")
        answer = await answered(gordon, 1, unknown, "did you mean")
        assert answer.count("did you mean") == 1
        await until(lambda: signs(world, unknown) == ["confused"])
        wrong = world.github.comment(REPO, 1, "/test windos", by="tianon")
        assert "janky" in await answered(gordon, 1, wrong, "no context")
        many = world.github.comment(REPO, 1, "@gordon ping\n" * 7, by="tianon")
        answer = await answered(gordon, 1, many, "only the first 5 commands")
        assert "2 more are left" in answer
        long = world.github.comment(REPO, 1, f"{'x ' * 9000}\n\n/retest", by="tianon")
        await answered(gordon, 1, long, "I read no commands in comments of over 16384 characters")
        hidden = world.github.comment(REPO, 1, "@gordon re\u200bbuild", by="tianon")
        await answered(gordon, 1, hidden, "cannot be seen")
        assert not world.jenkins.ledger.triggers
        right = world.github.comment(REPO, 1, "/test windows", by="tianon")
        await answered(gordon, 1, right, "passed")
        await until(lambda: answers(world, 1).keys() == {refused, wrong, many, right})


async def test_mistakes_on_a_pull_request_are_forgotten_when_it_is_closed(tmp_path: Path) -> None:
    kept = "SELECT count(*) FROM plugin_state WHERE plugin = 'comments'"
    async with commented(tmp_path) as gordon:
        github = gordon.world.github
        github.comment(REPO, 1, "@gordon rebuid", by="tianon")
        await on_disk(gordon, kept)
        github.close(REPO, 1)
        await on_disk(gordon, kept, lambda count: count == 0)


async def test_what_is_large_is_confirmed_in_another_comment_by_whoever_asked(tmp_path: Path) -> None:
    async with commented(tmp_path) as gordon:
        world = gordon.world
        asked = world.github.comment(REPO, 1, "@gordon build base-image PLATFORM=el7", by="tianon")
        answer = await answered(gordon, 1, asked, "to go on write")
        [token] = re.findall(r"confirm ([a-z2-7]{26})", html.unescape(answer))
        other = world.github.comment(REPO, 1, f"@gordon confirm {token}", by="crosbymichael")
        await answered(gordon, 1, other, "nothing of yours waits here")
        elsewhere = world.github.comment(REPO, 2, f"@gordon confirm {token}", by="tianon")
        await answered(gordon, 2, elsewhere, "nothing of yours waits here")
        meant = world.github.comment(REPO, 1, f"@gordon confirm {token}", by="tianon")
        await answered(gordon, 1, meant, "queued")
        assert len(world.jenkins.ledger.triggers) == 1


async def test_a_storm_of_comments_gets_one_word_and_few_signs(tmp_path: Path) -> None:
    """F43, A33."""
    async with commented(tmp_path, commands_per_minute=5) as gordon:
        world = gordon.world
        for _ in range(10):
            world.github.comment(REPO, 1, "@gordon ping", by="tianon")
        strangers = [world.github.comment(REPO, 1, "/retest", by=f"stranger{number}") for number in range(20)]
        await world.github.hooks.settled()
        await until(lambda: sum("too many commands" in body for body in answers(world, 1).values()) == 1)
        await until(lambda: sum("pong" in body for body in answers(world, 1).values()) == 5)
        await until(lambda: sum(bool(signs(world, comment)) for comment in strangers) == 10)
        assert len(answers(world, 1)) == 6


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("forge.comment.after", id="accepted-and-not-handled-to-the-end"),
        pytest.param("chat.send.before", id="answered-on-disk-only"),
        pytest.param("chat.send.after", id="answered-and-not-noted"),
    ],
)
async def test_a_kill_between_the_comment_and_its_answer_does_nothing_twice(tmp_path: Path, point: str) -> None:
    """F19, F29: a comment that no webhook told is found, obeyed once and answered once, whenever Gordon is killed."""
    async with crash_rig(tmp_path) as rig:
        obey_comments(rig.world, "compare_s = 0.3\n")
        await rig.start(crash_at=point)
        await rig.compared()
        rig.world.github.hooks.fate = lambda _: FORGOTTEN
        written = rig.world.github.comment(REPO, 1, "/test windows", by="tianon")
        await rig.died()
        await rig.start()
        await until(lambda: "passed" in answers(rig.world, 1).get(written, ""))
        await rig.quiet()
        assert [(pull, job) for (pull, _, job), count in rig.builds().items() for _ in range(count)] == [("1", "win")]
        answer = answers(rig.world, 1)[written]
        assert answer.count("queued windows") == 1
        assert answer.count("passed") == 1
        assert signs(rig.world, written) == ["eyes"]
