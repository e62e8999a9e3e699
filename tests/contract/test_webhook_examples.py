"""Every example of a webhook that is published (npm's @octokit/webhooks-examples) is taken in, as what it says.

They come from GitHub itself and from five versions of GitHub Enterprise.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.adapters.github_hooks import PATH
from bot.adapters.hook_wire import EVENTS, read_body
from bot.events import BranchPushed, PullReviewed, ReviewAsked
from bot.forge import Told
from tests.contract.github_published import kept
from tests.hook_bodies import encoded
from tests.rigs.npm import packages
from tests.test_hooks import Door, headers, opened

NOW = datetime(2030, 1, 1, tzinfo=UTC)
Example = tuple[str, dict[str, Any]]


@cache
def examples() -> dict[str, list[Example]]:
    """Read them: by where they come from, the event and the body of each."""
    found: dict[str, list[Example]] = {}
    for index in sorted((packages("github") / "@octokit" / "webhooks-examples").glob("*/index.json")):
        told = json.loads(index.read_text(encoding="utf-8"))
        found[index.parent.name] = [(event["name"], body) for event in told for body in event["examples"]]
    return kept(found)


def of_use() -> Iterator[tuple[str, dict[str, Any], Told]]:
    """Read those that are of use, each with what was made of it."""
    for event, body in (example for each in examples().values() for example in each):
        found = read_body(event, encoded(body))
        if found.is_of_use:
            yield event, body, found.told("g", found.repo, NOW)


def test_every_published_body_is_read() -> None:
    """None is refused: 726 of 74 events, in the version that the lock names."""
    seen = Counter(event for each in examples().values() for event, body in each if read_body(event, encoded(body)))
    assert sum(seen.values()) > 700
    assert EVENTS.keys() <= seen.keys()


def test_every_published_pull_request_is_told_as_it_stands() -> None:
    actions = set()
    for event, body, told in of_use():
        assert told.what == (f"{event}.{body['action']}" if "action" in body else event)
        assert told.repo == body["repository"]["full_name"]
        assert told.actor is not None
        assert (told.actor.number, told.actor.login) == (body["sender"]["id"], body["sender"]["login"])
        raw = body.get("pull_request", {})
        assert (told.pull is None) == (not raw)
        if told.pull is None:
            continue
        actions.add(told.what)
        pull = told.pull
        assert (pull.ref.repo, pull.ref.number) == (told.repo, raw["number"])
        assert (pull.head, pull.base, pull.title) == (raw["head"]["sha"], raw["base"]["ref"], raw["title"])
        assert (pull.is_open, pull.draft) == (raw["state"] == "open", raw.get("draft", False))
        assert pull.merged == (raw["merged_at"] is not None)
        assert pull.labels == tuple(label["name"] for label in raw["labels"])
        assert pull.updated_at == datetime.fromisoformat(raw["updated_at"])
        assert (pull.author, pull.author_id) == (raw["user"]["login"], raw["user"]["id"])
    wanted = "opened reopened closed synchronize labeled unlabeled ready_for_review converted_to_draft"
    assert {f"pull_request.{action}" for action in wanted.split()} <= actions
    assert {"pull_request_review.submitted", "pull_request_review.dismissed"} <= actions


def test_every_published_fact_is_told_once() -> None:
    kinds: Counter[type] = Counter()
    for event, body, told in of_use():
        for fact in told.facts:
            kinds[type(fact)] += 1
            match fact:
                case PullReviewed():
                    assert (fact.review.id, fact.review.sha) == (body["review"]["id"], body["review"]["commit_id"])
                    assert fact.review.state == body["review"]["state"]
                case ReviewAsked():
                    assert fact.asked == (body["action"] == "review_requested")
                    assert fact.reviewer.rpartition("/")[2] in encoded(body).decode()
                case BranchPushed():
                    assert f"refs/heads/{fact.branch}" == body["ref"]
                    assert (fact.before == "", fact.after == "") == (body["created"], body["deleted"])
                case _:
                    pytest.fail(f"{event} told {fact}")
    assert kinds.keys() == {PullReviewed, ReviewAsked, BranchPushed}  # the only comments among them are on issues


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(Door(tmp_path)) as made:
        yield made


async def test_every_published_delivery_is_answered_with_success(door: Door) -> None:
    """Signed, over HTTP: 202 for what is of use, 200 for the rest."""
    sent = examples()["api.github.com"]
    door.repos = [body["repository"]["full_name"] for _, body in sent if "repository" in body]
    async with aiohttp.ClientSession() as session:
        for event, body in sent:
            data = encoded(body)
            given = dict(headers(data, event=event))
            async with session.post(door.server.url + PATH, data=data, headers=given) as answer:
                assert answer.status == (202 if read_body(event, data).is_of_use else 200), (event, body.get("action"))
    assert len(door.told) == door.page.taken["taken"] > 30
    assert not door.page.refused
