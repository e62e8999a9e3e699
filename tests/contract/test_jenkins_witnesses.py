"""Clients that nobody here wrote drive the Jenkins stand-in from trigger to console."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import api4jenkins
import jenkins
import pytest
import ujenkins

from bot.clock import SystemClock
from bot.demo.jenkins.model import ChoiceParameter, Plan, Starting, StringParameter
from bot.demo.jenkins.standin import JenkinsStandIn

PATIENCE_S = 5.0
TOKEN = "11aa"
PARAMETERS = (StringParameter("PR"), ChoiceParameter("ARCH", ("amd64", "arm64")))


def fails_on_arm(starting: Starting) -> Plan:
    arm = starting.parameters["ARCH"] == "arm64"
    return Plan("FAILURE" if arm else "SUCCESS", log=f"testing {starting.parameters['PR']}\n", node="arm-7")


@pytest.fixture
async def stand_in() -> AsyncIterator[JenkinsStandIn]:
    """A controller a hundred times as fast as the wall, with one job in a folder."""
    server = JenkinsStandIn(SystemClock(speed=100), quiet_period_s=0.0, context_path="/ci")
    server.add_user("gordon", token=TOKEN, password="secret")
    server.add_job("moby/pr", parameters=PARAMETERS, outcome=fails_on_arm)
    await server.start()
    yield server
    await server.stop()


def patiently(look: Callable[[], Any]) -> Any:
    give_up = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < give_up, "no finished build in time"
        time.sleep(0.01)
    return found


def ask_python_jenkins(url: str, secret: str) -> tuple[str, str, bool]:
    client = jenkins.Jenkins(url, "gordon", secret, timeout=PATIENCE_S)
    queue_id = client.build_job("moby/pr", {"PR": "41877", "ARCH": "arm64"})

    def done() -> Any:
        executable = client.get_queue_item(queue_id).get("executable")
        build = executable and client.get_build_info("moby/pr", executable["number"])
        return build if build and not build["building"] else None

    build = patiently(done)
    return build["result"], client.get_build_console_output("moby/pr", build["number"]), build["queueId"] == queue_id


def ask_api4jenkins(url: str, secret: str) -> tuple[str, str, bool]:
    client = api4jenkins.Jenkins(url, auth=("gordon", secret))
    with client.http_client:
        item = client.build_job("moby/pr", PR="41877", ARCH="arm64")
        build = patiently(lambda: (found := item.get_build()) and not found.building and found)
        assert {each.name: each.value for each in build.get_parameters()} == {"PR": "41877", "ARCH": "arm64"}
        return build.result, "\n".join(build.console_text()) + "\n", build.queue_id == item.id


def ask_ujenkins(url: str, secret: str) -> tuple[str, str, bool]:
    client = ujenkins.JenkinsClient(url, "gordon", secret, timeout=PATIENCE_S)
    queue_id = client.builds.start("moby/pr", {"PR": "41877", "ARCH": "arm64"})
    assert queue_id is not None

    def done() -> Any:
        executable = client.queue.get_info(queue_id).get("executable")
        build = executable and client.builds.get_info("moby/pr", executable["number"])
        return build if build and not build["building"] else None

    build = patiently(done)
    console = client.builds.get_output("moby/pr", build["number"])
    client.close()
    return build["result"], console, build["queueId"] == queue_id


@pytest.mark.parametrize("secret", [pytest.param(TOKEN, id="token"), pytest.param("secret", id="password-and-crumb")])
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(ask_python_jenkins, id="python-jenkins"),
        pytest.param(ask_api4jenkins, id="api4jenkins"),
        pytest.param(ask_ujenkins, id="ujenkins"),
    ],
)
async def test_a_foreign_client_follows_a_build_from_trigger_to_console(
    stand_in: JenkinsStandIn, ask: Callable[[str, str], tuple[str, str, bool]], secret: str
) -> None:
    result, console, same_item = await asyncio.to_thread(ask, stand_in.url, secret)
    assert result == "FAILURE"
    assert same_item
    assert console.splitlines()[-2:] == ["testing 41877", "Finished: FAILURE"]
    assert stand_in.ledger.builds_by("PR") == {"41877": 1}
