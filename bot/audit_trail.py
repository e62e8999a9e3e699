"""`gordon audit verify`: whether the audit trail is as it was written, and which record is the first that is not.

Each record holds its number, its time, its short id and the hash of the one before it; the hash beside it is over that
hash and all of the record. So every column of a row is told by the record a second time, and every record by the next.
Who cuts off the newest ones, or writes all of them anew, leaves a chain that is whole: against that there is an anchor,
the number and hash of a record that were noted where they could not be changed.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select

from bot.audit import chained
from bot.errors import ConfigError, StorageError, shown
from bot.progress import following
from bot.schema import audit, sql
from bot.state_file import database_of, opened, refuse_newer

TOUCHED = "the audit trail is not as it was written"
ANCHOR = re.compile(r"([1-9][0-9]{0,18}):([0-9a-f]{64})")
COARSE = re.compile(r"\.\d{3}(?!\d)")  # a time to the millisecond
# Gordon makes none: what would write by itself.
_FOREIGN = "SELECT name FROM sqlite_master WHERE type = 'trigger' LIMIT 1"
# Else a number may be there twice, or be none, and no read by number sees such a row.
_IS_NUMBERED = "SELECT 1 FROM pragma_table_info('audit') WHERE name = 'seq' AND type = 'INTEGER' AND pk = 1"
AT_ONCE = 1000  # rows of one read, which holds up no checkpoint of a Gordon that runs
_SIZE = sql(select(func.max(audit.c.seq)))
_NEXT = sql(
    select(audit.c.seq, audit.c.at_s, audit.c.short_id, audit.c.record, audit.c.hash)
    .where(audit.c.seq > bindparam("after"))
    .order_by(audit.c.seq)
    .limit(bindparam("at_once"))
    .offset(bindparam("skip"))
)


class Tampered(StorageError):
    """The audit trail is not as it was written; the text names the first record that shows it."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A record, by what nobody can forge: its number, and the hash over it and all before it."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail that is whole.

    Arguments:
        since, until: when its first and its last record were made, as they say it.
        head: its last record; None if there is none at all.
    """

    count: int = 0
    since: str = ""
    until: str = ""
    head: Anchor | None = None

    def __str__(self) -> str:
        if self.head is None:
            return "no records"
        records = "1 record" if self.count == 1 else f"{self.count} records"
        return f"{records}, from {self.since} to {self.until}, head {self.head}"


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as it stands, and what its record says of it."""

    told: dict[str, Any]
    seq: int
    at_s: Any
    short_id: Any
    record: Any
    hash: Any

    def __str__(self) -> str:
        known = [shown(str(self.told[key])) for key in ("utc", "id") if self.told.get(key)]
        return f"record {self.seq} ({', '.join(known)})" if known else f"record {self.seq}"

    @property
    def fits(self) -> bool:
        """Tell whether its hash is that of its record, wherever it stands."""
        before = self.told.get("prev_hash", "")
        return isinstance(before, str) and isinstance(self.record, str) and self.hash == chained(before, self.record)


def verify(config: Path, after: str = "") -> int:
    """Say whether the audit trail is whole; return the exit status.

    Arguments:
        after: an anchor that was noted elsewhere, "SEQ:HASH"; empty for none.

    Raises:
        ConfigError: the anchor is none.
        Tampered: the trail is not as it was written.
        StorageError: it cannot be read.
    """
    anchor = read_anchor(after) if after else None
    path = database_of(config)
    with opened(path) as db:
        refuse_newer(path, db)
        with following("records", records_of(db)) as advance:
            trail = read_trail(db, anchor, advance)
    print(f"the audit trail is whole: {trail}")
    return 0


def read_anchor(text: str) -> Anchor:
    """Read "SEQ:HASH".

    Raises:
        ConfigError: it is none.
    """
    found = ANCHOR.fullmatch(text.strip())
    if found is None:
        told = "as `gordon backup`, `gordon audit verify` and the log tell it"
        raise ConfigError((f"{shown(text)}: must be SEQ:HASH, the number and the hash of a record, {told}",))
    return Anchor(int(found[1]), found[2])


