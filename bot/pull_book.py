"""How each pull request stands, by whatever told of it last: what differs becomes events, accepted in the same write.

Webhooks come twice, late, in any order or not at all, and a look of our own may be overtaken by one. All of them end in
the same rows, and no event happens twice. Nothing is built or written because the book says so: whoever acts on a head
reads the pull request from the forge.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot import pull_rows, trust_rows
from bot.accepting import Accepting
from bot.clock import Clock
from bot.database import Database
from bot.events import Event, PullEvent
from bot.forge import Told
from bot.journal import ACCEPT_WITHIN_S
from bot.live import Live
from bot.pull_news import (
    STALE,
    Known,
    Taken,
    changes,
    dated,
    head_since,
    is_possible,
    is_stale,
    news_of_known,
    news_of_unknown,
    voids_trust,
    weigh,
)
from bot.values import Pull, PullRef


class PullBook:
    """Takes in what is told of pull requests.

    Arguments:
        accepting: writes rows and their events in one piece.
        on_unsure: what to call with a pull request that has to be read from the forge; the program sets it.
        on_told: what to call with what is told of one, on the writer's thread; the program sets it.
        counts: what came of all that was told since the start.
    """

    def __init__(self, accepting: Accepting, database: Database, live: Live, clock: Clock) -> None:
        self.on_unsure: Callable[[PullRef], None] = lambda ref: None
        self.on_told: Callable[[Pull], None] = lambda pull: None
        self.counts: Counter[Taken] = Counter()
        self._accepting = accepting
        self._database = database
        self._live = live
        self._clock = clock

    async def take(self, told: Told, *, asked: int | None = None) -> Taken:
        """Take in what a webhook or a look of our own tells, and return once it is on disk.

        Arguments:
            asked: the serial of what was known when a look of our own began, 0 for nothing; None where nothing else
                can have come since.

        Raises:
            StorageError: the disk does not take it; nothing has happened.
        """
        repo = self._live.now.names.repos.get(told.repo.lower(), "")
        if repo.lower() != told.repo.lower() or not (told.pull is None or is_possible(told.pull)):
            return self._count(Taken.UNKNOWN)
        pull = told.pull and dated(replace(told.pull, ref=PullRef(repo, told.pull.ref.number)), self._clock.now())
        taken = Taken.UNKNOWN

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            nonlocal taken
            now = self._clock.now()
            if told.guid and not pull_rows.note(db, told.guid, told.what, now.timestamp()):
                taken = Taken.REPEATED
                return ()
            facts = [fact for fact in told.facts if not is_stale(fact, now)]
            taken = Taken.FRESH if facts else Taken.OLD if told.facts else Taken.UNKNOWN
            if pull is None:
                return facts
            known = pull_rows.known(db, pull.ref)
            taken = weigh(known, told, pull, asked, now)
            self._distrust(db, known, replace(told, pull=pull), is_taken=taken is Taken.FRESH)
            return [*(self._move(db, known, told, pull) if taken is Taken.FRESH else ()), *facts]

        await self._accepting(make, deadline_s=ACCEPT_WITHIN_S)
        if taken is Taken.UNSURE and pull is not None:
            self.on_unsure(pull.ref)
        return self._count(taken)

    async def known(self, ref: PullRef) -> Known | None:
        """Tell how a pull request is known."""
        return await self._database.read(lambda db: pull_rows.known(db, ref))

    async def open_pulls(self, repo: str) -> Mapping[int, Known]:
        """Tell the pull requests of a repository that are known as open, by number."""
        return await self._database.read(lambda db: pull_rows.open_pulls(db, repo))

    async def unnoted(self, guids: Collection[str]) -> Collection[str]:
        """Tell which deliveries of webhooks were not taken in."""
        return await self._database.read(lambda db: pull_rows.unnoted(db, guids))

    async def compared_s(self, repo: str) -> float | None:
        """Tell when a repository was last compared with the forge, by the wall clock; None if it never was."""
        return await self._database.read(lambda db: pull_rows.compared_s(db, repo))

    async def note_compared(self, repo: str, at_s: float) -> None:
        """Note that a repository was compared: from the first time on, what is open and not known is new."""
        await self._database.write(lambda db: pull_rows.put_compared(db, repo, at_s))

    async def purge(self, before_s: float) -> int:
        """Forget which deliveries came before, and what was ok to test of what is closed; tell how many of the former.

        What the forge may still send again is kept.
        """
        before_s = min(before_s, (self._clock.now() - STALE).timestamp())

        def write(db: sqlite3.Connection) -> int:
            trust_rows.purge(db, before_s)
            return pull_rows.purge(db, before_s)

        return await self._database.write(write)

    def words(self) -> str:
        """Say what came of all that was told, for people."""
        parts = [f"{count} {taken}" for taken in Taken if (count := self.counts[taken])]
        return ", ".join(parts) or "nothing told yet"

    def _count(self, taken: Taken) -> Taken:
        self.counts[taken] += 1
        return taken

    def _move(self, db: sqlite3.Connection, known: Known | None, told: Told, pull: Pull) -> Sequence[Event]:
        """Write how a pull request stands now; return what differs as events."""
        now_s = self._clock.now().timestamp()
        self.on_told(pull)
        since_s = head_since(known, told, pull, is_taken=True)
        if known is None:
            pull_rows.put(db, pull, 1, now_s, since_s, now_s)
            is_begun = pull_rows.compared_s(db, pull.ref.repo) is not None
            return self._events(news_of_unknown(told, pull, is_begun=is_begun), told, pull, 1)
        serial = known.serial + changes(known.pull, pull)
        updated_at = pull.updated_at or known.pull.updated_at
        is_same = known.pull.head == pull.head and since_s == known.head_since_s
        told_s = known.head_told_s if is_same else now_s
        pull_rows.put(db, replace(pull, updated_at=updated_at), serial, now_s, since_s, told_s)
        return self._events(news_of_known(known.pull, pull), told, pull, serial)

    def _distrust(self, db: sqlite3.Connection, known: Known | None, told: Told, *, is_taken: bool) -> None:
        """Forget that a commit was found ok to test once something else was pushed, though it may be back since.

        What comes too late to change how the pull request is known still tells of a push.
        """
        pull = told.pull
        if pull is None:
            return
        row = trust_rows.get(db, pull.ref)
        if row is not None:
            is_other = is_taken and (pull.head, pull.base) != (row.sha, row.base)
            if is_other or voids_trust(row.sha, row.base, row.updated_s, told):
                trust_rows.forget(db, pull.ref)
        if known is not None and not is_taken:
            since_s = head_since(known, told, pull, is_taken=False)
            if since_s != known.head_since_s:
                pull_rows.put_head_since(db, pull.ref, since_s, self._clock.now().timestamp())

    def _events(
        self, news: Iterable[tuple[type[PullEvent], dict[str, Any]]], told: Told, pull: Pull, serial: int
    ) -> Sequence[Event]:
        now = self._clock.now()
        return [
            kind(
                key=f"pull:{pull.ref}:{serial}:{kind.__name__.removeprefix('Pull').lower()}",
                lane=str(pull.ref),
                at=now,
                pull=pull,
                actor=told.actor,
                **more,
            )
            for kind, more in news
        ]
