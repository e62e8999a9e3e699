"""A Gordon for tests that may never lie: whatever it calls queued, the Jenkins stand-in has in its ledger."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.clock import Clock
from bot.demo.world import PLUGINS, World
from bot.testing import FakeChat, Gordon, running

CLAIM = re.compile(r"(?<!nothing was )\bqueued\b(?! or running)")
QUIET_S = 1.5  # by then a command that waits for something would have been tried again
ITEM = re.compile(r"\(item (\d+)")
# Only to know when to look: what is due, what is on its way to a handler, and what is to be said.
LEFT = """
SELECT (SELECT count(*) FROM timetable WHERE next_s <= :now_s)
     + (SELECT count(*) FROM deliveries WHERE state != 'dead' AND not_before_s <= :now_s)
     + (SELECT count(*) FROM outbox)
"""


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


async def until(holds: Callable[[], object], within_s: float = 60.0) -> None:
    """Wait until something holds that tells nobody when it does."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110  see above
            await asyncio.sleep(0.02)


async def left_now(gordon: Gordon) -> int:
    """Tell how much is left to do that is due."""
    given = {"now_s": gordon.app.clock.now().timestamp()}
    left: int = await gordon.app.database.read(lambda db: db.execute(LEFT, given).fetchone()[0])
    return left


async def at_rest(gordon: Gordon, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Wait until nothing is left to do that is due; `meanwhile` is called at each look, to move a clock."""
    async with asyncio.timeout(60):
        while await left_now(gordon):
            meanwhile()
            await asyncio.sleep(0.02)


async def on_disk(
    gordon: Gordon, query: str, is_so: Callable[[Any], object] = bool, *, within_s: float = 60.0, **given: object
) -> None:
    """Wait until the first value that a query finds is so; without a row it is not."""

    async def row() -> Sequence[Any] | None:
        found: Sequence[Any] | None = await gordon.app.database.read(lambda db: db.execute(query, given).fetchone())
        return found

    async with asyncio.timeout(within_s):
        while (found := await row()) is None or not is_so(found[0]):  # noqa: ASYNC110  the disk tells nobody
            await asyncio.sleep(0.02)


async def said(gordon: Gordon, pattern: str, times: int) -> None:
    """Wait until something was said so often, and see that it was not said more often."""

    def count() -> int:
        return sum(bool(re.search(pattern, line)) for line in gordon.lines)

    await until(lambda: count() >= times)
    assert count() == times


async def triggers(gordon: Gordon, count: int) -> None:
    """Wait until Jenkins has so many triggers, and see that no more follow."""
    ledger = gordon.world.jenkins.ledger
    await until(lambda: len(ledger.triggers) >= count)
    await asyncio.sleep(QUIET_S)
    assert len(ledger.triggers) == count
