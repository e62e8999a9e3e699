"""Reading the log behind an address as a stream: a Jenkins build's, or a plain file's."""

import asyncio
import netrc
import urllib.request
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from yarl import URL

from bot import __version__
from bot.adapters.log_wire import (
    FACTS,
    LOOPBACK,
    NO_LOG,
    Facts,
    Target,
    may_have_login,
    next_address,
    place_of,
    read_facts,
)
from bot.errors import Unavailable, UserError, shown

CHUNK_BYTES = 128 * 1024
MAX_STORED_BYTES = 4 << 30  # as sent; what it unpacks to has a limit of its own
MAX_FACTS_BYTES = 64 * 1024
MAX_REDIRECTS = 5
CONNECT_S, SILENCE_S, WHOLE_S = 10.0, 60.0, 900.0
MOVED = frozenset({301, 302, 303, 307, 308})
LOGIN_HINT = "set GORDON_JENKINS_URL, GORDON_JENKINS_USER and GORDON_JENKINS_TOKEN, or put the login into ~/.netrc"


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are at one Jenkins, and what a netrc file says of the others.

    Arguments:
        home: the address of the Jenkins that user and token are for; empty: only one on this machine gets them.
        netrc_file: read if it is there.
    """

    user: str = ""
    token: str = field(default="", repr=False)
    home: str = ""
    netrc_file: Path | None = None

    def header(self, url: str) -> dict[str, str]:
        """Tell what proves us at an address.

        Raises:
            UserError: the netrc file cannot be read.
        """
        if self.user and may_have_login(url, self.home):
            return _basic(self.user, self.token)
        if self.netrc_file is None or not self.netrc_file.is_file():
            return {}
        try:
            found = netrc.netrc(self.netrc_file).authenticators(place_of(url)[1])
        except netrc.NetrcParseError as error:  # its words may quote a password
            raise UserError(f"{self.netrc_file}:{error.lineno}: is no netrc file") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{self.netrc_file}: cannot be read: {type(error).__name__}") from None
        return _basic(found[0], found[2] or "") if found and found[0] else {}


def _basic(user: str, token: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{token}'.encode()).decode()}"}


@dataclass(slots=True)
class RemoteLog:
    """A log that is being read.

    Arguments:
        facts: what Jenkins says of the build; None where that is not known.
        why_cut: why it ended before its end; empty while it has not.
    """

    url: str
    chunks: AsyncIterator[bytes]
    facts: Facts | None = None
    why_cut: str = ""


@asynccontextmanager
async def open_log(
    target: Target, login: Login, *, silence_s: float = SILENCE_S, max_bytes: int = MAX_STORED_BYTES
) -> AsyncIterator[RemoteLog]:
    """Open a log for reading; its chunks are as they are sent, compressed or not.

    Arguments:
        silence_s: how long nothing may come.
        max_bytes: how much is read.

    Raises:
        UserError: there is none, or it is not for us.
        Unavailable: nobody answers.
    """
    limits = aiohttp.ClientTimeout(total=WHOLE_S, sock_connect=CONNECT_S, sock_read=silence_s)
    headers = {"User-Agent": f"gordon/{__version__}", "Accept-Encoding": "identity"}
    async with aiohttp.ClientSession(timeout=limits, headers=headers, auto_decompress=False) as client:
        build, facts = await _find(client, target, login)
        async with _get(client, f"{build}consoleText" if build else target.url, login) as answer:
            _must_be_log(answer)
            log = RemoteLog(str(answer.url), _nothing(), facts)
            log.chunks = _chunks(answer, log, is_build=bool(build), max_bytes=max_bytes)
            first = await anext(log.chunks, b"")
            log.chunks = _after(first, log.chunks)
            yield log


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _find(client: aiohttp.ClientSession, target: Target, login: Login) -> tuple[str, Facts | None]:
    """Tell which of the builds that were perhaps meant is there, and what it came to."""
    for build in target.builds:
        async with _get(client, build + FACTS, login) as answer:
            if answer.status == 404:
                continue
            if answer.status in {401, 403}:
                raise _refusal(answer)
            body = await _head_of(answer, MAX_FACTS_BYTES) if answer.status == 200 else b""
            return build, read_facts(body)
    if target.builds:
        raise UserError(f"there is no such build (404): it was deleted, or it is hidden from us; if so, {LOGIN_HINT}")
    return "", None


@asynccontextmanager
async def _get(client: aiohttp.ClientSession, url: str, login: Login) -> AsyncIterator[aiohttp.ClientResponse]:
    """Ask for an address, and follow it on its host."""
    host = shown(place_of(url)[1])
    try:
        for _ in range(MAX_REDIRECTS):
            answer = await client.get(
                URL(url, encoded=True), headers=login.header(url), allow_redirects=False, proxy=_proxy_for(url)
            )
            async with answer:
                if answer.status not in MOVED or "Location" not in answer.headers:
                    yield answer
                    return
            url = next_address(url, answer.headers["Location"])
    except TimeoutError:
        raise Unavailable(host, "reading a log") from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise UserError(f"the certificate of {host} is not trusted: {shown(str(error.certificate_error))}") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise Unavailable(host, f"reading a log: {_words(error)}") from None
    raise UserError(f"it leads on and on: {MAX_REDIRECTS} redirects")


def _words(error: Exception) -> str:
    reason = error.strerror if isinstance(error, aiohttp.ClientConnectorError) else ""
    return shown(reason or type(error).__name__)


def _proxy_for(url: str) -> str | None:
    scheme, host, _ = place_of(url)
    if host in LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(scheme)


def _refusal(answer: aiohttp.ClientResponse) -> UserError:
    if "Authorization" in answer.request_info.headers:
        return UserError(f"our login is not taken there, or may not read it ({answer.status})")
    return UserError(f"it is not for everybody ({answer.status}); {LOGIN_HINT}")


def _must_be_log(answer: aiohttp.ClientResponse) -> None:
    if answer.status in {401, 403}:
        raise _refusal(answer)
    if answer.status in {404, 410}:
        raise UserError(f"there is no log there ({answer.status}): it was deleted, or the address is wrong")
    if answer.status != 200:
        raise Unavailable(shown(answer.url.host or ""), f"reading a log: it answered {answer.status}")
    if answer.content_type in {"text/html", "application/xhtml+xml"}:
        raise UserError("it is a page for browsers, no log; look for a link such as `raw log` or `consoleText` on it")
    encoding = answer.headers.get("Content-Encoding", "identity").lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise UserError(f"it is packed in a way that Gordon does not read: {shown(encoding)}")


async def _head_of(answer: aiohttp.ClientResponse, most: int) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > most:
            return b""
    return bytes(body)


async def _chunks(
    answer: aiohttp.ClientResponse, log: RemoteLog, *, is_build: bool, max_bytes: int
) -> AsyncIterator[bytes]:
    size, held = 0, b""
    try:
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            size += len(chunk)
            if size > max_bytes:
                log.why_cut = f"it is longer than {max_bytes} bytes"
                break
            if is_build and size <= CHUNK_BYTES and (held + chunk)[: len(NO_LOG)] == NO_LOG[: len(held + chunk)]:
                held += chunk  # perhaps Jenkins' way to say that there is none
                continue
            yield held + chunk
            held = b""
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
        log.why_cut = "the connection broke off" if not isinstance(error, TimeoutError) else "it came too slowly"
    if held.startswith(NO_LOG) and held.count(b"\n") <= 1 and not log.why_cut:
        raise UserError("Jenkins has the build but its log no more")
    if held:
        yield held
