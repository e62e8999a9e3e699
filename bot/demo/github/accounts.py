"""Who asks a GitHub on loopback: tokens, apps, and what is left to each of the requests of an hour."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from bot.clock import Clock
from bot.demo.github.bodies import Bodies, Json
from bot.demo.github.faults import problem
from bot.demo.github.records import stamp

WINDOW = timedelta(hours=1)
LONGEST_JWT_S = 600 + 60  # GitHub takes ten minutes; clients date the beginning a minute back
POINTS = 5000  # GraphQL, an hour
RIGHTS = {"pull_requests": "write", "statuses": "write", "issues": "write", "metadata": "read"}  # of an app


@dataclass(slots=True)
class Account:
    """A token and whose it is.

    Arguments:
        used: requests by resource since the window began.
        ends: when the token is valid no more; None if it stays.
    """

    login: str
    resets: datetime
    scopes: tuple[str, ...] = ()
    used: dict[str, int] = field(default_factory=dict)
    ends: datetime | None = None
    is_app: bool = False


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App, installed once.

    Arguments:
        is_genuine: checks the signature of a JWT; None takes all.
        permissions: what it may do where it is installed.
    """

    id: int
    slug: str
    installation: int
    is_genuine: Callable[[str], bool] | None = None
    permissions: Mapping[str, str] = field(default_factory=lambda: dict(RIGHTS))


