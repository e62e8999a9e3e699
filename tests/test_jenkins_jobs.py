"""What jobs declare: the cells that somebody may choose, copies of builds, and what a build runs with instead."""

import pytest

from bot.adapters.jenkins_cells import as_filter, choose_cells
from bot.adapters.jenkins_jobs import (
    MAX_VALUE_BYTES,
    Definition,
    JobFacts,
    choose_parameters,
    copied,
    differences,
    read_job,
)
from bot.errors import UserError
from bot.values import JobRef

JOB = JobRef("ci", "moby")
CELLS = ("ARCH=amd64,FS=aufs", "ARCH=amd64,FS=zfs", "ARCH=arm64,FS=aufs")

CHOSEN = [
    pytest.param(["ARCH=amd64,FS=zfs"], ["ARCH=amd64,FS=zfs"], id="a whole cell"),
    pytest.param(["FS=zfs,ARCH=amd64"], ["ARCH=amd64,FS=zfs"], id="in another order"),
    pytest.param(["FS=aufs"], ["ARCH=amd64,FS=aufs", "ARCH=arm64,FS=aufs"], id="all that contain it"),
    pytest.param(["ARCH=arm64", "FS=aufs"], ["ARCH=amd64,FS=aufs", "ARCH=arm64,FS=aufs"], id="each only once"),
]


@pytest.mark.parametrize(("wanted", "chosen"), CHOSEN)
def test_cells_are_chosen_whole_or_by_part_of_their_name(wanted: list[str], chosen: list[str]) -> None:
    assert list(choose_cells(JOB, CELLS, wanted)) == chosen


NO_CELLS = [
    pytest.param("FSS=aufs", r"no axis 'FSS'; it has ARCH, FS \(did you mean FS\?\)", id="unknown axis"),
    pytest.param("FS=auf", r"FS of moby is one of aufs, zfs; not 'auf' \(did you mean aufs\?\)", id="unknown value"),
    pytest.param("ARCH=arm64,FS=zfs", "no cell of moby has ARCH=arm64,FS=zfs; it has ARCH=amd64,FS=aufs, ", id="none"),
    pytest.param("aufs", "'aufs' is no cell: write AXIS=value", id="no axis named"),
    pytest.param("FS=aufs,", "'FS=aufs,' is no cell", id="half a cell"),
    pytest.param("", "'' is no cell", id="nothing"),
]


