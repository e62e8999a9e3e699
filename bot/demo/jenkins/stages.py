"""The stages of a Pipeline in a Jenkins stand-in: when each runs, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

StageEnd: TypeAlias = Literal["SUCCESS", "UNSTABLE", "FAILED", "ABORTED", "NOT_EXECUTED"]
StageStatus: TypeAlias = Literal[
    "SUCCESS", "UNSTABLE", "FAILED", "ABORTED", "NOT_EXECUTED", "IN_PROGRESS", "PAUSED_PENDING_INPUT"
]


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What a stage will do.

    Arguments:
        duration_s: how long its steps take.
        ends: how it stands afterwards, in the words of the stage view.
        log: the output of its steps, which appears evenly.
        node: the agent of its own `node` block; "" stays where the build is.
        error: what its failing step says.
        input_s: how long it first waits for somebody's consent.
    """

    name: str
    duration_s: float = 1.0
    ends: StageEnd = "SUCCESS"
    log: str | bytes = ""
    node: str = ""
    error: str = ""
    input_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StageRun:
    """A stage at its place in the time of a build."""

    plan: StagePlan
    number: int
    begin_s: float
    steps_s: float
    end_s: float
    cut: bool = False

    @property
    def node_id(self) -> str:
        """The number of its block in the graph of the Pipeline."""
        return str(6 + 10 * self.number)

    @property
    def step_id(self) -> str:
        """The number of the step inside it that has a log."""
        return str(7 + 10 * self.number)

    def is_paused(self, now_s: float) -> bool:
        """Tell whether it waits for somebody's consent."""
        return self.begin_s <= now_s < min(self.steps_s, self.end_s)

    def status(self, now_s: float) -> StageStatus:
        """Tell how it stands; it has begun."""
        if now_s < self.end_s:
            return "PAUSED_PENDING_INPUT" if self.is_paused(now_s) else "IN_PROGRESS"
        return "ABORTED" if self.cut else self.plan.ends

    def shifted(self, from_s: float, by_s: float) -> "StageRun":
        """Move what comes after a moment."""
        begin_s, steps_s, end_s = (at + by_s if at > from_s else at for at in (self.begin_s, self.steps_s, self.end_s))
        return replace(self, begin_s=begin_s, steps_s=steps_s, end_s=end_s)


def lay_out(plans: Sequence[StagePlan], start_s: float) -> list[StageRun]:
    """Put stages one behind the other."""
    runs = []
    for number, plan in enumerate(plans):
        steps_s = start_s + plan.input_s
        end_s = steps_s + (0.0 if plan.ends == "NOT_EXECUTED" else plan.duration_s)
        runs.append(StageRun(plan, number, start_s, steps_s, end_s))
        start_s = end_s
    return runs


def cut_short(runs: Sequence[StageRun], now_s: float, end_s: float) -> list[StageRun]:
    """End the stage that runs at `end_s`, and forget those that have not begun."""
    begun = [run for run in runs if run.begin_s <= now_s]
    return [run if run.end_s <= now_s else replace(run, end_s=end_s, cut=True) for run in begun]
