"""Why a build failed is told from logs in which more than that has failed."""

from dataclasses import dataclass
from functools import cache

import pytest

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.judge import diagnose
from bot.diagnosis.verdict import FailureClass, Kind, Verdict
from tests.diagnosis import pieces as p

START = p.JENKINS_START + p.FETCH


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def told(log: str | bytes) -> Verdict:
    raw = log.encode() if isinstance(log, str) else log
    return diagnose([raw], catalogue())


@dataclass(frozen=True)
class Case:
    """A log and what is to be told of it: a part of the telling line, and at which of its places."""

    log: str
    failure_class: FailureClass
    tells: str
    retry: bool | None
    nth: int = 1

    @property
    def line(self) -> int:
        numbers = [number for number, line in enumerate(self.log.split("\n"), 1) if self.tells in line]
        return numbers[self.nth - 1]


C = FailureClass
CASES = {
    "one-compiler-error": Case(START + p.GCC + p.MARKED + p.FAILURE, C.COMPILE_ERROR, "scan.c:41:17: error", False),
    "first-of-many-compiler-errors": Case(
        START
        + "".join(f"scan.c:{n}:3: error: unknown type name 'u{n}'\n" for n in (8, 16, 32))
        + "make: *** [Makefile:4: scan.o] Error 1\n"
        + p.MARKED
        + p.FAILURE,
        C.COMPILE_ERROR,
        "scan.c:8:3",
        False,
    ),
    "compiler-error-told-twice": Case(
        START + p.MAVEN_COMPILE + p.MAVEN_COMPILE.replace("Failed to execute goal", "Again: failed goal") + p.FAILURE,
        C.COMPILE_ERROR,
        "cannot find symbol",
        False,
    ),
    "make-goes-on-in-parallel": Case(
        START
        + p.GCC.split("make[1]: ***")[0]
        + "".join(f"gcc -O2 -c -o part{n}.o part{n}.c\n" for n in range(30))
        + "make: *** [Makefile:12: scan.o] Error 1\nmake: *** Waiting for unfinished jobs....\n"
        + p.MARKED
        + p.FAILURE,
        C.COMPILE_ERROR,
        "scan.c:41:17: error",
        False,
    ),
    "warnings-before-an-error": Case(
        START
        + "".join(f"io.c:{n}:1: warning: unused variable 'error' [-Wunused-variable]\n" for n in range(200))
        + p.GCC
        + p.MARKED
        + p.FAILURE,
        C.COMPILE_ERROR,
        "scan.c:41:17: error",
        False,
    ),
    "go-test": Case(START + p.GO_FAIL + p.MARKED + p.FAILURE, C.TEST_FAILURE, "--- FAIL: TestForkedSync", False),
    "test-fails-then-publisher-does": Case(
        START + p.GO_FAIL + p.MARKED + p.JUNIT_FAILS + p.FAILURE, C.TEST_FAILURE, "--- FAIL: TestForkedSync", False
    ),
    "mailer-fails-last": Case(
        START + p.GCC + p.MARKED + p.MAILER_FAILS + p.FAILURE, C.COMPILE_ERROR, "scan.c:41:17: error", False
    ),
    "remote-call-fails-after-the-build": Case(
        START + p.GCC + p.MARKED + p.REMOTE_CALL_AFTERWARDS + p.FAILURE,
        C.COMPILE_ERROR,
        "scan.c:41:17: error",
        False,
    ),
    "clone-reset": Case(
        p.JENKINS_START + p.CLONE_RESET + p.MARKED + p.FAILURE, C.SCM, "error: RPC failed; curl 56", True
    ),
    "script-goes-on-after-the-clone": Case(
        START
        + p.CLONE_RESET
        + "/tmp/jenkins4811.sh: line 9: ./configure: No such file or directory\n"
        + "make: *** No targets specified and no makefile found.  Stop.\n"
        + p.MARKED
        + p.FAILURE,
        C.SCM,
        "error: RPC failed; curl 56",
        True,
    ),
    "submodule-got-over-then-tests-fail": Case(
        p.JENKINS_START + p.SUBMODULE_RETRIED + p.PROGRESS + p.GO_FAIL + p.MARKED + p.FAILURE,
        C.TEST_FAILURE,
        "--- FAIL: TestForkedSync",
        False,
    ),
    "pip-retried-then-tests-fail": Case(
        START + p.PIP_RETRIES + p.PROGRESS + p.GO_FAIL + p.MARKED + p.FAILURE,
        C.TEST_FAILURE,
        "--- FAIL: TestForkedSync",
        False,
    ),
    "tolerated-trace-then-compiler-error": Case(
        START + p.TOLERATED_TRACE + p.PROGRESS + p.GCC + p.MARKED + p.FAILURE,
        C.COMPILE_ERROR,
        "scan.c:41:17: error",
        False,
    ),
    "agent-lost": Case(START + p.PROGRESS + p.AGENT_LOST + p.FAILURE, C.AGENT_LOST, "java.nio.channels.Closed", True),
    "devicemapper-race": Case(
        START + "+ docker run --rm busybox true\n" + p.DEVICEMAPPER + p.MARKED + p.FAILURE,
        C.DOCKER_DAEMON,
        "Error getting container init rootfs",
        True,
    ),
    "devicemapper-race-wrapped": Case(
        START
        + "+ docker run --rm busybox true\n"
        + "\n".join(p.DEVICEMAPPER.strip()[at : at + 80] for at in range(0, len(p.DEVICEMAPPER), 80))
        + "\n"
        + p.MARKED
        + p.FAILURE,
        C.DOCKER_DAEMON,
        "Error getting container init rootfs",
        True,
    ),
    "permission-on-the-socket-is-no-flake": Case(
        START
        + "docker: permission denied while trying to connect to the Docker daemon socket at "
        + 'unix:///var/run/docker.sock: Post "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/containers/create".\n'
        + "See 'docker run --help'.\n"
        + p.MARKED
        + p.FAILURE,
        C.CI_CONFIG,
        "permission denied while trying to connect",
        False,
    ),
    "git-missing-is-no-flake": Case(
        p.JENKINS_START
        + "ERROR: Error cloning remote repo 'origin'\n"
        + "hudson.plugins.git.GitException: Could not init /var/jenkins/workspace/unit\n"
        + "\tat org.jenkinsci.plugins.gitclient.CliGitAPIImpl$5.execute(CliGitAPIImpl.java:772)\n"
        + 'Caused by: java.io.IOException: Cannot run program "git" (in directory "/var/jenkins/workspace/unit"): '
        + "error=2, No such file or directory\n"
        + "\tat java.lang.ProcessBuilder.start(ProcessBuilder.java:1048)\n"
        + p.FAILURE,
        C.CI_CONFIG,
        'Cannot run program "git"',
        False,
    ),
    "branch-gone-after-three-tries": Case(
        "".join(
            "$ git clone --depth=50 --branch=fix https://github.com/example/project.git\n"
            "Cloning into 'project'...\n"
            "warning: Could not find remote branch fix to clone.\n"
            "fatal: Remote branch fix not found in upstream origin\n"
            f'The command "eval git clone --depth=50" failed. Retrying, {n} of 3.\n'
            for n in (2, 3)
        )
        + "fatal: Remote branch fix not found in upstream origin\n"
        + 'The command "eval git clone --depth=50" failed 3 times.\n'
        + 'The command "git clone" failed and exited with 128 during .\n\nYour build has been stopped.\n',
        C.SCM,
        "fatal: Remote branch fix",
        False,
    ),
    "full-disk-then-aborted-by-somebody": Case(
        START + p.PROGRESS + p.DISK_FULL * 5 + "Build was aborted\nAborted by admin\n" + p.ABORTED,
        C.DISK_FULL,
        "No space left on device",
        False,
    ),
    "aborted-by-somebody": Case(
        START + p.PROGRESS + "Build was aborted\nAborted by jane\n" + p.ABORTED, C.ABORTED, "Aborted by jane", False
    ),
    "aborted-by-somebody-after-failed-tests": Case(
        START + p.PYTEST + p.PROGRESS + "Build was aborted\nAborted by jane\n" + p.ABORTED,
        C.ABORTED,
        "Aborted by jane",
        False,
    ),
    "killed-without-a-word": Case(
        START + "/tmp/jenkins4811.sh: line 4: 11039 Killed                  npm ci\n" + p.MARKED + p.FAILURE,
        C.OOM_KILLED,
        "11039 Killed",
        None,
    ),
    "time-limit-after-failed-tests": Case(
        "".join(f"test_{n} (suite.Downloads) ... {'ERROR' if n % 3 else 'ok'}\n" for n in range(120))
        + "\nThe job exceeded the maximum time limit for jobs, and has been terminated.\n",
        C.TIMEOUT,
        "exceeded the maximum time limit",
        None,
    ),
    "no-ending": Case(START + p.GCC, C.COMPILE_ERROR, "scan.c:41:17: error", False),
    "torn-amid-a-word": Case(START + p.GCC[:-20], C.COMPILE_ERROR, "scan.c:41:17: error", False),
    "two-kinds-of-failed-tests": Case(
        START + p.GO_FAIL + p.PYTEST + p.MARKED + p.FAILURE, C.TEST_FAILURE, "--- FAIL: TestForkedSync", False
    ),
    "known-flake-beside-a-compiler-error": Case(
        START + p.DEVICEMAPPER + p.PROGRESS + p.GCC + p.MARKED + p.FAILURE,
        C.COMPILE_ERROR,
        "scan.c:41:17: error",
        False,
    ),
    "known-flake-long-before-the-end": Case(
        START + p.DEVICEMAPPER + p.PROGRESS + "the end of step 7\n" + p.MARKED + p.FAILURE,
        C.DOCKER_DAEMON,
        "Error getting container init rootfs",
        None,
    ),
    "only-a-publisher-fails": Case(
        START + "ok\n" + p.JUNIT_FAILS + p.FAILURE, C.CI_CONFIG, "No test report files were found", False
    ),
    "success-of-another-log-is-quoted": Case(
        START + p.SUCCESS + p.PROGRESS + p.GCC, C.COMPILE_ERROR, "scan.c:41:17: error", False
    ),
    "success-of-another-log-then-failure": Case(
        START + p.SUCCESS + p.GCC + p.MARKED + p.FAILURE, C.COMPILE_ERROR, "scan.c:41:17: error", False
    ),
    "branches-interleaved": Case(
        START
        + "".join(f"[linux] {left}\n[mac] Downloaded part {n}\n" for n, left in enumerate(p.GCC.split("\n")) if left)
        + p.FAILURE,
        C.COMPILE_ERROR,
        "scan.c:41:17: error",
        False,
    ),
    "a-script-tells-that-its-make-failed": Case(
        START
        + "schema.json: 2 checks FAILED\nmake: *** [Makefile:132: check] Error 1\n"
        + "cannot finish all targets at ./build line 531\n"
        + p.MARKED
        + p.FAILURE,
        C.UNKNOWN,
        "2 checks FAILED",
        None,
    ),
    "far-from-the-end": Case(
        START
        + "parse.rb:550: [BUG] Segmentation fault at 0x0000000000012b\nruby 2.3.0dev (2015-08-14 trunk 51567)\n\n"
        + "".join(f"c:{n:04} p:0041 s:0051 e:000048 METHOD parse.rb:{n}\n" for n in range(1800))
        + "rake aborted!\nCommand failed with status (134)\n"
        + p.MARKED
        + p.FAILURE,
        C.CRASH,
        "[BUG] Segmentation fault",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_cause_is_told(case: Case) -> None:
    verdict = told(case.log)
    said = (verdict.failure_class, verdict.line, verdict.retry)
    assert said == (case.failure_class, case.line, case.retry), (verdict.cause, verdict.text, verdict.why)
    assert verdict.chunk is not None
    first, last = verdict.chunk
    assert first <= case.line <= last < first + 15
    assert len(verdict.quoted) == last - first + 1
    assert verdict.quoted[case.line - first] == verdict.text


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(START + p.TOLERATED_TRACE + p.SUCCESS, id="a-trace"),
        pytest.param(START + p.PIP_RETRIES + p.SUBMODULE_RETRIED + p.SUCCESS, id="what-tools-got-over"),
        pytest.param(START + p.GCC + p.SUCCESS + "late\n" * 20, id="late-writers"),
        pytest.param(START + "ERROR: no cache found\nFATAL: none\n" + p.SUCCESS, id="words"),
    ],
)
def test_what_passed_has_not_failed_whatever_it_says(log: str) -> None:
    verdict = told(log)
    assert (verdict.kind, verdict.failure_class, verdict.retry) == (Kind.PASSED, FailureClass.SUCCESS, False)
    assert (verdict.line, verdict.chunk, verdict.fingerprint) == (None, None, "")


