"""Whether a pull request merges is worked out when somebody asks: in the double, and as the adapter reads it."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from bot.demo.github.double import GitHubDouble
from bot.values import PullRef
from tests.contract.github_rig import REF, REPO, Forge, forged


@pytest_asyncio.fixture
async def forge() -> AsyncIterator[Forge]:
    async with forged() as forge:
        yield forge


@pytest.mark.parametrize("by_list", [False, True], ids=["rest", "graphql"])
async def test_it_is_unknown_until_it_was_asked_for_often_enough(forge: Forge, by_list: bool) -> None:
    forge.github.set_merging(REPO, asks=2)
    assert [await merges(forge, by_list=by_list) for _ in range(4)] == [None, None, True, True]
    forge.github.set_mergeable(REPO, 7, False)
    assert await merges(forge, by_list=by_list) is False


async def test_it_takes_its_time_from_the_first_question_on(forge: Forge) -> None:
    forge.github.set_merging(REPO, asks=1, after_s=30)
    forge.clock.ahead_s += 100
    assert [await merges(forge) for _ in range(3)] == [None, None, None]
    forge.clock.ahead_s += 31
    assert await merges(forge) is True


@pytest.mark.parametrize(
    ("change", "is_unknown"),
    [
        pytest.param(lambda github: github.push(REPO, 7), True, id="push"),
        pytest.param(lambda github: github.set_commits(REPO, 7, ["One"]), True, id="other-commits"),
        pytest.param(lambda github: github.push_branch(REPO, "master"), True, id="push-to-its-base"),
        pytest.param(lambda github: github.close(REPO, 8, merged=True), True, id="merge-into-its-base"),
        pytest.param(lambda github: github.edit(REPO, 7, base="stable"), True, id="another-base"),
        pytest.param(lambda github: github.edit(REPO, 7, title="Other"), False, id="another-title"),
        pytest.param(lambda github: github.push_branch(REPO, "stable"), False, id="push-to-another-branch"),
        pytest.param(lambda github: github.close(REPO, 8), False, id="another-is-closed"),
        pytest.param(lambda github: github.comment(REPO, 7, "LGTM", by="cd"), False, id="comment"),
    ],
)
async def test_a_push_to_it_or_its_base_makes_it_unknown(
    forge: Forge, change: Callable[[GitHubDouble], object], is_unknown: bool
) -> None:
    forge.github.open_pull(REPO, title="Another", author="cd", number=8)
    forge.github.set_merging(REPO, asks=1)
    assert [await merges(forge) for _ in range(2)] == [None, True]
    change(forge.github)
    assert await merges(forge) is (None if is_unknown else True)
    assert await merges(forge) is True


async def test_a_merge_breaks_what_changes_the_same_files_until_it_is_rebased(forge: Forge) -> None:
    github = forge.github
    github.set_merging(REPO, by_files=True)
    for number, files in ((7, ["a", "b"]), (8, ["b"]), (9, ["c"])):
        if number != 7:
            github.open_pull(REPO, title="Another", author="cd", number=number)
        github.set_files(REPO, number, files)
    github.close(REPO, 8, merged=True)
    assert [await merges(forge, number) for number in (7, 8, 9)] == [False, None, True]
    github.push(REPO, 7)
    assert await merges(forge) is False
    github.push(REPO, 7, force=True)
    assert await merges(forge) is True
    github.push_branch(REPO, "master", files=["a"])
    assert await merges(forge) is False


async def test_a_merge_tells_the_commit_that_its_base_points_to(forge: Forge) -> None:
    assert (await forge.adapter().pull(REF)).merged_as == ""
    forge.github.close(REPO, 7, merged=True)
    assert (await forge.adapter().pull(REF)).merged_as == forge.github.repo(REPO).tips["master"]


async def merges(forge: Forge, number: int = 7, *, by_list: bool = False) -> bool | None:
    """Ask whether a pull request merges."""
    if by_list:
        [found] = await forge.adapter().open_pulls(REPO)
        return found.pull.mergeable
    return (await forge.adapter().pull(PullRef(REPO, number))).mergeable
