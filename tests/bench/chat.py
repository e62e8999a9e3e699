"""Bots on a loopback IRC network: how soon one answers, how soon a build is triggered, how soon one is there."""

import asyncio
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.bench.bots import ROOT, Bot, echo, gordon, gordon_irc_only, others, rss_mb, started
from tests.bench.journal import commit_times_ms
from tests.bench.table import Table, percentile, spread
from tests.bench.talker import Talker
from tests.rigs import ngircd

WARM_UP = 30
# Gordon's throttle cannot be off: it lets 100 lines go at once and then one each millisecond, so all bots get a rest.
BETWEEN_RESTS, REST_S = 50, 0.06
PAUSE_S = 0.005  # between builds: people do not answer a bot while it still notes that it has spoken


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The world in its own process."""

    process: "subprocess.Popen[str]"
    told: dict[str, Any]

    @property
    def config(self) -> Path:
        return Path(self.told["config"])

    @property
    def port(self) -> int:
        return int(self.told["irc_port"])

    def posts_s(self) -> list[float]:
        """Tell when each POST has arrived at the Jenkins stand-in."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("posts\n")
        self.process.stdin.flush()
        found: list[float] = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def neighbours(folder: Path) -> Iterator[Neighbours]:
    """Start the world, on a real IRC server if one is installed."""
    with contextlib.ExitStack() as stack:
        server = [str(stack.enter_context(ngircd(folder)))] if shutil.which("ngircd") else []
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.bench.neighbours", str(folder / "world"), *server],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert process.stdout is not None
        yield Neighbours(process, json.loads(process.stdout.readline()))
        process.stdin.close() if process.stdin else None


def measure_reading(folder: Path, rounds: int, commands: int) -> None:
    """Print how long a command that reads takes, beside other bots."""
    found, missing = others()
    with neighbours(folder) as world:
        bots = [echo(), gordon(world.config), *found]
        taken: dict[str, list[list[float]]] = {bot.name: [] for bot in bots}
        for number in range(rounds):
            for bot in bots:
                with (
                    Talker(world.port, "icecrime") as talker,
                    started(bot, folder / f"{bot.name} {number}", world.port),
                ):
                    talker.sees_bot_join()
                    talker.first_answer(bot.command.format("first"), bot.answer.format("first"))
                    times = []
                    for n in range(WARM_UP + commands):
                        if n % BETWEEN_RESTS == 0:
                            time.sleep(REST_S)
                        times.append(talker.answer_ms(bot.command.format(f"w{n}x"), bot.answer.format(f"w{n}x")))
                    taken[bot.name].append(times[WARM_UP:])
    server = "ngircd" if shutil.which("ngircd") else "the demo's network (no ngircd here)"
    table = Table(
        f"A command that reads, on {server}, throttles off: {commands} in turn, {rounds} rounds",
        "bot | median ms (rounds) | p95 | p99 | times the echo bot",
    )
    floor = statistics.median(statistics.median(times) for times in taken[bots[0].name])
    for name, rounds_of in taken.items():
        medians = [statistics.median(times) for times in rounds_of]
        p95, p99 = (statistics.median(percentile(times, p) for times in rounds_of) for p in (0.95, 0.99))
        table.row(name, spread(medians), f"{p95:.2f}", f"{p99:.2f}", f"{statistics.median(medians) / floor:.1f}")
    table.show("goal: Gordon's median at most 0.5 ms", *missing)


