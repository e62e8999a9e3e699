"""F29: whoever takes in webhooks is killed while they come, and what was answered by success is there, once.

The seed is fixed, so that one can play it again; when the process dies within an answer is chance all the same.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.rigs.hook_deliveries import Answered, Delivery, deliveries, send
from tests.rigs.hook_server import SECRET_FILE, heads_in
from tests.world.forked import Forked, forked

SECRET = "sesame"
SENDERS, PULLS_EACH, TURNS = 8, 2, 13  # 208 deliveries
ROUNDS, SEED = 3, 2013
A_MOMENT_S = 0.01  # some deliveries take as long
STARTS_WITHIN_S = 20.0  # on a machine that does much else


@asynccontextmanager
async def serving(folder: Path, number: int) -> AsyncIterator[tuple[Forked, str]]:
    """Let the page listen in a process until it is killed, here or by the test."""
    told = folder / f"address {number}"
    os.mkfifo(told)
    heard, ready = os.open(told, os.O_RDONLY | os.O_NONBLOCK), asyncio.Event()
    loop = asyncio.get_running_loop()
    arguments = (str(folder), str(told), "book")
    server = await forked("tests.rigs.hook_server", *arguments, environment=os.environ, log=folder / "log")
    loop.add_reader(heard, ready.set)
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            await ready.wait()
        yield server, os.read(heard, 200).decode().strip()
    finally:
        loop.remove_reader(heard)
        os.close(heard)
        server.kill()
        await server.wait()


def queues(number: int) -> list[list[Delivery]]:
    """Make what each sender sends in a round, of pull requests that only it tells of."""
    first = 1 + number * SENDERS * PULLS_EACH
    numbers = [range(first + at * PULLS_EACH, first + (at + 1) * PULLS_EACH) for at in range(SENDERS)]
    return [list(deliveries(SECRET, pulls, TURNS)) for pulls in numbers]


async def killed(server: Forked, url: str, made: list[list[Delivery]], chance: random.Random) -> list[Answered]:
    """Send deliveries to a process that dies at some moment of it, and tell what it has answered."""
    left, then_s = chance.randrange(1, SENDERS * PULLS_EACH * TURNS // 2), chance.uniform(0, A_MOMENT_S)

    def count(_: Answered) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            asyncio.get_running_loop().call_later(then_s, server.kill)

    return await send(url, made, count)


@pytest.mark.timeout(60)
async def test_what_was_answered_by_success_is_there_once_after_a_kill(tmp_path: Path) -> None:
    secret = tmp_path / SECRET_FILE
    secret.write_text(SECRET)
    secret.chmod(0o600)
    chance, answered, sent = random.Random(SEED), set[str](), list[list[Delivery]]()
    for number in range(ROUNDS):
        made = queues(number)
        async with serving(tmp_path, number) as (server, url):
            found = await killed(server, url, made, chance)
        assert {one.status for one in found} == {202}
        assert len(found) < sum(len(queue) for queue in made), "it was killed before the end"
        answered |= {one.delivery.head for one in found}
        sent += made
    async with serving(tmp_path, ROUNDS) as (_, url):
        kept = heads_in(tmp_path)
        assert answered <= kept.keys()
        assert set(kept.values()) == {1}
        # GitHub is told to send all of it again, and nothing of it happens twice.
        again = await send(url, sent)
    everything = {delivery.head for queue in sent for delivery in queue}
    assert {one.delivery.head for one in again if one.status == 202} == everything
    assert heads_in(tmp_path) == Counter(everything)
