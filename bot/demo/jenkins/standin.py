"""A Jenkins stand-in that keeps state and speaks HTTP on loopback: queue, builds, logs, faults and a ledger."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from email.utils import format_datetime
from typing import Literal

from aiohttp import web

from bot.clock import Clock
from bot.demo.jenkins.causes import BY_TIMER, Cause
from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.item_setup import ItemSetup
from bot.demo.jenkins.items import add_job
from bot.demo.jenkins.ledger import (
    CommitThenDrop,
    Fault,
    Faults,
    Hang,
    Late,
    Ledger,
    Outage,
    RequestSeen,
    Reset,
    Slow,
    Status,
    Truncated,
    Value,
)
from bot.demo.jenkins.model import Build, Job, Kind, Outcome, Parameter
from bot.demo.jenkins.nodes import LOST, Agent
from bot.demo.jenkins.notifier import Notifier
from bot.demo.jenkins.parameters import bind
from bot.demo.jenkins.proxy import passed_on
from bot.demo.jenkins.request import ALL_PERMISSIONS, Answer, Incoming, User
from bot.demo.jenkins.runs import BuildHook
from bot.demo.jenkins.web import Site

_RST_ON_CLOSE = struct.pack("ii", 1, 0)
_OUTAGE_STATUS = {"503": 503, "502": 502, "504": 504}


class JenkinsStandIn:
    """A controller to be driven by real clients; kinds of jobs other than the plain ones are set up by `items`.

    Arguments:
        clock: gives every moment and every wait, so tests and the demo may scale time or hold it.
        quiet_period_s: how long a triggered item waits when neither job nor request says otherwise.
        executors: how many builds the built-in node runs at once.
        nodes: the agents; a build runs where its job's label lets it, unless its plan names a node.
        context_path: where the controller is mounted, such as "/jenkins".
        csrf: whether a POST without an API token needs a crumb.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        quiet_period_s: float = 5.0,
        executors: int = 4,
        nodes: Iterable[Agent] = (),
        context_path: str = "",
        csrf: bool = True,
    ) -> None:
        self._clock = clock
        self._context = context_path.rstrip("/")
        self._engine = Engine(clock, quiet_period_s=quiet_period_s, executors=executors)
        self.items = ItemSetup(self._engine)
        for agent in nodes:
            self.add_node(agent)
        self._engine.on_change = self._wake
        self._site = Site(self._engine, csrf=csrf)
        self.notifier = Notifier(self._engine)
        self.before_answer: Callable[[str, str], None] | None = None  # told the method and the path of each request
        self._runner: web.ServerRunner | None = None
        self._listening: web.TCPSite | None = None
        self._address = ("127.0.0.1", 0)
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ticker: asyncio.Task[None] | None = None

    @property
    def faults(self) -> Faults:
        """The faults to come and the switches."""
        return self._engine.faults

    @property
    def ledger(self) -> Ledger:
        """Everything that was asked and accepted."""
        return self._engine.ledger

    @property
    def plugins(self) -> set[str]:
        """The short names of what is installed; what is taken out has no pages any more."""
        return self._engine.plugins

    @property
    def plugin_versions(self) -> dict[str, str]:
        """The versions of installed plugins that are not the usual ones; they may be changed."""
        return self._engine.plugin_versions

    @property
    def url(self) -> str:
        """The root URL, with its final slash; known once started."""
        return self._site.root

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen, on a free port by default, and give the root URL."""
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        self._address = (host, port)
        await self._listen()
        self._address = (host, self._runner.addresses[0][1])
        self._site.root = f"http://{host}:{self._address[1]}{self._context}/"
        self.notifier.root = self._site.root
        self._ticker = asyncio.create_task(self._tick(), name="jenkins-stand-in")
        return self.url

    async def stop(self) -> None:
        """Stop listening and drop every connection, the hanging ones too."""
        self._stopping.set()
        await self.notifier.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker  # a hook that failed on time is told here

    async def _listen(self) -> None:
        assert self._runner is not None
        self._listening = web.TCPSite(self._runner, *self._address)
        await self._listening.start()

    async def go_down(self, how: Outage = "refused") -> None:
        """Be away until `come_back`: refuse or reset connections, or answer as a proxy in front would."""
        self.faults.down = how
        if how == "refused" and self._listening is not None:
            await self._listening.stop()
            self._listening = None

    async def come_back(self) -> None:
        """End an outage; the state is the one it would have anyway."""
        self.faults.down = None
        if self._listening is None:
            await self._listen()

    def begin_restart(self, down_s: float) -> None:
        """Go down now and be up again `down_s` later, with a new session, an empty left cache and no running build."""
        self._engine.restart(down_s)

    async def restart(self, down_s: float) -> None:
        """Do the same and wait until it is up again."""
        self.begin_restart(down_s)
        await self._clock.sleep(down_s)

    def add_job(
        self,
        full_name: str,
        *,
        parameters: Sequence[Parameter] = (),
        duration_s: float = 1.0,
        outcome: Outcome = ("SUCCESS",),
        log: str | bytes = "",
        concurrent: bool = True,
        quiet_period_s: float | None = None,
        trigger_token: str | None = None,
        kind: Kind = "freestyle",
        label: str = "",
    ) -> Job:
        """Add a job, a freestyle one by default; the folders in its full name come with it."""
        job = Job(full_name, tuple(parameters), duration_s, outcome, log, concurrent, quiet_period_s, trigger_token)
        job.kind, job.label = kind, label
        add_job(self._engine, job)
        return job

    def job(self, full_name: str) -> Job:
        """Find a job, whatever the case; its switches may be set."""
        self._engine.catch_up()
        return self._engine.jobs[full_name.lower()]

    def add_user(
        self,
        name: str,
        *,
        token: str | None = None,
        password: str | None = None,
        permissions: Iterable[str] = ALL_PERMISSIONS,
    ) -> None:
        """Add a user; from the first one on, nobody else gets in."""
        self._site.door.users[name] = User(name, token, password, frozenset(permissions))

    def on_build(self, hook: BuildHook | None) -> None:
        """Ask this first what a starting build will do; its None leaves that to the job."""
        self._engine.hook = hook

    def trigger(self, full_name: str, parameters: Mapping[str, Value] | None = None, *, cause: Cause = BY_TIMER) -> int:
        """Ask for a build as the timer or something else inside would, and give the queue id."""
        job = self.job(full_name)
        item, _ = self._engine.trigger(job, bind(job, ()) | dict(parameters or {}), cause, delay_s=None)
        return item.id

    def add_node(self, agent: Agent) -> Agent:
        """Add an agent."""
        self._engine.agents[agent.name] = agent
        return agent

    def node(self, name: str) -> Agent:
        """Find an agent by its name; "" is the built-in node."""
        return self._engine.agents[name]

    def set_node(self, name: str, *, offline_reason: str | None) -> None:
        """Mark a node offline with a reason, or take the mark away with None."""
        self._engine.mark(self.node(name), offline_reason)

    def disconnect_node(self, name: str, reason: str = LOST) -> None:
        """Lose the channel to an agent, as in a crash or an outage of its network; builds on it fail."""
        self._engine.disconnect(self.node(name), reason)

    def connect_node(self, name: str) -> None:
        """Have the channel to an agent again."""
        self._engine.connect(self.node(name))

    def clear_queue_item(self, queue_id: int, *, before_start: bool = True) -> None:
        """Lose a queue item: its build never starts, or it starts without a trace in the queue."""
        self._engine.catch_up()
        self._engine.forget_item(queue_id, before_start=before_start)

    def delete_build(self, full_name: str, number: int) -> Build:
        """Rotate a build away."""
        return self.job(full_name).builds.pop(number)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        incoming = await self._read(request)
        seen = self._engine.wall(self._engine.now_s())
        name, _ = incoming.credentials or (None, "")
        self.ledger.requests.append(RequestSeen(seen, incoming.method, incoming.target, name))
        if self.before_answer is not None:
            self.before_answer(incoming.method, incoming.path)
        if self.faults.down is not None:
            return self._away(request, self.faults.down)
        fault = self.faults.take(incoming.method, incoming.path)
        if fault is not None:
            return await self._faulty(request, incoming, fault)
        target = passed_on(incoming.target, self.faults.encoded_slashes)
        if target is None:
            return self._plain(Status(404, "<html><body>Not Found</body></html>"))
        return _response(self._site.answer(replace(incoming, target=target)), request.method)

    async def _read(self, request: web.BaseRequest) -> Incoming:
        form: list[tuple[str, str]] = []
        body = await request.read()
        if request.method == "POST":
            form = [(name, value) for name, value in (await request.post()).items() if isinstance(value, str)]
        return Incoming(
            method=request.method,
            target=request.raw_path,
            headers=request.headers,
            cookies=request.cookies,
            form=form,
            body=body,
            base=f"{request.scheme}://{request.host}{self._context}",
            context=self._context,
            address=request.remote or "127.0.0.1",
        )

    def _away(self, request: web.BaseRequest, how: Outage) -> web.StreamResponse:
        if how in _OUTAGE_STATUS:
            return self._plain(Status(_OUTAGE_STATUS[how], "<html><body>Service Unavailable</body></html>"))
        return _cut(request)

    def _plain(self, fault: Status) -> web.Response:
        date = {"Date": format_datetime(self._engine.wall(self._engine.now_s()), usegmt=True)}
        return web.Response(
            status=fault.code, text=fault.body, content_type="text/html", headers={**date, **fault.headers}
        )

    async def _faulty(self, request: web.BaseRequest, incoming: Incoming, fault: Fault) -> web.StreamResponse:
        match fault:
            case Status():
                return self._plain(fault)
            case Reset():
                return _cut(request)
            case CommitThenDrop():
                self._site.answer(incoming)
                return _cut(request)
            case Hang():
                if fault.commit:
                    self._site.answer(incoming)
                return await self._hang(request)
            case Late():
                due = self._engine.now_s() + fault.delay_s
                self._engine.at(due, lambda _: self._site.answer(incoming))
                return await self._hang(request) if fault.hang else _cut(request)
            case Slow():
                answer = self._site.answer(incoming)
                await self._clock.sleep(fault.delay_s)
                return _response(answer, request.method)
            case Truncated():
                return await _send_part(request, self._site.answer(incoming), fault.keep_bytes)

    async def _hang(self, request: web.BaseRequest) -> web.StreamResponse:
        await self._stopping.wait()
        return _cut(request)

    def _wake(self) -> None:
        self._changed.set()

    async def _tick(self) -> None:
        """Play events when they are due even if nobody asks, for the hooks and for the ledger."""
        while True:
            self._changed.clear()
            now = self._engine.catch_up()
            due = self._engine.next_event_s()
            waits: list[asyncio.Task[None] | asyncio.Task[Literal[True]]] = [asyncio.create_task(self._changed.wait())]
            if due is not None:
                waits.append(asyncio.create_task(self._clock.sleep(due - now)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()


def _response(answer: Answer, method: str) -> web.Response:
    headers = {**answer.headers, "Content-Type": answer.kind}
    if answer.status == 204:
        del headers["Content-Type"]
    return web.Response(status=answer.status, body=b"" if method == "HEAD" else answer.body, headers=headers)


def _cut(request: web.BaseRequest) -> web.Response:
    transport = request.transport
    if transport is not None:
        wire = transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        transport.abort()
    return web.Response(status=500)  # goes nowhere: the connection is gone


async def _send_part(request: web.BaseRequest, answer: Answer, keep_bytes: int) -> web.StreamResponse:
    headers = {**answer.headers, "Content-Type": answer.kind, "Content-Length": str(len(answer.body))}
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    await response.write(answer.body[:keep_bytes])
    _close(request)
    return response


def _close(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()
