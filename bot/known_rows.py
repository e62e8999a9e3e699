"""What people have added to the catalogue in chat, and the failures that nothing in it explains, on disk."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.clusters import Unexplained
from bot.database import Database
from bot.facts import KnownCause
from bot.schema import UNEXPLAINED, evidence, facts, known, sql
from bot.values import BuildRef, JobRef, Result

MAX_FAILURES = 10_000  # the newest ones; so many are put together in less than a second

_k, _f, _e = known.c, facts.c, evidence.c
ALL = sql(select(_k.body).order_by(_k.at_s, _k.id))
ONE = sql(select(_k.body).where(_k.id == bindparam("id")))
ADD = sql(upsert(known).on_conflict_do_nothing())
REMOVE = sql(delete(known).where(_k.id == bindparam("the_id")))
FAILURES = sql(
    select(_f.server, _f.job, _f.number, _f.fingerprint, _f.cause, _f.finished_s, _e.text)
    .join(evidence, _e.fact_id == _f.id)
    .where(
        UNEXPLAINED,
        _f.finished_s >= bindparam("since_s"),
        or_(_f.result == bindparam("failure"), _f.result == bindparam("unstable")),
        _f.fingerprint != bindparam("no_print"),
    )
    .order_by(_f.finished_s.desc())
    .limit(bindparam("most"))
    .offset(bindparam("skip"))
)
GIVEN = {
    "no_print": "",
    "failure": Result.FAILURE.value,
    "unstable": Result.UNSTABLE.value,
    "most": MAX_FAILURES,
    "skip": 0,
}


class KnownRows:
    """Reads and writes signatures of people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, db: sqlite3.Connection) -> Sequence[KnownCause]:
        """List what was added and not removed, the oldest first."""
        return [msgspec.json.decode(body, type=KnownCause) for (body,) in db.execute(ALL)]

    def add(self, db: sqlite3.Connection, cause: KnownCause, now_s: float) -> KnownCause:
        """Add a signature unless its id is there already; tell what stands there now."""
        row = {
            "id": cause.id,
            "body": msgspec.json.encode(cause).decode(),
            "person": cause.origin,
            "is_unproven": int(cause.is_unproven),
            "at_s": now_s,
        }
        db.execute(ADD, row)
        body = db.execute(ONE, {"id": cause.id}).fetchone()[0]
        return msgspec.json.decode(body, type=KnownCause)

    def remove(self, db: sqlite3.Connection, cause_id: str) -> bool:
        """Forget a signature; False if there is none."""
        return bool(db.execute(REMOVE, {"the_id": cause_id}).rowcount)

    async def unexplained(self, since: datetime, signatures: frozenset[str]) -> Sequence[Unexplained]:
        """List builds that failed for no known cause, the newest first.

        Arguments:
            signatures: the ids of all that is known; a cause beside them is but the shape of a line.
        """
        given = GIVEN | {"since_s": since.timestamp()}
        rows = await self._database.read(lambda db: db.execute(FAILURES, given).fetchall())
        return [
            Unexplained(BuildRef(JobRef(server, job), number), fingerprint, text, datetime.fromtimestamp(at_s, UTC))
            for server, job, number, fingerprint, cause, at_s, text in rows
            if cause not in signatures
        ]
