"""Matrix projects of the Jenkins stand-in, held to what matrix-project and matrix-combinations-parameter do."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.demo.jenkins.cells import (
    BadFilter,
    Combinations,
    CombinationsParameter,
    cell_name,
    combinations,
    compact_name,
    read_cell_name,
)
from bot.demo.jenkins.model import Plan, StringParameter
from tests.contract.item_rig import ItemRig, an_item_rig, causes
from tests.contract.standin_rig import READER

AXES = {"FS": ("aufs", "zfs"), "ARCH": ("amd64", "arm64")}
CELLS = ["ARCH=amd64,FS=aufs", "ARCH=arm64,FS=aufs", "ARCH=amd64,FS=zfs", "ARCH=arm64,FS=zfs"]
BAD = "ARCH=arm64,FS=zfs"


@pytest.fixture
async def rig() -> AsyncIterator[ItemRig]:
    async with an_item_rig(executors=2) as rig:
        rig.server.items.add_matrix(
            "ci/moby",
            AXES,
            parameters=[StringParameter("PR"), CombinationsParameter("CELLS")],
            duration_s=10,
            outcomes={BAD: ("FAILURE",)},
            log="of a cell",
        )
        yield rig


async def build(rig: ItemRig, **parameters: str) -> Any:
    """Start a build, let all of it end, and show it."""
    answer = await rig.ask("POST", "/job/ci/job/moby/buildWithParameters", params=parameters)
    assert answer.status == 201
    number = rig.server.job("ci/moby").next_number - 1
    for _ in CELLS:
        await rig.wait_s(10)
    return await rig.see(f"/job/ci/job/moby/{number}/")


def own(build: Any) -> list[str]:
    """Name the cells that a build ran itself, by the addresses of their runs."""
    urls = [run["url"] for run in build["runs"] if run["number"] == build["number"]]
    return [url.rstrip("/").split("/")[-2] for url in urls]


async def test_a_matrix_build_runs_each_cell_under_its_own_number_and_takes_the_worst_result(rig: ItemRig) -> None:
    await build(rig)
    shown = await build(rig)
    assert (shown["_class"], shown["number"], shown["result"]) == ("hudson.matrix.MatrixBuild", 2, "FAILURE")
    assert own(shown) == sorted(CELLS), "whatever the order in which they start"
    assert shown["runs"][0]["url"] == f"{rig.server.url}job/ci/job/moby/ARCH=amd64,FS=aufs/2/"
    run = await rig.see("/job/ci/job/moby/ARCH=amd64,FS=aufs/2/")
    assert (run["_class"], run["number"], run["result"]) == ("hudson.matrix.MatrixRun", 2, "SUCCESS")
    assert run["fullDisplayName"] == "ci » moby » amd64,aufs #2"
    [cause] = causes(run)
    assert (cause["_class"], cause["upstreamProject"], cause["upstreamBuild"], cause["upstreamUrl"]) == (
        "hudson.model.Cause$UpstreamCause",
        "ci/moby",
        2,
        "job/ci/job/moby/",
    )
    assert run["queueId"] != shown["queueId"]


async def test_the_parents_log_names_the_cells_and_their_results_and_each_cell_has_its_own(rig: ItemRig) -> None:
    """The parent's log alone tells nothing of why a cell failed (J13)."""
    await build(rig)
    log = await rig.log("/job/ci/job/moby/1/")
    assert [line for line in log.splitlines() if "Triggering" in line] == [f"Triggering {cell}" for cell in CELLS]
    assert f"{BAD} completed with result FAILURE" in log.splitlines()
    assert log.endswith("Finished: FAILURE\n")
    assert "of a cell" not in log
    cell = await rig.log(f"/job/ci/job/moby/{BAD}/1/")
    assert "of a cell\nFinished: FAILURE\n" in cell
    assert cell.startswith('Started by upstream project "ci/moby" build number 1\noriginally caused by:\n')


