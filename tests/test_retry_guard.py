"""What keeps another try from being sent late: a push, or a close, while nobody knew whether it was sent."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.access import Access
from bot.build_effects import StartBuild
from bot.builds import START, BuildLedger
from bot.ci import Builds
from bot.database import Database
from bot.effect import Effect
from bot.live import Facts, Live
from bot.people import People
from bot.settings import CoreSettings, GordonSettings
from bot.teams import Teams
from bot.values import Pull, PullRef
from tests.fake_forge import FakeForge
from tests.moved_clock import still

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
