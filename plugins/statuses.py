"""Tell the forge how the builds of a commit stand, for contexts that have a `status` in the configuration."""

from bot.events import BuildDiagnosed, BuildEvent, BuildFinished, BuildQueued, BuildStarted, RetryDropped
from bot.facts import RetryState
from bot.plugin import Context, Plugin, lasting
from bot.values import Result, Status, StatusState
from bot.wording import by, label

# What an end is told as; an error is what says nothing of the commit.
ENDS = {
    Result.SUCCESS: (StatusState.SUCCESS, "passed"),
    Result.UNSTABLE: (StatusState.FAILURE, "unstable"),
    Result.FAILURE: (StatusState.FAILURE, "failed"),
    Result.NOT_BUILT: (StatusState.ERROR, "was not built"),
    Result.ABORTED: (StatusState.ERROR, "was aborted"),
}
MAX_NAME_BYTES = 60  # of a cause or test: what happened has to fit behind it

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


def judged(event: BuildDiagnosed, dropped: str) -> tuple[StatusState, str]:
    """Say how a build ended, why in the first words.

    Arguments:
        dropped: why it is not tried again though its failure is one that is; empty where that was no question.
    """
    state, words = ending(event.end)
    if state is StatusState.SUCCESS and event.end.attempt > 1:
        return state, words.replace("passed", f"passed on try {event.end.attempt}", 1)
    if state is not StatusState.FAILURE:
        return state, words.replace("was aborted", f"was aborted{by(event.fact.diagnosis)}", 1)
    why = label(event.fact.diagnosis, MAX_NAME_BYTES)
    return state, (f"{why}: " if why else "") + words + (f", not retried: {dropped}" if dropped else "")


def retrying(words: str) -> str:
    """Say that a build tries again what failed, and which try it is; empty for a first try."""
    return f"retrying ({words})" if words else ""


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
