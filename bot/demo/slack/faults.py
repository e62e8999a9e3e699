"""What may go wrong with calls of the Web API, on purpose."""

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from bot.demo.slack.workspace import Json

# Closing with a linger time of zero makes the kernel send a reset instead of an orderly end.
RESET = struct.pack("ii", 1, 0)
LIMITED: Json = {"ok": False, "error": "ratelimited"}


@dataclass(slots=True)
class _Fault:
    answer: Callable[[web.Request], web.StreamResponse | None]
    times: int
    method: str
    channel: str
    wait_s: float = 0.0
    is_after: bool = False

    def hits(self, method: str, channel: str) -> bool:
        return self.times != 0 and self.method in ("", method) and self.channel in ("", channel)


class Faults:
    """Faults to come.

    `method` is the name of a method, or nothing for all; `channel` an id, or nothing for all; `times` how many matching
    calls are hit, -1 for all until `mend`.

    Arguments:
        one_a_second: hold the app to Slack's own limit, one message a second to each channel.
    """

    def __init__(self) -> None:
        self.one_a_second = False
        self._faults: list[_Fault] = []
        self._posted: dict[str, float] = {}

    def limit(
        self, retry_after: str | None = "30", *, method: str = "chat.postMessage", channel: str = "", times: int = 1
    ) -> None:
        """Answer 429 with this `Retry-After`, whatever its text; None leaves the header out."""

        def answer(_: web.Request) -> web.StreamResponse:
            return too_many(retry_after)

        self._faults.append(_Fault(answer, times, method, channel))

    def refuse(self, method: str, error: str, *, channel: str = "", times: int = 1, **more: object) -> None:
        """Answer `ok: false` with this error."""

        def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response({"ok": False, "error": error, **more})

        self._faults.append(_Fault(answer, times, method, channel))

    def break_down(
        self, status: int = 500, text: str = "<html>Server Error</html>", *, method: str = "", times: int = 1
    ) -> None:
        """Answer with something that is not Slack's API."""

        def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, text=text, content_type="text/html")

        self._faults.append(_Fault(answer, times, method, ""))

    def slow(self, wait_s: float, *, method: str = "", times: int = 1) -> None:
        """Wait so many real seconds before a call is worked off."""
        self._faults.append(_Fault(lambda _: None, times, method, "", wait_s=wait_s))

    def drop(self, *, method: str = "", channel: str = "", times: int = 1, is_done: bool = True) -> None:
        """Reset the connection: after a call was worked off, so that nobody knows, or before."""
        self._faults.append(_Fault(cut, times, method, channel, is_after=is_done))

    def mend(self) -> None:
        """Forget all faults to come."""
        self._faults.clear()

    async def met(
        self, request: web.Request, method: str, channel: str, *, is_after: bool = False
    ) -> web.StreamResponse | None:
        """Give the answer of the first fault that a call meets, before or after it was worked off; None without one."""
        for fault in self._faults:
            if fault.is_after == is_after and fault.hits(method, channel):
                fault.times -= 1 if fault.times > 0 else 0
                if fault.wait_s:
                    await asyncio.sleep(fault.wait_s)
                if (answer := fault.answer(request)) is not None:
                    return answer
        return None

    def paced(self, method: str, channel: str, now_s: float) -> web.StreamResponse | None:
        """Refuse what comes too soon, if Slack's own limit is on."""
        if not self.one_a_second or method != "chat.postMessage":
            return None
        if now_s < self._posted.get(channel, 0.0):
            return too_many("1")
        self._posted[channel] = now_s + 1.0
        return None


def too_many(retry_after: str | None) -> web.Response:
    """Make the answer to one call too many."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return web.json_response(LIMITED, status=429, headers=headers)


def cut(request: web.Request) -> web.StreamResponse:
    """Reset a connection in place of an answer."""
    if request.transport is not None:  # it is None once the client has hung up
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        request.transport.abort()
    return web.Response()
