"""What is worth another try in logs of GitHub, GitLab, Travis, Azure, AppVeyor, Prow and of Docker's own tests (A26).

Each is trimmed from what an issue or a page quotes of a real log, or made of the words that one has; the id says whose.
"""

from dataclasses import dataclass
from functools import cache

import pytest

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.judge import diagnose
from bot.diagnosis.verdict import FailureClass as Of
from bot.diagnosis.verdict import Verdict


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def told(log: str) -> Verdict:
    return diagnose([log.encode()], catalogue())


@dataclass(frozen=True)
class Case:
    """A log and what is to be told of it: a part of the telling line, and at which of its places."""

    log: str
    tells: str
    failure_class: Of
    retry: bool | None
    nth: int = 1

    @property
    def line(self) -> int:
        numbers = [number for number, line in enumerate(self.log.split("\n"), 1) if self.tells in line]
        return numbers[self.nth - 1]


REFUSED = "fatal: unable to access 'https://github.com/example/app/': Failed to connect to github.com port 443\n"
CHECKOUT = f"{REFUSED}The process '/usr/bin/git' failed with exit code 128\nWaiting 13 seconds before trying again\n"
ACTION = "Warning: Failed to download action 'https://api.github.com/repos/example/app/tarball/0eb8'. Error: "
BACK_OFF = "Warning: Back off 21.776 seconds before retry.\n"
SYSTEM = "ERROR: Job failed (system failure): "
GITHUB_END = "##[error]Process completed with exit code 1.\n"
TRAVIS_END = 'The command "make" exited with 2.\n\nDone. Your build exited with 1.\n'
STATUS = "Response status code does not indicate success:"

