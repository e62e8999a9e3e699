"""Jenkins' words into ours and back: names, parameters, queue items, builds; pure, and hostile to nothing but nonsense.

Every URL that Jenkins tells is taken apart for its names and numbers only and put together again on our own root:
the host in it is the one that an operator once typed into Jenkins, which need not be the one we reach it by.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

import msgspec

from bot.errors import UserError
from bot.ports import Queued
from bot.values import MAX_BUILD_NUMBER_DIGITS, Build, BuildRef, JobRef, Result

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_ID_DIGITS = 18  # fits 64 bits
MAX_VALUE_BYTES = 4096
MAX_SHOWN = 20
BOOLEANS = ("true", "false")
PLAIN = frozenset(f"{kind}ParameterDefinition" for kind in ("String", "Text", "Choice", "Boolean"))
RECENT_BUILDS = 200  # Jenkins loads older ones from disk, one file each
ITEM_URL = re.compile(rf"queue/item/([0-9]{{1,{MAX_ID_DIGITS}}})/?$", re.ASCII)
# A cell of a matrix (`AXIS=v,B=w`, or `default`) follows its job without `job/` before it, and counts as its job.
JOB_URL = re.compile(
    rf"(?P<job>(?:/job/[^/?#]+)+)(?:/(?:[^/?#]*=[^/?#]*|default))?(?:/(?P<number>[0-9]{{1,{MAX_BUILD_NUMBER_DIGITS}}}))?/?$",
    re.ASCII,
)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # half a character cannot be sent either

# A key named twice in `tree` keeps only its last form, and a range stands after the brackets.
ACTIONS = "actions[parameters[name,value],causes[userId,shortDescription]]"
BUILD_TREE = f"number,url,queueId,building,inProgress,result,timestamp,duration,estimatedDuration,builtOn,{ACTIONS}"
BUILDS_TREE = f"allBuilds[{BUILD_TREE}]{{0,{RECENT_BUILDS}}}"
ITEM_TREE = f"id,inQueueSince,why,cancelled,task[url],executable[number,url],{ACTIONS}"
QUEUE_TREE = f"items[{ITEM_TREE}]"
JOB_TREE = "name,fullName,buildable,property[parameterDefinitions[name,type,choices]]"
NODES_TREE = (
    f"computer[displayName,executors[currentExecutable[{BUILD_TREE}]],oneOffExecutors[currentExecutable[{BUILD_TREE}]]]"
)


What = TypeVar("What", Queued, Build)


class Unreadable(Exception):
    """An answer that no Jenkins gives."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A parameter as its job declares it; `choices` empty when any text will do.

    Arguments:
        is_plain: Jenkins tells its value again as it was sent, which it does not for a password or a plugin's kind.
    """

    name: str
    is_boolean: bool = False
    choices: tuple[str, ...] = ()
    is_plain: bool = True


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What must be known of a job before it is started."""

    full_name: str
    buildable: bool
    takes_parameters: bool
    definitions: Mapping[str, Definition] = field(default_factory=dict)


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


def read_object(body: bytes) -> dict[str, Any]:
    """Decode an answer that has to be a JSON object."""
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable("no JSON") from error
    if not isinstance(raw, dict):
        raise Unreadable("no JSON object")
    return raw


def job_path(full_name: str) -> str:
    """Spell a job's address under the root, `A/B` as `job/A/job/B/`.

    Raises:
        UserError: it is no job's name.
    """
    segments = full_name.split("/")
    if not all(map(_is_segment, segments)):
        raise UserError(f"{full_name!r} is not the name of a job")
    return "".join(f"job/{quote(segment, safe='')}/" for segment in segments)


def read_url(url: object) -> tuple[str, int | None] | None:
    """Take the job's full name, and the build's number if there is one, out of an address."""
    found = JOB_URL.search(url) if isinstance(url, str) else None
    if found is None:
        return None
    segments = [unquote(segment) for segment in found["job"].split("/job/")[1:]]
    if not all(map(_is_segment, segments)):
        return None
    return "/".join(segments), _positive(int(found["number"])) if found["number"] else None


def read_item_id(location: str | None) -> int | None:
    """Take the queue id out of a `Location`, whatever host it names."""
    found = ITEM_URL.search(location or "")
    return int(found[1]) if found else None


def read_job(raw: Mapping[str, Any]) -> JobFacts:
    """Read a job's name, whether it may be built, and its parameters."""
    full_name = _text(raw.get("fullName")) or _text(raw.get("name"))
    if not full_name:
        raise Unreadable("a job without a name")
    lists = [each["parameterDefinitions"] for each in _objects(raw.get("property")) if "parameterDefinitions" in each]
    definitions: dict[str, Definition] = {}
    for one in (each for some in lists for each in _objects(some)):
        if name := _text(one.get("name")):
            raw_choices = one.get("choices")
            choices = tuple(c for c in raw_choices if isinstance(c, str)) if isinstance(raw_choices, list) else ()
            kind = _text(one.get("type"))
            definitions[name] = Definition(name, kind == "BooleanParameterDefinition", choices, kind in PLAIN)
    return JobFacts(
        full_name=full_name,
        buildable=raw.get("buildable") is not False,
        takes_parameters=any(isinstance(some, list) for some in lists),
        definitions=definitions,
    )


