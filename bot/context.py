"""What a handler is given, made for one event and one plugin; behind it the calls cross over to the edge loop."""

import asyncio
import logging
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import bindparam, select

from bot import bridges, codec
from bot.ci import Builds
from bot.clock import Clock
from bot.commands import Names
from bot.confirm import weigh
from bot.database import Database
from bot.dispatching import Dispatching
from bot.effects import Effects
from bot.errors import UserError
from bot.events import AskedBuild, BuildDiagnosed, BuildEvent, CommandGiven, Event, RetryDue
from bot.facts import Diagnosis, Retry, RetryLimits, RetryPlan
from bot.forge import ForgeServer
from bot.forge_effects import PUT_COMMENT, REACT, SET_LABELS, SET_STATUS
from bot.handling import hop
from bot.live import Live
from bot.loader import Registry
from bot.plugin import Causes, Context, House, Ledger
from bot.retrying import Retrying
from bot.rights import Asker
from bot.schema import plugin_state, sql
from bot.secret import redact, redact_markdown
from bot.settings import CoreSettings
from bot.subscriptions import Subscriptions
from bot.timetable import PluginTimetable, Timetable
from bot.trust import TrustBook, Written
from bot.values import (
    Account,
    Alone,
    BuildRef,
    ChangedFile,
    Comment,
    Commit,
    JobRef,
    Load,
    Node,
    NodeRef,
    Nodes,
    PipelineStage,
    Place,
    PlannedRetry,
    Pull,
    PullRef,
    PullSummary,
    QueueItem,
    Review,
    Role,
    Speaker,
    Standing,
    Standings,
    Status,
    Stop,
    TestReport,
    Trust,
)
from bot.wording import MAX_DESCRIPTION

GET = sql(
    select(plugin_state.c.value).where(
        plugin_state.c.plugin == bindparam("plugin"), plugin_state.c.key == bindparam("key")
    )
)
# What is kept is what is written, so that it can be compared with what is there; GitHub refuses more.
MAX_BODY_CHARS = 65_000
NOBODY = "gordon"  # who had something done, where that was nobody's command
T = TypeVar("T")


