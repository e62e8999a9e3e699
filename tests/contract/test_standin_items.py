"""Folders, branches, names and moves in the Jenkins stand-in, held to core, cloudbees-folder and branch-api."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from bot.demo.jenkins.folders import ORGANIZATION, encode_name
from bot.demo.jenkins.model import StringParameter
from bot.demo.jenkins.proxy import EncodedSlashes
from tests.contract.item_rig import ItemRig, an_item_rig, causes
from tests.contract.standin_rig import READER

OLD, NEW, BASE = "a" * 40, "b" * 40, "c" * 40
REMOTE = "https://git.example.org/moby.git"


@pytest.fixture
async def rig() -> AsyncIterator[ItemRig]:
    async with an_item_rig() as rig:
        rig.server.add_job("Infra/base image", duration_s=10)
        rig.server.add_job("plain", duration_s=10)
        yield rig


@pytest.mark.parametrize(
    ("path", "full_name"),
    [
        pytest.param("/job/Infra/job/base%20image/", "Infra/base image", id="as-stored"),
        pytest.param("/job/INFRA/job/BASE%20IMAGE/", "Infra/base image", id="in-another-case"),
        pytest.param("/job/Infra/", "Infra", id="folder"),
        pytest.param("/job/inFRA/", "Infra", id="folder-in-another-case"),
        pytest.param("/job/Infra/job/base+image/", None, id="plus-is-no-space"),
        pytest.param("/job/Infra%2Fbase%20image/", None, id="a-slash-inside-is-no-step"),
        pytest.param("/job/Infra/base%20image/", None, id="job-left-out"),
        pytest.param("/job/plain/job/plain/", None, id="below-a-job"),
        pytest.param("/job/Infra/job/plain/", None, id="elsewhere"),
    ],
)
async def test_an_item_is_found_by_its_steps_in_any_case(rig: ItemRig, path: str, full_name: str | None) -> None:
    """Names compare without case, and a folder's path is no name (J14)."""
    answer = await rig.ask("GET", f"{path}api/json", params={"tree": "fullName"})
    assert answer.status == (200 if full_name else 404)
    assert full_name is None or (await answer.json())["fullName"] == full_name


@pytest.mark.parametrize(
    "name", ["a b", "Übung", "C#", "50%", "a+b", "a~b", "x(1)", "日本", "a=b,c", "a&b", "q;r", "it's"]
)
async def test_a_name_of_odd_marks_is_reached_by_its_encoded_form(rig: ItemRig, name: str) -> None:
    """Spaces, umlauts, `#` and `%` in names (J14)."""
    rig.server.add_job(f"Infra/{name}")
    path = f"/job/Infra/job/{quote(name, safe='')}/"
    shown = await rig.see(path)
    assert (shown["name"], shown["fullName"]) == (name, f"Infra/{name}")
    assert await rig.post(f"{path}build") == 201
    # The address that it tells of itself leads there as well.
    told = shown["url"].removeprefix(rig.server.url.rstrip("/"))
    assert (await rig.see(told, tree="lastBuild[number]"))["lastBuild"]["number"] == 1


async def test_folders_show_what_is_in_them_and_have_no_colour(rig: ItemRig) -> None:
    rig.server.items.add_folder("empty")
    rig.server.add_job("Infra/deep/down")
    root = await rig.see("/", tree="jobs[name,color,url]")
    assert {each["name"]: each["_class"].rpartition(".")[2] for each in root["jobs"]} == {
        "Infra": "Folder",
        "empty": "Folder",
        "plain": "FreeStyleProject",
    }
    assert [each["name"] for each in root["jobs"] if "color" in each] == ["plain"]
    inside = await rig.see("/job/Infra/", tree="fullName,jobs[fullName,jobs[fullName]]")
    assert [each["fullName"] for each in inside["jobs"]] == ["Infra/deep", "Infra/base image"]
    assert inside["jobs"][0]["jobs"][0]["fullName"] == "Infra/deep/down"
    assert (await rig.see("/job/empty/"))["jobs"] == []
    assert await rig.post("/job/empty/build") == 404, "a plain folder is nothing to scan"


async def test_what_is_in_a_disabled_or_hidden_folder_is_not_buildable_or_not_there(rig: ItemRig) -> None:
    folder = rig.server.items.add_folder("Infra")
    assert await rig.post("/job/Infra/disable") == 302
    assert await rig.post("/job/Infra/job/base%20image/build") == 409
    assert not (await rig.see("/job/Infra/job/base%20image/"))["buildable"]
    assert await rig.post("/job/Infra/enable") == 302
    assert await rig.post("/job/Infra/job/base%20image/build") == 201
    folder.hidden = True
    answer = await rig.ask("GET", "/job/Infra/job/base%20image/api/json", READER)
    assert answer.status == 404


