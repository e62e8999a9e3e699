"""Builds made from builds in a Jenkins stand-in: Naginator's retry, the Rebuild plugin, the replay of Pipelines.

All three answer with a redirect and no queue item, so that whoever asks has to find out what became of it.
"""

from bot.demo.jenkins.auto_retry import Retried
from bot.demo.jenkins.causes import Cause
from bot.demo.jenkins.folders import BranchJob
from bot.demo.jenkins.items import is_buildable
from bot.demo.jenkins.ledger import TriggerAccepted
from bot.demo.jenkins.model import Build
from bot.demo.jenkins.naginator import NAGINATOR, by_naginator, next_retry
from bot.demo.jenkins.request import BUILD, Answer, Refused
from bot.demo.jenkins.rooms import Visit

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
    _schedule(visit, build, *kept, by_naginator(build), Cause(visit.asking.name), retried=next_retry(build, 0))
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


def _schedule(visit: Visit, build: Build, *causes: Cause, retried: Retried | None = None) -> None:
    """Ask for a build as a plugin does, which nobody tells when the job is not buildable."""
    if is_buildable(visit.engine, build.job):
        user = visit.asking.name
        visit.engine.trigger(build.job, build.parameters, *causes, delay_s=0.0, user=user, retried=retried)
