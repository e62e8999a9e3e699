"""The timetable: each time is told once, whatever the wall clock does (F33), and late rather than never."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from bot import timetable_rows as rows
from bot.accepting import Accepting
from bot.database import Database
from bot.errors import StorageError, UserError
from bot.events import TimeCame
from bot.journal import SqliteJournal
from bot.live import Facts, Live
from bot.loader import load_plugins
from bot.people import People
from bot.ports import Delivery
from bot.settings import CoreSettings, GordonSettings
from bot.strikes import Strikes
from bot.timetable import LOOK_S, MAX_EACH, MAX_MISSED, PluginTimetable, Timetable
from bot.when import When

START = datetime(2026, 3, 25, 12, 0, tzinfo=UTC)  # a Wednesday; the clocks of Europe are changed on Sunday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BARE = '''
"""A plugin that has times by its settings, by a decorator, and by what it puts down."""

from bot.events import Event, TimeCame
from bot.plugin import Context, Plugin, Settings, When


class Times(Settings, frozen=True):
    at: dict[str, str] = {}

    def times(self) -> dict[str, When]:
        return {name: When.parse(text) for name, text in self.at.items()}


plugin = Plugin("NAME", Times)


@plugin.on(TimeCame)
async def told(ctx: Context, event: TimeCame) -> None: ...


@plugin.cron("0 6 * * sun")
async def sunday(ctx: Context, event: TimeCame) -> None: ...


@plugin.on(Event)
async def anything(ctx: Context, event: Event) -> None: ...
'''


@dataclass
class SleptClock:
    """A clock that sleeping moves on, and whose wall clock somebody sets."""

    slept_s: float = 0.0
    ahead: timedelta = timedelta()
    longest_s: float = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.slept_s) + self.ahead

    def monotonic_s(self) -> float:
        return self.slept_s

    async def sleep(self, delay_s: float) -> None:
        self.slept_s += delay_s
        self.longest_s = max(self.longest_s, delay_s)


@dataclass
class Rig:
    """A timetable on a disk, as of one process, and what it has handed over."""

    folder: Path
    clock: SleptClock
    database: Database
    timetable: Timetable
    strikes: Strikes
    live: Live
    deliveries: list[Delivery] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    @property
    def mine(self) -> PluginTimetable:
        return PluginTimetable(self.timetable, "bare")

    def told(self, name: str = "") -> list[tuple[str, int]]:
        """List the times that were told of an entry, by what the calendar has, and how many before each were not."""
        events = [each.event for each in self.deliveries if each.handler == "bare.told"]
        assert all(isinstance(event, TimeCame) for event in events)
        times = [event for event in events if isinstance(event, TimeCame) and event.name == (name or event.name)]
        return [(f"{event.planned:%a %H:%M}", event.missed) for event in times]

    async def until(self, moment: datetime) -> None:
        """Go on until the wall clock shows a time."""
        while self.clock.now() < moment:
            await self.timetable.go_on()

    async def configure(self, **at: str) -> None:
        """Take over other settings, as a reload does."""
        self.live.now = facts_of(self.folder, at)
        self.timetable.changed()
        await self.timetable.begin()


def facts_of(folder: Path, at: dict[str, str]) -> Facts:
    registry = load_plugins(("bare",), {"bare": {"at": at}}, folder)
    return Facts(GordonSettings(gordon=CoreSettings(home="moby/moby")), People({}, {}), registry.settings)


@asynccontextmanager
async def rig(
    folder: Path, clock: SleptClock | None = None, *, plugins: tuple[str, ...] = ("bare",), **at: str
) -> AsyncIterator[Rig]:
    """Begin as a process does, with these times in the settings of a bare plugin."""
    for name in ("bare", "other"):
        (folder / f"{name}.py").write_text(BARE.replace("NAME", name), encoding="utf-8")
    (folder / "broken.py").write_text("raise ImportError('no such thing')", encoding="utf-8")
    clock = clock or SleptClock()
    registry = load_plugins(plugins, {"bare": {"at": at}} if at else {}, folder)
    facts = Facts(GordonSettings(gordon=CoreSettings(home="moby/moby")), People({}, {}), registry.settings)
    database, live = Database(folder / "gordon.db"), Live(facts)
    deliveries: list[Delivery] = []
    accepting = Accepting(SqliteJournal(database, clock), registry, database, deliveries.extend)
    strikes = Strikes(database, clock)
    timetable = Timetable(accepting, database, live, clock, registry, strikes)
    made = Rig(folder, clock, database, timetable, strikes, live, deliveries)
    timetable.report = lambda about, words: made.reports.append(words)
    try:
        await timetable.begin()
        yield made
    finally:
        database.close()


async def test_each_time_is_told_once(tmp_path: Path) -> None:
    async with rig(tmp_path, standup="mon-fri 09:00", check="every 6h") as here:
        await here.until(START + 2 * DAY)
        assert here.told("standup") == [("Thu 09:00", 0), ("Fri 09:00", 0)]
        assert [time for time, _ in here.told("check")][:5] == [
            "Wed 18:00",
            "Thu 00:00",
            "Thu 06:00",
            "Thu 12:00",
            "Thu 18:00",
        ]
        assert here.clock.longest_s <= LOOK_S


async def test_f33_what_was_missed_in_a_day_is_told_once(tmp_path: Path) -> None:
    clock = SleptClock()
    async with rig(tmp_path, clock, standup="daily 09:00", check="every 2h") as here:
        await here.until(START + HOUR)
    clock.slept_s += DAY.total_seconds()
    async with rig(tmp_path, clock, standup="daily 09:00", check="every 2h") as here:
        assert here.told() == []
        await here.until(START + 25 * HOUR + timedelta(minutes=1))
        assert here.told("standup") == [("Thu 09:00", 0)]
        assert here.told("check") == [("Thu 12:00", 11)]
    async with rig(tmp_path, clock, standup="daily 09:00", check="every 2h") as here:
        await here.until(START + 27 * HOUR)
        assert here.told() == [("Thu 14:00", 0)]


async def test_after_years_away_the_newest_time_is_told(tmp_path: Path) -> None:
    clock = SleptClock()
    async with rig(tmp_path, clock, often="every 5m", rarely="0 9 29 2 *"):
        clock.slept_s += 800 * DAY.total_seconds()  # 2 June 2028
    async with rig(tmp_path, clock, often="every 5m", rarely="0 9 29 2 *") as here:
        await here.timetable.go_on()
        assert here.told() == [("Tue 09:00", 0), (f"{clock.now():%a %H:%M}", MAX_MISSED)] or here.told() == [
            (f"{clock.now():%a %H:%M}", MAX_MISSED),
            ("Tue 09:00", 0),
        ]


JUMPS = [
    pytest.param(sign * size, id=f"{'forward' if sign > 0 else 'back'} {size}")
    for size in (HOUR, 3 * HOUR)
    for sign in (1, -1)
]


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(timedelta(hours=20, minutes=30), id="half an hour before"),
        pytest.param(timedelta(hours=20, minutes=59, seconds=50), id="just before"),
        pytest.param(timedelta(hours=21, seconds=1), id="just after"),
        pytest.param(timedelta(hours=21, minutes=30), id="half an hour after"),
    ],
)
@pytest.mark.parametrize("is_running", [True, False], ids=["running", "between two processes"])
async def test_f33_a_clock_that_jumps_loses_and_doubles_nothing(
    tmp_path: Path, jump: timedelta, moment: timedelta, is_running: bool
) -> None:
    """The standup is at 09:00, 21 hours on."""
    clock = SleptClock((20.4 * HOUR).total_seconds())
    async with rig(tmp_path, clock, standup="daily 09:00") as here:
        await here.until(START + moment)
        told = here.told()
        clock.ahead += jump
        if is_running:
            await here.until(START + moment + jump + 4 * HOUR)
            told = here.told()
    async with rig(tmp_path, clock, standup="daily 09:00") as here:
        await here.until(START + moment + jump + 4.5 * HOUR)
        assert told + here.told() == [("Thu 09:00", 0)]
        assert (await here.mine.entries())[1].next_at == START + 45 * HOUR


async def test_f33_a_clock_that_was_a_year_ahead_makes_nobody_wait_for_a_year(tmp_path: Path) -> None:
    async with rig(tmp_path, standup="daily 09:00") as here:
        here.clock.ahead = 365 * DAY
        await here.until(START + 365 * DAY + HOUR)
        here.deliveries.clear()
        here.clock.ahead = timedelta()
        await here.until(START + DAY)
        assert here.told() == [("Thu 09:00", 0)]


async def test_f33_changes_of_the_clock_are_told_once(tmp_path: Path) -> None:
    """In spring 02:30 is left out in Paris, and 02:30 here is told at 03:00 there."""
    clock = SleptClock((2.5 * DAY).total_seconds())
    async with rig(tmp_path, clock, early="daily 02:30 Europe/Paris", standup="daily 09:00 Europe/Paris") as here:
        await here.until(datetime(2026, 3, 30, 9, 0, tzinfo=UTC))
        early = ["Sat 01:30", "Sun 01:00", "Mon 00:30"]
        assert [time for time, _ in here.told("early")] == early
        standups = ["Sat 08:00", "Sun 07:00", "Mon 07:00"]
        assert [time for time, _ in here.told("standup")] == standups


async def test_a_reload_keeps_what_is_the_same_and_begins_what_is_not(tmp_path: Path) -> None:
    clock = SleptClock()
    async with rig(tmp_path, clock, same="daily 11:00", other="daily 11:30", gone="daily 11:45"):
        clock.slept_s += DAY.total_seconds()
    async with rig(tmp_path, clock, same="daily 11:00", other="daily 11:20", new="daily 11:50") as here:
        assert [entry.name for entry in await here.mine.entries()] == ["@sunday", "new", "other", "same"]
        await here.timetable.go_on()
        assert here.told() == [("Thu 11:00", 0)]
        await here.configure(new="daily 12:10")
        await here.until(START + DAY + HOUR)
        assert here.told() == [("Thu 11:00", 0), ("Thu 12:10", 0)]
        assert [entry.name for entry in await here.mine.entries()] == ["@sunday", "new"]


async def test_a_reload_wakes_who_waits(tmp_path: Path) -> None:
    """Without any entry there is nothing to wait for, so a clock is of no use."""
    async with rig(tmp_path, plugins=()) as here:
        turn = asyncio.create_task(here.timetable.go_on())
        await asyncio.sleep(0)
        here.timetable.changed()
        await asyncio.wait_for(turn, 5)
        assert here.clock.slept_s == 0


async def test_handlers_hear_of_their_own_times_only(tmp_path: Path) -> None:
    clock = SleptClock((3.5 * DAY).total_seconds())
    async with rig(tmp_path, clock, plugins=("bare", "other"), standup="sun 05:00") as here:
        await here.until(datetime(2026, 3, 29, 7, 0, tzinfo=UTC))
        heard = [(each.handler, getattr(each.event, "name", "")) for each in here.deliveries]
        assert heard == [
            ("bare.told", "standup"),
            ("bare.anything", "standup"),
            ("bare.sunday", "@sunday"),
            ("other.sunday", "@sunday"),
        ]


async def test_what_is_put_down_is_told_with_what_it_carries(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        next_at = await here.mine.put("tea", When.parse("daily 16:00"), {"place": "net/#c"})
        assert next_at == START + 4 * HOUR
        with closing(sqlite3.connect(tmp_path / "gordon.db")) as db:  # as whoever comes after a death finds it
            assert db.execute("SELECT count(*) FROM timetable WHERE name = 'tea'").fetchone() == (1,)
        await here.until(START + 5 * HOUR)
        [event] = [each.event for each in here.deliveries if each.handler == "bare.told"]
        assert isinstance(event, TimeCame)
        assert (event.plugin, event.name, event.payload) == ("bare", "tea", {"place": "net/#c"})
        assert event.lane == "time:bare:tea"
        assert await here.mine.remove("tea")
        assert not await here.mine.remove("tea")
        await here.until(START + 30 * HOUR)
        assert len(here.told()) == 1


async def test_a_put_once_more_changes_nothing_and_another_time_begins_anew(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        await here.mine.put("tea", When.parse("daily 16:00"), {})
        here.clock.slept_s += DAY.total_seconds()
        assert await here.mine.put("tea", When.parse("daily 16:00"), {"milk": True}) == START + 4 * HOUR
        assert await here.mine.put("tea", When.parse("daily 17:00"), {}) == START + 29 * HOUR
        assert [entry.when.text for entry in await here.mine.entries()] == ["0 6 * * sun UTC", "daily 17:00 UTC"]


async def test_what_has_become_another_entry_is_not_moved_on(tmp_path: Path) -> None:
    """Between reading what is due and writing that it was told, somebody may have changed it or taken it out."""
    async with rig(tmp_path, standup="daily 09:00") as here:
        before = await here.database.read(lambda db: rows.get(db, "bare", "standup"))
        assert before is not None
        for changed in (
            replace(before, next_s=7.0),
            replace(before, when="daily 10:00 UTC"),
            replace(before, name="x"),
        ):
            assert not await here.database.write(lambda db, row=changed: rows.move(db, row, 9.0))  # type: ignore[misc]
        assert await here.database.write(lambda db: rows.move(db, before, None))
        assert await here.database.write(lambda db: rows.move(db, replace(before, next_s=None), 9.0))


async def test_a_put_wakes_who_waits(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        for entry in await here.mine.entries():
            await here.database.write(lambda db, name=entry.name: db.execute("DELETE FROM timetable"))  # type: ignore[misc]
        turn = asyncio.create_task(here.timetable.go_on())
        await here.mine.put("tea", When.parse("every 5m"), {})
        await asyncio.wait_for(turn, 5)
        await here.until(START + timedelta(minutes=6))
        assert here.told() == [("Wed 12:05", 0)]


REFUSED = MappingProxyType({"standup": "stands in the configuration", "": "a name of 1", "@x": "without @ first"})


@pytest.mark.parametrize("name", REFUSED, ids=lambda name: name or "empty")
async def test_what_may_not_be_put_down(tmp_path: Path, name: str) -> None:
    async with rig(tmp_path, standup="daily 09:00") as here:
        with pytest.raises(UserError, match=REFUSED[name]):
            await here.mine.put(name, When.parse("daily 16:00"), {})
        assert not await here.mine.remove("standup")
        assert [entry.is_configured for entry in await here.mine.entries()] == [True, True]


async def test_a_plugin_has_so_many_entries_at_most(tmp_path: Path) -> None:
    async with rig(tmp_path) as here:
        for number in range(MAX_EACH - 1):  # one is by its decorator
            await here.mine.put(f"t{number}", When.parse("daily 16:00"), {})
        with pytest.raises(UserError, match=f"bare has {MAX_EACH} entries"):
            await here.mine.put("more", When.parse("daily 16:00"), {})
        await here.mine.put("t7", When.parse("daily 17:00"), {})


async def test_a_plugin_that_is_off_is_told_once_it_is_on_again(tmp_path: Path) -> None:
    async with rig(tmp_path, plugins=("bare", "other"), standup="daily 09:00") as here:
        await PluginTimetable(here.timetable, "other").put("tea", When.parse("every 2h"), {})
        here.strikes.switch_off("bare", "it failed")
        await here.until(START + HOUR)
        here.clock.slept_s += (2 * DAY).total_seconds()
        await here.until(here.clock.now() + 2 * HOUR)
        assert here.told() == []
        assert [each.handler for each in here.deliveries if each.handler.endswith(".told")] == ["other.told"] * 2
        here.strikes.switch_on("bare")
        await here.until(here.clock.now() + timedelta(seconds=2 * LOOK_S))
        assert here.told() == [("Fri 09:00", 1)]


async def test_what_people_put_down_rests_while_its_plugin_is_away(tmp_path: Path) -> None:
    """A plugin that is taken out for one start, to find out what is wrong, costs nobody what they have scheduled."""
    clock = SleptClock()
    async with rig(tmp_path, clock, plugins=("bare", "other"), standup="daily 09:00") as here:
        await here.mine.put("tea", When.parse("daily 16:00"), {})
    async with rig(tmp_path, clock, plugins=("other",)) as here:
        assert await names(here) == [("bare", "tea"), ("other", "@sunday")]
        await here.until(START + 2 * DAY)
        assert here.deliveries == []
    clock.slept_s += (3 * DAY).total_seconds()
    async with rig(tmp_path, clock, plugins=("bare", "other"), standup="daily 09:00") as here:
        await here.until(clock.now() + timedelta(seconds=2 * LOOK_S))
        assert here.told() == [("Sun 16:00", 4)]
        assert len(await here.mine.entries()) == 3


KEPT = timedelta(days=CoreSettings(home="moby/moby").keep_days)


@pytest.mark.parametrize(("away", "stays"), [(KEPT - HOUR, True), (KEPT + HOUR, False)], ids=["shorter", "longer"])
async def test_what_people_put_down_goes_with_a_plugin_that_stays_away(
    tmp_path: Path, away: timedelta, stays: bool
) -> None:
    """How long it is away counts from the last time that it went."""
    clock = SleptClock()
    async with rig(tmp_path, clock, plugins=("bare", "other")) as here:
        await here.mine.put("tea", When.parse("daily 16:00"), {})
    for plugins in (("other",), ("bare",), ("other",)):
        clock.slept_s += away.total_seconds()
        async with rig(tmp_path, clock, plugins=plugins) as here:
            assert ("bare", "tea") in await names(here)
        if not stays:
            break
    clock.slept_s += away.total_seconds()
    async with rig(tmp_path, clock, plugins=("other",)) as here:
        assert (("bare", "tea") in await names(here)) == stays


async def test_a_plugin_that_is_back_late_finds_what_people_put_down_if_no_start_has_forgotten_it(
    tmp_path: Path,
) -> None:
    """Also one with no other entries, whose absence is then all that there is to write."""
    clock = SleptClock()
    async with rig(tmp_path, clock, plugins=("bare", "other")) as here:
        await here.mine.put("tea", When.parse("daily 16:00"), {})
    for plugins, is_there in ((("other",), True), (("bare", "other"), True), (("other",), True), (("other",), False)):
        async with rig(tmp_path, clock, plugins=plugins) as here:
            assert (("bare", "tea") in await names(here)) == is_there
            await here.database.write(lambda db: rows.remove(db, "bare", "@sunday", is_configured=True))
        clock.slept_s += (KEPT + HOUR).total_seconds()


async def test_entries_stay_with_the_mistakes_of_their_plugin(tmp_path: Path) -> None:
    """However long they last."""
    clock = SleptClock()
    async with rig(tmp_path, clock, standup="daily 09:00") as here:
        await here.mine.put("tea", When.parse("daily 16:00"), {})
        await here.database.write(
            lambda db: db.execute("UPDATE timetable SET plugin = 'broken' WHERE name <> '@sunday'")
        )
    for _ in range(3):
        async with rig(tmp_path, clock, plugins=("bare", "broken")) as here:
            assert await names(here) == [("bare", "@sunday"), ("broken", "standup"), ("broken", "tea")]
            await here.until(clock.now() + 2 * timedelta(seconds=LOOK_S))
            assert here.told() == []
        clock.slept_s += (KEPT + HOUR).total_seconds()


async def names(here: Rig) -> list[Any]:
    return await here.database.read(
        lambda db: db.execute("SELECT plugin, name FROM timetable ORDER BY 1, 2").fetchall()
    )


async def test_what_cannot_be_read_any_more_is_told_to_operators_and_comes_back(tmp_path: Path) -> None:
    """A zone may be gone in another version of the tz database."""
    clock = SleptClock()
    async with rig(tmp_path, clock) as here:
        await here.mine.put("tea", When.parse("daily 16:00 Europe/Paris"), {})
        await here.mine.put("cake", When.parse("daily 16:30"), {})
        await here.database.write(lambda db: db.execute(RENAMED, {"new": "Europe/Atlantis"}))
    async with rig(tmp_path, clock) as here:
        [words] = here.reports
        assert words.startswith('tea of bare is not told any more: there is no time zone "europe/atlantis"')
        await here.until(START + 5 * HOUR)
        assert here.told() == [("Wed 16:30", 0)]
        assert [entry.name for entry in await here.mine.entries()] == ["@sunday", "cake"]
        await here.database.write(lambda db: db.execute(RENAMED, {"new": "Europe/Paris"}))
    async with rig(tmp_path, clock) as here:
        assert here.reports == [""]
        await here.until(START + DAY + 4 * HOUR)
        assert here.told("tea") == [("Thu 15:00", 0)]


RENAMED = "UPDATE timetable SET when_text = 'daily 16:00 ' || :new WHERE name = 'tea'"


async def test_a_disk_that_refuses_is_tried_again_and_not_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path, standup="daily 12:10") as here:
        broken = "CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no room'); END"
        await here.database.write(lambda db: db.execute(broken))
        failures = 0
        while here.clock.now() < START + timedelta(minutes=12):
            try:
                await here.timetable.go_on()
            except (StorageError, sqlite3.DatabaseError):
                failures += 1
        assert 5 <= failures <= 7
        await here.database.write(lambda db: db.execute("DROP TRIGGER broken"))
        await here.until(START + timedelta(minutes=14))
        assert here.told() == [("Wed 12:10", 0)]