async def test_the_parent_runs_on_no_executor_and_its_cells_wait_for_theirs(rig: ItemRig) -> None:
    await rig.post("/job/ci/job/moby/buildWithParameters")
    computers = await rig.see("/computer/", tree="busyExecutors,totalExecutors")
    assert (computers["busyExecutors"], computers["totalExecutors"]) == (2, 2)
    nodes = await rig.see("/computer/", tree="computer[oneOffExecutors[currentExecutable[url]]]")
    beside = [each["currentExecutable"] for node in nodes["computer"] for each in node["oneOffExecutors"]]
    assert [each["url"] for each in beside] == [f"{rig.server.url}job/ci/job/moby/1/"]
    queue = await rig.see("/queue/", tree="items[task[name,url,_class],why]")
    tasks = [item["task"] for item in queue["items"]]
    assert [task["_class"] for task in tasks] == ["hudson.matrix.MatrixConfiguration"] * 2
    assert sorted(task["name"] for task in tasks) == sorted(CELLS[2:])
    assert tasks[0]["url"].startswith(f"{rig.server.url}job/ci/job/moby/ARCH=")
    running = await rig.see("/job/ci/job/moby/1/", tree="building,result,duration,runs[number]")
    assert (running["building"], running["result"], running["duration"]) == (True, None, 0)
    assert len(running["runs"]) == 2, "cells that have not started are no runs"


async def test_cells_that_were_not_built_show_the_runs_of_an_earlier_build(rig: ItemRig) -> None:
    """A matrix parent lists inherited runs, which are not of its number (J13)."""
    await build(rig)
    shown = await build(rig, CELLS="FS == 'zfs' && ARCH == 'arm64'")
    assert [run["number"] for run in shown["runs"]] == [1, 1, 1, 2]
    assert own(shown) == [BAD]
    inherited = await rig.ask("GET", f"/job/ci/job/moby/2/{CELLS[0]}/api/json?tree=number")
    assert inherited.status == 302
    assert inherited.headers["Location"].endswith(f"/job/ci/job/moby/{CELLS[0]}/1/api/json?tree=number")
    assert (await rig.see(f"/job/ci/job/moby/2/{BAD}/"))["number"] == 2


CHOSEN = {"name": "CELLS", "combinations": [BAD, "ARCH=amd64,FS=zfs"]}


@pytest.mark.parametrize(
    ("entries", "ran", "result", "shown"),
    [
        pytest.param([CHOSEN], ["ARCH=amd64,FS=zfs", BAD], "FAILURE", ["CELLS"], id="two-cells"),
        pytest.param(
            [{"name": "PR", "value": "7"}, CHOSEN],
            ["ARCH=amd64,FS=zfs", BAD],
            "FAILURE",
            ["PR", "CELLS"],
            id="with-others",
        ),
        pytest.param(
            [{"name": "CELLS", "combinations": ["ARCH=vax"]}], [], "SUCCESS", ["CELLS"], id="no-such-cell-is-a-success"
        ),
        pytest.param([{"name": "CELLS"}], [], "SUCCESS", ["CELLS"], id="no-cell-at-all"),
        pytest.param([{"name": "PR", "value": "7"}], CELLS, "FAILURE", ["PR"], id="left-out-is-absent-and-runs-all"),
    ],
)
async def test_the_form_names_the_cells_to_build(
    rig: ItemRig, entries: list[Any], ran: list[str], result: str, shown: list[str]
) -> None:
    answer = await rig.ask("POST", "/job/ci/job/moby/build", data={"json": json.dumps({"parameter": entries})})
    assert answer.status == 201
    for _ in CELLS:
        await rig.wait_s(10)
    built = await rig.see("/job/ci/job/moby/1/")
    assert (own(built), built["result"]) == (sorted(ran), result)
    values = [value for action in built["actions"] for value in action.get("parameters", [])]
    assert [value["name"] for value in values] == shown


async def test_what_chose_the_cells_shows_its_class_and_no_value(rig: ItemRig) -> None:
    form = {"json": json.dumps({"parameter": [CHOSEN]})}
    await rig.ask("POST", "/job/ci/job/moby/build", data=form)
    await rig.post("/job/ci/job/moby/buildWithParameters", CELLS="ARCH == 'arm64'")
    seen = []
    for number in (1, 2):
        actions = (await rig.see(f"/job/ci/job/moby/{number}/"))["actions"]
        seen += [value for each in actions for value in each.get("parameters", []) if value["name"] == "CELLS"]
    package = "hudson.plugins.matrix_configuration_parameter"
    assert seen == [
        {"_class": f"{package}.MatrixCombinationsParameterValue", "name": "CELLS"},
        {"_class": f"{package}.DefaultMatrixCombinationsParameterValue", "name": "CELLS"},
    ]
    job = await rig.see("/job/ci/job/moby/", tree="property[parameterDefinitions[name,type]]")
    [definitions] = [each["parameterDefinitions"] for each in job["property"] if "parameterDefinitions" in each]
    assert ("CELLS", "MatrixCombinationsParameterDefinition") in [(each["name"], each["type"]) for each in definitions]


