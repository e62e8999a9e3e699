"""What runs and waits on build servers, asked for only while somebody looks, and no more often than it is worth."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.clock import Clock
from bot.errors import GordonError
from bot.jobs import Jobs
from bot.ports import BuildServer
from bot.values import Standing

EVERY_S = 5.0
SILENT_EVERY_S = 30.0  # who does not answer is left in peace
FIRST_WITHIN_S = 1.0  # that somebody waits for a server which was not asked before


@dataclass(frozen=True, slots=True)
class Glance:
    """What a server told last.

    Arguments:
        asked_at: when it told that; None if it never did.
        silent_since: since when it does not answer; None if it does.
        problem: why not, in words.
    """

    server: str
    running: Sequence[Standing] = ()
    queued: Sequence[Standing] = ()
    asked_at: datetime | None = None
    silent_since: datetime | None = None
    problem: str = ""


class Glances:
    """Asks servers beside whoever looks, each once at a time.

    Arguments:
        servers: by their configured names.
    """

    def __init__(self, servers: Mapping[str, BuildServer], jobs: Jobs, clock: Clock) -> None:
        self._servers = servers
        self._jobs = jobs
        self._clock = clock
        self._last = {name: Glance(name) for name in servers}
        self._due_s = dict.fromkeys(servers, float("-inf"))
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def take(self) -> Sequence[Glance]:
        """Tell what is known of each server, and have those asked whose turn it is."""
        now_s = self._clock.monotonic_s()
        self._asking = {name: task for name, task in self._asking.items() if not task.done()}
        for name, server in self._servers.items():
            if name not in self._asking and now_s >= self._due_s[name]:
                self._asking[name] = asyncio.create_task(self._ask(server), name=f"glance at {name}")
        new = [task for name, task in self._asking.items() if self._is_new(self._last[name])]
        if new:
            await asyncio.wait(new, timeout=FIRST_WITHIN_S)
        return list(self._last.values())

    def close(self) -> None:
        """Ask nobody any more."""
        for task in self._asking.values():
            task.cancel()

    async def _ask(self, server: BuildServer) -> None:
        last = self._last[server.name]
        try:
            async with asyncio.timeout(2 * server.deadline_s):
                queued, running = await server.queue(), await server.running()  # what starts meanwhile is seen twice
            answered = Glance(
                server.name,
                [self._jobs.seen(one) for one in running],
                [self._jobs.seen(one) for one in queued],
                self._clock.now(),
            )
        except (GordonError, TimeoutError) as error:
            since = last.silent_since or self._clock.now()
            answered = replace(last, silent_since=since, problem=str(error) or "it takes too long")
        self._last[server.name] = answered
        pause_s = SILENT_EVERY_S if answered.silent_since else EVERY_S
        self._due_s[server.name] = self._clock.monotonic_s() + pause_s

    @staticmethod
    def _is_new(glance: Glance) -> bool:
        return glance.asked_at is None and glance.silent_since is None
