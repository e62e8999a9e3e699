"""A wire between Gordon and its IRC network that fails in every way there is, and keeps what went over it."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from enum import StrEnum

from bot.clock import Clock

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: what is closed is reset
LIMIT = 1 << 20


class Drop(StrEnum):
    """How a connection ends."""

    RESET = "reset"
    HALF_OPEN = "half-open"
    KILLED = "killed"
    REFUSED = "refused"  # reset, and nobody listens for a while


class _Link:
    """One connection of Gordon's and the one behind it."""

    def __init__(self, owner: "FlappingWire", near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.owner = owner
        self.near = near
        self.far = far
        self.is_frozen = False
        self.is_welcome = False

    async def to_network(self, reader: asyncio.StreamReader) -> None:
        """Hand on what Gordon writes, until either side ends."""
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                if self.is_frozen:
                    continue
                if self.is_welcome:
                    self.owner.note(self, line.decode().rstrip("\r\n"))
                self.far.write(line)
        self.close()

    async def to_gordon(self, reader: asyncio.StreamReader) -> None:
        """Hand on what the network says, until either side ends."""
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                if not self.is_frozen:
                    self.near.write(line)
                    self.is_welcome = self.is_welcome or b" 001 " in line
                    self.owner.on_line(line.decode().rstrip("\r\n"))
        if not self.is_frozen:
            self.close()

    def reset(self) -> None:
        """End it with nothing more said."""
        connected: socket.socket = self.near.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()

    def kill(self, why: str) -> None:
        """End it as an operator or the flood guard does."""
        self.near.write(f"ERROR :Closing Link: gordon ({why})\r\n".encode())
        self.close()

    def close(self) -> None:
        self.near.close()
        self.far.close()


class FlappingWire:
    """A port that leads to an IRC network as long as the test lets it.

    Arguments:
        flood_lines: a connection that sends more in `flood_s` is killed, as networks do.
        on_line: told each line that was handed on to Gordon.
    """

    def __init__(self, clock: Clock, flood_lines: int, flood_s: float) -> None:
        self.port = 0
        self.sent: list[tuple[float, str]] = []
        self.floods = 0
        self.welcomes = 0
        self.on_line: Callable[[str], None] = lambda line: None
        self._clock = clock
        self._flood_lines, self._flood_s = flood_lines, flood_s
        self._behind = 0
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, behind: int) -> None:
        """Listen on a free port of loopback, in front of another one."""
        self._behind = behind
        await self._listen()

    async def stop(self) -> None:
        """End everything."""
        await self._refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in self._links:
            link.close()

    def is_up(self) -> bool:
        """Tell whether Gordon is on the network now."""
        return any(link.is_welcome and not link.is_frozen for link in self._links)

    async def drop(self, how: Drop, refuse_s: float) -> None:
        """End what there is in this way."""
        for link in list(self._links):
            if how is Drop.HALF_OPEN:
                link.is_frozen = True
            elif how is Drop.KILLED:
                link.kill("Killed (oper (flapping))")
            else:
                link.reset()
        if how is Drop.REFUSED:
            await self._refuse()
            await self._clock.sleep(refuse_s)
            await self._listen()

    async def go(self) -> None:
        """Reset what there is, and refuse until `come`."""
        for link in list(self._links):
            link.reset()
        await self._refuse()

    async def come(self) -> None:
        """Listen again."""
        await self._listen()

    def note(self, link: _Link, line: str) -> None:
        """Keep a line of Gordon's, and kill a connection that sends too many."""
        now_s = self._clock.monotonic_s()
        self.sent.append((now_s, line))
        if sum(now_s - at_s < self._flood_s for at_s, _ in self.sent[-self._flood_lines - 1 :]) > self._flood_lines:
            self.floods += 1
            link.kill("Excess Flood")

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        behind, far = await asyncio.open_connection("127.0.0.1", self._behind, limit=LIMIT)
        link = _Link(self, near, far)
        self._links.add(link)
        ways = [asyncio.create_task(link.to_network(reader)), asyncio.create_task(link.to_gordon(behind))]
        self._tasks.update(ways)
        try:
            await asyncio.wait(ways)
        finally:
            self._links.discard(link)
            self._tasks.difference_update(ways)
