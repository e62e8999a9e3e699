"""The pages that only Pipelines have: harder ways to stop, and the stage view's REST API.

The stage view is a plugin of its own, `pipeline-rest-api`: without it there is no `wfapi`.
"""

from html import escape

from bot.demo.jenkins.logs import NOTE, as_lines
from bot.demo.jenkins.model import Build, Job
from bot.demo.jenkins.request import BUILD, CANCEL, Answer
from bot.demo.jenkins.rooms import Visit
from bot.demo.jenkins.stages import StageRun
from bot.demo.jenkins.tree import Json

PLUGIN = "pipeline-rest-api"
NEWEST = 10  # runs in one answer [JobExt.MAX_RUNS_PER_JOB]
LAST_BYTES = 10 * 1024  # of the log of a step [FlowNodeLogExt.MAX_RETURN_CHARS]

_STATUS = {"SUCCESS": "SUCCESS", "UNSTABLE": "UNSTABLE", "ABORTED": "ABORTED", "NOT_BUILT": "NOT_EXECUTED"}


def stopping_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Terminate the steps of a Pipeline, or kill it; both answer with nothing [WorkflowRun.doTerm, doKill]."""
    if not build.is_pipeline or page not in (["term"], ["kill"]):
        return None
    visit.only_post()
    visit.asking.need(CANCEL)
    if page == ["term"]:
        visit.engine.term(build)
    else:
        visit.engine.kill(build)
    return Answer(200)


def runs_page(visit: Visit, job: Job, page: list[str]) -> Answer | None:
    """Show the newest runs of a Pipeline with their stages [JobAPI.doRuns]."""
    if job.kind != "pipeline" or PLUGIN not in visit.engine.plugins:
        return None
    match page:
        case ["wfapi"] | ["wfapi", "describe"]:
            links: Json = {"self": {"href": _path(visit, f"{job.path}wfapi/describe")}}
            return visit.json({"_links": links, "name": job.name, "runCount": len(job.builds)})
        case ["wfapi", "runs"]:
            return visit.json([_run(visit, build) for build in job.newest_first()[:NEWEST]])
    return None


def stages_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Show a run with its stages, a stage with its steps, or the end of a step's log."""
    if not build.is_pipeline or PLUGIN not in visit.engine.plugins:
        return None
    match page:
        case ["wfapi"] | ["wfapi", "describe"]:
            return visit.json(_run(visit, build))
        case ["wfapi", "pendingInputActions"]:
            return visit.json(_inputs(visit, build))
        case ["execution", "node", node, "wfapi"] | ["execution", "node", node, "wfapi", "describe"]:
            stage = _stage_of(build, node, visit.now_s)
            return None if stage is None else visit.json(_node(visit, build, stage, node))
        case ["execution", "node", node, "wfapi", "log"]:
            stage = _stage_of(build, node, visit.now_s)
            return None if stage is None else visit.json(_log(visit, build, stage, node))
    return None


