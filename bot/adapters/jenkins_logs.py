"""Reading the log of a finished build of Jenkins, whole and with bounded memory."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from enum import Enum
from urllib.parse import quote

from bot.adapters.jenkins_http import TURNS, JenkinsHttp
from bot.adapters.jenkins_wire import job_path
from bot.errors import Unavailable, UserError
from bot.values import BuildRef

SIZE = re.compile(r"-?[0-9]{1,20}", re.ASCII)  # of a compressed log it is a remainder, and may be negative
LOGS_AT_ONCE = 2  # of the requests that one Jenkins gets at once; the others are for questions
STATE_TREE = "building,inProgress"


class LogState(Enum):
    """What the head of an answer says of a log [LargeText]."""

    COMPLETE = "complete"
    OPEN = "open"
    LOST = "lost"  # without its file a log says that it is empty and still grows, for ever


def log_path(ref: BuildRef, cell: str = "", start: int = 0) -> str:
    """Spell the address of a log from a byte on: beyond its end all of it would be sent.

    Arguments:
        cell: of a matrix build; its log hangs below the job, without `job/`.
    """
    within = f"{quote(cell, safe='=,')}/" if cell else ""
    return f"{job_path(ref.job.full_name)}{within}{ref.number}/logText/progressiveText?start={start}"


def read_state(headers: Mapping[str, str]) -> LogState | None:
    """Read whether a log is complete; None if this is no answer of a log but of something in front of it."""
    size = headers.get("X-Text-Size", "").strip()
    if not SIZE.fullmatch(size):
        return None
    if headers.get("X-More-Data", "").strip().lower() != "true":
        return LogState.COMPLETE
    return LogState.LOST if int(size) == 0 else LogState.OPEN


class LineEnds:
    """Makes LF of each CR LF in a text in pieces: Jenkins sends every line end so [LineEndNormalizingWriter].

    A CR anywhere else was in the log.
    """

    def __init__(self) -> None:
        self._held = b""

    def take(self, piece: bytes) -> bytes:
        """Take the next piece; a CR at its end waits for the one after it."""
        text = self._held + piece
        self._held = b"\r" if text.endswith(b"\r") else b""
        return text[: len(text) - len(self._held)].replace(b"\r\n", b"\n")

    def end(self) -> bytes:
        """Give what still waits."""
        held, self._held = self._held, b""
        return held


class JenkinsLogs:
    """The logs at one Jenkins, two at a time: none waits behind a huge one, and there is always room for questions."""

    def __init__(self, http: JenkinsHttp) -> None:
        self._http = http
        self._turns = asyncio.Semaphore(LOGS_AT_ONCE)

    async def log(self, ref: BuildRef, *, cell: str = "", even_open: bool = False) -> AsyncGenerator[bytes, None]:
        """Read the log of a finished build piece by piece, console notes included.

        Arguments:
            even_open: give what is there of an open log, before it is told that it is open.
        """
        doing = f"reading the log of {ref}{f' {cell}' if cell else ''}"
        path = log_path(ref, cell)
        await self._wait(doing)
        try:
            async with self._http.stream(path, doing) as (answer, pieces):
                if answer.status == 404:
                    raise UserError(self._no_build(ref))
                if answer.status != 200:
                    raise self._http.fault(answer, path, doing)
                state = read_state(answer.headers)
                if state is LogState.COMPLETE or (even_open and state is LogState.OPEN):
                    ends = LineEnds()
                    async for piece in pieces:
                        yield ends.take(piece)
                    yield ends.end()  # may be nothing
        finally:
            self._turns.release()
        if state is not LogState.COMPLETE:
            raise await self._not_there(state, ref, doing)

    async def state(self, ref: BuildRef, doing: str) -> LogState:
        """Tell how a build's log stands, by the head of its answer."""
        answer = await self._http.look(log_path(ref), doing)
        if answer.status == 404:
            return LogState.LOST
        if answer.status != 200:
            raise self._http.fault(answer, log_path(ref), doing)
        state = read_state(answer.headers)
        if state is None:
            raise self._foreign(doing)
        return state

    async def _wait(self, doing: str) -> None:
        """Wait until no two others are read, and no longer than for other requests."""
        try:
            async with asyncio.timeout(TURNS * self._http.deadline_s):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Unavailable(self._http.peer, f"{doing}: other logs are being read") from error

    async def _not_there(self, state: LogState | None, ref: BuildRef, doing: str) -> UserError | Unavailable:
        """Name why there is no log to read; one that has just begun looks like one that is lost."""
        if state is None:
            return self._foreign(doing)
        if state is LogState.LOST:
            path = f"{job_path(ref.job.full_name)}{ref.number}/api/json"
            build = await self._http.read(path, STATE_TREE, doing, dict)
            if build is None:
                return UserError(self._no_build(ref))
            if build.get("building") is False and build.get("inProgress") is not True:
                return UserError(f"{self._http.peer} has no log of {ref} any more: its log is gone")
        return Unavailable(self._http.peer, f"{doing}: it is not complete yet")

    def _foreign(self, doing: str) -> Unavailable:
        return Unavailable(self._http.peer, f"{doing}: the answer is not its own but of something in front of it")

    def _no_build(self, ref: BuildRef) -> str:
        return f"{self._http.peer} has no build {ref}, or hides it from us"
