"""What `deploy/jenkins/` gives a real controller: it is well-formed, tells no secret, and fits what Gordon sends."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from bot.adapters.jenkins import Jenkins
from bot.clock import SystemClock
from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.standin import JenkinsStandIn
from bot.settings import JenkinsSettings, ParameterNames
from bot.values import JobRef
from tests.rigs.jenkins_jobs import jenkins_jobs

DEPLOY = Path(__file__).parents[1] / "deploy"
FOLDER = DEPLOY / "jenkins"
CASC, JOBS = FOLDER / "casc.yaml", FOLDER / "jobs.yaml"
LINT = "{extends: default, rules: {line-length: {max: 120}}}"
NAMES = ("docker-prs", "docker-matrix", "docker-pipeline")
SENT = {name for name in msgspec.structs.astuple(ParameterNames()) if name}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ElementTree.Element]:
    """What jenkins-jobs would send for each job."""
    folder = tmp_path_factory.mktemp("rendered")
    jenkins_jobs(folder, "http://127.0.0.1:1/", "none", "test", str(JOBS), "-o", str(folder / "out"))
    return {path.name: ElementTree.parse(path).getroot() for path in (folder / "out").iterdir()}


@pytest.mark.parametrize("path", [CASC, JOBS], ids=lambda path: path.name)
def test_the_files_are_clean_yaml(path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "yamllint", "--strict", "-d", LINT, str(path)], capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_no_secret_is_in_the_configuration() -> None:
    """Each comes from the environment of the controller."""
    given = dict(texts(msgspec.yaml.decode(CASC.read_bytes())))
    secrets = {where: text for where, text in given.items() if re.search(r"password|secret", where.rpartition(".")[2])}
    assert len(secrets) == 3
    assert all(re.fullmatch(r"\$\{[A-Z_]+\}", text) for text in secrets.values())


def texts(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """List every text of a document with where it stands."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts(inner, f"{at}.{key}")
    elif isinstance(value, str):
        yield at, value


def test_gordon_has_the_rights_that_the_runbook_names_and_no_more() -> None:
    casc = msgspec.yaml.decode(CASC.read_bytes())
    entries = casc["jenkins"]["authorizationStrategy"]["globalMatrix"]["entries"]
    [granted] = [entry["user"]["permissions"] for entry in entries if entry.get("user", {}).get("name") == "gordon"]
    runbook = (DEPLOY / "README.md").read_text().split("\n## Jenkins\n")[1].split("\n## ")[0]
    assert set(re.findall(r"`((?:Overall|Job|Agent)/\w+)`", runbook)) == set(granted)


def test_each_job_declares_what_gordon_sends_and_tells_it_of_builds(
    rendered: dict[str, ElementTree.Element],
) -> None:
    assert set(rendered) == set(NAMES)
    for root in rendered.values():
        [definitions] = root.iter("parameterDefinitions")
        assert {each.text for each in definitions.iter("name")} >= SENT
        [endpoint] = root.iter("com.tikal.hudson.plugins.notification.Endpoint")
        assert {key: endpoint.findtext(key) for key in ("format", "protocol", "event")} == {
            "format": "JSON",
            "protocol": "HTTP",
            "event": "all",
        }
        assert endpoint.findtext("urlInfo/urlOrId", "no URL") in CASC.read_text()
        assert endpoint.findtext("urlInfo/urlType") == "SECRET"


def test_the_kinds_of_job_are_there(rendered: dict[str, ElementTree.Element]) -> None:
    assert [rendered[name].tag for name in NAMES] == ["project", "matrix-project", "flow-definition"]
    axes = [axis.findtext("name") for axis in rendered["docker-matrix"].iter("hudson.matrix.TextAxis")]
    assert axes == ["ARCH", "FS"]
    script = rendered["docker-pipeline"].findtext("definition/script") or ""
    assert re.findall(r"stage\('(\w+)'\)", script) == ["Checkout", "Build", "Test"]
    assert {"CELLS", "NODE"} <= {each.text for root in rendered.values() for each in root.iter("name")}


def test_each_plugin_that_the_files_use_is_in_the_list() -> None:
    lines = (FOLDER / "plugins.txt").read_text().splitlines()
    named = [line for line in lines if line and not line.startswith("#")]
    assert len(set(named)) == len(named)
    assert all(re.fullmatch(r"[a-z][a-z-]*(:[\w.-]+)?", line) for line in named)
    assert {"notification", "matrix-auth", "matrix-project", "nodelabelparameter", "junit", "git"} <= set(named)
    assert {"matrix-combinations-parameter", "configuration-as-code", "pipeline-rest-api"} <= set(named)


async def test_the_jobs_can_be_made_and_gordon_finds_nothing_to_mend(tmp_path: Path) -> None:

    jenkins = JenkinsStandIn(SystemClock(), quiet_period_s=0.0)
    jenkins.add_user("gordon", token="11aa")
    jenkins.add_node(Agent("dm-7", labels=("linux",)))
    await jenkins.start()
    await asyncio.to_thread(jenkins_jobs, tmp_path, jenkins.url, "11aa", "update", str(JOBS))
    adapter = Jenkins("ci", JenkinsSettings(url=jenkins.url, user="gordon"), "11aa", SystemClock())
    try:
        assert await adapter.check([JobRef("ci", name) for name in NAMES]) == []
    finally:
        await adapter.close()
        await jenkins.stop()
