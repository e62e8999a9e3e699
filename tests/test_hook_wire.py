"""What a webhook tells becomes our words, or is refused, or is of no use; no body does worse (A12)."""

import json
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest

from bot.adapters.github_wire import read_pull
from bot.adapters.hook_bytes import MAX_DEPTH, PIECE_BYTES, WrongBody, depth_of, is_too_deep, json_of_form
from bot.adapters.hook_wire import MAX_LABELS, MAX_TEXT_CHARS, MAX_TITLE_CHARS, read_body, read_missed
from bot.events import BranchPushed, PullCommented, PullReviewed, ReviewAsked
from bot.forge import Missed, Told
from bot.values import Account, Comment, Pull, PullRef, Review, ReviewState
from tests.hook_bodies import (
    BEFORE,
    HEAD,
    REPO,
    UPDATED_S,
    ZERO,
    comment_body,
    encoded,
    pull,
    pull_body,
    push_body,
    review_body,
    user,
)

NOW = datetime(2023, 11, 14, 22, 5, tzinfo=UTC)
UPDATED = datetime(2023, 11, 14, 22, 0, tzinfo=UTC)
REF = PullRef(REPO, 7)
STANDS = Pull(
    REF,
    title="Fix the volumes",
    author="jess",
    author_id=7,
    head=HEAD,
    base="master",
    head_repo="jess/moby",
    url=f"https://github.com/{REPO}/pull/7",
    labels=("status/0-triage",),
    updated_at=UPDATED,
)
JESS, TIANON = Account(7, "jess"), Account(1, "tianon")


def told(event: str, body: object, *, guid: str = "g-1") -> Told:
    return read_body(event, body if isinstance(body, bytes) else encoded(body)).told(guid, REPO, NOW)


@pytest.mark.parametrize(
    "action",
    [
        *("opened", "reopened", "closed", "synchronize", "edited", "labeled", "unlabeled", "ready_for_review"),
        *("converted_to_draft", "assigned", "locked", "auto_merge_enabled", "something_new"),
    ],
)
def test_every_action_tells_how_the_pull_request_stands(action: str) -> None:
    assert told("pull_request", pull_body(action)) == Told("g-1", f"pull_request.{action}", REPO, STANDS, (), JESS)


@pytest.mark.parametrize(
    ("changed", "pull_now"),
    [
        pytest.param({"state": "closed"}, {"is_open": False}, id="closed"),
        pytest.param({"state": "closed", "merged": True}, {"is_open": False, "merged": True}, id="merged"),
        pytest.param(
            {"state": "closed", "merged": True, "merge_commit_sha": HEAD},
            {"is_open": False, "merged": True, "merged_as": HEAD},
            id="merged-as",
        ),
        pytest.param({"merge_commit_sha": HEAD}, {}, id="merged-on-trial"),
        pytest.param(
            {"state": "closed", "merged": True, "merge_commit_sha": "HEAD"},
            {"is_open": False, "merged": True},
            id="merged-as-no-commit",
        ),
        pytest.param({"draft": True}, {"draft": True}, id="draft"),
        pytest.param({"mergeable": False}, {"mergeable": False}, id="does-not-merge"),
        pytest.param({"labels": []}, {"labels": ()}, id="no-labels"),
        pytest.param({"user": None}, {"author": "ghost", "author_id": 0}, id="author-gone"),
        pytest.param({"title": None}, {"title": ""}, id="no-title"),
        pytest.param({"title": "t" * 5000}, {"title": "t" * MAX_TITLE_CHARS}, id="long-title"),
        pytest.param({"head": {"ref": "x", "sha": HEAD, "repo": None}}, {"head_repo": ""}, id="fork-gone"),
        pytest.param({"html_url": "javascript:x"}, {"url": ""}, id="no-address"),
        pytest.param(
            {"labels": [{"name": f"l{number}"} for number in range(150)]},
            {"labels": tuple(f"l{number}" for number in range(MAX_LABELS))},
            id="too-many-labels",
        ),
        pytest.param({"updated_at": "2023-11-14T23:00:00+01:00"}, {}, id="another-time-zone"),
        pytest.param({"unknown": {"deep": [1, {}]}, "body": None}, {}, id="keys-of-a-later-version"),
    ],
)
def test_a_pull_request_is_read_as_it_stands(changed: dict[str, Any], pull_now: dict[str, Any]) -> None:
    found = told("pull_request", pull_body(pull_request=pull(**changed)))
    assert found.pull == replace(STANDS, **pull_now)


def test_a_webhook_and_the_api_are_read_alike() -> None:
    """F18: what is told and what is read again can be compared."""
    assert told("pull_request", pull_body()).pull == read_pull(pull(), REF)


