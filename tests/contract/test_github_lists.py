"""GitHub's lists: all pages of them, few requests, and nothing that is half a list."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from bot.adapters import github_lists as lists
from bot.adapters import github_pulls as pulls
from bot.adapters.github import GitHub
from bot.adapters.github_http import READERS
from bot.adapters.github_wire import Unreadable, before_last
from bot.demo.github.double import GitHubDouble
from bot.demo.github.hooks import LOST
from bot.demo.github.records import FileRecord
from bot.errors import GordonError, Refused, Unavailable, UserError
from bot.values import Account, ChangedFile, PullRef, ReviewState, Status, StatusState
from tests.contract.github_rig import GORDON_ID, REF, REPO, SHA, Forge, everything, forged

SEEN = ("repo", "read:org", "admin:repo_hook")


@pytest_asyncio.fixture
async def forge() -> AsyncIterator[Forge]:
    async with forged() as forge:
        yield forge


async def test_the_files_of_a_large_pull_request_are_all_there(forge: Forge) -> None:
    files = [FileRecord(f"docs/{number}.md") for number in range(250)] + [FileRecord("b", "renamed", "a")]
    forge.github.set_files(REPO, 7, files)
    found = await forge.adapter().files(REF)
    assert [file.path for file in found] == [file.path for file in files]
    assert found[-1] == ChangedFile("b", "renamed", "a")
    assert len(forge.asked(path="/files")) == 3


async def test_commits_come_oldest_first_with_their_whole_messages(forge: Forge) -> None:
    messages = [f"Part {number}\n\nSigned-off-by: Ab <a@b>" for number in range(120)]
    head = forge.github.set_commits(REPO, 7, messages)
    found = await forge.adapter().commits(REF)
    assert [commit.message for commit in found] == messages
    assert found[-1].sha == head
    assert found[0].author == Account(forge.github.number_of("ab"), "ab")
    assert {(commit.parents, commit.author_mail) for commit in found} == {(1, "ab@users.noreply.example")}


async def test_reviews_and_comments_come_oldest_first_with_their_authors(forge: Forge) -> None:
    forge.github.review(REPO, 7, "CHANGES_REQUESTED", by="cd", body="no")
    forge.github.review(REPO, 7, "APPROVED", by="cd")
    comments = [forge.github.comment(REPO, 7, f"{number}", by="ef") for number in range(130)]
    adapter = forge.adapter()
    reviews = await adapter.reviews(REF)
    assert [(each.state, each.body, each.sha) for each in reviews] == [
        (ReviewState.CHANGES_REQUESTED, "no", SHA),
        (ReviewState.APPROVED, "", SHA),
    ]
    assert reviews[0].author == Account(forge.github.number_of("cd"), "cd")
    found = await adapter.comments(REF)
    assert [each.id for each in found] == comments
    assert (found[-1].body, found[-1].author.login, found[-1].at.tzinfo) == ("129", "ef", UTC)


async def test_the_comments_of_a_repository_are_those_since_then_that_nobody_has_edited(forge: Forge) -> None:
    """F19: three pages of them by three requests, with the pull request of each."""
    github = forge.github
    since = forge.clock.now() - timedelta(minutes=1)
    written = [github.comment(REPO, 7, f"/test {number}", by="ef") for number in range(205)]
    records = github.repo(REPO).comments
    records[written[0]].updated += timedelta(seconds=1)
    records[written[1]].created -= timedelta(hours=1)
    found = await forge.adapter().comments_since(REPO, since)
    assert [(ref, one.id) for ref, one in found] == [(REF, number) for number in written[2:]]
    assert (found[0][1].body, found[0][1].author.login) == ("/test 2", "ef")
    assert len(forge.asked(path="/issues/comments")) == 3


async def test_what_is_asked_for_once_takes_no_room_from_what_is_asked_for_again(forge: Forge) -> None:
    """The moment since which comments are read is another one each time."""
    adapter, since = forge.adapter(), forge.clock.now() - timedelta(minutes=1)
    for _ in range(2):
        assert await adapter.comments_since(REPO, since) == []
        assert (await adapter.pull(REF)).head == SHA
    left = {one.resource: one.limit - one.left for one in adapter.budget()}
    assert left["core"] == 3, "only the pull request costs nothing the second time"


async def test_comments_on_issues_are_none_of_ours() -> None:
    one = {"id": 5, "created_at": "2026-01-02T12:00:00Z", "updated_at": "2026-01-02T12:00:00Z", "user": None}
    told = [{**one, "html_url": f"https://github.com/moby/moby/{kind}/7#issuecomment-5"} for kind in ("issues", "pull")]
    assert [ref for ref, _ in lists.read_new_comments(json.dumps(told), REPO)] == [PullRef(REPO, 7)]
    assert lists.read_new_comments(json.dumps([{**told[1], "updated_at": "2026-01-02T12:00:01Z"}]), REPO) == []


async def test_who_we_are_is_asked_once(forge: Forge) -> None:
    adapter = forge.adapter()
    assert await adapter.own_number() == await adapter.own_number() == GORDON_ID
    assert len(forge.asked(path="/user")) == 1


async def test_the_newest_status_of_each_context_counts(forge: Forge) -> None:
    for number in range(110):
        forge.github.set_status(REPO, SHA, f"context-{number}", "pending", by="ci")
    forge.github.set_status(REPO, SHA, "context-3", "failure", by="ci", description="2 failed", url="https://ci/3")
    found = await forge.adapter().statuses(REPO, SHA)
    assert len(found) == 110
    assert found["context-3"] == Status("context-3", StatusState.FAILURE, "2 failed", "https://ci/3")
    assert found["context-109"].state is StatusState.PENDING


MISSING = PullRef(REPO, 8)
LISTED: list[Callable[[GitHub], Awaitable[object]]] = [
    lambda adapter: adapter.files(MISSING),
    lambda adapter: adapter.commits(MISSING),
    lambda adapter: adapter.reviews(MISSING),
    lambda adapter: adapter.comments(MISSING),
    lambda adapter: adapter.set_labels(MISSING),
    lambda adapter: adapter.marked_comment(MISSING, "x"),
]


@pytest.mark.parametrize("ask", LISTED, ids=["files", "commits", "reviews", "comments", "labels", "marked"])
async def test_lists_of_what_is_not_there_are_the_askers_to_mend(
    forge: Forge, ask: Callable[[GitHub], Awaitable[object]]
) -> None:
    with pytest.raises(UserError, match="there is no pull request #8 in moby/moby, or it is hidden from me"):
        await ask(forge.adapter())


@pytest.mark.parametrize("sha", ["", SHA[:7], SHA.upper(), f"{SHA}/../x"])
async def test_statuses_are_of_whole_commits(forge: Forge, sha: str) -> None:
    with pytest.raises(UserError, match="is no whole commit"):
        await forge.adapter().statuses(REPO, sha)
    assert forge.github.requests == []


# GraphQL


async def test_250_open_pull_requests_are_three_requests(forge: Forge) -> None:
    github = forge.github
    for number in range(100, 350):
        github.open_pull(REPO, title=f"No. {number}", author="ab", number=number)
    github.close(REPO, 100)
    adapter = forge.adapter()
    assert sorted(each.pull.ref.number for each in await adapter.open_pulls(REPO)) == [7, *range(101, 350)]
    assert forge.asked() == ["/graphql"] * 3
    assert sorted(pull.ref.number for pull in await adapter.heads(REPO)) == [7, *range(101, 350)]
    assert forge.asked() == ["/graphql"] * 6


async def test_a_list_tells_what_reading_each_would(forge: Forge) -> None:
    github = forge.github
    github.teams.add("moby/core", "cd")
    github.review(REPO, 7, "APPROVED", by="cd")
    github.review(REPO, 7, "COMMENTED", by="ef")
    github.ask_review(REPO, 7, "gh", teams=["core"])
    github.set_status(REPO, SHA, "janky", "failure", by="ci", description="bad", url="https://ci/1")
    github.set_mergeable(REPO, 7, False)
    adapter = forge.adapter()
    [listed] = await adapter.open_pulls(REPO)
    assert listed.pull == await adapter.pull(REF)
    assert listed.pull.mergeable is False
    assert [(each.author.login, each.state, each.sha) for each in listed.reviews] == [("cd", ReviewState.APPROVED, SHA)]
    assert listed.reviews[0].id == (await adapter.reviews(REF))[0].id
    assert set(listed.asked) == {"gh", "moby/core"}
    assert listed.statuses == tuple((await adapter.statuses(REPO, SHA)).values())
    [head] = await adapter.heads(REPO)
    assert (head.head, head.labels, head.updated_at) == (SHA, ("bug", "area/x"), listed.pull.updated_at)


async def test_an_app_has_the_same_login_in_a_list_as_everywhere(forge: Forge) -> None:
    number = forge.github.open_pull(REPO, title="Bump", author="dependabot[bot]")
    adapter = forge.adapter()
    alone = await adapter.pull(PullRef(REPO, number))
    listed = {each.ref.number: each for each in await adapter.heads(REPO)}[number]
    assert (listed.author, listed.author_id) == (alone.author, alone.author_id) == ("dependabot[bot]", alone.author_id)


async def test_who_may_not_name_teams_lists_without_them(forge: Forge) -> None:
    """A token without read:org gets nothing at all for a query that names a team's name."""
    forge.github.set_token("narrow", "gordon", 99, scopes=("repo",))
    forge.github.teams.add("moby/core", "cd")
    forge.github.ask_review(REPO, 7, "gh", teams=["core"])
    adapter = forge.adapter("narrow")
    for _ in range(2):
        [listed] = await adapter.open_pulls(REPO)
        assert listed.asked == ("gh",)
    assert forge.asked() == ["/graphql"] * 3


