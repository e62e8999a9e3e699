"""What a maintainer would quote of CI systems, containers, packages, source control, networks and deploys."""

from functools import cache

import pytest

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.judge import diagnose
from bot.diagnosis.verdict import Verdict
from tests.diagnosis.logs_of_ci import (
    CONTAINERS,
    FREESTYLE,
    FREESTYLE_END,
    GITHUB_END,
    GITLAB_END,
    JENKINS,
    OTHER_CI,
    TRAVIS_END,
    Case,
)
from tests.diagnosis.logs_of_packages import DEPLOYS, PACKAGES, SOURCES

CASES = {**JENKINS, **OTHER_CI, **CONTAINERS, **PACKAGES, **SOURCES, **DEPLOYS}


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def told(log: str) -> Verdict:
    return diagnose([log.encode()], catalogue())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_line_that_tells_it_is_quoted_and_classed(case: Case) -> None:
    verdict = told(case.log)
    assert (verdict.line, verdict.failure_class) == (case.line, case.failure_class), verdict


@pytest.mark.parametrize(
    ("log", "result"),
    [
        pytest.param("ok\nFinished: UNSTABLE\n", "UNSTABLE", id="jenkins"),
        pytest.param(
            'The command "make" exited with 0.\n\nDone. Your build exited with 0.\n', "SUCCESS", id="travis-green"
        ),
        pytest.param(f"ok{TRAVIS_END}", "FAILURE", id="travis-red"),
        pytest.param(
            "The job exceeded the maximum time limit for jobs, and has been terminated.\n",
            "TERMINATED",
            id="travis-slow",
        ),
        pytest.param(GITHUB_END, "FAILURE", id="github"),
        pytest.param(GITLAB_END, "FAILURE", id="gitlab-red"),
        pytest.param("Saving cache\nJob succeeded\n", "SUCCESS", id="gitlab-green"),
        pytest.param("2017-11-12 14:27:39.243340 | [Zuul] Job complete, result: SUCCESS\n", "SUCCESS", id="zuul"),
        pytest.param("Exited with code exit status 2\n\nCircleCI received exit code 2\n", "FAILURE", id="circleci"),
        pytest.param("🚨 Error: The command exited with status 1\n", "FAILURE", id="buildkite"),
        pytest.param("Command exited with code 1\nBuild failed\n", "FAILURE", id="appveyor"),
        pytest.param(
            "build\t14-Sep-2016 05:21:12\tFinished task 'Unit' with result: Failed\n"
            "build\t14-Sep-2016 05:21:13\tFinished task 'Reports' with result: Success\n",
            "FAILURE",
            id="bamboo-runs-its-final-tasks",
        ),
        pytest.param(
            "[Container] 2021/03/02 11:12:13 Phase complete: BUILD State: FAILED\n"
            "[Container] 2021/03/02 11:12:14 Phase complete: POST_BUILD State: SUCCEEDED\n",
            "FAILURE",
            id="codebuild-goes-on-after-a-phase",
        ),
    ],
)
def test_the_last_word_of_the_ci_is_known(log: str, result: str) -> None:
    assert told(log).result == result


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError'", id="pip-retries"
        ),
        pytest.param("W: Failed to fetch http://archive.example.com/x  Temporary failure resolving", id="apt-warns"),
        pytest.param("SEVERE: Could not contact [localhost:8005]. Tomcat may not be running.", id="nothing-to-stop"),
        pytest.param("##[warning]Failed to restore: Cache service responded with 503", id="no-cache"),
    ],
)
def test_what_a_tool_got_over_is_no_failure(said: str) -> None:
    log = f"{FREESTYLE}{said}\n+ ./check\nlicences: ERROR: two files have none\n{FREESTYLE_END}"
    assert "two files" in told(log).text


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(
            "ERROR: Error fetching remote repo 'origin'\nstdout: \nstderr: fatal: unable to access"
            " 'https://git.example.com/app.git/': Could not resolve host: git.example.com\n\n\tat hudson.Git.fetch\n"
            "ERROR: Error fetching remote repo 'origin'\nRetrying after 10 seconds\n > git fetch --tags # timeout=10\n"
            "Checking out Revision 3f2a91c (refs/remotes/origin/main)\n+ ./deliver",
            id="git-plugin-retried",
        ),
        pytest.param(
            "[Pipeline] retry\n[Pipeline] {\n+ curl -fsSO https://example.com/tool.tgz\n"
            "curl: (28) Connection timed out after 30001 milliseconds\n[Pipeline] }\n"
            "ERROR: script returned exit code 28\nRetrying\n[Pipeline] {\n+ curl -fsSO https://example.com/tool.tgz\n"
            "[Pipeline] }\n[Pipeline] // retry\n+ ./deliver",
            id="retry-step",
        ),
        pytest.param(
            "FATAL: command execution failed\njava.io.IOException: Remote call on linux-1 failed\n"
            "\tat hudson.remoting.Channel.call(Channel.java:1006)\nCaused by: java.lang.UnsupportedClassVersionError:"
            " hudson/slaves/SlaveComputer$SlaveVersion has been compiled by a more recent version",
            id="agent-with-an-old-java",
        ),
        pytest.param(
            "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\n"
            "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?",
            id="apt-without-root",
        ),
        pytest.param(
            "fatal: unable to access 'http://localhost:3000/team/app.git/': Failed to connect to localhost port 3000:"
            " Connection refused",
            id="git-on-localhost",
        ),
        pytest.param(
            'Error: No valid credential sources found\n\n  with provider["registry.terraform.xxx/hashicorp/aws"],\n'
            "Error: failed to refresh cached credentials, no EC2 IMDS role found, GetMetadata, request canceled",
            id="provider-without-credentials",
        ),
    ],
)
def test_what_was_got_over_or_stays_is_not_tried_again(said: str) -> None:
    assert told(f"{FREESTYLE}{said}\n{FREESTYLE_END}").retry is not True
