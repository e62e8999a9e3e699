"""`pr`: all that is known of one pull request, by two requests of the forge and what its build servers tell."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.facts import Fact
from bot.plugin import Call, Card, Context, Refused, Unavailable, UserError
from bot.values import PullRef, PullSummary, Result, Stage, Standing, Standings, Status, StatusState
from bot.wording import is_known
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
    names = {ctx.forge.status_name(ref.repo, context) or context: context for context in ctx.ci.configured(ref.repo)}
    doubts: list[str] = []
    facts = await facts_of(ctx, summary)
    standings = await standings_of(ctx, summary, facts, doubts)
    seen = {one.context for one in standings}
    retries = {one.context: one.words for one in await ctx.ci.planned(ref)}
    view = View(
        with_builds(summary, standings, names, facts, retries),
        wanted,
        now,
        builds=standings,
        others=[one for one in summary.statuses if names.get(one.context) not in seen],
        facts=facts,
        retries=retries,
        owners=await owners_of(ctx, summary, doubts),
        needs_ok=await needs_ok(ctx, summary, doubts),
        doubts=doubts,
        is_in_team=ctx.house.is_in_team,
    )
    return words.card(view)


async def facts_of(ctx: Context, summary: PullSummary) -> Mapping[str, Fact]:
    """Find what is on record of the builds of the head, by context."""
    found = await ctx.ledger.of_pull(summary.pull.ref)
    return {fact.context: fact for fact in found if not fact.cell and fact.sha == summary.pull.head}


async def standings_of(
    ctx: Context, summary: PullSummary, facts: Mapping[str, Fact], doubts: list[str]
) -> Sequence[Standing]:
    """Tell how builds stand on the servers that answer, and of the others, whose silence is a doubt, by the record."""
    found: Standings = Standings(())
    try:
        found = await ctx.ci.overview(summary.pull)
    except (Unavailable, Refused, UserError) as error:
        doubts.append(str(error))
    doubts += [*found.notes, *found.silent]
    seen = {one.context for one in found.found}
    return [*found.found, *(recorded(fact) for fact in facts.values() if fact.context not in seen)]


def recorded(fact: Fact) -> Standing:
    """Tell how a build stood when it was over."""
    job, number = fact.build.job, fact.build.number
    return Standing(fact.context, job, Stage.ENDED, fact.result, number=number, url=fact.url, sha=fact.sha)


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


def with_builds(
    summary: PullSummary,
    standings: Sequence[Standing],
    names: Mapping[str, str],
    facts: Mapping[str, Fact],
    retries: Collection[str],
) -> PullSummary:
    """Take in what is known here of builds beside what the forge is told of them.

    What failed by known trouble says nothing of the commit, as an error does not, and what is tried again is not over.

    Arguments:
        names: what contexts are called here, by what they are called there.
        retries: the contexts of which a build is tried again.
    """
    known = {context: name for name, context in names.items()}
    states = {names.get(one.context, one.context): one for one in summary.statuses}
    for one in standings:
        if one.context not in states and (state := state_of(one)):
            states[one.context] = Status(known.get(one.context, one.context), state)
    for context, status in states.items():
        if status.state is StatusState.FAILURE:
            if context in retries:
                states[context] = replace(status, state=StatusState.PENDING)
            elif context in facts and facts[context].is_bad and is_known(facts[context].diagnosis):
                states[context] = replace(status, state=StatusState.ERROR)
    return replace(summary, statuses=tuple(states.values()))


def state_of(standing: Standing) -> StatusState | None:
    """Tell how a status would stand for a build; None for what was never built."""
    if standing.stage is Stage.NEVER:
        return None
    if standing.stage is not Stage.ENDED:
        return StatusState.PENDING
    return STATES[standing.result] if standing.result else StatusState.ERROR