@pytest.mark.parametrize(
    ("more", "reviewer"),
    [
        pytest.param({"requested_reviewer": user("tianon", 1)}, "tianon", id="person"),
        pytest.param({"requested_team": {"slug": "core", "name": "Core"}}, "moby/core", id="team"),
    ],
)
@pytest.mark.parametrize(("action", "asked"), [("review_requested", "asked"), ("review_request_removed", "not")])
def test_a_review_that_is_asked_for_is_told(more: dict[str, Any], reviewer: str, action: str, asked: str) -> None:
    assert told("pull_request", pull_body(action, **more)).facts == (
        ReviewAsked(
            key=f"github:asked:{REF}:{reviewer}:{asked}:{UPDATED_S}",
            lane=str(REF),
            at=UPDATED,
            pull=STANDS,
            actor=JESS,
            reviewer=reviewer,
            asked=asked == "asked",
        ),
    )


def test_a_review_that_is_asked_of_nobody_is_no_fact() -> None:
    assert told("pull_request", pull_body("review_requested")).facts == ()


@pytest.mark.parametrize(
    ("action", "changed", "review"),
    [
        pytest.param("submitted", {}, {}, id="approved"),
        pytest.param("submitted", {"state": "commented"}, {"state": ReviewState.COMMENTED}, id="commented"),
        pytest.param(
            "submitted",
            {"state": "CHANGES_REQUESTED"},
            {"state": ReviewState.CHANGES_REQUESTED},
            id="as-the-api-spells",
        ),
        pytest.param("dismissed", {"state": "dismissed"}, {"state": ReviewState.DISMISSED}, id="dismissed"),
        pytest.param("submitted", {"user": None}, {"author": Account(0, "ghost")}, id="reviewer-gone"),
        pytest.param("submitted", {"body": None}, {"body": ""}, id="no-words"),
        pytest.param("submitted", {"commit_id": None}, {"sha": ""}, id="commit-gone"),
        pytest.param(
            "submitted", {"body": "\u00e9" * MAX_TEXT_CHARS + "!"}, {"body": "\u00e9" * MAX_TEXT_CHARS}, id="long"
        ),
        pytest.param(
            "submitted", {"user": user("bot", 5, "Bot")}, {"author": Account(5, "bot", is_bot=True)}, id="bot"
        ),
    ],
)
def test_a_review_is_a_fact_beside_the_state(action: str, changed: dict[str, Any], review: dict[str, Any]) -> None:
    is_now = replace(Review(80, TIANON, ReviewState.APPROVED, HEAD, UPDATED, "LGTM"), **review)
    found = told("pull_request_review", review_body(action, **changed))
    key = f"github:review:80:{is_now.state}:{UPDATED_S}"
    fact = PullReviewed(key=key, lane=str(REF), at=UPDATED, pull=STANDS, actor=TIANON, review=is_now)
    assert found == Told("g-1", f"pull_request_review.{action}", REPO, STANDS, (fact,), TIANON)


def test_a_review_that_only_its_author_sees_is_no_fact() -> None:
    found = told("pull_request_review", review_body(state="pending"))
    assert (found.pull, found.facts) == (STANDS, ())


def test_a_merge_shows_in_a_review_too() -> None:
    body = review_body()
    body["pull_request"] |= {"state": "closed", "merged_at": "2023-11-14T21:00:00Z"}
    assert told("pull_request_review", body).pull == replace(STANDS, is_open=False, merged=True)


@pytest.mark.parametrize(
    ("changed", "comment"),
    [
        pytest.param({}, {}, id="plain"),
        pytest.param({"user": None}, {"author": Account(0, "ghost")}, id="author-gone"),
        pytest.param({"html_url": "data:x"}, {"url": ""}, id="no-address"),
        pytest.param({"body": "x" * (MAX_TEXT_CHARS + 1)}, {"body": "x" * MAX_TEXT_CHARS}, id="long"),
    ],
)
def test_a_comment_is_a_fact_of_its_own(changed: dict[str, Any], comment: dict[str, Any]) -> None:
    is_now = replace(Comment(60, TIANON, "rebuild please", UPDATED, "https://x"), **comment)
    fact = PullCommented(key="github:comment:60", lane=str(REF), at=UPDATED, pull=REF, comment=is_now)
    found = told("issue_comment", comment_body(**changed))
    assert found == Told("g-1", "issue_comment.created", REPO, None, (fact,), TIANON)


