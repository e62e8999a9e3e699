"""Logs that are kept: files without secrets, compressed, beside the database, and the rows that tell whose they are."""

import gzip
import logging
import os
import sqlite3
import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.database import Database
from bot.facts import LogLines
from bot.schema import kept_logs, sql
from bot.settings import DiagnosisSettings
from bot.values import JobRef

CHUNK_BYTES = 64 << 10
MB = 1 << 20
_BEGIN, _END = "[... lines ", " of this log are not kept ...]"

INSERT = sql(upsert(kept_logs).on_conflict_do_nothing())
ALL = sql(select(kept_logs).order_by(kept_logs.c.kept_s))
DELETE = sql(delete(kept_logs).where(kept_logs.c.fact_id == bindparam("the_id")))
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptLog:
    """A log that is kept, in the order of the table's columns."""

    fact_id: int
    server: str
    job: str
    is_green: bool
    file: str
    stored_bytes: int
    lines: int
    kept_s: float

    @property
    def job_ref(self) -> JobRef:
        return JobRef(self.server, self.job)


class KeptLogs:
    """The folder of kept logs; what there is of it is known in memory too, so that any thread may ask.

    Arguments:
        folder: it is made if it is not there.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self.folder = folder
        self._known: dict[int, KeptLog] = {}  # by fact; the oldest first
        self._turn = threading.Lock()

    async def load(self) -> None:
        """Learn what there is; files that no row knows go, and rows without their files.

        Raises:
            OSError: the folder cannot be read or made.
            StorageError: the rows cannot be read or written.
        """
        self._make_folder()
        there = {entry.name for entry in os.scandir(self.folder)}
        rows = await self._database.read(lambda db: db.execute(ALL).fetchall())
        found = [KeptLog(id_, server, job, bool(green), *rest) for id_, server, job, green, *rest in rows]
        with self._turn:
            self._known = {one.fact_id: one for one in found if one.file in there}
        for name in there - {one.file for one in found}:
            (self.folder / name).unlink(missing_ok=True)
        await self._forget([one for one in found if one.file not in there])

    def list(self, *, is_green: bool | None = None, job: JobRef | None = None, at_most: int = 0) -> Sequence[KeptLog]:
        """List logs, the newest first.

        Arguments:
            is_green: only those of builds that passed, or did not.
            at_most: how many; 0 for all.
        """
        with self._turn:
            known = [*self._known.values()]
        found = [
            one for one in reversed(known) if is_green in (None, one.is_green) and (job is None or one.job_ref == job)
        ]
        return found[:at_most] if at_most else found

    def get(self, fact_id: int) -> KeptLog | None:
        with self._turn:
            return self._known.get(fact_id)

    def size(self) -> int:
        """Tell how many bytes all logs take."""
        with self._turn:
            return sum(one.stored_bytes for one in self._known.values())

    def chunks(self, fact_id: int) -> Iterator[bytes]:
        """Read a log in pieces; nothing of one that is not kept, or not any more."""
        kept = self.get(fact_id)
        if kept is None:
            return
        try:
            with gzip.open(self.folder / kept.file, "rb") as file:
                while piece := file.read(CHUNK_BYTES):
                    yield piece
        except (OSError, EOFError, zlib.error) as error:  # it was removed, or the disk has spoilt it
            log.warning("the kept log %s cannot be read to its end: %s", kept.file, error)

    def lines(self, fact_id: int, *, around: int | None, at_most: int) -> LogLines | None:
        """Read some lines: the last ones, or those around one; None if the log is not kept."""
        kept = self.get(fact_id)
        if kept is None or not (self.folder / kept.file).exists():
            return None
        if around is None:
            last = deque(_numbered(self.chunks(fact_id)), maxlen=at_most)
            return _as_lines(last, kept.lines)
        first = max(1, around - at_most // 2)
        near = [one for one in _numbered(self.chunks(fact_id)) if first <= one[0] < first + at_most]
        return _as_lines(near, kept.lines)

    def write(self, fact_id: int, lines: Iterable[str]) -> tuple[str, int]:
        """Write the file of a log, whole or not at all; tell its name and size. It counts once it was added.

        Nothing of it stays where the lines end with an error.

        Raises:
            OSError: it cannot be written.
        """
        name = f"{fact_id}.gz"
        draft = self.folder / f".{name}"
        self._make_folder()  # somebody may have removed it to make room
        try:
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as file:
                for line in lines:
                    file.write(f"{line}\n".encode("utf-8", "replace"))
            size = draft.stat().st_size
            draft.replace(self.folder / name)
        finally:
            draft.unlink(missing_ok=True)
        return name, size

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def add(self, kept: KeptLog, settings: DiagnosisSettings) -> None:
        """Take a log in whose file was written, and let go of those that are too many or too old.

        Raises:
            StorageError: the disk refuses.
        """
        with self._turn:
            self._known.pop(kept.fact_id, None)
            self._known[kept.fact_id] = kept
        surplus = self.surplus(settings)

        def write(db: sqlite3.Connection) -> None:
            db.execute(INSERT, {name: getattr(kept, name) for name in kept.__slots__})
            _delete(db, surplus)

        await self._database.write(write)
        self._remove(surplus)

    async def trim(self, settings: DiagnosisSettings) -> int:
        """Let go of logs that are too many, or too large together; tell how many went."""
        surplus = self.surplus(settings)
        await self._forget(surplus)
        self._remove(surplus)
        return len(surplus)

    def surplus(self, settings: DiagnosisSettings) -> Sequence[KeptLog]:
        """List what is more than may be kept: of each job and colour, and then of all, the oldest."""
        counts: dict[tuple[str, str, bool], int] = {}
        surplus, size = [], 0
        for one in self.list():
            of_kind = counts[one.server, one.job, one.is_green] = counts.get((one.server, one.job, one.is_green), 0) + 1
            is_one_more = of_kind > (settings.green_logs if one.is_green else settings.red_logs)
            if is_one_more or size + one.stored_bytes > settings.logs_max_mb * MB:
                surplus.append(one)
            else:
                size += one.stored_bytes
        return surplus

    async def _forget(self, gone: Sequence[KeptLog]) -> None:
        if gone:
            await self._database.write(lambda db: _delete(db, gone))

    def _remove(self, gone: Sequence[KeptLog]) -> None:
        for one in gone:
            with self._turn:
                self._known.pop(one.fact_id, None)
            (self.folder / one.file).unlink(missing_ok=True)


def gap_line(first: int, last: int) -> str:
    """Write the line that stands for lines that are not kept."""
    return f"{_BEGIN}{first} to {last}{_END}"


def _delete(db: sqlite3.Connection, gone: Sequence[KeptLog]) -> None:
    for one in gone:
        db.execute(DELETE, {"the_id": one.fact_id})


def _numbered(chunks: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Number the lines of a kept log as those of the log itself."""
    number, rest = 1, b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for raw in whole:
            line = raw.decode("utf-8", "replace")
            yield number, line
            number = _after_gap(line) or number + 1


def _after_gap(line: str) -> int | None:
    """Tell the number of the line that follows a gap; None if this is none."""
    if not (line.startswith(_BEGIN) and line.endswith(_END)):
        return None
    last = line.removeprefix(_BEGIN).removesuffix(_END).partition(" to ")[2]
    return int(last) + 1 if last.isascii() and last.isdigit() and len(last) < 16 else None


def _as_lines(numbered: Sequence[tuple[int, str]] | deque[tuple[int, str]], of: int) -> LogLines:
    return LogLines(numbered[0][0] if numbered else 1, tuple(line for _, line in numbered), of)