CASES = {
    "github-checkout-came-the-second-time": Case(
        f"{CHECKOUT} * [new ref] 1 -> origin/main\n##[group]Run cargo build\n"
        "error[E0425]: cannot find value `x` in this scope\n --> src/main.rs:2:5\n"
        f'error: could not compile `app` (bin "app") due to 1 previous error\n{GITHUB_END}',
        "E0425",
        Of.COMPILE_ERROR,
        False,
    ),
    "github-checkout-never-came": Case(f"{CHECKOUT}{REFUSED}{GITHUB_END}", "unable to access", Of.SCM, True),
    "actions-runner-4232-too-many": Case(
        f"{ACTION}{STATUS} 429 (Too Many Requests).\n{BACK_OFF}Error: {STATUS} 429 (Too Many Requests).\n",
        f"Error: {STATUS} 429",
        Of.NETWORK,
        True,
        nth=2,
    ),
    "actions-runner-3310-unauthorized": Case(
        f"{ACTION}{STATUS} 401 (Unauthorized).\n{BACK_OFF}Error: {STATUS} 401 (Unauthorized).\n",
        f"Error: {STATUS} 401",
        Of.CREDENTIALS,
        False,
        nth=2,
    ),
    "fastlane-action-72-nobody-cancelled": Case(
        f"{ACTION}The operation was canceled.\n{BACK_OFF}Error: The operation was canceled.\n",
        "Error: The operation",
        Of.NETWORK,
        True,
        nth=2,
    ),
    "github-action-came-after-all": Case(
        f"{ACTION}{STATUS} 503 (Service Unavailable).\n{BACK_OFF}Run eslint .\n\n/home/ci/src/x.ts\n"
        f"  3:1  error  Unexpected console statement  no-console\n\n✖ 1 problem (1 error, 0 warnings)\n{GITHUB_END}",
        "no-console",
        Of.LINT,
        False,
    ),
    "actions-runner-283-no-such-ruby": Case(
        "Run actions/setup-ruby@v1\n##[error]Version 2.6.3 not found\n##[error]Node run failed with exit code 1\n",
        "Version 2.6.3",
        Of.CI_CONFIG,
        False,
    ),
    "gitlab-image-is-not-there": Case(
        f"{SYSTEM}prepare environment: image pull failed: rpc error: code = NotFound desc = not found\n",
        "NotFound",
        Of.CI_CONFIG,
        False,
    ),
    "gitlab-secret-is-refused": Case(
        f"{SYSTEM}resolving secrets: reading from Vault: api error: status code 403: permission denied\n",
        "403",
        Of.CI_CONFIG,
        False,
    ),
    "samba-invalid-reference": Case(
        "ERROR: Preparation failed: invalid reference format (executor_docker.go:168:0s)\nWill be retried in 3s ...\n"
        f"{SYSTEM}invalid reference format (executor_docker.go:168:0s)\n",
        "ERROR: Preparation",
        Of.CI_CONFIG,
        False,
    ),
    "gitlab-pod-was-deleted": Case(f'{SYSTEM}pods "runner-x" not found\n', "runner-x", Of.AGENT_LOST, True),
    "gitlab-pushes-what-was-not-built": Case(
        "$ docker push $HUB/frontend:$TAG\nThe push refers to repository [docker.io/example/frontend]\n"
        "An image does not exist locally with the tag: example/frontend\nERROR: Job failed: exit code 1\n",
        "An image",
        Of.CI_CONFIG,
        False,
    ),
    "rust-crates-answered-503": Case(
        "[00:01:39]  Downloading lazy_static v0.2.11\n"
        "[00:01:39] warning: spurious network error (1 tries remaining): failed to get 200 response from "
        "`https://crates.xxx/api/v1/crates/lazy_static/0.2.11/download`, got 503\n"
        "[00:01:39] error: unable to get packages from source\n[00:01:39] \n[00:01:39] Caused by:\n"
        "[00:01:39]   failed to get 200 response from "
        "`https://crates.xxx/api/v1/crates/lazy_static/0.2.11/download`, got 503\n"
        "[00:01:39] failed to run: /checkout/obj/build/stage0/bin/cargo build --locked\n"
        f"[00:01:39] make: *** [prepare] Error 1\n\n{TRAVIS_END}",
        "  failed to get 200",
        Of.DEPENDENCY_MIRROR,
        True,
    ),
    "rust-tidy": Case(
        "[00:05:27] tidy error: /checkout/src/librustc_lint/builtin.rs:1595: line longer than 100 chars\n"
        "[00:05:28] some tidy checks failed\n"
        '[00:05:28] command did not execute successfully: "/checkout/obj/build/stage0-tools-bin/tidy" "/checkout/src"\n'
        "[00:05:28] failed to run: /checkout/obj/build/bootstrap/debug/bootstrap test src/tools/tidy\n"
        f"[00:05:28] make: *** [tidy] Error 1\n\n{TRAVIS_END}",
        "tidy error",
        Of.LINT,
        False,
    ),
    "appveyor-3161-its-logger-lost-the-network": Case(
        "    569 Warning(s)\n    0 Error(s)\n"
        "MSBUILD : error MSB4017: The build stopped unexpectedly because of an unexpected logger failure.\n"
        "Microsoft.Build.Exceptions.InternalLoggerException: The build stopped unexpectedly because of an unexpected "
        "logger failure. ---> System.Net.WebException: The underlying connection was closed: A connection that was "
        "expected to be kept alive was closed by the server.\nCommand exited with code 1\n",
        "Microsoft.Build.Exceptions",
        Of.NETWORK,
        True,
    ),
    "gradle-repository-answered-503": Case(
        "* What went wrong:\nExecution failed for task ':compileJava'.\n"
        "> Could not resolve all files for configuration ':compileClasspath'.\n"
        "   > Could not resolve com.example:a:1.0.\n"
        "      > Could not GET 'https://repo.example.com/maven2/a-1.0.pom'. Received status code 503 from server\n"
        f"\nBUILD FAILED in 12s\n{GITHUB_END}",
        "Could not GET",
        Of.DEPENDENCY_MIRROR,
        True,
    ),
    "kubernetes-bootstrap-stamps-its-lines": Case(
        "I0927 03:02:38.316] === RUN   TestFoo\nI0927 03:02:38.317] --- FAIL: TestFoo (0.02s)\n"
        "I0927 03:02:38.317] \tfoo_test.go:31: got 1, want 2\nI0927 03:02:38.318] FAIL\n"
        "E0927 03:02:39.262] FAIL: pull-kubernetes-unit\n",
        "--- FAIL",
        Of.TEST_FAILURE,
        False,
    ),
    "moby-test-over-devicemapper": Case(
        "FAIL: docker_cli_run_test.go:31: DockerSuite.TestRunEcho\n\ndocker_cli_run_test.go:33:\n    c.Fatal(err)\n"
        "... Error: exit status 125: docker: Error response from daemon: devmapper: Error activating devmapper device "
        "for 'abc': devicemapper: Error running deviceCreate (ActivateDevice) dm_task_run failed.\n\n"
        "OOPS: 1101 passed, 33 skipped, 1 FAILED\n--- FAIL: Test (3201.11s)\n",
        "TestRunEcho",
        Of.TEST_FAILURE,
        None,
    ),
    "moby-39352-test-over-an-exit-code": Case(
        "08:41:09 FAIL: docker_cli_run_test.go:1792: DockerSuite.TestRunInteractiveWithRestartPolicy\n08:41:09 \n"
        "08:41:09 assertion failed: \n08:41:09 Command:  docker run -i --restart=always busybox sh\n"
        "08:41:09 ExitCode: 0\n08:41:09 Failures:\n08:41:09 ExitCode was 0 expected 11\n",
        "FAIL:",
        Of.TEST_FAILURE,
        False,
    ),
    "moby-41559-client-panics-in-a-test": Case(
        "=== RUN   TestDockerAPISuite/TestContainerAPICommit\n"
        "    docker_api_containers_test.go:448: assertion failed: \n"
        "        Command:  docker run --name=testapicommit busybox /bin/sh -c touch /test\n        ExitCode: 2\n"
        "        Stderr:   panic: runtime error: invalid memory address or nil pointer dereference\n"
        "        [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x426bc]\n",
        "assertion failed",
        Of.TEST_FAILURE,
        False,
    ),
    "moby-20543-shell-was-terminated": Case(
        "PASS: docker_cli_daemon_test.go:498: DockerDaemonSuite.TestDaemonLogLevelDebug\t0.518s\n"
        "hack/make/test-integration-cli: line 18:  2829 Terminated              ( bundle .integration-daemon-start )\n",
        "Terminated",
        Of.ABORTED,
        False,
    ),
    "github-file-name-too-long": Case(
        "##[error]error: unable to create file docs/task-122.md: File name too long\n"
        "##[error]The process '/usr/bin/git' failed with exit code 1\n",
        "too long",
        Of.SCM,
        False,
    ),
    "moby-26595-test-took-three-hours": Case(
        "PASS: docker_api_version_test.go:13: DockerSuite.TestGetVersion 0.001s\n--- FAIL: Test (11638.56s)\n"
        "panic: DockerSuite.TestHealth test timed out after 3h0m0s [recovered]\n"
        "        panic: DockerSuite.TestHealth test timed out after 3h0m0s\n\ngoroutine 9 [running]:\n",
        "[recovered]",
        Of.TIMEOUT,
        None,
    ),
    "moby-14723-apt-gives-up-a-torn-index": Case(
        "W: Failed to fetch http://mirror.example.org/debian/dists/jessie/main/Packages  Hash Sum mismatch\n\n"
        "E: Some index files failed to download. They have been ignored, or old ones used instead.\n"
        "The command '/bin/sh -c apt-get update' returned a non-zero code: 100\n",
        "E: Some index",
        Of.DEPENDENCY_MIRROR,
        True,
    ),
    "apt-index-that-is-not-there": Case(
        "W: Failed to fetch http://mirror.example.org/debian/dists/jessie/main/Packages  404  Not Found\n\n"
        "E: Some index files failed to download. They have been ignored, or old ones used instead.\n"
        "The command '/bin/sh -c apt-get update' returned a non-zero code: 100\n",
        "E: Some index",
        Of.DEPENDENCY_MIRROR,
        None,
    ),
    "openshift-4443-ginkgo-in-parallel": Case(
        "[1] [Fail] default: S2I incremental build [It] should create a build\n"
        "[1] test/extended/builds/sti_incremental.go:43\n[1] \n",
        "[Fail]",
        Of.TEST_FAILURE,
        False,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_it_is_told_and_tried_again_only_where_that_helps(case: Case) -> None:
    verdict = told(case.log)
    assert (verdict.line, verdict.failure_class, verdict.retry) == (case.line, case.failure_class, case.retry), verdict


def test_the_last_word_of_a_job_of_kubernetes_is_known() -> None:
    assert told(
        "I0725 07:47:27.527] process 5554 exited with code 0\nI0725 07:47:27.528] PASS: pull-x-e2e\n"
    ).result == ("SUCCESS")


def test_who_a_line_of_taskcluster_is_from_is_taken_away() -> None:
    assert told("[task 2019-01-02T03:04:05.678Z] src/a.c:3:5: error: unknown type name 'foo'\n").text.startswith("src")


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param("foo.c:3:1: error: unknown type name 'bar'\nmake: *** [foo.o] Error 1\n", id="compiler"),
        pytest.param("--- FAIL: TestA (0.01s)\n    a_test.go:3: got 1, want 2\nFAIL\n", id="test"),
        pytest.param("src/a.py:3:1: E302 expected 2 blank lines, found 1\n", id="linter"),
    ],
)
@pytest.mark.parametrize("lines", [2, 20, 200])
def test_what_passes_by_itself_is_not_tried_again_where_the_code_fails_after_it(failure: str, lines: int) -> None:
    between = "".join(f"part {number} is there\n" for number in range(lines))
    reset = "curl: (56) OpenSSL SSL_read: Connection reset by peer, errno 104\n"
    assert told(f"{reset}{between}{failure}{GITHUB_END}").retry is not True
    assert told(f"{reset}{GITHUB_END}").retry is True


@pytest.mark.parametrize(
    "said",
    [
        "debconf: (TERM is not set, so the dialog frontend is not usable.)",
        "dpkg-preconfigure: unable to re-open stdin: No such file or directory",
        "modprobe: can't change directory to '/lib/modules': No such file or directory",
        "sed: cannot rename /etc/hosts: Device or resource busy",
        "ERROR: ld.so: object 'libfakeroot.so' from LD_PRELOAD cannot be preloaded (cannot open it): ignored.",
        "Failed to connect to bus: No such file or directory",
    ],
)
def test_what_machines_say_by_the_way_is_no_cause(said: str) -> None:
    between = "".join(f"part {number} is there\n" for number in range(40))
    failure = "fatal error: cannot read the list of parts\n"
    assert "list of parts" in told(f"{said}\n{between}{failure}{GITHUB_END}").text
