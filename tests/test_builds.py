"""Whose builds they are: what decides who may cancel them, and how often an author may have a commit built."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.builds import BuildLedger, BuildRow
from bot.database import Database
from bot.values import JobRef, Pull, PullRef, Stage, Standing

REPO, HEAD = "moby/moby", "3f2c1ab9" * 5
PULL = Pull(PullRef(REPO, 1), "A title", "jess", 103, HEAD, "master", REPO, "http://hub/1")
OURS = BuildRow(
    "mark", "k1|rebuild:rebuild|build.start|x", "ci", "docker-prs", "janky", REPO, 1, HEAD, "jess", "queued"
)
OURS = replace(OURS, queue_id=7)
STANDING = Standing("janky", JobRef("ci", "docker-prs"), Stage.QUEUED, queue_id=7)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[tuple[BuildLedger, Database]]:
    database = Database(tmp_path / "gordon.db")
    yield BuildLedger(database), database
    database.close()


@pytest.mark.parametrize(
    ("row", "standing", "asker"),
    [
        pytest.param(OURS, STANDING, "jess", id="asked-for"),
        pytest.param(replace(OURS, effect_key=""), STANDING, "", id="joined-and-not-asked-for"),
        pytest.param(OURS, replace(STANDING, job=JobRef("ci", "other")), "", id="its-mark-on-another-job"),
        pytest.param(OURS, replace(STANDING, queue_id=8), "", id="a-copy-of-it-in-the-queue"),
        pytest.param(OURS, replace(STANDING, queue_id=None, number=4), "", id="a-copy-of-it-that-runs"),
    ],
)
async def test_a_build_is_whose_command_started_it(
    ledger: tuple[BuildLedger, Database], row: BuildRow, standing: Standing, asker: str
) -> None:
    builds, database = ledger
    await database.write(lambda db: builds.insert(db, row))
    assert await builds.asker_of("mark", standing) == asker
    assert await builds.asker_of("unknown", standing) == ""


@pytest.mark.parametrize(
    ("row", "counted"),
    [
        pytest.param(OURS, {"k1|rebuild:rebuild"}, id="asked-for"),
        pytest.param(replace(OURS, state="finished"), {"k1|rebuild:rebuild"}, id="over"),
        pytest.param(replace(OURS, effect_key=""), set(), id="joined-and-not-asked-for"),
        pytest.param(replace(OURS, state="void"), set(), id="never-started"),
        pytest.param(replace(OURS, sha="77aa0011" * 5), set(), id="another-commit"),
        pytest.param(replace(OURS, person="tianon"), set(), id="somebody-else's"),
        pytest.param(replace(OURS, pull=2), set(), id="another-pull-request"),
    ],
)
async def test_commands_count_by_the_builds_that_they_started_of_a_commit(
    ledger: tuple[BuildLedger, Database], row: BuildRow, counted: set[str]
) -> None:
    builds, database = ledger
    await database.write(lambda db: builds.insert(db, row))
    assert await builds.commands_of("jess", PULL) == counted
