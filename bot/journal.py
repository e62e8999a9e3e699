"""The journal: accepted events on their way to handlers, letters, and words on their way to people.

At least once in: a delivery stays until its handler's outcome is committed with its end, in one piece.
Once out: see `effects.py`. This is the embedded implementation; `tests/contract/test_journal.py` is what another
one has to pass.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import msgspec
from sqlalchemy import bindparam, delete, func, insert, null, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from bot import codec
from bot.clock import Clock
from bot.codec import Codec
from bot.crash import crash_points
from bot.database import Database
from bot.errors import UserError
from bot.events import Event
from bot.ports import Delivery, Letter, OutboxRow, Outcome, Shown
from bot.schema import deliveries, events, outbox, plugin_state, shown, sql

ACCEPT_WITHIN_S = 5.0  # a later answer is no honest answer, so the writer refuses instead

_event, _delivery, _outbox = events.c, deliveries.c, outbox.c
INSERT_EVENT = sql(upsert(events).on_conflict_do_nothing())
INSERT_DELIVERY = sql(insert(deliveries))
_OPEN = (
    select(
        _delivery.id,
        _delivery.handler,
        _delivery.attempts,
        _delivery.not_before_s,
        _delivery.until_s,
        _delivery.changed_s,
        _event.kind,
        _event.body,
        _event.key,
    )
    .join(events, _event.key == _delivery.event_key)
    .order_by(_delivery.id)
)
OPEN = sql(_OPEN.where(_delivery.state != bindparam("dead")))
DEAD_ONE = sql(_OPEN.where(_delivery.id == bindparam("id"), _delivery.state == bindparam("dead")))
END_DELIVERY = sql(delete(deliveries).where(_delivery.id == bindparam("id")))
FORGET_BODY = sql(
    update(events)
    .where(
        _event.key == bindparam("event_key"),
        ~select(_delivery.id).where(_delivery.event_key == _event.key).exists(),
    )
    .values(body=null())
)
CHANGE_DELIVERY = sql(
    update(deliveries)
    .where(_delivery.id == bindparam("the_id"))
    .values({name: bindparam(name) for name in ("state", "not_before_s", "until_s", "attempts", "reason", "changed_s")})
)
BURY_UNREADABLE = sql(
    update(deliveries)
    .where(_delivery.id == bindparam("the_id"))
    .values(state=bindparam("state"), reason=bindparam("reason"))
)
INSERT_OUTBOX = sql(insert(outbox))
SAYING = sql(update(outbox).where(_outbox.id == bindparam("the_id")).values(state=bindparam("state")))
SAID = sql(delete(outbox).where(_outbox.id == bindparam("the_id")))
UNSAID = sql(select(outbox).order_by(_outbox.id))
_shows = upsert(shown)
SHOWS = sql(
    _shows.on_conflict_do_update(
        index_elements=["place", "slot"], set_={name: _shows.excluded[name] for name in ("message", "at_s")}
    )
)
SHOWN = sql(select(shown).order_by(shown.c.at_s))
PURGE_SHOWN = sql(delete(shown).where(shown.c.at_s < bindparam("before_s")))
_put = upsert(plugin_state)
PUT_STATE = sql(_put.on_conflict_do_update(index_elements=["plugin", "key"], set_={"value": _put.excluded.value}))
DROP_STATE = sql(
    delete(plugin_state).where(plugin_state.c.plugin == bindparam("plugin"), plugin_state.c.key == bindparam("key"))
)
DEAD = sql(
    select(_delivery.id, _delivery.changed_s, _delivery.handler, _delivery.reason, _delivery.event_key)
    .where(_delivery.state == bindparam("state"))
    .order_by(_delivery.id)
)
PURGE = sql(delete(events).where(_event.accepted_s < bindparam("before_s"), _event.body.is_(None)))
DEPTH = sql(select(func.count()).select_from(deliveries).where(_delivery.state != bindparam("dead")))
_IS_LATER = _delivery.not_before_s > bindparam("now_s")
STANDING = sql(
    select(
        _delivery.state == bindparam("dead"),
        _IS_LATER,
        func.count(),
        func.min(func.max(_delivery.changed_s, _delivery.not_before_s)),  # since when it may run
    ).group_by(_delivery.state == bindparam("dead"), _IS_LATER)
)


class SqliteJournal:
    """The journal in the program's one database.

    Attributes:
        on_accepted: told of each event that is taken in, once it is on disk, from the thread that writes.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._codec = Codec()
        self.on_accepted: Callable[[Event], None] = lambda event: None

    async def accept(self, event: Event, handlers: Sequence[str]) -> Sequence[Delivery]:
        kind, body = self._codec.dump(event)
        now_s = self._clock.now().timestamp()
        with crash_points("journal.accept"):
            return await self._database.write(
                lambda db: accept_in(db, event, kind, body, handlers, now_s, on_accepted=self._tell_of),
                deadline_s=ACCEPT_WITHIN_S,
            )

    def accept_with(
        self, db: sqlite3.Connection, event: Event, handlers: Sequence[str], delay_s: float = 0.0
    ) -> Sequence[Delivery]:
        """Take an event in as part of a larger write."""
        kind, body = self._codec.dump(event)
        now_s = self._clock.now().timestamp()
        return accept_in(db, event, kind, body, handlers, now_s, delay_s, on_accepted=self._tell_of)

    async def open_deliveries(self) -> Sequence[Delivery]:
        found, unreadable = [], []
        for row in await self._database.read(lambda db: db.execute(OPEN, {"dead": "dead"}).fetchall()):
            try:
                found.append(self._delivery(row))
            except (KeyError, msgspec.MsgspecError) as error:
                unreadable.append((row[0], f"this version cannot read the event: {error}"))

        def bury(db: sqlite3.Connection) -> None:
            for id_, reason in unreadable:
                db.execute(BURY_UNREADABLE, {"the_id": id_, "state": "dead", "reason": reason})

        if unreadable:
            await self._database.write(bury)
        return found

    async def finish(self, delivery: Delivery, outcome: Outcome) -> tuple[Sequence[Delivery], Sequence[OutboxRow]]:
        def write(db: sqlite3.Connection) -> tuple[Sequence[Delivery], Sequence[OutboxRow]]:
            if not db.execute(END_DELIVERY, {"id": delivery.id}).rowcount:
                return (), ()
            left = self._leave(db, delivery, outcome)
            db.execute(FORGET_BODY, {"event_key": delivery.event.key})
            return left

        with crash_points("journal.finish"):
            return await self._database.write(write)

    async def wait(
        self,
        delivery: Delivery,
        *,
        not_before_s: float,
        until_s: float | None,
        failed: bool,
        reason: str,
        outcome: Outcome,
    ) -> tuple[Delivery, Sequence[OutboxRow]]:
        changed = replace(
            delivery, not_before_s=not_before_s, until_s=until_s, attempts=delivery.attempts + (1 if failed else 0)
        )

        def write(db: sqlite3.Connection) -> Sequence[OutboxRow]:
            self._change(db, changed, "waiting", reason)
            return self._leave(db, delivery, outcome)[1]

        with crash_points("journal.wait"):
            return changed, await self._database.write(write)

    async def bury(self, delivery: Delivery, reason: str, outcome: Outcome) -> Sequence[OutboxRow]:
        def write(db: sqlite3.Connection) -> Sequence[OutboxRow]:
            self._change(db, delivery, "dead", reason)
            return self._leave(db, delivery, outcome)[1]

        return await self._database.write(write)

    async def letters(self) -> Sequence[Letter]:
        def read(db: sqlite3.Connection) -> list[Letter]:
            return [
                Letter(f"d{id_}", datetime.fromtimestamp(at_s, UTC), handler, reason, event_key)
                for id_, at_s, handler, reason, event_key in db.execute(DEAD, {"state": "dead"}).fetchall()
            ]

        return await self._database.read(read)

    async def replay(self, letter: str) -> Delivery | None:
        now_s = self._clock.now().timestamp()

        def write(db: sqlite3.Connection) -> Delivery | None:
            row = db.execute(DEAD_ONE, {"id": letter_number(letter), "dead": "dead"}).fetchone()
            if row is None:
                return None
            try:
                delivery = replace(self._delivery(row), attempts=0, until_s=None, not_before_s=now_s)
            except (KeyError, msgspec.MsgspecError) as error:
                raise UserError(f"{letter} cannot be replayed: this version cannot read the event: {error}") from error
            self._change(db, delivery, "open", "")
            return delivery

        return await self._database.write(write)

    async def drop(self, letter: str) -> bool:
        def write(db: sqlite3.Connection) -> bool:
            row = db.execute(DEAD_ONE, {"id": letter_number(letter), "dead": "dead"}).fetchone()
            if row is None:
                return False
            db.execute(END_DELIVERY, {"id": row[0]})
            db.execute(FORGET_BODY, {"event_key": row[-1]})
            return True

        return await self._database.write(write)

    async def unsaid(self, networks: Sequence[str]) -> Sequence[OutboxRow]:
        def read(db: sqlite3.Connection) -> list[OutboxRow]:
            rows = db.execute(UNSAID).fetchall()
            return [
                OutboxRow(id_, codec.load_place(place), codec.load_words(words), state == "sending", key, at_s)
                for id_, network, place, words, key, state, at_s in rows
                if network in networks
            ]

        return await self._database.read(read)

    async def forget_unsayable(self, networks: Sequence[str]) -> int:
        def write(db: sqlite3.Connection) -> int:
            gone = [row[0] for row in db.execute(UNSAID).fetchall() if row[1] not in networks]
            for id_ in gone:
                db.execute(SAID, {"the_id": id_})
            return len(gone)

        return await self._database.write(write)

    async def saying(self, rows: Sequence[OutboxRow]) -> None:
        values = [{"the_id": row.id, "state": "sending"} for row in rows]
        with crash_points("outbox.begin"):
            await self._database.write(lambda db: db.executemany(SAYING, values))

    async def said(self, rows: Sequence[OutboxRow]) -> None:
        values = [{"the_id": row.id} for row in rows]
        await self._database.write(lambda db: db.executemany(SAID, values))

    async def shows(self, shown: Shown) -> None:
        row = {
            "place": codec.dump_place(shown.place),
            "slot": shown.slot,
            "message": codec.dump(shown.message),
            "at_s": shown.at_s,
        }
        await self._database.write(lambda db: db.execute(SHOWS, row))

    async def shown(self, networks: Sequence[str]) -> Sequence[Shown]:
        rows = await self._database.read(lambda db: db.execute(SHOWN).fetchall())
        found = [Shown(codec.load_place(row[0]), row[1], codec.load_message(row[2]), row[3]) for row in rows]
        return [one for one in found if one.place.network in networks]

    async def purge(self, before_s: float) -> int:
        def write(db: sqlite3.Connection) -> int:
            db.execute(PURGE_SHOWN, {"before_s": before_s})
            return db.execute(PURGE, {"before_s": before_s}).rowcount

        return await self._database.write(write)

    async def depth(self) -> int:
        return int(await self._database.read(lambda db: db.execute(DEPTH, {"dead": "dead"}).fetchone()[0]))

    def standing(self, db: sqlite3.Connection) -> tuple[Mapping[str, int], float]:
        """Count deliveries by how they stand, ready, waiting or dead; tell for how long the oldest ready one is."""
        counts, oldest_s = dict.fromkeys(("ready", "waiting", "dead"), 0), 0.0
        now_s = self._clock.now().timestamp()
        for is_dead, is_later, count, since_s in db.execute(STANDING, {"dead": "dead", "now_s": now_s}).fetchall():
            state = "dead" if is_dead else "waiting" if is_later else "ready"
            counts[state] += count
            if state == "ready":
                oldest_s = max(0.0, now_s - since_s)
        return counts, oldest_s

    def _tell_of(self, event: Event) -> None:
        self._database.once_on_disk(partial(self.on_accepted, event))

    def _delivery(self, row: Sequence[object]) -> Delivery:
        id_, handler, attempts, not_before_s, until_s, changed_s, kind, body, _key = row
        event = self._codec.load(str(kind), str(body))
        # What was written in the future was written before the clock was set back, and waits by as much less.
        ahead_s = max(0.0, changed_s - self._clock.now().timestamp())  # type: ignore[operator]
        if ahead_s:
            not_before_s, until_s = not_before_s - ahead_s, until_s and until_s - ahead_s  # type: ignore[operator]
        return Delivery(id_, event, str(handler), attempts, not_before_s, until_s)  # type: ignore[arg-type]

    def _change(self, db: sqlite3.Connection, delivery: Delivery, state: str, reason: str) -> None:
        db.execute(
            CHANGE_DELIVERY,
            {
                "the_id": delivery.id,
                "state": state,
                "not_before_s": delivery.not_before_s,
                "until_s": delivery.until_s,
                "attempts": delivery.attempts,
                "reason": reason,
                "changed_s": self._clock.now().timestamp(),
            },
        )

    def _leave(
        self, db: sqlite3.Connection, delivery: Delivery, outcome: Outcome
    ) -> tuple[Sequence[Delivery], Sequence[OutboxRow]]:
        """Write what a handler leaves behind: words, events to come, its plugin's state."""
        now_s = self._clock.now().timestamp()
        for plugin, key, value in outcome.state:
            if value is None:
                db.execute(DROP_STATE, {"plugin": plugin, "key": key})
            else:
                db.execute(PUT_STATE, {"plugin": plugin, "key": key, "value": codec.dump(value)})
        begun: list[Delivery] = []
        for later in outcome.later:
            begun += self.accept_with(db, later.event, later.handlers, later.delay_s)
        rows = []
        for place, words in outcome.outbox:
            inserted = db.execute(
                INSERT_OUTBOX,
                {
                    "id": None,
                    "network": place.network,
                    "place": codec.dump_place(place),
                    "words": codec.dump_words(words),
                    "event_key": delivery.event.key,
                    "state": "ready",
                    "at_s": now_s,
                },
            )
            rows.append(OutboxRow(inserted.lastrowid or 0, place, words, event_key=delivery.event.key, at_s=now_s))
        return begun, rows


