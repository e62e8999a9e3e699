"""Commit statuses, comments, labels and reactions as effects: wanted states, read before they are written.

Whatever is written says how something is to be, so doing it twice does no harm, but an older one must never undo a
newer one: writes on one target take turns (`turns.py`), and those that were overtaken are void.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from bot.crash import crash_points
from bot.database import Database
from bot.effect import About, Effect
from bot.errors import UserError, Void
from bot.events import Event
from bot.forge import ForgeServer
from bot.secret import redact
from bot.turns import Turns
from bot.values import PullRef, Status

SET_STATUS, PUT_COMMENT, SET_LABELS, REACT = "status.set", "comment.put", "labels.set", "reaction.add"
KINDS = (SET_STATUS, PUT_COMMENT, SET_LABELS, REACT)
NO_FORGE = "no [github] is configured, so nothing can be written there"


class _Written:
    """What the kinds have in common."""

    def __init__(self, forge: ForgeServer | None, turns: Turns) -> None:
        self._forge = forge
        self._turns = turns

    def deadline_s(self, effect: Effect) -> float:
        return self._server.deadline_s

    async def guard(self, effect: Effect) -> str:
        """Tell that something newer was asked for, or that the pull request is gone."""
        if effect.payload["pull"]:
            await self._server.pull(_ref(effect))  # a UserError voids the effect
        return "something newer was asked for meanwhile" if await self._turns.newer(effect) else ""

    def record(self, db: sqlite3.Connection, effect: Effect) -> None:
        """Nothing of its own: the forge keeps it."""

    def settled(self, db: sqlite3.Connection, effect: Effect) -> Sequence[Event]:
        return ()

    @property
    def _server(self) -> ForgeServer:
        if self._forge is None:
            raise UserError(NO_FORGE)
        return self._forge

    async def _not_overtaken(self, effect: Effect) -> None:
        if await self._turns.newer(effect):
            raise Void("something newer was asked for meanwhile")


class SetStatus(_Written):
    """The effect of telling how a context stands at a commit; the last one that was asked for counts."""

    name = SET_STATUS

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        payload, status = effect.payload, _status(effect)
        async with self._turns.taken(effect, self._server.deadline_s):
            await self._not_overtaken(effect)
            if await self._is_so(effect):
                return {"written": False}
            with crash_points("forge.status"):
                await self._server.set_status(payload["repo"], payload["sha"], status)
        return {"written": True}

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        async with self._turns.taken(effect, self._server.deadline_s):
            return {"written": True} if await self._is_so(effect) else None

    def audit(self, effect: Effect) -> dict[str, Any]:
        payload, status = effect.payload, _status(effect)
        told = {"context": status.context, "state": status.state.value, "description": redact(status.description)}
        return {
            "person": payload["person"],
            "repo": payload["repo"],
            "head_sha": payload["sha"],
            "params_redacted": told,
        }

    def about(self, effect: Effect) -> About:
        payload, status = effect.payload, _status(effect)
        what = f"setting the status {status.context} of {payload['sha']:.7}"
        return About("GitHub", what, f"{payload['repo']} at {payload['sha']}")

    async def _is_so(self, effect: Effect) -> bool:
        known, status = await self._server.statuses(effect.payload["repo"], effect.payload["sha"]), _status(effect)
        return known.get(status.context) == status


class PutComment(_Written):
    """The effect of having one comment with a hidden marker say something; without words it is taken away."""

    name = PUT_COMMENT

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        ref, marker, body = _ref(effect), effect.payload["marker"], effect.payload["body"]
        async with self._turns.taken(effect, self._server.deadline_s):
            await self._not_overtaken(effect)
            found = await self._server.marked_comment(ref, marker)
            if (found.body if found else "") == body:
                return {"id": found.id if found else 0, "url": found.url if found else ""}
            with crash_points("forge.comment"):
                if found and body:
                    written = await self._server.edit_comment(ref, found.id, marker, body)
                elif found:
                    await self._server.delete_comment(ref, found.id)
                    return {"id": 0, "url": ""}
                else:
                    written = await self._server.comment(ref, marker, body)
        return {"id": written.id, "url": written.url}

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        async with self._turns.taken(effect, self._server.deadline_s):
            found = await self._server.marked_comment(_ref(effect), effect.payload["marker"])
        if (found.body if found else "") != effect.payload["body"]:
            return None
        return {"id": found.id if found else 0, "url": found.url if found else ""}

    def audit(self, effect: Effect) -> dict[str, Any]:
        payload = effect.payload
        told = {"marker": payload["marker"], "body": redact(payload["body"])}
        return _of_pull(effect) | {"params_redacted": told, "external_id": str(effect.external.get("id") or "")}

    def about(self, effect: Effect) -> About:
        return About("GitHub", f"commenting on {_ref(effect).short}", str(_ref(effect)))


class SetLabels(_Written):
    """The effect of having labels be there or not; those that something newer is about are left to that."""

    name = SET_LABELS

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        async with self._turns.taken(effect, self._server.deadline_s):
            add, remove = await self._wanted(effect)
            if not add and not remove:
                raise Void("something newer was asked for meanwhile")
            there = {label.casefold() for label in (await self._server.pull(_ref(effect))).labels}
            add = [label for label in add if label.casefold() not in there]
            remove = [label for label in remove if label.casefold() in there]
            if add or remove:
                with crash_points("forge.labels"):
                    await self._server.set_labels(_ref(effect), add=add, remove=remove)
        return {"added": add, "removed": remove}

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        async with self._turns.taken(effect, self._server.deadline_s):
            there = {label.casefold() for label in (await self._server.pull(_ref(effect))).labels}
        add, remove = effect.payload["add"], effect.payload["remove"]
        is_so = {label.casefold() for label in add} <= there and not {label.casefold() for label in remove} & there
        return {"added": add, "removed": remove} if is_so else None

    async def guard(self, effect: Effect) -> str:
        await self._server.pull(_ref(effect))
        return "" if any(await self._wanted(effect)) else "something newer was asked for meanwhile"

    def audit(self, effect: Effect) -> dict[str, Any]:
        told = {"add": ", ".join(effect.payload["add"]), "remove": ", ".join(effect.payload["remove"])}
        return _of_pull(effect) | {"params_redacted": told}

    def about(self, effect: Effect) -> About:
        return About("GitHub", f"labelling {_ref(effect).short}", str(_ref(effect)))

    async def _wanted(self, effect: Effect) -> tuple[list[str], list[str]]:
        newer = await self._turns.newer(effect)
        others = {label.casefold() for one in newer for label in (*one["add"], *one["remove"])}
        add, remove = (_without(effect.payload[which], others) for which in ("add", "remove"))
        return add, remove


class React(_Written):
    """The effect of a reaction to a comment, which the forge has once however often it is asked for."""

    name = REACT

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        with crash_points("forge.comment"):
            await self._server.react(_ref(effect), effect.payload["comment"], effect.payload["reaction"])
        return {}

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        return None  # asking once more changes nothing, and costs no more than looking

    def audit(self, effect: Effect) -> dict[str, Any]:
        payload = effect.payload
        return _of_pull(effect) | {
            "params_redacted": {"reaction": payload["reaction"]},
            "external_id": str(payload["comment"]),
        }

    def about(self, effect: Effect) -> About:
        return About("GitHub", f"reacting on {_ref(effect).short}", str(_ref(effect)))


def forge_kinds(forge: ForgeServer | None, database: Database) -> Sequence[SetStatus | PutComment | SetLabels | React]:
    """Make all kinds of effects on the forge."""
    turns = Turns(database)
    return [SetStatus(forge, turns), PutComment(forge, turns), SetLabels(forge, turns), React(forge, turns)]


def _ref(effect: Effect) -> PullRef:
    return PullRef(effect.payload["repo"], effect.payload["pull"])


def _status(effect: Effect) -> Status:
    return msgspec.convert(effect.payload["status"], Status)


def _of_pull(effect: Effect) -> dict[str, Any]:
    return {"person": effect.payload["person"], "repo": effect.payload["repo"], "pr": effect.payload["pull"]}


def _without(labels: Iterable[str], others: set[str]) -> list[str]:
    return [label for label in labels if label.casefold() not in others]
