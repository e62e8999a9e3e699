"""What a Jenkins stand-in shows of itself as JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.ledger import Value
from bot.demo.jenkins.model import (
    BooleanParameter,
    Build,
    Cause,
    ChoiceParameter,
    Job,
    Kind,
    Parameter,
    QueueItem,
    Stage,
    item_path,
)
from bot.demo.jenkins.tree import Bean, Shown, bean

NEWEST = 100  # what `builds` shows; `allBuilds` shows all
SHOWN_NAME = "Built-In Node"
JOB_CLASSES: Mapping[Kind, str] = {
    "freestyle": "hudson.model.FreeStyleProject",
    "pipeline": "org.jenkinsci.plugins.workflow.job.WorkflowJob",
    "matrix": "hudson.matrix.MatrixProject",
    "cell": "hudson.matrix.MatrixConfiguration",
}
BUILD_CLASSES: Mapping[Kind, str] = {
    "freestyle": "hudson.model.FreeStyleBuild",
    "pipeline": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
    "matrix": "hudson.matrix.MatrixBuild",
    "cell": "hudson.matrix.MatrixRun",
}

_COLORS = {None: "notbuilt", "SUCCESS": "blue", "UNSTABLE": "yellow", "FAILURE": "red"}
_PERMALINKS = {
    "lastStableBuild": {"SUCCESS"},
    "lastSuccessfulBuild": {"SUCCESS", "UNSTABLE"},
    "lastFailedBuild": {"FAILURE"},
    "lastUnstableBuild": {"UNSTABLE"},
    "lastUnsuccessfulBuild": {"UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"},
    "lastCompletedBuild": {"SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED"},
}


def find_build(job: Job, name: str, now_s: float) -> Build | None:
    """Find a build by number or permalink."""
    if name.isdecimal():
        return job.builds.get(int(name))
    newest = job.newest_first()
    if name == "lastBuild":
        return newest[0] if newest else None
    wanted = _PERMALINKS.get(name, set())
    return next((build for build in newest if not build.building(now_s) and build.final in wanted), None)


@dataclass(frozen=True, slots=True)
class Views:
    """Exported objects at one moment, their URLs below the configured root."""

    engine: Engine
    root: str
    now_s: float

    def controller(self) -> Bean:
        """Show the root."""
        return bean(
            "hudson.model.Hudson",
            plain={
                "mode": "NORMAL",
                "nodeDescription": "the Jenkins controller's built-in node",
                "numExecutors": self.engine.executors,
                "description": None,
                "jobs": lambda: self.children(""),
                "quietingDown": self.engine.quieting,
                "quietDownReason": None,
                "url": self.root,
                "useCrumbs": True,
                "useSecurity": True,
                "views": [],
            },
        )

    def children(self, parent: str) -> list[Bean]:
        """Show the jobs and folders directly inside a folder; the root is ""."""
        prefix = f"{parent}/" if parent else ""
        names: dict[str, Job | None] = {}
        for job in self.engine.jobs.values():
            if not job.hidden and job.full_name.lower().startswith(prefix.lower()):
                head, _, rest = job.full_name[len(prefix) :].partition("/")
                names.setdefault(prefix + head, None if rest else job)
        return [self.folder(name) if job is None else self.job(job) for name, job in names.items()]

    def folder(self, full_name: str) -> Bean:
        """Show a folder."""
        name = full_name.rpartition("/")[2]
        return bean(
            "com.cloudbees.hudson.plugins.folder.Folder",
            always={"name": name, "url": self.root + item_path(full_name)},
            plain={
                "displayName": name,
                "fullDisplayName": full_name.replace("/", " » "),
                "fullName": full_name,
                "description": None,
                "healthReport": [],
                "jobs": lambda: self.children(full_name),
                "views": [],
            },
        )

    def job(self, job: Job) -> Bean:
        """Show a job."""
        waiting = [item for item in self.engine.items.values() if item.job is job and item.stage is not Stage.LEFT]
        newest = job.newest_first()
        permalinks: dict[str, Shown] = {name: self._permalink(job, name) for name in ("lastBuild", *_PERMALINKS)}
        return bean(
            JOB_CLASSES[job.kind],
            always={"name": job.name, "url": self.root + job.path},
            near={"color": self.color(job)},
            plain={
                "displayName": job.display_name or job.name,
                "fullDisplayName": job.full_name.replace("/", " » "),
                "fullName": job.full_name,
                "description": None,
                "buildable": not job.disabled,
                "disabled": job.disabled,
                "concurrentBuild": job.concurrent,
                "inQueue": bool(waiting),
                "queueItem": lambda: self.item(waiting[0]) if waiting else None,
                "nextBuildNumber": job.next_number,
                "keepDependencies": False,
                "healthReport": [],
                "actions": [bean("", plain={})],
                "builds": lambda: [self.build(build) for build in newest[:NEWEST]],
                "firstBuild": self._optional_build(newest[-1] if newest else None),
                **permalinks,
                "property": [bean("", plain={}), *([_definitions(job.parameters)] if job.parameters else [])],
            },
            far={"allBuilds": lambda: [self.build(build) for build in newest]},
        )

    def color(self, job: Job) -> str:
        """Tell the colour of the ball: the last completed result, blinking while the next build runs."""
        last = find_build(job, "lastCompletedBuild", self.now_s)
        color = "disabled" if job.disabled else _COLORS.get(last.final if last else None, "aborted")
        if last is not None and last.final == "NOT_BUILT" and not job.disabled:
            color = "notbuilt"
        running = any(build.building(self.now_s) for build in job.builds.values())
        return f"{color}_anime" if running else color

    def build(self, build: Build) -> Bean:
        """Show a build."""
        url = f"{self.root}{build.job.path}{build.number}/"
        building = build.building(self.now_s)
        return bean(
            BUILD_CLASSES[build.job.kind],
            near={"number": build.number, "url": url},
            plain={
                "id": str(build.number),
                "displayName": f"#{build.number}",
                "fullDisplayName": f"{build.job.full_name.replace('/', ' » ')} #{build.number}",
                "queueId": build.queue_id,
                "building": building,
                "inProgress": build.in_progress(self.now_s),
                "result": build.result(self.now_s),
                "timestamp": build.timestamp_ms,
                "duration": 0 if building else round((build.building_end_s - build.started_s) * 1000),
                "estimatedDuration": self._estimate_ms(build.job),
                "builtOn": build.plan.node,
                "keepLog": False,
                "description": None,
                "executor": None,
                "artifacts": [],
                "actions": [_causes(build.causes), *_parameters(build.job, build.parameters), bean("", plain={})],
                "changeSet": bean("hudson.scm.EmptyChangeLogSet", near={"items": [], "kind": None}),
                "culprits": [],
                "previousBuild": self._neighbour(build, -1),
                "nextBuild": self._neighbour(build, +1),
            },
        )

    def _estimate_ms(self, job: Job) -> int:
        done = [build for build in job.newest_first() if not build.building(self.now_s)][:3]
        if not done:
            return -1
        return round(sum(build.building_end_s - build.started_s for build in done) * 1000 / len(done))

    def _neighbour(self, build: Build, step: int) -> Callable[[], Bean | None]:
        def find() -> Bean | None:
            numbers = list(build.job.builds)
            place = numbers.index(build.number) + step
            return self.build(build.job.builds[numbers[place]]) if 0 <= place < len(numbers) else None

        return find

    def _optional_build(self, build: Build | None) -> Bean | None:
        return None if build is None else self.build(build)

    def _permalink(self, job: Job, name: str) -> Callable[[], Bean | None]:
        return lambda: self._optional_build(find_build(job, name, self.now_s))

    def item(self, item: QueueItem) -> Bean:
        """Show a queue item; which class it has tells where in its life it is."""
        kind = Stage.BUILDABLE if item.stage is Stage.PENDING else item.stage
        extra: dict[str, Shown] = {}
        if kind is Stage.WAITING:
            extra["timestamp"] = item.due_ms
        elif kind is Stage.LEFT:
            extra["cancelled"] = item.cancelled
            extra["executable"] = self._optional_build(item.build)
        else:
            extra["buildableStartMilliseconds"] = item.ready_ms
        if kind is Stage.BUILDABLE:
            extra["pending"] = item.stage is Stage.PENDING
        return bean(
            f"hudson.model.Queue${kind.value}Item",
            plain={
                "actions": [*_parameters(item.job, item.parameters), _causes(item.causes)],
                "blocked": kind is Stage.BLOCKED,
                "buildable": kind is Stage.BUILDABLE,
                "id": item.id,
                "inQueueSince": item.since_ms,
                "params": "".join(f"\n{name}={_text(value)}" for name, value in item.parameters.items()),
                "stuck": False,
                "task": lambda: self.job(item.job),  # on demand: a job shows its item, and that its job
                "url": f"queue/item/{item.id}/",
                "why": self._why(item),
                **extra,
            },
        )

    def _why(self, item: QueueItem) -> str | None:
        if item.stage is not Stage.WAITING:
            return item.why
        left_s = item.due_s - self.now_s
        return f"In the quiet period. Expires in {left_s:.1f} sec" if left_s > 0 else "Finished waiting"

    def queue(self) -> Bean:
        """Show the queue, the soonest last."""
        open_items = [
            item for item in self.engine.items.values() if item.stage is not Stage.LEFT and not item.job.hidden
        ]
        return bean(
            "hudson.model.Queue",
            plain={"discoverableItems": [], "items": [self.item(item) for item in reversed(open_items)]},
        )

    def computers(self) -> Bean:
        """Show the nodes and what they run."""
        busy = self.engine.busy(self.now_s)
        nodes: dict[str, str | None] = {"": None, **self.engine.nodes}
        nodes |= {build.plan.node: None for build in busy if build.plan.node not in nodes}
        return bean(
            "hudson.model.ComputerSet",
            plain={
                "busyExecutors": len(busy),
                "totalExecutors": self.engine.executors,
                "displayName": "Nodes",
                "computer": [
                    self.computer(name, reason, [build for build in busy if build.plan.node == name])
                    for name, reason in nodes.items()
                ],
            },
        )

    def computer(self, name: str, offline_reason: str | None, builds: Sequence[Build]) -> Bean:
        """Show one node; the stand-in's executors are one pool, so a node has as many as it needs."""
        count = max(len(builds), 1 if name else self.engine.executors)
        slots: list[Build | None] = [*builds, *[None] * (count - len(builds))]
        return bean(
            "hudson.slaves.SlaveComputer" if name else "hudson.model.Hudson$MasterComputer",
            near={"displayName": name or SHOWN_NAME},
            plain={
                "description": "",
                "assignedLabels": [bean("", near={"name": name or "built-in"})],
                "executors": [bean("", near={"currentExecutable": self._optional_build(slot)}) for slot in slots],
                "oneOffExecutors": [],
                "idle": not builds,
                "numExecutors": count,
                "offline": offline_reason is not None,
                "temporarilyOffline": offline_reason is not None,
                "offlineCauseReason": offline_reason or "",
                "monitorData": bean("", plain={}),
            },
        )


