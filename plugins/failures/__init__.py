"""Tell how builds ended, the verdict first: to those who asked, to the channels that want it, and on the pull request.

A build that is tried again is told when its tries are over. What ends close together is one line, and what fails for
one cause in many builds is one message that counts.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from bot.events import Ask, BuildDiagnosed, BuildStarted, Event, PullClosed, RetryDropped
from bot.facts import RetryState
from bot.plugin import Card, Context, Plugin, Tone
from bot.values import Account, JobRef, Place, PullRef, Result, Subject
from bot.wording import is_known, pull_slot, superseded
from plugins.failures import storms
from plugins.failures.culprits import culprits
from plugins.failures.ended import Ended, Past, after, bare, dump, ended_of, load, shares
from plugins.failures.lines import card, has_verdict, room_for
from plugins.failures.remark import MARKER, remark
from plugins.failures.strategies import FailuresSettings, manner, trend, unasked, wants

LOST_S = 60.0  # so late, what should have told the kept ends became a dead letter, and another one takes over
STORMS = "storms"  # the lane and the key of what fails for one cause
FORGET_S = 86400.0  # what was built when a pull request was closed is over by then
LOOK_S = 15.0  # how often a storm is looked at, at most

plugin = Plugin("failures", FailuresSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndsDue(Event):
    """It is time to tell what was gathered for a pull request."""

    pull: PullRef


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeSeen(Event):
    """A build failed; in the one lane where failures of one cause are counted."""

    failure: storms.Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeAsked(Event):
    """Builds that somebody asked for failed for a cause that is told as one message; `builds` are their names.

    Arguments:
        url: where the log of the first of them is.
    """

    same: str
    head: str
    asks: tuple[Ask, ...]
    builds: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StormDue(Event):
    """It is time to look at what fails for one cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemarkDue(Event):
    """It is time to write on a pull request what has failed at its head."""

    pull: PullRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetDue(Event):
    """Nothing is built any more of a pull request that was closed."""

    pull: PullRef


@plugin.on(BuildStarted)
async def warn(ctx: Context, event: BuildStarted) -> None:
    """Tell those who asked at once that a build runs with something else than they asked for."""
    if event.differs:
        name = f"{event.context or event.job} #{event.number}"
        told = f"{f'{event.pull.short} {name}' if event.pull else name} {', '.join(event.differs)} {event.url}".rstrip()
        for place, _ in shares({}, [event]):
            ctx.tell(place, Card(told, tone=Tone.BAD))


@plugin.on(BuildDiagnosed)
async def keep(ctx: Context, event: BuildDiagnosed) -> None:
    """Keep what a pull request's build came to, unless it is tried again; tell a job's at once."""
    retry = await ctx.ledger.retry_of(event.request_id)
    if retry is None or retry.state is RetryState.DROPPED:
        await take(ctx, event, retry.reason if retry else "")


@plugin.on(RetryDropped)
async def keep_dropped(ctx: Context, event: RetryDropped) -> None:
    """Keep what a build came to that should have been tried again and is not."""
    await take(ctx, event.diagnosed, event.reason)


@plugin.on(EndsDue)
async def tell_gathered(ctx: Context, event: EndsDue) -> None:
    """Tell what was kept for a pull request, and forget it."""
    kept = await ctx.store.get(str(event.pull))
    if kept:
        ctx.store.put(str(event.pull), None)
        await tell(ctx, event.pull, past_key(str(event.pull)), [load(row) for row in kept["ended"]])


@plugin.on(AlikeSeen)
async def count(ctx: Context, event: AlikeSeen) -> None:
    """Count a failure; many of one cause are a storm."""
    kept = await ctx.store.get(STORMS) or {}
    known, settings = storms.load(kept.get("storms")), ctx.settings
    begun = storms.add(
        known,
        event.failure,
        event.at.timestamp(),
        builds=settings.storm_builds,
        within_s=settings.storm_within_s,
    )
    if begun:
        for place, words in storms.beginning(event.failure.same, begun, partial(hears, ctx)):
            ctx.tell(place, words)
    keep_storms(ctx, kept, known)


