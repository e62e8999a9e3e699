"""The ledger with a million builds on record: how long its answers take, and how long a build that is written down."""

import asyncio
import json
import random
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bot.clock import SystemClock
from bot.clusters import cluster
from bot.database import Database
from bot.errors import UserError
from bot.fact_rows import BY_REQUEST, FactRows, load
from bot.facts import Fact, FailureClass, Kind, LogLines
from bot.known_rows import KnownRows
from bot.ledger import DiskLedger
from bot.schema import UNEXPLAINED
from bot.tallies import BY_ITSELF, DAY_S
from bot.values import BuildRef, PullRef
from tests.bench.table import Table, percentile

FACTS, DAYS = 1_000_000, 400
JOBS, CAUSES, TESTS, PULLS, TAGGED = 300, 200, 5_000, 30_000, 60
KERNELS, DRIVERS = ("3.13", "3.16", "3.18", "3.19", "4.0", "4.1"), ("aufs", "devicemapper", "overlay", "zfs")
NOW_S = datetime(2016, 7, 1, 12, tzinfo=UTC).timestamp()
LEAST_TIMES, ENOUGH_MS = 10, 3000.0  # what is slow is not asked again and again
AT_ONCE = 20_000  # facts that are made and written together
Rows = dict[str, list[tuple[Any, ...]]]


def measure_ledger(folder: Path, rounds: int, count: int = FACTS) -> None:
    """Print how long each answer takes, beside what one does without tallies.

    Arguments:
        count: how many facts are on record.
    """
    path = folder / "gordon.db"
    Database(path).close()
    begun_s = time.perf_counter()
    fill(path, count)
    made_s = time.perf_counter() - begun_s
    print(f"{count} facts were made in {made_s:.0f} s and take {path.stat().st_size / 1e6:.0f} MB")
    database = Database(path)
    try:
        asyncio.run(_measure(database, path, rounds, count))
    finally:
        database.close()


async def _measure(database: Database, path: Path, rounds: int, count: int) -> None:
    rows = FactRows(database)
    ledger = DiskLedger(database, rows, SystemClock(_wall_s=lambda: NOW_S), _no_lines)
    samples = await database.read(lambda db: _samples(db, 60))
    title = f"Answers of a ledger with {count} facts, milliseconds"
    table = Table(title, "question | median | p99 | beside it | median")
    for name, ask, beside, statement in [*questions(ledger), unknown(KnownRows(database))]:
        times: list[float] = []
        for fact in list(samples[:20]) * rounds:
            if len(times) < LEAST_TIMES or sum(times) < ENOUGH_MS:
                times.append(await _timed(ask, fact))
        plain = _plain_ms(path, statement, samples[:3])
        table.row(name, f"{statistics.median(times):.2f}", f"{percentile(times, 0.99):.2f}", beside, f"{plain:.2f}")
    table.show("the goal is 100 ms at the median; the same failures are asked about in each round")

    fresh = [replace(fact, id=0, request_id=f"new-{number}") for number, fact in enumerate(samples)]
    written = [await _timed(lambda fact: database.write(lambda db: rows.insert(db, fact)), fact) for fact in fresh]
    bare = [await _timed(lambda fact: database.write(_bare), fact) for fact in fresh]
    table = Table("One more build, in a commit of its own, milliseconds", "what | median | p99")
    table.row("a fact, with its evidence and what is counted", *_told(written))
    table.row("a bare row", *_told(bare))
    table.show("on disk (synchronous=FULL) before it counts")


