"""Build a context of every open pull request whose head lacks a success in it: after an outage, or by the clock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.events import Event
from bot.plugin import AtLimit, Call, Context, Plugin, Role, UserError
from bot.values import ContextRef, Load, Pull, PullRef, PullSummary, StatusState

MAX_UNCONFIRMED = 10  # builds that one command starts without a question
MACHINE = "leeroy"  # proves a program that asks over HTTP, which cannot be asked back
AT_MOST = Load(per_author=5, per_repo=50)  # under way at once, so that what is pushed meanwhile is built, too
FIRST_S, AGAIN_S = 60.0, 300.0  # before what finds no room is tried again; each time is a write, and hundreds may wait
MAX_TRIES = 24 * 12  # a day

plugin = Plugin("rebuild_open")


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildDue(Event):
    """One of the pull requests is to be built.

    Arguments:
        asked: the key of the command, so that each one builds a commit once more.
        tries: how often there was no room for it.
        author_id: whose it is; 0 for nobody who counts.
    """

    pull: PullRef
    context: str
    asked: str
    tries: int = 0
    author_id: int = 0


@plugin.command("rebuild open <what>", role=Role.MAINTAINER, builds=True)
async def rebuild_open(ctx: Context, call: Call) -> str:
    """Build a context, as moby/moby/janky, of each open pull request whose head lacks a success in it."""
    what = call["what"]
    if not isinstance(what, ContextRef) or not what.repo:
        raise UserError("name a context with its repository, as moby/moby/janky")
    known = await ctx.forge.open_pulls(what.repo)
    pulls = lacking(known, ctx.forge.status_name(what.repo, what.name))
    is_asked_back = ctx.speaker is not None and ctx.speaker.evidence != MACHINE
    await ctx.agree(
        f"start up to {len(pulls)} builds of {what.name}, one for each open pull request of {what.repo} without a "
        "success",
        needed=is_asked_back and len(pulls) > MAX_UNCONFIRMED,
        context=what.name,
        heads=[one.head for one in pulls],
    )
    for pull in pulls:
        due = RebuildDue(
            key=f"rebuild-open:{ctx.event.key}:{pull.ref}",
            lane=str(pull.ref),
            at=ctx.clock.now(),
            pull=pull.ref,
            context=what.name,
            asked=ctx.event.key,
            author_id=pull.author_id,
        )
        ctx.later(due, delay_s=0.0)
    return phrase(what, len(pulls), len(known))


@plugin.on(RebuildDue)
async def build(ctx: Context, event: RebuildDue) -> None:
    """Build one of them, unless it is closed, or green by now, or nobody has found its head ok to test."""
    if not await ctx.ci.has_room(event.pull.repo, event.author_id, AT_MOST):
        try_later(ctx, event)
        return
    pull = await ctx.forge.pull(event.pull)
    if not pull.is_open:
        return
    standings = await ctx.ci.contexts(pull, (event.context,))
    standing = standings.get(event.context)
    if standing is None or standing.is_green:
        return
    try:
        await ctx.ci.dispatch(event.context, pull, occasion=f"rebuild open {event.asked}", at_most=AT_MOST)
    except AtLimit:
        try_later(ctx, event)
    except UserError as error:
        ctx.log.info("%s of %s is not built: %s", event.context, pull.ref, error)


def try_later(ctx: Context, event: RebuildDue) -> None:
    """Try again after a while, for a day: as much is under way as may be."""
    if event.tries >= MAX_TRIES:
        ctx.log.warning("%s of %s is given up: there was no room for it in a day", event.context, event.pull)
        return
    tries, delay_s = event.tries + 1, AGAIN_S if event.tries else FIRST_S
    ctx.later(replace(event, key=f"rebuild-open:{event.asked}:{event.pull}:{tries}", tries=tries), delay_s=delay_s)


def lacking(known: Sequence[PullSummary], status: str) -> list[Pull]:
    """List the pull requests whose head lacks a success.

    Arguments:
        status: the context as the forge knows it; empty where it is told nothing, so that only the server knows.
    """
    return [
        one.pull
        for one in known
        if not status or not any(each.context == status and each.state is StatusState.SUCCESS for each in one.statuses)
    ]


def phrase(what: ContextRef, lacking: int, known: int) -> str:
    """Say what is begun."""
    if not lacking:
        return f"each of the {known} open pull requests of {what.repo} has a success of {what.name}"
    return (
        f"{lacking} of {known} open pull requests of {what.repo} lack a success of {what.name}: they are built as "
        "there is room, save commits that nobody has found ok to test"
    )
