"""Builds made from builds in a Jenkins stand-in: Naginator's retry, the Rebuild plugin, the replay of Pipelines.

All three answer with a redirect and no queue item, so that whoever asks has to find out what became of it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from bot.demo.jenkins.causes import Cause
from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.folders import BranchJob
from bot.demo.jenkins.items import is_buildable
from bot.demo.jenkins.ledger import TriggerAccepted
from bot.demo.jenkins.matrix import MatrixJob, own_runs
from bot.demo.jenkins.model import Build, Job
from bot.demo.jenkins.request import BUILD, Answer, Refused
from bot.demo.jenkins.rooms import Visit
from bot.demo.jenkins.tree import bean

NAGINATOR = "com.chikli.hudson.plugin.naginator.NaginatorCause"
REBUILD = "com.sonyericsson.rebuild.RebuildCause"
REPLAY = "org.jenkinsci.plugins.workflow.cps.replay.ReplayCause"


def copy_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Start a copy of a build, by whichever plugin the page is of."""
    plugins, kind = visit.engine.plugins, build.job.kind
    match page:
        case ["retry"] if "naginator" in plugins and kind != "pipeline":
            return _retry(visit, build)
        case ["rebuild", *rest] if "rebuild" in plugins and kind != "cell":
            return _rebuild(visit, build, rest)
        case ["replay", "rebuild"] if "workflow-cps" in plugins and kind == "pipeline":
            return _replay(visit, build)
    return None


def _retry(visit: Visit, build: Build) -> Answer | None:
    """Build it all again, of a matrix every cell [NaginatorRetryAction, NaginatorActionFactory].

    Only what the plugin schedules by itself may leave out the cells that did not fail.
    """
    result = build.result(visit.now_s)
    if result in (None, "SUCCESS") or BUILD not in visit.asking.permissions:
        return None
    visit.only_post()
    kept = [cause for cause in build.causes if not cause.is_of_user and cause.kind != NAGINATOR]
    _schedule(visit, build, *kept, _by_naginator(build), Cause(visit.asking.name))
    return visit.sent_to(build.job.path)


def _rebuild(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Copy a build, or show the form for it [com.sonyericsson.rebuild.RebuildAction.doIndex]."""
    if BUILD not in visit.asking.permissions or not is_buildable(visit.engine, build.job):
        return None
    here = f"{build.job.path}{build.number}/rebuild/parameterized"
    if page == ["parameterized"]:
        return visit.page(f"Rebuild {build.job.full_name} #{build.number}")
    if page:
        return None
    at_once = visit.incoming.get("autorebuild") == "true" or not build.parameters
    if visit.incoming.method != "POST" or not at_once:
        return visit.sent_to(here)
    kept = [cause for cause in build.causes if not cause.is_of_user and cause.kind != REBUILD]
    own = (("upstreamBuild", build.number), ("upstreamProject", build.job.full_name), ("upstreamUrl", build.job.path))
    copied = Cause(kind=REBUILD, words=f"Rebuilds build #{build.number}", own=own)
    _schedule(visit, build, *kept, Cause(visit.asking.name), copied)
    return visit.sent_to(build.job.path)


def _replay(visit: Visit, build: Build) -> Answer:
    """Run a Pipeline again with its parameters and, of a branch, at its commit [ReplayAction.COPIED_ACTIONS]."""
    visit.only_post()
    visit.asking.need(BUILD)
    job, engine = build.job, visit.engine
    if not is_buildable(engine, job):
        raise Refused(409, f"{job.full_name} is not buildable")
    replayed = Cause(kind=REPLAY, words=f"Rebuilt #{build.number}")
    item = engine.enqueue(job, build.parameters, [Cause(visit.asking.name), replayed])
    asked = TriggerAccepted(
        engine.wall(visit.now_s), job.full_name, dict(build.parameters), item.id, False, visit.asking.name
    )
    engine.ledger.triggers.append(asked)
    if isinstance(job, BranchJob) and build.number in job.built:
        engine.pinned[item.id] = job.built[build.number]
    return visit.sent_to(job.path)


def _schedule(visit: Visit, build: Build, *causes: Cause) -> None:
    """Ask for a build as a plugin does, which nobody tells when the job is not buildable."""
    if is_buildable(visit.engine, build.job):
        user = visit.asking.name
        visit.engine.trigger(build.job, build.parameters, *causes, delay_s=0.0, user=user)


def _by_naginator(build: Build) -> Cause:
    return Cause(kind=NAGINATOR, words=f"Started by Naginator after build #{build.number} failure")


@dataclass(frozen=True, slots=True)
class AutoRetry:
    """What Naginator does by itself when a build of a job has failed [NaginatorPublisher].

    Arguments:
        at_most: how many retries in a row.
        delay_s: how long after the end.
        failed_cells_only: of a matrix, whether cells that did not fail are left out [NaginatorMatrixAction].
    """

    at_most: int = 1
    delay_s: float = 0.0
    failed_cells_only: bool = False


def retry_failed(engine: Engine, job: Job, how: AutoRetry) -> None:
    """Let Naginator retry failed builds of a job by itself, as [NaginatorListener.onCompleted] does."""
    counts: dict[int, int] = {}  # by queue item: which retry in a row its build is

    def look(build: Build, now: float) -> None:
        count = counts.get(build.queue_id, 0)
        if build.job is not job or build.final in ("SUCCESS", "ABORTED") or count >= how.at_most:
            return
        only: Collection[str] | None = None
        if how.failed_cells_only and isinstance(job, MatrixJob):
            only = {run.job.name for run in own_runs(build) if run.final not in ("SUCCESS", "ABORTED")}
        kept = [cause for cause in build.causes if cause.kind != NAGINATOR]

        def retry(_: float) -> None:
            item = engine.enqueue(job, build.parameters, [*kept, _by_naginator(build)], only=only)
            counts[item.id] = count + 1

        engine.at(now + how.delay_s, retry)

    engine.ended.append(look)


def watch_copies(engine: Engine) -> None:
    """Let copies carry what the plugins add to them."""

    def mark(build: Build, _: float) -> None:
        if any(cause.kind == NAGINATOR for cause in build.causes):
            part = "" if build.only is None else "Matrix"
            build.actions.append(bean(f"com.chikli.hudson.plugin.naginator.Naginator{part}Action"))

    engine.began.append(mark)