async def test_an_equal_choice_is_folded_and_a_filter_is_never_equal_to_a_form() -> None:
    """Two askers may share one queue item (J1, F24)."""
    async with an_item_rig(quiet_period_s=60.0) as rig:
        rig.server.items.add_matrix("m", AXES, parameters=[CombinationsParameter("CELLS")])
        forms = [{"json": json.dumps({"parameter": {"name": "CELLS", "combinations": [BAD]}})}] * 2
        answers = [await rig.ask("POST", "/job/m/build", data=form) for form in forms]
        answers += [await rig.ask("POST", "/job/m/buildWithParameters", data={"CELLS": BAD}) for _ in range(2)]
        assert [answer.status for answer in answers] == [201, 302, 201, 303]
        assert "queue/item" not in answers[1].headers["Location"]
        assert answers[2].headers["Location"] == answers[3].headers["Location"] != answers[0].headers["Location"]
        twice = await rig.ask("POST", "/job/m/buildWithParameters?CELLS=a&CELLS=b")
        assert twice.status == 500


async def test_a_filter_that_does_not_compile_is_accepted_and_fails_the_build(rig: ItemRig) -> None:
    shown = await build(rig, CELLS="ARCH == ")
    assert (shown["result"], own(shown)) == ("FAILURE", [])
    assert "Failed executing combination filter\nFinished: FAILURE\n" in await rig.log("/job/ci/job/moby/1/")


async def test_an_old_plugin_builds_all_cells_whatever_it_is_sent(rig: ItemRig) -> None:
    rig.server.job("ci/moby").parameters = (CombinationsParameter("CELLS", heeds_fields=False),)
    rig.server.plugin_versions["matrix-combinations-parameter"] = "1.0.9"
    assert own(await build(rig, CELLS="ARCH == 'arm64'")) == sorted(CELLS)
    shown = await rig.see("/pluginManager/", tree="plugins[shortName,version]")
    versions = {each["shortName"]: each["version"] for each in shown["plugins"]}
    assert versions["matrix-combinations-parameter"] == "1.0.9"
    assert versions["matrix-project"] != "1.0.9"


async def test_stopping_the_parent_cancels_what_waits_and_interrupts_what_runs(rig: ItemRig) -> None:
    await rig.post("/job/ci/job/moby/buildWithParameters")
    assert await rig.post("/job/ci/job/moby/1/stop", READER) == 403
    assert await rig.post("/job/ci/job/moby/1/stop") == 302
    shown = await rig.see("/job/ci/job/moby/1/")
    assert (shown["building"], shown["result"]) == (False, "ABORTED")
    assert (await rig.see("/queue/"))["items"] == []
    assert [run["number"] for run in shown["runs"]] == [1, 1]
    assert {(await rig.see(f"/job/ci/job/moby/{cell}/1/"))["result"] for cell in CELLS[:2]} == {"ABORTED"}
    log = (await rig.log("/job/ci/job/moby/1/")).splitlines()
    assert log[-5:-1] == [
        f"Interrupting {CELLS[0]} #1",
        f"Interrupting {CELLS[1]} #1",
        f"Cancelled {CELLS[2]}",
        f"Cancelled {CELLS[3]}",
    ]


async def test_stopping_one_cell_aborts_it_alone_and_the_parent_takes_its_result(rig: ItemRig) -> None:
    await rig.post("/job/ci/job/moby/buildWithParameters")
    assert await rig.post(f"/job/ci/job/moby/{CELLS[0]}/1/stop") == 302
    assert (await rig.see("/job/ci/job/moby/1/"))["building"]
    for _ in CELLS:
        await rig.wait_s(10)
    assert (await rig.see("/job/ci/job/moby/1/"))["result"] == "ABORTED"
    assert (await rig.see(f"/job/ci/job/moby/{CELLS[1]}/1/"))["result"] == "SUCCESS"


async def test_a_cell_cancelled_in_the_queue_counts_as_aborted_and_has_no_run(rig: ItemRig) -> None:
    await rig.post("/job/ci/job/moby/buildWithParameters")
    [item] = [each for each in (await rig.see("/queue/"))["items"] if each["task"]["name"] == CELLS[2]]
    assert await rig.post("/queue/cancelItem", id=str(item["id"])) == 204
    for _ in CELLS:
        await rig.wait_s(10)
    shown = await rig.see("/job/ci/job/moby/1/")
    assert (shown["result"], own(shown)) == ("ABORTED", [CELLS[0], CELLS[1], CELLS[3]])
    assert f"{CELLS[2]} appears to be cancelled" in await rig.log("/job/ci/job/moby/1/")