class Accounts:
    """Tokens and apps.

    Simpler than at GitHub: the times in a JWT are compared with each other only, as clients take theirs from the
    machine while everything here may live in another year.

    Arguments:
        quota: requests an account may make in an hour.
    """

    def __init__(self, clock: Clock, bodies: Bodies, quota: int) -> None:
        self.quota = quota
        self.points = POINTS
        self._clock = clock
        self._bodies = bodies
        self._by_token: dict[str, Account] = {}
        self._apps: dict[int, App] = {}

    def set(self, token: str, login: str, user_id: int, scopes: tuple[str, ...]) -> None:
        """Let this token in as this user, for what its scopes allow."""
        self._bodies.users[login] = user_id
        self._by_token[token] = Account(login, self._clock.now() + WINDOW, scopes)

    def end(self, token: str, at: datetime) -> None:
        """Let a token be valid until then, as its answers tell from now on."""
        self._by_token[token].ends = at

    def revoke(self, token: str) -> None:
        """Let this token in no longer."""
        self._by_token.pop(token, None)

    def rename(self, login: str, new: str) -> None:
        """Let the tokens of an account be of its new login."""
        for account in self._by_token.values():
            account.login = new if account.login == login else account.login

    def add_app(self, app: App) -> None:
        """Let an app have tokens for its installation."""
        self._apps[app.id] = app
        self._bodies.number(f"{app.slug}[bot]")

    def of(self, request: web.Request) -> Account | None:
        """Tell who asks; None for nobody that is known."""
        account = self._by_token.get(_token(request))
        now = self._clock.now()
        if account is None or (account.ends is not None and now >= account.ends):
            return None
        if now >= account.resets:
            account.used.clear()
            account.resets = now + WINDOW
        return account

    def known(self, request: web.Request) -> Account:
        """Tell who asks, where nobody gets who is not known."""
        account = self.of(request)
        assert account is not None
        return account

    def limits(self, account: Account, resource: str = "core") -> Json:
        """Tell how much of a limit is used."""
        limit, used = self.points if resource == "graphql" else self.quota, account.used.get(resource, 0)
        return {
            "limit": limit,
            "remaining": max(0, limit - used),
            "reset": int(account.resets.timestamp()),
            "used": used,
            "resource": resource,
        }

    def routes(self) -> list[web.RouteDef]:
        """List what is answered about oneself and to apps."""
        return [
            web.get("/user", self._get_user),
            web.get("/user/{id}", self._get_numbered),
            web.get("/users/{login}", self._get_somebody),
            web.get("/rate_limit", self._get_rate_limit),
            web.get("/app", self._get_app),
            web.get("/app/installations/{id}", self._get_installation),
            web.post("/app/installations/{id}/access_tokens", self._make_token),
        ]

    async def _get_user(self, request: web.Request) -> web.StreamResponse:
        account = self.known(request)
        if account.is_app:
            return problem(403, "Resource not accessible by integration")
        return web.json_response(self._profile(account.login))

    async def _get_numbered(self, request: web.Request) -> web.StreamResponse:
        by_number = {str(number): login for login, number in self._bodies.users.items()}
        if (login := by_number.get(request.match_info["id"])) is None:
            raise web.HTTPNotFound
        return web.json_response(self._profile(login))

    async def _get_somebody(self, request: web.Request) -> web.StreamResponse:
        login = request.match_info["login"]
        if login not in self._bodies.users:
            raise web.HTTPNotFound
        return web.json_response(self._profile(login))

    def _profile(self, login: str) -> Json:
        profile = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "twitter_username"))
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        moments = dict.fromkeys(("created_at", "updated_at"), "2013-01-21T00:00:00Z")
        return {**self._bodies.user(login), **profile, "blog": "", **counts, **moments}

    async def _get_rate_limit(self, request: web.Request) -> web.StreamResponse:
        account = self.known(request)
        core, graphql = self.limits(account), self.limits(account, "graphql")
        search = {"limit": 30, "remaining": 30, "resource": "search", "reset": core["reset"], "used": 0}
        return web.json_response({"resources": {"core": core, "search": search, "graphql": graphql}, "rate": core})

    async def _get_app(self, request: web.Request) -> web.StreamResponse:
        app = self._app_of(request)
        return (
            problem(401, "A JSON web token could not be decoded") if app is None else web.json_response(self._app(app))
        )

    async def _get_installation(self, request: web.Request) -> web.StreamResponse:
        app = self._app_of(request)
        if app is None:
            return problem(401, "A JSON web token could not be decoded")
        if request.match_info["id"] != str(app.installation):
            raise web.HTTPNotFound
        told = {"id": app.installation, "app_id": app.id, "app_slug": app.slug, "permissions": dict(app.permissions)}
        return web.json_response(told)

    async def _make_token(self, request: web.Request) -> web.StreamResponse:
        app = self._app_of(request)
        if app is None:
            return problem(401, "A JSON web token could not be decoded")
        if request.match_info["id"] != str(app.installation):
            raise web.HTTPNotFound
        now = self._clock.now()
        token = f"ghs_{app.slug}_{len(self._by_token):06d}"
        account = Account(f"{app.slug}[bot]", now + WINDOW, ("repo", "read:org"), ends=now + WINDOW, is_app=True)
        self._by_token[token] = account
        body = {"token": token, "expires_at": stamp(now + WINDOW), "permissions": dict(app.permissions)}
        return web.json_response({**body, "repository_selection": "all"}, status=201)

    def _app_of(self, request: web.Request) -> App | None:
        """Tell which app has signed the token of a request."""
        token = _token(request)
        try:
            claims = json.loads(_decoded(token.split(".")[1]))
            app = self._apps.get(int(claims["iss"]))
            lasts_s = claims["exp"] - claims["iat"]
        except (ValueError, KeyError, TypeError, IndexError):
            return None
        if app is None or not 0 < lasts_s <= LONGEST_JWT_S:
            return None
        return app if app.is_genuine is None or app.is_genuine(token) else None

    def _app(self, app: App) -> Json:
        moment = stamp(self._clock.now())
        return {
            "id": app.id,
            "slug": app.slug,
            "node_id": f"A_{app.id:08d}",
            "owner": self._bodies.user(app.slug, kind="Organization"),
            "name": app.slug,
            "description": None,
            "external_url": f"{self._bodies.web_url}/apps/{app.slug}",
            "html_url": f"{self._bodies.web_url}/apps/{app.slug}",
            "created_at": moment,
            "updated_at": moment,
            "permissions": {"pull_requests": "write", "metadata": "read"},
            "events": ["pull_request"],
        }


def _token(request: web.Request) -> str:
    return request.headers.get("Authorization", "").partition(" ")[2].strip()


def _decoded(part: str) -> bytes:
    """Decode a part of a JWT, which is written without its padding."""
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError("no base64") from error
