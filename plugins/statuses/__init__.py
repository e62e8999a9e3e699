"""Tell the forge how the builds of a commit stand, for contexts that have a `status` in the configuration."""

from bot.events import BuildDiagnosed, BuildEvent, BuildQueued, BuildStarted, RetryDropped
from bot.facts import RetryState
from bot.plugin import Context, Plugin
from bot.values import Status, StatusState
from plugins.statuses.words import judged, retrying

plugin = Plugin("statuses")


@plugin.on(BuildQueued)
async def tell_queued(ctx: Context, event: BuildQueued) -> None:
    """Show that a build waits."""
    await tell(ctx, event, StatusState.PENDING, retrying(event.retrying) or "queued", event.url)


@plugin.on(BuildStarted)
async def tell_started(ctx: Context, event: BuildStarted) -> None:
    """Show that a build runs."""
    await tell(ctx, event, StatusState.PENDING, retrying(event.retrying) or f"#{event.number} is running", event.url)


@plugin.on(BuildDiagnosed)
async def tell_ended(ctx: Context, event: BuildDiagnosed) -> None:
    """Show what a build came to, or that it is to be tried again."""
    retry = await ctx.ledger.retry_of(event.request_id)
    if retry is not None and retry.state is not RetryState.DROPPED:
        await tell(ctx, event, StatusState.PENDING, retrying(retry.plan.words), event.end.url)
        return
    state, words = judged(event, retry.reason if retry else "")
    await tell(ctx, event, state, words, event.end.url)


@plugin.on(RetryDropped)
async def tell_dropped(ctx: Context, event: RetryDropped) -> None:
    """Show what a build came to that was to be tried again and is not."""
    state, words = judged(event.diagnosed, event.reason)
    await tell(ctx, event, state, words, event.diagnosed.end.url)


async def tell(ctx: Context, event: BuildEvent, state: StatusState, words: str, url: str) -> None:
    """Set the status of the commit that was asked for, unless something newer is known of its context."""
    name = ctx.forge.status_name(event.pull.repo, event.context) if event.pull and event.sha else ""
    if name and event.pull and await ctx.ci.is_last_word(event):
        await ctx.forge.set_status(event.pull.repo, event.sha, Status(name, state, words, url))
