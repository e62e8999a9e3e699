"""Does as `beating` does, many times over."""

from bot.events import Tick
from bot.plugin import Context, Plugin

plugin = Plugin("beating_more")


@plugin.every(1)
async def third(ctx: Context, _: Tick) -> None:
    await _beat(ctx, "third")


@plugin.every(1)
async def fourth(ctx: Context, _: Tick) -> None:
    await _beat(ctx, "fourth")


@plugin.every(1)
async def fifth(ctx: Context, _: Tick) -> None:
    await _beat(ctx, "fifth")


@plugin.every(1)
async def sixth(ctx: Context, _: Tick) -> None:
    await _beat(ctx, "sixth")


@plugin.every(1)
async def seventh(ctx: Context, _: Tick) -> None:
    await _beat(ctx, "seventh")


@plugin.every(1)
async def eighth(ctx: Context, _: Tick) -> None:
    await _beat(ctx, "eighth")


async def _beat(ctx: Context, name: str) -> None:
    ctx.store.put(name, int(await ctx.store.get(name) or 0) + 1)
