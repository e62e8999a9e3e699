"""The embedded GitHub, held to what GitHub publishes of its REST API, its GraphQL schema and its webhooks."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from graphql import is_enum_type, is_union_type, parse, validate

from bot.adapters.github_contents import authors_query, texts_query
from bot.adapters.github_pulls import HEADS, pulls_query, summary_query
from bot.clock import SystemClock
from bot.demo.github.double import Asked, GitHubDouble
from bot.demo.github.graph import schema
from tests.contract.github_published import Exchange, description, graphql_schema, webhook_examples

REPO = "moby/moby"
ROOT = f"/repos/{REPO}"
SCOPES = ("repo", "read:org", "admin:repo_hook")


def recorded(double: GitHubDouble) -> list[Exchange]:
    """Keep every exchange from now on."""
    exchanges: list[Exchange] = []

    def keep(asked: Asked, answer: web.StreamResponse) -> None:
        body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
        exchanges.append(Exchange(asked.method, asked.path, asked.body, answer.status, body))

    double.after_answer = keep
    return exchanges


@pytest.fixture
async def double() -> AsyncIterator[GitHubDouble]:
    double = GitHubDouble(SystemClock())
    double.set_token("good", "gordon", 42, scopes=SCOPES)
    double.add_repo(REPO)
    double.teams.add("moby/core", "jess")
    double.open_pull(REPO, title="Fix", author="tianon", number=7, labels=("dco/no",), body="As said.")
    double.open_pull(REPO, title="Done", author="dependabot[bot]", number=8)
    double.close(REPO, 8, merged=True)
    double.ask_review(REPO, 7, "vieux", teams=["core"])
    double.review(REPO, 7, "CHANGES_REQUESTED", by="jess", body="No")
    double.review(REPO, 7, by="crosbymichael")
    double.lose_fork(REPO, 8)
    double.assign(REPO, 7, "jess", "vieux")
    double.vote(REPO, 7, "vieux")
    double.delete_account("crosbymichael")
    comment = double.comment(REPO, 7, "LGTM", by="jess")
    double.react(REPO, comment, "+1", by="vieux")
    double.set_status(REPO, head(double), "janky", "pending", by="gordon", description="queued", url="http://ci/1")
    await double.start()
    yield double
    await double.stop()


def head(double: GitHubDouble) -> str:
    return double.pull_record(REPO, 7).head


def comment(double: GitHubDouble) -> int:
    return double.comments(REPO, 7)[0][0]


STATUS = {"state": "success", "context": "janky", "description": "done", "target_url": "http://ci/1"}
ROWS: Sequence[Any] = [
    pytest.param("GET", "/user", None, 200, id="user"),
    pytest.param("GET", "/rate_limit", None, 200, id="rate-limit"),
    pytest.param("GET", ROOT, None, 200, id="repository"),
    pytest.param("GET", "/repos/moby/none", None, 404, id="no-repository"),
    pytest.param("GET", f"{ROOT}/pulls/7", None, 200, id="pull"),
    pytest.param("GET", f"{ROOT}/pulls/8", None, 200, id="merged-pull"),
    pytest.param("GET", f"{ROOT}/pulls/9", None, 404, id="no-pull"),
    pytest.param("GET", f"{ROOT}/pulls?state=all&sort=updated&direction=desc&per_page=100", None, 200, id="pulls"),
    pytest.param("GET", f"{ROOT}/pulls?state=bogus", None, 422, id="pulls-in-no-state"),
    pytest.param("GET", f"{ROOT}/pulls/7/files?per_page=100", None, 200, id="files"),
    pytest.param("GET", f"{ROOT}/pulls/7/commits?per_page=100", None, 200, id="commits"),
    pytest.param("GET", f"{ROOT}/pulls/7/reviews?per_page=100", None, 200, id="reviews"),
    pytest.param("GET", f"{ROOT}/pulls/7/requested_reviewers", None, 200, id="requested-reviewers"),
    pytest.param("POST", f"{ROOT}/pulls/7/requested_reviewers", {"reviewers": ["lk4d4"]}, 201, id="ask-for-review"),
    pytest.param("DELETE", f"{ROOT}/pulls/7/requested_reviewers", {"reviewers": ["vieux"]}, 200, id="ask-no-longer"),
    pytest.param("GET", f"{ROOT}/issues/7", None, 200, id="issue"),
    pytest.param("GET", f"{ROOT}/issues/7/comments?per_page=100", None, 200, id="comments"),
    pytest.param("POST", f"{ROOT}/issues/7/comments", {"body": "Hello"}, 201, id="comment"),
    pytest.param("POST", f"{ROOT}/issues/7/comments", {"body": ""}, 422, id="empty-comment"),
    pytest.param("GET", f"{ROOT}/issues/comments/{{comment}}", None, 200, id="one-comment"),
    pytest.param("PATCH", f"{ROOT}/issues/comments/{{comment}}", {"body": "Hm"}, 200, id="edit-comment"),
    pytest.param("DELETE", f"{ROOT}/issues/comments/{{comment}}", None, 204, id="delete-comment"),
    pytest.param("DELETE", f"{ROOT}/issues/comments/99999", None, 404, id="delete-no-comment"),
    pytest.param("GET", f"{ROOT}/issues/comments/{{comment}}/reactions", None, 200, id="reactions"),
    pytest.param("POST", f"{ROOT}/issues/comments/{{comment}}/reactions", {"content": "eyes"}, 201, id="react"),
    pytest.param("GET", f"{ROOT}/issues/7/labels", None, 200, id="labels"),
    pytest.param("POST", f"{ROOT}/issues/7/labels", {"labels": ["dco/yes"]}, 200, id="label"),
    pytest.param("DELETE", f"{ROOT}/issues/7/labels/dco%2Fno", None, 200, id="unlabel"),
    pytest.param("DELETE", f"{ROOT}/issues/7/labels/nope", None, 404, id="unlabel-what-is-not-there"),
    pytest.param("POST", f"{ROOT}/statuses/{{head}}", STATUS, 201, id="status"),
    pytest.param("POST", f"{ROOT}/statuses/{{head}}", {"state": "fine"}, 422, id="status-that-is-none"),
    pytest.param("POST", f"{ROOT}/statuses/{'0' * 40}", STATUS, 422, id="status-of-no-commit"),
    pytest.param("GET", f"{ROOT}/commits/{{head}}/status?per_page=100", None, 200, id="combined-status"),
    pytest.param("GET", f"{ROOT}/commits/{{head}}/statuses", None, 200, id="statuses"),
    pytest.param("GET", f"{ROOT}/commits/{'0' * 40}/status", None, 404, id="statuses-of-no-commit"),
    pytest.param("GET", "/orgs/moby/teams/core/members?per_page=100", None, 200, id="team-members"),
    pytest.param("GET", f"{ROOT}/hooks?per_page=100", None, 200, id="hooks"),
    pytest.param("GET", f"{ROOT}/hooks/1", None, 200, id="hook"),
    pytest.param("GET", f"{ROOT}/hooks/1/deliveries?per_page=100", None, 200, id="deliveries"),
    pytest.param("GET", f"{ROOT}/hooks/1/deliveries/1", None, 200, id="delivery"),
    pytest.param("POST", f"{ROOT}/hooks/1/deliveries/1/attempts", None, 202, id="redelivery"),
    pytest.param("GET", "/orgs/moby/hooks", None, 200, id="hooks-of-an-organisation"),
    pytest.param("PUT", f"{ROOT}/pulls/7/merge", {"sha": "{head}"}, 200, id="merge"),
    pytest.param("PUT", f"{ROOT}/pulls/7/merge", {"sha": "0" * 40}, 409, id="merge-of-another-head"),
    pytest.param("PUT", f"{ROOT}/pulls/8/merge", {}, 405, id="merge-of-what-is-merged"),
    pytest.param("GET", f"{ROOT}/pulls/8/merge", None, 204, id="is-merged"),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), ROWS)
async def test_an_answer_is_as_githubs_description_has_it(
    double: GitHubDouble, method: str, path: str, body: Mapping[str, Any] | None, status: int
) -> None:
    published, exchanges = description(), recorded(double)
    if "/hooks" in path:
        nobody = "http://127.0.0.1:1/"
        double.add_hook(nobody, "s3cret", repo=REPO)
        double.add_hook(nobody, "s3cret", org="moby")
        await double.hooks.settled()
    path = path.format(head=head(double), comment=comment(double))
    if body and body.get("sha") == "{head}":
        body = {"sha": head(double)}
    address = f"{double.base_url}{path}"
    async with (
        aiohttp.ClientSession(headers={"Authorization": "token good"}) as session,
        session.request(method, double.base_url + path, json=body) as answer,
    ):
        await answer.read()
    assert answer.status == status, address
    assert [problem for exchange in exchanges for problem in published.problems(exchange)] == []
    assert len(exchanges) == 1


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        pytest.param({"path": "/repos/moby/moby/nothing"}, "no such operation", id="path"),
        pytest.param({"path": f"{ROOT}/issues/7/comments?sort=up"}, "unknown parameter sort", id="parameter"),
        pytest.param({"path": f"{ROOT}/pulls/7/comments?sort=up"}, "sort: 'up' is not one of", id="value-of-parameter"),
        pytest.param(
            {"method": "POST", "body": b'{"text": "Hello"}', "status": 201}, "'body' is a required", id="body"
        ),
        pytest.param({"status": 202}, "no such status", id="status"),
        pytest.param({"answer": b'[{"id": "7"}]'}, "answer.0.id: '7' is not of type 'integer'", id="answer"),
        pytest.param({"status": 404, "answer": b'{"message": 7}'}, "7 is not of type 'string'", id="problem"),
    ],
)
def test_the_description_notices_what_is_wrong(wrong: dict[str, Any], problem: str) -> None:
    right = Exchange("GET", f"{ROOT}/issues/7/comments", b"", 200, b"[]")
    assert description().problems(right) == []
    assert any(problem in found for found in description().problems(replace(right, **wrong)))


def keys_everywhere(examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """List the keys that all of some objects have, with those of the objects below them."""
    common = set.intersection(*(set(example) for example in examples))
    found: dict[str, Any] = {}
    for key in common:
        values = [example[key] for example in examples]
        found[key] = keys_everywhere(values) if all(isinstance(value, dict) for value in values) else None
    return found


def absent(wanted: Mapping[str, Any], here: Mapping[str, Any], path: str = "") -> list[str]:
    """List the keys that are wanted and not here; what is null here is not looked into."""
    missing = [f"{path}{key}" for key in wanted if key not in here]
    for key, below in wanted.items():
        if below and isinstance(here.get(key), dict):
            missing += absent(below, here[key], f"{path}{key}.")
    return sorted(missing)


NOT_OF_ALL = {"installation"}  # there only for apps, as which all examples of some actions were taken
TOLD: Sequence[Any] = [
    pytest.param(lambda d: d.open_pull(REPO, title="New", author="lk4d4"), "pull_request", "opened", id="opened"),
    pytest.param(lambda d: d.push(REPO, 7), "pull_request", "synchronize", id="synchronize"),
    pytest.param(lambda d: d.close(REPO, 7), "pull_request", "closed", id="closed"),
    pytest.param(lambda d: d.close(REPO, 7, merged=True), "pull_request", "closed", id="merged"),
    pytest.param(lambda d: d.reopen(REPO, 8), "pull_request", "reopened", id="reopened"),
    pytest.param(lambda d: d.edit(REPO, 7, title="Better"), "pull_request", "edited", id="edited-title"),
    pytest.param(lambda d: d.edit(REPO, 7, base="20.10"), "pull_request", "edited", id="edited-base"),
    pytest.param(lambda d: d.label(REPO, 7, "dco/yes"), "pull_request", "labeled", id="labeled"),
    pytest.param(lambda d: d.unlabel(REPO, 7, "dco/no"), "pull_request", "unlabeled", id="unlabeled"),
    pytest.param(lambda d: d.unready(REPO, 7), "pull_request", "converted_to_draft", id="converted-to-draft"),
    pytest.param(lambda d: d.ready(REPO, 7), "pull_request", "ready_for_review", id="ready-for-review"),
    pytest.param(lambda d: d.assign(REPO, 7, "lk4d4"), "pull_request", "assigned", id="assigned"),
    pytest.param(lambda d: d.unassign(REPO, 7, "jess"), "pull_request", "unassigned", id="unassigned"),
    pytest.param(lambda d: d.put_file(REPO, "MAINTAINERS", "jess"), "push", None, id="file-written"),
    pytest.param(lambda d: d.ask_review(REPO, 7, "lk4d4"), "pull_request", "review_requested", id="review-requested"),
    pytest.param(
        lambda d: d.unask_review(REPO, 7, "vieux"), "pull_request", "review_request_removed", id="request-removed"
    ),
    pytest.param(lambda d: d.review(REPO, 7, by="lk4d4"), "pull_request_review", "submitted", id="review-submitted"),
    pytest.param(
        lambda d: d.dismiss_review(REPO, 7, d.pull_record(REPO, 7).reviews[0].id, by="icecrime"),
        "pull_request_review",
        "dismissed",
        id="review-dismissed",
    ),
    pytest.param(lambda d: d.comment(REPO, 7, "Hello", by="lk4d4"), "issue_comment", "created", id="comment-created"),
    pytest.param(lambda d: d.edit_comment(REPO, comment(d), "Hm"), "issue_comment", "edited", id="comment-edited"),
    pytest.param(lambda d: d.delete_comment(REPO, comment(d)), "issue_comment", "deleted", id="comment-deleted"),
    pytest.param(lambda d: d.push_branch(REPO, "master"), "push", None, id="push"),
    pytest.param(lambda d: d.delete_branch(REPO, "master"), "push", None, id="branch-deleted"),
    pytest.param(lambda d: d.set_status(REPO, head(d), "janky", "success", by="gordon"), "status", None, id="status"),
    pytest.param(lambda d: None, "ping", None, id="ping"),
]


@pytest.mark.parametrize(("change", "event", "action"), TOLD)
async def test_a_delivery_is_as_github_describes_it_and_has_what_all_examples_have(
    double: GitHubDouble, change: Callable[[GitHubDouble], object], event: str, action: str | None
) -> None:
    published, examples = description(), webhook_examples()[event]
    double.add_hook("http://127.0.0.1:1/", "s3cret", repo=REPO)
    change(double)
    await double.hooks.settled()
    told = [each for each in double.hooks.ledger if (each.event, each.action) == (event, action)]
    assert len(told) == 1
    name = "-".join([event, *([action] if action else [])]).replace("_", "-")
    alike = [example for example in examples if example.get("action") == action] or examples
    assert published.webhook_problems(name, told[0].headers, told[0].payload) == []
    assert set(absent(keys_everywhere(alike), told[0].payload)) <= NOT_OF_ALL


def parts(kind: Any) -> dict[str, Any]:
    """List the fields, the values or the members of a type of GraphQL, whichever it has."""
    if is_enum_type(kind):
        return dict.fromkeys(kind.values)
    if is_union_type(kind):
        return {member.name: None for member in kind.types}
    return dict(kind.fields) if hasattr(kind, "fields") else {}


def test_what_may_be_asked_is_a_subset_of_githubs_graphql_schema() -> None:
    theirs, ours = graphql_schema(), schema()
    kinds = {name: kind for name, kind in ours.type_map.items() if not name.startswith("__")}
    assert len(kinds) > 30
    for name, kind in kinds.items():
        assert name in theirs.type_map, name
        known = theirs.type_map[name]
        assert type(kind) is type(known), name
        for part, what in parts(kind).items():
            assert part in parts(known), f"{name}.{part}"
            if what is not None:
                theirs_is = parts(known)[part]
                assert str(what.type) == str(theirs_is.type), f"{name}.{part}"
                given = {argument: str(it.type) for argument, it in getattr(what, "args", {}).items()}
                taken = {argument: str(it.type) for argument, it in getattr(theirs_is, "args", {}).items()}
                assert given.items() <= taken.items(), f"{name}.{part}"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(HEADS, id="heads"),
        pytest.param(pulls_query(with_teams=True, with_files=False), id="pulls"),
        pytest.param(pulls_query(with_teams=True, with_files=True), id="pulls-with-files"),
        pytest.param(pulls_query(with_teams=False, with_files=False), id="pulls-without-teams"),
        pytest.param(pulls_query(with_teams=False, with_files=True), id="pulls-with-files-without-teams"),
        pytest.param(summary_query(with_teams=True), id="one"),
        pytest.param(summary_query(with_teams=False), id="one-without-teams"),
        pytest.param(texts_query(250), id="texts"),
        pytest.param(authors_query(20), id="authors"),
    ],
)
def test_what_the_adapter_asks_is_valid_at_github(query: str) -> None:
    assert validate(graphql_schema(), parse(query)) == []
