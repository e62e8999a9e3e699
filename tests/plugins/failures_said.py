"""Ends of builds and diagnoses, as the tests of what is said of failures need them."""

from dataclasses import replace
from typing import Any

from bot.facts import Change, Diagnosis, FailureClass, Kind, Seen
from bot.values import Result
from plugins.failures.ended import Ended

SHA, NEWER = "3f2c1ab9" * 5, "77aa0011" * 5
LOG = "https://ci/981/logText/progressiveText?start=812"

DEVICEMAPPER = Diagnosis(
    Kind.KNOWN_INFRA,
    FailureClass.DOCKER_DAEMON,
    "dm-init-rootfs",
    retry=True,
    confidence=0.9,
    line=120,
    link=LOG,
    text="Error getting container init rootfs 8d3c from driver devicemapper",
    first_quoted=119,
    quoted=("[PASSED]: build", "Error getting container init rootfs 8d3c from driver devicemapper"),
    fingerprint="f1",
    seen=Seen(week=13, month=40),
)
TEST_FAILS = Diagnosis(
    Kind.NEW_FAILURE,
    FailureClass.TEST_FAILURE,
    "go-test-fail",
    retry=False,
    confidence=0.9,
    line=14233,
    link=LOG,
    text="timed out waiting for container",
    first_quoted=14232,
    quoted=("--- FAIL: TestRunVolumes (12.40s)", "timed out waiting for container"),
    failed_tests=("TestRunVolumes",),
    fingerprint="f2",
)
FLAKY = replace(TEST_FAILS, kind=Kind.FLAKY_TEST, cause="known-flake", seen=Seen(2, 5), failed_tests=("TestExec",))
COMPILE = Diagnosis(
    Kind.COMPILE_ERROR,
    FailureClass.COMPILE_ERROR,
    "go-build",
    retry=False,
    confidence=0.8,
    line=7,
    text="x.go:3: undefined: y",
    fingerprint="f3",
)
AGENT_LOST = Diagnosis(Kind.AGENT_LOST, FailureClass.AGENT_LOST, "agent-channel-closed", confidence=0.9)
TIMED_OUT = Diagnosis(Kind.TIMEOUT, FailureClass.TIMEOUT, "build-timeout", confidence=0.9)
ABORTED = Diagnosis(Kind.ABORTED, FailureClass.ABORTED, confidence=0.9, line=3, text="Aborted by tianon")
SUPERSEDED = Diagnosis(Kind.ABORTED, FailureClass.ABORTED, confidence=1.0, why="cancelled here: superseded by 1db65fa")
UNKNOWN = Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN, confidence=0.1, line=9, text="exit status 1", fingerprint="f4")
UNREAD = Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN, unread="its log is gone")


def ended(name: str, result: Result | None, number: int = 981, said: Diagnosis = UNREAD, **more: Any) -> Ended:
    """Make an end; without a diagnosis its log could not be read."""
    values: dict[str, Any] = {
        "request_id": f"r-{name}-{number}",
        "url": f"https://ci/{number}",
        "sha": SHA,
        "note": "",
        "duration_s": 1080.0,
        "asks": (),
        "job": f"docker-{name}",
        "pull": "moby/moby#1234",
        "diagnosis": said,
        "change": Change.FAILURE if result is Result.FAILURE else Change.SUCCESS,
    } | more
    if values.get("bad_cells") and "cell_causes" not in values:
        values["cell_causes"] = ("",) * len(values["bad_cells"])
    return Ended(name=name, number=number, result=result, **values)
