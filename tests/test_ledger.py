"""What the ledger answers about a build, on a real database: tables of corners, and histories beside a plain oracle."""

import random
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot import fact_questions, fact_rows, tallies
from bot.facts import Diagnosis, Fact, Seen
from bot.values import PullRef, Result
from tests.fact_rig import KNOWN, NEW, START, Book, booked, build, known

BAD, GREEN, UNSTABLE, ABORTED = Result.FAILURE, Result.SUCCESS, Result.UNSTABLE, Result.ABORTED
SEVEN = PullRef("moby/moby", 7)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """Have a ledger on a database that is new."""
    with booked(tmp_path) as one:
        yield one


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([build(1, after_h=-2), build(2, BAD, after_h=-1)], 2, id="the-newest-that-ended-before"),
        pytest.param([build(1, after_h=-2), build(2, BAD, after_h=1)], 1, id="what-ended-later-is-not-before"),
        pytest.param([build(1, UNSTABLE, after_h=-2), build(2, ABORTED, after_h=-1)], 1, id="aborted-does-not-count"),
        pytest.param([build(1, after_h=-2), build(2, Result.NOT_BUILT, after_h=-1)], 1, id="not-built-does-not-count"),
        pytest.param([build(1, after_h=-2), build(2, None, after_h=-1)], 1, id="one-that-is-gone-does-not-count"),
        pytest.param([build(1, after_h=-2), build(2, BAD, after_h=-1, chain="ci/docker-prs-9")], 1, id="earlier-tries"),
        pytest.param([build(1, after_h=-2), build(2, after_h=-1, server="other")], 1, id="a-job-of-another-server"),
        pytest.param([build(1, after_h=-2), build(2, after_h=-1, cell="FS=zfs")], 1, id="a-cell"),
        pytest.param([build(1, after_h=-2), build(2, after_h=-1, context="lxc")], 1, id="another-context"),
        pytest.param([build(1, after_h=-2), build(2, after_h=-1, branch="1.0")], 1, id="another-branch"),
        pytest.param([build(1, after_h=-2), build(2, after_h=-1, pull=SEVEN)], 1, id="one-of-a-pull-request"),
        pytest.param([build(3, after_h=0), build(4, after_h=0)], 4, id="at-one-time-the-number-tells"),
        pytest.param([build(10, after_h=0)], None, id="at-one-time-a-larger-number-is-later"),
        pytest.param([build(300, after_h=-2), build(1, BAD, after_h=-1)], 1, id="deleted-and-numbered-again"),
    ],
)
async def test_before_is_what_ended_before_in_the_same_place(
    book: Book, earlier: Sequence[Fact], expected: int | None
) -> None:
    *_, fact = await book.put(*earlier, build(9, BAD))
    found = await book.ledger.before(fact)
    assert (found and found.build.number) == expected


async def test_before_is_of_the_same_pull_request_in_the_same_repository(book: Book) -> None:
    others = [build(5, after_h=-1), build(6, after_h=-1, pull=PullRef("moby/libnetwork", 7))]
    others.append(build(7, after_h=-1, pull=PullRef("moby/moby", 8)))
    older = build(4, after_h=-2, pull=SEVEN, sha="old")
    *_, fact = await book.put(older, *others, build(9, BAD, pull=SEVEN, sha="new"))
    found = await book.ledger.before(fact)
    assert found is not None
    assert (found.build.number, found.sha, found.result) == (4, "old", GREEN)


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        pytest.param([build(1, BAD, after_h=-1), build(2, UNSTABLE, after_h=-1)], None, id="none-was-ever"),
        pytest.param([build(1, after_h=-3), build(2, after_h=-2), build(3, BAD, after_h=-1)], 2, id="the-newest"),
        pytest.param([build(1, after_h=-3), build(2, after_h=-2, server="other")], 1, id="of-the-same-server"),
        pytest.param([build(1, after_h=-3), build(2, after_h=-2, cell="FS=zfs")], 1, id="of-the-same-cell"),
        pytest.param([build(1, after_h=-3), build(2, after_h=-2, branch="1.0")], 1, id="of-the-same-branch"),
        pytest.param([build(1, after_h=-3), build(12, after_h=2)], 1, id="that-ended-before-it"),
        pytest.param([build(400, after_h=-3), build(2, after_h=-2)], 2, id="by-time-where-numbers-began-again"),
    ],
)
async def test_last_green(book: Book, earlier: Sequence[Fact], expected: int | None) -> None:
    *_, fact = await book.put(*earlier, build(9, BAD))
    found = await book.ledger.last_green(fact)
    assert (found and found.build.number) == expected


