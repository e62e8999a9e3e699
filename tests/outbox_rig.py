"""An outbox that runs as in a process of its own, and networks for it to talk to."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.adapters.irc_output import Output, Turn
from bot.chat import Card, Chat, Hear, Heard, Instead, MessageRef, Words
from bot.clock import Clock
from bot.database import Database
from bot.errors import GordonError, Refused
from bot.journal import SqliteJournal
from bot.outbox import Outbox
from bot.ports import OutboxRow, Outcome, Shown
from bot.testing import FakeChat
from bot.values import Place
from tests.contract.journals import happened
from tests.virtual_clock import VirtualClock

NEWS, ANSWERS = Place("here", "#c"), Place("here", "#c", to="jess")
ROOM = 120  # bytes of a line in these tests
AWAY_S = 5.0  # from a loss to the next welcome
KILLED_ABOVE, KILLED_WITHIN_S = 5, 2.0


class CountedJournal(SqliteJournal):
    """A journal that knows how many notes of the outbox are on their way to the disk."""

    under_way = 0

    async def saying(self, rows: Sequence[OutboxRow]) -> None:
        self.under_way += 1
        try:
            await super().saying(rows)
        finally:
            self.under_way -= 1

    async def said(self, rows: Sequence[OutboxRow]) -> None:
        self.under_way += 1
        try:
            await super().said(rows)
        finally:
            self.under_way -= 1

    async def shows(self, shown: Shown) -> None:
        self.under_way += 1
        try:
            await super().shows(shown)
        finally:
            self.under_way -= 1


class Running:
    """An outbox with its journal, its networks and their tasks."""

    def __init__(self, journal: SqliteJournal, outbox: Outbox, clock: Clock) -> None:
        self.journal = journal
        self.outbox = outbox
        self._clock = clock
        self._keys = itertools.count(1)

    async def leave(self, *words: tuple[Place, Words]) -> Sequence[OutboxRow]:
        """Write rows as a handler's end does, and hand them over."""
        key = f"k{next(self._keys)}"
        (delivery,) = await self.journal.accept(happened(key), ("p:c",))
        _, rows = await self.journal.finish(delivery, Outcome(outbox=words))
        self.outbox.put(rows)
        return rows

    async def on_disk(self) -> list[Words]:
        return [row.words for row in await self.journal.unsaid(["here", "there"])]

    async def marked_on_disk(self) -> list[Words]:
        return [row.words for row in await self.journal.unsaid(["here", "there"]) if row.again]

    async def said_all(self, network: str = "here") -> None:
        """Wait until nothing waits and all has arrived; to be awaited while time passes."""
        while self.outbox.depth(network):
            await self._clock.sleep(0.2)


@asynccontextmanager
async def process(folder: Path, *chats: Chat, clock: Clock) -> AsyncIterator[Running]:
    """Be one process that says what comes, until it ends where it stands."""
    database = Database(folder / "gordon.db")
    journal = CountedJournal(database, clock)
    if isinstance(clock, VirtualClock):
        clock.is_held_up = lambda: journal.under_way > 0
    outbox = Outbox({chat.network: chat for chat in chats}, journal, clock)

    async def hear(_heard: Heard) -> None:
        """Nobody speaks here."""

    tasks = [asyncio.create_task(chat.run(hear)) for chat in chats]
    tasks += [asyncio.create_task(outbox.run(chat.network)) for chat in chats]
    try:
        await asyncio.sleep(0)
        yield Running(journal, outbox, clock)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(database.close)


class Gated(FakeChat):
    """A network that tells only when the test wants what has arrived."""

    def __init__(self, network: str = "here") -> None:
        super().__init__(network)
        self.fates: dict[str, asyncio.Future[GordonError | Exception | None]] = {}

    async def arrived(self, ref: MessageRef) -> None:
        self.fates[ref.id] = fate = asyncio.get_running_loop().create_future()
        if error := await fate:
            raise error

    def end(self, error: Exception | None = None) -> None:
        """Tell of all that is on its way how it ended."""
        fates, self.fates = self.fates, {}
        for fate in fates.values():
            fate.set_result(error)


