"""What was looked at is what is built, and what was read is what is said, whatever is pushed when."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.demo.world import REPO
from bot.errors import Unavailable
from bot.paths import files_of
from bot.values import ChangedFile, Pull, PullRef
from tests.world.pr_builds_rig import building, files


@pytest.mark.parametrize("mode", ["new", "all"])
async def test_of_an_outsider_only_the_commit_that_was_found_ok_is_built(tmp_path: Path, mode: str) -> None:
    """A21: the changes of a pull request do not show what an older commit did and a newer one has undone."""
    async with building(tmp_path, rules=f'build_commits = "{mode}"') as here:
        number = here.open("stranger")
        await here.has_status(number, "pending: waits for ok to test")
        head = here.world.github.push(REPO, number, message="Undo it")
        await here.has_status(number, "pending: waits for ok to test")
        ok = await here.gordon.say("tianon", f"ok to test moby#{number} {head}", expect="is ok to test")
        await here.has_status(number, "success: passed")
        assert "janky: starts" in ok
        assert here.built(number) == [head]


async def test_the_files_of_another_head_skip_nothing_of_this_one(tmp_path: Path) -> None:
    """A18: code is pushed, and texts in its place while its files are read."""
    async with building(tmp_path, rules='skip_if_only = ["@docs"]') as here:
        github = here.world.github
        github.hang(path="/files")
        number = here.open(files=files("daemon/daemon.go"))
        code = here.head(number)
        await github.hanging()
        github.set_files(REPO, number, ["docs/a.md"])
        github.push(REPO, number, force=True)
        github.resume()
        await here.has_status(number, "success: skipped, only docs changed")
        assert here.status(number, sha=code) == ""


class Moving:
    """A forge whose pull request is told in one state after the other; the last one stays."""

    def __init__(self, *states: Pull) -> None:
        self.states = list(states)
        self.listed = 0

    async def pull(self, ref: PullRef) -> Pull:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    async def files(self, ref: PullRef) -> Sequence[ChangedFile]:
        self.listed += 1
        return [ChangedFile(f"{self.listed}.md")]


def at(second: int, head: str = "a" * 40, base: str = "master") -> Pull:
    told = datetime(2026, 1, 2, 12, tzinfo=UTC) + timedelta(seconds=second)
    return Pull(PullRef(REPO, 7), "Fix", "mallory", 7, head, base, "mallory/moby", "https://gh/7", updated_at=told)


@pytest.mark.parametrize(
    ("states", "listed"),
    [
        pytest.param([at(1)], 1, id="nothing-came-meanwhile"),
        pytest.param([at(2), at(2)], 2, id="A19-away-and-back-or-a-comment"),
        pytest.param([at(1, head="b" * 40)], None, id="A18-pushed"),
        pytest.param([at(1, base="release")], None, id="A20-another-base"),
        pytest.param([at(2), at(3), at(4), at(4)], None, id="changes-all-the-time"),
    ],
)
async def test_the_files_of_a_head_are_those_that_were_listed_while_it_did_not_change(
    states: list[Pull], listed: int | None
) -> None:
    forge = Moving(*states)
    if listed is None:
        with pytest.raises(Unavailable, match="was changed meanwhile"):
            await files_of(forge, at(1))
    else:
        assert await files_of(forge, at(1)) == [ChangedFile(f"{listed}.md")]