def read_queue(raw: Mapping[str, Any], server: str, root: str) -> list[Seen[Queued]]:
    """Read everything that waits and whose job can be named."""
    named = [(each, _job_of(each)) for each in _objects(raw.get("items")) if _positive(each.get("id"))]
    return [Seen(read_item(each, JobRef(server, job), root), _users(each)) for each, job in named if job]


def read_item(raw: Mapping[str, Any], job: JobRef, root: str) -> Queued:
    """Read one queue item of a job; it may have left the queue already."""
    item_id = _positive(raw.get("id"))
    if item_id is None:
        raise Unreadable("a queue item without id")
    executable = raw.get("executable")
    number = _number(executable) if isinstance(executable, dict) else None
    build = BuildRef(job, number) if number else None
    return Queued(
        job,
        item_id,
        url=f"{root}queue/item/{item_id}/",
        parameters=_parameters(raw),
        build=build,
        cancelled=raw.get("cancelled") is True,
        why=_text(raw.get("why")),
        since=_moment(raw.get("inQueueSince")),
        url_of_build=build_url(build, root) if build else "",
    )


def read_builds(raw: Mapping[str, Any], job: JobRef, root: str) -> list[Seen[Build]]:
    """Read the builds of one job, newest first."""
    listed = _objects(raw.get("allBuilds"))
    numbered = [(each, number) for each in listed if (number := _number(each))]
    builds = [Seen(read_build(each, BuildRef(job, number), root), _users(each)) for each, number in numbered]
    return sorted(builds, key=lambda seen: seen.what.ref.number, reverse=True)


def read_build(raw: Mapping[str, Any], ref: BuildRef, root: str) -> Build:
    """Read one build; `finished` by its own fields, while its log may still be open."""
    word = _text(raw.get("result"))
    return Build(
        ref,
        url=build_url(ref, root),
        queue_id=_positive(raw.get("queueId")),
        parameters=_parameters(raw),
        result=Result(word) if word in Result.__members__ else None,
        finished=raw.get("building") is False and raw.get("inProgress") is not True,
        node=_text(raw.get("builtOn")),
        started_at=_moment(raw.get("timestamp")),
        duration_s=_seconds(raw.get("duration")) or 0.0,
        estimate_s=_seconds(raw.get("estimatedDuration")),
        causes=tuple(text for cause in _causes(raw) if (text := _text(cause.get("shortDescription")))),
    )


def read_running(raw: Mapping[str, Any], server: str, root: str) -> list[Build]:
    """Read what every executor works on, each build once.

    A Pipeline sits in a one-off executor and has placeholders in ordinary ones; a cell counts as its matrix build.
    """
    running: dict[BuildRef, Build] = {}
    for computer in _objects(raw.get("computer")):
        for slot in [*_objects(computer.get("oneOffExecutors")), *_objects(computer.get("executors"))]:
            work = slot.get("currentExecutable")
            found = read_url(work.get("url")) if isinstance(work, dict) else None
            if isinstance(work, dict) and found and found[1]:
                ref = BuildRef(JobRef(server, found[0]), found[1])
                running.setdefault(ref, read_build({"builtOn": computer.get("displayName"), **work}, ref, root))
    return list(running.values())


def read_crumb(raw: Mapping[str, Any]) -> tuple[str, str]:
    """Read the header that a POST without a token needs."""
    name, value = _text(raw.get("crumbRequestField")), _text(raw.get("crumb"))
    if not name or not value or CONTROL.search(name + value):
        raise Unreadable("no crumb")
    return name, value


def build_url(ref: BuildRef, root: str) -> str:
    """Spell a build's address on our own root."""
    return f"{root}{job_path(ref.job.full_name)}{ref.number}/"


def has_all(what: Queued | Build, match: Mapping[str, str]) -> bool:
    """Tell whether a build was asked for with all these parameters."""
    return all(what.parameters.get(name) == value for name, value in match.items())


def told_again(facts: JobFacts, match: Mapping[str, str]) -> dict[str, str]:
    """Keep of what was sent what Jenkins tells again, in its words; it may have trimmed a value at either end."""
    found = {name: facts.definitions.get(name) for name in match}
    plain = {name: definition for name, definition in found.items() if definition and definition.is_plain}
    return {name: (match[name].lower() if each.is_boolean else match[name]).strip() for name, each in plain.items()}


def fits(what: Queued | Build, told: Mapping[str, str]) -> bool:
    """Tell whether a build may be the one that was asked for with what is told again of its parameters."""
    return all(what.parameters.get(name, "").strip() == value for name, value in told.items())


