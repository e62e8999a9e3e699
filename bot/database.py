"""One SQLite file: one thread writes, in groups; readers are apart; the checkpoint is nobody's wait.

Why a group: `synchronous=FULL` makes a commit durable for the price of one disk flush, which dozens of writers share.
Why a savepoint each: one writer's mistake must not undo its neighbours' work.
Why an own checkpoint thread: the automatic checkpoint runs inside somebody's commit and is the whole of its tail.
"""

import asyncio
import contextlib
import logging
import os
import queue
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bot.errors import StorageError
from bot.schema import HEAD

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]

NAME = "gordon.db"  # in the state folder
MODE = 0o640
# What is wrong with the disk, the folder or another program: nobody should put another file in the place of this one.
NOT_ITS_FAULT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
MAX_GROUP = 256
RIDE_S = 0.03  # how long a write that nobody waits for may wait for others to be written with
BUSY_S = 2.0  # how long a group waits for another program's lock; twice that is still an honest answer within 5 s
CHECKPOINT_AT_BYTES = 4 << 20
MAX_WAL_BYTES = 64 << 20
CHECKED_BELOW_BYTES = 64 << 20  # a larger file is not read through at each start
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    write: Write[Any]
    done: Future[Any] = field(default_factory=Future)
    refuse_after_s: float = float("inf")  # monotonic; an older job is refused instead of run
    rides: bool = False  # nobody waits for it
    waiting: "asyncio.Future[Any] | None" = None  # told in its own loop, as soon as all of the group are done


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the database takes, the log beside it, and what of the disk is free for us."""

    file_bytes: int
    log_bytes: int
    free_bytes: int


_Ended = tuple[_Job, Any, BaseException | None]


class Database:
    """A database that is open; `close` waits for what was handed in.

    Arguments:
        path: the file; its folder must exist.

    Attributes:
        on_committed: told the seconds that a group of writes took, from the thread that writes.

    Raises:
        StorageError: it is damaged, of a newer version, or cannot be opened; the text says what to do.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _check(path)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._handing_in = threading.Lock()
        self._closed = False
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="gordon-read")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._connection = _connect(path)
        self._once_on_disk: list[Callable[[], None]] = []
        self.on_committed: Callable[[float], None] = lambda seconds: None
        self._stop_checkpoints = threading.Event()
        self._checkpointer = threading.Thread(target=self._checkpoint, name="gordon-checkpoint", daemon=True)
        self._writer = threading.Thread(target=self._run, name="gordon-write", daemon=True)
        self._checkpointer.start()
        self._writer.start()

    async def write(self, write: Write[T], *, deadline_s: float | None = None) -> T:
        """Run a write in the next group and return its result once it is on disk; None where that is a cursor.

        Arguments:
            deadline_s: refuse instead of running if the writer reaches it later than this.

        Raises:
            StorageError: the disk is full, locked or broken; nothing of the write has happened.
        """
        job = _Job(write, waiting=asyncio.get_running_loop().create_future())
        self._hand_in(job, deadline_s)
        assert job.waiting is not None
        try:
            result: T = await job.waiting
        except asyncio.CancelledError:
            job.done.cancel()  # not begun, unless the writer has it already
            raise
        return result

    def submit(self, write: Write[T], *, deadline_s: float | None = None, rides: bool = False) -> Future[T]:
        """Hand in a write from any thread, without waiting for it.

        Arguments:
            rides: go with the next group instead of making one, so that a commit less is in others' way.
        """
        job = _Job(write, rides=rides)
        self._hand_in(job, deadline_s)
        return job.done

    def once_on_disk(self, tell: Callable[[], None]) -> None:
        """Have something told, from within a write, once that is on disk, and never if it is rolled back.

        Arguments:
            tell: called from the thread that writes, before whoever waits for the write; it must not raise.
        """
        self._once_on_disk.append(tell)

    async def read(self, read: Write[T]) -> T:
        """Run a read on a connection that cannot write, in another thread."""
        in_context = copy_context().run  # so that what is logged there tells for which event
        return await asyncio.get_running_loop().run_in_executor(self._readers, in_context, self._read, read)

    def sizes(self) -> "Sizes":
        """Tell what the database takes and what it may still take; from any thread."""
        wal = self.path.with_name(self.path.name + "-wal")
        disk = os.statvfs(self.path.parent)
        log_bytes = wal.stat().st_size if wal.exists() else 0
        return Sizes(self.path.stat().st_size, log_bytes, disk.f_bavail * disk.f_frsize)

    def close(self) -> None:
        """Finish the writes that were handed in, fold the log into the file, and close."""
        with self._handing_in:
            self._closed = True
            self._jobs.put(None)
        self._writer.join()
        self._stop_checkpoints.set()
        self._checkpointer.join()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self._connection.close()

    def _hand_in(self, job: _Job, deadline_s: float | None) -> None:
        if deadline_s is not None:
            job.refuse_after_s = time.monotonic() + deadline_s
        with self._handing_in:
            if not self._closed:
                self._jobs.put(job)
                return
        _end([(job, None, StorageError(f"{self.path} is closed"))])

    def _read(self, read: Write[T]) -> T:
        if not hasattr(self._local, "connection"):
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=BUSY_S)
            connection.execute("PRAGMA query_only=ON")
            self._local.connection = connection
            self._opened.append(connection)
        try:
            return read(self._local.connection)
        except sqlite3.DatabaseError as error:
            raise StorageError(f"cannot read {self.path}: {error}") from error

    def _run(self) -> None:
        ended = False
        while not ended:
            group, ended = self._next_group()
            # From here on nobody can take a write back: one whose asker went away before is not begun.
            self._commit([job for job in group if job.done.set_running_or_notify_cancel()])

    def _next_group(self) -> tuple[list[_Job], bool]:
        """Wait for writes, and a moment longer while nobody waits for any of them; tell whether it was the last."""
        group: list[_Job] = []
        leave_s = float("inf")
        while len(group) < MAX_GROUP:
            try:
                wait_s = None if not group else max(0.0, leave_s - time.monotonic())
                job = self._jobs.get(timeout=wait_s)
            except queue.Empty:
                break
            if job is None:
                return group, True
            if not group:
                leave_s = time.monotonic() + RIDE_S
            if not job.rides:
                leave_s = 0.0  # take what is there already, and go
            group.append(job)
        return group, False

    def _commit(self, group: Sequence[_Job]) -> None:
        results: list[_Ended] = []
        self._once_on_disk = []
        began_s = time.monotonic()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in group:
                results.append((job, *self._one(job, alone=len(group) == 1)))
            if len(group) == 1 and results[0][2] is not None:
                self._connection.execute("ROLLBACK")
            else:
                self._connection.execute("COMMIT")
                for tell in self._once_on_disk:
                    tell()
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # a broken disk; the next group tries again
                    self._connection.execute("ROLLBACK")
            log.error("the journal cannot be written: %s", error)
            refusal = StorageError(f"cannot write {self.path}: {error}")
            results = [(job, None, refusal) for job in group]
        self.on_committed(time.monotonic() - began_s)
        _end(results)

    def _one(self, job: _Job, *, alone: bool) -> tuple[Any, BaseException | None]:
        """Run one write; a broken disk ends the group, any other mistake only this write."""
        if time.monotonic() > job.refuse_after_s:
            return None, StorageError(f"{self.path} was locked or too slow")
        if not alone:
            self._connection.execute("SAVEPOINT one")
        told_before = len(self._once_on_disk)
        try:
            value = job.write(self._connection)
        except Exception as error:
            if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
                raise
            del self._once_on_disk[told_before:]
            if not alone:
                self._connection.execute("ROLLBACK TO one")
                self._connection.execute("RELEASE one")
            return None, error
        if not alone:
            self._connection.execute("RELEASE one")
        if isinstance(value, sqlite3.Cursor):  # dropped in another thread it would reset a statement that runs here
            value.close()
            value = None
        return value, None

    def _checkpoint(self) -> None:
        wal = self.path.with_name(self.path.name + "-wal")
        connection = _connect(self.path)
        while not self._stop_checkpoints.wait(0.25):
            try:
                size = wal.stat().st_size
                if size > CHECKPOINT_AT_BYTES:
                    connection.execute(f"PRAGMA wal_checkpoint({'RESTART' if size > MAX_WAL_BYTES else 'PASSIVE'})")
            except (OSError, sqlite3.Error) as error:
                log.warning("checkpoint put off: %s", error)
        connection.close()


