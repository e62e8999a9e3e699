"""The pages that make, change, rename and delete jobs and folders."""

from bot.demo.jenkins.definitions import read_definition, written
from bot.demo.jenkins.folders import Folder
from bot.demo.jenkins.items import (
    Item,
    ItemBusy,
    NameTaken,
    add_folder,
    add_job,
    delete,
    find_item,
    parent_name,
    rename,
)
from bot.demo.jenkins.model import Job
from bot.demo.jenkins.paths import item_path
from bot.demo.jenkins.request import CONFIGURE, Answer, Refused
from bot.demo.jenkins.rooms import Visit

XML = "application/xml"


def creation_page(visit: Visit, segments: list[str]) -> Answer | None:
    """Make a job or folder from XML, or copy one [ItemGroupMixIn.createTopLevelItem]."""
    if segments[-1:] != ["createItem"]:
        return None
    parent = _parent(visit, segments[:-1])
    _may_change(visit)
    name = visit.incoming.get("name")
    if not name:
        raise Refused(400, "Query parameter 'name' is required")
    full_name = f"{parent}/{name}" if parent else name
    if find_item(visit.engine, full_name.split("/")) is not None:
        raise Refused(400, f"A job already exists with the name {_quoted(name)}")
    if visit.incoming.get("mode") == "copy":
        return _copy(visit, full_name, parent)
    if "xml" not in visit.incoming.headers.get("Content-Type", ""):
        raise Refused(400, "No mode given")
    _make(visit, full_name, visit.incoming.body)
    return Answer(200)


def _parent(visit: Visit, path: list[str]) -> str:
    if not path:
        return ""
    names = path[1::2]
    parent = find_item(visit.engine, names) if path[::2] == ["job"] * len(names) else None
    if not isinstance(parent, Folder):
        raise Refused(404, "Not Found")
    return parent.full_name


def _make(visit: Visit, full_name: str, xml: bytes) -> None:
    definition = read_definition(xml)
    if definition.kind is None:
        add_folder(visit.engine, Folder(full_name))
    else:
        add_job(visit.engine, definition.make(full_name))


def _copy(visit: Visit, full_name: str, parent: str) -> Answer:
    source = visit.incoming.get("from") or ""
    path = source.lstrip("/") if "/" in source or not parent else f"{parent}/{source}"
    item = find_item(visit.engine, path.split("/"))
    if item is None:
        raise Refused(400, f"No such job: {source}")
    _make(visit, full_name, written(item).encode())
    return visit.sent_to(f"{item_path(full_name)}configure")


def item_page(visit: Visit, item: Item, page: list[str]) -> Answer | None:
    """Give or replace the XML of a job or folder, switch it off and on, rename or delete it."""
    match page:
        case ["config.xml"]:
            visit.asking.need(CONFIGURE)
            if visit.incoming.method != "POST":
                return Answer(200, written(item).encode(), XML)
            definition = read_definition(visit.incoming.body)
            if isinstance(item, Job) and definition.kind is not None:
                definition.apply(item)
            return Answer(200)
        case ["enable" | "disable" as act]:
            _may_change(visit)
            item.disabled = act == "disable"
            return visit.sent_to(item_path(item.full_name))
        case ["doRename" | "confirmRename"]:
            _may_change(visit)
            return _rename(visit, item)
        case ["doDelete"]:
            _may_change(visit)
            delete(visit.engine, item, visit.now_s)
            parent = parent_name(item.full_name)
            return visit.sent_to(item_path(parent) if parent else "")
    return None


def _rename(visit: Visit, item: Item) -> Answer:
    name = (visit.incoming.get("newName") or "").strip()
    if not name:
        raise Refused(400, "No name is specified")
    parent = parent_name(item.full_name)
    full_name = f"{parent}/{name}" if parent else name
    try:
        rename(visit.engine, item, full_name, visit.now_s)
    except NameTaken as error:
        raise Refused(400, f"The name {_quoted(name)} is already in use.") from error
    except ItemBusy as error:
        raise Refused(400, "Unable to rename a job while it is building.") from error
    return visit.sent_to(item_path(full_name))


def _may_change(visit: Visit) -> None:
    visit.only_post()
    visit.asking.need(CONFIGURE)


def _quoted(name: str) -> str:
    return f"\u2018{name}\u2019"
