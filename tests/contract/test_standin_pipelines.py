"""Pipelines of the Jenkins stand-in, held to what WorkflowRun, CpsFlowExecution and the stage view do."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.demo.jenkins.logs import NOTE
from bot.demo.jenkins.model import Catch, Plan, Result
from bot.demo.jenkins.stages import StagePlan
from tests.contract.standin_rig import READER, Rig, a_held_jenkins

JOB = "/job/repo/"
BUILD = "/job/repo/1/"
STAGES = (
    StagePlan("Build", 10.0, log="compiling\n"),
    StagePlan("Test", 10.0, "FAILED", log="<b>1 failed</b>\n", node="arm-7", error="script returned exit code 2"),
    StagePlan("Deploy", ends="NOT_EXECUTED"),
)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with a_held_jenkins() as rig:
        rig.server.add_job("repo", kind="pipeline", duration_s=60.0, log="one\ntwo\n")
        yield rig


async def start(rig: Rig, plan: Plan | None = None) -> Any:
    """Start a build of the Pipeline, which does as planned, and read it."""
    if plan is not None:
        rig.server.job("repo").outcome = (plan,)
    assert await rig.post("/job/repo/build") == 201
    return await rig.see(BUILD)


async def state(rig: Rig) -> tuple[bool, bool, str | None]:
    shown = await rig.see(BUILD)
    return shown["building"], shown["inProgress"], shown["result"]


async def test_a_run_has_the_classes_and_the_keys_of_a_pipeline_and_no_built_on(rig: Rig) -> None:
    shown = await start(rig)
    assert shown["_class"] == "org.jenkinsci.plugins.workflow.job.WorkflowRun"
    assert (await rig.see(JOB))["_class"] == "org.jenkinsci.plugins.workflow.job.WorkflowJob"
    assert shown["changeSets"] == []
    assert not shown.keys() & {"builtOn", "changeSet"}
    assert (shown["building"], shown["duration"], shown["executor"]) == (True, 0, {})


async def test_a_result_may_be_there_long_before_the_end_and_only_worsens(rig: Rig) -> None:
    """(J8)"""
    early: tuple[tuple[float, Result], ...] = ((10.0, "UNSTABLE"), (20.0, "FAILURE"), (30.0, "UNSTABLE"))
    await start(rig, Plan("SUCCESS", duration_s=60.0, early=early))
    seen = []
    for _ in range(4):
        seen.append(await state(rig))
        await rig.pass_s(10)
    assert seen == [(True, True, None), (True, True, "UNSTABLE"), (True, True, "FAILURE"), (True, True, "FAILURE")]
    await rig.pass_s(20)
    assert await state(rig) == (False, False, "FAILURE")
    assert (await rig.log(BUILD)).endswith("[Pipeline] End of Pipeline\nFinished: FAILURE\n")


async def test_a_run_that_is_no_longer_building_has_its_whole_log(rig: Rig) -> None:
    """(J8) There is no state after production for Pipelines [WorkflowRun.isLogUpdated]."""
    await start(rig, Plan(duration_s=10.0, closing_s=30.0))
    await rig.pass_s(10)
    assert await state(rig) == (False, False, "SUCCESS")
    answer = await rig.ask("GET", f"{BUILD}logText/progressiveText?start=0")
    assert "X-More-Data" not in answer.headers
    assert (await answer.text()).endswith("Finished: SUCCESS\r\n")


async def test_the_log_names_the_stages_and_the_agents(rig: Rig) -> None:
    await start(rig, Plan("FAILURE", node="amd-1", stages=STAGES))
    await rig.pass_s(20)
    lines = NOTE.sub(b"", (await rig.log(BUILD)).encode()).decode().splitlines()
    assert lines[:5] == [
        "Started by user gordon",
        "[Pipeline] Start of Pipeline",
        "[Pipeline] node",
        "Running on amd-1 in /home/jenkins/workspace/repo",
        "[Pipeline] {",
    ]
    assert "[Pipeline] { (Test)" in lines
    assert "Running on arm-7 in /home/jenkins/workspace/repo" in lines
    assert 'Stage "Deploy" skipped due to when conditional' in lines
    assert lines[-1] == "Finished: FAILURE"


async def test_the_option_for_it_writes_the_moment_before_what_the_steps_say(rig: Rig) -> None:
    """(J10)"""
    await start(rig, Plan(duration_s=10.0, log="one\nError: two\n", timestamps=True))
    await rig.pass_s(10)
    lines = (await rig.log(BUILD)).splitlines()
    assert "[2026-08-22T00:00:05.000Z] one" in lines
    assert "[2026-08-22T00:00:10.000Z] Error: two" in lines
    assert "[Pipeline] sh" in lines


CAUGHT = Catch(lasting_s=1200.0, result="FAILURE")
CLEANED = Catch(lasting_s=1200.0, result="SUCCESS")
STUBBORN = Catch(lasting_s=7200.0, up_to="term")


@pytest.mark.parametrize(
    ("catches", "words", "seen"),
    [
        pytest.param(None, ["stop"], (False, "ABORTED"), id="stop-ends-it"),
        pytest.param(CAUGHT, ["stop"], (True, None), id="J18-stop-caught-goes-on"),
        pytest.param(CAUGHT, ["stop", "stop"], (True, None), id="J18-stop-twice-caught"),
        pytest.param(CAUGHT, ["stop", "term"], (False, "ABORTED"), id="term-ends-it"),
        pytest.param(STUBBORN, ["stop", "term"], (True, None), id="term-caught"),
        pytest.param(STUBBORN, ["stop", "term", "kill"], (False, "ABORTED"), id="kill-ends-anything"),
        pytest.param(STUBBORN, ["kill"], (False, "ABORTED"), id="kill-at-once"),
    ],
)
async def test_a_pipeline_takes_harder_words(
    rig: Rig, catches: Catch | None, words: list[str], seen: tuple[bool, str | None]
) -> None:
    await start(rig, Plan(duration_s=3600.0, catches=catches))
    statuses = {word: await rig.post(f"{BUILD}{word}") for word in words}
    assert statuses == {word: 302 if word == "stop" else 200 for word in words}
    building, _, result = await state(rig)
    assert (building, result) == seen


@pytest.mark.parametrize(
    ("catch", "result"), [pytest.param(CAUGHT, "FAILURE", id="failure"), pytest.param(CLEANED, "SUCCESS", id="success")]
)
async def test_what_catches_a_stop_ends_in_its_own_time_and_way(rig: Rig, catch: Catch, result: str) -> None:
    """(J18)"""
    await start(rig, Plan(duration_s=3600.0, catches=catch))
    await rig.post(f"{BUILD}stop")
    await rig.pass_s(1199)
    assert (await state(rig))[0]
    await rig.pass_s(1)
    assert await state(rig) == (False, False, result)
    [action] = [each for each in (await rig.see(BUILD))["actions"] if "Interrupted" in each.get("_class", "")]
    assert [cause["shortDescription"] for cause in action["causes"]] == ["Aborted by gordon"]


async def test_the_log_offers_harder_words_after_a_while_and_tells_of_each(rig: Rig) -> None:
    await start(rig, Plan(duration_s=3600.0, catches=STUBBORN))
    for word in ("stop", "term"):
        await rig.post(f"{BUILD}{word}")
        await rig.pass_s(14)
        assert "forcibly" not in (await rig.log(BUILD)).splitlines()[-1]
        await rig.pass_s(1)
    await rig.post(f"{BUILD}kill")
    told = (await rig.log(BUILD)).splitlines()
    wanted = [
        "Aborted by gordon",
        "Click here to forcibly terminate running steps",
        "Terminating sh",
        "Click here to forcibly kill entire build",
        "Hard kill!",
        "Finished: ABORTED",
    ]
    assert [line for line in told if line in wanted] == wanted


async def test_without_an_executor_a_stop_is_a_kill(rig: Rig) -> None:
    await start(rig, Plan(duration_s=3600.0, catches=STUBBORN))
    rig.server.job("repo").builds[1].has_executor = False
    assert await rig.post(f"{BUILD}stop") == 302
    assert await state(rig) == (False, False, "ABORTED")
    assert "Hard kill!" in await rig.log(BUILD)


@pytest.mark.parametrize("word", ["term", "kill"])
async def test_freestyle_knows_no_harder_words_and_who_may_not_cancel_gets_403(rig: Rig, word: str) -> None:
    rig.server.add_job("plain", duration_s=60.0)
    await rig.post("/job/plain/build")
    assert await rig.post(f"/job/plain/1/{word}") == 404
    await start(rig)
    assert await rig.post(f"{BUILD}{word}", READER) == 403
    assert await rig.status(f"{BUILD}{word}") == 405
    assert await state(rig) == (True, True, None)


async def test_a_pipeline_runs_beside_the_executors() -> None:
    async with a_held_jenkins(executors=1) as rig:
        rig.server.add_job("plain", duration_s=60.0)
        rig.server.add_job("repo", kind="pipeline", duration_s=60.0)
        await rig.post("/job/plain/build")
        await start(rig)
        shown = "currentExecutable[_class,url,number]"
        computers = await rig.see("/computer/", f"computer[executors[{shown}],oneOffExecutors[{shown}]]")
        [node] = computers["computer"]
        [own] = [each["currentExecutable"] for each in node["oneOffExecutors"]]
        assert (own["url"], own["number"]) == (f"{rig.server.url}job/repo/1/", 1)
        blocks = [each["currentExecutable"] for each in node["executors"]]
        assert [("number" in block, block["_class"].rpartition(".")[2]) for block in blocks] == [
            (True, "FreeStyleBuild"),
            (False, "ExecutorStepExecution$PlaceholderTask$PlaceholderExecutable"),
        ]


async def test_a_node_block_waits_in_the_queue_as_a_task_that_tells_nothing_of_itself(rig: Rig) -> None:
    await start(rig, Plan(duration_s=10.0, node_wait_s=30.0))
    [item] = (await rig.see("/queue/"))["items"]
    assert (item["id"], item["buildable"], item["params"]) == (2, True, "")
    assert item["task"] == {
        "_class": "org.jenkinsci.plugins.workflow.support.steps.ExecutorStepExecution$PlaceholderTask"
    }
    assert await state(rig) == (True, True, None)
    assert (await rig.log(BUILD)).endswith("Still waiting to schedule task\nWaiting for next available executor\n")
    await rig.pass_s(30)
    assert (await rig.see("/queue/"))["items"] == []
    assert "Running on Jenkins" in await rig.log(BUILD)
    await rig.pass_s(10)
    assert await state(rig) == (False, False, "SUCCESS")


async def test_it_goes_on_after_a_restart_with_its_number_and_its_log_where_it_was(rig: Rig) -> None:
    await start(rig, Plan(duration_s=60.0, log="first\nsecond\n"))
    await rig.pass_s(28)
    before = (await rig.ask("GET", f"{BUILD}logText/progressiveText?start=0")).headers["X-Text-Size"]
    rig.server.begin_restart(100)
    assert await rig.status(f"{BUILD}api/json") == 503
    await rig.pass_s(100)
    assert await state(rig) == (True, True, None)
    rest = await (await rig.ask("GET", f"{BUILD}logText/progressiveText?start={before}")).text()
    assert "Resuming build at Sat Aug 22 00:02:08 UTC 2026 after Jenkins restart" in rest
    await rig.pass_s(32)
    assert await state(rig) == (False, False, "SUCCESS")
    log = await rig.log(BUILD)
    assert log.index("first") < log.index("Resuming") < log.index("second")
    assert (await rig.see(BUILD))["duration"] == 160_000


@pytest.mark.parametrize("result", ["FAILURE", "ABORTED"])
async def test_what_cannot_go_on_after_a_restart_says_so(rig: Rig, result: Result) -> None:
    await start(rig, Plan(duration_s=60.0, resumes=False, unresumed=result))
    await rig.pass_s(10)
    rig.server.begin_restart(5)
    await rig.pass_s(5)
    assert await state(rig) == (False, False, result)
    assert "Cannot resume build" in await rig.log(BUILD)


async def test_it_stands_still_while_a_shutdown_is_near_and_goes_on_when_there_is_none(rig: Rig) -> None:
    """(J27)"""
    await start(rig, Plan(duration_s=60.0, stages=(StagePlan("Build", 60.0),)))
    await rig.pass_s(10)
    await rig.post("/quietDown")
    await rig.pass_s(500)
    assert await state(rig) == (True, True, None)
    assert (await rig.log(BUILD)).endswith("Pausing (Preparing for shutdown)\n")
    await rig.post("/cancelQuietDown")
    await rig.pass_s(49)
    assert (await state(rig))[0]
    await rig.pass_s(1)
    assert await state(rig) == (False, False, "SUCCESS")
    assert "Resuming (Shutdown was canceled)\n" in await rig.log(BUILD)


async def test_a_safe_restart_waits_for_no_pipeline_and_each_goes_on_where_it_stood(rig: Rig) -> None:
    await start(rig, Plan(duration_s=60.0, log="one\ntwo\n"))
    await rig.pass_s(32)
    await rig.post("/safeRestart")
    await rig.pass_s(9)
    assert await rig.status("/") == 200
    await rig.pass_s(1)
    assert await rig.status("/") == 503
    await rig.pass_s(rig.server.faults.restart_s + 27)
    assert await state(rig) == (True, True, None)
    await rig.pass_s(1)
    assert await state(rig) == (False, False, "SUCCESS")
    told = [line for line in (await rig.log(BUILD)).splitlines() if line.split()[0] in ("Pausing", "Resuming", "Ready")]
    assert [line.split()[0] for line in told] == ["Pausing", "Resuming", "Ready"]


async def test_a_stop_ends_what_stands_still(rig: Rig) -> None:
    await start(rig)
    await rig.post("/quietDown")
    assert await rig.post(f"{BUILD}stop") == 302
    assert await state(rig) == (False, False, "ABORTED")
    await rig.post("/cancelQuietDown")
    await rig.pass_s(100)
    assert (await rig.log(BUILD)).count("Finished: ") == 1


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param(["stop", "term", "kill"], id="stopped"),
        pytest.param(["/quietDown", "/cancelQuietDown"], id="held"),
        pytest.param(["/safeRestart"], id="restarted"),
    ],
)
async def test_what_the_log_has_shown_it_never_takes_back(rig: Rig, acts: list[str]) -> None:
    """(J9) Offsets stay valid whatever is done to the build."""
    await start(rig, Plan(catches=STUBBORN, stages=(StagePlan("A", 20.0, log="aaaa\n" * 9), StagePlan("B", 60.0))))
    seen = b""
    for step in range(40):
        if acts and step % 10 == 5:
            act = acts.pop(0)
            assert await rig.post(act if act.startswith("/") else BUILD + act) in (200, 302)
        stored = rig.server.job("repo").builds[1].stored_log(rig.clock.elapsed_s)
        assert stored.startswith(seen)
        seen = stored
        await rig.pass_s(1.7)
    assert len(seen) > 300


async def describe(rig: Rig) -> Any:
    answer = await rig.ask("GET", f"{BUILD}wfapi/describe")
    assert answer.status == 200
    return await answer.json()


async def test_stages_show_as_they_begin_and_the_last_stands_as_the_run_does(rig: Rig) -> None:
    await start(rig, Plan("FAILURE", stages=STAGES))
    run = await describe(rig)
    assert (run["status"], [(each["name"], each["status"]) for each in run["stages"]]) == (
        "IN_PROGRESS",
        [("Build", "IN_PROGRESS")],
    )
    await rig.pass_s(12)
    run = await describe(rig)
    assert [(each["name"], each["status"], each["durationMillis"]) for each in run["stages"]] == [
        ("Build", "SUCCESS", 10_000),
        ("Test", "IN_PROGRESS", 2_000),
    ]
    await rig.pass_s(8)
    run = await describe(rig)
    # The stage that failed keeps its error; the last one takes the state of the run [RunExt.computeTimings].
    assert [each["status"] for each in run["stages"]] == ["SUCCESS", "FAILED", "FAILED"]
    assert run["stages"][1]["error"] == {"message": "script returned exit code 2", "type": "hudson.AbortException"}
    assert run["stages"][1]["execNode"] == "arm-7"
    assert run.keys() >= {"id", "name", "startTimeMillis", "endTimeMillis", "durationMillis", "queueDurationMillis"}


@pytest.mark.parametrize(
    ("result", "status"),
    [("SUCCESS", "SUCCESS"), ("UNSTABLE", "UNSTABLE"), ("FAILURE", "FAILED"), ("NOT_BUILT", "NOT_EXECUTED")],
)
async def test_the_stage_view_has_its_own_words_for_results(rig: Rig, result: Result, status: str) -> None:
    await start(rig, Plan(result, duration_s=1.0))
    await rig.pass_s(1)
    assert (await describe(rig))["status"] == status


async def test_what_waits_for_consent_is_neither_running_nor_failed(rig: Rig) -> None:
    await start(rig, Plan(stages=(StagePlan("Deploy", 5.0, input_s=600.0),)))
    await rig.pass_s(60)
    run = await describe(rig)
    assert (run["status"], run["stages"][0]["status"]) == ("PAUSED_PENDING_INPUT", "PAUSED_PENDING_INPUT")
    assert run["stages"][0]["pauseDurationMillis"] == 60_000
    [pending] = await (await rig.ask("GET", f"{BUILD}wfapi/pendingInputActions")).json()
    assert pending["message"] == "Go on?"
    await rig.pass_s(540)
    assert (await describe(rig))["status"] == "IN_PROGRESS"


@pytest.mark.parametrize(
    ("page", "seen"),
    [
        pytest.param("wfapi/inputSubmit?inputId=Input1", (True, None, "SUCCESS"), id="submitted"),
        pytest.param("input/Input1/proceedEmpty", (True, None, "SUCCESS"), id="proceed"),
        pytest.param("input/Input1/abort", (False, "ABORTED", "ABORTED"), id="abort"),
    ],
)
async def test_consent_is_given_or_refused(rig: Rig, page: str, seen: tuple[bool, str | None, str]) -> None:
    stages = (StagePlan("Build", 10.0), StagePlan("Deploy", 20.0, log="deploying\n", input_s=3600.0))
    await start(rig, Plan(stages=stages))
    assert await rig.post(f"{BUILD}{page}") == 404
    await rig.pass_s(60)
    assert await rig.post(f"{BUILD}{page}", READER) == 403
    assert await rig.post(f"{BUILD}{page}") == 200
    building, _, result = await state(rig)
    await rig.pass_s(20)
    assert (building, result, (await rig.see(BUILD))["result"]) == seen
    assert ("deploying" in await rig.log(BUILD)) == (seen[2] == "SUCCESS")


async def test_a_stage_that_was_interrupted_is_aborted_and_none_follows(rig: Rig) -> None:
    await start(rig, Plan(stages=STAGES))
    await rig.pass_s(5)
    await rig.post(f"{BUILD}stop")
    await rig.pass_s(30)
    assert [(each["name"], each["status"]) for each in (await describe(rig))["stages"]] == [("Build", "ABORTED")]


async def test_the_log_of_a_step_is_html_and_only_its_end(rig: Rig) -> None:
    long = "".join(f"line {number} <&>\n" for number in range(2000))
    await start(rig, Plan(stages=(StagePlan("Test", 10.0, "FAILED", log=long),)))
    await rig.pass_s(10)
    [stage] = (await describe(rig))["stages"]
    node = await (await rig.ask("GET", f"{BUILD}execution/node/{stage['id']}/wfapi/describe")).json()
    [step] = node["stageFlowNodes"]
    log = await (await rig.ask("GET", f"{BUILD}execution/node/{step['id']}/wfapi/log")).json()
    assert (log["nodeStatus"], log["length"], log["hasMore"]) == ("FAILED", 10 * 1024, True)
    assert log["text"].endswith("line 1999 &lt;&amp;&gt;\n")
    assert "line 1 " not in log["text"]
    own = await (await rig.ask("GET", f"{BUILD}execution/node/{stage['id']}/wfapi/log")).json()
    assert "text" not in own
    assert await rig.status(f"{BUILD}execution/node/99/wfapi/log") == 404


async def test_the_newest_runs_are_ten_with_their_stages(rig: Rig) -> None:
    rig.server.job("repo").outcome = (Plan(stages=(StagePlan("Build", 1.0),)),)
    for _ in range(12):
        await rig.post("/job/repo/build")
        await rig.pass_s(1)
    runs = await (await rig.ask("GET", f"{JOB}wfapi/runs")).json()
    assert [run["id"] for run in runs] == [str(number) for number in range(12, 2, -1)]
    assert [stage["name"] for run in runs for stage in run["stages"]] == ["Build"] * 10


@pytest.mark.parametrize("path", ["/job/plain/1/wfapi/describe", "/job/repo/1/wfapi/describe", "/job/repo/wfapi/runs"])
async def test_freestyle_has_no_stages_and_without_the_plugin_nothing_has(rig: Rig, path: str) -> None:
    rig.server.add_job("plain")
    await rig.post("/job/plain/build")
    await start(rig)
    if "plain" not in path:
        assert await rig.status(path) == 200
        rig.server.plugins.discard("pipeline-rest-api")
    assert await rig.status(path) == 404
