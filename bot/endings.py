"""What the server of a build, and its test report, say beside its log: pure, so that each case is a row of a table."""

from collections.abc import Sequence
from dataclasses import replace

from bot.diagnosis.failed_names import distinct
from bot.diagnosis.fingerprint import fingerprint
from bot.events import BuildFinished
from bot.facts import Diagnosis, FailureClass, Kind
from bot.values import Result, TestReport
from bot.wording import BECAUSE, CANCELLED_BY, CANCELLED_HERE

TELLING = (Result.FAILURE, Result.UNSTABLE, Result.ABORTED)  # of these the log says why
CANCELLED = "cancelled in the queue"  # as bot/follow.py notes it
STOPPED = (Kind.ABORTED, Kind.TIMEOUT, Kind.AGENT_LOST)  # why a build is aborted, as a log tells it
MAX_TESTS = 500


def untold(end: BuildFinished, unread: str = "") -> Diagnosis:
    """Tell what is known of a build without its log.

    Arguments:
        unread: why that could not be read, where it was wanted.
    """
    return of_result(end.result, end.note, unread)


def of_result(result: Result | None, note: str = "", unread: str = "") -> Diagnosis:
    """Tell what a result and the note of what befell the build say by themselves."""
    if result is Result.SUCCESS:
        return Diagnosis(Kind.PASSED, FailureClass.SUCCESS, retry=False, confidence=1.0)
    if result is Result.ABORTED or (result is None and note.startswith(CANCELLED)):
        why = note or "its server says that it was aborted"
        return Diagnosis(
            Kind.ABORTED, FailureClass.ABORTED, retry=False, why=why, confidence=1.0, unread=unread if result else ""
        )
    return Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN, why=note, unread=unread or ("" if result else note))


def overruled(told: Diagnosis, result: Result | None, note: str = "") -> Diagnosis:
    """Put what the server says above what a log only looks like: who stops a build leaves errors in its log."""
    if result is not Result.ABORTED or told.kind in STOPPED:
        return told
    of_server = of_result(result, note)
    return replace(
        told,
        kind=of_server.kind,
        failure_class=of_server.failure_class,
        cause="",
        retry=False,
        why=of_server.why,
        confidence=of_server.confidence,
        failed_tests=(),
        fingerprint="",
    )


def cancelled(told: Diagnosis, by: str) -> Diagnosis:
    """Put above what a log says of an abortion who has asked for it here, or what it was for.

    Arguments:
        by: as the build's row has it; empty for neither.
    """
    why = CANCELLED_HERE + by if by.startswith(BECAUSE) else CANCELLED_BY + by
    return replace(told, why=why) if by and told.kind is Kind.ABORTED else told


def wants_report(told: Diagnosis, result: Result | None) -> bool:
    """Tell whether the test report of a build may say more than its log does."""
    if result is Result.UNSTABLE:
        return True
    is_silent = told.failure_class in (FailureClass.UNKNOWN, FailureClass.TEST_FAILURE, FailureClass.TEST_FLAKE)
    return result is Result.FAILURE and is_silent and not told.failed_tests


def with_report(told: Diagnosis, names: Sequence[str]) -> Diagnosis:
    """Put the failed tests of a report first; where the log says nothing they are why the build is bad.

    Arguments:
        names: without secrets.
    """
    if not names:
        return told
    tests = distinct((*names, *told.failed_tests))[:MAX_TESTS]
    if told.failure_class is not FailureClass.UNKNOWN:
        return replace(told, failed_tests=tests)
    of_class = FailureClass.TEST_FAILURE
    return replace(
        told,
        kind=Kind.NEW_FAILURE,
        failure_class=of_class,
        retry=False,
        why="a test failed and is not known as a flake",
        confidence=0.9,
        failed_tests=tests,
        fingerprint=fingerprint(of_class, b"", tests[0]),
    )


def names_in(report: TestReport | None, cell: str = "") -> tuple[str, ...]:
    """List the failed tests of a report; of a matrix build those of one cell, if one is named."""
    failures = report.failures if report else ()
    return tuple(dict.fromkeys(one.name for one in failures if not cell or one.cell in ("", cell)))


def telling_most(told: Sequence[Diagnosis]) -> Diagnosis:
    """Choose which of the cells' diagnoses stands for their build: one that no other try helps before one that does."""
    return max(told, key=lambda one: (one.retry is not True, not one.unread, one.confidence))
