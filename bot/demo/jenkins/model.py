"""The things inside a Jenkins stand-in: jobs and their parameters, queue items, builds and their logs."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias
from urllib.parse import quote

from bot.demo.jenkins.ledger import Value

Result: TypeAlias = Literal["SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"]
Kind: TypeAlias = Literal["freestyle", "pipeline", "matrix", "cell"]

NOTE = re.compile(rb"\x1b\[8mha:[A-Za-z0-9+/=]*\x1b\[0m")
LIVE_LINES = 10_000  # what one answer of a progressive log holds at most while the build runs

# Real logs carry such a note before the name of a user; matching on raw text trips over it.
_USER_NOTE = b"\x1b[8mha:////4FFrVVhbmRzb21lTm90ZUZvckxpbmtzVG9Vc2Vycw==\x1b[0m"
_RAW = "!$&'()*+,-.=@_"
_DELAY = re.compile(r"\s*(-?\d+)\s*(secs?)?\s*")


class BadParameter(ValueError):
    """A parameter or delay that makes Jenkins fail with 500."""


@dataclass(frozen=True, slots=True)
class StringParameter:
    """A text parameter."""

    name: str
    default: str = ""
    description: str = ""
    trim: bool = False

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""
        return text.strip() if self.trim else text


@dataclass(frozen=True, slots=True)
class ChoiceParameter:
    """A parameter with a closed list; its default is the first entry."""

    name: str
    choices: tuple[str, ...]
    description: str = ""

    @property
    def default(self) -> str:
        """The first entry."""
        return self.choices[0]

    def read(self, text: str) -> Value:
        """Make the value from what was sent; what is not in the list is an error."""
        if text not in self.choices:
            raise BadParameter(f"Illegal choice for parameter {self.name}: {text}")
        return text


@dataclass(frozen=True, slots=True)
class BooleanParameter:
    """A check box; only `true`, in any case, is true."""

    name: str
    default: bool = False
    description: str = ""

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""
        return text.lower() == "true"


Parameter: TypeAlias = StringParameter | ChoiceParameter | BooleanParameter


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build will do.

    Arguments:
        duration_s: how long its steps take; None takes the job's.
        log: the output of its steps, which appears evenly over the duration.
        node: where it runs; "" is the built-in node.
        publishing_s: how long it stays `building` with a result already set.
        closing_s: how long, after `building`, the log still lacks its last line.
        stopping_s: how long it takes to end when it is stopped.
    """

    result: Result = "SUCCESS"
    duration_s: float | None = None
    log: str | bytes = ""
    node: str = ""
    publishing_s: float = 0.0
    closing_s: float = 0.0
    stopping_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Starting:
    """A build about to start, as the hooks that decide its fate see it."""

    job: str
    number: int
    queue_id: int
    parameters: Mapping[str, Value]


Outcome: TypeAlias = Callable[[Starting], Plan] | Sequence[Plan | Result]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a build was asked for: by a user, by a remote host with the job's token, or by what `kind` names.

    Arguments:
        kind: the class of any other cause, with its line in `words` and its own properties in `own`.
    """

    user: str | None = None
    address: str = ""
    note: str = ""
    kind: str = ""
    words: str = ""
    own: tuple[tuple[str, str | int], ...] = ()

    @property
    def description(self) -> str:
        """The one line that Jenkins shows."""
        if self.kind:
            return self.words
        if self.address:
            return f"Started by remote host {self.address}" + (f" with note: {self.note}" if self.note else "")
        return f"Started by user {self.user or 'anonymous'}"


class Stage(Enum):
    """Where in its life a queue item is."""

    WAITING = "Waiting"
    BLOCKED = "Blocked"
    BUILDABLE = "Buildable"
    PENDING = "Pending"
    LEFT = "Left"


OPEN_STAGES = frozenset({Stage.WAITING, Stage.BLOCKED, Stage.BUILDABLE})  # these take in an equal trigger


@dataclass(slots=True)
class Build:
    """A build; what it shows follows from the moments at which its parts end."""

    job: "Job"
    number: int
    queue_id: int
    parameters: Mapping[str, Value]
    causes: Sequence[Cause]
    plan: Plan
    started_s: float
    timestamp_ms: int
    steps_end_s: float
    building_end_s: float
    closed_s: float
    final: Result
    head: bytes
    body: bytes
    tail: bytes
    log_lost: bool = False
    parent: "Build | None" = None

    @property
    def planned_s(self) -> float:
        """How long the steps take."""
        return self.steps_end_s - self.started_s

    def result(self, now_s: float) -> Result | None:
        """Tell the result as soon as one is set, which may be before the build ends."""
        return self.final if now_s >= self.steps_end_s else None

    def building(self, now_s: float) -> bool:
        """Tell whether Jenkins calls it `building`."""
        return now_s < self.building_end_s

    def in_progress(self, now_s: float) -> bool:
        """Tell whether anything of it, its log included, may still change."""
        return now_s < self.closed_s

    def stored_log(self, now_s: float) -> bytes:
        """Give the bytes of the log so far; the steps' output may end in the middle of a line."""
        if now_s >= self.closed_s:
            return self.head + self.body + self.tail
        if now_s >= self.steps_end_s:
            return self.head + self.body
        share = (now_s - self.started_s) / self.planned_s
        return self.head + self.body[: int(len(self.body) * share)]


