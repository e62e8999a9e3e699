"""What a Jenkins stand-in accepted, and the faults it is told to make."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

from bot.demo.jenkins.cells import Combinations
from bot.demo.jenkins.proxy import EncodedSlashes

Value: TypeAlias = str | bool | Combinations


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """A request as it arrived, whatever became of it; `path` is the raw target with its query."""

    at: datetime
    method: str
    path: str
    user: str | None


@dataclass(frozen=True, slots=True)
class TriggerAccepted:
    """A trigger that took effect; `folded` tells that an equal waiting item took it in."""

    at: datetime
    job: str
    parameters: Mapping[str, Value]
    queue_id: int
    folded: bool
    user: str | None


@dataclass(frozen=True, slots=True)
class BuildStarted:
    """A build that got its number."""

    at: datetime
    job: str
    number: int
    queue_id: int
    parameters: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class CancelAccepted:
    """A waiting item that was cancelled."""

    at: datetime
    queue_id: int
    user: str | None


@dataclass(frozen=True, slots=True)
class StopAccepted:
    """A running build that was stopped."""

    at: datetime
    job: str
    number: int
    user: str | None


@dataclass(frozen=True, slots=True)
class RetryAccepted:
    """A retry that Naginator asked for by itself.

    Arguments:
        number: of the build that failed.
        count: which retry in a row it is.
        cells: the only ones of a matrix that are built again; None for all.
    """

    at: datetime
    job: str
    number: int
    queue_id: int
    count: int
    cells: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NodeMarked:
    """A node that was marked offline, or not any more, by a page; which page of them does not matter."""

    at: datetime
    node: str
    offline: bool
    reason: str
    user: str | None


@dataclass(slots=True)
class Ledger:
    """Everything that happened, in order and append-only: the oracle of the crash tests."""

    requests: list[RequestSeen] = field(default_factory=list)
    triggers: list[TriggerAccepted] = field(default_factory=list)
    builds: list[BuildStarted] = field(default_factory=list)
    cancels: list[CancelAccepted] = field(default_factory=list)
    stops: list[StopAccepted] = field(default_factory=list)
    marks: list[NodeMarked] = field(default_factory=list)
    retries: list[RetryAccepted] = field(default_factory=list)

    def triggers_by(self, parameter: str) -> Counter[Value]:
        """Count accepted triggers, folded ones too, by the value of one parameter."""
        return Counter(each.parameters[parameter] for each in self.triggers if parameter in each.parameters)

    def items_by(self, parameter: str) -> Counter[Value]:
        """Count the queue items that triggers made, by the value of one parameter."""
        made = (each for each in self.triggers if not each.folded and parameter in each.parameters)
        return Counter(each.parameters[parameter] for each in made)

    def builds_by(self, parameter: str) -> Counter[Value]:
        """Count started builds by the value of one parameter."""
        return Counter(each.parameters[parameter] for each in self.builds if parameter in each.parameters)

    def asked(self, method: str, path_glob: str = "*") -> list[RequestSeen]:
        """Select requests by method and by a glob over the path without its query."""
        return [
            each
            for each in self.requests
            if each.method == method and fnmatchcase(each.path.partition("?")[0], path_glob)
        ]


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with this status and without effect, as a proxy or a plugin would."""

    code: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection before the request has any effect."""


@dataclass(frozen=True, slots=True)
class CommitThenDrop:
    """Let the request take effect, then reset the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer; with `commit` the request takes effect all the same."""

    commit: bool = False


@dataclass(frozen=True, slots=True)
class Late:
    """Reset the connection (or hang) now, and let the request take effect `delay_s` later."""

    delay_s: float
    hang: bool = False


@dataclass(frozen=True, slots=True)
class Slow:
    """Let the request take effect at once and answer it `delay_s` later."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Truncated:
    """Let the request take effect and send only the first bytes of the answer's body before a reset."""

    keep_bytes: int


Fault: TypeAlias = Status | Reset | CommitThenDrop | Hang | Late | Slow | Truncated
Outage: TypeAlias = Literal["refused", "reset", "503", "502", "504"]


@dataclass(frozen=True, slots=True)
class _Planned:
    method: str
    path_glob: str
    fault: Fault


@dataclass(slots=True)
class Faults:
    """The faults to come, and the switches for how this Jenkins differs from a well-kept one.

    Arguments:
        queue_lost_on_restart: a restart forgets waiting items as well.
        builds_lost_on_restart: a restart removes running builds; otherwise they end ABORTED.
        builds_half_saved: a restart finds them again, ended in the midst, ABORTED.
        half_saved_fail: a release before 2.448, where these end FAILURE.
        restart_s: how long it is down for a restart that was asked for over HTTP.
        loading_s: how long of that, at the end, it shows the page of one that starts.
        away_status: what a proxy in front answers while it is down; 503 is Jenkins' own page.
        duplicates_are_201: a release before 2.302, which answers an equal trigger with 201 instead of 303.
        old_cancels: a release before 2.211, which redirects whatever came of `cancelItem` [Queue.doCancelItem].
        old_logs: a release before 2.509, whose progressive log is stripped and whose offset is honest.
        json_root: a wrong root URL in the configuration; it shows in JSON, not in `Location`.
        skew_s: how far the controller's clock is ahead.
        encoded_slashes: what a proxy in front does to `%2F` in paths.
        pending_s: how long an item is pending before it leaves the queue.
        creation_gap_s: how long an item that left the queue has no build yet.
    """

    queue_lost_on_restart: bool = False
    builds_lost_on_restart: bool = False
    builds_half_saved: bool = False
    half_saved_fail: bool = False
    restart_s: float = 20.0
    loading_s: float = 0.0
    away_status: Literal[502, 503, 504] = 503
    duplicates_are_201: bool = False
    old_cancels: bool = False
    old_logs: bool = False
    json_root: str | None = None
    skew_s: float = 0.0
    pending_s: float = 0.0
    creation_gap_s: float = 0.0
    encoded_slashes: EncodedSlashes = "kept"
    down: Outage | None = None  # set by JenkinsStandIn.go_down, because refusing needs the listening socket
    _planned: deque[_Planned] = field(default_factory=deque)

    def next(self, method: str, path_glob: str, fault: Fault, *, times: int = 1) -> None:
        """Plan a fault for the next requests whose method and path (without query and context path) match."""
        self._planned.extend(_Planned(method, path_glob, fault) for _ in range(times))

    def clear(self) -> None:
        """Forget the faults that have not happened yet."""
        self._planned.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Use up the first planned fault that matches a request."""
        for planned in self._planned:
            if planned.method in (method, "*") and fnmatchcase(path, planned.path_glob):
                self._planned.remove(planned)
                return planned.fault
        return None
