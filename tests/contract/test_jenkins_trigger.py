"""What is sent to start a build: cells, nodes, copies, branches; and what each answer to it means."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import pytest_asyncio

from bot.errors import GordonError, Refused, Unavailable, UserError
from bot.ports import Order
from bot.settings import ParameterNames
from bot.values import BuildRef, JobRef
from tests.contract.odd_jenkins import OddJenkins, an_odd_jenkins

JOB = JobRef("ci", "moby")
PLACE = {"Location": "http://127.0.0.1/queue/item/7/"}
WITH, WITHOUT = "/job/moby/buildWithParameters", "/job/moby/build"
CELLS = ("ARCH=amd64,FS=aufs", "ARCH=amd64,FS=zfs", "ARCH=arm64,FS=aufs")
MARK = {"name": "GORDON_REQUEST_ID", "type": "StringParameterDefinition"}


@pytest_asyncio.fixture
async def odd() -> AsyncIterator[OddJenkins]:
    async with an_odd_jenkins() as odd:
        odd.says("/api/json", {"quietingDown": False})
        for path in (WITH, WITHOUT):
            odd.says(path, "", 201, "POST", headers=PLACE)
        yield odd


def declares(odd: OddJenkins, *names: str, cells: tuple[str, ...] | None = None, **kinds: str) -> None:
    """Have the job declare text parameters by name, and others by their kind."""
    given = dict.fromkeys(names, "String") | kinds
    parameters = [MARK, *({"name": name, "type": f"{kind}ParameterDefinition"} for name, kind in given.items())]
    matrix = {} if cells is None else {"activeConfigurations": [{"name": cell} for cell in cells]}
    odd.says("/job/moby/api/json", {"name": "moby", "property": [{}, {"parameterDefinitions": parameters}], **matrix})


def bare(odd: OddJenkins) -> None:
    odd.says("/job/moby/api/json", {"name": "moby", "property": []})


def sent(odd: OddJenkins) -> dict[str, str]:
    """Tell what the one POST held."""
    [post] = [each for each in odd.asked if each.method == "POST"]
    return {name: value for name, [value] in parse_qs(post.body, keep_blank_values=True).items()}


def order(*cells: str, model: BuildRef | None = None, **parameters: str) -> Order:
    return Order(JOB, parameters, "k7f2", model=model, cells=cells)


# Cells


async def test_cells_go_into_the_configured_parameter_by_their_whole_names(odd: OddJenkins) -> None:
    declares(odd, "ONLY", cells=CELLS, COMBOS="MatrixCombinations")
    queued = await odd.adapter(parameters=ParameterNames(cells="ONLY")).trigger(order("FS=aufs"))
    assert sent(odd) == {"GORDON_REQUEST_ID": "k7f2", "ONLY": "ARCH=amd64,FS=aufs ARCH=arm64,FS=aufs"}
    assert queued.notes == ()


async def test_cells_go_into_the_matrix_combinations_parameter_as_a_filter(odd: OddJenkins) -> None:
    declares(odd, "PR", cells=CELLS, COMBOS="MatrixCombinations")
    queued = await odd.adapter().trigger(order("ARCH=arm64", "FS=zfs", PR="7"))
    assert sent(odd) == {
        "GORDON_REQUEST_ID": "k7f2",
        "PR": "7",
        "COMBOS": "(ARCH == 'amd64' && FS == 'zfs') || (ARCH == 'arm64' && FS == 'aufs')",
    }
    assert queued.notes == ()


VERSIONS = [
    pytest.param("1.0.9", True, id="which heeded nothing"),
    pytest.param("1.1.0", False, id="the first that does"),
    pytest.param("1.3.3", False, id="of today"),
    pytest.param("1.10.0", False, id="with a part of two digits"),
    pytest.param("1.0.10", True, id="an old one with a part of two digits"),
    pytest.param("1.1", False, id="of fewer parts"),
    pytest.param("1.0.9-SNAPSHOT", True, id="with a word behind it"),
    pytest.param("23.v0f3a", False, id="numbered by commits"),
]


@pytest.mark.parametrize(("version", "is_old"), VERSIONS)
async def test_an_old_matrix_combinations_parameter_chooses_no_cells_and_that_is_said(
    odd: OddJenkins, version: str, is_old: bool
) -> None:
    declares(odd, cells=CELLS, COMBOS="MatrixCombinations")
    plugin = {"shortName": "matrix-combinations-parameter", "longName": "x", "version": version, "active": True}
    odd.says("/pluginManager/api/json", {"plugins": [plugin]})
    queued = await odd.adapter().trigger(order("FS=zfs"))
    old = f"all cells are built: matrix-combinations-parameter {version} of Jenkins ci is too old to choose them"
    assert (queued.notes, "COMBOS" in sent(odd)) == (((old,), False) if is_old else ((), True))


WHOLE = [
    pytest.param(CELLS, {}, id="no parameter for them"),
    pytest.param(("my-axis=a", "my-axis=b"), {"COMBOS": "MatrixCombinations"}, id="an axis that no filter can name"),
]


@pytest.mark.parametrize(("cells", "kinds"), WHOLE)
async def test_a_job_that_has_no_way_to_choose_builds_all_cells_and_that_is_said(
    odd: OddJenkins, cells: tuple[str, ...], kinds: dict[str, str]
) -> None:
    """(J13) Naginator's retry would build all as well, as its source says."""
    declares(odd, cells=cells, **kinds)
    queued = await odd.adapter().trigger(order(cells[1]))
    assert queued.notes == ("all cells are built: moby has no way to choose them",)
    assert sent(odd) == {"GORDON_REQUEST_ID": "k7f2"}