def probe(db: sqlite3.Connection) -> None:
    """Write something that changes nothing: a page of the file goes to the disk all the same."""
    db.execute("PRAGMA user_version = 0")


def _end(ended: Sequence[_Ended]) -> None:
    """Tell what came of jobs; those who wait in a loop are woken together, as each wake takes turns with that loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Ended]] = {}
    for job, value, problem in ended:
        if job.waiting is not None:
            loops.setdefault(job.waiting.get_loop(), []).append((job, value, problem))
        if problem is not None:
            job.done.set_exception(problem)
        else:
            job.done.set_result(value)
    for loop, waiting in loops.items():
        with contextlib.suppress(RuntimeError):  # closed meanwhile, so that nobody waits any more
            loop.call_soon_threadsafe(_wake, waiting)


def _wake(ended: Sequence[_Ended]) -> None:
    for job, value, problem in ended:
        if job.waiting is None or job.waiting.done():
            continue  # whoever waited was cancelled
        if problem is not None:
            job.waiting.set_exception(problem)
        else:
            job.waiting.set_result(value)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_S)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0", "journal_size_limit=67108864"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _keep_from_others(path: Path) -> None:
    """Let nobody read it but its owner and group: what people said and who they are is in it.

    What SQLite keeps beside it has its mode. It is not opened if it is there: to close it would give up locks.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE))
    except FileExistsError:
        for each in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))):
            with contextlib.suppress(FileNotFoundError, PermissionError):  # another's may be ours to use all the same
                if (mode := stat.S_IMODE(each.stat().st_mode)) & stat.S_IRWXO:
                    each.chmod(mode & ~stat.S_IRWXO)


