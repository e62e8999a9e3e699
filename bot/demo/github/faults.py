"""How a GitHub on loopback can be made to fail: at once, late, or after it has done what it was asked."""

import asyncio
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

DOCS = "https://docs.github.com/rest"
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)

# Closing with a linger time of zero makes the kernel send a reset instead of an orderly end.
RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class _Fault:
    answer: Callable[[web.Request], Awaitable[web.StreamResponse | None]]
    times: int
    path: re.Pattern[str]
    method: str
    is_after: bool = False


class Faults:
    """Faults to come.

    `path` is a pattern searched in the path and query of a request, `method` a word such as "POST", or nothing for
    all, and `times` how many matching requests are hit.
    """

    def __init__(self) -> None:
        self._faults: list[_Fault] = []
        self._let_go = asyncio.Event()
        self._hanging = asyncio.Event()
        self._is_stopped = False

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        path: str = "",
        method: str = "",
        message: str = "Server Error",
        headers: Mapping[str, str] | None = None,
        text: str | None = None,
    ) -> None:
        """Answer the next matching requests with this status, and with a problem unless the text is given."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return problem(status, message, headers=headers, text=text)

        self._faults.append(_Fault(answer, times, re.compile(path), method))

    def limit(
        self, *, times: int = 1, path: str = "", method: str = "", status: int = 403, retry_after_s: int | None = 60
    ) -> None:
        """Meet the next matching requests with the secondary limit, which may name no time to wait."""
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self.fail(status, times=times, path=path, method=method, message=SECONDARY, headers=headers)

    def hang(self, *, times: int = 1, path: str = "", method: str = "") -> None:
        """Leave the next matching requests without an answer until `resume`."""
        self._let_go.clear()
        self._hanging.clear()

        async def answer(request: web.Request) -> web.StreamResponse | None:
            self._hanging.set()
            await self._let_go.wait()
            return cut(request) if self._is_stopped else None

        self._faults.append(_Fault(answer, times, re.compile(path), method))

    async def hanging(self) -> None:
        """Wait until a request hangs."""
        await self._hanging.wait()

    def resume(self) -> None:
        """Answer what hangs."""
        self._let_go.set()

    def reset(self, *, times: int = 1, path: str = "", method: str = "") -> None:
        """Reset the connections of the next matching requests."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return cut(request)

        self._faults.append(_Fault(answer, times, re.compile(path), method))

    def commit_then_drop(self, *, times: int = 1, path: str = "", method: str = "", status: int | None = None) -> None:
        """Do what the next matching requests ask for, but reset their connections, or answer with this status."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return cut(request) if status is None else problem(status, "Server Error")

        self._faults.append(_Fault(answer, times, re.compile(path), method, is_after=True))

    async def met(self, request: web.Request, *, is_after: bool = False) -> web.StreamResponse | None:
        """Give the answer of the fault that a request meets, before or after it was worked off; None without one."""
        for fault in self._faults:
            is_hit = fault.times and fault.is_after == is_after and fault.method in ("", request.method)
            if is_hit and fault.path.search(request.path_qs):
                fault.times -= 1
                return await fault.answer(request)
        return None

    def _open(self) -> None:
        """Let requests hang from now on, as the server listens."""
        self._is_stopped = False
        self._let_go.clear()

    def _shut(self) -> None:
        """Cut what hangs, as the server stops."""
        self._is_stopped = True
        self._let_go.set()


def problem(
    status: int,
    message: str,
    *,
    errors: list[dict[str, str] | str] | None = None,
    headers: Mapping[str, str] | None = None,
    text: str | None = None,
) -> web.Response:
    """Make the answer in which GitHub says what is wrong."""
    body = {"message": message, **({"errors": errors} if errors else {}), "documentation_url": DOCS}
    words = json.dumps({**body, "status": str(status)}) if text is None else text
    return web.Response(status=status, text=words, content_type="application/json", charset="utf-8", headers=headers)


def invalid(resource: str, field: str, *, code: str = "invalid", message: str = "") -> web.Response:
    """Make the answer to a body that GitHub does not take."""
    error = {"resource": resource, "field": field, "code": code, **({"message": message} if message else {})}
    return problem(422, "Validation Failed", errors=[error])


def cut(request: web.Request) -> web.StreamResponse:
    """Reset a connection in place of an answer."""
    if request.transport is not None:  # it is None once the client has hung up
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        request.transport.abort()
    return web.Response()
