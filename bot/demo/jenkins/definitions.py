"""What a `config.xml` makes of a job in a Jenkins stand-in, and the XML of a job that was made without one."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as Xml
from xml.sax.saxutils import escape

from bot.demo.jenkins.cells import CombinationsParameter
from bot.demo.jenkins.folders import FOLDER
from bot.demo.jenkins.items import Item
from bot.demo.jenkins.matrix import MatrixJob
from bot.demo.jenkins.model import (
    BadParameter,
    BooleanParameter,
    ChoiceParameter,
    Job,
    Kind,
    Parameter,
    StringParameter,
)
from bot.demo.jenkins.parameters import LabelParameter, PasswordParameter, TextParameter

KINDS: dict[str, Kind] = {"project": "freestyle", "flow-definition": "pipeline", "matrix-project": "matrix"}
_ROOTS = {kind: root for root, kind in KINDS.items()}
_DEFINITION = "hudson.model.{}ParameterDefinition"


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition, read; `kind` is None for a folder."""

    kind: Kind | None
    root: Xml.Element
    text: str

    def make(self, full_name: str) -> Job:
        """Make a job of it."""
        job = MatrixJob(full_name) if self.kind == "matrix" else Job(full_name)
        self.apply(job)
        return job

    def apply(self, job: Job) -> None:
        """Give a job, old or new, what the definition says; its builds stay."""
        assert self.kind is not None
        root = self.root
        job.kind, job.config = self.kind, self.text
        job.parameters = tuple(_parameters(root))
        job.disabled = _text(root, "disabled") == "true"
        job.concurrent = _text(root, "concurrentBuild") == "true" or self.kind == "pipeline"
        job.label = "" if _text(root, "canRoam") == "true" else _text(root, "assignedNode")
        job.display_name = _text(root, "displayName")
        job.trigger_token = _text(root, "authToken") or None
        quiet_s = _text(root, "quietPeriod")
        job.quiet_period_s = float(quiet_s) if quiet_s else None
        job.log = "\n".join(f"+ {line}" for each in root.iter("command") for line in (each.text or "").splitlines())
        if isinstance(job, MatrixJob):
            axes = root.find("axes")
            job.set_axes({_text(axis, "name"): _strings(axis) for axis in ([] if axes is None else axes)}, {})


def read_definition(xml: bytes) -> Definition:
    """Read a `config.xml`; what is none, or of an unknown kind, is answered with 500 as in Jenkins.

    Raises:
        BadParameter: it cannot be read.
    """
    try:
        root = Xml.fromstring(xml)  # noqa: S314  # only tests and the demo send XML here, on loopback
    except Xml.ParseError as error:
        raise BadParameter(f"Unable to read the definition: {error}") from error
    kind = KINDS.get(root.tag)
    if kind is None and root.tag != FOLDER:
        raise BadParameter(f"CannotResolveClassException: {root.tag}")
    return Definition(kind, root, xml.decode("utf-8", "replace"))


def written(item: Item) -> str:
    """Give the definition a job was made from, or write one that says the same; of a folder only its kind."""
    if not isinstance(item, Job):
        return f"<?xml version='1.1' encoding='UTF-8'?>\n<{item.kind}/>"
    return item.config or _written_job(item)


def _written_job(job: Job) -> str:
    root = _ROOTS.get(job.kind, "project")
    parameters = "".join(_written_parameter(parameter) for parameter in job.parameters)
    holder = "hudson.model.ParametersDefinitionProperty"
    properties = (
        f"<{holder}><parameterDefinitions>{parameters}</parameterDefinitions></{holder}>" if job.parameters else ""
    )
    return (
        f"<?xml version='1.1' encoding='UTF-8'?>\n<{root}><properties>{properties}</properties>"
        f"<assignedNode>{escape(job.label)}</assignedNode><canRoam>{_flag(not job.label)}</canRoam>"
        f"<disabled>{_flag(job.disabled)}</disabled><concurrentBuild>{_flag(job.concurrent)}</concurrentBuild></{root}>"
    )


def _parameters(root: Xml.Element) -> Iterator[Parameter]:
    for holder in root.iter("parameterDefinitions"):
        for each in holder:
            name, description = _text(each, "name"), _text(each, "description")
            default = _text(each, "defaultValue")
            match each.tag.removeprefix("hudson.model.").removesuffix("ParameterDefinition"):
                case "Boolean":
                    yield BooleanParameter(name, default == "true", description)
                case "Choice":
                    yield ChoiceParameter(name, _strings(each), description)
                case "Password":
                    yield PasswordParameter(name, default, description)
                case "org.jvnet.jenkins.plugins.nodelabelparameter.Label":
                    yield LabelParameter(name, default, description)
                case "hudson.plugins.matrix__configuration__parameter.MatrixCombinations":
                    yield CombinationsParameter(name, _text(each, "defaultCombinationFilter") or None, description)
                case "Text":
                    yield TextParameter(name, default, description)
                case _:
                    yield StringParameter(name, default, description, _text(each, "trim") == "true")


def _written_parameter(parameter: Parameter) -> str:
    common = f"<name>{escape(parameter.name)}</name><description>{escape(parameter.description)}</description>"
    match parameter:
        case BooleanParameter():
            tag, own = "Boolean", f"<defaultValue>{_flag(parameter.default)}</defaultValue>"
        case ChoiceParameter():
            strings = "".join(f"<string>{escape(choice)}</string>" for choice in parameter.choices)
            tag, own = "Choice", f"<choices><a>{strings}</a></choices>"
        case StringParameter():
            tag, own = "String", f"<defaultValue>{escape(parameter.default)}</defaultValue>"
        case _:
            return ""
    tag = _DEFINITION.format(tag)
    return f"<{tag}>{common}{own}</{tag}>"


def _strings(element: Xml.Element) -> tuple[str, ...]:
    return tuple(each.text or "" for each in element.iter("string"))


def _text(element: Xml.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _flag(value: bool) -> str:
    return "true" if value else "false"