async def test_an_own_installation_has_its_graphql_beside_its_rest() -> None:
    async with forged(is_enterprise=True) as forge:
        adapter = forge.adapter()
        [head] = await adapter.heads(REPO)
        assert head.head == (await adapter.open_pulls(REPO))[0].pull.head
        assert (await adapter.pull(REF)).head == head.head
        await adapter.files(REF)
        assert {path.partition("?")[0] for path in forge.asked()} == {
            "/api/graphql",
            "/api/v3/repos/moby/moby/pulls/7",
            "/api/v3/repos/moby/moby/pulls/7/files",
        }


SLOW = [
    pytest.param(lambda github: github.hang(path="/graphql"), id="silence"),
    pytest.param(lambda github: github.fail(504, path="/graphql"), id="504"),
    pytest.param(lambda github: graph("", "This may be the result of a timeout")(github), id="in-words"),
    pytest.param(
        lambda github: graph("RESOURCE_LIMITS_EXCEEDED", "Resource limits for this query exceeded.")(github),
        id="more-than-one-query-may-use-up",
    ),
]


@pytest.mark.parametrize("given", SLOW)
async def test_a_list_that_is_too_much_for_github_is_asked_for_in_smaller_pages(
    forge: Forge, given: Callable[[GitHubDouble], None]
) -> None:
    for number in range(100, 180):
        forge.github.open_pull(REPO, title=f"No. {number}", author="ab", number=number)
    given(forge.github)
    adapter = forge.adapter(timeout_s=1.0)
    assert len(await adapter.open_pulls(REPO)) == 81
    sizes = [json.loads(asked.body)["variables"]["first"] for asked in forge.github.requests]
    assert sizes[0] == 100
    assert set(sizes[1:]) <= {50, 25}
    assert len(await adapter.open_pulls(REPO)) == 81
    assert json.loads(forge.github.requests[len(sizes)].body)["variables"]["first"] == sizes[-1]
    forge.clock.ahead_s += 3601
    assert len(await adapter.open_pulls(REPO)) == 81
    assert json.loads(forge.github.requests[-1].body)["variables"]["first"] == 100


