"""What a state that was put back from a copy knows of itself: what it holds as undone may have been done since."""

import sqlite3
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from bot.schema import outbox, plugin_state, sql

DOUBT_S = 86_400.0  # what comes of a state is begun within a day of its being put back, or is asked for anew
_ours = (plugin_state.c.plugin == bindparam("core"), plugin_state.c.key == bindparam("name"))
_NAME = {"core": "", "name": "restored"}  # no plugin has this name
_FORGET = sql(delete(plugin_state).where(*_ours))
_NOTE = sql(insert(plugin_state))
_READ = sql(select(plugin_state.c.value).where(*_ours))
_MAYBE_SAID = sql(update(outbox).values(state=bindparam("sending")))


def note_restored(db: sqlite3.Connection, now: datetime) -> None:
    """Have a state know when it was put back, and have what waits to be said marked as perhaps said."""
    db.execute(_MAYBE_SAID, {"sending": "sending"})
    db.execute(_FORGET, _NAME)
    db.execute(_NOTE, {"plugin": "", "key": _NAME["name"], "value": str(now.timestamp())})


def doubted_until_s(db: sqlite3.Connection) -> float:
    """Tell until when (Unix time) an effect that this state does not know may have been done all the same."""
    row = db.execute(_READ, _NAME).fetchone()
    return float(row[0]) + DOUBT_S if row else 0.0
