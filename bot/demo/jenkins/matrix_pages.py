"""The pages of a matrix project's cells, which hang below the project and its builds without `job/`."""

from collections.abc import Callable

from bot.demo.jenkins.cells import read_cell_name
from bot.demo.jenkins.matrix import CellJob, MatrixJob, all_runs
from bot.demo.jenkins.model import Build, Job
from bot.demo.jenkins.request import Answer
from bot.demo.jenkins.rooms import BuildRoom, JobRoom, Visit

ShowJob = Callable[[Visit, Job, list[str]], Answer | None]
ShowBuild = Callable[[Visit, Build, list[str]], Answer | None]


def cell_room(show: ShowJob) -> JobRoom:
    """Make the room that hands the pages of a cell on to those of jobs."""

    def cell_page(visit: Visit, job: Job, page: list[str]) -> Answer | None:
        if not isinstance(job, MatrixJob) or not page:
            return None
        cell = job.find(page[0])
        return None if cell is None else show(visit, cell, page[1:])

    return cell_page


def run_room(show: ShowBuild) -> BuildRoom:
    """Make the room that hands the pages of a cell's run on to those of builds."""

    def run_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
        """Show the run, or the way to the one that was inherited [MatrixBuild.getDynamic]."""
        if not isinstance(build.job, MatrixJob) or not page:
            return None
        name = read_cell_name(page[0])
        run = next((run for run in all_runs(build) if isinstance(run.job, CellJob) and run.job.cell == name), None)
        if run is None:
            return None
        if run.number == build.number:
            return show(visit, run, page[1:])
        query = visit.incoming.target.partition("?")[2]
        return visit.sent_to(f"{run.job.path}{run.number}/{'/'.join(page[1:])}" + (f"?{query}" if query else ""))

    return run_page
