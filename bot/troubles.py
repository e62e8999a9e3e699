"""What goes wrong at the moment, told to operators: at once the first time, then never faster than they can read.

Of each topic there is at most one trouble in ten minutes; its end is told at once, and the last word is always how it
stands.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.clock import Clock
from bot.errors import StorageError
from bot.events import TroubleSeen
from bot.live import Live

QUIET_S = 600.0
AGAIN_S = 60.0  # after a disk that did not take it
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Topic:
    """One thing that may go wrong: how it is, and what operators were told last; empty for well.

    Arguments:
        next_s: monotonic seconds before which nothing more is told of it.
    """

    now: str = ""
    told: str = ""
    next_s: float = 0.0
    lines: int = 0
    telling: asyncio.Task[None] | None = None


class Troubles:
    """Keeps what goes wrong, on the edge loop.

    Arguments:
        accept: puts an event on disk for whoever tells it.
    """

    def __init__(self, accept: Callable[[TroubleSeen], Awaitable[None]], live: Live, clock: Clock) -> None:
        self._accept = accept
        self._live = live
        self._clock = clock
        self._topics: dict[tuple[str, str], Topic] = {}
        self._closed = False

    def report(self, peer: str, about: str, words: str) -> None:
        """Take a report: what is wrong, or "" when it is well again."""
        topic = self._topics.setdefault((peer, about), Topic())
        topic.now = words
        if not self._closed and topic.telling is None and topic.now != topic.told:
            topic.telling = asyncio.create_task(self._tell_in_time(peer, about, topic))
            topic.telling.add_done_callback(lambda done: self._told(topic, done))

    def report_plugin(self, plugin: str, why: str) -> None:
        """Take a report of a plugin: why it was switched off, or "" when it is on again."""
        words = f"switched off ({why}); plugins on {plugin} switches it on" if why else ""
        self.report("Gordon", f"the plugin {plugin}", words)

    def open(self, peer: str) -> Sequence[str]:
        """List what is wrong now with somebody, in words; from any thread."""
        topics = list(self._topics.items())  # copied in one go, as the edge may add to them meanwhile
        return [f"{about}: {topic.now}" for (whose, about), topic in topics if whose == peer and topic.now]

    def peer(self, network: str) -> str:
        """Name a place to talk as operators know it."""
        settings = self._live.now.settings
        kind = "IRC " if network in settings.irc else "Slack " if network in settings.slack else ""
        return f"{kind}{network}"

    async def close(self) -> None:
        """Put on disk what was to be told later, and listen to nothing more."""
        self._closed = True
        tasks = [topic.telling for topic in self._topics.values() if topic.telling is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for (peer, about), topic in self._topics.items():
            if topic.now != topic.told:
                await self._tell(peer, about, topic)

    async def _tell_in_time(self, peer: str, about: str, topic: Topic) -> None:
        while topic.now != topic.told:
            if topic.now:
                await self._clock.sleep(max(0.0, topic.next_s - self._clock.monotonic_s()))
            if topic.now != topic.told and not await self._tell(peer, about, topic):  # else it came and went meanwhile
                await self._clock.sleep(AGAIN_S)

    async def _tell(self, peer: str, about: str, topic: Topic) -> bool:
        """Put on disk how a topic stands; False if the disk does not take it."""
        words, now = topic.now, self._clock.now()
        if words:
            topic.next_s = self._clock.monotonic_s() + QUIET_S
        topic.lines += 1
        is_heard = bool(self._live.now.operators)
        level = logging.INFO if not words else logging.WARNING if is_heard else logging.ERROR
        log.log(level, "%s: %s: %s", peer, about, words or "well again")
        key = f"trouble:{peer}:{about}:{topic.lines}:{now.timestamp():.6f}"
        seen = TroubleSeen(key=key, lane=f"trouble:{peer}", at=now, peer=peer, about=about, words=words)
        try:
            await self._accept(seen)
        except StorageError as error:
            log.error("operators cannot be told now: %s", error)
            return False
        topic.told = words
        return True

    def _told(self, topic: Topic, task: asyncio.Task[None]) -> None:
        topic.telling = None
        if not task.cancelled() and (error := task.exception()):
            log.error("operators could not be told", exc_info=error)