def questions(ledger: DiskLedger) -> Iterator[tuple[str, Callable[[Fact], Awaitable[object]], str, str]]:
    """List what is asked: its name, how, and what stands beside it with its SQL."""
    by_key = ("a SELECT by its key", "SELECT * FROM facts WHERE id = :id")
    month_s = NOW_S - 30 * DAY_S
    bad = f"counts AND result IN ('FAILURE', 'UNSTABLE') AND finished_s > {month_s}"
    own = f"{bad} AND (flaky OR kind IN ({', '.join(repr(str(kind)) for kind in BY_ITSELF)}))"
    yield "build", lambda fact: ledger.build(fact.build), *by_key
    yield "of_pull", lambda fact: ledger.of_pull(fact.pull or PullRef("moby/moby", 1)), *by_key
    yield "before", ledger.before, *by_key
    yield "last_green", ledger.last_green, *by_key
    yield "chain", ledger.chain, *by_key
    scan = "a scan of all facts"
    same = "SELECT count(DISTINCT request_id) FROM facts NOT INDEXED WHERE same = :same"
    yield "seen", lambda fact: ledger.seen(fact.diagnosis), scan, same
    day = datetime.fromtimestamp(NOW_S, UTC) - timedelta(days=1)
    yield "same_since, a day", lambda fact: ledger.same_since(fact.diagnosis, day), scan, f"{same} AND finished_s > 1"
    old = datetime.fromtimestamp(0, UTC)
    yield "same_since, all", lambda fact: ledger.same_since(fact.diagnosis, old), scan, f"{same} AND finished_s > 1"
    for by, names in (("cause", "cause"), ("job", "server, job"), ("node", "server, node"), ("label", "tags")):
        plain = f"SELECT count(*) FROM facts NOT INDEXED WHERE {own} GROUP BY {names}"
        yield f"flakes by {by}, 30 days", partial(_flakes, ledger, by), scan, plain
    tests = "(SELECT fact_id, name FROM failed_tests) ON fact_id = id"
    plain = f"SELECT count(*) FROM facts NOT INDEXED JOIN {tests} WHERE {own} GROUP BY name"
    yield "flakes by test, 30 days", lambda fact: ledger.flakes("test"), scan, plain
    yield "flakes by test, a year", lambda fact: ledger.flakes("test", days=365), scan, plain
    yield "flakes by cause, a year", lambda fact: ledger.flakes("cause", days=365), scan, plain
    plain = f"SELECT count(*), sum({own}) FROM facts NOT INDEXED GROUP BY server, node, tags"
    yield "suspects, 30 days", lambda fact: ledger.suspects(), scan, plain
    yield "suspects of a job", lambda fact: ledger.suspects(fact.build.job.full_name), scan, plain
    yield "suspects of a cause", lambda fact: ledger.suspects(fact.diagnosis.cause), scan, plain


def unknown(rows: KnownRows) -> tuple[str, Callable[[Fact], Awaitable[object]], str, str]:
    """Ask for the clusters of what nothing explains, before logs are looked through for them."""
    since = datetime.fromtimestamp(NOW_S, UTC) - timedelta(days=30)

    async def ask(fact: Fact) -> object:
        return cluster(await rows.unexplained(since, frozenset()))

    scan = f"SELECT count(*) FROM facts NOT INDEXED WHERE {UNEXPLAINED} AND finished_s > {since.timestamp()}"
    return "unknown, 30 days", ask, "a scan of all facts", scan


async def _flakes(ledger: DiskLedger, by: str, fact: Fact) -> object:
    return await ledger.flakes(by)


def fill(path: Path, count: int) -> None:
    """Write facts as they would stand there: a quarter red, counted, flaky ones marked."""
    chance = random.Random(1)
    columns = ("facts", "evidence", "failed_tests")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-200000")
        names = {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in columns}
        # Indexes that are made at the end take a quarter of the time of those that grow.
        indexes = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        counted: dict[tuple[Any, ...], list[float]] = {}
        places: dict[tuple[Any, ...], list[float]] = {}
        for first in range(0, count, AT_ONCE):
            made = [_fact(chance, number, count) for number in range(first + 1, min(count, first + AT_ONCE) + 1)]
            db.execute("BEGIN")
            for table, rows in _rows(chance, made, counted, places).items():
                holes = ", ".join("?" * len(names[table]))
                assert all(len(row) == len(names[table]) for row in rows[:1]), f"{table} has other columns"
                db.executemany(f"INSERT INTO {table} VALUES ({holes})", rows)
            db.execute("COMMIT")
        db.execute("BEGIN")
        for table, sums in (("tallies", counted), ("places", places)):
            rows = sorted((*key, *sum_) for key, sum_ in sums.items())
            db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        for _, statement in indexes:
            db.execute(statement)
        db.execute("COMMIT")


def _fact(chance: random.Random, number: int, count: int) -> dict[str, Any]:
    """Make a row of `facts`, complete."""
    node = int(chance.random() ** 2 * TAGGED)
    kernel, is_red = KERNELS[node % 6], chance.random() < 0.25
    cause = int(chance.random() ** 2 * CAUSES) if is_red else 0
    kind = (Kind.KNOWN_INFRA, Kind.NEW_FAILURE)[cause % 2] if is_red else Kind.PASSED
    if kernel in ("3.18", "3.19") and chance.random() < 0.2:
        is_red, cause, kind = True, 0, Kind.KNOWN_INFRA  # a fault to be found
    job, finished_s = int(chance.random() ** 2 * JOBS), NOW_S - (1 - number / count) * DAYS * DAY_S
    pull = chance.randrange(1, PULLS) if chance.random() < 0.8 else 0
    flaky = int(is_red and chance.random() < 0.2)
    tags = {"kernel": kernel, "driver": DRIVERS[node % 4], "distro": f"d{node % 3}", "arch": f"a{node % 7 == 0}"}
    fingerprint = f"{chance.randrange(3000):016x}" if is_red else ""
    cause_id = f"cause-{cause}" if is_red else ""
    return {
        "id": number, "request_id": f"gordon-{number:012x}", "server": f"ci{job % 3}", "job": f"folder/job-{job}",
        "number": number, "cell": "", "context": f"job-{job}", "repo": "moby/moby" if pull else "",
        "pull": pull, "branch": "" if pull else "master",
        "sha": f"{pull * 7919 + int(finished_s // DAY_S / 20):040x}", "result": "FAILURE" if is_red else "SUCCESS",
        "node": f"node-{node}", "labels": json.dumps([f"node-{node}", "linux"], separators=(",", ":")),
        "tags": json.dumps(tags, separators=(",", ":")), "url": f"http://ci/job/folder/job/job-{job}/{number}/",
        "started_s": finished_s - 600, "finished_s": finished_s, "duration_s": 600.0,
        "chain": f"gordon-{number:012x}", "attempt": 1, "kind": str(kind),
        "failure_class": str(FailureClass.TEST_FAILURE if is_red else FailureClass.SUCCESS), "cause": cause_id,
        "fingerprint": fingerprint, "confidence": 0.9, "retry": None,
        "same": cause_id if kind is Kind.KNOWN_INFRA else fingerprint, "counts": 1, "flaky": flaky,
        "again": int(flaky or (is_red and chance.random() < 0.2)),
    }  # fmt: skip


