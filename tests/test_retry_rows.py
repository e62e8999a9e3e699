"""How much is tried again at most: decided once for each build, in the write that counts it."""

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from bot import retry_rows
from bot.accepting import Accepting
from bot.access import Access
from bot.audit import Audit
from bot.builds import BuildLedger, BuildRow
from bot.ci import Builds
from bot.database import Database
from bot.effects import Effects
from bot.events import BuildDiagnosed, BuildFinished, Event, RetryDropped, RetryDue, TroubleSeen
from bot.fact_rows import FactRows
from bot.facts import Diagnosis, Fact, FailureClass, Kind, Retry, RetryLimits, RetryPlan, RetryState
from bot.journal import SqliteJournal
from bot.live import Facts, Live
from bot.loader import Registry
from bot.people import People
from bot.plugin import Context, Handler
from bot.ports import BuildServer, Delivery
from bot.pull_rows import put as put_pull
from bot.retrying import CALM_S, Retrying
from bot.settings import CoreSettings, GordonSettings
from bot.teams import Teams
from bot.values import BuildRef, JobRef, Pull, PullRef, Result
from tests.moved_clock import MovedClock, still

T = TypeVar("T")
SHA, OTHER = "3f2c1ab9" * 5, "77aa0011" * 5
CAUSE = "dm-init-rootfs"
MANY = RetryLimits(1000, 1000, 1000, 1000, storm=1000)
INFRA = Diagnosis(Kind.KNOWN_INFRA, FailureClass.DOCKER_DAEMON, CAUSE, retry=True)


async def nothing(ctx: Context, event: Event) -> None:
    """Stand for a handler that is never run."""


class Rig:
    """What decides about retries, on a real disk, with the events that come of it."""

    def __init__(self, database: Database) -> None:
        self.clock: MovedClock = still()
        self.database = database
        self.deliveries: list[Delivery] = []
        registry = Registry()
        for kind in (RetryDue, RetryDropped, TroubleSeen):
            registry.handlers[kind.__name__] = Handler("test", kind, nothing)
        live = Live(Facts(GordonSettings(gordon=CoreSettings(home="moby/moby")), People({}, {})))
        self.ledger = BuildLedger(database)
        access = Access(live, Teams(None, live, self.clock))
        server = cast(BuildServer, object())  # never asked
        builds = Builds(live, {"ci": server}, None, access, self.ledger, database, self.clock)
        journal = SqliteJournal(database, self.clock)
        accepting = Accepting(journal, registry, database, self.deliveries.extend)
        self.audit = Audit(database, self.clock, "test", lambda: "")
        builds.effects = Effects(database, self.clock, self.audit, (), lambda: 1.0)
        self.retrying = Retrying(builds, accepting, self.audit, self.clock)
        self.rows = FactRows(database)

    def events(self, kind: type[Event]) -> Sequence[Any]:
        return [each.event for each in self.deliveries if isinstance(each.event, kind)]

    def failed(self, number: int = 1, **more: Any) -> BuildDiagnosed:
        """Make a build that failed; of docker-prs on dm-7 unless told."""
        job, node = JobRef("ci", more.pop("job", "docker-prs")), more.pop("node", "dm-7")
        pull, sha = more.pop("pull", PullRef("moby/moby", number)), SHA
        request_id = more.pop("request_id", f"r{number}")
        of: dict[str, Any] = {"request_id": request_id, "context": "janky", "job": job, "pull": pull, "sha": sha}
        of |= {"lane": str(pull), "at": self.clock.now()}
        given: dict[str, Any] = {"url": "", "duration_s": 1.0, "asks": (), "result": Result.FAILURE} | more
        end = BuildFinished(key=f"build:{request_id}:finished:1", number=number, node=node, **given, **of)
        fact = Fact(0, request_id, BuildRef(job, number), "", "janky", end.result, INFRA, node=node)
        return BuildDiagnosed(key=f"build:{request_id}:diagnosed:1", end=end, fact=fact, **of)

    async def plan(self, event: BuildDiagnosed, limits: RetryLimits = MANY, cause: str = CAUSE) -> Retry:
        return await self.retrying.plan(event, RetryPlan(event.end.attempt + 1, 2, cause, 30.0), limits)

    async def write(self, what: Any) -> Any:
        return await self.database.write(what)

    async def retried(self, number: int, result: Result, cause: str = CAUSE) -> None:
        """Have a build tried again, and that end."""
        decided = await self.plan(self.failed(number), cause=cause)
        assert decided.state is RetryState.PLANNED, decided
        await self.began(number)
        fact = replace(self.failed(number).fact, request_id=f"again-{number}", result=result, attempt=2)

        def write(db: sqlite3.Connection) -> None:
            self.rows.insert(db, replace(fact, chain=f"r{number}", finished_at=self.clock.now()))
            self.ledger.move(db, replace(BuildRow(*row(number)), state="finished"))

        await self.write(write)

    async def began(self, number: int) -> None:
        """Have a planned retry be started."""

        def write(db: sqlite3.Connection) -> None:
            self.ledger.insert(db, BuildRow(*row(number)))
            retry_rows.move(db, f"r{number}", RetryState.STARTED, started_as=f"again-{number}")

        await self.write(write)


