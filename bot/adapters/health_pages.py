"""The pages for whoever watches Gordon: does it live, and how are its parts.

Anybody may ask, so they name no person and no secret. A proxy that is open to the world should pass on neither.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from bot.errors import StorageError
from bot.health import Health, Part

PING, HEALTH = "/ping", "/healthz"
READING = ("GET", "HEAD")
DISK_WITHIN_S = 1.0
LOOKED_EVERY_S = 1.0  # so that many who ask cost no more than one


class HealthPages:
    """Answers `/ping` and `/healthz`.

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
        self._looking = asyncio.Lock()
        self._looked_s = float("-inf")
        self._wrong = ""

    async def ping(self, request: web.Request, rest: str) -> web.Response:
        """Say `pong` if the loop runs and the disk can be read, else what is wrong."""
        if rest:
            return web.Response(status=404)
        wrong = await self._wrong_with_disk()
        return web.Response(status=503 if wrong else 200, text=f"{wrong or 'pong'}\n")

    async def health(self, request: web.Request, rest: str) -> web.Response:
        """Tell how each part is, as JSON; 503 if a vital one is not well."""
        if rest:
            return web.Response(status=404)
        wrong = await self._wrong_with_disk()
        disk = Part("disk", {"problem": wrong or None}, is_well=not wrong, is_vital=True)
        parts = [disk, *self._health.parts(), *self._more()]
        is_well = all(part.is_well or not part.is_vital for part in parts)
        told = {"well": is_well, "parts": {part.name: {"well": part.is_well, **part.facts} for part in parts}}
        body = msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n"
        return web.Response(status=200 if is_well else 503, body=body, content_type="application/json")

    async def _wrong_with_disk(self) -> str:
        async with self._looking:
            if time.monotonic() - self._looked_s >= LOOKED_EVERY_S:
                self._wrong = await self._look()
                self._looked_s = time.monotonic()
            return self._wrong

    async def _look(self) -> str:
        try:
            async with asyncio.timeout(self._disk_within_s):
                await self._health.read_disk()
        except TimeoutError:
            return f"the disk does not answer within {self._disk_within_s:g} s"
        except StorageError:
            return "the database cannot be read"
        return ""
