"""The ledger as plugins see it: what is known of builds that are over, read from our own disk."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot import retry_rows, tallies
from bot.clock import Clock
from bot.database import Database
from bot.errors import UserError
from bot.fact_questions import before, last_green, of_pull, same_since
from bot.fact_rows import FactRows
from bot.facts import Diagnosis, Fact, FlakeRow, LogLines, Retry, Seen, Suspect
from bot.flaking import flaking, flaking_labels, labels_of, tags_of
from bot.suspects import NodeCount, suspects
from bot.tallies import Row
from bot.values import BuildRef, PullRef


class Lines(Protocol):
    """Reads lines of a log that is kept; arguments and errors as of the ledger's `log`."""

    async def __call__(
        self, ref: BuildRef, *, cell: str = "", around: int | None = None, at_most: int = 15
    ) -> LogLines: ...


class DiskLedger:
    """Answers from the tables; called on the work loop."""

    def __init__(self, database: Database, rows: FactRows, clock: Clock, lines: Lines) -> None:
        self._lines = lines
        self._database = database
        self._rows = rows
        self._clock = clock

    async def build(self, ref: BuildRef) -> Sequence[Fact]:
        return await self._rows.of_build(ref)

    async def of_pull(self, pull: PullRef) -> Sequence[Fact]:
        return await self._database.read(lambda db: of_pull(db, pull))

    async def before(self, fact: Fact) -> Fact | None:
        return await self._database.read(lambda db: before(db, fact))

    async def last_green(self, fact: Fact) -> Fact | None:
        return await self._database.read(lambda db: last_green(db, fact))

    async def chain(self, fact: Fact) -> Sequence[Fact]:
        return await self._database.read(lambda db: retry_rows.facts_of(db, fact.chain or fact.request_id))

    async def retry_of(self, request_id: str) -> Retry | None:
        return await self._database.read(lambda db: retry_rows.get(db, request_id))

    async def seen(self, diagnosis: Diagnosis) -> Seen:
        now_s = self._clock.now().timestamp()
        return await self._database.read(lambda db: self._rows.seen(db, diagnosis, now_s))

    async def same_since(self, diagnosis: Diagnosis, since: datetime) -> Sequence[Fact]:
        since_s = since.timestamp()
        return await self._database.read(lambda db: same_since(db, diagnosis, since_s))

    async def flakes(self, by: str, word: str = "", *, days: int = 30) -> Sequence[FlakeRow]:
        since_day = self._since(days)
        return await self._database.read(lambda db: _flakes(db, by, word, since_day, since_day - days))

    async def flake_days(
        self, by: str, names: Sequence[str], *, days: int = 30
    ) -> Mapping[str, tuple[tuple[float, float], ...]]:
        first = self._since(days)
        counts = await self._database.read(lambda db: _by_day(db, by, names, first))
        return {
            name: tuple((float(day * tallies.DAY_S), float(counts[name, day])) for day in range(first, first + days))
            for name in (names if by in tallies.KINDS else ())
        }

    async def suspects(self, word: str = "", *, days: int = 30) -> Sequence[Suspect]:
        since_day = self._since(days)
        return await self._database.read(lambda db: suspects(_node_counts(db, word, since_day)))

    async def log(self, ref: BuildRef, *, cell: str = "", around: int | None = None, at_most: int = 15) -> LogLines:
        return await self._lines(ref, cell=cell, around=around, at_most=at_most)

    def _since(self, days: int) -> int:
        """Tell the first of so many days, of which today is the last."""
        return tallies.day_of(self._clock.now().timestamp()) - days + 1


def _flakes(db: sqlite3.Connection, by: str, word: str, since_day: int, before_day: int) -> Sequence[FlakeRow]:
    if by == "label":
        return flaking_labels(tallies.rows(db, "node", since_day, before_day), word)
    if by not in tallies.KINDS:
        raise UserError(f"nothing is counted by {by}; there are: {', '.join(tallies.KINDS)}, label")
    rows = tallies.rows(db, by, since_day, before_day)
    jobs = rows if by == "job" else tallies.rows(db, "job", since_day, since_day)
    wheres = () if by == "job" else tallies.wheres(db, by, since_day)
    return flaking(by, rows, wheres, {(row.server, row.name): row.runs for row in jobs}, word)


def _by_day(db: sqlite3.Connection, by: str, names: Sequence[str], since_day: int) -> Counter[tuple[str, int]]:
    """Count by name and day; where two servers have something of one name, it is named with the server."""
    counts: Counter[tuple[str, int]] = Counter()
    for server, name, day, failed in tallies.days(db, by, since_day):
        counts[name if name in names else f"{server}/{name}", day] += failed
    return counts


def _node_counts(db: sqlite3.Connection, word: str, since_day: int) -> Sequence[NodeCount]:
    """Count by node: the runs of a job, or those on nodes that run the jobs in which a cause was seen, or all."""
    rows = tallies.rows(db, "node", since_day, since_day)
    if word:
        servers = [row.server for row in tallies.rows(db, "job", since_day, since_day) if row.name == word]
        rows = [row for server in servers for row in tallies.nodes_of_job(db, server, word, since_day)] or (
            _rows_of_cause(db, word, since_day, rows)
        )
    labels = labels_of((row.server, row.name) for row in rows)
    return [
        NodeCount(labels[row.server, row.name], tags_of(row.name, row.detail), row.failed, row.runs) for row in rows
    ]


def _rows_of_cause(db: sqlite3.Connection, cause: str, since_day: int, rows: Sequence[Row]) -> Sequence[Row]:
    found = tallies.nodes_of_cause(db, cause, since_day)
    jobs = {(row.server, job) for row, job in found}
    failed: Counter[tuple[str, str, str]] = Counter()
    for row, _ in found:
        failed[row.server, row.name, row.detail] += row.failed
    ran = tallies.wheres(db, "node", since_day, at_least=0)
    nodes = {(server, node) for node, server, job, _ in ran if (server, job) in jobs}
    return [
        row._replace(failed=failed[row.server, row.name, row.detail]) for row in rows if (row.server, row.name) in nodes
    ]