def row(number: int) -> tuple[Any, ...]:
    return (f"again-{number}", "k", "ci", "docker-prs", "janky", "moby/moby", number, SHA, "", "queued")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    database = Database(tmp_path / "gordon.db")
    try:
        yield Rig(database)
    finally:
        database.close()


async def test_a_plan_is_due_after_its_delay_and_in_the_audit(rig: Rig) -> None:
    decided = await rig.plan(rig.failed())
    assert (decided.state, decided.chain, decided.due_at) == (
        RetryState.PLANNED,
        "r1",
        rig.clock.now() + timedelta(seconds=30),
    )
    [due] = rig.deliveries
    assert isinstance(due.event, RetryDue)
    assert due.not_before_s == rig.clock.now().timestamp() + 30
    assert due.event.diagnosed.request_id == "r1"
    [record] = await rig.audit.newest(5)
    assert (record["surface"], record["decision"], record["args"]) == ("automatic", "planned", f"{CAUSE}, 2 of 3")
    assert record["message_id"] == "build:r1:diagnosed:1"


async def test_the_first_decision_stays(rig: Rig) -> None:
    """F28: a handler that runs again after a crash is told what it decided."""
    first = await rig.plan(rig.failed())
    assert await rig.retrying.refuse(rig.failed(), first.plan, "something else") == first
    assert await rig.plan(rig.failed(), cause="other") == first
    assert len(rig.deliveries) == 1


async def test_what_is_refused_is_on_record_without_an_event(rig: Rig) -> None:
    decided = await rig.retrying.refuse(rig.failed(), RetryPlan(4, 2, CAUSE, 0.0), "it was tried 3 times")
    assert (decided.state, decided.reason) == (RetryState.DROPPED, "it was tried 3 times")
    assert rig.deliveries == []
    assert await rig.plan(rig.failed()) == decided


@pytest.mark.parametrize(
    ("limits", "differs", "words"),
    [
        pytest.param({"per_cause": 3}, ("job", "node"), f"3 retries for {CAUSE} within an hour", id="of a cause"),
        pytest.param({"per_node": 3}, ("job", "cause"), "3 retries after dm-7 within an hour", id="of a node"),
        pytest.param({"per_job": 3}, ("node", "cause"), "3 retries of docker-prs within an hour", id="of a job"),
        pytest.param({"per_hour": 3}, ("job", "node", "cause"), "3 retries in all within an hour", id="of all"),
    ],
)
async def test_no_more_than_so_many_in_an_hour(
    rig: Rig, limits: dict[str, Any], differs: tuple[str, ...], words: str
) -> None:
    """F44."""

    async def decide(number: int) -> Retry:
        other = {name: f"{name}-{number}" for name in differs}
        cause = other.pop("cause", CAUSE)
        return await rig.plan(rig.failed(number, **other), replace(MANY, **limits), cause)

    decided = [await decide(number) for number in range(1, 6)]
    assert [each.state for each in decided] == [RetryState.PLANNED] * 3 + [RetryState.DROPPED] * 2
    assert words in decided[-1].reason
    rig.clock.move(3601)
    assert (await decide(6)).state is RetryState.PLANNED


async def test_an_unknown_node_is_no_node(rig: Rig) -> None:
    decided = [await rig.plan(rig.failed(number, node=""), replace(MANY, per_node=1)) for number in (1, 2)]
    assert {each.state for each in decided} == {RetryState.PLANNED}


async def test_a_build_is_not_tried_again_more_often_than_its_plan_says(rig: Rig) -> None:
    """F44: counted on the chain, whatever the numbers of the builds."""
    decided = []
    for attempt in (1, 2, 3):
        chain = {"chain": "r1", "attempt": attempt} if attempt > 1 else {}
        decided.append(await rig.plan(rig.failed(attempt, **chain)))
    assert [each.state for each in decided] == [RetryState.PLANNED, RetryState.PLANNED, RetryState.DROPPED]
    assert decided[-1].reason == "it was tried 3 times"


async def test_of_300_that_fail_alike_few_are_tried_again_and_it_is_told_once(rig: Rig) -> None:
    """F44."""
    decided = [await rig.plan(rig.failed(number), RetryLimits()) for number in range(1, 301)]
    assert Counter(each.state for each in decided) == {RetryState.PLANNED: 9, RetryState.DROPPED: 291}
    [trouble] = rig.events(TroubleSeen)
    assert (trouble.peer, trouble.about) == ("retries", CAUSE)
    assert trouble.words.startswith("10 builds failed for it within 10 min")
    other = await rig.plan(rig.failed(301), RetryLimits(), cause="yum-mirror")
    assert other.state is RetryState.PLANNED, "another cause is another storm"


