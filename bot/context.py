"""What a handler is given, made for one event and one plugin; behind it the calls cross over to the edge loop."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import bindparam, select

from bot import codec
from bot.ci import Builds
from bot.clock import Clock
from bot.commands import Names
from bot.confirm import weigh
from bot.database import Database
from bot.errors import UserError
from bot.events import CommandGiven, Event
from bot.handling import hop
from bot.live import Live
from bot.loader import Registry
from bot.plugin import Context, House
from bot.rights import Asker
from bot.schema import plugin_state, sql
from bot.values import (
    BuildRef,
    JobRef,
    Node,
    NodeRef,
    Nodes,
    PipelineStage,
    Place,
    Pull,
    PullRef,
    QueueItem,
    Role,
    Speaker,
    Standing,
    Standings,
    Stop,
    TestReport,
)

GET = sql(
    select(plugin_state.c.value).where(
        plugin_state.c.plugin == bindparam("plugin"), plugin_state.c.key == bindparam("key")
    )
)
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

    def __init__(self, builds: Builds, edge: Edge, asker: Asker) -> None:
        self._builds = builds
        self._edge = edge
        self._asker = asker

    async def contexts(self, pull: Pull, wanted: Sequence[str] = ()) -> Mapping[str, Standing]:
        return await self._edge(self._builds.contexts(self._asker, pull, wanted))

    async def overview(self, pull: Pull) -> Standings:
        return await self._edge(self._builds.reading.overview(pull))

    async def start(
        self, context: str, pull: Pull, *, again: bool = False, cells: Sequence[str] = (), node: str = ""
    ) -> QueueItem:
        return await self._edge(self._builds.start(self._asker, context, pull, again=again, cells=cells, node=node))

    async def build(self, job: JobRef, parameters: Mapping[str, str]) -> QueueItem:
        return await self._edge(self._builds.build(self._asker, job, parameters))

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

    async def of_job(self, job: JobRef, number: int | None = None) -> Standing:
        return await self._edge(self._builds.of_job(self._asker, job, number))

    async def tests(self, build: BuildRef) -> TestReport | None:
        return await self._edge(self._builds.reading.tests(build))

    async def stages(self, build: BuildRef) -> Sequence[PipelineStage]:
        return await self._edge(self._builds.reading.stages(build))

    async def queue(self) -> Standings:
        return await self._edge(self._builds.reading.queue())

    async def running(self) -> Standings:
        return await self._edge(self._builds.reading.running())

    async def nodes(self) -> Nodes:
        return await self._edge(self._builds.reading.nodes())

    async def set_node(self, node: NodeRef, *, offline: bool, reason: str) -> Node:
        return await self._edge(self._builds.mark_node(self._asker, node, offline=offline, reason=reason))


class EdgeForge:
    """Pull requests for any handler."""

    def __init__(self, builds: Builds, edge: Edge) -> None:
        self._builds = builds
        self._edge = edge

    async def pull(self, ref: PullRef) -> Pull:
        return await self._edge(self._builds.pull(ref))


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
    ) -> None:
        self._live = live
        self._registry = registry
        self._builds = builds
        self._database = database
        self._clock = clock
        self._house = house
        self._edge = edge
        self._forge = EdgeForge(builds, edge)

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
        kept: dict[str, Any] = {}
        return Context(
            event=event,
            plugin=plugin,
            ci=EdgeCI(self._builds, self._edge, Asker(event.key, handler, speaker, place, floor, person)),
            forge=self._forge,
            store=PluginStore(self._database, plugin, kept),
            clock=self._clock,
            house=self._house,
            log=logging.LoggerAdapter(logging.getLogger(f"gordon.plugin.{plugin}"), {"event": event.key}),
            _agree=partial(self._agree, event, handler),
            settings=self._live.now.plugin_settings.get(plugin),
            announce=self._live.now.announce,
            operators=self._live.now.operators,
            speaker=speaker if is_command else None,
            place=place if is_command else None,
            _kept=kept,
        )

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
