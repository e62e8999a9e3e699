"""How the end of a build is told to the forge."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.events import BuildDiagnosed, BuildFinished
from bot.facts import Diagnosis, Fact, FailureClass, Kind
from bot.values import BuildRef, JobRef, PullRef, Result, StatusState
from bot.wording import BECAUSE, CANCELLED_BY, CANCELLED_HERE
from plugins.statuses.words import ending, judged

SHA, OTHER = "3f2c1ab9" * 5, "77aa0011" * 5
SUPERSEDED = f"{CANCELLED_HERE}{BECAUSE}superseded"


def finished(result: Result | None, number: int = 5513, **more: Any) -> BuildFinished:
    given: dict[str, Any] = {"duration_s": 1080.0, "node": "dm-7", "asks": (), "url": "https://ci/5513"} | more
    return BuildFinished(
        key="k",
        lane="l",
        at=datetime(2026, 1, 2, tzinfo=UTC),
        request_id="r1",
        context="janky",
        job=JobRef("ci", "docker-prs"),
        pull=PullRef("moby/moby", 7),
        sha=SHA,
        number=number,
        result=result,
        **given,
    )


@pytest.mark.parametrize(
    ("event", "state", "words"),
    [
        pytest.param(finished(Result.SUCCESS), StatusState.SUCCESS, "passed after 18m on dm-7", id="passed"),
        pytest.param(finished(Result.SUCCESS, node=""), StatusState.SUCCESS, "passed after 18m", id="no-node-known"),
        pytest.param(finished(Result.FAILURE), StatusState.FAILURE, "failed after 18m on dm-7", id="failed"),
        pytest.param(finished(Result.UNSTABLE), StatusState.FAILURE, "unstable after 18m on dm-7", id="unstable"),
        pytest.param(finished(Result.NOT_BUILT), StatusState.ERROR, "was not built on dm-7", id="not-built"),
        pytest.param(
            finished(Result.ABORTED, note="by tianon"),
            StatusState.ERROR,
            "was aborted after 18m on dm-7 (by tianon)",
            id="aborted",
        ),
        pytest.param(
            finished(None, note="Jenkins no longer knows it"),
            StatusState.ERROR,
            "#5513 was gone before anybody saw its result (Jenkins no longer knows it)",
            id="gone",
        ),
        pytest.param(
            finished(None, 0, note="cancelled in the queue"),
            StatusState.ERROR,
            "never left the queue (cancelled in the queue)",
            id="cancelled-in-the-queue",
        ),
        pytest.param(
            finished(Result.SUCCESS, built=OTHER),
            StatusState.ERROR,
            "#5513 built another commit, 77aa001",
            id="J25-another-commit-that-passed",
        ),
    ],
)
def test_an_end_is_told_as_what_it_says_of_the_commit(event: BuildFinished, state: StatusState, words: str) -> None:
    assert ending(event) == (state, words)


def diagnosed(told: Diagnosis, result: Result = Result.FAILURE, **more: Any) -> BuildDiagnosed:
    end = finished(result, **more)
    of = {name: getattr(end, name) for name in ("lane", "at", "request_id", "context", "job", "pull", "sha")}
    fact = Fact(1, "r1", BuildRef(end.job, end.number), "", "janky", result, told)
    return BuildDiagnosed(key="d", end=end, fact=fact, **of)


INFRA = Diagnosis(Kind.KNOWN_INFRA, FailureClass.DOCKER_DAEMON, "dm-init-rootfs", retry=True)
TESTS = Diagnosis(Kind.NEW_FAILURE, FailureClass.TEST_FAILURE, "go-test", failed_tests=("TestRun", "TestPs"))


@pytest.mark.parametrize(
    ("event", "dropped", "words"),
    [
        pytest.param(diagnosed(INFRA), "", "dm-init-rootfs: failed after 18m on dm-7", id="known-trouble"),
        pytest.param(
            diagnosed(INFRA),
            "it was tried 3 times",
            "dm-init-rootfs: failed after 18m on dm-7, not retried: it was tried 3 times",
            id="known-trouble-once-too-often",
        ),
        pytest.param(diagnosed(TESTS), "", "TestRun and 1 more: failed after 18m on dm-7", id="tests"),
        pytest.param(
            diagnosed(Diagnosis(Kind.COMPILE_ERROR, FailureClass.COMPILE_ERROR, "go-build")),
            "",
            "compile error: failed after 18m on dm-7",
            id="compile-error",
        ),
        pytest.param(
            diagnosed(Diagnosis(Kind.AGENT_LOST, FailureClass.AGENT_LOST, "agent-closed-channel")),
            "",
            "agent-closed-channel: failed after 18m on dm-7",
            id="agent-lost",
        ),
        pytest.param(
            diagnosed(Diagnosis(Kind.TIMEOUT, FailureClass.TIMEOUT), Result.UNSTABLE),
            "",
            "timed out: unstable after 18m on dm-7",
            id="timeout",
        ),
        pytest.param(
            diagnosed(Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN)), "", "failed after 18m on dm-7", id="nobody-knows"
        ),
        pytest.param(
            diagnosed(Diagnosis(Kind.ABORTED, FailureClass.ABORTED), Result.ABORTED),
            "",
            "was aborted after 18m on dm-7",
            id="aborted",
        ),
        pytest.param(
            diagnosed(
                Diagnosis(Kind.ABORTED, FailureClass.ABORTED, text="Aborted by gordon", why=f"{CANCELLED_BY}icecrime"),
                Result.ABORTED,
            ),
            "",
            "was aborted by icecrime after 18m on dm-7",
            id="aborted-by-somebody-here",
        ),
        pytest.param(
            diagnosed(
                Diagnosis(Kind.ABORTED, FailureClass.ABORTED, text="Aborted by gordon", why=f"{SUPERSEDED} by 1db65fa"),
                Result.ABORTED,
            ),
            "",
            "cancelled: superseded by 1db65fa",
            id="superseded",
        ),
        pytest.param(
            diagnosed(Diagnosis(Kind.PASSED, FailureClass.SUCCESS), Result.SUCCESS, attempt=2),
            "",
            "passed on try 2 after 18m on dm-7",
            id="passed-when-tried-again",
        ),
    ],
)
def test_why_it_failed_stands_first(event: BuildDiagnosed, dropped: str, words: str) -> None:
    assert judged(event, dropped)[1] == words


def test_every_result_is_told() -> None:
    assert all(ending(finished(result))[1] for result in Result)
