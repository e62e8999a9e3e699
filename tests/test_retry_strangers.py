"""What somebody can do to the retries of others whose pull request prints what known trouble looks like."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.database import Database
from bot.events import TroubleSeen
from bot.facts import RetryLimits, RetryState
from bot.values import PullRef, Result
from tests.test_retry_rows import CAUSE, Rig

STRANGER = PullRef("moby/moby", 666)
WIDE = RetryLimits(1000, 1000, 1000, 1000, storm=10, per_pull=1000)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    database = Database(tmp_path / "gordon.db")
    try:
        yield Rig(database)
    finally:
        database.close()


async def failed_again(rig: Rig, number: int, pull: PullRef) -> None:
    """Have a build tried again, and fail again."""
    assert (await rig.plan(rig.failed(number, pull=pull), WIDE)).state is RetryState.PLANNED
    await rig.began(number)
    again = rig.failed(number, pull=pull).fact
    fact = replace(again, request_id=f"again-{number}", chain=f"r{number}", attempt=2, finished_at=rig.clock.now())
    await rig.write(lambda db: rig.rows.insert(db, fact))
    rig.clock.move(700)


async def test_one_pull_request_has_a_share_of_the_retries_of_all(rig: Rig) -> None:
    for number in range(1, 11):
        assert (await rig.plan(rig.failed(number, pull=STRANGER), RetryLimits(storm=1000))).state is RetryState.PLANNED
        rig.clock.move(30)
    refused = await rig.plan(rig.failed(11, pull=STRANGER, node="dm-8"), RetryLimits(storm=1000))
    assert refused.reason == "10 retries of moby/moby#666 within an hour are the limit"
    assert (await rig.plan(rig.failed(12, node="dm-8"), RetryLimits(storm=1000))).state is RetryState.PLANNED


async def test_one_pull_request_makes_no_storm(rig: Rig) -> None:
    for number in range(1, 101):
        await rig.plan(rig.failed(number, pull=STRANGER), WIDE)
    assert rig.events(TroubleSeen) == []
    for number in range(101, 107):
        assert (await rig.plan(rig.failed(number), WIDE)).state is RetryState.PLANNED
    assert (await rig.plan(rig.failed(107), WIDE)).state is RetryState.DROPPED, "with others it counts, for three"
    [trouble] = rig.events(TroubleSeen)
    assert trouble.words.startswith("107 builds failed for it")


async def test_one_pull_request_keeps_no_storm_going(rig: Rig) -> None:
    for number in range(1, 11):
        await rig.plan(rig.failed(number), WIDE)
    rig.clock.move(601)
    for number in range(11, 14):  # never as quiet as it has to be
        await rig.plan(rig.failed(number, pull=STRANGER), WIDE)
        rig.clock.move(300)
    await rig.began(11)
    passed = rig.failed(99, request_id="again-11", chain="r11", attempt=2, result=Result.SUCCESS)
    await rig.retrying.passed(passed)
    assert (await rig.plan(rig.failed(14), WIDE)).state is RetryState.PLANNED


async def test_one_pull_request_brings_no_cause_below_the_floor(rig: Rig) -> None:
    for number in range(1, 21):
        await failed_again(rig, number, STRANGER)
    assert (await rig.plan(rig.failed(21), WIDE)).state is RetryState.PLANNED
    for number in range(31, 38):
        await failed_again(rig, number, PullRef("moby/moby", number))
    refused = await rig.plan(rig.failed(41), WIDE)
    assert refused.reason == f"of the last 10 retries for {CAUSE} none passed", "with others it counts, for three"
