"""The Notification plugin of a Jenkins stand-in: it posts what happens to builds to whom it may concern.

It is as careless as the plugin: each notification is sent once, whatever the answer is, and only a 307 is followed
[Protocol.HTTP]. What is QUEUED is told when the build starts, so that nothing tells of a request that never started
[JobListener.onStarted].
"""

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.logs import NOTE
from bot.demo.jenkins.model import Build
from bot.demo.jenkins.parameters import PasswordParameter

Phase: TypeAlias = Literal["QUEUED", "STARTED", "COMPLETED", "FINALIZED"]
Which: TypeAlias = Literal[
    "all", "queued", "started", "completed", "finalized", "failed", "failedAndFirstSuccess", "manual"
]
Trouble: TypeAlias = Literal["lost", "doubled", "late"]

TIMEOUT_S = 30.0  # the plugin's own default; on the wall, as it is about a real socket
REDIRECTS = 5  # the plugin itself would follow for ever


@dataclass(slots=True)
class Endpoint:
    """Where notifications go.

    Arguments:
        url: with a secret in its path, or with user and password.
        job: only of this job; "" is all.
        which: the plugin's filter by phase and result.
        log_lines: how many last lines of the log go along; 0 is none, -1 all.
        troubles: what becomes of the next notifications, one each: it is lost, comes twice, or after the next one.
    """

    url: str
    job: str = ""
    which: Which = "all"
    log_lines: int = 0
    troubles: list[Trouble] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sent:
    """A notification that was sent, and the status it was answered with; 0 when nobody answered."""

    url: str
    body: dict[str, Any]
    status: int


_Body: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class _Followed:
    """A build that is told of; what is told of one build is told in order, as its own thread does it."""

    build: Build
    completed: bool = False
    due_s: float = -1.0
    last: asyncio.Task[None] | None = None


