"""Starting and cancelling builds: which job builds which context, with what, and never twice for one commit."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from bot import codec
from bot.access import Access
from bot.builds import LIVE, START, BuildLedger, BuildRow, Folded
from bot.clock import Clock
from bot.crash import crash_points
from bot.database import Database
from bot.effects import Effects
from bot.errors import Pending, Refused, Unavailable, UserError
from bot.live import Live
from bot.ports import BuildServer, ForgeServer, Order, Queued
from bot.rights import Asker, BuildRights, Wish
from bot.settings import ContextSettings, GordonSettings, ParameterNames
from bot.values import Build, BuildRef, JobRef, Pull, PullRef, QueueItem, Stage, Standing, Standings

CANCEL = "build.cancel"
T = TypeVar("T")


class Builds:
    """The builds of all servers, on the edge loop.

    Arguments:
        servers: by their configured names.
        forge: where pulls are read; None if none is configured.
    """

    def __init__(
        self,
        live: Live,
        servers: Mapping[str, BuildServer],
        forge: ForgeServer | None,
        access: Access,
        ledger: BuildLedger,
        database: Database,
        clock: Clock,
    ) -> None:
        self.servers = servers
        self.forge = forge
        self._live = live
        self._access = access
        self._ledger = ledger
        self._database = database
        self._clock = clock
        self._rights = BuildRights(live, access, ledger, self._standing)
        self.effects: Effects  # wired by app.py: effects need the kinds, which need this

    @property
    def _settings(self) -> GordonSettings:
        return self._live.now.settings

    async def pull(self, ref: PullRef) -> Pull:
        """Read a pull request as it is now."""
        if self.forge is None:
            raise UserError("no [github] is configured, so pull requests cannot be read")
        return await self.forge.pull(ref)

    async def contexts(self, asker: Asker, pull: Pull, wanted: Sequence[str] = ()) -> Mapping[str, Standing]:
        """Tell how each configured context of a pull request stands at its head, and what the asker has begun.

        Arguments:
            wanted: where each is the name of a context, only these are read, and no server but theirs.
        """
        contexts = self._live.now.contexts(pull.ref.repo)
        names = wanted if contexts.keys() >= set(wanted) else ()
        reading = (self._standing(name, pull) for name in names or contexts)
        asked, cancelling, found = await asyncio.gather(
            self._ledger.asked_by(asker.event_key, pull.ref), self._cancelling(asker), asyncio.gather(*reading)
        )
        begun = {row.context for row in asked}
        standings = {each.context: replace(each, begun=each.context in begun) for each in found}
        return standings | {each.context: each for each in cancelling if each.context in standings}

    async def overview(self, pull: Pull) -> Standings:
        """Tell how the contexts of a pull request stand, as far as their servers answer."""
        names = self._live.now.contexts(pull.ref.repo)
        return Standings(*await _answered([self._standing(name, pull) for name in names]))

    async def start(self, asker: Asker, context: str, pull: Pull, *, again: bool) -> QueueItem:
        """Start a context at the pull's head, or attach the asker to a live build of it."""
        known = self._context(context, pull)
        job = JobRef(known.jenkins, known.job)
        key = f"{asker.event_key}|{asker.handler}|{START}|{job.server}/{job}/{context}/{pull.ref}"
        is_begun = await self.effects.known(key) is not None
        person = await self._rights.start(asker, Wish(context, pull, again, is_begun))
        names = self._parameter_names(job.server)
        facts = {
            names.pull: str(pull.ref.number),
            names.sha: pull.head,
            names.base_repo: pull.ref.repo,
            names.head_repo: pull.head_repo,
            names.base_branch: pull.base,
            names.github_url: pull.url,
        }
        payload = self._payload(asker, person.key, job, {**facts, **known.parameters}) | {
            "context": context,
            "repo": pull.ref.repo,
            "pull": pull.ref.number,
            "sha": pull.head,
            "match": self._match(job, pull, known.parameters),
            "again": again,
        }
        if again or is_begun:
            return await self._run(key, payload, asker)
        for row in await self._ledger.asked_by(asker.event_key, pull.ref):
            if row.context == context and row.state in (*LIVE, "finished"):  # one that was given up is no answer
                return _adopted(row)
        try:
            server = self._server(job)
            if live := await server.live(job, payload["match"]):
                return await self._adopt(asker, payload, live)
            return await self._run(key, payload, asker)
        except Folded as folded:
            joined = await self._join(asker, folded.row)
            return joined or await self.start(asker, context, pull, again=again)

    async def takes(self, job: JobRef, parameters: Mapping[str, str]) -> None:
        """See that a job takes these values, without starting anything."""
        await self._server(job).takes(Order(job, self._given(job, parameters), ""))

    async def build(self, asker: Asker, job: JobRef, parameters: Mapping[str, str]) -> QueueItem:
        """Start any configured job for somebody who may."""
        given = self._given(job, parameters)
        person = self._access.people.find(asker.speaker)
        payload = self._payload(asker, person.key if person else "", job, dict(given)) | {
            "context": self._job_name(job),
            "repo": "",
            "pull": 0,
            "sha": "",
            "match": given,
            "again": True,
        }
        return await self._run(f"{asker.event_key}|{asker.handler}|{START}|{job.server}/{job}", payload, asker)

    def may_cancel(self, asker: Asker, standing: Standing) -> None:
        """See that the asker may cancel a build; from any thread.

        Raises:
            NotAllowed: they may not, and who may.
        """
        self._rights.cancel(asker.speaker, standing)

    async def cancel(self, asker: Asker, standing: Standing) -> str:
        """Take a build out of the queue, or ask it to stop; tell which of the two in words."""
        self.may_cancel(asker, standing)
        target = f"{standing.job.server}/{standing.job}/{standing.number or 0}/{standing.queue_id or 0}"
        payload = {
            "context": standing.context,
            "server": standing.job.server,
            "job": standing.job.full_name,
            "queue_id": standing.queue_id,
            "number": standing.number,
            "url": standing.url,
            "person": getattr(self._access.people.find(asker.speaker), "key", ""),
        }
        effect = await self.effects.run(
            CANCEL, f"{asker.event_key}|{asker.handler}|{CANCEL}|{target}", payload, asker.event_key
        )
        return str(effect.external["how"])

    async def of_job(self, asker: Asker, job: JobRef, number: int | None) -> Standing:
        """Tell how one build stands, or the newest of a job, and what the asker has begun."""
        server = self._server(job)
        if begun := [each for each in await self._cancelling(asker) if (each.job, each.number) == (job, number)]:
            return begun[0]
        if number is None:
            build = await server.latest(job, {})
            return self.standing(self._name(build), build) if build else Standing(self._job_name(job), job, Stage.NEVER)
        build = await server.build(BuildRef(job, number))
        if build is None:
            raise UserError(f"{job}#{number} does not exist, or not any more")
        return await self._asked(self.standing(self._name(build), build), build)

    async def queue(self) -> Standings:
        """List what waits, on every server that answers."""
        lists, silent = await _answered([server.queue() for server in self.servers.values()])
        return Standings([self.standing(self._name(item), item) for items in lists for item in items], silent)

    async def running(self) -> Standings:
        """List what runs, on every server that answers."""
        lists, silent = await _answered([server.running() for server in self.servers.values()])
        return Standings([self.standing(self._name(build), build) for builds in lists for build in builds], silent)

    def standing(self, context: str, found: Build | Queued) -> Standing:
        """Tell a server's answer as plugins see it."""
        job = found.ref.job if isinstance(found, Build) else found.job
        names = self._parameter_names(job.server)
        number = found.parameters.get(names.pull, "")
        repo = found.parameters.get(names.base_repo, "")
        pull = PullRef(repo, int(number)) if repo and number.isascii() and number.isdigit() else None
        sha = found.parameters.get(names.sha, "")
        if isinstance(found, Queued):
            return Standing(
                context, job, Stage.QUEUED, queue_id=found.id, url=found.url, sha=sha, pull=pull, why=found.why,
                started_at=found.since,
            )  # fmt: skip
        stage = Stage.ENDED if found.finished else Stage.RUNNING
        result = found.result if found.finished else None
        return Standing(
            context, job, stage, result, found.queue_id, found.ref.number, found.url, sha, pull,
            started_at=found.started_at, duration_s=found.duration_s,
        )  # fmt: skip

    def seen(self, build: Build) -> Standing:
        """Tell how a build stands that nobody here asked for, by what it carries itself."""
        return self.standing(self._name(build), build)

    def _context(self, name: str, pull: Pull) -> ContextSettings:
        known = self._live.now.contexts(pull.ref.repo).get(name)
        if known is None:
            raise UserError(f'no context "{name}" for {pull.ref.repo}')
        return known

    async def _standing(self, context: str, pull: Pull) -> Standing:
        known = self._context(context, pull)
        job = JobRef(known.jenkins, known.job)
        server, match = self._server(job), self._match(job, pull, known.parameters)
        found = await server.live(job, match) or await server.latest(job, match)
        if found is None:
            return Standing(context, job, Stage.NEVER, sha=pull.head)
        return await self._asked(self.standing(context, found), found)

    async def _asked(self, standing: Standing, found: Build | Queued) -> Standing:
        """Tell with a live build who had it started, by the mark that it carries."""
        mark = found.parameters.get(self._parameter_names(standing.job.server).request_id, "")
        if not mark or not standing.is_live:
            return standing
        return replace(standing, asker=await self._ledger.asker_of(mark, standing))

    async def _run(self, key: str, payload: Mapping[str, Any], asker: Asker) -> QueueItem:
        effect = await self.effects.run(START, key, payload, asker.event_key)
        job = JobRef(effect.payload["server"], effect.payload["job"])
        return QueueItem(
            effect.payload["context"],
            job,
            effect.external.get("queue_id"),
            effect.external.get("url", ""),
            effect.payload["sha"],
            effect.external.get("number"),
            complaints=tuple(self._server(job).complaints(job)),
        )

    async def _join(self, asker: Asker, row: BuildRow) -> QueueItem | None:
        """Attach an asker to a build that another one asked for; None if it has ended just now."""
        if row.state == "asked":
            raise Pending(f"Jenkins {row.server}", f"starting {row.context}, which was asked for just before")

        def write(db: sqlite3.Connection) -> bool:
            now = self._ledger.get(db, row.request_id)
            if now is None or now.state not in LIVE:
                return False
            self._ledger.ask(db, row.request_id, asker.speaker.name, asker.place, asker.event_key)
            return True

        with crash_points("builds.join"):
            is_live = await self._database.write(write)
        return _adopted(row) if is_live else None

    async def _cancelling(self, asker: Asker) -> Sequence[Standing]:
        """Tell what the asker has cancelled already, as it stood then."""
        begun = await self.effects.begun(f"{asker.event_key}|{asker.handler}|{CANCEL}|")
        return [
            Standing(
                effect.payload["context"],
                JobRef(effect.payload["server"], effect.payload["job"]),
                Stage.RUNNING if effect.payload["number"] else Stage.QUEUED,
                queue_id=effect.payload["queue_id"],
                number=effect.payload["number"],
                url=effect.payload["url"],
                begun=True,
            )
            for effect in begun
        ]

    async def _adopt(self, asker: Asker, payload: Mapping[str, Any], live: Queued | Build) -> QueueItem:
        """Attach an asker to a live build that the server knows, ours or somebody else's."""
        standing = self.standing(payload["context"], live)
        mark = live.parameters.get(self._parameter_names(payload["server"]).request_id, "")
        queue_id = standing.queue_id
        fallback = f"adopted-{payload['server']}/{payload['job']}/{queue_id or f'#{standing.number}'}"

        def write(db: sqlite3.Connection) -> None:
            watched = [
                row for row in self._ledger.in_job(db, standing.job, queue_id, standing.number or 0) if not row.ours
            ]
            own = next(
                (row for row in watched if row.queue_id == queue_id), self._ledger.get(db, mark) if mark else None
            )
            is_ours = own is not None and own.state in LIVE  # a copy made by hand carries the mark of its ended model
            row = replace(
                self.row(payload, own.request_id if own and is_ours else fallback, ""),
                state="running" if standing.stage is Stage.RUNNING else "queued",
                session=self.servers[payload["server"]].session,
                queue_id=queue_id,
                number=standing.number,
                url=standing.url,
            )
            self._ledger.insert(db, row)
            self._ledger.ask(db, row.request_id, asker.speaker.name, asker.place, asker.event_key)

        with crash_points("builds.join"):
            await self._database.write(write)
        return QueueItem(
            payload["context"], standing.job, queue_id, standing.url, payload["sha"], standing.number, adopted=True
        )

    def row(self, payload: Mapping[str, Any], request_id: str, effect_key: str) -> BuildRow:
        """Make a build's first row from what is to be sent."""
        facts = {name: payload[name] for name in ("server", "job", "context", "repo", "pull", "sha", "person")}
        now_s = self._clock.now().timestamp()
        return BuildRow(request_id, effect_key, state="asked", asked_s=now_s, **facts)

    def _given(self, job: JobRef, parameters: Mapping[str, str]) -> dict[str, str]:
        """Add to what somebody gives what the configuration gives for a job that is about no pull request."""
        if (mark := self._parameter_names(job.server).request_id) in parameters:
            raise UserError(f"{mark} is filled in for each build; give it no value")
        known = self._settings.jobs.get(self._job_name(job))
        return {**(known.parameters if known else {}), **parameters}

    def _payload(self, asker: Asker, person: str, job: JobRef, parameters: dict[str, str]) -> dict[str, Any]:
        parameters.pop("", None)  # a fact whose name the configuration leaves empty is not sent
        return {
            "server": job.server,
            "job": job.full_name,
            "person": person,
            "parameters": parameters,
            "floor": int(asker.floor),
            "speaker": codec.load(codec.dump(asker.speaker)),
            "place": codec.load(codec.dump(asker.place)),
        }

    def _match(self, job: JobRef, pull: Pull, own: Mapping[str, str]) -> dict[str, str]:
        """Tell the parameters by which a build of this pull, commit and context is known; two may share a job."""
        names = self._parameter_names(job.server)
        match = {names.pull: str(pull.ref.number), names.sha: pull.head, names.base_repo: pull.ref.repo, **own}
        match.pop("", None)
        return match

    def _name(self, found: Build | Queued) -> str:
        """Tell which context a build is of, by its repository and the context's own parameters; else its job."""
        job = found.ref.job if isinstance(found, Build) else found.job
        given = found.parameters
        base = given.get(self._parameter_names(job.server).base_repo)
        contexts = {
            name
            for repo, settings in self._settings.repos.items()
            for name, context in settings.contexts.items()
            if JobRef(context.jenkins, context.job) == job
            and base in (None, repo)
            and context.parameters.items() <= given.items()
        }
        return contexts.pop() if len(contexts) == 1 else self._job_name(job)

    def _job_name(self, job: JobRef) -> str:
        known = self._settings.jobs.items()
        return next((name for name, one in known if JobRef(one.jenkins, one.job) == job), str(job))

    def _server(self, job: JobRef) -> BuildServer:
        return self.servers[job.server]

    def _parameter_names(self, server: str) -> ParameterNames:
        return self._settings.jenkins[server].parameters


async def _answered(readings: Sequence[Awaitable[T]]) -> tuple[list[T], list[str]]:
    """Read from several servers, so that one that does not answer hides none of the others.

    Raises:
        Unavailable, Refused: not one of them answers.
    """
    found: list[T] = []
    silent: dict[str, Unavailable | Refused] = {}
    for each in await asyncio.gather(*readings, return_exceptions=True):
        if isinstance(each, Unavailable | Refused):
            silent.setdefault(each.peer, each)
        elif isinstance(each, BaseException):
            raise each
        else:
            found.append(each)
    if silent and not found:
        raise next(iter(silent.values()))
    return found, [str(error) for error in silent.values()]


def _adopted(row: BuildRow) -> QueueItem:
    return QueueItem(row.context, row.job_ref, row.queue_id, row.url, row.sha, row.number, adopted=True)
