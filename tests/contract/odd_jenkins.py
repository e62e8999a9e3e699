"""A loopback server that says whatever a test tells it to say in Jenkins' place, and keeps what it was asked."""

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.adapters.jenkins import Jenkins
from bot.clock import SystemClock
from bot.settings import JenkinsSettings

OWN = {"X-Jenkins": "2.541.1", "X-Jenkins-Session": "5e551011"}
Act = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came, its path with the query as it was on the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class OddJenkins:
    """What it says to each path, without query; anything else is a 404 of Jenkins' own."""

    port: int
    scheme: str = "http"
    asked: list[Asked] = field(default_factory=list)
    acts: dict[tuple[str, str], Act] = field(default_factory=dict)
    adapters: list[Jenkins] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/"

    def says(
        self,
        path: str,
        body: object = "",
        status: int = 200,
        method: str = "GET",
        own: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Have it answer a path; what is no text goes out as JSON; `own` has Jenkins' headers on it."""
        text = body if isinstance(body, str) else json.dumps(body)

        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=status, text=text, headers={**(OWN if own else {}), **(headers or {})})

        self.acts[method, path] = answer

    def does(self, path: str, act: Act, method: str = "GET") -> None:
        """Have it do something of its own."""
        self.acts[method, path] = act

    def adapter(self, **changes: Any) -> Jenkins:
        """Make an adapter that is closed with the server."""
        given: dict[str, Any] = {"url": self.url, "user": "gordon", "timeout_s": 5.0} | changes
        self.adapters.append(Jenkins("ci", JenkinsSettings(**given), "gordons-token", SystemClock()))
        return self.adapters[-1]

    def paths(self, method: str) -> list[str]:
        return [each.path for each in self.asked if each.method == method]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        target = request.raw_path
        self.asked.append(Asked(request.method, target, dict(request.headers), await request.text()))
        act = self.acts.get((request.method, target.partition("?")[0]))
        return await act(request) if act else web.Response(status=404, headers=OWN)


@asynccontextmanager
async def an_odd_jenkins(tls: ssl.SSLContext | None = None) -> AsyncIterator[OddJenkins]:
    """Run one on a free port."""
    odd = OddJenkins(0, "https" if tls else "http")
    runner = web.ServerRunner(web.Server(odd.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    odd.port = runner.addresses[0][1]
    try:
        yield odd
    finally:
        for adapter in odd.adapters:
            await adapter.close()
        await runner.cleanup()
