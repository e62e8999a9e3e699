"""The times at which plugins want to be told, on disk: each comes once, and late rather than never.

A time that has come is an event, accepted in the write that puts down the next one. Its key names the time, so that a
clock that is set back brings nothing a second time; an entry whose next time has become too late by that gets it back.
"""

import asyncio
import logging
import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot import timetable_rows as rows
from bot.accepting import Accepting
from bot.chat import Report
from bot.clock import Clock
from bot.database import Database
from bot.errors import UserError
from bot.events import TimeCame
from bot.live import Live
from bot.loader import Registry
from bot.plugin import CRON, KeepsTimes
from bot.strikes import Strikes
from bot.timetable_rows import Row
from bot.when import Entry, When

LOOK_S = 20.0  # how often the wall clock is looked at, which may be set
MAX_EACH = 200  # entries of a plugin
MAX_NAME = 100
MAX_MISSED = 1000
DAY_S = 86400.0
BACK = timedelta(seconds=1)  # by less a clock that is kept right goes back any time
BACKWARDS = (timedelta(hours=1), timedelta(days=1), timedelta(days=32), timedelta(days=366), timedelta(days=9 * 366))
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Came:
    """A row whose time has come, with what is to be told of it."""

    row: Row
    planned: datetime
    missed: int
    next_at: datetime | None


