"""What a job of Jenkins declares, and what of an order is sent to it; pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from bot.adapters.jenkins_wire import CONTROL, Unreadable, objects, text_of
from bot.errors import UserError
from bot.values import JobRef
from bot.wording import listed

# A folder tells its jobs, a matrix its cells; of a parameter never its default, which may take a script to tell.
JOB_TREE = (
    "name,fullName,buildable,property[parameterDefinitions[name,type,choices]],activeConfigurations[name],jobs[name]"
)
MAX_VALUE_BYTES = 4096
MAX_SHOWN = 20
MAX_TOLD = 60  # characters of a value in a sentence
BOOLEANS = ("true", "false")
DEFINITION = "ParameterDefinition"
TEXT = "Text"
BOOLEAN = "Boolean"
RUN = "Run"
A_RUN = re.compile(r"[^#]+#[0-9]+", re.ASCII)
FILE = frozenset({"File", "StashedFile", "Base64File"})  # the last two are of the file-parameters plugin
SECRET = frozenset({"Password", "NonStoredPassword", "Credentials"})
COMBINATIONS = "MatrixCombinations"  # of the plugin matrix-combinations-parameter
PLAIN = frozenset({"String", TEXT, "Choice", BOOLEAN, "Label"})


@dataclass(frozen=True, slots=True)
class Definition:
    """A parameter as its job declares it.

    Arguments:
        kind: the first part of its type, `String` of `StringParameterDefinition`; of a plugin's kinds the value is
            taken for text.
        choices: empty when any text will do.
    """

    name: str
    kind: str = "String"
    choices: tuple[str, ...] = ()

    @property
    def is_boolean(self) -> bool:
        return self.kind == BOOLEAN

    @property
    def is_plain(self) -> bool:
        """Tell whether Jenkins tells its value again as it was sent, which it does not for a password."""
        return self.kind in PLAIN


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What must be known of a job before it is started.

    Arguments:
        cells: of a matrix, the names of its combinations, `ARCH=arm64,FS=aufs`; None if it is no matrix.
        holds_jobs: it is a folder, or a multibranch project, whose `build` looks for branches and builds nothing.
    """

    full_name: str
    buildable: bool
    takes_parameters: bool
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    cells: tuple[str, ...] | None = None
    holds_jobs: bool = False


def read_job(raw: Mapping[str, Any]) -> JobFacts:
    """Read a job's name, whether it may be built, its parameters and its cells."""
    full_name = text_of(raw.get("fullName")) or text_of(raw.get("name"))
    if not full_name:
        raise Unreadable("a job without a name")
    lists = [each["parameterDefinitions"] for each in objects(raw.get("property")) if "parameterDefinitions" in each]
    definitions: dict[str, Definition] = {}
    for one in (each for some in lists for each in objects(some)):
        if name := text_of(one.get("name")):
            raw_choices = one.get("choices")
            choices = tuple(c for c in raw_choices if isinstance(c, str)) if isinstance(raw_choices, list) else ()
            definitions[name] = Definition(name, text_of(one.get("type")).removesuffix(DEFINITION), choices)
    cells = [name for each in objects(raw.get("activeConfigurations")) if (name := text_of(each.get("name")))]
    return JobFacts(
        full_name=full_name,
        buildable=raw.get("buildable") is not False,
        takes_parameters=any(isinstance(some, list) for some in lists),
        definitions=definitions,
        cells=tuple(cells) if isinstance(raw.get("activeConfigurations"), list) else None,
        holds_jobs=isinstance(raw.get("jobs"), list),
    )


def told_again(facts: JobFacts, match: Mapping[str, str]) -> dict[str, str]:
    """Keep of what was sent what Jenkins tells again, in its words; it may have trimmed a value at either end."""
    found = {name: facts.definitions.get(name) for name in match}
    plain = {name: definition for name, definition in found.items() if definition and definition.is_plain}
    return {name: (match[name].lower() if each.is_boolean else match[name]).strip() for name, each in plain.items()}


