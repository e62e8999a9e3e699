"""Retries in a World: how soon they come, and what is on disk about them."""

import asyncio

from bot.testing import Gordon

SOON = "\n[plugin.retries]\ndelay_s = 0.1\n"
LATER = "\n[plugin.retries]\ndelay_s = 1.0\njitter = 0.0\n"  # so that something can come between


def triggers(gordon: Gordon, job: str = "docker-prs") -> int:
    """Count what was put into the queue, by the stand-in's ledger."""
    return sum(each.job == job and not each.folded for each in gordon.world.jenkins.ledger.triggers)


async def planned(gordon: Gordon, count: int = 1) -> None:
    """Wait until retries are on disk."""
    query = "SELECT count(*) FROM retries"

    async def decided() -> int:
        return int(await gordon.app.database.read(lambda db: db.execute(query).fetchone()[0]))

    async with asyncio.timeout(20.0):
        while await decided() < count:  # noqa: ASYNC110  the disk tells nobody
            await asyncio.sleep(0.02)


async def until_disk(gordon: Gordon, query: str) -> None:
    """Wait until a question to the disk is answered with something."""
    async with asyncio.timeout(20.0):
        while not await gordon.app.database.read(lambda db: db.execute(query).fetchone()[0]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def due(gordon: Gordon) -> None:
    """Wait until the delays of all retries are over, and what comes of that."""
    await until_disk(gordon, "SELECT count(*) = 0 FROM deliveries WHERE handler LIKE 'retries%'")
