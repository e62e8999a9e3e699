"""Words on their way to people: on disk until they have arrived, marked where they may have been said before.

Each place has an order for its answers and one for its announcements: what waits in one holds up no other. The next
words go out while the last ones are still on their way; those that never arrived are said again in their old order.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count, takewhile

from bot.chat import Chat, Editable, Instead, MessageRef, Words
from bot.clock import Clock
from bot.crash import crash_points
from bot.errors import Refused, StorageError, Unavailable
from bot.logs import on_behalf_of
from bot.notices import in_one_line, joined, marked, summary
from bot.outbox_orders import Line, Network, PlaceOrder, is_stale
from bot.ports import Journal, OutboxRow

TRY_AGAIN_S = 0.5
MOST_PAUSE_S = 30.0  # between words that a connected network takes and loses each time
FLEETING_S = 60.0  # words on no disk are tried so long while a network is away
MAX_FLEETING = 200  # of one network
MAX_ORDERS = 200  # of one network that are served beside each other; more wait until one of them is through
MAX_MERGED = 50
SUMMARY_BYTES = 350  # of such a line when nobody knows yet how many fit
log = logging.getLogger(__name__)


class Outbox:
    """On the edge loop, for each network the orders of all places where something is to be said.

    Attributes:
        on_said: told the network of each message that it took.
    """

    def __init__(self, chats: Mapping[str, Chat], journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._networks = {name: Network(chat) for name, chat in chats.items()}
        self._numbers = count()
        self.on_said: Callable[[str], None] = lambda network: None

    async def load(self) -> None:
        """Take up what an earlier process left unsaid, and forget what no configured network can say any more."""
        if forgotten := await self._journal.forget_unsayable(list(self._networks)):
            log.warning("forgot %d lines for networks that are not configured any more", forgotten)
        for shown in await self._journal.shown(list(self._networks)):
            self._networks[shown.place.network].shown[shown.place, shown.slot] = shown
        self._put(await self._journal.unsaid(list(self._networks)))

    def put(self, rows: Sequence[OutboxRow]) -> None:
        """Hand over rows that are on disk; from any thread."""
        if rows:
            self._loop.call_soon_threadsafe(self._put, rows)

    def say_now(self, row: OutboxRow) -> None:
        """Say words that are on no disk; from any thread."""
        self._loop.call_soon_threadsafe(self._put, [row])

    async def run(self, network: str) -> None:
        """Say what comes for one network, for ever."""
        serving = self._networks[network]
        serving.is_running = True
        try:
            for order in list(serving.orders.values()):
                self._serve(order)
            await asyncio.Event().wait()
        finally:
            serving.is_running = False
            for task in serving.tasks:
                task.cancel()
            await asyncio.gather(*serving.tasks, return_exceptions=True)

    async def drain(self, within_s: float) -> None:
        """Let what can be said be said, and arrive; the rest is on disk."""
        deadline_s = asyncio.get_running_loop().time() + within_s
        while asyncio.get_running_loop().time() < deadline_s:
            open_ = [name for name, network in self._networks.items() if network.chat.connected()]
            if not any(self.depth(name) for name in open_):
                return
            await asyncio.sleep(0.02)

    def depth(self, network: str) -> int:
        """Count what waits for a network, or is on its way there."""
        return sum(len(order.waiting) + len(order.out) for order in list(self._networks[network].orders.values()))

    def oldest_s(self, network: str) -> float:
        """Tell for how long the oldest of these waits."""
        orders = list(self._networks[network].orders.values())
        since_s = [line.since_s for order in orders for line in (*order.waiting, *order.out)]
        return self._clock.monotonic_s() - min(since_s) if since_s else 0.0

    # -- orders --

    def _put(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            network = self._networks.get(row.place.network)
            if network is None:
                log.warning("nothing is said at %s, which is no configured network", row.place)
            elif not row.id and network.fleeting >= MAX_FLEETING:
                log.warning("never said to %s, as %d lines wait: %r", row.place, MAX_FLEETING, row.words)
            elif network.is_unsaid(row):
                network.spawn(self._off_disk([row]))
            else:
                self._append(network, row)

    def _append(self, network: Network, row: OutboxRow) -> None:
        is_announcing = not row.place.to and not row.place.private
        key = (row.place.channel, row.place.private, is_announcing)
        order = network.orders.get(key)
        if order is None:
            order = network.orders[key] = PlaceOrder(network, key, is_announcing)
        line = Line(next(self._numbers), row, self._clock.monotonic_s(), is_noted=row.again or not row.id)
        line.slot = network.slot_of(row)
        network.fleeting += not row.id
        order.waiting.append(line)
        if order.is_sending and is_announcing and len(order.waiting) < MAX_MERGED:
            network.spawn(self._note_late(line))
        self._serve(order)

    def _serve(self, order: PlaceOrder) -> None:
        """See that an order is worked on when there is something to do, and is forgotten when nothing is left."""
        network = order.network
        if order.is_served or not network.is_running:
            return
        if not order.waiting and not order.out:
            network.orders.pop(order.key, None)
        elif order.waiting and order.has_room():
            order.is_served = True
            if network.served < MAX_ORDERS:
                network.served += 1
                network.spawn(self._say_all(order))
            else:
                network.unserved.append(order)

    async def _say_all(self, order: PlaceOrder) -> None:
        """Say what waits in one order, as far as it may be on its way at once."""
        network = order.network
        while order.waiting and order.has_room():
            if order.pause_s:
                await self._clock.sleep(order.pause_s)
                if not order.waiting:
                    break  # given up meanwhile
            lines = order.take(self._clock.now().timestamp())
            await self._try(order, lines, self._say(order, lines))
        order.is_served = False
        network.served -= 1
        self._serve(order)
        if network.unserved:
            network.served += 1
            network.spawn(self._say_all(network.unserved.popleft()))

    async def _try(self, order: PlaceOrder, lines: Sequence[Line], step: Awaitable[None]) -> None:
        """Make a step with lines; the one place where a mistake in them or in a network's adapter ends."""
        with on_behalf_of(lines[-1].row.event_key):
            try:
                await step
            except Exception:
                words = [line.row.words for line in lines]
                log.exception("never said to %s, as it makes saying it fail: %r", lines[0].row.place, words)
                await self._forget(order, lines)

    # -- one message --

    async def _say(self, order: PlaceOrder, lines: list[Line]) -> None:
        """Say lines that were taken out, and leave them on their way; those that could not go are put back."""
        chat = order.network.chat
        words, instead = self._words(order, lines)
        try:
            if not chat.connected():
                raise Unavailable(chat.network, "saying something")
            await self._note(order, lines)
            if (head := next(iter(order.waiting), lines[0])).number < lines[0].number and not head.is_passed_over():
                raise Unavailable(chat.network, "saying first what was lost meanwhile")
            order.is_sending = True
            ref = await self._edit(order.network, lines[-1]) or await self._send(order.network, lines, words, instead)
            log.debug("said to %s", lines[0].row.place)
            self.on_said(chat.network)
        except Refused as error:
            log.error("never said, as waiting changes nothing: %s", error)
            await self._forget(order, lines)
        except (Unavailable, StorageError) as error:
            if order.held_up_by != str(error):  # or an outage of a night would fill the log
                order.held_up_by = str(error)
                log.info("said later: %s", error)
            self._put_back(order, lines)
            await self._clock.sleep(TRY_AGAIN_S)
        else:
            order.held_up_by = ""
            order.network.spawn(self._try(order, lines, self._see_arrive(order, lines, ref)))
        finally:
            order.is_sending = False

    async def _send(self, network: Network, lines: Sequence[Line], words: Words, instead: Instead | None) -> MessageRef:
        with crash_points("chat.send"):
            ref = await network.chat.send(network.place_for(lines[0]), words, instead=instead)
        if shown := network.shows(lines[-1], ref, self._clock.now().timestamp()):
            network.forget_old(shown.at_s)
            await self._on_disk(lambda: self._journal.shows(shown))
        return ref

    async def _edit(self, network: Network, line: Line) -> MessageRef | None:
        """Edit the message that shows the slot of a line; None where there is none to edit any more."""
        shown = network.showing(line, self._clock.now().timestamp())
        if shown is None or not isinstance(network.chat, Editable):
            return None
        try:
            with crash_points("chat.send"):
                return await network.chat.edit(shown, line.row.words)
        except Refused as error:
            log.info("said anew: %s", error)
            return None

    async def _see_arrive(self, order: PlaceOrder, lines: Sequence[Line], ref: MessageRef) -> None:
        """Forget lines that have arrived, and put back those that nobody may have heard."""
        chat = order.network.chat
        try:
            await chat.arrived(ref)
        except Refused as error:
            log.error("not heard, and waiting changes nothing: %s", error)
        except Unavailable as error:
            log.info("said again later: %s", error)
            if chat.connected():
                order.pause_s = min(max(TRY_AGAIN_S, order.pause_s * 2), MOST_PAUSE_S)
                if hopeless := order.hopeless(lines):
                    log.error("never heard, as others are and these are not: %r", [one.row.words for one in hopeless])
                    await self._forget(order, hopeless)
                    lines = [line for line in lines if line not in hopeless]
            for line in lines:
                line.row = replace(line.row, again=True)
            self._put_back(order, lines)
            self._serve(order)
            return
        else:
            order.pause_s = 0.0
            order.note_taken()
        await self._forget(order, lines)

    def _put_back(self, order: PlaceOrder, lines: Sequence[Line]) -> None:
        """Put lines back, except those on no disk that have been tried for long enough, and tell of these."""
        order.put_back(lines)
        now_s = self._clock.monotonic_s()
        late = [line for line in order.waiting if not line.row.id and now_s - line.since_s >= FLEETING_S]
        for line in late:
            log.warning("not said to %s within %d s, and given up: %r", line.row.place, FLEETING_S, line.row.words)
        order.take_out(late)
        self._end(order, late)

    async def _forget(self, order: PlaceOrder, lines: Sequence[Line]) -> None:
        """Note that words were said, as often as it takes: for a disk that is full they are not said again."""
        await self._off_disk([line.row for line in lines])
        self._end(order, lines)
        self._serve(order)

    async def _off_disk(self, rows: Sequence[OutboxRow]) -> None:
        if written := [row for row in rows if row.id]:
            await self._on_disk(lambda: self._journal.said(written))

    async def _on_disk(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write until it is written."""
        while True:
            try:
                return await write()
            except StorageError as error:
                log.error("trying again: %s", error)
                await self._clock.sleep(TRY_AGAIN_S)

    def _end(self, order: PlaceOrder, lines: Sequence[Line]) -> None:
        order.out -= set(lines)
        order.network.fleeting -= sum(not line.row.id for line in lines)

    # -- several as one --

    def _words(self, order: PlaceOrder, lines: list[Line]) -> tuple[Words, Instead | None]:
        """Give the words for lines, and other words for them and what waits behind them if they have to wait."""
        row = lines[-1].row
        if not order.is_announcing or lines[-1].slot:
            return marked(row), None
        now = self._clock.now()
        if is_stale(row, now.timestamp()):
            rows = [line.row for line in lines]
            return summary(rows, SUMMARY_BYTES, now), lambda room: summary(rows, room, now)

        def instead(room: int) -> Words:
            behind = takewhile(lambda line: _may_go_with(line, row), order.waiting)
            candidates = [lines[0], *behind]
            text, number = joined([in_one_line(marked(line.row)) for line in candidates], room)
            if number < 2:
                return marked(row)
            order.take_out(candidates[1:number])
            lines.extend(candidates[1:number])
            return text

        return marked(row), instead

    async def _note(self, order: PlaceOrder, lines: Sequence[Line]) -> None:
        """Note on disk that these lines are about to be said, and those that may go with them."""
        behind = list(order.waiting)[: MAX_MERGED - 1] if order.is_announcing else []
        new = [line for line in (*lines, *behind) if not line.is_noted]
        if new:
            await self._journal.saying([line.row for line in new])
        for line in new:
            line.is_noted = True

    async def _note_late(self, line: Line) -> None:
        """Note that a line which came while another waits for its turn may go with that."""
        try:
            await self._journal.saying([line.row])
        except StorageError as error:
            log.info("not said with others: %s", error)
        else:
            line.is_noted = True


def _may_go_with(line: Line, row: OutboxRow) -> bool:
    return line.is_noted and not line.not_taken and not line.slot and line.row.place == row.place
