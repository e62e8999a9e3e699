"""The things inside a Jenkins stand-in: jobs and their parameters, queue items and builds."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, Literal, Protocol, TypeAlias

from bot.demo.jenkins.auto_retry import AutoRetry, Retried
from bot.demo.jenkins.causes import Cause
from bot.demo.jenkins.checkouts import Checkout
from bot.demo.jenkins.ledger import Value
from bot.demo.jenkins.logs import Log, Piece
from bot.demo.jenkins.paths import item_path
from bot.demo.jenkins.reports import Case
from bot.demo.jenkins.stages import StagePlan, StageRun
from bot.demo.jenkins.tree import Bean

Result: TypeAlias = Literal["SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"]
RESULTS: Sequence[Result] = ("SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED")  # each worse than the one before
Kind: TypeAlias = Literal["freestyle", "pipeline", "matrix", "cell"]


class BadParameter(ValueError):
    """A parameter or delay that makes Jenkins fail with 500."""


@dataclass(frozen=True, slots=True)
class StringParameter:
    """A text parameter."""

    name: str
    default: str = ""
    description: str = ""
    trim: bool = False
    kind: ClassVar[str] = "String"

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""
        return text.strip() if self.trim else text


@dataclass(frozen=True, slots=True)
class ChoiceParameter:
    """A parameter with a closed list; its default is the first entry."""

    name: str
    choices: tuple[str, ...]
    description: str = ""
    kind: ClassVar[str] = "Choice"

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
    kind: ClassVar[str] = "Boolean"

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""
        return text.lower() == "true"


class Parameter(Protocol):
    """A definition of any kind; its class is named `<kind>ParameterDefinition`."""

    @property
    def kind(self) -> str:
        """The first part of its class's name."""

    @property
    def name(self) -> str:
        """The name that is asked for, to the letter."""

    @property
    def description(self) -> str:
        """What people read about it."""

    @property
    def default(self) -> Value:
        """The value when none is sent."""

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""


