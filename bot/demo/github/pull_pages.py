"""Repositories and pull requests as the REST API of a GitHub on loopback has them, and the merge."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.demo.github.accounts import Accounts
from bot.demo.github.commit_bodies import commit_body, file_body
from bot.demo.github.faults import invalid, problem
from bot.demo.github.hub import Hub
from bot.demo.github.pages import object_of, page_of, whole
from bot.demo.github.records import PullRecord, RepoRecord, label_of
from bot.demo.github.talk_bodies import review_body

STATES = ("open", "closed", "all")
LISTED_COMMITS, LISTED_FILES = 250, 3000  # GitHub lists no more of a pull request

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


def find_repo(hub: Hub, request: web.Request) -> RepoRecord:
    """Find the repository that a request names, by its name or its number."""
    known, repos = request.match_info, hub.bodies.repos
    if "id" in known:
        found = next((repo for repo in repos.values() if str(repo.id) == known["id"]), None)
    else:
        found = repos.get(f"{known['owner']}/{known['name']}".lower())
    if found is None:
        raise web.HTTPNotFound
    return found


def find_pull(hub: Hub, request: web.Request) -> tuple[RepoRecord, PullRecord]:
    """Find the pull request that a request names."""
    repo = find_repo(hub, request)
    pull = repo.pulls.get(whole(request.match_info["number"], 0))
    if pull is None:
        raise web.HTTPNotFound
    return repo, pull


def of_repos(method: str, path: str, page: Page) -> list[web.RouteDef]:
    """Answer below repositories, by their names and by their numbers."""
    roots = ("/repos/{owner}/{name}", "/repositories/{id}")
    return [web.route(method, root + path, page) for root in roots]


class PullPages:
    """What is read of pull requests, and what can be done to them."""

    def __init__(self, hub: Hub, accounts: Accounts) -> None:
        self._hub = hub
        self._bodies = hub.bodies
        self._accounts = accounts

    def routes(self) -> list[web.RouteDef]:
        """List what is answered."""
        pull = "/pulls/{number}"
        return [
            *of_repos("GET", "", self._get_repo),
            *of_repos("GET", "/pulls", self._get_pulls),
            *of_repos("GET", pull, self._get_pull),
            *of_repos("GET", f"{pull}/files", self._get_files),
            *of_repos("GET", f"{pull}/commits", self._get_commits),
            *of_repos("GET", f"{pull}/reviews", self._get_reviews),
            *of_repos("GET", f"{pull}/requested_reviewers", self._get_asked),
            *of_repos("POST", f"{pull}/requested_reviewers", self._ask),
            *of_repos("DELETE", f"{pull}/requested_reviewers", self._unask),
            *of_repos("GET", f"{pull}/merge", self._get_merged),
            *of_repos("PUT", f"{pull}/merge", self._merge),
        ]

    async def _get_repo(self, request: web.Request) -> web.StreamResponse:
        repo = find_repo(self._hub, request)
        owner = self._bodies.user(repo.owner, kind="Organization")
        counts = {"network_count": 0, "subscribers_count": 0}
        shown = self._bodies.repository(repo.name, repo.id, repo.created)
        return web.json_response({**shown, **counts, "organization": owner})

    async def _get_pull(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._bodies.pull(*find_pull(self._hub, request), self._hub.clock.now()))

    async def _get_pulls(self, request: web.Request) -> web.StreamResponse:
        repo, query = find_repo(self._hub, request), request.query
        state = query.get("state", "open")
        if state not in STATES:
            return invalid("PullRequest", "state")
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
        page, link = page_of(request, pulls, self._address(repo, "/pulls"))
        return web.json_response([self._bodies.simple_pull(repo, pull) for pull in page], headers=link)

    async def _get_files(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        page, link = page_of(request, pull.files[:LISTED_FILES], self._address(repo, f"/pulls/{pull.number}/files"))
        return web.json_response([file_body(self._bodies, repo, pull, file) for file in page], headers=link)

    async def _get_commits(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        listed = pull.commits[:LISTED_COMMITS]
        page, link = page_of(request, listed, self._address(repo, f"/pulls/{pull.number}/commits"))
        return web.json_response([commit_body(self._bodies, repo, commit) for commit in page], headers=link)

    async def _get_reviews(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        page, link = page_of(request, pull.reviews, self._address(repo, f"/pulls/{pull.number}/reviews"))
        return web.json_response([review_body(self._bodies, repo, pull, review) for review in page], headers=link)

    async def _get_asked(self, request: web.Request) -> web.StreamResponse:
        shown = self._bodies.simple_pull(*find_pull(self._hub, request))
        return web.json_response({"users": shown["requested_reviewers"], "teams": shown["requested_teams"]})

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        body = await object_of(request)
        logins, teams = body.get("reviewers", []), body.get("team_reviewers", [])
        if pull.author in logins:
            return problem(422, "Review cannot be requested from pull request author.")
        by = self._accounts.known(request).login
        self._hub.ask_review(repo.name, pull.number, *logins, teams=teams, by=by)
        return web.json_response(self._bodies.simple_pull(repo, pull), status=201)

    async def _unask(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        body = await object_of(request)
        by, teams = self._accounts.known(request).login, body.get("team_reviewers", [])
        self._hub.unask_review(repo.name, pull.number, *body.get("reviewers", []), teams=teams, by=by)
        return web.json_response(self._bodies.simple_pull(repo, pull))

    async def _get_merged(self, request: web.Request) -> web.StreamResponse:
        if not find_pull(self._hub, request)[1].merged:
            raise web.HTTPNotFound
        return web.Response(status=204)

    async def _merge(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        body = await object_of(request)
        if pull.closed or pull.draft or not pull.mergeable:
            return problem(405, "Pull Request is not mergeable")
        if body.get("sha", pull.head) != pull.head:
            return problem(409, "Head branch was modified. Review and try the merge again.")
        self._hub.close(repo.name, pull.number, merged=True, by=self._accounts.known(request).login)
        told = {"sha": pull.merge_sha, "merged": True, "message": "Pull Request successfully merged"}
        return web.json_response(told)

    def _address(self, repo: RepoRecord, path: str) -> str:
        return f"{self._bodies.base_url}/repositories/{repo.id}{path}"
