"""The rarer parameters of jobs in a Jenkins stand-in, and how values of all kinds are bound and shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

from bot.demo.jenkins.cells import Combinations, CombinationsParameter
from bot.demo.jenkins.ledger import Value
from bot.demo.jenkins.model import BadParameter, ChoiceParameter, Job, Parameter
from bot.demo.jenkins.tree import Bean, Shown, bean

PACKAGES = {  # of the kinds of parameters that are not core's
    "MatrixCombinations": "hudson.plugins.matrix_configuration_parameter",
    "Label": "org.jvnet.jenkins.plugins.nodelabelparameter",
}


@dataclass(frozen=True, slots=True)
class TextParameter:
    """A text of several lines."""

    name: str
    default: str = ""
    description: str = ""
    kind: ClassVar[str] = "Text"

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""
        return text


@dataclass(frozen=True, slots=True)
class PasswordParameter:
    """A secret, of which nothing is ever shown but its name."""

    name: str
    default: str = ""
    description: str = ""
    kind: ClassVar[str] = "Password"

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""
        return text


@dataclass(frozen=True, slots=True)
class RunParameter:
    """A build of a job, written `infra/base#7`; anything else is an error [RunParameterValue.check]."""

    name: str
    project: str
    default: str = ""
    description: str = ""
    kind: ClassVar[str] = "Run"

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""
        if "#" not in text:
            raise BadParameter(text)
        return text


@dataclass(frozen=True, slots=True)
class FileParameter:
    """A file that is sent along; by name alone it cannot be given."""

    name: str
    default: str = ""
    description: str = ""
    kind: ClassVar[str] = "File"

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""
        return text


@dataclass(frozen=True, slots=True)
class LabelParameter:
    """Where a build may run, instead of where its job says; its value shows as `label` (plugin nodelabelparameter)."""

    name: str
    default: str = ""
    description: str = ""
    kind: ClassVar[str] = "Label"

    def read(self, text: str) -> Value:
        """Make the value from what was sent."""
        return text.strip()


def label_of(job: Job, parameters: Mapping[str, Value]) -> str:
    """Tell where a build with these parameters may run, as an expression [LabelParameterValue.getAssignedLabel]."""
    chosen = [parameters.get(each.name) for each in job.parameters if isinstance(each, LabelParameter)]
    return next((str(label) for label in chosen if label), job.label)


def bind(job: Job, sent: Sequence[tuple[str, str]]) -> dict[str, Value]:
    """Make the parameters from what was sent: unknown names are dropped, missing ones take their default."""
    bound: dict[str, Value] = {}
    for parameter in job.parameters:
        values = [text for name, text in sent if name == parameter.name]
        if len(values) > 1:
            raise BadParameter(f"Illegal number of parameter values for {parameter.name}: {len(values)}")
        if values:
            bound[parameter.name] = parameter.read(values[0])
        elif not isinstance(parameter, FileParameter):  # which has no default
            bound[parameter.name] = parameter.default
    return bound


def bind_form(job: Job, posted: object) -> dict[str, Value]:
    """Make the parameters from the `json` form of the web pages, which must name known ones only."""
    given = posted.get("parameter", []) if isinstance(posted, dict) else []
    known = {parameter.name: parameter for parameter in job.parameters}
    bound: dict[str, Value] = {}
    for entry in given if isinstance(given, list) else [given]:
        if not isinstance(entry, dict) or entry.get("name") not in known:
            raise BadParameter(f"No such parameter definition: {entry!r}")
        parameter = known[entry["name"]]
        if isinstance(parameter, CombinationsParameter):
            bound[parameter.name] = parameter.read_form(entry)
        else:
            bound[parameter.name] = parameter.read(str(entry.get("value", entry.get("label", ""))))
    return bound


def definitions(job: Job) -> list[Bean]:
    """Show the definitions of a job's parameters, if it has any."""
    if not job.parameters:
        return []
    shown = [_definition(parameter) for parameter in job.parameters]
    return [bean("hudson.model.ParametersDefinitionProperty", near={"parameterDefinitions": shown})]


def _definition(parameter: Parameter) -> Bean:
    package = PACKAGES.get(parameter.kind, "hudson.model")
    kind = f"{parameter.kind}ParameterDefinition"
    own: dict[str, Shown] = {}
    if isinstance(parameter, ChoiceParameter):
        own["choices"] = parameter.choices
    if isinstance(parameter, RunParameter):
        own |= {"filter": "ALL", "projectName": parameter.project}
    default = None if isinstance(parameter, FileParameter) else _value(parameter, parameter.default)
    return bean(
        f"{package}.{kind}",
        always={
            "defaultParameterValue": default,
            "description": parameter.description,
            "name": parameter.name,
            "type": kind,
            **own,
        },
    )


def _value(parameter: Parameter, value: Value) -> Bean:
    if isinstance(value, Combinations):
        return bean(value.kind, always={"name": parameter.name})
    shown: dict[str, Shown] = {"name": parameter.name}
    if isinstance(parameter, RunParameter):
        project, _, number = str(value).rpartition("#")
        shown |= {"jobName": project, "number": number}
    elif isinstance(parameter, LabelParameter):
        shown["label"] = value
    elif not isinstance(parameter, PasswordParameter | FileParameter):
        shown["value"] = value
    # A choice has the value of a text.
    kind = "String" if isinstance(parameter, ChoiceParameter) else parameter.kind
    return bean(f"{PACKAGES.get(kind, 'hudson.model')}.{kind}ParameterValue", always=shown)


def parameter_actions(job: Job, parameters: Mapping[str, Value]) -> list[Bean]:
    """Show the values of the parameters that the job still defines [ParametersAction.filter]."""
    return _actions(tuple(job.parameters), tuple(parameters.items()))


@lru_cache(4096)  # a job of hundreds of builds shows them at each look
def _actions(defined_here: tuple[Parameter, ...], given: tuple[tuple[str, Value], ...]) -> list[Bean]:
    defined = {parameter.name: parameter for parameter in defined_here}
    values = [_value(defined[name], value) for name, value in given if name in defined]
    action = bean("hudson.model.ParametersAction", always={"parameters": values})
    return [replace(action, seen={})] if values else []


def described(job: Job, parameters: Mapping[str, Value]) -> str:
    """Write the `params` of a queue item, a line for each value [Queue.Item.getParams]."""
    defined = {parameter.name: parameter for parameter in job.parameters}
    return "".join(f"\n{_line(defined.get(name), name, value)}" for name, value in parameters.items())


def _line(parameter: Parameter | None, name: str, value: Value) -> str:
    if isinstance(value, Combinations):
        return value.described(name)
    if isinstance(parameter, PasswordParameter):
        return f"{name}=****"
    if isinstance(parameter, RunParameter):
        return f"{name}={str(value).replace('#', ' #')}"
    return f"{name}={str(value).lower() if isinstance(value, bool) else value}"
