"""A GitHub on loopback that keeps pull requests, answers in GitHub's own shapes, and can be made to fail."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

from bot.clock import Clock
from bot.demo.github.accounts import Account, Accounts, App
from bot.demo.github.bodies import ENTERPRISE
from bot.demo.github.faults import Faults, problem
from bot.demo.github.graph import Graph
from bot.demo.github.hook_pages import HookPages
from bot.demo.github.hooks import ContentType, Hook
from bot.demo.github.hub import Hub
from bot.demo.github.issue_pages import IssuePages
from bot.demo.github.known import SENDER
from bot.demo.github.pull_pages import PullPages
from bot.demo.github.status_pages import StatusPages
from bot.demo.github.teams import SCOPE, Teams


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; `path` is with its query."""

    method: str
    path: str
    when: datetime
    body: bytes = field(default=b"", compare=False, repr=False)


class GitHubDouble(Hub, Faults):
    """A stateful GitHub for tests and the demo; what its REST API changes can be changed by a method too.

    Two things are simpler than at GitHub: a request without a token is refused as one with a bad token is,
    and pages of people (`html_url`) have the right address but are not served.

    Arguments:
        clock: dates every pull request, answer and rate limit window.
        seed: other seeds give other commit ids.
        quota: requests an account may make in an hour.
        is_enterprise: the API is below /api/v3, GraphQL at /api/graphql, as in an installation of one's own.
    """

    def __init__(self, clock: Clock, *, seed: str = "gordon", quota: int = 5000, is_enterprise: bool = False) -> None:
        Hub.__init__(self, clock, seed)
        Faults.__init__(self)
        self.requests: list[Asked] = []
        self.latency_s = 0.0  # that each answer takes besides
        self.before_answer: Callable[[Asked], None] | None = None
        self.after_answer: Callable[[Asked, web.StreamResponse], None] | None = None
        self.accounts = Accounts(clock, self.bodies, quota)
        self.teams = Teams(self.bodies, self.next_id, lambda request: getattr(self.accounts.of(request), "scopes", ()))
        self._prefix = ENTERPRISE if is_enterprise else ""
        self.enterprise_version = "3.19.0" if is_enterprise else ""
        self.clock_ahead = timedelta()  # of the time that answers tell, which is else the clock's
        self._graph = Graph(self.bodies, self.accounts, clock)
        self._graph_path = f"{ENTERPRISE.removesuffix('/v3') if is_enterprise else ''}/graphql"
        self._runner: web.AppRunner | None = None
        self._address = ("127.0.0.1", 0)

    @property
    def base_url(self) -> str:
        """The address for a client; known once started."""
        return self.bodies.base_url

    @property
    def quota(self) -> int:
        """How many requests an account may make in an hour; may be changed."""
        return self.accounts.quota

    @quota.setter
    def quota(self, quota: int) -> None:
        self.accounts.quota = quota

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port unless told, and return the address for a client."""
        self._open()
        app = web.Application(middlewares=[self._gate], client_max_size=8 << 20)
        rooms = (IssuePages, PullPages, StatusPages, HookPages)
        routes = [route for room in rooms for route in room(self, self.accounts).routes()]
        for route in [*routes, *self.teams.routes(), *self.accounts.routes()]:
            app.router.add_route(route.method, self._prefix + route.path, route.handler)
        app.router.add_post(self._graph_path, self._graph.answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._address = (host, self._runner.addresses[0][1])
        self.bodies.base_url = f"http://{host}:{self._address[1]}{self._prefix}"
        return self.base_url

    async def stop(self) -> None:
        """Stop all: listening, hung connections, and what hooks are still to be told; what is known is kept."""
        await self.hooks.close()
        await self.down()

    async def down(self) -> None:
        """Refuse connections until `up`; hooks are told all the same."""
        runner, self._runner = self._runner, None
        self._shut()
        if runner is not None:
            await runner.cleanup()

    async def up(self) -> None:
        """Listen again where `down` stopped."""
        await self.start(*self._address)

    def set_token(self, token: str, login: str, user_id: int, *, scopes: tuple[str, ...] = ("repo", SCOPE)) -> None:
        """Let this token in as this user, for what its scopes allow."""
        self.accounts.set(token, login, user_id, scopes)

    def revoke_token(self, token: str) -> None:
        """Let this token in no longer."""
        self.accounts.revoke(token)

    def add_app(
        self, app_id: int, slug: str, *, installation: int = 1, is_genuine: Callable[[str], bool] | None = None
    ) -> None:
        """Let an app have tokens of an hour, for its one installation.

        Arguments:
            is_genuine: checks the signature of the JWT that it comes with; None takes all.
        """
        self.accounts.add_app(App(app_id, slug, installation, is_genuine))

    def rename(self, login: str, new: str) -> None:
        """Give an account another login; the old one is free then, and whoever takes it is somebody else."""
        super().rename(login, new)
        self.accounts.rename(login, new)

    def add_hook(
        self,
        url: str,
        secret: str,
        *,
        repo: str = "",
        org: str = "",
        events: Iterable[str] = ("*",),
        content_type: ContentType = "json",
    ) -> Hook:
        """Have events of a repository, or of all of an organisation, sent somewhere; a ping is the first.

        Arguments:
            secret: nothing is signed if it is empty.
        """
        payload = {"sender": self.bodies.user(SENDER)}
        if repo:
            home = self.repo(repo)
            payload["repository"] = self.bodies.repository(home.name, home.id, home.created)
        else:
            payload["organization"] = self.bodies.organization(org)
        return self.hooks.add(repo or org, url, secret, events, content_type, payload)

    @web.middleware
    async def _gate(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        asked = Asked(request.method, request.path_qs, self.clock.now(), await request.read())
        self.requests.append(asked)
        if self.latency_s:
            await self.clock.sleep(self.latency_s)
        response = await self.met(request)
        if self.before_answer is not None:
            self.before_answer(asked)
        account = self.accounts.of(request)
        if response is None:
            response = await self._answer(request, handler, account)
            response = await self.met(request, is_after=True) or response
        response.headers.update(self._headers(account, "graphql" if request.path == self._graph_path else "core"))
        if self.after_answer is not None:
            self.after_answer(asked, response)
        return response

    async def _answer(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
        account: Account | None,
    ) -> web.StreamResponse:
        is_of_app = request.path.removeprefix(self._prefix).split("/")[1] == "app"
        if account is None and not is_of_app:
            return problem(401, "Bad credentials")
        counts = request.path not in (f"{self._prefix}/rate_limit", self._graph_path)
        if account is not None and counts:
            if account.used.get("core", 0) >= self.quota:
                return problem(403, f"API rate limit exceeded for user ID {self.bodies.users[account.login]}.")
            account.used["core"] = account.used.get("core", 0) + 1
        try:
            response = await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return problem(404, "Not Found")
        is_read = request.method == "GET" and response.status == 200
        if not is_read or not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response
        response.etag = hashlib.sha256(response.body).hexdigest()
        if response.etag not in (request.if_none_match or ()):
            return response
        if account is not None and counts:
            account.used["core"] -= 1  # at GitHub, too, an unchanged answer costs nothing
        return web.Response(status=304, headers={"ETag": response.headers["ETag"]})

    def _headers(self, account: Account | None, resource: str) -> dict[str, str]:
        headers = {
            "Date": format_datetime(self.clock.now() + self.clock_ahead, usegmt=True),
            "Server": "github.com",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": f"{len(self.requests):04X}:{self._counter:04X}",
        }
        if account is not None:
            limits = self.accounts.limits(account, resource)
            headers |= {f"X-RateLimit-{name.title()}": str(value) for name, value in limits.items()}
            headers |= {} if account.is_app else {"X-OAuth-Scopes": ", ".join(account.scopes)}
            if account.ends is not None and not account.is_app:
                headers["GitHub-Authentication-Token-Expiration"] = f"{account.ends:%Y-%m-%d %H:%M:%S} UTC"
        if self.enterprise_version:
            headers["X-GitHub-Enterprise-Version"] = self.enterprise_version
        return headers