async def test_a_pull_request_is_told_by_the_newest_of_each_context_at_its_last_commit(book: Book) -> None:
    """A slow build of the old commit, which ends after those of the new one, is not the state of it."""

    def one(number: int, context: str, sha: str, began_h: float, ended_h: float, **named: Any) -> Fact:
        began = START + timedelta(hours=began_h)
        return build(number, after_h=ended_h, pull=SEVEN, context=context, sha=sha, started_at=began, **named)

    await book.put(
        one(1, "windows", "old", 0, 9, job="win"),
        one(2, "janky", "new", 1, 2),
        one(3, "janky", "new", 3, 4),
        one(4, "matrix", "new", 2, 3, job="m", cell="FS=zfs", request_id="m4"),
        one(4, "matrix", "new", 2, 3, job="m", cell="FS=aufs", request_id="m4"),
        one(4, "matrix", "new", 2, 3, job="m", request_id="m4"),
        build(9, after_h=20, pull=PullRef("moby/libnetwork", 7), sha="else"),
    )
    found = [(fact.context, fact.build.number, fact.cell) for fact in await book.ledger.of_pull(SEVEN)]
    assert found == [("janky", 3, ""), ("matrix", 4, ""), ("matrix", 4, "FS=aufs"), ("matrix", 4, "FS=zfs")]
    assert await book.ledger.of_pull(PullRef("moby/moby", 99)) == []


async def test_a_failure_is_seen_once_in_each_build_by_its_cause_if_that_is_known(book: Book) -> None:
    """Cells of one build are one time; a shape of a line is no known cause, so its fingerprint tells."""
    cells = [known(build(1, BAD, after_h=-1, cell=f"FS={fs}", request_id="m1")) for fs in ("zfs", "aufs")]
    older = known(build(2, BAD, after_h=-24 * 9, server="other"))
    oldest = known(build(3, BAD, after_h=-24 * 40))
    await book.put(*cells, known(build(1, BAD, after_h=-1, request_id="m1")), older, oldest, build(4, BAD, after_h=-2))
    assert await book.ledger.seen(KNOWN) == Seen(1, 2, START - timedelta(hours=1))
    assert await book.ledger.seen(NEW) == Seen(1, 1, START - timedelta(hours=2))
    assert await book.ledger.seen(build(1).diagnosis) == Seen()
    rare = replace(KNOWN, cause="rare")
    await book.put(known(build(5, BAD, after_h=-24 * 50), rare))
    assert await book.ledger.seen(rare) == Seen(0, 0, START - timedelta(days=50))


@pytest.mark.parametrize("seed", range(10))
async def test_random_histories_are_told_as_one_who_looks_at_every_fact_tells_them(book: Book, seed: int) -> None:
    chance = random.Random(seed)
    made = history(chance)
    kept = list(await book.put(*made))
    for fact in chance.sample(kept, 30):
        assert await book.ledger.before(fact) == newest(one for one in kept if is_before(one, fact))
        assert await book.ledger.last_green(fact) == newest(one for one in kept if is_green_before(one, fact))
        since = START - timedelta(hours=chance.randrange(60))
        found = await book.ledger.same_since(fact.diagnosis, since)
        assert [one.request_id for one in found] == same(kept, fact.diagnosis, since)
        assert all(not one.cell for one in found)
    for pull in (SEVEN, PullRef("moby/libnetwork", 7)):
        assert list(await book.ledger.of_pull(pull)) == of_pull(kept, pull)


async def test_no_question_looks_at_all_facts(book: Book) -> None:
    """Each has an index that bounds it, as of a million facts none may be looked at in vain."""
    statements = {
        name: statement
        for module in (fact_questions, fact_rows, tallies)
        for name, statement in vars(module).items()
        if isinstance(statement, str) and statement.startswith("SELECT") and "facts" in statement
    }
    assert len(statements) > 10
    for name, statement in statements.items():
        plan = await book.database.read(partial(plan_of, statement))
        assert not [step for step in plan if step.startswith("SCAN facts")], (name, plan)


