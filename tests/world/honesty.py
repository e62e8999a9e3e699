"""A Gordon for tests that may never lie: whatever it calls queued, the Jenkins stand-in has in its ledger."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.clock import Clock
from bot.demo.world import PLUGINS, World
from bot.testing import FakeChat, Gordon, running

CLAIM = re.compile(r"\bqueued\b(?! or running)")
ITEM = re.compile(r"\(item (\d+)")


@asynccontextmanager
async def honest(
    folder: Path,
    *,
    clock: Clock | None = None,
    plugins: Sequence[str] = PLUGINS,
    plugin_folder: Path | None = None,
    quiet_period_s: float = 0.0,
    chat: FakeChat | None = None,
    **numbers: float,
) -> AsyncIterator[Gordon]:
    """Run a Gordon in a world of its own, and check at the end that it told the truth."""
    world = World(
        folder,
        clock=clock,
        plugins=plugins,
        plugin_folder=plugin_folder,
        quiet_period_s=quiet_period_s,
        numbers=numbers,
    )
    async with world, running(folder, world=world, chat=chat) as gordon:
        yield gordon
        check(gordon.lines, world)


def check(lines: Sequence[str], world: World) -> None:
    """Fail on a line that calls something queued without naming an item that Jenkins gave out."""
    items = {accepted.queue_id for accepted in world.jenkins.ledger.triggers}
    for line in lines:
        if CLAIM.search(line):
            named = {int(number) for number in ITEM.findall(line)}
            assert named, f"calls something queued without an item: {line!r}"
            assert named <= items, f"names items that Jenkins never gave out: {line!r}"
