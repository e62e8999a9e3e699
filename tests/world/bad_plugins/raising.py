"""Fails in every way that Python has (F36)."""

import asyncio

from bot.events import BuildFinished
from bot.plugin import Call, Context, Plugin

plugin = Plugin("raising")


class Strange(BaseException):
    """No exception that anybody catches."""


WAYS: dict[str, type[BaseException]] = {
    "error": ValueError,
    "exit": SystemExit,
    "interrupt": KeyboardInterrupt,
    "base": Strange,
    "generator": GeneratorExit,
    "cancelled": asyncio.CancelledError,
    "recursion": RecursionError,
    "memory": MemoryError,
}


@plugin.command("raise <how>")
async def raise_(ctx: Context, call: Call) -> str:
    """Fail after something was to be said."""
    if ctx.place is not None:
        ctx.tell(ctx.place, "a handler that failed leaves no words")
    raise WAYS[call["how"]]("it is broken\nin two lines")


@plugin.command("raise-read <how>", reads=True)
async def raise_read(ctx: Context, call: Call) -> str:
    """Fail in a command that only reads."""
    raise WAYS[call["how"]]("it is broken\nin two lines")


@plugin.command("raise-task <how>")
async def raise_task(ctx: Context, call: Call) -> str:
    """Fail in a task of its own."""
    return await asyncio.create_task(raise_read(ctx, call))


@plugin.command("work")
async def work(ctx: Context, call: Call) -> str:
    """Do what is wanted."""
    return "it works"


@plugin.on(BuildFinished)
async def listen(ctx: Context, event: BuildFinished) -> None:
    """Fail on an event that others want too."""
    raise ValueError("it never listens")