async def test_the_runs_of_a_build_are_deleted_with_it_and_inherited_no_more(rig: ItemRig) -> None:
    """A build that is gone takes the runs of its cells along (J32)."""
    await build(rig)
    await build(rig, CELLS="FS == 'zfs' && ARCH == 'arm64'")
    rig.server.delete_build("ci/moby", 1)
    shown = await rig.see("/job/ci/job/moby/2/", tree="runs[number]")
    assert [run["number"] for run in shown["runs"]] == [2]
    assert await rig.status(f"/job/ci/job/moby/{CELLS[0]}/1/api/json") == 404


@pytest.mark.parametrize(
    ("expression", "kept"),
    [pytest.param("FS == 'zfs'", 200, id="inherited-from"), pytest.param("", 404, id="built-anew")],
)
async def test_rotation_spares_a_build_whose_runs_a_later_one_shows(rig: ItemRig, expression: str, kept: int) -> None:
    rig.server.job("ci/moby").keeps_builds = 1
    await build(rig)
    shown = await build(rig, CELLS=expression)
    assert await rig.status("/job/ci/job/moby/1/api/json") == kept
    assert len(shown["runs"]) == 4


@pytest.mark.parametrize("lost", [pytest.param(False, id="orderly"), pytest.param(True, id="killed")])
async def test_a_restart_ends_the_parent_with_all_its_cells(rig: ItemRig, lost: bool) -> None:
    rig.server.faults.builds_lost_on_restart = lost
    await rig.post("/job/ci/job/moby/buildWithParameters")
    rig.server.begin_restart(5)
    rig.clock.pass_s(5)
    assert (await rig.see("/queue/"))["items"] == []
    parent = await rig.ask("GET", "/job/ci/job/moby/1/api/json")
    assert parent.status == (404 if lost else 200)
    cell = await rig.ask("GET", f"/job/ci/job/moby/{CELLS[0]}/1/api/json")
    assert cell.status == (404 if lost else 200)
    assert lost or (await parent.json())["result"] == (await cell.json())["result"] == "ABORTED"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/job/ci/job/moby/ARCH=arm64,FS=zfs/", 200, id="cell"),
        pytest.param("/job/ci/job/moby/FS=zfs,ARCH=arm64/", 200, id="axes-in-another-order"),
        pytest.param("/job/ci/job/moby/ARCH%3Darm64%2CFS%3Dzfs/", 200, id="encoded"),
        pytest.param("/job/ci/job/moby/ARCH=arm64/", 404, id="half-a-combination"),
        pytest.param("/job/ci/job/moby/arch=arm64,FS=zfs/", 404, id="other-case"),
        pytest.param("/job/ci/job/moby/job/ARCH=arm64,FS=zfs/", 404, id="with-job-in-it"),
        pytest.param("/job/ci/job/moby/default/", 404, id="default-with-axes"),
    ],
)
async def test_a_cell_is_addressed_below_its_project_without_job(rig: ItemRig, path: str, status: int) -> None:
    assert (await rig.ask("GET", f"{path}api/json")).status == status


async def test_without_axes_there_is_one_cell_called_default(rig: ItemRig) -> None:
    rig.server.items.add_matrix("bare", {}, duration_s=0)
    assert await rig.post("/job/bare/build") == 201
    shown = await rig.see("/job/bare/1/")
    assert (shown["result"], [run["url"] for run in shown["runs"]]) == (
        "SUCCESS",
        [f"{rig.server.url}job/bare/default/1/"],
    )


async def test_cells_of_earlier_axes_stay_with_their_builds_and_start_no_more(rig: ItemRig) -> None:
    job = rig.server.items.add_matrix("m", {"A": ("1", "2")}, duration_s=0)
    assert await rig.post("/job/m/build") == 201
    job.set_axes({"A": ("2", "3")})
    assert await rig.post("/job/m/build") == 201
    shown = await rig.see("/job/m/", tree="activeConfigurations[name],lastBuild[runs[number,url]]")
    assert [each["name"] for each in shown["activeConfigurations"]] == ["A=2", "A=3"]
    runs = {run["url"].split("/")[-3]: run["number"] for run in shown["lastBuild"]["runs"]}
    assert runs == {"A=1": 1, "A=2": 2, "A=3": 2}


async def test_a_cell_cannot_be_disabled_and_that_of_a_disabled_project_cannot_be_built(rig: ItemRig) -> None:
    assert await rig.post(f"/job/ci/job/moby/{BAD}/disable") == 405
    rig.server.job("ci/moby").disabled = True
    assert await rig.post(f"/job/ci/job/moby/{BAD}/buildWithParameters") == 409
    assert await rig.post("/job/ci/job/moby/buildWithParameters") == 409