@pytest.mark.parametrize(
    ("changed", "pushed"),
    [
        pytest.param({}, {}, id="plain"),
        pytest.param({"before": ZERO, "created": True}, {"before": ""}, id="new-branch"),
        pytest.param({"after": ZERO, "deleted": True}, {"after": ""}, id="branch-gone"),
        pytest.param({"forced": True}, {"forced": True}, id="forced"),
        pytest.param({"sender": None}, {"actor": None}, id="nobody"),
        pytest.param(
            {"repository": {"full_name": REPO, "pushed_at": "2023-11-14T22:00:00Z"}}, {}, id="time-as-the-api-spells"
        ),
    ],
)
def test_a_push_is_told_of_its_branch(changed: dict[str, Any], pushed: dict[str, Any]) -> None:
    body = push_body("refs/heads/feature/x", **changed)
    fact = BranchPushed(
        key=f"github:push:{REPO}:refs/heads/feature/x:{body['before']}:{body['after']}:{UPDATED_S}",
        lane=f"{REPO}:feature/x",
        at=UPDATED,
        repo=REPO,
        branch="feature/x",
        before=BEFORE,
        after=HEAD,
        forced=False,
        actor=JESS,
    )
    found = told("push", body)
    assert (found.what, found.pull, found.facts) == ("push", None, (replace(fact, **pushed),))


def test_a_push_of_an_unknown_time_is_told_now() -> None:
    (fact,) = told("push", push_body(repository={"full_name": REPO})).facts
    assert (fact.key, fact.at) == (f"github:push:{REPO}:refs/heads/master:{BEFORE}:{HEAD}:", NOW)


@pytest.mark.parametrize(
    ("event", "body"),
    [
        pytest.param("ping", {"zen": "Keep it logically awesome.", "hook_id": 1}, id="ping"),
        pytest.param("push", push_body("refs/tags/v1"), id="tag"),
        pytest.param("issue_comment", comment_body(is_pull=False), id="comment-on-an-issue"),
        pytest.param("issue_comment", comment_body("edited"), id="A17-edited-comment"),
        pytest.param("issue_comment", comment_body("deleted"), id="deleted-comment"),
        pytest.param("pull_request_review", review_body("edited"), id="edited-review"),
        pytest.param("pull_request_review_comment", pull_body("created"), id="comment-on-a-line"),
        pytest.param("workflow_run", {"action": "completed", "repository": 5}, id="another-event"),
        pytest.param("star", {}, id="nothing-in-it"),
    ],
)
def test_what_is_of_no_use_is_known_as_such(event: str, body: object) -> None:
    assert not read_body(event, encoded(body)).is_of_use


def wrong(where: str, value: Any) -> Any:
    """Change one value of a body, by its path."""
    body = pull_body()
    *path, last = where.split(".")
    inner = body
    for key in path:
        inner = inner[key]
    inner[last] = value
    return body


