"""What is remembered of a job that is built at set times: what is due, what runs, and how the last builds ended."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bot.values import Result

MAX_ENDS = 20  # of builds of which it may not be known yet for what they were started


class Stage(StrEnum):
    """How far what is due at a time has come."""

    DUE = "due"
    STARTED = "started"
    GIVEN_UP = "given up"  # it was not started, and will not be before its next time


@dataclass(frozen=True, slots=True)
class Due:
    """A time at which a run is due, and when it is late."""

    planned: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Last:
    """How a build ended.

    Arguments:
        result: empty if it was gone before anybody saw that.
        since: the number of the first build of those that have failed in a row; 0 if this one passed.
    """

    request_id: str
    number: int
    result: str
    duration_s: float
    ended_s: float
    url: str
    since: int = 0

    @property
    def is_bad(self) -> bool:
        """Whether it is not what was wanted, for whatever reason."""
        return self.result != Result.SUCCESS


@dataclass(frozen=True, slots=True)
class Run:
    """One build at set times: an entry of the configuration, or one set of its matrix.

    Arguments:
        planned_s: its newest time that has come.
        until_s: when it is late.
        request_id: of the build that Gordon has started for it.
        was_late: that is told.
        reason: why it is not started yet, or is not at all.
    """

    planned_s: float = 0.0
    until_s: float = 0.0
    stage: Stage = Stage.STARTED
    request_id: str = ""
    was_late: bool = False
    reason: str = ""
    last: Last | None = None

    @property
    def due(self) -> Due:
        return Due(datetime.fromtimestamp(self.planned_s, UTC), datetime.fromtimestamp(self.until_s, UTC))


@dataclass(frozen=True, slots=True)
class Running:
    """A build that runs, as far as was told."""

    number: int
    url: str
    started_s: float


@dataclass(slots=True)
class Book:
    """All of one job.

    Arguments:
        runs: by the name of the entry and the set of its matrix, `storm PLATFORM=el7`.
        running: by request id.
        ended: how the last builds ended, by request id; also of those that were started for nothing here.
        started_s: when the newest build began, as far as was told.
    """

    runs: dict[str, Run] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    ended: dict[str, Last] = field(default_factory=dict)
    started_s: float = 0.0

    def run(self, name: str) -> Run:
        return self.runs.get(name, Run())

    def run_of(self, *request_ids: str) -> str:
        """Tell for which run a build was started, by its own request id or that of its first try; empty for none."""
        wanted = {each for each in request_ids if each}
        return next((name for name, run in self.runs.items() if run.request_id in wanted), "")

    def end(self, last: Last) -> None:
        """Keep how a build ended."""
        self.ended[last.request_id] = last
        for old in list(self.ended)[:-MAX_ENDS]:
            del self.ended[old]


def load(kept: Mapping[str, Any] | None) -> Book:
    """Read what was kept, which comes back as plain JSON."""
    if not kept:
        return Book()
    return Book(
        {
            name: Run(**{**one, "stage": Stage(one["stage"]), "last": Last(**one["last"]) if one["last"] else None})
            for name, one in kept["runs"].items()
        },
        {name: Running(**one) for name, one in kept["running"].items()},
        {name: Last(**one) for name, one in kept["ended"].items()},
        kept["started_s"],
    )


def dump(book: Book) -> dict[str, Any]:
    """Write what is kept, as plain values."""
    return asdict(book)


def after(before: Last | None, last: Last) -> Last:
    """Tell how a run stands after another end: since which build it has not passed."""
    if not last.is_bad:
        return last
    since = before.since if before and before.since else last.number
    return Last(**{**asdict(last), "since": since})
