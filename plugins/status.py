"""Show how builds stand: of a pull request, of a job, and what waits and runs everywhere."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.plugin import Call, Context, Plugin, lasting
from bot.values import JobRef, PullRef, Result, Stage, Standing

MAX_SHOWN = 8  # fits a few lines of IRC; a longer list is a page of Jenkins
MAX_WHY_CHARS = 80  # a server may name all nodes of a label in its reason
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
async def status(ctx: Context, call: Call) -> str:
    """Tell how the builds of a pull request stand, or a job, or a build; without any: how Gordon is."""
    target, now = call["pull|job|build"], ctx.clock.now()
    if target is None:
        return "; ".join(f"{name}: {state}" for name, state in ctx.house.health().items())
    if isinstance(target, PullRef):
        pull = await ctx.forge.pull(target)
        title = f"{pull.ref.short} at {pull.head:.7}{'' if pull.is_open else ' (closed)'}"
        standings = await ctx.ci.overview(pull)
        told = [f"{s.context} {words(s, now)}" for s in sorted(standings.found, key=lambda s: s.context)]
        told += standings.silent
        return f"{title}: {'; '.join(told) or f'no contexts are configured for {pull.ref.repo}'}"
    if isinstance(target, JobRef):
        standing = await ctx.ci.of_job(target)
    else:
        standing = await ctx.ci.of_job(target.job, target.number)
    return phrase(standing, now)


@plugin.command("queue [<pattern>]", reads=True)
async def queue(ctx: Context, call: Call) -> str:
    """List what waits for an agent and why, longest waiting first; a pattern is a part of the name."""
    standings, pattern, now = await ctx.ci.queue(), str(call["pattern"] or ""), ctx.clock.now()
    entries = [f"{name_of(s)} ({waits(s, now)})" for s in matching(standings.found, pattern)]
    return "; ".join([listed("waiting", entries, pattern), *standings.silent])


@plugin.command("running [<pattern>]", reads=True)
async def running(ctx: Context, call: Call) -> str:
    """List what runs and for how long, longest running first; a pattern is a part of the name."""
    standings, pattern, now = await ctx.ci.running(), str(call["pattern"] or ""), ctx.clock.now()
    entries = [f"{name_of(s)} #{s.number} ({age(s, now)})" for s in matching(standings.found, pattern)]
    return "; ".join([listed("running", entries, pattern), *standings.silent])


def matching(standings: Iterable[Standing], pattern: str) -> list[Standing]:
    """Choose by a part of the name, in any case; the oldest first."""
    chosen = [s for s in standings if pattern.lower() in f"{name_of(s)} {s.job} {s.pull or ''}".lower()]
    return sorted(chosen, key=lambda s: (s.started_at is None, s.started_at.timestamp() if s.started_at else 0.0))


def name_of(standing: Standing) -> str:
    return f"{standing.pull.short} {standing.context}" if standing.pull else standing.context


def age(standing: Standing, now: datetime) -> str:
    """Say how long it waits or runs; a server that does not tell gets no guess."""
    return lasting((now - standing.started_at).total_seconds()) if standing.started_at else "no start known"


def waits(standing: Standing, now: datetime) -> str:
    """Say how long it waits, and the server's reason."""
    why = standing.why if len(standing.why) <= MAX_WHY_CHARS else f"{standing.why[: MAX_WHY_CHARS - 3]}..."
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
        since = f" for {age(standing, now)}" if standing.started_at else ""
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


def listed(what: str, entries: Sequence[str], pattern: str) -> str:
    """Say how many there are and show the first."""
    if not entries:
        return f'nothing with "{pattern}" is {what}' if pattern else f"nothing is {what}"
    more = len(entries) - MAX_SHOWN
    shown = [*entries[:MAX_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return f"{len(entries)} {what}: {'; '.join(shown)}"