def _job_of(item: Mapping[str, Any]) -> str:
    task = item.get("task")
    found = read_url(task.get("url")) if isinstance(task, dict) else None
    return found[0] if found else ""


def _is_segment(segment: str) -> bool:
    return bool(segment.strip()) and segment not in (".", "..") and "/" not in segment and not CONTROL.search(segment)


def _objects(raw: object) -> Iterator[dict[str, Any]]:
    """Go through the objects of a list; `{}`, null and anything else in it are nothing."""
    return (each for each in raw if isinstance(each, dict) and each) if isinstance(raw, list) else iter(())


def _text(raw: object) -> str:
    return raw if isinstance(raw, str) else ""


def _positive(raw: object) -> int | None:
    return raw if type(raw) is int and 0 < raw < 10**MAX_ID_DIGITS else None


def _number(raw: Mapping[str, Any]) -> int | None:
    number = _positive(raw.get("number"))
    return number if number and number < 10**MAX_BUILD_NUMBER_DIGITS else None


def _seconds(raw_ms: object) -> float | None:
    if isinstance(raw_ms, bool) or not isinstance(raw_ms, int | float) or not 0 <= raw_ms < 10**MAX_ID_DIGITS:
        return None
    return raw_ms / 1000


def _moment(raw_ms: object) -> datetime | None:
    if type(raw_ms) is not int or raw_ms < 0:
        return None
    try:
        return EPOCH + timedelta(milliseconds=raw_ms)
    except OverflowError:
        return None


def _causes(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [cause for action in _objects(raw.get("actions")) for cause in _objects(action.get("causes"))]


def _users(raw: Mapping[str, Any]) -> frozenset[str] | None:
    """Tell who asked; None when there is no cause to read, or one that hides its user."""
    causes = _causes(raw)
    told = frozenset(user.casefold() for cause in causes if (user := _text(cause.get("userId"))))
    hidden = any(not _text(cause.get("userId")) and _may_hide_a_user(cause) for cause in causes)
    return None if not causes or (hidden and not told) else told


def _may_hide_a_user(cause: Mapping[str, Any]) -> bool:
    kind = _text(cause.get("_class"))
    return not kind or kind.endswith("UserIdCause")


def _parameters(raw: Mapping[str, Any]) -> dict[str, str]:
    """Read what a build was asked with; a password has no value and is left out."""
    found: dict[str, str] = {}
    for action in _objects(raw.get("actions")):
        for one in _objects(action.get("parameters")):
            value = one.get("value")
            if isinstance(value, bool):
                value = "true" if value else "false"
            if (name := _text(one.get("name"))) and isinstance(value, str | int | float):
                found[name] = str(value)
    return found


def choose_parameters(
    job: JobRef, facts: JobFacts, wanted: Mapping[str, str], added: Collection[str]
) -> dict[str, str]:
    """Choose what is sent to a job: all that was asked for, and of what we add ourselves what it declares.

    Jenkins drops unknown names silently, answers an illegal choice with 500, and takes `yes` for false.

    Raises:
        UserError: the job does not declare a parameter, or does not take its value.
    """
    chosen: dict[str, str] = {}
    for name, value in wanted.items():
        definition = facts.definitions.get(name)
        if definition is not None:
            chosen[name] = _fit(job, definition, value)
        elif name not in added:
            raise UserError(_unknown(job, facts, name))
    return chosen


def _fit(job: JobRef, definition: Definition, value: str) -> str:
    name = definition.name
    if CONTROL.search(value):
        raise UserError(f"{name} of {job} must be one line without control characters")
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise UserError(f"{name} of {job} is longer than {MAX_VALUE_BYTES} bytes")
    if definition.is_boolean and value.lower() not in BOOLEANS:
        raise UserError(f"{name} of {job} is true or false, not {value!r}")
    if definition.choices and value not in definition.choices:
        raise UserError(
            f"{name} of {job} is one of {_some(definition.choices)}; not {value!r}{_near(value, definition.choices)}"
        )
    return value.lower() if definition.is_boolean else value


def _unknown(job: JobRef, facts: JobFacts, name: str) -> str:
    if not facts.definitions:
        return f"{job} takes no parameters, so not {name!r} either"
    return f"{job} has no parameter {name!r}; it has {_some(sorted(facts.definitions))}{_near(name, facts.definitions)}"


def _some(words: Sequence[str]) -> str:
    shown = ", ".join(words[:MAX_SHOWN])
    return f"{shown} and {len(words) - MAX_SHOWN} more" if len(words) > MAX_SHOWN else shown


def _near(word: str, words: Iterable[str]) -> str:
    by_small = {each.casefold(): each for each in words}
    near = get_close_matches(word.casefold(), by_small, n=1)
    return f" (did you mean {by_small[near[0]]}?)" if near else ""