async def test_cells_of_what_is_no_matrix_are_an_error_unless_the_job_says_that_it_takes_them(odd: OddJenkins) -> None:
    declares(odd, "ONLY")
    with pytest.raises(UserError, match="moby is no matrix, so it has no cells to choose"):
        await odd.adapter().trigger(order("FS=aufs"))
    await odd.adapter(parameters=ParameterNames(cells="ONLY")).trigger(order("FS=aufs"))
    assert sent(odd)["ONLY"] == "FS=aufs"


async def test_an_unknown_cell_is_told_before_anything_is_sent(odd: OddJenkins) -> None:
    declares(odd, cells=CELLS)
    for ask in (odd.adapter().trigger, odd.adapter().takes):
        with pytest.raises(UserError, match="FS of moby is one of aufs, zfs; not 'xfs'"):
            await ask(order("FS=xfs"))
    assert odd.paths("POST") == []


# Nodes


async def test_a_job_that_declares_no_node_says_that_it_cannot_choose(odd: OddJenkins) -> None:
    names = ParameterNames(node="NODE")
    declares(odd, "PR")
    with pytest.raises(UserError, match="moby cannot choose its node: it does not declare NODE"):
        await odd.adapter(parameters=names).trigger(order(NODE="arm-7"))
    declares(odd, "NODE")
    await odd.adapter(parameters=names).trigger(order(NODE="arm-7"))
    assert sent(odd)["NODE"] == "arm-7"


async def test_facts_that_have_no_name_are_not_sent(odd: OddJenkins) -> None:
    declares(odd, "PR")
    await odd.adapter(parameters=ParameterNames(request_id="", sha="")).trigger(order(PR="7"))
    assert sent(odd) == {"PR": "7"}


# Copies


ASKED = [
    {"parameters": [{"name": "ARCH", "value": "arm64"}, {"name": "FAST", "value": True}]},
    {},
    {"parameters": [{"name": "GORDON_REQUEST_ID", "value": "old"}, {"name": "GONE", "value": "x"}]},
]


async def test_a_copy_has_the_parameters_of_its_model_and_a_mark_of_its_own(odd: OddJenkins) -> None:
    declares(odd, "ARCH", FAST="Boolean")
    odd.says("/job/moby/12/api/json", {"actions": [None, *ASKED]})
    adapter, model = odd.adapter(), BuildRef(JOB, 12)
    parameters = await adapter.model(model)
    assert parameters == {"ARCH": "arm64", "FAST": "true"}
    await adapter.trigger(order(model=model, **parameters))
    assert sent(odd) == {"ARCH": "arm64", "FAST": "true", "GORDON_REQUEST_ID": "k7f2"}


async def test_a_model_that_is_gone_or_holds_a_secret_is_no_model(odd: OddJenkins) -> None:
    declares(odd, "ARCH")
    with pytest.raises(UserError, match="Jenkins ci has no build moby#12, or hides it from us"):
        await odd.adapter().model(BuildRef(JOB, 12))
    declares(odd, "ARCH", KEY="Password")
    odd.says("/job/moby/12/api/json", {"actions": ASKED})
    with pytest.raises(UserError, match="builds of moby cannot be repeated here: nobody can read again what KEY was"):
        await odd.adapter().model(BuildRef(JOB, 12))


# Branches


async def test_a_folder_is_not_built_as_that_would_only_look_for_branches(odd: OddJenkins) -> None:
    odd.says("/job/moby/api/json", {"name": "moby", "jobs": [{"name": "PR-7"}]})
    with pytest.raises(UserError, match=r"moby holds other jobs and builds nothing itself: name one of them"):
        await odd.adapter().trigger(order())
    assert odd.paths("POST") == []