class Timetable:
    """All entries; on the edge loop, but for what plugins ask, which comes from the work loop.

    Arguments:
        report: what to call with an entry that cannot be read any more; the program sets it.
    """

    def __init__(
        self,
        accepting: Accepting,
        database: Database,
        live: Live,
        clock: Clock,
        registry: Registry,
        strikes: Strikes,
    ) -> None:
        self.report: Report = lambda about, words: None
        self._accepting = accepting
        self._database = database
        self._live = live
        self._clock = clock
        self._registry = registry
        self._strikes = strikes
        self._wake: Callable[[], object] = lambda: None
        self._changed = asyncio.Event()
        self._is_stale = True
        self._is_through = True
        self._soonest: Mapping[str, float | None] | None = None  # by plugin; None: not known
        self._seen = clock.now()

    # -- on the edge loop --

    async def begin(self) -> None:
        """Take over which entries the configuration and the plugins have; what is the same keeps its next time.

        What people have put down outlives a start without the plugin, as one for a try is; it rests meanwhile.
        """
        loop = asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(self._changed.set)
        now, wanted = self._clock.now(), self._wanted()
        there = await self._database.read(rows.all_of_them)
        gone = [row for row in there if self._is_over(row, wanted, now)]
        away = self._away(there, now)
        known = {(row.plugin, row.name): row for row in there}
        new = [
            Row(plugin, name, when.text, {}, _s(when.after(now)), is_configured=True)
            for plugin, entries in wanted.items()
            for name, when in entries.items()
            if not _is_same(known.get((plugin, name)), when)
        ]

        def write(db: sqlite3.Connection) -> None:
            for row in gone:
                rows.remove(db, row.plugin, row.name, is_configured=row.is_configured)
            for row in new:
                rows.put(db, row)
            for plugin, away_s in away.items():
                rows.set_away(db, plugin, away_s)

        if gone or new or away:
            await self._database.write(write)
        await self._set_right(now)
        self._is_stale = False

    def _is_here(self, plugin: str) -> bool:
        """Tell whether a plugin is configured, be it one that did not load."""
        return plugin in self._registry.plugins or plugin in self._registry.broken

    def _is_over(self, row: Row, wanted: Mapping[str, Mapping[str, When]], now: datetime) -> bool:
        """Tell whether nobody wants an entry any more."""
        if row.is_configured:
            is_broken = row.plugin in self._registry.broken
            return not is_broken and row.name not in wanted.get(row.plugin, {})
        if self._is_here(row.plugin) or row.away_s is None:
            return False
        return now.timestamp() - row.away_s > self._live.now.settings.gordon.keep_days * DAY_S

    def _away(self, there: Sequence[Row], now: datetime) -> Mapping[str, float | None]:
        """Tell of which plugins it is to be put down that they are away since now, or not any more."""
        found: dict[str, float | None] = {}
        for row in there:
            if self._is_here(row.plugin) != (row.away_s is None):
                found[row.plugin] = None if self._is_here(row.plugin) else now.timestamp()
        return found

    def changed(self) -> None:
        """Look at once at what the configuration has by now."""
        self._is_stale = True
        self._changed.set()

    async def go_on(self) -> None:
        """Wait until a time comes, and have whoever waits for it told."""
        if not self._is_through:  # the last turn failed, and the next may
            await self._clock.sleep(LOOK_S)
        self._is_through = False
        if self._is_stale:
            await self.begin()
        if self._soonest is None or self._changed.is_set():
            self._changed.clear()  # what is put down while this reads sets it again
            self._soonest = await self._database.read(rows.soonest)
        if self._soonest:
            await self._wait()
        else:
            await self._changed.wait()
        now = self._clock.now()
        if now < self._seen - BACK:
            await self._set_right(now)
        self._seen = now
        if self._next_s() <= now.timestamp():
            await self._tell(now)
        self._is_through = True

    def _next_s(self) -> float:
        """Tell when the next time comes of a plugin that is on, as far as is known."""
        known = (self._soonest or {}).items()
        return min((next_s for name, next_s in known if next_s is not None and self._is_on(name)), default=math.inf)

    async def _wait(self) -> None:
        """Wait until something has changed, a time comes, or the wall clock is to be looked at again."""

        async def sleep() -> None:  # measured when it begins, as the clock may be moved until then
            left_s = self._next_s() - self._clock.now().timestamp()
            await self._clock.sleep(min(LOOK_S, max(0.0, left_s)))

        waits: set[asyncio.Task[Any]] = {
            asyncio.create_task(self._changed.wait()),
            asyncio.create_task(sleep()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()

    async def _tell(self, now: datetime) -> None:
        """Have told what is due, each entry once for all of its times that have come."""
        self._soonest = None
        due = await self._database.read(lambda db: rows.due(db, now.timestamp()))
        due = [row for row in due if self._is_on(row.plugin)]
        if not due:
            return
        came = await asyncio.to_thread(lambda: [self._came(row, now) for row in due])  # a year of them takes a while

        def write(db: sqlite3.Connection) -> Sequence[TimeCame]:
            moved = [one for one in came if rows.move(db, one.row, _s(one.next_at))]
            return [_event(one, now) for one in moved]

        await self._accepting(write)

    def _came(self, row: Row, now: datetime) -> _Came:
        """Tell which times of a row have come."""
        when, planned, missed = row.entry.when, row.entry.next_at, 0
        assert planned is not None, "only what has a next time is due"
        while (later := when.after(planned)) is not None and later <= now:
            planned, missed = later, missed + 1
            if missed == MAX_MISSED:
                planned = _newest(when, planned, now)
                break
        return _Came(row, planned, missed, when.after(now))

    async def _set_right(self, now: datetime) -> None:
        """Give entries a next time that comes sooner, as after the clock was set back; tell what cannot be read."""
        self._soonest = None
        there = await self._database.read(rows.all_of_them)
        wrong: list[tuple[Row, float | None]] = []
        unreadable = []
        for row in there:
            try:
                next_s = _s(row.entry.when.after(now))
            except UserError as error:
                unreadable.append(f"{row.name} of {row.plugin} is not told any more: {error}")
                wrong.append((row, None))
                continue
            if next_s is not None and (row.next_s is None or next_s < row.next_s):
                wrong.append((row, next_s))
        if any(row.next_s != next_s for row, next_s in wrong):
            await self._database.write(lambda db: [rows.move(db, row, next_s) for row, next_s in wrong])
        self.report("the timetable", "; ".join(unreadable))

    def _wanted(self) -> Mapping[str, Mapping[str, When]]:
        """Tell which entries the plugins have by what they are and by their settings."""
        found: dict[str, dict[str, When]] = {name: {} for name in self._registry.plugins}
        for name, settings in self._live.now.plugin_settings.items():
            if isinstance(settings, KeepsTimes) and name in found:
                found[name].update(settings.times())
        for handler in self._registry.handlers.values():
            if handler.cron is not None:
                found[handler.plugin][handler.entry] = handler.cron
        return found

    def _is_on(self, plugin: str) -> bool:
        return plugin in self._registry.plugins and not self._strikes.why_off(plugin)

    # -- on the work loop --

    async def put(self, plugin: str, name: str, when: When, payload: Mapping[str, Any]) -> datetime | None:
        """Put an entry of a plugin down; arguments, result and errors are those of the port."""
        if not 0 < len(name) <= MAX_NAME or name.startswith(CRON):
            raise UserError(f"what is to come at a time has a name of 1 to {MAX_NAME} characters without {CRON} first")
        row = Row(plugin, name, when.text, payload, _s(when.after(self._clock.now())))

        def write(db: sqlite3.Connection) -> Row:
            before = rows.get(db, plugin, name)
            if before is not None and before.is_configured:
                raise UserError(f"{name} stands in the configuration; choose another name")
            if before is None and rows.count(db, plugin) >= MAX_EACH:
                raise UserError(f"{plugin} has {MAX_EACH} entries in the timetable, as many as one may; remove some")
            new = replace(row, next_s=before.next_s) if before is not None and before.when == row.when else row
            rows.put(db, new)
            return new

        written = await self._database.write(write)
        self._wake()
        return written.entry.next_at

    async def remove(self, plugin: str, name: str) -> bool:
        """Take an entry of a plugin out; the result is that of the port."""
        return await self._database.write(lambda db: rows.remove(db, plugin, name, is_configured=False))

    async def entries(self, plugin: str) -> Sequence[Entry]:
        """List the entries of a plugin that can be read, by name."""
        found = []
        for row in await self._database.read(lambda db: rows.of_plugin(db, plugin)):
            try:
                found.append(row.entry)
            except UserError as error:
                log.warning("%s of %s: %s", row.name, plugin, error)
        return found


class PluginTimetable:
    """The timetable as one plugin sees it."""

    def __init__(self, timetable: Timetable, plugin: str) -> None:
        self._timetable = timetable
        self._plugin = plugin

    async def put(self, name: str, when: When, payload: Mapping[str, Any]) -> datetime | None:
        return await self._timetable.put(self._plugin, name, when, payload)

    async def remove(self, name: str) -> bool:
        return await self._timetable.remove(self._plugin, name)

    async def entries(self) -> Sequence[Entry]:
        return await self._timetable.entries(self._plugin)


def _is_same(row: Row | None, when: When) -> bool:
    return row is not None and row.is_configured and row.when == when.text


def _event(came: _Came, now: datetime) -> TimeCame:
    lane = f"time:{came.row.plugin}:{came.row.name}"
    return TimeCame(
        key=f"{lane}:{came.planned.isoformat()}",
        lane=lane,
        at=now,
        plugin=came.row.plugin,
        name=came.row.name,
        payload=came.row.payload,
        planned=came.planned,
        missed=came.missed,
    )


def _newest(when: When, known: datetime, now: datetime) -> datetime:
    """Tell the newest time that has come, of more than anybody counts."""
    for back in BACKWARDS:
        found = when.after(now - back)
        if found is not None and found <= now:
            while (later := when.after(found)) is not None and later <= now:
                found = later
            return found
    return known


def _s(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
