"""What Jenkins says of builds beyond a freestyle one, read: kinds, cells, checkouts, newest builds, branches."""

from typing import Any

import pytest

from bot.adapters import jenkins_builds as builds
from bot.adapters.jenkins_nodes import NODE_TREE, NODES_TREE, RUNNING_TREE
from bot.adapters.jenkins_reports import COUNTS_TREE, REPORT_TREE
from bot.adapters.jenkins_wire import Unreadable, read_cell
from bot.demo.jenkins.tree import parse_tree
from bot.values import Build, BuildRef, Cell, Checkout, JobRef, Kind, Result

ROOT = "http://ci.local/jenkins/"
JOB = JobRef("ci", "infra/moby pr")
REF = BuildRef(JOB, 42)
OLD, HEAD, MERGED = "a" * 40, "b" * 40, "c" * 40


def read(**raw: Any) -> Build:
    return builds.read_build({"number": 42, **raw}, REF, ROOT)


KINDS = [
    pytest.param("hudson.model.FreeStyleBuild", Kind.PLAIN, id="freestyle"),
    pytest.param("hudson.matrix.MatrixBuild", Kind.MATRIX, id="matrix"),
    pytest.param("hudson.matrix.MatrixRun", Kind.MATRIX, id="a cell counts as its matrix"),
    pytest.param("org.jenkinsci.plugins.workflow.job.WorkflowRun", Kind.PIPELINE, id="Pipeline"),
    pytest.param("hudson.maven.MavenModuleSetBuild", Kind.PLAIN, id="a plugin's"),
    pytest.param("", Kind.PLAIN, id="not told"),
    pytest.param(["MatrixBuild"], Kind.PLAIN, id="nonsense"),
]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_a_build_is_of_a_kind(name: object, kind: Kind) -> None:
    assert read(_class=name).kind is kind


@pytest.mark.parametrize(
    ("words", "again"),
    [
        pytest.param("Started by Naginator after build #41 failure", True, id="Naginator"),
        pytest.param("Started by user somebody", False, id="somebody"),
        pytest.param("", False, id="nobody"),
    ],
)
def test_a_build_that_naginator_started_tries_another_one_again(words: str, again: bool) -> None:
    causes = [{"shortDescription": "Started by an SCM change"}, {"shortDescription": words}]
    assert read(actions=[{"causes": causes}]).again is again


CELL_URL = "https://old.example.org/job/infra/job/moby%20pr/ARCH=arm64,FS=a%20b/42/"
CELLS = [
    pytest.param({"number": 42, "url": CELL_URL, "result": "FAILURE", "building": False}, Result.FAILURE, id="ended"),
    pytest.param({"number": 42, "url": CELL_URL, "result": "FAILURE", "building": True}, None, id="not over yet"),
    pytest.param({"number": 42, "url": CELL_URL, "result": None, "building": True}, None, id="running"),
    pytest.param({"number": 42, "url": CELL_URL, "result": {}}, None, id="nonsense for a result"),
]


@pytest.mark.parametrize(("run", "result"), CELLS)
def test_a_cell_is_read_with_its_address_on_our_own_root(run: dict[str, Any], result: Result | None) -> None:
    url = f"{ROOT}job/infra/job/moby%20pr/ARCH=arm64,FS=a%20b/42/"
    assert read(_class="x.MatrixBuild", runs=[run]).cells == (Cell("ARCH=arm64,FS=a b", url, result),)


NO_CELLS = [
    pytest.param({"number": 41, "url": CELL_URL.replace("42", "41")}, id="inherited from an older build"),
    pytest.param({"url": CELL_URL}, id="without a number"),
    pytest.param({"number": 42, "url": "https://ci/job/other/42/"}, id="no cell's address"),
    pytest.param({"number": 42, "url": "https://ci/job/x/A=%0Ab/42/"}, id="control characters"),
    pytest.param({"number": 42}, id="without an address"),
    pytest.param({}, id="hidden"),
    pytest.param(None, id="null"),
]


@pytest.mark.parametrize("run", NO_CELLS)
def test_only_what_a_matrix_built_itself_is_a_cell(run: object) -> None:
    """(J13) `runs` tells cells of older builds, too, when only some were built again."""
    build = read(_class="x.MatrixBuild", runs=[run, {"number": 42, "url": CELL_URL, "result": "SUCCESS"}])
    assert [cell.name for cell in build.cells] == ["ARCH=arm64,FS=a b"]


