"""Following what was started, from the queue to its end, by asking; a server that does not answer changes nothing."""

import logging
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.builds import BuildLedger, BuildRow
from bot.clock import Clock
from bot.crash import crash_points
from bot.database import Database
from bot.effects import Effects
from bot.errors import GordonError, StorageError
from bot.events import BuildFinished, BuildStarted, Event
from bot.journal import SqliteJournal
from bot.loader import Registry
from bot.ports import BuildServer, Delivery
from bot.values import Build, BuildRef

MISSES = 3  # polls in a row in which a build is not there before it is called gone: a proxy may lie once
JITTER = 0.2  # of a poll's pause, so that many bots do not ask in step
PAUSE_AT_MOST_S = 60.0
log = logging.getLogger(__name__)


class Watch:
    """Asks each server about the builds that are under way on it.

    Arguments:
        submit: hands over the deliveries of an event that is on disk.
    """

    def __init__(
        self,
        ledger: BuildLedger,
        journal: SqliteJournal,
        effects: Effects,
        registry: Registry,
        database: Database,
        clock: Clock,
        submit: Callable[[Sequence[Delivery]], None],
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._effects = effects
        self._registry = registry
        self._database = database
        self._clock = clock
        self._submit = submit
        self._misses: dict[str, int] = {}

    async def run(self, server: BuildServer, poll_s: float) -> None:
        """Poll one server for ever; slower while it does not answer."""
        pause_s = poll_s
        while True:
            try:
                rows = [row for row in await self._ledger.watched() if row.server == server.name]
            except StorageError as error:
                log.warning("watching %s: %s", server.name, error)
                rows = []
            seen = [await self._looked(server, row) for row in rows]
            pause_s = poll_s if any(seen) or not rows else min(pause_s * 2, max(poll_s, PAUSE_AT_MOST_S))
            await self._clock.sleep(pause_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311  no secret

    async def _looked(self, server: BuildServer, row: BuildRow) -> bool:
        """Look at one build; one that cannot be read keeps no other from being seen."""
        try:
            await self._look(server, row)
        except GordonError as error:
            log.warning("watching %s #%s: %s", row.job, row.number, error)
            return False
        except Exception:  # what one answer breaks must not end the watch of all
            log.exception("watching %s #%s", row.job, row.number)
            return False
        return True

    async def _look(self, server: BuildServer, row: BuildRow) -> None:
        if row.state == "lost":
            await self._lost(row)
        elif row.number is None and row.queue_id is not None:
            await self._look_in_queue(server, row, row.queue_id)
        else:
            await self._look_at_build(server, row)

    async def _look_in_queue(self, server: BuildServer, row: BuildRow, queue_id: int) -> None:
        item = await server.queued(row.job_ref, queue_id)
        if item.cancelled:
            await self._finished(row, None, "cancelled in the queue")
        elif item.build is not None:
            await self._started(row, item.build.number, item.url_of_build)
        elif item.gone:
            await self._left_unseen(server, row, queue_id)
        else:
            self._misses.pop(row.request_id, None)

    async def _look_at_build(self, server: BuildServer, row: BuildRow) -> None:
        build = await server.build(BuildRef(row.job_ref, row.number or 0))
        if build is None:
            if self._is_gone(row):
                await self._finished(row, None, "the build is gone: deleted, or lost when Jenkins was restarted")
        elif build.finished:
            await self._finished(row, build, "")
        else:
            self._misses.pop(row.request_id, None)

    async def _left_unseen(self, server: BuildServer, row: BuildRow, queue_id: int) -> None:
        """Find out what became of a queue item that nobody knows any more."""
        build = await server.came_of(row.job_ref, queue_id)
        if build is not None:
            await self._started(row, build.ref.number, build.url)
        elif not self._is_gone(row):
            return
        elif server.session == row.session:
            await self._finished(row, None, "cancelled in the queue")
        else:
            # The restart lost the queue. The effect is doubted: looked up by its mark, then its guard decides.
            log.warning("%s lost queue item %s in a restart; looking for its build", server.name, queue_id)
            asked = replace(row, state="asked")
            if not await self._effects.settle_again(row.effect_key, lambda db: self._ledger.move(db, asked)):
                await self._finished(row, None, "lost from the queue in a restart")

    async def _lost(self, row: BuildRow) -> None:
        """Tell what became of a build that a restart took from the queue and whose effect ended without it."""
        effect = await self._effects.known(row.effect_key)
        if effect is not None and effect.state == "unsure":
            note = f"lost from the queue in a restart; it may have been started again, see letter e{effect.id}"
        else:
            note = "lost from the queue in a restart and not started again"
        await self._finished(row, None, f"{note} ({effect.reason})" if effect and effect.reason else note)

    def _is_gone(self, row: BuildRow) -> bool:
        misses = self._misses[row.request_id] = self._misses.get(row.request_id, 0) + 1
        if misses < MISSES:
            return False
        del self._misses[row.request_id]
        return True

    async def _started(self, row: BuildRow, number: int, url: str) -> None:
        self._misses.pop(row.request_id, None)
        moved = replace(row, state="running", number=number, url=url or row.url)
        event = BuildStarted(
            key=f"build:{row.request_id}:started:{number}",
            lane=_lane(row),
            at=self._clock.now(),
            request_id=row.request_id,
            context=row.context,
            job=row.job_ref,
            pull=row.pull_ref,
            sha=row.sha,
            number=number,
            url=moved.url,
        )
        await self._moved(moved, lambda db: event)

    async def _finished(self, row: BuildRow, build: Build | None, note: str) -> None:
        now = self._clock.now()
        result = build.result if build else None
        moved = replace(row, state="finished", result=str(result) if result else None, finished_s=now.timestamp())

        def event(db: sqlite3.Connection) -> Event:
            return BuildFinished(
                key=f"build:{row.request_id}:finished:{row.queue_id or 0}:{row.number or 0}",
                lane=_lane(row),
                at=now,
                request_id=row.request_id,
                context=row.context,
                job=row.job_ref,
                pull=row.pull_ref,
                sha=row.sha,
                number=row.number or 0,
                url=build.url if build else row.url,
                result=result,
                duration_s=build.duration_s if build else 0.0,
                node=build.node if build else "",
                asks=self._ledger.asks(db, row.request_id),
                note=note,
            )

        await self._moved(moved, event)

    async def _moved(self, row: BuildRow, make: Callable[[sqlite3.Connection], Event]) -> None:
        """Write how far a build is and the event of it in one piece."""

        def write(db: sqlite3.Connection) -> Sequence[Delivery]:
            self._ledger.move(db, row)
            event = make(db)
            return self._journal.accept_with(db, event, self._registry.handlers_of(event))

        with crash_points("builds.move"):
            deliveries = await self._database.write(write)
        self._submit(deliveries)


def _lane(row: BuildRow) -> str:
    return str(row.pull_ref or row.job)
