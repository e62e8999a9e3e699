"""What an effect is, and what a sort of effects must be able to do; how they are done once is `effects.py`."""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.events import Event


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect as it is on disk; `payload` and `external` are the kind's own JSON."""

    id: int
    key: str
    event_key: str
    kind: str
    payload: Mapping[str, Any]
    request_id: str
    state: str
    external: Mapping[str, Any]
    reason: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class About:
    """An effect in words.

    Arguments:
        peer: who does it, "Jenkins ci".
        what: what is done, "starting janky".
        look_at: the link where a person sees whether it happened.
    """

    peer: str
    what: str
    look_at: str


class Kind(Protocol):
    """How one sort of effect is done, found again and judged."""

    name: str

    def deadline_s(self, effect: Effect) -> float:
        """Tell for how long a request of it may still be under way."""

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        """Do it, by one request; return what it is known by outside.

        Raises:
            Unavailable: no answer, it may have happened.
            UserError, Refused: the neighbour said no, it has not happened.
        """

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        """Find it outside; None if it is certain that it is not there.

        Raises:
            Unsure: that cannot be told.
            Unavailable: not now.
        """

    async def guard(self, effect: Effect) -> str:
        """Tell why it must not be sent any more; empty if it may."""

    def record(self, db: sqlite3.Connection, effect: Effect) -> None:
        """Write the kind's own rows in the transaction that records the effect."""

    def settled(self, db: sqlite3.Connection, effect: Effect) -> Sequence[Event]:
        """Write the kind's own rows in the transaction that notes how it ended, and tell what happened by that."""

    def audit(self, effect: Effect) -> dict[str, Any]:
        """Tell the fields of the audit record that the kind knows."""

    def about(self, effect: Effect) -> "About":
        """Tell in words what it is."""


def request_id(key: str) -> str:
    """Make the mark that an effect carries outside from its key."""
    return "gordon-" + hashlib.blake2s(key.encode(), digest_size=12).hexdigest()
