"""What Jenkins' plugins tell of a build: its test report and the stages of a Pipeline, read; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.adapters.jenkins_wire import Unreadable, number_of, objects, one_line, positive, read_cell, seconds, text_of
from bot.values import FailedTest, PipelineStage, StageState, TestReport

MAX_NAME = 300
MAX_DETAILS = 300
MAX_FAILURES = 500  # nobody reads more, and `failed` counts them all
MAX_STAGES = 500
MAX_REPORT_BYTES = 16 * 1024 * 1024  # some 100,000 tests; of a larger report only the counts are read

_COUNTS = "failCount,passCount,skipCount"
_CASES = "suites[cases[className,name,status,age,failedSince,errorDetails]]"
REPORT_TREE = f"{_COUNTS},totalCount,{_CASES},childReports[child[number,url],result[{_COUNTS},{_CASES}]]"
COUNTS_TREE = "actions[failCount,skipCount,totalCount]"

FAILED = frozenset({"FAILED", "REGRESSION"})  # a regression is a test that did not fail in the build before
# As the stage view plugin names them [StatusExt]; "FAILED" is not the "FAILURE" of builds.
STATES = {
    "NOT_EXECUTED": StageState.WAITING,
    "IN_PROGRESS": StageState.RUNNING,
    "PAUSED_PENDING_INPUT": StageState.PAUSED,
    "SUCCESS": StageState.PASSED,
    "UNSTABLE": StageState.UNSTABLE,
    "FAILED": StageState.FAILED,
    "ABORTED": StageState.ABORTED,
}


def read_report(raw: Mapping[str, Any], number: int) -> TestReport:
    """Read the test report of the build with this number; that of a matrix build has one for each cell.

    An answer without counts is no report: it must not become "0 failed".
    """
    cells = [each for each in objects(raw.get("childReports")) if _is_of(each, number)]
    counts = _counts(raw) or _sum([_counts(each.get("result")) for each in cells])
    if counts is None:
        raise Unreadable("no test report")
    named = [(each.get("result"), read_cell(_child(each).get("url"))) for each in cells]
    failures = [failure for report, cell in [(raw, ""), *named] for failure in _failures(report, cell)][:MAX_FAILURES]
    return TestReport(*counts, failures=tuple(failures))


def read_counts(raw: Mapping[str, Any]) -> TestReport | None:
    """Read the counts of a test report from its build's actions; None if it has none."""
    for action in objects(raw.get("actions")):
        if (counts := _counts(action)) is not None:
            return TestReport(*counts)
    return None


def read_stages(raw: Mapping[str, Any]) -> list[PipelineStage]:
    """Read the stages of a Pipeline build; one in a state that this plugin did not have is left out."""
    if not isinstance(raw.get("stages"), list):
        raise Unreadable("no stages")
    return list(_stages(raw["stages"]))


def _stages(raw: object) -> Iterator[PipelineStage]:
    for stage in list(objects(raw))[:MAX_STAGES]:
        state = STATES.get(text_of(stage.get("status")))
        if state is not None:
            error = stage.get("error")
            message = error.get("message") if isinstance(error, dict) else ""
            duration_s = seconds(stage.get("durationMillis")) or 0.0
            yield PipelineStage(
                one_line(stage.get("name"), MAX_NAME), state, duration_s, one_line(message, MAX_DETAILS)
            )


def _failures(report: object, cell: str) -> Iterator[FailedTest]:
    suites = report.get("suites") if isinstance(report, dict) else None
    for case in (case for suite in objects(suites) for case in objects(suite.get("cases"))):
        if text_of(case.get("status")) in FAILED:
            yield FailedTest(
                ".".join(filter(None, [one_line(case.get(key), MAX_NAME) for key in ("className", "name")])),
                details=one_line(case.get("errorDetails"), MAX_DETAILS),
                age=positive(case.get("age")) or 1,
                since=number_of(case, "failedSince"),
                cell=cell,
            )


def _counts(raw: object) -> tuple[int, int, int] | None:
    """Read how many failed, passed and were skipped; a matrix tells how many there are in all instead of the second."""
    if not isinstance(raw, dict):
        return None
    failed, passed, skipped, total = (_count(raw.get(f"{what}Count")) for what in ("fail", "pass", "skip", "total"))
    if failed is None or (passed is None and total is None):
        return None
    if passed is None:
        passed = max(0, (total or 0) - failed - (skipped or 0))
    return failed, passed, skipped or 0


def _sum(counts: list[tuple[int, int, int] | None]) -> tuple[int, int, int] | None:
    told = [each for each in counts if each is not None]
    return (sum(f for f, _, _ in told), sum(p for _, p, _ in told), sum(s for _, _, s in told)) if told else None


def _is_of(child_report: Mapping[str, Any], number: int) -> bool:
    """Tell whether a cell's report is of this build and not of an older one whose cell was kept."""
    return number_of(_child(child_report)) == number


def _child(child_report: Mapping[str, Any]) -> Mapping[str, Any]:
    child = child_report.get("child")
    return child if isinstance(child, dict) else {}


def _count(raw: object) -> int | None:
    return 0 if raw == 0 and type(raw) is int else positive(raw)
