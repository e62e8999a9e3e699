"""The GitHub adapter against npm's `emulate`, a GitHub that nobody here wrote."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from bot.adapters.github import GitHub
from bot.errors import Refused, UserError
from bot.values import PullRef, ReviewState
from tests.contract import emulate_rig as rig
from tests.contract.emulate_rig import ALICE, APP_ID, BOB, GORDON, INSTALLATION, ORG, REPO, People
from tests.contract.github_rig import everything


@pytest.fixture(scope="module")
def key() -> str:
    return rig.new_key()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, key: str) -> Iterator[str]:
    with rig.emulated(tmp_path_factory.mktemp("emulate"), key) as url:
        yield url


@pytest_asyncio.fixture
async def people(url: str) -> AsyncIterator[People]:
    async with rig.people(url) as people:
        yield people


@pytest_asyncio.fixture
async def github(url: str) -> AsyncIterator[GitHub]:
    async with rig.adapter(url) as github:
        yield github


async def test_a_pull_request_is_read_as_it_was_opened(github: GitHub, people: People) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    ref = await people.open_pull(title="Fix <it> für alle", draft=True)
    pull = await github.pull(ref)
    assert (pull.title, pull.author, pull.author_id) == ("Fix <it> für alle", ALICE, await people.number(ALICE))
    assert (pull.base, pull.head_repo, pull.draft, pull.is_open, pull.merged) == ("main", REPO, True, True, False)
    assert pull.url == f"{people.url}/{REPO}/pull/{ref.number}"
    assert pull.updated_at is not None
    assert before <= pull.updated_at <= datetime.now(UTC) + timedelta(seconds=1)
    newest = (await github.commits(ref))[-1]
    assert (newest.sha, newest.message[:4], newest.parents) == (pull.head, "Mend", 1)


async def test_a_merge_and_a_close_are_told_apart(github: GitHub, people: People) -> None:
    merged, closed = await people.open_pull(), await people.open_pull()
    await people.ask(BOB, "PUT", f"/repos/{REPO}/pulls/{merged.number}/merge", {})
    await people.ask(BOB, "PATCH", f"/repos/{REPO}/pulls/{closed.number}", {"state": "closed"})
    pulls = [await github.pull(ref) for ref in (merged, closed)]
    assert [(pull.is_open, pull.merged) for pull in pulls] == [(False, True), (False, False)]


async def test_what_is_not_there_is_said_to_be_missing(github: GitHub) -> None:
    with pytest.raises(UserError, match="there is no pull request #4711"):
        await github.pull(PullRef(REPO, 4711))
    with pytest.raises(UserError, match="there is no pull request #4711"):
        await github.comments(PullRef(REPO, 4711))
    assert await github.check([REPO, "moby/none"]) == [
        "there is no repository moby/none on GitHub, or it is hidden from me"
    ]


async def test_a_marked_comment_is_written_found_edited_and_taken_away(github: GitHub, people: People) -> None:
    ref = await people.open_pull()
    await people.comment(ref, "<!-- gordon:builds -->\nnot ours", by=BOB)
    assert await github.marked_comment(ref, "builds") is None
    said = await github.comment(ref, "builds", "janky: *queued*\n\n<b>&</b> für alle")
    assert await github.marked_comment(ref, "builds") == said
    assert (said.body, said.author.login) == ("janky: *queued*\n\n<b>&</b> für alle", GORDON)
    edited = await github.edit_comment(ref, said.id, "builds", "janky: passed")
    assert edited == replace(said, body="janky: passed")
    assert await github.marked_comment(ref, "builds") == edited
    for _ in range(2):  # the second time it is gone already
        await github.delete_comment(ref, said.id)
    assert await github.marked_comment(ref, "builds") is None
    with pytest.raises(UserError, match="the comment is gone"):
        await github.edit_comment(ref, said.id, "builds", "janky: failed")


async def test_a_comment_before_a_hundred_others_is_found(github: GitHub, people: People) -> None:
    ref = await people.open_pull()
    said = await github.comment(ref, "builds", "janky: queued")
    texts = [f"word {number}" for number in range(205)]
    for text in texts:
        await people.comment(ref, text)
    assert [comment.body for comment in await github.comments(ref)][1:] == texts
    assert await github.marked_comment(ref, "builds") == said


async def test_labels_are_there_or_not_as_wanted(github: GitHub, people: People) -> None:
    ref = await people.open_pull()
    assert set(await github.set_labels(ref, add=["needs review", "bug"])) == {"needs review", "bug"}
    assert await github.set_labels(ref, add=["BUG"], remove=["Needs Review", "none"]) == ["bug"]
    assert (await github.pull(ref)).labels == ("bug",)


async def test_reviews_are_read_with_the_commit_that_they_are_about(github: GitHub, people: People) -> None:
    ref = await people.open_pull()
    path = f"/repos/{REPO}/pulls/{ref.number}/reviews"
    for event, body in (("REQUEST_CHANGES", "No"), ("COMMENT", "Well"), ("APPROVE", "Yes")):
        await people.ask(BOB, "POST", path, {"event": event, "body": body})
    head = (await github.pull(ref)).head
    assert [(review.author.login, review.state, review.sha, review.body) for review in await github.reviews(ref)] == [
        (BOB, ReviewState.CHANGES_REQUESTED, head, "No"),
        (BOB, ReviewState.COMMENTED, head, "Well"),
        (BOB, ReviewState.APPROVED, head, "Yes"),
    ]


async def test_the_members_of_a_team_are_read_by_number(github: GitHub, people: People) -> None:
    await people.ask(ALICE, "POST", f"/orgs/{ORG}/teams", {"name": "Core"})
    for login in (BOB, GORDON):
        await people.ask(ALICE, "PUT", f"/orgs/{ORG}/teams/core/memberships/{login}", {"role": "member"})
    expected = {await people.number(login) for login in (BOB, GORDON)}
    assert set(await github.team(f"{ORG}/core")) >= expected
    with pytest.raises(Refused, match="there is no team moby/none"):
        await github.team(f"{ORG}/none")


async def test_the_budget_goes_down_by_what_is_asked(github: GitHub, people: People) -> None:
    ref = await people.open_pull()
    left = []
    for _ in range(2):
        await github.pull(ref)
        (budget,) = github.budget()
        left.append(budget.left)
    assert (budget.resource, budget.limit) == ("core", 5000)
    assert left[0] - left[1] == 1


async def test_an_app_signs_in_once_where_it_is_installed(people: People, key: str) -> None:
    """It may only read here: PyGithub asks for all rights by naming none, and this GitHub then gives none."""
    ref = await people.open_pull()
    before = await people.tokens_made()
    async with rig.app(people.url, key) as github:
        assert {(await github.pull(ref)).author for _ in range(3)} == {ALICE}
        assert await github.missed(REPO, datetime.now(UTC), everything) is None  # it has no right to see webhooks
    (made,) = (await people.tokens_made())[len(before) :]
    assert (made["app"]["id"], made["installation"]["id"], made["account"]["login"]) == (APP_ID, INSTALLATION, ORG)


async def test_an_app_with_another_key_or_elsewhere_is_refused(people: People, key: str) -> None:
    ref = await people.open_pull()
    async with rig.app(people.url, rig.new_key()) as github:
        with pytest.raises(Refused, match="the token is not valid"):
            await github.pull(ref)
    async with rig.app(people.url, key, installation=INSTALLATION + 1) as github:
        with pytest.raises(Refused):
            await github.pull(ref)
