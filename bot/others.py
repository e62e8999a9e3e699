"""Builds that others started, of jobs that are configured: each is told once, and the past never."""

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.accepting import Accepting
from bot.builds import BuildLedger, BuildRow
from bot.clock import Clock
from bot.events import Event
from bot.follow import Follow
from bot.jobs import Jobs
from bot.ports import BuildServer, Newest
from bot.sightings import Mark, Sightings
from bot.values import Build, BuildRef, JobRef

MAX_UNLISTED = 400  # of a job, as many as a storm may start between two looks; after days of absence there are more
DAY_S = 86400.0  # how exactly it is kept when a job was looked at: enough to forget jobs that nobody looks at any more
log = logging.getLogger(__name__)


class Others:
    """Compares a job's newest builds with what was told of it."""

    def __init__(
        self,
        ledger: BuildLedger,
        sightings: Sightings,
        jobs: Jobs,
        follow: Follow,
        accepting: Accepting,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._sightings = sightings
        self._jobs = jobs
        self._follow = follow
        self._accepting = accepting
        self._clock = clock

    async def look(
        self, server: BuildServer, job: JobRef, newest: Newest, marks: Mapping[str, Mark], is_known: bool = False
    ) -> None:
        """Take in the builds of a job that are new.

        Arguments:
            marks: the server's, as they were read before its builds.
            is_known: the job is new in a project that was looked at before, so all of its builds are.
        """
        mark = marks.get(job.full_name.lower())
        if mark is None and not is_known:
            await self._first(server, job, newest)
        else:
            told = mark.number if mark else 0
            begins_again = newest.next <= told
            if begins_again:
                log.warning("the numbers of %s begin again: it was made anew, or is what a backup had of it", job)
                self._follow.unlooked(server.name, job.full_name)
                told = 0
            listed = sorted((each for each in newest.builds if each.ref.number > told), key=lambda one: one.ref.number)
            new = [*(() if begins_again else await self._unlisted(server, job, told, newest)), *listed]
            for build in new:
                if not await self._take(server, job, build, newest):
                    break
            now_s = self._clock.now().timestamp()
            if not new and (mark is None or told != mark.number or abs(now_s - mark.looked_s) > DAY_S):
                await self._sightings.put_marks(server.name, {job.full_name.lower(): Mark(told, now_s)})
        self._follow.looked(server.name, job.full_name)

    async def _unlisted(self, server: BuildServer, job: JobRef, told: int, newest: Newest) -> Sequence[Build]:
        """Read the builds that are new and too many to be among the newest, one by one, oldest first."""
        if not newest.builds:
            return ()
        end = min(build.ref.number for build in newest.builds)
        numbers = range(max(told + 1, newest.first or 0, end - MAX_UNLISTED), end)
        if (passed_over := numbers.start - told - 1) > 0 and numbers:
            log.warning("%d builds of %s have come since the last look and are not looked at", passed_over, job)
        read = [await server.build(BuildRef(job, number)) for number in numbers]
        return [build for build in read if build is not None]

    async def _first(self, server: BuildServer, job: JobRef, newest: Newest) -> None:
        """Begin to watch a job: what runs is followed to its end, what is over is the past."""
        mark = Mark(newest.next - 1, self._clock.now().timestamp())
        running = [build for build in newest.builds if not build.finished]
        if not running:
            await self._sightings.put_marks(server.name, {job.full_name.lower(): mark})
            return

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            for build in running:
                if self._known(db, job, build) is None:
                    self._ledger.insert(db, self._row(server, job, build, "running"))
            self._sightings.put_mark(db, server.name, job.full_name.lower(), mark)
            return ()

        await self._accepting(make)

    async def _take(self, server: BuildServer, job: JobRef, build: Build, newest: Newest) -> bool:
        """Take in one new build; False when it may be one of ours whose queue item is not known yet."""
        is_news = not build.finished or self._follow.is_news(build)
        mark = Mark(build.ref.number, self._clock.now().timestamp())
        row = self._row(server, job, build, "running" if is_news else "finished")
        taken: list[BuildRow] = []
        waits = False

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            nonlocal waits
            known = self._known(db, job, build)
            waits = known is None and self._may_be_ours(db, job, build)
            if waits:
                return ()
            self._sightings.put_mark(db, server.name, job.full_name.lower(), mark)
            if known is not None:
                return ()
            self._ledger.insert(db, row)
            taken.append(row)
            if is_news:
                return [self._follow.start_of(db, row)]
            ended = build.started_at + timedelta(seconds=build.duration_s) if build.started_at else self._clock.now()
            end = replace(self._follow.end_of(db, row, build, "", ours=False), at=ended)
            self._ledger.wants_diagnosis(db, end, is_told=False)
            return ()

        await self._accepting(make)
        if taken and not is_news:
            self._ledger.on_ended()
        if taken and is_news and build.finished:
            await self._follow.look(server, row, newest)
        return not waits

    def _known(self, db: sqlite3.Connection, job: JobRef, build: Build) -> BuildRow | None:
        """Find the row of a build that is in the ledger already: by its mark, its queue id or its number."""
        rows = self._ledger.in_job(db, job, build.queue_id, build.ref.number)
        marked = self._ledger.get(db, build.parameters.get(self._mark_of(job), ""))
        # A copy that somebody made of a build of ours carries its mark, but another queue id.
        for row in [*([marked] if marked else []), *(row for row in rows if row.state != "asked")]:
            if row.job_ref.server == job.server and _is_same(row, build, is_marked=row is marked):
                return row
        return None

    def _may_be_ours(self, db: sqlite3.Connection, job: JobRef, build: Build) -> bool:
        """Tell whether a build may have come of a request whose answer is not here yet; a mark would say so."""
        if self._mark_of(job) in build.parameters:
            return False
        return any(row.state == "asked" for row in self._ledger.in_job(db, job, build.queue_id, build.ref.number))

    def _mark_of(self, job: JobRef) -> str:
        return self._jobs.names(job.server).request_id

    def _row(self, server: BuildServer, job: JobRef, build: Build, state: str) -> BuildRow:
        standing = self._jobs.seen(build)
        # Whoever started it may have named any repository: only one that has this job as a context hears of it.
        repos = {repo for repo, _ in self._jobs.contexts_of(build)}
        pull = standing.pull if standing.pull and standing.pull.repo in repos else None
        row = BuildRow(
            f"seen:{server.name}/{job}/{build.ref.number}:{build.queue_id or 0}",
            "",
            server.name,
            job.full_name,
            standing.context,
            pull.repo if pull else "",
            pull.number if pull else 0,
            standing.sha,
            "",
            state,
            server.session,
            build.queue_id,
            build.ref.number,
            build.url,
            asked_s=self._clock.now().timestamp(),
            ours=0,
            started_s=build.started_at.timestamp() if build.started_at else 0.0,
        )
        if state == "running":
            return row
        return replace(row, result=str(build.result) if build.result else None, finished_s=row.asked_s)


def _is_same(row: BuildRow, build: Build, *, is_marked: bool) -> bool:
    if row.queue_id is not None and build.queue_id is not None:
        return row.queue_id == build.queue_id
    return row.number == build.ref.number or (is_marked and row.number is None)
