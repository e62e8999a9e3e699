"""What Jenkins says of its nodes, read: whether they take builds, their tags, what runs on them."""

from typing import Any

import pytest

from bot.adapters.jenkins_nodes import MAX_REASON, Tags, node_path, read_node, read_nodes
from bot.adapters.jenkins_wire import Unreadable
from bot.errors import UserError
from bot.values import Node, NodeRef

ROOT = "http://ci.local/jenkins/"
PLAIN = Tags({})


def computer(name: object = "arm-7", **changes: Any) -> dict[str, Any]:
    return {"displayName": name, "offline": False, "temporarilyOffline": False, "numExecutors": 2, **changes}


def read(raw: dict[str, Any], tags: Tags = PLAIN) -> Node:
    return read_node(raw, "ci", ROOT, tags)


CASES = [
    pytest.param(False, False, (False, False, False), id="up"),
    pytest.param(True, True, (True, True, False), id="marked, whether connected or not"),
    pytest.param(True, False, (True, False, True), id="without connection"),
    pytest.param(False, True, (True, True, False), id="marked, and said to be up"),
    pytest.param(True, None, (True, False, True), id="no word of a mark"),
]


@pytest.mark.parametrize(("offline", "marked", "told"), CASES)
def test_a_node_is_offline_by_a_mark_or_without_connection(
    offline: bool, marked: bool | None, told: tuple[bool, bool, bool]
) -> None:
    """(J23)"""
    node = read(computer(offline=offline, temporarilyOffline=marked))
    assert (node.offline, node.marked, node.is_disconnected) == told


def test_a_reason_is_one_line() -> None:
    """(J29)"""
    assert read(computer(offlineCauseReason="disk\r\nfull \x1b[1m")).reason == "disk full [1m"
    assert len(read(computer(offlineCauseReason="x" * 10_000)).reason) == MAX_REASON
    assert read(computer(offlineCauseReason=None)).reason == ""


NO_NODES: list[Any] = [
    {},
    {"displayName": "a"},
    {"displayName": "a", "offline": "no"},
    {"displayName": "a\nb", "offline": False},
    {"displayName": "..", "offline": False},
    {"displayName": "a/b", "offline": False},
    {"displayName": "x" * 1000, "offline": False},
]


@pytest.mark.parametrize("raw", NO_NODES, ids=lambda raw: str(raw)[:40])
def test_what_does_not_tell_whether_it_is_there_is_no_node(raw: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read(raw)
    assert [str(node.ref) for node in read_nodes({"computer": [raw, None, computer()]}, "ci", ROOT, PLAIN)] == ["arm-7"]


@pytest.mark.parametrize("raw", [{}, {"computer": {}}, {"computer": [{"displayName": 3}]}], ids=str)
def test_an_answer_without_any_node_is_not_a_controller_that_lost_them_all(raw: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_nodes(raw, "ci", ROOT, PLAIN)


TAGS = [
    pytest.param({}, ["kernel:4.2", "driver=aufs", "linux"], {"kernel": "4.2", "driver": "aufs"}, id="by their form"),
    pytest.param({}, ["kernel:4.2", "kernel:5.0"], {"kernel": "4.2"}, id="the first counts"),
    pytest.param({}, ["http://x", ":4.2", "kernel:", "4:2"], {"http": "//x"}, id="what is no tag"),
    pytest.param({"kernel": "linux-(.+)"}, ["linux-4.2", "driver=aufs"], {"kernel": "4.2"}, id="by expressions only"),
    pytest.param({"kernel": "linux-(.+)"}, ["old-linux-4.2"], {}, id="a whole label"),
    pytest.param({"kernel": "linux(?:-(.+))?"}, ["linux"], {}, id="a group that is not there"),
    pytest.param({"slow": "(a+)+$"}, ["a" * 190 + "!"], {}, id="an expression that would take for ever"),
]


@pytest.mark.parametrize(("patterns", "labels", "tags"), TAGS)
def test_labels_are_tags_by_the_configuration(
    patterns: dict[str, str], labels: list[str], tags: dict[str, str]
) -> None:
    node = read(computer(assignedLabels=[{"name": label} for label in labels]), Tags(patterns))
    assert node.tags == tags
    assert node.labels == tuple(labels)


def test_a_node_has_its_name_for_a_label_that_says_nothing() -> None:
    labels = [{"name": "arm-7"}, {"name": "linux"}, {"name": "linux"}, {}, None, {"name": 3}]
    assert read(computer(assignedLabels=labels)).labels == ("linux",)


@pytest.mark.parametrize(("count", "executors"), [(2, 2), (0, 0), (-1, 0), ("2", 0), (10**9, 0), (True, 0)], ids=str)
def test_executors_are_counted(count: object, executors: int) -> None:
    assert read(computer(numExecutors=count)).executors == executors


PATHS = [
    pytest.param("arm-7", "computer/arm-7/", id="agent"),
    pytest.param("a b#c", "computer/a%20b%23c/", id="blanks and signs"),
    pytest.param("Built-In Node", "computer/(built-in)/", id="built-in"),
    pytest.param("(built-in)", "computer/(built-in)/", id="built-in by its address"),
    pytest.param("master", "computer/(master)/", id="built-in of an old core"),
]


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_a_node_has_an_address(name: str, path: str) -> None:
    assert node_path(name) == path
    if name not in ("(built-in)",):
        assert read(computer(name)).url == ROOT + path


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\nb"], ids=repr)
def test_what_is_no_name_has_no_address(name: str) -> None:
    with pytest.raises(UserError, match="is not the name of a node"):
        node_path(name)


def test_the_built_in_node_is_known_in_any_language() -> None:
    node = read(computer("Hauptknoten", _class="hudson.model.Hudson$MasterComputer"))
    assert (node.ref, node.url) == (NodeRef("ci", "Hauptknoten"), f"{ROOT}computer/(built-in)/")


def test_a_pipeline_is_told_where_it_works_with_all_that_its_own_executor_knows() -> None:
    whole = {
        "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
        "url": "http://x/job/p/5/",
        "number": 5,
        "queueId": 81,
        "building": True,
    }
    placeholder = {"url": "http://x/job/p/5/"}
    computers = [
        computer("arm-7", executors=[{"currentExecutable": placeholder}, {"currentExecutable": None}, {}, None]),
        computer("arm-8", executors=[{"currentExecutable": {"_class": "x$PlaceholderExecutable"}}]),
        computer("Built-In Node", oneOffExecutors=[{"currentExecutable": whole}]),
    ]
    nodes = read_nodes({"computer": computers}, "ci", ROOT, PLAIN)
    assert [[(str(build.ref), build.queue_id, build.node) for build in node.running] for node in nodes] == [
        [("p#5", 81, "arm-7")],
        [],
        [("p#5", 81, "Built-In Node")],
    ]