@pytest.mark.parametrize(("wanted", "words"), NO_CELLS)
def test_what_is_no_cell_is_told_with_what_there_is(wanted: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        choose_cells(JOB, CELLS, [wanted])


def test_a_matrix_without_axes_has_its_one_cell() -> None:
    assert choose_cells(JOB, ("default",), ["default"]) == ("default",)
    with pytest.raises(UserError, match="moby has no axes, so not 'FS' either"):
        choose_cells(JOB, ("default",), ["FS=aufs"])


FILTERS = [
    pytest.param(["A=x"], "(A == 'x')", id="one"),
    pytest.param(["A=x,B=y", "A=z,B=y"], "(A == 'x' && B == 'y') || (A == 'z' && B == 'y')", id="two"),
    pytest.param([r"A=it's\n"], r"(A == 'it\'s\\n')", id="quotes"),
    pytest.param(["A=x' || true || '"], r"(A == 'x\' || true || \'')", id="no way out of the quotes"),
    pytest.param(["my-axis=x"], None, id="an axis that is no variable"),
    pytest.param(["in=x"], None, id="an axis that Groovy keeps for itself"),
    pytest.param(["default"], None, id="no axes"),
]


@pytest.mark.parametrize(("cells", "told"), FILTERS)
def test_cells_are_spelled_as_a_filter_where_groovy_can_say_it(cells: list[str], told: str | None) -> None:
    """An empty filter would build all cells, and one that Groovy cannot read makes the build fail later."""
    assert as_filter(cells) == told


def facts(*definitions: Definition) -> JobFacts:
    return JobFacts("moby", True, True, {each.name: each for each in definitions})


DECLARED = facts(
    Definition("ARCH", "Choice", ("amd64", "arm64")),
    Definition("FAST", "Boolean"),
    Definition("NOTE"),
    Definition("SECRET", "Password"),
    Definition("WHERE", "NodeParameter"),
)
DIFFERENT = [
    pytest.param({"ARCH": "arm64"}, {"ARCH": "amd64"}, ["runs with ARCH=amd64, not arm64"], id="another value"),
    pytest.param({"ARCH": "arm64"}, {}, ["runs without ARCH"], id="not there at all"),
    pytest.param({"NOTE": " a "}, {"NOTE": "a"}, [], id="trimmed"),
    pytest.param({"NOTE": "x"}, {"NOTE": ""}, ["runs with NOTE=nothing, not x"], id="emptied"),
    pytest.param({"FAST": "TRUE"}, {"FAST": "true"}, [], id="a boolean in Jenkins' words"),
    pytest.param({"FAST": "true"}, {"FAST": "false"}, ["runs with FAST=false, not true"], id="the other boolean"),
    pytest.param({"SECRET": "x"}, {}, [], id="a password is not told again"),
    pytest.param({"WHERE": "x"}, {"WHERE": "y"}, [], id="nor what a plugin makes of its own kind"),
    pytest.param({"ARCH": "arm64"}, {"ARCH": "arm64", "MORE": "1"}, [], id="what nobody sent"),
    pytest.param({"GONE": "1"}, {}, ["runs without GONE"], id="what the job does not declare, and so has dropped"),
    pytest.param(
        {"NOTE": "a"},
        {"NOTE": "b\r\nQUIT" + "c" * 99},
        [f"runs with NOTE=b QUIT{'c' * 53}…, not a"],
        id="J29 one short line",
    ),
]


@pytest.mark.parametrize(("sent", "runs", "told"), DIFFERENT)
def test_what_a_build_runs_with_is_held_against_what_was_sent(
    sent: dict[str, str], runs: dict[str, str], told: list[str]
) -> None:
    """(J4) Jenkins drops unknown names, and may change values on the way."""
    assert list(differences(DECLARED, sent, runs)) == told


COPIED = [
    pytest.param([{"name": "ARCH", "value": "arm64"}], {"ARCH": "arm64"}, id="a text"),
    pytest.param([{"name": "FAST", "value": True}], {"FAST": "true"}, id="a boolean"),
    pytest.param([{"name": "GONE", "value": "x"}], {}, id="not declared any more"),
    pytest.param([{"name": "RUN", "jobName": "infra/base", "number": "7"}], {"RUN": "infra/base#7"}, id="a run"),
    pytest.param([{"name": "CELLS"}], {}, id="cells, which are chosen anew"),
    pytest.param([], {}, id="nothing"),
]


@pytest.mark.parametrize(("parameters", "values"), COPIED)
def test_a_copy_gets_what_the_build_had_and_its_job_still_declares(
    parameters: list[dict[str, object]], values: dict[str, str]
) -> None:
    open_job = facts(
        Definition("ARCH"),
        Definition("FAST", "Boolean"),
        Definition("RUN", "Run"),
        Definition("CELLS", "MatrixCombinations"),
    )
    assert copied(JOB, open_job, parameters) == values


NO_COPIES = [
    pytest.param(Definition("KEY", "Password"), "nobody can read again what KEY was", id="password"),
    pytest.param(Definition("KEY", "Credentials"), "nobody can read again what KEY was", id="credentials"),
    pytest.param(Definition("KEY", "File"), "nobody can read again what KEY was", id="file"),
    pytest.param(
        Definition("KEY", "Odd"), r"does not tell what KEY was \(Odd parameter\)", id="a kind without a value"
    ),
]


@pytest.mark.parametrize(("definition", "words"), NO_COPIES)
def test_a_build_with_what_nobody_can_read_again_is_not_copied(definition: Definition, words: str) -> None:
    with pytest.raises(UserError, match=words):
        copied(JOB, facts(definition), [{"name": "KEY"}])


REFUSED = [
    pytest.param(Definition("KEY", "Password"), "x", "KEY of moby is a secret, and would be seen by", id="password"),
    pytest.param(Definition("KEY", "Credentials"), "x", "is a secret", id="credentials"),
    pytest.param(Definition("KEY", "File"), "x", "KEY of moby is a file, which cannot be given here", id="file"),
    pytest.param(Definition("KEY", "Run"), "infra/base", "KEY of moby is a build, written JOB#NUMBER", id="no run"),
    pytest.param(Definition("KEY", "Text"), "a\x07b", "without control characters", id="a bell in a text"),
    pytest.param(Definition("KEY"), "a\tb", "without control characters", id="a tab in one line"),
    pytest.param(
        Definition("KEY"), "x" * (MAX_VALUE_BYTES + 1), "KEY of moby is longer than 4096", id="A24 a byte more"
    ),
    pytest.param(Definition("KEY"), "\u00e9" * 2049, "is longer than 4096 bytes", id="A24 bytes, not characters"),
    pytest.param(Definition("KEY"), "x" * 1_000_000, "is longer than 4096 bytes", id="A24 a megabyte"),
]


@pytest.mark.parametrize(("definition", "value", "words"), REFUSED)
def test_what_cannot_be_given_in_chat_is_refused(definition: Definition, value: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        choose_parameters(JOB, facts(definition), {"KEY": value}, ())


TAKEN = [
    pytest.param(Definition("KEY", "Text"), "a\r\n\tb\nc", id="lines of a text, as a copy has them"),
    pytest.param(Definition("KEY", "Run"), "infra/base#7", id="a run"),
    pytest.param(Definition("KEY", "ValidatingString"), "x", id="a plugin's kind"),
    pytest.param(Definition("KEY", ""), "x", id="a kind that is not told"),
    pytest.param(Definition("KEY"), "x" * MAX_VALUE_BYTES, id="as long as one may be"),
]


@pytest.mark.parametrize(("definition", "value"), TAKEN)
def test_every_other_kind_takes_text_as_it_is(definition: Definition, value: str) -> None:
    assert choose_parameters(JOB, facts(definition), {"KEY": value}, ()) == {"KEY": value}


def test_a_matrix_tells_its_cells_and_a_folder_that_it_holds_jobs() -> None:
    matrix = read_job({"name": "m", "activeConfigurations": [{"name": "A=x"}, {}, None, {"name": 3}]})
    assert (matrix.cells, matrix.holds_jobs) == (("A=x",), False)
    folder = read_job({"name": "f", "jobs": []})
    assert (folder.cells, folder.holds_jobs) == (None, True)
