"""Tell the forge how the builds of a commit stand, for contexts that have a `status` in the configuration.

Who may merge may override one: it counts as passed at that head, for a time, until a build of it really passes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from bot.events import (
    BuildDiagnosed,
    BuildEvent,
    BuildQueued,
    BuildStarted,
    Event,
    OverrideEnded,
    PullClosed,
    PullEdited,
    PullPushed,
    RetryDropped,
)
from bot.facts import RetryState
from bot.plugin import Call, Card, Context, Plugin, Role, UserError
from bot.values import PullRef, Status, StatusState, Subject
from bot.wording import name as shown
from bot.wording import pull_slot, stated
from plugins.statuses import overriding
from plugins.statuses.overriding import MAX_SAID_BYTES, Override, StatusesSettings
from plugins.statuses.words import judged, retrying

plugin = Plugin("statuses", StatusesSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideDue(Event):
    """The time of an override is over; `override` is its id."""

    pull: PullRef
    context: str
    override: str


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


@plugin.command("override <pull> <context> <reason>...", role=Role.MERGER)
async def override(ctx: Context, call: Call) -> str:
    """Have a context count as passed at this very head; the reason may begin with how long, as 2h or 3d."""
    lasts_s, reason = overriding.read_reason(call.words("reason"), ctx.settings)
    pull = await ctx.forge.pull(call["pull"])
    if not pull.is_open:
        raise UserError(f"{pull.ref.short} is closed, so nothing of it can be overridden")
    names, known = names_of(ctx, pull.ref.repo), await ctx.forge.statuses(pull.ref.repo, pull.head)
    context = overriding.find(call["context"], names, known, pull)
    now = known.get(names[context])
    if overriding.is_green(now):
        raise UserError(f"{context} of {pull.ref.short} has passed at {pull.head:.7}; there is nothing to override")
    await ctx.agree(
        overriding.effect(pull, context, now, lasts_s),
        head=pull.head,
        base=pull.base,
        context=context,
        stands=[now.state, now.description] if now else [],
        lasts_s=lasts_s,
        reason=reason,
    )
    by, end = person(ctx), overriding.until(ctx.event.at, lasts_s)
    words = overriding.description(by, end, reason)
    status = Status(names[context], StatusState.SUCCESS, words, now.url if now else "")
    await ctx.forge.set_status(pull.ref.repo, pull.head, status)
    until_s = ctx.event.at.timestamp() + lasts_s
    begun = Override(ctx.event.key, pull.head, pull.base, pull.author, by, status.context, until_s)
    kept = await kept_of(ctx, pull.ref)
    begin(ctx, pull.ref, context, {**kept, context: begun.over(now, kept.get(context))})
    told = f"overridden by {shown(by)} until {end}: {stated(reason, MAX_SAID_BYTES)} {pull.url}"
    tell_of(ctx, pull.ref, context, begun, told)
    return f"{context} of {pull.ref.short} at {pull.head:.7} counts as passed until {end}, or until another push"


def begin(ctx: Context, pull: PullRef, context: str, overrides: Mapping[str, Override]) -> None:
    """Keep an override, and have it end in time."""
    now, begun = ctx.clock.now(), overrides[context]
    key = f"statuses:override:{begun.id}"
    due = OverrideDue(key=key, lane=str(pull), at=now, pull=pull, context=context, override=begun.id)
    ctx.later(due, delay_s=max(0.0, begun.until_s - now.timestamp()))
    keep(ctx, pull, overrides)


@plugin.command("override cancel <pull> <context>", role=Role.MERGER)
async def override_cancel(ctx: Context, call: Call) -> str:
    """Have the builds of a context count again that was overridden."""
    ref: PullRef = call["pull"]
    kept, names = await kept_of(ctx, ref), names_of(ctx, ref.repo)
    context = next((one for one in kept if call["context"] in (one, names.get(one))), "")
    if not context:
        raise UserError(overriding.none_there(ref.short, call["context"], kept))
    found = kept.pop(context)
    told = await restore(ctx, ref, context, found)
    keep(ctx, ref, kept)
    tell_of(
        ctx, ref, context, found, f"is not overridden any more, says {shown(person(ctx))}; it is {told.state} again"
    )
    return f"{context} of {ref.short} at {found.sha:.7} is {told.state} again"


@plugin.on(OverrideDue)
async def end_in_time(ctx: Context, event: OverrideDue) -> None:
    """Tell again what the builds of a context came to, once the time is over for which it was overridden."""
    kept = await kept_of(ctx, event.pull)
    found = kept.get(event.context)
    if found is None or found.id != event.override:
        return
    del kept[event.context]
    told = await restore(ctx, event.pull, event.context, found)
    keep(ctx, event.pull, kept)
    words = f"the override by {shown(found.by)} is over; it is {told.state} again"
    tell_of(ctx, event.pull, event.context, found, words)


@plugin.on(PullPushed)
async def end_by_push(ctx: Context, event: PullPushed) -> None:
    """End what was said of another head; its commit is told as its builds have it, as it may become the head again."""
    await end(ctx, event.pull.ref, {event.pull.head}, event.pull.base)


@plugin.on(PullEdited)
async def end_by_base(ctx: Context, event: PullEdited) -> None:
    """End what was said of the same commits on another base."""
    if event.base_before:
        await end(ctx, event.pull.ref, {event.pull.head}, event.pull.base)


@plugin.on(PullClosed)
async def end_by_close(ctx: Context, event: PullClosed) -> None:
    """End what was said of a pull request that is closed; what was merged so keeps its status."""
    if event.pull.merged:
        ctx.store.put(key_of(event.pull.ref), None)
    else:
        await end(ctx, event.pull.ref, set(), event.pull.base)


async def tell(ctx: Context, event: BuildEvent, state: StatusState, words: str, url: str) -> None:
    """Set the status of the commit that was asked for, unless something newer is known of its context."""
    name = ctx.forge.status_name(event.pull.repo, event.context) if event.pull and event.sha else ""
    if name and event.pull and await ctx.ci.is_last_word(event):
        status = Status(name, state, words, url)
        if not await is_held(ctx, event.pull, event, status):
            await ctx.forge.set_status(event.pull.repo, event.sha, status)


async def is_held(ctx: Context, pull: PullRef, event: BuildEvent, status: Status) -> bool:
    """Tell whether an override is in force that only a build that passes ends; what is not told is kept for its end."""
    kept = await kept_of(ctx, pull)
    found = kept.get(event.context)
    if found is None or found.sha != event.sha:
        return False
    is_over = status.state is StatusState.SUCCESS or ctx.clock.now().timestamp() >= found.until_s
    if is_over:
        del kept[event.context]
    else:
        kept[event.context] = replace(found, state=status.state, words=status.description, url=status.url)
    keep(ctx, pull, kept)
    return not is_over


async def end(ctx: Context, pull: PullRef, heads: set[str], base: str) -> None:
    """End the overrides of a pull request that are of none of these heads, or of another base."""
    kept = await kept_of(ctx, pull)
    over = {context: one for context, one in kept.items() if one.sha not in heads or one.base != base}
    for context, one in over.items():
        await restore(ctx, pull, context, one)
    if over:
        keep(ctx, pull, {context: one for context, one in kept.items() if context not in over})


async def restore(ctx: Context, pull: PullRef, context: str, override: Override) -> Status:
    """Tell again what the builds of a context came to."""
    facts = () if override.state else await ctx.ledger.of_pull(pull)
    status = override.after(facts, context)
    await ctx.forge.set_status(pull.repo, override.sha, status)
    key = f"{ctx.event.key}:ended:{context}"
    ctx.later(OverrideEnded(key=key, lane=str(pull), at=ctx.clock.now(), pull=pull, context=context), delay_s=0)
    return status


def tell_of(ctx: Context, pull: PullRef, context: str, override: Override, words: str) -> None:
    """Tell the channels of the repository, but for those that hear how the asker is answered."""
    here = ctx.speaking(ctx.place) if ctx.place else None
    places = [place for place in ctx.announce.get(pull.repo, ()) if place != here]
    for place in ctx.audience(places, Subject(pull, (context,), author=override.author)):
        told = f"{pull.short} {context} at {override.sha:.7}: {words}"
        ctx.tell(place, Card(told, slot=pull_slot(pull), follows=True))


async def kept_of(ctx: Context, pull: PullRef) -> dict[str, Override]:
    """Read the overrides of a pull request, by context."""
    return {context: Override(**row) for context, row in (await ctx.store.get(key_of(pull)) or {}).items()}


def keep(ctx: Context, pull: PullRef, overrides: Mapping[str, Override]) -> None:
    ctx.store.put(key_of(pull), {context: asdict(one) for context, one in overrides.items()} or None)


def key_of(pull: PullRef) -> str:
    return f"overrides {pull}"


def names_of(ctx: Context, repo: str) -> dict[str, str]:
    """Tell of each context of a repository what the forge calls it."""
    return {context: ctx.forge.status_name(repo, context) for context in ctx.ci.configured(repo)}


def person(ctx: Context) -> str:
    """Tell who gave the command."""
    assert ctx.speaker is not None
    found = ctx.house.find(ctx.speaker)
    return found.key if found else ctx.speaker.name
