"""What goes out on one IRC network: in turns, never faster than stated, and told when it has arrived.

Answers go before announcements, and both before what the bot asks for itself; who somebody is, it asks among these.
Whoever has the turn keeps it until all lines of one message are out. A line counts as arrived when the server has
echoed it; where it echoes none, when it has answered a PING that was written after it.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from bot.adapters import irc_wire as wire
from bot.adapters.bucket import Bucket
from bot.clock import Clock
from bot.errors import GordonError, Unavailable

PING_AFTER_S = 0.2  # one PING for all lines of a moment, and none before the first four answers are out
PING_AFTER_LINES = 30  # where the pace allows so many in a moment: nobody waits long for what fills their limits
MISSING_AFTER_S = 10.0  # servers that echo may drop a line without a word; a PING then tells that they have read it
MAX_ASKED = 1000
MAX_ASKED_AMONG_NEWS = 5  # no more would be answered in time, and strangers could keep announcements from being said
MAX_UNCLAIMED = 20_000  # more than all places together have unconfirmed

log = logging.getLogger(__name__)
_numbers = itertools.count(1)


class Turn(IntEnum):
    """What goes first when several wait."""

    ANSWER = 0
    ANNOUNCEMENT = 1
    HOUSEKEEPING = 2


@dataclass(eq=False, slots=True)
class _Message:
    """Words that were written, wholly or in part.

    Arguments:
        open_lines: how many of its lines are written and not confirmed.
        settled: ends with None when all has arrived, else with what went wrong.
    """

    id: str
    settled: "asyncio.Future[GordonError | None]"
    open_lines: int = 0
    is_written: bool = False

    def end_line(self, error: GordonError | None) -> None:
        """Take one line as arrived, or as lost for a reason."""
        self.open_lines -= 1
        self.settle(error) if error else self.settle_if_complete()

    def settle_if_complete(self) -> None:
        """End well if nothing is missing any more."""
        if self.is_written and not self.open_lines:
            self.settle(None)

    def settle(self, error: GordonError | None) -> None:
        """End; the first end counts."""
        if not self.settled.done():
            self.settled.set_result(error)


@dataclass(eq=False, slots=True)
class _Waiter:
    """Somebody who waits for a turn.

    Arguments:
        pauses: how many pauses the pace had made when the waiting began.
    """

    pauses: int
    granted: "asyncio.Future[None]"


@dataclass(eq=False, slots=True)
class _Connection:
    """One connection, from its welcome to its end.

    Arguments:
        written: the number of lines of messages that were written.
        unconfirmed: by folded target, those of them that may not have arrived, oldest first, with their numbers.
        unasked: how many were written since the last PING.
        ping: the token of a PING that waits or is under way.
        ping_covers: the number of the last line that was written before it.
    """

    write: Callable[[str], None]
    drained: Callable[[], Awaitable[None]]
    echoes: bool
    has_echoed: bool = False
    is_taken: bool = False
    pauses: int = 0
    written: int = 0
    unconfirmed: dict[str, deque[tuple[int, _Message]]] = field(default_factory=dict)
    unasked: int = 0
    ping: str = ""
    ping_covers: int = 0
    granting: asyncio.Task[None] | None = None
    confirming: asyncio.Task[None] | None = None


class Output:
    """The way out to one network; it outlives its connections.

    Arguments:
        network: its name, for errors and the log.
        burst_lines: how many lines may go at once.
        line_every_s: the pause before each further one; 0 for no limit.
    """

    def __init__(self, network: str, clock: Clock, burst_lines: int, line_every_s: float) -> None:
        self._network = network
        self._clock = clock
        self._bucket = Bucket(burst_lines, line_every_s)
        self._connection: _Connection | None = None
        self._waiting: dict[Turn, deque[_Waiter | str]] = {turn: deque() for turn in Turn}
        self._messages: dict[str, _Message] = {}

    def pace(self, burst_lines: int, line_every_s: float) -> None:
        """Go on at another pace."""
        self._bucket.burst, self._bucket.every_s = burst_lines, line_every_s

    def depth(self) -> int:
        """Count what waits for its turn."""
        return sum(map(len, self._waiting.values()))

    # -- the connection --

    def connected(self, write: Callable[[str], None], drained: Callable[[], Awaitable[None]], echoes: bool) -> None:
        """Begin to write.

        Arguments:
            write: takes one line without its end.
            drained: returns when the socket has taken what was written, or the connection is gone.
            echoes: the server sends our own lines back to us (echo-message).
        """
        self.lost()
        self._connection = _Connection(write, drained, echoes)

    def lost(self) -> None:
        """Tell all who wait that the connection is gone, and stop; what was asked for is forgotten."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        for task in (connection.granting, connection.confirming):
            if task is not None:
                task.cancel()
        for waiting in self._waiting.values():
            for one in waiting:
                if isinstance(one, _Waiter) and not one.granted.done():
                    one.granted.set_exception(self._unavailable("saying something"))
            waiting.clear()
        for lines in connection.unconfirmed.values():
            for _, message in lines:
                message.settle(self._unavailable("telling whether words arrived"))
        connection.unconfirmed.clear()

    # -- what goes out --

    async def say(self, command: str, target: str, pieces: Callable[[bool], Sequence[str]], turn: Turn) -> str:
        """Wait for a turn, say words, and return the name under which `arrived` knows them.

        When the connection goes after the first line was written, a name is returned too, and `arrived` tells it.

        Arguments:
            command: PRIVMSG or NOTICE.
            pieces: gives the texts, a line each, when the turn has come; told whether the pace made it wait.

        Raises:
            Unavailable: nothing was written.
        """
        connection = self._connection
        if connection is None:
            raise self._unavailable(f"talking to {target}")
        had_to_wait = await self._take_turn(connection, turn)
        try:
            texts = pieces(had_to_wait)
            if self._connection is not connection:
                raise self._unavailable(f"talking to {target}")
            return await self._write_all(connection, command, target, texts)
        finally:
            connection.is_taken = False
            self._go_on(connection)

    async def arrived(self, id: str) -> None:
        """Wait until the server has shown that it took what was said; to be asked once for each name.

        Raises:
            Unavailable: the connection went before, so nobody knows.
            Refused: the server did not take it, or whatever else `rejected` was told.
        """
        message = self._messages.get(id)
        if message is None:
            raise self._unavailable("telling whether words arrived")
        try:
            error = await asyncio.shield(message.settled)
        finally:
            self._messages.pop(id, None)
        if error is not None:
            raise error

    def ask(self, line: str, turn: Turn = Turn.HOUSEKEEPING) -> None:
        """Write a line of the bot's own in its turn; without a connection it is forgotten."""
        if self._connection is None:
            return
        most = MAX_ASKED if turn is Turn.HOUSEKEEPING else MAX_ASKED_AMONG_NEWS
        if sum(isinstance(one, str) for one in self._waiting[turn]) < most:
            self._ask(self._connection, line, turn)
        else:
            log.info("%s: %d questions wait; one more was not asked", self._network, most)

    def now(self, line: str) -> None:
        """Write a line at once; those that come later wait for it."""
        if self._connection is not None:
            self._bucket.spend(self._clock.monotonic_s())
            self._connection.write(line)

    # -- what came back --

    def echoed(self, target: str) -> None:
        """Take the oldest open line to a target as arrived: the server may have changed its words, not its place."""
        message = self._open(target)
        if message is not None and self._connection is not None:
            message.end_line(None)
            self._connection.has_echoed = True

    def rejected(self, target: str, error: GordonError) -> None:
        """Take a line as not taken: the oldest, or without echoes the last, as older ones may have been taken."""
        message = self._open(target, is_last=self._connection is not None and not self._connection.echoes)
        if message is not None:
            message.end_line(error)

    def ponged(self, token: str) -> bool:
        """Take all lines before a PING of ours as read, and as dropped where others were echoed; False if not ours."""
        connection = self._connection
        if connection is None or not token or token != connection.ping:
            return False
        connection.ping = ""
        lost = self._unavailable("repeating what it read, so nobody was told") if connection.has_echoed else None
        for target, lines in list(connection.unconfirmed.items()):
            while lines and lines[0][0] <= connection.ping_covers:
                lines.popleft()[1].end_line(lost)
            if not lines:
                del connection.unconfirmed[target]
        self._watch_for_arrival(connection)
        return True

    def _open(self, target: str, *, is_last: bool = False) -> _Message | None:
        if self._connection is None:
            return None
        unconfirmed, folded = self._connection.unconfirmed, wire.casemap(target)
        lines = unconfirmed.get(folded)
        if lines is None:
            return None
        _, message = lines.pop() if is_last else lines.popleft()
        if not lines:
            del unconfirmed[folded]
        return message

    # -- turns --

    def _may_write_now(self, connection: _Connection) -> bool:
        """Take a token if nobody has the turn or waits for it."""
        if connection.is_taken or any(self._waiting.values()):
            return False
        return self._bucket.take(self._clock.monotonic_s()) <= 0

    async def _take_turn(self, connection: _Connection, turn: Turn) -> bool:
        """Get the turn with the token for one line, and tell whether the pace made us wait."""
        if self._may_write_now(connection):
            connection.is_taken = True
            return False
        waiter = _Waiter(connection.pauses, asyncio.get_running_loop().create_future())
        self._waiting[turn].append(waiter)
        self._go_on(connection)
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled() and waiter.granted.exception() is None:
                connection.is_taken = False
                self._go_on(connection)
            raise
        return connection.pauses != waiter.pauses

    def _go_on(self, connection: _Connection) -> None:
        """See that the next one gets a turn when the pace allows it."""
        if self._connection is not connection or connection.is_taken or connection.granting is not None:
            return
        if any(self._waiting.values()):
            connection.granting = asyncio.create_task(self._grant(connection))

    async def _grant(self, connection: _Connection) -> None:
        """Write what was asked, until somebody with words gets the turn or nobody waits."""
        try:
            while not connection.is_taken and self._foremost() is not None:
                await self._pause(connection)
                foremost = self._foremost()  # what came meanwhile may go first, or the last one may have gone away
                one = foremost.popleft() if foremost else None
                if isinstance(one, str):
                    self._write_asked(connection, one)
                    await connection.drained()
                elif one is not None:
                    connection.is_taken = True
                    one.granted.set_result(None)
        finally:
            connection.granting = None

    def _foremost(self) -> deque[_Waiter | str] | None:
        """Give the queue whose first one is next; those who do not wait any more are forgotten."""
        for waiting in self._waiting.values():
            while waiting:
                one = waiting[0]
                if isinstance(one, str) or not one.granted.done():
                    return waiting
                waiting.popleft()
        return None

    async def _pause(self, connection: _Connection) -> None:
        """Wait for the token of one line."""
        while (wait_s := self._bucket.take(self._clock.monotonic_s())) > 0:
            connection.pauses += 1
            await self._clock.sleep(wait_s)

    # -- lines --

    async def _write_all(self, connection: _Connection, command: str, target: str, texts: Sequence[str]) -> str:
        settled: asyncio.Future[GordonError | None] = asyncio.get_running_loop().create_future()
        message = _Message(f"{self._network}:{next(_numbers)}", settled)
        if len(self._messages) >= MAX_UNCLAIMED:
            del self._messages[next(iter(self._messages))]
        self._messages[message.id] = message
        for number, text in enumerate(texts):
            if number:
                await self._pause(connection)
            if self._connection is not connection:
                message.settle(self._unavailable("telling whether words arrived"))
                return message.id
            connection.write(f"{command} {target} :{text}")
            connection.written += 1
            connection.unasked += 1
            message.open_lines += 1
            lines = connection.unconfirmed.setdefault(wire.casemap(target), deque())
            lines.append((connection.written, message))
            message.is_written = number == len(texts) - 1
            self._watch_for_arrival(connection)
            await connection.drained()
        message.is_written = True
        message.settle_if_complete()
        return message.id

    def _ask(self, connection: _Connection, line: str, turn: Turn = Turn.HOUSEKEEPING) -> None:
        if self._may_write_now(connection):
            self._write_asked(connection, line)
        else:
            self._waiting[turn].append(line)
            self._go_on(connection)

    def _write_asked(self, connection: _Connection, line: str) -> None:
        if connection.ping and line == f"PING :{connection.ping}":
            connection.ping_covers = connection.written
        connection.write(line)

    def _watch_for_arrival(self, connection: _Connection) -> None:
        """See that what nothing confirms is asked about in some time."""
        if not connection.unconfirmed or connection.ping:
            return
        if connection.unasked >= PING_AFTER_LINES and not connection.echoes:
            self._ask_for_arrival(connection)
        elif connection.confirming is None:
            connection.confirming = asyncio.create_task(self._ask_in_time(connection))

    async def _ask_in_time(self, connection: _Connection) -> None:
        delay_s = MISSING_AFTER_S if connection.echoes else PING_AFTER_S
        try:
            begun = connection.written
            await self._clock.sleep(delay_s)
            while connection.echoes and connection.unconfirmed and not _has_older(connection, begun):
                begun = connection.written
                await self._clock.sleep(delay_s)
            if connection.unconfirmed and not connection.ping:
                self._ask_for_arrival(connection)
        finally:
            connection.confirming = None

    def _ask_for_arrival(self, connection: _Connection) -> None:
        connection.ping, connection.ping_covers, connection.unasked = f"gordon-{next(_numbers)}", 0, 0
        self._ask(connection, f"PING :{connection.ping}")

    def _unavailable(self, doing: str) -> Unavailable:
        return Unavailable(f"IRC {self._network}", doing)


def _has_older(connection: _Connection, number: int) -> bool:
    return any(lines[0][0] <= number for lines in connection.unconfirmed.values())
