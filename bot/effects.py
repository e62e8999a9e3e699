"""Effects: what is done to the outside, once, whatever dies on the way.

    recorded as `sending`  ->  sent (with the external id)
                           ->  void (did not happen and will not, with the reason)
                           ->  unsure (may have happened; a letter, never sent again unasked)

The record is on disk before the call. The first recorded payload wins: a handler that runs again after a crash meets
what it meant the first time. A `sending` effect of an earlier process, or one whose answer was lost, is looked up
before anything else, no earlier than the request's deadline after it can last have been sent; absent, its guard is
asked again, and only then is it sent, with the same request id.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from bot import codec
from bot.audit import Audit, AuditRecord, short_id
from bot.clock import Clock
from bot.crash import crash_points
from bot.database import Database, Write
from bot.effect import Effect, Kind, request_id
from bot.errors import (
    GordonError,
    Pending,
    Refused,
    StorageError,
    Unavailable,
    Unrecognised,
    Unsent,
    Unsure,
    UserError,
    Void,
)
from bot.events import Event
from bot.journal import letter_number
from bot.logs import on_behalf_of
from bot.ports import Delivery, Letter
from bot.restored import doubted_until_s
from bot.schema import effects, sql
from bot.tracing import span

ANSWER_WITHIN_S = 4.0  # then the asker is told that it takes longer; the promise is an honest word within 5 s
AGAIN_AFTER_S = 2.0  # first pause between two tries of one effect; doubles up to the next number
AGAIN_AT_MOST_S = 30.0

_c = effects.c
_COLUMNS = (
    _c.id,
    _c.key,
    _c.event_key,
    _c.kind,
    _c.payload,
    _c.request_id,
    _c.state,
    _c.external,
    _c.reason,
    _c.recorded_s,
)
BY_KEY = sql(select(*_COLUMNS).where(_c.key == bindparam("key")))
BY_STATE = sql(select(*_COLUMNS).where(_c.state == bindparam("state")).order_by(_c.id))
STANDING = sql(select(func.count(), func.min(_c.recorded_s)).where(_c.state == bindparam("state")))
BY_ID = sql(select(*_COLUMNS).where(_c.id == bindparam("id")))
BY_PREFIX = sql(select(*_COLUMNS).where(_c.key >= bindparam("first"), _c.key < bindparam("end")).order_by(_c.id))
INSERT = sql(insert(effects))
NOTE = sql(
    update(effects)
    .where(_c.key == bindparam("the_key"))
    .values(state=bindparam("state"), external=bindparam("external"), reason=bindparam("reason"))
)
PURGE = sql(
    delete(effects).where(
        _c.recorded_s < bindparam("before_s"), or_(_c.state == bindparam("sent"), _c.state == bindparam("void"))
    )
)
log = logging.getLogger(__name__)


class Effects:
    """Records, does and settles effects, each in a task of its own that nobody cancels.

    Arguments:
        patience_s: tells how long an effect is tried before it becomes a letter.
        on_settled: told the event's key when an effect has ended, so that a waiting handler may go on.
        accept_with: takes in an event that comes of an effect's end, in the write that notes it.
        submit: hands over the deliveries of such events once they are on disk.
        on_ended: told of each effect that was sent, is void or unsure, once that is on disk.
    """

    def __init__(
        self, database: Database, clock: Clock, audit: Audit, kinds: Sequence[Kind], patience_s: Callable[[], float]
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._kinds = {kind.name: kind for kind in kinds}
        self._patience_s = patience_s
        self._running: dict[str, asyncio.Task[Effect]] = {}
        self._beginning: set[asyncio.Task[tuple[Effect, asyncio.Task[Effect] | None]]] = set()
        self._not_before_s: dict[str, float] = {}
        self._started_s = time.monotonic()
        self._doubted_until_s = 0.0  # until then what this state does not know may have been done before
        self.on_settled: Callable[[str], None] = lambda key: None
        self.accept_with: Callable[[sqlite3.Connection, Event], Sequence[Delivery]] = lambda db, event: ()
        self.submit: Callable[[Sequence[Delivery]], None] = lambda deliveries: None
        self.on_ended: Callable[[Effect], None] = lambda effect: None

    async def run(self, kind: str, key: str, payload: Mapping[str, Any], event_key: str) -> Effect:
        """Have an effect done once and return it as it was sent.

        Arguments:
            key: event, handler, kind and target; a second call with it changes nothing.

        Raises:
            Pending: it is not settled yet; it goes on by itself.
            Void: it did not happen, and why.
            Unsure: it may have happened, and where to look.
        """
        # A handler may be stopped at its limit while the record is being written: what is on disk must have its task.
        begin = asyncio.create_task(self._begin(kind, key, payload, event_key))
        self._beginning.add(begin)
        begin.add_done_callback(self._beginning.discard)
        effect, task = await asyncio.shield(begin)
        if task is not None:
            await asyncio.wait({task}, timeout=ANSWER_WITHIN_S)
            if not task.done():
                about = self._kinds[kind].about(effect)
                raise Pending(about.peer, about.what)
            effect = task.result()
        if effect.state == "void":
            raise Void(effect.reason)
        if effect.state == "unsure":
            about = self._kinds[kind].about(effect)
            raise Unsure(about.what, about.look_at)
        return effect

    def found(
        self,
        db: sqlite3.Connection,
        kind: str,
        key: str,
        payload: Mapping[str, Any],
        event_key: str,
        external: Mapping[str, Any],
    ) -> None:
        """Note, within a larger write, that what an effect is to bring about is there already; one on record stays."""
        if db.execute(BY_KEY, {"key": key}).fetchone() is None:
            values = self._values(kind, key, payload, event_key)
            db.execute(INSERT, values | {"state": "sent", "external": codec.dump(external)})

    async def known(self, key: str) -> Effect | None:
        """Read an effect; one that is on record when a handler begins means that it runs for the second time."""
        return await self._database.read(lambda db: self.known_with(db, key))

    def known_with(self, db: sqlite3.Connection, key: str) -> Effect | None:
        """Read an effect within a larger write."""
        row = db.execute(BY_KEY, {"key": key}).fetchone()
        return _effect(row) if row else None

    async def begun(self, prefix: str) -> Sequence[Effect]:
        """List the effects whose keys begin with `event|handler|kind|`: what a handler did before it runs again."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        given = {"first": prefix, "end": end}
        return [_effect(row) for row in await self._database.read(lambda db: db.execute(BY_PREFIX, given).fetchall())]

    def standing(self, db: sqlite3.Connection) -> tuple[Mapping[str, int], float]:
        """Count effects that are under way or unsure; tell for how long the oldest is under way."""
        found = {state: db.execute(STANDING, {"state": state}).fetchone() for state in ("sending", "unsure")}
        since_s, now_s = found["sending"][1], self._clock.now().timestamp()
        counts = {state: count for state, (count, _) in found.items()}
        return counts, 0.0 if since_s is None else max(0.0, now_s - since_s)

    async def resume(self) -> None:
        """Take up what an earlier process left `sending`."""
        now = self._clock.now()
        self._doubted_until_s = await self._database.read(doubted_until_s)
        for row in await self._database.read(lambda db: db.execute(BY_STATE, {"state": "sending"}).fetchall()):
            effect = _effect(row)
            waited_s = max(0.0, (now - effect.recorded_at).total_seconds())
            self._task(effect, is_new=False, patience_s=max(0.0, self._patience_s() - waited_s))

    async def settle_again(self, key: str, also: Write[None] = lambda db: None) -> bool:
        """Doubt an effect that was sent: look it up, and send it again only if it is not there and still wanted.

        Arguments:
            also: written in the same piece, if the effect is still on record; False is returned if it is not.
        """

        def write(db: sqlite3.Connection) -> Effect | None:
            if not db.execute(NOTE, {"the_key": key, "state": "sending", "external": None, "reason": ""}).rowcount:
                return None
            also(db)
            return _effect(db.execute(BY_KEY, {"key": key}).fetchone())

        effect = await self._database.write(write)
        if effect is not None:
            self._task(effect, is_new=False)
        return effect is not None

    def under_way(self, kinds: Collection[str]) -> int:
        """Count the effects of some kinds that are not settled; from any thread."""
        return sum(any(f"|{kind}|" in key for kind in kinds) for key in list(self._running))

    async def letters(self) -> Sequence[Letter]:
        """List effects that may have happened."""
        rows = await self._database.read(lambda db: db.execute(BY_STATE, {"state": "unsure"}).fetchall())
        found = [_effect(row) for row in rows]
        return [Letter(f"e{one.id}", one.recorded_at, one.kind, one.reason, one.event_key) for one in found]

    async def replay(self, letter: str) -> bool:
        """Look an unsure effect up once more, and send it if it is absent and still wanted."""
        effect = await self._letter(letter)
        if effect:
            await self.settle_again(effect.key)
        return effect is not None

    async def drop(self, letter: str) -> bool:
        """Give an unsure effect up for good."""
        effect = await self._letter(letter)
        if effect:
            await self._note(effect, "void", reason="dropped by an operator")
        return effect is not None

    async def purge(self, before_s: float) -> int:
        """Forget effects that have ended and are older; tell how many."""
        given = {"before_s": before_s, "sent": "sent", "void": "void"}
        return await self._database.write(lambda db: db.execute(PURGE, given).rowcount)

    async def stop(self, within_s: float) -> None:
        """Let calls that are under way end; the rest is settled by the next process."""
        tasks = list(self._running.values())
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _letter(self, letter: str) -> Effect | None:
        row = await self._database.read(lambda db: db.execute(BY_ID, {"id": letter_number(letter)}).fetchone())
        return _effect(row) if row and letter.startswith("e") and _effect(row).state == "unsure" else None

    async def _begin(
        self, kind: str, key: str, payload: Mapping[str, Any], event_key: str
    ) -> tuple[Effect, asyncio.Task[Effect] | None]:
        effect, is_new = await self._record(kind, key, payload, event_key)
        return effect, self._task(effect, is_new=is_new) if effect.state == "sending" else None

    async def _record(self, kind: str, key: str, payload: Mapping[str, Any], event_key: str) -> tuple[Effect, bool]:
        def write(db: sqlite3.Connection) -> tuple[Effect, bool]:
            if row := db.execute(BY_KEY, {"key": key}).fetchone():
                return _effect(row), False
            db.execute(INSERT, self._values(kind, key, payload, event_key))
            effect = _effect(db.execute(BY_KEY, {"key": key}).fetchone())
            self._kinds[kind].record(db, effect)
            return effect, True

        with crash_points("effect.record"):
            return await self._database.write(write)

    def _values(self, kind: str, key: str, payload: Mapping[str, Any], event_key: str) -> dict[str, Any]:
        return {
            "id": None,
            "key": key,
            "event_key": event_key,
            "kind": kind,
            "payload": codec.dump(payload),
            "request_id": request_id(key),
            "state": "sending",
            "external": None,
            "reason": "",
            "recorded_s": self._clock.now().timestamp(),
        }

    def _task(self, effect: Effect, *, is_new: bool, patience_s: float | None = None) -> asyncio.Task[Effect]:
        task = self._running.get(effect.key)
        if task is None:
            is_new = is_new and self._clock.now().timestamp() >= self._doubted_until_s
            patience_s = self._patience_s() if patience_s is None else patience_s
            task = asyncio.create_task(self._drive(effect, patience_s, is_new=is_new), name=f"effect {effect.key}")
            self._running[effect.key] = task
            task.add_done_callback(lambda done: self._ended(effect, done))
        return task

    def _ended(self, effect: Effect, task: asyncio.Task[Effect]) -> None:
        self._running.pop(effect.key, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("effect %s stopped, the next start takes it up: %r", effect.key, error)
        self.on_settled(effect.event_key)

    async def _drive(self, effect: Effect, patience_s: float, *, is_new: bool) -> Effect:
        """Try until it is settled or patience ends; never send without a look unless it is the first time."""
        with on_behalf_of(effect.event_key), span(f"effect {effect.kind}", effect.event_key):
            return await self._try_until_settled(effect, patience_s, must_look=not is_new)

    async def _try_until_settled(self, effect: Effect, patience_s: float, *, must_look: bool) -> Effect:
        pause_s = AGAIN_AFTER_S
        give_up_s = self._clock.monotonic_s() + patience_s
        while True:
            try:
                return await self._try(effect, must_look=must_look)
            except (Unavailable, StorageError) as error:
                log.warning("effect %s: %s", effect.key, error)
                if isinstance(error, Unsent):
                    pause_s = AGAIN_AFTER_S  # it has waited for its turn already
                else:
                    must_look = True
                if self._clock.monotonic_s() + pause_s > give_up_s:
                    return await self._note(effect, "unsure", reason=f"gave up waiting: {error}")
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, AGAIN_AT_MOST_S)

    async def _try(self, effect: Effect, *, must_look: bool) -> Effect:
        """Try once; whatever comes of it, the effect is settled or tried again, and never just left."""
        try:
            return await (self._settle(effect) if must_look else self._send(effect))
        except Unsure as error:
            return await self._note(effect, "unsure", reason=str(error), error=error)
        except UserError as error:  # its guard cannot be asked any more, as for a pull request that is gone
            return await self._note(effect, "void", reason=str(error), error=error)
        except Refused as error:  # who may not look does not know; that may be mended before patience ends
            raise Unavailable(error.peer, error.reason) from error
        except (Unavailable, StorageError):
            raise
        except Exception as error:  # a mistake of ours: whether it was sent is not known, so a person looks
            log.exception("effect %s", effect.key)
            return await self._note(effect, "unsure", reason=f"{type(error).__name__}: {error}")

    async def _send(self, effect: Effect) -> Effect:
        kind = self._kinds[effect.kind]
        self._not_before_s[effect.key] = time.monotonic() + kind.deadline_s(effect)
        try:
            external = await kind.perform(effect)
        except UserError as error:
            return await self._note(effect, "void", reason=str(error), error=error)
        except Unrecognised as error:
            raise Unavailable(error.peer, error.reason) from error
        except Refused as error:
            log.error("effect %s: %s", effect.key, error)
            if (found := await self._found_after(kind, effect)) is not None:
                return await self._note(effect, "sent", external=found)
            return await self._note(effect, "void", reason=str(error), error=error)
        return await self._note(effect, "sent", external=external)

    async def _found_after(self, kind: Kind, effect: Effect) -> Mapping[str, Any] | None:
        """Look once after a refusal: an error page may come from a server that has done what it was asked."""
        try:
            return await kind.look_up(effect)
        except Refused:
            return None  # who is refused to look was refused to act

    async def _settle(self, effect: Effect) -> Effect:
        kind = self._kinds[effect.kind]
        # Of an earlier process nothing can be sent any more, but what it sent may still be under way: its deadline is
        # counted from our own start, which needs no wall clock that could have jumped. It is the network's time, so
        # no clock that a test or the demo scales.
        earliest_s = self._not_before_s.get(effect.key, self._started_s + kind.deadline_s(effect))
        await asyncio.sleep(max(0.0, earliest_s - time.monotonic()))
        found = await kind.look_up(effect)
        if found is not None:
            return await self._note(effect, "sent", external=found)
        if reason := await kind.guard(effect):
            return await self._note(effect, "void", reason=reason)
        return await self._send(effect)

    async def _note(
        self,
        effect: Effect,
        state: str,
        *,
        external: Mapping[str, Any] | None = None,
        reason: str = "",
        error: GordonError | None = None,
    ) -> Effect:
        kind = self._kinds[effect.kind]

        def write(db: sqlite3.Connection) -> tuple[Effect, Sequence[Delivery]]:
            values = {"external": codec.dump(external) if external is not None else None, "reason": reason}
            db.execute(NOTE, {"the_key": effect.key, "state": state} | values)
            noted = _effect(db.execute(BY_KEY, {"key": effect.key}).fetchone())
            deliveries = [each for event in kind.settled(db, noted) for each in self.accept_with(db, event)]
            self._audit.append_with(
                db,
                AuditRecord(
                    id=short_id(effect.event_key),
                    effect=effect.kind,
                    decision=state,
                    rule=reason,
                    idem_key=effect.key,
                    error_class=type(error).__name__ if error else "",
                    **kind.audit(noted),
                ),
            )
            return noted, deliveries

        with crash_points("effect.settle"):
            noted, deliveries = await self._database.write(write)
        self._not_before_s.pop(effect.key, None)
        log.info("effect %s of %s: %s", effect.kind, effect.key, state)
        self.on_ended(noted)
        self.submit(deliveries)
        return noted


def _effect(row: Sequence[Any]) -> Effect:
    id_, key, event_key, kind, payload, mark, state, external, reason, recorded_s = row
    return Effect(
        id_,
        key,
        event_key,
        kind,
        codec.load(payload),
        mark,
        state,
        codec.load(external) if external else {},
        reason,
        datetime.fromtimestamp(recorded_s, UTC),
    )
