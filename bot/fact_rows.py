"""Facts on disk: what is known of builds that are over, and which of them nobody knows the reasons of yet."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, distinct, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bot import codec, tallies
from bot.database import Database
from bot.facts import Diagnosis, Fact, FailureClass, Kind, Seen
from bot.schema import evidence, facts, failed_tests, sql, undiagnosed
from bot.values import BuildRef, JobRef, PullRef, Result

WEEK_S, MONTH_S = 7 * 86400.0, 30 * 86400.0
AT_ONCE = 200  # facts that are forgotten in one write: others wait for it

_f, _e = facts.c, evidence.c
INSERT = sql(upsert(facts).on_conflict_do_nothing())
INSERT_EVIDENCE = sql(upsert(evidence).on_conflict_do_nothing())
INSERT_TEST = sql(upsert(failed_tests).on_conflict_do_nothing())
UNDIAGNOSED = sql(select(undiagnosed).order_by(undiagnosed.c.since_s))
_this = undiagnosed.c.request_id == bindparam("the_id")
BEGUN = sql(update(undiagnosed).where(_this).values(tries=undiagnosed.c.tries + literal_column("1")))
PUT_OFF = sql(update(undiagnosed).where(_this).values(tries=undiagnosed.c.tries - literal_column("1")))
DIAGNOSED = sql(delete(undiagnosed).where(undiagnosed.c.request_id == bindparam("request_id")))
EVIDENCE = [column.name for column in evidence.c if column.name != "fact_id"]
COUNTING = ("same", "counts", "flaky", "again")  # no part of what is told
FACT = select(*(column for column in _f if column.name not in COUNTING), *(_e[name] for name in EVIDENCE)).outerjoin(
    evidence, _e.fact_id == _f.id
)
BY_REQUEST = sql(FACT.where(_f.request_id == bindparam("request_id")).order_by(_f.cell))
# Without an order: there is an index that has it, and it would be taken in place of the one that finds the number.
BY_NUMBER = sql(
    FACT.where(_f.server == bindparam("server"), _f.job == bindparam("job"), _f.number == bindparam("number"))
)
TESTS = sql(select(failed_tests.c.name).where(failed_tests.c.fact_id == bindparam("fact_id")))

SAME = (_f.same != literal_column("''"), _f.same == bindparam("same"))  # so SQLite sees that the index knows them
_of_week = func.iif(_f.finished_s >= bindparam("week_s"), _f.request_id, None)
SEEN = sql(
    select(func.count(distinct(_of_week)), func.count(distinct(_f.request_id))).where(
        *SAME, _f.finished_s >= bindparam("month_s")
    )
)
SEEN_LAST = sql(select(func.max(_f.finished_s)).where(*SAME))

NUMBER = sql(select(_f.id).where(_f.request_id == bindparam("request_id"), _f.cell == bindparam("cell")))
OLD = sql(select(_f.id).where(_f.finished_s < bindparam("before_s")).order_by(_f.finished_s))
PURGE = [
    sql(delete(table).where(number == bindparam("the_id")))
    for table, number in ((evidence, _e.fact_id), (failed_tests, failed_tests.c.fact_id), (facts, _f.id))
]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A build whose reasons nobody knows yet; `body` is its BuildFinished."""

    request_id: str
    body: str
    is_told: bool
    since_s: float
    tries: int = 0


