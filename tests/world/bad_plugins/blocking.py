"""Lets nobody else have the work loop (F38)."""

import time

from bot.plugin import Call, Context, Plugin

plugin = Plugin("blocking")


@plugin.command("block <seconds>")
async def block(ctx: Context, call: Call) -> str:
    """Sleep as one must not."""
    time.sleep(float(call["seconds"]))  # noqa: ASYNC251  which is the point
    return "awake again"


@plugin.command("spin <seconds>", reads=True)
async def spin(ctx: Context, call: Call) -> str:
    """Compute without a pause."""
    until_s = time.monotonic() + float(call["seconds"])
    while time.monotonic() < until_s:
        pass
    return "done"


@plugin.command("work")
async def work(ctx: Context, call: Call) -> str:
    """Do what is wanted."""
    return "it works"
