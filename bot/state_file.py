"""The database as a file: reading it beside a Gordon that runs, and a copy that is whole or not there."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bot.config import load
from bot.database import BUSY_S, NAME, is_known, newer_schema, version_of
from bot.errors import StorageError

PAGES_AT_ONCE = 512  # 2 MB, between which Ctrl-C is heard and progress is shown
STEPS_AT_ONCE = 100_000  # of SQLite's machine, some milliseconds, for the same
PART = ".part"
SPARE_BYTES = 1 << 20


def database_of(config: Path) -> Path:
    """Tell where the database is that a configuration means.

    Raises:
        ConfigError: the configuration is wrong.
    """
    return load(config).gordon.state / NAME


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database to read it, also while a Gordon writes it.

    Raises:
        StorageError: it is not there or cannot be read, then or while it is open.
    """
    if not path.is_file():
        raise StorageError(f"{path} is not there: no Gordon has run with this state yet, or it is elsewhere")
    is_still = not (os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists())
    try:
        # Not `mode=ro`, which leaves what it needs beside a database there; where nothing can be put, nobody writes.
        with closing(_open(f"{path.absolute().as_uri()}?{'immutable=1' if is_still else 'mode=rw'}")) as connection:
            connection.execute("PRAGMA query_only=ON")
            yield connection
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CORRUPT:
            raise StorageError(f"{path} is damaged ({error})") from error
        raise StorageError(f"cannot read {path}: {error}") from error


def refuse_newer(path: Path, db: sqlite3.Connection) -> str:
    """Tell which schema a database has.

    Raises:
        StorageError: none of Gordon's, or one that a newer program has written.
    """
    version = version_of(db)
    if not version:
        raise StorageError(f"{path} is no database of Gordon's")
    if not is_known(version):
        raise newer_schema(path, version)
    return version


@contextmanager
def copied(
    source: sqlite3.Connection, target: Path, advance: Callable[[float], None], *, spare_bytes: int = SPARE_BYTES
) -> Iterator[Path]:
    """Write a copy of a database as it is at one moment, hand it out to be looked at, then put it in its place.

    Until then it has a name of its own beside its target, and nobody else may read it. What was raised by whoever
    looked at it, and a death at any moment, leave the target as it was.

    Arguments:
        advance: told how many megabytes were copied since it was told last.
        spare_bytes: what must be free beside it.

    Raises:
        StorageError: there is no room, or the folder cannot be written in.
    """
    need = size_of(source)
    part = None
    try:
        free = shutil.disk_usage(target.parent).free
        if free < need + spare_bytes:
            beside = f" beside {in_words(spare_bytes)} for what follows" if spare_bytes > SPARE_BYTES else ""
            told = f"it takes {in_words(need)}{beside}, and {in_words(free)} are free"
            raise StorageError(f"cannot write {target}: {told}")
        file, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent)
        os.close(file)
        part = Path(name)
        try:
            _copy(source, part, advance)
        except sqlite3.OperationalError as error:
            raise StorageError(f"cannot write {target}: {error}") from error
        yield part
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if part is not None:
            for left in (part, *(part.with_name(part.name + suffix) for suffix in ("-journal", "-wal", "-shm"))):
                left.unlink(missing_ok=True)


def drop_halves(path: Path) -> None:
    """Remove what copies have left that were killed on their way to a database, or to a place that its name begins.

    Whoever calls it holds the folder, so that nobody is at one.
    """
    for left in path.parent.glob(f".{path.name}.*{PART}*"):
        left.unlink(missing_ok=True)


def check_whole(db: sqlite3.Connection, named: Path, advance: Callable[[float], None]) -> None:
    """Read a database through and see that all in it fits together.

    Arguments:
        named: what it is called where it is damaged.
        advance: called every now and then, with 0.

    Raises:
        StorageError: it does not.
    """
    db.set_progress_handler(lambda: advance(0), STEPS_AT_ONCE)
    try:
        found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from None
        raise StorageError(f"{named} is damaged ({error})") from error
    finally:
        db.set_progress_handler(None, 0)
    if found != "ok":
        raise StorageError(f"{named} is damaged ({' '.join(found.split())})")


def size_of(db: sqlite3.Connection) -> int:
    """Tell how many bytes a database has."""
    pages, each = (int(db.execute(f"PRAGMA {what}").fetchone()[0]) for what in ("page_count", "page_size"))
    return pages * each


def in_words(count: int) -> str:
    """Say a number of bytes: "12.3 MB"."""
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def _copy(source: sqlite3.Connection, target: Path, advance: Callable[[float], None]) -> None:
    page = int(source.execute("PRAGMA page_size").fetchone()[0])
    left = -1

    def progress(_status: int, remaining: int, total: int) -> None:
        nonlocal left
        advance(((total if left < 0 else left) - remaining) * page / 1e6)
        left = remaining

    with closing(_open(target.absolute().as_uri())) as copy:
        copy.execute("PRAGMA synchronous=OFF")  # it counts once it is in its place, and is flushed before
        source.execute("BEGIN")  # else each write of others would have it begin anew
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        try:
            source.backup(copy, pages=PAGES_AT_ONCE, progress=progress)
        finally:
            source.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, which may be read where nothing can be written


def _open(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)


def _sync(path: Path) -> None:
    """Have a file or the names in a folder on disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
