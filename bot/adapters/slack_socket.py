"""Socket Mode: what Slack delivers by a socket that we open, so that it need not reach us.

The SDK's own client closes a socket before it opens the next one, and a click or a command on its way then is lost for
good, as Slack repeats events alone. Here the next one is opened before the last one goes, and the SDK reads and writes
envelopes. Times are those of the network, however fast a demo's world goes around them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from secrets import SystemRandom
from typing import Any

import aiohttp
import msgspec
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.adapters.backoff import Backoff
from bot.adapters.slack_app import SlackApp
from bot.chat import Report
from bot.errors import Refused, Unavailable

THE_SOCKET = "the socket"
SWITCHED_OFF = "Socket Mode is switched off in the app's settings, so nothing is heard; switch it on at api.slack.com"
MAX_TAKING = 1000  # deliveries of one socket that wait for the disk; what comes beside them comes again
MAX_LEAVING = 4  # sockets that were told to go and have not gone, of the ten that Slack allows
MAX_FRAME_BYTES = 4 * 1024 * 1024
CLOSE_S = 0.5
Address = Callable[[], Awaitable[str]]
log = logging.getLogger(__name__)
_chance = SystemRandom().random


@dataclass(frozen=True, slots=True)
class Times:
    """How long is waited for what.

    Arguments:
        hello_s: until a new socket must have said hello.
        ping_s: without a word until the other side is asked whether it is there; it has half as long to answer.
        lingers_s: how long a socket that was told to go is still listened to.
        steady_s: a socket that held so long starts the pauses anew.
        down_s: operators are told of an outage of that length.
        off_s: pause before asking again where we are switched off.
        most_pause_s: with a hello that does not come, or a ping without answer, it is still within a minute.
    """

    hello_s: float = 10.0
    ping_s: float = 10.0
    lingers_s: float = 30.0
    steady_s: float = 60.0
    down_s: float = 60.0
    off_s: float = 60.0
    first_pause_s: float = 1.0
    most_pause_s: float = 30.0


class Link:
    """One socket, once.

    Arguments:
        greeted: told the app's id when Slack says hello.
    """

    def __init__(self, network: str, app: SlackApp, times: Times, greeted: Callable[[str], None]) -> None:
        self._network = network
        self._app = app
        self._times = times
        self._on_greeted = greeted
        self._limit = asyncio.timeout(times.hello_s)
        self._taking: set[asyncio.Task[None]] = set()
        self.over = asyncio.Event()  # another one is needed: this one is gone, or was told to go
        self.ended = ""
        self.is_open = False
        self.is_told_to_go = False
        self.is_switched_off = False
        self.was_greeted = False
        self.heard = 0

    @property
    def is_idle(self) -> bool:
        """Tell whether everything that came by it is acknowledged."""
        return not self._taking

    def close(self) -> None:
        """Have it closed, if it is open."""
        if self.is_open:
            self._limit.reschedule(0)

    async def run(self, session: aiohttp.ClientSession, address: Address) -> None:
        """Open it and take what comes, until it is closed and all that came is taken."""
        try:
            ended = await self._until_closed(session, address)
            self.ended = self.ended or ended
            self.is_open = False
            self.over.set()
            while self._taking:
                await asyncio.wait(self._taking)
        finally:
            self.over.set()
            await end(self._taking)

    async def _until_closed(self, session: aiohttp.ClientSession, address: Address) -> str:
        """Give the reason why it is closed."""
        try:
            async with self._limit:
                url = await address()
                closing = aiohttp.ClientWSTimeout(ws_close=CLOSE_S)
                ping_s = self._times.ping_s
                async with session.ws_connect(
                    url, heartbeat=ping_s, timeout=closing, max_msg_size=MAX_FRAME_BYTES
                ) as wire:
                    async for frame in wire:
                        if frame.type is aiohttp.WSMsgType.ERROR:
                            break
                        if frame.type is aiohttp.WSMsgType.TEXT:
                            self._heard(wire, frame.data)
                    return "the socket is silent" if isinstance(wire.exception(), TimeoutError) else "it was closed"
        except TimeoutError:
            return f"Slack said no hello within {self._times.hello_s:g} s"
        except aiohttp.WSServerHandshakeError as error:  # its own words have the address, which lets somebody in
            return f"Slack opened no socket ({error.status})"
        except (aiohttp.ClientError, OSError) as error:
            return f"the connection broke ({type(error).__name__})"
        except Unavailable as error:
            return str(error)
        except Refused as error:
            self.is_switched_off = True
            return str(error)

    def _heard(self, wire: aiohttp.ClientWebSocketResponse, text: str) -> None:
        try:
            told = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            told = None
        if not isinstance(told, dict):
            log.warning("%s: Slack sent what is no envelope", self._network)
        elif told.get("type") == "hello":
            self._greeted(told)
        elif told.get("type") == "disconnect":
            self._told_to_go(str(told.get("reason", "")))
        elif isinstance(told.get("envelope_id"), str):
            self._take(wire, told)

    def _greeted(self, told: Mapping[str, Any]) -> None:
        if not self.is_told_to_go:
            self._limit.reschedule(None)
        self.is_open = self.was_greeted = True
        info = told.get("connection_info")
        self._on_greeted(str(info.get("app_id", "")) if isinstance(info, dict) else "")

    def _told_to_go(self, reason: str) -> None:
        """Have another one opened at once; this one goes when Slack closes it, or later by itself."""
        self.is_told_to_go = True
        self.is_switched_off = reason == "link_disabled"
        self.ended = SWITCHED_OFF if self.is_switched_off else f"Slack wants another socket ({reason:.40})"
        self._limit.reschedule(asyncio.get_running_loop().time() + self._times.lingers_s)
        self.over.set()

    def _take(self, wire: aiohttp.ClientWebSocketResponse, told: Mapping[str, Any]) -> None:
        self.heard += 1
        if len(self._taking) >= MAX_TAKING:
            log.error("%s: %d deliveries wait for the disk; what comes now comes again", self._network, MAX_TAKING)
            return
        task = asyncio.create_task(self._acknowledge(wire, told))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _acknowledge(self, wire: aiohttp.ClientWebSocketResponse, told: Mapping[str, Any]) -> None:
        payload: dict[str, Any] | None = None
        try:
            request = SocketModeRequest.from_dict(dict(told))
        except (ValueError, TypeError):  # the second one by a mistake of the library, for a payload that is a number
            request = None
        if request is not None:
            response = await self._app.answer(request.payload)
            if response.status != 200:
                return
            if response.body and request.accepts_response_payload:
                payload = msgspec.json.decode(response.body)
        answer = SocketModeResponse(told["envelope_id"], payload)
        with contextlib.suppress(ConnectionError):  # what is not acknowledged comes again, and is known by then
            await wire.send_str(msgspec.json.encode(answer.to_dict()).decode())


class SlackSocket:
    """The sockets of one workspace: one, and while it is replaced two.

    Arguments:
        address: asks Slack for the address of a new socket, which is good once.
        app: answers what comes.
        tell: reports a trouble, when it begins, changes or ends.
        greeted: told the app's id whenever Slack says hello.
    """

    def __init__(
        self,
        network: str,
        address: Address,
        app: SlackApp,
        tell: Report,
        greeted: Callable[[str], None] = lambda app_id: None,
        times: Times | None = None,
    ) -> None:
        self._network = network
        self._address = address
        self._app = app
        self._tell = tell
        self._on_greeted = greeted
        self._times = times or Times()
        self._links: dict[asyncio.Task[None], Link] = {}

    def is_open(self) -> bool:
        """Tell whether Slack has greeted us on a socket that is open."""
        return any(link.is_open for link in self._links.values())

    async def run(self) -> None:
        """Keep a socket open; end only when cancelled."""
        times, loop = self._times, asyncio.get_running_loop()
        pauses, well_s = Backoff(times.first_pause_s, times.most_pause_s), loop.time()
        try:
            async with aiohttp.ClientSession() as session:
                try:
                    while True:
                        began_s = loop.time()
                        link = self._open(session)
                        await link.over.wait()
                        now_s = loop.time()
                        is_of_use = link.was_greeted and (link.heard > 0 or now_s - began_s >= times.steady_s)
                        if is_of_use:
                            well_s = now_s
                            pauses.reset()
                        pause_s = self._pause_s(link, pauses, is_of_use=is_of_use)
                        if link.is_switched_off:
                            self._tell(THE_SOCKET, link.ended)
                        elif now_s - well_s >= times.down_s:
                            self._tell(THE_SOCKET, f"not connected: {link.ended}")
                        log.info("%s: %s; opening another one in %.1f s", self._network, link.ended, pause_s)
                        await asyncio.sleep(pause_s)
                finally:
                    await end(self._links)
        finally:
            self._links.clear()

    def _open(self, session: aiohttp.ClientSession) -> Link:
        self._make_room()
        link = Link(self._network, self._app, self._times, self._greeted)
        task = asyncio.create_task(link.run(session, self._address))
        self._links[task] = link
        task.add_done_callback(self._closed)
        return link

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._links.pop(task, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s: a socket ended by a mistake of ours", self._network, exc_info=error)

    def _make_room(self) -> None:
        """Close the oldest sockets that were told to go and owe nothing, if there are many."""
        leaving = [link for link in self._links.values() if link.is_told_to_go]
        for link in leaving[: max(0, len(leaving) - MAX_LEAVING)]:
            if link.is_idle:
                link.close()

    def _pause_s(self, link: Link, pauses: Backoff, *, is_of_use: bool) -> float:
        if link.is_switched_off:
            return self._times.off_s
        return 0.0 if is_of_use and link.is_told_to_go else pauses.pause_s(_chance())

    def _greeted(self, app_id: str) -> None:
        self._tell(THE_SOCKET, "")
        self._on_greeted(app_id)


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they are over."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
