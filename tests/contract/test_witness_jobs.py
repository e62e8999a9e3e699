"""jenkins-jobs, of PyPI's jenkins-job-builder, makes jobs of a YAML file on the stand-in, and they can be built."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import jenkins
import pytest

from bot.clock import SystemClock
from bot.demo.jenkins.cells import CombinationsParameter
from bot.demo.jenkins.ledger import Value
from bot.demo.jenkins.matrix import MatrixJob
from bot.demo.jenkins.model import BooleanParameter, ChoiceParameter, Starting, StringParameter
from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.parameters import LabelParameter
from bot.demo.jenkins.standin import JenkinsStandIn
from tests.rigs.jenkins_jobs import JOBS, jenkins_jobs

DEPLOYED = Path(__file__).parents[2] / "deploy" / "jenkins" / "jobs.yaml"
TOKEN = "11aa"


@pytest.fixture
async def stand_in() -> AsyncIterator[JenkinsStandIn]:
    server = JenkinsStandIn(SystemClock(speed=100), quiet_period_s=0.0, context_path="/ci")
    server.add_user("gordon", token=TOKEN)
    server.add_node(Agent("linux-1", labels=("linux",)))
    await server.start()
    yield server
    await server.stop()


async def run(folder: Path, stand_in: JenkinsStandIn, *arguments: str) -> None:
    await asyncio.to_thread(jenkins_jobs, folder, stand_in.url, TOKEN, *arguments)


async def test_jenkins_jobs_makes_jobs_that_can_be_built(stand_in: JenkinsStandIn, tmp_path: Path) -> None:
    await run(tmp_path, stand_in, "update", str(JOBS))
    job, arches, pipeline = (stand_in.job(f"moby/{name}") for name in ("pr", "arches", "pipeline"))
    assert job.parameters == (
        StringParameter("PR", description="the number of the pull request"),
        ChoiceParameter("ARCH", ("amd64", "arm64")),
        BooleanParameter("RACE", default=True),
    )
    assert (job.kind, job.label) == ("freestyle", "linux && !arm")
    assert isinstance(arches, MatrixJob)
    assert [cell.name for cell in arches.active()] == ["ARCH=amd64", "ARCH=arm64"]
    assert pipeline.kind == "pipeline"

    names = {"moby/pr", "moby/arches", "moby/pipeline"}

    def build() -> None:
        client = jenkins.Jenkins(stand_in.url, "gordon", TOKEN, timeout=10)
        for name in names:
            client.build_job(name, {"PR": "41877"})

    started: asyncio.Queue[Starting] = asyncio.Queue()
    stand_in.on_build(started.put_nowait)
    await asyncio.to_thread(build)
    built: dict[str, Mapping[str, Value]] = {}
    async with asyncio.timeout(30):
        while not names <= built.keys():
            starting = await started.get()
            built[starting.job] = starting.parameters
    assert built["moby/pr"] == {"PR": "41877", "ARCH": "amd64", "RACE": True}


async def test_jenkins_jobs_makes_the_jobs_that_are_deployed(stand_in: JenkinsStandIn, tmp_path: Path) -> None:
    stand_in.add_node(Agent("arm-1", labels=("arm",), exclusive=True))
    await run(tmp_path, stand_in, "update", str(DEPLOYED))
    job, matrix = stand_in.job("docker-prs"), stand_in.job("docker-matrix")
    assert job.parameters[-1] == LabelParameter("NODE", "linux")
    assert matrix.parameters[-1] == CombinationsParameter("CELLS", description="The cells to build.")
    assert stand_in.job("docker-pipeline").kind == "pipeline"
    assert {"GORDON_REQUEST_ID"} <= {each.name for each in job.parameters}
    started: asyncio.Queue[Starting] = asyncio.Queue()
    stand_in.on_build(started.put_nowait)
    client = jenkins.Jenkins(stand_in.url, "gordon", TOKEN, timeout=10)
    await asyncio.to_thread(client.build_job, "docker-prs", {"PR": "41877", "NODE": "arm"})
    async with asyncio.timeout(30):
        await started.get()
    assert job.builds[1].node == "arm-1"


async def test_jenkins_jobs_changes_a_job_that_is_there(stand_in: JenkinsStandIn, tmp_path: Path) -> None:
    await run(tmp_path, stand_in, "update", str(JOBS))
    changed = tmp_path / "jobs.yaml"
    changed.write_text(JOBS.read_text().replace("[amd64, arm64]", "[amd64, arm64, s390x]"))
    before = stand_in.job("moby/pr")
    await run(tmp_path, stand_in, "update", str(changed))
    after = stand_in.job("moby/pr")
    assert after is before
    assert after.parameters[1] == ChoiceParameter("ARCH", ("amd64", "arm64", "s390x"))


async def test_jenkins_jobs_deletes_a_job(stand_in: JenkinsStandIn, tmp_path: Path) -> None:
    await run(tmp_path, stand_in, "update", str(JOBS))
    await run(tmp_path, stand_in, "delete", "moby/pr")
    with pytest.raises(KeyError):
        stand_in.job("moby/pr")