def test_a_cell_with_a_slash_in_its_value_failed_like_any_other() -> None:
    """(J14) Only its address has it encoded."""
    url = "http://x/job/docker-prs/IMAGE=ubuntu%2F14.04/42/"
    [cell] = read(_class="x.MatrixBuild", runs=[{"number": 42, "url": url, "result": "FAILURE"}]).cells
    assert (cell.name, cell.result) == ("IMAGE=ubuntu/14.04", Result.FAILURE)
    assert cell.url.endswith("/IMAGE=ubuntu%2F14.04/42/")


def test_a_freestyle_build_has_no_cells() -> None:
    assert read(_class="hudson.model.FreeStyleBuild", runs=[{"number": 42, "url": CELL_URL}]).cells == ()


@pytest.mark.parametrize(
    ("url", "cell"),
    [
        ("http://x/job/m/A=b,C=d/7/", "A=b,C=d"),
        ("http://x/job/m/A=b", "A=b"),
        ("http://x/job/m/default/7/", "default"),
        ("http://x/job/m/7/", ""),
        ("http://x/job/m/IMAGE=ubuntu%2F14.04/7/", "IMAGE=ubuntu/14.04"),
        ("http://x/job/m/A=b%0A/7/", ""),
        (None, ""),
    ],
    ids=str,
)
def test_an_address_tells_the_cell(url: object, cell: str) -> None:
    assert read_cell(url) == cell


def data(last: object, branches: object = None, remotes: object = None) -> dict[str, Any]:
    return {"_class": "x.BuildData", "lastBuiltRevision": last, "buildsByBranchName": branches, "remoteUrls": remotes}


def branch(number: object, marked: object, revision: object) -> dict[str, Any]:
    return {"buildNumber": number, "marked": {"SHA1": marked}, "revision": {"SHA1": revision}}


MOBY = ("https://github.com/moby/moby",)
CHECKOUTS = [
    pytest.param([data({"SHA1": HEAD}, remotes=[*MOBY])], [(MOBY, (HEAD,))], id="a branch"),
    pytest.param(
        [data({"SHA1": MERGED}, {"PR-7": branch(42, HEAD, MERGED)})], [((), (MERGED, HEAD))], id="merged into its base"
    ),
    pytest.param(
        [data(None, {"PR-7": branch(42, HEAD, MERGED)})], [((), (MERGED, HEAD))], id="the same without a last revision"
    ),
    pytest.param([data({"SHA1": HEAD}, {"PR-7": branch(41, OLD, OLD)})], [((), (HEAD,))], id="an older build's branch"),
    pytest.param([data(None, {"PR-7": branch(42, HEAD, HEAD)})], [((), (HEAD,))], id="no last revision"),
    pytest.param(
        [data({"SHA1": OLD}, remotes=["lib"]), {}, None, data({"SHA1": HEAD.upper()}, remotes=["moby", 3])],
        [(("lib",), (OLD,)), (("moby",), (HEAD,))],
        id="a library, and holes",
    ),
    pytest.param([data({"SHA1": "; rm -rf"}), data("x", ["y"], {}), data({}, {"a": 3, "b": None})], [], id="nonsense"),
    pytest.param([{"_class": "hudson.model.CauseAction"}], [], id="nothing checked out"),
    pytest.param({"lastBuiltRevision": {"SHA1": HEAD}}, [], id="no list"),
]


@pytest.mark.parametrize(("actions", "taken"), CHECKOUTS)
def test_what_a_build_checked_out_is_read_from_every_repository(actions: Any, taken: list[Any]) -> None:
    """(J25) What a build is of, which is to be compared with what it was asked for."""
    assert read(actions=actions).checkouts == tuple(Checkout(*each) for each in taken)


def test_a_commit_is_found_among_all_that_was_taken() -> None:
    build = read(actions=[data({"SHA1": OLD}), data({"SHA1": MERGED}, {"PR-7": branch(42, HEAD, MERGED)})])
    assert [builds.has_taken(build, sha) for sha in (OLD, HEAD, MERGED.upper(), "d" * 40)] == [True, True, True, False]


