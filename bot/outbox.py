"""Words on their way to people: on disk until said, in order, marked where an earlier process may have said them."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.clock import Clock
from bot.crash import crash_points
from bot.errors import Refused, StorageError, Unavailable
from bot.ports import Card, Chat, Journal, OutboxRow, Words

AGAIN = "(again) "
TRY_AGAIN_S = 0.5
log = logging.getLogger(__name__)


class Outbox:
    """One queue for each network, on the edge loop; a network that is down keeps its own waiting, no other's."""

    def __init__(self, chats: Mapping[str, Chat], journal: Journal, clock: Clock) -> None:
        self._chats = chats
        self._journal = journal
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._queues: dict[str, asyncio.Queue[OutboxRow]] = {network: asyncio.Queue() for network in chats}
        self._busy: set[str] = set()

    async def load(self) -> None:
        """Take up what an earlier process left unsaid."""
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
        chat, rows = self._chats[network], self._queues[network]
        while True:
            row = await rows.get()
            self._busy.add(network)
            await self._say(chat, row)
            self._busy.discard(network)

    async def drain(self, within_s: float) -> None:
        """Let what can be said be said; the rest is on disk."""
        deadline_s = asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < deadline_s:
            open_ = [name for name, chat in self._chats.items() if chat.connected()]
            if all(self._queues[name].empty() and name not in self._busy for name in open_):
                return
            await asyncio.sleep(0.02)

    def depth(self, network: str) -> int:
        """Count what waits for a network."""
        return self._queues[network].qsize()

    def _put(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            if row.place.network in self._queues:
                self._queues[row.place.network].put_nowait(row)
            else:
                log.warning("nothing is said at %s, which is no configured network", row.place)

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
                await self._journal.saying(row)
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
                await self._journal.said(row)
                return
            except StorageError as error:
                log.error("trying again: %s", error)
                await self._clock.sleep(TRY_AGAIN_S)


def _marked(words: Words) -> Words:
    return replace(words, title=AGAIN + words.title) if isinstance(words, Card) else AGAIN + words
