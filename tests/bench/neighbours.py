"""The neighbours in a process of their own, so that they and Gordon do not wait for one lock of the interpreter.

python -m tests.bench.neighbours FOLDER [IRC_PORT]

It prints its addresses as one line of JSON; a line on its input makes it print when each POST has arrived.
"""

import asyncio
import json
import sys
from pathlib import Path

from bot.demo.world import TOKEN, World

NUMBERS = {
    "commands_per_minute": 1000,
    "commands_per_minute_in_channel": 10_000,
    "builds_per_person": 1000,
    "burst_lines": 100,
    "line_every_s": 0.001,
    "poll_s": 5,
}


async def main(folder: Path, irc_port: int) -> None:
    """Live until the input ends."""
    async with World(folder, with_irc=True, numbers=NUMBERS) as world:
        if irc_port:
            world.irc_port = irc_port
            world.write_config()
        told = {"config": str(world.config), "irc_port": world.irc_port, "jenkins": world.jenkins.url, "token": TOKEN}
        print(json.dumps(told), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            posts = [seen.at.timestamp() for seen in world.jenkins.ledger.requests if seen.method == "POST"]
            print(json.dumps(posts), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
