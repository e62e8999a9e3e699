"""GitHub's limits: what is left of its budgets, when it wants to be left alone, and how fast one may write."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.adapters import github_wire as wire
from bot.clock import Clock
from bot.values import Budget

# What GitHub publishes for requests that make content: how many, within how many seconds. The first is its advice.
WRITES = ((1, 1.0), (80, 60.0), (500, 3600.0))
KEPT = 0.1  # of a budget, for what somebody waits for
SAME_WINDOW_S = 60.0  # the resets that GitHub's servers tell for one window differ by a little
EVERYTHING = ""  # as a resource: all of them


class Limits:
    """What the answers have told of the limits; no request of ours is sent past it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quiet_until_s: dict[str, float] = {}
        self._unnamed_s = {False: wire.PAUSE_S, True: wire.PAUSE_S}
        self._budgets: dict[str, Budget] = {}
        self._written_s: deque[float] = deque()

    def learn(self, status: int, headers: Mapping[str, Any], body: str, resource: str, *, is_write: bool) -> bool:
        """Take from an answer what it tells of the limits; tell whether they are why it is a refusal."""
        budget = wire.read_budget(headers)
        if budget is not None:
            self._count(budget)
            resource = budget.resource
        used_up_s = wire.used_up_s(headers, self._clock.now())
        self._be_quiet(resource, used_up_s)
        pause_s = wire.pause_s(status, headers, body)
        if pause_s is None:
            if used_up_s and status == 403:
                return True  # the budget's own end, which has a time
            pause_s = self._unnamed_s[is_write]
            self._unnamed_s[is_write] = min(2 * pause_s, wire.MAX_PAUSE_S)
        elif status < 400:
            self._unnamed_s[is_write] = wire.PAUSE_S
        self._be_quiet(EVERYTHING, pause_s)
        return bool(pause_s) or (status in (403, 429) and used_up_s > 0)

    def used_up(self, resource: str) -> None:
        """Note that a budget is used up, where the answer itself says so and not its headers."""
        if not self.quiet_s(resource):
            self._be_quiet(resource, wire.PAUSE_S)

    def quiet_s(self, resource: str) -> float:
        """Tell for how long nothing may be asked of a resource."""
        until_s = max(self._quiet_until_s.get(of, 0.0) for of in (EVERYTHING, resource))
        return max(0.0, until_s - self._clock.monotonic_s())

    def quiet_until(self, resource: str) -> datetime | None:
        """Tell until when nothing may be asked of a resource; None if it may be."""
        left_s = self.quiet_s(resource)
        return self._clock.now() + timedelta(seconds=left_s) if left_s else None

    def low_until(self, resource: str) -> datetime | None:
        """Tell until when a budget is for those only for whom somebody waits; None while it is for everybody."""
        budget = self._budgets.get(resource)
        if budget is None or budget.left >= budget.limit * KEPT or budget.resets_at <= self._clock.now():
            return None
        return budget.resets_at

    def budgets(self) -> Sequence[Budget]:
        """Tell what is left of each limit: all of it where the window that was told last is over."""
        now = self._clock.now()
        return [
            replace(
                each,
                left=each.left if each.resets_at > now else each.limit,
                quiet_until=self.quiet_until(each.resource),
            )
            for each in self._budgets.values()
        ]

    def forget_budgets(self) -> None:
        """Forget what was left, as somebody else asks from now on."""
        self._budgets.clear()

    def write_wait_s(self) -> float:
        """Tell how long to wait before the next write."""
        now_s = self._clock.monotonic_s()
        while self._written_s and self._written_s[0] <= now_s - WRITES[-1][1]:
            self._written_s.popleft()
        last = len(self._written_s)
        waits = [self._written_s[-most] + within_s - now_s for most, within_s in WRITES if last >= most]
        return max(0.0, *waits) if waits else 0.0

    def wrote(self) -> None:
        """Count a write that is over, whatever came of it."""
        self._written_s.append(self._clock.monotonic_s())

    def _be_quiet(self, resource: str, pause_s: float) -> None:
        until_s = self._clock.monotonic_s() + pause_s
        if pause_s > 0:
            self._quiet_until_s[resource] = max(self._quiet_until_s.get(resource, 0.0), until_s)

    def _count(self, told: Budget) -> None:
        """Take the least that was told within a window, as answers overtake each other."""
        known = self._budgets.get(told.resource)
        if known is not None and known.limit == told.limit and known.resets_at > self._clock.now():
            apart_s = (told.resets_at - known.resets_at).total_seconds()
            if abs(apart_s) <= SAME_WINDOW_S:
                told = replace(told, left=min(told.left, known.left), resets_at=max(told.resets_at, known.resets_at))
            elif apart_s < 0:
                return
        self._budgets[told.resource] = told
