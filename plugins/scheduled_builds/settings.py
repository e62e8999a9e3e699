"""`[plugin.scheduled_builds]`: which jobs are built when, by whom, and what is told of that."""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum

from bot.plugin import Settings, UserError, When
from bot.values import Alone

DAY_S = 86400.0
MAX_MATRIX = 50  # sets of parameters
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,50}")


class Tell(StrEnum):
    """What may be told of a build at a set time."""

    STARTED = "started"
    PASSED = "passed"  # one after a failure is told whatever is wanted
    FAILED = "failed"
    LATE = "late"
    MISSED = "missed"
    LONG = "long"
    OVERLAP = "overlap"


class ScheduledBuild(Settings, frozen=True):
    """`[plugin.scheduled_builds.build.NAME]`."""

    job: str  # its name in [jobs]
    at: str  # "sun 04:00 Europe/Paris"
    start: bool  # Gordon starts it; false: its server or anybody does, and Gordon watches
    parameters: dict[str, str] = {}  # noqa: RUF012  each Settings gets its own
    matrix: tuple[dict[str, str], ...] = ()  # a build for each of these, with `parameters` besides
    alone: Alone | None = None  # beside which builds none is started; default: "parameters" with a matrix, else "job"
    late_s: float = 1200.0  # not started so long after its time is late; Gordon starts it no later
    catch_up: bool = False  # what was missed while Gordon was away is started late, once
    at_most_s: float = 0.0  # what runs longer is told; 0: as long as it likes
    cancel: bool = False  # and cancelled
    tell: tuple[Tell, ...] = (Tell.FAILED, Tell.LATE, Tell.MISSED, Tell.LONG, Tell.OVERLAP)
    to: tuple[str, ...] = ()  # places as "network/#channel"; default: those of the operators

    def __post_init__(self) -> None:
        try:
            When.parse(self.at)
        except UserError as error:
            raise ValueError(f"at: {error}") from error
        if not self.start and (self.parameters or self.matrix or self.catch_up):
            raise ValueError("parameters, matrix and catch_up need start = true, as Gordon starts nothing here")
        if len(self.matrix) > MAX_MATRIX:
            raise ValueError(f"matrix has {len(self.matrix)} sets; at most {MAX_MATRIX} are started at once")
        if len({_label(each) for each in self.matrix}) < len(self.matrix):
            raise ValueError("matrix has a set twice; leave one of them out")
        if not 60 <= self.late_s <= DAY_S:
            raise ValueError(f"late_s must be 60 to {DAY_S:.0f}, is {self.late_s}")
        if self.at_most_s != 0 and not 60 <= self.at_most_s <= 30 * DAY_S:
            raise ValueError(f"at_most_s must be 60 to {30 * DAY_S:.0f}, or 0 for no limit, is {self.at_most_s}")
        if self.cancel and not self.at_most_s:
            raise ValueError("cancel needs at_most_s, after which it is cancelled")

    @property
    def when(self) -> When:
        return When.parse(self.at)

    @property
    def beside(self) -> Alone:
        """Beside which builds none is started."""
        return self.alone or (Alone.PARAMETERS if self.matrix else Alone.JOB)

    def runs(self, name: str) -> Mapping[str, Mapping[str, str]]:
        """List the parameters of each build, by the name of this and what tells it from the others of the matrix."""
        return {f"{name} {_label(each)}".rstrip(): {**self.parameters, **each} for each in self.matrix or ({},)}


class ScheduledSettings(Settings, frozen=True):
    """`[plugin.scheduled_builds]`."""

    build: dict[str, ScheduledBuild] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        for name in self.build:
            if not _NAME.fullmatch(name):
                raise ValueError(f'build has "{name}"; a name is at most 50 letters, digits and any of . _ -')

    def times(self) -> Mapping[str, When]:
        """Name the times of all builds, for the timetable."""
        return {name: one.when for name, one in self.build.items()}

    def tells_jobs(self) -> Mapping[str, Collection[str]]:
        """Name the places that hear of each job's builds from here, none for those of the operators."""
        found: dict[str, list[str]] = {}
        for one in self.build.values():
            if Tell.FAILED in one.tell:
                found.setdefault(one.job, []).extend(one.to or ("",))
        return found


def _label(parameters: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in parameters.items())
