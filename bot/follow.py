"""Following one build from the queue to its end: what was read of it becomes its row and its events, in one piece."""

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from bot.accepting import Accepting
from bot.bounded import Bounded
from bot.build_effects import order_of
from bot.builds import BuildLedger, BuildRow
from bot.clock import Clock
from bot.effects import Effects
from bot.errors import Refused, UserError
from bot.events import BuildFinished, BuildStarted, Event
from bot.jobs import Jobs, checked_out
from bot.ports import BuildServer, Newest, Queued
from bot.values import Build, BuildRef
from bot.verdicts import befell, is_another, is_listed, is_restarted, made_anew, why_gone

MISSES = 3  # looks in a row in which a build is not there before it is called gone: a proxy may lie once
NEWS_S = 3600.0  # what others started and what ended longer ago is no news
MOST_JOBS = 10_000  # of which it is known when they were read; each branch of a project is one
log = logging.getLogger(__name__)


class Follow:
    """Decides what became of builds that are in the ledger."""

    def __init__(
        self,
        ledger: BuildLedger,
        jobs: Jobs,
        effects: Effects,
        accepting: Accepting,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._effects = effects
        self._accepting = accepting
        self._clock = clock
        self._misses: dict[str, int] = {}
        self._looked_s: Bounded[tuple[str, str], float] = Bounded(MOST_JOBS)

    def looked(self, server: str, job: str) -> None:
        """Note that a job's builds were read just now, so that what is new at the next look is no older."""
        self._looked_s[server, job.casefold()] = self._clock.monotonic_s()

    def unlooked(self, server: str, job: str) -> None:
        """Forget when a job's builds were read, as what it shows now may be older than that."""
        self._looked_s.pop((server, job.casefold()), None)

    def is_news(self, build: Build) -> bool:
        """Tell whether the end of a build that others started is worth telling."""
        looked_s = self._looked_s.get((build.ref.job.server, build.ref.job.full_name.casefold()))
        if looked_s is not None and self._clock.monotonic_s() - looked_s < NEWS_S:
            return True  # counted by our own clock, as the server's may be wrong
        if build.started_at is None:
            return True
        return self._clock.now().timestamp() - build.started_at.timestamp() - build.duration_s < NEWS_S

    async def waits(self, row: BuildRow, item: Queued) -> None:
        """Take in that a build is in the queue still, maybe of a job that is called otherwise by now."""
        self._misses.pop(row.request_id, None)
        if item.job.full_name.casefold() != row.job.casefold():
            log.warning("the job %s of queue item %s is %s now", row.job, item.id, item.job)
            await self._move(replace(row, job=item.job.full_name))

    async def look(self, server: BuildServer, row: BuildRow, newest: Newest | None) -> None:
        """Take in what a job's newest builds, or more questions where they do not tell, say of a build."""
        if row.number is None:
            await self._look_left(server, row, newest)
            return
        build = _numbered(newest, row.number)
        if build is None and newest is not None and not is_listed(newest, row.number):
            build = await server.build(BuildRef(row.job_ref, row.number))
        if build is None:
            await self._missing(server, row, newest)
        elif is_another(row, build):
            await self.finished(row, None, made_anew(row))
        else:
            await self._seen(server, row, build, newest)

    async def lost(self, row: BuildRow) -> None:
        """Tell what became of a build that a restart took from the queue and whose effect ended without it."""
        effect = await self._effects.known(row.effect_key)
        if effect is not None and effect.state == "unsure":
            note = f"lost from the queue in a restart; it may have been started again, see letter e{effect.id}"
        else:
            note = "lost from the queue in a restart and not started again"
        await self.finished(row, None, f"{note} ({effect.reason})" if effect and effect.reason else note)

    async def _look_left(self, server: BuildServer, row: BuildRow, newest: Newest | None) -> None:
        """Find out what became of a queue item that is not in the queue any more."""
        queue_id = row.queue_id or 0
        build = next((each for each in newest.builds if each.queue_id == queue_id), None) if newest else None
        if build is not None:
            await self._seen(server, row, build, newest)
            return
        item = await server.queued(row.job_ref, queue_id)
        if item.cancelled:
            await self.finished(row, None, "cancelled in the queue")
        elif item.build is not None:
            await self._left_for(server, row, item.build, item.url_of_build)
        elif item.gone:
            await self._left_unseen(server, row, newest)
        else:
            self._misses.pop(row.request_id, None)

    async def _left_for(self, server: BuildServer, row: BuildRow, ref: BuildRef, url: str) -> None:
        """Read the build that an item became; it may have no page yet."""
        build = await server.build(ref)
        if build is not None:
            await self._seen(server, replace(row, job=ref.job.full_name), build, None)
        elif self._is_gone(row):
            numbered = replace(row, job=ref.job.full_name, number=ref.number, url=url or row.url)
            await self.finished(numbered, None, "it has a number and no page")

    async def _left_unseen(self, server: BuildServer, row: BuildRow, newest: Newest | None) -> None:
        """Decide about an item that nobody knows any more and that is none of the newest builds."""
        if not self._is_gone(row):
            return
        build = await server.came_of(row.job_ref, row.queue_id or 0)
        if build is not None:
            await self._seen(server, row, build, None)
        elif not is_restarted(row, server.session):
            await self.finished(row, None, "cancelled in the queue" if newest else why_gone(row, None, server.session))
        else:
            # The restart lost the queue. The effect is doubted: looked up by its mark, then its guard decides.
            log.warning("%s lost queue item %s in a restart; looking for its build", server.name, row.queue_id)
            asked = replace(row, state="asked")
            if not await self._effects.settle_again(row.effect_key, lambda db: self._ledger.move(db, asked)):
                await self.finished(row, None, "lost from the queue in a restart")

    async def _missing(self, server: BuildServer, row: BuildRow, newest: Newest | None) -> None:
        if self._is_gone(row):
            await self.finished(row, None, why_gone(row, newest, server.session))

    async def _seen(self, server: BuildServer, row: BuildRow, build: Build, newest: Newest | None) -> None:
        """Take in a build that is there: its start when it is new, its end when its log is closed, too."""
        if row.started_s is None:
            row = await self._started(server, row, build)
        if not build.finished:
            await self._runs(server, row, build)
            return
        final = await server.build(build.ref)
        if final is None:
            await self._missing(server, row, newest)
        elif final.finished:
            await self.finished(row, final, befell(row, final, server.session) or row.note or "")
        else:
            self._misses.pop(row.request_id, None)

    async def _runs(self, server: BuildServer, row: BuildRow, build: Build) -> None:
        self._misses.pop(row.request_id, None)
        if server.session != row.session:
            note = befell(row, build, server.session) or row.note
            await self._move(replace(row, session=server.session, note=note))

    async def _started(self, server: BuildServer, row: BuildRow, build: Build) -> BuildRow:
        self._misses.pop(row.request_id, None)
        differs = await self._differs(server, row, build)
        moved = replace(
            row,
            state="running",
            session=server.session,
            number=build.ref.number,
            url=build.url or row.url,
            queue_id=row.queue_id if row.queue_id is not None else build.queue_id,
            started_s=build.started_at.timestamp() if build.started_at else 0.0,
        )

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            self._ledger.move(db, moved)
            return [self.start_of(db, moved, differs)]

        await self._accepting(make)
        return moved

    async def _differs(self, server: BuildServer, row: BuildRow, build: Build) -> Sequence[str]:
        """Compare a build with what was sent for it; one that an asker only joined was sent by somebody else."""
        effect = await self._effects.known(row.effect_key) if row.effect_key else None
        if effect is None:
            return ()
        try:
            return await server.differs(order_of(effect), build)
        except (UserError, Refused) as error:  # the job is gone or hidden, so that nobody can compare
            log.warning("comparing %s with what was asked for: %s", build.ref, error)
            return ()

    def start_of(self, db: sqlite3.Connection, row: BuildRow, differs: Sequence[str] = ()) -> BuildStarted:
        """Make the event of a build that has begun."""
        return BuildStarted(
            key=f"build:{row.request_id}:started:{row.number}",
            lane=_lane(row),
            at=self._clock.now(),
            request_id=row.request_id,
            context=row.context,
            job=row.job_ref,
            pull=row.pull_ref,
            sha=row.sha,
            ours=self._is_ours(db, row),
            retrying=row.retrying,
            number=row.number or 0,
            url=row.url,
            asks=self._ledger.asks(db, row.request_id),
            differs=tuple(differs),
        )

    async def finished(self, row: BuildRow, build: Build | None, note: str) -> None:
        """Write that a build is over, and tell it; of others only what is news."""
        self._misses.pop(row.request_id, None)
        now_s = self._clock.now().timestamp()
        result = build.result if build else None
        moved = replace(row, state="finished", result=str(result) if result else None, finished_s=now_s)
        is_news = build is None or self.is_news(build)

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            self._ledger.move(db, moved)
            now = self._ledger.get(db, row.request_id) or moved  # somebody may have joined, or it was taken for a retry
            ours = bool(now.ours)
            end = self.end_of(db, now, build, note, ours=ours)
            self._ledger.wants_diagnosis(db, end, is_told=ours or is_news)
            return [end] if ours or is_news else []

        await self._accepting(make)
        self._ledger.on_ended()

    def end_of(
        self, db: sqlite3.Connection, row: BuildRow, build: Build | None, note: str, *, ours: bool
    ) -> BuildFinished:
        """Make the event of a build that is over."""
        may_tell = not ours or self._jobs.branch_of(row.job_ref) is not None
        sha = row.sha or (self._jobs.seen(build).sha if build and may_tell else "")
        return BuildFinished(
            key=f"build:{row.request_id}:finished:{row.queue_id or 0}:{row.number or 0}",
            lane=_lane(row),
            at=self._clock.now(),
            request_id=row.request_id,
            context=row.context,
            job=row.job_ref,
            pull=row.pull_ref,
            sha=sha,
            ours=ours,
            retrying=row.retrying,
            number=row.number or 0,
            url=build.url if build else row.url,
            result=build.result if build else None,
            duration_s=build.duration_s if build else 0.0,
            node=build.node if build else "",
            asks=self._ledger.asks(db, row.request_id),
            note=note,
            built=self._built(row, build) if build else "",
            cells=build.cells if build else (),
            chain=row.chain,
            attempt=row.attempt,
            again=build.again if build else False,
        )

    def _built(self, row: BuildRow, build: Build) -> str:
        """Tell the commit that a build has checked out, if it is another than the one asked for."""
        repos = {row.repo, build.parameters.get(self._jobs.names(row.server).head_repo, "")} - {""}
        found = checked_out(build.checkouts, repos, row.sha) if row.sha else ""
        return found if found != row.sha else ""

    def _is_ours(self, db: sqlite3.Connection, row: BuildRow) -> bool:
        """Tell whether somebody has asked for it by now: they may have joined since the row was read."""
        return bool(getattr(self._ledger.get(db, row.request_id), "ours", row.ours))

    async def _move(self, row: BuildRow) -> None:
        def make(db: sqlite3.Connection) -> Sequence[Event]:
            self._ledger.move(db, row)
            return ()

        await self._accepting(make)

    def _is_gone(self, row: BuildRow) -> bool:
        misses = self._misses[row.request_id] = self._misses.get(row.request_id, 0) + 1
        if misses < MISSES:
            return False
        del self._misses[row.request_id]
        return True


def _lane(row: BuildRow) -> str:
    return str(row.pull_ref or row.job)


def _numbered(newest: Newest | None, number: int) -> Build | None:
    return next((build for build in newest.builds if build.ref.number == number), None) if newest else None