class FactRows:
    """Reads and writes facts; what belongs to a larger write takes its connection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> Sequence[Waiting]:
        """List the builds that wait for a diagnosis, those that ended first before the others."""
        rows = await self._database.read(lambda db: db.execute(UNDIAGNOSED).fetchall())
        return [Waiting(key, body, bool(is_told), since_s, tries) for key, body, is_told, since_s, tries in rows]

    async def forget_waiting(self, request_id: str) -> None:
        """Forget that a build waits whose end nobody can read any more."""
        await self._database.write(lambda db: self.diagnosed(db, request_id))

    async def begun(self, request_id: str) -> None:
        """Note that a diagnosis begins: should it kill the process, that was one try."""
        await self._database.write(lambda db: db.execute(BEGUN, {"the_id": request_id}).rowcount)

    def put_off(self, request_id: str) -> None:
        """Note that a diagnosis was left to the next start in good order, so that it was no try; from any thread."""
        self._database.submit(lambda db: db.execute(PUT_OFF, {"the_id": request_id}).rowcount, rides=True)

    def diagnosed(self, db: sqlite3.Connection, request_id: str) -> bool:
        """Note that a build has its diagnosis; False if it had one before."""
        return bool(db.execute(DIAGNOSED, {"request_id": request_id}).rowcount)

    def seen(self, db: sqlite3.Connection, diagnosis: Diagnosis, now_s: float) -> Seen:
        """Count the builds that failed as this one."""
        given: dict[str, Any] = {"same": diagnosis.same}
        last_s = db.execute(SEEN_LAST, given).fetchone()[0] if diagnosis.same else None
        if last_s is None:
            return Seen()
        given |= {"week_s": now_s - WEEK_S, "month_s": now_s - MONTH_S}
        week, month = db.execute(SEEN, given).fetchone()
        return Seen(week, month, datetime.fromtimestamp(last_s, UTC))

    def insert(self, db: sqlite3.Connection, fact: Fact) -> Fact:
        """Write a fact with what is quoted of its log, and count it; return it with its number.

        The cells of a matrix build come before the build itself, as cells are what is counted.
        """
        given = _row(fact)
        row = db.execute(INSERT, given)
        if not row.rowcount:
            return replace(fact, id=db.execute(NUMBER, given).fetchone()[0])
        fact = replace(fact, id=row.lastrowid or 0)
        told = fact.diagnosis
        if fact.is_bad or told.text or told.unread:
            quoted: dict[str, Any] = {name: getattr(told, name) for name in EVIDENCE}
            db.execute(INSERT_EVIDENCE, quoted | {"fact_id": fact.id, "quoted": codec.dump(told.quoted)})
        tests = tuple(dict.fromkeys(told.failed_tests))
        named = {"fact_id": fact.id, "finished_s": given["finished_s"]}
        db.executemany(INSERT_TEST, [named | {"name": name} for name in tests])
        tallies.count(db, given | {"id": fact.id}, tests)
        return fact

    async def purge(self, before_s: float) -> int:
        """Forget the facts of whole days that ended before, and what was counted of them; tell how many facts."""
        day = tallies.day_of(before_s)
        await self._database.write(lambda db: tallies.purge(db, day))
        given = {"before_s": float(day * tallies.DAY_S)}

        def some(db: sqlite3.Connection) -> int:
            ids = [{"the_id": number} for (number,) in db.execute(OLD, given).fetchmany(AT_ONCE)]
            for statement in PURGE:
                db.executemany(statement, ids)
            return len(ids)

        forgotten = 0
        while found := await self._database.write(some):
            forgotten += found
        return forgotten

    async def of_build(self, ref: BuildRef) -> Sequence[Fact]:
        """List what is known of a build: itself, then its cells; of two of one number the newer."""
        given = {"server": ref.job.server, "job": ref.job.full_name, "number": ref.number}

        def read(db: sqlite3.Connection) -> Sequence[Fact]:
            found = sorted((load(db, row) for row in db.execute(BY_NUMBER, given)), key=lambda fact: fact.cell)
            newest = max((fact.id for fact in found if not fact.cell), default=0)
            request_id = next((fact.request_id for fact in found if fact.id == newest), "")
            return [fact for fact in found if fact.request_id == request_id]

        return await self._database.read(read)


def load(db: sqlite3.Connection, row: Sequence[Any]) -> Fact:
    """Read a fact from a row of `facts`, with that of `evidence` beside it."""
    (
        id_, request_id, server, job, number, cell, context, repo, pull, branch, sha, result, node, labels, tags, url,
        started_s, finished_s, duration_s, chain, attempt, kind, failure_class, cause, fingerprint, confidence, retry,
        why, line, offset, link, text, first_quoted, quoted, partial, unread,
    ) = row  # fmt: skip
    tests = tuple(name for (name,) in db.execute(TESTS, {"fact_id": id_}).fetchall()) if quoted is not None else ()
    diagnosis = Diagnosis(
        Kind(kind),
        FailureClass(failure_class),
        cause,
        None if retry is None else bool(retry),
        why or "",
        confidence,
        line,
        offset,
        link or "",
        text or "",
        first_quoted or 0,
        tuple(codec.load(quoted)) if quoted else (),
        tests,
        fingerprint,
        partial or "",
        unread or "",
    )
    return Fact(
        id_,
        request_id,
        BuildRef(JobRef(server, job), number),
        cell,
        context,
        Result(result) if result else None,
        diagnosis,
        url,
        repo,
        PullRef(repo, pull) if pull else None,
        branch,
        sha,
        node,
        tuple(codec.load(labels)),
        codec.load(tags),
        datetime.fromtimestamp(started_s, UTC) if started_s else None,
        datetime.fromtimestamp(finished_s, UTC),
        duration_s,
        chain,
        attempt,
    )


def _row(fact: Fact) -> dict[str, Any]:
    told = fact.diagnosis
    return {
        "id": None,
        "request_id": fact.request_id,
        "server": fact.build.job.server,
        "job": fact.build.job.full_name,
        "number": fact.build.number,
        "cell": fact.cell,
        "context": fact.context,
        "repo": fact.repo,
        "pull": fact.pull.number if fact.pull else 0,
        "branch": fact.branch,
        "sha": fact.sha,
        "result": str(fact.result) if fact.result else None,
        "node": fact.node,
        "labels": codec.dump(fact.labels),
        "tags": codec.dump(fact.tags),
        "url": fact.url,
        "started_s": fact.started_at.timestamp() if fact.started_at else None,
        "finished_s": fact.finished_at.timestamp() if fact.finished_at else 0.0,
        "duration_s": fact.duration_s,
        "chain": fact.chain or fact.request_id,
        "attempt": fact.attempt,
        "kind": str(told.kind),
        "failure_class": str(told.failure_class),
        "cause": told.cause,
        "fingerprint": told.fingerprint,
        "confidence": told.confidence,
        "retry": None if told.retry is None else int(told.retry),
        "same": told.same,
        "counts": int(tallies.counts(fact.result)),
        "flaky": 0,
        "again": 0,
    }
