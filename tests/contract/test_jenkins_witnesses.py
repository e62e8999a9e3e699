"""Clients that nobody here wrote drive the Jenkins stand-in: trigger, queue, console, cancel, stop, nodes, jobs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeAlias, TypeVar

import pytest

from bot.clock import SystemClock
from bot.demo.jenkins.model import ChoiceParameter, Plan, Starting, StringParameter
from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.standin import JenkinsStandIn
from tests.contract.witness import SeenNode, Witness
from tests.contract.witnesses import (
    api4jenkins_client,
    jenkinsapi_client,
    npm_jenkins,
    python_jenkins,
    ujenkins_client,
)
from tests.rigs.npm import installed

PATIENCE_S = 10.0
TOKEN = "11aa"
AN_AGE_S = 100_000.0  # on a clock a hundred times as fast as the wall's
PARAMETERS = (StringParameter("PR"), ChoiceParameter("ARCH", ("amd64", "arm64")))
CHOICES = {"PR": "41877", "ARCH": "arm64"}

JOB = """<?xml version='1.1' encoding='UTF-8'?>
<project>
  <properties>
    <hudson.model.ParametersDefinitionProperty>
      <parameterDefinitions>
        <hudson.model.StringParameterDefinition><name>PR</name></hudson.model.StringParameterDefinition>
        <hudson.model.ChoiceParameterDefinition>
          <name>ARCH</name>
          <choices class="java.util.Arrays$ArrayList">
            <a class="string-array"><string>amd64</string><string>arm64</string></a>
          </choices>
        </hudson.model.ChoiceParameterDefinition>
      </parameterDefinitions>
    </hudson.model.ParametersDefinitionProperty>
  </properties>
  <builders><hudson.tasks.Shell><command>make test</command></hudson.tasks.Shell></builders>