async def test_a_build_is_found_by_its_number_and_not_among_all_of_its_job(book: Book) -> None:
    (step, *_) = await book.database.read(partial(plan_of, fact_rows.BY_NUMBER))
    assert "facts_by_number (server=? AND job=? AND number=?)" in step


def plan_of(statement: str, db: sqlite3.Connection) -> Sequence[str]:
    given = dict.fromkeys(re.findall(r":(\w+)", statement), "")
    return [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", given).fetchall()]


def history(chance: random.Random) -> list[Fact]:
    """Make builds of few jobs, contexts, pull requests and times, so that much is alike."""
    facts: list[Fact] = []
    for number in range(1, 121):
        began_h = -chance.randrange(60)
        pull = chance.choice([None, None, SEVEN, PullRef("moby/libnetwork", 7)])
        job = chance.choice(["janky", "matrix"])
        named: dict[str, Any] = {
            "server": chance.choice(["ci", "lab"]),
            "job": job,
            "context": chance.choice([job, "other"]),
            "pull": pull,
            "branch": "" if pull else chance.choice(["", "1.0"]),
            "sha": chance.choice("ab"),
            "request_id": f"r{number}",
            "chain": chance.choice([f"r{number}", f"r{max(1, number - 3)}"]),
            "started_at": chance.choice([None, START + timedelta(hours=began_h)]),
            "after_h": began_h + chance.choice([0, 1, 9]),
        }
        number = chance.choice([number, number % 9 + 1])  # as in a job that was deleted
        for cell in ("FS=aufs", "FS=zfs", "") if job == "matrix" else ("",):
            result = chance.choice([GREEN, BAD, BAD, UNSTABLE, ABORTED, Result.NOT_BUILT, None])
            fact = build(number, result, **named, cell=cell)
            facts.append(known(fact) if fact.is_bad and chance.random() < 0.5 else fact)
    return facts


def ended(fact: Fact) -> tuple[datetime, int, int]:
    assert fact.finished_at is not None
    return fact.finished_at, fact.build.number, fact.id


def newest(found: Iterable[Fact]) -> Fact | None:
    return max(found, key=ended, default=None)


def is_before(one: Fact, fact: Fact) -> bool:
    places = [(other.build.job, other.cell, other.context, other.pull) for other in (one, fact)]
    if places[0] != places[1] or one.chain == fact.chain or (not fact.pull and one.branch != fact.branch):
        return False
    return one.result in (GREEN, BAD, UNSTABLE) and ended(one) < ended(fact)


def is_green_before(one: Fact, fact: Fact) -> bool:
    places = [(other.build.job, other.cell, other.branch) for other in (one, fact)]
    return places[0] == places[1] and one.result is GREEN and ended(one) < ended(fact)


def same(facts: Sequence[Fact], diagnosis: Diagnosis, since: datetime) -> list[str]:
    """List the builds that failed alike, whole or in a cell, the newest first."""
    alike = [one for one in facts if diagnosis.same and one.diagnosis.same == diagnosis.same]
    last: dict[str, tuple[datetime, int]] = {}
    for one in sorted(alike, key=ended):
        at, _, number = ended(one)
        if at >= since:
            last[one.request_id] = (at, max(number, last.get(one.request_id, (at, 0))[1]))
    return sorted(last, key=lambda key: last[key], reverse=True)


def of_pull(facts: Sequence[Fact], pull: PullRef) -> list[Fact]:
    """List the newest build of each context at the last commit, with its cells."""

    def began(fact: Fact) -> tuple[datetime, int, int]:
        at, number, id_ = ended(fact)
        return fact.started_at or at, number, id_

    builds = sorted((one for one in facts if one.pull == pull and not one.cell), key=began)
    of_last = {(one.context, one.build.job.server): one for one in builds if one.sha == builds[-1].sha}
    chosen = [of_last[place].request_id for place in sorted(of_last)]
    return [one for key in chosen for one in sorted(facts, key=lambda fact: fact.cell) if one.request_id == key]