async def test_a_github_that_is_silent_is_not_asked_for_ever(forge: Forge) -> None:
    forge.github.fail(504, path="/graphql", times=9)
    with pytest.raises(Unavailable):
        await forge.adapter().heads(REPO)
    assert len(forge.asked()) == 3


async def test_whoever_waits_for_those_before_has_not_asked_yet(forge: Forge) -> None:
    """Our own crowd is no silence of GitHub."""
    forge.github.hang(times=READERS)
    adapter = forge.adapter(timeout_s=0.5)
    pulls = [asyncio.create_task(adapter.pull(REF)) for _ in range(READERS + 1)]
    done, _ = await asyncio.wait(pulls)
    assert sum(task.exception() is None for task in done) == 1
    assert (await pulls[-1]).head == SHA


def graph(kind: str, message: str = "Something", data: object = None) -> Callable[[GitHubDouble], None]:
    text = json.dumps({"data": data, "errors": [{"type": kind, "message": message}]})
    return lambda github: github.fail(200, path="/graphql", times=2, text=text)


PROBLEMS = [
    pytest.param(graph("RATE_LIMITED"), Unavailable, "wants no more requests", id="limit"),
    pytest.param(
        graph("", "You have exceeded a secondary rate limit"), Unavailable, "no more requests", id="secondary"
    ),
    pytest.param(graph("FORBIDDEN"), Refused, "the token may not read moby/moby: Something", id="forbidden"),
    pytest.param(graph("NOT_FOUND"), Refused, "there is no moby/moby", id="not-found"),
    pytest.param(graph("INSUFFICIENT_SCOPES"), Refused, "lacks a scope", id="scope"),
    pytest.param(graph("", "Something went wrong"), Unavailable, "Something went wrong", id="anything-else"),
    pytest.param(graph("X", data={"repository": {}}), Unavailable, "Something", id="half-an-answer"),
    pytest.param(lambda github: github.fail(200, path="/graphql", text="{}"), Unavailable, "unreadable", id="no-data"),
    pytest.param(lambda github: github.fail(502, path="/graphql", times=5), Unavailable, "listing", id="502"),
    pytest.param(lambda github: github.fail(401, path="/graphql", times=5), Refused, "not valid", id="401"),
    pytest.param(lambda github: github.limit(path="/graphql"), Unavailable, "no more requests", id="403"),
]