def measure_effect(folder: Path, rounds: int, commands: int) -> None:
    """Print how long it takes from a line to the trigger at Jenkins, beside the trigger alone."""
    gordons, bare, disk = [], [], []
    with neighbours(folder) as world:
        bot = gordon(world.config)
        for number in range(rounds):
            with (
                Talker(world.port, "icecrime") as talker,
                started(bot, folder / f"effect {number}", world.port),
            ):
                talker.sees_bot_join()
                talker.first_answer("ping", "pong")
                before = len(world.posts_s())
                sent_s = []
                for _ in range(WARM_UP + commands):
                    time.sleep(PAUSE_S)
                    sent_s.append(time.time())
                    talker.type("build base-image")
                    talker.hears("base-image: queued")
                arrived_s = world.posts_s()[before:]
            assert len(arrived_s) == len(sent_s), "each command is one POST"
            gordons.append([(there - here) * 1e3 for here, there in zip(sent_s, arrived_s, strict=True)][WARM_UP:])
            bare.append(asyncio.run(_bare_posts(world, WARM_UP + commands))[WARM_UP:])
            disk.append(commit_times_ms(folder / f"commits {number}.db", commands))
    table = Table(
        f"A command with an effect, from the line to the POST at Jenkins, journal on disk: {commands}, {rounds} rounds",
        "what | median ms (rounds) | p95 | p99",
    )
    for name, rounds_of in (
        ("a bare POST by the same HTTP client", bare),
        ("a bare commit of one row, as durable", disk),
        ("Gordon: !build base-image", gordons),
    ):
        p95, p99 = (statistics.median(percentile(times, p) for times in rounds_of) for p in (0.95, 0.99))
        table.row(name, spread([statistics.median(times) for times in rounds_of]), f"{p95:.2f}", f"{p99:.2f}")
    table.show("goal: at most 2 ms at the median; it has one such POST and two such commits in it, one after the other")


async def _bare_posts(world: Neighbours, count: int) -> list[float]:
    before = len(world.posts_s())
    sent_s = []
    url = f"{world.told['jenkins'].rstrip('/')}/job/infra/job/base-image/buildWithParameters"
    async with aiohttp.ClientSession(auth=aiohttp.BasicAuth("gordon", world.told["token"])) as session:
        for number in range(count):
            await asyncio.sleep(PAUSE_S)
            sent_s.append(time.time())
            form = urlencode({"GORDON_REQUEST_ID": f"bare-{number}"})
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            async with session.post(url, data=form, headers=headers, allow_redirects=False) as response:
                assert response.status < 400, response.status
    arrived_s = await asyncio.to_thread(world.posts_s)
    return [(there - here) * 1e3 for here, there in zip(sent_s, arrived_s[before:], strict=True)]


def measure_start(folder: Path, rounds: int) -> None:
    """Print how soon a bot answers after its start, and what memory it holds then."""
    with neighbours(folder) as world:
        bots = [echo(), gordon_irc_only(), gordon(world.config), *others()[0]]
        ready: dict[str, list[float]] = {bot.name: [] for bot in bots}
        memory: dict[str, list[float]] = {bot.name: [] for bot in bots}
        bare_s = []
        for number in range(rounds + 1):
            begun_s = time.perf_counter()
            subprocess.run([sys.executable, "-c", ""], check=True)
            bare_s.append(time.perf_counter() - begun_s)
            for bot in bots:
                took_s, rss = _one_start(bot, folder / bot.name, world.port)
                if number:  # the first one makes the database and the compiled modules
                    ready[bot.name].append(took_s)
                    memory[bot.name].append(rss)
    table = Table(
        f"Ready: process start to first answer on IRC, database there, {rounds} rounds",
        "bot | ready s (rounds) | least | memory MB",
    )
    table.row("bare python, start to end", spread(bare_s), f"{min(bare_s):.2f}", "")
    for name, times in ready.items():
        table.row(name, spread(times), f"{min(times):.2f}", f"{statistics.median(memory[name]):.0f}")
    table.show("goal: IRC only at most 0.35 s and 55 MB, everything on at most 0.8 s and 110 MB")


def _one_start(bot: Bot, folder: Path, port: int) -> tuple[float, float]:
    with Talker(port, "icecrime") as talker:
        begun_s = time.perf_counter()
        with started(bot, folder, port) as process:
            talker.sees_bot_join()
            talker.first_answer(bot.command.format("first"), bot.answer.format("first"))
            took_s = time.perf_counter() - begun_s
            time.sleep(0.5)
            return took_s, rss_mb(process)