def test_what_the_ci_says_is_believed_before_the_log() -> None:
    log = (START + p.SUCCESS + p.PROGRESS + p.GCC).encode()
    assert diagnose([log], catalogue(), result="SUCCESS").kind is Kind.PASSED
    assert diagnose([log], catalogue(), result="FAILURE").kind is Kind.COMPILE_ERROR


def test_the_last_lines_are_told_as_no_more_than_that() -> None:
    verdict = told(START + "step one\nstep two\n" + p.MARKED + p.FAILURE)
    assert (verdict.kind, verdict.cause, verdict.retry) == (Kind.UNKNOWN, "", None)
    assert verdict.text == "step two"
    assert "last lines" in verdict.why
    assert verdict.confidence <= 0.2


@pytest.mark.parametrize("log", ["", "\n", "\n\n\n", "\0\0", "\r\r\r", "Finished: FAILURE", "Finished: "])
def test_a_log_that_says_nothing_is_unknown(log: str) -> None:
    assert told(log).kind is Kind.UNKNOWN


def test_failed_tests_are_named_in_their_order() -> None:
    verdict = told(START + p.GO_FAIL + p.PYTEST + p.MARKED + p.FAILURE)
    assert verdict.failed_tests[0] == "TestForkedSync"
    assert any("test_total_price" in name for name in verdict.failed_tests)
    assert len(set(verdict.failed_tests)) == len(verdict.failed_tests)


