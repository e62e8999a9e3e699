"""A port on which every request gets the bytes that a test wrote, for what no Jenkins would answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OWN = {"X-Jenkins": "2.579", "X-Jenkins-Session": "a1b2"}


def answer(body: bytes = b"", status: int = 200, *, length: int | None = None, **headers: str) -> bytes:
    """Make an answer.

    Arguments:
        length: what it says of its length, if that is not the truth.
        headers: with `_` for each hyphen; those by which Jenkins is known are there unless they are told as empty.
    """
    told = OWN | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in told.items() if value]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body


Told = bytes | AsyncIterator[bytes]


@dataclass
class ScriptedJenkins:
    """What is asked, and what is answered.

    Arguments:
        tell: gives the answer to a method and a path with its query, at once or piece by piece.
    """

    tell: Callable[[str, str], Told]
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close the connection."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = head.split(" ", 2)
            self.asked.append(f"{method} {path}")
            told = self.tell(method, path)
            async for piece in _at_once(told) if isinstance(told, bytes) else told:
                writer.write(piece)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked has gone
        finally:
            writer.close()


async def _at_once(told: bytes) -> AsyncIterator[bytes]:
    yield told


@asynccontextmanager
async def scripted_jenkins(tell: Callable[[str, str], Told]) -> AsyncIterator[ScriptedJenkins]:
    """Listen on a free port of loopback."""
    jenkins = ScriptedJenkins(tell)
    server = await asyncio.start_server(jenkins.serve, "127.0.0.1", 0)
    jenkins.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield jenkins
