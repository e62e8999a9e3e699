"""The rows of accounts that people have joined to those they have: one for each account that was joined."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.linked import Link
from bot.schema import links, sql
from bot.values import Speaker

_c = links.c
_put = upsert(links)
PUT = sql(
    _put.on_conflict_do_update(
        index_elements=["network", "account"],
        set_={column.name: _put.excluded[column.name] for column in links.columns if not column.primary_key},
    )
)
ALL = sql(select(links).order_by(_c.at_s, _c.network, _c.account))
FORGET = sql(delete(links).where(_c.network == bindparam("where"), _c.account == bindparam("whose")))
SIDE = ("network", "account", "name", "evidence")


def all_of_them(db: sqlite3.Connection) -> Sequence[Link]:
    """Read all of them, the oldest first."""
    return [
        Link(_side(row[:4]), _side(row[4:8]), row[8], datetime.fromtimestamp(row[9], UTC), row[10])
        for row in db.execute(ALL).fetchall()
    ]


def put(db: sqlite3.Connection, link: Link) -> None:
    """Write one, in the place of an earlier one of its account."""
    sides = {"": link.who, "to_": link.to}
    row = {f"{side}{name}": getattr(who, name) for side, who in sides.items() for name in SIDE}
    db.execute(PUT, row | {"person": link.person, "at_s": link.at.timestamp(), "event_key": link.event_key})


def forget(db: sqlite3.Connection, link: Link) -> None:
    """Forget the one of its account."""
    db.execute(FORGET, {"where": link.who.network, "whose": link.who.account})


def _side(values: Sequence[str]) -> Speaker:
    return Speaker(**dict(zip(SIDE, values, strict=True)))