@dataclass(frozen=True, slots=True)
class Catch:
    """How a Pipeline takes it when it is told to stop: it goes on for a while and ends in its own way.

    Arguments:
        lasting_s: how long it goes on from then.
        up_to: the hardest word that it still catches; `kill` ends anything.
    """

    lasting_s: float
    result: Result = "FAILURE"
    up_to: Literal["stop", "term"] = "stop"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build will do.

    Arguments:
        duration_s: how long its steps take; None takes the job's.
        log: the output of its steps, which appears evenly over the duration.
        node: where it runs; "" is the built-in node.
        publishing_s: how long it stays `building` with a result already set.
        closing_s: how long, after `building`, the log still lacks its last line; of a Pipeline there is no such time.
        stopping_s: how long it takes to end when it is stopped.
        early: results that are set while it runs, each so long after the start; a result only ever gets worse.
        stages: of a Pipeline; they take its time and its log.
        catches: how a Pipeline takes it when it is stopped.
        resumes: whether a Pipeline goes on after a restart.
        unresumed: how it ends otherwise.
        node_wait_s: how long the `node` block of a Pipeline waits in the queue for an executor.
        timestamps: write the moment before each line of a Pipeline's log.
        late_log: what is written behind the last line.
        checkouts: what it takes from git.
        tests: its report; None is no report at all.
        artifacts: their paths.
        is_created: False loses it after it got its number: its queue item never gets an executable.
        odd_actions: entries of `actions` that a client must survive: nulls and empty objects.
    """

    result: Result = "SUCCESS"
    duration_s: float | None = None
    log: str | bytes = ""
    node: str = ""
    publishing_s: float = 0.0
    closing_s: float = 0.0
    stopping_s: float = 0.0
    early: tuple[tuple[float, Result], ...] = ()
    stages: tuple[StagePlan, ...] = ()
    catches: Catch | None = None
    resumes: bool = True
    unresumed: Result = "FAILURE"
    node_wait_s: float = 0.0
    timestamps: bool = False
    late_log: str | bytes = ""
    checkouts: tuple[Checkout, ...] = ()
    tests: tuple[Case, ...] | None = None
    artifacts: tuple[str, ...] = ()
    is_created: bool = True
    odd_actions: bool = False


@dataclass(frozen=True, slots=True)
class Starting:
    """A build about to start, as the hooks that decide its fate see it.

    Arguments:
        environment: what plugins add to it: of a retry of Naginator, which it is.
    """

    job: str
    number: int
    queue_id: int
    parameters: Mapping[str, Value]
    environment: Mapping[str, str] = field(default_factory=dict)


Outcome: TypeAlias = Callable[[Starting], Plan] | Sequence[Plan | Result]


class Stage(Enum):
    """Where in its life a queue item is."""

    WAITING = "Waiting"
    BLOCKED = "Blocked"
    BUILDABLE = "Buildable"
    PENDING = "Pending"
    LEFT = "Left"


OPEN_STAGES = frozenset({Stage.WAITING, Stage.BLOCKED, Stage.BUILDABLE})  # these take in an equal trigger


@dataclass(frozen=True, slots=True)
class Held:
    """What a Pipeline that stands still will do when it goes on."""

    since_s: float
    rest: Sequence[Piece]
    stages: Sequence[StageRun]
    early: Sequence[tuple[float, Result]]
    end_s: float


@dataclass(slots=True, eq=False)
class Build:
    """A build; what it shows follows from the moments at which its parts end.

    Arguments:
        tail: the last line of its log, which is there when it is closed.
        early: results set while it runs, with their moments.
        stopped_by: who told it to stop.
        place: the node whose executor it holds.
        shown_size: what a compressed log says its size is; None is the truth.
        held: what a Pipeline will do that stands still for a shutdown.
        block_id: the queue item of a Pipeline's `node` block, when that has to wait.
        has_executor: a Pipeline that lost its own cannot be interrupted, only killed.
        is_half_saved: it was running when the controller was killed, and is known all the same.
        actions: what plugins have added.
        only: the cells that a matrix build is to start, when not all.
        retried: what it repeats, if Naginator asked for it.
    """

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
    tail: bytes = b""
    log: Log = field(default_factory=Log)
    early: list[tuple[float, Result]] = field(default_factory=list)
    stages: list[StageRun] = field(default_factory=list)
    stopped_by: list[str] = field(default_factory=list)
    log_lost: bool = False
    node: str = ""
    place: str | None = None
    shown_size: int | None = None
    held: Held | None = None
    block_id: int | None = None
    has_executor: bool = True
    is_half_saved: bool = False
    keep: bool = False
    description: str | None = None
    display_name: str | None = None
    actions: list[Bean] = field(default_factory=list)
    parent: "Build | None" = None
    only: Collection[str] | None = None
    retried: Retried | None = None

    @property
    def is_pipeline(self) -> bool:
        """Whether it is of a Pipeline, which stops and restarts in another way."""
        return self.job.kind == "pipeline"

    @property
    def lasted_s(self) -> float:
        """How long it was building; unknown to one that was saved too early."""
        return 0.0 if self.is_half_saved else self.building_end_s - self.started_s

    @property
    def name(self) -> str:
        """What people see instead of the number."""
        return self.display_name or f"#{self.number}"

    def result(self, now_s: float) -> Result | None:
        """Tell the result as soon as one is set, which may be before the build ends."""
        if now_s >= self.steps_end_s:
            return self.final
        return max((result for at, result in self.early if at <= now_s), key=RESULTS.index, default=None)

    def building(self, now_s: float) -> bool:
        """Tell whether Jenkins calls it `building`."""
        return now_s < self.building_end_s

    def in_progress(self, now_s: float) -> bool:
        """Tell whether anything of it, its log included, may still change."""
        return now_s < self.closed_s

    def stored_log(self, now_s: float) -> bytes:
        """Give the bytes of the log so far; the steps' output may end in the middle of a line."""
        return self.log.stored(now_s) + (self.tail if now_s >= self.closed_s else b"")

    def lines(self, now_s: float) -> Iterator[tuple[float, bytes]]:
        """Give each line of the log so far, with the moment at which it was whole."""
        yield from self.log.lines(now_s)
        if now_s >= self.closed_s:
            yield from ((self.closed_s, line) for line in self.tail.splitlines())

    def is_waiting_for_node(self, now_s: float) -> bool:
        """Tell whether it runs, and nothing of it runs yet on any agent."""
        return self.is_pipeline and self.building(now_s) and now_s < self.started_s + self.plan.node_wait_s

    def hold(self, now_s: float, rest: Sequence[Piece]) -> None:
        """Let it stand still, with what is left of its log."""
        self.held = Held(now_s, rest, self.stages, self.early, self.steps_end_s)
        self.early = [(at, result) for at, result in self.early if at <= now_s]
        self.stages = [stage.shifted(now_s, math.inf) for stage in self.stages]
        self.steps_end_s = self.building_end_s = self.closed_s = math.inf

    def release(self, held: Held, at_s: float) -> None:
        """Let it go on, so much later."""
        by_s = at_s - held.since_s
        self.held = None
        self.log.pieces.extend(piece.shifted(by_s) for piece in held.rest)
        self.early = [(at + by_s if at > held.since_s else at, result) for at, result in held.early]
        self.stages = [stage.shifted(held.since_s, by_s) for stage in held.stages]
        self.steps_end_s = self.building_end_s = self.closed_s = held.end_s + by_s


@dataclass(slots=True, eq=False)
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
    is_lost: bool = False  # its build could not be created
    place: str | None = None
    parent: Build | None = None
    only: Collection[str] | None = None
    retried: Retried | None = None


@dataclass(slots=True, eq=False)
class Job:
    """A job of some kind; the switches may be changed at any time.

    Arguments:
        auto_retry: what Naginator repeats of it by itself; of a Pipeline it repeats nothing.
    """

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
    label: str = ""  # which nodes may build it, as an expression; empty is any
    config: str = ""  # the XML it was made from
    keeps_builds: int | None = None
    auto_retry: AutoRetry | None = None
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
    def full_display_name(self) -> str:
        """The names that people see of it and of the folders around it."""
        around = self.full_name[: -len(self.name)].split("/")[:-1]
        return " » ".join([*around, self.display_name or self.name])

    @property
    def flyweight(self) -> bool:
        """Whether its builds run beside the executors instead of on one [Queue.FlyweightTask]."""
        return self.kind in ("matrix", "pipeline")

    def newest_first(self) -> list[Build]:
        """List the builds, newest first."""
        return list(reversed(self.builds.values()))

    def plan(self, starting: Starting) -> Plan:
        """Ask the job's own outcome what a build will do; the last scripted one repeats."""
        if callable(self.outcome):
            return self.outcome(starting)
        step = self.outcome[min(starting.number, len(self.outcome)) - 1]
        return step if isinstance(step, Plan) else Plan(step)