def _check(path: Path) -> None:
    """Refuse a damaged or newer database, and bring an old or empty one up to date."""
    advice = "restore it from a backup, or move it away"
    try:
        _keep_from_others(path)
        connection = _connect(path)
        try:
            if path.stat().st_size < CHECKED_BELOW_BYTES:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if found != "ok":
                    what = " ".join(found.split())
                    raise StorageError(f"{path} is damaged ({what}): {advice}")
            version = version_of(connection)
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CANTOPEN) & 0xFF
        what = "is damaged" if code == sqlite3.SQLITE_CORRUPT else "cannot be opened"  # too badly to be checked
        then = "" if code in NOT_ITS_FAULT else f": {advice}"
        raise StorageError(f"{path} {what} ({error}){then}") from error
    if version == HEAD:
        return
    if version:
        if not is_known(version):
            raise newer_schema(path, version)
        from bot.former import keep_former

        keep_former(path, version)
    from bot.migrations import upgrade

    upgrade(path, version)


def is_known(version: str) -> bool:
    """Tell whether this program can read a schema, as it is or once it is up to date."""
    return len(version) == len(HEAD) and version.isdecimal() and version <= HEAD


def newer_schema(path: Path, version: str) -> StorageError:
    """Name a database that this program cannot read, and what to do."""
    return StorageError(f"{path} has schema {version}, newer than this program: run the newer one, or restore a backup")


def version_of(connection: sqlite3.Connection) -> str:
    """Read which schema a database has; empty for one that is new, or none of ours."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return ""
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""
