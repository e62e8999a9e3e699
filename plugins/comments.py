"""Obey commands in comments on pull requests, as if they were typed in a channel."""

from dataclasses import dataclass

from bot.events import Event, PullCommented
from bot.plugin import Context, Plugin
from bot.values import PullRef

plugin = Plugin("comments")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentWeighed(Event):
    """It is known what came of a comment; `sign` is the reaction that shows it."""

    pull: PullRef
    comment: int
    sign: str


@plugin.on(PullCommented)
async def obey(ctx: Context, event: PullCommented) -> None:
    """Take in what a comment says, and leave the sign to its own lane: writes on the forge wait for each other."""
    obeyed = await ctx.house.obey(event)
    if obeyed.place is not None:
        for words in obeyed.words:
            ctx.tell(obeyed.place, words)
    if obeyed.sign:
        number = event.comment.id
        weighed = CommentWeighed(
            key=f"{event.key}:weighed",
            lane=f"comment:{number}",
            at=event.at,
            pull=event.pull,
            comment=number,
            sign=obeyed.sign,
        )
        ctx.later(weighed, delay_s=0)


@plugin.on(CommentWeighed)
async def react(ctx: Context, event: CommentWeighed) -> None:
    """Show under a comment that it was read."""
    await ctx.forge.react(event.pull, event.comment, event.sign)