def records_of(db: sqlite3.Connection) -> int:
    """Tell about how many records there are, for who watches."""
    last = db.execute(_SIZE).fetchone()[0]
    return last if isinstance(last, int) else 0


def read_trail(
    db: sqlite3.Connection, anchor: Anchor | None = None, advance: Callable[[float], None] = lambda more: None
) -> Trail:
    """Read the whole trail, a few rows at a time.

    Arguments:
        anchor: a record that must be in it.
        advance: told how many records were read since it was told last.

    Raises:
        Tampered: it is not as it was written.
    """
    if foreign := db.execute(_FOREIGN).fetchone():
        raise Tampered(f"{TOUCHED}: the trigger {shown(str(foreign[0]))} is none of Gordon's")
    if not db.execute(_IS_NUMBERED).fetchone():
        raise Tampered(f"{TOUCHED}: something else stands in the place of its table")
    count, since, last = 0, "", None
    for row in _rows(db, advance):
        if wrong := _wrong(row, last):
            raise Tampered(f"{TOUCHED}: {wrong}")
        if anchor is not None and row.seq == anchor.seq and row.hash != anchor.hash:
            raise Tampered(f"the audit trail was written anew: {row} is not the one that was noted")
        count, since, last = count + 1, since or row.told["utc"], row
    if anchor is not None and anchor.seq > count:
        raise Tampered(f"the audit trail was cut off: it ends with {last or 'nothing'}, and {anchor.seq} was there")
    return Trail(count, since, last.told["utc"], Anchor(last.seq, last.hash)) if last is not None else Trail()


def _rows(db: sqlite3.Connection, advance: Callable[[float], None]) -> Iterator[_Row]:
    db.text_factory = lambda given: given.decode("utf-8", "surrogateescape")  # what is no text is a finding as well
    after = -(2**63)  # a number below the first is one that somebody gave
    while rows := db.execute(_NEXT, {"after": after, "at_once": AT_ONCE, "skip": 0}).fetchall():
        yield from (_Row(_told(row[3]), *row) for row in rows)
        advance(len(rows))
        after = rows[-1][0]


def _told(record: object) -> dict[str, Any]:
    try:
        told = msgspec.json.decode(record) if isinstance(record, str) else None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        told = None
    return told if isinstance(told, dict) else {}


def _wrong(row: _Row, last: _Row | None) -> str:
    """Say what shows that a row is not as it was written, or the one before it; empty if nothing does."""
    expected, before = (last.seq + 1, last.hash) if last is not None else (1, "")
    if row.seq < 1:
        return f"{row} was added or moved there, as the first one has the number 1"
    if row.fits and row.told.get("seq") != row.seq:
        return f"in the place of record {row.seq} stands what was written as {shown(str(row.told.get('seq')))} ({row})"
    if row.seq != expected:
        gone = f"record {expected} is" if row.seq == expected + 1 else f"records {expected} to {row.seq - 1} are"
        return f"{gone} gone; {row} is the next that is there"
    if not row.fits:
        return f"{row} was changed"
    if row.told.get("prev_hash", "") != before:
        return f"{last} was changed or put there, as {row} was not written after it"
    if row.short_id != row.told.get("id", ""):
        return f"the short id of {row} was changed to {shown(str(row.short_id))}"
    return "" if _is_moment(row.at_s, row.told.get("utc")) else f"the time of {row} was changed to {row.at_s!r}"


def _is_moment(at_s: object, utc: object) -> bool:
    """Tell whether a column is the moment of its record, which was written to the millisecond once."""
    if not isinstance(at_s, float) or not isinstance(utc, str):
        return False
    try:
        if COARSE.search(utc):
            return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds") == utc
        return datetime.fromisoformat(utc).timestamp() == at_s
    except (ValueError, OverflowError, OSError):
        return False
