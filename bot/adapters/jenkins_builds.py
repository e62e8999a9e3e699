"""Queue items and builds of Jenkins, read; pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from bot.adapters.jenkins_wire import (
    Unreadable,
    build_url,
    is_segment,
    job_path,
    moment,
    number_of,
    objects,
    one_line,
    positive,
    read_cell,
    read_url,
    seconds,
    text_of,
)
from bot.ports import Newest, Queued
from bot.values import Build, BuildRef, Cell, Checkout, JobRef, Kind, Result

MAX_WORDS = 300  # of what somebody wrote for people to read
RECENT_BUILDS = 200  # Jenkins loads older ones from disk, one file each
POLLED_BUILDS = 100  # as many as its own pages read for `builds`, so they are at hand [Job.getNewBuilds]
NEW_BUILDS = 10  # of a job between two looks; where there were more it is asked twice
BUILDS_OF_A_BRANCH = 3
# A cell is told as its matrix build, whose number it has.
KINDS = {"MatrixBuild": Kind.MATRIX, "MatrixRun": Kind.MATRIX, "WorkflowRun": Kind.PIPELINE}
MARKS = ("revision", "marked")
NAGINATOR = "Started by Naginator"  # it tells nothing else of what it repeats [NaginatorCause]
SHA = re.compile(r"[0-9a-f]{7,64}", re.ASCII)

# A key named twice in `tree` keeps only its last form, and a range stands after the brackets [NamedPathPruner].
FIELDS = "number,url,queueId,building,inProgress,result,timestamp,duration,estimatedDuration,builtOn"
ASKED = "parameters[name,value,label],causes[userId,shortDescription]"
# The keys of a map are no level of their own in `tree` [stapler Property.writeValue].
TAKEN = "lastBuiltRevision[SHA1],remoteUrls,buildsByBranchName[buildNumber,marked[SHA1],revision[SHA1]]"
ACTIONS = f"actions[{ASKED}]"
# BuildData lists every branch that its job has ever built, so it is not asked for where many builds are listed, and
# each cell of a matrix is a file of its own.
LISTED_TREE = f"{FIELDS},{ACTIONS}"
BRANCH_BUILD_TREE = f"{FIELDS},actions[{ASKED},{TAKEN}]"
BUILD_TREE = f"{BRANCH_BUILD_TREE},runs[number,url,result,building,builtOn,timestamp,duration]"
BUILDS_TREE = f"allBuilds[{LISTED_TREE}]{{0,{RECENT_BUILDS}}}"
BUILDS_BY_COMMIT_TREE = f"allBuilds[{BRANCH_BUILD_TREE}]{{0,{POLLED_BUILDS}}}"
BRANCHES_TREE = (
    f"jobs[name,fullName,url,nextBuildNumber,firstBuild[number],builds[{BRANCH_BUILD_TREE}]{{0,{BUILDS_OF_A_BRANCH}}}]"
)
ITEM_TREE = f"id,inQueueSince,why,cancelled,task[url],executable[number,url],{ACTIONS}"
QUEUE_TREE = f"items[{ITEM_TREE}]"

What = TypeVar("What", Queued, Build)


@dataclass(frozen=True, slots=True)
class Seen(Generic[What]):
    """A queue item or build with whose it is.

    Arguments:
        users: who asked for it, in small letters; None when its causes do not tell.
        is_cell: it is a queue item of a cell, which belongs to a matrix build that has begun, and has its parameters.
    """

    what: What
    users: frozenset[str] | None
    is_cell: bool = False

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
    return [Seen(read_item(each, JobRef(server, job[0]), root), _users(each), job[1]) for each, job in named if job]


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
        why=one_line(raw.get("why"), MAX_WORDS),
        since=moment(raw.get("inQueueSince")),
        url_of_build=build_url(build, root) if build else "",
    )


def read_builds(raw: Mapping[str, Any], job: JobRef, root: str, key: str = "allBuilds") -> list[Seen[Build]]:
    """Read the builds of one job, newest first."""
    listed = objects(raw.get(key))
    numbered = [(each, number) for each in listed if (number := number_of(each))]
    builds = [Seen(read_build(each, BuildRef(job, number), root), _users(each)) for each, number in numbered]
    return sorted(builds, key=lambda seen: seen.what.ref.number, reverse=True)


def read_newest(raw: Mapping[str, Any], job: JobRef, root: str, key: str = "allBuilds") -> Newest:
    """Read the newest builds of a job with the numbers that they lie between."""
    following = positive(raw.get("nextBuildNumber"))
    if following is None or not isinstance(raw.get(key), list):
        raise Unreadable("no job that builds")  # a folder has neither
    builds = [seen.what for seen in read_builds(raw, job, root, key)]
    first = raw.get("firstBuild")
    oldest = number_of(first) if isinstance(first, dict) else None
    if builds:
        oldest = min(oldest or builds[-1].ref.number, builds[-1].ref.number)
        following = max(following, builds[0].ref.number + 1)  # it was read a moment before them
    return Newest(builds, oldest, following)


def newest_tree(at_most: int) -> str:
    """Ask for so many of the newest builds of a job, and the numbers that they lie between."""
    return f"nextBuildNumber,firstBuild[number],allBuilds[{LISTED_TREE}]{{0,{at_most}}}"


def how_many(since: int, until: int) -> int:
    """Tell how many of the newest builds to ask for, so that one of them is `since` where `until` was the newest."""
    return min(until - since + NEW_BUILDS, POLLED_BUILDS) if 0 < since <= until else POLLED_BUILDS


def has_reached(newest: Newest, since: int, at_most: int) -> bool:
    """Tell whether all builds from a number on were among so many; not where numbers have begun again below it."""
    return newest.next > since and (len(newest.builds) < at_most or newest.builds[-1].ref.number <= since)


def read_branches(raw: Mapping[str, Any], project: JobRef, root: str) -> dict[JobRef, Newest]:
    """Read the newest builds of all branches of a multibranch project; what is no job in it is left out."""
    if not isinstance(raw.get("jobs"), list):
        raise Unreadable("no project with branches")
    found: dict[JobRef, Newest] = {}
    for each in objects(raw["jobs"]):
        name = text_of(each.get("name")) or text_of(each.get("fullName")).rpartition("/")[2]
        if not is_segment(name) or positive(each.get("nextBuildNumber")) is None or "builds" not in each:
            continue
        job = JobRef(project.server, f"{project.full_name}/{name}")
        found[job] = read_newest({**each, "builds": list(objects(each["builds"]))}, job, root, "builds")
    return found


def read_build(raw: Mapping[str, Any], ref: BuildRef, root: str) -> Build:
    """Read one build; `finished` by its own fields, while its log may still be open."""
    kind = KINDS.get(text_of(raw.get("_class")).rpartition(".")[2], Kind.PLAIN)
    return Build(
        ref,
        url=build_url(ref, root),
        queue_id=positive(raw.get("queueId")),
        parameters=_parameters(raw),
        result=Result.NOT_BUILT if kind is Kind.MATRIX and _is_hollow(raw, ref) else _result(raw),
        finished=raw.get("building") is False and raw.get("inProgress") is not True,
        node=one_line(raw.get("builtOn"), MAX_WORDS),
        started_at=moment(raw.get("timestamp")),
        duration_s=seconds(raw.get("duration")) or 0.0,
        estimate_s=seconds(raw.get("estimatedDuration")),
        causes=tuple(text for each in _causes(raw) if (text := one_line(each.get("shortDescription"), MAX_WORDS))),
        again=any((text_of(each.get("shortDescription")) or "").startswith(NAGINATOR) for each in _causes(raw)),
        kind=kind,
        cells=tuple(_cells(raw, ref, root)) if kind is Kind.MATRIX else (),
        checkouts=tuple(_checkouts(raw, ref.number)),
    )


def has_all(what: Queued | Build, match: Mapping[str, str]) -> bool:
    """Tell whether a build was asked for with all these parameters."""
    return all(what.parameters.get(name) == value for name, value in match.items())


def fits(what: Queued | Build, told: Mapping[str, str]) -> bool:
    """Tell whether a build may be the one that was asked for with what is told again of its parameters."""
    return all(what.parameters.get(name, "").strip() == value for name, value in told.items())


def has_taken(build: Build, commit: str) -> bool:
    """Tell whether a build has checked this commit out, or merged it into what it built."""
    return any(commit.lower() in checkout.commits for checkout in build.checkouts)


def _result(raw: Mapping[str, Any]) -> Result | None:
    word = text_of(raw.get("result"))
    return Result(word) if word in Result.__members__ else None


def _is_hollow(raw: Mapping[str, Any], ref: BuildRef) -> bool:
    """Tell whether a matrix build passed for want of cells: where a parameter chose none, Jenkins says success.

    A list of builds tells no `runs`, so nothing can be said there.
    """
    is_over = raw.get("building") is False and _result(raw) is Result.SUCCESS
    runs = raw.get("runs")
    return is_over and isinstance(runs, list) and all(number_of(run) != ref.number for run in objects(runs))


def _cells(raw: Mapping[str, Any], ref: BuildRef, root: str) -> Iterator[Cell]:
    """Go through what a matrix build has built itself; `runs` tells inherited ones of older builds too."""
    for run in objects(raw.get("runs")):
        name = read_cell(run.get("url"))
        if name and number_of(run) == ref.number:
            url = f"{root}{job_path(ref.job.full_name)}{quote(name, safe='=,')}/{ref.number}/"
            yield Cell(
                name,
                url,
                None if run.get("building") is True else _result(run),
                one_line(run.get("builtOn"), MAX_WORDS),
                moment(run.get("timestamp")),
                seconds(run.get("duration")) or 0.0,
            )


def _checkouts(raw: Mapping[str, Any], number: int) -> Iterator[Checkout]:
    """Go through what a build took from each repository [BuildData of the git plugin]; a library is one more.

    `revision` is what was built, `marked` what was asked for, before it was merged into another branch.
    """
    for action in objects(raw.get("actions")):
        branches = action.get("buildsByBranchName")
        built = list(objects(list(branches.values()))) if isinstance(branches, dict) else []
        ours = [each.get(kind) for each in built if number_of(each, "buildNumber") == number for kind in MARKS]
        commits = [_sha(each) for each in [action.get("lastBuiltRevision"), *ours]]
        urls = action.get("remoteUrls")
        remotes = tuple(url for url in urls if isinstance(url, str)) if isinstance(urls, list) else ()
        if any(commits):
            yield Checkout(remotes, tuple(dict.fromkeys(filter(None, commits))))


def _sha(revision: object) -> str:
    sha = text_of(revision.get("SHA1")).lower() if isinstance(revision, dict) else ""
    return sha if SHA.fullmatch(sha) else ""


def _parameters(raw: Mapping[str, Any]) -> dict[str, str]:
    """Read what a build was asked with; a password has no value and is left out."""
    found: dict[str, str] = {}
    for action in objects(raw.get("actions")):
        for one in objects(action.get("parameters")):
            value = one.get("value", one.get("label"))  # where a build may run is told so [LabelParameterValue]
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


def _job_of(item: Mapping[str, Any]) -> tuple[str, bool] | None:
    """Tell the job that an item is of, and whether it is one of its cells."""
    task = item.get("task")
    found = read_url(task.get("url")) if isinstance(task, dict) else None
    return (found[0], bool(read_cell(task["url"]))) if found and isinstance(task, dict) else None


def _may_hide_a_user(cause: Mapping[str, Any]) -> bool:
    kind = text_of(cause.get("_class"))
    return not kind or kind.endswith("UserIdCause")
