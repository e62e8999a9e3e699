"""The pages of folders, and those by which items move from one to another."""

from bot.demo.jenkins.branches import scan
from bot.demo.jenkins.definition_pages import item_page
from bot.demo.jenkins.folders import Folder
from bot.demo.jenkins.items import Item, ItemBusy, delete, is_buildable, parent_name, rename
from bot.demo.jenkins.model import Job
from bot.demo.jenkins.paths import item_path
from bot.demo.jenkins.request import BUILD, CONFIGURE, Answer, Refused
from bot.demo.jenkins.rooms import Visit


def folder_page(visit: Visit, folder: Folder, page: list[str]) -> Answer | None:
    """Show a folder, or scan the repositories of a computed one."""
    match page:
        case [] if visit.incoming.method != "DELETE":
            return visit.page(folder.full_name)
        case ["api", "json"]:
            return visit.shown(visit.views.folder(folder))
        case ["build"] if folder.is_computed:
            return _scan(visit, folder)
    return _move_page(visit, folder, page) or item_page(visit, folder, page)


def _scan(visit: Visit, folder: Folder) -> Answer:
    """Scan a folder; there is no queue item to be told of [ComputedFolder.doBuild]."""
    visit.only_post()
    visit.asking.need(BUILD)
    if not is_buildable(visit.engine, folder):
        raise Refused(500, f"{folder.full_name} cannot be recomputed")
    scan(visit.engine, folder, visit.now_s)
    return Answer(302, headers={"Location": visit.incoming.headers.get("Referer", ".")})


def job_item_page(visit: Visit, job: Job, page: list[str]) -> Answer | None:
    """Do to a job what may be done to items; a matrix project's cell is none that could be changed by itself."""
    if job.kind != "cell":
        return _move_page(visit, job, page) or item_page(visit, job, page)
    if page in (["disable"], ["enable"]):
        raise Refused(405, "Matrix configurations cannot be disabled separately. Disable the parent project instead")
    return None


def _move_page(visit: Visit, item: Item, page: list[str]) -> Answer | None:
    match page:
        case [] if visit.incoming.method == "DELETE":
            visit.asking.need(CONFIGURE)
            delete(visit.engine, item, visit.now_s)
            return Answer(204)
        case ["move", "move"] if "cloudbees-folder" in visit.engine.plugins:
            visit.only_post()
            visit.asking.need(CONFIGURE)
            return _move(visit, item)
    return None


def _move(visit: Visit, item: Item) -> Answer:
    """Move an item into a folder, named by `/` and its full name [RelocationAction.doMove]."""
    destination = (visit.incoming.get("destination") or "").removeprefix("/")
    known = destination == "" or destination.lower() in visit.engine.folders
    if not known or destination == parent_name(item.full_name):
        return visit.sent_to(item_path(item.full_name))
    name = item.full_name.rpartition("/")[2]
    full_name = f"{destination}/{name}" if destination else name
    try:
        rename(visit.engine, item, full_name, visit.now_s)
    except ItemBusy as busy:
        raise Refused(400, f"Unable to move {busy} while it is building") from busy
    return visit.sent_to(item_path(full_name))
