"""`gordon import leeroy`: what it writes passes `gordon check`, keeps secrets apart, and what is lost is said."""

import json
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.check import check
from bot.cli import main
from bot.config import load
from bot.errors import ConfigError
from bot.leeroy_config import LeeroyBuild, LeeroyConfig, LeeroyJenkins
from bot.leeroy_import import convert
from bot.loader import load_plugins
from bot.people import load_people
from bot.values import Role

SECRETS = {"jenkins-token": "0123456789abcdef", "github-token": "a-token-of-github", "leeroy-password": "chicken"}
LEEROY: Mapping[str, Any] = {
    "jenkins": {"username": "leeroy", "token": SECRETS["jenkins-token"], "base_url": "https://jenkins.example.org"},
    "build_commits": "new",
    "github_token": SECRETS["github-token"],
    "github_user": "GordonTheTurtle",
    "user": "old-bot",
    "pass": SECRETS["leeroy-password"],
    "builds": [
        {"github_repo": "docker/docker", "jenkins_job_name": "Docker-PRs", "context": "janky", "handle_issues": True},
        {"github_repo": "docker/docker", "jenkins_job_name": "Docker-PRs-WoW", "context": "windows"},
        {"github_repo": "docker/docker", "jenkins_job_name": "Docker-PRs-lxc", "context": "lxc", "custom": True},
        {"github_repo": "docker/docker", "jenkins_job_name": "Docker-PRs-doc", "context": "doc", "custom": True},
        {"github_repo": "docker/docker", "jenkins_job_name": "other", "context": "janky"},
        {"github_repo": "docker/libcontainer", "jenkins_job_name": "in/job/folder", "context": "all of it"},
        {"github_repo": "docker/libcontainer", "jenkins_job_name": "lib", "context": "all"},
        {"github_repo": "docker/infra", "jenkins_job_name": "infra", "context": "pipe", "is_pipeline": True},
        {"github_repo": "docker/infra", "jenkins_job_name": "plain"},
    ],
}


def carried(folder: Path, leeroy: object = LEEROY) -> int:
    """Run the command on a config.json."""
    (folder / "config.json").write_text(leeroy if isinstance(leeroy, str) else json.dumps(leeroy))
    return main(["import", "leeroy", str(folder / "config.json"), "-o", str(folder / "gordon.toml")])


def test_what_is_written_passes_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert carried(tmp_path) == 0
    problems, told = check(tmp_path / "gordon.toml", live=False)
    assert problems == []
    assert told.startswith("3 repositories")
    assert "gordon.toml" in capsys.readouterr().out


def test_what_leeroy_built_is_built(tmp_path: Path) -> None:
    carried(tmp_path)
    settings = load(tmp_path / "gordon.toml")
    docker = settings.repos["docker/docker"].contexts
    assert {name: (one.job, one.status, one.branch) for name, one in docker.items()} == {
        "janky": ("Docker-PRs", "janky", ""),
        "windows": ("Docker-PRs-WoW", "windows", ""),
        "lxc": ("Docker-PRs-lxc", "lxc", ""),
        "doc": ("Docker-PRs-doc", "doc", ""),
    }
    library = settings.repos["docker/libcontainer"].contexts
    assert {name: (one.job, one.status) for name, one in library.items()} == {
        "all-of-it": ("in/folder", "all of it"),
        "all-build": ("lib", "all"),
    }
    infra = settings.repos["docker/infra"].contexts
    assert {name: (one.status, one.branch) for name, one in infra.items()} == {
        "pipe": ("", "PR-{number}"),
        "janky": ("janky", ""),
    }
    rules = load_plugins(["pr_builds"], settings.plugin).settings["pr_builds"].repo["docker/docker"]
    assert rules.contexts == ("janky", "windows", "doc")
    assert (rules.build_commits, rules.needs, rules.skip_if_only) == ("new", ("dco",), ("@non-code",))
    assert (rules.rule("doc").only_if, rules.rule("doc").skip_if_only) == (("@docs",), ())


def test_its_clients_are_let_in_as_they_were(tmp_path: Path) -> None:
    carried(tmp_path)
    leeroy = load(tmp_path / "gordon.toml").leeroy
    assert leeroy is not None
    assert (leeroy.user, leeroy.custom) == ("old-bot", {"docker/docker": ("lxc", "doc")})
    person = load_people(tmp_path / "people.toml").by_name(leeroy.person)
    assert person is not None
    assert set(person.roles.values()) == {Role.MAINTAINER}


def test_secrets_are_in_files_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    carried(tmp_path)
    files = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert {name: files[name].read_text().strip() for name in SECRETS} == SECRETS
    made = [files[name].read_text().strip() for name in ("github-hook", "jenkins-notify")]
    assert len({*made, *SECRETS.values()}) == 5
    assert all(len(secret) >= 40 for secret in made)
    shown = (
        (tmp_path / "gordon.toml").read_text() + (tmp_path / "people.toml").read_text() + "".join(capsys.readouterr())
    )
    assert not [secret for secret in (*SECRETS.values(), *made) if secret in shown]