@pytest.mark.parametrize("name", ["open_pulls", "heads"])
@pytest.mark.parametrize(("given", "error", "words"), PROBLEMS)
async def test_a_graphql_problem_is_told_for_what_it_is(
    forge: Forge, given: Callable[[GitHubDouble], None], error: type[GordonError], words: str, name: str
) -> None:
    """A list with anything amiss is none: what is left out of it would seem closed."""
    given(forge.github)
    with pytest.raises(error, match=words):
        await getattr(forge.adapter(), name)(REPO)


async def test_a_missing_repository_has_no_list(forge: Forge) -> None:
    with pytest.raises(Refused, match="there is no moby/other, or the token may not see it"):
        await forge.adapter().heads("moby/other")


async def test_the_budget_of_graphql_is_counted_apart(forge: Forge) -> None:
    """F15."""
    adapter = forge.adapter()
    assert adapter.budget() == []
    await adapter.pull(REF)
    await adapter.heads(REPO)
    budgets = {each.resource: each for each in adapter.budget()}
    assert set(budgets) == {"core", "graphql"}
    assert (budgets["core"].limit, budgets["core"].left, budgets["core"].quiet_until) == (5000, 4999, None)
    graph("RATE_LIMITED")(forge.github)
    with pytest.raises(Unavailable):
        await adapter.heads(REPO)
    assert (await adapter.pull(REF)).head == SHA
    assert {each.resource for each in adapter.budget() if each.quiet_until} == {"graphql"}


PULL = {
    **{"number": 7, "title": "t", "url": "https://x/7", "isDraft": False, "headRefOid": SHA, "baseRefName": "master"},
    **{"updatedAt": "2026-01-01T00:00:00Z", "labels": {"nodes": []}},
}


def page(**change: object) -> object:
    info = {"hasNextPage": False, "endCursor": None}
    return {"repository": {"pullRequests": {"nodes": [PULL | change], "pageInfo": info}}}


def test_a_pull_request_of_somebody_who_left_is_listed() -> None:
    [found] = pulls.read_page(page(author=None, headRepository=None, url="javascript:x"), "a/b").found
    assert (found.pull.author, found.pull.author_id, found.pull.head_repo, found.pull.url) == ("ghost", 0, "", "")


