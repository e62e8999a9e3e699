"""What a list of waiting pull requests needs of GitHub: who is to act, which files, whose they are; by few requests."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
import pytest_asyncio

from bot.adapters import github_contents as contents
from bot.adapters import github_pulls as pulls
from bot.adapters.github import GitHub
from bot.adapters.github_queries import KEPT_S, MAX_KEPT, MAX_KEPT_CHARS, KeptTexts
from bot.adapters.github_wire import Unreadable
from bot.demo.github.double import GitHubDouble
from bot.errors import GordonError, Refused, Unavailable, UserError
from bot.values import Account, PullRef, PullSummary, Remark, ReviewState
from tests.contract.github_rig import REF, REPO, SHA, Clock, Forge, forged
from tests.contract.test_github_lists import graph

ALL = ("repo", "read:org")
OWNERS = "daemon/MAINTAINERS"


@pytest_asyncio.fixture
async def forge() -> AsyncIterator[Forge]:
    async with forged() as forge:
        yield forge


def points(adapter: GitHub) -> int:
    """Tell what was taken of the budget so far."""
    [spent] = [one.limit - one.left for one in adapter.budget() if one.resource == "graphql"]
    return spent


# Pull requests


async def test_a_list_tells_who_is_to_act(forge: Forge) -> None:
    github = forge.github
    github.assign(REPO, 7, "cd", "ef")
    github.unassign(REPO, 7, "ef")
    github.vote(REPO, 7, "cd", "ef", "cd")
    begun = forge.clock.now()
    github.comment(REPO, 7, "What of this?", by="gone")
    forge.clock.ahead_s += 60
    github.review(REPO, 7, "COMMENTED", by="cd")
    forge.clock.ahead_s += 60
    github.comment(REPO, 7, "Rebased", by="renovate[bot]")
    github.delete_account("gone")
    forge.clock.ahead_s += 60
    head = github.push(REPO, 7)
    [found] = await forge.adapter().open_pulls(REPO)
    assert found.pull.head == head
    assert (found.assignees, found.votes, found.remark_count) == (("cd",), 2, 3)
    bot = Account(github.number_of("renovate[bot]"), "renovate[bot]", is_bot=True)
    assert [each.author for each in found.remarks] == [
        Account(0, "ghost"),
        Account(github.number_of("cd"), "cd"),
        bot,
    ]
    seconds = [round((each.at - begun).total_seconds() / 60) for each in found.remarks]
    assert seconds == [0, 1, 2]
    assert found.committed_at is not None
    assert round((found.committed_at - begun).total_seconds() / 60) == 3
    assert (found.files, found.file_count) == ((), 0)


async def test_the_newest_twenty_of_comments_and_of_reviews_are_told_and_all_are_counted(forge: Forge) -> None:
    for number in range(30):
        forge.clock.ahead_s += 60
        forge.github.comment(REPO, 7, "Hm", by=f"commenter-{number}")
        forge.github.review(REPO, 7, "COMMENTED", by=f"reviewer-{number}")
    [found] = await forge.adapter().open_pulls(REPO)
    assert found.remark_count == 60
    assert [each.author.login for each in found.remarks] == [
        f"{who}-{number}" for number in range(10, 30) for who in ("commenter", "reviewer")
    ]


async def test_files_are_told_where_they_are_asked_for(forge: Forge) -> None:
    forge.github.set_files(REPO, 7, [f"docs/{number}.md" for number in range(130)])
    [found] = await forge.adapter().open_pulls(REPO, with_files=True)
    assert found.files == tuple(f"docs/{number}.md" for number in range(100))
    assert found.file_count == 130


@pytest.mark.parametrize(
    ("with_files", "spent"), [pytest.param(False, 80, id="plain"), pytest.param(True, 90, id="files")]
)
async def test_a_thousand_open_pull_requests_are_ten_requests(forge: Forge, with_files: bool, spent: int) -> None:
    """And of the 5,000 points of an hour they leave nearly all."""
    for number in range(1000, 1999):
        forge.github.open_pull(REPO, title=f"No. {number}", author="ab", number=number)
    adapter = forge.adapter()
    found = await adapter.open_pulls(REPO, with_files=with_files)
    assert {each.pull.ref.number for each in found} == {7, *range(1000, 1999)}
    assert {len(each.files) for each in found} == {int(with_files)}
    assert forge.asked() == ["/graphql"] * 10
    assert points(adapter) == spent


async def test_the_last_tenth_of_the_points_is_for_lists_that_somebody_waits_for(forge: Forge) -> None:
    """F15: of 200 points 23 pages have taken 8 each."""
    forge.github.accounts.points = 200
    adapter = forge.adapter()
    for _ in range(23):
        await adapter.open_pulls(REPO, is_idle=True)
    with pytest.raises(Unavailable, match=r"little is left of its budget until \d\d:\d\d UTC"):
        await adapter.open_pulls(REPO, is_idle=True)
    assert len(await adapter.open_pulls(REPO)) == 1


async def test_one_is_read_by_one_request_as_a_list_has_it(forge: Forge) -> None:
    github = forge.github
    github.set_token("wide", "gordon", 99, scopes=ALL)
    github.teams.add("moby/core", "cd")
    github.ask_review(REPO, 7, "gh", teams=["core"])
    github.review(REPO, 7, "APPROVED", by="cd")
    github.set_status(REPO, SHA, "janky", "failure", by="ci")
    adapter = forge.adapter("wide")
    found = await adapter.summary(REF)
    assert forge.asked() == ["/graphql"]
    assert [found] == await adapter.open_pulls(REPO, with_files=True)
    assert set(found.asked) == {"gh", "moby/core"}
    assert [each.state for each in found.reviews] == [ReviewState.APPROVED]
    assert found.pull == await adapter.pull(REF)


@pytest.mark.parametrize("merged", [pytest.param(True, id="merged"), pytest.param(False, id="closed")])
async def test_one_that_is_closed_is_told_as_such(forge: Forge, merged: bool) -> None:
    forge.github.close(REPO, 7, merged=merged)
    adapter = forge.adapter()
    found = await adapter.summary(REF)
    assert (found.pull.is_open, found.pull.merged, bool(found.pull.merged_as)) == (False, merged, merged)
    assert found.pull == await adapter.pull(REF)


async def test_one_that_is_not_there_is_the_askers_to_mend(forge: Forge) -> None:
    with pytest.raises(UserError, match="there is no pull request #8 in moby/moby, or it is hidden from me"):
        await forge.adapter().summary(PullRef(REPO, 8))
    with pytest.raises(Refused, match="there is no moby/other, or the token may not see it"):
        await forge.adapter().summary(PullRef("moby/other", 7))


async def test_who_may_not_name_teams_reads_one_without_them(forge: Forge) -> None:
    forge.github.set_token("narrow", "gordon", 99, scopes=("repo",))
    forge.github.teams.add("moby/core", "cd")
    forge.github.ask_review(REPO, 7, "gh", teams=["core"])
    adapter = forge.adapter("narrow")
    for _ in range(2):
        assert (await adapter.summary(REF)).asked == ("gh",)
    await adapter.open_pulls(REPO)
    assert len(forge.asked()) == 4, "what the token lacks is found out once"


HALF = {
    **{"number": 7, "title": "t", "url": "https://x/7", "isDraft": False, "headRefOid": SHA, "baseRefName": "master"},
    **{"updatedAt": "2026-01-01T00:00:00Z", "labels": {"nodes": []}},
}


def one(**change: object) -> PullSummary:
    return pulls.read_summary({"repository": {"pullRequest": HALF | change}}, REPO)


def test_what_is_null_of_one_is_left_out() -> None:
    found = one(
        assignees={"nodes": [None]},
        comments={"totalCount": 2, "nodes": [None, {"createdAt": "2026-01-01T00:00:00Z", "author": None}]},
        reviews={"totalCount": 1, "nodes": [None, {"submittedAt": None, "author": {"login": "ab"}}]},
        files={"totalCount": 5000, "nodes": None},
        commits={"nodes": [{"commit": {"oid": "b" * 40, "committedDate": "2026-01-01T00:00:00Z"}}]},
    )
    assert (found.assignees, found.files, found.file_count, found.remark_count) == ((), (), 5000, 3)
    assert found.remarks == (Remark(Account(0, "ghost"), found.created_at),)
    assert found.committed_at is None, "another commit than the head"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"headRefOid": "x"}, id="no-head"),
        pytest.param({"comments": {"nodes": []}}, id="comments-without-a-number"),
        pytest.param({"reactions": {"totalCount": "many"}}, id="votes-in-words"),
        pytest.param({"files": {"totalCount": 1, "nodes": [{}]}}, id="file-without-a-path"),
    ],
)
def test_half_a_pull_request_is_none(change: dict[str, object]) -> None:
    assert one().pull.head == SHA
    with pytest.raises(Unreadable):
        one(**change)


# Texts


async def test_250_texts_are_one_request_and_the_second_time_none(forge: Forge) -> None:
    paths = [f"pkg/{number}/MAINTAINERS" for number in range(250)]
    for path in paths[::50]:
        forge.github.put_file(REPO, path, f"who has {path}\n")
    adapter = forge.adapter()
    wanted = {path: f"who has {path}\n" for path in paths[::50]}
    assert await adapter.texts(REPO, paths) == wanted
    assert (forge.asked(), points(adapter)) == (["/graphql"], 1)
    assert await adapter.texts(REPO, paths) == wanted
    assert len(forge.asked()) == 1, "neither what is there nor what is not"
    assert await adapter.texts(REPO, [*paths[200:], "MAINTAINERS"]) == {paths[200]: wanted[paths[200]]}
    [asked] = [json.loads(each.body)["variables"] for each in forge.github.requests[1:]]
    assert asked == {"owner": "moby", "name": "moby", "p0": "HEAD:MAINTAINERS"}


async def test_more_texts_are_more_requests(forge: Forge) -> None:
    forge.github.put_file(REPO, "600/OWNERS", "ab")
    found = await forge.adapter().texts(REPO, [f"{number}/OWNERS" for number in range(601)])
    assert found == {"600/OWNERS": "ab"}
    assert len(forge.asked()) == 3


async def test_texts_are_read_again_after_ten_minutes_and_with_another_token(forge: Forge) -> None:
    tokens = ["first", "second"]
    for token in tokens:
        forge.github.set_token(token, "gordon", 99, scopes=ALL)
    forge.github.put_file(REPO, OWNERS, "ab")
    adapter = forge.reading(lambda: tokens[0])
    assert await adapter.texts(REPO, [OWNERS, "none"]) == {OWNERS: "ab"}
    forge.github.put_file(REPO, OWNERS, "cd")
    forge.clock.ahead_s += KEPT_S - 1
    assert await adapter.texts(REPO, [OWNERS, "none"]) == {OWNERS: "ab"}
    forge.clock.ahead_s += 1
    assert await adapter.texts(REPO, [OWNERS, "none"]) == {OWNERS: "cd"}
    forge.github.put_file(REPO, OWNERS, "ef")
    forge.github.revoke_token(tokens.pop(0))
    assert (await adapter.pull(REF)).head == SHA
    assert await adapter.texts(REPO, [OWNERS]) == {OWNERS: "ef"}, "another token may not see what the first has seen"


async def test_the_same_path_in_another_repository_is_another_text(forge: Forge) -> None:
    forge.github.add_repo("moby/buildkit")
    forge.github.put_file(REPO, OWNERS, "ab")
    forge.github.put_file("moby/buildkit", OWNERS, "cd")
    adapter = forge.adapter()
    assert await adapter.texts(REPO, [OWNERS]) == {OWNERS: "ab"}
    assert await adapter.texts("moby/buildkit", [OWNERS]) == {OWNERS: "cd"}


CONTENT = [
    pytest.param("a", "plain\n", "plain\n", id="text"),
    pytest.param("a", "", "", id="empty"),
    pytest.param("a", "Zoë ☃\r\n", "Zoë ☃\r\n", id="unicode"),
    pytest.param("a", "x" * (256 * 1024), "x" * (256 * 1024), id="as-long-as-may-be"),
    pytest.param("a", "x" * (256 * 1024 + 1), None, id="too-long"),
    pytest.param("a", "x" * 600_000, None, id="so-long-that-github-cuts-it"),
    pytest.param("a", b"\x00\x01", None, id="binary"),
    pytest.param('docs/"a" $p0 {b}\\n', "odd", "odd", id="path-with-signs-of-graphql"),
    pytest.param("a:b@{1}^/é", "odd", "odd", id="path-with-signs-of-git"),
]


@pytest.mark.parametrize(("path", "content", "told"), CONTENT)
async def test_small_texts_are_told_and_nothing_else(
    forge: Forge, path: str, content: str | bytes, told: str | None
) -> None:
    forge.github.put_file(REPO, path, content)
    assert await forge.adapter().texts(REPO, [path]) == ({} if told is None else {path: told})


async def test_what_is_no_file_is_not_there(forge: Forge) -> None:
    """A path with a line break is not even asked for."""
    forge.github.put_file(REPO, "docs/a.md", "a")
    adapter = forge.adapter()
    assert await adapter.texts(REPO, ["docs", "none", "docs/a.md/", "", "a\nb", "\x00", "a" * 5000]) == {}
    asked = json.loads(forge.github.requests[0].body)["variables"]
    assert [value for name, value in asked.items() if name.startswith("p")] == [
        "HEAD:docs",
        "HEAD:none",
        "HEAD:docs/a.md/",
    ]
    assert await adapter.texts(REPO, ["", "a\nb"]) == {}
    assert len(forge.asked()) == 1


async def test_a_repository_without_a_commit_has_no_texts_and_no_authors(forge: Forge) -> None:
    forge.github.add_repo("moby/empty")
    adapter = forge.adapter()
    assert await adapter.texts("moby/empty", ["a"]) == {}
    assert await adapter.authors("moby/empty", ["a"]) == {"a": ()}


def test_what_is_kept_is_bounded() -> None:
    kept = KeptTexts(Clock())
    kept.keep(REPO, {"first": "a", "second": None}, 1)
    kept.keep(REPO, {"first": "b"}, 1)
    kept.keep(REPO, {f"{number}": "" for number in range(MAX_KEPT - 1)}, 1)
    assert kept.kept(REPO, ["first", "second"], 1) == {"first": "b"}, "what was read longest ago makes room"
    half = "x" * (MAX_KEPT_CHARS // 2 - 10)
    kept.keep(REPO, {"y": half}, 1)
    kept.keep(REPO, {"y": half, "z": half}, 1)
    assert set(kept.kept(REPO, ["y", "z", "first"], 1)) == {"y", "z"}, "what takes the place of the same is no more"


# Authors


async def test_authors_of_twenty_paths_are_one_request(forge: Forge) -> None:
    github = forge.github
    for number in range(25):
        github.put_file(REPO, f"pkg/{number}/a.go", "a", author=f"author-{number}")
    github.put_file(REPO, "pkg/0/b.go", "b", author="cd")
    adapter = forge.adapter()
    paths = [f"pkg/{number}" for number in range(25)]
    found = await adapter.authors(REPO, paths)
    assert list(found) == paths[:20]
    assert [each.login for each in found["pkg/0"]] == ["cd", "author-0"]
    assert found["pkg/1"] == (Account(github.number_of("author-1"), "author-1"),)
    assert (forge.asked(), points(adapter)) == (["/graphql"], 1)


async def test_the_newest_twenty_commits_of_those_that_have_an_account_count(forge: Forge) -> None:
    github = forge.github
    for number in range(22):
        github.put_file(REPO, "a", f"{number}", author=f"author-{number}")
    github.put_file(REPO, "a", "22", author="")
    github.put_file(REPO, "b", "23", author="else")
    github.delete_account("author-21")
    found = await forge.adapter().authors(REPO, ["a", "none"])
    assert [each.login for each in found["a"]] == [f"author-{number}" for number in range(20, 2, -1)]
    assert found["none"] == ()


async def test_who_has_had_a_pull_request_merged_has_changed_its_files(forge: Forge) -> None:
    forge.github.set_files(REPO, 7, ["daemon/a.go"])
    forge.github.close(REPO, 7, merged=True, by="cd")
    found = await forge.adapter().authors(REPO, ["daemon", "daemon/a.go", "daemon/a"])
    assert {path: [each.login for each in who] for path, who in found.items()} == {
        "daemon": ["ab"],
        "daemon/a.go": ["ab"],
        "daemon/a": [],
    }


def test_a_commit_may_have_no_author_at_all() -> None:
    user = {"login": "ab", "databaseId": None}
    nodes = [None, {"author": None}, {"author": {"user": None}}, {"author": {"user": user}}]
    data = {"repository": {"object": {"p0": {"nodes": nodes}, "p1": {"nodes": None}}}}
    assert contents.read_authors(data, ["a", "b"]) == {"a": (Account(0, "ab"),), "b": ()}


@pytest.mark.parametrize("data", [None, {}, {"repository": None}, {"repository": {"object": {}}}])
def test_half_an_answer_is_none(data: object) -> None:
    with pytest.raises(Unreadable):
        contents.read_texts(data, ["a"])
    with pytest.raises(Unreadable):
        contents.read_authors(data, ["a"])


# Troubles

READS: dict[str, Callable[[GitHub], Awaitable[object]]] = {
    "summary": lambda adapter: adapter.summary(REF),
    "texts": lambda adapter: adapter.texts(REPO, ["a"]),
    "authors": lambda adapter: adapter.authors(REPO, ["a"]),
}
PROBLEMS = [
    pytest.param(graph("RATE_LIMITED"), Unavailable, "wants no more requests", id="limit"),
    pytest.param(graph("FORBIDDEN"), Refused, "the token may not read moby/moby: Something", id="forbidden"),
    pytest.param(graph("NOT_FOUND"), Refused, "there is no moby/moby", id="not-found"),
    pytest.param(graph("INSUFFICIENT_SCOPES"), Refused, "lacks a scope", id="scope"),
    pytest.param(graph("RESOURCE_LIMITS_EXCEEDED"), Unavailable, "Something", id="more-than-a-query-may-use-up"),
    pytest.param(graph("", "Something went wrong"), Unavailable, "Something went wrong", id="anything-else"),
    pytest.param(lambda github: github.fail(200, path="/graphql", text="{}"), Unavailable, "unreadable", id="no-data"),
    pytest.param(lambda github: github.fail(502, path="/graphql", times=5), Unavailable, "reading", id="502"),
    pytest.param(lambda github: github.fail(401, path="/graphql", times=5), Refused, "not valid", id="401"),
    pytest.param(lambda github: github.limit(path="/graphql"), Unavailable, "no more requests", id="403"),
]


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize(("given", "error", "words"), PROBLEMS)
async def test_a_problem_is_told_for_what_it_is(
    forge: Forge, given: Callable[[GitHubDouble], None], error: type[GordonError], words: str, name: str
) -> None:
    given(forge.github)
    with pytest.raises(error, match=words):
        await READS[name](forge.adapter())


async def test_what_could_not_be_read_is_not_kept_as_missing(forge: Forge) -> None:
    forge.github.put_file(REPO, OWNERS, "ab")
    graph("FORBIDDEN")(forge.github)
    adapter = forge.adapter()
    for _ in range(2):
        with pytest.raises(Refused):
            await adapter.texts(REPO, [OWNERS])
    assert await adapter.texts(REPO, [OWNERS]) == {OWNERS: "ab"}


@pytest.mark.parametrize(
    ("read", "sizes"),
    [
        pytest.param(
            lambda adapter: adapter.texts(REPO, [f"{number}" for number in range(300)]),
            [250, 125, 62, 62, 62, 62, 52],
            id="texts",
        ),
        pytest.param(
            lambda adapter: adapter.authors(REPO, [f"{number}" for number in range(20)]),
            [20, 10, 5, 5, 5, 5],
            id="authors",
        ),
    ],
)
async def test_what_is_too_much_for_github_is_asked_for_in_smaller_parts(
    forge: Forge, read: Callable[[GitHub], Awaitable[object]], sizes: list[int]
) -> None:
    graph("RESOURCE_LIMITS_EXCEEDED")(forge.github)
    await read(forge.adapter())
    asked = [json.loads(each.body)["variables"] for each in forge.github.requests]
    assert [len(each) - 2 for each in asked] == sizes


async def test_the_size_of_parts_is_forgotten_after_an_hour(forge: Forge) -> None:
    adapter = forge.adapter()
    paths = [f"{number}" for number in range(12)]
    graph("RESOURCE_LIMITS_EXCEEDED")(forge.github)
    await adapter.authors(REPO, paths)
    begun = len(forge.asked())
    await adapter.authors(REPO, paths)
    assert len(forge.asked()) > begun + 1
    forge.clock.ahead_s += timedelta(hours=1).total_seconds()
    begun = len(forge.asked())
    await adapter.authors(REPO, paths)
    assert len(forge.asked()) == begun + 1


async def test_an_own_installation_is_asked_below_its_paths() -> None:
    async with forged(is_enterprise=True) as forge:
        forge.github.put_file(REPO, OWNERS, "ab", author="cd")
        adapter = forge.adapter()
        assert (await adapter.summary(REF)).pull.head == SHA
        assert await adapter.texts(REPO, [OWNERS]) == {OWNERS: "ab"}
        assert [each.login for each in (await adapter.authors(REPO, [OWNERS]))[OWNERS]] == ["cd"]
        assert set(forge.asked()) == {"/api/graphql"}
