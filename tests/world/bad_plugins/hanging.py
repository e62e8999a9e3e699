"""Never comes to an end (F37)."""

import asyncio
import contextlib

from bot.plugin import Call, Context, Plugin

plugin = Plugin("hanging")


@plugin.command("hang")
async def hang(ctx: Context, call: Call) -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    return "never said"


@plugin.command("hang-read", reads=True)
async def hang_read(ctx: Context, call: Call) -> str:
    """Wait for ever in a command that only reads."""
    await asyncio.Event().wait()
    return "never said"


@plugin.command("cling")
async def cling(ctx: Context, call: Call) -> str:
    """Wait for ever and not be cancelled."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


@plugin.command("work")
async def work(ctx: Context, call: Call) -> str:
    """Do what is wanted."""
    return "it works"
