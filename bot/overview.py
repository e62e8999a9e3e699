"""All of Gordon at a glance, for whoever looks: how it is, what is under way, what failed and why.

What is read is bounded and from our own disk and memory; servers are asked beside it. What people typed is not in it,
nor where they did: the place may be private.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from bot import __version__, overview_rows, pull_rows
from bot.clock import Clock
from bot.database import Database
from bot.effects import Effects
from bot.errors import StorageError
from bot.facts import Fact, FlakeRow
from bot.glances import Glance, Glances
from bot.health import Part
from bot.journal import SqliteJournal
from bot.ledger import DiskLedger
from bot.live import Live
from bot.overview_rows import Head
from bot.ports import Letter
from bot.values import Node, NodeRef, Pull, Result, Standing

T = TypeVar("T")
Points = tuple[tuple[float, float], ...]  # the beginning of a day, and how often on it

MOST_BUILDS, MOST_PULLS, MOST_NODES, MOST_LINES = 60, 100, 60, 20
MOST_FLAKES, FLAKE_DAYS = 8, 30
FLAKES_EVERY_S = 30.0  # they are sums of a month, which a second does not change
DISK_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Some(Generic[T]):
    """The first of some things, and how many there are in all."""

    items: Sequence[T] = ()
    total: int = 0

    @property
    def more(self) -> int:
        return self.total - len(self.items)


class Tone(StrEnum):
    """What a state means to whoever looks, beside its word."""

    GOOD = "good"
    BAD = "bad"
    BUSY = "busy"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ContextState:
    """How a context stands at the head of a pull request."""

    context: str
    word: str
    tone: Tone
    number: int | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class OpenPull:
    """An open pull request, and how its contexts stand, those that are configured and those that were built."""

    pull: Pull
    contexts: Sequence[ContextState]


@dataclass(frozen=True, slots=True)
class Flakes:
    """What fails by itself, the most often first, with how often on each day."""

    rows: Some[FlakeRow] = field(default_factory=Some)
    days: Mapping[str, Points] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DownNode:
    """An agent that takes no builds."""

    node: Node
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Agents:
    """The agents of all servers, as the watch has read them last."""

    total: int
    down: Some[DownNode]


@dataclass(frozen=True, slots=True)
class Trace:
    """A record of the audit, without the text that was typed."""

    at: datetime
    id: str
    person: str
    what: str
    about: str
    decision: str


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that the status page shows, as it was at one moment.

    Arguments:
        started_at: when this Gordon was started.
        troubles: what somebody should look at, in words; none if all is well.
        depth: how many deliveries are open in the journal.
        causes, jobs: what fails by itself, by its cause and by its job.
    """

    at: datetime
    version: str
    started_at: datetime
    troubles: Sequence[str]
    parts: Sequence[Part]
    depth: int
    glances: Sequence[Glance]
    running: Some[Standing]
    queued: Some[Standing]
    pulls: Some[OpenPull]
    verdicts: Sequence[Fact]
    causes: Flakes
    jobs: Flakes
    agents: Agents
    letters: Some[Letter]
    trail: Sequence[Trace]


