"""The nodes of a Jenkins: listed with what runs there, and marked by a toggle that must not be used twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.adapters.jenkins import Jenkins
from bot.demo.jenkins.ledger import CommitThenDrop, Hang, Status
from bot.demo.jenkins.model import Plan
from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.request import READ
from bot.demo.jenkins.stages import StagePlan
from bot.errors import Refused, Unavailable, UserError
from bot.ports import Order
from bot.values import JobRef, Node, NodeRef
from tests.contract.jenkins_world import MARK, Ci, a_jenkins, add_users, until

ARM = NodeRef("ci", "arm-7")
TOGGLE = "/computer/arm-7/toggleOffline"
AGENTS = (
    Agent("arm-7", executors=2, labels=("linux", "kernel:4.2", "driver=aufs")),
    Agent("amd-1", labels=("linux",)),
)


@pytest_asyncio.fixture
async def ci() -> AsyncIterator[Ci]:
    async with a_jenkins() as ci:
        add_users(ci)
        for agent in AGENTS:
            ci.jenkins.add_node(Agent(agent.name, agent.executors, agent.labels))
        yield ci


async def node_of(adapter: Jenkins, name: str = "arm-7") -> Node:
    [found] = [node for node in await adapter.nodes() if str(node.ref) == name]
    return found


def toggles(ci: Ci) -> int:
    return len(ci.jenkins.ledger.asked("POST", "*/toggleOffline"))


# Listing


async def test_nodes_are_listed_with_their_tags_in_one_request(ci: Ci) -> None:
    adapter = ci.adapter()
    nodes = await adapter.nodes()
    assert [(str(node.ref), node.executors, node.offline) for node in nodes] == [
        ("Built-In Node", 4, False),
        ("arm-7", 2, False),
        ("amd-1", 1, False),
    ]
    assert [node.url.removeprefix(ci.jenkins.url) for node in nodes][:2] == ["computer/(built-in)/", "computer/arm-7/"]
    assert set(nodes[1].labels) == {"linux", "kernel:4.2", "driver=aufs"}
    assert nodes[1].tags == {"kernel": "4.2", "driver": "aufs"}
    assert len(ci.jenkins.ledger.requests) == 1


async def test_tags_are_what_the_configuration_says(ci: Ci) -> None:
    adapter = ci.adapter(tags={"system": "(linux|windows)"})
    assert (await node_of(adapter)).tags == {"system": "linux"}


OFFLINE = [
    pytest.param(True, True, (False, False, ""), id="up"),
    pytest.param(False, True, (True, True, "by hand"), id="marked"),
    pytest.param(True, False, (True, False, "gone\tat last"), id="without connection"),
    pytest.param(False, False, (True, True, "by hand"), id="both"),
]


@pytest.mark.parametrize(("unmarked", "connected", "told"), OFFLINE)
async def test_four_cases_of_offline_are_three_that_can_be_told(
    ci: Ci, unmarked: bool, connected: bool, told: tuple[bool, bool, str]
) -> None:
    """(J23) Whether a marked node is connected nobody can tell."""
    if not connected:
        ci.jenkins.disconnect_node("arm-7", "gone\tat last")
    if not unmarked:
        ci.jenkins.set_node("arm-7", offline_reason="by hand")
    node = await node_of(ci.adapter())
    assert (node.offline, node.marked, node.reason) == (told[0], told[1], told[2].replace("\t", " "))


async def test_what_runs_on_a_node_is_told_pipelines_too(ci: Ci) -> None:
    ci.jenkins.add_job("quick", parameters=(MARK,), quiet_period_s=0, outcome=[Plan(duration_s=60, node="arm-7")])
    stage = StagePlan("Unit", duration_s=60, node="amd-1")
    ci.jenkins.add_job("pipe", kind="pipeline", quiet_period_s=0, outcome=[Plan(stages=(stage,), node="amd-1")])
    adapter = ci.adapter()
    for job in ("quick", "pipe"):
        await adapter.trigger(Order(JobRef("ci", job), {}, "k7f2"))
    await until(lambda: len(ci.jenkins.ledger.builds) == 2, ci.clock)
    nodes = {str(node.ref): [str(build.ref) for build in node.running] for node in await adapter.nodes()}
    assert nodes == {"Built-In Node": ["pipe#1"], "arm-7": ["quick#1"], "amd-1": ["pipe#1"]}
    assert sorted(str(build.ref) for build in await adapter.running()) == ["pipe#1", "quick#1"]


# Marking


async def test_a_node_is_taken_out_and_put_back(ci: Ci) -> None:
    adapter = ci.adapter()
    out = await adapter.set_node(ARM, offline=True, reason="disk & fan: 100% #1\r\nsee issue")
    assert (out.offline, out.marked, out.reason) == (True, True, "disk & fan: 100% #1 see issue")
    back = await adapter.set_node(ARM, offline=False, reason="mended")
    assert (back.offline, back.marked, back.reason) == (False, False, "")
    assert toggles(ci) == 2


async def test_what_is_as_wanted_is_left_alone_with_its_reason(ci: Ci) -> None:
    """(J23) A second toggle would undo the first."""
    ci.jenkins.set_node("arm-7", offline_reason="by hand")
    adapter = ci.adapter()
    assert (await adapter.set_node(ARM, offline=True, reason="another")).reason == "by hand"
    assert not (await adapter.set_node(NodeRef("ci", "amd-1"), offline=False, reason="")).offline
    assert toggles(ci) == 0


async def test_a_node_without_connection_is_not_marked_by_bringing_it_back(ci: Ci) -> None:
    """(J23) The toggle would set the mark, and it would stay out when it connects again."""
    ci.jenkins.disconnect_node("arm-7")
    node = await ci.adapter().set_node(ARM, offline=False, reason="")
    assert node.is_disconnected
    assert toggles(ci) == 0


async def test_a_node_without_connection_can_be_kept_out(ci: Ci) -> None:
    ci.jenkins.disconnect_node("arm-7")
    assert (await ci.adapter().set_node(ARM, offline=True, reason="fan")).marked
    ci.jenkins.connect_node("arm-7")
    assert (await node_of(ci.adapter())).offline


async def test_two_of_ours_at_once_toggle_once(ci: Ci) -> None:
    adapter = ci.adapter()
    nodes = await asyncio.gather(*(adapter.set_node(ARM, offline=True, reason=f"by {who}") for who in "ab"))
    assert [node.marked for node in nodes] == [True, True]
    assert toggles(ci) == 1


async def test_what_somebody_else_undid_is_not_told_as_done(ci: Ci) -> None:
    """(J23) Another bot toggles at the same time."""
    ci.jenkins.faults.next("POST", TOGGLE, Status(302, "", {"Location": "/computer/arm-7/"}))
    with pytest.raises(Unavailable, match="not so afterwards"):
        await ci.adapter().set_node(ARM, offline=True, reason="fan")


@pytest.mark.parametrize("fault", [CommitThenDrop(), Hang(commit=True)], ids=["lost answer", "silence"])
async def test_a_mark_whose_answer_is_lost_is_not_undone_by_asking_again(ci: Ci, fault: CommitThenDrop | Hang) -> None:
    """(F23, J23) The second time it is read first."""
    ci.jenkins.faults.next("POST", TOGGLE, fault)
    adapter = ci.adapter(timeout_s=0.3)
    with pytest.raises(Unavailable):
        await adapter.set_node(ARM, offline=True, reason="fan")
    assert (await adapter.set_node(ARM, offline=True, reason="fan")).marked
    assert toggles(ci) == 1


async def test_the_built_in_node_is_marked_by_its_own_address(ci: Ci) -> None:
    adapter = ci.adapter()
    assert (await adapter.set_node(NodeRef("ci", "Built-In Node"), offline=True, reason="upgrade")).marked
    assert [seen.path.partition("?")[0] for seen in ci.jenkins.ledger.asked("POST")] == [
        "/computer/(built-in)/toggleOffline"
    ]


@pytest.mark.parametrize("name", ["arm-77", "a b/c", "..", "x\ny"])
async def test_there_must_be_such_a_node(ci: Ci, name: str) -> None:
    with pytest.raises(UserError, match=r"there is no node arm-77 on Jenkins ci|is not the name of a node"):
        await ci.adapter().set_node(NodeRef("ci", name), offline=True, reason="fan")
    assert ci.jenkins.ledger.asked("POST") == []


async def test_without_the_right_no_node_is_marked(ci: Ci) -> None:
    ci.jenkins.add_user("gordon", token="gordons-token", permissions={READ})
    with pytest.raises(Refused, match="we may not"):
        await ci.adapter().set_node(ARM, offline=True, reason="fan")
    assert not (await node_of(ci.adapter())).marked


async def test_a_stale_reading_is_never_acted_on(ci: Ci) -> None:
    """(J23) Somebody else marked it since the nodes were listed."""
    adapter = ci.adapter()
    assert not (await node_of(adapter)).marked
    ci.jenkins.set_node("arm-7", offline_reason="by hand")
    assert (await adapter.set_node(ARM, offline=True, reason="fan")).reason == "by hand"
    assert toggles(ci) == 0


@pytest.mark.parametrize("outage", ["refused", "reset", "503"])
async def test_an_outage_is_no_missing_node(ci: Ci, outage: str) -> None:
    """(J15)"""
    await ci.jenkins.go_down(outage)  # type: ignore[arg-type]
    for asking in (ci.adapter().nodes(), ci.adapter().set_node(ARM, offline=True, reason="fan")):
        with pytest.raises(Unavailable):
            await asking