def accept_in(
    db: sqlite3.Connection,
    event: Event,
    kind: str,
    body: str,
    handlers: Sequence[str],
    now_s: float,
    delay_s: float = 0.0,
    *,
    on_accepted: Callable[[Event], None] = lambda event: None,
) -> Sequence[Delivery]:
    """Write an event and a delivery for each handler, unless its key is known."""
    row = {"key": event.key, "kind": kind, "lane": event.lane, "accepted_s": now_s, "body": body if handlers else None}
    if not db.execute(INSERT_EVENT, row).rowcount:
        return ()
    on_accepted(event)
    not_before_s = now_s + delay_s if delay_s else 0.0
    begun = []
    for handler in handlers:
        values = {
            "id": None,
            "event_key": event.key,
            "handler": handler,
            "lane": event.lane,
            "state": "open",
            "not_before_s": not_before_s,
            "until_s": None,
            "attempts": 0,
            "reason": "",
            "changed_s": now_s,
        }
        inserted = db.execute(INSERT_DELIVERY, values)
        begun.append(Delivery(inserted.lastrowid or 0, event, handler, not_before_s=not_before_s))
    return begun


def letter_number(letter: str) -> int:
    """Tell the number in a letter's name like `d12`; 0, which no letter has, for anything else."""
    digits = letter[1:]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 18 else 0