class Notifier:
    """Tells endpoints of the builds of a controller.

    Attributes:
        endpoints: where it is told; they may be added at any time.
        root: the configured root URL; None when there is none, which leaves `full_url` out.
        sent: what was sent, in the order of the answers.
    """

    def __init__(self, engine: Engine) -> None:
        self.endpoints: list[Endpoint] = []
        self.root: str | None = None
        self.sent: list[Sent] = []
        self._engine = engine
        self._held: list[tuple[Endpoint, _Body]] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._followed: list[_Followed] = []
        engine.began.append(self._begin)
        engine.settled.append(self._look)

    async def settle(self) -> None:
        """Wait until all that was to be sent has been."""
        while self._sending:
            await asyncio.gather(*self._sending)

    async def close(self) -> None:
        """Drop what is still on its way."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def _begin(self, build: Build, now: float) -> None:
        followed = _Followed(build)
        self._followed.append(followed)
        self._tell(followed, "QUEUED", now)
        self._tell(followed, "STARTED", now)
        self._look(now)

    def _look(self, now: float) -> None:
        """Tell of what has ended; a build whose end has moved, or is known at last, is looked at again then."""
        for each in list(self._followed):
            build = each.build
            if build.job.builds.get(build.number) is not build:
                self._followed.remove(each)  # deleted, or lost in a restart: nothing is told
                continue
            if not each.completed and not build.building(now):
                each.completed = True
                self._tell(each, "COMPLETED", now)
            if not build.in_progress(now):
                self._followed.remove(each)
                self._tell(each, "FINALIZED", now)
                continue
            due = build.closed_s if each.completed else build.building_end_s
            if due != each.due_s and due < math.inf:
                each.due_s = due
                self._engine.at(due, self._look)

    def _tell(self, followed: _Followed, phase: Phase, now: float) -> None:
        build = followed.build
        for endpoint in self.endpoints:
            if endpoint.job not in ("", build.job.full_name) or not _wants(endpoint, build, phase, now):
                continue
            body = self._body(endpoint, build, phase, now)
            trouble = endpoint.troubles.pop(0) if endpoint.troubles else None
            if trouble == "late":
                self._held.append((endpoint, body))
                continue
            if trouble != "lost":
                bodies = [body, body] if trouble == "doubled" else [body]
                followed.last = self._send(endpoint, bodies, followed.last)
            held, self._held = self._held, []
            for other, late in held:
                followed.last = self._send(other, [late], followed.last)

    def _send(
        self, endpoint: Endpoint, bodies: Sequence[_Body], after: asyncio.Task[None] | None
    ) -> asyncio.Task[None]:
        coroutine = self._post_all(endpoint, bodies, after)
        task = asyncio.get_running_loop().create_task(coroutine, name="jenkins-notification")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    async def _post_all(self, endpoint: Endpoint, bodies: Sequence[_Body], after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait({after})
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
            for body in bodies:
                self.sent.append(Sent(endpoint.url, body, await _post(session, endpoint.url, body)))

    def _body(self, endpoint: Endpoint, build: Build, phase: Phase, now: float) -> _Body:
        path = f"{build.job.path}{build.number}/"
        result = build.result(now)
        building = build.building(now)
        state: _Body = {
            "number": build.number,
            "queue_id": build.queue_id,
            "timestamp": self._engine.wall_ms(now),
            "duration": 0 if building else round((build.building_end_s - build.started_s) * 1000),
            "phase": phase,
            "url": path,
            "scm": {"changes": [], "culprits": []},
            "parameters": _parameters(build),
            "log": _tail(build.stored_log(now), endpoint.log_lines),
            "notes": "",
            "artifacts": {},
        }
        if result is not None:
            state["status"] = result
        if self.root is not None:
            state["full_url"] = self.root + path
        name = build.job.name  # without its folders, and so it may be the name of several
        return {"name": name, "display_name": build.job.display_name or name, "url": build.job.path, "build": state}


def _wants(endpoint: Endpoint, build: Build, phase: Phase, now: float) -> bool:
    """Filter as the plugin does [Phase.isRun]: `failed` never tells of UNSTABLE or ABORTED."""
    result = build.result(now)
    match endpoint.which:
        case "all":
            return True
        case "failed":
            return phase == "FINALIZED" and result == "FAILURE"
        case "failedAndFirstSuccess":
            if phase != "FINALIZED":
                return False
            return result == "FAILURE" or (result == "SUCCESS" and _before(build, now) == "FAILURE")
        case which:
            return which == phase.lower()


def _before(build: Build, now: float) -> str | None:
    """Find the result of the nearest earlier build that came to one, aborted ones left out."""
    earlier = [other for other in build.job.newest_first() if other.number < build.number and not other.building(now)]
    return next((each.final for each in earlier if each.final in ("SUCCESS", "FAILURE", "UNSTABLE")), None)


def _tail(stored: bytes, lines: int) -> str:
    if lines == 0:
        return ""
    text = NOTE.sub(b"", stored).decode("utf-8", "replace")
    return text if lines < 0 else "".join(f"{line}\n" for line in text.splitlines()[-lines:])


def _parameters(build: Build) -> dict[str, str]:
    """Give the parameters as the environment of the build has them, without secrets."""
    hidden = {parameter.name for parameter in build.job.parameters if isinstance(parameter, PasswordParameter)}
    shown = {name: value for name, value in build.parameters.items() if name not in hidden}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in shown.items()}


async def _post(session: aiohttp.ClientSession, url: str, body: _Body) -> int:
    """Post once and tell the status, which the plugin ignores, or 0 when nobody answered."""
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json;charset=UTF-8"}
    status = 0
    for _ in range(REDIRECTS):
        parts = urlsplit(url)
        sent = dict(headers)
        if parts.username:
            sent["Authorization"] = aiohttp.encode_basic_auth(parts.username, parts.password or "")
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        try:
            async with session.post(bare, data=data, headers=sent, allow_redirects=False) as answer:
                status, there = answer.status, answer.headers.get("Location")
        except (aiohttp.ClientError, TimeoutError):
            return 0
        if status != 307 or there is None:
            break
        url = there
    return status
