"""HTTP to one Jenkins: deadlines, few requests at once, crumbs, its clock; what it says is the caller's matter."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

import aiohttp
from multidict import CIMultiDictProxy
from requests.utils import get_environ_proxies, select_proxy
from yarl import URL

from bot.adapters.jenkins_token import JenkinsToken, basic
from bot.adapters.jenkins_wire import Unreadable, one_line, read_crumb, read_object
from bot.calls import Calls
from bot.clock import Clock
from bot.errors import Refused, Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")

REQUESTS_AT_ONCE = 4
TURNS = 3  # how many deadlines a request may wait for those before it
MAX_ANSWER_BYTES = 32 * 1024 * 1024
ASIDE_BYTES = 256 * 1024  # ten thousand queue items, 7 MB, take half a second in which nothing else would be done
CHUNK_BYTES = 64 * 1024
KEEP_ALIVE_S = 4.0  # below the shortest idle limit of Jenkins' own web server, so that a POST meets no dying connection
DOWN = frozenset({429, 502, 503, 504})
MOVED = frozenset({301, 302, 303, 307, 308})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})  # a proxy would reach its own
MAX_WORDS = 200  # of what an answer says in our sentences
WITNESS = "api/json?tree=mode"
EXPIRED = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status that is nobody's fault but perhaps ours."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    reason: str = ""

    @property
    def lacks_crumb(self) -> bool:
        return self.status == 403 and ("No valid crumb" in self.reason or b"No valid crumb" in self.body)


class TooLarge(Unavailable):
    """An answer is longer than anybody wants to read."""


class JenkinsHttp:
    """One controller's HTTP side.

    Arguments:
        root: its address as configured, with `/` at the end.
        user: empty to ask as anybody.
        ca_file: the authorities that its certificate is checked against; None for those of the system.
        calls: counts what is asked.
        read_token: reads the token that is to be used now, once this one is refused; None where there is no other.

    Attributes:
        skew: how far its clock is ahead of ours.
        session: which start of it answered last.
        token: who we say that we are.
    """

    def __init__(
        self,
        name: str,
        root: str,
        user: str,
        token: str,
        deadline_s: float,
        clock: Clock,
        ca_file: Path | None = None,
        calls: Calls | None = None,
        read_token: Callable[[], str] | None = None,
    ) -> None:
        self.peer = f"Jenkins {name}"
        self.token = JenkinsToken(self.peer, user, token, read_token)
        self.root = root
        self.deadline_s = deadline_s
        self.skew = timedelta()
        self.session = ""
        self._clock = clock
        self._calls = calls or Calls()
        self._ca_file = ca_file
        # Not by aiohttp's `trust_env`, which would put a password out of .netrc in the place of our token.
        self._proxy, login = _proxy_of(root)
        # A tunnel is asked for its login, a proxy of plain requests with each of these, on a kept connection too.
        self._for_proxy = login if root.startswith("https:") else {}
        self._on_the_way = {} if self._for_proxy else login
        self._slots = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._client: aiohttp.ClientSession | None = None
        self._crumb: dict[str, str] = {}

    async def get(self, path: str, tree: str, doing: str, max_bytes: int = MAX_ANSWER_BYTES) -> Answer | None:
        """Read something; None when Jenkins itself says that it is not there.

        Arguments:
            tree: empty for a plugin's page that is no `api/json`: it takes none, and has no header to know it by.

        Raises:
            Refused: it is not for us.
            TooLarge: the answer is longer than `max_bytes`.
            Unavailable: any other answer, or none.
        """
        answer = await self._exchange(
            "GET", f"{path}?tree={quote(tree, safe=',')}" if tree else path, doing, max_bytes=max_bytes
        )
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self.fault(answer, path, doing)
        if tree:
            self._must_be_own(answer, doing)
        return answer

    async def read(
        self,
        path: str,
        tree: str,
        doing: str,
        read: Callable[[dict[str, Any]], T],
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> T | None:
        """Ask, and read the answer; None when there is no such thing for us.

        Arguments:
            read: takes it apart and changes nothing, as it is called in a thread for a long one.
        """
        answer = await self.get(path, tree, doing, max_bytes)
        if answer is None:
            return None
        try:
            if len(answer.body) > ASIDE_BYTES:
                return await asyncio.to_thread(lambda body: read(read_object(body)), answer.body)
            return read(read_object(answer.body))
        except Unreadable:
            pass  # raised below, as an error that came of this one would keep the whole answer, taken apart, in memory
        raise Unavailable(self.peer, f"{doing}: it answered something unreadable")

    async def read_always(self, path: str, tree: str, doing: str, read: Callable[[dict[str, Any]], T]) -> T:
        """Read what every Jenkins has, so that its absence is never an answer."""
        found = await self.read(path, tree, doing, read)
        if found is None:
            raise self.hidden(doing)
        return found

    def hidden(self, doing: str) -> Unavailable:
        """Name the absence of what must be there."""
        return Unavailable(self.peer, f"{doing}: what must be there is gone, or hidden from us")

    def distrusted(self, error: Exception, doing: str) -> Refused | Unavailable:
        """Name a certificate that is not taken: one that has expired is renewed over there, as an outage is mended."""
        if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == EXPIRED:
            return Unavailable(self.peer, f"{doing}: its certificate has expired")
        return Refused(self.peer, f"its certificate is not trusted ({doing}): ca_file names who vouches for it")

    async def look(self, path: str, doing: str) -> Answer:
        """Read the head of an answer of any length, leaving the rest."""
        return await self._exchange("GET", path, doing, max_bytes=0)

    @asynccontextmanager
    async def stream(self, path: str, doing: str) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """Read an answer of any length: its head, and its body in pieces, with a deadline for each."""
        wait = aiohttp.ClientTimeout(total=None, connect=self.deadline_s, sock_read=self.deadline_s)
        url = URL(self.root + path, encoded=True)
        try:
            async with self._turn(doing), AsyncExitStack() as open_answers:
                for _ in range(2):
                    token = self.token.value
                    asked = self._open().get(
                        url,
                        headers={**self.token.headers, **self._on_the_way},
                        allow_redirects=False,
                        timeout=wait,
                        proxy=self._proxy,
                        proxy_headers=self._for_proxy,
                    )
                    response = await open_answers.enter_async_context(asked)
                    self.learn(response.headers)
                    if response.status != 401 or not await self.token.is_renewed(token):
                        break
                answer = Answer(response.status, response.headers, b"", response.reason or "")
                if answer.status == 404 and "X-Jenkins" not in answer.headers:
                    await self.must_be_there("GET", doing)
                yield answer, response.content.iter_chunked(CHUNK_BYTES)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(self.peer, doing) from error

    async def post(self, path: str, form: Mapping[str, str], doing: str) -> Answer:
        """Send a command once, and a second time only if a missing crumb was why nothing was done.

        aiohttp repeats idempotent methods on a connection that died while it was idle, and never a POST.
        """
        body = urlencode(form).encode()
        answer = await self._exchange("POST", path, doing, body, {**FORM, **self._crumb})
        if answer.lacks_crumb:
            self._crumb = await self._fetch_crumb()
            answer = await self._exchange("POST", path, doing, body, {**FORM, **self._crumb})
        if answer.status in MOVED and (home := self._other_home(path, answer.headers.get("Location", ""))):
            raise Refused(
                self.peer, f"it sends {doing} on to {home}, where it would be lost: configure that address as its url"
            )
        return answer

    def fault(self, answer: Answer, path: str, doing: str) -> Refused | Unavailable:
        """Name what an answer means that is none of those a request may have."""
        if answer.status in DOWN or answer.status >= 500:
            return Unavailable(self.peer, doing)
        if answer.status == 407:
            return Unavailable(self.peer, f"{doing}: the proxy on the way to it wants another login")
        if answer.status == 401:
            return Refused(self.peer, f"user or token is wrong ({doing})")
        if answer.status == 403:
            lacks = one_line(answer.headers.get("X-Required-Permission"), MAX_WORDS)
            return Refused(self.peer, f"we may not ({doing}){f': {lacks} is needed' if lacks else ''}")
        if answer.status in MOVED:
            return Refused(self.peer, f"it sends {path} elsewhere ({doing}): is its url right?")
        return Refused(self.peer, f"it answers {answer.status} ({doing})")

    async def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _exchange(
        self,
        method: str,
        path: str,
        doing: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Send one request, and a second time with another token only if it was refused for the first one."""
        token = self.token.value
        answer = await self._once(method, path, doing, body, headers, max_bytes)
        if answer.status == 401 and await self.token.is_renewed(token):
            return await self._once(method, path, doing, body, headers, max_bytes)
        return answer

    async def _once(
        self,
        method: str,
        path: str,
        doing: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        max_bytes: int,
    ) -> Answer:
        """Send one request and read its answer within the deadline, once those before it let it through."""
        url = URL(self.root + path, encoded=True)  # a name's `%2F` must stay what it is
        try:
            async with self._turn(doing):
                with self._calls.to(self.peer) as call:
                    async with (
                        asyncio.timeout(self.deadline_s),
                        self._open().request(
                            method,
                            url,
                            data=body,
                            headers={**self.token.headers, **self._on_the_way, **(headers or {})},
                            allow_redirects=False,
                            proxy=self._proxy,
                            proxy_headers=self._for_proxy,
                        ) as response,
                    ):
                        self.learn(response.headers)
                        text = await self._read(response, max_bytes, doing) if max_bytes else b""
                    answer = Answer(response.status, response.headers, text, response.reason or "")
                    call.end(answer.status)
        except aiohttp.ClientConnectorCertificateError as error:
            raise self.distrusted(error.certificate_error, doing) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(self.peer, doing) from error
        if answer.status == 404 and "X-Jenkins" not in answer.headers and path != WITNESS:
            await self.must_be_there(method, doing)
        return answer

    @asynccontextmanager
    async def _turn(self, doing: str) -> AsyncIterator[None]:
        """Wait for a free slot: our own crowd is no silence of Jenkins."""
        try:
            async with asyncio.timeout(TURNS * self.deadline_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise Unavailable(self.peer, f"{doing}: too many requests of ours wait for it") from error
        try:
            yield
        finally:
            self._slots.release()

    async def must_be_there(self, method: str, doing: str) -> None:
        """Have a 404 without Jenkins' name on it confirmed, as a proxy in front says it of everything in a restart.

        Jenkins puts its version on every answer of its API and, since it has an error page of its own (2021), on a 404;
        an older one is known by a page that must be there. Of a command only its own word counts.
        """
        witness = await self._exchange("GET", WITNESS, doing) if method == "GET" else None
        if witness is None or witness.status not in (200, 403) or "X-Jenkins" not in witness.headers:
            raise Unavailable(self.peer, f"{doing}: the 404 is not its own but of something in front of it")

    def _must_be_own(self, answer: Answer, doing: str) -> None:
        """Refuse what something else answers in Jenkins' place; Jenkins puts its version on every answer of its API."""
        if "X-Jenkins" not in answer.headers:
            raise Unavailable(self.peer, f"{doing}: the {answer.status} is not its own but of something in front of it")

    async def _read(self, response: aiohttp.ClientResponse, max_bytes: int, doing: str) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > max_bytes:
                raise TooLarge(self.peer, f"{doing}: its answer has no end")
        return bytes(body)

    def _open(self) -> aiohttp.ClientSession:
        if self._client is None:
            trusted = ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=REQUESTS_AT_ONCE, keepalive_timeout=KEEP_ALIVE_S, ssl=trusted),
                # With a session cookie Jenkins overlooks a token and wants a crumb, so cookies go with crumbs only.
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self.deadline_s),
            )
        return self._client

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take the controller's clock and identity from an answer."""
        try:
            theirs = parsedate_to_datetime(headers["Date"])
            self.skew = theirs.replace(tzinfo=theirs.tzinfo or UTC) - self._clock.now()
        except (KeyError, ValueError, OverflowError):
            pass  # a proxy may answer without a date, or with nonsense: the last one stands
        session = headers.get("X-Jenkins-Session", "")
        if session and session != self.session:
            if self.session:
                log.info("%s restarted", self.peer)
                self._crumb = {}
            self.session = session

    async def _fetch_crumb(self) -> dict[str, str]:
        """Fetch a crumb and the session cookie that it is worth nothing without."""
        doing = "asking for a crumb"
        answer = await self._exchange("GET", "crumbIssuer/api/json", doing)
        if answer.status != 200:
            raise self.fault(answer, "crumbIssuer", doing)
        try:
            name, value = read_crumb(read_object(answer.body))
        except Unreadable as error:
            raise Unavailable(self.peer, f"{doing}: it answered something unreadable") from error
        cookies = "; ".join(cookie.partition(";")[0] for cookie in answer.headers.getall("Set-Cookie", ()))
        return {name: value, "Cookie": cookies} if cookies else {name: value}

    def _other_home(self, path: str, location: str) -> str:
        """Tell where a redirect sends the request itself, as to https; empty for Jenkins' "look at this page next"."""
        asked = urlsplit(self.root + path)
        try:
            target = urlsplit(location)
        except ValueError:
            return ""
        if asked.path != target.path or (asked.scheme, asked.netloc) == (target.scheme, target.netloc):
            return ""
        return one_line(f"{target.scheme}://{target.netloc}", MAX_WORDS) if target.netloc else ""


def proxies_for(root: str) -> dict[str, str]:
    """Tell the proxies that the environment names for an address (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), by scheme."""
    return {} if urlsplit(root).hostname in LOOPBACK else get_environ_proxies(root)


def _proxy_of(root: str) -> tuple[str | None, dict[str, str]]:
    """Tell the one proxy on the way to an address, and the header with the login that its own address holds."""
    proxy = select_proxy(root, proxies_for(root))
    if not proxy:
        return None, {}
    parts = urlsplit(proxy)
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    header = {"Proxy-Authorization": basic(login)} if parts.username else {}
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), header