@pytest.mark.parametrize("grows", [True, False], ids=["parameters since its first build", "parameters no more"])
async def test_a_branch_whose_parameters_changed_is_asked_in_the_other_way(odd: OddJenkins, grows: bool) -> None:
    """A branch has no parameters before its first build has read its Jenkinsfile; the 400 says that nothing began."""
    before, after = (WITHOUT, WITH) if grows else (WITH, WITHOUT)
    (bare if grows else declares)(odd)
    adapter = odd.adapter()
    await adapter.takes(order())
    odd.says(before, "moby is (not) parameterized", 400, "POST")
    (declares if grows else bare)(odd)
    assert (await adapter.trigger(order())).id == 7
    assert odd.paths("POST") == [before, after]


async def test_a_job_that_answers_400_for_another_reason_is_asked_once(odd: OddJenkins) -> None:
    bare(odd)
    odd.says(WITHOUT, "", 400, "POST")
    with pytest.raises(UserError, match="nothing was queued"):
        await odd.adapter().trigger(order())
    assert odd.paths("POST") == [WITHOUT]


# Answers


PAGE = {"Location": "http://127.0.0.1/job/moby/"}
MEANINGS: list[Any] = [
    pytest.param(303, PLACE, None, "7", id="J1 303 an equal one waits already"),
    pytest.param(302, PAGE, Refused, "queued nothing", id="J2 302 a veto"),
    pytest.param(303, PAGE, Refused, "queued nothing", id="J2 303 to anywhere else"),
    pytest.param(302, PLACE, Refused, "queued nothing", id="J2 302 whatever it points at"),
    pytest.param(201, {}, Unavailable, "does not tell the queue item", id="J6 201 that may have counted"),
    pytest.param(204, {}, Refused, "answers 204", id="204"),
    pytest.param(403, {}, Refused, "we may not", id="J15 403 no right, or a wrong trigger token"),
    pytest.param(404, {}, UserError, "no job moby on Jenkins ci, or it is hidden from us", id="J15 404 of its own"),
    pytest.param(405, {"Allow": "POST"}, Refused, "got no POST", id="J20 405 a POST that arrived as GET"),
    pytest.param(409, {}, UserError, "is disabled, as that of a closed pull request is", id="409 disabled"),
    pytest.param(413, {}, Refused, "answers 413", id="413"),
    pytest.param(500, {}, Refused, "failed at starting moby", id="J5 500 is told and never sent again"),
    pytest.param(503, {}, Unavailable, "does not answer", id="J15 503 while it starts"),
]


@pytest.mark.parametrize(("status", "headers", "error", "words"), MEANINGS)
@pytest.mark.parametrize("path", [WITH, WITHOUT])
async def test_each_answer_to_a_start_is_told_for_what_it_is(
    odd: OddJenkins, path: str, status: int, headers: dict[str, str], error: type[GordonError] | None, words: str
) -> None:
    """J1, J2, J5, J6, J15, J20."""
    (declares if path == WITH else bare)(odd)
    odd.says(path, "", status, "POST", headers=headers)
    if error is None:
        assert (await odd.adapter().trigger(order())).id == int(words)
    else:
        with pytest.raises(error, match=words):
            await odd.adapter().trigger(order())
    assert odd.paths("POST") == [path]


# Going down


QUIET = [
    pytest.param({"quietingDown": False}, 200, (), id="not at all"),
    pytest.param(
        {"quietingDown": True, "quietDownReason": "new disks\r\n"},
        200,
        ("Jenkins ci is about to shut down (new disks): it starts nothing until then",),
        id="with a reason",
    ),
    pytest.param(
        {"quietingDown": True, "quietDownReason": None},
        200,
        ("Jenkins ci is about to shut down: it starts nothing until then",),
        id="without",
    ),
    pytest.param("", 503, (), id="a question that fails"),
    pytest.param("<html>", 200, (), id="a question that is answered by nonsense"),
]


@pytest.mark.parametrize(("told", "status", "notes"), QUIET)
async def test_what_is_queued_at_a_jenkins_about_to_shut_down_says_so(
    odd: OddJenkins, told: object, status: int, notes: tuple[str, ...]
) -> None:
    """(J27) It answers 201 all the same; the build is queued whatever comes of the question."""
    declares(odd)
    odd.says("/api/json", told, status)
    queued = await odd.adapter().trigger(order())
    assert (queued.id, queued.notes) == (7, notes)
