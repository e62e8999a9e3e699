"""A forge for tests that knows teams and nothing else."""

from collections.abc import Collection, Mapping, Sequence

from bot.clock import Clock
from bot.values import Pull, PullRef


class TeamForge:
    """A forge that may fail, or take its time by the clock; without a fault it tells who is in a team."""

    def __init__(self, clock: Clock, members: Mapping[str, Collection[int]]) -> None:
        self.members = dict(members)
        self.fault: Exception | None = None
        self.takes_s = 0.0
        self.asked: list[tuple[str, float]] = []
        self._clock = clock

    async def team(self, name: str) -> Collection[int]:
        self.asked.append((name, self._clock.monotonic_s()))
        found, fault = set(self.members[name]), self.fault
        await self._clock.sleep(self.takes_s)
        if fault is not None:
            raise fault
        return found

    async def pull(self, ref: PullRef) -> Pull:
        raise NotImplementedError

    async def check(self, repos: Sequence[str]) -> Sequence[str]:
        return []

    async def close(self) -> None: ...
