"""Somebody on IRC, by a client of our own that does just what a test says."""

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import Callable, Sequence
from typing import Self

WITHIN_S = 60.0
SASL_ENDED = re.compile(r" 90[2-7] ")
EVERYTHING = ("account-tag", "account-notify", "extended-join", "message-tags", "server-time", "echo-message", "batch")


class IrcPerson:
    """A connection that writes lines, keeps those that come, and answers PING by itself."""

    def __init__(self, nick: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.nick = nick
        self.lines: list[str] = []
        self._read = 0
        self._reader = reader
        self._writer = writer

    @classmethod
    async def dial(cls, port: int, nick: str, *, tls: ssl.SSLContext | None = None) -> Self:
        """Connect and say nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, limit=1 << 20)
        return cls(nick, reader, writer)

    @classmethod
    async def come(
        cls,
        port: int,
        nick: str,
        *channels: str,
        account: str = "",
        password: str = "sesame",
        capabilities: Sequence[str] = (),
        user: str = "someone",
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Connect, log in if there is an account, be welcomed and join channels."""
        person = await cls.dial(port, nick, tls=tls)
        wanted = [*capabilities, *(["sasl"] if account else [])]
        if wanted:
            await person.write("CAP LS 302", f"CAP REQ :{' '.join(wanted)}")
        await person.write(f"NICK {nick}", f"USER {user} 0 * :{nick}")
        if account:
            assert " 903 " in await person.log_in(account, password)
        if wanted:
            await person.write("CAP END")
        await person.until(" 001 ")
        for channel in channels:
            await person.join(channel)
        return person

    async def log_in(self, account: str, password: str = "sesame") -> str:
        """Log in by SASL PLAIN and return the line that tells how it went."""
        proof = base64.b64encode(f"\0{account}\0{password}".encode()).decode()
        await self.write("AUTHENTICATE PLAIN")
        await self.until(r"AUTHENTICATE :?\+")
        await self.write(f"AUTHENTICATE {proof}")
        return await self.until(SASL_ENDED.pattern)

    async def join(self, channel: str) -> None:
        """Join a channel and return when its names have come."""
        await self.write(f"JOIN {channel}")
        await self.until(" 366 ")

    async def say(self, target: str, text: str) -> None:
        """Say words to a channel or a person."""
        await self.write(f"PRIVMSG {target} :{text}")

    async def hears(self, pattern: str, of: str = "gordon") -> str:
        """Wait for words of somebody's that have a regular expression, and return them."""
        line = await self.until(rf"^(?:@\S+ )?:{re.escape(of)}!\S+ PRIVMSG \S+ :.*(?:{pattern})")
        return re.sub(r"^(?:@\S+ )?:\S+ PRIVMSG \S+ :", "", line)

    async def until(self, pattern: str) -> str:
        """Read up to the next line that has a regular expression, and return it.

        Raises:
            AssertionError: it did not come; the text shows what did.
        """
        return await self.until_some(re.compile(pattern).search)

    async def until_some(self, wanted: Callable[[str], object]) -> str:
        """Read up to the next line that is wanted, and return it."""
        begun = self._read
        try:
            async with asyncio.timeout(WITHIN_S):
                while True:
                    while self._read < len(self.lines):
                        line = self.lines[self._read]
                        self._read += 1
                        if wanted(line):
                            return line
                    await self._next()
        except (TimeoutError, ConnectionError) as error:
            came = "\n".join(self.lines[begun:])
            raise AssertionError(f"{self.nick} did not read what was awaited ({error!r}), but:\n{came}") from error

    async def write(self, *lines: str | bytes) -> None:
        """Write lines as they are."""
        self._writer.write(b"".join((line.encode() if isinstance(line, str) else line) + b"\r\n" for line in lines))
        await self._writer.drain()

    async def leave(self) -> None:
        """Hang up."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _next(self) -> None:
        line = (await self._reader.readline()).decode(errors="replace").rstrip("\r\n")
        if not line:
            raise ConnectionError("the server hung up")
        if line.startswith("PING "):
            await self.write(f"PONG {line[5:]}")
        self.lines.append(line)