@plugin.on(AlikeAsked)
async def answer_later(ctx: Context, event: AlikeAsked) -> None:
    """Note who is to be answered for builds that failed in a storm."""
    kept = await ctx.store.get(STORMS) or {}
    known = storms.load(kept.get("storms"))
    storm = known.setdefault(event.same, storms.Storm(event.head))
    for one in event.asks:
        for build in event.builds:
            storms.ask(storm, one.place, build, event.url)
    keep_storms(ctx, kept, known)


@plugin.on(StormDue)
async def tell_storms(ctx: Context, event: StormDue) -> None:
    """Say how far storms have come, and which are over."""
    kept = await ctx.store.get(STORMS) or {}
    known = storms.load(kept.get("storms"))
    within_s = ctx.settings.storm_within_s
    for place, words in storms.news(known, ctx.clock.now().timestamp(), within_s, partial(hears, ctx)):
        ctx.tell(place, words)
    keep_storms(ctx, {}, known)


@plugin.on(RemarkDue)
async def write_remark(ctx: Context, event: RemarkDue) -> None:
    """Have the comment on a pull request say what has failed at its head; nothing is said of an older one."""
    pull = await ctx.forge.pull(event.pull)
    facts = await ctx.ledger.of_pull(event.pull)
    kept = await ctx.store.get(remark_key(event.pull)) or {}
    if not pull.is_open or not facts or facts[0].sha != pull.head:
        is_left = pull.is_open and kept.get("may_be_there")
        ctx.store.put(remark_key(event.pull), {"may_be_there": True} if is_left else None)
        return
    retries = {
        fact.request_id: retry.plan.words
        for fact in facts
        if not fact.cell and fact.is_bad and (retry := await ctx.ledger.retry_of(fact.request_id))
        if retry.state is not RetryState.DROPPED
    }
    body = remark(facts, retries)
    if body or kept.get("may_be_there"):
        await ctx.forge.put_comment(event.pull, MARKER, body)
    ctx.store.put(remark_key(event.pull), {"may_be_there": True} if body else None)


@plugin.on(PullClosed)
async def forget(ctx: Context, event: PullClosed) -> None:
    """Forget how the contexts of a pull request stood, now and when what is still built of it is over."""
    ref, now = event.pull.ref, ctx.clock.now()
    forget_all(ctx, ref)
    ctx.later(ForgetDue(key=f"failures:forget:{event.key}", lane=event.lane, at=now, pull=ref), delay_s=FORGET_S)


@plugin.on(ForgetDue)
async def forget_late(ctx: Context, event: ForgetDue) -> None:
    """Forget what builds have left that ended after their pull request was closed; one opened again begins anew."""
    forget_all(ctx, event.pull)


def forget_all(ctx: Context, pull: PullRef) -> None:
    ctx.store.put(past_key(str(pull)), None)
    ctx.store.put(remark_key(pull), None)


async def take(ctx: Context, event: BuildDiagnosed, no_more: str) -> None:
    """Take in an end that is a last word: of what came of the tries of a build, the one thing that is told."""
    name, key = event.context or str(event.job), past_key(str(event.pull or f"{event.job.server}/{event.job}"))
    pasts: dict[str, Any] = await ctx.store.get(key) or {}
    before = Past(**pasts[name]) if name in pasts else await past_of(ctx, event)
    if before.newest == event.request_id:
        return
    tries = await ctx.ledger.chain(event.fact) if event.fact.attempt > 1 else ()
    change = trend(event.end.result, Result(before.counted) if before.counted else None)
    earlier = [fact for fact in tries if fact.attempt < event.fact.attempt]
    ended = ended_of(event, earlier, before, change, no_more)
    ctx.store.put(key, {**pasts, name: asdict(after(before, ended))})
    if event.pull and ctx.settings.comment:
        await plan_remark(ctx, event, ended)
    places = places_of(ctx, ended)
    if has_verdict(ended) and ended.diagnosis.same:
        hand_on(ctx, event, ended, places)
    if not places and not ended.asks:
        return
    if event.pull is None:
        await tell(ctx, None, key, [ended])
    else:
        await gather(ctx, event, event.pull, ended)


