"""The rows of commits that somebody has found ok to test: at most one for each pull request, until it has another."""

import sqlite3
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, exists, literal_column, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.schema import pulls, sql, trusted
from bot.values import PullRef

_c = trusted.c
_put = upsert(trusted)
PUT = sql(
    _put.on_conflict_do_update(
        index_elements=["repo", "pull"],
        set_={column.name: _put.excluded[column.name] for column in trusted.columns if not column.primary_key},
    )
)
_one = (_c.repo == bindparam("repo"), _c.pull == bindparam("number"))
GET = sql(select(trusted).where(*_one))
FORGET = sql(delete(trusted).where(*_one))
# Of a pull request that is open it counts however old it is.
PURGE = sql(
    delete(trusted).where(
        _c.at_s < bindparam("before_s"),
        ~exists().where(pulls.c.repo == _c.repo, pulls.c.number == _c.pull, pulls.c.is_open == literal_column("1")),
    )
)


@dataclass(frozen=True, slots=True)
class TrustRow:
    """That somebody has found a commit ok to test, in the order of the table's columns.

    Arguments:
        base: the branch that it was to be merged into then.
        updated_s: when the pull request had changed last, by the forge's clock; a push after that voids the trust.
    """

    repo: str
    pull: int
    sha: str
    base: str
    person: str
    at_s: float
    updated_s: float


def get(db: sqlite3.Connection, ref: PullRef) -> TrustRow | None:
    """Read what was trusted of a pull request last."""
    row = db.execute(GET, _of(ref)).fetchone()
    return TrustRow(*row) if row else None


def put(db: sqlite3.Connection, row: TrustRow) -> None:
    """Write what is trusted of a pull request from now on."""
    db.execute(PUT, {name: getattr(row, name) for name in row.__slots__} | {"repo": row.repo.lower()})


def forget(db: sqlite3.Connection, ref: PullRef) -> bool:
    """Trust nothing of a pull request any more; tell whether anything was."""
    return bool(db.execute(FORGET, _of(ref)).rowcount)


def purge(db: sqlite3.Connection, before_s: float) -> int:
    """Forget what was trusted before of pull requests that are not open any more; tell how many."""
    return db.execute(PURGE, {"before_s": before_s}).rowcount


def _of(ref: PullRef) -> dict[str, str | int]:
    return {"repo": ref.repo.lower(), "number": ref.number}