@dataclass(slots=True)
class QueueItem:
    """A request for a build, from the trigger until it left the queue."""

    id: int
    job: "Job"
    parameters: Mapping[str, Value]
    causes: list[Cause]
    since_ms: int
    due_s: float
    due_ms: int
    stage: Stage = Stage.WAITING
    why: str | None = None
    ready_ms: int = 0
    left_s: float = 0.0
    cancelled: bool = False
    build: Build | None = None
    forgotten_at_start: bool = False
    parent: Build | None = None


@dataclass(slots=True)
class Job:
    """A job of some kind; the switches may be changed at any time."""

    full_name: str
    parameters: tuple[Parameter, ...] = ()
    duration_s: float = 1.0
    outcome: Outcome = ("SUCCESS",)
    log: str | bytes = ""
    concurrent: bool = True
    quiet_period_s: float | None = None
    trigger_token: str | None = None
    disabled: bool = False
    hidden: bool = False
    vetoed: bool = False
    kind: Kind = "freestyle"
    display_name: str = ""
    next_number: int = 1
    builds: dict[int, Build] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the full name."""
        return self.full_name.rpartition("/")[2]

    @property
    def path(self) -> str:
        """The path below the root URL, with its final slash."""
        return item_path(self.full_name)

    @property
    def flyweight(self) -> bool:
        """Whether its builds run beside the executors instead of on one [Queue.FlyweightTask]."""
        return self.kind == "matrix"

    def newest_first(self) -> list[Build]:
        """List the builds, newest first."""
        return list(reversed(self.builds.values()))

    def plan(self, starting: Starting) -> Plan:
        """Ask the job's own outcome what a build will do; the last scripted one repeats."""
        if callable(self.outcome):
            return self.outcome(starting)
        step = self.outcome[min(starting.number, len(self.outcome)) - 1]
        return step if isinstance(step, Plan) else Plan(step)

    def bind(self, sent: Sequence[tuple[str, str]]) -> dict[str, Value]:
        """Make the parameters from what was sent: unknown names are dropped, missing ones take their default."""
        bound: dict[str, Value] = {}
        for definition in self.parameters:
            values = [text for name, text in sent if name == definition.name]
            if len(values) > 1:
                raise BadParameter(f"Illegal number of parameter values for {definition.name}: {len(values)}")
            bound[definition.name] = definition.read(values[0]) if values else definition.default
        return bound

    def bind_form(self, posted: object) -> dict[str, Value]:
        """Make the parameters from the `json` form of the web pages, which must name known ones only."""
        given = posted.get("parameter", []) if isinstance(posted, dict) else []
        known = {definition.name: definition for definition in self.parameters}
        bound: dict[str, Value] = {}
        for entry in given if isinstance(given, list) else [given]:
            if not isinstance(entry, dict) or entry.get("name") not in known:
                raise BadParameter(f"No such parameter definition: {entry!r}")
            bound[entry["name"]] = known[entry["name"]].read(str(entry.get("value", "")))
        return bound


def raw_encode(name: str) -> str:
    """Encode a name for a path as Jenkins does: some marks stay as they are [Util.rawEncode]."""
    return quote(name, safe=_RAW).replace("~", "%7E")


def item_path(full_name: str) -> str:
    """Make the path of a job or folder below the root, each name percent-encoded once."""
    return "".join(f"job/{raw_encode(part)}/" for part in full_name.split("/"))


def read_delay(text: str) -> float:
    """Read `delay=`: a bare number is milliseconds, cut to whole seconds; `5sec` is seconds."""
    match = _DELAY.fullmatch(text)
    if match is None:
        raise BadParameter(f"Invalid time duration value: {text}")
    return float(match[1]) if match[2] else float(max(0, int(match[1])) // 1000)


def log_head(causes: Sequence[Cause], job: str, node: str) -> bytes:
    """Make the lines in front of a freestyle log."""
    asked = []
    for cause in causes:
        words, _, user = cause.description.encode().rpartition(b" ")
        asked.append(words + b" " + (b"" if cause.address or cause.kind else _USER_NOTE) + user)
    where = f"Building remotely on {node}" if node else "Building on the built-in node"
    place = f"{where} in workspace /var/lib/jenkins/workspace/{job}".encode()
    return b"\n".join([*asked, b"Running as SYSTEM", place, b""])


def as_lines(log: str | bytes) -> bytes:
    """Make the stored form of a log: bytes that end with a whole line."""
    stored = log.encode() if isinstance(log, str) else log
    return stored if not stored or stored.endswith(b"\n") else stored + b"\n"


@dataclass(frozen=True, slots=True)
class Progress:
    """One answer of the progressive log: the text, the offset to ask next, and whether to ask again."""

    text: bytes
    size: int
    more: bool


def progress(stored: bytes, start: int, *, complete: bool, old: bool) -> Progress:
    """Cut a log as `logText/progressiveText` does; the newer way loses text for those who follow its offset."""
    if start < 0:
        raise BadParameter("a negative offset")
    begin = start if start <= len(stored) else 0
    sent = stored[begin:]
    if not complete:
        whole = sent[: sent.rfind(b"\n") + 1]
        sent = whole if old else b"".join(line + b"\n" for line in whole.split(b"\n")[:-1][:LIVE_LINES])
    size = begin + len(sent) if old else len(stored)
    shown = NOTE.sub(b"", sent) if old else sent
    text = shown.decode("utf-8", "replace").replace("\n", "\r\n")
    return Progress(text.encode(), size, not complete)
