"""`pr`: all that is known of one pull request, by two requests of the forge and what its build servers tell."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.facts import Fact
from bot.plugin import Call, Card, Context, Refused, Unavailable, UserError
from bot.values import PullRef, PullSummary, Result, Stage, Standing, Standings, Status, StatusState
from plugins.triage import owners, words
from plugins.triage.words import View

STATES = {
    Result.SUCCESS: StatusState.SUCCESS,
    Result.UNSTABLE: StatusState.FAILURE,
    Result.FAILURE: StatusState.FAILURE,
    Result.ABORTED: StatusState.ERROR,
    Result.NOT_BUILT: StatusState.ERROR,
}


async def pr(ctx: Context, call: Call) -> Card:
    """Show all of a pull request; a neighbour that does not answer costs its own lines only, but for the forge."""
    ref: PullRef = call["pull"]
    summary = await ctx.forge.summary(ref)
    wanted, now = ctx.settings.of(ref.repo), ctx.clock.now()
    if not summary.pull.is_open:
        return words.ended(View(summary, wanted, now))
    standings = await ctx.ci.overview(summary.pull)
    facts = await newest_failures(ctx, summary)
    planned = await ctx.ci.planned(ref)
    doubts = [*standings.notes, *standings.silent]
    known = await owners_of(ctx, summary, doubts)
    view = View(
        with_builds(summary, standings, lambda context: ctx.forge.status_name(ref.repo, context)),
        wanted,
        now,
        builds=standings.found,
        failures=facts,
        retries={one.context: one.words for one in planned},
        owners=known,
        needs_ok=await needs_ok(ctx, summary, doubts),
        doubts=tuple(doubts),
    )
    return words.card(view)


async def newest_failures(ctx: Context, summary: PullSummary) -> Mapping[str, Fact]:
    """Find on record why contexts have failed at the head."""
    found = await ctx.ledger.of_pull(summary.pull.ref)
    return {fact.context: fact for fact in found if fact.is_bad and not fact.cell and fact.sha == summary.pull.head}


async def owners_of(ctx: Context, summary: PullSummary, doubts: list[str]) -> owners.Owners:
    """Read who owns what is changed, by one request at most; that this was not to be read is added to the doubts."""
    if not summary.files:
        return owners.Owners()
    try:
        return owners.read(await ctx.forge.texts(summary.pull.ref.repo, owners.places(summary.files)))
    except (Unavailable, Refused, UserError) as error:
        doubts.append(f"nobody can tell who owns these files: {error}")
        return owners.Owners()


async def needs_ok(ctx: Context, summary: PullSummary, doubts: list[str]) -> bool:
    """Tell whether somebody has to find the head ok to test before it is built for nobody's asking."""
    if not ctx.is_automatic(summary.pull.ref.repo):
        return False
    try:
        return not await ctx.ci.trust_of(summary.pull)
    except (Unavailable, Refused) as error:
        doubts.append(f"nobody can tell whether it is ok to test: {error}")
        return False


def with_builds(summary: PullSummary, standings: Standings, name_of: Callable[[str], str]) -> PullSummary:
    """Take in how builds stand of which the forge is told nothing."""
    told = {status.context for status in summary.statuses}
    more = [
        Status(name, state)
        for one in standings.found
        if (name := name_of(one.context) or one.context) not in told and (state := state_of(one))
    ]
    return replace(summary, statuses=(*summary.statuses, *more))


def state_of(standing: Standing) -> StatusState | None:
    """Tell how a status would stand for a build; None for what was never built."""
    if standing.stage is Stage.NEVER:
        return None
    if standing.stage is not Stage.ENDED:
        return StatusState.PENDING
    return STATES[standing.result] if standing.result else StatusState.ERROR
