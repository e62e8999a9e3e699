"""What a push to a branch has built: which mistakes in it are told, and which build is of which branch, as tables."""

from pathlib import Path

import pytest

from bot.config import load
from bot.config_pushes import MAX_JOBS
from bot.errors import ConfigError
from bot.jobs import Jobs
from bot.live import Facts, Live
from bot.people import People
from bot.values import Build, BuildRef, Checkout, JobRef

GOOD = """\
[gordon]
home = "moby/moby"
plugins = ["help"]

[jenkins.ci]
url = "http://127.0.0.1:1"

[jenkins.old]
url = "http://127.0.0.1:2"

[jobs.drivers]
jenkins = "ci"
job = "master/drivers"

[jobs.windows]
jenkins = "ci"
job = "moby/multi/master"

[jobs.base]
jenkins = "ci"
job = "base"

[repos."moby/moby".contexts.multi]
jenkins = "ci"
job = "moby/multi"
branch = "PR-{number}"

[repos."moby/moby".pushes.master]
jobs = ["drivers", "windows"]

[repos."moby/moby".pushes."release/1.7"]
jobs = ["base"]
"""
OTHER = f'{GOOD}\n[repos."moby/other".pushes.master]\njobs = '
HEAD = "3f2c1ab9" * 5


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gordon.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            GOOD.replace('"drivers", "w', '"driver", "w'), 'jobs is "driver", which is not in [jobs]', id="job"
        ),
        pytest.param(GOOD.replace('["base"]', "[]"), f"jobs must name 1 to {MAX_JOBS} of [jobs], has 0", id="none"),
        pytest.param(
            GOOD.replace('["base"]', '["base", "base"]'),
            'has "base", whose job builds moby/moby release/1.7',
            id="twice",
        ),
        pytest.param(
            GOOD.replace('["base"]', '["windows"]'),
            'jobs has "windows", whose job builds moby/moby master already, as "windows"',
            id="of-two-branches",
        ),
        pytest.param(f'{OTHER}["drivers"]', "whose job builds moby/moby master already", id="of-two-repositories"),
        pytest.param(
            GOOD.replace('job = "base"', 'job = "Master/Drivers"'),
            'has "base", whose job builds moby/moby master already, as "drivers"',
            id="one-job-under-two-names",
        ),
        pytest.param(GOOD.replace('jobs = ["base"]', ""), "jobs is missing", id="left-out"),
        pytest.param(GOOD.replace('jobs = ["base"]', 'job = "base"'), 'unknown key "job" in ', id="key"),
        *(
            pytest.param(
                GOOD.replace("release/1.7", branch), f'"{branch}" cannot be the name of a branch', id=f"branch-{branch}"
            )
            for branch in (
                "a b",
                "a..b",
                "-a",
                "/a",
                "a/",
                "a.lock",
                "a~1",
                "a^",
                "a:b",
                "a//b",
                ".a",
                "a*",
                "a@{1}",
                "a/.b",
            )
        ),
    ],
)
def test_a_mistake_is_told_with_its_table(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, text))
    assert any(said in problem and "pushes" in problem for problem in error.value.problems), error.value.problems


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(Live(Facts(load(write(tmp_path, GOOD)), People({}, {}, {}))))


@pytest.mark.parametrize(
    ("job", "branch"),
    [
        pytest.param(JobRef("ci", "master/drivers"), ("moby/moby", "master"), id="named"),
        pytest.param(JobRef("ci", "Master/DRIVERS"), ("moby/moby", "master"), id="J14-another-case"),
        pytest.param(JobRef("ci", "base"), ("moby/moby", "release/1.7"), id="another-branch"),
        pytest.param(JobRef("ci", "moby/multi/master"), ("moby/moby", "master"), id="of-a-multibranch-project"),
        pytest.param(JobRef("ci", "moby/multi/PR-7"), None, id="of-a-pull-request"),
        pytest.param(JobRef("old", "base"), None, id="another-server"),
    ],
)
def test_the_branch_that_a_job_builds(jobs: Jobs, job: JobRef, branch: tuple[str, str] | None) -> None:
    assert jobs.branch_of(job) == branch


@pytest.mark.parametrize(
    ("job", "remote", "sha"),
    [
        pytest.param("base", "https://github.com/moby/moby.git", HEAD, id="its-repository"),
        pytest.param("base", "git@github.com:Moby/Moby", HEAD, id="another-spelling"),
        pytest.param("base", "https://github.com/moby/library.git", "", id="a-library-beside-it"),
        pytest.param("infra", "https://github.com/moby/moby.git", "", id="no-branchs-job"),
    ],
)
def test_the_commit_of_a_build_after_a_push_is_what_it_took(jobs: Jobs, job: str, remote: str, sha: str) -> None:
    found = Build(BuildRef(JobRef("ci", job), 4), "https://ci/4", checkouts=(Checkout((remote,), (HEAD,)),))
    assert jobs.seen(found).sha == sha
