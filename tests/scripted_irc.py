"""An IRC server that a test plays line by line, for what no real one does on demand."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from tests.rigs import Certificate

WITHIN_S = 60.0
SERVER = "irc.test"
ALL = "account-notify account-tag batch cap-notify echo-message extended-join message-tags server-time"


class Connection:
    """One client, as the server sees it: keeps the lines that come, and says what a test wants.

    Arguments:
        answers_pings: as every server does.
        accounts: whom WHOIS knows, by nick; None leaves WHOIS without an answer.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines: list[str] = []
        self.answers_pings = True
        self.accounts: Mapping[str, str] | None = {}
        self.has_ended = asyncio.Event()
        self._seen = 0
        self._came = asyncio.Event()
        self._reader = reader
        self._writer = writer
        self._reading = asyncio.create_task(self._read())

    async def write(self, *lines: str | bytes, end: bytes = b"\r\n") -> None:
        """Send lines as they are."""
        for line in lines:
            self._writer.write((line.encode() if isinstance(line, str) else line) + end)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def until(self, part: str) -> str:
        """Wait for the next line that has this part, and return it.

        Raises:
            AssertionError: it did not come; the text shows what did.
        """
        begun = self._seen
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    while self._seen < len(self.lines):
                        line = self.lines[self._seen]
                        self._seen += 1
                        if part in line:
                            return line
                    if self.has_ended.is_set():
                        raise ConnectionError("the client hung up")
                    self._came.clear()
                    await self._came.wait()
        except (TimeoutError, ConnectionError) as error:
            came = "\n".join(self.lines[begun:])
            raise AssertionError(f"{part!r} did not come ({error!r}), but:\n{came}") from error

    async def hears(self, target: str) -> str:
        """Wait for the next words that the client says there, and return them."""
        return (await self.until(f" {target} :")).partition(" :")[2]

    async def marks(self) -> Sequence[str]:
        """Wait until the client has read all that was sent, and return the lines that came meanwhile."""
        begun = self._seen
        await self.write("PING :mark")
        await self.until("PONG :mark")
        return self.lines[begun : self._seen - 1]

    async def negotiates(self, capabilities: str) -> None:
        """Offer capabilities and grant what is asked for, up to the end of that."""
        await self.until("CAP LS 302")
        await self.write(f":{SERVER} CAP * LS :{capabilities}")
        while (line := await self.until("CAP ")) != "CAP END":
            await self.write(f":{SERVER} CAP * ACK :{line.partition(' :')[2]}")

    async def welcomes(self, capabilities: str = "", *, nick: str = "gordon", features: str = "") -> None:
        """Let the client in."""
        if capabilities:
            await self.negotiates(capabilities)
        elif not any(line.startswith("USER ") for line in self.lines):
            await self.until("USER ")
        await self.write(f":{SERVER} 001 {nick} :hi")
        if features:
            await self.write(f":{SERVER} 005 {nick} {features} :are supported")
        await self.write(f":{SERVER} 376 {nick} :End")

    async def lets_in(self, capabilities: str = "", *, channel: str = "#dev", features: str = "") -> None:
        """Let the client in, and into its channel."""
        await self.welcomes(capabilities, features=features)
        await self.until(f"JOIN {channel}")
        await self.joins(channel)

    async def joins(self, channel: str, nick: str = "gordon") -> None:
        """Say that the client is in a channel."""
        await self.write(f":{nick}!~g@host JOIN {channel}")
        await self.marks()

    async def says(self, words: str, *, nick: str = "alice", target: str = "#dev", tags: str = "") -> None:
        """Relay what somebody says."""
        await self.write(f"{'@' + tags + ' ' if tags else ''}:{nick}!a@b PRIVMSG {target} :{words}")

    async def takes_over(self) -> asyncio.StreamReader:
        """Leave the reading to the test, byte by byte."""
        self._reading.cancel()
        await asyncio.wait({self._reading})
        return self._reader

    def stop_reading(self) -> None:
        """Read nothing any more, and notice nothing."""
        self._reading.cancel()
        assert isinstance(self._writer.transport, asyncio.Transport)
        self._writer.transport.pause_reading()

    async def close(self) -> None:
        """Hang up."""
        self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def abort(self) -> None:
        """Hang up without sending what waits."""
        self._reading.cancel()
        self._writer.transport.abort()

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                text = line.decode().removesuffix("\n").removesuffix("\r")
                assert len(line) <= 512, f"too long: {text}"
                self.lines.append(text)
                self._came.set()
                await self._answer(text)
        except ConnectionError:
            pass
        finally:
            self.has_ended.set()
            self._came.set()

    async def _answer(self, line: str) -> None:
        if line.startswith("PING ") and self.answers_pings:
            await self.write(f":{SERVER} PONG {SERVER} {line[5:]}")
        elif line.startswith("WHOIS ") and self.accounts is not None:
            nick = line[6:]
            await self.write(f":{SERVER} 311 gordon {nick} a b * :{nick}")
            if account := self.accounts.get(nick):
                await self.write(f":{SERVER} 330 gordon {nick} {account} :is logged in as")
            await self.write(f":{SERVER} 318 gordon {nick} :End of WHOIS")


class ScriptedIrc:
    """A listening socket whose connections a test plays, each in its turn."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.came = 0
        self._coming: asyncio.Queue[Connection] = asyncio.Queue()
        self._all: list[Connection] = []
        self._server: asyncio.Server | None = None

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port, ssl=tls, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]

    async def connection(self) -> Connection:
        """Wait for the next client."""
        async with asyncio.timeout(WITHIN_S):
            return await self._coming.get()

    async def lets_in(self, capabilities: str = "", *, channel: str = "#dev", features: str = "") -> Connection:
        """Wait for the next client, and let it in and into its channel."""
        connection = await self.connection()
        await connection.lets_in(capabilities, channel=channel, features=features)
        return connection

    async def stop(self) -> None:
        """Listen no more, and hang up on everybody."""
        assert self._server is not None
        self._server.close()
        for connection in self._all:
            await connection.close()
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        self._all.append(connection := Connection(reader, writer))
        self._coming.put_nowait(connection)


@contextlib.asynccontextmanager
async def scripted_irc(
    tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[ScriptedIrc]:
    """Run a server that does nothing by itself, on a free port unless given."""
    server = ScriptedIrc(host, port)
    await server.start(tls)
    try:
        yield server
    finally:
        await server.stop()


def tls_of(own: Certificate) -> ssl.SSLContext:
    """Make what a server with this certificate needs; it asks for one of the client's by nobody in particular."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.file, own.key)
    return context


async def until(is_so: Callable[[], object]) -> None:
    """Let the loop run up to a state that nothing announces."""
    async with asyncio.timeout(WITHIN_S):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
