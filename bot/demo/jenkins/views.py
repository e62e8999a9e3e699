"""What a Jenkins stand-in shows of itself as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.demo.jenkins.build_views import actions, artifacts, causes_action, changes, culprits
from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.folders import Folder
from bot.demo.jenkins.history import PERMALINKS, estimate_s, find_build
from bot.demo.jenkins.items import children, is_buildable
from bot.demo.jenkins.matrix import MatrixJob, all_runs
from bot.demo.jenkins.model import (
    Build,
    Job,
    Kind,
    QueueItem,
    Stage,
)
from bot.demo.jenkins.nodes import BUILT_IN, is_starved
from bot.demo.jenkins.parameters import definitions, described, label_of, parameter_actions
from bot.demo.jenkins.paths import item_path
from bot.demo.jenkins.tree import Bean, Each, Inline, Shown, bean

DAY_MS = 86_400_000
NEWEST = 100  # what `builds` shows; `allBuilds` shows all
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

_BLOCK = "org.jenkinsci.plugins.workflow.support.steps.ExecutorStepExecution$PlaceholderTask"
_COLORS = {None: "notbuilt", "SUCCESS": "blue", "UNSTABLE": "yellow", "FAILURE": "red"}


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
                "numExecutors": self.engine.agents[BUILT_IN].executors,
                "description": None,
                "jobs": lambda: self.children(""),
                "quietingDown": self.engine.quieting,
                "quietDownReason": self.engine.quiet_reason,
                "url": self.root,
                "useCrumbs": True,
                "useSecurity": True,
                "views": [self.view()],
                "primaryView": self.view(),
            },
        )

    def view(self) -> Bean:
        """Show the one view, which has all that is at the root."""
        return bean(
            "hudson.model.AllView",
            always={"name": "all", "url": self.root},
            plain={"description": None, "jobs": lambda: self.children(""), "property": []},
        )

    def children(self, parent: str) -> list[Bean]:
        """Show the jobs and folders directly inside a folder; the root is ""."""
        inside = [item for item in children(self.engine, parent) if not item.hidden]
        return [self.folder(item) if isinstance(item, Folder) else self.job(item) for item in inside]

    def folder(self, folder: Folder) -> Bean:
        """Show a folder."""
        full_name = folder.full_name
        name = full_name.rpartition("/")[2]
        return bean(
            folder.kind,
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
        permalinks: dict[str, Shown] = {name: self._permalink(job, name) for name in PERMALINKS}
        return bean(
            JOB_CLASSES[job.kind],
            always={"name": job.name, "url": self.root + job.path},
            near={"color": self.color(job)},
            plain={
                "displayName": job.display_name or job.name,
                "fullDisplayName": job.full_display_name,
                "fullName": job.full_name,
                "description": None,
                "buildable": is_buildable(self.engine, job),
                "disabled": job.disabled,
                "concurrentBuild": job.concurrent,
                "inQueue": bool(waiting),
                "queueItem": lambda: self.item(waiting[0]) if waiting else None,
                "nextBuildNumber": job.next_number,
                "keepDependencies": False,
                "healthReport": [],
                "actions": [bean("", plain={})],
                "builds": Each(newest[:NEWEST], self.build),
                "firstBuild": lambda: self._optional_build(newest[-1] if newest else None),
                **permalinks,
                "property": [bean("", plain={}), *definitions(job)],
                **self._cells(job),
            },
            far={"allBuilds": Each(newest, self.build)},
        )

    def _cells(self, job: Job, build: Build | None = None) -> dict[str, Shown]:
        if not isinstance(job, MatrixJob):
            return {}
        if build is not None:
            return {"runs": lambda: [self.build(run) for run in all_runs(build)]}
        return {"activeConfigurations": lambda: [self.job(cell) for cell in job.active()]}

    def color(self, job: Job) -> str:
        """Tell the colour of the ball: the last completed result, blinking while the next build runs."""
        last = find_build(job, "lastCompletedBuild", self.now_s)
        color = "disabled" if job.disabled else _COLORS.get(last.final if last else None, "aborted")
        if last is not None and last.final == "NOT_BUILT" and not job.disabled:
            color = "notbuilt"
        running = any(build.job is job and build.building(self.now_s) for build in self.engine.running(self.now_s))
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
                "displayName": build.name,
                "fullDisplayName": f"{build.job.full_display_name} {build.name}",
                "queueId": build.queue_id,
                "building": building,
                "inProgress": build.in_progress(self.now_s),
                "result": build.result(self.now_s),
                "timestamp": build.timestamp_ms,
                "duration": 0 if building else round(build.lasted_s * 1000),
                "estimatedDuration": lambda: self._estimate_ms(build.job),
                "keepLog": build.keep,
                "description": build.description,
                "executor": bean("", plain={}) if building else None,
                "artifacts": artifacts(build),
                "actions": lambda: actions(build, self.now_s),
                "culprits": lambda: culprits(build, self.root, self.now_s),
                **changes(build, self.now_s),
                "previousBuild": self._neighbour(build, -1),
                "nextBuild": self._neighbour(build, +1),
                **self._cells(build.job, build),
            },
        )

    def _estimate_ms(self, job: Job) -> int:
        estimate = estimate_s(job, self.now_s)
        return -1 if estimate is None else round(estimate * 1000)

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
                "actions": [*parameter_actions(item.job, item.parameters), causes_action(item.causes)],
                "blocked": kind is Stage.BLOCKED,
                "buildable": kind is Stage.BUILDABLE,
                "id": item.id,
                "inQueueSince": item.since_ms,
                "params": described(item.job, item.parameters),
                "stuck": self._is_stuck(item),
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
            plain={
                "discoverableItems": [],
                "items": Inline([*self._blocks(), *(self.item(item) for item in reversed(open_items))]),
            },
        )

    def _blocks(self) -> list[Bean]:
        """Show the `node` blocks of Pipelines that wait; their task tells nothing, not even whose it is."""
        builds = [build for build in self.engine.running(self.now_s) if build.is_waiting_for_node(self.now_s)]
        return [
            bean(
                "hudson.model.Queue$BuildableItem",
                plain={
                    "actions": [],
                    "blocked": False,
                    "buildable": True,
                    "id": build.block_id,
                    "inQueueSince": build.timestamp_ms,
                    "params": "",
                    "stuck": False,
                    "task": bean(_BLOCK, plain={}),
                    "url": f"queue/item/{build.block_id}/",
                    "why": "Waiting for next available executor",
                    "buildableStartMilliseconds": build.timestamp_ms,
                    "pending": False,
                },
            )
            for build in builds
        ]

    def _is_stuck(self, item: QueueItem) -> bool:
        """Tell whether it starves: for its nodes, or ten times as long as a build takes [BuildableItem.isStuck]."""
        if item.stage not in (Stage.BUILDABLE, Stage.PENDING):
            return False
        estimate_ms = self._estimate_ms(item.job)
        limit_ms = DAY_MS if estimate_ms < 0 else max(estimate_ms, 60_000) * 10
        waited_ms = self.engine.wall_ms(self.now_s) - item.ready_ms
        return waited_ms > limit_ms or is_starved(label_of(item.job, item.parameters), self.engine.agents)
