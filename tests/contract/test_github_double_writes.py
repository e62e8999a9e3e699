"""What is written to the embedded GitHub through its REST API: what it takes, what it refuses, and what stays."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from github import Auth, Github
from yarl import URL

from bot.demo.github.double import GitHubDouble
from tests.contract.github_rig import Clock

REPO = "moby/moby"
ROOT = f"/repos/{REPO}"
SHA = "9f1c" * 10
NO_PACE: Any = {"seconds_between_requests": 0, "seconds_between_writes": 0}
Answer = tuple[int, Any, dict[str, str]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def double(clock: Clock) -> AsyncIterator[GitHubDouble]:
    double = GitHubDouble(clock)
    double.set_token("good", "gordon", 42)
    double.add_repo(REPO)
    double.open_pull(REPO, title="Fix", author="tianon", number=7, head_sha=SHA, labels=("dco/no",))
    await double.start()
    yield double
    await double.stop()


async def send(double: GitHubDouble, method: str, path: str, body: object = None, **headers: str) -> Answer:
    headers = {"Authorization": "token good", **headers}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, URL(double.base_url + path, encoded=True), json=body) as answer,
    ):
        told = await answer.read()
        return answer.status, json.loads(told) if told else None, {k.lower(): v for k, v in answer.headers.items()}


async def test_the_last_status_of_each_context_counts_and_all_are_kept(double: GitHubDouble) -> None:
    for context, state in (("janky", "pending"), ("lxc", "success"), ("janky", "failure")):
        status, told, _ = await send(double, "POST", f"{ROOT}/statuses/{SHA}", {"state": state, "context": context})
        assert (status, told["creator"]["login"]) == (201, "gordon")
    _, combined, _ = await send(double, "GET", f"{ROOT}/commits/{SHA}/status")
    assert (combined["state"], combined["total_count"], combined["sha"]) == ("failure", 2, SHA)
    assert [(each["context"], each["state"]) for each in combined["statuses"]] == [
        ("janky", "failure"),
        ("lxc", "success"),
    ]
    _, listed, _ = await send(double, "GET", f"{ROOT}/commits/{SHA}/statuses")
    assert [each["state"] for each in listed] == ["failure", "success", "pending"]
    assert [each.state for each in double.statuses(REPO, SHA)] == ["pending", "success", "failure"]


@pytest.mark.parametrize(
    ("states", "together"),
    [
        pytest.param([], "pending", id="none"),
        pytest.param(["success"], "success", id="success"),
        pytest.param(["success", "pending"], "pending", id="pending"),
        pytest.param(["pending", "error"], "failure", id="error"),
    ],
)
async def test_statuses_come_to_one_state(double: GitHubDouble, states: list[str], together: str) -> None:
    for number, state in enumerate(states):
        double.set_status(REPO, SHA, f"context-{number}", state, by="ci")
    assert (await send(double, "GET", f"{ROOT}/commits/{SHA}/status"))[1]["state"] == together


@pytest.mark.parametrize(
    ("sha", "body", "words"),
    [
        pytest.param(SHA, {"state": "fine"}, "State is not included in the list", id="state"),
        pytest.param(SHA, {"state": "error", "description": "x" * 141}, "maximum is 140 characters", id="description"),
        pytest.param(SHA, {"state": "error", "target_url": "javascript:x"}, "must use http(s) scheme", id="link"),
        pytest.param("a" * 40, {"state": "error"}, "No commit found for SHA", id="commit"),
        pytest.param(SHA, {"state": "error", "context": "full"}, "maximum number of statuses", id="thousand"),
    ],
)
async def test_a_status_that_github_does_not_take_is_a_422(
    double: GitHubDouble, sha: str, body: dict[str, str], words: str
) -> None:
    for _ in range(1000):
        double.set_status(REPO, SHA, "full", "pending", by="ci")
    status, told, _ = await send(double, "POST", f"{ROOT}/statuses/{sha}", body)
    assert status == 422
    assert words in json.dumps(told)
    assert len(double.statuses(REPO, SHA)) == 1000


async def test_a_description_of_140_characters_fits_however_many_bytes_they_have(double: GitHubDouble) -> None:
    body = {"state": "success", "description": "\N{SNOWMAN}" * 140}
    assert (await send(double, "POST", f"{ROOT}/statuses/{SHA}", body))[0] == 201


async def test_pygithub_knows_its_way_around(double: GitHubDouble) -> None:
    def work() -> tuple[Any, ...]:
        with Github(base_url=double.base_url, auth=Auth.Token("good"), retry=None, **NO_PACE) as hub:
            repo = hub.get_repo(REPO)
            pull = repo.get_pull(7)
            comment = pull.create_issue_comment("Hello")
            comment.edit("Hello again")
            reactions = [comment.create_reaction("eyes").id for _ in range(2)]
            pull.add_to_labels("area/x")
            pull.remove_from_labels("dco/no")
            told = [each.body for each in pull.get_issue_comments()]
            comment.delete()
            return told, len(set(reactions)), [label.name for label in pull.get_labels()]

    assert await asyncio.to_thread(work) == (["Hello again"], 1, ["area/x"])
    assert double.comments(REPO, 7) == []


@pytest.mark.parametrize("name", ["dco/no", "dco%2Fno"])
async def test_a_label_with_a_slash_goes_by_its_name_and_by_its_escape(double: GitHubDouble, name: str) -> None:
    assert (await send(double, "DELETE", f"{ROOT}/issues/7/labels/{name}"))[0] == 200
    status, told, _ = await send(double, "DELETE", f"{ROOT}/issues/7/labels/{name}")
    assert (status, told["message"]) == (404, "Label does not exist")


async def test_a_reaction_is_new_only_once(double: GitHubDouble) -> None:
    path = f"{ROOT}/issues/comments/{double.comment(REPO, 7, 'Hm', by='jess')}/reactions"
    answers = [await send(double, "POST", path, {"content": "eyes"}) for _ in range(2)]
    assert [status for status, _, _ in answers] == [201, 200]
    assert answers[0][1] == answers[1][1]


MERGES = [
    pytest.param(lambda d: None, {"sha": SHA}, 200, id="merged"),
    pytest.param(lambda d: d.push(REPO, 7), {"sha": SHA}, 409, id="head-moved"),
    pytest.param(lambda d: d.set_mergeable(REPO, 7, False), {"sha": SHA}, 405, id="conflict"),
    pytest.param(lambda d: d.unready(REPO, 7), {"sha": SHA}, 405, id="draft"),
    pytest.param(lambda d: d.close(REPO, 7), {"sha": SHA}, 405, id="closed"),
]


@pytest.mark.parametrize(("before", "body", "status"), MERGES)
async def test_a_merge_is_of_the_head_that_was_meant(
    double: GitHubDouble, before: Callable[[GitHubDouble], object], body: dict[str, str], status: int
) -> None:
    before(double)
    assert (await send(double, "PUT", f"{ROOT}/pulls/7/merge", body))[0] == status
    assert double.pull_record(REPO, 7).merged is (status == 200)


@pytest.mark.parametrize("status", [None, 502], ids=["cut", "502"])
async def test_a_write_may_take_effect_and_its_answer_be_lost(double: GitHubDouble, status: int | None) -> None:
    """F14."""
    double.commit_then_drop(path="/comments$", method="POST", status=status)
    path, body = f"{ROOT}/issues/7/comments", {"body": "Hello"}
    if status is None:
        with pytest.raises(aiohttp.ClientError):
            await send(double, "POST", path, body)
    else:
        assert (await send(double, "POST", path, body))[0] == status
    assert [text for _, _, text in double.comments(REPO, 7)] == ["Hello"]
    assert (await send(double, "POST", path, body))[0] == 201


async def test_a_write_may_fail_before_it_takes_effect(double: GitHubDouble) -> None:
    """F14."""
    double.fail(502, method="POST")
    assert (await send(double, "GET", f"{ROOT}/issues/7/comments"))[0] == 200
    assert (await send(double, "POST", f"{ROOT}/issues/7/comments", {"body": "Hello"}))[0] == 502
    assert double.comments(REPO, 7) == []


@pytest.mark.parametrize(("status", "after_s"), [(403, 60), (429, 5), (403, None)])
async def test_the_secondary_limit_names_a_time_or_only_itself(
    double: GitHubDouble, status: int, after_s: int | None
) -> None:
    """F15."""
    double.limit(status=status, retry_after_s=after_s)
    code, told, headers = await send(double, "GET", f"{ROOT}/pulls/7")
    assert (code, "secondary rate limit" in told["message"]) == (status, True)
    assert headers.get("retry-after") == (None if after_s is None else str(after_s))
    assert headers["x-ratelimit-remaining"] == "5000"


async def test_a_revoked_token_is_let_in_no_more_and_a_new_one_is(double: GitHubDouble) -> None:
    """F45."""
    double.revoke_token("good")
    assert (await send(double, "GET", "/user"))[0] == 401
    double.set_token("better", "gordon", 42)
    assert (await send(double, "GET", "/user", Authorization="token better"))[0] == 200


async def test_an_unchanged_list_costs_nothing(double: GitHubDouble) -> None:
    path = f"{ROOT}/issues/7/comments"
    _, _, first = await send(double, "GET", path)
    status, _, second = await send(double, "GET", path, **{"If-None-Match": first["etag"]})
    assert (status, first["x-ratelimit-used"], second["x-ratelimit-used"]) == (304, "1", "1")
    double.comment(REPO, 7, "Hello", by="jess")
    status, _, third = await send(double, "GET", path, **{"If-None-Match": first["etag"]})
    assert (status, third["x-ratelimit-used"]) == (200, "2")


# Apps


def jwt(app_id: object, begins_s: int, ends_s: int) -> str:
    """Write a token as an app does, with a signature that says nothing."""
    parts = ({"alg": "RS256", "typ": "JWT"}, {"iss": app_id, "iat": begins_s, "exp": ends_s})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + ".x"


@pytest.mark.parametrize(
    ("token", "status"),
    [
        pytest.param(jwt("5", 1000, 1600), 201, id="right"),
        pytest.param(jwt("6", 1000, 1600), 401, id="another-app"),
        pytest.param(jwt("5", 1000, 9999), 401, id="lasts-too-long"),
        pytest.param("no-token-at-all", 401, id="no-token"),
        pytest.param("good", 401, id="token-of-a-person"),
    ],
)
async def test_an_app_gets_a_token_by_what_it_signed(double: GitHubDouble, token: str, status: int) -> None:
    double.add_app(5, "gordon-app")
    answer = await send(double, "POST", "/app/installations/1/access_tokens", Authorization=f"Bearer {token}")
    assert answer[0] == status


async def test_the_token_of_an_app_lasts_an_hour_and_is_its_bots(double: GitHubDouble, clock: Clock) -> None:
    double.add_app(5, "gordon-app", is_genuine=lambda token: token.endswith(".x"))
    right = f"Bearer {jwt(5, 1000, 1600)}"
    _, told, _ = await send(double, "POST", "/app/installations/1/access_tokens", Authorization=right)
    authorised = {"Authorization": f"token {told['token']}"}
    _, said, _ = await send(double, "POST", f"{ROOT}/issues/7/comments", {"body": "Hello"}, **authorised)
    assert (said["user"]["login"], said["user"]["type"]) == ("gordon-app[bot]", "Bot")
    assert (await send(double, "GET", "/user", **authorised))[0] == 403
    assert (await send(double, "GET", "/users/gordon-app%5Bbot%5D", **authorised))[1]["id"] == said["user"]["id"]
    clock.ahead_s += timedelta(hours=1).total_seconds()
    assert (await send(double, "GET", ROOT, **authorised))[0] == 401


async def test_a_signature_that_is_not_genuine_gets_nothing(double: GitHubDouble) -> None:
    double.add_app(5, "gordon-app", is_genuine=lambda _: False)
    right = f"Bearer {jwt(5, 1000, 1600)}"
    assert (await send(double, "POST", "/app/installations/1/access_tokens", Authorization=right))[0] == 401
