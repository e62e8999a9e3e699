"""Builds of matrices, Pipelines and multibranch projects, read from a Jenkins; and stopping them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import unquote

import pytest
import pytest_asyncio

from bot.adapters.jenkins import Jenkins
from bot.adapters.jenkins_wire import read_object
from bot.demo.jenkins.cells import CombinationsParameter
from bot.demo.jenkins.checkouts import Checkout
from bot.demo.jenkins.ledger import Status
from bot.demo.jenkins.model import Plan
from bot.errors import Refused, UserError
from bot.ports import Order, Queued
from bot.values import Build, BuildRef, JobRef, Kind, Result, Stop
from tests.contract.jenkins_world import COMMIT, MARK, PULL, Ci, a_jenkins, add_users, forbid, until

OLD, HEAD, MERGED = "a" * 40, "b" * 40, "c" * 40
BRANCH = JobRef("ci", "repo/PR-7")


@pytest_asyncio.fixture
async def ci() -> AsyncIterator[Ci]:
    async with a_jenkins() as ci:
        add_users(ci)
        yield ci


async def start(ci: Ci, job: str, adapter: Jenkins, count: int = 1) -> BuildRef:
    """Have builds of a job begun, one after the other, and tell the last."""
    for number in range(1, count + 1):
        await adapter.trigger(Order(JobRef("ci", job), {}, f"mark-{number}"))
        await until(lambda number=number: number in ci.jenkins.job(job).builds, ci.clock)  # type: ignore[misc]
    return BuildRef(JobRef("ci", job), count)


async def finished(ci: Ci, adapter: Jenkins, ref: BuildRef) -> Build:
    while not ((build := await adapter.build(ref)) and build.finished):
        await ci.clock.sleep(0.01)
    return build


# Matrices


async def test_a_matrix_tells_its_cells(ci: Ci) -> None:
    ci.jenkins.items.add_matrix(
        "grid",
        {"ARCH": ["amd64", "arm64"]},
        duration_s=0.02,
        outcomes={"ARCH=arm64": [Plan("FAILURE", duration_s=0.02)]},
    ).quiet_period_s = 0
    adapter = ci.adapter()
    build = await finished(ci, adapter, await start(ci, "grid", adapter))
    assert (build.kind, build.result) == (Kind.MATRIX, Result.FAILURE)
    assert {cell.name: cell.result for cell in build.cells} == {
        "ARCH=amd64": Result.SUCCESS,
        "ARCH=arm64": Result.FAILURE,
    }
    assert {cell.url for cell in build.cells} == {
        f"{ci.jenkins.url}job/grid/ARCH={arch}/1/" for arch in ("amd64", "arm64")
    }


async def test_cells_that_were_not_built_again_are_none_of_a_build(ci: Ci) -> None:
    """(J13) `runs` tells them all, with the numbers of older builds."""
    grid = ci.jenkins.items.add_matrix(
        "grid", {"ARCH": ["amd64", "arm64"]}, parameters=(MARK, CombinationsParameter("CELLS")), duration_s=0.01
    )
    grid.quiet_period_s = 0
    adapter, job = ci.adapter(), JobRef("ci", "grid")
    await finished(ci, adapter, await start(ci, "grid", adapter))
    await adapter.trigger(Order(job, {}, "again", cells=("ARCH=arm64",)))
    await until(lambda: 2 in grid.builds, ci.clock)
    build = await finished(ci, adapter, BuildRef(job, 2))
    assert [cell.name for cell in build.cells] == ["ARCH=arm64"]
    told = await adapter._http.get("job/grid/2/api/json", "runs[number]", "reading runs")
    assert told is not None
    assert sorted(run["number"] for run in read_object(told.body)["runs"]) == [1, 2]


# Multibranch projects


async def test_a_build_of_a_branch_is_found_by_what_it_checked_out(ci: Ci) -> None:
    """(J25) Its job declares no commit, and builds whatever is newest."""
    branches = ci.jenkins.items.add_multibranch("repo")
    branches.pull("PR-7", HEAD)
    job = branches.job("PR-7")
    job.outcome, job.quiet_period_s = [Plan(duration_s=60)], 0
    adapter = ci.adapter()
    match = {"PR": "7", "GIT_SHA1": HEAD}
    ref = await start(ci, "repo/PR-7", adapter)
    live = await adapter.live(BRANCH, match, HEAD)
    assert isinstance(live, Build)
    assert (live.ref, live.kind, [checkout.commits for checkout in live.checkouts]) == (ref, Kind.PIPELINE, [(HEAD,)])
    assert await adapter.live(BRANCH, match, OLD) is None
    assert await adapter.live(BRANCH, match) is None  # nothing tells which commit is meant
    latest = await adapter.latest(BRANCH, match, HEAD)
    assert latest is not None
    assert latest.ref == ref
    assert await adapter.latest(BRANCH, match, OLD) is None


async def test_a_pull_request_that_is_merged_into_its_base_is_found_by_its_own_commit(ci: Ci) -> None:
    taken = Checkout(("https://git.example.org/repo.git",), MERGED, "PR-7", marked=HEAD)
    library = Checkout(("https://git.example.org/lib.git",), OLD)
    ci.jenkins.add_job("merge", quiet_period_s=0, outcome=[Plan(duration_s=0.01, checkouts=(library, taken))])
    adapter = ci.adapter()
    ref = await start(ci, "merge", adapter)
    build = await finished(ci, adapter, ref)
    assert [set(checkout.commits) for checkout in build.checkouts] == [{OLD}, {MERGED, HEAD}]
    found = await adapter.latest(ref.job, {"GIT_SHA1": HEAD}, HEAD)
    assert found is not None
    assert found.ref == ref


async def test_what_waits_for_a_branch_counts_whatever_its_commit(ci: Ci) -> None:
    branches = ci.jenkins.items.add_multibranch("repo")
    branches.pull("PR-7", HEAD)
    adapter = ci.adapter()
    queued = await adapter.trigger(Order(BRANCH, {}, "mark"))
    waiting = await adapter.live(BRANCH, {"PR": "7", "GIT_SHA1": HEAD}, HEAD)
    assert isinstance(waiting, Queued)
    assert waiting.id == queued.id


async def test_a_job_that_declares_its_commit_is_asked_by_it(ci: Ci) -> None:
    ci.jenkins.add_job("quick", parameters=(MARK, PULL, COMMIT), quiet_period_s=0, duration_s=60)
    adapter = ci.adapter()
    await adapter.trigger(ci.order("quick"))
    await until(lambda: bool(ci.jenkins.ledger.builds), ci.clock)
    order = ci.order("quick")
    assert isinstance(await adapter.live(order.job, order.match, order.match["GIT_SHA1"]), Build)
    assert await adapter.live(order.job, {"PR": "7", "GIT_SHA1": OLD}, order.match["GIT_SHA1"]) is None


async def test_all_branches_of_a_project_are_read_in_one_request(ci: Ci) -> None:
    """(J14) The name of a branch with a slash stays that of its job."""
    branches = ci.jenkins.items.add_multibranch("repo")
    for name in ("PR-7", "PR-8", "feature/x"):
        branches.pull(name, HEAD)
        branches.job(name).outcome, branches.job(name).quiet_period_s = [Plan(duration_s=0.01)], 0
    adapter = ci.adapter()
    await finished(ci, adapter, await start(ci, "repo/PR-7", adapter, 5))
    await start(ci, "repo/feature%2Fx", adapter)
    before = len(ci.jenkins.ledger.requests)
    found = await adapter.branches(JobRef("ci", "repo"))
    assert len(ci.jenkins.ledger.requests) == before + 1
    assert found is not None
    assert {job.full_name: [build.ref.number for build in newest.builds] for job, newest in found.items()} == {
        "repo/PR-7": [5, 4, 3],
        "repo/PR-8": [],
        "repo/feature%2Fx": [1],
    }
    assert [(newest.first, newest.next) for newest in found.values()] == [(1, 6), (None, 1), (1, 2)]
    assert found[BRANCH].builds[0].checkouts[0].commits == (HEAD,)
    assert await adapter.branches(JobRef("ci", "none")) is None


# The newest


async def test_the_newest_builds_of_a_job_are_read_in_one_request(ci: Ci) -> None:
    """(J22)"""
    ci.jenkins.add_job("quick", quiet_period_s=0, outcome=[Plan(duration_s=0.01)])
    adapter = ci.adapter()
    ref = await start(ci, "quick", adapter, 3)
    await finished(ci, adapter, ref)
    ci.jenkins.delete_build("quick", 1)
    before = len(ci.jenkins.ledger.requests)
    newest = await adapter.newest(ref.job)
    assert len(ci.jenkins.ledger.requests) == before + 1
    assert newest is not None
    assert ([build.ref.number for build in newest.builds], newest.first, newest.next) == ([3, 2], 2, 4)
    assert await adapter.newest(JobRef("ci", "none")) is None


@pytest.mark.parametrize(
    ("since", "until", "asked", "reached"),
    [
        pytest.param(0, 0, [100], 1, id="nothing-is-known"),
        pytest.param(28, 30, [12], 19, id="few-matter"),
        pytest.param(18, 18, [10, 100], 1, id="more-have-come-than-were-asked-for"),
        pytest.param(30, 30, [10], 21, id="nothing-is-new"),
        pytest.param(31, 31, [10, 100], 1, id="its-numbers-have-begun-again"),
        pytest.param(29, 2000, [100], 1, id="the-oldest-is-long-ago"),
    ],
)
async def test_no_more_of_the_newest_builds_are_read_than_matter(
    ci: Ci, since: int, until: int, asked: list[int], reached: int
) -> None:
    ci.jenkins.add_job("quick", quiet_period_s=0, outcome=[Plan(duration_s=0)])
    for _ in range(30):
        ci.jenkins.trigger("quick")
    adapter, before = ci.adapter(), len(ci.jenkins.ledger.requests)
    newest = await adapter.newest(JobRef("ci", "quick"), since=since, until=until)
    assert newest is not None
    assert (newest.builds[-1].ref.number, newest.next) == (reached, 31)
    read = [unquote(each.path).rpartition(",")[2] for each in ci.jenkins.ledger.requests[before:]]
    assert read == [f"{count}}}" for count in asked]


# Clocks


@pytest.mark.parametrize("skew_s", [0.0, 3600.0, -7200.0])
async def test_times_are_told_by_our_clock(ci: Ci, skew_s: float) -> None:
    """(J28) The controller's clock is off, and what it tells of the times of builds with it."""
    ci.jenkins.faults.skew_s = skew_s
    ci.jenkins.add_job("quick", quiet_period_s=0, duration_s=60)
    adapter = ci.adapter()
    waits = await adapter.trigger(ci.order())
    ref = await start(ci, "quick", adapter)
    build, newest, item = await adapter.build(ref), await adapter.newest(ref.job), await adapter.live(waits.job, {})
    again = await adapter.build(ref)
    assert build is not None
    assert newest is not None
    assert isinstance(item, Queued)
    [running] = await adapter.running()
    for at in (build.started_at, newest.builds[0].started_at, running.started_at, item.since):
        assert at is not None
        assert abs(at - ci.now()) < timedelta(seconds=10)
    assert again is not None
    assert again.started_at == build.started_at


