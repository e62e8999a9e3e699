"""Show how builds stand: of a pull request, of a job, what their tests came to, and what waits and runs everywhere."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot import wording
from bot.plugin import Call, Card, Context, Pattern, Plugin, Refused, Unavailable, Words, lasting
from bot.values import (
    BuildRef,
    Cell,
    FailedTest,
    JobRef,
    Kind,
    PipelineStage,
    Pull,
    PullRef,
    Result,
    Stage,
    StageState,
    Standing,
    Standings,
    TestReport,
)
from bot.wording import cut, plain

MAX_SHOWN = 8  # fits a few lines of IRC; a longer list is a page of Jenkins
MAX_NAME_BYTES = 100  # of tests and stages, which whoever wrote the commit has named
MAX_WHY_BYTES = 80  # a server may name all nodes of a label in its reason
ENDINGS = {
    Result.SUCCESS: "passed",
    Result.UNSTABLE: "unstable",
    Result.FAILURE: "failed",
    Result.NOT_BUILT: "not built",
    Result.ABORTED: "aborted",
    None: "ended without a result",
}

plugin = Plugin("status")


@plugin.command("status [<pull|job|build>]", reads=True)
async def status(ctx: Context, call: Call) -> Words:
    """Tell how the builds of a pull request stand, or a job, or a build; without any: how Gordon is."""
    target, now = call["pull|job|build"], ctx.clock.now()
    if target is None:
        return "; ".join(f"{name}: {state}" for name, state in ctx.house.health().items())
    if isinstance(target, PullRef):
        pull = await ctx.forge.pull(target)
        return of_pull(pull, await ctx.ci.overview(pull), now)
    if isinstance(target, JobRef):
        standing = await ctx.ci.of_job(target)
    else:
        standing = await ctx.ci.of_job(target.job, target.number)
    return "; ".join([phrase(standing, now), *await inside(ctx, standing)])


@plugin.command("tests <build>", reads=True)
async def tests(ctx: Context, call: Call) -> str:
    """Tell what the tests of a build came to, and which failed since when."""
    build: BuildRef = call["build"]
    if (report := await ctx.ci.tests(build)) is None:
        return without_report(build, await ctx.ci.of_job(build.job, build.number))
    return outcome(build, report)


@plugin.command("queue [<pattern>]", reads=True)
async def queue(ctx: Context, call: Call) -> str:
    """List what waits for an agent and why, longest waiting first; a pattern is looked for in the name."""
    standings, pattern, now = await ctx.ci.queue(), call["pattern"], ctx.clock.now()
    entries = [f"{name_of(s)} ({waits(s, now)})" for s in matching(standings.found, pattern)]
    told = listed("waiting", entries, str(pattern or ""), len(standings.found))
    return "; ".join([told, *standings.notes, *standings.silent])


@plugin.command("running [<pattern>]", reads=True)
async def running(ctx: Context, call: Call) -> str:
    """List what runs, for how long and how long still, longest running first; a pattern is looked for in the name."""
    standings, pattern, now = await ctx.ci.running(), call["pattern"], ctx.clock.now()
    entries = [f"{name_of(s)} #{s.number} ({progress(s, now)})" for s in matching(standings.found, pattern)]
    told = listed("running", entries, str(pattern or ""), len(standings.found))
    return "; ".join([told, *standings.notes, *standings.silent])


async def inside(ctx: Context, standing: Standing) -> list[str]:
    """Tell where in a Pipeline or a matrix one has to look; nothing if nobody knows."""
    if standing.kind is Kind.PIPELINE and standing.number is not None:
        try:
            stages = await ctx.ci.stages(BuildRef(standing.job, standing.number))
        except (Unavailable, Refused) as error:  # how the build stands is worth telling without
            return [str(error)]
        return where(stages, is_running=standing.stage is Stage.RUNNING)
    return failed_cells(standing.cells)


def of_pull(pull: Pull, standings: Standings, now: datetime) -> Words:
    """Say how the contexts of a pull request stand: how many passed, and each on its own where there is room."""
    title = f"{pull.ref.short} at {pull.head:.7}{'' if pull.is_open else ' (closed)'}"
    told = [f"{s.context} {words(s, now)}" for s in sorted(standings.found, key=lambda s: s.context)]
    told += standings.silent
    if not told:
        return f"{title}: no contexts are configured for {pull.ref.repo}"
    passed = sum(s.is_green for s in standings.found)
    verdict = f"{title}: {passed} of {len(standings.found)} passed" if standings.found else title
    return Card(verdict, tuple(told), url=pull.url, brief=f"{title}: {'; '.join(told)}")


def where(stages: Sequence[PipelineStage], *, is_running: bool) -> list[str]:
    """Say which stages run or wait for somebody, or in which the build failed."""
    if not is_running:
        bad = [stage for stage in stages if stage.state in (StageState.FAILED, StageState.UNSTABLE)]
        told = [f"{s.state} in stage {short(s.name)}{f': {short(s.error)}' if s.error else ''}" for s in bad]
        return [wording.listed(told, MAX_SHOWN)] if bad else []
    paused = [f"paused for input in stage {short(s.name)}" for s in stages if s.state is StageState.PAUSED]
    now = [f"{short(s.name)} ({lasting(s.duration_s)})" for s in stages if s.state is StageState.RUNNING]
    return [*paused[:MAX_SHOWN], *([f"in stage {wording.listed(now, MAX_SHOWN)}"] if now else [])]


def failed_cells(cells: Sequence[Cell]) -> list[str]:
    """Say which cells of a matrix are not well; those that run or passed are only counted."""
    ended = [cell for cell in cells if cell.result is not None]
    bad = [f"{cell.name} {ENDINGS[cell.result]}" for cell in ended if cell.result is not Result.SUCCESS]
    if not cells:
        return []
    left = f", {len(cells) - len(ended)} still running" if len(ended) < len(cells) else ""
    count = f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'}{left}"
    return [f"{count}: {wording.listed(bad, MAX_SHOWN)}" if bad else f"{count}, none failed"]


def without_report(build: BuildRef, standing: Standing) -> str:
    """Say why there may be nothing to tell; a build without a report is not one without failures."""
    if standing.stage is Stage.RUNNING:
        return f"{build} still runs, and has no test report yet"
    return f"{build} has no test report (it may have ended before its tests)"


def outcome(build: BuildRef, report: TestReport) -> str:
    """Say what tests came to."""
    total = report.failed + report.passed + report.skipped
    counts = [f"{report.failed} failed" if report.failed else f"{report.passed} passed"]
    if report.skipped:
        counts.append(f"{report.skipped} skipped")
    if not total:
        return f"{build}: its report has no tests"
    told = f"{build}: {total} {'test' if total == 1 else 'tests'}: {', '.join(counts)}"
    names = [failure(each) for each in sorted(report.failures, key=lambda each: (each.age, each.name))]
    return f"{told}: {wording.listed(names, MAX_SHOWN, report.failed)}" if names else told


def failure(test: FailedTest) -> str:
    """Say which test failed, where, and since when."""
    since = f", since #{test.since}" if test.since is not None else ""
    ages = "new" if test.age <= 1 else f"failing in {test.age} builds{since}"
    return f"{short(test.name)} ({', '.join(part for part in (test.cell, ages) if part)})"


def short(text: str) -> str:
    return cut(plain(text), MAX_NAME_BYTES)


def matching(standings: Iterable[Standing], pattern: Pattern | None) -> list[Standing]:
    """Choose by a pattern that the name has; the oldest first."""
    chosen = [s for s in standings if pattern is None or pattern.search(f"{name_of(s)} {s.job} {s.pull or ''}".strip())]
    return sorted(chosen, key=lambda s: (s.started_at is None, s.started_at.timestamp() if s.started_at else 0.0))


def name_of(standing: Standing) -> str:
    return f"{standing.pull.short} {standing.context}" if standing.pull else standing.context


def age(standing: Standing, now: datetime) -> str:
    """Say how long it waits or runs; a server that does not tell gets no guess."""
    return lasting((now - standing.started_at).total_seconds()) if standing.started_at else "no start known"


def progress(standing: Standing, now: datetime) -> str:
    """Say how long it runs, how long it should still, and where."""
    told = age(standing, now)
    if standing.started_at is not None and standing.estimate_s is not None:
        left_s = standing.estimate_s - (now - standing.started_at).total_seconds()
        if left_s >= 0:
            told += f" of about {lasting(standing.estimate_s)}, ~{lasting(left_s)} left"
        else:
            told += f", {lasting(-left_s)} over its estimate"
    return f"{told}, on {standing.node}" if standing.node else told


def waits(standing: Standing, now: datetime) -> str:
    """Say how long it waits, and the server's reason."""
    why = cut(plain(standing.why), MAX_WHY_BYTES)
    since = age(standing, now) if standing.started_at else ""
    return ", ".join(part for part in (since, why) if part) or "no reason given"


