"""Obey commands in comments on pull requests, as if they were typed in a channel."""

from bot.events import PullCommented
from bot.plugin import Context, Plugin

plugin = Plugin("comments")


@plugin.on(PullCommented)
async def obey(ctx: Context, event: PullCommented) -> None:
    """Take in what a comment says; a sign under it shows that, and words follow once there are some."""
    obeyed = await ctx.house.obey(event)
    if obeyed.place is not None:
        for words in obeyed.words:
            ctx.tell(obeyed.place, words)
    if obeyed.sign:
        await ctx.forge.react(event.pull, event.comment.id, obeyed.sign)
