"""Cancelling a retry before it starts, as an effect: done once, and told like any other end of a retry."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from bot import retry_rows
from bot.clock import Clock
from bot.codec import Codec
from bot.effect import About, Effect
from bot.errors import Void
from bot.events import Event, RetryDropped, RetryDue
from bot.facts import RetryState
from bot.rights import Asker
from bot.values import JobRef, PlannedRetry, PullRef, Stage

CANCEL_RETRY = "retry.cancel"
DONE = "is cancelled"


class CancelRetry:
    """The effect of dropping what is only planned: it is on our own disk, so its record is all of it."""

    name = CANCEL_RETRY

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._codec = Codec()

    def deadline_s(self, effect: Effect) -> float:
        return 0.0

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        return {"how": DONE}

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        """Tell that it is done, as it was when it was recorded."""
        return {"how": DONE}

    async def guard(self, effect: Effect) -> str:
        return ""

    def record(self, db: sqlite3.Connection, effect: Effect) -> None:
        """Drop the retry.

        Raises:
            Void: it was started just now, or dropped for something else.
        """
        retry = retry_rows.get(db, effect.payload["request_id"])
        if retry is None or retry.state is not RetryState.PLANNED:
            why = retry.reason if retry else ""
            raise Void(f"it is not tried again anyway: {why}" if why else "it was started just now; cancel that")
        retry_rows.move(db, retry.request_id, RetryState.DROPPED, reason=_reason(effect))

    def settled(self, db: sqlite3.Connection, effect: Effect) -> Sequence[Event]:
        """Tell that the failure is the last word; whoever cancelled the retry has had that as an answer."""
        body = effect.payload["due"]
        try:
            due = self._codec.load(RetryDue.__name__, body) if body and effect.state == "sent" else None
        except (KeyError, msgspec.MsgspecError):
            return ()  # of another version's shape
        if not isinstance(due, RetryDue):
            return ()
        end, own = due.diagnosed.end, (effect.payload["speaker"], effect.payload["network"])
        asks = tuple(ask for ask in end.asks if (ask.name, ask.place.network) != own)
        return (
            RetryDropped(
                key=f"retry:{due.request_id}:dropped",
                lane=due.lane,
                at=self._clock.now(),
                request_id=due.request_id,
                context=due.context,
                job=due.job,
                pull=due.pull,
                sha=due.sha,
                ours=due.ours,
                retrying=due.retrying,
                diagnosed=replace(due.diagnosed, end=replace(end, asks=asks)),
                reason=_reason(effect),
            ),
        )

    def audit(self, effect: Effect) -> dict[str, Any]:
        payload = effect.payload
        given = {"person": payload["person"], "job": f"{payload['server']}/{payload['job']}", "args": payload["words"]}
        return given | {"repo": payload["repo"], "pr": payload["pull"] or None, "head_sha": payload["sha"]}

    def about(self, effect: Effect) -> About:
        return About("Gordon", f"cancelling the retry of {effect.payload['context']}", effect.payload["url"])


def payload_of(asker: Asker, person: str, retry: PlannedRetry, due: str) -> dict[str, Any]:
    """Tell what the effect needs to know.

    Arguments:
        due: the body of its RetryDue, read beforehand: that is forgotten once its handler has seen that it is dropped.
    """
    return {
        "request_id": retry.request_id,
        "due": due,
        "words": retry.words,
        "context": retry.context,
        "server": retry.job.server,
        "job": retry.job.full_name,
        "number": retry.number,
        "url": retry.url,
        "sha": retry.sha,
        "repo": retry.pull.repo if retry.pull else "",
        "pull": retry.pull.number if retry.pull else 0,
        "person": person,
        "speaker": asker.speaker.name,
        "network": asker.place.network,
    }


def cancelled(effect: Effect) -> PlannedRetry:
    """Tell a retry as it stood when somebody cancelled it."""
    payload = effect.payload
    return PlannedRetry(
        payload["context"],
        JobRef(payload["server"], payload["job"]),
        Stage.ENDED,
        number=payload["number"],
        url=payload["url"],
        sha=payload["sha"],
        pull=PullRef(payload["repo"], payload["pull"]) if payload["pull"] else None,
        begun=True,
        request_id=payload["request_id"],
        words=payload["words"],
    )


def _reason(effect: Effect) -> str:
    return f"cancelled by {effect.payload['person']}"
