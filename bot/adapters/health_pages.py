"""The pages for whoever watches Gordon: does it live, is it ready, how are its parts, and what does it count.

Anybody may ask, so they name no person and no secret. A proxy that is open to the world should pass on none.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec
from aiohttp import web

from bot.adapters.web import Page
from bot.errors import StorageError
from bot.health import Health, Part

PING, HEALTH, READY, METRICS = "/ping", "/healthz", "/readyz", "/metrics"
READING = ("GET", "HEAD")
DISK_WITHIN_S = 1.0
LOOKED_EVERY_S = 1.0  # so that many who ask cost no more than one
OPEN = "application/openmetrics-text"
T = TypeVar("T")


class HealthPages:
    """Answers `/ping`, `/healthz`, `/readyz` and `/metrics`.

    Arguments:
        more: tells how the parts are that the program itself does not know of.
        disk_within_s: how long the disk may take.
    """

    def __init__(
        self,
        health: Health,
        more: Callable[[], Sequence[Part]] = tuple,
        *,
        disk_within_s: float = DISK_WITHIN_S,
    ) -> None:
        self._health = health
        self._more = more
        self._disk_within_s = disk_within_s
        self._wrong = Seldom(lambda: self._within("read", self._health.read_disk))
        self._unwritten = Seldom(lambda: self._within("written", self._health.write_disk))
        self._scraped: dict[str, Seldom[tuple[bytes, str]]] = {}

    def pages(self) -> Mapping[str, Page]:
        """List the pages by their paths."""
        answers = {PING: self.ping, HEALTH: self.health, READY: self.ready, METRICS: self.metrics}
        return {path: Page(answer, READING) for path, answer in answers.items()}

    async def ping(self, request: web.Request, rest: str) -> web.Response:
        """Say `pong` if the loop runs and the disk can be read, else what is wrong."""
        if rest:
            return web.Response(status=404)
        wrong = await self._wrong.now()
        return web.Response(status=503 if wrong else 200, text=f"{wrong or 'pong'}\n")

    async def ready(self, request: web.Request, rest: str) -> web.Response:
        """Say `ready` if all is under way and the disk can be written, else why not, one reason a line."""
        if rest:
            return web.Response(status=404)
        why = await self._why_not_ready()
        return web.Response(status=503 if why else 200, text="".join(f"{line}\n" for line in why or ["ready"]))

    async def metrics(self, request: web.Request, rest: str) -> web.Response:
        """Tell everything that is counted, in the format that the reader prefers."""
        if rest:
            return web.Response(status=404)
        accept = request.headers.get("Accept", "")
        kind = OPEN if OPEN in accept else ""  # what is kept for a second is kept in two formats at most
        if kind not in self._scraped:
            self._scraped[kind] = Seldom(lambda: self._scrape(kind))
        body, told = await self._scraped[kind].now()
        return web.Response(body=body, headers={"Content-Type": told})

    async def health(self, request: web.Request, rest: str) -> web.Response:
        """Tell how each part is, as JSON; 503 if a vital one is not well."""
        if rest:
            return web.Response(status=404)
        wrong = await self._wrong.now()
        disk = Part("disk", {"problem": wrong or None}, is_well=not wrong, is_vital=True)
        parts = [disk, *self._health.parts(), *self._more()]
        is_well = all(part.is_well or not part.is_vital for part in parts)
        told = {"well": is_well, "parts": {part.name: {"well": part.is_well, **part.facts} for part in parts}}
        body = msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"
        return web.Response(status=200 if is_well else 503, body=body, content_type="application/json")

    async def _why_not_ready(self) -> Sequence[str]:
        wrong = await self._unwritten.now()
        return [*([wrong] if wrong else []), *self._health.why_not_ready()]

    async def _scrape(self, kind: str) -> tuple[bytes, str]:
        return await self._health.metrics(kind, is_ready=not await self._why_not_ready())

    async def _within(self, done: str, look: Callable[[], Awaitable[object]]) -> str:
        try:
            async with asyncio.timeout(self._disk_within_s):
                await look()
        except TimeoutError:
            return f"the disk does not answer within {self._disk_within_s:g} s"
        except StorageError:
            return f"the database cannot be {done}"
        return ""


class Seldom(Generic[T]):
    """What many ask for and is found out for all of them at once, at most once a second."""

    def __init__(self, look: Callable[[], Awaitable[T]]) -> None:
        self._look = look
        self._looking = asyncio.Lock()
        self._found: list[T] = []
        self._found_s = 0.0

    async def now(self) -> T:
        """Tell what was found within the last second."""
        async with self._looking:
            if not self._found or time.monotonic() - self._found_s >= LOOKED_EVERY_S:
                self._found = [await self._look()]
                self._found_s = time.monotonic()
            return self._found[0]
