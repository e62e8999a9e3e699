"""Builds that are made from builds in the Jenkins stand-in, held to naginator, rebuild and workflow-cps."""

from collections.abc import AsyncIterator

import pytest

from bot.demo.jenkins.auto_retry import AutoRetry
from bot.demo.jenkins.model import StringParameter
from tests.contract.item_rig import ItemRig, an_item_rig, causes, values
from tests.contract.standin_rig import READER

OLD, NEW = "a" * 40, "b" * 40
MARK = StringParameter("GORDON_REQUEST_ID")


@pytest.fixture
async def rig() -> AsyncIterator[ItemRig]:
    async with an_item_rig(executors=8) as rig:
        rig.server.add_job("bad", parameters=[MARK], outcome=("FAILURE", "SUCCESS"))
        rig.server.add_job("good")
        rig.server.add_job("flow", kind="pipeline", parameters=[MARK], outcome=("FAILURE",))
        rig.server.items.add_matrix("m", {"A": ("1", "2")}, outcomes={"A=2": ("FAILURE",)})
        await rig.post("/job/bad/buildWithParameters", GORDON_REQUEST_ID="k7")
        await rig.post("/job/flow/buildWithParameters", GORDON_REQUEST_ID="k7")
        await rig.post("/job/good/build")
        await rig.post("/job/m/build")
        await rig.wait_s(1)
        yield rig


@pytest.mark.parametrize(
    ("method", "path", "status", "copies"),
    [
        pytest.param("POST", "/job/bad/1/retry/", 302, 1, id="retry"),
        pytest.param("GET", "/job/bad/1/retry/", 405, 0, id="retry-by-get"),
        pytest.param("POST", "/job/good/1/retry/", 404, 0, id="retry-of-a-success"),
        pytest.param("POST", "/job/flow/1/retry/", 404, 0, id="retry-of-a-pipeline"),
        pytest.param("POST", "/job/m/1/retry/", 302, 1, id="retry-of-a-matrix"),
        pytest.param("POST", "/job/bad/1/rebuild/?autorebuild=true", 302, 1, id="rebuild"),
        pytest.param("POST", "/job/bad/1/rebuild/", 302, 0, id="rebuild-leads-to-a-form"),
        pytest.param("GET", "/job/bad/1/rebuild/?autorebuild=true", 302, 0, id="rebuild-by-get"),
        pytest.param("POST", "/job/good/1/rebuild/", 302, 1, id="rebuild-without-parameters"),
        pytest.param("POST", "/job/flow/1/rebuild/?autorebuild=true", 302, 1, id="rebuild-of-a-pipeline"),
        pytest.param("POST", "/job/m/A=2/1/rebuild/?autorebuild=true", 404, 0, id="rebuild-of-a-cell"),
        pytest.param("POST", "/job/flow/1/replay/rebuild", 302, 1, id="replay"),
        pytest.param("GET", "/job/flow/1/replay/rebuild", 405, 0, id="replay-by-get"),
        pytest.param("POST", "/job/bad/1/replay/rebuild", 404, 0, id="replay-of-freestyle"),
    ],
)
async def test_a_copy_is_answered_with_a_redirect_that_names_no_queue_item(
    rig: ItemRig, method: str, path: str, status: int, copies: int
) -> None:
    """A 302 tells nothing of what was queued (J2)."""
    before = len(rig.server.ledger.triggers)
    answer = await rig.ask(method, path)
    assert answer.status == status
    assert "queue/item" not in answer.headers.get("Location", "")
    assert len(rig.server.ledger.triggers) - before == copies


@pytest.mark.parametrize(
    ("path", "forbidden", "disabled"),
    [
        pytest.param("/job/bad/1/retry/", 404, (302, 0), id="retry"),
        pytest.param("/job/bad/1/rebuild/?autorebuild=true", 404, (404, 0), id="rebuild"),
        pytest.param("/job/flow/1/replay/rebuild", 403, (409, 0), id="replay"),
    ],
)
async def test_a_copy_of_what_may_not_be_built_is_refused_or_silently_dropped(
    rig: ItemRig, path: str, forbidden: int, disabled: tuple[int, int]
) -> None:
    """A redirect after a retry may mean that nothing was queued (J2)."""
    before = len(rig.server.ledger.triggers)
    answer = await rig.ask("POST", path, READER)
    assert answer.status == forbidden
    rig.server.job("bad").disabled = rig.server.job("flow").disabled = True
    answer = await rig.ask("POST", path)
    assert (answer.status, len(rig.server.ledger.triggers) - before) == disabled


@pytest.mark.parametrize("plugin", ["naginator", "rebuild", "workflow-cps"])
async def test_without_its_plugin_there_is_no_such_page(rig: ItemRig, plugin: str) -> None:
    pages = {
        "naginator": "/job/bad/1/retry/",
        "rebuild": "/job/bad/1/rebuild/?autorebuild=true",
        "workflow-cps": "/job/flow/1/replay/rebuild",
    }
    rig.server.plugins.discard(plugin)
    answers = {name: await rig.post(path) for name, path in pages.items()}
    assert answers == {name: 404 if name == plugin else 302 for name in pages}


