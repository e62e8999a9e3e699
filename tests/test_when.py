"""Times of the wall clock: how they are read, and when they come, held against a walk through all minutes (F33)."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from bot.errors import UserError
from bot.when import QuietHours, When

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PARIS, NEW_YORK, HALF_AN_HOUR, KOLKATA = "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"
TWO_HOURS = "Antarctica/Troll"  # by so much no other clock is changed
ZONES = (PARIS, NEW_YORK, HALF_AN_HOUR, TWO_HOURS, KOLKATA, "UTC")
ALL_HOURS, ALL_MINUTES, ALL_DAYS = set(range(24)), set(range(60)), set(range(7))  # Monday is 0
SUNDAY, WEEKEND = {6}, {5, 6}


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        pytest.param("mon-fri 09:00", "mon-fri 09:00 UTC", id="days"),
        pytest.param("  Monday,  Sat 9:05", "mon,sat 09:05 UTC", id="long names of days"),
        pytest.param("daily 09:00 europe/paris", "daily 09:00 Europe/Paris", id="a zone in small letters"),
        pytest.param("fri-mon 23:59 Asia/Kolkata", "fri-mon 23:59 Asia/Kolkata", id="over the end of the week"),
        pytest.param("every 2h", "every 2h UTC", id="every"),
        pytest.param("every 120 minutes", "every 2h UTC", id="every, in minutes"),
        pytest.param("every hour Europe/Paris", "every 1h Europe/Paris", id="every hour"),
        pytest.param("every 45m", "every 45m UTC", id="every that is not of an hour"),
        pytest.param("0 9 * * MON-FRI", "0 9 * * mon-fri UTC", id="cron"),
        pytest.param("*/30 8-18/2 1,15 jan-mar * America/New_York", None, id="cron with everything"),
    ],
)
def test_times_are_read_into_one_spelling(text: str, spelt: str | None) -> None:
    found = When.parse(text)
    assert found.text == (spelt or text)
    assert When.parse(found.text, zone="Asia/Tokyo") == found


def test_the_zone_of_whoever_asks_holds_where_none_is_named() -> None:
    assert When.parse("daily 09:00", zone=PARIS).text == "daily 09:00 Europe/Paris"
    assert QuietHours.parse("22:00 - 7:00", zone=PARIS).text == "22:00-07:00 Europe/Paris"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", 'cannot read "" as a time; write "mon-fri 09:00", "daily 09:00', id="nothing"),
        pytest.param("tomorrow", 'cannot read "tomorrow" as a time; write "mon-fri 09:00"', id="not a time"),
        pytest.param("1-5 09:00", '"1" is none of the days of the week of a time, which are names like mon', id="days"),
        pytest.param("* 09:00", 'cannot read "*" among the days', id="a star for days"),
        pytest.param("mon - fri 09:00", 'cannot read "mon - fri 09:00" as a time', id="blanks between days"),
        pytest.param("daily 25:00", "25:00 is no time of day; they go from 00:00 to 23:59", id="hour"),
        pytest.param("daily 9:00 Europe/Pari", 'no time zone "europe/pari" (did you mean "Europe/Paris"?)', id="zone"),
        pytest.param("daily 9:00 ../etc/passwd", 'no time zone "../etc/passwd"', id="a path for a zone"),
        pytest.param("every 7m", '"every 7m" does not divide a day', id="does not divide a day"),
        pytest.param("every 1m", "shorter than 5 minutes: write every 5m", id="too often"),
        pytest.param("every 0h", '"every 0h" does not divide a day', id="never"),
        pytest.param("every 09:00", 'cannot read "every 09:00" as a time; write', id="every time of day"),
        pytest.param("every mon 09:00", 'cannot read "every mon 09:00" as a time; write', id="every day of the week"),
        pytest.param("every monday at 09:00 UTC", 'cannot read "every monday at 09:00 UTC"', id="every, five words"),
        pytest.param("every * * * *", 'cannot read "every * * * *" as a time', id="every, as cron"),
        pytest.param("every 48h", '"every 48h" does not divide a day', id="longer than a day"),
        pytest.param("*/4 * * * *", "comes more often than every 5 minutes", id="cron too often"),
        pytest.param("0,58 * * * *", "comes more often than every 5 minutes", id="cron too often over the hour"),
        pytest.param("0 0 30 2 *", "never comes: no such month has such a day", id="30 February"),
        pytest.param("0 0 31 feb,apr,nov *", "never comes", id="31 April"),
        pytest.param("61 9 * * *", '"61" is none of the minutes of a time, which are 0 to 59', id="minute"),
        pytest.param("0 9 * * 8", '"8" is none of the days of the week of a time, which are 0 to 7', id="cron's days"),
        pytest.param("0 9-3 * * *", '"9-3" goes backwards among the hours', id="backwards"),
        pytest.param("*/0 9 * * *", 'cannot read "*/0" among the minutes', id="no step"),
        pytest.param("0 9 * * mon#2", 'cannot read "mon#2" among the days of the week', id="what others can do"),
        pytest.param("0 9 * * * " + "x" * 100, "at most 100 characters", id="long"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_can(text: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        When.parse(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("22:00", 'cannot read "22:00" as quiet hours; write "22:00-07:00 Europe/Paris"', id="one time"),
        pytest.param("22-7", 'cannot read "22-7" as quiet hours', id="hours alone"),
        pytest.param("22:00-24:00", "24:00 is no time of day", id="24:00"),
        pytest.param("07:00-7:00", "from 07:00 to 07:00 have no end", id="no end"),
        pytest.param("22:00-07:00 Mars", 'no time zone "Mars"', id="zone"),
    ],
)
def test_quiet_hours_that_cannot_be_read_are_told_with_what_can(text: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        QuietHours.parse(text)
    assert words in str(refused.value)


@dataclass(frozen=True)
class Rule:
    """What a text means, in sets, so that it can be looked up for each minute."""

    text: str
    minutes: set[int]
    hours: set[int]
    days: set[int]
    is_even: bool = False
    of_month: frozenset[int] = frozenset()  # or these days

    def fits(self, wall: datetime) -> bool:
        is_day = wall.weekday() in self.days or wall.day in self.of_month
        return wall.minute in self.minutes and wall.hour in self.hours and is_day


RULES = [
    Rule("daily 09:00", {0}, {9}, ALL_DAYS),
    Rule("daily 02:30", {30}, {2}, ALL_DAYS),
    Rule("daily 01:45", {45}, {1}, ALL_DAYS),
    Rule("sun 02:00", {0}, {2}, SUNDAY),
    Rule("5,30 1-3 * * 6,7", {5, 30}, {1, 2, 3}, WEEKEND),
    Rule("15 2 1,29 * sat", {15}, {2}, {5}, of_month=frozenset({1, 29})),
    Rule("every 2h", {0}, set(range(0, 24, 2)), ALL_DAYS, is_even=True),
    Rule("*/30 * * * *", {0, 30}, ALL_HOURS, ALL_DAYS, is_even=True),
    Rule("20 * * * *", {20}, ALL_HOURS, ALL_DAYS, is_even=True),
    Rule("*/20 1-2 * * sun", {0, 20, 40}, {1, 2}, SUNDAY, is_even=True),
]


@lru_cache(maxsize=64)
def walk(zone: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """List all minutes with what the clock shows."""
    where, count = ZoneInfo(zone), int((end - start) / MINUTE)
    moments = [start + n * MINUTE for n in range(count)]
    return [(moment, moment.astimezone(where).replace(tzinfo=None, fold=0)) for moment in moments]


def shown_first(minutes: list[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, list[datetime]]]:
    """Yield with each minute the times that the clock has come to or over, and never showed before."""
    highest = minutes[0][1]
    for moment, wall in minutes[1:]:
        shown: list[datetime] = []
        while highest < wall:
            highest += MINUTE
            shown.append(highest)
        yield moment, shown


def shown_evenly(minutes: list[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, list[datetime]]]:
    """Yield with each minute what the clock shows, and after a gap, as long as that, what it would without."""
    old, until = timedelta(), minutes[0][0]
    for (_, before), (moment, wall) in pairwise(minutes):
        if wall - before > MINUTE:
            old, until = wall - before - MINUTE, moment + (wall - before - MINUTE)
        yield moment, [wall, wall - old] if moment < until else [wall]


def brute(rule: Rule, minutes: list[tuple[datetime, datetime]]) -> list[datetime]:
    """Find when a rule is due, minute by minute."""
    walked = shown_evenly(minutes) if rule.is_even else shown_first(minutes)
    return [moment for moment, shown in walked if any(map(rule.fits, shown))]


def chain(when: When, start: datetime, end: datetime) -> list[datetime]:
    """List all times of a span, each found from the one before."""
    found: list[datetime] = []
    moment = when.after(start)
    while moment is not None and moment < end:
        found.append(moment)
        moment = when.after(moment)
    return found


@lru_cache(maxsize=64)
def changes(zone: str) -> list[datetime]:
    """Find the hours of two years in which the clock is changed; some others where it never is."""
    where, start = ZoneInfo(zone), datetime(2026, 1, 1, tzinfo=UTC)
    hours = [start + n * HOUR for n in range(2 * 365 * 24)]
    offsets = [hour.astimezone(where).utcoffset() for hour in hours]
    return [hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]] or [start + 100 * DAY]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.text)
def test_f33_times_around_changes_of_the_clock_are_those_of_a_walk_through_all_minutes(rule: Rule, zone: str) -> None:
    when, some = When.parse(rule.text, zone=zone), random.Random(7)
    for change in changes(zone):
        start, end = change - 28 * HOUR, change + 28 * HOUR
        due = [moment for moment in brute(rule, walk(zone, start - 5 * HOUR, end)) if moment > start]
        assert chain(when, start, end) == due
        for _ in range(5):
            moment = start + timedelta(seconds=some.uniform(0, 50 * 3600))
            later = [one for one in due if one > moment]
            assert not later or when.after(moment) == later[0]


@pytest.mark.parametrize("text", ["30 2 * * *", "0 9 * * mon-fri", "15 12 29 2 *"])
def test_f33_a_year_is_that_of_a_walk_through_all_its_minutes(text: str) -> None:
    start, end = datetime(2027, 12, 31, 23, 0, tzinfo=UTC), datetime(2028, 12, 31, 23, 0, tzinfo=UTC)
    minute, hour, day, month, week = text.split(" ")
    days = set(range(5)) if week == "mon-fri" else ALL_DAYS
    rule = Rule(text, {int(minute)}, {int(hour)}, days)

    def is_date(wall: datetime) -> bool:
        return day == "*" or (wall.day, wall.month) == (int(day), int(month))

    walked = shown_first(walk(PARIS, start, end))
    due = [moment for moment, shown in walked if any(rule.fits(wall) and is_date(wall) for wall in shown)]
    assert due
    assert chain(When.parse(text, zone=PARIS), start, end) == due


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("text", "step"),
    [
        pytest.param("every 20m", 20 * MINUTE, id="20m"),
        pytest.param("*/30 * * * *", 30 * MINUTE, id="30m"),
        pytest.param("every 2h", 2 * HOUR, id="2h"),
        pytest.param("every 90m", 90 * MINUTE, id="90m"),
    ],
)
def test_f33_what_goes_on_evenly_does_not_wait_longer_for_a_gap(text: str, step: timedelta, zone: str) -> None:
    """Nor is it later by more than the clock was set back; whatever divides that keeps its pace."""
    where = ZoneInfo(zone)
    for change in changes(zone):
        found = chain(When.parse(text, zone=zone), change - DAY, change + DAY)
        walls = [moment.astimezone(where).replace(tzinfo=None) for moment in (change - HOUR, change + HOUR)]
        forward = walls[1] - walls[0] - 2 * HOUR
        pauses = {later - one for one, later in pairwise(found)}
        assert max(pauses) <= step + max(-forward, timedelta())
        if not abs(forward) % step:
            assert pauses == {step}


@pytest.mark.parametrize(
    ("text", "moment", "next_at"),
    [
        pytest.param("daily 02:30 Europe/Paris", "2026-03-28T12:00", "2026-03-29T01:00", id="in the gap of spring"),
        pytest.param("daily 02:30 Europe/Paris", "2026-10-24T12:00", "2026-10-25T00:30", id="first of two in autumn"),
        pytest.param("daily 02:30 Europe/Paris", "2026-10-25T00:30", "2026-10-26T01:30", id="not the second of two"),
        pytest.param("daily 02:15 Australia/Lord_Howe", "2026-10-03T10:00", "2026-10-03T15:30", id="half an hour"),
        pytest.param("0 9 * * 7", "2026-11-20T12:00", "2026-11-22T09:00", id="7 is Sunday"),
        pytest.param("0 9 * * 0", "2026-11-20T12:00", "2026-11-22T09:00", id="0 is Sunday"),
        pytest.param("0 9 * * 1", "2026-11-20T12:00", "2026-11-23T09:00", id="1 is Monday"),
        pytest.param("0 9 * * 5-7", "2026-11-20T12:00", "2026-11-21T09:00", id="to Sunday"),
        pytest.param("fri-mon 09:00", "2026-11-20T12:00", "2026-11-21T09:00", id="over the end of the week"),
        pytest.param("fri-mon 09:00", "2026-11-22T12:00", "2026-11-23T09:00", id="to its first day"),
        pytest.param("fri-mon 09:00", "2026-11-23T12:00", "2026-11-27T09:00", id="and no further"),
        pytest.param("0 0 13 * fri", "2026-11-20T12:00", "2026-11-27T00:00", id="either day"),
        pytest.param("0 0 30 2 fri", "2026-11-20T12:00", "2027-02-05T00:00", id="either day, one of which is never"),
        pytest.param("0 0 */15 * fri", "2026-11-20T12:00", "2027-01-01T00:00", id="both with a star, as in cron"),
        pytest.param("0 0 29 2 *", "2026-11-20T12:00", "2028-02-29T00:00", id="29 February"),
        pytest.param("every 45m", "2026-11-20T00:45", "2026-11-20T01:30", id="over the hour"),
    ],
)
def test_when_it_comes_next(text: str, moment: str, next_at: str) -> None:
    at = datetime.fromisoformat(f"{moment}+00:00")
    assert When.parse(text).after(at) == datetime.fromisoformat(f"{next_at}+00:00")


@pytest.mark.parametrize(
    ("moment", "now", "words"),
    [
        pytest.param("2014-09-02 07:00", "2014-09-01 22:30", "09:00", id="today by the clock of the zone"),
        pytest.param("2014-09-01 07:00", "2014-09-01 22:30", "Mon 1 Sep 09:00", id="another day"),
        pytest.param("2014-09-02 22:00", "2014-09-02 21:59", "Wed 3 Sep 00:00", id="from midnight on the next one"),
        pytest.param("2026-03-29 02:00", "2026-03-29 03:00", "04:00", id="by the clock of summer"),
        pytest.param("2026-03-28 03:00", "2026-03-29 03:00", "Sat 28 Mar 04:00", id="before it by that of winter"),
    ],
)
def test_f33_a_moment_is_said_by_the_clock_of_its_zone(moment: str, now: str, words: str) -> None:
    when = When.parse("mon-fri 09:00", zone=PARIS)
    assert when.zone == PARIS
    assert when.spoken(*(datetime.fromisoformat(f"{each}+00:00") for each in (moment, now))) == words


QUIET = ["22:00-07:00", "00:00-09:00", "12:30-13:15", "01:30-02:30", "02:15-02:45", "02:30-05:00", "23:00-02:10"]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("text", QUIET)
def test_f33_quiet_hours_are_those_of_a_walk_through_all_minutes(text: str, zone: str) -> None:
    """They begin and end as anything does that is due then: once each, the first time."""
    hours, (start_at, end_at) = QuietHours.parse(text, zone=zone), text.split("-")
    for change in changes(zone):
        is_quiet, quiet, ends = False, [], []
        for moment, shown in shown_first(walk(zone, change - 52 * HOUR, change + 34 * HOUR)):
            for wall in shown:
                is_quiet = f"{wall:%H:%M}" == start_at or (is_quiet and f"{wall:%H:%M}" != end_at)
            quiet.append((moment, is_quiet))
            if len(quiet) > 1 and quiet[-2][1] and not is_quiet:
                ends.append(moment)
        for moment, is_quiet in quiet[26 * 60 : -10 * 60 : 7]:
            assert hours.until(moment) == (next(end for end in ends if end > moment) if is_quiet else None)
