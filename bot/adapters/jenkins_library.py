"""What python-jenkins reads for us: jobs, plugins and single nodes, behind one wall.

The library is synchronous, has no total deadline, follows every redirect, reads an answer however long it is, and calls
whatever does not answer "does not exist". So it works in two threads of its own, each with its own client, over a
transport that has these limits, and its errors are told apart by what came over the wire.
"""

import asyncio
import hmac
import io
import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from math import ceil
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import jenkins
import requests
from jenkins.plugins import PluginVersion
from multidict import CIMultiDict, CIMultiDictProxy
from requests.adapters import HTTPAdapter

from bot.adapters.daemon_threads import DaemonThreads
from bot.adapters.jenkins_http import TURNS, Answer, JenkinsHttp, proxies_for
from bot.adapters.jenkins_jobs import JOB_TREE
from bot.adapters.jenkins_nodes import NODE_TREE, node_segment
from bot.adapters.jenkins_wire import job_path
from bot.errors import Refused, Unavailable

log = logging.getLogger(__name__)

CLIENTS = 2
PLUGINS_TREE = "plugins[shortName,version,active]"
MAX_BYTES = (
    2 * 1024 * 1024
)  # a job with its newest hundred builds has some 50 KB; reading more would take the processor
PIECE_BYTES = 4096  # small, as the deadline is looked at between two pieces
SURPRISES = ("PYTHONHTTPSVERIFY", "JENKINS_API_EXTRA_HEADERS")  # python-jenkins obeys them, and logs the second
NONSENSE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # what it trips over in an odd answer
T = TypeVar("T")
_Came = tuple[Mapping[str, str] | None, tuple[T] | None, Exception | None]  # headers, the answer, what went wrong


class JenkinsLibrary:
    """One controller as python-jenkins reads it.

    Arguments:
        http: our own client of the same controller: it knows what an odd status means, and learns from each answer.
        user: empty to ask as anybody; else with the token that our own client has.
        ca_file: the authorities that its certificate is checked against; None for those of the system.
    """

    def __init__(self, http: JenkinsHttp, user: str, ca_file: Path | None) -> None:
        self._http = http
        self._user = user
        self._trusted = _authorities(ca_file)
        self._threads = DaemonThreads("python-jenkins", CLIENTS)
        self._free = asyncio.Semaphore(CLIENTS)
        for name in SURPRISES:
            if os.environ.pop(name, None) is not None:
                log.warning("%s in the environment is ignored", name)
        self._clients: SimpleQueue[_Client] = SimpleQueue()
        for _ in range(CLIENTS):
            self._clients.put(self._client(http.token.value))

    async def job(self, full_name: str, doing: str) -> dict[str, Any] | None:
        """Read what a job is; None when Jenkins itself says that there is none for us.

        Raises:
            UserError: it is no job's name.
            Refused: it is not for us.
            Unavailable: any other answer, or none.
        """
        job_path(full_name)  # python-jenkins makes a path of any name, `..` too
        return await self._object(lambda client: client.get_job_info(full_name, _only(JOB_TREE)), doing)

    async def node(self, name: str, doing: str) -> dict[str, Any] | None:
        """Read one node with what it runs; None when Jenkins itself says that there is none; errors as for `job`."""
        segment = node_segment(name)
        return await self._object(lambda client: client.get_node_info(segment, _only(NODE_TREE)), doing)

    async def plugins(self, doing: str) -> Mapping[str, str] | None:
        """Tell the active plugins by short name, with versions that compare part by part; None if we may not know."""
        # Its own `get_plugins` breaks where two plugins have one long name.
        query = f"?tree={quote(PLUGINS_TREE, safe=',')}"
        try:
            raw = await self._object(lambda client: client.get_info("pluginManager", query), doing)
        except Refused:
            return None
        try:
            listed = raw["plugins"] if raw is not None else ()
            return {one["shortName"]: PluginVersion(one["version"]) for one in listed if one["active"]}
        except NONSENSE as error:
            raise self._unreadable(doing) from error

    def close(self) -> None:
        """Let go of threads and connections; a question that is still out ends by its own deadline."""
        self._threads.close()

    async def _object(self, ask: Callable[["_Client"], Any], doing: str) -> dict[str, Any] | None:
        found = await self._call(ask, doing)
        if found is None:
            return None
        if not isinstance(found[0], dict):
            raise self._unreadable(doing)
        return found[0]

    async def _call(self, ask: Callable[["_Client"], T], doing: str) -> tuple[T] | None:
        """Ask, and a second time with another token only if the first one was refused; None when it is not there."""
        token = self._http.token.value
        headers, found, wrong = await self._once(ask, token, doing)
        response = _response_of(wrong) if wrong is not None else None
        if response is not None and response.status_code == 401 and await self._http.token.is_renewed(token):
            headers, found, wrong = await self._once(ask, self._http.token.value, doing)
        if wrong is not None:
            await self._told(wrong, doing)
            return None
        if headers is None or "X-Jenkins" not in headers:
            raise Unavailable(self._http.peer, f"{doing}: the answer is not its own but of something in front of it")
        return found

    async def _once(self, ask: Callable[["_Client"], T], token: str, doing: str) -> "_Came[T]":
        """Ask in a thread, within the deadline once a thread is free."""
        peer, deadline_s = self._http.peer, self._http.deadline_s
        try:
            async with asyncio.timeout(TURNS * deadline_s):
                await self._free.acquire()
        except TimeoutError as error:
            raise Unavailable(peer, f"{doing}: too many requests of ours wait for it") from error
        loop = asyncio.get_running_loop()

        def free(_: Future[Any]) -> None:
            with suppress(RuntimeError):  # the loop has ended before the thread did
                loop.call_soon_threadsafe(self._free.release)

        # Whoever waits may be cancelled; the thread is free only when its request has ended.
        asked = self._threads.submit(lambda: self._ask(ask, token))
        asked.add_done_callback(free)
        try:
            async with asyncio.timeout(deadline_s):
                came = await asyncio.wrap_future(asked)
        except TimeoutError as late:
            raise Unavailable(peer, doing) from late
        if came[0] is not None:
            self._http.learn(came[0])
        return came

    def _client(self, token: str) -> "_Client":
        return _Client(self._http.root, self._user, token, self._http.deadline_s, self._trusted)

    def _ask(self, ask: Callable[["_Client"], T], token: str) -> "_Came[T]":
        """Ask with a free client, in a thread."""
        client = self._clients.get()
        if not hmac.compare_digest(client.token.encode(), token.encode()):
            client = self._client(token)
        try:
            found = (ask(client),)
            return client.headers, found, None
        except (jenkins.JenkinsException, requests.RequestException, *NONSENSE) as error:
            return client.headers, None, error
        finally:
            client.let_go()
            self._clients.put(client)

    async def _told(self, error: Exception, doing: str) -> None:
        """Raise what an error means by the status that came; its words are the same for a missing job and a restart.

        A missing thing is no error: of that nothing is raised.
        """
        response = _response_of(error)
        if response is None:
            for each in _chain(error):
                if isinstance(each, ssl.SSLCertVerificationError):
                    raise self._http.distrusted(each, doing)
            if any(isinstance(each, NONSENSE) for each in _chain(error)):
                raise self._unreadable(doing)
            raise Unavailable(self._http.peer, doing)
        headers = CIMultiDictProxy(CIMultiDict(response.headers))
        answer = Answer(response.status_code, headers, b"", response.reason or "")
        if answer.status != 404:
            raise self._http.fault(answer, urlsplit(response.url).path, doing)
        if "X-Jenkins" not in headers:
            await self._http.must_be_there("GET", doing)

    def _unreadable(self, doing: str) -> Unavailable:
        return Unavailable(self._http.peer, f"{doing}: it answered something unreadable")


