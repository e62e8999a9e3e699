"""Commands in comments on pull requests, told by signed webhooks: who is obeyed, once, and where that is answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.world import REPO
from bot.testing import Gordon
from tests.world.failing import REAL, Tries, failing
from tests.world.honesty import until


@asynccontextmanager
async def commented(folder: Path, tries: Tries | None = None, *, more: str = "") -> AsyncIterator[Gordon]:
    """Run a Gordon that obeys comments, and is told of them by webhooks."""

    def prepare(world: object) -> None:
        path = folder / "gordon.toml"
        path.write_text(path.read_text().replace("[github]\n", f"[github]\ncomments = true\n{more}", 1))

    async with failing(folder, tries or Tries(), prepare=prepare, with_hook=True) as gordon:
        yield gordon


def answers(gordon: Gordon, number: int) -> list[str]:
    """List what Gordon has written on a pull request."""
    return [body for _, author, body in gordon.world.github.comments(REPO, number) if author == "gordon-bot"]


def signs(gordon: Gordon, comment: int) -> list[str]:
    """List the reactions to a comment."""
    return [one.content for one in gordon.world.github.repo(REPO).comments[comment].reactions]


async def test_a_comment_of_the_author_rebuilds_and_is_answered_by_one_comment_that_grows(tmp_path: Path) -> None:
    async with commented(tmp_path, Tries().of("windows", REAL)) as gordon:
        github = gordon.world.github
        written = github.comment(REPO, 1, "Again, please.\n\n@gordon rebuild windows", by="tianon")
        await until(lambda: any("failed" in body for body in answers(gordon, 1)))
        assert signs(gordon, written) == ["eyes"]
        [answer] = answers(gordon, 1)
        print(answer)
        assert answer.startswith(f"<!-- gordon:answer:{written} -->\n@tianon")
        assert "queued windows" in answer
        assert len(gordon.world.jenkins.ledger.triggers) == 1
