"""A known flake right beside a failure of the code: another try would not mend that."""

import pytest

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.judge import diagnose

FLAKE = "docker: Error response from daemon: toomanyrequests: You have reached your pull rate limit.\n"
SSH = "ssh: connect to host github.com port 22: Connection timed out\nfatal: Could not read from remote repository.\n"
COMPILER = "src/main.c:12:5: error: 'x' undeclared (first use in this function)\nmake: *** [Makefile:7: all] Error 1\n"
LINTER = "src/a.py:1:80: E501 line too long (81 > 79 characters)\n"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize(
    ("log", "retry"),
    [
        pytest.param(FLAKE, True, id="alone"),
        pytest.param(FLAKE + COMPILER, None, id="compiler-right-below"),
        pytest.param(COMPILER + FLAKE, False, id="compiler-right-above"),
        pytest.param(FLAKE + LINTER, None, id="linter-right-below"),
        pytest.param(LINTER + SSH, None, id="linter-right-above"),
        pytest.param(FLAKE + "going on\n" * 4 + COMPILER, None, id="compiler-some-lines-below"),
    ],
)
def test_a_flake_is_not_tried_again_with_an_error_of_the_code(
    catalogue: Catalogue, log: str, retry: bool | None
) -> None:
    assert diagnose([f"{log}Finished: FAILURE\n".encode()], catalogue).retry is retry


@pytest.mark.parametrize(
    ("log", "retry"),
    [
        pytest.param(
            f"Running after_script\n$ docker pull app\n{FLAKE}ERROR: Job failed: exit code 1\n", None, id="gitlab-after"
        ),
        pytest.param(
            "##[group]Run actions/upload-artifact@v4\n##[endgroup]\n##[group]Run docker pull app\n"
            f"{FLAKE}##[error]Process completed with exit code 1.\n",
            True,
            id="github-after-an-upload-amid-the-job",
        ),
    ],
)
def test_a_flake_after_the_build_proper_is_not_tried_again(catalogue: Catalogue, log: str, retry: bool | None) -> None:
    assert diagnose([log.encode()], catalogue).retry is retry
