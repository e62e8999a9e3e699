"""Queue items and builds of Jenkins, read; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from bot.adapters.jenkins_wire import (
    Unreadable,
    build_url,
    moment,
    number_of,
    objects,
    positive,
    read_url,
    seconds,
    text_of,
)
from bot.ports import Queued
from bot.values import Build, BuildRef, JobRef, Result

RECENT_BUILDS = 200  # Jenkins loads older ones from disk, one file each

# A key named twice in `tree` keeps only its last form, and a range stands after the brackets.
ACTIONS = "actions[parameters[name,value],causes[userId,shortDescription]]"
BUILD_TREE = f"number,url,queueId,building,inProgress,result,timestamp,duration,estimatedDuration,builtOn,{ACTIONS}"
BUILDS_TREE = f"allBuilds[{BUILD_TREE}]{{0,{RECENT_BUILDS}}}"
ITEM_TREE = f"id,inQueueSince,why,cancelled,task[url],executable[number,url],{ACTIONS}"
QUEUE_TREE = f"items[{ITEM_TREE}]"
NODES_TREE = (
    f"computer[displayName,executors[currentExecutable[{BUILD_TREE}]],oneOffExecutors[currentExecutable[{BUILD_TREE}]]]"
)

What = TypeVar("What", Queued, Build)


@dataclass(frozen=True, slots=True)
class Seen(Generic[What]):
    """A queue item or build with whose it is.

    Arguments:
        users: who asked for it, in small letters; None when its causes do not tell.
    """

    what: What
    users: frozenset[str] | None

    @property
    def queue_id(self) -> int | None:
        return self.what.id if isinstance(self.what, Queued) else self.what.queue_id

    @property
    def at(self) -> datetime | None:
        """When it was asked for, or began, by the controller's clock."""
        return self.what.since if isinstance(self.what, Queued) else self.what.started_at


def read_queue(raw: Mapping[str, Any], server: str, root: str) -> list[Seen[Queued]]:
    """Read everything that waits and whose job can be named."""
    named = [(each, _job_of(each)) for each in objects(raw.get("items")) if positive(each.get("id"))]
    return [Seen(read_item(each, JobRef(server, job), root), _users(each)) for each, job in named if job]


def read_item(raw: Mapping[str, Any], job: JobRef, root: str) -> Queued:
    """Read one queue item of a job; it may have left the queue already."""
    item_id = positive(raw.get("id"))
    if item_id is None:
        raise Unreadable("a queue item without id")
    executable = raw.get("executable")
    number = number_of(executable) if isinstance(executable, dict) else None
    build = BuildRef(job, number) if number else None
    return Queued(
        job,
        item_id,
        url=f"{root}queue/item/{item_id}/",
        parameters=_parameters(raw),
        build=build,
        cancelled=raw.get("cancelled") is True,
        why=text_of(raw.get("why")),
        since=moment(raw.get("inQueueSince")),
        url_of_build=build_url(build, root) if build else "",
    )


def read_builds(raw: Mapping[str, Any], job: JobRef, root: str) -> list[Seen[Build]]:
    """Read the builds of one job, newest first."""
    listed = objects(raw.get("allBuilds"))
    numbered = [(each, number) for each in listed if (number := number_of(each))]
    builds = [Seen(read_build(each, BuildRef(job, number), root), _users(each)) for each, number in numbered]
    return sorted(builds, key=lambda seen: seen.what.ref.number, reverse=True)


def read_build(raw: Mapping[str, Any], ref: BuildRef, root: str) -> Build:
    """Read one build; `finished` by its own fields, while its log may still be open."""
    word = text_of(raw.get("result"))
    return Build(
        ref,
        url=build_url(ref, root),
        queue_id=positive(raw.get("queueId")),
        parameters=_parameters(raw),
        result=Result(word) if word in Result.__members__ else None,
        finished=raw.get("building") is False and raw.get("inProgress") is not True,
        node=text_of(raw.get("builtOn")),
        started_at=moment(raw.get("timestamp")),
        duration_s=seconds(raw.get("duration")) or 0.0,
        estimate_s=seconds(raw.get("estimatedDuration")),
        causes=tuple(text for cause in _causes(raw) if (text := text_of(cause.get("shortDescription")))),
    )


def read_running(raw: Mapping[str, Any], server: str, root: str) -> list[Build]:
    """Read what every executor works on, each build once.

    A Pipeline sits in a one-off executor and has placeholders in ordinary ones; a cell counts as its matrix build.
    """
    running: dict[BuildRef, Build] = {}
    for computer in objects(raw.get("computer")):
        for slot in [*objects(computer.get("oneOffExecutors")), *objects(computer.get("executors"))]:
            work = slot.get("currentExecutable")
            found = read_url(work.get("url")) if isinstance(work, dict) else None
            if isinstance(work, dict) and found and found[1]:
                ref = BuildRef(JobRef(server, found[0]), found[1])
                running.setdefault(ref, read_build({"builtOn": computer.get("displayName"), **work}, ref, root))
    return list(running.values())


def has_all(what: Queued | Build, match: Mapping[str, str]) -> bool:
    """Tell whether a build was asked for with all these parameters."""
    return all(what.parameters.get(name) == value for name, value in match.items())


def fits(what: Queued | Build, told: Mapping[str, str]) -> bool:
    """Tell whether a build may be the one that was asked for with what is told again of its parameters."""
    return all(what.parameters.get(name, "").strip() == value for name, value in told.items())


def _parameters(raw: Mapping[str, Any]) -> dict[str, str]:
    """Read what a build was asked with; a password has no value and is left out."""
    found: dict[str, str] = {}
    for action in objects(raw.get("actions")):
        for one in objects(action.get("parameters")):
            value = one.get("value")
            if isinstance(value, bool):
                value = "true" if value else "false"
            if (name := text_of(one.get("name"))) and isinstance(value, str | int | float):
                found[name] = str(value)
    return found


def _causes(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [cause for action in objects(raw.get("actions")) for cause in objects(action.get("causes"))]


def _users(raw: Mapping[str, Any]) -> frozenset[str] | None:
    """Tell who asked; None when there is no cause to read, or one that hides its user."""
    causes = _causes(raw)
    told = frozenset(user.casefold() for cause in causes if (user := text_of(cause.get("userId"))))
    hidden = any(not text_of(cause.get("userId")) and _may_hide_a_user(cause) for cause in causes)
    return None if not causes or (hidden and not told) else told


def _job_of(item: Mapping[str, Any]) -> str:
    task = item.get("task")
    found = read_url(task.get("url")) if isinstance(task, dict) else None
    return found[0] if found else ""


def _may_hide_a_user(cause: Mapping[str, Any]) -> bool:
    kind = text_of(cause.get("_class"))
    return not kind or kind.endswith("UserIdCause")