def input_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Give or refuse the consent that a Pipeline waits for."""
    match page:
        case ["input", name, "proceedEmpty" | "abort" as answer]:
            given = answer == "proceedEmpty"
        case ["wfapi", "inputSubmit"]:
            name, given = visit.incoming.get("inputId") or "", True
        case _:
            return None
    stage = next((each for each in build.stages if each.is_paused(visit.now_s) and name == f"Input{each.number}"), None)
    if stage is None:
        return None
    visit.only_post()
    visit.asking.need(BUILD if given else CANCEL)
    visit.engine.consent(build, stage, visit.asking.name or "anonymous", given=given)
    return Answer(200)


def _begun(build: Build, now_s: float) -> list[StageRun]:
    return [stage for stage in build.stages if stage.begin_s <= now_s]


def _stage_of(build: Build, node: str, now_s: float) -> StageRun | None:
    return next((stage for stage in _begun(build, now_s) if node in (stage.node_id, stage.step_id)), None)


def _path(visit: Visit, path: str) -> str:
    """Make an address without host, as the links of this API are [ModelUtil.getFullItemUrl]."""
    return f"{visit.incoming.context}/{path}"


def _build_path(visit: Visit, build: Build) -> str:
    return _path(visit, f"{build.job.path}{build.number}/")


def _run_status(build: Build, now_s: float) -> str:
    """Tell how a run stands, in the words of the stage view [RunExt.initStatus]."""
    if build.building(now_s):
        paused = any(stage.is_paused(now_s) for stage in build.stages)
        return "PAUSED_PENDING_INPUT" if paused else "IN_PROGRESS"
    return _STATUS.get(build.final, "FAILED")


def _run(visit: Visit, build: Build) -> Json:
    now = visit.now_s
    status = _run_status(build, now)
    begun = _begun(build, now)
    end_s = now if build.building(now) else build.building_end_s
    queued_s = begun[0].begin_s - build.started_s if begun else end_s - build.started_s
    links: dict[str, Json] = {"self": {"href": f"{_build_path(visit, build)}wfapi/describe"}}
    if status == "PAUSED_PENDING_INPUT":
        links["pendingInputActions"] = {"href": f"{_build_path(visit, build)}wfapi/pendingInputActions"}
    return {
        "_links": links,
        "id": str(build.number),
        "name": build.name,
        "status": status,
        "startTimeMillis": build.timestamp_ms,
        "endTimeMillis": visit.engine.wall_ms(end_s),
        "durationMillis": _ms(end_s - build.started_s - queued_s),
        "queueDurationMillis": _ms(queued_s),
        "pauseDurationMillis": _ms(sum(_paused_s(stage, now) for stage in begun)),
        # The last stage stands as the run does, whatever happened in it [RunExt.computeTimings].
        "stages": [_stage(visit, build, stage, status if stage is begun[-1] else None) for stage in begun],
    }


def _stage(visit: Visit, build: Build, stage: StageRun, status: str | None = None) -> Json:
    now = visit.now_s
    href = f"{_build_path(visit, build)}execution/node/{stage.node_id}/wfapi/describe"
    return {
        "_links": {"self": {"href": href}},
        "id": stage.node_id,
        "name": stage.plan.name,
        "execNode": stage.plan.node,
        "status": status or stage.status(now),
        **_error(stage, now),
        "startTimeMillis": visit.engine.wall_ms(stage.begin_s),
        "durationMillis": _ms(min(now, stage.end_s) - stage.begin_s),
        "pauseDurationMillis": _ms(_paused_s(stage, now)),
    }


def _error(stage: StageRun, now_s: float) -> dict[str, Json]:
    status = stage.status(now_s)
    if status == "ABORTED":
        return {"error": {"message": None, "type": "org.jenkinsci.plugins.workflow.steps.FlowInterruptedException"}}
    if status != "FAILED":
        return {}
    return {"error": {"message": stage.plan.error or "script returned exit code 1", "type": "hudson.AbortException"}}


def _node(visit: Visit, build: Build, stage: StageRun, node: str) -> Json:
    """Show a stage with its steps, or one of these."""
    step: dict[str, Json] = {
        "_links": {"self": {"href": f"{_build_path(visit, build)}execution/node/{stage.step_id}/wfapi/describe"}},
        "id": stage.step_id,
        "name": "Shell Script",
        "execNode": stage.plan.node,
        "status": stage.status(visit.now_s),
        **_error(stage, visit.now_s),
        "startTimeMillis": visit.engine.wall_ms(stage.begin_s),
        "durationMillis": _ms(min(visit.now_s, stage.end_s) - stage.begin_s),
        "pauseDurationMillis": 0,
        "parentNodes": [stage.node_id],
    }
    if node == stage.step_id:
        return step
    shown = _stage(visit, build, stage)
    assert isinstance(shown, dict)
    return {**shown, "stageFlowNodes": [step]}


def _log(visit: Visit, build: Build, stage: StageRun, node: str) -> Json:
    """Show the end of the log of a step as HTML; a stage itself has no log [FlowNodeLogExt]."""
    now = visit.now_s
    status = {"FAILED": "FAILED", "ABORTED": "ABORTED"}.get(stage.status(now), "SUCCESS")
    if node == stage.node_id:
        return {"nodeId": node, "nodeStatus": status, "length": 0, "hasMore": False, "consoleUrl": None}
    text = _step_log(stage, now)
    part = text[-LAST_BYTES:]
    shown: dict[str, Json] = {
        "nodeId": node,
        "nodeStatus": status,
        "length": len(part),
        "hasMore": len(text) > LAST_BYTES,
        "consoleUrl": f"{_build_path(visit, build)}execution/node/{node}/log",
    }
    if text:
        shown["text"] = escape(NOTE.sub(b"", part).decode("utf-8", "replace"))
    return shown


def _step_log(stage: StageRun, now_s: float) -> bytes:
    text = as_lines(stage.plan.log)
    if now_s >= stage.end_s and not stage.cut:
        return text
    planned_s = stage.plan.duration_s
    share = (min(now_s, stage.end_s) - stage.steps_s) / planned_s if planned_s else 1.0
    return text[: int(len(text) * max(0.0, min(1.0, share)))]


def _inputs(visit: Visit, build: Build) -> list[Json]:
    """Show what waits for somebody's consent [PendingInputActionsExt]."""
    paused = [stage for stage in build.stages if stage.is_paused(visit.now_s)]
    return [
        {
            "id": f"Input{stage.number}",
            "proceedText": "Proceed",
            "message": "Go on?",
            "inputs": [],
            "proceedUrl": f"{_build_path(visit, build)}wfapi/inputSubmit?inputId=Input{stage.number}",
            "abortUrl": f"{_build_path(visit, build)}input/Input{stage.number}/abort",
            "redirectApprovalUrl": f"{_build_path(visit, build)}input/",
        }
        for stage in paused
    ]


def _paused_s(stage: StageRun, now_s: float) -> float:
    return max(0.0, min(now_s, stage.steps_s, stage.end_s) - stage.begin_s)


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
