"""Fuzz of what is sent to the page of webhooks (A7, A12): told in our words, passed over, or refused; never worse.

Right bodies are changed here and there, and then perhaps the bytes of them; so are headers. `GORDON_FUZZ` tells how
many (5,000; the long run has 200,000), `GORDON_SEED` which.
"""

import asyncio
import json
import logging
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from multidict import CIMultiDict

from bot.adapters.github_hooks import EVENT, GUID, PATH, Refusal, read_head
from bot.adapters.hook_bytes import MAX_DEPTH, WrongBody, depth_of, json_of_form
from bot.adapters.hook_wire import MAX_LABELS, MAX_NAME_CHARS, MAX_TEXT_CHARS, MAX_TITLE_CHARS, read_body
from bot.codec import Codec
from bot.events import PullCommented, PullReviewed
from bot.forge import Told
from bot.values import Account
from tests.hook_bodies import comment_body, encoded, pull_body, push_body, review_body, signed, user
from tests.test_fuzz_jenkins import FUZZ, TEXTS, body_of, dice_of
from tests.test_hooks import SECRET, Door, head_of, headers, opened

NOW = datetime(2023, 11, 14, 22, 5, tzinfo=UTC)
HOW_MANY = [
    pytest.param(FUZZ, id="some"),
    pytest.param(200_000, id="soak", marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
]
OVER_HTTP = FUZZ // 25
BODIES: dict[str, list[dict[str, Any]]] = {
    "pull_request": [
        pull_body(),
        pull_body("review_requested", requested_reviewer=user()),
        pull_body("review_request_removed", requested_team={"slug": "core"}),
    ],
    "pull_request_review": [review_body(), review_body("dismissed", state="dismissed")],
    "issue_comment": [comment_body()],
    "push": [push_body()],
    "ping": [{"zen": "x", "hook": {}}],
}
HEADERS = {
    "Content-Type": [
        "application/json",
        "application/json;charset=utf-8",
        "application/x-www-form-urlencoded",
        "text/xml",
    ],
    "Content-Encoding": ["identity", "gzip", "br", ""],
    "X-GitHub-Event": [*BODIES, "x" * 65, "PUSH", "", "push, ping", "\u00e9"],
    "X-GitHub-Delivery": ["72d3162e-cc78-11e3-81ab-4c9367dc0958", "", "x" * 65, "a b", "\x7f", "1"],
    "X-Hub-Signature-256": ["sha256=" + "0" * 64, "sha1=" + "0" * 40, "sha256=", "sha256=" + "g" * 64, "\u0661" * 64],
}


def must_be_bounded(told: Told) -> None:
    """See that what is handed on is of a size that can be kept, and can be written and read again."""
    codec = Codec()
    for fact in told.facts:
        kind, text = codec.dump(fact)
        assert codec.load(kind, text) == fact
        assert len(fact.key) < 3 * MAX_NAME_CHARS
        assert len(fact.lane) < 2 * MAX_NAME_CHARS
        assert fact.at.tzinfo is not None
        if isinstance(fact, PullCommented):
            must_be_an_account(fact.comment.author)
            assert len(fact.comment.body) <= MAX_TEXT_CHARS
        if isinstance(fact, PullReviewed):
            must_be_an_account(fact.review.author)
            assert len(fact.review.body) <= MAX_TEXT_CHARS
    if told.actor is not None:
        must_be_an_account(told.actor)
    if told.pull is not None:
        assert len(told.pull.title) <= MAX_TITLE_CHARS
        assert len(told.pull.labels) <= MAX_LABELS
        assert len(told.pull.head) == 40
        texts = [told.pull.author, told.pull.base, told.pull.head_repo, told.pull.url, *told.pull.labels]
        assert max(map(len, texts)) <= MAX_NAME_CHARS


def must_be_an_account(account: Account) -> None:
    assert account.number >= 0
    assert 0 < len(account.login) <= MAX_NAME_CHARS


@pytest.mark.parametrize("many", HOW_MANY)
def test_no_body_does_worse_than_being_refused(many: int) -> None:
    ends: Counter[str] = Counter()
    for number in range(many):
        dice = dice_of(number)
        event = dice.choice(list(BODIES))
        body = body_of(dice.choice(BODIES[event]), dice)
        try:
            found = read_body(event, body)
            if found.is_of_use:
                must_be_bounded(found.told("g", "moby/moby", NOW))
            ends[f"told {found.is_of_use}"] += 1
        except WrongBody:
            ends["refused"] += 1
    assert min(ends[end] for end in ("told True", "told False", "refused")) > many // 50


def depth_in(document: object) -> int:
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else None
    return 0 if inner is None else 1 + max(map(depth_in, inner), default=0)


def test_depth_is_that_of_the_decoded_document() -> None:
    """A12: whatever is in texts and keys; on what is no JSON it only ends."""
    for number in range(FUZZ // 5):
        dice = dice_of(number)
        document: Any = dice.choice(TEXTS)
        for _ in range(dice.randrange(2 * MAX_DEPTH)):
            text = "".join(dice.choices('"\\[]{},:x\u00e9', k=dice.randrange(6)))
            document = dice.choice(
                ([document, text], [text, [], document], {text: document, "z": {}}, {text: document})
            )
        body = json.dumps(document, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
        depth = depth_in(document)
        assert (depth_of(body) == depth) if depth <= MAX_DEPTH else (depth_of(body) > MAX_DEPTH)
        depth_of(dice.randbytes(dice.randrange(300)))


def test_a_form_gives_back_what_was_put_in() -> None:
    for number in range(FUZZ // 20):
        dice = dice_of(number)
        body = body_of(dice.choice(BODIES["push"]), dice)
        assert json_of_form(b"payload=" + quote_plus(body).encode()) == body
        try:
            json_of_form(dice.choice((b"", b"payload=")) + dice.randbytes(dice.randrange(300)))
        except WrongBody:
            continue


def headers_of(dice: random.Random) -> CIMultiDict[str]:
    """Make headers of which most are right."""
    made: CIMultiDict[str] = CIMultiDict()
    for name, values in HEADERS.items():
        for _ in range(dice.choice((1, 1, 1, 1, 1, 1, 1, 1, 0, 2))):
            made.add(dice.choice((name, name.lower())), values[0] if dice.random() < 0.8 else dice.choice(values))
    return made


@pytest.mark.parametrize("many", HOW_MANY)
def test_no_headers_do_worse_than_being_refused(many: int) -> None:
    ends: Counter[int] = Counter()
    for number in range(many):
        headers = headers_of(dice_of(number))
        try:
            head = read_head(headers)
        except Refusal as refusal:
            ends[refusal.status] += 1
            continue
        ends[200] += 1
        assert EVENT.fullmatch(head.event)
        assert GUID.fullmatch(head.guid)
        assert f"sha256={head.signature}" == headers["X-Hub-Signature-256"]
        assert headers.getall("X-Hub-Signature-256") == [headers["X-Hub-Signature-256"]]
    assert min(ends[status] for status in (200, 400, 403, 415)) > many // 50


def request_of(dice: random.Random) -> bytes:
    """Make a request: rather often signed and right, or else nearly no HTTP."""
    event = dice.choice(list(BODIES))
    body = body_of(dice.choice(BODIES[event]), dice) if dice.random() < 0.5 else encoded(BODIES[event][0])
    made = headers_of(dice) if dice.random() < 0.3 else CIMultiDict({"Content-Type": "application/json"})
    if dice.random() < 0.8:
        made.update({"X-GitHub-Event": event, "X-GitHub-Delivery": "1", "X-Hub-Signature-256": signed(body, SECRET)})
    length = len(body) + (dice.choice((-1, 1, 1 << 30)) if dice.random() < 0.1 else 0)
    framing = dice.choice(
        [
            *[[("Content-Length", str(max(0, length)))]] * 9,
            [("Content-Length", "1"), ("Content-Length", "2")],
            [("Content-Length", "x")],
            [("Transfer-Encoding", "chunked")],
            [("Transfer-Encoding", "chunked"), ("Content-Length", "5")],
            [("Expect", "100-continue"), ("Content-Length", str(len(body)))],
            [],
        ]
    )
    head = head_of(dice.choice(("POST",) * 9 + ("GET", "post", "P\x00")), PATH, [*made.items(), *framing])
    return head + body if dice.random() < 0.95 else dice.choice((body, head[: dice.randrange(len(head))] + b"\r\n\r\n"))


async def test_no_request_breaks_the_server(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each is answered or hung up on, none with a 5xx, and the next right one is taken in."""
    ends: Counter[bytes] = Counter()
    with caplog.at_level(logging.ERROR):
        async with opened(Door(tmp_path, body_within_s=0.05, idle_s=0.1)) as door:
            for number in range(OVER_HTTP):
                reader, writer = await door.connect()
                writer.write(request_of(dice_of(number)))
                async with asyncio.timeout(30):
                    try:
                        line = await reader.readline()
                    except ConnectionError:
                        line = b""
                ends[line[9:12]] += 1
                writer.close()
            assert await door.post(headers()) == 202
    assert not [status for status in ends if status.startswith(b"5")], ends
    assert ends[b"202"] > OVER_HTTP // 10, ends
    assert min(ends[status] for status in (b"200", b"400", b"403", b"405")) > 0
    assert [record for record in caplog.records if record.name.startswith("bot") or record.exc_info] == []
