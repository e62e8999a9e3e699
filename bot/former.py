"""The state as it was before something took its place: a migration of the schema, or a restored copy."""

import contextlib
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.errors import StorageError
from bot.state_file import SPARE_BYTES, copied, opened, size_of

BESIDE = ("-wal", "-shm")  # what SQLite keeps beside a database
log = logging.getLogger(__name__)


def keep_former(path: Path, version: str) -> None:
    """Keep a copy of a database beside it before its schema is changed, and no older one; without room go on without.

    Arguments:
        version: of its schema, which the name of the copy tells.
    """
    kept = path.with_name(f"{path.name}.v{version}")
    try:
        # What the change itself needs is left free: a disk that it just fits on must not be filled up with the copy.
        with opened(path) as db, copied(db, kept, lambda more: None, spare_bytes=size_of(db) + SPARE_BYTES):
            pass
    except StorageError as error:
        log.warning("the schema is changed without a copy of the former state: %s", error)
        return
    log.info("the state with schema %s is kept as %s", version, kept)
    for older in path.parent.glob(f"{path.name}.v[0-9][0-9][0-9][0-9]"):
        if older != kept:
            older.unlink()


def set_aside(path: Path, kept: Path) -> None:
    """Keep a database under a second name, with all that SQLite has beside it, so that another may take its place.

    From here on nothing stands beside it that would be taken for a part of the other one.

    Raises:
        StorageError: the disk does not let us.
    """
    try:
        _fold(path)
    except sqlite3.OperationalError as error:
        raise StorageError(f"cannot keep {path}: {error}") from error
    except sqlite3.DatabaseError as error:  # too badly damaged to be opened, now and by any Gordon
        log.warning("%s is kept as it is: %s", path, error)
    for suffix in BESIDE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
    with contextlib.suppress(FileNotFoundError):
        os.link(path, kept)


def _fold(path: Path) -> None:
    """Fold in what was written last, so that nothing is needed beside the database."""
    if path.exists():
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode=DELETE")
