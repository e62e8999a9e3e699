"""Does something little every second: most of what happens to a bot in a year are ticks."""

from bot.events import Tick
from bot.plugin import Context, Plugin

plugin = Plugin("beating")


@plugin.every(1)
async def first(ctx: Context, _: Tick) -> None:
    await _beat(ctx, "first")


@plugin.every(1)
async def second(ctx: Context, _: Tick) -> None:
    await _beat(ctx, "second")


async def _beat(ctx: Context, name: str) -> None:
    ctx.store.put(name, int(await ctx.store.get(name) or 0) + 1)
