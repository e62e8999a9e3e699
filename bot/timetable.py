"""The times at which plugins want to be told, on disk: each comes once, and late rather than never."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.accepting import Accepting
from bot.clock import Clock
from bot.database import Database
from bot.live import Live
from bot.when import Entry, When


class Timetable:
    """All entries; on the edge loop, but for what plugins ask, which comes from the work loop."""

    def __init__(self, accepting: Accepting, database: Database, live: Live, clock: Clock) -> None:
        self._accepting = accepting
        self._database = database
        self._live = live
        self._clock = clock

    async def go_on(self) -> None:
        """Wait until a time comes, and have whoever waits for it told."""
        raise NotImplementedError


class PluginTimetable:
    """The timetable as one plugin sees it."""

    def __init__(self, timetable: Timetable, plugin: str) -> None:
        self._timetable = timetable
        self._plugin = plugin

    async def put(self, name: str, when: When, payload: Mapping[str, Any]) -> datetime | None:
        raise NotImplementedError

    async def remove(self, name: str) -> bool:
        raise NotImplementedError

    async def entries(self) -> Sequence[Entry]:
        raise NotImplementedError
