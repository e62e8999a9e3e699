"""The neighbours of the verdict's measurement, in a process of their own: builds that fail with logs from files.

python -m tests.bench.verdict_world FOLDER

It prints its addresses as one line of JSON. A line `log FILE` on its input makes the builds from then on write what is
in that file; `build JOB` makes it print when the newest build of the job was over and when its log was asked for, in
seconds.
"""

import asyncio
import json
import sys
from pathlib import Path

from bot.demo.jenkins.model import Plan, Starting
from bot.demo.world import TOKEN, World

POLL_S = 0.05
BUILD_S = 0.3
NUMBERS = {
    "commands_per_minute": 1000,
    "commands_per_minute_in_channel": 10_000,
    "builds_per_person": 1000,
    "rebuilds_per_commit": 100,
    "burst_lines": 100,
    "line_every_s": 0.001,
    "gather_s": 0.001,
    "timeout_s": 60,
    "poll_s": POLL_S,
}


async def main(folder: Path) -> None:
    """Live until the input ends."""
    async with World(folder, with_irc=True, numbers=NUMBERS) as world:
        log = b""
        world.build_of(lambda starting: _plan(starting, log))
        told = {"config": str(world.config), "irc_port": world.irc_port, "jenkins": world.jenkins.url, "token": TOKEN}
        print(json.dumps(told), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            match line.split(maxsplit=1):
                case ["log", path]:
                    log = await asyncio.to_thread(Path(path.strip()).read_bytes)
                    print("{}", flush=True)
                case ["build", job]:
                    print(json.dumps(_newest(world, job.strip())), flush=True)


def _plan(_starting: Starting, log: bytes) -> Plan:
    return Plan("FAILURE", duration_s=BUILD_S, log=log)


def _newest(world: World, job: str) -> dict[str, float]:
    build = world.jenkins.job(job).newest_first()[0]
    over_s = build.timestamp_ms / 1000 + build.closed_s - build.started_s
    asked = world.jenkins.ledger.asked("GET", f"/job/{job}/{build.number}/logText/*")
    return {"number": build.number, "over_s": over_s, "asked_s": asked[0].at.timestamp() if asked else 0.0}


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
