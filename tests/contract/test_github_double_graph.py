"""The GraphQL side of the embedded GitHub: what it shows, what a query costs, and what it may not ask."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from bot.demo.github.double import GitHubDouble
from bot.demo.github.records import FileRecord
from tests.contract.github_rig import Clock

REPO = "moby/moby"
ONE = '{ repository(owner: "moby", name: "moby") { pullRequest(number: %d) { %s } } }'
ALL = '{ repository(owner: "moby", name: "Moby") { pullRequests(%s) { totalCount pageInfo { %s } nodes { number } } } }'
COST = """query($count: Int!) {
  rateLimit { cost used }
  repository(owner: "moby", name: "moby") { pullRequests(first: $count) { nodes { %s } } }
}"""
BOUNDS = "startCursor endCursor hasNextPage hasPreviousPage"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def double(clock: Clock) -> AsyncIterator[GitHubDouble]:
    double = GitHubDouble(clock)
    double.set_token("good", "gordon", 42)
    double.add_repo(REPO)
    double.teams.add("moby/core", "jess")
    for title in ("one", "two", "three", "four", "five"):
        clock.ahead_s += 60
        double.open_pull(REPO, title=title, author="tianon", labels=("a", "b"))
    await double.start()
    yield double
    await double.stop()


async def ask(double: GitHubDouble, query: Any, **variables: object) -> tuple[dict[str, Any], dict[str, str]]:
    headers = {"Authorization": "bearer good"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{double.base_url}/graphql", json={"query": query, "variables": variables}) as answer,
    ):
        assert answer.status == 200
        return await answer.json(), {name.lower(): value for name, value in answer.headers.items()}


async def pull(double: GitHubDouble, number: int, fields: str) -> Any:
    told, _ = await ask(double, ONE % (number, fields))
    assert "errors" not in told, told
    return told["data"]["repository"]["pullRequest"]


async def test_a_pull_request_reads_as_it_is_over_rest(double: GitHubDouble) -> None:
    known = double.pull_record(REPO, 2)
    told = await pull(
        double,
        2,
        "number title state isDraft merged mergeable headRefOid baseRefName url createdAt"
        " author { __typename login ... on User { databaseId } } headRepository { nameWithOwner }"
        " labels(first: 9) { nodes { name } } commits(last: 1) { totalCount nodes { commit { oid } } }",
    )
    assert told == {
        "number": 2,
        "title": "two",
        "state": "OPEN",
        "isDraft": False,
        "merged": False,
        "mergeable": "MERGEABLE",
        "headRefOid": known.head,
        "baseRefName": "master",
        "url": f"{double.base_url}/moby/moby/pull/2",
        "createdAt": known.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "author": {"__typename": "User", "login": "tianon", "databaseId": double.number_of("tianon")},
        "headRepository": {"nameWithOwner": "tianon/moby"},
        "labels": {"nodes": [{"name": "a"}, {"name": "b"}]},
        "commits": {"totalCount": 1, "nodes": [{"commit": {"oid": known.head}}]},
    }


async def test_who_is_gone_is_nobody_and_a_bot_goes_by_its_app(double: GitHubDouble) -> None:
    """A31."""
    number = double.open_pull(REPO, title="Bump", author="renovate[bot]")
    fields = "author { __typename login ... on Bot { databaseId } } headRepository { id }"
    told = await pull(double, number, fields)
    assert told["author"] == {"__typename": "Bot", "login": "renovate", "databaseId": double.number_of("renovate[bot]")}
    before = double.number_of("renovate[bot]")
    double.delete_account("renovate[bot]")
    assert double.number_of("renovate[bot]") != before, "who takes the name is somebody else"
    double.lose_fork(REPO, number)
    assert await pull(double, number, fields) == {"author": None, "headRepository": None}


async def test_the_last_review_with_an_opinion_counts(double: GitHubDouble) -> None:
    double.review(REPO, 1, "APPROVED", by="jess")
    double.review(REPO, 1, "COMMENTED", by="jess")
    double.review(REPO, 1, "CHANGES_REQUESTED", by="vieux")
    shown = "(first: 9) { nodes { state author { login } } }"
    told = await pull(double, 1, f"latestReviews{shown} latestOpinionatedReviews{shown} reviews{shown}")
    states = {name: [each["state"] for each in told[name]["nodes"]] for name in told}
    assert states == {
        "latestReviews": ["COMMENTED", "CHANGES_REQUESTED"],
        "latestOpinionatedReviews": ["APPROVED", "CHANGES_REQUESTED"],
        "reviews": ["APPROVED", "COMMENTED", "CHANGES_REQUESTED"],
    }


async def test_statuses_stand_at_the_commit(double: GitHubDouble) -> None:
    head = double.pull_record(REPO, 1).head
    fields = (
        "statusCheckRollup { state contexts(first: 9) { nodes { __typename ... on StatusContext { context } } } }"
        " commits(last: 1) { nodes { commit { status { state contexts { context state targetUrl } } } } }"
    )
    assert (await pull(double, 1, fields))["statusCheckRollup"] is None
    double.set_status(REPO, head, "janky", "pending", by="ci")
    double.set_status(REPO, head, "janky", "failure", by="ci", url="http://ci/1")
    told = await pull(double, 1, fields)
    assert told["statusCheckRollup"] == {
        "state": "FAILURE",
        "contexts": {"nodes": [{"__typename": "StatusContext", "context": "janky"}]},
    }
    contexts = [{"context": "janky", "state": "FAILURE", "targetUrl": "http://ci/1"}]
    assert told["commits"]["nodes"][0]["commit"]["status"] == {"state": "FAILURE", "contexts": contexts}


async def test_who_is_to_act_reads_as_it_is_over_rest(double: GitHubDouble) -> None:
    """A31."""
    double.assign(REPO, 1, "jess", "vieux")
    double.vote(REPO, 1, "jess", "vieux", "jess")
    double.comment(REPO, 1, "Hm", by="gone")
    double.comment(REPO, 1, "Hm", by="jess")
    double.delete_account("gone")
    double.delete_account("vieux")
    said = "comments(last: 2) { totalCount nodes { body author { login } } }"
    votes = "reactions(content: THUMBS_UP) { totalCount } other: reactions(content: EYES) { totalCount }"
    told = await pull(double, 1, f"assignees(first: 9) {{ nodes {{ login }} }} {votes} {said} mergeCommit {{ oid }}")
    assert told == {
        "assignees": {"nodes": [{"login": "jess"}]},
        "reactions": {"totalCount": 1},
        "other": {"totalCount": 0},
        "comments": {
            "totalCount": 2,
            "nodes": [{"body": "Hm", "author": None}, {"body": "Hm", "author": {"login": "jess"}}],
        },
        "mergeCommit": None,
    }


async def test_files_of_a_pull_request_have_what_happened_to_them(double: GitHubDouble) -> None:
    changed = [FileRecord("a"), FileRecord("b", "added"), FileRecord("c", "removed"), FileRecord("d", "renamed", "e")]
    double.set_files(REPO, 1, changed)
    told = await pull(double, 1, "changedFiles files(first: 3) { totalCount nodes { path changeType } }")
    nodes = [("a", "MODIFIED"), ("b", "ADDED"), ("c", "DELETED")]
    assert told == {
        "changedFiles": 4,
        "files": {"totalCount": 4, "nodes": [{"path": path, "changeType": what} for path, what in nodes]},
    }


TREE = "object(expression: %s) { __typename ... on Blob { text isBinary isTruncated byteSize } }"
OBJECTS = [
    pytest.param("HEAD:docs/a", {"text": "Zoë", "isBinary": False, "isTruncated": False, "byteSize": 4}, id="text"),
    pytest.param("master:docs/a", {"text": "Zoë", "isBinary": False, "isTruncated": False, "byteSize": 4}, id="branch"),
    pytest.param("HEAD:bin", {"text": None, "isBinary": True, "isTruncated": False, "byteSize": 3}, id="binary"),
    pytest.param("HEAD:docs", "Tree", id="directory"),
    pytest.param("HEAD:", "Tree", id="root"),
    pytest.param("HEAD", "Commit", id="commit"),
    pytest.param("HEAD:doc", None, id="no-path"),
    pytest.param("none:docs/a", None, id="no-branch"),
]


@pytest.mark.parametrize(("expression", "told"), OBJECTS)
async def test_an_expression_names_a_commit_a_file_or_a_directory(
    double: GitHubDouble, expression: str, told: object
) -> None:
    double.put_file(REPO, "docs/a", "Zoë")
    double.put_file(REPO, "bin", b"a\0b")
    query = '{ repository(owner: "moby", name: "moby") { ' + TREE % json.dumps(expression) + " } }"
    found, _ = await ask(double, query)
    expected = {"__typename": "Blob", **told} if isinstance(told, dict) else told and {"__typename": told}
    assert found == {"data": {"repository": {"object": expected}}}


async def test_a_history_is_what_led_to_a_commit_newest_first(double: GitHubDouble) -> None:
    double.set_files(REPO, 1, ["docs/b"])
    double.close(REPO, 1, merged=True)
    double.set_files(REPO, 2, ["docs/b"])
    for author in ("jess", "", "renovate[bot]", "gone"):
        double.put_file(REPO, "docs/a", author, author=author)
    double.delete_account("gone")
    double.rename("jess", "jessie")
    shown = "{ totalCount nodes { author { user { login } } } }"
    query = (
        '{ repository(owner: "moby", name: "moby") { object(expression: "HEAD") { ... on Commit {'
        f' file: history(path: "docs/a", first: 9) {shown} part: history(path: "docs", first: 2) {shown}'
        f' other: history(path: "doc", first: 9) {shown} merged: history(path: "docs/b", first: 9) {shown} }} }} }} }}'
    )
    told, _ = await ask(double, query)
    assert {
        name: (each["totalCount"], [(one["author"]["user"] or {}).get("login") for one in each["nodes"]])
        for name, each in told["data"]["repository"]["object"].items()
    } == {
        "file": (4, [None, None, None, "jessie"]),
        "part": (5, [None, None]),
        "other": (0, []),
        "merged": (1, ["tianon"]),
    }


PAGES = [
    pytest.param("first: 2", [1, 2], True, False, id="first"),
    pytest.param("last: 2", [4, 5], False, True, id="last"),
    pytest.param("first: 100", [1, 2, 3, 4, 5], False, False, id="all"),
    pytest.param("first: 100, states: [CLOSED]", [], False, False, id="none"),
    pytest.param("first: 1, orderBy: {field: UPDATED_AT, direction: DESC}", [2], True, False, id="last-updated"),
]


@pytest.mark.parametrize(("wanted", "numbers", "has_next", "has_previous"), PAGES)
async def test_a_list_is_read_from_either_end(
    double: GitHubDouble, clock: Clock, wanted: str, numbers: list[int], has_next: bool, has_previous: bool
) -> None:
    clock.ahead_s += 60
    double.push(REPO, 2)
    told, _ = await ask(double, ALL % (wanted, BOUNDS))
    pulls = told["data"]["repository"]["pullRequests"]
    assert [each["number"] for each in pulls["nodes"]] == numbers
    assert (pulls["pageInfo"]["hasNextPage"], pulls["pageInfo"]["hasPreviousPage"]) == (has_next, has_previous)


async def test_cursors_lead_through_all_pages(double: GitHubDouble) -> None:
    query = (
        'query($after: String) { repository(owner: "moby", name: "moby") { pullRequests(first: 2, after: $after)'
        " { pageInfo { hasNextPage endCursor } nodes { number } } } }"
    )
    found, after = [], None
    for _ in range(3):
        told, _ = await ask(double, query, after=after)
        page = told["data"]["repository"]["pullRequests"]
        found.append([each["number"] for each in page["nodes"]])
        after = page["pageInfo"]["endCursor"]
    assert found == [[1, 2], [3, 4], [5]]
    assert page["pageInfo"]["hasNextPage"] is False


TEAMS = "reviewRequests(first: 9) { nodes { requestedReviewer { ... on Team { combinedSlug } } } }"
WRONG = [
    pytest.param('{ repository(owner: "moby", name: "none") { id } }', "NOT_FOUND", {"repository": None}, id="missing"),
    pytest.param(ONE % (404, "id"), "NOT_FOUND", {"repository": {"pullRequest": None}}, id="missing-pull"),
    pytest.param(ALL % ("states: [OPEN]", BOUNDS), "MISSING_PAGINATION_BOUNDARIES", None, id="no-size"),
    pytest.param(ONE % (1, "comments { nodes { id } }"), "MISSING_PAGINATION_BOUNDARIES", None, id="list-without-size"),
    pytest.param(ALL % ("first: 101", BOUNDS), "EXCESSIVE_PAGINATION", None, id="too-large"),
    pytest.param(
        '{ repository(owner: "moby", name: "moby") { pullRequests(first: 100) { nodes { labels(first: 100)'
        " { nodes { id } } commits(first: 100) { nodes { commit { statusCheckRollup { contexts(first: 100)"
        " { nodes { __typename } } } } } } } } } }",
        "MAX_NODE_LIMIT_EXCEEDED",
        None,
        id="too-many-nodes",
    ),
    pytest.param(ONE % (1, TEAMS), "INSUFFICIENT_SCOPES", None, id="scope"),
    pytest.param("{ nothing }", None, None, id="unknown-field"),
    pytest.param("{", None, None, id="no-query"),
    pytest.param(7, None, None, id="no-text"),
]


@pytest.mark.parametrize(("query", "kind", "data"), WRONG)
async def test_what_is_wrong_is_told_with_its_kind(
    double: GitHubDouble, query: object, kind: str | None, data: object
) -> None:
    double.set_token("good", "gordon", 42, scopes=("repo",))
    told, _ = await ask(double, query)
    assert told.get("data") == data
    assert ("data" in told) is (data is not None)
    [error] = told["errors"]
    assert error.get("type") == kind
    assert error["message"]


@pytest.mark.parametrize(
    ("fields", "points"),
    [
        pytest.param("number", 1, id="plain"),
        pytest.param("labels(first: 20) { nodes { name } }", 1, id="one-list"),
        pytest.param("labels(first: 9) { totalCount } reviews(first: 9) { totalCount }", 2, id="two-lists"),
        pytest.param("labels(first: 9) { totalCount } ...more", 3, id="in-a-fragment"),
        pytest.param("reactions(content: EYES) { totalCount } files(first: 9) { totalCount }", 2, id="count-alone"),
        pytest.param("title comments(last: 9) { nodes { id } } assignees(first: 1) { nodes { id } }", 2, id="people"),
    ],
)
async def test_a_query_costs_what_github_says(double: GitHubDouble, fields: str, points: int) -> None:
    query = COST % fields
    if "...more" in fields:
        query += " fragment more on PullRequest { reviews(first: 9) { totalCount } commits(last: 1) { totalCount } }"
    told, headers = await ask(double, query, count=100)
    assert told["data"]["rateLimit"] == {"cost": points, "used": points}
    assert headers["x-ratelimit-resource"] == "graphql"
    assert headers["x-ratelimit-used"] == str(points)


async def test_points_are_counted_apart_and_come_back(double: GitHubDouble, clock: Clock) -> None:
    """F15."""
    double.accounts.points = 1
    query = '{ repository(owner: "moby", name: "moby") { id } rateLimit { remaining } }'
    told, _ = await ask(double, query)
    assert told["data"]["rateLimit"]["remaining"] == 0
    told, headers = await ask(double, query)
    assert [error["type"] for error in told["errors"]] == ["RATE_LIMITED"]
    assert headers["x-ratelimit-remaining"] == "0"
    assert double.accounts.quota == 5000
    clock.ahead_s += timedelta(hours=1).total_seconds()
    assert "errors" not in (await ask(double, query))[0]
