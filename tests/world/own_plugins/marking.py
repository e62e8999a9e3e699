"""Writes all that a plugin may write on a pull request, when told to."""

from bot.plugin import Call, Context, Plugin
from bot.values import Status, StatusState

plugin = Plugin("marking")


@plugin.command("mark <pull>")
async def mark(ctx: Context, call: Call) -> str:
    """Mark a pull request."""
    pull = await ctx.forge.pull(call["pull"])
    await ctx.forge.set_status(pull.ref.repo, pull.head, Status("marked", StatusState.SUCCESS, "marked"))
    await ctx.forge.put_comment(pull.ref, "mark", "Marked")
    await ctx.forge.set_labels(pull.ref, add=["marked"])
    for comment in await ctx.forge.comments(pull.ref):
        await ctx.forge.react(pull.ref, comment.id, "eyes")
    return f"{pull.ref.short} is marked"