NEWEST = [
    pytest.param({"nextBuildNumber": 1, "allBuilds": [], "firstBuild": None}, ([], None, 1), id="never built"),
    pytest.param(
        {"nextBuildNumber": 9, "allBuilds": [{"number": 5}, {"number": 8}], "firstBuild": {"number": 2}},
        ([8, 5], 2, 9),
        id="gaps and any order",
    ),
    pytest.param({"nextBuildNumber": 9, "allBuilds": [{"number": 8}]}, ([8], 8, 9), id="no first build told"),
    pytest.param(
        {"nextBuildNumber": 8, "allBuilds": [{"number": 8}], "firstBuild": {"number": 8}},
        ([8], 8, 9),
        id="one begun while it was read",
    ),
    pytest.param({"nextBuildNumber": 9, "allBuilds": [None, {}, {"number": "8"}]}, ([], None, 9), id="nonsense"),
]


@pytest.mark.parametrize(("raw", "told"), NEWEST)
def test_the_newest_builds_are_told_between_two_numbers(raw: dict[str, Any], told: tuple[Any, ...]) -> None:
    """(J22) Numbers have gaps, and the oldest builds go."""
    newest = builds.read_newest(raw, JOB, ROOT)
    assert ([build.ref.number for build in newest.builds], newest.first, newest.next) == told


@pytest.mark.parametrize("raw", [{}, {"nextBuildNumber": 3}, {"nextBuildNumber": "3", "allBuilds": []}], ids=str)
def test_what_builds_nothing_is_no_job_without_builds(raw: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        builds.read_newest(raw, JOB, ROOT)


def test_branches_are_jobs_of_their_project_by_the_names_that_addresses_need() -> None:
    """(J14) A slash in a branch is `%2F` in the name of its job."""
    children = [
        {"name": "PR-7", "nextBuildNumber": 3, "firstBuild": {"number": 1}, "builds": [{"number": 2}]},
        {"name": "feature%2Fx", "fullName": "Repo/feature%2Fx", "nextBuildNumber": 1, "builds": []},
        {"name": "folder"},
        {"name": "..", "nextBuildNumber": 1, "builds": []},
        {"name": "a\nb", "nextBuildNumber": 1, "builds": []},
        {"nextBuildNumber": 1, "builds": []},
        {},
        None,
    ]
    found = builds.read_branches({"jobs": children}, JobRef("ci", "repo"), ROOT)
    assert {str(job): (len(newest.builds), newest.first, newest.next) for job, newest in found.items()} == {
        "repo/PR-7": (1, 1, 3),
        "repo/feature%2Fx": (0, None, 1),
    }
    [pull, _] = found.values()
    assert pull.builds[0].url == f"{ROOT}job/repo/job/PR-7/2/"


@pytest.mark.parametrize("raw", [{}, {"jobs": None}, {"jobs": {}}], ids=str)
def test_what_has_no_jobs_is_no_project(raw: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        builds.read_branches(raw, JOB, ROOT)


TREES = {
    "build": builds.BUILD_TREE,
    "builds": builds.BUILDS_TREE,
    "builds by commit": builds.BUILDS_BY_COMMIT_TREE,
    "newest": builds.newest_tree(100),
    "branches": builds.BRANCHES_TREE,
    "item": builds.ITEM_TREE,
    "queue": builds.QUEUE_TREE,
    "node": NODE_TREE,
    "nodes": NODES_TREE,
    "running": RUNNING_TREE,
    "report": REPORT_TREE,
    "counts": COUNTS_TREE,
}


def names_at(text: str) -> list[list[str]]:
    """List the names on each level of a `tree=`, as they are written."""
    levels: list[list[str]] = [[]]
    done: list[list[str]] = []
    word = ""
    depth_of_range = 0
    for sign in text + ",":
        depth_of_range += {"{": 1, "}": -1}.get(sign, 0)
        if sign in "[],{" and word and not depth_of_range - (sign == "{"):
            levels[-1].append(word)
        if sign == "[":
            levels.append([])
        elif sign == "]":
            done.append(levels.pop())
        word = "" if sign in "[],{}" else word + sign
    return [*done, *levels]


@pytest.mark.parametrize("text", TREES.values(), ids=TREES)
def test_what_is_asked_for_is_asked_once_and_with_ranges_behind_brackets(text: str) -> None:
    """(J21) Of a key named twice Jenkins keeps the last, and a range before brackets is an error."""
    parse_tree(text)
    assert [names for names in names_at(text) if len(names) != len(set(names))] == []
    assert "}[" not in text


@pytest.mark.parametrize("text", ["a[b,b]", "a[b],c,a[d]"])
def test_a_key_that_is_asked_for_twice_is_noticed(text: str) -> None:
    assert any(len(names) != len(set(names)) for names in names_at(text))
