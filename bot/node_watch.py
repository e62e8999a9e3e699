"""Agents that go down and come back: told once they have stayed so for a while, and never twice."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.accepting import Accepting
from bot.bounded import Bounded
from bot.clock import Clock
from bot.events import Event, NodeCameBack, NodeEvent, NodeWentDown
from bot.others import DAY_S
from bot.ports import BuildServer
from bot.sightings import NodeRow, Sightings
from bot.values import Node, NodeRef

MOST_SEEN = 5000  # agents, with those that are gone: of what has just run there somebody may still ask


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a server's agents comes to: what to tell, what to keep, what to forget."""

    events: tuple[NodeEvent, ...]
    kept: tuple[NodeRow, ...]
    dropped: tuple[str, ...]


class NodeWatch:
    """Compares the agents of a server with what was told of them."""

    def __init__(self, sightings: Sightings, accepting: Accepting, clock: Clock) -> None:
        self._sightings = sightings
        self._accepting = accepting
        self._clock = clock
        self._seen: Bounded[NodeRef, Node] = Bounded(MOST_SEEN)
        self.listed: dict[str, Sequence[Node]] = {}  # by server, as it told them last, without what runs there

    def last_seen(self, server: str, name: str) -> Node | None:
        """Tell an agent as it was when it was read last."""
        return self._seen.get(NodeRef(server, name))

    async def look(self, server: BuildServer, stable_s: float) -> None:
        """Read the agents once and tell what has stayed changed.

        Arguments:
            stable_s: how long an agent must be down, or back, without a break.
        """
        found = await server.nodes()
        self.listed[server.name] = [replace(node, running=()) for node in found]
        self._seen |= {node.ref: node for node in self.listed[server.name]}
        rows = await self._sightings.nodes(server.name)
        seen = weigh(found, rows, self._clock.now(), stable_s)
        if not (seen.kept or seen.dropped):
            return

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            self._sightings.change_nodes(db, server.name, seen.kept, seen.dropped)
            return seen.events

        await self._accepting(make)


def weigh(nodes: Collection[Node], rows: Mapping[str, NodeRow], now: datetime, stable_s: float) -> Seen:
    """Decide what changed for good; one that goes back and forth is neither down nor back."""
    events: list[NodeEvent] = []
    kept: list[NodeRow] = []
    there = {node.ref.name for node in nodes}
    dropped = [name for name in rows if name not in there]
    now_s = now.timestamp()
    for node in nodes:
        before = rows.get(node.ref.name)
        row = _observed(node, before, now_s)
        if row is None:
            continue
        event = _event(node, row, now, stable_s)
        if event is not None:
            events.append(event)
            row = replace(row, told_down_s=row.since_s if node.offline else None)
        if not row.is_down and row.told_down_s is None:
            dropped.append(row.name)
        elif row != before:
            kept.append(row)
    return Seen(tuple(events), tuple(kept), tuple(dropped))


def _observed(node: Node, before: NodeRow | None, now_s: float) -> NodeRow | None:
    """Tell how an agent stands and since when; None for one that is up as it always was."""
    if before is None:
        return NodeRow(node.ref.server, node.ref.name, True, now_s, None, now_s) if node.offline else None
    # A clock that was set back must not make a change wait for as long.
    since_s = min(before.since_s, now_s) if node.offline == before.is_down else now_s
    looked_s = before.looked_s if abs(now_s - before.looked_s) < DAY_S else now_s
    return replace(before, is_down=node.offline, since_s=since_s, looked_s=looked_s)


def _event(node: Node, row: NodeRow, now: datetime, stable_s: float) -> NodeEvent | None:
    if node.offline == (row.told_down_s is not None) or now.timestamp() - row.since_s < stable_s:
        return None
    lane, since = f"node:{node.ref.server}/{node.ref.name}", datetime.fromtimestamp(row.since_s, UTC)
    key = f"{lane}:{'down' if node.offline else 'back'}:{round(row.since_s * 1000)}"
    if node.offline:
        return NodeWentDown(
            key=key,
            lane=lane,
            at=now,
            node=node.ref,
            since=since,
            marked=node.marked,
            reason=node.reason,
            tags=node.tags,
        )
    down_s = max(0.0, row.since_s - (row.told_down_s or 0.0))
    return NodeCameBack(key=key, lane=lane, at=now, node=node.ref, since=since, down_s=down_s)
