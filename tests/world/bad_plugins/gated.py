"""Waits for something that comes later, as for a neighbour that is down."""

from bot.plugin import Call, Context, Plugin, Role, Unavailable

plugin = Plugin("gated")


@plugin.command("open <pull>", role=Role.MAINTAINER)
async def open_(ctx: Context, call: Call) -> str:
    """Wait until somebody says that the gate may be opened."""
    if not await ctx.store.get("may"):
        raise Unavailable("the gate", "opening it")
    return "the gate is open"


@plugin.command("may")
async def may(ctx: Context, call: Call) -> str:
    """Say so."""
    ctx.store.put("may", True)
    return "it may be opened"
