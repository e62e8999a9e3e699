"""What the overview reads from the disk: rows of several ledgers, each only as many as are shown."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BindParameter, bindparam, literal_column, or_, select

from bot.fact_rows import FACT, load
from bot.facts import Fact
from bot.schema import audit, builds, facts, nodes, sql
from bot.tallies import BAD
from bot.values import NodeRef, Pull

_b, _f = builds.c, facts.c
_repo: BindParameter[str] = bindparam("repo")
_pull: BindParameter[int] = bindparam("pull")
_sha: BindParameter[str] = bindparam("sha")
# A live build may tell its commit only at its end; what was lost or never sent says nothing of how a commit stands.
BUILDS_OF_HEAD = sql(
    select(_b.context, _b.state, _b.result, _b.number, _b.url)
    .where(_b.repo == _repo, _b.pull == _pull)
    .where(or_(_b.sha == _sha, _b.sha == literal_column("''")))
    .where(or_(*(_b.state == literal_column(f"'{state}'") for state in ("asked", "queued", "running", "finished"))))
    .order_by(_b.asked_s)
)
FACTS_OF_HEAD = sql(
    select(_f.context, _f.result, _f.number, _f.url)
    .where(_f.pull != literal_column("0"), _f.repo == _repo, _f.pull == _pull)
    .where(_f.sha == _sha, _f.cell == literal_column("''"))
    .order_by(_f.finished_s)
)
VERDICTS = sql(
    FACT.where(
        _f.cell == literal_column("''"), or_(*(_f.result == literal_column(f"'{bad}'") for bad in BAD))
    ).order_by(_f.finished_s.desc())
)
DOWN = sql(select(nodes.c.server, nodes.c.name, nodes.c.since_s).where(nodes.c.is_down == literal_column("1")))
TRAIL = sql(select(audit.c.record).order_by(audit.c.seq.desc()))


class Head(NamedTuple):
    """How a context stands at the head of a pull request: the state of its newest build, by the ledger's words."""

    state: str
    result: str | None
    number: int | None
    url: str


def contexts(db: sqlite3.Connection, pull: Pull) -> Mapping[str, Head]:
    """Tell how each context stands that was built at the head of a pull request."""
    given = {"repo": pull.ref.repo, "pull": pull.ref.number, "sha": pull.head}
    found = {
        context: Head("finished", result, number, url)
        for context, result, number, url in db.execute(FACTS_OF_HEAD, given)
    }
    return found | {row[0]: Head(*row[1:]) for row in db.execute(BUILDS_OF_HEAD, given)}


def verdicts(db: sqlite3.Connection, at_most: int) -> Sequence[Fact]:
    """List the builds that failed last, the newest first."""
    return [load(db, row) for row in db.execute(VERDICTS).fetchmany(at_most)]


def down_since(db: sqlite3.Connection) -> Mapping[NodeRef, datetime]:
    """Tell since when agents are seen down."""
    rows = db.execute(DOWN).fetchall()
    return {NodeRef(server, name): datetime.fromtimestamp(since_s, UTC) for server, name, since_s in rows}


def trail(db: sqlite3.Connection, at_most: int) -> Sequence[Mapping[str, Any]]:
    """List records of the audit, the newest first."""
    return [msgspec.json.decode(record) for (record,) in db.execute(TRAIL).fetchmany(at_most)]