async def test_a_cell_started_alone_takes_the_number_of_the_newest_build(rig: ItemRig) -> None:
    """A run that no parent asked for takes the place of one that was there; nobody should start cells so."""
    await build(rig)
    await build(rig)
    before = dict(rig.server.items.find_cell("ci/moby", BAD).builds)
    assert await rig.post(f"/job/ci/job/moby/{BAD}/buildWithParameters") == 201
    await rig.wait_s(10)
    seen = [(await rig.see(f"/job/ci/job/moby/{BAD}/{number}/"))["queueId"] for number in (1, 2)]
    assert seen[0] == before[1].queue_id
    assert seen[1] > before[2].queue_id
    assert (await rig.see("/job/ci/job/moby/"))["nextBuildNumber"] == 3


async def test_the_values_of_an_axis_may_be_labels_that_nodes_have_or_have_not(rig: ItemRig) -> None:
    rig.server.items.add_matrix("m", {"label": ("s390x",)}, label_axis="label")
    assert await rig.post("/job/m/build") == 201
    [item] = (await rig.see("/queue/"))["items"]
    assert (item["buildable"], item["task"]["name"]) == (True, "label=s390x")
    assert (await rig.see("/job/m/1/"))["building"]


async def test_a_cell_may_take_longer_than_others_and_the_parent_waits_for_its_log_no_longer(rig: ItemRig) -> None:
    rig.server.items.add_matrix("m", {"A": ("1", "2")}, outcomes={"A=2": (Plan(duration_s=20, closing_s=30),)})
    assert await rig.post("/job/m/build") == 201
    rig.clock.pass_s(20)
    parent = await rig.see("/job/m/1/", tree="building,inProgress")
    assert (parent["building"], parent["inProgress"]) == (False, False)
    cell = await rig.see("/job/m/A=2/1/", tree="building,inProgress")
    assert (cell["building"], cell["inProgress"]) == (False, True)


@pytest.mark.parametrize(
    ("expression", "accepted"),
    [
        pytest.param(None, 4, id="none"),
        pytest.param("  ", 4, id="blank"),
        pytest.param("ARCH == 'arm64'", 2, id="one-axis"),
        pytest.param('ARCH=="arm64" && FS!="zfs"', 1, id="and-not-equal"),
        pytest.param(
            "(ARCH == 'arm64' && FS == 'zfs') || (ARCH == 'amd64' && FS == 'aufs')", 2, id="as-the-plugin-writes"
        ),
        pytest.param("!(ARCH == 'arm64')", 2, id="not"),
        pytest.param("ARCH", 0, id="a-text-is-not-true"),
        pytest.param("true", 4, id="true"),
        pytest.param("ARCH == 'it\\'s'", 0, id="escaped-quote"),
    ],
)
def test_a_filter_chooses_cells(expression: str | None, accepted: int) -> None:
    chosen = Combinations(expression=expression)
    assert [chosen.accepts(each) for each in combinations(AXES)].count(True) == accepted


@pytest.mark.parametrize(
    "expression", ["ARCH ==", "OS == 'x'", "(ARCH == 'a'", "ARCH == 'a' FS", "a-b", "&&", ")", "''' '"]
)
def test_a_broken_filter_is_told_from_one_that_chooses_nothing(expression: str) -> None:
    with pytest.raises(BadFilter):
        Combinations(expression=expression).accepts(combinations(AXES)[0])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("B=2,A=1", "A=1,B=2", id="sorted"),
        pytest.param("default", "default", id="no-axes"),
        pytest.param("A=x=y", "A=x=y", id="equals-in-a-value"),
        pytest.param("12", None, id="a-number"),
        pytest.param("", None, id="nothing"),
        pytest.param("A=1,x", None, id="half"),
    ],
)
def test_a_cells_name_is_read_in_any_order(text: str, name: str | None) -> None:
    assert read_cell_name(text) == name


def test_a_cells_short_name_leaves_out_axes_that_its_values_tell() -> None:
    assert cell_name({"B": "2", "A": "1"}) == "A=1,B=2"
    assert compact_name({"A": "1", "B": "2"}, {"A": ("1",), "B": ("2",)}) == "1,2"
    assert compact_name({"A": "1", "B": "1"}, {"A": ("1",), "B": ("1", "2")}) == "A=1,B=1"
    assert compact_name({}, {}) == "default"
