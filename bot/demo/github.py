"""A GitHub on loopback that keeps pull requests, answers in GitHub's own shapes, and can be made to fail."""

import asyncio
import hashlib
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from bot.clock import Clock

Json = dict[str, Any]

DOCS = "https://docs.github.com/rest"
WINDOW = timedelta(hours=1)
PAGE_SIZE, LARGEST_PAGE = 30, 100
STATES = ("open", "closed", "all")

# Closing with a linger time of zero makes the kernel send a reset instead of an orderly end.
RESET = struct.pack("ii", 1, 0)

USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}

REPO_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    when: datetime


@dataclass(slots=True)
class _Pull:
    id: int
    number: int
    title: str
    author: str
    head: str
    base: str
    base_sha: str
    merge_sha: str
    draft: bool
    labels: tuple[str, ...]
    created: datetime
    updated: datetime
    closed: datetime | None = None
    merged: bool = False
    commits: int = 1


@dataclass(slots=True)
class _Repo:
    id: int
    name: str
    created: datetime
    tips: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, _Pull] = field(default_factory=dict)

    def next_number(self) -> int:
        return max(self.pulls, default=0) + 1


@dataclass(slots=True)
class _Account:
    login: str
    resets: datetime
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
        self.base_url = ""
        self._clock = clock
        self._seed = seed
        self._counter = 0
        self._repos: dict[str, _Repo] = {}
        self._users: dict[str, int] = {}
        self._accounts: dict[str, _Account] = {}
        self._faults: list[_Fault] = []
        self._let_go = asyncio.Event()
        self._hanging = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._address = ("127.0.0.1", 0)

    # Life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port unless told, and return the address for a client."""
        self._let_go.clear()
        app = web.Application(middlewares=[self._gate])
        for repo in ("/repos/{owner}/{name}", "/repositories/{id}"):
            app.router.add_get(repo, self._get_repo)
            app.router.add_get(repo + "/pulls", self._get_pulls)
            app.router.add_get(repo + "/pulls/{number}", self._get_pull)
        app.router.add_get("/user", self._get_user)
        app.router.add_get("/rate_limit", self._get_rate_limit)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._address = (host, self._runner.addresses[0][1])
        self.base_url = f"http://{host}:{self._address[1]}"
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

    # What people do

    def set_token(self, token: str, login: str, user_id: int) -> None:
        """Let this token in as this user."""
        self._users[login] = user_id
        self._accounts[token] = _Account(login, self._clock.now() + WINDOW)

    def add_repo(self, name: str) -> None:
        """Create a repository, such as moby/moby."""
        self._repos[name.lower()] = _Repo(self._next_id(), name, self._clock.now())

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
        home, now = self._repos[repo.lower()], self._clock.now()
        number = number or home.next_number()
        self._user(author)  # gives them their number now, whatever is read first
        home.pulls[number] = _Pull(
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

    def push(self, repo: str, number: int, sha: str | None = None) -> str:
        """Move the head of a pull request and return the new head."""
        pull = self._repos[repo.lower()].pulls[number]
        pull.head, pull.merge_sha = sha or self._next_sha(), self._next_sha()
        pull.commits += 1
        pull.updated = self._clock.now()
        return pull.head

    def close(self, repo: str, number: int, merged: bool = False) -> None:
        """Close a pull request, merged or not."""
        pull = self._repos[repo.lower()].pulls[number]
        pull.closed = pull.updated = self._clock.now()
        pull.merged = merged
        if merged:
            self._repos[repo.lower()].tips[pull.base] = pull.merge_sha

    # Faults; `path` is a pattern searched in the path and query of a request

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        path: str = "",
        message: str = "Server Error",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next matching requests with this status."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return _problem(status, message, headers)

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

    # Answers

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
            return _problem(403, f"API rate limit exceeded for user ID {self._users[account.login]}.")
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
        return web.json_response({**self._user(account.login), **profile, "blog": "", **counts})

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
        owner = self._user(repo.name.partition("/")[0], kind="Organization")
        counts = {"network_count": 0, "subscribers_count": 0}
        return web.json_response(
            {**self._repository(repo.name, repo.id, repo.created), **counts, "organization": owner}
        )

    async def _get_pull(self, request: web.Request) -> web.StreamResponse:
        repo = self._find(request)
        pull = repo.pulls.get(_whole(request.match_info["number"], 0))
        if pull is None:
            raise web.HTTPNotFound
        return web.json_response(self._pull(repo, pull))

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
            and query.get("head", _label(pull)) == _label(pull)
        ]
        pulls.sort(key=lambda pull: (getattr(pull, key), pull.number), reverse=newest_first)
        size = min(_whole(query.get("per_page"), PAGE_SIZE), LARGEST_PAGE)
        page, last = _whole(query.get("page"), 1), max(1, -(-len(pulls) // size))
        bodies = [self._simple_pull(repo, pull) for pull in pulls[(page - 1) * size : page * size]]
        # Like GitHub, links go by the repository's number: a client has to follow them, not to build its own.
        here = request.url.with_path(f"/repositories/{repo.id}/pulls").with_query(query)
        links = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        wanted = (["prev"] if page > 1 else []) + (["next", "last"] if page < last else [])
        wanted += ["first"] if page > 1 else []
        link = ", ".join(f'<{here.update_query(page=links[name])}>; rel="{name}"' for name in wanted)
        return web.json_response(bodies, headers={"Link": link} if link else None)

    def _find(self, request: web.Request) -> _Repo:
        known = request.match_info
        if "id" in known:
            found = next((repo for repo in self._repos.values() if str(repo.id) == known["id"]), None)
        else:
            found = self._repos.get(f"{known['owner']}/{known['name']}".lower())
        if found is None:
            raise web.HTTPNotFound
        return found

    # Bodies

    def _user(self, login: str, kind: str = "User") -> Json:
        user_id = self._users.setdefault(login, 1000 + len(self._users))
        url = f"{self.base_url}/users/{login}"
        return {
            "login": login,
            "id": user_id,
            "node_id": f"U_{user_id:08d}",
            "avatar_url": f"{self.base_url}/avatars/u/{user_id}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.base_url}/{login}",
            **{name: url + suffix for name, suffix in USER_LINKS.items()},
            "type": kind,
            "user_view_type": "public",
            "site_admin": False,
        }

    def _repository(self, full_name: str, repo_id: int, created: datetime, *, fork: bool = False) -> Json:
        owner, _, name = full_name.partition("/")
        url, page = f"{self.base_url}/repos/{full_name}", f"{self.base_url}/{full_name}"
        opened = sum(
            not pull.closed for repo in self._repos.values() if repo.id == repo_id for pull in repo.pulls.values()
        )
        absent = ("description", "homepage", "language", "mirror_url", "license")
        zeros = ("size", "stargazers_count", "watchers_count", "forks_count", "forks", "watchers")
        off = ("has_pages", "has_discussions", "archived", "disabled", "is_template", "web_commit_signoff_required")
        return {
            "id": repo_id,
            "node_id": f"R_{repo_id:08d}",
            "name": name,
            "full_name": full_name,
            "private": False,
            "owner": self._user(owner, kind="User" if fork else "Organization"),
            "html_url": page,
            "fork": fork,
            "url": url,
            **{link: url + suffix for link, suffix in REPO_LINKS.items()},
            "git_url": page.replace("http:", "git:") + ".git",
            "ssh_url": f"git@127.0.0.1:{full_name}.git",
            "clone_url": page + ".git",
            "svn_url": page,
            "created_at": _stamp(created),
            "updated_at": _stamp(created),
            "pushed_at": _stamp(created),
            **dict.fromkeys(absent),
            **dict.fromkeys(zeros, 0),
            **dict.fromkeys(off, False),
            **dict.fromkeys(("has_issues", "has_projects", "has_downloads", "has_wiki", "allow_forking"), True),
            "open_issues_count": opened,
            "open_issues": opened,
            "topics": [],
            "visibility": "public",
            "default_branch": "master",
            "permissions": {"admin": False, "maintain": False, "push": True, "triage": True, "pull": True},
        }

    def _simple_pull(self, repo: _Repo, pull: _Pull) -> Json:
        owner, _, name = repo.name.partition("/")
        url = f"{self.base_url}/repos/{repo.name}/pulls/{pull.number}"
        issue, page = url.replace("/pulls/", "/issues/"), f"{self.base_url}/{repo.name}/pull/{pull.number}"
        statuses = f"{self.base_url}/repos/{repo.name}/statuses/{pull.head}"
        home = self._repository(repo.name, repo.id, repo.created)
        # A fork's number only has to differ from other repositories', and the pull request's own does.
        fork = self._repository(f"{pull.author}/{name}", pull.id, pull.created, fork=True)
        links = {
            "self": url,
            "html": page,
            "issue": issue,
            "comments": issue + "/comments",
            "review_comments": url + "/comments",
            "review_comment": f"{self.base_url}/repos/{repo.name}/pulls/comments{{/number}}",
            "commits": url + "/commits",
            "statuses": statuses,
        }
        return {
            "url": url,
            "id": pull.id,
            "node_id": f"PR_{pull.id:08d}",
            "html_url": page,
            "diff_url": page + ".diff",
            "patch_url": page + ".patch",
            "issue_url": issue,
            "number": pull.number,
            "state": "closed" if pull.closed else "open",
            "locked": False,
            "title": pull.title,
            "user": self._user(pull.author),
            "body": None,
            "created_at": _stamp(pull.created),
            "updated_at": _stamp(pull.updated),
            "closed_at": pull.closed and _stamp(pull.closed),
            "merged_at": _stamp(pull.closed) if pull.closed and pull.merged else None,
            "merge_commit_sha": pull.merge_sha,
            **dict.fromkeys(("assignee", "milestone", "auto_merge", "active_lock_reason")),
            **{many: [] for many in ("assignees", "requested_reviewers", "requested_teams")},
            "labels": [self._label_body(repo.name, label) for label in pull.labels],
            "draft": pull.draft,
            "commits_url": links["commits"],
            "review_comments_url": links["review_comments"],
            "review_comment_url": links["review_comment"],
            "comments_url": links["comments"],
            "statuses_url": statuses,
            "head": {
                "label": _label(pull),
                "ref": _branch(pull),
                "sha": pull.head,
                "user": self._user(pull.author),
                "repo": fork,
            },
            "base": {
                "label": f"{owner}:{pull.base}",
                "ref": pull.base,
                "sha": pull.base_sha,
                "user": self._user(owner, kind="Organization"),
                "repo": home,
            },
            "_links": {link: {"href": target} for link, target in links.items()},
            "author_association": "CONTRIBUTOR",
        }

    def _pull(self, repo: _Repo, pull: _Pull) -> Json:
        state = "unknown" if pull.closed else "draft" if pull.draft else "clean"
        counts = ("comments", "review_comments")
        return {
            **self._simple_pull(repo, pull),
            "merged": pull.merged,
            "mergeable": None if pull.closed else True,
            "rebaseable": None if pull.closed else True,
            "mergeable_state": state,
            "merged_by": self._user(repo.name.partition("/")[0]) if pull.merged else None,
            **dict.fromkeys(counts, 0),
            "maintainer_can_modify": not pull.closed,
            "commits": pull.commits,
            **dict.fromkeys(("additions", "deletions", "changed_files"), pull.commits),
        }

    def _label_body(self, repo: str, name: str) -> Json:
        number = int(hashlib.sha256(name.encode()).hexdigest()[:7], 16)
        url = f"{self.base_url}/repos/{repo}/labels/{name}"
        known = {"id": number, "node_id": f"LA_{number:09d}", "url": url, "name": name}
        return {**known, "color": "ededed", "default": False, "description": None}

    def _next_id(self) -> int:
        self._counter += 1
        return self._counter

    def _next_sha(self) -> str:
        return hashlib.sha256(f"{self._seed}:{self._next_id()}".encode()).hexdigest()[:40]


def _problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"message": message, "documentation_url": DOCS, "status": str(status)}
    return web.Response(
        status=status, text=json.dumps(body), content_type="application/json", charset="utf-8", headers=headers
    )


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:  # it is None once the client has hung up
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        request.transport.abort()
    return web.Response()


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() and int(text) > 0 else otherwise


def _branch(pull: _Pull) -> str:
    return f"{pull.number}-{re.sub('[^a-z0-9]+', '-', pull.title.lower()).strip('-')}"


def _label(pull: _Pull) -> str:
    return f"{pull.author}:{_branch(pull)}"
