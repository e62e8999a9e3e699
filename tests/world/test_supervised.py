"""What systemd hears of a Gordon that it runs: when it is ready, reloads and stops, and that it is alive."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo.world import PLUGINS, World
from bot.notify import Supervisor
from tests.world.crash_rig import Maintainer
from tests.world.gordon_process import gordon_process
from tests.world.honesty import until

BAD = Path(__file__).parent / "bad_plugins"
ALIVE = "WATCHDOG=1"


class Told:
    """All that arrives at a socket like that of systemd."""

    def __init__(self, address: str) -> None:
        self.own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.own.setblocking(False)
        self.own.bind(address)

    def take(self) -> list[dict[str, str]]:
        """Take what has arrived since the last time."""
        found: list[dict[str, str]] = []
        while True:
            try:
                text = self.own.recv(4096).decode()
            except BlockingIOError:
                return found
            found.append(dict(line.split("=", 1) for line in text.split("\n")))

    async def hears(self, key: str) -> dict[str, str]:
        """Wait for a word other than that Gordon is alive, which must have this key."""
        async with asyncio.timeout(60):
            while not (found := [one for one in self.take() if "WATCHDOG" not in one]):  # noqa: ASYNC110  a socket
                await asyncio.sleep(0.01)
        assert key in found[0], found
        return {key: text for one in found for key, text in one.items()}


@asynccontextmanager
async def told(address: str) -> AsyncIterator[Told]:
    systemd = Told(address)
    try:
        yield systemd
    finally:
        systemd.own.close()


async def test_systemd_is_told_of_the_start_of_reloads_and_of_the_end(tmp_path: Path) -> None:
    async with (
        World(tmp_path, with_irc=True) as world,
        told(str(tmp_path / "notify")) as systemd,
        gordon_process(world, NOTIFY_SOCKET=str(tmp_path / "notify")) as gordon,
    ):
        ready = await systemd.hears("READY")
        assert ready["READY"] == "1"
        assert ready["STATUS"].startswith("plugins rebuild, ")
        assert "ready: plugins" in gordon.errors

        before_us = time.monotonic_ns() // 1000
        os.kill(gordon.pid, signal.SIGHUP)
        reloaded = await systemd.hears("RELOADING")
        assert before_us <= int(reloaded["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        if "READY" not in reloaded:
            reloaded = await systemd.hears("READY")
        assert reloaded["STATUS"] == "nothing to reload"

        world.config.write_text(world.config.read_text().replace("[gordon]", "[gordn]"))
        os.kill(gordon.pid, signal.SIGHUP)
        refused = await systemd.hears("RELOADING")
        if "READY" not in refused:
            refused = await systemd.hears("READY")
        assert refused["STATUS"].startswith("not reloaded, nothing has changed: gordon.toml:")

        assert await gordon.stopped() == 0
        assert (await systemd.hears("STOPPING"))["STATUS"] == "stopping"


async def test_a_blocked_work_loop_keeps_back_the_word_that_gordon_is_alive(tmp_path: Path) -> None:
    """F38: what blocks ends the process by itself; were that to fail, systemd does it."""
    folder, tianon = BAD, Maintainer("tianon")
    async with (
        World(tmp_path, with_irc=True, plugins=(*PLUGINS, "blocking"), plugin_folder=folder) as world,
        told(f"\0{tmp_path}") as systemd,
    ):
        await tianon.join(world.irc_port)
        async with gordon_process(world, NOTIFY_SOCKET=f"@{tmp_path}", WATCHDOG_USEC="200000") as gordon:
            await tianon.sees_gordon_join(0)
            await until(lambda: {"WATCHDOG": "1"} in systemd.take())
            tianon.type("block 3")
            await gordon.logs("plugin blocking blocks the work loop")
            await asyncio.sleep(0.3)
            systemd.take()
            await asyncio.sleep(0.5)
            assert systemd.take() == []
            await until(lambda: {"WATCHDOG": "1"} in systemd.take())
            assert await gordon.stopped() == 0
        await tianon.leave()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, Supervisor(), id="nobody"),
        pytest.param({"NOTIFY_SOCKET": "/run/s"}, Supervisor("/run/s"), id="no-watchdog"),
        pytest.param({"NOTIFY_SOCKET": "@s", "WATCHDOG_USEC": "90000000"}, Supervisor("@s", 45.0), id="half-of-it"),
        pytest.param(
            {"NOTIFY_SOCKET": "@s", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"},
            Supervisor("@s"),
            id="another-process",
        ),
        pytest.param({"NOTIFY_SOCKET": "@s", "WATCHDOG_USEC": "soon"}, Supervisor("@s"), id="no-number"),
    ],
)
def test_who_wants_to_hear_says_so_in_the_environment(environment: Mapping[str, str], expected: Supervisor) -> None:
    assert Supervisor.of(environment) == expected


def test_nobody_is_told_where_nobody_asks_and_one_who_went_away_is_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Supervisor().ready("well")
    assert caplog.records == []
    with caplog.at_level(logging.WARNING):
        Supervisor(str(tmp_path / "gone")).stopping()
    assert caplog.messages == ["systemd was not told STOPPING=1: No such file or directory"]


def test_a_supervisor_that_does_not_read_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        own.bind(str(tmp_path / "s"))
        for _ in range(2000):
            Supervisor(str(tmp_path / "s")).stopping()
            if caplog.messages:
                break
    assert caplog.messages == ["systemd was not told STOPPING=1: Resource temporarily unavailable"]
