"""Slack: how soon commands are acknowledged that come at 50 a second, each of them on disk by then."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot.demo.slack import moby
from bot.demo.slack.double import Team
from bot.demo.world import SLACK, World
from tests.bench.bots import ROOT
from tests.bench.table import Table, percentile

RATE, FOR_S, WARM_UP = 50, 20.0, 100
LATE_S = 3.0  # after which Slack shows people that it failed, and sends again
READY_S = 30.0
PEOPLE = (moby.ICECRIME, moby.TIANON, moby.JESS, moby.NEWCOMER, moby.CROSBYMICHAEL, moby.VIEUX)
NAMES = {"bolt": "a bare bolt app, nothing kept", "gordon": "Gordon: permitted and on disk"}
Transport = Literal["socket", "http"]


@dataclass(frozen=True, slots=True)
class Run:
    """After how long each of the first tries was acknowledged, and how many never were."""

    times_ms: Sequence[float]
    lost: int


def measure_slack(folder: Path, seconds: float = FOR_S) -> None:
    """Print how long acknowledgements take, beside an app that keeps nothing."""
    table = Table(
        f"Slack: {RATE} commands a second for {seconds:.0f} s, each told of as a mention and as a message",
        "transport | who | median ms | p99 | most | not in 3 s | p99, times the bolt app",
    )
    transports: tuple[Transport, ...] = ("socket", "http")
    for transport in transports:
        floor = 0.0
        for who, name in NAMES.items():
            run = asyncio.run(_measured(folder / f"{who}-{transport}", transport, who, seconds))
            p99 = percentile(run.times_ms, 0.99)
            floor = floor or p99
            times = [f"{number:.1f}" for number in (percentile(run.times_ms, 0.5), p99, max(run.times_ms))]
            table.row(transport, name, *times, f"{run.lost} of {run.lost + len(run.times_ms)}", f"{p99 / floor:.1f}")
    table.show("goal: Gordon's p99 at most 300 ms; Slack's double and whoever types share one process with each other")


async def _measured(folder: Path, transport: Transport, who: str, seconds: float) -> Run:
    async with _answering(folder, transport, who) as team:
        await _commands(team, WARM_UP, 0)
        before = len(team.deliveries.ledger)
        await _commands(team, int(RATE * seconds), WARM_UP)
        await asyncio.sleep(LATE_S)
        tries = [delivery.tries[0] for delivery in team.deliveries.ledger[before:] if delivery.tries]
        times = [one.ack_s * 1000 for one in tries if one.ack_s is not None and one.ack_s < LATE_S]
        return Run(times, len(tries) - len(times))


async def _commands(team: Team, count: int, begin: int) -> None:
    """Have people give commands that change something, evenly spread."""
    loop = asyncio.get_running_loop()
    since_s = loop.time()
    for number in range(count):
        await asyncio.sleep(max(0.0, since_s + number / RATE - loop.time()))
        who = PEOPLE[number % len(PEOPLE)]
        team.acts.mentions(who, f"watch moby#{begin + number + 1}", moby.DOCKER_DEV)


@asynccontextmanager
async def _answering(folder: Path, transport: Transport, who: str) -> AsyncIterator[Team]:
    """Start a Slack, and in a process of its own what talks with it, until it takes what is delivered."""
    async with World(folder, with_slack=transport) as world:
        assert world.slack is not None
        team, port = world.slack.team(SLACK), _free_port() if transport == "http" else 0
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace("port = 0", f"port = {port}"), encoding="utf-8")
        command = ["bot.cli", "run", str(world.config), "--log-level", "ERROR"]
        if who == "bolt":
            command = ["tests.bench.bolt_app", world.slack.api_url, *([str(port)] if port else [])]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", *command, cwd=ROOT)
        try:
            async with asyncio.timeout(READY_S):
                await (_listening(port) if port else team.link.connected())
            if port:
                team.post_to(f"http://127.0.0.1:{port}/slack/{SLACK}/events")
            await asyncio.sleep(1.0)
            yield team
        finally:
            process.terminate()
            await process.wait()


async def _listening(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
