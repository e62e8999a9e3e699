"""The pages below `job/`: folders, jobs, and the way to their builds."""

from bot.demo.jenkins.build_pages import build_page, console_page, edit_page
from bot.demo.jenkins.copies import copy_page
from bot.demo.jenkins.folder_pages import folder_page, job_item_page
from bot.demo.jenkins.folders import Folder
from bot.demo.jenkins.history import find_build
from bot.demo.jenkins.items import find_item
from bot.demo.jenkins.matrix_pages import cell_room, run_room
from bot.demo.jenkins.model import Build, Job
from bot.demo.jenkins.pipeline_pages import input_page, runs_page, stages_page, stopping_page
from bot.demo.jenkins.request import READ, Answer
from bot.demo.jenkins.rooms import BuildRoom, JobRoom, Visit
from bot.demo.jenkins.triggers import trigger_page


def items_page(visit: Visit, segments: list[str]) -> Answer | None:
    """Find the job or folder that a path names, and ask its rooms."""
    if segments[:1] != ["job"]:
        return None
    visit.asking.need(READ)
    names: list[str] = []
    while len(segments) >= 2 and segments[0] == "job":
        names.append(segments[1])
        segments = segments[2:]
    item = find_item(visit.engine, names)
    if item is None:
        return None
    visit.need_sight(item)
    if isinstance(item, Folder):
        return folder_page(visit, item, segments)
    return _ask_job_rooms(visit, item, segments)


def _ask_job_rooms(visit: Visit, job: Job, page: list[str]) -> Answer | None:
    return next((answer for room in JOB_ROOMS if (answer := room(visit, job, page)) is not None), None)


def _ask_build_rooms(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    return next((answer for room in BUILD_ROOMS if (answer := room(visit, build, page)) is not None), None)


def job_page(visit: Visit, job: Job, page: list[str]) -> Answer | None:
    """Show a job."""
    match page:
        case []:
            return visit.page(job.full_name)
        case ["api", "json"]:
            return visit.shown(visit.views.job(job))
    return None


def builds_page(visit: Visit, job: Job, page: list[str]) -> Answer | None:
    """Find the build that a number or a permalink names, and ask its rooms."""
    if not page:
        return None
    build = find_build(job, page[0], visit.now_s)
    if build is None:
        return None
    return _ask_build_rooms(visit, build, page[1:])


JOB_ROOMS: tuple[JobRoom, ...] = (
    job_item_page,
    job_page,
    trigger_page,
    runs_page,
    builds_page,
    cell_room(_ask_job_rooms),
)
BUILD_ROOMS: tuple[BuildRoom, ...] = (
    build_page,
    console_page,
    edit_page,
    stopping_page,
    stages_page,
    input_page,
    copy_page,
    run_room(_ask_build_rooms),
)
