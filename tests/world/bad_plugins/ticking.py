"""Does something every so often, and may fail at it (F36)."""

from bot.events import Tick
from bot.plugin import Call, Context, Plugin

plugin = Plugin("ticking")


@plugin.every(0.2)
async def beat(ctx: Context, event: Tick) -> None:
    """Count, or fail if that is wanted."""
    if await ctx.store.get("badly"):
        raise ValueError("it does not tick")
    ctx.store.put("count", (await ctx.store.get("count") or 0) + 1)


@plugin.command("tick-badly")
async def tick_badly(ctx: Context, call: Call) -> str:
    """Fail from now on."""
    ctx.store.put("badly", True)
    return "ticks fail"


@plugin.command("count", reads=True)
async def count(ctx: Context, call: Call) -> str:
    """Tell how many ticks there were."""
    return f"{await ctx.store.get('count') or 0} ticks"
