"""What plugins tell of builds, read: test reports and stages."""

from typing import Any

import pytest

from bot.adapters.jenkins_reports import MAX_DETAILS, MAX_FAILURES, read_counts, read_report, read_stages
from bot.adapters.jenkins_wire import Unreadable, one_line
from bot.values import FailedTest, PipelineStage, StageState, TestReport


def case(status: object = "FAILED", **changes: Any) -> dict[str, Any]:
    return {"className": "pkg.Suite", "name": "works", "status": status, "age": 3, "failedSince": 40, **changes}


def report(*cases: object, **changes: Any) -> dict[str, Any]:
    return {"failCount": 1, "passCount": 904, "skipCount": 5, "suites": [{"cases": list(cases)}], **changes}


def test_a_report_tells_what_failed_since_when() -> None:
    cases = [
        case("PASSED"),
        case(errorDetails="expected 3\r\n  got 4"),
        case("REGRESSION", name="holds", age=1, failedSince=42),
        case("FIXED"),
        case("SKIPPED"),
    ]
    assert read_report(report(*cases), 42) == TestReport(
        1,
        904,
        5,
        (
            FailedTest("pkg.Suite.works", "expected 3 got 4", age=3, since=40),
            FailedTest("pkg.Suite.holds", age=1, since=42),
        ),
    )


HOSTILE = [
    pytest.param(case(name="a\nb\x1b[31m\u202ec"), FailedTest("pkg.Suite.a b [31m\u202ec", "", 3, 40), id="controls"),
    pytest.param(case(name="", className="C"), FailedTest("C", "", 3, 40), id="no name"),
    pytest.param(case(age="3", failedSince=-1), FailedTest("pkg.Suite.works"), id="nonsense for numbers"),
    pytest.param(case(errorDetails=["x"]), FailedTest("pkg.Suite.works", "", 3, 40), id="nonsense for details"),
]


@pytest.mark.parametrize(("raw", "failure"), HOSTILE)
def test_what_a_test_says_of_itself_becomes_one_line(raw: dict[str, Any], failure: FailedTest) -> None:
    """(J29)"""
    assert read_report(report(raw), 42).failures == (failure,)


def test_details_are_cut() -> None:
    [failure] = read_report(report(case(errorDetails="x" * 1_000_000)), 42).failures
    assert len(failure.details) == MAX_DETAILS
    assert failure.details.endswith("x…")


def test_of_very_many_failures_all_are_counted_and_some_told() -> None:
    found = read_report(report(*[case()] * 3000, failCount=3000), 42)
    assert (found.failed, len(found.failures)) == (3000, MAX_FAILURES)


def cell(name: str, number: int, result: object) -> dict[str, Any]:
    return {"child": {"number": number, "url": f"http://x/job/m/{name}/{number}/"}, "result": result}


def test_the_report_of_a_matrix_names_the_cell() -> None:
    raw = {
        "failCount": 1,
        "skipCount": 5,
        "totalCount": 911,
        "childReports": [
            cell("ARCH=arm64", 42, report(case())),
            cell("ARCH=amd64", 41, report(case(name="old"))),
            {"child": None, "result": report(case(name="whose"))},
            {},
        ],
    }
    assert read_report(raw, 42) == TestReport(1, 905, 5, (FailedTest("pkg.Suite.works", "", 3, 40, cell="ARCH=arm64"),))


def test_cells_are_summed_up_where_the_matrix_is_not_counted_itself() -> None:
    raw = {"childReports": [cell("A=1", 42, report()), cell("A=2", 42, report()), cell("A=3", 42, "gone")]}
    assert read_report(raw, 42) == TestReport(2, 1808, 10)


NO_REPORTS = [{}, {"suites": []}, {"failCount": 0}, {"failCount": "0", "passCount": 3}, {"childReports": [{}]}]


@pytest.mark.parametrize("raw", NO_REPORTS, ids=str)
def test_an_answer_without_counts_is_not_none_failed(raw: dict[str, Any]) -> None:
    """(J31)"""
    with pytest.raises(Unreadable):
        read_report(raw, 42)


def test_counts_are_read_from_a_build_itself() -> None:
    action = {"_class": "hudson.tasks.junit.TestResultAction", "failCount": 2, "skipCount": 5, "totalCount": 911}
    assert read_counts({"actions": [{}, None, {"failCount": None}, action]}) == TestReport(2, 904, 5)
    assert read_counts({"actions": [{}]}) is None


STATES = [
    ("NOT_EXECUTED", StageState.WAITING),
    ("IN_PROGRESS", StageState.RUNNING),
    ("PAUSED_PENDING_INPUT", StageState.PAUSED),
    ("SUCCESS", StageState.PASSED),
    ("UNSTABLE", StageState.UNSTABLE),
    ("FAILED", StageState.FAILED),
    ("ABORTED", StageState.ABORTED),
]


@pytest.mark.parametrize(("status", "state"), STATES)
def test_a_stage_is_in_a_state(status: str, state: StageState) -> None:
    stage = {"name": "Unit\ntests", "status": status, "durationMillis": 1500, "error": {"message": "exit\r\n1"}}
    assert read_stages({"stages": [stage]}) == [PipelineStage("Unit tests", state, 1.5, "exit 1")]


def test_a_stage_in_an_unknown_state_is_not_told_as_another() -> None:
    stages = [{"name": "a", "status": "DREAMING"}, {"name": "b"}, None, {"name": "c", "status": "SUCCESS", "error": 3}]
    assert [stage.name for stage in read_stages({"stages": stages})] == ["c"]


@pytest.mark.parametrize("raw", [{}, {"stages": {}}], ids=str)
def test_an_answer_without_stages_is_none_of_the_stage_view(raw: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_stages(raw)


LINES = [
    pytest.param(" a \t b\r\n", "a b", id="blanks"),
    pytest.param("a\x00\x07\x9b\u2028b", "a b", id="controls"),
    pytest.param("\ud800", "", id="half a character"),
    pytest.param("123456789", "1234567…", id="cut"),
    pytest.param("12345678", "12345678", id="just fits"),
    pytest.param(" " * 100, "", id="nothing but blanks"),
    pytest.param(None, "", id="nothing"),
]


@pytest.mark.parametrize(("text", "line"), LINES)
def test_what_anybody_wrote_is_one_line(text: object, line: str) -> None:
    assert one_line(text, 8) == line
