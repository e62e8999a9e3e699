"""A GitHub on loopback that keeps pull requests, answers in GitHub's own shapes, and can be made to fail."""

import asyncio
import hashlib
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

from bot.clock import Clock
from bot.demo.github.bodies import Bodies, Json, PullRecord, RepoRecord, label_of
from bot.demo.github.pages import page_of, whole
from bot.demo.github.teams import SCOPE, Teams

DOCS = "https://docs.github.com/rest"
WINDOW = timedelta(hours=1)
STATES = ("open", "closed", "all")

# Closing with a linger time of zero makes the kernel send a reset instead of an orderly end.
RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    when: datetime


@dataclass(slots=True)
class _Account:
    login: str
    resets: datetime
    scopes: tuple[str, ...] = ()
    used: int = 0


@dataclass(slots=True)
class _Fault:
    answer: Callable[[web.Request], Awaitable[web.StreamResponse | None]]
    times: int
    path: re.Pattern[str]


class GitHubDouble:
    """A stateful GitHub for tests and the demo; every change is made by a method, every read goes over HTTP.

    Two things are simpler than at GitHub: a request without a token is refused as one with a bad token is,
    and pages of people (`html_url`) have the right address but are not served.

    Arguments:
        clock: dates every pull request, answer and rate limit window.
        seed: other seeds give other commit ids.
        quota: requests an account may make in an hour.
    """

    def __init__(self, clock: Clock, *, seed: str = "gordon", quota: int = 5000) -> None:
        self.requests: list[Asked] = []
        self.before_answer: Callable[[Asked], None] | None = None
        self.quota = quota
        self._clock = clock
        self._seed = seed
        self._counter = 0
        self._bodies = Bodies()
        self._accounts: dict[str, _Account] = {}
        self.teams = Teams(self._bodies, self._next_id, lambda request: getattr(self._account(request), "scopes", ()))
        self._faults: list[_Fault] = []
        self._let_go = asyncio.Event()
        self._hanging = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._address = ("127.0.0.1", 0)

    @property
    def base_url(self) -> str:
        """The address for a client; known once started."""
        return self._bodies.base_url

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port unless told, and return the address for a client."""
        self._let_go.clear()
        app = web.Application(middlewares=[self._gate])
        for repo in ("/repos/{owner}/{name}", "/repositories/{id}"):
            app.router.add_get(repo, self._get_repo)
            app.router.add_get(repo + "/pulls", self._get_pulls)
            app.router.add_get(repo + "/pulls/{number}", self._get_pull)
        app.router.add_routes(self.teams.routes())
        app.router.add_get("/user", self._get_user)
        app.router.add_get("/rate_limit", self._get_rate_limit)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._address = (host, self._runner.addresses[0][1])
        self._bodies.base_url = f"http://{host}:{self._address[1]}"
        return self.base_url

    async def stop(self) -> None:
        """Close every connection, hung ones too, and stop listening; what is known is kept."""
        runner, self._runner = self._runner, None
        self._let_go.set()
        if runner is not None:
            await runner.cleanup()

    async def down(self) -> None:
        """Refuse connections until `up`."""
        await self.stop()

    async def up(self) -> None:
        """Listen again where `down` stopped."""
        await self.start(*self._address)

    def set_token(self, token: str, login: str, user_id: int, *, scopes: tuple[str, ...] = ("repo", SCOPE)) -> None:
        """Let this token in as this user, for what its scopes allow."""
        self._bodies.users[login] = user_id
        self._accounts[token] = _Account(login, self._clock.now() + WINDOW, scopes)

    def number_of(self, login: str) -> int:
        """Tell the number of an account; a new login is a new account."""
        return self._bodies.number(login)

    def rename(self, login: str, new: str) -> None:
        """Give an account another login; the old one is free then, and whoever takes it is somebody else."""
        self._bodies.users[new] = self._bodies.users.pop(login)
        for pull in (pull for repo in self._bodies.repos.values() for pull in repo.pulls.values()):
            pull.author = new if pull.author == login else pull.author
        for account in self._accounts.values():
            account.login = new if account.login == login else account.login

    def add_repo(self, name: str) -> None:
        """Create a repository, such as moby/moby."""
        self._bodies.repos[name.lower()] = RepoRecord(self._next_id(), name, self._clock.now())

    def open_pull(
        self,
        repo: str,
        *,
        title: str,
        author: str,
        head_sha: str | None = None,
        base: str = "master",
        number: int | None = None,
        draft: bool = False,
        labels: tuple[str, ...] = (),
    ) -> int:
        """Open a pull request from the author's fork and return its number."""
        home, now = self._bodies.repos[repo.lower()], self._clock.now()
        number = number or home.next_number()
        self._bodies.number(author)  # gives them their number now, whatever is read first
        home.pulls[number] = PullRecord(
            id=self._next_id(),
            number=number,
            title=title,
            author=author,
            head=head_sha or self._next_sha(),
            base=base,
            base_sha=home.tips.setdefault(base, self._next_sha()),
            merge_sha=self._next_sha(),
            draft=draft,
            labels=labels,
            created=now,
            updated=now,
        )
        return number

    def pulls(self, repo: str) -> list[tuple[int, str, str]]:
        """List the number, title and author of what is open."""
        pulls = self._bodies.repos[repo.lower()].pulls.values()
        return [(pull.number, pull.title, pull.author) for pull in pulls if not pull.closed]

    def push(self, repo: str, number: int, sha: str | None = None) -> str:
        """Move the head of a pull request and return the new head."""
        pull = self._bodies.repos[repo.lower()].pulls[number]
        pull.head, pull.merge_sha = sha or self._next_sha(), self._next_sha()
        pull.commits += 1
        pull.updated = self._clock.now()
        return pull.head

    def close(self, repo: str, number: int, merged: bool = False) -> None:
        """Close a pull request, merged or not."""
        pull = self._bodies.repos[repo.lower()].pulls[number]
        pull.closed = pull.updated = self._clock.now()
        pull.merged = merged
        if merged:
            self._bodies.repos[repo.lower()].tips[pull.base] = pull.merge_sha

    # Faults; `path` is a pattern searched in the path and query of a request

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        path: str = "",
        message: str = "Server Error",
        headers: Mapping[str, str] | None = None,
        text: str | None = None,
    ) -> None:
        """Answer the next matching requests with this status, and with a problem unless the text is given."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return _problem(status, message, headers, text)

        self._faults.append(_Fault(answer, times, re.compile(path)))

    def hang(self, *, times: int = 1, path: str = "") -> None:
        """Leave the next matching requests without an answer until `resume`."""
        self._let_go.clear()
        self._hanging.clear()

        async def answer(request: web.Request) -> web.StreamResponse | None:
            self._hanging.set()
            await self._let_go.wait()
            return None if self._runner else _cut(request)

        self._faults.append(_Fault(answer, times, re.compile(path)))

    async def hanging(self) -> None:
        """Wait until a request hangs."""
        await self._hanging.wait()

    def resume(self) -> None:
        """Answer what hangs."""
        self._let_go.set()

    def reset(self, *, times: int = 1, path: str = "") -> None:
        """Reset the connections of the next matching requests."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return _cut(request)

        self._faults.append(_Fault(answer, times, re.compile(path)))

    @web.middleware
    async def _gate(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        asked = Asked(request.method, request.path_qs, self._clock.now())
        self.requests.append(asked)
        response = await self._fault(request)
        if self.before_answer is not None:
            self.before_answer(asked)
        account = self._account(request)
        if response is None:
            response = await self._answer(request, handler, account)
        response.headers.update(self._headers(account))
        return response

    async def _fault(self, request: web.Request) -> web.StreamResponse | None:
        for fault in self._faults:
            if fault.times and fault.path.search(request.path_qs):
                fault.times -= 1
                return await fault.answer(request)
        return None

    async def _answer(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
        account: _Account | None,
    ) -> web.StreamResponse:
        if account is None:
            return _problem(401, "Bad credentials")
        if request.path == "/rate_limit":
            return await handler(request)
        if account.used >= self.quota:
            return _problem(403, f"API rate limit exceeded for user ID {self._bodies.users[account.login]}.")
        account.used += 1
        try:
            response = await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return _problem(404, "Not Found")
        if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
            return response
        response.etag = hashlib.sha256(response.body).hexdigest()
        if response.etag not in (request.if_none_match or ()):
            return response
        account.used -= 1  # at GitHub, too, an unchanged answer costs nothing
        return web.Response(status=304, headers={"ETag": response.headers["ETag"]})

    def _account(self, request: web.Request) -> _Account | None:
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        account = self._accounts.get(token.strip())
        if account is not None and self._clock.now() >= account.resets:
            account.used, account.resets = 0, self._clock.now() + WINDOW
        return account

    def _headers(self, account: _Account | None) -> dict[str, str]:
        headers = {
            "Date": format_datetime(self._clock.now(), usegmt=True),
            "Server": "github.com",
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Request-Id": f"{len(self.requests):04X}:{self._counter:04X}",
        }
        if account is not None:
            limits = {f"X-RateLimit-{name.title()}": str(value) for name, value in self._limits(account).items()}
            headers |= limits
        return headers

    def _limits(self, account: _Account) -> Json:
        return {
            "limit": self.quota,
            "remaining": max(0, self.quota - account.used),
            "reset": int(account.resets.timestamp()),
            "used": account.used,
            "resource": "core",
        }

    async def _get_user(self, request: web.Request) -> web.StreamResponse:
        account = self._account(request)
        assert account is not None
        profile = dict.fromkeys(("name", "company", "location", "email", "hireable", "bio", "twitter_username"))
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        return web.json_response({**self._bodies.user(account.login), **profile, "blog": "", **counts})

    async def _get_rate_limit(self, request: web.Request) -> web.StreamResponse:
        account = self._account(request)
        assert account is not None
        core = self._limits(account)
        window = {"reset": core["reset"], "used": 0}
        search = {"limit": 30, "remaining": 30, "resource": "search", **window}
        graphql = {"limit": 5000, "remaining": 5000, "resource": "graphql", **window}
        return web.json_response({"resources": {"core": core, "search": search, "graphql": graphql}, "rate": core})

    async def _get_repo(self, request: web.Request) -> web.StreamResponse:
        repo = self._find(request)
        owner = self._bodies.user(repo.name.partition("/")[0], kind="Organization")
        counts = {"network_count": 0, "subscribers_count": 0}
        return web.json_response(
            {**self._bodies.repository(repo.name, repo.id, repo.created), **counts, "organization": owner}
        )

    async def _get_pull(self, request: web.Request) -> web.StreamResponse:
        repo = self._find(request)
        pull = repo.pulls.get(whole(request.match_info["number"], 0))
        if pull is None:
            raise web.HTTPNotFound
        return web.json_response(self._bodies.pull(repo, pull))

    async def _get_pulls(self, request: web.Request) -> web.StreamResponse:
        repo, query = self._find(request), request.query
        state = query.get("state", "open")
        if state not in STATES:
            return _problem(422, "Validation Failed")
        key = "updated" if query.get("sort") == "updated" else "created"
        newest_first = query.get("direction", "desc") == "desc"
        pulls = [
            pull
            for pull in repo.pulls.values()
            if state in ("all", "closed" if pull.closed else "open")
            and query.get("base", pull.base) == pull.base
            and query.get("head", label_of(pull)) == label_of(pull)
        ]
        pulls.sort(key=lambda pull: (getattr(pull, key), pull.number), reverse=newest_first)
        page, link = page_of(request, pulls, f"/repositories/{repo.id}/pulls")
        return web.json_response([self._bodies.simple_pull(repo, pull) for pull in page], headers=link)

    def _find(self, request: web.Request) -> RepoRecord:
        known = request.match_info
        if "id" in known:
            found = next((repo for repo in self._bodies.repos.values() if str(repo.id) == known["id"]), None)
        else:
            found = self._bodies.repos.get(f"{known['owner']}/{known['name']}".lower())
        if found is None:
            raise web.HTTPNotFound
        return found

    def _next_id(self) -> int:
        self._counter += 1
        return self._counter

    def _next_sha(self) -> str:
        return hashlib.sha256(f"{self._seed}:{self._next_id()}".encode()).hexdigest()[:40]


def _problem(
    status: int, message: str, headers: Mapping[str, str] | None = None, text: str | None = None
) -> web.Response:
    body = {"message": message, "documentation_url": DOCS, "status": str(status)}
    words = json.dumps(body) if text is None else text
    return web.Response(status=status, text=words, content_type="application/json", charset="utf-8", headers=headers)


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:  # it is None once the client has hung up
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        request.transport.abort()
    return web.Response()