async def test_after_a_storm_one_at_a_time_is_tried_until_one_passes(rig: Rig) -> None:
    limits = RetryLimits(per_cause=1000, per_node=1000, per_job=1000, per_hour=1000, storm=3)
    planned: list[bool] = []

    async def decide(number: int) -> None:
        planned.append((await rig.plan(rig.failed(number), limits)).state is RetryState.PLANNED)

    for number in (1, 2, 3, 4):
        await decide(number)
    rig.clock.move(599)
    await decide(5)  # not quiet yet, and it is not for as long again
    rig.clock.move(601)
    await decide(6)
    rig.clock.move(601)
    await decide(7)  # the one before is under way
    await rig.began(6)
    rig.clock.move(601)
    await decide(8)
    assert planned == [True, True, False, False, False, True, False, False]
    passed = rig.failed(9, request_id="again-6", chain="r6", attempt=2, result=Result.SUCCESS)
    await rig.retrying.passed(passed)
    await decide(10)
    assert planned[-1]
    assert [bool(each.words) for each in rig.events(TroubleSeen)] == [True, False]


async def test_a_retry_from_before_the_storm_that_passes_does_not_end_it(rig: Rig) -> None:
    limits = RetryLimits(storm=2)
    await rig.plan(rig.failed(1), limits)
    await rig.began(1)
    await rig.plan(rig.failed(2), limits)
    await rig.retrying.passed(rig.failed(9, request_id="again-1", chain="r1", attempt=2, result=Result.SUCCESS))
    assert (await rig.plan(rig.failed(3), limits)).state is RetryState.DROPPED


async def test_a_storm_of_which_nothing_comes_any_more_is_over(rig: Rig) -> None:
    for number in (1, 2):
        await rig.plan(rig.failed(number), RetryLimits(storm=2))
    rig.clock.move(CALM_S + 1)
    await rig.plan(rig.failed(3), RetryLimits(storm=2), cause="yum-mirror")
    assert [each.words == "" for each in rig.events(TroubleSeen)] == [False, True]


async def test_a_storm_is_told_as_over_though_nothing_else_fails(rig: Rig) -> None:
    for number in (1, 2):
        await rig.plan(rig.failed(number), RetryLimits(storm=2))
    await rig.retrying.look_at_storms()
    assert [bool(each.words) for each in rig.events(TroubleSeen)] == [True], "not calm for long enough"
    rig.clock.move(CALM_S + 1)
    for _ in range(2):
        await rig.retrying.look_at_storms()
    assert [bool(each.words) for each in rig.events(TroubleSeen)] == [True, False]


async def test_what_a_clock_that_was_set_back_has_left_in_the_future_does_not_count(rig: Rig) -> None:
    limits = replace(MANY, per_hour=2, storm=3)
    for number in (1, 2):
        assert (await rig.plan(rig.failed(number), limits)).state is RetryState.PLANNED
    rig.clock.move(-7200)
    for number in (3, 4):
        assert (await rig.plan(rig.failed(number), limits)).state is RetryState.PLANNED
    assert (await rig.plan(rig.failed(5), limits)).state is RetryState.DROPPED


@pytest.mark.parametrize(
    ("passed", "dropped"),
    [
        pytest.param(1, True, id="one of ten"),
        pytest.param(2, False, id="two of ten"),
        pytest.param(0, True, id="none of ten"),
    ],
)
async def test_a_cause_that_seldom_passes_is_not_tried_again(rig: Rig, passed: int, dropped: bool) -> None:
    """Features 3.4: a retry that does not help is an executor wasted."""
    for number in range(1, 11):
        await rig.retried(number, Result.SUCCESS if number <= passed else Result.FAILURE)
    decided = await rig.plan(rig.failed(11))
    assert (decided.state is RetryState.DROPPED) == dropped
    if dropped:
        assert decided.reason == f"of the last 10 retries for {CAUSE} {passed or 'none'} passed"
        rig.clock.move(31 * 86400)
        assert (await rig.plan(rig.failed(12))).state is RetryState.PLANNED, "nobody knows whether that still holds"


async def test_the_floor_counts_what_is_decided_only(rig: Rig) -> None:
    for number in range(1, 10):
        await rig.retried(number, Result.FAILURE)
    await rig.retried(10, Result.ABORTED)
    assert (await rig.plan(rig.failed(11))).state is RetryState.PLANNED


