"""Obey commands in comments on pull requests, as if they were typed in a channel."""

from dataclasses import dataclass

from bot.events import Event, PullClosed, PullCommented
from bot.plugin import Context, Plugin
from bot.values import PullRef

MAX_MISTAKES = 10  # of one author on one pull request that are remembered
SIGN_OF_SUCCESS = "eyes"

plugin = Plugin("comments")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentWeighed(Event):
    """It is known what came of a comment.

    Arguments:
        sign: the reaction that shows it.
        mended: earlier comments of the same author whose commands were mistakes, so that what was said to them goes.
    """

    pull: PullRef
    comment: int
    sign: str
    mended: tuple[int, ...] = ()


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
            mended=await mended(ctx, event, obeyed.sign) if obeyed.place is not None else (),
        )
        ctx.later(weighed, delay_s=0)


@plugin.on(CommentWeighed)
async def react(ctx: Context, event: CommentWeighed) -> None:
    """Show under a comment that it was read, and take away what explained mistakes once they are mended."""
    await ctx.forge.react(event.pull, event.comment, event.sign)
    for comment in event.mended:
        await ctx.forge.put_comment(event.pull, f"answer:{comment}", "")


@plugin.on(PullClosed)
async def forget(ctx: Context, event: PullClosed) -> None:
    """Forget the mistakes on a pull request; what explained them stays under it."""
    ctx.store.put(str(event.pull.ref), None)


async def mended(ctx: Context, event: PullCommented, sign: str) -> tuple[int, ...]:
    """Remember a comment of which nothing could be taken in; after one of which something was, tell those before it."""
    author = str(event.comment.author.number)
    mistakes: dict[str, list[int]] = await ctx.store.get(str(event.pull)) or {}
    of_author = mistakes.pop(author, [])
    if sign != SIGN_OF_SUCCESS:
        mistakes[author] = [*of_author, event.comment.id][-MAX_MISTAKES:]
    ctx.store.put(str(event.pull), mistakes or None)
    return tuple(of_author) if sign == SIGN_OF_SUCCESS else ()