@pytest.mark.parametrize(
    ("event", "body", "said"),
    [
        pytest.param("ping", b"", "no JSON", id="empty"),
        pytest.param("ping", b"[]", "not that of its event", id="list"),
        pytest.param("ping", b"null", "not that of its event", id="null"),
        pytest.param("ping", b"{} {}", "no JSON", id="two"),
        pytest.param("ping", b"\xef\xbb\xbf{}", "no JSON", id="mark-before-it"),
        pytest.param("pull_request", encoded(pull_body())[:-1], "no JSON", id="cut-off"),
        pytest.param("pull_request", b'{"action": "\xff"}', "no JSON", id="not-utf-8"),
        pytest.param("pull_request", b"{}", "not that of its event", id="nothing-in-it"),
        pytest.param("pull_request", wrong("pull_request", None), "not that of its event", id="no-pull"),
        pytest.param("pull_request", wrong("pull_request.number", "7"), "not that of its event", id="number-as-text"),
        pytest.param("pull_request", wrong("pull_request.number", 7.5), "not that of its event", id="half-a-number"),
        pytest.param("pull_request", wrong("pull_request.number", 0), "no number", id="number-0"),
        pytest.param("pull_request", wrong("pull_request.number", 10**12), "no number", id="A12-large-number"),
        pytest.param("pull_request", wrong("pull_request.head.sha", "HEAD"), "no pull request", id="no-commit"),
        pytest.param(
            "pull_request", wrong("pull_request.head.sha", "a" * 39), "no pull request", id="A19-half-a-commit"
        ),
        pytest.param("pull_request", wrong("pull_request.state", "merged"), "no pull request", id="no-state"),
        pytest.param("pull_request", wrong("pull_request.labels", {}), "no pull request", id="labels-no-list"),
        pytest.param("pull_request", wrong("pull_request.labels", [1]), "no pull request", id="label-no-object"),
        pytest.param(
            "pull_request", encoded(pull_body()).replace(b"0-triage", b"\xb9"), "no pull request", id="label-not-utf-8"
        ),
        pytest.param(
            "pull_request",
            encoded(pull_body()).replace(b"Fix the", b"\xb9"),
            "a text that is none",
            id="title-not-utf-8",
        ),
        pytest.param("pull_request", wrong("pull_request.title", 5), "a text that is none", id="title-no-text"),
        pytest.param("pull_request", wrong("pull_request.title", "x" * 800_000), "too long", id="huge-title"),
        pytest.param("pull_request", wrong("pull_request.base.ref", "x" * 2000), "too long", id="huge-branch"),
        pytest.param("pull_request", wrong("sender.login", "x" * 2000), "too long", id="huge-login"),
        pytest.param(
            "pull_request",
            wrong("pull_request.labels", [{"name": "x" * 300}] * 1000),
            "too many labels",
            id="many-labels",
        ),
        pytest.param("pull_request", wrong("repository", None), "no repository", id="no-repository"),
        pytest.param("pull_request", wrong("repository.full_name", ""), "no repository", id="no-name-of-a-repository"),
        pytest.param("pull_request", wrong("action", "x\ny"), "no action", id="A13-line-break-in-an-action"),
        pytest.param("pull_request", wrong("action", 5), "not that of its event", id="action-no-text"),
        pytest.param("pull_request_review", review_body(id=0), "without a number", id="review-without-id"),
        pytest.param("pull_request_review", review_body(id=1 << 60), "without a number", id="A12-huge-id"),
        pytest.param("pull_request_review", review_body(commit_id="x"), "of no commit", id="review-of-no-commit"),
        pytest.param("pull_request_review", review_body(submitted_at="soon"), "a time that is none", id="no-time"),
        pytest.param(
            "pull_request_review", review_body(submitted_at="0001-01-01T00:00+23:00"), "time", id="before-time"
        ),
        pytest.param("issue_comment", comment_body(body=["x"]), "a text that is none", id="comment-no-text"),
        pytest.param("push", push_body("refs/heads/"), "of no branch", id="no-branch"),
        pytest.param("push", push_body(after="x"), "of no branch", id="push-of-no-commit"),
        pytest.param(
            "push", push_body(repository={"full_name": REPO, "pushed_at": 10**18}), "time", id="A12-huge-time"
        ),
    ],
)
def test_what_github_does_not_send_is_refused_without_repeating_it(event: str, body: Any, said: str) -> None:
    with pytest.raises(WrongBody, match=said) as caught:
        told(event, body)
    assert len(str(caught.value)) < 60


def within(key: str, value: bytes) -> bytes:
    """Add a key to a right body as somebody wrote it."""
    return encoded(pull_body())[:-1] + f', "{key}": '.encode() + value + b"}"


@pytest.mark.parametrize(
    ("body", "is_refused"),
    [
        pytest.param(b'{"x":' * 100_000, True, id="A12-deep"),
        pytest.param(within("x", b"[" * 100_000 + b"]" * 100_000), True, id="A12-deep-and-whole"),
        pytest.param(within("x", b"[" * MAX_DEPTH + b"]" * MAX_DEPTH), True, id="A12-one-too-deep"),
        pytest.param(within("x", b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)), False, id="just-not-too-deep"),
        pytest.param(within("x", b"{" + b'"k":1,' * 1_000_000 + b'"k":1}'), False, id="A12-million-keys"),
        pytest.param(within("x", b"NaN"), True, id="A12-NaN"),
        pytest.param(within("x", b"-Infinity"), True, id="A12-infinity"),
        pytest.param(within("x", b"9" * 100_000), False, id="A12-huge-int"),
        pytest.param(within("number", b"9" * 5000), False, id="A12-huge-int-beside"),
        pytest.param(within("x", b"1e999999"), False, id="A12-huge-float"),
        pytest.param(within("x", b'"\\ud800"'), True, id="A12-lone-surrogate"),
        pytest.param(within("sender", b'{"login": "jess", "id": 7, "id": 7}'), False, id="A12-duplicate-keys"),
    ],
)
def test_a_json_bomb_is_refused_or_harmless(body: bytes, is_refused: bool) -> None:
    """A12: at most 16 MB and 100 ms; the time is that of this thread, with room for a slow machine."""
    tracemalloc.start()
    began_s = time.thread_time()
    try:
        found = told("pull_request", body)
    except WrongBody:
        assert is_refused
    else:
        assert not is_refused
        assert found.pull == STANDS
    finally:
        took_s, peak = time.thread_time() - began_s, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 16_000_000
    assert took_s < 0.5


