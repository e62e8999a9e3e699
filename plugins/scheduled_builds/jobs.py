"""What is known of a job: what is kept here, and what its server tells of it."""

from datetime import datetime
from typing import Any

from bot.events import BuildStarted
from bot.plugin import Context, UserError
from bot.values import JobRef, Stage, Standing
from plugins.scheduled_builds.book import Book, dump, load

EARLY_S = 300.0  # a build that began so little before its time is the one of it: clocks differ


async def read(ctx: Context, job: JobRef) -> Book:
    """Read what is kept of a job."""
    kept: Any = await ctx.store.get(f"job:{job.server}/{job}")
    return load(kept)


def keep(ctx: Context, job: JobRef, book: Book) -> None:
    ctx.store.put(f"job:{job.server}/{job}", dump(book))


async def is_begun(ctx: Context, book: Book, job: JobRef, planned: datetime, *, ask: bool = True) -> bool:
    """Tell whether a build has begun since a time, or hardly before it.

    Arguments:
        ask: its server, too, if none is known here.
    """
    since_s = planned.timestamp() - EARLY_S
    if book.started_s >= since_s or not ask:
        return book.started_s >= since_s
    newest = await ctx.ci.of_job(job)
    return newest.started_at is not None and newest.started_at.timestamp() >= since_s


async def beside(ctx: Context, event: BuildStarted, book: Book) -> list[Standing]:
    """List the earlier builds of a job that run now; those of the book that do not run are forgotten."""
    found = await ctx.ci.running()
    running = {one.number or 0: one for one in found.found if one.job == event.job}
    if not found.silent:  # of some it may be that nobody told their end, as after a long absence
        known = {event.number, *running}
        book.running = {key: one for key, one in book.running.items() if one.number in known}
    return [one for number, one in running.items() if number < event.number]


async def runs(ctx: Context, job: JobRef, number: int) -> bool:
    """Tell whether a build runs now."""
    try:
        return (await ctx.ci.of_job(job, number)).stage is Stage.RUNNING
    except UserError:  # it is there no more
        return False


def forget_others(ctx: Context, book: Book, job: JobRef) -> None:
    """Forget the runs of a job that are in the configuration no more."""
    entries = [(name, one) for name, one in ctx.settings.build.items() if ctx.job(one.job) == job]
    known = {run for name, one in entries for run in one.runs(name)}
    book.runs = {run: kept for run, kept in book.runs.items() if run in known}
