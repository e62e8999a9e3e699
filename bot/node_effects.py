"""Marking an agent offline, or not any more, as an effect: a wanted state, so that doing it twice does no harm."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bot import codec
from bot.access import Access
from bot.crash import crash_points
from bot.effect import About, Effect
from bot.errors import Unavailable, Unchecked, UserError
from bot.events import Event
from bot.ports import BuildServer
from bot.secret import redact
from bot.values import Node, NodeRef, Role, Speaker

SET_NODE = "node.set"
MAX_REASON_CHARS = 200


class SetNode:
    """The effect of marking an agent; Jenkins itself can only toggle the mark [Computer.doToggleOffline].

    Arguments:
        servers: by their configured names.
    """

    name = SET_NODE

    def __init__(self, servers: Mapping[str, BuildServer], access: Access) -> None:
        self._servers = servers
        self._access = access

    def deadline_s(self, effect: Effect) -> float:
        return 2 * self._server(effect).deadline_s  # it is read first: so late may the mark itself be under way

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        payload = effect.payload
        with crash_points("jenkins.node"):
            node = await self._server(effect).set_node(
                _ref(effect), offline=payload["offline"], reason=payload["reason"]
            )
        return _known_by(node)

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        for node in await self._server(effect).nodes():
            if node.ref == _ref(effect):
                return _known_by(node) if node.marked is effect.payload["offline"] else None
        raise UserError(f"there is no agent {_ref(effect)} any more")

    async def guard(self, effect: Effect) -> str:
        speaker, asked_by = Speaker(**effect.payload["speaker"]), effect.payload["person"]
        if getattr(self._access.people.find(speaker), "key", "") != asked_by:
            return f"{speaker.name} is not proven to be {asked_by} any more"
        try:
            lost = self._access.has_lost(speaker, Role(effect.payload["floor"]), _ref(effect))
        except Unchecked as error:
            raise Unavailable("GitHub", "asking who is in a team") from error
        return f"{speaker.name} may not mark {_ref(effect)} any more" if lost else ""

    def record(self, db: sqlite3.Connection, effect: Effect) -> None:
        """Nothing of its own: the server keeps the mark."""

    def settled(self, db: sqlite3.Connection, effect: Effect) -> Sequence[Event]:
        return ()

    def audit(self, effect: Effect) -> dict[str, Any]:
        payload = effect.payload
        return {
            "person": payload["person"],
            "job": f"node {payload['server']}/{payload['node']}",
            "params_redacted": {"offline": str(payload["offline"]).lower(), "reason": redact(payload["reason"])},
        }

    def about(self, effect: Effect) -> About:
        payload = effect.payload
        state = "offline" if payload["offline"] else "online"
        return About(f"Jenkins {payload['server']}", f"marking {payload['node']} {state}", payload["url"])

    def _server(self, effect: Effect) -> BuildServer:
        return self._servers[effect.payload["server"]]


def reason_of(person: str, reason: str) -> str:
    """Make the reason that everybody reads at the agent: who, and why, in one line."""
    seen = "".join(char if char.isprintable() else " " for char in reason)
    return ": ".join(part for part in (person, " ".join(seen.split())) if part)[:MAX_REASON_CHARS]


def marked(effect: Effect) -> Node:
    """Tell the agent as it was when the effect had been done."""
    return msgspec.convert(effect.external["node"], Node)


def _known_by(node: Node) -> dict[str, Any]:
    return {"node": codec.load(codec.dump(node))}


def _ref(effect: Effect) -> NodeRef:
    return NodeRef(effect.payload["server"], effect.payload["node"])
