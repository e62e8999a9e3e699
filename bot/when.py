"""Times of the wall clock at which something is due, in somebody's time zone: "mon-fri 09:00 Europe/Paris".

APScheduler's trigger tells which times of a calendar fit, and is asked in a zone without changes of the clock; what a
change of the clock makes of them is decided here, because it tells twice what the clock shows twice, and what falls
into a gap at a time that the clock never shows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from apscheduler.triggers.cron import CronTrigger

from bot.errors import UserError
from bot.toml_file import or_nearest
from bot.wording import quoted

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # in cron's order, where Sunday is 0 and 7
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # of months, at their longest
FIELDS = (("minutes", 0, 59), ("hours", 0, 23), ("days", 1, 31), ("months", 1, 12), ("days of the week", 0, 7))
DAY_MINUTES = 1440
LEAST_MINUTES = 5  # what comes more often is no notice any more
MAX_TEXT = 100
ENDS = datetime(2200, 1, 1, tzinfo=UTC)  # where looking for the next time ends
LONGEST = timedelta(hours=3)  # no clock is changed by more, but where a whole day was left out
HOW = 'write "mon-fri 09:00", "daily 09:00 Europe/Paris", "every 2h", or as cron does "0 9 * * mon-fri"'
_EVERY = re.compile(r"every (\d{0,4}) ?(m|mins?|minutes?|h|hours?)(?: (\S+))?")
_TIME = re.compile(r"(\d{1,2}):(\d\d)")
_ITEM = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?", re.ASCII)
_LONG_DAYS = re.compile(r"\b(sun|mon|tue|wed|thu|fri|sat)(?:day|sday|nesday|rsday|urday)\b")


@dataclass(frozen=True, slots=True)
class When:
    """At which times something is due.

    A time that a change of the clock leaves out is due at the first moment after it; one that comes twice is due once,
    the first time. What is due every so often goes on over the change instead, as with cron: `every 2h`, and cron's
    fields with a `*` for the minutes or the hours. It comes both times, and for a gap as if the clock had not moved.

    Arguments:
        text: as it was written, in one spelling: five fields of cron or days with a time, then the zone.
    """

    text: str

    @classmethod
    def parse(cls, text: str, *, zone: str = "UTC") -> "When":
        """Read "mon-fri 09:00", "daily 09:00", "sun 04:00 Europe/Paris", "every 2h", or cron's "0 9 * * mon-fri".

        Arguments:
            zone: where the text names none, as the tz database has it.

        Raises:
            UserError: it cannot be read, never comes, or comes more often than every five minutes.
        """
        words = " ".join(re.sub(r"\s*,\s*", ",", text.lower()).split())
        if len(words) > MAX_TEXT:
            raise UserError(f"a time has at most {MAX_TEXT} characters; {HOW}")
        parts = words.split(" ")
        if every := _EVERY.fullmatch(words):
            found, own = _spelt(every), every[3]
        elif len(parts) in (5, 6) and parts[0] != "every":
            found, own = " ".join(parts[:5]), " ".join(parts[5:])
        elif len(parts) in (2, 3) and parts[0] != "every" and _TIME.fullmatch(parts[1]):
            days = _LONG_DAYS.sub(lambda found: found[1], parts[0])
            found, own = f"{days} {parts[1].zfill(5)}", " ".join(parts[2:])
        else:
            raise UserError(f"cannot read {quoted(text, 60)} as a time; {HOW}")
        whole = f"{found} {_zone(own or zone)}"
        _rule(whole)
        return cls(whole)

    @property
    def zone(self) -> str:
        """Name the zone in which it is meant."""
        return self.text.rpartition(" ")[2]

    def after(self, moment: datetime) -> datetime | None:
        """Tell the first time after a moment, both in UTC; None if there is none within some years."""
        return _rule(self.text).after(moment)

    def spoken(self, moment: datetime, now: datetime) -> str:
        """Say a moment by the clock of the zone: 09:00, or of another day than today Mon 24 Nov 09:00."""
        zone = ZoneInfo(self.zone)
        there = moment.astimezone(zone)
        day = "" if there.date() == now.astimezone(zone).date() else f"{there:%a} {there.day} {there:%b} "
        return f"{day}{there:%H:%M}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the timetable.

    Arguments:
        next_at: in UTC; None if it never comes.
        is_configured: it stands in the configuration, so nobody takes it out from chat.
    """

    plugin: str
    name: str
    when: When
    payload: Mapping[str, Any]
    next_at: datetime | None
    is_configured: bool = False


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of each day in which nothing is said unasked; "22:00-07:00 Europe/Paris", over midnight if need be."""

    text: str

    @classmethod
    def parse(cls, text: str, *, zone: str = "UTC") -> "QuietHours":
        """Read hours; a UserError says what is wrong with them."""
        words = re.sub(r"\s*-\s*", "-", " ".join(text.split()), count=1)
        hours, _, own = words.partition(" ")
        ends = [_TIME.fullmatch(end) for end in hours.split("-")]
        if len(ends) != 2 or not all(ends):
            raise UserError(f'cannot read {quoted(text, 60)} as quiet hours; write "22:00-07:00 Europe/Paris"')
        start, end = ("{:02}:{:02}".format(*_clock(found[0])) for found in ends if found)
        if start == end:
            raise UserError(f"quiet hours from {start} to {end} have no end; let them end at another time")
        return cls(f"{start}-{end} {_zone(own or zone)}")

    def until(self, moment: datetime) -> datetime | None:
        """Tell when the quiet ends that holds at a moment, both in UTC; None if it is not quiet then."""
        hours, _, zone = self.text.partition(" ")
        starts, ends = (_rule(f"daily {each} {zone}").after(moment) for each in hours.split("-"))
        return ends if starts and ends and ends < starts else None


@dataclass(frozen=True, slots=True)
class _Rule:
    """How the next time is found.

    Arguments:
        triggers: each for some of the times, by a calendar without changes of the clock.
        is_even: it goes on over changes of the clock.
    """

    triggers: Sequence[CronTrigger]
    zone: ZoneInfo
    is_even: bool

    def after(self, moment: datetime) -> datetime | None:
        wall = moment.astimezone(self.zone).replace(tzinfo=None, fold=0)
        if self.is_even:
            return self._evenly(moment, wall)
        while (found := self._fitting(wall)) is not None:
            wall, due = found, self._first(found)
            if due > moment:
                return due
        return None

    def _evenly(self, moment: datetime, wall: datetime) -> datetime | None:
        found = self._fitting(wall)
        if found is None:
            return None
        due = found.replace(tzinfo=self.zone).astimezone(UTC)
        if due - moment < timedelta(days=1) and self._is_same_offset(moment - LONGEST, moment, due):
            return due
        best: datetime | None = None
        found = self._fitting(wall - LONGEST)
        while found is not None and (
            best is None or found - LONGEST <= best.astimezone(self.zone).replace(tzinfo=None)
        ):
            best = min((due for due in (best, *self._both(found)) if due and due > moment), default=None)
            found = self._fitting(found)
        return best

    def _fitting(self, wall: datetime) -> datetime | None:
        """Tell the first time after one that fits, by a clock that is never changed."""
        later = (wall + timedelta(microseconds=1)).replace(tzinfo=UTC)
        found = [trigger.get_next_fire_time(None, later) for trigger in self.triggers]
        return min((each.replace(tzinfo=None) for each in found if each is not None), default=None)

    def _both(self, wall: datetime) -> Iterator[datetime]:
        """Tell when the clock shows a time: twice if it does, and once, by what it showed before, in a gap."""
        first, second = (wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        yield first
        if second > first:
            yield second

    def _first(self, wall: datetime) -> datetime:
        """Tell when the clock shows a time, the first time it does; in a gap, when it shows a later one."""
        before, after = (wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if before <= after:
            return before
        early, late = after, before  # the clock is changed in between, and in a gap this order is the other one
        while late - early > timedelta(seconds=1):
            middle = (early + (late - early) / 2).replace(microsecond=0)
            if self._is_same_offset(early, middle):
                early = middle
            else:
                late = middle
        return late

    def _is_same_offset(self, *moments: datetime) -> bool:
        return len({moment.astimezone(self.zone).utcoffset() for moment in moments}) == 1


@lru_cache(maxsize=1024)
def _rule(text: str) -> _Rule:
    """Make the rule of a text in its one spelling; a UserError says what is wrong with it."""
    *words, name = text.split(" ")
    zone = ZoneInfo(name)
    if words[0] == "every":
        minutes = _minutes(words[1])
        return _Rule([*_by_hours(range(0, DAY_MINUTES, minutes))], zone, is_even=True)
    if len(words) == 2:
        hour, minute = _clock(words[1])
        days = _numbers(words[0], 4, names_only=True) if words[0] != "daily" else range(7)
        return _Rule([_trigger([minute], [hour], {"day_of_week": _of_week(days)})], zone, is_even=False)
    return _of_cron(words, zone)


def _of_cron(words: Sequence[str], zone: ZoneInfo) -> _Rule:
    """Make the rule of cron's five fields; days of both kinds mean either, as crontab(5) has it."""
    minutes, hours, days, months, week = (_numbers(word, field) for field, word in enumerate(words))
    times = sorted(60 * hour + minute for hour in hours for minute in minutes)
    gaps = [later - time for time, later in zip(times, [*times[1:], times[0] + DAY_MINUTES], strict=True)]
    if min(gaps) < LEAST_MINUTES:
        raise UserError(f"{quoted(' '.join(words), 60)} comes more often than every {LEAST_MINUTES} minutes")
    is_either = "*" not in words[2] and "*" not in words[4]
    can_be = any(day <= LENGTHS[month - 1] for month in months for day in days)
    if not can_be and not is_either:
        raise UserError(f"{quoted(' '.join(words), 60)} never comes: no such month has such a day")
    of_month, of_week = {"day": _list(days)}, {"day_of_week": _of_week(week)}
    dates = [of_month, of_week] if is_either else [of_month | of_week]
    triggers = [_trigger(minutes, hours, {"month": _list(months), **date}) for date in dates]
    return _Rule(triggers, zone, is_even=words[0].startswith("*") or words[1].startswith("*"))


