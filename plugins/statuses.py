"""Tell the forge how the builds of a commit stand, for contexts that have a `status` in the configuration."""

from bot.events import BuildEvent, BuildFinished, BuildQueued, BuildStarted
from bot.plugin import Context, Plugin, lasting
from bot.values import Result, Status, StatusState

# What an end is told as; an error is what says nothing of the commit.
ENDS = {
    Result.SUCCESS: (StatusState.SUCCESS, "passed"),
    Result.UNSTABLE: (StatusState.FAILURE, "unstable"),
    Result.FAILURE: (StatusState.FAILURE, "failed"),
    Result.NOT_BUILT: (StatusState.ERROR, "was not built"),
    Result.ABORTED: (StatusState.ERROR, "was aborted"),
}

plugin = Plugin("statuses")


@plugin.on(BuildQueued)
async def tell_queued(ctx: Context, event: BuildQueued) -> None:
    """Show that a build waits."""
    await tell(ctx, event, StatusState.PENDING, "queued", event.url)


@plugin.on(BuildStarted)
async def tell_started(ctx: Context, event: BuildStarted) -> None:
    """Show that a build runs."""
    await tell(ctx, event, StatusState.PENDING, f"#{event.number} is running", event.url)


@plugin.on(BuildFinished)
async def tell_finished(ctx: Context, event: BuildFinished) -> None:
    """Show what a build came to."""
    state, words = ending(event)
    await tell(ctx, event, state, words, event.url)


async def tell(ctx: Context, event: BuildEvent, state: StatusState, words: str, url: str) -> None:
    """Set the status of the commit that was asked for, unless something newer is known of its context."""
    name = ctx.forge.status_name(event.pull.repo, event.context) if event.pull and event.sha else ""
    if name and event.pull and await ctx.ci.is_last_word(event):
        await ctx.forge.set_status(event.pull.repo, event.sha, Status(name, state, words, url))


def ending(event: BuildFinished) -> tuple[StatusState, str]:
    """Say how a build ended, as far as that is about the commit that was asked for."""
    if not event.number:
        return StatusState.ERROR, noted("never left the queue", event.note)
    if event.built:
        return StatusState.ERROR, f"#{event.number} built another commit, {event.built:.7}"
    if event.result is None:
        return StatusState.ERROR, noted(f"#{event.number} was gone before anybody saw its result", event.note)
    state, how = ENDS[event.result]
    took = "" if event.result is Result.NOT_BUILT else f" after {lasting(event.duration_s)}"
    where = f" on {event.node}" if event.node else ""
    return state, noted(f"{how}{took}{where}", event.note)


def noted(words: str, note: str) -> str:
    """Add what befell a build, if anything."""
    return f"{words} ({note})" if note else words
