"""The tree of items of a Jenkins stand-in: finding them by their paths, and what moves, closes or removes them."""

from collections.abc import Sequence
from typing import TypeAlias
from urllib.parse import unquote

from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.folders import Folder, MultiBranch, encode_name
from bot.demo.jenkins.model import OPEN_STAGES, Job

Item: TypeAlias = Job | Folder


class ItemBusy(Exception):
    """An item that cannot be renamed or moved because something of it runs."""


class NameTaken(Exception):
    """A new name that another item has."""


def parent_name(full_name: str) -> str:
    """Give the full name of the folder that an item is in; "" is the root."""
    return full_name.rpartition("/")[0]


def ensure_folders(engine: Engine, full_name: str) -> None:
    """Make the folders that an item is in, where they are missing."""
    parent = parent_name(full_name)
    if parent and parent.lower() not in engine.folders:
        ensure_folders(engine, parent)
        engine.folders[parent.lower()] = Folder(parent)


def add_job(engine: Engine, job: Job) -> None:
    """Put a job into the tree, in place of any of the same name; its folders are spelled as they are known."""
    ensure_folders(engine, job.full_name)
    parent = parent_name(job.full_name)
    if parent:
        job.full_name = f"{engine.folders[parent.lower()].full_name}/{job.name}"
    engine.jobs[job.full_name.lower()] = job


def add_folder(engine: Engine, folder: Folder) -> None:
    """Put a folder into the tree."""
    ensure_folders(engine, folder.full_name)
    engine.folders[folder.full_name.lower()] = folder


def find_item(engine: Engine, names: Sequence[str]) -> Item | None:
    """Find an item by the names on its path, in any case; only a multibranch project also takes other spellings."""
    item: Item | None = None
    for name in names:
        item = _find_child(engine, item, name)
        if item is None:
            return None
    return item


def _find_child(engine: Engine, parent: Item | None, name: str) -> Item | None:
    if isinstance(parent, Job) or ("/" in name and not isinstance(parent, MultiBranch)):
        return None
    spellings = [name]
    if isinstance(parent, MultiBranch):  # [MultiBranchProject.getItem]
        spellings = [unquote(name), name, encode_name(name)]
    prefix = "" if parent is None else f"{parent.full_name}/"
    for spelling in spellings:
        key = f"{prefix}{spelling}".lower()
        found = None if "/" in spelling else engine.jobs.get(key) or engine.folders.get(key)
        if found is not None:
            return found
    return None


def folders_around(engine: Engine, full_name: str) -> list[Folder]:
    """List the folders that an item is in."""
    parts = full_name.lower().split("/")[:-1]
    around = [engine.folders.get("/".join(parts[: count + 1])) for count in range(len(parts))]
    return [folder for folder in around if folder is not None]


def is_buildable(engine: Engine, item: Item) -> bool:
    """Tell whether an item may be built: neither it nor a folder around it is disabled."""
    around = folders_around(engine, item.full_name)
    usable = item.has_source if isinstance(item, Folder) else True
    return usable and not item.disabled and not any(folder.disabled for folder in around)


def is_hidden(engine: Engine, item: Item) -> bool:
    """Tell whether an item is hidden, itself or with a folder around it."""
    return item.hidden or any(folder.hidden for folder in folders_around(engine, item.full_name))


def children(engine: Engine, parent: str) -> list[Item]:
    """List what is directly inside of a folder; the root is ""."""
    everything: list[Item] = [*engine.folders.values(), *engine.jobs.values()]
    return [item for item in everything if parent_name(item.full_name).lower() == parent.lower()]


def rename(engine: Engine, item: Item, full_name: str, now: float) -> None:
    """Move an item to another name or folder; its builds and what of it waits come along [Items.move].

    Raises:
        ItemBusy: something of it runs [Job.checkRename].
        NameTaken: there is such an item already.
    """
    old = item.full_name
    if full_name.lower() != old.lower() and (full_name.lower() in engine.jobs or full_name.lower() in engine.folders):
        raise NameTaken(full_name)
    inside = [job for job in engine.jobs.values() if job is item or job.full_name.startswith(f"{old}/")]
    if any(build.building(now) for job in inside for build in job.builds.values()):
        raise ItemBusy(old)
    if isinstance(item, Folder):
        for folder in [each for key, each in engine.folders.items() if f"{key}/".startswith(f"{old.lower()}/")]:
            del engine.folders[folder.full_name.lower()]
            folder.full_name = full_name + folder.full_name[len(old) :]
            add_folder(engine, folder)
    for job in inside:
        del engine.jobs[job.full_name.lower()]
        job.full_name = full_name + job.full_name[len(old) :]
        add_job(engine, job)


def delete(engine: Engine, item: Item, now: float) -> None:
    """Remove an item with its builds and what of it waits; what runs is interrupted first [AbstractItem.delete]."""
    inside = [job for job in engine.jobs.values() if job is item or job.full_name.startswith(f"{item.full_name}/")]
    for job in inside:
        for waiting in [each for each in engine.items.values() if each.job is job and each.stage in OPEN_STAGES]:
            engine.discard(waiting, now)
        for build in [each for each in engine.running(now) if each.job is job]:
            engine.abort(build, now, "Build was aborted\n", lasting_s=0.0)
        del engine.jobs[job.full_name.lower()]
        job.builds.clear()
    prefix = f"{item.full_name.lower()}/"
    for key in [key for key in engine.folders if f"{key}/".startswith(prefix) and isinstance(item, Folder)]:
        del engine.folders[key]
