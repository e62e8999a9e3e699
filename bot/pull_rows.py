"""The rows of pull requests, of deliveries that were taken in, and of when a repository was compared."""

import sqlite3
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bot import codec
from bot.pull_news import Known
from bot.schema import compared, hook_deliveries, pulls, sql
from bot.values import Pull, PullRef

_pull = pulls.c
NAMES = tuple(column.name for column in pulls.columns)
_put = upsert(pulls)
PUT = sql(
    _put.on_conflict_do_update(
        index_elements=["repo", "number"],
        set_={column.name: _put.excluded[column.name] for column in pulls.columns if not column.primary_key},
    )
)
_ALL = select(pulls).where(_pull.repo == bindparam("repo"))
ONE = sql(_ALL.where(_pull.number == bindparam("number")))
OPEN = sql(_ALL.where(_pull.is_open == bindparam("is_open")).order_by(_pull.number))
PUT_SINCE = sql(
    update(pulls)
    .where(_pull.repo == bindparam("the_repo"), _pull.number == bindparam("the_number"))
    .values(head_since_s=bindparam("since_s"), head_told_s=bindparam("told_s"))
)
NOTE = sql(upsert(hook_deliveries).on_conflict_do_nothing())
NOTED = sql(select(hook_deliveries.c.guid).where(hook_deliveries.c.guid == bindparam("guid")))
PURGE = sql(delete(hook_deliveries).where(hook_deliveries.c.at_s < bindparam("before_s")))
_compared = upsert(compared)
PUT_COMPARED = sql(_compared.on_conflict_do_update(index_elements=["repo"], set_={"at_s": _compared.excluded["at_s"]}))
COMPARED = sql(select(compared.c.at_s).where(compared.c.repo == bindparam("repo")))


def known(db: sqlite3.Connection, ref: PullRef) -> Known | None:
    """Read how a pull request is known."""
    row = db.execute(ONE, {"repo": ref.repo.lower(), "number": ref.number}).fetchone()
    return _known(ref.repo, row) if row else None


def open_pulls(db: sqlite3.Connection, repo: str) -> Mapping[int, Known]:
    """Read the pull requests of a repository that are known as open, by number."""
    rows = db.execute(OPEN, {"repo": repo.lower(), "is_open": True}).fetchall()
    return {row[1]: _known(repo, row) for row in rows}


def put(
    db: sqlite3.Connection,
    pull: Pull,
    serial: int,
    seen_s: float,
    head_since_s: float | None = None,
    head_told_s: float | None = None,
) -> None:
    """Write how a pull request is known from now on."""
    values: dict[str, Any] = {
        "repo": pull.ref.repo.lower(),
        "number": pull.ref.number,
        "is_open": pull.is_open,
        "merged": pull.merged,
        "draft": pull.draft,
        "head": pull.head,
        "base": pull.base,
        "title": pull.title,
        "labels": codec.dump(pull.labels),
        "author": pull.author,
        "author_id": pull.author_id,
        "head_repo": pull.head_repo,
        "url": pull.url,
        "updated_s": pull.updated_at.timestamp() if pull.updated_at else None,
        "serial": serial,
        "seen_s": seen_s,
        "head_since_s": head_since_s,
        "head_told_s": head_told_s,
    }
    db.execute(PUT, values)


def put_head_since(db: sqlite3.Connection, ref: PullRef, since_s: float | None, told_s: float | None) -> None:
    """Write since when the head of a pull request has been there, which changes nothing else of it."""
    given = {"the_repo": ref.repo.lower(), "the_number": ref.number, "since_s": since_s, "told_s": told_s}
    db.execute(PUT_SINCE, given)


def note(db: sqlite3.Connection, guid: str, name: str, at_s: float) -> bool:
    """Note that a delivery was taken in; tell whether it is the first of its name."""
    return bool(db.execute(NOTE, {"guid": guid, "name": name, "at_s": at_s}).rowcount)


def unnoted(db: sqlite3.Connection, guids: Collection[str]) -> Collection[str]:
    """Tell which deliveries were not taken in."""
    return {guid for guid in guids if not db.execute(NOTED, {"guid": guid}).fetchone()}


def purge(db: sqlite3.Connection, before_s: float) -> int:
    """Forget which deliveries were taken in before."""
    return db.execute(PURGE, {"before_s": before_s}).rowcount


def put_compared(db: sqlite3.Connection, repo: str, at_s: float) -> None:
    """Write when a repository was compared."""
    db.execute(PUT_COMPARED, {"repo": repo.lower(), "at_s": at_s})


def compared_s(db: sqlite3.Connection, repo: str) -> float | None:
    """Tell when a repository was compared last; None if it never was."""
    row = db.execute(COMPARED, {"repo": repo.lower()}).fetchone()
    return float(row[0]) if row else None


def _known(repo: str, row: Any) -> Known:
    named = dict(zip(NAMES, row, strict=True))
    updated_s = named["updated_s"]
    pull = Pull(
        PullRef(repo, named["number"]),
        named["title"],
        named["author"],
        named["author_id"],
        named["head"],
        named["base"],
        named["head_repo"],
        named["url"],
        is_open=bool(named["is_open"]),
        draft=bool(named["draft"]),
        labels=tuple(codec.load(named["labels"])),
        merged=bool(named["merged"]),
        updated_at=None if updated_s is None else datetime.fromtimestamp(updated_s, UTC),
    )
    return Known(pull, named["serial"], named["head_since_s"], named["head_told_s"])