def test_a_giant_line_is_cut_around_what_tells() -> None:
    giant = '{"output": "' + "x" * 300_000 + r"\nfatal error: all goroutines are asleep - deadlock!\n" + "y" * 300_000
    verdict = told(START + giant + "\n" + p.GCC + p.MARKED + p.FAILURE)
    assert all(len(line) < 500 for line in verdict.quoted)
    assert verdict.failure_class is FailureClass.COMPILE_ERROR


@pytest.mark.parametrize("cut", range(0, 1400, 97))
def test_a_log_may_end_anywhere(cut: int) -> None:
    """F25."""
    log = (START + p.PROGRESS[:200] + p.GCC + p.MARKED + p.FAILURE).encode()
    verdict = told(log[:cut])
    assert verdict.lines == log[:cut].count(b"\n") + (not log[:cut].endswith(b"\n") and cut > 0)


def test_the_same_failure_elsewhere_has_the_same_fingerprint() -> None:
    here = told(START + p.GCC + p.MARKED + p.FAILURE)
    moved = p.GCC.replace("/var/jenkins", "/home/ci").replace("scan.c:41:17", "scan.c:44:9")
    there = told(p.JENKINS_START + p.PROGRESS + moved + p.FAILURE)
    other = told(START + p.GCC.replace("lenght", "size") + p.MARKED + p.FAILURE)
    assert here.fingerprint == there.fingerprint != other.fingerprint


def test_a_line_of_green_logs_is_no_cause() -> None:
    from bot.diagnosis.fingerprint import normalised

    log = START + "ERROR: cannot reach the cache\n" + "x\n" * 60 + "ERROR: the lock is held\n" + "y\n" * 60 + p.FAILURE
    green = {normalised(b"ERROR: the lock is held")}
    assert diagnose([log.encode()], catalogue(), green=green).text == "ERROR: cannot reach the cache"
