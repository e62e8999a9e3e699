"""Whose builds they are: what decides who may cancel them, and how often an author may have a commit built."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from bot.builds import IN_JOB, BuildLedger, BuildRow
from bot.database import Database
from bot.jobs import Jobs
from bot.joining import Joining
from bot.live import Facts, Live
from bot.people import People
from bot.ports import BuildServer
from bot.rights import Asker
from bot.settings import CoreSettings, GordonSettings, JenkinsSettings
from bot.values import Build, BuildRef, JobRef, Place, Pull, PullRef, Speaker, Stage, Standing
from tests.virtual_clock import VirtualClock
from tests.watch_rig import FakeServer

REPO, HEAD, MARK = "moby/moby", "3f2c1ab9" * 5, "GORDON_REQUEST_ID"
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


SEEN = Build(BuildRef(JobRef("ci", "docker-prs"), 4), "http://ci/4", queue_id=8, parameters={MARK: "mark"})
ADOPTED = "adopted-ci/docker-prs/8"


@pytest.mark.parametrize(
    ("row", "live", "attached"),
    [
        pytest.param(replace(OURS, queue_id=8), SEEN, "mark", id="ours"),
        pytest.param(replace(OURS, queue_id=None, state="asked"), SEEN, "mark", id="ours-whose-answer-was-lost"),
        pytest.param(replace(OURS, queue_id=8), replace(SEEN, parameters={}), "mark", id="of-a-job-without-marks"),
        pytest.param(replace(OURS, queue_id=8, state="finished"), SEEN, ADOPTED, id="of-one-that-is-over"),
        pytest.param(OURS, SEEN, ADOPTED, id="J24-a-copy-of-a-live-one"),
        pytest.param(replace(OURS, job="other"), SEEN, ADOPTED, id="A13-with-the-mark-of-another-job's"),
    ],
)
async def test_who_asks_for_a_live_build_hears_of_that_one(
    ledger: tuple[BuildLedger, Database], row: BuildRow, live: Build, attached: str
) -> None:
    builds, database = ledger
    await database.write(lambda db: builds.insert(db, row))
    settings = GordonSettings(gordon=CoreSettings(home=REPO), jenkins={"ci": JenkinsSettings(url="http://ci/")})
    server = cast(BuildServer, FakeServer())
    joining = Joining(Jobs(Live(Facts(settings, People({}, {})))), {"ci": server}, builds, database, VirtualClock())
    payload = {"server": "ci", "job": "docker-prs", "context": "janky", "repo": REPO, "pull": 1, "sha": HEAD}
    asker = Asker("k2", "rebuild:rebuild", Speaker("test", "jess", "jess", "test"), Place("test", "#x"))
    await joining.adopt(joining.asking(asker), payload | {"person": "jess"}, live)
    asked = await builds.asked_by("k2", PULL.ref)
    assert [each.request_id for each in asked] == [attached]


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
        pytest.param(replace(OURS, retrying="dm-init-rootfs, 2 of 3"), set(), id="tried-again-by-itself"),
    ],
)
async def test_commands_count_by_the_builds_that_they_started_of_a_commit(
    ledger: tuple[BuildLedger, Database], row: BuildRow, counted: set[str]
) -> None:
    builds, database = ledger
    await database.write(lambda db: builds.insert(db, row))
    assert await builds.commands_of("jess", PULL) == counted


async def test_the_builds_of_a_job_are_found_without_reading_all_of_its_server(
    ledger: tuple[BuildLedger, Database],
) -> None:
    """Jenkins tells no case of a job's name from another, so an index has it in lower case."""
    _, database = ledger
    given = dict.fromkeys(("server", "job", "queue_id", "number"), "")
    plan = await database.read(lambda db: db.execute(f"EXPLAIN QUERY PLAN {IN_JOB}", given).fetchall())
    steps = [str(row[3]) for row in plan if str(row[3]).startswith(("SEARCH", "SCAN"))]
    assert [step.removeprefix("SEARCH builds USING INDEX ") for step in steps] == [
        "builds_by_item (server=? AND <expr>=? AND queue_id=?)",
        "builds_by_name (server=? AND <expr>=? AND number=?)",
        "builds_asked (server=? AND <expr>=?)",
    ]
