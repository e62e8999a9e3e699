"""Words on their way to people: on disk until said, marked where an earlier process may have said them.

The order is that of a place: one that cannot be reached keeps its own words waiting, no other's.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.clock import Clock
from bot.crash import crash_points
from bot.errors import Refused, StorageError, Unavailable
from bot.ports import Card, Chat, Journal, OutboxRow, Words

AGAIN = "(again) "
TRY_AGAIN_S = 0.5
MAX_PLACES = 200  # of one network that are served beside each other; more wait until one of them is through
log = logging.getLogger(__name__)


class Outbox:
    """On the edge loop, a queue for each network, and behind it one for each place where something is to be said."""

    def __init__(self, chats: Mapping[str, Chat], journal: Journal, clock: Clock) -> None:
        self._chats = chats
        self._journal = journal
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._queues: dict[str, asyncio.Queue[OutboxRow]] = {network: asyncio.Queue() for network in chats}
        self._places: dict[str, dict[tuple[str, bool], deque[OutboxRow]]] = {network: {} for network in chats}

    async def load(self) -> None:
        """Take up what an earlier process left unsaid, and forget what no configured network can say any more."""
        if forgotten := await self._journal.forget_unsayable(list(self._chats)):
            log.warning("forgot %d lines for networks that are not configured any more", forgotten)
        self._put(await self._journal.unsaid(list(self._chats)))

    def put(self, rows: Sequence[OutboxRow]) -> None:
        """Hand over rows that are on disk; from any thread."""
        if rows:
            self._loop.call_soon_threadsafe(self._put, rows)

    def say_now(self, row: OutboxRow) -> None:
        """Say words that are on no disk; from any thread."""
        self._loop.call_soon_threadsafe(self._put, [row])

    async def run(self, network: str) -> None:
        """Say what comes for one network, for ever."""
        rows, places = self._queues[network], self._places[network]
        saying: set[asyncio.Task[None]] = set()
        try:
            while True:
                row = await rows.get()
                where = (row.place.channel, row.place.private)
                if where in places:
                    places[where].append(row)
                    continue
                places[where] = deque([row])
                saying.add(task := asyncio.create_task(self._say_all(network, where)))
                task.add_done_callback(saying.discard)
                if len(saying) >= MAX_PLACES:
                    await asyncio.wait(saying, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in saying:
                task.cancel()
            await asyncio.gather(*saying, return_exceptions=True)

    async def _say_all(self, network: str, where: tuple[str, bool]) -> None:
        """Say what waits for one place, until nothing does."""
        chat, waiting = self._chats[network], self._places[network][where]
        while waiting:
            await self._try(chat, waiting[0])
            waiting.popleft()
        del self._places[network][where]

    async def drain(self, within_s: float) -> None:
        """Let what can be said be said; the rest is on disk."""
        deadline_s = asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < deadline_s:
            open_ = [name for name, chat in self._chats.items() if chat.connected()]
            if not any(self.depth(name) for name in open_):
                return
            await asyncio.sleep(0.02)

    def depth(self, network: str) -> int:
        """Count what waits for a network."""
        return self._queues[network].qsize() + sum(map(len, list(self._places[network].values())))

    def _put(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            if row.place.network in self._queues:
                self._queues[row.place.network].put_nowait(row)
            else:
                log.warning("nothing is said at %s, which is no configured network", row.place)

    async def _try(self, chat: Chat, row: OutboxRow) -> None:
        """Say one row; the one place where a mistake in it or in a network's adapter ends."""
        try:
            await self._say(chat, row)
        except Exception:
            log.exception("never said to %s, as it makes saying it fail: %r", row.place, row.words)
            if row.id:
                await self._forget(row)

    async def _say(self, chat: Chat, row: OutboxRow) -> None:
        words = _marked(row.words) if row.again else row.words
        if not row.id:
            try:
                with crash_points("chat.send"):
                    await chat.send(row.place, words)
            except (Unavailable, Refused) as error:
                log.info("not said, as it need not last: %s", error)
            return
        while True:
            try:
                if not chat.connected():
                    raise Unavailable(chat.network, "saying something")
                await self._journal.saying([row])
                with crash_points("chat.send"):
                    await chat.send(row.place, words)
                break
            except Refused as error:
                log.error("never said, as waiting changes nothing: %s", error)
                break
            except (Unavailable, StorageError) as error:
                log.info("said later: %s", error)
                await self._clock.sleep(TRY_AGAIN_S)
        await self._forget(row)

    async def _forget(self, row: OutboxRow) -> None:
        """Note that words were said, as often as it takes: for a disk that is full they are not said again."""
        while True:
            try:
                await self._journal.said([row])
                return
            except StorageError as error:
                log.error("trying again: %s", error)
                await self._clock.sleep(TRY_AGAIN_S)


def _marked(words: Words) -> Words:
    return replace(words, title=AGAIN + words.title) if isinstance(words, Card) else AGAIN + words