class Overlook:
    """Puts an overview together.

    Arguments:
        parts: tells how the parts of the program are.
        nodes: tells the agents that were read last, by server.
    """

    def __init__(
        self,
        database: Database,
        ledger: DiskLedger,
        journal: SqliteJournal,
        effects: Effects,
        live: Live,
        clock: Clock,
        glances: Glances,
        parts: Callable[[], Sequence[Part]],
        nodes: Callable[[], Mapping[str, Sequence[Node]]],
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._journal = journal
        self._effects = effects
        self._live = live
        self._clock = clock
        self._glances = glances
        self._parts = parts
        self._nodes = nodes
        self._started_at = clock.now()
        self._flakes = (Flakes(), Flakes())
        self._flakes_due_s = float("-inf")

    async def look(self) -> Overview:
        """Read all that is shown.

        Raises:
            StorageError: the disk cannot be read, or takes too long.
        """
        try:
            async with asyncio.timeout(DISK_WITHIN_S):
                letters = [*await self._journal.letters(), *await self._effects.letters()]
                depth = await self._journal.depth()
                pulls = await self._database.read(self._pulls)
                verdicts = await self._database.read(lambda db: overview_rows.verdicts(db, MOST_LINES))
                since = await self._database.read(overview_rows.down_since)
                records = await self._database.read(lambda db: overview_rows.trail(db, MOST_LINES))
                causes, jobs = await self._flaking()
        except TimeoutError as error:
            raise StorageError(f"the disk does not answer within {DISK_WITHIN_S:g} s") from error
        glances = await self._glances.take()
        parts = self._parts()
        return Overview(
            self._clock.now(),
            __version__,
            self._started_at,
            troubles(parts, glances, len(letters)),
            parts,
            depth,
            glances,
            oldest_first([one for glance in glances for one in glance.running]),
            oldest_first([one for glance in glances for one in glance.queued]),
            pulls,
            verdicts,
            causes,
            jobs,
            agents([node for listed in self._nodes().values() for node in listed], since),
            Some(letters[:MOST_LINES], len(letters)),
            [traced(record) for record in records],
        )

    def close(self) -> None:
        """Ask no server any more."""
        self._glances.close()

    def _pulls(self, db: sqlite3.Connection) -> Some[OpenPull]:
        """List the open pull requests, those that changed last first."""
        settings = self._live.now.settings
        found = [known.pull for repo in settings.repos for known in pull_rows.open_pulls(db, repo).values()]
        found.sort(key=lambda pull: pull.updated_at.timestamp() if pull.updated_at else 0.0, reverse=True)
        shown = []
        for pull in found[:MOST_PULLS]:
            heads = overview_rows.contexts(db, pull)
            names = sorted({*settings.repos[pull.ref.repo].contexts, *heads})
            shown.append(OpenPull(pull, [stands(name, heads.get(name)) for name in names]))
        return Some(shown, len(found))

    async def _flaking(self) -> tuple[Flakes, Flakes]:
        if self._clock.monotonic_s() >= self._flakes_due_s:
            self._flakes = (await self._flaking_by("cause"), await self._flaking_by("job"))
            self._flakes_due_s = self._clock.monotonic_s() + FLAKES_EVERY_S
        return self._flakes

    async def _flaking_by(self, kind: str) -> Flakes:
        rows = await self._ledger.flakes(kind, days=FLAKE_DAYS)
        shown = rows[:MOST_FLAKES]
        days = await self._ledger.flake_days(kind, [row.name for row in shown], days=FLAKE_DAYS)
        return Flakes(Some(shown, len(rows)), days)


def stands(context: str, head: Head | None) -> ContextState:
    """Say how a context stands in a word or two."""
    if head is None:
        return ContextState(context, "not built", Tone.NONE)
    if head.state != "finished":
        word = {"asked": "asked for", "queued": "waits", "running": "runs"}[head.state]
        return ContextState(context, word, Tone.BUSY, head.number, head.url)
    match head.result:
        case Result.SUCCESS:
            word, tone = "passed", Tone.GOOD
        case Result.FAILURE:
            word, tone = "failed", Tone.BAD
        case Result.UNSTABLE:
            word, tone = "unstable", Tone.BAD
        case Result.ABORTED:
            word, tone = "aborted", Tone.NONE
        case _:
            word, tone = "ended", Tone.NONE
    return ContextState(context, word, tone, head.number, head.url)


def troubles(parts: Sequence[Part], glances: Sequence[Glance], letters: int) -> Sequence[str]:
    """Say what somebody should look at."""
    found = [f"{part.name} is not well" for part in parts if not part.is_well]
    found += [f"Jenkins {one.server} does not answer" for one in glances if one.silent_since is not None]
    if letters:
        found.append("1 letter waits for an operator" if letters == 1 else f"{letters} letters wait for an operator")
    return found


def oldest_first(found: Sequence[Standing]) -> Some[Standing]:
    """Put builds in the order of their age; those whose age nobody tells come last."""
    ordered = sorted(found, key=lambda one: (one.started_at is None, one.started_at and one.started_at.timestamp()))
    return Some(ordered[:MOST_BUILDS], len(ordered))


def agents(found: Sequence[Node], since: Mapping[NodeRef, datetime]) -> Agents:
    """Choose the agents that are down, those that went down last first."""
    down = [DownNode(node, since.get(node.ref)) for node in found if node.offline]
    down.sort(key=lambda one: (-one.since.timestamp() if one.since else 0.0, one.node.ref))
    return Agents(len(found), Some(down[:MOST_NODES], len(down)))


def traced(record: Mapping[str, Any]) -> Trace:
    """Take of a record what everybody may see: who, which command, what was done to what, but no words of theirs."""
    about = record.get("job", "") if record.get("effect") else ""
    if about and record.get("pr"):
        about = f"{record['repo']}#{record['pr']} {about}"
    return Trace(
        datetime.fromisoformat(record["utc"]),
        record.get("id", ""),
        record.get("person", ""),
        record.get("command") or record.get("effect", ""),
        about,
        record.get("decision", ""),
    )