async def past_of(ctx: Context, event: BuildDiagnosed) -> Past:
    """Tell how a context stood of which nothing is kept yet, by what the ledger has."""
    found = await ctx.ledger.before(event.fact)
    if found is None:
        return Past()
    last, green = str(found.result or ""), await ctx.ledger.last_green(event.fact)
    past = Past(last, last, green=green.sha if green else "")
    return replace(past, since=found.build.number, builds=1, sha=found.sha) if found.is_bad else past


async def gather(ctx: Context, event: BuildDiagnosed, pull: PullRef, ended: Ended) -> None:
    """Keep an end until those that come close after it are there, too."""
    now_s = ctx.clock.now().timestamp()
    kept = await ctx.store.get(str(pull))
    if needs_due(kept, now_s):
        due = EndsDue(key=f"failures:{pull}:{event.key}", lane=event.lane, at=ctx.clock.now(), pull=pull)
        ctx.later(due, delay_s=ctx.settings.gather_s)
        kept = {"due_s": now_s + ctx.settings.gather_s, "ended": kept["ended"] if kept else []}
    assert kept is not None
    ctx.store.put(str(pull), {**kept, "ended": [*kept["ended"], dump(ended)]})


async def plan_remark(ctx: Context, event: BuildDiagnosed, ended: Ended) -> None:
    """See that the comment on a pull request is written when what ends close together has ended."""
    assert event.pull is not None
    now_s, key = ctx.clock.now().timestamp(), remark_key(event.pull)
    kept = await ctx.store.get(key) or {}
    if "due_s" not in kept or needs_due(kept, now_s):
        due = RemarkDue(key=f"failures:remark:{event.key}", lane=event.lane, at=ctx.clock.now(), pull=event.pull)
        ctx.later(due, delay_s=ctx.settings.gather_s)
        kept = {**kept, "due_s": now_s + ctx.settings.gather_s}
    ctx.store.put(key, {**kept, "may_be_there": bool(kept.get("may_be_there") or ended.is_bad)})


def needs_due(kept: Any, now_s: float) -> bool:
    """Tell whether nothing is under way that will tell what is kept."""
    return not kept or now_s > kept["due_s"] + LOST_S


def hand_on(ctx: Context, event: BuildDiagnosed, ended: Ended, places: Sequence[Place]) -> None:
    """Hand a failure on to the lane where those of one cause are counted."""
    build = build_name(event.pull, ended)
    failure = storms.Failure(
        ended.diagnosis.same,
        storms.head_of(ended.diagnosis),
        str(event.pull or build),
        build,
        ended.diagnosis.link or ended.url,
        ended.node,
        is_known(ended.diagnosis),
        tuple(places),
        ended.about,
    )
    seen = AlikeSeen(key=f"failures:alike:{event.key}", lane=STORMS, at=ctx.clock.now(), failure=failure)
    ctx.later(seen, delay_s=0.0)


def keep_storms(ctx: Context, kept: Any, known: dict[str, storms.Storm]) -> None:
    """Keep what fails for one cause, and see that it is looked at again while there is something to say."""
    now = ctx.clock.now()
    due_s = kept.get("due_s")
    if storms.is_busy(known) and (due_s is None or now.timestamp() > due_s + LOST_S):
        delay_s = min(LOOK_S, ctx.settings.storm_within_s / 10)
        due_s = now.timestamp() + delay_s
        ctx.later(StormDue(key=f"failures:storms:{ctx.event.key}", lane=STORMS, at=now), delay_s=delay_s)
    ctx.store.put(STORMS, {"due_s": due_s, "storms": storms.dump(known)} if known else None)


async def tell(ctx: Context, pull: PullRef | None, past: str, ended: Sequence[Ended]) -> None:
    """Tell how builds ended, to each place what it hears; what is of a storm is told with that.

    Arguments:
        past: under which key it is kept how their contexts stood.
    """
    kept = await ctx.store.get(STORMS) or {}
    on = {same for same, storm in storms.load(kept.get("storms")).items() if storm.is_on}
    of_storms = [build for build in ended if has_verdict(build) and build.diagnosis.same in on]
    others = [build for build in ended if build not in of_storms]
    channels: dict[Place, list[Ended]] = {}
    for build in others:
        asked = [ctx.speaking(ask.place) for ask in build.asks if ctx.speaking(ask.place) != bare(ask.place)]
        for place in places_of(ctx, build):
            if bare(place) not in asked:  # where a bridge repeats what the asker is told
                channels.setdefault(place, []).append(build)
    for place, builds in shares(channels, others):
        to = await addressed(ctx, pull, place, builds)
        words = card(pull.short if pull else "", builds, manner(ctx.settings, place).infra, room_for(to))
        ctx.tell(replace(place, to=to), replace(words, slot=pull_slot(pull) if pull else "", follows=True))
    if of_storms:
        await leave_to_storms(ctx, pull, past, of_storms)


