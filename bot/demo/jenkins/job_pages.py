"""The pages below `job/`: folders, jobs, and the way to their builds."""

from bot.demo.jenkins.build_pages import build_page, console_page
from bot.demo.jenkins.model import Job
from bot.demo.jenkins.request import READ, Answer, Refused
from bot.demo.jenkins.rooms import BuildRoom, JobRoom, Visit
from bot.demo.jenkins.triggers import trigger_page
from bot.demo.jenkins.views import find_build

BUILD_ROOMS: tuple[BuildRoom, ...] = (build_page, console_page)


def items_page(visit: Visit, segments: list[str]) -> Answer | None:
    """Find the job or folder that a path names, and ask its rooms."""
    if segments[:1] != ["job"]:
        return None
    visit.asking.need(READ)
    names: list[str] = []
    while len(segments) >= 2 and segments[0] == "job":
        names.append(segments[1])
        segments = segments[2:]
    full_name = "/".join(names)
    job = visit.engine.jobs.get(full_name.lower())
    if job is None:
        return _folder(visit, full_name, segments)
    if job.hidden:
        raise Refused(404, "Not Found")
    return next((answer for room in JOB_ROOMS if (answer := room(visit, job, segments)) is not None), None)


def _folder(visit: Visit, full_name: str, page: list[str]) -> Answer | None:
    inside = [job for key, job in visit.engine.jobs.items() if key.startswith(f"{full_name.lower()}/")]
    if all(job.hidden for job in inside):
        raise Refused(404, "Not Found")
    stored = "/".join(inside[0].full_name.split("/")[: full_name.count("/") + 1])
    if page == ["api", "json"]:
        return visit.shown(visit.views.folder(stored))
    return visit.page(stored) if not page else None


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
    return next((answer for room in BUILD_ROOMS if (answer := room(visit, build, page[1:])) is not None), None)


JOB_ROOMS: tuple[JobRoom, ...] = (job_page, trigger_page, builds_page)
