"""From the end of a build to its verdict in chat, for logs of several sizes, beside the download and the engine."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench import logs
from tests.bench.bots import ROOT, gordon, started
from tests.bench.catalogues import write_catalogue
from tests.bench.table import Table, spread
from tests.bench.talker import Talker
from tests.bench.verdict_world import BUILD_S, POLL_S

SIZES = (10_000, 1_000_000, 10_000_000, 100_000_000)
JOB, CONTEXT, TEST = "docker-prs", "janky", "TestRunVolumesFrom"
SIGNATURES = 1000
WARM_UP_BYTES = 32_000_000  # long enough for the signatures to be compiled, which is kept
WITHIN_S = 120.0
IDLE_S = 0.3
END = (
    f"=== RUN {TEST}\n--- FAIL: {TEST} (12.40s)\n\tdocker_cli_run_test.go:411: timed out waiting for container 5a7d\n"
    "FAIL\nexit status 1\nmake: *** [test] Error 1\nBuild step 'Execute shell' marked build as failure\n"
).encode()


@dataclass(frozen=True, slots=True)
class Site:
    """A world in its own process."""

    process: "subprocess.Popen[str]"
    told: dict[str, Any]

    def ask(self, line: str) -> dict[str, float]:
        """Tell it something, and return what it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        found: dict[str, float] = json.loads(self.process.stdout.readline())
        return found


def measure_verdict(
    folder: Path, rounds: int, sizes: Sequence[int] = SIZES, warm_up_bytes: int = WARM_UP_BYTES
) -> None:
    """Print how long it takes from the end of a build to the line in chat that says why it failed."""
    whole, read, bare, engine, alone = (defaultdict[int, list[float]](list) for _ in range(5))
    files = {size: folder / f"{size}.log" for size in {warm_up_bytes, *sizes}}
    for size, file in files.items():
        logs.write_ending(file, size, END)
    write_catalogue(folder / "catalogue.toml", SIGNATURES)
    with (
        _site(folder / "world") as site,
        Talker(int(site.told["irc_port"]), "tianon") as talker,
        started(gordon(Path(site.told["config"])), folder / "gordon", int(site.told["irc_port"])) as process,
    ):
        talker.sees_bot_join()
        talker.first_answer("ping", "pong")
        site.ask(f"log {files[warm_up_bytes]}")
        _verdict(site, talker)
        _wait_until_idle(process)
        for _ in range(rounds):
            for size in sizes:
                site.ask(f"log {files[size]}")
                said_s, build = _verdict(site, talker)
                _wait_until_idle(process)
                whole[size].append((said_s - build["over_s"]) * 1e3)
                read[size].append((said_s - build["asked_s"]) * 1e3)
                bare[size].append(asyncio.run(_download_ms(site, int(build["number"]))))
                engine[size].append(_scan_ms("hyperscan_stream", files[size], folder))
                alone[size].append(_scan_ms("ours_shipped", files[size], folder))
    table = Table(
        f"Build over to verdict on IRC, ms, {rounds} rounds",
        f"log | Gordon | from the request for the log on | the bare download | the bare engine, {SIGNATURES} signatures"
        " | Gordon's way from a file, processor's time",
    )
    for size in sizes:
        table.row(_words(size), *(spread(times[size], ".0f") for times in (whole, read, bare, engine, alone)))
    table.show(
        f"Jenkins is asked every {POLL_S * 1e3:.0f} ms, and the wait for that is in the first figure; the others have",
        "none of it. In both of Gordon's are the download, the reading, the verdict by all that is shipped, the write",
        "to disk, the handlers and the line on IRC; an earlier log had the signatures compiled, and no other log is",
        "being kept meanwhile. Stand-in, Gordon and whoever reads share this machine, and the stand-in makes a long",
        "log ready anew for each request.",
        "goal: 10 MB at most 1000 ms",
    )


def _verdict(site: Site, talker: Talker) -> tuple[float, dict[str, float]]:
    """Have a build fail; tell when its verdict was read, and what the stand-in knows of it."""
    talker.type(f"rebuild moby#1 {CONTEXT}")
    talker.hears("queued")
    time.sleep(BUILD_S / 2)
    talker.wait(lambda line: line.startswith(b":gordon") and TEST.encode() in line, WITHIN_S)
    return time.time(), site.ask(f"build {JOB}")


def _wait_until_idle(process: "subprocess.Popen[bytes]") -> None:
    """Wait until a log that was told is also kept, which Gordon does when nothing waits for its verdict."""
    used_s = _cpu_s(process)
    while True:
        time.sleep(IDLE_S)
        before_s, used_s = used_s, _cpu_s(process)
        if used_s - before_s < IDLE_S * 0.6:  # looking at Jenkins so often takes some
            return


def _cpu_s(process: "subprocess.Popen[bytes]") -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _download_ms(site: Site, number: int) -> float:
    url = f"{site.told['jenkins']}job/{JOB}/{number}/logText/progressiveText?start=0"
    headers = {"Authorization": aiohttp.encode_basic_auth("gordon", site.told["token"])}
    async with aiohttp.ClientSession(headers=headers) as session:
        begun_s = time.perf_counter()
        async with session.get(url) as answer:
            assert answer.status == 200, answer.status
            async for _ in answer.content.iter_chunked(64 << 10):
                pass
        return (time.perf_counter() - begun_s) * 1e3


def _scan_ms(way: str, log: Path, folder: Path) -> float:
    command = [sys.executable, "-m", "tests.bench.scanners", way, str(SIGNATURES), str(log)]
    command += ["--catalogue", str(folder / "catalogue.toml")]
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    return float(told["scan_s"]) * 1e3


def _words(size: int) -> str:
    return f"{size // 1_000_000} MB" if size >= 1_000_000 else f"{size // 1000} kB"


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    command = [sys.executable, "-m", "tests.bench.verdict_world", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Site(process, json.loads(process.stdout.readline()))
        process.stdin.close() if process.stdin else None
