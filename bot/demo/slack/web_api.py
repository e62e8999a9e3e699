"""The Web API's door: whose token it is, which arguments came how, and what the ledger keeps of it."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from bot.demo.slack import chat_methods, people_methods, place_methods
from bot.demo.slack.calls import ApiError, Call, Method
from bot.demo.slack.faults import Faults
from bot.demo.slack.file_methods import FileMethods
from bot.demo.slack.link import Link
from bot.demo.slack.responses import Responses
from bot.demo.slack.view_methods import ViewMethods
from bot.demo.slack.workspace import Json, Workspace

TOLD = {"message_truncated": "[WARN] Your message was truncated but still posted"}
TokenKind = Literal["bot", "app", "none"]


@dataclass(slots=True)
class Asked:
    """One call as it arrived, and what became of it.

    Arguments:
        at_s: by the double's clock.
        status: of HTTP; 0 while it is worked off.
        took_s: real seconds until it was answered.
        answer: what Slack said, even if nobody heard it.
        retry_after: the text of that header, of a call that was too much.
    """

    method: str
    arguments: Mapping[str, Any] = field(repr=False)
    token: TokenKind
    team: str
    at_s: float
    status: int = 0
    took_s: float = 0.0
    answer: Json = field(default_factory=dict, repr=False)
    retry_after: str = ""

    @property
    def ok(self) -> bool:
        return self.answer.get("ok") is True


class WebApi:
    """All methods, for the tokens of all workspaces.

    Arguments:
        calls: the ledger.
        base_url: where sockets and uploads are; set once the server listens.
    """

    def __init__(self, faults: Faults) -> None:
        self.calls: list[Asked] = []
        self.base_url = ""
        self._faults = faults
        self._change = asyncio.Condition()
        self._workspaces: list[Workspace] = []
        self._links: dict[str, Link] = {}
        self._responses: dict[str, Responses] = {}
        self.files = FileMethods()
        views = ViewMethods(lambda call: self._responses[call.workspace.team_id].used(call.text("trigger_id")))
        rooms = (chat_methods, place_methods, people_methods, views, self.files)
        self._methods = {method.name: method for room in rooms for method in room.methods()}
        for own in (Method("api.test", _test), Method("apps.connections.open", self._open)):
            self._methods[own.name] = own

    def add(self, workspace: Workspace, link: Link, responses: Responses) -> None:
        """Let the tokens of a workspace in."""
        self._workspaces.append(workspace)
        self._links[workspace.team_id] = link
        self._responses[workspace.team_id] = responses

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a call."""
        began_s = time.monotonic()
        arguments, warnings = await read_arguments(request, self._methods)
        name = request.match_info["method"]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or arguments.pop("token", "")
        arguments.pop("token", None)
        workspace, kind = self._whose(token)
        team = workspace.team_id if workspace else ""
        now_s = workspace.now_s() if workspace else 0.0
        asked = Asked(name, arguments, kind, team, now_s)
        self.calls.append(asked)
        channel = str(arguments.get("channel", ""))
        answer = await self._faults.met(request, name, channel) or self._faults.paced(name, channel, now_s)
        if answer is None:
            asked.answer = self._body(name, workspace, kind, token, arguments, warnings)
            answer = await self._faults.met(request, name, channel, is_after=True)
            if answer is None:
                answer = web.json_response(asked.answer, headers=self._headers(name, workspace))
        asked.status, asked.took_s = answer.status, time.monotonic() - began_s
        asked.retry_after = answer.headers.get("Retry-After", "")
        async with self._change:
            self._change.notify_all()
        return answer

    async def called(self, method: str, count: int) -> list[Asked]:
        """Wait until a method was called so often, and worked off."""

        def done() -> list[Asked]:
            return [call for call in self.calls if call.method == method and call.status]

        async with self._change:
            await self._change.wait_for(lambda: len(done()) >= count)
        return done()

    def _body(
        self,
        name: str,
        workspace: Workspace | None,
        kind: TokenKind,
        token: str,
        arguments: Mapping[str, Any],
        warnings: list[str],
    ) -> Json:
        method = self._methods.get(name)
        try:
            if method is None:
                raise ApiError("unknown_method", req_method=name)
            if workspace is None:
                if name == "api.test":
                    return _echo(arguments)
                raise ApiError("invalid_auth" if token else "not_authed")
            self._let_in(method, workspace, kind)
            call = Call(name, workspace, arguments, warnings)
            body: Json = method.answer(call)
        except ApiError as error:
            body = error.body
        if warnings:
            body = {**body, "warning": ",".join(warnings)}
            metadata = {**body.get("response_metadata", {}), "warnings": list(warnings)}
            if told := [TOLD[warning] for warning in warnings if warning in TOLD]:
                metadata["messages"] = [*metadata.get("messages", ()), *told]
            body["response_metadata"] = metadata
        return body

    def _let_in(self, method: Method, workspace: Workspace, kind: TokenKind) -> None:
        app = workspace.app
        if method.name == "apps.connections.open":
            if kind != "app":
                raise ApiError("not_allowed_token_type")
            return
        if kind == "app":
            raise ApiError("not_allowed_token_type")
        if app.revoked:
            raise ApiError(app.revoked)
        if method.scopes and not app.scopes.intersection(method.scopes):
            raise ApiError("missing_scope", needed=",".join(method.scopes), provided=",".join(sorted(app.scopes)))

    def _whose(self, token: str) -> tuple[Workspace | None, TokenKind]:
        for workspace in self._workspaces:
            if token == workspace.app.bot_token:
                return workspace, "bot"
            if token == workspace.app.app_token:
                return workspace, "app"
        return None, "none"

    def _headers(self, name: str, workspace: Workspace | None) -> dict[str, str]:
        if workspace is None:
            return {}
        accepted = self._methods[name].scopes if name in self._methods else ()
        return {"X-OAuth-Scopes": ",".join(sorted(workspace.app.scopes)), "X-Accepted-OAuth-Scopes": ",".join(accepted)}

    def _open(self, call: Call) -> Json:
        link = self._links[call.workspace.team_id]
        if call.workspace.app.request_url:
            raise ApiError("internal_error")  # what a real app gets whose Socket Mode is off
        base = self.base_url.replace("http://", "ws://", 1)
        return {"ok": True, "url": f"{base}/link/?ticket={link.ticket()}&app_id={call.workspace.app.id}"}


async def read_arguments(request: web.Request, methods: Mapping[str, Method]) -> tuple[dict[str, Any], list[str]]:
    """Read the arguments of a call: its query, and its form or JSON; what of that a method does not take is lost."""
    arguments: dict[str, Any] = dict(request.query)
    warnings: list[str] = []
    if request.content_type == "application/json":
        method = methods.get(request.match_info["method"])
        if request.charset is None:
            warnings.append("missing_charset")
        try:
            told = json.loads(await request.text() or "{}")
        except ValueError:
            told = {}
        if isinstance(told, dict) and (method is None or method.takes_json):
            arguments |= told
    else:
        arguments |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return arguments, warnings


def _test(call: Call) -> Json:
    return _echo(call.arguments)


def _echo(arguments: Mapping[str, Any]) -> Json:
    if error := arguments.get("error"):
        return {"ok": False, "error": str(error), "args": dict(arguments)}
    return {"ok": True, **({"args": dict(arguments)} if arguments else {})}