async def leave_to_storms(ctx: Context, pull: PullRef | None, past: str, ended: Sequence[Ended]) -> None:
    """Have those answered who asked for builds of a storm; that these failed is told nowhere else."""
    for number, build in enumerate(ended):
        if build.asks:
            asked = AlikeAsked(
                key=f"failures:asked:{ctx.event.key}:{number}",
                lane=STORMS,
                at=ctx.clock.now(),
                same=build.diagnosis.same,
                head=storms.head_of(build.diagnosis),
                asks=build.asks,
                builds=(build_name(pull, build),),
                url=build.diagnosis.link or build.url,
            )
            ctx.later(asked, delay_s=0.0)
    if pasts := await ctx.store.get(past):
        silent = {build.name for build in ended if not build.before.was_told}
        told = {name: one | {"was_told": one["was_told"] and name not in silent} for name, one in pasts.items()}
        ctx.store.put(past, told)


async def addressed(ctx: Context, pull: PullRef | None, place: Place, builds: Sequence[Ended]) -> str:
    """Name who is addressed with an end: who asked, and where that is wanted who has pushed since the last green."""
    is_wanted = manner(ctx.settings, place).culprits and not place.private and any(build.is_bad for build in builds)
    green = next((build.before.green for build in builds if build.is_bad), "")
    bad = [build.about for build in builds if build.is_bad]

    def is_silent(account: Account) -> bool:
        return all(ctx.subscriptions.has_muted(account, about) for about in bad)

    found = await culprits(ctx, pull, green, is_silent) if is_wanted and pull else []
    asked = place.to.split(", ") if place.to else []
    return ", ".join(dict.fromkeys((*asked, *found)))


def places_of(ctx: Context, ended: Ended) -> list[Place]:
    """List the places that hear of an end unasked: by their strategy, or as they watch it, and have not muted it."""
    if superseded(ended.diagnosis):
        return []  # whoever pushed knows
    pushed = (push for push in ctx.pushes if push.name_of(JobRef(ended.server, ended.job)))
    if not ended.pull and (push := next(pushed, None)):
        told = ctx.announce.get(push.repo, ())  # by the plugin pushes
        return [place for place in ctx.audience((), replace(ended.about, repo=push.repo)) if bare(place) not in told]
    repo = ended.pull.rpartition("#")[0]
    places = unasked(ctx.settings, ctx.announce.get(repo, ()), bool(repo), ended.name, ended.job)
    chosen = [
        place
        for place in places
        if wants(
            manner(ctx.settings, place).strategy,
            ended.result,
            ended.change,
            ended.before.last,
            ours=ended.ours and bool(ended.asks),
            was_told=ended.before.was_told,
        )
    ]
    told_elsewhere = () if ended.pull else ctx.told_elsewhere(JobRef(ended.server, ended.job))
    return [place for place in ctx.audience(chosen, ended.about) if bare(place) not in told_elsewhere]


def hears(ctx: Context, place: Place, about: Sequence[Subject]) -> bool:
    """Tell whether a place has not muted all that many builds are about."""
    return not about or any(place in ctx.audience([place], one) for one in about)


def build_name(pull: PullRef | None, ended: Ended) -> str:
    """Name a build with its pull request."""
    return f"{f'{pull.short} ' if pull else ''}{ended.name} #{ended.number}"


def past_key(what: str) -> str:
    """Name what is kept of how the contexts of a pull request stood, or a job."""
    return f"past:{what}"


def remark_key(pull: PullRef) -> str:
    """Name what is kept of the comment on a pull request."""
    return f"remark:{pull}"