@pytest.mark.parametrize(
    ("branch", "name"),
    [
        pytest.param("main", "main", id="plain"),
        pytest.param("feature/x", "feature%2Fx", id="slash"),
        pytest.param("a#b?c[d]\\e%", "a%23b%3Fc%5Bd%5D%5Ce%25", id="all-marks"),
        pytest.param(".", "%2E", id="dot"),
        pytest.param("..", "%2E.", id="dots"),
        pytest.param("a b", "a b", id="space-stays"),
    ],
)
def test_the_name_of_a_branchs_job_is_escaped_once(branch: str, name: str) -> None:
    assert encode_name(branch) == name


@pytest.mark.parametrize("branch", ["main", "feature/x", "a#b", "50%", "fix/ü b"])
async def test_a_branch_is_built_at_the_address_that_encodes_its_name_once_more(rig: ItemRig, branch: str) -> None:
    """`feature/x` needs `%252F` (J14)."""
    rig.server.items.add_multibranch("repo").push(branch, OLD)
    path = f"/job/repo/job/{quote(encode_name(branch), safe='')}/"
    shown = await rig.see(path)
    assert (shown["name"], shown["displayName"]) == (encode_name(branch), branch)
    assert shown["fullName"] == f"repo/{encode_name(branch)}"
    assert await rig.post(f"{path}build") == 201
    assert (await rig.see(f"{path}1/"))["fullDisplayName"] == f"repo » {branch} #1"
    once = f"/job/repo/job/{quote(branch, safe='')}/"
    assert await rig.status(f"{once}api/json") == 200, "the form that is decoded once is taken as well"


@pytest.mark.parametrize(
    ("how", "double", "single"),
    [
        pytest.param("kept", 200, 200, id="kept"),
        pytest.param("decoded", 200, 404, id="decoded"),
        pytest.param("refused", 200, 404, id="refused"),
    ],
)
async def test_a_proxy_may_decode_or_refuse_a_slash_in_a_name(
    rig: ItemRig, how: EncodedSlashes, double: int, single: int
) -> None:
    """A 404 may be the proxy's, which has no header of Jenkins (J15)."""
    rig.server.items.add_multibranch("repo").push("feature/x", OLD)
    rig.server.faults.encoded_slashes = how
    assert await rig.status("/job/repo/job/feature%252Fx/api/json") == double
    answer = await rig.ask("GET", "/job/repo/job/feature%2fx/api/json")
    assert answer.status == single
    assert ("X-Jenkins" in answer.headers) == (how != "refused")


async def test_building_a_multibranch_project_scans_it_and_queues_no_branch(rig: ItemRig) -> None:
    repo = rig.server.items.add_multibranch("repo")
    repo.push("main", OLD, seen=False)
    assert await rig.status("/job/repo/job/main/api/json") == 404
    answer = await rig.ask("POST", "/job/repo/build")
    assert answer.status == 302
    assert "queue/item" not in answer.headers["Location"]
    assert rig.server.ledger.triggers == []
    first = await rig.see("/job/repo/job/main/1/")
    assert [cause["shortDescription"] for cause in causes(first)] == ["Branch indexing"]
    assert await rig.post("/job/repo/build") == 302
    assert (await rig.see("/job/repo/job/main/"))["nextBuildNumber"] == 2, "a branch that is known is not built again"
    assert (await rig.see("/job/repo/"))["_class"].endswith("WorkflowMultiBranchProject")


@pytest.mark.parametrize(
    ("method", "auth", "source", "status"),
    [
        pytest.param("GET", None, True, 405, id="get"),
        pytest.param("POST", READER, True, 403, id="no-permission"),
        pytest.param("POST", None, False, 500, id="no-source"),
    ],
)
async def test_a_scan_may_be_refused(rig: ItemRig, method: str, auth: str | None, source: bool, status: int) -> None:
    repo = rig.server.items.add_multibranch("repo")
    repo.project.has_source = source
    answer = await rig.ask(method, "/job/repo/build", **({"auth": auth} if auth else {}))
    assert (answer.status, repo.project.scans) == (status, 0)


async def test_an_organization_scans_the_repositories_in_it(rig: ItemRig) -> None:
    rig.server.items.add_folder("moby", kind=ORGANIZATION)
    repo = rig.server.items.add_multibranch("moby/engine")
    repo.push("PR-7", OLD, seen=False)
    assert await rig.post("/job/moby/build") == 302
    assert await rig.status("/job/moby/job/engine/job/PR-7/1/api/json") == 200