def words(standing: Standing, now: datetime) -> str:
    """Say how one build stands; those that one may want to open carry their link."""
    link = f"#{standing.number} {standing.url}".rstrip()
    if standing.stage is Stage.NEVER:
        return "never built"
    if standing.stage is Stage.QUEUED:
        return f"queued (item {standing.queue_id}: {waits(standing, now)})"
    if standing.stage is Stage.RUNNING:
        since = f" for {progress(standing, now)}" if standing.started_at else ""
        return f"running{since} ({link})"
    if standing.is_green:
        return f"passed (#{standing.number}, {lasting(standing.duration_s)})"
    return f"{ENDINGS[standing.result]} ({link})"


def phrase(standing: Standing, now: datetime) -> str:
    """Say how one build stands, and what it builds as far as that is known."""
    commit = f" at {standing.sha:.7}" if standing.sha else ""
    if standing.pull is None:
        return f"{standing.context}{commit}: {words(standing, now)}"
    return f"{standing.pull.short}{commit}: {standing.context} {words(standing, now)}"


def listed(what: str, entries: Sequence[str], pattern: str, total: int) -> str:
    """Say how many there are, of how many if they were chosen, and show the first."""
    if not entries:
        return f'nothing with "{pattern}" is {what}' if pattern else f"nothing is {what}"
    more = len(entries) - MAX_SHOWN
    shown = [*entries[:MAX_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    of = f" of {total}" if pattern else ""
    return f"{len(entries)}{of} {what}: {'; '.join(shown)}"
