"""A Gordon that is given much at once: how late its edge loop comes to its turns, what memory it takes, who waits."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.busy_world import Site, busy
from tests.bench.table import Table, percentile

MEGABYTES = 500
IDLE_S = 20.0
BLOCK_S = 90  # longer than a log of that size takes
LETTERS = 23
GOAL_LATE_S, GOAL_MB, GOAL_WAIT_S = 0.05, 80, 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one load.

    Arguments:
        took_s: how long it lasted.
        late_s: by how much the edge loop came too late to 999 of 1,000 turns at most.
        latest_s: the most.
        longest_wait_s: of whoever asked something small.
        peak_mb: how far the memory was ever above that of the start.
    """

    name: str
    took_s: float
    late_s: float
    latest_s: float
    longest_wait_s: float
    peak_mb: float


async def play(folder: Path, megabytes: int = MEGABYTES) -> list[Load]:
    """Give a Gordon much at once, in three ways, and tell what came of each."""
    async with busy(folder, megabytes) as site:
        idle = await _under(site, "nothing", asyncio.sleep(IDLE_S), in_chat=True)
        large = await _under(site, "a log and a webhook of 25 MB", _large(site), in_chat=True)
        # The build begins before the plugin blocks, as that needs the loop; its verdict comes when the plugin lets go.
        begun, sent, log = site.logs.begun, site.logs.sent, asyncio.create_task(site.reads_a_log())
        await site.log_is_asked_for(begun)
        blocked = await _under(site, "a log, a bad pattern, a plugin that blocks", _blocked(site, sent), in_chat=False)
        await log
        held = await _under(site, "a plugin that holds the interpreter", _held(site), in_chat=False)
        return [idle, large, blocked, held]


async def _large(site: Site) -> None:
    log = asyncio.create_task(site.reads_a_log())
    await site.log_is_asked_for(site.logs.begun)
    status = await site.takes_a_webhook()
    if status >= 300:
        raise RuntimeError(f"the webhook was answered by {status}")
    await log


async def _blocked(site: Site, sent: int) -> None:
    site.person.type(f"block {BLOCK_S}")
    async with asyncio.timeout(BLOCK_S):
        await site.log_is_sent(sent)


async def _held(site: Site) -> None:
    heard = len(site.person.heard)
    site.person.type(f"backtrack {LETTERS}")
    await site.person.hears("not found", after=heard)


async def _under(site: Site, name: str, load: Awaitable[None], *, in_chat: bool) -> Load:
    site.forget_peak()
    asking = asyncio.create_task(site.ask_small_things(in_chat=in_chat))
    began_s = time.monotonic()
    try:
        await load
    finally:
        took_s = time.monotonic() - began_s
        await asyncio.sleep(2.5)  # the last turns are told by then
        asking.cancel()
    late_s = site.late_s(began_s, began_s + took_s)
    waits_s = [wait_s for asked_s, wait_s in site.waits_s if asked_s >= began_s]
    peak_mb = site.memory_mb("VmHWM") - site.start_mb
    return Load(name, took_s, percentile(late_s, 0.999), max(late_s), max(waits_s), peak_mb)


def measure_busy(folder: Path, megabytes: int = MEGABYTES) -> None:
    """Print how late the edge loop comes, and what memory is taken, under much at once."""
    table = Table(
        f"A Gordon that is given much at once, logs of {megabytes} MB",
        "load | s | the edge loop late, p99.9 ms | most ms | the longest small wait, ms | MB above the start",
    )
    for load in asyncio.run(play(folder, megabytes)):
        times = (load.late_s, load.latest_s, load.longest_wait_s)
        table.row(load.name, f"{load.took_s:.0f}", *(f"{each * 1e3:.0f}" for each in times), f"{load.peak_mb:.0f}")
    table.show(
        "The neighbours share the machine with Gordon. A small wait is one for `/ping` and, while no plugin",
        "blocks, `!ping` on IRC. The bad pattern is a signature `(a+)+b$` in the catalogue, and each MB of the log has",
        "a line made for it. The last row is Python's `re` in a plugin, which lets no other thread run: nothing in the",
        f"same process helps against that. goals: p99.9 {GOAL_LATE_S * 1e3:.0f} ms, {GOAL_MB} MB, {GOAL_WAIT_S:.0f} s",
    )
