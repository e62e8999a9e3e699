"""HTTP to GitHub: in threads, within its limits and a deadline, one write at a time; what it says is others' matter."""

import asyncio
import json
import logging
import random
import sys
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any, Generic, TypeVar

import requests
from github import GithubException
from jwt import PyJWTError

from bot.adapters import github_wire as wire
from bot.adapters.daemon_threads import DaemonThreads
from bot.adapters.github_graphql import GraphProblem, read_graph
from bot.adapters.github_limits import Limits
from bot.adapters.github_link import Link, Login, Request
from bot.calls import LIMITED, Calls
from bot.clock import Clock
from bot.errors import ConfigError, GordonError, Refused, Unavailable, Unrecognised, Unsent
from bot.settings import GitHubSettings
from bot.values import Budget

log = logging.getLogger(__name__)
T = TypeVar("T")

PEER = "GitHub"
READERS = 4
PAUSES_S = (0.1, 0.2, 0.4, 0.8)  # before the second try of a read, the third…
JITTER = 0.5
TURNS = 3  # how many deadlines a read may wait for those before it
TURN_S = 20.0  # how long a write may wait for those before it
RENEWED_AGAIN_AFTER_S = 60.0  # an App's token that is refused although it is new is no matter of its age
NO_LOGIN = (401, 403, 429)  # mean the same wherever they come from: another key may do, or a later time
REJECTED_S = 60.0  # GitHub locks out whoever goes on with a bad token
MAX_KNOWN = 500
MAX_KNOWN_BYTES = 16 * 1024 * 1024
MAX_KNOWN_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Errand:
    """What a request is for, in words.

    Arguments:
        doing: "reading moby/moby#7".
        of: what it is about, for whoever has to widen the token's rights.
        is_idle: nobody waits for it, so it leaves the end of the budget to others.
        is_once: its address will not be asked for again, so that nothing of the answer is kept.
    """

    doing: str
    of: str
    is_idle: bool = False
    is_once: bool = False


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came back, taken apart if it was a success."""

    status: int
    headers: Mapping[str, Any]
    text: str
    value: T | None = None

    @property
    def link(self) -> str:
        return str(self.headers.get("link", ""))


class Slow(Unavailable):
    """GitHub does not come to an end with what it was asked; less of it may do."""


class GitHubHttp:
    """The HTTP side of one GitHub."""

    def __init__(
        self, settings: GitHubSettings, read_token: Callable[[], str], clock: Clock, calls: Calls | None = None
    ) -> None:
        self.url = settings.url.rstrip("/")
        self.deadline_s = 2 * settings.timeout_s  # what was given up may be in its thread still, and then with GitHub
        self._settings = settings
        self._read_token = read_token
        self._clock = clock
        self._calls = calls or Calls()
        self._limits = Limits(clock)
        self._link = Link(self.url, READERS + 1)
        self._login = Login(settings, read_token(), self._link)
        self.logins = 1  # how many tokens there were: what is known of the rights of one is not known of the next
        self._renewed_s = float("-inf")
        self._rejected_until_s = 0.0
        self._readers = DaemonThreads("github", READERS)
        self._writer = DaemonThreads("github-write", 1)
        self._slots = asyncio.Semaphore(READERS)
        self._turn = asyncio.Lock()
        self._known: OrderedDict[str, Answer[Any]] = OrderedDict()
        self._known_bytes = 0

    @property
    def is_app(self) -> bool:
        return self._login.is_app

    async def get(
        self, path: str, read: Callable[[str], T], errand: Errand, *, as_app: bool = False
    ) -> tuple[T, str] | None:
        """Read something, and tell its `Link` header; None when GitHub says that it is not there.

        Arguments:
            read: takes the answer apart; called in a thread.
        """
        known = self._known.get(path)
        etag = str(known.headers["etag"]) if known is not None else ""
        async with self._slot(errand):
            answer = await self._ask(Request("GET", path, etag=etag, as_app=as_app), read, errand, known)
        if answer.status == 404:
            return None
        if answer.value is None:
            raise self._error(answer.status, answer.text, errand, "read")
        if not errand.is_once:
            self._keep(path, answer)
        return answer.value, answer.link

    async def look(self, path: str, read: Callable[[str], T], errand: Errand, *, as_app: bool = False) -> Answer[T]:
        """Read something and tell the whole answer, a refusal, too; arguments as for `get`."""
        async with self._slot(errand):
            return await self._ask(Request("GET", path, as_app=as_app), read, errand)

    def fault(self, answer: Answer[Any], errand: Errand) -> GordonError:
        """Name what an answer means that is no success."""
        return self._error(answer.status, answer.text, errand, "read")

    async def graphql(
        self, query: str, variables: Mapping[str, Any], read: Callable[[Any], T], errand: Errand
    ) -> T | GraphProblem:
        """Ask for what a query names; a problem is handed back where another query or number may do."""
        if not self._login.secret:  # a 401, by which all reads would wait for another token
            raise Refused(PEER, f"{errand.doing} needs a token")
        body = {"query": query, "variables": dict(variables)}
        request = Request("POST", "", body, resource="graphql")
        async with self._slot(errand):
            answer = await self._ask(request, lambda text: read_graph(text, read), errand)
        if answer.value is None:
            raise self._error(answer.status, answer.text, errand, "read")
        problem = answer.value
        if isinstance(problem, GraphProblem):
            if problem.is_limit:
                self._limits.used_up("graphql")
                raise self._wants_quiet("graphql", errand)
            if problem.is_missing:
                raise Refused(PEER, f"there is no {errand.of}, or the token may not see it")
            if problem.is_refusal:
                raise Refused(PEER, f"the token may not read {errand.of}: {problem.words}")
            if problem.is_slow:
                raise Slow(PEER, f"{errand.doing}: {problem.words}")
            if not problem.lacks_scope and not problem.lacks_pull:
                raise Unavailable(PEER, f"{errand.doing}: {problem.words}")
        return problem

    async def write(
        self, method: str, path: str, body: object, read: Callable[[str], T], errand: Errand
    ) -> tuple[int, T | None]:
        """Change something by one request; tell the status, 404 among them, and what is in the answer.

        Raises:
            Unavailable: nobody can tell whether it took effect.
            Unsent: its turn did not come.
            Refused: it did not.
        """
        async with self._my_turn(errand):
            answer = await self._ask(Request(method, path, body, is_write=True), read, errand)
        if answer.status == 404 or 200 <= answer.status < 300:
            return answer.status, answer.value
        raise self._error(answer.status, answer.text, errand, "write to")

    def budget(self) -> Sequence[Budget]:
        """Tell what is left of each limit, as the last answers told it."""
        return self._limits.budgets()

    async def close(self) -> None:
        """Let go of connections; a request under way is left to itself and holds up nothing."""
        self._readers.close()
        self._writer.close()
        self._login.close()
        self._link.session.close()

    @asynccontextmanager
    async def _slot(self, errand: Errand) -> AsyncIterator[None]:
        """Wait for a free thread for a read: our own crowd is no silence of GitHub."""
        try:
            async with asyncio.timeout(TURNS * self._settings.timeout_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise Unavailable(PEER, f"{errand.doing}: too many requests of ours wait for it") from error
        try:
            yield
        finally:
            self._slots.release()

    @asynccontextmanager
    async def _my_turn(self, errand: Errand) -> AsyncIterator[None]:
        """Wait until all writes before are over and GitHub's pace lets this one through."""
        since_s = self._clock.monotonic_s()
        async with self._turn:
            wait_s = self._limits.write_wait_s()
            if self._clock.monotonic_s() - since_s + wait_s > TURN_S:
                raise Unsent(PEER, f"{errand.doing}: too many writes of ours wait for it")
            await self._clock.sleep(wait_s)
            try:
                yield
            finally:
                self._limits.wrote()

    async def _ask(
        self, request: Request, read: Callable[[str], T], errand: Errand, known: Answer[Any] | None = None
    ) -> Answer[T]:
        """Send a request as often as it may be sent, within the deadline."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self._must_be_welcome(request, errand)
                with self._calls.to(PEER) as call:
                    answer = await self._tried(request, read, known)
                    call.end(answer.status)
                    limited = self._limits.learn(
                        answer.status, answer.headers, answer.text, request.resource, is_write=request.is_write
                    )
                    if limited:
                        call.outcome = LIMITED  # which GitHub may say by a 403, or a 422
        except GithubException as error:  # as above, and what is not there is where it is installed
            raise self._error(error.status, str(error.data), errand, "be used for") from error
        except PyJWTError as error:
            raise Refused(PEER, f"the private key of the App is none ({errand.doing})") from error
        except (TimeoutError, requests.Timeout) as error:
            raise Slow(PEER, errand.doing) from error
        # PyGithub raises ValueError for garbage in its limit headers, RuntimeError for a redirect to another host.
        except (OSError, ValueError, RuntimeError) as error:
            raise Unavailable(PEER, errand.doing) from error
        except wire.Unreadable as error:
            raise Unavailable(PEER, f"{errand.doing}: it answered something unreadable") from error
        if limited:
            self._calls.on_limit(PEER)
            raise self._wants_quiet(request.resource, errand)
        return answer

    async def _tried(self, request: Request, read: Callable[[str], T], known: Answer[Any] | None) -> Answer[T]:
        """Send a write once, and a read until it meets no passing fault."""
        for pause_s in (*(() if request.is_write else PAUSES_S), None):
            try:
                answer = await self._logged_in(request, read, known)
                if pause_s is None or answer.status not in request.passing:
                    break
            except requests.Timeout:
                raise
            except requests.ConnectionError:
                if pause_s is None:
                    raise
            jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  no secret
            await self._clock.sleep(pause_s * jitter)
        return answer

    async def _logged_in(self, request: Request, read: Callable[[str], T], known: Answer[Any] | None) -> Answer[T]:
        """Send a request once, and again with another token if the first was refused: then nothing was done."""
        login = self._login
        answer = await self._sent(login, request, read, known)
        if answer.status == 401:
            if await self._has_renewed(login):
                answer = await self._sent(self._login, request, read, known)
            if answer.status == 401:
                self._rejected_until_s = self._clock.monotonic_s() + REJECTED_S
        return answer

    async def _sent(
        self, login: Login, request: Request, read: Callable[[str], T], known: Answer[Any] | None
    ) -> Answer[T]:
        give_up_s = time.monotonic() + self._settings.timeout_s

        def exchange() -> Answer[T]:
            try:
                status, headers, text = login.send(request, give_up_s)
            except GithubException as error:  # an App that gets no token for where it is installed
                if error.status not in NO_LOGIN:
                    raise
                status, headers, text = error.status, dict(error.headers or {}), json.dumps(error.data)
            if status == 304 and known is not None:
                status, text, headers = known.status, known.text, {**known.headers, **headers, "link": known.link}
            is_success = status in (200, 201)
            return Answer(status, headers, text, read(text) if is_success else None)

        threads = self._writer if request.is_write else self._readers
        return await asyncio.wrap_future(threads.submit(exchange))

    async def _has_renewed(self, login: Login) -> bool:
        """Read the token again, as it may have been changed; tell whether there is another to try."""
        now_s = self._clock.monotonic_s()
        try:
            secret = await asyncio.wrap_future(self._readers.submit(self._read_token))
        except ConfigError as error:
            log.error("the token of GitHub: %s", error)
            return False
        if self._login is not login:  # another request was faster
            return True
        is_same = compare_digest(secret.encode(), login.secret.encode())
        if is_same and (not login.is_app or now_s - self._renewed_s < RENEWED_AGAIN_AFTER_S):
            return False
        self._login, self._renewed_s, self._rejected_until_s = Login(self._settings, secret, self._link), now_s, 0.0
        self.logins += 1
        login.close()
        self._limits.forget_budgets()
        return True

    async def _must_be_welcome(self, request: Request, errand: Errand) -> None:
        """See that GitHub wants a request of ours now."""
        if self._limits.quiet_s(request.resource):
            raise self._wants_quiet(request.resource, errand)
        if errand.is_idle and (until := self._limits.low_until(request.resource)):
            raise Unavailable(PEER, f"{errand.doing}: little is left of its budget until {until:%H:%M} UTC")
        is_rejected = self._clock.monotonic_s() < self._rejected_until_s
        if is_rejected and not await self._has_renewed(self._login):
            raise self._error(401, "", errand, "read")

    def _error(self, status: int, text: str, errand: Errand, verb: str) -> GordonError:
        """Name what an answer means that is no success and no limit."""
        if status == 401:
            wrong = "the token is not valid" if self._login.secret else "it wants a token"
            return Unrecognised(PEER, f"{wrong} ({errand.doing})")
        words = wire.problem_of(text)
        said = f": {words}" if words else ""
        if status == 403:
            return Refused(PEER, f"the token may not {verb} {errand.of}{said}")
        if status in (502, 504):  # how GitHub ends what takes it too long
            return Slow(PEER, errand.doing)
        if status == 407:
            return Unavailable(PEER, f"{errand.doing}: the proxy on the way to it wants another login")
        if status >= 500 or status == 304:
            return Unavailable(PEER, errand.doing)
        if status in (301, 302, 307, 308):
            return Refused(PEER, f"it sends us elsewhere ({errand.doing}): has {errand.of} another name now?")
        return Refused(PEER, f"it answers {status} ({errand.doing}){said}")

    def _wants_quiet(self, resource: str, errand: Errand) -> Unavailable:
        until = self._limits.quiet_until(resource)
        return Unavailable(PEER, f"{errand.doing}: it wants no more requests{_words(until)}")

    def _keep(self, path: str, answer: Answer[Any]) -> None:
        """Keep an answer so that it costs nothing while it stays the same; the one read longest ago makes room."""
        if (old := self._known.pop(path, None)) is not None:
            self._known_bytes -= sys.getsizeof(old.text)
        size = sys.getsizeof(answer.text)
        if not answer.headers.get("etag") or size > MAX_KNOWN_ANSWER_BYTES:
            return
        self._known[path] = Answer(answer.status, answer.headers, answer.text)
        self._known_bytes += size
        while len(self._known) > MAX_KNOWN or self._known_bytes > MAX_KNOWN_BYTES:
            _, gone = self._known.popitem(last=False)
            self._known_bytes -= sys.getsizeof(gone.text)


def _words(until: datetime | None) -> str:
    return f" until {until:%H:%M} UTC" if until else ""