NOTES = [
    pytest.param({}, "content of secrets/github-hook", id="A7-webhook-without-secret"),
    pytest.param({}, ".../notification/jenkins/SECRET", id="notification-without-secret"),
    pytest.param({}, "handle_issues: labels of issues", id="issues"),
    pytest.param({}, "is_pipeline: such a job builds by itself", id="pipeline"),
    pytest.param({}, "builds[4] is another build of docker/docker for janky", id="twice"),
    pytest.param({}, 'builds[5].context cannot be typed in a command; it is "all-of-it"', id="context-with-a-blank"),
    pytest.param({}, 'it is "all-build" here', id="context-that-is-a-word"),
    pytest.param({}, "builds[8] names no context; it is janky", id="no-context"),
    pytest.param({}, "which should be GordonTheTurtle", id="user-of-the-token"),
    pytest.param({}, "announce in [repos.", id="nobody-hears-what-waits-for-them"),
    pytest.param({}, "rebuild open OWNER/NAME/CONTEXT", id="what-is-open-already"),
    pytest.param({"colour": 1}, "colour means nothing", id="unknown-key"),
    pytest.param(
        {"jenkins": {"base_url": "http://ci.example.org", "username": "a", "token": "b"}}, "https://", id="http"
    ),
    pytest.param({"jenkins": {"base_url": "https://ci.example.org"}}, "as anybody may", id="no-jenkins-token"),
    pytest.param({"pass": ""}, "there is no [leeroy]", id="A38-no-password"),
    pytest.param({"build_commits": "some"}, 'took that for "last"', id="build-commits"),
    pytest.param(
        {"builds": [{"github_repo": "a/b", "jenkins_job_name": ""}, *LEEROY["builds"]]}, "nothing for", id="no-job"
    ),
]


@pytest.mark.parametrize(("change", "said"), NOTES)
def test_what_is_not_the_same_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Mapping[str, Any], said: str
) -> None:
    assert carried(tmp_path, {**LEEROY, **change}) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if said in line]
    assert all(line.startswith("- ") for line in lines)
    assert check(tmp_path / "gordon.toml", live=False)[0] == []


WRONG = [
    pytest.param("{", "config.json:1: no JSON", id="no-json"),
    pytest.param(
        '{\n"builds": [] // none\n}', "config.json:2: no JSON: Expecting ',' delimiter; JSON has no", id="comment"
    ),
    pytest.param([], "Expected `object`", id="list"),
    pytest.param({**LEEROY, "builds": []}, "builds: no build names a github_repo", id="no-builds"),
    pytest.param({**LEEROY, "builds": [{"github_repo": 7}]}, "builds[0].github_repo", id="kind"),
    pytest.param({**LEEROY, "builds": [{"github_repo": "docker"}]}, "builds[0].github_repo must be OWNER", id="repo"),
    pytest.param({**LEEROY, "jenkins": {"base_url": "ci"}}, "jenkins.base_url must be http", id="url"),
    pytest.param({**LEEROY, "jenkins": {"base_url": "https://a:b@ci"}}, "jenkins.base_url must be http", id="password"),
    pytest.param({**LEEROY, "github_token": ""}, "github_token is empty", id="no-token"),
    pytest.param({**LEEROY, "github_token": "two\nlines"}, "secrets/github-token", id="two-lines"),
    pytest.param({**LEEROY, "user": "a:b"}, "user must be a name without a colon", id="colon"),
]


@pytest.mark.parametrize(("leeroy", "said"), WRONG)
def test_what_is_wrong_is_named_by_its_key_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], leeroy: object, said: str
) -> None:
    assert carried(tmp_path, leeroy) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize("name", ["gordon.toml", "secrets/jenkins-token"])
def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / name).write_text("mine")
    assert carried(tmp_path) == 2
    assert f"{name} is there already; nothing was written" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "mine"
    assert not (tmp_path / "people.toml").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, folder = tmp_path / "config.json", tmp_path / "out"
    config.write_text(json.dumps(LEEROY))
    assert main(["import", "leeroy", str(config), "-o", str(folder / "gordon.toml")]) == 2
    assert f"there is no folder {folder}; nothing was written" in capsys.readouterr().err


def test_people_who_are_there_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "people.toml").write_text("[people.tianon]\ngithub_id = 1\n")
    assert carried(tmp_path) == 0
    assert "[people.leeroy-clients]" in capsys.readouterr().err
    assert (tmp_path / "people.toml").read_text() == "[people.tianon]\ngithub_id = 1\n"


def test_a_job_that_gordon_does_not_take_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build = {"github_repo": "docker/docker", "jenkins_job_name": "../../script", "context": "janky"}
    assert carried(tmp_path, {**LEEROY, "builds": [build]}) == 2
    assert "job must be a job's full name" in capsys.readouterr().err


@given(
    contexts=st.lists(st.text(max_size=120), min_size=1, max_size=4),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
)
def test_whatever_contexts_are_called_the_file_is_right(
    tmp_path_factory: pytest.TempPathFactory, contexts: list[str], secret: str
) -> None:
    builds = tuple(LeeroyBuild("docker/docker", f"job-{index}", name) for index, name in enumerate(contexts))
    leeroy = LeeroyConfig(
        jenkins=LeeroyJenkins("https://ci.example.org", "a", secret),
        github_token="t",
        builds=builds,
        user="u",
        password="p",
    )
    try:
        imported = convert(leeroy, (), lambda: "made")
    except ConfigError:
        return
    path = tmp_path_factory.mktemp("import") / "gordon.toml"
    path.write_text(imported.config, encoding="utf-8")
    load(path)
    assert imported.secrets["jenkins-token"] == secret
    tomllib.loads(imported.people)
