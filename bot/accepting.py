"""Events put on disk for their handlers; with the rows of what happened in one piece, if there are any."""

import sqlite3
from collections.abc import Callable, Sequence

from bot.crash import crash_points
from bot.database import Database
from bot.events import Event
from bot.journal import SqliteJournal
from bot.loader import Registry
from bot.ports import Delivery, Later


class Accepting:
    """Takes events in; called, it writes rows and the events of what happened to them, or neither.

    Arguments:
        submit: hands over the deliveries of an event that is on disk.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        registry: Registry,
        database: Database,
        submit: Callable[[Sequence[Delivery]], None],
    ) -> None:
        self._journal = journal
        self._registry = registry
        self._database = database
        self._submit = submit

    async def __call__(
        self, make: Callable[[sqlite3.Connection], Sequence[Event | Later]], *, deadline_s: float | None = None
    ) -> None:
        """Write, and accept the events that come of it.

        Arguments:
            make: writes the rows and returns the events, those that are to come as Later.
            deadline_s: refuse instead of writing if the disk is reached later than this.

        Raises:
            StorageError: the disk is full, locked or broken; nothing has happened.
        """

        def write(db: sqlite3.Connection) -> Sequence[Delivery]:
            found: list[Delivery] = []
            for told in make(db):
                event, delay_s = (told.event, told.delay_s) if isinstance(told, Later) else (told, 0.0)
                found += self.within(db, event, delay_s)
            return found

        with crash_points("rows.move"):
            deliveries = await self._database.write(write, deadline_s=deadline_s)
        self._submit(deliveries)

    async def event(self, event: Event) -> None:
        """Accept an event that no rows belong to.

        Raises:
            StorageError: the disk is full, locked or broken; nothing has happened.
        """
        self._submit(await self._journal.accept(event, self._registry.handlers_of(event)))

    def within(self, db: sqlite3.Connection, event: Event, delay_s: float = 0.0) -> Sequence[Delivery]:
        """Accept an event in somebody's write; what comes of it is theirs to hand over once that is on disk.

        Arguments:
            delay_s: how long it is to wait.
        """
        return self._journal.accept_with(db, event, self._registry.handlers_of(event), delay_s)
