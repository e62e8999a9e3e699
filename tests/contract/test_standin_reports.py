"""Test reports of the Jenkins stand-in, held to the junit plugin."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from bot.demo.jenkins.model import Plan
from bot.demo.jenkins.reports import Case
from bot.demo.jenkins.runs import BuildHook
from bot.demo.jenkins.stages import StagePlan
from tests.contract.standin_rig import Rig, a_held_jenkins

REPORT = "testReport/"
GOOD, BAD, OFF = (Case("pkg.T", "x", outcome) for outcome in ("passed", "failed", "skipped"))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with a_held_jenkins() as rig:
        rig.server.add_job("unit", duration_s=10.0)
        yield rig


def always(plan: Plan) -> BuildHook:
    return lambda _: plan


async def run(rig: Rig, *plans: Plan) -> None:
    for plan in plans:
        rig.server.on_build(always(plan))
        assert await rig.post("/job/unit/build") == 201
        await rig.pass_s(10)


async def cases(rig: Rig, number: int) -> Any:
    report = await rig.see(f"/job/unit/{number}/{REPORT}")
    return [case for suite in report["suites"] for case in suite["cases"]]


async def test_a_report_counts_and_names_what_failed_and_the_build_has_the_counts_without_it(rig: Rig) -> None:
    tests = (
        GOOD,
        Case("pkg.T", "y", "failed", "expected 1\nbut was 2", "at T.java:7", suite="slow"),
        Case("pkg.T", "z", "skipped", "not on arm", duration_s=0.0),
    )
    await run(rig, Plan("UNSTABLE", tests=tests))
    report = await rig.see(f"/job/unit/1/{REPORT}")
    assert report["_class"] == "hudson.tasks.junit.TestResult"
    counts = {name: report[name] for name in ("failCount", "passCount", "skipCount", "empty")}
    assert counts == {"failCount": 1, "passCount": 1, "skipCount": 1, "empty": False}
    assert report["duration"] == pytest.approx(0.2)
    assert [suite["name"] for suite in report["suites"]] == ["unit", "slow"]
    [failed] = report["suites"][1]["cases"]
    told = {name: failed[name] for name in ("className", "name", "errorDetails", "errorStackTrace", "skipped")}
    assert told == {
        "className": "pkg.T",
        "name": "y",
        "errorDetails": "expected 1\nbut was 2",
        "errorStackTrace": "at T.java:7",
        "skipped": False,
    }
    actions = (await rig.see("/job/unit/1/", "actions[failCount,skipCount,totalCount,urlName]"))["actions"]
    assert {
        "_class": "hudson.tasks.junit.TestResultAction",
        "failCount": 1,
        "skipCount": 1,
        "totalCount": 3,
        "urlName": "testReport",
    } in actions


ROWS: Sequence[Any] = [
    pytest.param([[GOOD]], ("PASSED", 0, 0), id="first-good"),
    pytest.param([[BAD]], ("FAILED", 1, 1), id="first-bad"),
    pytest.param([[GOOD], [BAD]], ("REGRESSION", 1, 2), id="new"),
    pytest.param([[GOOD], [BAD], [BAD], [BAD]], ("FAILED", 3, 2), id="old"),
    pytest.param([[BAD], [GOOD]], ("FIXED", 0, 0), id="fixed"),
    pytest.param([[BAD], None, [BAD]], ("FAILED", 3, 1), id="across-a-build-without-report"),
    pytest.param([[BAD], [], [BAD]], ("FAILED", 1, 3), id="not-run-between"),
    pytest.param([[BAD], [OFF], [BAD]], ("FAILED", 1, 3), id="skipped-between"),
]


@pytest.mark.parametrize(("past", "told"), ROWS)
async def test_a_case_is_compared_with_the_report_before(
    rig: Rig, past: list[list[Case] | None], told: tuple[str, int, int]
) -> None:
    await run(rig, *(Plan(tests=None if each is None else tuple(each)) for each in past))
    [case] = await cases(rig, len(past))
    assert (case["status"], case["age"], case["failedSince"]) == told


@pytest.mark.parametrize("path", ["/job/unit/1/testReport/api/json", "/job/unit/2/testReport/api/json"])
async def test_without_a_report_there_is_404_and_no_count(rig: Rig, path: str) -> None:
    """(J31)"""
    await run(rig, Plan("FAILURE", tests=None))
    rig.server.on_build(lambda _: Plan(tests=(GOOD,)))
    await rig.post("/job/unit/build")
    await rig.post("/job/unit/2/stop")  # before it came to its tests
    assert await rig.status(path) == 404
    shown = await rig.see(path.removesuffix("testReport/api/json"))
    assert not any("totalCount" in each for each in shown["actions"])


async def test_a_report_is_there_when_the_steps_are_through_and_not_before(rig: Rig) -> None:
    rig.server.on_build(lambda _: Plan("UNSTABLE", tests=(BAD,), publishing_s=20.0))
    await rig.post("/job/unit/build")
    await rig.pass_s(9)
    assert await rig.status("/job/unit/1/testReport/api/json") == 404
    await rig.pass_s(1)
    assert await rig.status("/job/unit/1/testReport/api/json") == 200
    assert (await rig.see("/job/unit/1/", "building"))["building"]


async def test_an_empty_report_is_a_report(rig: Rig) -> None:
    """(J31)"""
    await run(rig, Plan(tests=()))
    report = await rig.see(f"/job/unit/1/{REPORT}")
    assert (report["empty"], report["failCount"], report["suites"]) == (True, 0, [])


async def test_cases_of_a_pipeline_name_their_stage(rig: Rig) -> None:
    rig.server.add_job("repo", kind="pipeline")
    tests = (Case("T", "x", stage="Linux"), Case("T", "x", "failed", stage="Windows"))
    rig.server.on_build(lambda _: Plan("UNSTABLE", stages=(StagePlan("Linux"), StagePlan("Windows")), tests=tests))
    await rig.post("/job/repo/build")
    await rig.pass_s(2)
    report = await rig.see(f"/job/repo/1/{REPORT}")
    assert [suite["enclosingBlockNames"] for suite in report["suites"]] == [["Linux"], ["Windows"]]


async def test_a_matrix_has_a_report_for_each_cell_and_no_suites_of_its_own(rig: Rig) -> None:
    """(J13)"""
    rig.server.items.add_matrix("m", {"ARCH": ("amd64", "arm64", "ppc")}, duration_s=1.0)
    plans = {"m/ARCH=amd64": Plan(tests=(GOOD,)), "m/ARCH=arm64": Plan("UNSTABLE", tests=(BAD, OFF))}
    rig.server.on_build(lambda starting: plans.get(starting.job))
    await rig.post("/job/m/build")
    await rig.pass_s(5)
    report = await rig.see(f"/job/m/1/{REPORT}")
    assert report["_class"] == "hudson.tasks.test.MatrixTestResult"
    assert not report.keys() & {"suites", "passCount"}
    assert (report["failCount"], report["skipCount"], report["totalCount"]) == (1, 1, 3)
    children = report["childReports"]
    assert [child["child"]["url"].split("/")[-3] for child in children] == ["ARCH=amd64", "ARCH=arm64"]
    assert [child["result"]["failCount"] for child in children] == [0, 1]
    assert children[1]["child"]["number"] == 1


async def test_a_question_for_a_few_things_gets_only_these(rig: Rig) -> None:
    await run(rig, Plan("UNSTABLE", tests=(GOOD, BAD)))
    report = await rig.see(f"/job/unit/1/{REPORT}", "failCount,suites[cases[name,status]{,1}]")
    assert report["suites"] == [{"cases": [{"name": "x", "status": "PASSED"}]}]
    assert report.keys() == {"_class", "failCount", "suites"}
