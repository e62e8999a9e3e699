"""Test reports and stages of builds, read from a Jenkins."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.adapters.jenkins import Jenkins
from bot.adapters.jenkins_reports import MAX_REPORT_BYTES
from bot.clock import SystemClock
from bot.demo.jenkins.ledger import Status
from bot.demo.jenkins.model import Plan
from bot.demo.jenkins.reports import Case
from bot.demo.jenkins.stages import StagePlan
from bot.errors import Unavailable
from bot.ports import Order
from bot.settings import JenkinsSettings
from bot.values import BuildRef, FailedTest, JobRef, PipelineStage, StageState, TestReport
from tests.contract.jenkins_world import MARK, Ci, a_jenkins, add_users, until
from tests.scripted_jenkins import answer, scripted_jenkins

REF = BuildRef(JobRef("ci", "quick"), 1)


@pytest_asyncio.fixture
async def ci() -> AsyncIterator[Ci]:
    async with a_jenkins() as ci:
        add_users(ci)
        yield ci


async def begun(ci: Ci, *plans: Plan, **how: Any) -> Jenkins:
    """Have `quick` built once for each plan, one after the other."""
    ci.jenkins.add_job("quick", parameters=(MARK,), quiet_period_s=0, outcome=list(plans), **how)
    adapter = ci.adapter()
    for number in range(1, len(plans) + 1):
        await adapter.trigger(Order(REF.job, {}, f"mark-{number}"))
        await until(lambda number=number: number in ci.jenkins.job("quick").builds, ci.clock)  # type: ignore[misc]
    return adapter


async def over(ci: Ci, adapter: Jenkins, ref: BuildRef = REF) -> None:
    while not ((build := await adapter.build(ref)) and build.finished):
        await ci.clock.sleep(0.01)


async def test_a_report_tells_what_failed_and_since_when(ci: Ci) -> None:
    broken = Case("pkg.Suite", "works", "failed", "expected 3\n got 4")
    fine, new = Case("pkg.Suite", "holds"), Case("pkg.Suite", "holds", "failed")
    plans = [Plan("UNSTABLE", duration_s=0.01, tests=tests) for tests in ((broken, fine), (broken, new))]
    adapter = await begun(ci, *plans)
    ref = BuildRef(REF.job, 2)
    await over(ci, adapter, ref)
    assert await adapter.tests(REF) == TestReport(1, 1, 0, (FailedTest("pkg.Suite.works", "expected 3 got 4", 1, 1),))
    report = await adapter.tests(ref)
    assert report is not None
    assert [(test.name, test.age, test.since) for test in report.failures] == [
        ("pkg.Suite.works", 2, 1),
        ("pkg.Suite.holds", 1, 2),
    ]


async def test_no_report_is_not_none_failed(ci: Ci) -> None:
    """(J31)"""
    adapter = await begun(ci, Plan("FAILURE", duration_s=0.01))
    await over(ci, adapter)
    assert await adapter.tests(REF) is None


async def test_a_404_of_a_proxy_is_not_a_build_without_tests(ci: Ci) -> None:
    """(J15, J31)"""
    adapter = await begun(ci, Plan(duration_s=0.01, tests=(Case("S", "t", "failed"),)))
    for route in ("/job/quick/1/testReport/api/json", "/api/json"):
        ci.jenkins.faults.next("GET", route, Status(404, "no such route"))
    with pytest.raises(Unavailable, match="404 is not its own"):
        await adapter.tests(REF)


async def test_the_report_of_a_matrix_names_its_cells(ci: Ci) -> None:
    cell = Plan("UNSTABLE", duration_s=0.01, tests=(Case("pkg.Suite", "works", "failed"), Case("pkg.Suite", "holds")))
    grid = ci.jenkins.items.add_matrix(
        "grid", {"ARCH": ["amd64", "arm64"]}, duration_s=0.01, outcomes={"ARCH=arm64": [cell]}
    )
    grid.quiet_period_s = 0
    adapter, ref = ci.adapter(), BuildRef(JobRef("ci", "grid"), 1)
    await adapter.trigger(Order(ref.job, {}, "k7f2"))
    await until(lambda: bool(grid.builds), ci.clock)
    await over(ci, adapter, ref)
    report = await adapter.tests(ref)
    assert report is not None
    assert (report.failed, report.passed) == (1, 1)
    assert [(test.name, test.cell) for test in report.failures] == [("pkg.Suite.works", "ARCH=arm64")]


async def test_of_a_report_without_end_the_counts_are_told() -> None:
    def tell(_: str, path: str) -> bytes:
        if "testReport" in path:
            return answer(b" " * (MAX_REPORT_BYTES + 1))
        return answer(b'{"actions": [{}, {"failCount": 2, "skipCount": 5, "totalCount": 911}]}')

    async with scripted_jenkins(tell) as server:
        adapter = Jenkins("ci", JenkinsSettings(url=server.url), "", SystemClock())
        assert await adapter.tests(REF) == TestReport(2, 904, 5)
        await adapter.close()


async def test_stages_tell_how_far_a_pipeline_is(ci: Ci) -> None:
    stages = (
        StagePlan("Build", duration_s=0.01),
        StagePlan("Unit\ttests", duration_s=0.01, ends="UNSTABLE"),
        StagePlan("Deploy?", duration_s=60, input_s=60),
    )
    adapter = await begun(ci, Plan(stages=stages), kind="pipeline")
    told = await adapter.stages(REF)
    while told is not None and len(told) < len(stages):
        await ci.clock.sleep(0.01)
        told = await adapter.stages(REF)
    assert told is not None
    assert [(stage.name, stage.state) for stage in told] == [
        ("Build", StageState.PASSED),
        ("Unit tests", StageState.UNSTABLE),
        ("Deploy?", StageState.PAUSED),
    ]


async def test_a_stage_that_failed_tells_why(ci: Ci) -> None:
    stage = StagePlan("Unit", duration_s=0.01, ends="FAILED", error="script returned\nexit code 1")
    adapter = await begun(ci, Plan("FAILURE", stages=(stage,)), kind="pipeline")
    await over(ci, adapter)
    told = await adapter.stages(REF)
    assert told is not None
    [unit] = told
    assert unit == PipelineStage("Unit", StageState.FAILED, unit.duration_s, "script returned exit code 1")


async def test_what_is_no_pipeline_or_lacks_the_plugin_has_no_stages(ci: Ci) -> None:
    adapter = await begun(ci, Plan(duration_s=0.01))
    assert await adapter.stages(REF) is None


async def test_a_page_of_a_proxy_has_no_stages_either(ci: Ci) -> None:
    """(J15) The stage view is no API of Jenkins' own, so that its answers bear no name."""
    adapter = await begun(ci, Plan(duration_s=60), kind="pipeline")
    for body in ("<html>log in</html>", "{}"):
        ci.jenkins.faults.next("GET", "/job/quick/1/wfapi/describe", Status(200, body))
        with pytest.raises(Unavailable, match="unreadable"):
            await adapter.stages(REF)