def _by_hours(times: Sequence[int]) -> Iterator[CronTrigger]:
    """Make triggers for minutes of a day: one for each set of minutes that some hours have."""
    grouped: dict[tuple[int, ...], list[int]] = {}
    for hour in range(24):
        grouped.setdefault(tuple(time % 60 for time in times if time // 60 == hour), []).append(hour)
    for minutes, hours in grouped.items():
        if minutes:
            yield _trigger(minutes, hours, {})


def _trigger(minutes: Sequence[int], hours: Sequence[int], date: Mapping[str, str]) -> CronTrigger:
    return CronTrigger(minute=_list(minutes), hour=_list(hours), second="0", timezone=UTC, end_date=ENDS, **date)


def _numbers(text: str, field: int, *, names_only: bool = False) -> Sequence[int]:
    """Read one of cron's fields, each number in its order; of days of the week Sunday is 0."""
    what, low, high = FIELDS[field]
    names = {4: DAYS, 3: MONTHS}.get(field, ())

    def number(word: str) -> int:
        if word in names:
            return names.index(word) + low
        is_number = word.isascii() and word.isdigit() and len(word) < 3 and not names_only
        if not is_number or not low <= int(word) <= high:
            spelt = f", or {names[0]} to {names[-1]}" if names else ""
            range_ = f"names like {DAYS[1]}" if names_only else f"{low} to {high}{spelt}"
            raise UserError(f"{quoted(word, 20)} is none of the {what} of a time, which are {range_}; {HOW}")
        return int(word)

    found: set[int] = set()
    for item in text.split(","):
        parts = _ITEM.fullmatch(item)
        if parts is None or (parts[1] == "*" and (parts[2] or names_only)) or parts[3] in ("0", "00"):
            raise UserError(f"cannot read {quoted(item, 20)} among the {what} of a time; {HOW}")
        step = int(parts[3] or 1)
        first = low if parts[1] == "*" else number(parts[1])
        last = number(parts[2]) if parts[2] else high if parts[1] == "*" or parts[3] else first
        if field == 4 and last < first:
            last += 7  # "fri-mon"
        if last < first:
            raise UserError(f"{quoted(item, 20)} goes backwards among the {what} of a time")
        found.update(range(first, last + 1, step))
    return sorted({one % 7 for one in found} if field == 4 else found)


def _list(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))


def _of_week(days: Sequence[int]) -> str:
    """Name days for the trigger, whose numbers are not cron's."""
    return ",".join(DAYS[day] for day in days)


def _clock(text: str) -> tuple[int, int]:
    hour, minute = map(int, text.split(":"))
    if hour > 23 or minute > 59:
        raise UserError(f"{text} is no time of day; they go from 00:00 to 23:59")
    return hour, minute


def _spelt(every: re.Match[str]) -> str:
    """Spell "every 2 hours" as "every 2h"."""
    minutes = int(every[1] or 1) * (60 if every[2].startswith("h") else 1)
    if not LEAST_MINUTES <= minutes <= DAY_MINUTES or DAY_MINUTES % minutes:
        raise UserError(
            f"{quoted(every[0], 30)} does not divide a day, or is shorter than {LEAST_MINUTES} minutes: "
            "write every 5m, 10m, 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h or 12h"
        )
    return f"every {minutes // 60}h" if minutes % 60 == 0 else f"every {minutes}m"


def _minutes(span: str) -> int:
    return int(span[:-1]) * (60 if span.endswith("h") else 1)


def _zone(name: str) -> str:
    """Tell a zone's right name, however it is written."""
    known = _zones()
    if (found := known.get(name.lower())) is None:
        near = or_nearest(name, [*known.values()])
        raise UserError(f"there is no time zone {quoted(name, 40)}{near}; they are called as Europe/Paris is")
    return found


@lru_cache(maxsize=1)
def _zones() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones()}
