"""Looking at build servers, economically: one round asks for all that is watched; no answer changes nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ParamSpec

from bot.accepting import Accepting
from bot.beat import HINTED_AT_MOST_EVERY_S, PAUSE_AT_MOST_S, Beat
from bot.bounded import Bounded
from bot.branch import number_of
from bot.builds import BuildLedger, BuildRow
from bot.clock import Clock
from bot.database import Database
from bot.effects import Effects
from bot.errors import GordonError
from bot.follow import Follow
from bot.jobs import Jobs
from bot.journal import SqliteJournal
from bot.live import Live
from bot.loader import Registry
from bot.node_watch import NodeWatch
from bot.others import Others
from bot.ports import BuildServer, Delivery, Newest, Queued
from bot.sightings import Mark, Sightings
from bot.values import JobRef

MOST_SAID = 1000  # a build that could not be read may never be looked at again
ONE_BY_ONE = 4  # jobs of a project are read so; its 500 branches would be megabytes, each few seconds
P = ParamSpec("P")
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Round:
    """One round of questions.

    Arguments:
        rows: the builds that it looks at.
        jobs: whose builds of others it looks at, by their configured names; not those of multibranch projects.
        projects: the same of multibranch projects.
        answers: how each question went; empty when there was none.
    """

    rows: Sequence[BuildRow]
    jobs: Collection[JobRef] = ()
    projects: Collection[JobRef] = ()
    answers: list[bool] = field(default_factory=list)


class Watch:
    """Asks each server about the builds that are under way on it, those of configured jobs, and its agents.

    Arguments:
        submit: hands over the deliveries of an event that is on disk.
    """

    def __init__(
        self,
        ledger: BuildLedger,
        jobs: Jobs,
        journal: SqliteJournal,
        effects: Effects,
        registry: Registry,
        database: Database,
        clock: Clock,
        live: Live,
        submit: Callable[[Sequence[Delivery]], None],
    ) -> None:
        accepting = Accepting(journal, registry, database, submit)
        self._ledger = ledger
        self._sightings = Sightings(database)
        self._follow = Follow(ledger, jobs, effects, accepting, clock)
        self._others = Others(ledger, self._sightings, jobs, self._follow, accepting, clock)
        self.nodes = NodeWatch(self._sightings, accepting, clock)
        self._clock = clock
        self._live = live
        self._beats: dict[str, Beat] = {}
        self.silent: dict[str, datetime] = {}  # servers that do not answer, and since when
        self._said: Bounded[str, str] = Bounded(MOST_SAID)  # what went wrong at the last look at a thing, logged once

    def hint(self, server: str, job: str, number: int | None) -> None:
        """Take in that something may have happened to a job, or a build of it; all of it is read again.

        A hint for a job that nobody watches does nothing.
        """
        log.debug("hint: %s #%s on %s", job, number, server)
        if server in self._beats:
            self._beats[server].hint(job)

    async def run(self, server: BuildServer) -> None:
        """Look at one server for ever; at its pace, and slower while it does not answer."""
        beat = self._beats.setdefault(server.name, Beat(self._clock))
        hinted: Collection[str] = ()
        pause_s = due_s = idle_due_s = 0.0
        while True:
            settings = self._live.now.settings.jenkins[server.name]
            is_idle_due = self._clock.monotonic_s() >= idle_due_s
            is_due = is_idle_due or not hinted or self._clock.monotonic_s() >= due_s
            answers = await self._look(server, hinted, is_due=is_due, is_idle_due=is_idle_due)
            if is_idle_due:
                idle_due_s = self._clock.monotonic_s() + settings.idle_poll_s
            is_silent = bool(answers) and not any(answers)
            if is_silent:
                pause_s = min(max(pause_s, settings.poll_s) * 2, max(settings.poll_s, PAUSE_AT_MOST_S))
            elif answers or pause_s <= settings.poll_s:
                pause_s = settings.poll_s
            if is_due or is_silent:
                due_s = self._clock.monotonic_s() + pause_s
            left_s = max(due_s - self._clock.monotonic_s(), min(pause_s, HINTED_AT_MOST_EVERY_S))
            # Who does not answer is left in peace, whatever hints say; all of it is read when its time has come.
            hinted = await beat.pause(left_s, hastens=pause_s <= settings.poll_s)

    async def _look(
        self, server: BuildServer, hinted: Collection[str], *, is_due: bool, is_idle_due: bool
    ) -> Sequence[bool]:
        """Ask one round of questions; tell how each of them went."""
        try:
            watched = [row for row in await self._ledger.watched() if row.server == server.name]
            marks = await self._sightings.marks(server.name)
        except GordonError as error:
            log.warning("watching %s: %s", server.name, error)
            return (False,)
        asked = self._chosen(server.name, watched, hinted, is_due=is_due, is_idle_due=is_idle_due)
        await self._ask(server, asked, marks)
        if is_idle_due:
            stable_s = self._live.now.settings.jenkins[server.name].node_stable_s
            asked.answers.append(await self._looked(f"nodes of {server.name}", self.nodes.look, server, stable_s))
        if any(asked.answers):
            self.silent.pop(server.name, None)
        elif asked.answers:
            self.silent.setdefault(server.name, self._clock.now())
        return asked.answers

    def _chosen(
        self, server: str, watched: Sequence[BuildRow], hinted: Collection[str], *, is_due: bool, is_idle_due: bool
    ) -> Round:
        """Choose what a round is about: what was hinted at, ours when that is due, all when it is idle's turn."""
        jobs, projects = self._configured(server)
        if is_idle_due:
            return Round(watched, jobs, projects)
        return Round(
            [row for row in watched if (is_due and row.ours) or row.job.casefold() in hinted],
            [job for job in jobs if job.full_name.casefold() in hinted],
            [job for job in projects if any(name.startswith(f"{job.full_name.casefold()}/") for name in hinted)],
        )

    def _configured(self, server: str) -> tuple[list[JobRef], list[JobRef]]:
        """List the jobs of which builds of others are told, and the multibranch projects."""
        settings = self._live.now.settings
        if not settings.jenkins[server].watch_others:
            return [], []
        contexts = [one for repo in settings.repos.values() for one in repo.contexts.values()]
        plain = [one.job for one in contexts if not one.branch and one.jenkins == server]
        plain += [one.job for one in settings.jobs.values() if one.jenkins == server]
        branched = [one.job for one in contexts if one.branch and one.jenkins == server]
        return [JobRef(server, job) for job in dict.fromkeys(plain)], [
            JobRef(server, job) for job in dict.fromkeys(branched)
        ]

    async def _ask(self, server: BuildServer, asked: Round, marks: Mapping[str, Mark]) -> None:
        """Read the queue if something waits, then builds: what moves on meanwhile is seen twice, and not never."""
        rows = await self._still_waiting(server, asked)
        newest = await self._newest(server, asked, rows, marks)
        for row in rows:
            if row.state == "lost":
                await self._looked(f"{server.name}/{row.job}", self._follow.lost, row)
            elif (key := row.job.casefold()) in newest:
                await self._looked(
                    f"{server.name}/{row.job} #{row.number}", self._follow.look, server, row, newest[key]
                )
        await self._look_at_others(server, asked, newest, marks)

    async def _still_waiting(self, server: BuildServer, asked: Round) -> Sequence[BuildRow]:
        """Take in which builds are in the queue; return the others, which have to be looked at."""
        waiting = [row for row in asked.rows if row.state == "queued" and row.number is None]
        if not waiting:
            return asked.rows
        items: dict[int, Queued] = {}

        async def read() -> None:
            items.update({item.id: item for item in await server.queue()})

        if not await self._answered(asked, f"the queue of {server.name}", read):
            return [row for row in asked.rows if row not in waiting]
        rest = []
        for row in asked.rows:
            item = items.get(row.queue_id or 0) if row in waiting else None
            if item is not None:
                await self._looked(f"{server.name}/{row.job} in the queue", self._follow.waits, row, item)
            else:
                rest.append(row)
        return rest

    async def _newest(
        self, server: BuildServer, asked: Round, rows: Sequence[BuildRow], marks: Mapping[str, Mark]
    ) -> Mapping[str, Newest | None]:
        """Read the newest builds of all jobs that matter, each job once; one that is not read is not in it."""
        found: dict[str, Newest | None] = {}
        jobs = {row.job.casefold(): row.job_ref for row in rows if row.state != "lost"}
        jobs |= {job.full_name.casefold(): job for job in asked.jobs}

        async def read_project(project: JobRef) -> None:
            branches = await server.branches(project)
            if branches is not None:
                found.update({job.full_name.casefold(): newest for job, newest in branches.items()})

        async def read_job(job: JobRef) -> None:
            key = job.full_name.casefold()
            mark = marks.get(job.full_name.lower())
            numbers = [row.number for row in rows if row.number is not None and row.job.casefold() == key]
            until = mark.number if mark else 0
            found[key] = await server.newest(job, since=min([until, *numbers]), until=until)

        projects = self._projects(server.name, asked, list(jobs.values()))
        await asyncio.gather(*(self._answered(asked, f"{server.name}/{each}", read_project, each) for each in projects))
        left = [job for key, job in jobs.items() if key not in found]
        await asyncio.gather(*(self._answered(asked, f"{server.name}/{each}", read_job, each) for each in left))
        return found

    def _projects(self, server: str, asked: Round, jobs: Sequence[JobRef]) -> Collection[JobRef]:
        """List the multibranch projects to read whole: where others' builds are told, or many of its jobs matter."""
        found = dict.fromkeys(asked.projects)
        for repo in self._live.now.settings.repos.values():
            for context in repo.contexts.values():
                if context.branch and context.jenkins == server:
                    count = sum(number_of(context, job) is not None for job in jobs)
                    found |= {JobRef(server, context.job): None} if count > ONE_BY_ONE else {}
        return found

    async def _look_at_others(
        self, server: BuildServer, asked: Round, newest: Mapping[str, Newest | None], marks: Mapping[str, Mark]
    ) -> None:
        for job in asked.jobs:
            if (read := newest.get(job.full_name.casefold())) is not None:
                await self._looked(f"{server.name}/{job}", self._others.look, server, job, read, marks)
        for project in asked.projects:
            key = project.full_name.casefold()
            is_known = key in marks
            inside = {name: read for name, read in newest.items() if name.startswith(f"{key}/") and read is not None}
            for name, read in inside.items():
                job = next((build.ref.job for build in read.builds), JobRef(server.name, name))
                await self._looked(f"{server.name}/{job}", self._others.look, server, job, read, marks, is_known)
            if inside and not is_known:
                now_s = self._clock.now().timestamp()
                await self._looked(key, self._sightings.put_marks, server.name, {key: Mark(0, now_s)})

    async def _answered(
        self, asked: Round, what: str, question: Callable[P, Awaitable[None]], *given: P.args, **more: P.kwargs
    ) -> bool:
        asked.answers.append(await self._looked(what, question, *given, **more))
        return asked.answers[-1]

    async def _looked(self, what: str, look: Callable[P, Awaitable[None]], *given: P.args, **more: P.kwargs) -> bool:
        """Look at one thing; what cannot be read keeps nothing else from being seen."""
        try:
            await look(*given, **more)
        except GordonError as error:
            is_news = self._said.get(what) != str(error)
            log.log(logging.WARNING if is_news else logging.DEBUG, "watching %s: %s", what, error)
            self._said[what] = str(error)
            return False
        except Exception:  # what one answer breaks must not end the watch of all
            log.exception("watching %s", what)
            return False
        self._said.pop(what, None)
        return True