async def test_the_first_run_of_a_branch_has_no_parameters_and_later_ones_have(rig: ItemRig) -> None:
    rig.server.items.add_multibranch("repo").push("main", OLD, parameters=[StringParameter("SUITE", "all")])
    assert await rig.post("/job/repo/job/main/buildWithParameters", SUITE="x") == 400
    assert await rig.post("/job/repo/job/main/build") == 201
    assert await rig.post("/job/repo/job/main/build") == 400, "now it wants a form"
    assert await rig.post("/job/repo/job/main/buildWithParameters", SUITE="x") == 201
    assert [dict(each.parameters) for each in rig.server.ledger.builds] == [{}, {"SUITE": "x"}]


async def test_a_branch_builds_what_is_newest_at_its_checkout_and_not_at_its_trigger() -> None:
    """The commit of a branch's job cannot be chosen; only the build tells what it was (J25)."""
    async with an_item_rig(quiet_period_s=60.0) as rig:
        repo = rig.server.items.add_multibranch("repo", remote=REMOTE)
        repo.push("PR-7", OLD)
        assert await rig.post("/job/repo/job/PR-7/build", GIT_SHA1=OLD) == 201
        repo.push("PR-7", NEW)
        await rig.wait_s(60)
        [data] = await _build_data(rig, "/job/repo/job/PR-7/1/")
        assert (data["lastBuiltRevision"]["SHA1"], data["remoteUrls"]) == (NEW, [REMOTE])
        [entry] = data["buildsByBranchName"].values()
        assert (entry["marked"]["SHA1"], entry["revision"]["SHA1"], entry["buildNumber"]) == (NEW, NEW, 1)
        kinds = [each["_class"] for each in (await rig.see("/job/repo/job/PR-7/1/"))["actions"] if each]
        assert "jenkins.scm.api.SCMRevisionAction" in kinds


async def test_a_pull_request_that_is_merged_first_is_built_as_a_commit_that_nobody_knows(rig: ItemRig) -> None:
    """Only `marked` has the pull request's own commit [MergeWithGitSCMExtension] (J25)."""
    repo = rig.server.items.add_multibranch("repo")
    repo.pull("PR-7-merge", NEW, base=BASE)
    repo.pull("PR-7-head", NEW)
    merges: list[Any] = []
    for _ in range(2):
        assert await rig.post("/job/repo/job/PR-7-merge/build") == 201
        merges += await _build_data(rig, f"/job/repo/job/PR-7-merge/{len(merges) + 1}/")
    built = [data["lastBuiltRevision"]["SHA1"] for data in merges]
    assert len({*built, NEW, BASE}) == 4, "each merge is another commit"
    for data in merges:
        assert [entry["marked"]["SHA1"] for entry in data["buildsByBranchName"].values()] == [NEW]
    assert await rig.post("/job/repo/job/PR-7-head/build") == 201
    [head] = await _build_data(rig, "/job/repo/job/PR-7-head/1/")
    assert head["lastBuiltRevision"]["SHA1"] == NEW


async def _build_data(rig: ItemRig, path: str) -> list[Any]:
    actions = (await rig.see(path))["actions"]
    return [each for each in actions if each and each.get("_class", "").endswith("BuildData")]


@pytest.mark.parametrize("orphans", ["disabled", "removed"])
async def test_the_job_of_a_closed_pull_request_is_disabled_or_removed_by_the_next_scan(
    rig: ItemRig, orphans: str
) -> None:
    """A job that is gone takes its builds along (J32)."""
    repo = rig.server.items.add_multibranch("repo", orphans="removed" if orphans == "removed" else "disabled")
    repo.push("PR-7", OLD)
    await rig.post("/job/repo/job/PR-7/build")
    await rig.wait_s(1)
    repo.close("PR-7")
    assert await rig.post("/job/repo/job/PR-7/build") == 201, "until the scan nothing is known"
    await rig.wait_s(1)
    assert await rig.post("/job/repo/build") == 302
    expected = (404, 404) if orphans == "removed" else (409, 200)
    assert (await rig.post("/job/repo/job/PR-7/build"), await rig.status("/job/repo/job/PR-7/1/api/json")) == expected
    repo.push("PR-7", NEW)
    assert await rig.post("/job/repo/job/PR-7/build") == 201, "it was opened again"


async def test_a_running_build_keeps_the_job_of_a_closed_pull_request_for_another_scan(rig: ItemRig) -> None:
    repo = rig.server.items.add_multibranch("repo", orphans="removed")
    repo.push("PR-7", OLD)
    await rig.post("/job/repo/job/PR-7/build")
    repo.close("PR-7")
    repo.scan()
    assert (await rig.see("/job/repo/job/PR-7/"))["color"] == "disabled_anime"
    await rig.wait_s(1)
    repo.scan()
    assert await rig.status("/job/repo/job/PR-7/api/json") == 404