class _Client(jenkins.Jenkins):
    """python-jenkins without what it takes from the environment, and over a transport with limits.

    It gives no way in to its session but its own attributes.
    """

    _session: requests.Session
    _auths: list[tuple[str, Any]]

    def __init__(self, root: str, user: str, token: str, deadline_s: float, authorities: str | bool) -> None:
        super().__init__(root, user or None, token if user else None, timeout=ceil(deadline_s))
        self.token = token
        self.crumb = False  # we only read; else it fetches a crumb before its first question, with a token too
        self.headers: Mapping[str, str] | None = None
        self._auths = self._auths[:1]  # with requests-kerberos installed it would try one after the other
        session = self._session
        session.trust_env = False  # no .netrc in place of our token, no other authorities
        session.verify = authorities
        session.proxies = proxies_for(root)
        session.max_redirects = 0  # what is behind one is not what we asked for
        session.hooks["response"].append(self._saw)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Transport(deadline_s))

    def let_go(self) -> None:
        """Close the connection: it would be dead when the next question comes, minutes later."""
        self._session.close()
        self.headers = None

    def _saw(self, response: requests.Response, **_: Any) -> None:
        self.headers = response.headers


class _Transport(HTTPAdapter):
    """A transport that reads a whole answer within its limits of time and length."""

    def __init__(self, deadline_s: float) -> None:
        super().__init__()
        self._deadline_s = deadline_s

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request and read its answer to the end."""
        until = time.monotonic() + self._deadline_s
        body = bytearray()
        limits = {"stream": True, "timeout": self._deadline_s}
        with super().send(request, *args, **kwargs | limits) as response:
            for piece in response.iter_content(PIECE_BYTES):
                body += piece
                if len(body) > MAX_BYTES or time.monotonic() > until:
                    raise requests.Timeout("its answer has no end", request=request)
        whole = requests.Response()
        whole.status_code, whole.reason, whole.url = response.status_code, response.reason, response.url
        whole.headers, whole.request = response.headers, request
        whole.encoding = "utf-8"  # Jenkins writes no other; a guess takes long and misreads names
        whole.raw = io.BytesIO(bytes(body))
        return whole


def _only(tree: str) -> Any:
    """Spell a depth by which only certain fields are told: the library knows no tree, and sends what it is given.

    All of a job would be the default value of each parameter, for which some plugins run a script or ask a git server
    [GitParameterDefinition.getDefaultParameterValue]; all of a node, the jobs that each label ties [Label.getTiedJobs].
    """
    return f"0&tree={quote(tree, safe=',')}"


def _authorities(ca_file: Path | None) -> str | bool:
    """Tell whose certificates count: by themselves requests would take those that it brings along."""
    system = ssl.get_default_verify_paths()
    return str(ca_file) if ca_file else system.cafile or system.capath or True


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _response_of(error: BaseException) -> requests.Response | None:
    """Find the answer that an error came of: python-jenkins raises its own in place of the one that holds it."""
    answers = (getattr(each, "response", None) for each in _chain(error))
    return next((each for each in answers if isinstance(each, requests.Response)), None)