</project>"""

T = TypeVar("T")
Client: TypeAlias = Callable[[str, str], AbstractContextManager[Witness]]


def fails_on_arm(starting: Starting) -> Plan:
    arm = starting.parameters["ARCH"] == "arm64"
    return Plan("FAILURE" if arm else "SUCCESS", log=f"testing {starting.parameters['PR']}\n", node="arm-7")


@pytest.fixture
async def stand_in() -> AsyncIterator[JenkinsStandIn]:
    """A controller a hundred times as fast as the wall, with jobs in a folder."""
    server = JenkinsStandIn(SystemClock(speed=100), quiet_period_s=0.0, context_path="/ci")
    server.add_user("gordon", token=TOKEN, password="secret")
    server.add_job("moby/pr", parameters=PARAMETERS, outcome=fails_on_arm)
    server.add_job("moby/waiting", parameters=PARAMETERS, label="s390x")  # which no node is
    server.add_job("moby/endless", parameters=PARAMETERS, duration_s=AN_AGE_S)
    server.add_node(Agent("arm 7", labels=("arm", "kernel:4.2")))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(params=["python-jenkins", "api4jenkins", "ujenkins", "jenkinsapi", "npm jenkins"])
def client(request: pytest.FixtureRequest) -> Client:
    if request.param == "npm jenkins":
        return partial(npm_jenkins, installed())
    clients: dict[str, Client] = {
        "python-jenkins": python_jenkins,
        "api4jenkins": api4jenkins_client,
        "ujenkins": ujenkins_client,
        "jenkinsapi": jenkinsapi_client,
    }
    return clients[request.param]


@pytest.fixture(params=[pytest.param(TOKEN, id="token"), pytest.param("secret", id="password-and-crumb")])
def secret(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


async def with_client(client: Client, url: str, secret: str, story: Callable[[Witness], T]) -> T:
    """Let a client, which blocks, live through a story while the stand-in goes on."""

    def told() -> T:
        with client(url, secret) as witness:
            return story(witness)

    return await asyncio.to_thread(told)


def patiently(look: Callable[[], T | None]) -> T:
    give_up = time.monotonic() + PATIENCE_S
    while (found := look()) is None:
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.01)
    return found


async def test_a_foreign_client_follows_a_build_from_trigger_to_console(
    stand_in: JenkinsStandIn, client: Client, secret: str
) -> None:
    def story(witness: Witness) -> tuple[int, str, str]:
        queue_id = witness.start("moby/pr", CHOICES)
        number = patiently(lambda: witness.became("moby/pr", queue_id))
        result = patiently(lambda: witness.result("moby/pr", number))
        return queue_id, result, witness.console("moby/pr", number)

    queue_id, result, console = await with_client(client, stand_in.url, secret, story)
    assert result == "FAILURE"
    assert console.splitlines()[-2:] == ["testing 41877", "Finished: FAILURE"]
    assert [(each.queue_id, each.parameters) for each in stand_in.ledger.builds] == [(queue_id, CHOICES)]


async def test_a_foreign_client_cancels_what_waits(stand_in: JenkinsStandIn, client: Client, secret: str) -> None:
    def story(witness: Witness) -> tuple[int, list[int], list[int]]:
        queue_id = witness.start("moby/waiting", CHOICES)
        before = list(witness.waiting())
        witness.cancel(queue_id)
        return queue_id, before, list(witness.waiting())

    queue_id, before, after = await with_client(client, stand_in.url, secret, story)
    assert (before, after) == ([queue_id], [])
    assert [each.queue_id for each in stand_in.ledger.cancels] == [queue_id]


async def test_a_foreign_client_stops_what_runs(stand_in: JenkinsStandIn, client: Client, secret: str) -> None:
    def story(witness: Witness) -> tuple[str, str]:
        queue_id = witness.start("moby/endless", CHOICES)
        number = patiently(lambda: witness.became("moby/endless", queue_id))
        witness.stop("moby/endless", number)
        result = patiently(lambda: witness.result("moby/endless", number))
        return result, witness.console("moby/endless", number)

    result, console = await with_client(client, stand_in.url, secret, story)
    assert result == "ABORTED"
    assert console.splitlines()[-3:] == ["Build was aborted", "Aborted by gordon", "Finished: ABORTED"]


async def test_a_foreign_client_marks_a_node_offline_and_takes_the_mark_away(
    stand_in: JenkinsStandIn, client: Client, secret: str
) -> None:
    """The name has a space, which each client encodes in its own way or leaves to its library."""

    def story(witness: Witness) -> tuple[Sequence[str], list[SeenNode]]:
        names, seen = witness.node_names(), [witness.node("arm 7")]
        witness.disable("arm 7", "too hot")
        seen.append(witness.node("arm 7"))
        witness.enable("arm 7")
        return names, [*seen, witness.node("arm 7")]

    names, seen = await with_client(client, stand_in.url, secret, story)
    assert set(names) in ({"Built-In Node", "arm 7"}, {"master", "arm 7"})  # python-jenkins keeps the old name
    assert seen == [SeenNode(False, False, ""), SeenNode(True, True, "too hot"), SeenNode(False, False, "")]


async def test_a_foreign_client_makes_a_job_of_xml_builds_it_and_deletes_it(
    stand_in: JenkinsStandIn, client: Client, secret: str
) -> None:
    def story(witness: Witness) -> tuple[list[bool], str, str, str]:
        there = [witness.has_job("moby/new")]
        witness.create("moby/new", JOB)
        there.append(witness.has_job("moby/new"))
        config = witness.config("moby/new")
        queue_id = witness.start("moby/new", CHOICES)
        number = patiently(lambda: witness.became("moby/new", queue_id))
        result = patiently(lambda: witness.result("moby/new", number))
        console = witness.console("moby/new", number)
        witness.delete("moby/new")
        return [*there, witness.has_job("moby/new")], config, result, console

    there, config, result, console = await with_client(client, stand_in.url, secret, story)
    assert there == [False, True, False]
    assert config == JOB
    assert result == "SUCCESS"
    assert "+ make test" in console.splitlines()
    assert [dict(each.parameters) for each in stand_in.ledger.builds] == [CHOICES]


@pytest.mark.parametrize("wrong", ["11ab", "Secret"])
async def test_a_foreign_client_with_a_wrong_secret_gets_nowhere(
    stand_in: JenkinsStandIn, client: Client, wrong: str
) -> None:
    def story(witness: Witness) -> int:
        return witness.start("moby/pr", CHOICES)

    with pytest.raises(Exception, match=r"(?i)401|unauthorized"):
        await with_client(client, stand_in.url, wrong, story)
    assert stand_in.ledger.triggers == []