@pytest.mark.parametrize(
    ("path", "form", "new"),
    [
        pytest.param("/job/plain/confirmRename", {"newName": "fancy"}, "/job/fancy/", id="rename"),
        pytest.param("/job/plain/move/move", {"destination": "/Infra"}, "/job/Infra/job/plain/", id="move"),
    ],
)
async def test_an_item_that_moves_leaves_no_forwarding_address(path: str, form: dict[str, str], new: str) -> None:
    """The old address is 404; builds keep their numbers, and what waits goes with the job."""
    async with an_item_rig(executors=1) as rig:
        rig.server.items.add_folder("Infra")
        rig.server.add_job("plain", duration_s=10)
        await rig.post("/job/plain/build")
        refused = await rig.ask("POST", path, data=form)
        assert refused.status == 400, "something of it is building"
        await rig.wait_s(10)
        await rig.post("/quietDown")
        answer = await rig.ask("POST", "/job/plain/build")
        moved = await rig.ask("POST", path, data=form)
        assert (moved.status, moved.headers["Location"]) == (302, f"{rig.server.url.rstrip('/')}{new}")
        assert await rig.status("/job/plain/api/json") == 404
        assert await rig.status("/job/plain/1/api/json") == 404
        assert (await rig.see(f"{new}1/"))["url"] == f"{rig.server.url.rstrip('/')}{new}1/"
        item = answer.headers["Location"].removeprefix(rig.server.url.rstrip("/"))
        assert (await rig.see(item))["task"]["url"] == f"{rig.server.url.rstrip('/')}{new}"


@pytest.mark.parametrize(
    ("path", "form", "auth", "status"),
    [
        pytest.param("/job/plain/confirmRename", {"newName": "other"}, None, 400, id="name-taken"),
        pytest.param("/job/plain/confirmRename", {"newName": ""}, None, 400, id="no-name"),
        pytest.param("/job/plain/confirmRename", {"newName": "x"}, READER, 403, id="no-permission"),
        pytest.param("/job/plain/move/move", {"destination": "/nowhere"}, None, 302, id="moved-nowhere"),
        pytest.param("/job/plain/doDelete", {}, READER, 403, id="delete-not-permitted"),
    ],
)
async def test_what_may_not_move_stays(
    rig: ItemRig, path: str, form: dict[str, str], auth: str | None, status: int
) -> None:
    rig.server.add_job("other")
    answer = await rig.ask("POST", path, data=form, **({"auth": auth} if auth else {}))
    assert answer.status == status
    assert await rig.status("/job/plain/api/json") == 200


async def test_a_folder_takes_all_that_is_in_it_along(rig: ItemRig) -> None:
    rig.server.items.add_matrix("Infra/m", {"A": ("1",)}, duration_s=0)
    await rig.post("/job/Infra/job/m/build")
    rig.server.items.move("Infra", "Old/infra")
    assert await rig.status("/job/Infra/api/json") == 404
    shown = await rig.see("/job/Old/job/infra/job/m/1/")
    assert shown["runs"][0]["url"] == f"{rig.server.url}job/Old/job/infra/job/m/A=1/1/"
    assert (await rig.see("/job/Old/job/infra/job/base%20image/"))["fullName"] == "Old/infra/base image"


async def test_a_job_that_is_deleted_and_made_again_uses_its_numbers_twice(rig: ItemRig) -> None:
    """A build is not known by job and number alone; numbers have gaps, and may start again (J22)."""
    await rig.post("/job/plain/build")
    before = await rig.see("/job/plain/1/")
    assert await rig.post("/job/plain/doDelete") == 302
    assert await rig.status("/job/plain/1/api/json") == 404
    rig.clock.pass_s(1)
    rig.server.add_job("plain")
    assert await rig.post("/job/plain/build") == 201
    after = await rig.see("/job/plain/1/")
    assert after["timestamp"] != before["timestamp"]
    assert after["queueId"] != before["queueId"]


async def test_deleting_a_folder_empties_the_queue_of_what_was_in_it() -> None:
    async with an_item_rig(quiet_period_s=60.0) as rig:
        rig.server.add_job("Infra/a")
        await rig.post("/job/Infra/job/a/build")
        answer = await rig.ask("DELETE", "/job/Infra/")
        assert answer.status == 204
        assert (await rig.see("/queue/"))["items"] == []
        assert await rig.status("/job/Infra/api/json") == 404


async def test_a_job_in_a_folder_of_another_case_takes_the_folders_spelling(rig: ItemRig) -> None:
    rig.server.add_job("INFRA/New")
    assert (await rig.see("/job/infra/job/new/"))["fullName"] == "Infra/New"
    rig.server.items.move("Infra", "Base")
    assert (await rig.see("/job/base/job/new/"))["fullName"] == "Base/New"
