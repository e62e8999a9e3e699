"""Writes on one target outside, one after the other: an older one must never undo a newer one."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import Integer, bindparam, func, select

from bot import codec
from bot.database import Database
from bot.effect import Effect
from bot.errors import Unavailable, Unsent
from bot.schema import effects, sql

_c = effects.c
_of_target = func.substr(_c.key, -func.length(bindparam("tail"), type_=Integer)) == bindparam("tail")
NEWER = sql(
    select(_c.payload)
    .where(_c.id > bindparam("id"), _c.kind == bindparam("kind"), _c.state != bindparam("void"), _of_target)
    .order_by(_c.id)
)
OLDER = sql(
    select(_c.id).where(
        _c.state == bindparam("sending"), _c.id < bindparam("id"), _c.kind == bindparam("kind"), _of_target
    )
)


class Turns:
    """Has writes on one target go one after the other, in the order in which they were asked for.

    A write whose answer was lost may still be under way, in the network or from a process that was killed, and would
    undo the one after it: that one waits until it cannot be any more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._not_before_s: dict[str, float] = {}
        self._started_s = time.monotonic()

    @asynccontextmanager
    async def taken(self, effect: Effect, deadline_s: float) -> AsyncIterator[None]:
        """Be the only one who writes on the target of an effect.

        Arguments:
            deadline_s: how long a write may still be under way after it was given up.
        """
        tail = _tail(effect)
        lock = self._locks.setdefault(tail, asyncio.Lock())
        async with lock:
            if await self._rows(OLDER, effect):  # maybe sent by a process that is dead
                await _until(self._started_s + deadline_s)
            await _until(self._not_before_s.pop(tail, 0.0))
            try:
                yield
            except Unsent:
                raise
            except Unavailable:
                self._hold_up(tail, deadline_s)
                raise

    def _hold_up(self, tail: str, deadline_s: float) -> None:
        """Have the next write on a target wait; what nobody has to wait for any more is forgotten."""
        now_s = time.monotonic()
        self._not_before_s = {each: at_s for each, at_s in self._not_before_s.items() if at_s > now_s}
        self._not_before_s[tail] = now_s + deadline_s

    async def newer(self, effect: Effect) -> Sequence[Mapping[str, Any]]:
        """List what was asked for on the same target since, each as its payload."""
        return [codec.load(row[0]) for row in await self._rows(NEWER, effect)]

    async def _rows(self, statement: str, effect: Effect) -> Sequence[Sequence[Any]]:
        given = {"id": effect.id, "kind": effect.kind, "tail": _tail(effect), "void": "void", "sending": "sending"}
        return await self._database.read(lambda db: db.execute(statement, given).fetchall())


def _tail(effect: Effect) -> str:
    """Tell the end of the effect's key: its kind and its target, the same for all writes on that."""
    parts = effect.key.split("|")
    return "|" + "|".join(parts[parts.index(effect.kind) :])


async def _until(monotonic_s: float) -> None:
    """Wait in the network's time, however a test or the demo has scaled its clock."""
    await asyncio.sleep(max(0.0, monotonic_s - time.monotonic()))