def _definitions(parameters: Sequence[Parameter]) -> Bean:
    return bean(
        "hudson.model.ParametersDefinitionProperty",
        near={"parameterDefinitions": [_definition(parameter) for parameter in parameters]},
    )


def _definition(parameter: Parameter) -> Bean:
    kind = {ChoiceParameter: "Choice", BooleanParameter: "Boolean"}.get(type(parameter), "String")
    choices: dict[str, Shown] = {"choices": parameter.choices} if isinstance(parameter, ChoiceParameter) else {}
    return bean(
        f"hudson.model.{kind}ParameterDefinition",
        always={
            "defaultParameterValue": _value(parameter.name, parameter.default),
            "description": parameter.description,
            "name": parameter.name,
            "type": f"{kind}ParameterDefinition",
            **choices,
        },
    )


def _value(name: str, value: Value) -> Bean:
    kind = "Boolean" if isinstance(value, bool) else "String"
    return bean(f"hudson.model.{kind}ParameterValue", always={"name": name, "value": value})


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _parameters(job: Job, parameters: Mapping[str, Value]) -> list[Bean]:
    defined = {definition.name for definition in job.parameters}
    values = [_value(name, value) for name, value in parameters.items() if name in defined]
    return [bean("hudson.model.ParametersAction", always={"parameters": values})] if values else []


def _causes(causes: Sequence[Cause]) -> Bean:
    return bean("hudson.model.CauseAction", always={"causes": [_cause(cause) for cause in causes]})


def _cause(cause: Cause) -> Bean:
    if cause.kind:
        return bean(cause.kind, always={"shortDescription": cause.description, **dict(cause.own)})
    if cause.address:
        own: dict[str, Shown] = {"addr": cause.address, "note": cause.note}
        return bean("hudson.model.Cause$RemoteCause", always={"shortDescription": cause.description, **own})
    own = {"userId": cause.user, "userName": cause.user or "anonymous"}
    return bean("hudson.model.Cause$UserIdCause", always={"shortDescription": cause.description, **own})
