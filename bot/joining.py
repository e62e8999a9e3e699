"""Attaching whoever asks to a live build that is what they ask for, ours or somebody else's."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bot.branch import same as same_job
from bot.builds import LIVE, BuildLedger, BuildRow
from bot.clock import Clock
from bot.crash import crash_points
from bot.database import Database
from bot.errors import Pending
from bot.jobs import Jobs
from bot.ports import BuildServer, Queued
from bot.rights import Asker
from bot.values import Build, Pull, QueueItem, Stage, Standing

Attach = Callable[[sqlite3.Connection, str], None]  # notes who wants to hear of a build, by its request id


class Joining:
    """Writes that somebody wants to hear of a build, if it is live still.

    Arguments:
        servers: by their configured names.

    Attributes:
        on_joined: told the server of each build that somebody was attached to.
    """

    def __init__(
        self, jobs: Jobs, servers: Mapping[str, BuildServer], ledger: BuildLedger, database: Database, clock: Clock
    ) -> None:
        self._jobs = jobs
        self._servers = servers
        self._ledger = ledger
        self._database = database
        self._clock = clock
        self.on_joined: Callable[[str], None] = lambda server: None

    def asking(self, asker: Asker) -> Attach:
        """Make what notes that an asker wants to hear of a build."""
        who = (asker.speaker.name, asker.place, asker.event_key)
        return lambda db, request_id: self._ledger.ask(db, request_id, *who)

    async def ending(self, pull: Pull, context: str) -> list[str]:
        """List the live builds of a head that are being cancelled, by request id: as good as over, and no answer."""
        rows = await self._ledger.live_rows(pull.ref)
        return [row.request_id for row in rows if (row.context, row.sha) == (context, pull.head) and row.cancelled_by]

    async def join(self, attach: Attach, row: BuildRow) -> QueueItem | None:
        """Attach an asker to a build that another one asked for; None if it has ended just now.

        Raises:
            Pending: it was asked for just before, and is not known to have been started.
        """
        if row.state == "asked":
            raise Pending(f"Jenkins {row.server}", f"starting {row.context}, which was asked for just before")

        def write(db: sqlite3.Connection) -> bool:
            now = self._ledger.get(db, row.request_id)
            if now is None or now.state not in LIVE:
                return False
            attach(db, row.request_id)
            return True

        with crash_points("builds.join"):
            is_live = await self._database.write(write)
        if is_live:
            self.on_joined(row.server)
        return adopted(row) if is_live else None

    async def adopt(self, attach: Attach, payload: Mapping[str, Any], live: Queued | Build) -> QueueItem:
        """Attach an asker to a live build that the server knows, ours or somebody else's.

        Arguments:
            payload: that of the effect that would have started it.
        """
        standing = self._jobs.standing(payload["context"], live)
        mark = live.parameters.get(self._jobs.names(payload["server"]).request_id, "")
        queue_id = standing.queue_id
        fallback = f"adopted-{payload['server']}/{payload['job']}/{queue_id or f'#{standing.number}'}"

        def write(db: sqlite3.Connection) -> None:
            in_job = self._ledger.in_job(db, standing.job, queue_id, standing.number or 0)
            # By its queue item first: a job that declares no mark shows none, and no build is followed twice.
            same = (row for row in in_job if queue_id is not None and row.queue_id == queue_id and row.state in LIVE)
            own = next(same, self._ledger.get(db, mark) if mark else None)
            is_ours = own is not None and own.state in LIVE and _may_be(own, standing)
            row = replace(
                self.row(payload, own.request_id if own and is_ours else fallback, ""),
                state="running" if standing.stage is Stage.RUNNING else "queued",
                session=self._servers[payload["server"]].session,
                queue_id=queue_id,
                number=standing.number,
                url=standing.url,
            )
            self._ledger.insert(db, row)
            attach(db, row.request_id)

        with crash_points("builds.join"):
            await self._database.write(write)
        self.on_joined(payload["server"])
        return QueueItem(
            payload["context"], standing.job, queue_id, standing.url, payload["sha"], standing.number, adopted=True
        )

    def row(self, payload: Mapping[str, Any], request_id: str, effect_key: str) -> BuildRow:
        """Make a build's first row from what is to be sent."""
        facts = {name: payload[name] for name in ("server", "job", "context", "repo", "pull", "sha", "person")}
        now_s = self._clock.now().timestamp()
        author = payload.get("author", 0)  # what an older version recorded has none
        return BuildRow(request_id, effect_key, state="asked", asked_s=now_s, author=author, **facts)


def _may_be(row: BuildRow, standing: Standing) -> bool:
    """Tell whether a live build is the one of a row whose mark it carries: a copy made by hand carries it, too."""
    known = (row.queue_id, standing.queue_id) if standing.queue_id is not None else (row.number, standing.number)
    return same_job(row.job_ref, standing.job) and known[0] in (None, known[1])


def adopted(row: BuildRow) -> QueueItem:
    """Tell a build that somebody is attached to as the answer to their asking."""
    return QueueItem(row.context, row.job_ref, row.queue_id, row.url, row.sha, row.number, adopted=True)
