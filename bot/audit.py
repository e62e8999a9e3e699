"""The audit trail: every command, refusal and effect, append-only, chained by hashes, without secrets.

The fields are those of the permission model: who said what where by which proof, what was decided by which rule, and
what came of it outside.
"""

import contextlib
import hashlib
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, select

from bot import __version__
from bot.clock import Clock
from bot.database import Database
from bot.errors import StorageError
from bot.events import CommandGiven
from bot.schema import audit, sql
from bot.secret import redact
from bot.values import Place, Speaker

_LAST = sql(
    select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(bindparam("count")).offset(bindparam("skip"))
)
_APPEND = sql(insert(audit))
_NEWEST = sql(select(audit.c.record).order_by(audit.c.seq.desc()).limit(bindparam("count")).offset(bindparam("skip")))
_BY_ID = sql(
    select(audit.c.record)
    .where(audit.c.short_id == bindparam("short_id"))
    .order_by(audit.c.seq.desc())
    .limit(bindparam("count"))
    .offset(bindparam("skip"))
)
ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # without those that people misread
ID_CHARS = 4
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One thing that was asked, decided or done; `id` is the short id that people are told."""

    id: str
    surface: str = ""
    tenant: str = ""
    account_id: str = ""
    shown_name: str = ""
    evidence: str = ""
    person: str = ""
    role: str = ""
    channel: str = ""
    message_id: str = ""
    text_redacted: str = ""
    text_sha256: str = ""
    command: str = ""
    args: str = ""
    repo: str = ""
    pr: int | None = None
    head_sha: str = ""
    base_ref: str = ""
    job: str = ""
    params_redacted: Mapping[str, str] | None = None
    decision: str = ""
    rule: str = ""
    confirm_by: str = ""
    idem_key: str = ""
    attempt: int = 0
    effect: str = ""
    external_id: str = ""
    result: str = ""
    error_class: str = ""
    latency_ms: float | None = None


class Audit:
    """Appends to the trail and reads from it.

    Arguments:
        policy: tells which people and roles are in force.
    """

    def __init__(self, database: Database, clock: Clock, instance: str, policy: Callable[[], str]) -> None:
        self._database = database
        self._clock = clock
        self._instance = instance
        self._policy = policy

    def append(self, record: AuditRecord) -> None:
        """Append without waiting for the disk; for what changes nothing."""
        policy = self._policy()  # now: when the disk takes it, others may count
        self._database.submit(lambda db: self._append(db, record, policy), rides=True)

    def append_with(self, db: sqlite3.Connection, record: AuditRecord) -> None:
        """Append as part of a larger write, so that an effect and its record stand or fall together."""
        self._append(db, record, self._policy())

    def _append(self, db: sqlite3.Connection, record: AuditRecord, policy: str) -> None:
        now = self._clock.now()
        last = db.execute(_LAST, {"count": 1, "skip": 0}).fetchone() or (0, "")
        body: dict[str, Any] = {name: getattr(record, name) for name in record.__slots__} | {
            "args": redact(record.args),
            "rule": redact(record.rule),  # a refusal repeats what was typed
            "utc": now.isoformat(timespec="microseconds"),
            "seq": last[0] + 1,
            "prev_hash": last[1],
            "instance": self._instance,
            "version": __version__,
            "policy_hash": policy,
        }
        text = msgspec.json.encode({key: value for key, value in body.items() if value not in ("", None)}).decode()
        db.execute(
            _APPEND,
            {
                "seq": last[0] + 1,
                "at_s": now.timestamp(),
                "short_id": record.id,
                "record": text,
                "hash": chained(last[1], text),
            },
        )

    async def note_head(self) -> None:
        """Tell the log the newest record, so that whoever has it sees what is cut off or written anew later.

        Raises:
            StorageError: the disk cannot be read.
        """
        await self._take_to_disk()
        last = await self._database.read(lambda db: db.execute(_LAST, {"count": 1, "skip": 0}).fetchone())
        if last:
            log.info("the audit trail: head %d:%s", *last)

    async def newest(self, at_most: int, short_id: str = "") -> Sequence[Mapping[str, Any]]:
        """Read records, newest first, all or those of one short id; what was appended before is among them."""
        await self._take_to_disk()
        statement = _BY_ID if short_id else _NEWEST
        given = {"count": at_most, "skip": 0} | ({"short_id": short_id} if short_id else {})
        rows = await self._database.read(lambda db: db.execute(statement, given).fetchall())
        return [msgspec.json.decode(row[0]) for row in rows]

    async def _take_to_disk(self) -> None:
        with contextlib.suppress(StorageError):  # a full disk can still be read
            await self._database.write(lambda db: None)


def chained(before: str, record: str) -> str:
    """Make the hash that stands beside a record.

    Arguments:
        before: that of the record before it; empty for the first.
    """
    return hashlib.sha256((before + record).encode("utf-8", "surrogateescape")).hexdigest()


def short_id(event_key: str) -> str:
    """Make the id that people read from an event's key, the same after a restart."""
    number = int.from_bytes(hashlib.blake2s(event_key.encode(), digest_size=8).digest())
    letters = []
    for _ in range(ID_CHARS):
        number, index = divmod(number, len(ID_LETTERS))
        letters.append(ID_LETTERS[index])
    return "".join(letters)


def of_command(
    key: str, text: str, speaker: Speaker, place: Place, *, command: str, decision: str, **more: Any
) -> AuditRecord:
    """Make the record of something that somebody typed."""
    return AuditRecord(
        id=short_id(key),
        surface=speaker.evidence or "unproven",
        tenant=speaker.network,
        account_id=speaker.account,
        shown_name=speaker.name,
        evidence=speaker.evidence,
        channel=place.channel,
        message_id=key,
        text_redacted=redact(text),
        text_sha256=hashlib.sha256(text.encode()).hexdigest(),
        command=command,
        decision=decision,
        idem_key=key,
        **more,
    )


def of_event(event: CommandGiven, *, decision: str, **more: Any) -> AuditRecord:
    """Make the record of a command that was accepted."""
    return of_command(
        event.key, event.text, event.speaker, event.place, command=event.command, decision=decision, **more
    )