def test_statuses_of_another_commit_than_the_head_are_left_out() -> None:
    status = {"contexts": [{"context": "janky", "state": "EXPECTED"}]}
    commits = {"nodes": [{"commit": {"oid": SHA, "status": status}}]}
    [found] = pulls.read_page(page(commits=commits), "a/b").found
    assert found.statuses == (Status("janky", StatusState.PENDING),)
    [found] = pulls.read_page(page(commits=commits, headRefOid="a" * 40), "a/b").found
    assert found.statuses == ()


HOME = "repository", "pullRequests", "nodes", 0
LEFT_OUT = [
    pytest.param((*HOME, "headRepository"), True, id="a-fork-in-an-organisation-with-its-own-login"),
    pytest.param((*HOME, "reviewRequests", "nodes", 2, "requestedReviewer"), True, id="a-team"),
    pytest.param((*HOME, "reviewRequests", "nodes", 2, "requestedReviewer", "combinedSlug"), True, id="its-name"),
    pytest.param((*HOME, "commits", "nodes", 0, "commit", "status"), False, id="statuses"),
    pytest.param((*HOME, "author"), False, id="an-author"),
    pytest.param(HOME, False, id="a-pull-request"),
    pytest.param(("repository", "pullRequests"), False, id="all-of-them"),
    pytest.param((), False, id="nobody-knows-what"),
]


@pytest.mark.parametrize(("path", "is_list"), LEFT_OUT)
@pytest.mark.parametrize("name", ["open_pulls", "heads"])
async def test_what_one_pull_request_hides_spoils_the_list_only_if_it_is_needed(
    forge: Forge, path: tuple[str | int, ...], is_list: bool, name: str
) -> None:
    """A stranger's fork may be in an organisation whose SAML or addresses keep our token out."""
    words = "Resource protected by organization SAML enforcement."
    errors = [{"type": "FORBIDDEN", "message": words, "path": path}]
    forge.github.fail(200, path="/graphql", text=json.dumps({"data": page(), "errors": errors}))
    if is_list:
        assert len(await getattr(forge.adapter(), name)(REPO)) == 1
    else:
        with pytest.raises(Refused, match="SAML"):
            await getattr(forge.adapter(), name)(REPO)


BROKEN = [
    pytest.param(None, id="nothing"),
    pytest.param({"repository": None}, id="no-repository"),
    pytest.param(page(headRefOid=SHA[:7]), id="short-head"),
    pytest.param(page(number="7"), id="number-in-words"),
    pytest.param(page(updatedAt="yesterday"), id="no-time"),
    pytest.param(page(updatedAt="2026-01-01T00:00:00"), id="time-of-nowhere"),
]


@pytest.mark.parametrize("data", BROKEN)
def test_half_a_list_is_none(data: object) -> None:
    with pytest.raises(Unreadable):
        pulls.read_page(data, "a/b")


# Deliveries


async def test_what_never_arrived_is_found_with_its_body(forge: Forge) -> None:
    """F19."""
    github = forge.github
    github.set_token("hooks", "gordon", 99, scopes=SEEN)
    github.add_hook("http://127.0.0.1:9/elsewhere", "s", repo=REPO)
    since = forge.clock.now() - timedelta(minutes=1)
    github.add_hook("http://127.0.0.1:9/notification/github", "s", repo=REPO, events=("pull_request",))
    head = github.push(REPO, 7)  # a ping was sent as well, and nobody needs to read it
    await github.hooks.settled()
    found = await forge.adapter("hooks").missed(REPO, since, everything)
    assert found is not None
    assert [(each.name, each.arrived) for each in found] == [("pull_request", False)]
    assert json.loads(found[0].body)["after"] == head
    assert await forge.adapter("hooks").missed(REPO, forge.clock.now(), everything) == []


async def test_a_delivery_that_arrived_at_one_try_has_arrived_and_costs_no_request() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    tries = [
        lists.Delivery(number, guid, "push", at + timedelta(seconds=number), arrived)
        for number, guid, arrived in [(4, "b", False), (3, "a", False), (2, "a", True), (1, "b", False)]
    ]
    assert [(each.id, each.arrived) for each in lists.newest_tries(tries)] == [(3, True), (4, False)]


