"""What is asked of the facts on disk about a build: what came before it, and what failed as it did."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, literal_column, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from bot.fact_rows import BY_REQUEST, FACT, SAME, load
from bot.facts import Diagnosis, Fact
from bot.schema import facts, sql
from bot.values import PullRef, Result

MOST_SAME = 500

_f = facts.c


def _is(name: str, value: str) -> ColumnElement[bool]:
    """Compare with a value that stands in the text: SQLite takes a partial index only where it can see the value."""
    return _f[name] == literal_column(value)


# Numbers tell apart what ended at one time; those of a job that was deleted begin again, and then its time is later.
_ENDED = tuple_(_f.finished_s, _f.number, _f.id)
_EARLIER = tuple_(bindparam("finished_s"), bindparam("number"), bindparam("id"))
_NEWEST_FIRST = (_f.finished_s.desc(), _f.number.desc(), _f.id.desc())
_SAME_PLACE = (_f.server == bindparam("server"), _f.job == bindparam("job"), _f.cell == bindparam("cell"))
_TOLD = or_(
    *(_f.result == literal_column(f"'{result}'") for result in (Result.SUCCESS, Result.UNSTABLE, Result.FAILURE))
)
_BEFORE = (
    FACT.where(*_SAME_PLACE, _f.context == bindparam("context"), _f.chain != bindparam("chain"), _TOLD)
    .where(_f.finished_s <= bindparam("finished_s"), _ENDED < _EARLIER)
    .order_by(*_NEWEST_FIRST)
)
BEFORE_IN_PULL = sql(
    _BEFORE.where(_f.pull != literal_column("0"), _f.repo == bindparam("repo"), _f.pull == bindparam("pull"))
)
BEFORE_IN_BRANCH = sql(_BEFORE.where(_is("pull", "0"), _f.branch == bindparam("branch")))
LAST_GREEN = sql(
    FACT.where(*_SAME_PLACE, _f.branch == bindparam("branch"), _is("result", "'SUCCESS'"))
    .where(_f.finished_s <= bindparam("finished_s"), _ENDED < _EARLIER)
    .order_by(*_NEWEST_FIRST)
)
OF_PULL = sql(
    select(
        _f.request_id, _f.context, _f.server, _f.sha, func.coalesce(_f.started_s, _f.finished_s), _f.number, _f.id
    ).where(
        _f.pull != literal_column("0"),
        _f.repo == bindparam("repo"),
        _f.pull == bindparam("pull"),
        _is("cell", "''"),
    )
)
SAME_SINCE = sql(
    select(_f.request_id, func.max(_f.finished_s))
    .where(*SAME, _f.finished_s >= bindparam("since_s"))
    .group_by(_f.request_id)
    .order_by(func.max(_f.finished_s).desc(), func.max(_f.id).desc())
)
WHOLE = sql(FACT.where(_f.request_id == bindparam("request_id"), _is("cell", "''")))


def before(db: sqlite3.Connection, fact: Fact) -> Fact | None:
    """Find what ended before in the same context, cell and job, of the same pull request or branch."""
    row = db.execute(BEFORE_IN_PULL if fact.pull else BEFORE_IN_BRANCH, _about(fact)).fetchone()
    return load(db, row) if row else None


def last_green(db: sqlite3.Connection, fact: Fact) -> Fact | None:
    """Find the newest of the same job, cell and branch that passed and ended before it."""
    row = db.execute(LAST_GREEN, _about(fact)).fetchone()
    return load(db, row) if row else None


def of_pull(db: sqlite3.Connection, pull: PullRef) -> Sequence[Fact]:
    """List the newest build of each context at the commit that was built last, each followed by its cells.

    Last is what began last: a slow build of an old commit may end after all builds of the new one.
    """
    rows = db.execute(OF_PULL, {"repo": pull.repo, "pull": pull.number}).fetchall()
    rows.sort(key=lambda row: row[4:])
    newest = {(context, server): request_id for request_id, context, server, sha, *_ in rows if sha == rows[-1][3]}
    found = [db.execute(BY_REQUEST, {"request_id": newest[place]}).fetchall() for place in sorted(newest)]
    return [load(db, row) for build in found for row in build]


def same_since(db: sqlite3.Connection, diagnosis: Diagnosis, since_s: float) -> Sequence[Fact]:
    """List builds of which the whole or a cell failed as this one, the newest first."""
    given = {"same": diagnosis.same, "since_s": since_s}
    keys = [key for key, _ in db.execute(SAME_SINCE, given).fetchmany(MOST_SAME)]
    found = [db.execute(WHOLE, {"request_id": key}).fetchone() for key in keys]
    return [load(db, row) for row in found if row]


def _about(fact: Fact) -> dict[str, Any]:
    return {
        "id": fact.id,
        "server": fact.build.job.server,
        "job": fact.build.job.full_name,
        "number": fact.build.number,
        "cell": fact.cell,
        "context": fact.context,
        "branch": fact.branch,
        "repo": fact.repo,
        "pull": fact.pull.number if fact.pull else 0,
        "chain": fact.chain or fact.request_id,
        "finished_s": fact.finished_at.timestamp() if fact.finished_at else 0.0,
    }
