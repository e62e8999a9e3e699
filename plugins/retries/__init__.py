"""Try builds again that failed for what passes by itself: silently, within limits, and never for an old commit."""

from collections.abc import Sequence

from bot.events import BranchPushed, BuildDiagnosed, RetryDue, Tick
from bot.facts import FailureClass, RetryPlan, RetryState
from bot.plugin import Call, Context, Plugin, Role, UserError, nearest
from bot.values import JobRef, Result
from plugins.retries.choosing import MAX_CAUSE_CHARS, another_node, chance_of, heads_after, wish_of
from plugins.retries.rules import RetriesSettings, Rule

NAGINATOR_S = 30 * 86400.0  # so long a job is left to Naginator after it was seen to try it again

LOOK_S = 600.0  # how often it is looked whether a storm is over; that takes hours

plugin = Plugin("retries", RetriesSettings)


@plugin.command("retries reset <cause>", role=Role.MAINTAINER)
async def reset(ctx: Context, call: Call) -> str:
    """Try a cause again whose retries have seldom passed: from now on they are counted anew."""
    cause = str(call["cause"])
    known = {row.name for row in await ctx.ledger.flakes("cause")} | set(FailureClass)
    known |= {each[:MAX_CAUSE_CHARS] for each in ctx.settings.named()}
    if cause not in known:
        raise UserError(f'no failure of a cause "{cause}" was seen in 30 days; {nearest(cause, known)}')
    ctx.store.put(reset_key(cause), ctx.clock.now().timestamp())
    return f"{cause} is tried again, and its retries are counted anew"


@plugin.on(BranchPushed)
async def note_head(ctx: Context, event: BranchPushed) -> None:
    """Remember where a branch points to and has pointed to, so that no build of an older commit is tried again."""
    key = branch_key(event.repo, event.branch)
    ctx.store.put(key, heads_after(await ctx.store.get(key) or (), event) or None)


@plugin.on(BuildDiagnosed, first=True)
async def decide(ctx: Context, event: BuildDiagnosed) -> None:
    """Plan another try of what failed for a reason that passes by itself."""
    if event.end.again:
        ctx.store.put(naginator_key(event.job), ctx.clock.now().timestamp())
    if event.retrying and event.end.result is Result.SUCCESS:
        await ctx.ci.retry_passed(event)
    rule: Rule = ctx.settings.rule(event.context, event.job.full_name)
    wish = wish_of(rule, event)
    if wish is None or await is_naginators(ctx, rule, event):
        return
    tried = event.end.attempt - 1
    delay_s = rule.delay(tried, chance_of(event.key))
    plan = RetryPlan(event.end.attempt + 1, rule.at_most, wish.cause, delay_s, wish.cells)
    if tried >= rule.at_most:
        await ctx.ci.refuse_retry(event, plan, f"it was tried {event.end.attempt} times")
    elif moved := await moved_on(ctx, event):
        await ctx.ci.refuse_retry(event, plan, moved)
    else:
        await ctx.ci.plan_retry(event, plan, ctx.settings.limits(await ctx.store.get(reset_key(wish.cause))))


@plugin.every(LOOK_S)
async def look(ctx: Context, event: Tick) -> None:
    """See which storms are over, as nothing else comes of a cause that fails no more."""
    await ctx.ci.look_at_storms()


@plugin.on(RetryDue)
async def start(ctx: Context, event: RetryDue) -> None:
    """Try again what was planned, unless the world has moved on."""
    retry = await ctx.ledger.retry_of(event.request_id)
    if retry is None or retry.state is RetryState.DROPPED:
        return
    try:
        node = ""
        if retry.state is RetryState.PLANNED:
            rule: Rule = ctx.settings.rule(event.context, event.job.full_name)
            if rule.off or rule.at_most < retry.plan.attempt - 1:
                raise UserError("by the configuration it is not tried again any more")
            if await is_naginators(ctx, rule, event.diagnosed):
                raise UserError("it is left to Naginator now")
            if moved := await moved_on(ctx, event.diagnosed):
                raise UserError(moved)
            node = await node_of(ctx, rule, event)
        await ctx.ci.start_retry(event, node=node)
    except UserError as error:
        await ctx.ci.drop_retry(event, str(error))


async def node_of(ctx: Context, rule: Rule, due: RetryDue) -> str:
    """Choose another agent than those on which this has failed; empty for any."""
    fact = due.diagnosed.fact
    if not rule.other_node or not fact.node or not fact.labels or due.diagnosed.end.cells:
        return ""
    failed_on = {each.node for each in await ctx.ledger.chain(fact)}
    return another_node((await ctx.ci.nodes()).found, fact, failed_on)


async def is_naginators(ctx: Context, rule: Rule, event: BuildDiagnosed) -> bool:
    """Tell whether Naginator tries this job again by itself: then two would do it."""
    if rule.naginator or event.end.again:
        return True
    seen_s = await ctx.store.get(naginator_key(event.job))
    return seen_s is not None and ctx.clock.now().timestamp() - seen_s < NAGINATOR_S


async def moved_on(ctx: Context, event: BuildDiagnosed) -> str:
    """Tell that the branch that was built points to another commit by now; empty if it does not, as far as is known."""
    fact = event.fact
    if event.pull or not fact.branch or not fact.sha:
        return ""
    heads: Sequence[str] = await ctx.store.get(branch_key(fact.repo, fact.branch)) or ()
    return f"{fact.branch} has moved on to {heads[-1]:.7}" if fact.sha in heads[:-1] else ""


def naginator_key(job: JobRef) -> str:
    return f"naginator {job.server}/{job}"


def reset_key(cause: str) -> str:
    return f"reset {cause}"


def branch_key(repo: str, branch: str) -> str:
    return f"branch {repo}:{branch}"
