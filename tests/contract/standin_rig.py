"""A Jenkins stand-in on a clock that is held, and a client that asks it over plain HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import yarl

from bot.demo.jenkins.request import READ
from bot.demo.jenkins.standin import JenkinsStandIn

TOKEN = aiohttp.encode_basic_auth("gordon", "11aa")
READER = aiohttp.encode_basic_auth("reader", "22bb")
START = "/job/pr/buildWithParameters"


@dataclass
class HeldClock:
    """Time that moves only when a test says so."""

    elapsed_s: float = 0.0
    _sleepers: list[tuple[float, asyncio.Future[None]]] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime(2026, 8, 22, tzinfo=UTC) + timedelta(seconds=self.elapsed_s)

    def monotonic_s(self) -> float:
        return self.elapsed_s

    async def sleep(self, delay_s: float) -> None:
        if delay_s > 0:
            woken = asyncio.get_running_loop().create_future()
            self._sleepers.append((self.elapsed_s + delay_s, woken))
            await woken

    def pass_s(self, seconds: float) -> None:
        self.elapsed_s += seconds
        for due_s, woken in self._sleepers:
            if due_s <= self.elapsed_s and not woken.done():
                woken.set_result(None)


@dataclass
class Rig:
    """A stand-in, its clock and a client that follows no redirect."""

    server: JenkinsStandIn
    clock: HeldClock
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, auth: str = TOKEN, **more: Any) -> aiohttp.ClientResponse:
        headers = {"Authorization": auth, **more.pop("headers", {})} if auth else more.pop("headers", {})
        more.setdefault("allow_redirects", False)
        # A path with %25 in it must reach the server as it is written.
        url = yarl.URL(self.server.url.rstrip("/") + path, encoded=True)
        async with self.http.request(method, url, headers=headers, **more) as answer:
            await answer.read()
        return answer

    async def see(self, path: str, tree: str = "", **query: str) -> Any:
        """Read an object as JSON."""
        answer = await self.ask("GET", f"{path}api/json", params={**query, "tree": tree} if tree else query)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def post(self, path: str, auth: str = TOKEN, **form: str) -> int:
        """Post a form and give the status."""
        return (await self.ask("POST", path, auth, data=form)).status

    async def status(self, path: str) -> int:
        """Get a page and give the status."""
        return (await self.ask("GET", path)).status

    async def log(self, path: str) -> str:
        """Read the whole log of a build."""
        return await (await self.ask("GET", f"{path}consoleText")).text("utf-8", "replace")

    async def pass_s(self, seconds: float) -> None:
        """Let time pass and the controller see it."""
        self.clock.pass_s(seconds)
        await self.ask("GET", "/queue/api/json")

    async def start(self, **parameters: str) -> int:
        answer = await self.ask("POST", START, params={"delay": "0sec", **parameters})
        assert answer.status == 201
        return queue_id(answer)


def queue_id(answer: aiohttp.ClientResponse) -> int:
    return int(answer.headers["Location"].rstrip("/").rpartition("/")[2])


@asynccontextmanager
async def a_held_jenkins(**how: Any) -> AsyncIterator[Rig]:
    """Run a stand-in without quiet period, with somebody who may do everything and somebody who may only read."""
    clock = HeldClock()
    server = JenkinsStandIn(clock, **{"quiet_period_s": 0.0, **how})
    server.add_user("gordon", token="11aa", password="secret")
    server.add_user("reader", token="22bb", permissions={READ})
    await server.start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield Rig(server, clock, http)
    await server.stop()
