"""Retries in a World: how soon they come, and what is on disk about them."""

from bot.testing import Gordon
from tests.world.honesty import on_disk

SOON = "\n[plugin.retries]\ndelay_s = 0.1\n"
LATER = "\n[plugin.retries]\ndelay_s = 1.0\njitter = 0.0\n"  # so that something can come between


def triggers(gordon: Gordon, job: str = "docker-prs") -> int:
    """Count what was put into the queue, by the stand-in's ledger."""
    return sum(each.job == job and not each.folded for each in gordon.world.jenkins.ledger.triggers)


async def planned(gordon: Gordon, count: int = 1) -> None:
    """Wait until retries are on disk."""
    await on_disk(gordon, "SELECT count(*) FROM retries", lambda decided: decided >= count)


async def due(gordon: Gordon) -> None:
    """Wait until the delays of all retries are over, and what comes of that."""
    await on_disk(gordon, "SELECT count(*) = 0 FROM deliveries WHERE handler LIKE 'retries%'")
