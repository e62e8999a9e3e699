"""What Naginator is told in a job of a Jenkins stand-in: which failed builds it repeats by itself, and when."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

WhichLog: TypeAlias = Literal["any cell", "each cell", "parent"]
NoneLeft: TypeAlias = Literal["whole", "empty", "nothing"]


@dataclass(frozen=True, slots=True)
class AutoRetry:
    """The settings of its publisher [NaginatorPublisher].

    Arguments:
        at_most: how many retries in a row; 0 is without end.
        regexp: looked for in each line of the log by itself; empty repeats whatever failed.
        delay_s: how long after the end, unless the delay grows.
        increment_s, longest_s: of a delay that grows with each retry, and its limit, 0 for none [ProgressiveDelay].
        unstable_too: repeat unstable builds, too.
        failed_cells_only: of a matrix, whether cells that did not fail are left out [NaginatorMatrixAction].
        looked_at: of a matrix, which log has to match: that of any failed cell, that of each cell that is to be
            repeated, or the matrix build's own [RegexpForMatrixStrategy].
        none_left: what is done where by that no cell is to be repeated [NoChildStrategy].
    """

    at_most: int = 1
    regexp: str = ""
    delay_s: float = 0.0
    increment_s: float = 0.0
    longest_s: float = 0.0
    unstable_too: bool = False
    failed_cells_only: bool = False
    looked_at: WhichLog = "any cell"
    none_left: NoneLeft = "whole"

    def after_s(self, retries: int) -> float:
        """Tell how long to wait when there were so many retries in this row."""
        if not self.increment_s:
            return self.delay_s
        delay_s = self.increment_s * (retries + 1) * (retries + 2) / 2
        return min(delay_s, self.longest_s) if self.longest_s > 0 else delay_s

    def takes(self, result: str) -> bool:
        """Tell whether builds that end so are repeated."""
        return result not in ("SUCCESS", "ABORTED") and (self.unstable_too or result != "UNSTABLE")

    def matches(self, stored: bytes) -> bool:
        """Look for the expression in the lines of a log, console notes and all; none of them sees the next."""
        pattern = re.compile(self.regexp)
        return any(pattern.search(line) for line in stored.decode("utf-8", "replace").splitlines())


@dataclass(frozen=True, slots=True)
class Retried:
    """What a build that Naginator has asked for knows of it [NaginatorAction].

    Arguments:
        of: the number of the build that failed.
        count: which retry in a row it is.
        at_most: 0 where there is no end, and where a person asked for it.
    """

    of: int
    count: int
    at_most: int

    @property
    def environment(self) -> Mapping[str, str]:
        """What its steps find in their environment [NaginatorListener.setUpEnvironment]."""
        return {
            "NAGINATOR_COUNT": str(self.count),
            "NAGINATOR_MAXCOUNT": str(self.at_most),
            "NAGINATOR_BUILD_NUMBER": str(self.of),
        }
