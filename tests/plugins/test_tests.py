"""What tests came to, in words: no report is not "none failed" (J31), and a name is whoever's who wrote it (J29)."""

import pytest

from bot.values import BuildRef, FailedTest, JobRef, TestReport
from plugins.status import MAX_NAME_BYTES, MAX_SHOWN, failure, outcome

BUILD = BuildRef(JobRef("ci", "docker-prs"), 12)
NEW, OLD = FailedTest("pkg.T.x"), FailedTest("pkg.T.y", age=4, since=38)


@pytest.mark.parametrize(
    ("report", "text"),
    [
        pytest.param(TestReport(0, 0, 0), "its report has no tests", id="J31-empty-report"),
        pytest.param(TestReport(0, 911, 0), "911 tests: 911 passed", id="all-passed"),
        pytest.param(TestReport(0, 906, 5), "911 tests: 906 passed, 5 skipped", id="some-skipped"),
        pytest.param(TestReport(0, 1, 0), "1 test: 1 passed", id="one"),
        pytest.param(TestReport(0, 0, 3), "3 tests: 0 passed, 3 skipped", id="all-skipped"),
        pytest.param(
            TestReport(2, 904, 5, (OLD, NEW)),
            "911 tests: 2 failed, 5 skipped: pkg.T.x (new), pkg.T.y (failing in 4 builds, since #38)",
            id="failed-the-new-ones-first",
        ),
        pytest.param(TestReport(2, 904, 5), "911 tests: 2 failed, 5 skipped", id="counts-alone"),
        pytest.param(
            TestReport(30, 0, 0, tuple(FailedTest(f"t{n}") for n in range(MAX_SHOWN))),
            f"30 tests: 30 failed: {', '.join(f't{n} (new)' for n in range(MAX_SHOWN))} and 22 more",
            id="capped-at-what-there-is",
        ),
    ],
)
def test_what_tests_came_to(report: TestReport, text: str) -> None:
    said = outcome(BUILD, report)
    assert said == f"docker-prs#12: {text}"
    assert "0 failed" not in said or "30 failed" in said


@pytest.mark.parametrize(
    ("test", "text"),
    [
        pytest.param(FailedTest("t"), "t (new)", id="new"),
        pytest.param(FailedTest("t", age=0), "t (new)", id="age-unknown"),
        pytest.param(FailedTest("t", age=3), "t (failing in 3 builds)", id="since-unknown"),
        pytest.param(FailedTest("t", cell="ARCH=arm64"), "t (ARCH=arm64, new)", id="in-a-cell"),
        pytest.param(FailedTest("x" * 500), f"{'x' * (MAX_NAME_BYTES - 3)}... (new)", id="J29-endless-name"),
    ],
)
def test_a_test_that_failed(test: FailedTest, text: str) -> None:
    assert failure(test) == text
