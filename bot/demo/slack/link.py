"""Socket Mode: sockets of one workspace's app, each of which takes a share of what Slack has for it."""

import asyncio
import contextlib
import itertools
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from aiohttp import WSMsgType, web

from bot.demo.slack.deliveries import Delivery, Patience, Try
from bot.demo.slack.workspace import Json, Workspace

MOST_SOCKETS = 10
LIFETIME_S = 18_060  # what a hello says; nothing here is cut off by itself


@dataclass(slots=True, eq=False)
class Socket:
    """One connection of the app.

    Arguments:
        is_silent: takes everything, sends nothing, and answers no ping.
        unanswered: envelopes that were sent and not acknowledged, by id.
    """

    number: int
    wire: web.WebSocketResponse
    transport: asyncio.WriteTransport
    is_silent: bool = False
    is_leaving: bool = False
    sent: int = 0
    unanswered: dict[str, asyncio.Future[Json | None]] = field(default_factory=dict)

    @property
    def takes(self) -> bool:
        return not self.wire.closed and not self.is_leaving


class Link:
    """All sockets of one app, and what may happen to them.

    Arguments:
        says_hello: may be turned off, for sockets to come.
        is_silent: sockets to come are silent.
        refresh_every: after so many envelopes a socket is told to go.
        grace_s: real seconds until a socket that was told to go is closed.
        sockets: those that are open, oldest first.
        opened: how many there ever were.
        acks: envelope ids that were acknowledged, each time anew.
    """

    def __init__(self, workspace: Workspace, patience: Callable[[], Patience]) -> None:
        self.says_hello = True
        self.is_silent = False
        self.refresh_every: int | None = None
        self.sockets: list[Socket] = []
        self.opened = 0
        self.acks: list[str] = []
        self.grace_s = 10.0
        self._workspace = workspace
        self._patience = patience
        self._closing: set[asyncio.Task[None]] = set()
        self._tickets: set[str] = set()
        self._turn = itertools.count()
        self._change = asyncio.Condition()

    def ticket(self) -> str:
        """Make a ticket for one socket."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return ticket

    def has(self, ticket: str) -> bool:
        return ticket in self._tickets

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Take a socket, until it is closed from either side."""
        self._tickets.discard(request.query["ticket"])
        if len(self.sockets) >= MOST_SOCKETS:
            return web.Response(status=429, text="too_many_websockets")
        wire = web.WebSocketResponse(autoping=False)
        await wire.prepare(request)
        if not isinstance(request.transport, asyncio.WriteTransport):  # None once the client has hung up
            return wire
        self.opened += 1
        socket = Socket(self.opened, wire, request.transport, self.is_silent)
        self.sockets.append(socket)
        try:
            if self.says_hello and not socket.is_silent:
                await wire.send_json(self._hello())
            async with self._change:
                self._change.notify_all()
            await self._listen(socket)
        finally:
            self._gone(socket)
        return wire

    async def connected(self, count: int = 1) -> None:
        """Wait until so many sockets are open."""
        async with self._change:
            await self._change.wait_for(lambda: len(self._open()) >= count)

    async def disconnect(self, socket: Socket | None = None, reason: str = "refresh_requested") -> None:
        """Tell a socket, the oldest unless told, to go: "warning" is in good time, "refresh_requested" is now.

        A socket that is told "refresh_requested" or "link_disabled" gets nothing more; its acknowledgements count.
        """
        for each in [socket] if socket else self.sockets[:1]:
            each.is_leaving = reason != "warning"
            with contextlib.suppress(ConnectionError):
                await each.wire.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}})
            if each.is_leaving:
                closing = asyncio.create_task(self._close_later(each))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    def cut(self, socket: Socket | None = None) -> None:
        """Break the connection of a socket, of all unless told, without a word."""
        for each in [socket] if socket else list(self.sockets):
            each.is_leaving = True
            each.transport.abort()

    def silence(self) -> None:
        """Let all sockets, and those to come, take everything and say nothing, until `speak`."""
        self.is_silent = True
        for each in self.sockets:
            each.is_silent = True

    def speak(self) -> None:
        """Let sockets to come work again; those that are silent remain so."""
        self.is_silent = False

    async def close(self) -> None:
        """Close all sockets."""
        for closing in self._closing:
            closing.cancel()
        for socket in list(self.sockets):
            await socket.wire.close()

    async def send(self, delivery: Delivery, attempt: Try, wait_s: float) -> Json | None:
        """Send an envelope to one of the sockets, in turn."""
        is_event = delivery.kind == "events_api"
        open_now = self._open()
        try:
            async with asyncio.timeout(None if open_now else wait_s), self._change:
                open_now = await self._change.wait_for(self._open)
        except TimeoutError:
            attempt.failure = "connection_failed" if is_event else "dispatch_failed"
            return None
        socket = open_now[next(self._turn) % len(open_now)]
        attempt.socket, attempt.at_s = socket.number, self._workspace.now_s()
        envelope, loop = str(uuid.uuid4()), asyncio.get_running_loop()
        answer: asyncio.Future[Json | None] = loop.create_future()
        socket.unanswered[envelope] = answer
        began_s = loop.time()
        try:
            async with asyncio.timeout(self._patience().ack_s):
                await self._write(socket, envelope, delivery, attempt)
                told = await answer
        except TimeoutError:
            attempt.failure = "timeout" if is_event else "operation_timeout"
            return None
        finally:
            socket.unanswered.pop(envelope, None)
        if told is None:
            attempt.socket = 0
            attempt.failure = "connection_failed" if is_event else "dispatch_failed"
            return None
        attempt.ack_s = loop.time() - began_s
        return told

    def _open(self) -> list[Socket]:
        return [socket for socket in self.sockets if socket.takes]

    async def _close_later(self, socket: Socket) -> None:
        await asyncio.sleep(self.grace_s)
        await socket.wire.close()

    async def _write(self, socket: Socket, envelope: str, delivery: Delivery, attempt: Try) -> None:
        is_event = delivery.kind == "events_api"
        frame = {
            "envelope_id": envelope,
            "payload": delivery.payload,
            "type": "interactive" if delivery.kind == "options" else delivery.kind,
            "accepts_response_payload": not is_event,
        }
        if is_event:
            frame |= {"retry_attempt": attempt.attempt, "retry_reason": attempt.reason}
        socket.sent += 1
        if not socket.is_silent:
            with contextlib.suppress(ConnectionError):
                await socket.wire.send_json(frame)
        if self.refresh_every and socket.sent % self.refresh_every == 0:
            await self.disconnect(socket)

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.sockets),
            "debug_info": {"host": "applink-1", "build_number": 1, "approximate_connection_time": LIFETIME_S},
            "connection_info": {"app_id": self._workspace.app.id},
        }

    async def _listen(self, socket: Socket) -> None:
        async for frame in socket.wire:
            if socket.is_silent:
                continue
            if frame.type is WSMsgType.PING:
                await socket.wire.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                self._heard(socket, frame.data)

    def _heard(self, socket: Socket, text: str) -> None:
        try:
            told = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return
        if not isinstance(told, dict) or "envelope_id" not in told:
            return
        self.acks.append(told["envelope_id"])
        waiting = socket.unanswered.get(told["envelope_id"])
        if waiting is not None and not waiting.done():
            waiting.set_result(told.get("payload") or {})

    def _gone(self, socket: Socket) -> None:
        self.sockets.remove(socket)
        for waiting in socket.unanswered.values():
            if not waiting.done():
                waiting.set_result(None)
