"""Notifications of the Jenkins stand-in, held to what the Notification plugin sends and to how careless it is."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import encode_basic_auth, web

from bot.demo.jenkins.model import Parameter, Plan, StringParameter
from bot.demo.jenkins.notifier import Endpoint, Trouble, Which
from bot.demo.jenkins.parameters import PasswordParameter
from tests.contract.standin_rig import Rig, a_held_jenkins
from tests.rigs.process import free_port


@dataclass
class Receiver:
    """Somebody who is told, and answers as it likes."""

    url: str = ""
    status: int = 200
    moved_to: str = ""
    heard: list[tuple[str, str, Any]] = field(default_factory=list)

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        self.heard.append((request.path, request.headers.get("Authorization", ""), await request.json()))
        if self.moved_to and request.path != self.moved_to:
            return web.Response(status=307, headers={"Location": self.url + self.moved_to})
        return web.Response(status=self.status)

    def phases(self) -> list[tuple[int, str, str | None]]:
        return [(each["number"], each["phase"], each.get("status")) for each in self.builds()]

    def builds(self) -> list[Any]:
        return [body["build"] for _, _, body in self.heard]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.take))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with a_held_jenkins() as rig:
        parameters: list[Parameter] = [StringParameter("PR"), PasswordParameter("KEY", "hush")]
        rig.server.add_job("moby/pr", parameters=parameters, duration_s=10)
        rig.server.add_job("infra/pr", duration_s=10)
        yield rig


def tell(rig: Rig, url: str, **how: Any) -> Endpoint:
    endpoint = Endpoint(url, **how)
    rig.server.notifier.endpoints.append(endpoint)
    return endpoint


async def settle(rig: Rig, seconds: float = 0.0) -> None:
    """Let time pass and all notifications arrive."""
    await rig.pass_s(seconds)
    await rig.server.notifier.settle()


async def build(rig: Rig, *plans: Plan) -> None:
    """Let builds run one after another, each to its end."""
    rig.server.job("moby/pr").outcome = list(plans)
    for _ in plans:
        await rig.ask("POST", "/job/moby/job/pr/buildWithParameters", params={"PR": "41877"})
        await settle(rig)
        for _ in range(3):
            await settle(rig, 10)


async def test_a_build_is_told_in_four_phases(rig: Rig, receiver: Receiver) -> None:
    """(J26) QUEUED and FINALIZED are told too, and status is there when a result is."""
    tell(rig, f"{receiver.url}/notification/jenkins")
    await build(rig, Plan("UNSTABLE", publishing_s=5, closing_s=5))
    assert receiver.phases() == [
        (1, "QUEUED", None),
        (1, "STARTED", None),
        (1, "COMPLETED", "UNSTABLE"),
        (1, "FINALIZED", "UNSTABLE"),
    ]


async def test_the_shape_of_a_notification(rig: Rig, receiver: Receiver) -> None:
    """The name is the short one, only the addresses tell the folder; the secret parameter is left out."""
    tell(rig, receiver.url, log_lines=2)
    await build(rig, Plan(log="one\ntwo\n"))
    _, _, body = receiver.heard[-1]
    assert (body["name"], body["display_name"], body["url"]) == ("pr", "pr", "job/moby/job/pr/")
    assert body["build"] == {
        "full_url": f"{rig.server.url}job/moby/job/pr/1/",
        "number": 1,
        "queue_id": 1,
        "timestamp": body["build"]["timestamp"],
        "duration": 10_000,
        "phase": "FINALIZED",
        "status": "SUCCESS",
        "url": "job/moby/job/pr/1/",
        "scm": {"changes": [], "culprits": []},
        "parameters": {"PR": "41877"},
        "log": "two\nFinished: SUCCESS\n",
        "notes": "",
        "artifacts": {},
    }


async def test_without_a_root_url_there_is_no_full_one(rig: Rig, receiver: Receiver) -> None:
    rig.server.notifier.root = None
    tell(rig, receiver.url)
    await build(rig, Plan())
    assert {"full_url" in each for each in receiver.builds()} == {False}


@pytest.mark.parametrize(("lines", "log"), [(0, ""), (1, "Finished: SUCCESS\n"), (-1, None)])
async def test_so_many_lines_of_the_log_go_along(rig: Rig, receiver: Receiver, lines: int, log: str | None) -> None:
    tell(rig, receiver.url, which="finalized", log_lines=lines)
    await build(rig, Plan(log="one\n"))
    whole = await rig.log("/job/moby/job/pr/1/")
    assert [each["log"] for each in receiver.builds()] == [whole if log is None else log]


@pytest.mark.parametrize(
    ("which", "told"),
    [
        pytest.param("completed", [1, 2, 3, 4, 5, 6], id="one-phase"),
        pytest.param("failed", [2, 3], id="failed-hides-unstable-and-aborted"),
        pytest.param("failedAndFirstSuccess", [2, 3, 5], id="and-first-success-after-a-failure"),
        pytest.param("manual", [], id="manual"),
    ],
)
async def test_an_endpoint_is_told_by_its_filter(rig: Rig, receiver: Receiver, which: Which, told: list[int]) -> None:
    """(J26)"""
    tell(rig, receiver.url, which=which)
    await build(rig, Plan(), Plan("FAILURE"), Plan("FAILURE"), Plan("ABORTED"), Plan("SUCCESS"), Plan("UNSTABLE"))
    assert [each["number"] for each in receiver.builds()] == told


async def test_an_endpoint_may_be_of_one_job(rig: Rig, receiver: Receiver) -> None:
    tell(rig, receiver.url, job="infra/pr")
    await build(rig, Plan())
    assert receiver.heard == []


async def test_what_never_starts_is_never_told(rig: Rig, receiver: Receiver) -> None:
    """(J26) QUEUED is told when the build starts."""
    rig.server.job("moby/pr").label = "s390x"
    tell(rig, receiver.url)
    await rig.ask("POST", "/job/moby/job/pr/buildWithParameters")
    await rig.ask("POST", "/queue/cancelItem?id=1")
    await settle(rig, 60)
    assert receiver.heard == []


async def test_a_build_that_is_stopped_is_told_at_its_real_end(rig: Rig, receiver: Receiver) -> None:
    tell(rig, receiver.url, which="completed")
    rig.server.job("moby/pr").outcome = [Plan(stopping_s=3)]
    await rig.ask("POST", "/job/moby/job/pr/buildWithParameters")
    await settle(rig, 1)
    await rig.ask("POST", "/job/moby/job/pr/1/stop")
    await settle(rig, 1)
    assert receiver.heard == []
    await settle(rig, 3)
    assert receiver.phases() == [(1, "COMPLETED", "ABORTED")]
    await settle(rig, 60)
    assert len(receiver.heard) == 1


async def test_a_matrix_and_each_of_its_cells_is_told(rig: Rig, receiver: Receiver) -> None:
    rig.server.items.add_matrix("arches", {"ARCH": ("amd64", "arm64")}, duration_s=10)
    tell(rig, receiver.url, which="finalized")
    await rig.ask("POST", "/job/arches/build")
    for _ in range(4):
        await settle(rig, 10)
    assert Counter(body["url"] for _, _, body in receiver.heard) == {
        "job/arches/": 1,
        "job/arches/ARCH=amd64/": 1,
        "job/arches/ARCH=arm64/": 1,
    }


async def test_user_and_password_of_the_address_are_sent_as_basic(rig: Rig, receiver: Receiver) -> None:
    tell(rig, receiver.url.replace("//", "//jenkins:s3cret@") + "/hook", which="completed")
    await build(rig, Plan())
    assert [(path, auth) for path, auth, _ in receiver.heard] == [("/hook", encode_basic_auth("jenkins", "s3cret"))]


async def test_only_a_307_is_followed(rig: Rig, receiver: Receiver) -> None:
    receiver.moved_to = "/there"
    tell(rig, f"{receiver.url}/here", which="completed")
    await build(rig, Plan())
    assert [path for path, _, _ in receiver.heard] == ["/here", "/there"]


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_the_answer_is_ignored(rig: Rig, receiver: Receiver, status: int) -> None:
    receiver.status = status
    tell(rig, receiver.url)
    await build(rig, Plan())
    assert [each.status for each in rig.server.notifier.sent] == [status] * 4


async def test_nobody_there_is_not_tried_again(rig: Rig) -> None:
    tell(rig, f"http://127.0.0.1:{free_port()}/")
    await build(rig, Plan())
    assert [each.status for each in rig.server.notifier.sent] == [0] * 4


@pytest.mark.parametrize(
    ("troubles", "phases"),
    [
        pytest.param(["lost"], ["STARTED", "COMPLETED", "FINALIZED"], id="lost"),
        pytest.param(["doubled"], ["QUEUED", "QUEUED", "STARTED", "COMPLETED", "FINALIZED"], id="doubled"),
    ],
)
async def test_deliveries_go_wrong_as_planned(
    rig: Rig, receiver: Receiver, troubles: list[Trouble], phases: list[str]
) -> None:
    tell(rig, receiver.url, troubles=troubles)
    await build(rig, Plan())
    assert [phase for _, phase, _ in receiver.phases()] == phases


async def test_a_late_delivery_comes_after_the_next(rig: Rig, receiver: Receiver) -> None:
    endpoint = tell(rig, receiver.url, which="completed")
    endpoint.troubles = ["late"]
    await build(rig, Plan(), Plan("FAILURE"))
    assert [number for number, _, _ in receiver.phases()] == [2, 1]