def differences(facts: JobFacts, sent: Mapping[str, str], runs: Mapping[str, str]) -> tuple[str, ...]:
    """Tell in words what a build runs with that is not what was sent; what Jenkins does not tell again is left out.

    Jenkins drops what a job does not declare, and what it drops it does not show either.
    """
    values = told_again(facts, sent)
    told: list[str] = []
    for name in sent:
        if name not in runs and (name in values or name not in facts.definitions):
            told.append(f"runs without {name}")
        elif name in values and runs[name].strip() != values[name]:
            told.append(f"runs with {name}={_short(runs[name])}, not {_short(values[name])}")
    return tuple(told)


def copied(job: JobRef, facts: JobFacts, actions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Choose what a copy of a build is started with: what the build was asked with and its job still declares.

    Raises:
        UserError: the job has a parameter whose value nobody can read again.
    """
    hidden = [each.name for each in facts.definitions.values() if each.kind in SECRET | FILE]
    if hidden:
        raise UserError(
            f"builds of {job} cannot be repeated here: nobody can read again what {some(hidden)} was; start it anew"
        )
    values: dict[str, str] = {}
    for one in actions:
        name = text_of(one.get("name"))
        definition = facts.definitions.get(name)
        if definition is None or definition.kind == COMBINATIONS:
            continue  # cells are chosen anew for each build, and Jenkins does not tell which they were
        value = _value(one)
        if value is None:
            raise UserError(
                f"this build of {job} cannot be repeated here: Jenkins does not tell what {name} was "
                f"({definition.kind or 'an unknown'} parameter); start it anew"
            )
        values[name] = value
    return values


def choose_parameters(
    job: JobRef, facts: JobFacts, wanted: Mapping[str, str], added: Collection[str]
) -> dict[str, str]:
    """Choose what is sent to a job: all that was asked for, and of what we add ourselves what it declares.

    Jenkins drops unknown names silently, answers an illegal choice with 500, and takes `yes` for false. What is not
    sent gets its default.

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
    if definition.kind in SECRET:
        raise UserError(f"{name} of {job} is a secret, and would be seen by everybody here: leave it out")
    if definition.kind in FILE:
        raise UserError(f"{name} of {job} is a file, which cannot be given here: leave it out")
    may_break = definition.kind == TEXT  # as in a copy; nobody types two lines in chat
    if CONTROL.search(re.sub(r"\r?\n|\t", " ", value) if may_break else value):
        raise UserError(f"{name} of {job} must be one line without control characters")
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise UserError(f"{name} of {job} is longer than {MAX_VALUE_BYTES} bytes")
    if definition.kind == RUN and not A_RUN.fullmatch(value):  # Jenkins would answer 500 [RunParameterValue.check]
        raise UserError(f"{name} of {job} is a build, written JOB#NUMBER; not {value!r}")
    if definition.is_boolean and value.lower() not in BOOLEANS:
        raise UserError(f"{name} of {job} is true or false, not {value!r}")
    if definition.choices and value not in definition.choices:
        raise UserError(
            f"{name} of {job} is one of {some(definition.choices)}; not {value!r}{near(value, definition.choices)}"
        )
    return value.lower() if definition.is_boolean else value


def _value(parameter: Mapping[str, Any]) -> str | None:
    """Read the value of a build's parameter as it would be sent; None if Jenkins does not tell it."""
    value = parameter.get("value", parameter.get("label"))  # the latter tells where to run [LabelParameterValue]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    # A run parameter is sent as `job#12` and told in two parts [RunParameterValue].
    job, number = text_of(parameter.get("jobName")), text_of(parameter.get("number"))
    return f"{job}#{number}" if job and number else None


def _unknown(job: JobRef, facts: JobFacts, name: str) -> str:
    if not facts.definitions:
        return f"{job} takes no parameters, so not {name!r} either"
    return f"{job} has no parameter {name!r}; it has {some(sorted(facts.definitions))}{near(name, facts.definitions)}"


def some(words: Sequence[str]) -> str:
    """List words, the first of them if they are many."""
    return listed(words, MAX_SHOWN)


def _short(value: str) -> str:
    line = " ".join(CONTROL.sub(" ", value).split())
    return (line if len(line) <= MAX_TOLD else f"{line[: MAX_TOLD - 1]}…") or "nothing"


def near(word: str, words: Iterable[str]) -> str:
    """Name the word that was meant, perhaps."""
    by_small = {each.casefold(): each for each in words}
    close = get_close_matches(word.casefold(), by_small, n=1)
    return f" (did you mean {by_small[close[0]]}?)" if close else ""