async def test_a_retry_copies_the_parameters_and_tells_who_and_why(rig: ItemRig) -> None:
    """The mark of an earlier request comes along with the copy: a build with it is not that request's again."""
    assert await rig.post("/job/bad/1/retry/") == 302
    copy = await rig.see("/job/bad/2/")
    assert values(copy) == {"GORDON_REQUEST_ID": "k7"}
    told = [(cause["_class"].rpartition(".")[2], cause["shortDescription"]) for cause in causes(copy)]
    assert told == [
        ("NaginatorCause", "Started by Naginator after build #1 failure"),
        ("Cause$UserIdCause", "Started by user gordon"),
    ]
    assert "com.chikli.hudson.plugin.naginator.NaginatorAction" in [each.get("_class") for each in copy["actions"]]


async def test_a_retry_of_a_retry_names_the_newer_one_only(rig: ItemRig) -> None:
    rig.server.add_job("worse", outcome=("FAILURE",))
    await rig.post("/job/worse/build")
    for number in (1, 2):
        await rig.wait_s(1)
        assert await rig.post(f"/job/worse/{number}/retry/") == 302
    told = [cause["shortDescription"] for cause in causes(await rig.see("/job/worse/3/"))]
    assert told == ["Started by Naginator after build #2 failure", "Started by user gordon"]


async def test_a_rebuild_says_of_which_build_and_replaces_the_user(rig: ItemRig) -> None:
    for number in (1, 2):
        assert await rig.post(f"/job/bad/{number}/rebuild/?autorebuild=true") == 302
    copy = await rig.see("/job/bad/3/")
    assert [(cause["_class"], cause["shortDescription"]) for cause in causes(copy)] == [
        ("hudson.model.Cause$UserIdCause", "Started by user gordon"),
        ("com.sonyericsson.rebuild.RebuildCause", "Rebuilds build #2"),
    ]
    assert causes(copy)[1]["upstreamBuild"] == 2
    assert values(copy) == {"GORDON_REQUEST_ID": "k7"}


async def test_retries_fold_into_one_that_waits_and_replays_never_do(rig: ItemRig) -> None:
    """Two retries of builds with equal parameters are one build (J1)."""
    await rig.post("/quietDown")
    for _ in range(2):
        assert await rig.post("/job/bad/1/retry/") == 302
        assert await rig.post("/job/flow/1/replay/rebuild") == 302
    names = [item["task"]["name"] for item in (await rig.see("/queue/"))["items"]]
    assert sorted(names) == ["bad", "flow", "flow"]


async def test_a_retry_of_a_matrix_builds_every_cell_again(rig: ItemRig) -> None:
    """One bad cell is no reason to build all of them, but Naginator's button does (J13)."""
    assert await rig.post("/job/m/1/retry/") == 302
    await rig.wait_s(1)
    shown = await rig.see("/job/m/2/", tree="runs[number]")
    assert [run["number"] for run in shown["runs"]] == [2, 2]


async def test_naginator_by_itself_retries_the_cells_that_failed_and_inherits_the_others(rig: ItemRig) -> None:
    rig.server.items.retry_failed(rig.server.job("m"), AutoRetry(at_most=1, failed_cells_only=True))
    await rig.post("/job/m/build")
    await rig.wait_s(1)
    await rig.wait_s(1)
    shown = await rig.see("/job/m/3/")
    assert [run["number"] for run in shown["runs"]] == [2, 3]
    kinds = [cause["_class"].rpartition(".")[2] for cause in causes(shown)]
    assert kinds == ["Cause$UserIdCause", "NaginatorCause"], "whoever asked first is kept"
    assert (await rig.see("/job/m/"))["nextBuildNumber"] == 4, "at most one retry"


async def test_naginator_by_itself_waits_and_leaves_success_and_abortion_alone(rig: ItemRig) -> None:
    """If somebody else retries as well, builds double (J24)."""
    rig.server.add_job("flaky", outcome=("FAILURE", "ABORTED"), duration_s=1)
    rig.server.items.retry_failed(rig.server.job("flaky"), AutoRetry(at_most=3, delay_s=30))
    await rig.post("/job/flaky/build")
    await rig.wait_s(30)
    assert (await rig.see("/job/flaky/"))["nextBuildNumber"] == 2
    await rig.wait_s(1)
    assert (await rig.see("/job/flaky/"))["nextBuildNumber"] == 3
    await rig.wait_s(60)
    assert (await rig.see("/job/flaky/"))["nextBuildNumber"] == 3


async def test_a_replay_of_a_branch_checks_out_the_commit_of_the_original(rig: ItemRig) -> None:
    """A replay alone repeats a commit of a branch; any other build takes the newest (J25)."""
    repo = rig.server.items.add_multibranch("repo")
    repo.push("main", OLD)
    await rig.post("/job/repo/job/main/build")
    repo.push("main", NEW)
    assert await rig.post("/job/repo/job/main/1/replay/rebuild") == 302
    await rig.post("/job/repo/job/main/build")
    built = []
    for number in (1, 2, 3):
        actions = (await rig.see(f"/job/repo/job/main/{number}/"))["actions"]
        built += [each["lastBuiltRevision"]["SHA1"] for each in actions if each and "lastBuiltRevision" in each]
    assert built == [OLD, OLD, NEW]
    told = [cause["shortDescription"] for cause in causes(await rig.see("/job/repo/job/main/2/"))]
    assert told == ["Started by user gordon", "Rebuilt #1"]


async def test_a_running_build_may_be_replayed_but_not_retried(rig: ItemRig) -> None:
    await rig.post("/job/bad/buildWithParameters")
    await rig.post("/job/flow/buildWithParameters")
    assert await rig.post("/job/bad/2/retry/") == 404
    assert await rig.post("/job/flow/2/replay/rebuild") == 302
