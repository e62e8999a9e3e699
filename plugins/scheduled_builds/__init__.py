"""Start builds at set times, or see that somebody else does, and tell what was late, missed, too long or at once.

All of a job is in one lane, that of its builds. What is due is started until it is late: while the server does not
answer, or another build of the job is in the way, it waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.events import (
    BuildDiagnosed,
    BuildFinished,
    BuildStarted,
    Event,
    RetryDropped,
    Tick,
    TimeCame,
)
from bot.facts import RetryState
from bot.plugin import AtLimit, Call, Card, Context, Plugin, Refused, Unavailable, Unsure, UserError, lasting, nearest
from bot.values import Alone, JobRef
from bot.wording import superseded
from plugins.scheduled_builds import telling, words
from plugins.scheduled_builds.book import Last, Run, Running, Stage, after
from plugins.scheduled_builds.jobs import beside, forget_others, is_begun, keep, read, runs
from plugins.scheduled_builds.settings import ScheduledBuild, ScheduledSettings, Tell

AGAIN_S = 30.0  # how often what is in the way of a build is looked at
CHECK_EVERY_S = 300.0  # how often it is seen whether jobs take what they are to be started with
CHECKED = "checked"  # the key of what that came to
AWAY = "Gordon was away"

plugin = Plugin("scheduled_builds", ScheduledSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDue(Event):
    """A time has come, in the lane of its job; fields as in TimeCame."""

    name: str
    planned: datetime
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleStart(Event):
    """A run is to be started; `tries` counts how often something was in its way."""

    name: str
    run: str
    planned: datetime
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLate(Event):
    """What was due should have been started by now."""

    name: str
    run: str
    planned: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLong(Event):
    """A build should be over by now; `label` is what it is called, and `tries` how often nobody could tell."""

    name: str
    label: str
    job: JobRef
    request_id: str
    tries: int = 0


@plugin.on(TimeCame)
async def came(ctx: Context, event: TimeCame) -> None:
    """Hand a time on to the lane of its job."""
    if (one := ctx.settings.build.get(event.name)) is not None:
        due = ScheduleDue(
            key=f"scheduled:due:{event.key}",
            lane=str(ctx.job(one.job)),
            at=event.at,
            name=event.name,
            planned=event.planned,
            missed=event.missed,
        )
        ctx.later(due, delay_s=0)


@plugin.on(ScheduleDue)
async def due(ctx: Context, event: ScheduleDue) -> None:
    """Have what is due started, or wait for it; tell what was missed."""
    if (one := ctx.settings.build.get(event.name)) is None:
        return
    job, now = ctx.job(one.job), ctx.clock.now()
    book = await read(ctx, job)
    late = timedelta(seconds=one.late_s)
    until, is_away, is_there = event.planned + late, now > event.planned + late, False
    if not one.start:
        try:
            is_there = await is_begun(ctx, book, job, event.planned, ask=is_away)
        except (UserError, Unavailable, Refused):  # whether it was missed nobody can tell yet
            until, is_away = now + late, False
    stage = Stage.GIVEN_UP if is_away and not (one.start and one.catch_up) else Stage.DUE
    if is_there:  # and what was missed before that is over
        stage, is_away = Stage.STARTED, False
    if is_away and stage is Stage.DUE:
        until = now + late
    forget_others(ctx, book, job)
    for run in one.runs(event.name):
        kept = book.run(run)
        if kept.planned_s >= event.planned.timestamp():
            continue
        tell_missed(ctx, event, one, run, kept, is_away=is_away, is_late=stage is Stage.DUE)
        reason = AWAY if stage is Stage.GIVEN_UP else ""
        book.runs[run] = Run(event.planned.timestamp(), until.timestamp(), stage, reason=reason, last=kept.last)
        if stage is Stage.DUE:
            look_later(ctx, event, one, run, delay_s=(until - now).total_seconds())
    keep(ctx, job, book)


@plugin.on(ScheduleStart)
async def start(ctx: Context, event: ScheduleStart) -> None:
    """Start a run, alone; what is in its way is looked at again until it is late."""
    if (one := ctx.settings.build.get(event.name)) is None or not one.start:
        return
    job = ctx.job(one.job)
    book = await read(ctx, job)
    kept, parameters = book.run(event.run), one.runs(event.name).get(event.run)
    if parameters is None or kept.stage is not Stage.DUE or kept.due.planned != event.planned:
        return
    occasion = f"{event.run} at {event.planned:%Y-%m-%d %H:%M} UTC"
    try:
        item = await ctx.ci.start_scheduled(job, parameters, occasion=occasion, alone=one.beside, until=kept.due.until)
    except (AtLimit, Unavailable) as error:  # the core would make a letter of a long outage, before it is late
        kept = replace(kept, reason=str(error))
        look_again(ctx, event)
    except (UserError, Unsure, Refused) as error:
        now, is_told = ctx.clock.now(), kept.was_late
        if not is_told and now < kept.due.until:  # later it is told that it is late
            telling.notify(ctx, [one], Tell.LATE, words.refused(event.run, one, kept.due, now, str(error)), job)
            is_told = True
        kept = replace(kept, stage=Stage.GIVEN_UP, was_late=is_told, reason=kept.reason or str(error))
    else:
        kept = replace(kept, stage=Stage.STARTED, request_id=item.request_id, reason="")
        if (ended := book.ended.get(item.request_id)) is not None:  # it was over before this was known
            kept = replace(kept, last=after(kept.last, ended))
    book.runs[event.run] = kept
    keep(ctx, job, book)


@plugin.on(ScheduleLate)
async def late(ctx: Context, event: ScheduleLate) -> None:
    """Tell that a run was not started in its time."""
    if (one := ctx.settings.build.get(event.name)) is None:
        return
    job = ctx.job(one.job)
    book = await read(ctx, job)
    kept, parameters = book.run(event.run), one.runs(event.name).get(event.run, {})
    if kept.stage is Stage.STARTED or kept.due.planned != event.planned or kept.was_late:
        return
    reason = kept.reason
    try:
        is_there = not one.start and await is_begun(ctx, book, job, event.planned)
    except (UserError, Unavailable, Refused) as error:
        is_there, reason = False, str(error)
    if is_there:
        book.runs[event.run] = replace(kept, stage=Stage.STARTED)
    else:
        by_hand = words.by_name(one.job, parameters) if one.start else ""
        card = words.late(event.run, one, kept.due, ctx.clock.now(), reason, by_hand)
        telling.notify(ctx, [one], Tell.LATE, card, job)
        book.runs[event.run] = replace(kept, was_late=True, reason=reason)
    keep(ctx, job, book)


@plugin.on(BuildStarted)
async def begun(ctx: Context, event: BuildStarted) -> None:
    """Take in that a build has begun: the one that was due, or one too many."""
    if not (entries := telling.entries_of(ctx, event)):
        return
    now, book = ctx.clock.now(), await read(ctx, event.job)
    book.running[event.request_id] = Running(event.number, event.url, now.timestamp())
    book.started_s = max(book.started_s, now.timestamp())
    run = book.run_of(event.request_id)
    for name, one in entries.items():
        for key in one.runs(name):
            kept = book.run(key)
            if event.retrying or not (key == run if one.start else kept.stage is Stage.DUE):
                continue
            late_s = now.timestamp() - kept.planned_s if kept.was_late else 0.0
            card = words.started(key, event.number, event.url, late_s)
            telling.notify(ctx, [one], Tell.STARTED, card, event.job, event.number, is_wanted=kept.was_late)
            book.runs[key] = replace(kept, stage=Stage.STARTED)
        if one.at_most_s and (not run or run in one.runs(name)):
            watch_over(ctx, event, name, one, run or name)
    if others := await beside(ctx, event, book):
        alone = [one for one in entries.values() if one.beside is Alone.JOB]
        card = words.overlapping(event.context, event.number, others, now, event.url)
        telling.notify(ctx, alone, Tell.OVERLAP, card, event.job, event.number)
    keep(ctx, event.job, book)


@plugin.on(BuildFinished)
async def over(ctx: Context, event: BuildFinished) -> None:
    """Take in that a build runs no more; how it ended is told when it is known why."""
    if telling.entries_of(ctx, event):
        book = await read(ctx, event.job)
        if book.running.pop(event.request_id, None) is not None:
            keep(ctx, event.job, book)


@plugin.on(BuildDiagnosed)
async def diagnosed(ctx: Context, event: BuildDiagnosed) -> None:
    """Tell how a build ended, unless it is tried again."""
    if telling.entries_of(ctx, event):
        retry = await ctx.ledger.retry_of(event.request_id)
        if retry is None or retry.state is RetryState.DROPPED:
            await tell_end(ctx, event, f"not retried: {retry.reason}" if retry and retry.reason else "")


@plugin.on(RetryDropped)
async def dropped(ctx: Context, event: RetryDropped) -> None:
    """Tell how a build ended that should have been tried again and is not."""
    if telling.entries_of(ctx, event):
        await tell_end(ctx, event.diagnosed, f"not retried: {event.reason}")


@plugin.on(ScheduleLong)
async def too_long(ctx: Context, event: ScheduleLong) -> None:
    """Tell that a build takes too long, and cancel it where that is wanted."""
    one, book = ctx.settings.build.get(event.name), await read(ctx, event.job)
    running = book.running.get(event.request_id)
    if one is None or running is None:
        return
    how = ""
    try:
        if not await runs(ctx, event.job, running.number):
            return
        if one.cancel:
            why = f"it runs for more than {lasting(one.at_most_s)}"
            how = await ctx.ci.cancel_overdue(event.request_id, reason=why)
    except Unavailable:  # of a long outage the core would make a letter, and the build runs on
        look_again(ctx, event)
        return
    card = words.too_long(event.label, one, running, ctx.clock.now(), how)
    telling.notify(ctx, [one], Tell.LONG, card, event.job, running.number)


@plugin.every(CHECK_EVERY_S)
async def check(ctx: Context, event: Tick) -> None:
    """Tell operators, once, which jobs do not take what they are to be started with."""
    kept: dict[str, list[str]] = await ctx.store.get(CHECKED) or {}
    found: dict[str, list[str]] = {}
    for name, one in ctx.settings.build.items():
        for run, parameters in one.runs(name).items() if one.start else ():
            what, known = repr((one.job, sorted(parameters.items()))), kept.get(run, ["", ""])
            if known == [what, ""]:
                found[run] = known
                continue
            try:
                await ctx.ci.takes(ctx.job(one.job), parameters)
                found[run] = [what, ""]
            except UserError as error:
                found[run] = [what, str(error)]
                if found[run] != known:
                    for place in ctx.operators:
                        ctx.tell(place, words.wrong(run, one, str(error)))
            except (Unavailable, Refused):  # what cannot be looked at now is looked at the next time
                found[run] = known
    if found != kept:
        ctx.store.put(CHECKED, found)


@plugin.command("scheduled [<name>]", reads=True)
async def scheduled(ctx: Context, call: Call) -> Card:
    """Tell of builds at set times how the last one ended, when the next one is due, and what is wrong."""
    builds: Mapping[str, ScheduledBuild] = ctx.settings.build
    if call["name"] and call["name"] not in builds:
        raise UserError(f"no build at set times has this name; {nearest(call['name'], builds)}")
    lines = []
    for name, one in sorted(builds.items()):
        if call["name"] in (None, name):
            book = await read(ctx, ctx.job(one.job))
            for run in one.runs(name):
                kept = book.run(run)
                is_own = bool(one.matrix)
                running = book.running.get(kept.request_id) if is_own else next(iter(book.running.values()), None)
                lines.append(words.row(run, one, kept, running, ctx.clock.now()))
    if not lines:
        return Card("no build is configured to come at set times", is_nothing=True)
    return Card(lines[0], tuple(lines[1:]))


def tell_missed(
    ctx: Context, event: ScheduleDue, one: ScheduledBuild, run: str, kept: Run, *, is_away: bool, is_late: bool
) -> None:
    """Tell which times of a run nobody has built at, all together."""
    now, job = ctx.clock.now(), ctx.job(one.job)
    if is_away:
        then = "it is started now" if is_late else ""
        card = words.missed(run, one.when.spoken(event.planned, now), AWAY, more=event.missed, then=then)
    elif event.missed and one.start:
        count = f"{event.missed} time{'' if event.missed == 1 else 's'}"
        times = f"{count} before {one.when.spoken(event.planned, now)}"
        card = words.missed(run, times, AWAY, then="it is started now")
    elif kept.stage is Stage.DUE and kept.planned_s and not (one.start and kept.was_late):
        reason = kept.reason if one.start else ""
        card = words.missed_again(run, one.when.spoken(kept.due.planned, now), reason)
    else:
        return
    telling.notify(ctx, [one], Tell.MISSED, card, job)


def look_later(ctx: Context, event: ScheduleDue, one: ScheduledBuild, run: str, *, delay_s: float) -> None:
    """Have a run started now, where that is for us, and see when it is late whether it was."""
    now, what = ctx.clock.now(), f"{run}:{event.planned.timestamp():.0f}"
    if one.start:
        starting = ScheduleStart(
            key=f"scheduled:start:{what}:0", lane=event.lane, at=now, name=event.name, run=run, planned=event.planned
        )
        ctx.later(starting, delay_s=0)
    looking = ScheduleLate(
        key=f"scheduled:late:{what}", lane=event.lane, at=now, name=event.name, run=run, planned=event.planned
    )
    ctx.later(looking, delay_s=delay_s)


def look_again(ctx: Context, event: ScheduleStart | ScheduleLong) -> None:
    """Look once more soon at what cannot be done now."""
    key = f"{event.key.removesuffix(f':{event.tries}')}:{event.tries + 1}"
    ctx.later(replace(event, key=key, at=ctx.clock.now(), tries=event.tries + 1), delay_s=AGAIN_S)


def watch_over(ctx: Context, event: BuildStarted, name: str, one: ScheduledBuild, label: str) -> None:
    """See whether a build is over when it should be."""
    looking = ScheduleLong(
        key=f"scheduled:long:{name}:{event.request_id}:0",
        lane=event.lane,
        at=ctx.clock.now(),
        name=name,
        label=label,
        job=event.job,
        request_id=event.request_id,
    )
    ctx.later(looking, delay_s=one.at_most_s)


async def tell_end(ctx: Context, event: BuildDiagnosed, no_more: str) -> None:
    """Keep how a build ended, and tell it to whom it is news."""
    book, end, fact = await read(ctx, event.job), event.end, event.fact
    book.running.pop(event.request_id, None)
    if event.request_id in book.ended:
        return
    at_s = (fact.finished_at or end.at).timestamp()
    last = Last(event.request_id, end.number, str(end.result or ""), end.duration_s, at_s, end.url)
    book.end(last)
    run = book.run_of(event.request_id, fact.chain)
    note = "; ".join(filter(None, (end.note, no_more)))
    told = {replace(ask.place, to="") for ask in end.asks}  # what they asked for is told by the plugin failures
    for name, one in telling.entries_of(ctx, event).items():
        before = None
        for key in one.runs(name):
            if key == run or (not run and not one.matrix):
                before = book.run(key).last
                book.runs[key] = replace(book.run(key), last=after(before, last))
        is_wanted = Tell.FAILED if last.is_bad else Tell.PASSED
        is_fixed = not last.is_bad and before is not None and before.is_bad and Tell.FAILED in one.tell
        if (run and run not in one.runs(name)) or superseded(fact.diagnosis):
            continue
        if is_wanted in one.tell or is_fixed:
            card = words.ended(run or event.context, last, before, fact.diagnosis, fact.node or end.node, note)
            for place in telling.hearing(ctx, one, event.job, end.number):
                if place not in told:
                    told.add(place)
                    ctx.tell(place, card)
    keep(ctx, event.job, book)
