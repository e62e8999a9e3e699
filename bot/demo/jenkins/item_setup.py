"""What an administrator of a Jenkins stand-in does to its items by hand: new kinds of jobs, moves, removals."""

from collections.abc import Mapping, Sequence

from bot.demo.jenkins.auto_retry import AutoRetry
from bot.demo.jenkins.branches import Branches, watch_checkouts
from bot.demo.jenkins.cells import Axes
from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.folders import FOLDER, Folder, MultiBranch, Orphans
from bot.demo.jenkins.items import Item, add_folder, add_job, delete, find_item, rename
from bot.demo.jenkins.matrix import CellJob, Matrices, MatrixJob
from bot.demo.jenkins.model import Job, Outcome, Parameter
from bot.demo.jenkins.naginator import watch_failures, watch_retries


class ItemSetup:
    """The items of one controller, to be set up and changed without any request."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        Matrices(engine)
        watch_checkouts(engine)
        watch_failures(engine)
        watch_retries(engine)

    def add_folder(self, full_name: str, *, kind: str = FOLDER) -> Folder:
        """Add a folder; an organization is one of another class."""
        folder = Folder(full_name, kind)
        add_folder(self._engine, folder)
        return folder

    def add_multibranch(
        self, full_name: str, *, remote: str = "https://git.example.org/repo.git", orphans: Orphans = "disabled"
    ) -> Branches:
        """Add a multibranch project and give its repository, which is empty."""
        project = MultiBranch(full_name, remote=remote, orphans=orphans)
        add_folder(self._engine, project)
        return Branches(self._engine, project)

    def add_matrix(
        self,
        full_name: str,
        axes: Axes,
        *,
        parameters: Sequence[Parameter] = (),
        duration_s: float = 1.0,
        outcomes: Mapping[str, Outcome] | None = None,
        log: str | bytes = "",
        label_axis: str = "",
    ) -> MatrixJob:
        """Add a matrix project.

        Arguments:
            parameters: of the project, which each cell gets as well.
            duration_s: how long each cell takes.
            outcomes: by the name of a cell; the others succeed.
            log: what the steps of each cell write.
            label_axis: the axis whose values are labels of nodes.
        """
        job = MatrixJob(full_name, tuple(parameters), duration_s, kind="matrix", label_axis=label_axis, cell_log=log)
        job.set_axes(axes, outcomes)
        add_job(self._engine, job)
        return job

    def find_cell(self, full_name: str, cell: str) -> CellJob:
        """Find a cell of a matrix project by its name."""
        job = self._item(full_name)
        assert isinstance(job, MatrixJob)
        found = job.find(cell)
        assert found is not None, f"no cell {cell}"
        return found

    def retry_failed(self, job: Job, how: AutoRetry) -> None:
        """Let Naginator retry failed builds of a job by itself; a Pipeline has no publishers and takes none of it."""
        assert job.kind in ("freestyle", "matrix"), f"{job.full_name} is no job that Naginator repeats"
        job.auto_retry = how

    def move(self, full_name: str, new_full_name: str) -> None:
        """Rename an item or move it into another folder."""
        rename(self._engine, self._item(full_name), new_full_name, self._engine.catch_up())

    def delete(self, full_name: str) -> None:
        """Delete an item with all that is in it; one of the same name that comes later counts from 1 again."""
        delete(self._engine, self._item(full_name), self._engine.catch_up())

    def _item(self, full_name: str) -> Item:
        item = find_item(self._engine, full_name.split("/"))
        assert item is not None, f"no item {full_name}"
        return item
