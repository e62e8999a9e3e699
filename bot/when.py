"""Times of the wall clock at which something is due, in somebody's time zone: "mon-fri 09:00 Europe/Paris"."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class When:
    """At which times something is due.

    A time that a change of the clock leaves out is due at the first moment after it; one that comes twice is due once.

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
        raise NotImplementedError

    def after(self, moment: datetime) -> datetime | None:
        """Tell the first time after a moment, both in UTC; None if there is none within some years."""
        raise NotImplementedError


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
        raise NotImplementedError

    def until(self, moment: datetime) -> datetime | None:
        """Tell when the quiet ends that holds at a moment, both in UTC; None if it is not quiet then."""
        raise NotImplementedError