# Shutting down


async def test_a_controller_that_is_about_to_shut_down_says_so(ci: Ci) -> None:
    """(J27)"""
    adapter = ci.adapter()
    assert await adapter.quieting() is None
    told = '{"quietingDown": true, "quietDownReason": "upgrade\\r\\ntonight"}'
    ci.jenkins.faults.next("GET", "/api/json", Status(200, told, {"X-Jenkins": "2.579"}))
    assert await adapter.quieting() == "upgrade tonight"
    await adapter._http.post("quietDown", {}, "quieting down")
    assert await adapter.quieting() == ""


# Stopping


@pytest.mark.parametrize("how", [Stop.TERM, Stop.KILL])
async def test_only_a_pipeline_is_stopped_hard(ci: Ci, how: Stop) -> None:
    """(J18)"""
    ci.jenkins.add_job("quick", quiet_period_s=0, duration_s=60)
    ci.jenkins.add_job("pipe", kind="pipeline", quiet_period_s=0, duration_s=60)
    adapter = ci.adapter()
    plain, pipeline = await start(ci, "quick", adapter), await start(ci, "pipe", adapter)
    with pytest.raises(UserError, match="quick#1 cannot be stopped so hard: it is no Pipeline"):
        await adapter.stop(plain, how)
    with pytest.raises(UserError, match="no build quick#9"):
        await adapter.stop(BuildRef(plain.job, 9), how)
    await adapter.stop(pipeline, how)
    assert (await finished(ci, adapter, pipeline)).result is Result.ABORTED
    running = await adapter.build(plain)
    assert running is not None
    assert not running.finished


async def test_without_the_right_nothing_is_stopped(ci: Ci) -> None:
    ci.jenkins.add_job("quick", quiet_period_s=0, duration_s=60)
    adapter = ci.adapter()
    ref = await start(ci, "quick", adapter)
    forbid(ci)
    with pytest.raises(Refused):
        await adapter.stop(ref)
    build = await adapter.build(ref)
    assert build is not None
    assert not build.finished
