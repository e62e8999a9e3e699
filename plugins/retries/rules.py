"""Which builds are tried again, when and how often, as the configuration says it for each job."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from bot.facts import FailureClass, RetryLimits
from bot.plugin import Pattern, Settings, UserError, nearest

DAY_S = 86400.0
CELLS = ("matched", "failed", "parent")
NONE_LEFT = ("none", "whole")
RANGES: Mapping[str, tuple[float, float]] = {
    "delay_s": (0, DAY_S),
    "increment_s": (0, DAY_S),
    "max_delay_s": (-1, 7 * DAY_S),
    "jitter": (0, 1),
    "at_most": (0, 10),
    "per_cause": (1, 10_000),
    "per_node": (1, 10_000),
    "per_job": (1, 10_000),
    "per_pull": (1, 10_000),
    "per_hour": (1, 10_000),
    "storm": (2, 10_000),
    "storm_s": (1, DAY_S),
    "quiet_s": (1, DAY_S),
    "floor": (0, 1),
    "floor_after": (1, 1000),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one job; each field is a key of `[plugin.retries]` and of its tables `job."GLOB"`.

    Arguments:
        off: nothing of it is tried again.
        naginator: Naginator tries it again by itself, so we do not.
        pattern: tried again is what has this in its log, and not what the verdict says; "" is in each.
        classes, causes: tried again is what failed in one of these classes, or of these causes.
        delay_s: before each retry, unless there is an increment.
        increment_s: the delay grows: this, three times this, six times, ten times.
        max_delay_s: what it grows to at most; 0 or less: to whatever.
        jitter: up to this share of the delay it is shorter or longer, so that not all come at once.
        at_most: how many retries; 0 for none.
        unstable: what is unstable is tried again, too.
        cells: of a matrix those that failed are tried again if all of them are to be ("matched"), if one of them is
            ("failed"), or if the build as a whole is ("parent").
        none_left: what to do with a matrix that failed though none of its cells did: nothing, or "whole".
        other_node: on another agent with the same labels, where the job has a parameter for it.
        others: also builds that nobody has asked Gordon for.
    """

    off: bool = False
    naginator: bool = False
    pattern: str | None = None
    classes: tuple[str, ...] | None = None
    causes: tuple[str, ...] | None = None
    delay_s: float = 30.0
    increment_s: float = 0.0
    max_delay_s: float = 0.0
    jitter: float = 0.1
    at_most: int = 2
    unstable: bool = False
    cells: str = "matched"
    none_left: str = "none"
    other_node: bool = True
    others: bool = True

    def delay(self, tried: int, chance: float) -> float:
        """Tell the seconds before the next retry.

        Arguments:
            tried: how many retries there were.
            chance: from 0 to 1, the same for the same build.
        """
        delay_s, at_most_s = self.delay_s, math.inf
        if self.increment_s > 0:
            delay_s = self.increment_s * (tried + 1) * (tried + 2) / 2
            at_most_s = self.max_delay_s if self.max_delay_s > 0 else math.inf
        least_s = min(delay_s, at_most_s) * (1 - self.jitter)
        most_s = min(delay_s * (1 + self.jitter), at_most_s)  # no later than it says, and not all at once there
        return least_s + chance * (most_s - least_s)


class JobRetries(Settings, frozen=True):
    """`[plugin.retries.job."GLOB"]`: what differs for the contexts or jobs of this name."""

    off: bool | None = None
    naginator: bool | None = None
    pattern: str | None = None
    classes: tuple[str, ...] | None = None
    causes: tuple[str, ...] | None = None
    delay_s: float | None = None
    increment_s: float | None = None
    max_delay_s: float | None = None
    jitter: float | None = None
    at_most: int | None = None
    unstable: bool | None = None
    cells: str | None = None
    none_left: str | None = None
    other_node: bool | None = None
    others: bool | None = None

    def __post_init__(self) -> None:
        check(self)


class RetriesSettings(Settings, frozen=True):
    """`[plugin.retries]`: what holds for all jobs, and how much is tried again at most."""

    off: bool = False
    naginator: bool = False
    pattern: str | None = None
    classes: tuple[str, ...] | None = None
    causes: tuple[str, ...] | None = None
    delay_s: float = 30.0
    increment_s: float = 0.0
    max_delay_s: float = 0.0
    jitter: float = 0.1
    at_most: int = 2
    unstable: bool = False
    cells: str = "matched"
    none_left: str = "none"
    other_node: bool = True
    others: bool = True  # most builds are started by hooks, and their flakes cost people as much
    per_cause: int = 20  # retries within an hour; also those below
    per_node: int = 10
    per_job: int = 30
    per_pull: int = 10
    per_hour: int = 60  # of all jobs together
    storm: int = 10  # so many failures of one cause
    storm_s: float = 600.0  # within so long: none of it is tried again
    quiet_s: float = 600.0  # before it was quiet for so long
    floor: float = 0.2  # a cause of whose last retries a smaller share has passed is not tried again
    floor_after: int = 10
    job: dict[str, JobRetries] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        check(self)

    def rule(self, context: str, job: str) -> Rule:
        """Tell what holds for a build, by the name of its context or job: the first table that fits counts.

        Arguments:
            job: its full name.
        """
        own = next((table for glob, table in self.job.items() if _fits(glob, context, job)), None)
        given: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(Rule)}
        if own is not None:
            if {own.pattern, own.classes, own.causes} != {None}:  # what tells whether comes from one table
                given |= {"pattern": None, "classes": None, "causes": None}
            given |= {name: value for name in given if (value := getattr(own, name)) is not None}
        return Rule(**given)

    def named(self) -> set[str]:
        """List what the configuration itself gives as a cause of retries: causes and expressions, of whichever job."""
        tables: tuple[RetriesSettings | JobRetries, ...] = (self, *self.job.values())
        return {each for table in tables for each in (table.pattern, *(table.causes or ())) if each}

    def patterns_for(self, context: str, job: str) -> tuple[str, ...]:
        """List the expressions that are to be looked for in the logs of a job."""
        rule = self.rule(context, job)
        return (rule.pattern,) if rule.pattern and not rule.off else ()

    def limits(self, reset_s: float | None) -> RetryLimits:
        """Tell how much is tried again at most.

        Arguments:
            reset_s: since when it counts which retries have passed; None: since ever.
        """
        named = {each.name for each in fields(RetryLimits)} - {"floor_since"}
        since = None if reset_s is None else datetime.fromtimestamp(reset_s, UTC)
        return RetryLimits(**{name: getattr(self, name) for name in named}, floor_since=since)


def check(settings: Settings) -> None:
    """See that each key that is there has a value that it may have.

    Raises:
        ValueError: one has not, and what it may be.
    """
    given = {name: getattr(settings, name) for name in settings.__struct_fields__}
    for name, (low, high) in RANGES.items():
        if (value := given.get(name)) is not None and not low <= value <= high:
            raise ValueError(f"{name} must be {low:g} to {high:g}, is {value:g}")
    for name, known in (("cells", CELLS), ("none_left", NONE_LEFT)):
        if (value := given[name]) is not None and value not in known:
            raise ValueError(f'{name} is "{value}"; {nearest(value, known)}')
    for value in given["classes"] or ():
        if value not in set(FailureClass):
            raise ValueError(f'classes has "{value}"; {nearest(value, FailureClass)}')
    if given["pattern"]:
        try:
            Pattern(given["pattern"])
        except UserError as error:
            raise ValueError(f"pattern: {error}") from error


def _fits(glob: str, context: str, job: str) -> bool:
    return fnmatchcase(context, glob) or fnmatchcase(job, glob)
