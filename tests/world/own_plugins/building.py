"""Builds every pull request for whatever is told of it, twice over, and cancels what is of an older commit."""

import asyncio

from bot.events import BuildQueued, PullEvent
from bot.plugin import Call, Context, Plugin, Role, UserError
from bot.values import Load, PullRef

CONTEXT = "janky"
AT_MOST = Load(per_author=5, per_repo=100)

plugin = Plugin("building")


@plugin.on(PullEvent)
async def look(ctx: Context, event: PullEvent) -> None:
    """Build what has changed."""
    await build(ctx, event.pull.ref)


@plugin.on(PullEvent)
async def look_too(ctx: Context, event: PullEvent) -> None:
    """Want the same."""
    await build(ctx, event.pull.ref)


@plugin.on(BuildQueued)
async def queued(ctx: Context, event: BuildQueued) -> None:
    """Cancel what was asked for just before a push and is taken just after it."""
    if event.pull and not await ctx.ci.cancel_late(event.request_id):
        await cancel(ctx, event.pull)


@plugin.command("ok <pull>", role=Role.MAINTAINER)
async def ok(ctx: Context, call: Call) -> str:
    """Find a commit ok to test."""
    await ctx.ci.trust(await ctx.forge.pull(call["pull"]))
    return await build(ctx, call["pull"])


@plugin.command("not ok <pull>", role=Role.MAINTAINER)
async def not_ok(ctx: Context, call: Call) -> str:
    """Take that back."""
    return "taken back" if await ctx.ci.distrust(call["pull"]) else "nothing to take back"


async def cancel(ctx: Context, ref: PullRef) -> None:
    """Cancel what is of an older commit."""
    pull = await ctx.forge.pull(ref)
    await ctx.ci.cancel_older(pull, [CONTEXT], keep=[pull.head], reason=f"superseded by {pull.head:.7}")


async def build(ctx: Context, ref: PullRef) -> str:
    """Build what a pull request is at now, and say what came of it."""
    pull = await ctx.forge.pull(ref)
    if not pull.is_open:
        return "closed"
    await ctx.ci.cancel_older(pull, [CONTEXT], keep=[pull.head], reason=f"superseded by {pull.head:.7}")
    wanted = (ctx.ci.dispatch(CONTEXT, pull, occasion=pull.base, at_most=AT_MOST) for _ in range(2))
    try:
        item, same = await asyncio.gather(*wanted)
    except UserError as error:
        return f"{type(error).__name__}: {error}"
    assert item.sha == same.sha == pull.head
    return f"{pull.head:.7} is built"
