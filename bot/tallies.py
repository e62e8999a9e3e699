"""What facts come to by the day, kept with each fact in one write, so that what fails by itself is a sum of few rows.

A failure is by itself, and no fault of the change, if its kind says so or if something of the same commit passed. Of a
matrix build its cells are counted and not the whole, so that nothing counts twice; what was aborted or not built never
counts. The days are those of UTC.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, delete, func, literal_column, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.sql.elements import ColumnElement

from bot.facts import Kind
from bot.schema import facts, failed_tests, places, sql, tallies
from bot.values import Result

DAY_S = 86400
MOST_OTHERS = 100  # of one commit that are looked at, the newest: a branch that rests may be built every hour
MOST_TESTS = 20  # that fail in one build each for itself: where more do they have one reason, or are made up
BY_ITSELF = (Kind.KNOWN_INFRA, Kind.FLAKY_TEST, Kind.AGENT_LOST, Kind.TIMEOUT)
KINDS = ("cause", "test", "job", "node")
BAD = (Result.FAILURE, Result.UNSTABLE)

_f, _t, _p = facts.c, tallies.c, places.c


class Counted(NamedTuple):
    """Of a fact, what is counted."""

    id: int
    server: str
    job: str
    number: int
    cell: str
    node: str
    labels: str
    tags: str
    result: str | None
    kind: str
    cause: str
    finished_s: float
    counts: int
    flaky: int
    again: int

    @property
    def is_bad(self) -> bool:
        return self.result in BAD

    @property
    def ended(self) -> tuple[float, int, int]:
        """What tells which of two ended first."""
        return self.finished_s, self.number, self.id


class Sums(NamedTuple):
    """How much is added to a row."""

    runs: int = 0
    failed: int = 0
    again: int = 0
    passed: int = 0

    def less(self, other: "Sums") -> "Sums":
        return Sums(*(mine - its for mine, its in zip(self, other, strict=True)))


_COLUMNS = [_f[name] for name in Counted._fields]
_of_place = (_f.server == bindparam("server"), _f.job == bindparam("job"), _f.cell == bindparam("cell"))
SAME_COMMIT = sql(
    select(*_COLUMNS)
    .where(_f.sha != literal_column("''"), _f.sha == bindparam("sha"), *_of_place, _f.context == bindparam("context"))
    .order_by(_f.finished_s.desc())
)
WHOLE = sql(select(*_COLUMNS).where(_f.request_id == bindparam("request_id"), _f.cell == literal_column("''")))
HAS_CELLS = sql(select(_f.id).where(_f.request_id == bindparam("request_id"), _f.cell != literal_column("''")))
MARK = sql(
    update(facts)
    .where(_f.id == bindparam("the_id"))
    .values({name: bindparam(f"new_{name}") for name in ("counts", "flaky", "again")})
)
TESTS = sql(select(failed_tests.c.name).where(failed_tests.c.fact_id == bindparam("fact_id")))
_tally = upsert(tallies)
ADD = sql(
    _tally.on_conflict_do_update(
        index_elements=["kind", "day", "server", "name", "detail"],
        set_={name: _t[name] + _tally.excluded[name] for name in Sums._fields}
        | {"last_s": func.max(_t.last_s, _tally.excluded.last_s)},
    )
)
_place = upsert(places)
ADD_PLACE = sql(
    _place.on_conflict_do_update(
        index_elements=["kind", "name", "server", "job"],
        set_={
            "failed": _p.failed + _place.excluded.failed,
            "last_s": func.max(_p.last_s, _place.excluded.last_s),
        },
    )
)
PURGE = sql(delete(tallies).where(_t.kind == bindparam("kind"), _t.day < bindparam("day")))
PURGE_PLACES = sql(delete(places).where(_p.kind == bindparam("kind"), _p.last_s < bindparam("before_s")))

_in_span = _t.day >= bindparam("since_day")


def _sum(column: ColumnElement[Any], condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(func.iif(condition, column, literal_column("0")))


SUMS = sql(
    select(
        _t.server,
        _t.name,
        _t.detail,
        *(_sum(_t[name], _in_span) for name in Sums._fields),
        _sum(_t.failed, ~_in_span),
        func.max(func.iif(_in_span, _t.last_s, literal_column("0.0"))),
    )
    .where(_t.kind == bindparam("kind"), _t.day >= bindparam("before_day"))
    .group_by(_t.server, _t.name, _t.detail)
)
DAYS = sql(
    select(_t.server, _t.name, _t.day, func.sum(_t.failed))
    .where(_t.kind == bindparam("kind"), _in_span, _t.failed > literal_column("0"))
    .group_by(_t.server, _t.name, _t.day)
)
PLACES = sql(
    select(_p.name, _p.server, _p.job, _p.failed).where(
        _p.kind == bindparam("kind"), _p.last_s >= bindparam("since_s"), _p.failed >= bindparam("at_least")
    )
)

_by_itself = and_(
    or_(*(_f.result == literal_column(f"'{result}'") for result in BAD)),
    or_(_f.flaky == literal_column("1"), *(_f.kind == literal_column(f"'{kind}'") for kind in BY_ITSELF)),
)
_profile = (_f.server, _f.node, _f.labels, _f.tags)
_here = (_f.counts == literal_column("1"), _f.node != literal_column("''"), _f.finished_s >= bindparam("since_s"))
NODES_OF_JOB = sql(
    select(*_profile, func.count(), func.sum(_by_itself))
    .where(_f.server == bindparam("server"), _f.job == bindparam("job"), *_here)
    .group_by(*_profile)
)
NODES_OF_CAUSE = sql(
    select(*_profile, _f.job, func.count())
    .where(_f.cause != literal_column("''"), _f.cause == bindparam("cause"), *_here)
    .where(or_(*(_f.result == literal_column(f"'{result}'") for result in BAD)))
    .group_by(*_profile, _f.job)
)


class Row(NamedTuple):
    """What a span of days comes to for one job, node, cause or test; `before` is how often it failed before that."""

    server: str
    name: str
    detail: str
    runs: int
    failed: int
    again: int
    passed: int
    before: int
    last_s: float


Where = tuple[str, str, str, int]  # name, and server and job where it was seen; how often it failed since it is counted


def rows(db: sqlite3.Connection, kind: str, since_day: int, before_day: int) -> Sequence[Row]:
    """Sum up each job, node, cause or test from a day on, and what failed from another day on until then."""
    given = {"kind": kind, "since_day": since_day, "before_day": before_day}
    return [Row(*row) for row in db.execute(SUMS, given).fetchall()]


def days(db: sqlite3.Connection, kind: str, since_day: int) -> Sequence[tuple[str, str, int, int]]:
    """Count on each day from one on how often each job, node, cause or test failed: server, name, day, how often."""
    return db.execute(DAYS, {"kind": kind, "since_day": since_day}).fetchall()


def wheres(db: sqlite3.Connection, kind: str, since_day: int, at_least: int = 1) -> Sequence[Where]:
    """List in which jobs a cause or test failed by itself from a day on; of nodes, in which jobs they ran, and failed.

    Arguments:
        at_least: how often it must have failed there, since that is counted.
    """
    given = {"kind": kind, "since_s": float(since_day * DAY_S), "at_least": at_least}
    return db.execute(PLACES, given).fetchall()


def nodes_of_job(db: sqlite3.Connection, server: str, job: str, since_day: int) -> Sequence[Row]:
    """Sum up a job by node."""
    given = {"server": server, "job": job, "since_s": float(since_day * DAY_S)}
    found = db.execute(NODES_OF_JOB, given).fetchall()
    return [_node_row(at, node, labels, tags, runs, failed) for at, node, labels, tags, runs, failed in found]


def nodes_of_cause(db: sqlite3.Connection, cause: str, since_day: int) -> Sequence[tuple[Row, str]]:
    """Sum up the failures of a cause, whether they were by themselves or not, by node and job."""
    found = db.execute(NODES_OF_CAUSE, {"cause": cause, "since_s": float(since_day * DAY_S)}).fetchall()
    return [(_node_row(at, node, labels, tags, failed, failed), job) for at, node, labels, tags, job, failed in found]


def _node_row(server: str, node: str, labels: str, tags: str, runs: int, failed: int) -> Row:
    return Row(server, node, detail_of(labels, tags), runs, failed, 0, 0, 0, 0.0)


def detail_of(labels: str, tags: str) -> str:
    return f"[{labels},{tags}]"


def day_of(at_s: float) -> int:
    return int(at_s // DAY_S)


def count(db: sqlite3.Connection, row: dict[str, Any], tests: Sequence[str]) -> None:
    """Count a fact that was just written, with what it says of others: it may show that they were flaky.

    Arguments:
        row: the fact's, complete.
        tests: those that failed.
    """
    if row["cell"]:
        for whole in map(Counted._make, db.execute(WHOLE, row).fetchall()):
            _mark(db, whole, whole._replace(counts=0))
            _count(db, whole, whole._replace(counts=0))
    if not row["counts"]:
        return
    is_whole = not row["cell"] and db.execute(HAS_CELLS, row).fetchone() is not None
    written = Counted(*(row[name] for name in Counted._fields))
    now = written._replace(counts=int(not is_whole))
    others = list(map(Counted._make, db.execute(SAME_COMMIT, row).fetchmany(MOST_OTHERS))) if row["sha"] else []
    others = [other for other in others if other.id != now.id and (other.is_bad or other.result == Result.SUCCESS)]
    if now.is_bad:
        flaky = any(not other.is_bad for other in others)
        again = flaky or any(other.ended > now.ended for other in others)
        now = now._replace(flaky=int(flaky), again=int(again))
    _mark(db, written, now)
    _count(db, written._replace(counts=0), now, tests)
    for other in others:
        if other.is_bad:
            was_flaky = bool(other.flaky or not now.is_bad)
            was_again = bool(other.again or was_flaky or now.ended > other.ended)
            then = other._replace(flaky=int(was_flaky), again=int(was_again))
            _mark(db, other, then)
            _count(db, other, then)


def purge(db: sqlite3.Connection, day: int) -> int:
    """Forget what was counted before a day, and where nothing was since; tell how many rows."""
    forgotten = 0
    for kind in KINDS:
        forgotten += db.execute(PURGE, {"kind": kind, "day": day}).rowcount
        forgotten += db.execute(PURGE_PLACES, {"kind": kind, "before_s": float(day * DAY_S)}).rowcount
    return forgotten


def counts(result: Result | None) -> bool:
    """Tell whether a build with this result is counted, unless it is a matrix build with cells."""
    return result in (*BAD, Result.SUCCESS)


def _mark(db: sqlite3.Connection, old: Counted, new: Counted) -> None:
    if old != new:
        marks = {"new_counts": new.counts, "new_flaky": new.flaky, "new_again": new.again}
        db.execute(MARK, {"the_id": new.id} | marks)


def _count(db: sqlite3.Connection, old: Counted, new: Counted, tests: Sequence[str] | None = None) -> None:
    """Add what changes when a fact becomes another; `tests` are looked up unless they are told."""
    if old == new or not (old.counts or new.counts):
        return
    added = _sums(new).less(_sums(old))
    _add(db, new, "job", new.server, [new.job], added)
    if new.node:
        detail = detail_of(new.labels, new.tags)
        _add(db, new, "node", new.server, [new.node], added, detail)
    if new.cause and any(added._replace(runs=0)):
        _add(db, new, "cause", "", [new.cause], added._replace(runs=0))
    of_tests = _sums(new, of_test=True).less(_sums(old, of_test=True))._replace(runs=0)
    if any(of_tests):
        known = [name for (name,) in db.execute(TESTS, {"fact_id": new.id}).fetchall()] if tests is None else tests
        if len(known) <= MOST_TESTS:
            _add(db, new, "test", "", known, of_tests)


def _add(
    db: sqlite3.Connection, one: Counted, kind: str, server: str, names: Iterable[str], added: Sums, detail: str = ""
) -> None:
    day, last_s = day_of(one.finished_s), one.finished_s if added.failed > 0 else 0.0
    fixed = {"kind": kind, "day": day, "server": server, "detail": detail, "last_s": last_s} | added._asdict()
    names = list(names)
    db.executemany(ADD, [fixed | {"name": name} for name in names])
    if kind != "job":
        where = {"kind": kind, "server": one.server, "job": one.job, "failed": added.failed}
        where["last_s"] = one.finished_s if kind == "node" else last_s
        db.executemany(ADD_PLACE, [where | {"name": name} for name in names])


def _sums(one: Counted, *, of_test: bool = False) -> Sums:
    """Tell what a fact adds, of its tests only if they and nothing around them may have failed by itself."""
    if not one.counts:
        return Sums()
    kinds = (Kind.FLAKY_TEST,) if of_test else BY_ITSELF
    failed = int(one.is_bad and bool(one.flaky or one.kind in kinds))
    return Sums(1, failed, failed and one.again, failed and one.flaky)
