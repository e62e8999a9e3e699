"""Statuses of commits as the REST API of a GitHub on loopback has them."""

from aiohttp import web

from bot.demo.github.accounts import Accounts
from bot.demo.github.commit_bodies import combined_body, status_body
from bot.demo.github.faults import invalid, problem
from bot.demo.github.hub import Hub
from bot.demo.github.pages import object_of, page_of
from bot.demo.github.pull_pages import find_repo, of_repos
from bot.demo.github.records import RepoRecord

STATES = ("error", "failure", "pending", "success")
LONGEST_DESCRIPTION = 140
LAST_OF_THREE_BYTES = "\uffff"  # in UTF-8
MOST_STATUSES = 1000  # of a context at a commit


class StatusPages:
    """Reading and writing statuses."""

    def __init__(self, hub: Hub, accounts: Accounts) -> None:
        self._hub = hub
        self._bodies = hub.bodies
        self._accounts = accounts

    def routes(self) -> list[web.RouteDef]:
        """List what is answered; a branch may have slashes in its name."""
        return [
            *of_repos("POST", "/statuses/{sha}", self._set),
            *of_repos("GET", "/commits/{ref:.+}/status", self._get_combined),
            *of_repos("GET", "/commits/{ref:.+}/statuses", self._get_all),
        ]

    async def _set(self, request: web.Request) -> web.StreamResponse:
        repo, sha = find_repo(self._hub, request), request.match_info["sha"]
        body = await object_of(request)
        state, description, url = body.get("state"), body.get("description"), body.get("target_url")
        context = body.get("context") or "default"
        if sha not in repo.commits:
            return problem(422, f"No commit found for SHA: {sha}")
        if state not in STATES:
            return invalid("Status", "state", message="State is not included in the list")
        if description is not None and len(description) > LONGEST_DESCRIPTION:
            message = f"description is too long (maximum is {LONGEST_DESCRIPTION} characters)"
            return invalid("Status", "description", code="custom", message=message)
        if description and max(description) > LAST_OF_THREE_BYTES:
            message = "description doesn't accept 4-byte Unicode"
            return invalid("Status", "description", code="custom", message=message)
        if url and not url.startswith(("http://", "https://")):
            return invalid("Status", "target_url", code="custom", message="target_url must use http(s) scheme")
        if sum(each.context == context for each in repo.statuses.get(sha, ())) >= MOST_STATUSES:
            message = "This SHA and context has reached the maximum number of statuses."
            return invalid("Status", "context", code="custom", message=message)
        by = self._accounts.known(request).login
        made = self._hub.set_status(repo.name, sha, context, state, by=by, description=description, url=url or "")
        return web.json_response(status_body(self._bodies, repo, made), status=201)

    async def _get_combined(self, request: web.Request) -> web.StreamResponse:
        repo, sha = self._find(request)
        address = f"{self._bodies.base_url}/repositories/{repo.id}/commits/{sha}/status"
        page, link = page_of(request, repo.newest_statuses(sha), address)
        return web.json_response(combined_body(self._bodies, repo, sha, list(page)), headers=link)

    async def _get_all(self, request: web.Request) -> web.StreamResponse:
        repo, sha = self._find(request)
        address = f"{self._bodies.base_url}/repositories/{repo.id}/commits/{sha}/statuses"
        page, link = page_of(request, repo.statuses.get(sha, [])[::-1], address)
        return web.json_response([status_body(self._bodies, repo, status) for status in page], headers=link)

    def _find(self, request: web.Request) -> tuple[RepoRecord, str]:
        repo = find_repo(self._hub, request)
        sha = repo.sha_of(request.match_info["ref"])
        if sha is None:
            raise web.HTTPNotFound
        return repo, sha
