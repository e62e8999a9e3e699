"""Naginator in a Jenkins stand-in: what it repeats by itself, and what it adds to the builds that it asked for."""

from collections.abc import Collection

from bot.demo.jenkins.auto_retry import AutoRetry, Retried
from bot.demo.jenkins.causes import Cause
from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.items import is_buildable
from bot.demo.jenkins.ledger import RetryAccepted
from bot.demo.jenkins.matrix import MatrixJob, own_runs
from bot.demo.jenkins.model import Build
from bot.demo.jenkins.tree import bean

NAGINATOR = "com.chikli.hudson.plugin.naginator.NaginatorCause"
_ACTION = "com.chikli.hudson.plugin.naginator.Naginator{}Action"  # none of its properties is shown


def by_naginator(build: Build) -> Cause:
    """Make the cause of a build that repeats another; of its properties only the words are shown [NaginatorCause]."""
    return Cause(kind=NAGINATOR, words=f"Started by Naginator after build #{build.number} failure")


def next_retry(build: Build, at_most: int) -> Retried:
    """Make what a retry of a build is to know; the row goes on whoever asks for it."""
    return Retried(build.number, 1 + (build.retried.count if build.retried else 0), at_most)


def watch_failures(engine: Engine) -> None:
    """Let Naginator repeat failed builds of the jobs that have its settings [NaginatorListener.onCompleted]."""

    def look(build: Build, now: float) -> None:
        how = build.job.auto_retry
        if how is None or build.job.kind == "cell" or "naginator" not in engine.plugins:
            return
        retries = build.retried.count if build.retried else 0
        if (how.at_most and retries >= how.at_most) or not _is_wanted(build, how, now):
            return
        only = _cells(build, how, now)
        if only is not None and not only:
            if how.none_left == "nothing":
                return
            only = None if how.none_left == "whole" else only
        _repeat(engine, build, how, only, now)

    engine.ended.append(look)


def watch_retries(engine: Engine) -> None:
    """Let repeated builds show that they are."""

    def mark(build: Build, _: float) -> None:
        if build.retried is not None:
            build.actions.append(bean(_ACTION.format("" if build.only is None else "Matrix")))

    engine.began.append(mark)


def _is_wanted(build: Build, how: AutoRetry, now: float) -> bool:
    if not how.takes(build.final):
        return False
    if not how.regexp or (isinstance(build.job, MatrixJob) and how.looked_at == "each cell"):
        return True
    if isinstance(build.job, MatrixJob) and how.looked_at == "any cell":
        return any(how.takes(run.final) and _says_so(run, how, now) for run in own_runs(build))
    return _says_so(build, how, now)


def _cells(build: Build, how: AutoRetry, now: float) -> Collection[str] | None:
    """Choose the cells to repeat; None where all are."""
    if not how.failed_cells_only or not isinstance(build.job, MatrixJob):
        return None
    runs = [run for run in own_runs(build) if how.takes(run.final)]
    if how.regexp and how.looked_at == "each cell":
        runs = [run for run in runs if _says_so(run, how, now)]
    return {run.job.name for run in runs}


def _says_so(build: Build, how: AutoRetry, now: float) -> bool:
    """Look into the log of a build; what cannot be read is repeated [NaginatorPublisherScheduleAction.testRegexp]."""
    return build.log_lost or how.matches(build.stored_log(now))


def _repeat(engine: Engine, build: Build, how: AutoRetry, only: Collection[str] | None, now: float) -> None:
    """Put the retry into the queue at once, where it waits out its delay."""
    if not is_buildable(engine, build.job):
        return
    retried = next_retry(build, how.at_most)
    causes = [*(cause for cause in build.causes if cause.kind != NAGINATOR), by_naginator(build)]
    due_s = now + how.after_s(retried.count - 1)
    item = engine.enqueue(build.job, build.parameters, causes, only=only, due_s=due_s)
    item.retried = retried
    cells = None if only is None else tuple(sorted(only))
    engine.ledger.retries.append(
        RetryAccepted(engine.wall(now), build.job.full_name, build.number, item.id, retried.count, cells)
    )
