"""Facts for tests: a ledger on a real database, and builds that are over in few words."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.database import Database
from bot.errors import UserError
from bot.fact_rows import FactRows
from bot.facts import Diagnosis, Fact, FailureClass, Kind, LogLines
from bot.ledger import DiskLedger
from bot.values import BuildRef, JobRef, PullRef, Result
from tests.virtual_clock import NOON_S, VirtualClock

START = datetime.fromtimestamp(NOON_S, UTC)
PASSED = Diagnosis(Kind.PASSED, FailureClass.SUCCESS)
KNOWN = Diagnosis(Kind.KNOWN_INFRA, FailureClass.DOCKER_DAEMON, "dm-init-rootfs", True, fingerprint="f1")
NEW = Diagnosis(Kind.NEW_FAILURE, FailureClass.TEST_FAILURE, "go-test-failed", text="--- FAIL", fingerprint="f2")


def build(number: int, result: Result | None = Result.SUCCESS, *, after_h: float = 0.0, **named: Any) -> Fact:
    """Make a build that is over: one of no pull request unless `pull` is given.

    Arguments:
        after_h: hours after START at which it ended.
        named: fields of the fact; `job` and `server` name where it was built.
    """
    job = JobRef(named.pop("server", "ci"), named.pop("job", "docker-prs"))
    is_bad = result in (Result.FAILURE, Result.UNSTABLE)
    request_id = named.pop("request_id", f"{job.server}/{job.full_name}-{number}")
    pull: PullRef | None = named.get("pull")
    given = {
        "context": job.full_name,
        "diagnosis": NEW if is_bad else PASSED,
        "repo": pull.repo if pull else "",
        "finished_at": START + timedelta(hours=after_h),
        "chain": request_id,
    } | named
    return Fact(0, request_id, BuildRef(job, number), result=result, **({"cell": ""} | given))


def known(fact: Fact, diagnosis: Diagnosis = KNOWN) -> Fact:
    """Have a build failed for a known cause."""
    return replace(fact, diagnosis=diagnosis)


async def no_lines(ref: BuildRef, *, cell: str = "", around: int | None = None, at_most: int = 15) -> LogLines:
    """Keep no log of any build."""
    raise UserError(f"the log of {ref} is not kept")


class Book:
    """A ledger, and what writes into it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rows = FactRows(database)
        self.clock = VirtualClock()
        self.ledger = DiskLedger(database, self.rows, self.clock, no_lines)

    async def put(self, *facts: Fact) -> Sequence[Fact]:
        """Write facts, all at once, and tell them with their numbers."""
        return await self.database.write(lambda db: [self.rows.insert(db, fact) for fact in facts])


@contextmanager
def booked(folder: Path) -> Iterator[Book]:
    """Have a ledger on a database that is new."""
    database = Database(folder / "gordon.db")
    try:
        yield Book(database)
    finally:
        database.close()
