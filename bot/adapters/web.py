"""The HTTP server that neighbours send things to: one port, a page for each kind of sender.

What arrives is taken in or refused at once; work is done later. A page learns nothing of a body before it has seen who
sent it, and there is no access log, as a path may hold a secret.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.errors import ConfigError
from bot.settings import WebSettings

MAX_BODY_BYTES = 25 * 1024 * 1024  # what GitHub sends at most; Jenkins sends as much of a log as it is told to
SHUTDOWN_S = 1.0
LINGER_S = 1.0  # for what is still sent by somebody who has been refused
IDLE_S = 20.0  # aiohttp would let somebody who sends half a request, or nothing, stay for an hour
MAX_CONNECTIONS = 200  # of the files that the process may have open, of which all of its neighbours need some
Answer = Callable[[web.Request, str], Awaitable[web.StreamResponse]]
log = logging.getLogger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    """Leave out what is wrong with a sender: aiohttp would log each piece of no HTTP as an error, with its bytes."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, HttpProcessingError | web.RequestPayloadError | ConnectionError)


_aiohttp_log = logging.getLogger(f"{__name__}.aiohttp")
_aiohttp_log.addFilter(_is_ours)


@dataclass(frozen=True, slots=True)
class Page:
    """What is at a path and below it.

    Arguments:
        answer: gets the request and the rest of the path.
        methods: the only ones that reach it.
        hides: another method is answered as if there were nothing.
        end: lets go of those whose answers would go on for ever.
    """

    answer: Answer
    methods: tuple[str, ...] = ("POST",)
    hides: bool = False
    end: Callable[[], None] = lambda: None


class WebServer:
    """Listens on one address.

    Arguments:
        pages: by their paths.
        idle_s: how long a connection may go without a whole request's head.
        max_connections: at once; more are closed as they come.

    Attributes:
        on_answered: told the page, empty for none, and the status of each answer.
    """

    def __init__(
        self,
        settings: WebSettings,
        pages: Mapping[str, Page],
        *,
        idle_s: float = IDLE_S,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._settings = settings
        self._pages = pages
        self._idle_s = idle_s
        self._max_connections = max_connections
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self.listening = asyncio.Event()
        self.on_answered: Callable[[str, int], None] = lambda page, status: None

    @property
    def url(self) -> str:
        """The address on which it listens, once it does."""
        sockets = self._listener.sockets if self._listener else ()
        host, port = sockets[0].getsockname()[:2] if sockets else ("", 0)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def run(self) -> None:
        """Listen until cancelled; errors are those of `start`."""
        await self.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self.stop()

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            ConfigError: the address is not this machine's, or taken.
        """
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_aiohttp_log,
            auto_decompress=False,  # a signature is over what was sent, and no sender of ours packs it
            shutdown_timeout=SHUTDOWN_S,
            lingering_time=LINGER_S,
            keepalive_timeout=self._idle_s,
        )
        await runner.setup()
        server = runner.server
        assert server is not None

        def connection() -> asyncio.BaseProtocol:
            return server() if len(server.connections) < self._max_connections else _TooMany()

        loop, settings = asyncio.get_running_loop(), self._settings
        try:
            self._listener = await loop.create_server(connection, settings.host, settings.port)
        except OSError as error:
            await runner.cleanup()
            where = f"{self._settings.host}:{self._settings.port}"
            raise ConfigError((f"[web]: cannot listen on {where}: {error.strerror or error}",)) from error
        self._runner = runner
        self.listening.set()
        log.info("listening on %s", self.url)

    async def stop(self) -> None:
        """Take nothing more, and let what was taken be answered."""
        if self._listener is not None and self._runner is not None:
            self._listener.close()
            for page in self._pages.values():
                page.end()
            await self._runner.cleanup()
            self._listener = self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, answer = await self._answered(request)
        self.on_answered(path, answer.status)
        return answer

    async def _answered(self, request: web.Request) -> tuple[str, web.StreamResponse]:
        """Have a request answered by its page, and tell that by its own path: that of a request may hold a secret."""
        for path, page in self._pages.items():
            if request.path != path and not request.path.startswith(f"{path}/"):
                continue
            if request.method in page.methods:
                return path, await page.answer(request, request.path[len(path) + 1 :])
            if not page.hides:
                return path, web.Response(status=405, headers={"Allow": ", ".join(page.methods)})
        return "", web.Response(status=404)


class _TooMany(asyncio.Protocol):
    """Closes a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
