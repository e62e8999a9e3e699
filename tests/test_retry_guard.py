"""What keeps another try from being sent late: a push, or a close, while nobody knew whether it was sent."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot import retry_rows
from bot.access import Access
from bot.build_effects import StartBuild
from bot.builds import START, BuildLedger, BuildRow
from bot.ci import Builds
from bot.database import Database
from bot.effect import Effect
from bot.events import RetryDue
from bot.facts import RetryState
from bot.live import Facts, Live
from bot.people import People
from bot.rights import Asker
from bot.settings import CoreSettings, GordonSettings
from bot.teams import Teams
from bot.values import Place, Pull, PullRef, Speaker
from tests.fake_forge import FakeForge
from tests.moved_clock import still
from tests.test_retry_rows import Rig

REPO, SHA, OTHER = "moby/moby", "3f2c1ab9" * 5, "77aa0011" * 5


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    kept = Database(tmp_path / "gordon.db")
    yield kept
    kept.close()


@pytest.mark.parametrize(
    ("head", "is_open", "number", "words"),
    [
        pytest.param(SHA, True, 1, "", id="nothing has changed"),
        pytest.param(OTHER, True, 1, "moby#1 moved from 3f2c1ab to 77aa001", id="A18-a push"),
        pytest.param(SHA, False, 1, "moby#1 was closed", id="closed"),
        pytest.param(OTHER, False, 0, "", id="of no pull request"),
    ],
)
async def test_a_retry_is_sent_late_only_for_the_head(
    database: Database, head: str, is_open: bool, number: int, words: str
) -> None:
    clock, ledger = still(), BuildLedger(database)
    live = Live(Facts(GordonSettings(gordon=CoreSettings(home=REPO)), People({}, {})))
    access = Access(live, Teams(None, live, clock))
    ref = PullRef(REPO, 1)
    forge = FakeForge(known={ref: Pull(ref, "", "jess", 103, head, "master", REPO, "", is_open=is_open)})
    builds = Builds(live, {}, forge, access, ledger, database, clock)
    payload: dict[str, Any] = {"retry": {"of": "r1"}, "repo": REPO if number else "", "pull": number, "sha": SHA}
    at = datetime(2026, 1, 2, tzinfo=UTC)
    effect = Effect(1, "k", "e", START, payload | {"context": "janky"}, "r2", "sending", {}, "", at)
    why = await StartBuild(builds, ledger, access, live, clock).guard(effect)
    assert why.startswith(words)
    assert bool(why) == bool(words)


@pytest.fixture
async def rig(database: Database) -> Rig:
    return Rig(database)


async def test_whoever_waits_for_what_a_newer_build_replaces_hears_of_that_one(rig: Rig) -> None:
    build = BuildRow("r1", "k", "ci", "docker-prs", "janky", "moby/moby", 1, SHA, "", "finished", number=1)
    newer = replace(build, request_id="r2", state="running", number=2, asked_s=1.0)

    def write(db: sqlite3.Connection) -> None:
        rig.ledger.insert(db, build)
        rig.ledger.insert(db, newer)
        rig.ledger.ask(db, "r1", "jess", Place("test", "#x", to="jess"), "k1")

    await rig.write(write)
    assert (await rig.plan(rig.failed())).reason == "#2 is newer"
    asks = await rig.database.read(lambda db: rig.ledger.asks(db, "r2"))
    assert [ask.name for ask in asks] == ["jess"]


async def test_a_live_build_that_was_joined_before_a_crash_is_the_retry_still(rig: Rig) -> None:
    """F28: nobody is asked again, as there is no forge here, and no effect on record."""
    build = BuildRow("r1", "k", "ci", "docker-prs", "janky", "moby/moby", 1, SHA, "", "finished", number=1)
    joined = replace(build, request_id="r2", effect_key="", state="running", number=2)

    def write(db: sqlite3.Connection) -> None:
        rig.ledger.insert(db, build)
        rig.ledger.insert(db, joined)
        retry_rows.move(db, "r1", RetryState.STARTED, started_as="r2")

    await rig.plan(rig.failed())
    await rig.write(write)
    [due] = rig.events(RetryDue)
    asker = Asker("k2", "retries:start", Speaker("", "gordon"), Place("", ""))
    item = await rig.retrying.start(asker, due, "")
    assert (item.number, item.adopted) == (2, True)
