"""Tell of a push to a branch as one message: how each job and cell of it stands, edited as they end.

Where a network cannot edit there is one line when the first new failure is known, and one when all is over. Builds of
the jobs of a branch (`[repos.NAME.pushes.BRANCH]`) are told to the channels here and nowhere else; whoever asked for
one is still told how it ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.events import BranchPushed, BuildDiagnosed, BuildEvent, BuildQueued, BuildStarted, Event, RetryDropped
from bot.facts import Diagnosis, Fact, FailureClass, Pushed, Retry, RetryPlan, RetryState
from bot.facts import Kind as DiagnosisKind
from bot.plugin import Context, Plugin, Settings, Unavailable, UserError
from bot.values import Account, BuildRef, Cell, JobRef, Kind, Place, Result, Subject
from plugins.pushes.grid import Branch, Change, News, Push, Row, Stage, Stand, closed, dump, load, moved, pushed
from plugins.pushes.words import card, for_pushers, given_up, outcome, pushers, reason

CLOSED_AFTER_S = 86400.0  # without news
UNTOLD = Diagnosis(DiagnosisKind.UNKNOWN, FailureClass.UNKNOWN)  # of a cell whose log nobody has read
STANDS = {
    Result.SUCCESS: Stand.PASSED,
    Result.UNSTABLE: Stand.UNSTABLE,
    Result.FAILURE: Stand.FAILED,
    Result.NOT_BUILT: Stand.NOT_BUILT,
    Result.ABORTED: Stand.ABORTED,
    None: Stand.GONE,
}


class PushesSettings(Settings, frozen=True):
    """`[plugin.pushes]`."""

    look_s: float = 20.0  # how often a build that runs is read again, to tell its cells as they end
    culprits: bool = False  # address those who pushed since the last build that passed, when something newly fails

    def __post_init__(self) -> None:
        if not 0.05 <= self.look_s <= 3600:
            raise ValueError(f"look_s must be 0.05 to 3600, is {self.look_s}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushMoved(Event):
    """A build after a push has moved on; in the lane of the branch, as builds of several jobs end at one time."""

    repo: str
    branch: str
    news: News


@dataclass(frozen=True, slots=True, kw_only=True)
class PushLook(Event):
    """It is time to look how a build after a push stands."""

    job: JobRef
    number: int
    url: str
    request_id: str
    retrying: bool
    asked: bool
    looks: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PushClose(Event):
    """It is time to see whether there is news of a push still."""

    repo: str
    branch: str
    slot: str


plugin = Plugin("pushes", PushesSettings)


@plugin.on(BranchPushed)
async def begin(ctx: Context, event: BranchPushed) -> None:
    """Begin with a push that a webhook told."""
    known = (one for one in ctx.pushes if one.repo.casefold() == event.repo.casefold())
    which = next((one for one in known if one.branch == event.branch), None)
    if which is None or not event.after:
        return
    branch = load(await ctx.store.get(str(which)))
    after = pushed(branch, event.after, event.actor.login if event.actor else "", which.jobs, now_s(ctx))
    keep(ctx, which, branch, after)


@plugin.on(BuildQueued)
async def queued(ctx: Context, event: BuildQueued) -> None:
    """Tell that a build of a branch waits."""
    if which := ctx.push_of(event):
        row = whole(which, event, Stand.QUEUED)
        tell_of(ctx, which, News(row.job, event.sha, event.request_id, Stage.QUEUED, row, (), bool(event.retrying)))


@plugin.on(BuildStarted)
async def started(ctx: Context, event: BuildStarted) -> None:
    """Tell that a build of a branch runs, and look at it while it does."""
    if which := ctx.push_of(event):
        row = replace(whole(which, event, Stand.RUNNING), number=event.number, url=event.url)
        asked, retrying = bool(event.asks), bool(event.retrying)
        tell_of(ctx, which, News(row.job, event.sha, event.request_id, Stage.STARTED, row, (), retrying, asked))
        look_again(
            ctx,
            PushLook(
                key=f"pushes:look:{event.key}",
                lane=f"pushes {event.job} {event.number}",
                at=event.at,
                job=event.job,
                number=event.number,
                url=event.url,
                request_id=event.request_id,
                retrying=retrying,
                asked=asked,
            ),
        )


@plugin.on(PushLook)
async def look(ctx: Context, event: PushLook) -> None:
    """See which cells of a matrix build are over while it runs, and which commit it builds."""
    which = next((one for one in ctx.pushes if one.name_of(event.job)), None)
    if which is None:
        return
    try:
        standing = await ctx.ci.of_job(event.job, event.number)
    except Unavailable:
        look_again(ctx, event)
        return
    except UserError as error:
        ctx.log.info("not looked at any more: %s", error)
        return
    if not standing.is_live:
        return
    name = which.name_of(event.job)
    row = Row(name, "", Stand.RUNNING, event.number, event.url, event.request_id)
    cells = tuple(seen(row, cell) for cell in standing.cells)
    sha = standing.built or standing.sha
    tell_of(ctx, which, News(name, sha, event.request_id, Stage.SEEN, row, cells, event.retrying, event.asked))
    if standing.kind is Kind.MATRIX or not sha:
        look_again(ctx, event)


@plugin.on(BuildDiagnosed)
async def ended(ctx: Context, event: BuildDiagnosed) -> None:
    """Tell how a build of a branch ended, or that it is tried again."""
    if which := ctx.push_of(event):
        retry = await ctx.ledger.retry_of(event.request_id)
        tell_of(ctx, which, await news_of(ctx, which, event, retry))


@plugin.on(RetryDropped)
async def dropped(ctx: Context, event: RetryDropped) -> None:
    """Tell that a failure stays, as it is not tried again after all."""
    if which := ctx.push_of(event):
        news = await news_of(ctx, which, event.diagnosed, None)
        first, *cells = (with_reason(row, event.reason) for row in (news.whole, *news.cells))
        tell_of(ctx, which, replace(news, whole=first, cells=tuple(cells)))


@plugin.on(PushMoved)
async def move(ctx: Context, event: PushMoved) -> None:
    """Put what a build has come to into the message about its push."""
    which = next((one for one in ctx.pushes if (one.repo, one.branch) == (event.repo, event.branch)), None)
    if which is not None:
        branch = load(await ctx.store.get(str(which)))
        keep(ctx, which, branch, moved(branch, event.news, tuple(which.jobs), now_s(ctx)), asked=event.news.asked)


@plugin.on(PushClose)
async def close(ctx: Context, event: PushClose) -> None:
    """Forget a push of which there was no news for a day, or look again later."""
    which = Pushed(event.repo, event.branch, {})
    branch = load(await ctx.store.get(str(which)))
    push = branch.find(event.slot)
    if push is None:
        return
    left_s = push.news_s + CLOSED_AFTER_S - now_s(ctx)
    if left_s > 0:
        ctx.later(close_of(ctx, which, push), delay_s=left_s)
        return
    if not push.is_over:
        tell(ctx, which, branch, given_up(push), is_step=not any(row.is_bad for row in push.rows))
    ctx.store.put(str(which), dump(closed(branch, event.slot)))


async def news_of(ctx: Context, which: Pushed, event: BuildDiagnosed, retry: Retry | None) -> News:
    """Gather what a build has come to, each cell beside the build of it before."""
    again = retry if retry is not None and retry.state is not RetryState.DROPPED else None
    facts = {fact.cell: fact for fact in event.cells}
    base = replace(whole(which, event, Stand.GONE), number=event.end.number, url=event.end.url)
    row = await compared(ctx, base, event.fact, again)
    cells = []
    for cell in event.end.cells:
        fact = facts.get(cell.name) or replace(event.fact, cell=cell.name, result=cell.result, diagnosis=UNTOLD)
        cells.append(await compared(ctx, replace(base, cell=cell.name, url=cell.url), fact, again))
    asked, sha = bool(event.end.asks), event.fact.sha or event.sha
    return News(base.job, sha, event.request_id, Stage.ENDED, row, tuple(cells), bool(event.retrying), asked)


async def compared(ctx: Context, row: Row, fact: Fact, again: Retry | None) -> Row:
    """Tell how a build or cell stands beside the one before on its branch."""
    row = replace(row, stand=STANDS[fact.result])
    if again is not None and is_retried(row, again.plan):
        return replace(row, stand=Stand.RETRYING, word=again.plan.words)
    if not row.is_bad and row.stand is not Stand.PASSED:
        return row
    before = await ctx.ledger.before(fact)
    row = replace(row, change=change(row.stand, before), since=before.build.number if before and before.is_bad else 0)
    if row.stand is Stand.PASSED:
        return row
    green = await ctx.ledger.last_green(fact)
    return replace(explained(row, fact.diagnosis), green=green.sha if green else "")


def is_retried(row: Row, plan: RetryPlan) -> bool:
    """Tell whether a retry builds a row again: the cells that it names, else all that failed."""
    return row.cell in plan.cells if row.cell and plan.cells else row.is_bad


def with_reason(row: Row, reason: str) -> Row:
    """Say beside a failure why it is not tried again."""
    return replace(row, not_retried=reason) if row.is_bad else row


def explained(row: Row, diagnosis: Diagnosis) -> Row:
    word, test, is_known = reason(diagnosis)
    return replace(row, word=word, test=test, is_known=is_known, url=diagnosis.link or row.url)


def change(stand: Stand, before: Fact | None) -> Change:
    """Tell how a result stands beside the one before; of a first build there is nothing to tell."""
    if before is None:
        return Change.NONE
    if stand is Stand.PASSED:
        return Change.FIXED if before.is_bad else Change.NONE
    return Change.STILL if before.is_bad else Change.NEW


def whole(which: Pushed, event: BuildEvent, stand: Stand) -> Row:
    return Row(which.name_of(event.job), "", stand, request_id=event.request_id)


def seen(row: Row, cell: Cell) -> Row:
    """Tell how a cell stands while its build runs; why it failed is told when that is over."""
    stand = Stand.RUNNING if cell.result is None else STANDS[cell.result]
    return replace(row, cell=cell.name, stand=stand, url=cell.url)


def look_again(ctx: Context, event: PushLook) -> None:
    key, _, _ = event.key.partition("+")
    later = replace(event, key=f"{key}+{event.looks}", at=ctx.clock.now(), looks=event.looks + 1)
    ctx.later(later, delay_s=ctx.settings.look_s)


def tell_of(ctx: Context, which: Pushed, news: News) -> None:
    """Hand on what a build has come to, into the lane of the branch."""
    moved_on = PushMoved(
        key=f"pushes:{ctx.event.key}", lane=lane_of(which), at=now(ctx), repo=which.repo, branch=which.branch, news=news
    )
    ctx.later(moved_on, delay_s=0.0)


def close_of(ctx: Context, which: Pushed, push: Push) -> PushClose:
    """Make the event of seeing whether there is news of a push still."""
    return PushClose(
        key=f"pushes:close:{which}:{push.slot}:{now_s(ctx)}",
        lane=lane_of(which),
        at=now(ctx),
        repo=which.repo,
        branch=which.branch,
        slot=push.slot,
    )


def lane_of(which: Pushed) -> str:
    """Name the lane of a branch, which is that of its pushes as webhooks tell them."""
    return f"{which.repo}:{which.branch}"


def keep(ctx: Context, which: Pushed, before: Branch, after: Branch, *, asked: bool = False) -> None:
    """Keep a branch, and tell of each push that stands otherwise than before."""
    pushes = []
    for push in after.pushes:
        old = before.find(push.slot)
        if old is None:
            ctx.later(close_of(ctx, which, push), delay_s=CLOSED_AFTER_S)
        if old is None or (old.rows, old.who) != (push.rows, push.who):
            push = said(ctx, which, after, push, asked=asked)
        pushes.append(push)
    ctx.store.put(str(which), dump(replace(after, pushes=tuple(pushes))))


def said(ctx: Context, which: Pushed, branch: Branch, push: Push, *, asked: bool) -> Push:
    """Tell how a push stands; where nothing can be edited only its first new failure, and its end."""
    has_new, told = any(row.is_new for row in push.rows), outcome(push)
    is_loud, has_warned = False, push.has_warned
    if push.is_over and push.rows:
        is_loud = told != push.outcome and not (asked and push.outcome)
        push = replace(push, outcome=told, has_warned=push.has_warned or has_new)
    elif has_new and not push.has_warned:
        is_loud, push = True, replace(push, has_warned=True)
    tell(ctx, which, branch, push, is_step=not is_loud)
    if ctx.settings.culprits and push.has_warned and not has_warned:
        for place, rows in shares(ctx, which, push):
            new = [row for row in rows if row.is_new]
            if names := [name for name in pushers(branch, replace(push, rows=rows)) if hears(ctx, which, name, new)]:
                ctx.tell(replace(place, to=", ".join(names)), for_pushers(which, replace(push, rows=rows)))
    return push


def tell(ctx: Context, which: Pushed, branch: Branch, push: Push, *, is_step: bool) -> None:
    """Tell each place how a push stands, without what it has muted."""
    for place, rows in shares(ctx, which, push):
        is_news = push.is_over or any(row.is_new for row in rows)
        ctx.tell(place, card(which, branch, replace(push, rows=rows), is_step=is_step or not is_news))


def shares(ctx: Context, which: Pushed, push: Push) -> list[tuple[Place, tuple[Row, ...]]]:
    """Tell which rows each channel hears of; who else watches a build hears how it ended, and nothing of the push."""
    found = []
    for place in ctx.announce.get(which.repo, ()):
        rows = tuple(row for row in push.rows if place in ctx.audience([place], about(which, row)))
        if rows or (not push.rows and place in ctx.audience([place], Subject(repo=which.repo))):
            found.append((place, rows))
    return found


def hears(ctx: Context, which: Pushed, login: str, rows: Sequence[Row]) -> bool:
    """Tell whether somebody has not muted all of these rows."""
    return not all(ctx.subscriptions.has_muted(Account(0, login), about(which, row)) for row in rows)


def about(which: Pushed, row: Row) -> Subject:
    job = which.jobs.get(row.job)
    builds = (BuildRef(job, row.number),) if job and row.number else ()
    return Subject(contexts=(row.job,), jobs=(job,) if job else (), builds=builds, repo=which.repo)


def now(ctx: Context) -> datetime:
    return ctx.clock.now()


def now_s(ctx: Context) -> float:
    return now(ctx).timestamp()
