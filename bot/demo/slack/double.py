"""A Slack on loopback that keeps workspaces, answers as the Web API does, and delivers by sockets or signed posts."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web

from bot.clock import Clock, SystemClock
from bot.demo.slack.acts import Acts
from bot.demo.slack.deliveries import Deliveries, Patience, Transport
from bot.demo.slack.faults import Faults
from bot.demo.slack.link import Link
from bot.demo.slack.moby import moby
from bot.demo.slack.posts import Posts
from bot.demo.slack.responses import Responses
from bot.demo.slack.web_api import Asked, WebApi
from bot.demo.slack.workspace import Workspace

LARGEST_BODY = 8 << 20


class Team:
    """One workspace of the double, and everything that happens between it and its app.

    Arguments:
        workspace: what it keeps.
        acts: what its people do.
        deliveries: what it has for the app; its `fate`, `hold` and `release` lose, double and reorder.
        link: its sockets and what may happen to them.
        posts: its signed requests, in HTTP mode.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.deliveries = Deliveries(workspace, self._transport)
        self.link = Link(workspace, self._patience)
        self.posts = Posts(workspace, self._patience)
        self.responses = Responses(workspace)
        self.acts = Acts(workspace, self.deliveries, self.responses)
        workspace.tell = self.deliveries.event

    def post_to(self, url: str) -> None:
        """Turn Socket Mode off and HTTP mode on: events, commands and clicks go to this address."""
        self.workspace.app.request_url = url

    async def close(self) -> None:
        """Deliver nothing more."""
        await self.deliveries.close()
        await self.link.close()
        await self.posts.close()

    def _patience(self) -> Patience:
        return self.deliveries.patience

    def _transport(self) -> Transport:
        return self.posts if self.workspace.app.request_url else self.link


class SlackDouble:
    """A stateful Slack for tests and the demo; `async with` starts and stops it.

    Arguments:
        clock: dates messages, triggers and signatures.
        teams: make the workspaces; the demo's one unless told.

    Its `faults` are those of the Web API; `calls` is the ledger of it.
    """

    def __init__(self, clock: Clock | None = None, *teams: Callable[[Clock], Workspace]) -> None:
        self.clock = clock or SystemClock()
        self.faults = Faults()
        self.teams = {team.workspace.name: team for team in (Team(make(self.clock)) for make in teams or (moby,))}
        self._api = WebApi(self.faults)
        for team in self.teams.values():
            self._api.add(team.workspace, team.link, team.responses)
        self._runner: web.AppRunner | None = None

    @property
    def api_url(self) -> str:
        """Where a client finds the Web API; known once started."""
        return f"{self._api.base_url}/api/"

    @property
    def calls(self) -> list[Asked]:
        """All calls of the Web API, oldest first."""
        return self._api.calls

    def calls_of(self, method: str) -> list[Asked]:
        """List the calls of one method, oldest first."""
        return [call for call in self.calls if call.method == method]

    async def called(self, method: str, count: int = 1, *, limit_s: float = 5.0) -> list[Asked]:
        """Wait until a method was called so often, and list its calls.

        Raises:
            TimeoutError: it was not within so many real seconds.
        """
        async with asyncio.timeout(limit_s):
            return await self._api.called(method, count)

    def team(self, name: str = "moby") -> Team:
        """Find a workspace with its people and its app by its name."""
        return self.teams[name]

    def workspace(self, name: str = "moby") -> Workspace:
        """Find what a workspace keeps by its name."""
        return self.teams[name].workspace

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self, port: int = 0) -> str:
        """Listen on loopback, on a free port unless told, and return the address of the Web API."""
        app = web.Application(client_max_size=LARGEST_BODY)
        app.router.add_route("*", "/api/{method}", self._api.answer)
        app.router.add_get("/link/", self._link)
        app.router.add_routes(self._api.files.routes())
        for team in self.teams.values():
            app.router.add_routes(team.responses.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self._api.base_url = self._api.files.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        for team in self.teams.values():
            team.responses.base_url = self._api.base_url
        return self.api_url

    async def close(self) -> None:
        """Deliver nothing more and stop listening; what is known is kept."""
        for team in self.teams.values():
            await team.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _link(self, request: web.Request) -> web.StreamResponse:
        for team in self.teams.values():
            if team.link.has(request.query.get("ticket", "")):
                return await team.link.serve(request)
        return web.Response(status=408, text="ticket expired")
