"""Nodes of the Jenkins stand-in, held to what hudson.model.Computer, Label and Queue do."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.demo.jenkins.model import Plan
from bot.demo.jenkins.nodes import LOST, Agent, label_matches
from bot.demo.jenkins.parameters import LabelParameter
from bot.demo.jenkins.stages import StagePlan
from tests.contract.standin_rig import READER, Rig, a_held_jenkins

LABELS = {"linux", "kernel:4.2", "node7"}
TREE = (
    "busyExecutors,totalExecutors,computer[displayName,offline,temporarilyOffline,offlineCauseReason,idle,"
    "numExecutors,assignedLabels[name],executors[currentExecutable[url,number]],"
    "oneOffExecutors[currentExecutable[url,number]],monitorData[*]]"
)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    agents = [
        Agent("node7", labels=("linux", "kernel:4.2"), exclusive=True),
        Agent("arm 1", labels=("arm",), exclusive=True),
        Agent("arm 2", labels=("arm",), exclusive=True),
    ]
    async with a_held_jenkins(executors=1, quiet_period_s=0, nodes=agents) as rig:
        for label in ("", "linux", "arm", "s390x", "built-in"):
            rig.server.add_job(f"on-{label}", label=label, duration_s=10)
        yield rig


async def nodes(rig: Rig, **more: str) -> dict[str, Any]:
    """Show all nodes by name."""
    shown = await rig.ask("GET", "/computer/api/json", params={"tree": TREE}, **more)
    return {node["displayName"]: node for node in (await shown.json())["computer"]}


async def build(rig: Rig, name: str) -> int:
    """Trigger a build and give the number of its queue item."""
    answer = await rig.ask("POST", f"/job/{name}/build")
    assert answer.status == 201
    return int(answer.headers["Location"].split("/")[-2])


async def item(rig: Rig, number: int) -> Any:
    return await rig.see(f"/queue/item/{number}/")


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        pytest.param("linux", True, id="name"),
        pytest.param("kernel:4.2", True, id="with-colon"),
        pytest.param('"kernel:4.2"', True, id="quoted"),
        pytest.param("LINUX", False, id="other-case"),
        pytest.param("node7", True, id="own-name"),
        pytest.param("!arm", True, id="not"),
        pytest.param("linux&&arm", False, id="and"),
        pytest.param("linux || arm && s390x", True, id="and-binds-stronger"),
        pytest.param("(linux || arm) && s390x", False, id="brackets"),
        pytest.param("!(arm || s390x)", True, id="not-of-brackets"),
    ],
)
def test_a_label_expression_is_read(expression: str, fits: bool) -> None:
    assert label_matches(expression, LABELS) is fits


@pytest.mark.parametrize("expression", ["linux &&", "(linux", "linux arm", "&& linux", ""])
def test_a_label_expression_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="Invalid label expression"):
        label_matches(expression, LABELS)


@pytest.mark.parametrize(
    ("marked", "connected", "shown"),
    [
        pytest.param(False, True, (False, False, ""), id="online"),
        pytest.param(True, True, (True, True, "too hot\nsee #7"), id="marked"),
        pytest.param(False, False, (True, False, LOST), id="disconnected"),
        pytest.param(True, False, (True, True, "too hot\nsee #7"), id="marked-and-disconnected"),
    ],
)
async def test_offline_is_marked_or_disconnected(
    rig: Rig, marked: bool, connected: bool, shown: tuple[bool, bool, str]
) -> None:
    if not connected:
        rig.server.disconnect_node("node7")
    if marked:
        rig.server.set_node("node7", offline_reason="too hot\nsee #7")
    node = (await nodes(rig))["node7"]
    assert (node["offline"], node["temporarilyOffline"], node["offlineCauseReason"]) == shown


async def test_toggle_offline_is_a_toggle(rig: Rig) -> None:
    """(J23) Twice is back where it was, and who asks twice has changed nothing."""
    answers = [
        await rig.ask("POST", "/computer/node7/toggleOffline", params={"offlineMessage": "too hot"}) for _ in range(2)
    ]
    assert [each.status for each in answers] == [302, 302]
    assert answers[0].headers["Location"].endswith("/computer/node7/")
    assert not (await nodes(rig))["node7"]["offline"]
    assert [(each.node, each.offline, each.reason) for each in rig.server.ledger.marks] == [
        ("node7", True, "too hot"),
        ("node7", False, ""),
    ]


async def test_toggling_a_disconnected_node_keeps_it_out_after_it_is_back(rig: Rig) -> None:
    """(J23)"""
    rig.server.disconnect_node("node7")
    await rig.ask("POST", "/computer/node7/toggleOffline")
    rig.server.connect_node("node7")
    node = (await nodes(rig))["node7"]
    assert (node["offline"], node["temporarilyOffline"], node["offlineCauseReason"]) == (True, True, "")


async def test_changing_the_cause_marks_a_node_that_was_not(rig: Rig) -> None:
    await rig.ask("POST", "/computer/node7/changeOfflineCause", data={"offlineMessage": "repairs"})
    await rig.ask("POST", "/computer/node7/changeOfflineCause", data={"offlineMessage": "long repairs"})
    assert (await nodes(rig))["node7"]["offlineCauseReason"] == "long repairs"


async def test_a_node_is_disconnected_and_launched_by_pages(rig: Rig) -> None:
    await rig.ask("POST", "/computer/node7/doDisconnect", params={"offlineMessage": "bye"})
    node = (await nodes(rig))["node7"]
    assert (node["offline"], node["temporarilyOffline"], node["offlineCauseReason"]) == (True, False, "bye")
    await rig.ask("POST", "/computer/node7/launchSlaveAgent")
    assert not (await nodes(rig))["node7"]["offline"]


@pytest.mark.parametrize(
    ("method", "path", "auth", "status"),
    [
        pytest.param("POST", "/computer/none/toggleOffline", None, 404, id="unknown"),
        pytest.param("POST", "/computer/node7/toggleOffline", READER, 403, id="without-the-right"),
        pytest.param("GET", "/computer/node7/toggleOffline", None, 405, id="get"),
        pytest.param("GET", "/computer//api/json", READER, 200, id="no-name-is-all"),
        pytest.param("GET", "/computer/node7", None, 302, id="page-without-slash"),
        pytest.param("GET", "/computer/arm%201/api/json", READER, 200, id="space"),
        pytest.param("GET", "/computer/(built-in)/api/json", READER, 200, id="built-in"),
        pytest.param("GET", "/computer/%28built-in%29/api/json", READER, 200, id="built-in-encoded"),
        pytest.param("GET", "/computer/(master)/api/json", READER, 200, id="master"),
        pytest.param("GET", "/computer/master/api/json", READER, 404, id="master-without-brackets"),
    ],
)
async def test_a_node_is_addressed_by_its_name(rig: Rig, method: str, path: str, auth: str | None, status: int) -> None:
    answer = await (rig.ask(method, path, auth) if auth else rig.ask(method, path))
    assert answer.status == status
    if status == 403:
        assert answer.headers["X-Required-Permission"] == "hudson.model.Computer.Disconnect"
    assert rig.server.ledger.marks == []


@pytest.mark.parametrize(
    ("job", "gone", "why", "stuck"),
    [
        pytest.param("on-s390x", [], "There are no nodes with the label ‘s390x’", True, id="no-such-label"),  # noqa: RUF001
        pytest.param("on-linux", ["node7"], "‘node7’ is offline", True, id="its-one-node-offline"),  # noqa: RUF001
        pytest.param("on-arm", ["arm 1", "arm 2"], "All nodes of label ‘arm’ are offline", True, id="all-offline"),  # noqa: RUF001
        pytest.param("on-linux", [], "Waiting for next available executor on ‘node7’", False, id="its-node-busy"),  # noqa: RUF001
        pytest.param("on-arm", ["arm 2"], "Waiting for next available executor on ‘arm’", False, id="label-busy"),  # noqa: RUF001
        pytest.param("on-", [], "Waiting for next available executor", False, id="all-busy"),
    ],
)
async def test_what_waits_for_a_node_says_why(rig: Rig, job: str, gone: list[str], why: str, stuck: bool) -> None:
    for name in gone:
        rig.server.disconnect_node(name)
    for _ in range(2):  # the first takes the executor, if there is one
        number = await build(rig, job)
        rig.clock.pass_s(0.1)
        await nodes(rig)
    shown = await item(rig, number)
    assert (shown["_class"], shown["why"], shown["stuck"]) == ("hudson.model.Queue$BuildableItem", why, stuck)


async def test_what_waited_for_a_node_runs_when_it_is_back(rig: Rig) -> None:
    rig.server.disconnect_node("node7")
    number = await build(rig, "on-linux")
    assert (await item(rig, number))["buildable"]
    rig.server.connect_node("node7")
    assert (await item(rig, number))["executable"]["number"] == 1
    assert (await rig.see("/job/on-linux/1/"))["builtOn"] == "node7"
    log = await (await rig.ask("GET", "/job/on-linux/1/consoleText")).text()
    assert "Building remotely on node7 (linux kernel:4.2) in workspace" in log


async def test_an_item_that_waited_ten_times_as_long_as_a_build_takes_is_stuck(rig: Rig) -> None:
    await build(rig, "on-linux")
    rig.clock.pass_s(10)
    await build(rig, "on-arm")
    rig.server.job("on-linux").duration_s = 10_000
    await build(rig, "on-linux")
    waiting = await build(rig, "on-linux")
    rig.clock.pass_s(599)
    assert not (await item(rig, waiting))["stuck"]
    rig.clock.pass_s(2)
    assert (await item(rig, waiting))["stuck"]


async def test_a_build_without_label_takes_any_node_but_the_exclusive_ones(rig: Rig) -> None:
    rig.server.add_node(Agent("spare"))
    numbers = [await build(rig, "on-"), await build(rig, "on-")]
    rig.clock.pass_s(0.1)  # the third would be one with a waiting one
    numbers.append(await build(rig, "on-"))
    assert [(await rig.see(f"/job/on-/{number}/"))["builtOn"] for number in (1, 2)] == ["", "spare"]
    assert (await item(rig, numbers[2]))["buildable"]


async def test_a_label_parameter_chooses_where_a_build_runs(rig: Rig) -> None:
    """Its value shows as `label`, not as `value` [LabelParameterValue]."""
    rig.server.add_job("chosen", parameters=[LabelParameter("NODE", "linux")], label="s390x", duration_s=10)
    for node in ({}, {"NODE": "arm"}):
        assert (await rig.ask("POST", "/job/chosen/buildWithParameters", params=node)).status == 201
        rig.clock.pass_s(10)
    builds = [await rig.see(f"/job/chosen/{number}/", tree="builtOn,actions[parameters[*]]") for number in (1, 2)]
    assert [each["builtOn"] for each in builds] == ["node7", "arm 1"]
    values = [value for each in builds for action in each["actions"] for value in action.get("parameters", [])]
    package = "org.jvnet.jenkins.plugins.nodelabelparameter"
    assert values == [
        {"_class": f"{package}.LabelParameterValue", "name": "NODE", "label": label} for label in ("linux", "arm")
    ]


async def test_a_marked_node_ends_what_it_runs_and_a_lost_one_fails_it(rig: Rig) -> None:
    await build(rig, "on-linux")
    await build(rig, "on-arm")
    rig.server.set_node("node7", offline_reason="repairs")
    rig.server.disconnect_node("arm 1")
    lost = await rig.see("/job/on-arm/1/")
    assert (lost["result"], lost["building"]) == ("FAILURE", False)
    log = await (await rig.ask("GET", "/job/on-arm/1/consoleText")).text()
    assert "java.nio.channels.ClosedChannelException" in log
    assert log.splitlines()[-1] == "Finished: FAILURE"
    rig.clock.pass_s(10)
    assert (await rig.see("/job/on-linux/1/"))["result"] == "SUCCESS"


async def test_monitors_are_hidden_from_who_may_not_connect_and_null_when_unknown(rig: Rig) -> None:
    assert (await nodes(rig, auth=READER))["node7"]["monitorData"] == {}
    rig.server.disconnect_node("node7")
    assert set((await nodes(rig))["node7"]["monitorData"].values()) == {None}
    assert (await nodes(rig))["arm 1"]["monitorData"]["hudson.node_monitors.DiskSpaceMonitor"]["size"] > 0


async def test_a_pipeline_runs_beside_the_executors_and_its_node_blocks_on_them(rig: Rig) -> None:
    stage = StagePlan("test", 10, node="arm 1")
    rig.server.add_job("pipe", kind="pipeline", outcome=[Plan(node="node7", stages=(stage,))])
    await build(rig, "pipe")
    rig.clock.pass_s(1)
    shown = await rig.ask("GET", "/computer/api/json", params={"tree": TREE})
    assert (await shown.json())["busyExecutors"] == 2
    seen = await nodes(rig)
    beside = [each["currentExecutable"]["number"] for each in seen["Built-In Node"]["oneOffExecutors"]]
    assert beside == [1]
    blocks = [seen[name]["executors"][0]["currentExecutable"] for name in ("node7", "arm 1")]
    assert ["number" in block for block in blocks] == [False, False]
    assert {block["_class"].rpartition("$")[2] for block in blocks} == {"PlaceholderExecutable"}
    assert not seen["Built-In Node"]["idle"]


async def test_nodes_show_without_depth_but_not_what_they_run(rig: Rig) -> None:
    """The nodes are inlined [ComputerSet.get_all], their executors are not."""
    await build(rig, "on-linux")
    shown = (await rig.see("/computer/"))["computer"][1]
    assert (shown["displayName"], shown["assignedLabels"]) == (
        "node7",
        [{"name": "kernel:4.2"}, {"name": "linux"}, {"name": "node7"}],
    )
    assert shown["executors"] == [{}]
