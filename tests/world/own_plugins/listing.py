"""Commands that list something, each in its own way, for notices to tell."""

import asyncio

from bot.plugin import Call, Card, Context, Plugin, Role, UserError
from bot.values import JobRef

plugin = Plugin("listing")


@plugin.command("todo [<kind>]", reads=True)
async def todo(ctx: Context, call: Call) -> Card | str:
    """List what is to be done: nothing, much, or two things."""
    match call["kind"]:
        case "nothing":
            return Card("nothing to do", is_nothing=True)
        case "much":
            return Card("much to do", tuple(f"the {number}th thing of many" for number in range(100)))
        case "text":
            return "a text\nof two lines"
        case "wrong":
            raise RuntimeError("the list is torn")
        case "staleee":
            raise UserError('no kind "staleee"; did you mean stale?')
        case "hanging":
            await asyncio.Event().wait()
    return Card("2 things to do", ("sweep", "mop"), slot="todo")


@plugin.command("base", reads=True)
async def base(ctx: Context, call: Call) -> Card:
    """Tell how the job of the base image stands at Jenkins, which must answer for that."""
    standing = await ctx.ci.of_job(JobRef("ci", "infra/base-image"))
    return Card(f"base-image is {standing.stage}")


@plugin.command("secrets", role=Role.TRIAGER, reads=True)
async def secrets(ctx: Context, call: Call) -> Card:
    """List what only triagers may know."""
    return Card("2 secrets")
