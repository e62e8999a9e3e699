"""The rows of the timetable: one for each entry of each plugin."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bot import codec
from bot.schema import sql, timetable
from bot.when import Entry, When

_c = timetable.c
_of_plugin, _one = _c.plugin == bindparam("plugin"), _c.name == bindparam("name")
_put = upsert(timetable)
PUT = sql(
    _put.on_conflict_do_update(
        index_elements=["plugin", "name"],
        set_={column.name: _put.excluded[column.name] for column in timetable.columns if not column.primary_key},
    )
)
ALL = sql(select(timetable).order_by(_c.plugin, _c.name))
OF_PLUGIN = sql(select(timetable).where(_of_plugin).order_by(_c.name))
GET = sql(select(timetable).where(_of_plugin, _one))
DUE = sql(select(timetable).where(_c.next_s <= bindparam("now_s")).order_by(_c.next_s))
SOONEST = sql(select(_c.plugin, func.min(_c.next_s)).group_by(_c.plugin))
COUNT = sql(select(func.count()).where(_of_plugin))
REMOVE = sql(delete(timetable).where(_of_plugin, _one, _c.is_configured == bindparam("is_configured")))
AWAY = sql(update(timetable).where(_c.plugin == bindparam("the_plugin")).values(away_s=bindparam("away_s")))
MOVE = sql(
    update(timetable)
    .where(
        _c.plugin == bindparam("the_plugin"),
        _c.name == bindparam("the_name"),
        _c.when_text == bindparam("the_when"),
        _c.next_s.is_not_distinct_from(bindparam("old_s")),
    )
    .values(next_s=bindparam("next_s"))
)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is on disk, whether its text can be read or not.

    Arguments:
        away_s: since when its plugin is not switched on any more; None if it is.
    """

    plugin: str
    name: str
    when: str
    payload: Mapping[str, Any]
    next_s: float | None
    is_configured: bool = False
    away_s: float | None = None

    @property
    def entry(self) -> Entry:
        """Read it; a UserError says that its times cannot be read any more."""
        next_at = None if self.next_s is None else datetime.fromtimestamp(self.next_s, UTC)
        return Entry(self.plugin, self.name, When.parse(self.when), self.payload, next_at, self.is_configured)


def all_of_them(db: sqlite3.Connection) -> Sequence[Row]:
    """Read all entries, by plugin and name."""
    return [_row(found) for found in db.execute(ALL).fetchall()]


def of_plugin(db: sqlite3.Connection, plugin: str) -> Sequence[Row]:
    """Read the entries of a plugin, by name."""
    return [_row(found) for found in db.execute(OF_PLUGIN, {"plugin": plugin}).fetchall()]


def get(db: sqlite3.Connection, plugin: str, name: str) -> Row | None:
    """Read one entry."""
    found = db.execute(GET, {"plugin": plugin, "name": name}).fetchone()
    return _row(found) if found else None


def due(db: sqlite3.Connection, now_s: float) -> Sequence[Row]:
    """Read the entries whose time has come, the oldest first."""
    return [_row(found) for found in db.execute(DUE, {"now_s": now_s}).fetchall()]


def soonest(db: sqlite3.Connection) -> Mapping[str, float | None]:
    """Tell when the next time of each plugin comes that has entries."""
    return dict(db.execute(SOONEST).fetchall())


def count(db: sqlite3.Connection, plugin: str) -> int:
    """Count the entries of a plugin."""
    return int(db.execute(COUNT, {"plugin": plugin}).fetchone()[0])


def put(db: sqlite3.Connection, row: Row) -> None:
    """Write an entry, in the place of the one of its name."""
    given = {"plugin": row.plugin, "name": row.name, "when_text": row.when, "payload": codec.dump(row.payload)}
    db.execute(PUT, given | {"next_s": row.next_s, "is_configured": int(row.is_configured), "away_s": row.away_s})


def remove(db: sqlite3.Connection, plugin: str, name: str, *, is_configured: bool) -> bool:
    """Take an entry out if it is of this kind; tell whether it was."""
    given = {"plugin": plugin, "name": name, "is_configured": int(is_configured)}
    return bool(db.execute(REMOVE, given).rowcount)


def set_away(db: sqlite3.Connection, plugin: str, away_s: float | None) -> None:
    """Put down since when a plugin is not switched on any more, or that it is."""
    db.execute(AWAY, {"the_plugin": plugin, "away_s": away_s})


def move(db: sqlite3.Connection, row: Row, next_s: float | None) -> bool:
    """Let another time be the next one, unless the entry has become another; tell whether it was the same."""
    given = {"the_plugin": row.plugin, "the_name": row.name, "the_when": row.when, "old_s": row.next_s}
    return bool(db.execute(MOVE, given | {"next_s": next_s}).rowcount)


def _row(found: Sequence[Any]) -> Row:
    plugin, name, when, payload, next_s, is_configured, away_s = found
    return Row(plugin, name, when, codec.load(payload), next_s, bool(is_configured), away_s)
