"""One request to GitHub through PyGithub, from a thread: with a deadline, a largest answer, and our token on it."""

import math
import time
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias, cast
from urllib.parse import urlsplit

import requests
from github import Auth, Github
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from bot.settings import GitHubSettings

if TYPE_CHECKING:
    from github.Requester import HTTPSRequestsConnectionClass

MAX_ANSWER_BYTES = 32 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
Raw: TypeAlias = tuple[int, dict[str, Any], str]


class TooLarge(requests.RequestException):
    """An answer is longer than anybody wants to read."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent.

    Arguments:
        path: with its query, after the address of the API; "" for GraphQL, which has one address.
        body: what becomes JSON.
        etag: of the answer that is known.
        as_app: as the App itself instead of where it is installed.
        resource: out of which budget it is paid.
        is_write: it changes something, so it is sent no second time.
    """

    method: str
    path: str
    body: Any = None
    etag: str = ""
    as_app: bool = False
    resource: str = "core"
    is_write: bool = False

    @property
    def passing(self) -> frozenset[int]:
        """Answers after which a read is tried again; by a 502 GraphQL ends what takes it too long, so not there."""
        return frozenset({503}) if self.resource == "graphql" else frozenset({502, 503})


class Link:
    """The connections to one GitHub, shared by threads."""

    def __init__(self, url: str, most: int) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.session = requests.Session()
        self.session.auth = lambda request: request  # without it a password out of .netrc takes the place of our token
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=most))


class Login:
    """Who we are to GitHub: a token's owner, or an App where it is installed, or nobody.

    PyGithub gets a new token for an installation within a request, when the old one is about to expire.

    Arguments:
        secret: the token, or the private key of the App.
    """

    def __init__(self, settings: GitHubSettings, secret: str, link: Link) -> None:
        self.secret = secret
        self.is_app = bool(settings.app_id)
        self._link = link
        self._timeout_s = settings.timeout_s
        self._url = settings.url.rstrip("/")
        self._lock = Lock()
        auth: Auth.Auth | None = Auth.Token(secret) if secret else None
        self._app: Github | None = None
        if self.is_app:
            app = Auth.AppAuth(settings.app_id, secret)
            self._app = self._library(app)
            auth = app.get_installation_auth(settings.app_installation)
        self._auth = auth
        self._github = self._library(auth)

    def send(self, request: Request, give_up_s: float) -> Raw:
        """Send a request once and read the answer.

        Arguments:
            give_up_s: when, by the machine's clock that never jumps.

        Raises:
            OSError, ValueError, RuntimeError: there was no answer that can be read.
            github.GithubException, jwt.PyJWTError: no token for the installation was to be had.
        """
        if isinstance(self._auth, Auth.AppInstallationAuth) and not request.as_app:
            with self._lock:  # threads that find it expired would each get another
                assert self._auth.token
        library = self._app if request.as_app and self._app is not None else self._github
        connection = _Connection(self._link, give_up_s)
        return library.requester.requestJson(
            request.method,
            request.path or library.requester.graphql_url,
            headers={"If-None-Match": request.etag} if request.etag else {},
            input=request.body,
            # One for each request: PyGithub's own keeps what is asked in itself, and threads would ask each other's.
            cnx=cast("HTTPSRequestsConnectionClass", connection),
        )

    def close(self) -> None:
        """Let go of PyGithub's own connections."""
        self._github.close()
        if self._app is not None:
            self._app.close()

    def _library(self, auth: Auth.Auth | None) -> Github:
        # PyGithub would repeat POSTs, sleep inside a call and pace requests by itself: all of that is ours to decide.
        return Github(
            auth=auth,
            base_url=self._url,
            timeout=math.ceil(self._timeout_s),
            user_agent="gordon",
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
            lazy=True,
        )


class _Connection:
    """What PyGithub takes for a connection: one request over the shared session."""

    def __init__(self, link: Link, give_up_s: float) -> None:
        self._link = link
        self._give_up_s = give_up_s
        self._asked: tuple[str, str, Any, dict[str, str]] = ("", "", None, {})

    def request(self, verb: str, url: str, body: Any, headers: dict[str, str], stream: bool = False) -> None:
        """Take what is to be sent; `stream` is PyGithub's word and counts for nothing here."""
        self._asked = verb, url, body, headers

    def getresponse(self) -> "_Response":
        """Send it and read the head of the answer."""
        verb, url, body, headers = self._asked
        response = self._link.session.request(
            verb,
            self._link.origin + url,
            data=body,
            headers=headers,
            timeout=_left_s(self._give_up_s),
            allow_redirects=False,
            stream=True,
        )
        return _Response(response, self._give_up_s)


class _Response:
    """What PyGithub takes for an answer."""

    def __init__(self, response: requests.Response, give_up_s: float) -> None:
        self.status = response.status_code
        self._response = response
        self._give_up_s = give_up_s

    def getheaders(self) -> list[tuple[str, str]]:
        """Tell the headers."""
        return list(self._response.headers.items())

    def read(self) -> str:
        """Read the body, which is UTF-8 whatever else it is."""
        body = bytearray()
        with self._response:
            try:
                # A piece at a time as it arrives: an answer that trickles would hold up the thread for ever.
                while piece := self._response.raw.read1(CHUNK_BYTES, decode_content=True):
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        raise TooLarge("the answer has no end")
                    _left_s(self._give_up_s)
            except HTTPError as error:
                raise requests.ConnectionError(str(error)) from error
        return body.decode()


def _left_s(give_up_s: float) -> float:
    left_s = give_up_s - time.monotonic()
    if left_s <= 0:
        raise requests.Timeout("the deadline is over")
    return left_s
