"""Build pull requests as they are opened and pushed to."""

from bot.events import PullOpened, PullPushed
from bot.plugin import Call, Context, Plugin, Role
from bot.values import Load, Pull, PullRef
from plugins.pr_builds.rules import PrBuildsSettings

plugin = Plugin("pr_builds", PrBuildsSettings)


@plugin.on(PullOpened)
async def opened(ctx: Context, event: PullOpened) -> None:
    """Build what was opened."""
    await look(ctx, event.pull.ref)


@plugin.on(PullPushed)
async def pushed(ctx: Context, event: PullPushed) -> None:
    """Build what was pushed."""
    await look(ctx, event.pull.ref)


@plugin.command("ok to test <pull>", role=Role.MAINTAINER)
async def ok_to_test(ctx: Context, call: Call) -> str:
    """Let the commit of an outsider be built, this one and no later."""
    pull = await ctx.forge.pull(call["pull"])
    await ctx.ci.trust(pull)
    await look(ctx, pull.ref)
    return f"{pull.ref.short} at {pull.head:.7} is ok to test"


async def look(ctx: Context, ref: PullRef) -> None:
    """Start what is to be built of a pull request as it stands now."""
    if not ctx.settings.builds(ref.repo):
        return
    pull: Pull = await ctx.forge.pull(ref)
    if not pull.is_open or not await ctx.ci.trust_of(pull):
        return
    at_most = Load(ctx.settings.per_author, ctx.settings.per_repo)
    standings = await ctx.ci.contexts(pull)
    await ctx.ci.cancel_older(pull, list(standings), keep=[pull.head], reason=f"superseded by {pull.head:.7}")
    for context in standings:
        await ctx.ci.dispatch(context, pull, occasion=pull.base, at_most=at_most)