def _rows(
    chance: random.Random,
    made: Sequence[dict[str, Any]],
    counted: dict[tuple[Any, ...], list[float]],
    places: dict[tuple[Any, ...], list[float]],
) -> Rows:
    """Make the rows of one piece, and count them."""
    rows: Rows = {"facts": [tuple(one.values()) for one in made], "evidence": [], "failed_tests": []}
    quoted = json.dumps(["the build goes on as it went before, and then"] * 12)
    for one in made:
        is_red, finished_s = one["result"] == "FAILURE", one["finished_s"]
        is_own = is_red and (one["flaky"] or one["kind"] in BY_ITSELF)
        own_tests = range(int(one["context"][4:]), TESTS, JOBS)  # of this job, and of no other
        tests = [f"TestRun{own_tests[int(chance.random() ** 2 * len(own_tests))]}"] if is_red else []
        if is_red:
            rows["evidence"].append((one["id"], "why", 120, 9000, one["url"], "--- FAIL: it", 110, quoted, "", ""))
            rows["failed_tests"] += [(one["id"], name, finished_s) for name in tests]
        detail = f"[{one['labels']},{one['tags']}]"
        names = [("job", one["server"], one["job"], ""), ("node", one["server"], one["node"], detail)]
        names += [("cause", "", one["cause"], "")] * is_own + [("test", "", name, "") for name in tests if one["flaky"]]
        for kind, server, name, more in names:
            sums = counted.setdefault((kind, int(finished_s // DAY_S), server, name, more), [0, 0, 0, 0, 0.0])
            sums[0] += kind in ("job", "node")
            if is_own:
                sums[1:] = [sums[1] + 1, sums[2] + one["again"], sums[3] + one["flaky"], finished_s]
            if kind != "job":
                at = places.setdefault((kind, name, one["server"], one["job"]), [0, 0.0])
                at[:] = [int(at[0] + bool(is_own)), finished_s]
    return rows


def _samples(db: sqlite3.Connection, count: int) -> Sequence[Fact]:
    """Take failures of pull requests that are spread over the last days."""
    last = db.execute("SELECT max(id) FROM facts").fetchone()[0]
    found = db.execute(
        "SELECT request_id FROM facts WHERE id > ? AND result = 'FAILURE' AND pull ORDER BY id", (last * 0.95,)
    ).fetchall()
    step = max(1, len(found) // count)
    return [load(db, db.execute(BY_REQUEST, {"request_id": key}).fetchone()) for (key,) in found[::step][:count]]


async def _timed(ask: Callable[[Fact], Awaitable[object]], fact: Fact) -> float:
    begun_s = time.perf_counter()
    await ask(fact)
    return (time.perf_counter() - begun_s) * 1e3


def _plain_ms(path: Path, statement: str, samples: Sequence[Fact]) -> float:
    times = []
    with closing(sqlite3.connect(path)) as db:
        for fact in samples:
            begun_s = time.perf_counter()
            db.execute(statement, {"id": fact.id, "same": fact.diagnosis.same}).fetchall()
            times.append((time.perf_counter() - begun_s) * 1e3)
    return statistics.median(times)


def _bare(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO strikes (plugin, kind, at_s) VALUES ('bench', 'stuck', 1.0)")


def _told(times: Sequence[float]) -> tuple[str, str]:
    return f"{statistics.median(times):.2f}", f"{percentile(times, 0.99):.2f}"


async def _no_lines(ref: BuildRef, *, cell: str = "", around: int | None = None, at_most: int = 15) -> LogLines:
    raise UserError("no logs are kept here")
