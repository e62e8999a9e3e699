"""`gordon backup` and `gordon restore`: the state copied while Gordon runs, and put back while it does not."""

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import bindparam, func, select

from bot.audit_trail import Tampered, Trail, read_trail, records_of
from bot.clock import SystemClock
from bot.database import version_of
from bot.errors import StorageError
from bot.former import set_aside
from bot.progress import following
from bot.restored import note_restored
from bot.schema import deliveries, effects, sql
from bot.state_file import check_whole, copied, database_of, drop_halves, in_words, opened, refuse_newer, size_of
from bot.state_lock import StateLock

LETTERS = sql(
    select(
        select(func.count()).select_from(deliveries).where(deliveries.c.state == bindparam("dead")).scalar_subquery()
        + select(func.count()).select_from(effects).where(effects.c.state == bindparam("unsure")).scalar_subquery()
    )
)
STAMP = "%Y%m%dT%H%M%SZ"
STAMP_OF_FORMER = "%Y%m%dT%H%M%S.%fZ"  # whoever is killed and tries again at once finds the name free
LEFT_OUT = "the configuration, people, secrets, and the logs that were kept, which are gathered anew"


def backup(config: Path, to: Path) -> int:
    """Write a copy of the state as it is at one moment, also while Gordon runs; return the exit status.

    Arguments:
        to: a file that is not there yet, or a folder for one that is named by the time.

    Raises:
        ConfigError: the configuration is wrong.
        StorageError: there is no state, it is damaged or newer than this program, or the copy cannot be written.
    """
    path = database_of(config)
    target = to / f"gordon-{_now():{STAMP}}.db" if to.is_dir() else to
    if target.exists():
        raise StorageError(f"{target} is there already, and nothing is written over: name another file, or a folder")
    with opened(path) as db:
        refuse_newer(path, db)
        with following("MB", size_of(db) / 1e6) as advance, copied(db, target, advance) as part:
            told = _looked_through(part, path)
    print(f"{target}: {told}")
    print(f"without {LEFT_OUT}")
    print(f"to put it back, stop Gordon, then: gordon restore {config} {target}")
    return 0


def restore(config: Path, source: Path, *, even_tampered: bool = False) -> int:
    """Put a copy in the place of the state, which is kept beside it; return the exit status.

    A death at any moment leaves the one or the other.

    Arguments:
        even_tampered: though its audit trail is not as it was written.

    Raises:
        ConfigError: the configuration is wrong.
        StorageError: a Gordon runs with this state; the copy is damaged, newer than this program or none of Gordon's;
            the disk does not take it. Nothing has changed.
        Tampered: the audit trail of the copy is not as it was written. Nothing has changed.
    """
    path = database_of(config)
    with opened(source) as db:
        refuse_newer(source, db)
        with _as_owner(path):
            lock = StateLock(path.parent)
            try:
                drop_halves(path)
                kept = path.with_name(f"{path.name}.before-{_now():{STAMP_OF_FORMER}}")
                had = path.exists()
                with following("MB", size_of(db) / 1e6) as advance, copied(db, path, advance) as part:
                    told = _looked_through(part, source, even_tampered=even_tampered)
                    _as_restored(part)
                    if had:
                        part.chmod(stat.S_IMODE(path.stat().st_mode))
                    set_aside(path, kept)
            finally:
                lock.close()
    print(f"{path} is now {source}: {told}")
    if had:
        print(f"what was there before is kept as {kept}")
    print("builds and words of the time since are not known to it; deploy/README.md says what that means")
    return 0


def _looked_through(part: Path, named: Path, *, even_tampered: bool = True) -> str:
    """See that a copy is whole, and say what it holds.

    Raises:
        StorageError: it is damaged.
        Tampered: its audit trail is not as it was written, and that matters.
    """
    with opened(part) as db, following("records of the audit", records_of(db)) as advance:
        check_whole(db, named, advance)
        version, size = version_of(db), in_words(size_of(db))
        letters = db.execute(LETTERS, {"dead": "dead", "unsure": "unsure"}).fetchone()[0]
        trail: Trail | str
        try:
            trail = read_trail(db, advance=advance)
        except Tampered as error:
            if not even_tampered:
                raise
            print(f"gordon: {named}: {error}", file=sys.stderr)
            trail = "not as it was written"
    waiting = "1 letter waits" if letters == 1 else f"{letters} letters wait"
    return f"{size}, schema {version}, {waiting} for an operator; the audit trail: {trail}"


def _as_restored(part: Path) -> None:
    """Have a copy know that it is one."""
    with closing(sqlite3.connect(part, isolation_level=None)) as db:
        db.execute("BEGIN")
        note_restored(db, _now())
        db.execute("COMMIT")


@contextmanager
def _as_owner(path: Path) -> Iterator[None]:
    """Act as whoever has the state, where root puts it back.

    So it is theirs, and no name that they put in root's way leads root to a file that is not.
    """
    folder = path.parent
    if os.geteuid() != 0 or not folder.exists():
        yield
        return
    owner, groups = folder.stat(), os.getgroups()
    if owner.st_uid == 0 and os.path.lexists(path):  # one that Gordon may write in by its group
        owner = path.lstat()
    os.setgroups([owner.st_gid])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _now() -> datetime:
    return SystemClock().now()
