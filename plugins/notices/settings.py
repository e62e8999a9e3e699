"""`[plugin.notices]`: lists that are told at set times, and the hours in which a channel is left alone."""

import re
from collections.abc import Mapping
from datetime import datetime

from bot.plugin import QuietHours, Settings, UserError, When
from bot.values import Place

MAX_COMMANDS = 8  # of one list, which are given beside each other
MAX_PLACES = 8
LIST = "list "  # before the name of a list, that of its entry in the timetable
NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


class ListSettings(Settings, frozen=True):
    """`[plugin.notices.list.NAME]`."""

    at: str  # "mon-fri 09:00", with a zone of its own behind if need be
    to: tuple[str, ...]  # places as "network/#channel"
    commands: tuple[str, ...]  # those that change nothing: "prs stale"
    title: str = ""  # what it is called where it is told; empty: its name
    always: bool = False  # it is told also when there is nothing to list

    def __post_init__(self) -> None:
        for key, some, most in (("to", self.to, MAX_PLACES), ("commands", self.commands, MAX_COMMANDS)):
            if not 1 <= len(some) <= most:
                raise ValueError(f"{key} must have 1 to {most} entries, has {len(some)}")
            if len({one.lower() for one in some}) < len(some):
                raise ValueError(f"{key} must not have the same twice")
        for text in (*self.commands, self.title):
            if not text.isprintable() or text != text.strip():
                raise ValueError(f"commands and title must be on one line, without blanks around them, has {text!r}")
        if "" in self.commands:
            raise ValueError('commands must not be empty; write them as they are typed, "prs stale"')


class ChannelNotices(Settings, frozen=True):
    """`[plugin.notices.channel."NETWORK/#CHANNEL"]`."""

    zone: str = ""  # in which times are read that name none: "Europe/Paris"; empty: that of [plugin.notices]
    quiet: str = ""  # hours in which no notice is told, "22:00-07:00": it comes when they are over


class NoticesSettings(Settings, frozen=True):
    """`[plugin.notices]`."""

    zone: str = "UTC"  # of channels that have none of their own, and of what people put down in private
    channel: dict[str, ChannelNotices] = {}  # noqa: RUF012  each Settings gets its own
    list: dict[str, ListSettings] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        for where, zone in (("zone", self.zone), *((f"{name} zone", own.zone) for name, own in self.channel.items())):
            try:
                When.parse("daily 00:00", zone=zone or "UTC")
            except UserError as error:
                raise ValueError(f"{where}: {error}") from error
        for name, own in self.channel.items():
            try:
                self.quiet_hours(name)
            except UserError as error:
                raise ValueError(f"{name} quiet: {error}") from error
            if own.quiet != own.quiet.strip():
                raise ValueError(f"{name} quiet must have no blanks around it, is {own.quiet!r}")
        for name, wanted in self.list.items():
            if not NAME.fullmatch(name):
                raise ValueError(f"list.{name}: a name has letters, digits, - and _, and at most 40 of them")
            try:
                self._when(wanted)
            except UserError as error:
                raise ValueError(f"list.{name} at: {error}") from error

    def times(self) -> Mapping[str, When]:
        """Name the entries of the timetable."""
        return {LIST + name: self._when(wanted) for name, wanted in self.list.items()}

    def zone_at(self, place: Place) -> str:
        """Tell in which zone times are read at a place."""
        return self._channel(str(place)).zone or self.zone

    def quiet_until(self, place: Place, now: datetime) -> datetime | None:
        """Tell when the quiet hours end that a channel has now; None if it has none now."""
        hours = None if place.private else self.quiet_hours(str(place))
        return hours.until(now) if hours else None

    def quiet_hours(self, channel: str) -> QuietHours | None:
        """Tell a channel's quiet hours, given its network and name."""
        own = self._channel(channel)
        return QuietHours.parse(own.quiet, zone=own.zone or self.zone) if own.quiet else None

    def _channel(self, name: str) -> ChannelNotices:
        found = (own for key, own in self.channel.items() if key.lower() == name.lower())
        return next(found, ChannelNotices())

    def _when(self, wanted: ListSettings) -> When:
        zones = {self._channel(place).zone or self.zone for place in wanted.to}
        found = [When.parse(wanted.at, zone=zone) for zone in sorted(zones)]
        if len(set(found)) > 1:
            raise UserError(f"is told in channels of several zones ({', '.join(sorted(zones))}), so name one in it")
        return found[0]