def test_of_two_keys_that_are_the_same_the_last_counts() -> None:
    """A12: for the repository that is compared as for what is told."""
    body = within("repository", b'{"full_name": "evil/evil"}')
    assert read_body("pull_request", body).repo == "evil/evil"


DEEP = "[" * 70 + "]" * 70


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        pytest.param("1", 0, id="number"),
        pytest.param("{}", 1, id="object"),
        pytest.param('[{"a": [1, {}]}, []]', 4, id="mixed"),
        pytest.param('{"a": "[[[{{{"}', 1, id="brackets-in-a-text"),
        pytest.param(json.dumps({"a": '"[[["'}), 1, id="quotes-in-a-text"),
        pytest.param(json.dumps({"a": '\\"[[[\\\\'}), 1, id="backslashes-in-a-text"),
        pytest.param('{"\\\\": [[]]}', 3, id="backslash-at-the-end-of-a-text"),
        pytest.param(f'["{"x" * (PIECE_BYTES - 3)}\\"", [[]]]', 3, id="escape-over-the-end-of-a-piece"),
        pytest.param(f'["{"x" * (PIECE_BYTES - 3)}\\\\", [[]]]', 3, id="backslashes-over-the-end-of-a-piece"),
        pytest.param(f'["{"[" * (3 * PIECE_BYTES)}", [[]]]', 3, id="text-over-pieces"),
        pytest.param("[" * 40 + f'"{"x" * PIECE_BYTES}"' + ",[]" + "]" * 40, 41, id="depth-over-pieces"),
    ],
)
def test_how_deep_json_goes_is_known_without_decoding_it(body: str, depth: int) -> None:
    assert depth_of(body.encode()) == depth
    json.loads(body)


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param("[]", id="alone"),
        pytest.param('[{"url": "/keys{/id}"}]', id="beside-addresses"),
        pytest.param(f'["{"{/" * 1000}"]', id="A12-beside-many-addresses"),
        pytest.param(f'["{"]" * 1000}"]', id="A12-beside-ends-in-a-text"),
        pytest.param(f"[{','.join(['{}'] * 1000)}]", id="beside-many-objects"),
        pytest.param('{ "a": []}', id="with-spaces"),
    ],
)
@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("outer", ["[{}]", '{{"a":{}}}'])
def test_depth_counts_where_most_bodies_need_no_look(inner: str, more: int, outer: str) -> None:
    body = inner
    for _ in range(MAX_DEPTH + more - depth_of(inner.encode())):
        body = outer.format(body)
    assert depth_of(json.dumps(json.loads(body)).encode()) == MAX_DEPTH + more
    assert is_too_deep(body.encode()) == bool(more)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("payload={}", id="alone"),
        pytest.param("payload={}&x=1", id="first"),
        pytest.param("x=1&payload={}", id="second"),
        pytest.param("x=payload%3D1&payload={}&payload=2", id="values-that-look-so"),
    ],
)
def test_the_form_has_the_same_json_in_it(form: str) -> None:
    body = encoded(pull_body(extra="100 % + \u00e9 & = \\ \x00" + "%" * PIECE_BYTES + "\u20ac" * PIECE_BYTES))
    assert json_of_form(form.format(quote_plus(body.decode("ascii"), safe="")).encode()) == body


@pytest.mark.parametrize("body", [b"", b"x=1", b"xpayload={}", b"{}", b"&&&", b"Payload={}"])
def test_a_form_without_payload_is_refused(body: bytes) -> None:
    with pytest.raises(WrongBody, match="a form without payload"):
        json_of_form(body)


def missed(name: str, body: bytes) -> Missed:
    return Missed("g-9", name, NOW - timedelta(minutes=5), body, arrived=False)


def test_a_delivery_that_was_lost_is_read_as_if_it_had_arrived() -> None:
    """F19."""
    body = encoded(pull_body())
    assert read_missed(missed("pull_request", body), REPO) == told("pull_request", body, guid="g-9")


@pytest.mark.parametrize(
    ("name", "body", "repo"),
    [
        pytest.param("star", b"{}", REPO, id="of-no-use"),
        pytest.param("pull_request", encoded(pull_body()), "moby/other", id="A8-another-repository"),
        pytest.param("pull_request", b"{", REPO, id="no-JSON"),
        pytest.param("pull_request", encoded(wrong("pull_request.number", 0)), REPO, id="impossible"),
    ],
)
def test_a_lost_delivery_that_tells_nothing_is_left(name: str, body: bytes, repo: str) -> None:
    assert read_missed(missed(name, body), repo) is None
