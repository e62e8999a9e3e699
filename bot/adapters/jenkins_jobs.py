"""What a job of Jenkins declares, and what of an order is sent to it; pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from bot.adapters.jenkins_wire import CONTROL, Unreadable, objects, text_of
from bot.errors import UserError
from bot.values import JobRef

MAX_VALUE_BYTES = 4096
MAX_SHOWN = 20
BOOLEANS = ("true", "false")
PLAIN = frozenset(f"{kind}ParameterDefinition" for kind in ("String", "Text", "Choice", "Boolean"))


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


def read_job(raw: Mapping[str, Any]) -> JobFacts:
    """Read a job's name, whether it may be built, and its parameters."""
    full_name = text_of(raw.get("fullName")) or text_of(raw.get("name"))
    if not full_name:
        raise Unreadable("a job without a name")
    lists = [each["parameterDefinitions"] for each in objects(raw.get("property")) if "parameterDefinitions" in each]
    definitions: dict[str, Definition] = {}
    for one in (each for some in lists for each in objects(some)):
        if name := text_of(one.get("name")):
            raw_choices = one.get("choices")
            choices = tuple(c for c in raw_choices if isinstance(c, str)) if isinstance(raw_choices, list) else ()
            kind = text_of(one.get("type"))
            definitions[name] = Definition(name, kind == "BooleanParameterDefinition", choices, kind in PLAIN)
    return JobFacts(
        full_name=full_name,
        buildable=raw.get("buildable") is not False,
        takes_parameters=any(isinstance(some, list) for some in lists),
        definitions=definitions,
    )


def told_again(facts: JobFacts, match: Mapping[str, str]) -> dict[str, str]:
    """Keep of what was sent what Jenkins tells again, in its words; it may have trimmed a value at either end."""
    found = {name: facts.definitions.get(name) for name in match}
    plain = {name: definition for name, definition in found.items() if definition and definition.is_plain}
    return {name: (match[name].lower() if each.is_boolean else match[name]).strip() for name, each in plain.items()}


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
