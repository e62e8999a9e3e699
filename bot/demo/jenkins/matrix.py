"""Matrix projects inside a Jenkins stand-in: one build on no executor that starts one build for each of its cells."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bot.demo.jenkins.causes import by_upstream
from bot.demo.jenkins.cells import (
    Axes,
    BadFilter,
    Combination,
    Combinations,
    cell_name,
    combinations,
    compact_name,
    read_cell_name,
)
from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.logs import LINK_NOTE
from bot.demo.jenkins.model import OPEN_STAGES, RESULTS, Build, Job, Outcome, QueueItem, Result
from bot.demo.jenkins.paths import raw_encode


@dataclass(slots=True)
class CellJob(Job):
    """One configuration of a matrix project; its address hangs below the project without `job/`."""

    cell: str = ""
    combination: Combination = field(default_factory=dict)
    project_path: str = ""

    @property
    def name(self) -> str:
        """The combination, whose values may hold a slash."""
        return self.cell

    @property
    def path(self) -> str:
        """The path below the root URL, with its final slash."""
        return f"{self.project_path}{raw_encode(self.cell)}/"


@dataclass(slots=True)
class MatrixJob(Job):
    """A matrix project.

    Arguments:
        axes: their values; without any there is one cell, called `default`.
        label_axis: the axis whose values are labels of nodes [hudson.matrix.LabelAxis].
        cell_log: what the steps of each cell write.
        cells: its configurations by name, those in use and those that only earlier builds had.
    """

    axes: Axes = field(default_factory=dict)
    label_axis: str = ""
    cell_log: str | bytes = ""
    cells: dict[str, CellJob] = field(default_factory=dict)

    def set_axes(self, axes: Axes, outcomes: Mapping[str, Outcome] | None = None) -> None:
        """Make the cells of new axes; those of earlier ones stay for the builds that they have had."""
        self.axes = axes
        for combination in combinations(axes):
            name = cell_name(combination)
            cell = self.cells.setdefault(name, CellJob(f"{self.full_name}/{name}", kind="cell", cell=name))
            cell.combination, cell.display_name = combination, compact_name(combination, axes)
            cell.outcome = (outcomes or {}).get(name, cell.outcome)

    def active(self) -> list[CellJob]:
        """List the cells that a build starts."""
        known = self.all_cells()
        return [known[cell_name(combination)] for combination in combinations(self.axes)]

    def all_cells(self) -> dict[str, CellJob]:
        """Give all cells by name, each with what it inherits from the project as that is now.

        A run goes with the build that it is of [MatrixBuild.delete].
        """
        for cell in self.cells.values():
            cell.builds = {number: run for number, run in cell.builds.items() if number in self.builds}
            cell.full_name, cell.project_path = f"{self.full_name}/{cell.cell}", self.path
            cell.parameters, cell.concurrent, cell.duration_s = self.parameters, self.concurrent, self.duration_s
            cell.disabled, cell.hidden = self.disabled, self.hidden
            cell.label = cell.combination.get(self.label_axis, self.label)
            cell.log = cell.log or self.cell_log
            # A run that no matrix build asked for takes the newest one's number [MatrixConfiguration.newBuild].
            cell.next_number = max(self.next_number - 1, 1)
        return self.cells

    def find(self, text: str) -> CellJob | None:
        """Find a cell by its name in any order of its axes."""
        return self.all_cells().get(read_cell_name(text) or "")


def own_runs(build: Build) -> list[Build]:
    """List the runs that a matrix build started itself [MatrixBuild.getExactRuns]."""
    return [run for run in all_runs(build) if run.number == build.number]


def all_runs(build: Build) -> list[Build]:
    """List a run for each cell, inherited from the nearest earlier build when it has none [MatrixBuild.getRuns]."""
    assert isinstance(build.job, MatrixJob)
    numbers = [number for number in reversed(build.job.builds) if number <= build.number]
    runs = [
        next((cell.builds[number] for number in numbers if number in cell.builds), None)
        for cell in sorted(build.job.all_cells().values(), key=_place)
    ]
    return [run for run in runs if run is not None]


def _place(cell: CellJob) -> tuple[int, list[tuple[str, str]]]:
    """Tell where a project lists a cell, whatever the order of its axes [Combination.compareTo]."""
    return len(cell.combination), sorted(cell.combination.items())


@dataclass(slots=True)
class _Awaited:
    """A matrix build that waits for its cells, in the order in which it asks after them."""

    build: Build
    items: list[QueueItem]
    result: Result


class Matrices:
    """Lets the matrix builds of a controller start their cells and take their results."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._awaited: list[_Awaited] = []
        engine.began.append(self._begin)
        engine.stopped.append(self._stop)
        engine.ended.append(lambda _, now: self._look(now))
        engine.settled.append(self._look)

    def _begin(self, build: Build, now: float) -> None:
        job = build.job
        if isinstance(job, CellJob):
            self._engine.at(build.building_end_s, self._look)
        if not isinstance(job, MatrixJob):
            return
        build.log.cut(now)
        build.steps_end_s = build.building_end_s = build.closed_s = math.inf  # until the last cell has ended
        try:
            chosen = [cell for cell in job.active() if _runs(build, cell)]
        except BadFilter as error:
            build.log.add(f"{error}\nFailed executing combination filter\n".encode(), now)
            self._engine.end(build, "FAILURE", now)
            return
        _keep_inherited(build, chosen)
        cause = by_upstream(job.full_name, build.number, *build.causes)
        awaited = _Awaited(build, [], build.plan.result)
        for cell in chosen:
            build.log.add(b"Triggering " + _linked(cell) + b"\n", now)
            awaited.items.append(self._engine.enqueue(cell, build.parameters, [cause], parent=build))
        self._awaited.append(awaited)
        self._look(now)

    def _look(self, now: float) -> None:
        for awaited in list(self._awaited):
            build = awaited.build
            if build.job.builds.get(build.number) is not build or now >= build.steps_end_s:  # lost in a restart
                self._forget(awaited, now)
                continue
            while awaited.items and (result := self._ended(awaited.items[0], now)) is not None:
                cell = _linked(awaited.items[0].job)
                if awaited.items[0].build is None:
                    build.log.add(cell + b" appears to be cancelled\n", now)
                build.log.add(cell + f" completed with result {result}\n".encode(), now)
                awaited.result = max(awaited.result, result, key=RESULTS.index)
                del awaited.items[0]
            if not awaited.items:
                self._awaited.remove(awaited)
                self._engine.end(build, awaited.result, now)

    def _ended(self, item: QueueItem, now: float) -> Result | None:
        if item.build is not None:
            return None if item.build.building(now) else item.build.result(now)
        lost = item.stage in OPEN_STAGES and item.id not in self._engine.items
        return "ABORTED" if item.cancelled or lost else None

    def _forget(self, awaited: _Awaited, now: float) -> None:
        self._awaited.remove(awaited)
        for item in awaited.items:
            if item.stage in OPEN_STAGES:
                self._engine.discard(item, now)

    def _stop(self, build: Build, now: float) -> None:
        for awaited in [each for each in self._awaited if each.build is build]:
            self._awaited.remove(awaited)
            for item in awaited.items:
                if item.stage in OPEN_STAGES:
                    self._engine.discard(item, now)
                    build.log.add(b"Cancelled " + _linked(item.job) + b"\n", now)
                elif item.build is not None and item.build.building(now):
                    run = item.build
                    build.log.add(b"Interrupting " + _linked(run.job) + f" #{run.number}\n".encode(), now)
                    self._engine.abort(run, now, "Build was aborted\n", lasting_s=run.plan.stopping_s)


def _keep_inherited(build: Build, chosen: Collection[CellJob]) -> None:
    """Keep the builds whose runs a partial one shows as its own [MatrixBuild.getWhyKeepLog]."""
    built = {cell.cell for cell in chosen}
    for run in all_runs(build):
        if run.job.name not in built:
            build.job.builds[run.number].keep = True


def _runs(build: Build, cell: CellJob) -> bool:
    """Ask all who may leave a cell out [hudson.matrix.listeners.MatrixBuildListener.doBuildConfiguration]."""
    if build.only is not None and cell.cell not in build.only:
        return False
    chosen = [value for value in build.parameters.values() if isinstance(value, Combinations)]
    return all(value.accepts(cell.combination) for value in chosen)


def _linked(cell: Job) -> bytes:
    """Name a cell as the log does, which links it [ModelHyperlinkNote]."""
    return LINK_NOTE + cell.name.encode()
