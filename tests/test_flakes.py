"""What fails by itself: marked, counted by the day and told, beside an oracle that looks at every fact again."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import UserError
from bot.facts import Fact, FlakeRow, Kind
from bot.tallies import DAY_S, MOST_TESTS
from bot.values import Result
from tests.fact_rig import KNOWN, NEW, START, Book, booked, build, known

BAD, GREEN, UNSTABLE, ABORTED = Result.FAILURE, Result.SUCCESS, Result.UNSTABLE, Result.ABORTED
COUNTED = (GREEN, BAD, UNSTABLE)
TESTED = replace(NEW, failed_tests=("TestRun", "TestPull"))
FLAKY = replace(NEW, kind=Kind.FLAKY_TEST, cause="known-flake", failed_tests=("TestRun",))
LOST = replace(KNOWN, kind=Kind.AGENT_LOST, cause="agent-gone", failed_tests=("TestPull",))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """Have a ledger on a database that is new."""
    with booked(tmp_path) as one:
        yield one


def sought(number: int, result: Result = BAD, **named: Any) -> Fact:
    given: dict[str, Any] = {"sha": "abc", "diagnosis": TESTED}
    return build(number, result, **(given | named))


@pytest.mark.parametrize(
    ("facts", "flaky"),
    [
        pytest.param([sought(1), build(2, sha="abc", after_h=1)], 1, id="passes-on-the-same-commit"),
        pytest.param([build(2, sha="abc", after_h=1), sought(1)], 1, id="told-the-other-way-round"),
        pytest.param([build(1, sha="abc", after_h=-1), sought(2)], 1, id="passed-before-on-the-same-commit"),
        pytest.param([sought(1), sought(2, after_h=1), build(3, sha="abc", after_h=2)], 2, id="on-the-third-try"),
        pytest.param([sought(1, UNSTABLE), build(2, sha="abc", after_h=1)], 1, id="unstable"),
        pytest.param([sought(1), build(2, sha="def", after_h=1)], 0, id="another-commit"),
        pytest.param([sought(1, sha=""), build(2, after_h=1)], 0, id="commits-that-nobody-knows"),
        pytest.param([sought(1), build(2, sha="abc", after_h=1, server="other")], 0, id="another-server"),
        pytest.param(
            [sought(1), build(2, sha="abc", after_h=1, job="other", context="docker-prs")], 0, id="another-job"
        ),
        pytest.param([sought(1), build(2, sha="abc", after_h=1, context="lxc")], 0, id="another-context"),
        pytest.param([sought(1, cell="FS=zfs"), build(2, sha="abc", after_h=1, cell="FS=aufs")], 0, id="another-cell"),
        pytest.param([sought(1), build(2, ABORTED, sha="abc", after_h=1)], 0, id="aborted-says-nothing"),
        pytest.param([sought(1, ABORTED), build(2, sha="abc", after_h=1)], 0, id="aborted-was-no-failure"),
        pytest.param([sought(1), build(2, UNSTABLE, sha="abc", after_h=1)], 0, id="unstable-has-not-passed"),
    ],
)
async def test_a_failure_that_passes_on_the_same_commit_is_a_flake(
    book: Book, facts: Sequence[Fact], flaky: int
) -> None:
    for fact in facts:
        await book.put(fact)
    found = await book.ledger.flakes("test")
    assert [row.failed for row in found] == ([flaky, flaky] if flaky else [])


@pytest.mark.parametrize(
    ("tests", "counted"),
    [pytest.param(MOST_TESTS, MOST_TESTS, id="a few"), pytest.param(MOST_TESTS + 1, 0, id="too many")],
)
async def test_of_a_build_in_which_very_many_tests_fail_none_is_a_flake(book: Book, tests: int, counted: int) -> None:
    """200 builds of a pull request that names 500 new tests each had `flakes tests` take 3 s."""
    names = tuple(f"Test{number}" for number in range(tests))
    await book.put(sought(1, diagnosis=replace(NEW, failed_tests=names)))
    await book.put(build(2, sha="abc", after_h=1))
    assert len(await book.ledger.flakes("test")) == counted
    [job] = await book.ledger.flakes("job")
    assert job.failed == 1, "the job failed by itself all the same"


async def test_how_many_were_tried_again_and_passed_is_told_of_a_cause(book: Book) -> None:
    def failed(number: int, sha: str, after_h: float) -> Fact:
        return known(build(number, BAD, sha=sha, after_h=after_h))

    await book.put(failed(1, "a", -9), failed(2, "b", -8), failed(3, "b", -7), failed(4, "c", -6))
    await book.put(build(5, sha="c", after_h=-5), build(6, sha="d", after_h=-4), failed(7, "old", -24 * 35))
    row = FlakeRow("dm-init-rootfs", 6, 4, 2, 1, 1, START - timedelta(hours=6), ("docker-prs",))
    assert list(await book.ledger.flakes("cause")) == [row]
    assert row.rate == pytest.approx(2 / 3)
    assert list(await book.ledger.flakes("cause", "ROOTFS")) == [row]
    assert list(await book.ledger.flakes("cause", "aufs")) == []


async def test_what_flakes_is_counted_on_each_day(book: Book) -> None:
    await book.put(*(known(build(number, BAD, after_h=-24 * age)) for number, age in ((1, 0), (2, 0), (3, 5), (4, 40))))
    found = await book.ledger.flake_days("cause", ["dm-init-rootfs", "other"])
    days = found["dm-init-rootfs"]
    assert [count for _, count in days if count] == [1.0, 2.0]
    assert (len(days), days[-1], days[-6][1]) == (30, ((START.timestamp() // DAY_S) * DAY_S, 2.0), 1.0)
    assert {count for _, count in found["other"]} == {0.0}
    assert await book.ledger.flake_days("label", ["kernel=3.18"]) == {}
    [row] = await book.ledger.flakes("cause")
    assert sum(count for _, count in days) == row.failed


async def test_what_has_one_name_on_two_servers_is_counted_apart_by_the_day(book: Book) -> None:
    await book.put(known(build(1, BAD)), known(build(2, BAD, server="lab")), known(build(3, BAD, server="lab")))
    found = await book.ledger.flake_days("job", ["ci/docker-prs", "lab/docker-prs"])
    assert {name: sum(count for _, count in days) for name, days in found.items()} == {
        "ci/docker-prs": 1.0,
        "lab/docker-prs": 2.0,
    }


async def test_of_a_matrix_build_its_cells_are_counted_whichever_came_first(book: Book) -> None:
    cells = [known(build(1, BAD, cell=f"FS={fs}", request_id="m", node="n1")) for fs in ("zfs", "aufs")]
    whole = known(build(1, BAD, request_id="m", node="n1"))
    other = [replace(fact, request_id="o", node="n2") for fact in (*cells, whole)]
    await book.put(*cells, whole)
    await book.put(*reversed(other))
    assert [(row.name, row.runs, row.failed) for row in await book.ledger.flakes("job")] == [("docker-prs", 4, 4)]
    assert [(row.name, row.failed) for row in await book.ledger.flakes("node")] == [("n1", 2), ("n2", 2)]
    assert [(row.name, row.failed) for row in await book.ledger.flakes("cause")] == [("dm-init-rootfs", 4)]


async def test_jobs_and_nodes_of_one_name_are_told_apart_by_their_servers(book: Book) -> None:
    await book.put(known(build(1, BAD, node="arm")), known(build(1, BAD, node="arm", server="lab")))
    assert [row.name for row in await book.ledger.flakes("job")] == ["ci/docker-prs", "lab/docker-prs"]
    assert [row.name for row in await book.ledger.flakes("node")] == ["ci/arm", "lab/arm"]
    assert (await book.ledger.flakes("cause"))[0].jobs == ("ci/docker-prs", "lab/docker-prs")


async def test_a_node_counts_for_the_tags_that_it_had_and_without_any_for_its_labels(book: Book) -> None:
    await book.put(
        known(build(1, BAD, node="dm-7", labels=("dm-7", "k318"), tags={"kernel": "3.18"})),
        build(2, node="dm-7", labels=("dm-7", "k319"), tags={"kernel": "3.19"}),
        known(build(3, BAD, node="plain", labels=("plain", "linux"))),
    )
    found = [(row.name, row.runs, row.failed) for row in await book.ledger.flakes("label")]
    assert found == [("kernel=3.18", 1, 1), ("label=linux", 1, 1)]


async def test_what_is_not_counted_is_said_so(book: Book) -> None:
    with pytest.raises(UserError, match="there are: cause, test, job, node, label"):
        await book.ledger.flakes("tests")


async def test_a_fact_that_is_written_again_changes_nothing(book: Book) -> None:
    first = await book.put(known(build(1, BAD, sha="a")))
    again = await book.put(known(build(1, BAD, sha="a")))
    assert again == first
    assert [(row.runs, row.failed) for row in await book.ledger.flakes("cause")] == [(1, 1)]


@pytest.mark.parametrize("seed", range(12))
async def test_a_random_history_is_told_as_the_oracle_tells_it(book: Book, seed: int) -> None:
    chance = random.Random(seed)
    facts = history(chance)
    for start in range(0, len(facts), 25):
        await book.put(*facts[start : start + 25])
    for days in (1, 7, 30):
        for by in ("job", "node", "cause", "test", "label"):
            found = {
                row.name: (row.runs, row.failed, row.retried, row.passed, row.before)
                for row in await book.ledger.flakes(by, days=days)
            }
            assert found == oracle(facts, by, days), (by, days)


async def test_old_days_are_forgotten_as_if_they_had_never_been(book: Book) -> None:
    """What is left is told as before, and nothing of the rest is on disk."""
    facts = history(random.Random(99))
    facts += [
        known(build(900 + at_h, BAD, job="janky", after_h=-24 * 20 - 12 + at_h)) for at_h in (-1, 1)
    ]  # beside a midnight
    await book.put(*facts)
    midnight_s = START.timestamp() - START.timestamp() % DAY_S
    cut_s = midnight_s - 20 * DAY_S
    old = [fact for fact in facts if ended_s(fact) < cut_s]
    assert await book.rows.purge(cut_s + 5000) == len(old) > 0
    left = oracle(facts, "job", 21)
    found = {
        row.name: (row.runs, row.failed, row.retried, row.passed, row.before)
        for row in await book.ledger.flakes("job", days=21)
    }
    assert {name: row[:4] for name, row in found.items()} == {name: row[:4] for name, row in left.items()}
    counts = await book.database.read(
        lambda db: [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("facts", "evidence")]
    )
    assert counts[0] == len(facts) - len(old)
    assert counts[1] == sum(fact.is_bad for fact in facts if fact not in old)
    assert await book.rows.purge(cut_s + 5000) == 0


def history(chance: random.Random) -> list[Fact]:
    """Make builds of a few jobs, commits and nodes over 60 days, in the order in which they are told."""
    facts: list[Fact] = []
    for number in range(1, 141):
        after_h = -chance.choice([0, 1, 1.5, 24, 24 * chance.randrange(60)])
        named: dict[str, Any] = {
            "server": chance.choice(["ci", "lab"]),
            "job": (job := chance.choice(["janky", "lxc", "matrix"])),
            "sha": chance.choice(["", "a", "b", "c"]),
            "node": (node := chance.choice(["", "n1", "n2", "n3"])),
            "tags": {"kernel": "3.18" if node == "n1" else "4.2"} if node != "n3" else {},
            "labels": (node, "linux"),
            "request_id": f"r{number}",
            "after_h": after_h,
        }
        number = chance.choice([number, number % 20 + 1])  # as in a job that was deleted
        built = []
        for cell in ("FS=aufs", "FS=zfs", "") if job == "matrix" else ("",):
            result = chance.choice([GREEN, GREEN, BAD, UNSTABLE, ABORTED, Result.NOT_BUILT])
            told = chance.choice([KNOWN, TESTED, FLAKY, LOST]) if result in (BAD, UNSTABLE) else build(1).diagnosis
            built.append(build(number, result, **named, cell=cell, diagnosis=told))
        facts += built
    return facts


def ended_s(fact: Fact) -> float:
    assert fact.finished_at is not None
    return fact.finished_at.timestamp()


def oracle(facts: Sequence[Fact], by: str, days: int) -> dict[str, tuple[int, int, int, int, int]]:
    """Look at every fact, and at every other for each."""
    today = int(START.timestamp() // DAY_S)
    with_cells = {fact.request_id for fact in facts if fact.cell}
    runs: Counter[str] = Counter()
    of: dict[str, Counter[str]] = {what: Counter() for what in ("failed", "again", "passed", "before")}
    job_runs: Counter[tuple[str, str]] = Counter()
    jobs_of: dict[str, set[tuple[str, str]]] = {}
    for place, fact in enumerate(facts):
        if fact.result not in COUNTED or (not fact.cell and fact.request_id in with_cells):
            continue
        day = int(ended_s(fact) // DAY_S)
        is_within = today - days < day <= today
        flaky, again = tried(facts, place)
        kinds = (Kind.FLAKY_TEST,) if by == "test" else (Kind.KNOWN_INFRA, Kind.FLAKY_TEST, Kind.AGENT_LOST)
        is_own = fact.is_bad and (flaky or fact.diagnosis.kind in kinds)
        job = (fact.build.job.server, fact.build.job.full_name)
        job_runs[job] += is_within
        for name in names(fact, by):
            runs[name] += is_within
            if is_own and is_within:
                of["failed"][name] += 1
                of["again"][name] += again
                of["passed"][name] += flaky
                jobs_of.setdefault(name, set()).add(job)
            of["before"][name] += is_own and today - 2 * days < day <= today - days
    if by in ("cause", "test"):
        runs = Counter({name: sum(job_runs[job] for job in jobs) for name, jobs in jobs_of.items()})
    return {
        name: (runs[name], failed, of["again"][name], of["passed"][name], of["before"][name])
        for name, failed in of["failed"].items()
    }


def tried(facts: Sequence[Fact], place: int) -> tuple[bool, bool]:
    """Tell whether a failure is flaky, and whether it was tried again."""
    fact = facts[place]
    if not fact.is_bad or not fact.sha:
        return False, False

    def spot(one: Fact) -> object:
        return one.build.job, one.context, one.cell, one.sha

    others = [(at, one) for at, one in enumerate(facts) if at != place and spot(one) == spot(fact)]
    others = [(at, one) for at, one in others if one.result in COUNTED]
    flaky = any(one.result is GREEN for _, one in others)
    mine = (ended_s(fact), fact.build.number, place)
    return flaky, flaky or any((ended_s(one), one.build.number, at) > mine for at, one in others)


def names(fact: Fact, by: str) -> Sequence[str]:
    match by:
        case "job":
            return [f"{fact.build.job.server}/{fact.build.job.full_name}"]
        case "node":
            return [f"{fact.build.job.server}/{fact.node}"] if fact.node else []
        case "cause":
            return [fact.diagnosis.cause] if fact.is_bad else []
        case "test":
            return fact.diagnosis.failed_tests if fact.is_bad else []
    if not fact.node:
        return []
    return [f"{key}={value}" for key, value in fact.tags.items()] or ["label=linux"]