class Edge:
    """Runs a coroutine on the edge loop and awaits it on the loop of the caller."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        with hop():
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


class EdgeCI:
    """Builds for one handler: its effects carry the handler's key."""

    def __init__(
        self,
        builds: Builds,
        retrying: Retrying,
        dispatching: Dispatching,
        trust: TrustBook,
        edge: Edge,
        asker: Asker,
        written: Written | None,
    ) -> None:
        self._builds = builds
        self._retrying = retrying
        self._dispatching = dispatching
        self._trust = trust
        self._written = written
        self._edge = edge
        self._asker = asker

    async def contexts(self, pull: Pull, wanted: Sequence[str] = ()) -> Mapping[str, Standing]:
        return await self._edge(self._builds.contexts(self._asker, pull, wanted))

    def configured(self, repo: str) -> Mapping[str, bool]:
        return self._builds.jobs.configured(repo)

    async def overview(self, pull: Pull) -> Standings:
        return await self._edge(self._builds.reading.overview(pull))

    async def start(
        self, context: str, pull: Pull, *, again: bool = False, cells: Sequence[str] = (), node: str = ""
    ) -> QueueItem:
        return await self._edge(self._builds.start(self._asker, context, pull, again=again, cells=cells, node=node))

    async def dispatch(self, context: str, pull: Pull, *, occasion: str, at_most: Load, commit: str = "") -> QueueItem:
        started = self._dispatching.start(self._asker, context, pull, occasion=occasion, at_most=at_most, commit=commit)
        return await self._edge(started)

    async def has_room(self, repo: str, author_id: int, at_most: Load) -> bool:
        return await self._edge(self._dispatching.has_room(repo, author_id, at_most))

    async def cancel_older(
        self, pull: Pull, contexts: Collection[str], *, keep: Collection[str] = (), reason: str
    ) -> Sequence[str]:
        return await self._edge(self._dispatching.cancel_older(self._asker, pull, contexts, keep=keep, reason=reason))

    async def cancel_late(self, request_id: str) -> str:
        return await self._edge(self._dispatching.cancel_late(self._asker, request_id))

    async def trust_of(self, pull: Pull) -> Trust:
        return await self._edge(self._trust.of(pull))

    async def trust(self, pull: Pull, *, is_named: bool = False) -> None:
        await self._edge(self._trust.give(self._asker, pull, None if is_named else self._written))

    async def distrust(self, pull: PullRef) -> bool:
        return await self._edge(self._trust.take_back(self._asker, pull))

    async def build(self, job: JobRef, parameters: Mapping[str, str]) -> QueueItem:
        return await self._edge(self._builds.build(self._asker, job, parameters))

    async def start_scheduled(
        self, job: JobRef, parameters: Mapping[str, str], *, occasion: str, alone: Alone, until: datetime
    ) -> QueueItem:
        started = self._dispatching.start_scheduled(
            self._asker, job, parameters, occasion=occasion, alone=alone, until=until
        )
        return await self._edge(started)

    async def cancel_overdue(self, request_id: str, *, reason: str) -> str:
        return await self._edge(self._dispatching.cancel_overdue(self._asker, request_id, reason))

    async def repeat(
        self, build: BuildRef, *, again: bool = False, cells: Sequence[str] = (), node: str = ""
    ) -> QueueItem:
        return await self._edge(self._builds.repeat(self._asker, build, again=again, cells=cells, node=node))

    async def takes(self, job: JobRef, parameters: Mapping[str, str]) -> None:
        await self._edge(self._builds.takes(job, parameters))

    async def may_cancel(self, standing: Standing) -> None:
        self._builds.may_cancel(self._asker, standing)

    async def cancel(self, standing: Standing, how: Stop = Stop.ASK) -> str:
        return await self._edge(self._builds.cancel(self._asker, standing, how))

    async def planned(self, of: PullRef | BuildRef) -> Sequence[PlannedRetry]:
        return await self._edge(self._builds.planned(self._asker, of))

    async def of_job(self, job: JobRef, number: int | None = None) -> Standing:
        return await self._edge(self._builds.of_job(self._asker, job, number))

    async def tests(self, build: BuildRef) -> TestReport | None:
        return await self._edge(self._builds.reading.tests(build))

    async def diagnose(self, build: BuildRef) -> Diagnosis:
        return await self._edge(self._builds.diagnose(build))

    async def stages(self, build: BuildRef) -> Sequence[PipelineStage]:
        return await self._edge(self._builds.reading.stages(build))

    async def queue(self) -> Standings:
        return await self._edge(self._builds.reading.queue())

    async def running(self) -> Standings:
        return await self._edge(self._builds.reading.running())

    async def asked(self, pull: PullRef) -> Sequence[AskedBuild]:
        return await self._edge(self._builds.ledger.live_of(pull))

    async def is_last_word(self, event: BuildEvent) -> bool:
        return await self._edge(self._builds.ledger.is_last_word(event))

    async def plan_retry(self, event: BuildDiagnosed, plan: RetryPlan, limits: RetryLimits) -> Retry:
        return await self._edge(self._retrying.plan(event, plan, limits))

    async def refuse_retry(self, event: BuildDiagnosed, plan: RetryPlan, reason: str) -> Retry:
        return await self._edge(self._retrying.refuse(event, plan, reason))

    async def start_retry(self, due: RetryDue, *, node: str = "") -> QueueItem:
        return await self._edge(self._retrying.start(self._asker, due, node))

    async def retry_passed(self, event: BuildDiagnosed) -> None:
        await self._edge(self._retrying.passed(event))

    async def look_at_storms(self) -> None:
        await self._edge(self._retrying.look_at_storms())

    async def drop_retry(self, due: RetryDue, reason: str) -> None:
        await self._edge(self._retrying.drop(due, reason))

    async def nodes(self) -> Nodes:
        return await self._edge(self._builds.reading.nodes())

    async def set_node(self, node: NodeRef, *, offline: bool, reason: str) -> Node:
        return await self._edge(self._builds.mark_node(self._asker, node, offline=offline, reason=reason))


