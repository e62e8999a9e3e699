"""Commands that list something, each in its own way, for notices to tell."""

import asyncio

from bot.plugin import Call, Card, Context, Plugin, Role

plugin = Plugin("listing")


@plugin.command("todo [<what>]", reads=True)
async def todo(ctx: Context, call: Call) -> Card | str:
    """List what is to be done: nothing, much, or two things."""
    match call["what"]:
        case "nothing":
            return Card("nothing to do", is_nothing=True)
        case "much":
            return Card("much to do", tuple(f"the {number}th thing of many" for number in range(100)))
        case "text":
            return "a text\nof two lines"
        case "wrong":
            raise RuntimeError("the list is torn")
        case "hanging":
            await asyncio.Event().wait()
    return Card("2 things to do", ("sweep", "mop"), slot="todo")


@plugin.command("waiting", reads=True)
async def waiting(ctx: Context, call: Call) -> Card:
    """List what waits at Jenkins, which must answer for that."""
    found = await ctx.ci.queue()
    return Card(f"{len(found.found)} wait")


@plugin.command("secrets", role=Role.TRIAGER, reads=True)
async def secrets(ctx: Context, call: Call) -> Card:
    """List what only triagers may know."""
    return Card("2 secrets")
