"""Which event of a build is the last word on its context at its commit, and which builds of a pull request are live."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.builds import BuildLedger, BuildRow
from bot.database import Database
from bot.events import BuildEvent, BuildFinished, BuildQueued, BuildStarted
from bot.values import Place, PullRef
from tests.watch_rig import at

REPO, SHA, OTHER = "moby/moby", "3f2c1ab9" * 5, "77aa0011" * 5
ROW = BuildRow("r1", "k", "ci", "docker-prs", "janky", REPO, 7, SHA, "tianon", "queued", asked_s=10.0)
NEWER = replace(ROW, request_id="r2", asked_s=20.0)


@dataclass(frozen=True)
class Kept:
    """A ledger and the disk under it."""

    ledger: BuildLedger
    database: Database

    async def insert(self, *rows: BuildRow) -> None:
        for row in rows:
            await self.database.write(partial(self.ledger.insert, row=row))


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    database = Database(tmp_path / "gordon.db")
    yield Kept(BuildLedger(database), database)
    database.close()


def event(row: BuildRow, kind: type[BuildEvent]) -> BuildEvent:
    known: dict[str, Any] = {
        "key": "k", "lane": "l", "at": at(0), "request_id": row.request_id, "context": row.context,
        "job": row.job_ref, "pull": row.pull_ref, "sha": row.sha, "url": row.url,
    }  # fmt: skip
    if kind is BuildQueued:
        return BuildQueued(**known)
    known["number"] = row.number or 0
    if kind is BuildStarted:
        return BuildStarted(**known)
    return BuildFinished(result=None, duration_s=1.0, node="", asks=(), **known)


@pytest.mark.parametrize(
    ("state", "kind", "is_last"),
    [
        pytest.param("queued", BuildQueued, True, id="queued"),
        pytest.param("running", BuildQueued, False, id="queued-and-it-runs-already"),
        pytest.param("running", BuildStarted, True, id="started"),
        pytest.param("finished", BuildStarted, False, id="started-and-it-is-over"),
        pytest.param("finished", BuildFinished, True, id="finished"),
        pytest.param("finished", BuildQueued, False, id="queued-told-again-after-the-end"),
    ],
)
async def test_what_a_build_has_passed_is_not_told_any_more(
    kept: Kept, state: str, kind: type[BuildEvent], is_last: bool
) -> None:
    row = replace(ROW, state=state)
    await kept.insert(row)
    assert await kept.ledger.is_last_word(event(row, kind)) is is_last


@pytest.mark.parametrize(
    ("other", "is_last"),
    [
        pytest.param(NEWER, False, id="a-newer-one-is-queued"),
        pytest.param(replace(NEWER, asked_s=5.0), True, id="an-older-one"),
        pytest.param(replace(NEWER, state="finished", number=9, asked_s=5.0), False, id="a-higher-number"),
        pytest.param(replace(NEWER, state="finished", number=4), True, id="a-lower-number-though-asked-later"),
        pytest.param(
            replace(NEWER, state="finished", number=4, job="other"), False, id="numbers-of-two-jobs-say-nothing"
        ),
        pytest.param(replace(NEWER, sha=OTHER), True, id="of-another-commit"),
        pytest.param(replace(NEWER, context="lxc"), True, id="of-another-context"),
        pytest.param(replace(NEWER, pull=8), True, id="of-another-pull-request"),
        pytest.param(replace(NEWER, state="void"), True, id="never-started"),
        pytest.param(replace(NEWER, state="unsure"), True, id="nobody-knows-whether-it-started-and-it-tells-nothing"),
        pytest.param(
            replace(NEWER, state="finished", number=90, asked_s=1.0, finished_s=9.0),
            True,
            id="a-higher-number-of-a-job-that-was-made-anew-since",
        ),
    ],
)
async def test_of_several_builds_of_one_commit_the_newest_counts(kept: Kept, other: BuildRow, is_last: bool) -> None:
    row = replace(ROW, state="running", number=5)
    await kept.insert(row, other)
    assert await kept.ledger.is_last_word(event(row, BuildStarted)) is is_last


async def test_a_build_whose_commit_shows_only_at_its_end_is_told(kept: Kept) -> None:
    row = replace(ROW, state="finished", number=5, sha="")
    await kept.insert(row, replace(NEWER, sha=""))
    assert await kept.ledger.is_last_word(replace(event(row, BuildFinished), sha=SHA))


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(replace(ROW, pull=0, repo=""), id="of-no-pull-request"),
        pytest.param(replace(ROW, request_id="forgotten"), id="forgotten"),
    ],
)
async def test_what_is_not_known_or_of_no_pull_request_is_no_word_on_a_commit(kept: Kept, row: BuildRow) -> None:
    await kept.insert(replace(row, request_id="r1"))
    told = row if row.request_id == "forgotten" else replace(row, request_id="r1")
    assert not await kept.ledger.is_last_word(event(told, BuildQueued))


async def test_live_builds_of_a_pull_request_are_listed_with_their_askers(kept: Kept) -> None:
    place = Place("libera", "#moby", to="jess")
    await kept.insert(
        ROW,
        replace(NEWER, state="running", number=5, sha=OTHER, context="lxc"),
        replace(ROW, request_id="r3", state="asked", asked_s=30.0),
        replace(ROW, request_id="r4", state="finished"),
        replace(ROW, request_id="r5", pull=8),
    )
    await kept.database.write(lambda db: kept.ledger.ask(db, "r2", "jess", place, "e1"))
    found = await kept.ledger.live_of(PullRef(REPO, 7))
    assert [(each.context, each.sha, each.number, each.is_sent) for each in found] == [
        ("janky", SHA, None, True),
        ("lxc", OTHER, 5, True),
        ("janky", SHA, None, False),
    ]
    assert [[ask.name for ask in each.asks] for each in found] == [[], ["jess"], []]
