"""What is told of a log: of which kind a failure is, why, and what a maintainer would quote of it."""

from dataclasses import dataclass
from enum import StrEnum


class FailureClass(StrEnum):
    """What failed, in the words of catalogues and of `--json`."""

    DOCKER_DAEMON = "docker-daemon"
    IMAGE_REGISTRY = "image-registry"
    NETWORK = "network"
    DEPENDENCY_MIRROR = "dependency-mirror"
    SCM = "scm"
    CREDENTIALS = "credentials"
    AGENT_LOST = "agent-lost"
    DISK_FULL = "disk-full"
    OOM_KILLED = "oom-killed"
    KERNEL = "kernel"
    TIMEOUT = "timeout"
    ABORTED = "aborted"
    CI_CONFIG = "ci-config"
    COMPILE_ERROR = "compile-error"
    TEST_FAILURE = "test-failure"
    TEST_FLAKE = "test-flake"
    LINT = "lint"
    DEPLOY = "deploy"
    CRASH = "crash"
    SUCCESS = "success"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What somebody does about it; each has an exit status of `gordon diagnose`."""

    PASSED = "passed"
    KNOWN_INFRA = "known-infra"
    FLAKY_TEST = "flaky-test"
    NEW_FAILURE = "new-failure"
    COMPILE_ERROR = "compile-error"
    ABORTED = "aborted"
    AGENT_LOST = "agent-lost"
    TIMEOUT = "timeout"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a build failed, as far as its log tells.

    Arguments:
        cause: the id of the signature or shape that tells it; empty if only the last lines can be quoted.
        retry: whether another try is sensible; None where it depends.
        why: a sentence on why it is to be tried again, or not.
        confidence: from 0 to 1.
        line: the number of the most telling line, from 1 on, split at LF only; None for what has not failed.
        chunk: the first and the last line that are quoted, at most 15 of them.
        text: the telling line, without colours, notes, secrets and control codes.
        quoted: the lines of the chunk, in the same way.
        around: the lines above and below those, for nobody to see: a secret may begin or end there.
        failed_tests: their names, in the order of the log, each once.
        fingerprint: the same for the same failure elsewhere; empty where nothing failed.
        result: the last word of the CI itself, as `FAILURE`; empty if the log ends without one.
        lines: how many the log has.
        why_partial: why this is not from the whole log, as it is cut or still grows; empty if it is.
    """

    kind: Kind
    failure_class: FailureClass
    cause: str = ""
    retry: bool | None = None
    why: str = ""
    confidence: float = 0.0
    line: int | None = None
    chunk: tuple[int, int] | None = None
    text: str = ""
    quoted: tuple[str, ...] = ()
    around: tuple[str, str] = ("", "")
    failed_tests: tuple[str, ...] = ()
    fingerprint: str = ""
    result: str = ""
    lines: int = 0
    why_partial: str = ""
