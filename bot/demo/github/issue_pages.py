"""Comments, reactions and labels as the REST API of a GitHub on loopback has them: a pull request is an issue too."""

from aiohttp import web

from bot.demo.github.accounts import Accounts
from bot.demo.github.bodies import Json
from bot.demo.github.faults import invalid, problem
from bot.demo.github.hub import Hub
from bot.demo.github.pages import json_of, object_of, page_of, whole
from bot.demo.github.pull_pages import find_pull, find_repo, of_repos
from bot.demo.github.records import CommentRecord, PullRecord, RepoRecord, stamp
from bot.demo.github.talk_bodies import REACTIONS, comment_body, issue_body, reaction_body

LONGEST_COMMENT = 65_536


class IssuePages:
    """Reading and writing what is said about a pull request, and its labels."""

    def __init__(self, hub: Hub, accounts: Accounts) -> None:
        self._hub = hub
        self._bodies = hub.bodies
        self._accounts = accounts

    def routes(self) -> list[web.RouteDef]:
        """List what is answered; a slash in the name of a label may be written as it is or as `%2F`."""
        issue, comment = "/issues/{number}", "/issues/comments/{comment}"
        return [
            *of_repos("GET", "/issues/comments", self._get_all_comments),
            *of_repos("GET", comment, self._get_comment),
            *of_repos("PATCH", comment, self._edit_comment),
            *of_repos("DELETE", comment, self._delete_comment),
            *of_repos("GET", f"{comment}/reactions", self._get_reactions),
            *of_repos("POST", f"{comment}/reactions", self._react),
            *of_repos("GET", issue, self._get_issue),
            *of_repos("GET", f"{issue}/comments", self._get_comments),
            *of_repos("POST", f"{issue}/comments", self._comment),
            *of_repos("GET", f"{issue}/labels", self._get_labels),
            *of_repos("POST", f"{issue}/labels", self._add_labels),
            *of_repos("DELETE", f"{issue}/labels/{{label:.+}}", self._remove_label),
        ]

    async def _get_issue(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        closed_by = self._bodies.user(pull.merged_by or pull.author) if pull.closed else None
        return web.json_response({**issue_body(self._bodies, repo, pull), "closed_by": closed_by})

    async def _get_comments(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        since = request.query.get("since", "")
        comments = [each for each in repo.comments_on(pull.number) if stamp(each.updated) >= since]
        page, link = page_of(request, comments, self._address(repo, f"/issues/{pull.number}/comments"))
        return web.json_response([comment_body(self._bodies, repo, comment) for comment in page], headers=link)

    async def _get_all_comments(self, request: web.Request) -> web.StreamResponse:
        repo, since = find_repo(self._hub, request), request.query.get("since", "")
        by = "updated" if request.query.get("sort") == "updated" else "created"
        is_down = request.query.get("direction") == "desc"
        found = [each for each in repo.comments.values() if stamp(each.updated) >= since]
        found.sort(key=lambda each: (getattr(each, by), each.id), reverse=is_down)
        page, link = page_of(request, found, self._address(repo, "/issues/comments"))
        return web.json_response([comment_body(self._bodies, repo, comment) for comment in page], headers=link)

    async def _comment(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        text = await _text_of(request)
        if isinstance(text, web.Response):
            return text
        made = self._hub.comment(repo.name, pull.number, text, by=self._accounts.known(request).login)
        shown = comment_body(self._bodies, repo, repo.comments[made])
        return web.json_response(shown, status=201, headers={"Location": shown["url"]})

    async def _get_comment(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(comment_body(self._bodies, *self._find_comment(request)))

    async def _edit_comment(self, request: web.Request) -> web.StreamResponse:
        repo, comment = self._find_comment(request)
        text = await _text_of(request)
        if isinstance(text, web.Response):
            return text
        self._hub.edit_comment(repo.name, comment.id, text, by=self._accounts.known(request).login)
        return web.json_response(comment_body(self._bodies, repo, comment))

    async def _delete_comment(self, request: web.Request) -> web.StreamResponse:
        repo, comment = self._find_comment(request)
        self._hub.delete_comment(repo.name, comment.id, by=self._accounts.known(request).login)
        return web.Response(status=204)

    async def _get_reactions(self, request: web.Request) -> web.StreamResponse:
        repo, comment = self._find_comment(request)
        address = self._address(repo, f"/issues/comments/{comment.id}/reactions")
        page, link = page_of(request, comment.reactions, address)
        return web.json_response([reaction_body(self._bodies, reaction) for reaction in page], headers=link)

    async def _react(self, request: web.Request) -> web.StreamResponse:
        repo, comment = self._find_comment(request)
        content = (await object_of(request)).get("content")
        if content not in REACTIONS:
            return invalid("Reaction", "content")
        reaction, is_new = self._hub.react(repo.name, comment.id, content, by=self._accounts.known(request).login)
        return web.json_response(reaction_body(self._bodies, reaction), status=201 if is_new else 200)

    async def _get_labels(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        page, link = page_of(request, pull.labels, self._address(repo, f"/issues/{pull.number}/labels"))
        return web.json_response([self._bodies.label(repo.name, name) for name in page], headers=link)

    async def _add_labels(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        body = await json_of(request)
        names = body.get("labels") if isinstance(body, dict) else body  # a bare list does as well
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            return invalid("Label", "name")
        self._hub.label(repo.name, pull.number, *names, by=self._accounts.known(request).login)
        return web.json_response(self._labels(repo, pull))

    async def _remove_label(self, request: web.Request) -> web.StreamResponse:
        repo, pull = find_pull(self._hub, request)
        name = request.match_info["label"]
        if name not in pull.labels:
            return problem(404, "Label does not exist")
        self._hub.unlabel(repo.name, pull.number, name, by=self._accounts.known(request).login)
        return web.json_response(self._labels(repo, pull))

    def _labels(self, repo: RepoRecord, pull: PullRecord) -> list[Json]:
        return [self._bodies.label(repo.name, name) for name in pull.labels]

    def _find_comment(self, request: web.Request) -> tuple[RepoRecord, CommentRecord]:
        repo = find_repo(self._hub, request)
        comment = repo.comments.get(whole(request.match_info["comment"], 0))
        if comment is None:
            raise web.HTTPNotFound
        return repo, comment

    def _address(self, repo: RepoRecord, path: str) -> str:
        return f"{self._bodies.base_url}/repositories/{repo.id}{path}"


async def _text_of(request: web.Request) -> str | web.Response:
    """Read the text of a comment, or make the refusal of one that cannot be."""
    text = (await object_of(request)).get("body")
    if not isinstance(text, str) or not text.strip():
        return invalid("IssueComment", "body", code="missing_field")
    if len(text) > LONGEST_COMMENT:
        message = f"body is too long (maximum is {LONGEST_COMMENT} characters)"
        return invalid("IssueComment", "data", code="unprocessable", message=message)
    return text
