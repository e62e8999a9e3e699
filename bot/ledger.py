"""The ledger as plugins see it: what is known of builds that are over, read from our own disk."""

from collections.abc import Sequence
from datetime import datetime

from bot import retry_rows
from bot.clock import Clock
from bot.database import Database
from bot.fact_questions import before, last_green, of_pull, same_since
from bot.fact_rows import FactRows
from bot.facts import Cluster, Diagnosis, Fact, FlakeRow, LogLines, Retry, Seen, Suspect
from bot.values import BuildRef, PullRef


class DiskLedger:
    """Answers from the tables; called on the work loop."""

    def __init__(self, database: Database, rows: FactRows, clock: Clock) -> None:
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
        raise NotImplementedError

    async def unknown(self, *, days: int = 30, at_most: int = 5) -> Sequence[Cluster]:
        raise NotImplementedError

    async def suspects(self, word: str = "", *, days: int = 30) -> Sequence[Suspect]:
        raise NotImplementedError

    async def log(self, ref: BuildRef, *, cell: str = "", around: int | None = None, at_most: int = 15) -> LogLines:
        raise NotImplementedError
