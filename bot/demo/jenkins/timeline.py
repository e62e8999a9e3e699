"""The time of a Jenkins stand-in: events that are played in their order before any question is answered."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import TypeAlias

from bot.clock import Clock
from bot.demo.jenkins.ledger import Faults

Event: TypeAlias = Callable[[float], object]  # gets the moment it was planned for; what it returns does not matter


class Timeline:
    """Events on a clock, and what the controller's own clock shows."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.faults = Faults()
        self.on_change: Callable[[], None] = lambda: None  # tells the ticker that an earlier event may be due
        self._events: list[tuple[float, int, Event]] = []
        self._order = count()

    def now_s(self) -> float:
        """Tell the moment on the clock that never jumps."""
        return self.clock.monotonic_s()

    def wall(self, at_s: float) -> datetime:
        """Tell what the controller's own clock, which may be wrong, shows at a moment."""
        return self.clock.now() + timedelta(seconds=at_s - self.now_s() + self.faults.skew_s)

    def wall_ms(self, at_s: float) -> int:
        """Tell the same as Jenkins writes it in JSON."""
        return int(self.wall(at_s).timestamp() * 1000)

    def at(self, when_s: float, event: Event) -> None:
        """Plan an event."""
        heapq.heappush(self._events, (when_s, next(self._order), event))
        self.on_change()

    def catch_up(self) -> float:
        """Play all events that are due and tell the moment."""
        now = self.now_s()
        while self._events and self._events[0][0] <= now:
            when, _, event = heapq.heappop(self._events)
            event(when)
        return now

    def next_event_s(self) -> float | None:
        """Tell when the next event is due."""
        return self._events[0][0] if self._events else None
