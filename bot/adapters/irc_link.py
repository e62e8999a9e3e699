"""One IRC connection as bytes in and lines out: the `irc` package's, with what it lacks on asyncio.

The package dials, registers and cuts a line into its parts. Here a line that cannot be read ends nothing, bytes that
are no UTF-8 are read all the same, a line without an end is given up, and a bare CR starts no second command.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from irc.client import MessageTooLong, _rfc_1459_command_regexp
from irc.client_aio import AioConnection, AioReactor, IrcProtocol
from irc.connection import AioFactory
from irc.message import Tag
from jaraco.stream.buffer import LenientDecodingLineBuffer

NEXT_ADDRESS_S = 4.0  # after which the next one is tried: IPv6 may lead nowhere, or one server of many
MAX_LINE_BYTES = 16 * 1024  # tags may take 8 KiB; longer is no IRC

log = logging.getLogger(__name__)


@contextlib.contextmanager
def one_line(network: str, what: str) -> Iterator[None]:
    """Keep what one line breaks to that line: others write them, and the next one may be a command."""
    try:
        yield
    except Exception:
        log.exception("%s: %s", network, what)


@dataclass(frozen=True, slots=True)
class Line:
    """What a server sent.

    Arguments:
        source: who it comes from, "alice!a@host" or a server's name; may be empty.
        command: in capitals, or three digits.
        tags: as they came; whether they mean anything, only the capabilities tell.
    """

    source: str
    command: str
    arguments: Sequence[str]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def nick(self) -> str:
        return self.source.partition("!")[0]

    @property
    def mask(self) -> str:
        """The part after the nick, "a@host"."""
        return self.source.partition("!")[2]

    @property
    def last(self) -> str:
        """The last argument, mostly words for people; empty if there is none."""
        return self.arguments[-1] if self.arguments else ""

    def word(self, index: int) -> str:
        """Give an argument; empty if the line has fewer."""
        return self.arguments[index] if index < len(self.arguments) else ""


def read_line(text: str) -> Line | None:
    """Cut a line into its parts; None if it is none."""
    found = _rfc_1459_command_regexp.match(text)
    if found is None:
        return None
    # Not the package's own: it takes any Unicode space for the end of a word.
    words, colon, last = (found["argument"] or "").partition(" :")
    arguments = [word for word in words.split(" ") if word]
    tags = {tag["key"]: tag["value"] or "" for tag in Tag.from_group(found["tags"]) or ()}
    return Line(
        found["prefix"] or "", found["command"].upper(), (*arguments, last) if colon else tuple(arguments), tags
    )


class _Protocol(IrcProtocol):
    """The package's protocol, which also tells when writing must wait and when the connection is gone."""

    connection: "Link"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.connection.transport = transport  # the package knows it only when dialling is over
        transport.set_write_buffer_limits(high=1, low=0)  # a line counts as sent when the socket has all of it
        transport.write(b"CAP LS 302\r\n")  # first, or the server lets us in before it was asked for anything

    def pause_writing(self) -> None:
        self.connection.writable.clear()

    def resume_writing(self) -> None:
        self.connection.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.connection.writable.set()
        if not self.connection.lost.done():
            self.connection.lost.set_result(None)


class Link(AioConnection):
    """One connection from its dialling to its end; never used again.

    Arguments:
        heard: is given each line that can be read.
    """

    buffer_class = LenientDecodingLineBuffer
    protocol_class = _Protocol
    transport: asyncio.Transport | None = None

    def __init__(self, network: str, heard: Callable[[Line], None]) -> None:
        super().__init__(AioReactor(loop=asyncio.get_running_loop()))
        self.network = network
        self._heard = heard
        self.lost: asyncio.Future[None] = self.reactor.loop.create_future()
        self.writable = asyncio.Event()
        self.writable.set()
        self.error = ""
        self.silent_ticks = 0

    async def dial(self, host: str, port: int, nick: str, password: str, tls: ssl.SSLContext | None) -> None:
        """Connect and ask to be let in.

        Raises:
            OSError: nobody is there, or the certificate is not that of whom we want to talk to.
        """
        factory = AioFactory(ssl=tls, server_hostname=host) if tls else AioFactory()
        # One after the other: asyncio's own way to try them beside each other loses sockets when it is cancelled.
        addresses = await self.reactor.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for address in dict.fromkeys(str(found[4][0]) for found in addresses):
            is_last = address == addresses[-1][4][0]
            try:
                async with asyncio.timeout(None if is_last else NEXT_ADDRESS_S):
                    await self.connect(address, port, nick, password=password or None, connect_factory=factory)
                return
            except OSError as error:
                if is_last or isinstance(error, ssl.SSLCertVerificationError):
                    raise

    def process_data(self, new_data: bytes) -> None:
        """Read lines, each by itself: the package's own loop ends at the first one it cannot read."""
        self.silent_ticks = 0
        self.buffer.feed(new_data)
        for text in self.buffer:
            if len(text) > MAX_LINE_BYTES:
                log.warning("%s: a line of %d characters was dropped", self.network, len(text))
            elif text:
                with one_line(self.network, f"a line that cannot be read: {text[:200]!r}"):
                    if (line := read_line(text)) is not None:
                        self._heard(line)
        if len(self.buffer) > MAX_LINE_BYTES:
            self.give_up("a line without an end")

    def send_raw(self, string: str) -> None:
        """Write one line; unlike the package's own it neither logs it, as PASS is one, nor lets a bare CR through."""
        if self.transport is None:
            return
        try:
            line = self._prep_message(string.replace("\r", "").replace("\n", "").replace("\0", ""))
        except MessageTooLong:  # something of the server's that is longer than it may be itself
            log.warning("%s: a line of %d characters was not sent", self.network, len(string))
        else:
            self.transport.write(line)

    async def drained(self) -> None:
        """Wait until the socket has all that was written, or is gone."""
        await self.writable.wait()

    def give_up(self, why: str) -> None:
        """Drop the connection without waiting for the other side."""
        self.error = self.error or why
        self.abort()

    def abort(self) -> None:
        """Drop the connection; why, whoever does it has said."""
        if self.transport is not None:
            self.transport.abort()