async def test_a_better_month_lifts_the_floor(rig: Rig) -> None:
    for number in range(1, 21):
        await rig.retried(number, Result.SUCCESS if number <= 10 else Result.FAILURE)
        rig.clock.move(60)
    assert (await rig.plan(rig.failed(21))).state is RetryState.PLANNED


@pytest.mark.parametrize(
    ("head", "is_open", "seen_after_s", "words"),
    [
        pytest.param(OTHER, True, 5.0, "moby#1 has moved on to 77aa001", id="A18-another head"),
        pytest.param(SHA, False, 5.0, "moby#1 is closed", id="closed"),
        pytest.param(SHA, True, 5.0, "", id="its head"),
        pytest.param(OTHER, True, -5.0, "", id="what was known before it was asked for may be older"),
    ],
)
async def test_what_is_known_of_a_pull_request_counts(
    rig: Rig, head: str, is_open: bool, seen_after_s: float, words: str
) -> None:
    now_s = rig.clock.now().timestamp()
    pull = Pull(PullRef("moby/moby", 1), "", "jess", 103, head, "master", "moby/moby", "", is_open=is_open)

    def write(db: sqlite3.Connection) -> None:
        put_pull(db, pull, 1, now_s + seen_after_s)
        build = BuildRow("r1", "k", "ci", "docker-prs", "janky", "moby/moby", 1, SHA, "", "finished", asked_s=now_s)
        rig.ledger.insert(db, build)

    await rig.write(write)
    assert (await rig.plan(rig.failed())).reason == words


@pytest.mark.parametrize(
    ("other", "words"),
    [
        pytest.param({"number": 2, "state": "running"}, "#2 is newer", id="it runs"),
        pytest.param({"number": 2, "state": "finished"}, "#2 is newer", id="it has ended"),
        pytest.param(
            {"number": 2, "state": "finished", "result": "SUCCESS"}, "#2 is newer and passed", id="it has passed"
        ),
        pytest.param({"number": None, "state": "queued"}, "a build that waits is newer", id="it waits"),
        pytest.param({"number": 2, "state": "running", "sha": OTHER}, "", id="of another commit"),
        pytest.param({"number": 2, "state": "void"}, "", id="it never began"),
        pytest.param({"number": None, "state": "unsure"}, "a build that waits is newer", id="it may have begun"),
        pytest.param(
            {"number": 90, "state": "finished", "finished_s": -1.0}, "", id="of a job that was made anew since"
        ),
    ],
)
@pytest.mark.parametrize("pull", [pytest.param(1, id="of a pull request"), pytest.param(0, id="of a branch")])
async def test_a_newer_build_leaves_nothing_to_try_again(
    rig: Rig, other: dict[str, Any], words: str, pull: int
) -> None:
    build = BuildRow("r1", "k", "ci", "docker-prs", "janky", "moby/moby", pull, SHA, "", "finished", number=1)

    given: dict[str, Any] = {"request_id": "r2", "asked_s": 1.0} | other

    def write(db: sqlite3.Connection) -> None:
        rig.ledger.insert(db, build)
        rig.ledger.insert(db, replace(build, **given))

    await rig.write(write)
    decided = await rig.plan(rig.failed(pull=PullRef("moby/moby", 1) if pull else None))
    if not pull and other.get("sha"):
        words = "#2 is newer"  # of a job any newer build counts
    assert decided.reason == words


async def test_what_is_dropped_is_told_once(rig: Rig) -> None:
    await rig.plan(rig.failed())
    [due] = rig.events(RetryDue)
    for _ in range(2):
        await rig.retrying.drop(due, "retries is off")
    [dropped] = rig.events(RetryDropped)
    assert (dropped.reason, dropped.diagnosed) == ("retries is off", due.diagnosed)


async def test_what_was_started_is_not_dropped(rig: Rig) -> None:
    """F28: a handler that runs again may see a head that has moved since."""
    await rig.plan(rig.failed())
    await rig.began(1)
    [due] = rig.events(RetryDue)
    await rig.retrying.drop(due, "the head has moved on")
    assert rig.events(RetryDropped) == []


async def test_what_is_still_to_be_tried_again_is_not_forgotten(rig: Rig) -> None:
    """With `keep_days = 5` a delay may be longer; forgotten, it would be neither tried again nor told."""
    await rig.retrying.plan(rig.failed(), RetryPlan(2, 2, CAUSE, 7 * 86400.0), MANY)
    rig.clock.move(6 * 86400)
    await rig.ledger.purge(rig.clock.now().timestamp() - 5 * 86400)
    assert await rig.database.read(lambda db: retry_rows.get(db, "r1")) is not None


async def test_old_decisions_are_forgotten_with_the_builds(rig: Rig) -> None:
    await rig.plan(rig.failed())
    await rig.ledger.purge(datetime.max.replace(tzinfo=UTC).timestamp())
    assert await rig.database.read(lambda db: retry_rows.get(db, "r1")) is None
