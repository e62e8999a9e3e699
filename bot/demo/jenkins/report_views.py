"""The test reports of a Jenkins stand-in, in which each case is compared with the report before."""

from collections.abc import Callable, Sequence

from bot.demo.jenkins.matrix import MatrixJob, own_runs
from bot.demo.jenkins.model import Build
from bot.demo.jenkins.reports import Case
from bot.demo.jenkins.tree import Bean, Inline, Shown, bean

BuildView = Callable[[Build], Bean]


def has_report(build: Build, now_s: float) -> bool:
    """Tell whether there is a report; a build that was stopped never came to it."""
    if isinstance(build.job, MatrixJob):
        return any(has_report(run, now_s) for run in own_runs(build))
    return build.plan.tests is not None and not build.stopped_by and now_s >= build.steps_end_s


def report_action(build: Build, now_s: float) -> list[Bean]:
    """Show the counts among the actions of a build, if it has a report [TestResultAction]."""
    if not has_report(build, now_s):
        return []
    kind = "hudson.tasks.junit.TestResultAction"
    if isinstance(build.job, MatrixJob):
        kind = "hudson.tasks.test.MatrixTestResult"
    return [bean(kind, near=_counts(build, now_s))]


def _counts(build: Build, now_s: float) -> dict[str, Shown]:
    cases = _all_cases(build, now_s)
    return {
        "failCount": sum(case.outcome == "failed" for case in cases),
        "skipCount": sum(case.outcome == "skipped" for case in cases),
        "totalCount": len(cases),
        "urlName": "testReport",
    }


def _all_cases(build: Build, now_s: float) -> Sequence[Case]:
    if isinstance(build.job, MatrixJob):
        return [case for run in own_runs(build) if has_report(run, now_s) for case in _all_cases(run, now_s)]
    return build.plan.tests or ()


def report(build: Build, now_s: float, view: BuildView) -> Bean:
    """Show a report; that of a matrix build has one for each cell and no suites [AggregatedTestResultAction]."""
    if not isinstance(build.job, MatrixJob):
        return _result(build, now_s)
    reported = [run for run in own_runs(build) if has_report(run, now_s)]
    children = [bean("", always={"child": view(run), "result": _result(run, now_s)}) for run in reported]
    return bean("hudson.tasks.test.MatrixTestResult", plain={**_counts(build, now_s), "childReports": Inline(children)})


def _result(build: Build, now_s: float) -> Bean:
    cases = build.plan.tests or ()
    failed = sum(case.outcome == "failed" for case in cases)
    skipped = sum(case.outcome == "skipped" for case in cases)
    suites = dict.fromkeys((case.suite, case.stage) for case in cases)
    return bean(
        "hudson.tasks.junit.TestResult",
        always={
            "duration": sum(case.duration_s for case in cases),
            "empty": not cases,
            "failCount": failed,
            "passCount": len(cases) - failed - skipped,
            "skipCount": skipped,
            "suites": [_suite(build, suite, stage, now_s) for suite, stage in suites],
        },
    )


def _suite(build: Build, suite: str, stage: str, now_s: float) -> Bean:
    cases = [case for case in build.plan.tests or () if (case.suite, case.stage) == (suite, stage)]
    return bean(
        "",
        always={
            "cases": [_case(build, case, now_s) for case in cases],
            "duration": sum(case.duration_s for case in cases),
            "enclosingBlockNames": [stage] if stage else [],
            "enclosingBlocks": ["6"] if stage else [],
            "id": None,
            "name": suite,
            "nodeId": "7" if stage else None,
            "stderr": None,
            "stdout": None,
            "timestamp": None,
        },
    )


def _case(build: Build, case: Case, now_s: float) -> Bean:
    since = _failed_since(build, case, now_s)
    failed = case.outcome == "failed"
    return bean(
        "",
        always={
            "age": 0 if case.outcome == "passed" else build.number - since + 1,
            "className": case.class_name,
            "duration": case.duration_s,
            "errorDetails": case.details if failed else None,
            "errorStackTrace": case.trace if failed else None,
            "failedSince": since,
            "name": case.name,
            "skipped": case.outcome == "skipped",
            "skippedMessage": case.details or None if case.outcome == "skipped" else None,
            "status": _status(build, case, now_s),
            "stderr": None,
            "stdout": case.stdout or None,
        },
    )


def _previous(build: Build, case: Case, now_s: float) -> tuple[Build, Case] | None:
    """Find the case in the newest earlier build that has a report; if it is not in there, it has no past."""
    builds = reversed(build.job.builds.values())
    before = next((each for each in builds if each.number < build.number and has_report(each, now_s)), None)
    if before is None:
        return None
    name = (case.suite, case.class_name, case.name)
    found = (each for each in before.plan.tests or () if (each.suite, each.class_name, each.name) == name)
    return next(((before, each) for each in found), None)


def _failed_since(build: Build, case: Case, now_s: float) -> int:
    """Tell the first build of the row of failures; 0 is none [CaseResult.recomputeFailedSinceIfNeeded]."""
    if case.outcome != "failed":
        return 0
    since = build
    while (previous := _previous(since, case, now_s)) is not None and previous[1].outcome == "failed":
        since = previous[0]
    return since.number


def _status(build: Build, case: Case, now_s: float) -> str:
    if case.outcome == "skipped":
        return "SKIPPED"
    previous = _previous(build, case, now_s)
    if case.outcome == "passed":
        return "FIXED" if previous is not None and previous[1].outcome != "passed" else "PASSED"
    return "REGRESSION" if previous is not None and previous[1].outcome == "passed" else "FAILED"