class EdgeForge:
    """The forge for one handler: its effects carry the handler's key."""

    def __init__(self, forge: ForgeServer | None, effects: Effects, edge: Edge, live: Live, asker: Asker) -> None:
        self._forge = forge
        self._effects = effects
        self._edge = edge
        self._live = live
        self._asker = asker

    async def pull(self, ref: PullRef) -> Pull:
        return await self._edge(self._server.pull(ref))

    async def open_pulls(self, repo: str, *, with_files: bool = False) -> Sequence[PullSummary]:
        is_idle = not self._asker.speaker.network  # no command of anybody
        return await self._edge(self._server.open_pulls(repo, with_files=with_files, is_idle=is_idle))

    async def summary(self, ref: PullRef) -> PullSummary:
        return await self._edge(self._server.summary(ref))

    async def texts(self, repo: str, paths: Collection[str]) -> Mapping[str, str]:
        return await self._edge(self._server.texts(repo, paths))

    async def authors(self, repo: str, paths: Collection[str]) -> Mapping[str, Sequence[Account]]:
        return await self._edge(self._server.authors(repo, paths))

    async def own_number(self) -> int:
        return await self._edge(self._server.own_number())

    async def files(self, ref: PullRef) -> Sequence[ChangedFile]:
        return await self._edge(self._server.files(ref))

    async def commits(self, ref: PullRef) -> Sequence[Commit]:
        return await self._edge(self._server.commits(ref))

    async def reviews(self, ref: PullRef) -> Sequence[Review]:
        return await self._edge(self._server.reviews(ref))

    async def comments(self, ref: PullRef) -> Sequence[Comment]:
        return await self._edge(self._server.comments(ref))

    async def statuses(self, repo: str, sha: str) -> Mapping[str, Status]:
        return await self._edge(self._server.statuses(repo, sha))

    def status_name(self, repo: str, context: str) -> str:
        known = self._live.now.settings.repos.get(repo)
        return known.contexts[context].status if known and context in known.contexts else ""

    async def set_status(self, repo: str, sha: str, status: Status) -> None:
        words = cut_chars(" ".join(redact(status.description).split()), MAX_DESCRIPTION)
        told = replace(status, description=words, url=redact(status.url))
        given = {"repo": repo, "pull": 0, "sha": sha, "status": codec.load(codec.dump(told))}
        await self._run(SET_STATUS, f"{repo}/{sha}/{status.context}", given)

    async def put_comment(self, ref: PullRef, marker: str, body: str) -> None:
        words = cut_chars(redact_markdown(body.strip()), MAX_BODY_CHARS)
        await self._run(PUT_COMMENT, f"{ref}/{marker}", _of(ref) | {"marker": marker, "body": words})

    async def set_labels(self, ref: PullRef, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        await self._run(SET_LABELS, str(ref), _of(ref) | {"add": list(add), "remove": list(remove)})

    async def react(self, ref: PullRef, comment_id: int, reaction: str) -> None:
        given = _of(ref) | {"comment": comment_id, "reaction": reaction}
        await self._run(REACT, f"{ref}/{comment_id}/{reaction}", given)

    async def _run(self, kind: str, target: str, payload: Mapping[str, Any]) -> None:
        key = f"{self._asker.event_key}|{self._asker.handler}|{kind}|{target}"
        given = {**payload, "person": self._asker.person or NOBODY}
        await self._edge(self._effects.run(kind, key, given, self._asker.event_key))

    @property
    def _server(self) -> ForgeServer:
        if self._forge is None:
            raise UserError("no [github] is configured, so pull requests cannot be read")
        return self._forge


class PluginStore:
    """One plugin's memory as one handler sees it: what it puts it also reads, before anything is on disk."""

    def __init__(self, database: Database, plugin: str, kept: dict[str, Any]) -> None:
        self._database = database
        self._plugin = plugin
        self._kept = kept

    async def get(self, key: str) -> Any:
        if key in self._kept:
            return self._kept[key]
        given = {"plugin": self._plugin, "key": key}
        row = await self._database.read(lambda db: db.execute(GET, given).fetchone())
        return codec.load(row[0]) if row else None

    def put(self, key: str, value: Any) -> None:
        self._kept[key] = value


class Contexts:
    """Makes contexts."""

    def __init__(
        self,
        registry: Registry,
        builds: Builds,
        database: Database,
        clock: Clock,
        house: House,
        edge: Edge,
        live: Live,
        forge: ForgeServer | None,
        retrying: Retrying,
        dispatching: Dispatching,
        trust: TrustBook,
        ledger: Ledger,
        causes: Causes,
        subscriptions: Subscriptions,
        timetable: Timetable,
    ) -> None:
        self._timetable = timetable
        self._subscriptions = subscriptions
        self._dispatching = dispatching
        self._trust = trust
        self._live = live
        self._forge = forge
        self._retrying = retrying
        self._ledger = ledger
        self._causes = causes
        self._registry = registry
        self._builds = builds
        self._database = database
        self._clock = clock
        self._house = house
        self._edge = edge

    @property
    def names(self) -> Names:
        """What words in commands refer to now."""
        return self._live.now.names

    def make(self, event: Event, plugin: str, handler: str) -> Context:
        """Make what one handler is given for one event."""
        is_command = isinstance(event, CommandGiven)
        speaker = event.speaker if isinstance(event, CommandGiven) else Speaker("", "gordon")
        place = event.place if isinstance(event, CommandGiven) else Place("", "")
        command = self._registry.commands.get(event.command) if isinstance(event, CommandGiven) else None
        floor = command.role if command else Role.ANYONE
        person = event.person if isinstance(event, CommandGiven) else ""
        asker = Asker(event.key, handler, speaker, place, floor, person)
        written = Written(event.at, event.written_at) if isinstance(event, CommandGiven) else None
        kept: dict[str, Any] = {}
        return Context(
            event=event,
            plugin=plugin,
            ci=EdgeCI(self._builds, self._retrying, self._dispatching, self._trust, self._edge, asker, written),
            forge=EdgeForge(self._forge, self._builds.effects, self._edge, self._live, asker),
            ledger=self._ledger,
            causes=self._causes,
            store=PluginStore(self._database, plugin, kept),
            timetable=PluginTimetable(self._timetable, plugin),
            subscriptions=self._subscriptions,
            clock=self._clock,
            house=self._house,
            log=logging.LoggerAdapter(logging.getLogger(f"gordon.plugin.{plugin}"), {"event": event.key}),
            _agree=partial(self._agree, event, handler),
            settings=self._live.now.plugin_settings.get(plugin),
            announce=self._live.now.announce,
            operators=self._live.now.operators,
            pushes=self._live.now.pushes,
            patience=patience_of(self._live.now.settings.gordon),
            _automatic=self._live.now.automatic,
            _told_jobs=self._live.now.told_jobs,
            _names=self._live.now.names,
            _spoken_at=partial(bridges.speaking, self._live.now.settings),
            speaker=speaker if is_command else None,
            place=place if is_command else None,
            _kept=kept,
        )

    async def give_up(self, event: Event, reason: str) -> bool:
        """Take in that no handler deals with an event; True if that is its end, so that nobody needs to look at it."""
        if not isinstance(event, RetryDue):
            return False
        await self._edge(self._retrying.drop(event, reason))
        return True

    async def _agree(self, event: Event, handler: str, effect: str, needed: bool, facts: Mapping[str, Any]) -> bool:
        """Weigh whether a command's asker has agreed; what it has begun already it was agreed to begin."""
        if not isinstance(event, CommandGiven):
            raise TypeError(f"nobody can confirm {type(event).__name__}, only a command that somebody gave")
        if not event.agreed and not needed:
            return True
        now = self._live.now
        try:
            weigh(event, now.people.find(event.speaker), now.policy, effect, facts)
        except UserError:
            if event.agreed and await self._builds.effects.begun(f"{event.key}|{handler}|"):
                return False
            raise
        return True


def patience_of(settings: CoreSettings) -> timedelta:
    """Tell for how long a handler is surely tried again, as its last try takes a while, too."""
    return timedelta(seconds=max(0.0, settings.patience_s - settings.handler_limit_s))


def cut_chars(words: str, at_most: int) -> str:
    """Shorten words to what fits, with a mark that they go on."""
    return words if len(words) <= at_most else words[: at_most - 3].rstrip() + "..."


def _of(ref: PullRef) -> dict[str, Any]:
    return {"repo": ref.repo, "pull": ref.number}
