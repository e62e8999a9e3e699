"""Takes and says too much (F39)."""

import asyncio

from bot.plugin import Call, Context, Plugin

plugin = Plugin("leaking")
kept: list[asyncio.Task[bool]] = []


@plugin.command("leak <n>")
async def leak(ctx: Context, call: Call) -> str:
    """Begin tasks that never end."""
    for _ in range(int(call["n"])):
        kept.append(asyncio.create_task(asyncio.Event().wait()))
    return f"{len(kept)} tasks run"


@plugin.command("mend")
async def mend(ctx: Context, call: Call) -> str:
    """End them."""
    for task in kept:
        task.cancel()
    kept.clear()
    return "no task runs"


@plugin.command("flood <n>")
async def flood(ctx: Context, call: Call) -> str:
    """Say many lines."""
    assert ctx.place is not None
    for number in range(1, int(call["n"])):
        ctx.tell(ctx.place, f"line {number}")
    return "line 0"
