"""The status page: all of Gordon at a glance, and what is new of it as it happens. It only shows.

However many look, the overview is read and written as HTML once a second at most, and only while somebody does. Who is
slow skips what was in between: each gets what differs from what they have.
"""

import asyncio
import contextlib
import logging
import time
from typing import Protocol

import msgspec
from aiohttp import web

from bot.adapters.page_token import PageToken
from bot.adapters.status_html import Rendered, StatusHtml
from bot.errors import StorageError
from bot.overview import Overview

PATH, EVENTS = "/", "/events"
LOOKED_EVERY_S = 1.0
BEAT_EVERY_S = 10.0  # so that a reader knows that nothing is new, and we that nobody reads any more
SEND_WITHIN_S = 5.0
MAX_VIEWERS = 50  # of the connections that the listener takes; neighbours need the others
RETRY_MS = 3000
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
log = logging.getLogger(__name__)


class Looks(Protocol):
    """Whoever puts overviews together."""

    async def look(self) -> Overview:
        """Read all that is shown.

        Raises:
            StorageError: the disk cannot be read, or takes too long.
        """

    def close(self) -> None:
        """Look no more."""


class StatusPage:
    """Answers `/` and `/events`.

    Arguments:
        door: tells who may look.
        looked_every_s, beat_every_s, send_within_s: as the constants.
    """

    def __init__(
        self,
        overlook: Looks,
        html: StatusHtml,
        door: PageToken,
        *,
        looked_every_s: float = LOOKED_EVERY_S,
        beat_every_s: float = BEAT_EVERY_S,
        send_within_s: float = SEND_WITHIN_S,
        max_viewers: int = MAX_VIEWERS,
    ) -> None:
        self._overlook = overlook
        self._html = html
        self._door = door
        self._looked_every_s = looked_every_s
        self._beat_every_s = beat_every_s
        self._send_within_s = send_within_s
        self._max_viewers = max_viewers
        self._headers = {**HEADERS, "Content-Security-Policy": html.policy}
        self._looking = asyncio.Lock()
        self._looked_s = float("-inf")
        self._rendered: Rendered | None = None
        self._problem = ""
        self._ended = asyncio.Event()
        self.viewers = 0

    async def page(self, request: web.Request, rest: str) -> web.Response:
        """Show how everything is."""
        if rest:
            return web.Response(status=404)
        if refusal := await self._door.refusal(request):
            return refusal
        try:
            rendered = await self._now()
        except StorageError as error:
            log.warning("the status page: %s", error)
            text = "Gordon cannot read its disk now; its log says why.\n"
            return web.Response(status=503, text=text, headers={**self._headers, "Retry-After": "10"})
        answer = web.Response(body=rendered.page, content_type="text/html", charset="utf-8", headers=self._headers)
        answer.enable_compression()
        return answer

    async def events(self, request: web.Request, rest: str) -> web.StreamResponse:
        """Send what is new, as server-sent events, until the reader goes away or Gordon ends."""
        if rest:
            return web.Response(status=404)
        if refusal := await self._door.refusal(request):
            return refusal
        if self.viewers >= self._max_viewers or self._ended.is_set():
            return web.Response(status=503, headers={**self._headers, "Retry-After": "30"})
        answer = web.StreamResponse(headers={**self._headers, "X-Accel-Buffering": "no"})  # nginx would keep it back
        answer.content_type, answer.charset = "text/event-stream", "utf-8"
        seen = request.headers.get("Last-Event-ID") or request.query.get("seen", "")
        self.viewers += 1
        try:
            await answer.prepare(request)
            if request.method == "GET":
                await self._tell(request, answer, seen)
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()  # it reads nothing, and would be waited for
        finally:
            self.viewers -= 1
        return answer

    def end(self) -> None:
        """Let all readers go; there is nothing new any more."""
        self._ended.set()
        self._overlook.close()

    async def _tell(self, request: web.Request, answer: web.StreamResponse, seen: str) -> None:
        """Tell one reader what is new, and now and then that we are still here, for as long as the token counts."""
        has: dict[str, str] = {}
        await self._send(answer, f"retry: {RETRY_MS}\nevent: beat\ndata:\n\n")
        told_s = time.monotonic()
        while not self._ended.is_set() and await self._door.still_lets_in(request):
            with contextlib.suppress(StorageError):  # no beat: the reader sees that it is not live
                rendered = await self._now()
                if rendered.version != seen:
                    news = {name: html for name, html in rendered.sections.items() if has.get(name) != html}
                    data = msgspec.json.encode(news).decode()
                    await self._send(answer, f"id: {rendered.version}\nevent: news\ndata: {data}\n\n")
                    told_s = time.monotonic()
                elif time.monotonic() - told_s >= self._beat_every_s:
                    await self._send(answer, "event: beat\ndata:\n\n")
                    told_s = time.monotonic()
                seen, has = rendered.version, dict(rendered.sections)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), self._looked_every_s)

    async def _send(self, answer: web.StreamResponse, text: str) -> None:
        """Send a piece; TimeoutError where the reader does not take it."""
        async with asyncio.timeout(self._send_within_s):
            await answer.write(text.encode())

    async def _now(self) -> Rendered:
        """Tell how everything is, by a look that is no older than a second; errors are those of `look`."""
        async with self._looking:
            if time.monotonic() - self._looked_s >= self._looked_every_s:
                try:
                    overview = await self._overlook.look()
                except StorageError as error:
                    self._rendered, self._problem = None, str(error)
                else:
                    self._rendered = await asyncio.to_thread(self._html.render, overview)
                self._looked_s = time.monotonic()
            if self._rendered is None:
                raise StorageError(self._problem)
            return self._rendered