@dataclass
class Trouble:
    """What a server does to us.

    Arguments:
        lost_at: the numbers of steps at which the connection goes; each line has three: written, heard, echoed.
        echoes: echo-message is on; else a PING is answered.
    """

    lost_at: frozenset[int] = frozenset()
    echoes: bool = True
    is_strict: bool = True


class OverOutput:
    """A network of one server on the real way out, with nothing between but a wire that may be cut.

    Arguments:
        heard: what other people saw, and when.
        kicks: how often the server killed us for a flood.
        back_after_s: from a loss to the next welcome.
    """

    def __init__(self, clock: VirtualClock, trouble: Trouble, burst: int = 4, every_s: float = 1.1) -> None:
        self.network = "here"
        self.report: Callable[[str, str], None] = lambda about, words: None
        self.output = Output("here", clock, burst, every_s)
        self.heard: list[tuple[float, str, str]] = []
        self.kicks = self.losses = self.steps = 0
        self.refused: set[str] = set()
        self.refusal: GordonError = Refused("IRC here", "nobody may talk there")
        self.back_after_s = AWAY_S
        self._clock = clock
        self._trouble = trouble
        self._is_up = False
        self._lost = asyncio.Event()
        self._arrivals: deque[float] = deque()

    async def run(self, hear: Hear) -> None:
        """Connect, and come back a while after each loss."""
        try:
            while True:
                self._lost.clear()
                self._is_up = True
                self._arrivals.clear()
                self.output.connected(self._write, self._drained, self._trouble.echoes)
                await self._lost.wait()
                await self._clock.sleep(self.back_after_s)
        finally:
            self.lose()

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        def pieces(had_to_wait: bool) -> Sequence[str]:
            chosen = instead(ROOM) if had_to_wait and instead is not None else words
            text = chosen.one_line() if isinstance(chosen, Card) else chosen
            return text.splitlines()

        turn = Turn.ANSWER if place.to or place.private else Turn.ANNOUNCEMENT
        return MessageRef(place, await self.output.say("PRIVMSG", place.channel, pieces, turn))

    async def arrived(self, ref: MessageRef) -> None:
        await self.output.arrived(ref.id)

    def connected(self) -> bool:
        return self._is_up

    def show_load(self, words: str) -> None:
        """Nobody looks."""

    def texts(self, channel: str = "#c") -> list[str]:
        return [text for _, where, text in self.heard if where == channel]

    def lose(self) -> None:
        """Cut the wire."""
        if self._is_up:
            self._is_up = False
            self.losses += 1
            self._lost.set()
            self.output.lost()

    def _step(self) -> bool:
        """Tell whether the wire is still there after one more step."""
        if self.steps in self._trouble.lost_at and self._is_up:
            self.lose()
        self.steps += 1
        return self._is_up

    def _write(self, line: str) -> None:
        self._count_for_flood()
        command, _, rest = line.partition(" ")
        target, _, text = rest.partition(" :")
        if command == "PING":
            asyncio.get_running_loop().call_soon(self._pong, rest.removeprefix(":"))
        elif self._is_up:
            asyncio.get_running_loop().call_soon(self._hear, target, text)

    def _count_for_flood(self) -> None:
        now_s = self._clock.now_s
        self._arrivals.append(now_s)
        while self._arrivals[0] <= now_s - KILLED_WITHIN_S:
            self._arrivals.popleft()
        if len(self._arrivals) > KILLED_ABOVE and self._trouble.is_strict:
            self.kicks += 1
            self.lose()

    def _hear(self, target: str, text: str) -> None:
        if not self._step():
            return
        if target in self.refused:
            self.output.rejected(target, self.refusal)
            return
        self.heard.append((self._clock.now_s, target, text))
        if self._step() and self._trouble.echoes:
            self.output.echoed(target)
            self._step()

    def _pong(self, token: str) -> None:
        if self._step():
            self.output.ponged(token)

    async def _drained(self) -> None:
        """The socket takes all."""