def test_a_delivery_that_nobody_answered_may_have_no_status() -> None:
    told = {"id": 1, "guid": "a", "delivered_at": "2026-01-01T00:00:00Z", "event": "push", "status_code": None}
    assert [each.arrived for each in lists.read_deliveries(json.dumps([told]))] == [False]


async def test_deliveries_are_read_back_to_the_moment_and_no_further(forge: Forge) -> None:
    github = forge.github
    github.set_token("hooks", "gordon", 99, scopes=SEEN)
    github.hooks.fate = lambda _: LOST
    github.add_hook("http://127.0.0.1:9/notification/github/other", "s", repo=REPO, events=("issue_comment",))
    for number in range(230):
        if number == 105:
            forge.clock.ahead_s += 10
            since = forge.clock.now() - timedelta(seconds=5)
        github.comment(REPO, 7, f"{number}", by="cd")
    await github.hooks.settled()
    found = await forge.adapter("hooks").missed(REPO, since, everything)
    assert found is not None
    assert [json.loads(each.body)["comment"]["body"] for each in found] == [f"{number}" for number in range(105, 230)]
    assert len(forge.asked(path="cursor=")) == 1


async def test_who_may_not_see_hooks_is_told_nothing(forge: Forge) -> None:
    forge.github.add_hook("http://127.0.0.1:9/notification/github", "s", repo=REPO)
    assert await forge.adapter().missed(REPO, forge.clock.now(), everything) is None
    forge.github.fail(403, message="Resource not accessible by personal access token")
    assert await forge.adapter().missed(REPO, forge.clock.now(), everything) is None


HOOKS = [
    pytest.param("https://bot.example/notification/github", True, id="ours"),
    pytest.param("https://bot.example/behind/proxy/notification/github/moby/", True, id="below"),
    pytest.param("https://bot.example/notification/github/a/b", False, id="too deep"),
    pytest.param("https://bot.example/notification/jenkins", False, id="another page"),
    pytest.param("https://x.example/?/notification/github", False, id="in the query"),
    pytest.param("http://[/notification/github", False, id="no address"),
    pytest.param(None, False, id="none"),
]


@pytest.mark.parametrize(("url", "is_ours"), HOOKS)
def test_our_hook_is_known_by_its_path(url: str | None, is_ours: bool) -> None:
    assert [hook.id for hook in lists.read_our_hooks(json.dumps([{"id": 5, "config": {"url": url}}]))] == [5] * is_ours


def test_a_commit_of_nobody_has_no_author() -> None:
    raw = {"sha": SHA, "commit": {"message": "m"}, "author": {}, "parents": [{"sha": SHA}, {"sha": SHA}]}
    [commit] = lists.read_commits(json.dumps([raw]))
    assert (commit.author, commit.is_merge, commit.author_mail) == (None, True, "")


def test_a_commit_of_an_unknown_account_has_the_address_that_git_has() -> None:
    raw = {"sha": SHA, "commit": {"message": "m", "author": {"name": "A B", "email": "a@b.example"}}, "author": None}
    [commit] = lists.read_commits(json.dumps([raw]))
    assert (commit.author, commit.author_mail) == (None, "a@b.example")


LISTS = [lists.read_files, lists.read_commits, lists.read_reviews, lists.read_comments, lists.read_statuses]


@pytest.mark.parametrize("read", [*LISTS, lists.read_deliveries, lists.read_payload, lists.read_id])
@pytest.mark.parametrize("text", ["", "{}", '[{"id": 0}]', "[" * 100_000, '{"statuses": [{}]}', "[null]"])
def test_what_is_no_list_is_unreadable(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(Unreadable):
        read(text)


@pytest.mark.parametrize(
    ("last", "paths"),
    [
        pytest.param("/a?page=3&per_page=100", ["/a?page=3&per_page=100", "/a?page=2&per_page=100"], id="first"),
        pytest.param("/a?per_page=100&page=2", ["/a?per_page=100&page=2"], id="last"),
        pytest.param("/a?per_page=100", [], id="none"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_pages_are_gone_through_backwards(last: str, paths: list[str]) -> None:
    assert before_last(last) == paths
