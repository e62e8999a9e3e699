"""What is said of builds at set times: what is the matter first, then which build, then where to look."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot import wording
from bot.facts import Diagnosis, Kind
from bot.plugin import Card, Tone, lasting
from bot.values import Result, Standing
from bot.wording import name, plain, quoted, typed
from plugins.scheduled_builds.book import Due, Last, Run, Running, Stage
from plugins.scheduled_builds.settings import ScheduledBuild

MAX_LINE_BYTES = 160
MAX_REASON_BYTES = 200
MAX_LABEL_BYTES = 120


def label(run: str) -> str:
    """Name a run: its entry, and what tells it from others of its matrix."""
    return wording.cut(plain(run), MAX_LABEL_BYTES)


def late(run: str, one: ScheduledBuild, due: Due, now: datetime, reason: str, by_hand: str) -> Card:
    """Say that a build was not started in its time.

    Arguments:
        by_hand: the command that starts it; empty where that is not for us.
    """
    at, by = one.when.spoken(due.planned, now), one.when.spoken(due.until, now)
    why = f" ({wording.cut(plain(reason), MAX_REASON_BYTES)})" if reason else ""
    then = f"; to start it now: {by_hand}" if by_hand else ""
    return Card(f"{label(run)} is late: due at {at}, not started by {by}{why}{then}", tone=Tone.BAD)


def by_name(job: str, parameters: Mapping[str, str]) -> str:
    """Tell the command that starts a run by hand."""
    return " ".join(["build", job, *(typed(f"{name}={value}") for name, value in parameters.items())])


def refused(run: str, one: ScheduledBuild, due: Due, now: datetime, reason: str) -> Card:
    """Say that a build could not be started."""
    at, why = one.when.spoken(due.planned, now), wording.cut(plain(reason), MAX_REASON_BYTES)
    return Card(f"{label(run)} was not started: due at {at}, {why}", tone=Tone.BAD)


def missed(run: str, at: str, why: str, *, more: int = 0, then: str = "") -> Card:
    """Say that nothing was built at a time.

    Arguments:
        at: when it was due.
        more: how many times before that one were missed, too.
        then: what is done about it.
    """
    before = f", and {more} time{'' if more == 1 else 's'} before that" if more else ""
    told = f"{label(run)} was missed: due at {at}{before}, {why}"
    return Card("; ".join(filter(None, (told, then))), tone=Tone.BAD)


def missed_again(run: str, at: str, reason: str) -> Card:
    """Say that nothing was built at a time until the next one came; `reason` is empty where it is not known."""
    why = f" ({wording.cut(plain(reason), MAX_REASON_BYTES)})" if reason else ""
    return missed(run, at, f"and not started until its next time{why}")


def started(run: str, number: int, url: str, late_s: float) -> Card:
    """Say that a build has begun; `late_s` is 0 where nobody was told that it is late."""
    return Card(f"{label(run)} #{number} has started{f', {lasting(late_s)} late' if late_s else ''}", url=url)


def overlapping(name: str, number: int, others: Sequence[Standing], now: datetime, url: str) -> Card:
    """Say that a build has begun while others run."""
    run = ", ".join(
        f"#{one.number} ({lasting((now - one.started_at).total_seconds())})" if one.started_at else f"#{one.number}"
        for one in others
    )
    verb = "runs" if len(others) == 1 else "run"
    return Card(f"{label(name)} overlaps: #{number} has begun while {run} still {verb}", url=url, tone=Tone.BAD)


def too_long(run: str, one: ScheduledBuild, running: Running, now: datetime, how: str) -> Card:
    """Say that a build takes too long, and what was done about it."""
    for_s = now.timestamp() - running.started_s
    told = f"{label(run)} #{running.number} takes too long: it runs for {lasting(for_s)}, and may for "
    return Card(f"{told}{lasting(one.at_most_s)}{f'; {how}' if how else ''}", url=running.url, tone=Tone.BAD)


def ended(run: str, last: Last, before: Last | None, diagnosis: Diagnosis, node: str, note: str) -> Card:
    """Say how a build ended, the verdict first.

    Arguments:
        note: why it is not tried again, or what befell it.
    """
    known = f"{label(run)} #{last.number}" if last.number else label(run)
    took, more = lasting(last.duration_s), f" ({wording.cut(plain(note), MAX_REASON_BYTES)})" if note else ""
    if not last.is_bad:
        since = f", failed since #{before.since}" if before and before.since else ""
        return Card(f"{known} passed ({took}){since}{more}", tone=Tone.GOOD)
    link = diagnosis.link or last.url
    match last.result:
        case Result.FAILURE | Result.UNSTABLE:
            how = "failed" if last.result == Result.FAILURE else "is unstable"
            cause = name(diagnosis.cause) if diagnosis.kind is Kind.KNOWN_INFRA else ""
            line = f" - {quoted(diagnosis.text, MAX_LINE_BYTES)}" if diagnosis.text else ""
            at = f" (line {diagnosis.line})" if line and diagnosis.line else ""
            told = f"{wording.verdict(diagnosis, node, cause)}: {known} {how} after {took}{line}{at}{more}"
        case Result.ABORTED:
            told = f"{known} was {wording.aborted(diagnosis)} after {took}{more}"
        case Result.NOT_BUILT:
            told = f"{known} was not built{more}"
        case _:
            told = f"{known} {'is gone, and nobody saw how it ended' if last.number else 'never left the queue'}{more}"
    return Card(told, url=link, tone=Tone.BAD)


def wrong(run: str, one: ScheduledBuild, reason: str) -> str:
    """Say that a job does not take what it is to be started with."""
    words = wording.cut(plain(reason), 2 * MAX_REASON_BYTES)
    return f"{label(run)} cannot be started at {one.when.text}: {words}; mend it in gordon.toml, or the job {one.job}"


def row(run: str, one: ScheduledBuild, kept: Run, running: Running | None, now: datetime) -> str:
    """Say how a run stands: the last build, the next time, and what is wrong."""
    parts = [state(kept, running, one, now)]
    last = kept.last
    if last is None:
        parts.append("never built yet, as far as I know")
    else:
        how = "passed" if not last.is_bad else (last.result.lower().replace("_", " ") or "gone")
        since = f" since #{last.since}" if last.since and last.since != last.number else ""
        ago = lasting(now.timestamp() - last.ended_s)
        parts.append(f"last #{last.number} {how}{since} ({lasting(last.duration_s)}) {ago} ago")
    due = one.when.after(now)
    parts.append(f"next {one.when.spoken(due, now)} {one.when.zone}" if due else "never due again")
    return f"{label(run)}: {', '.join(filter(None, parts))}"


def state(kept: Run, running: Running | None, one: ScheduledBuild, now: datetime) -> str:
    """Say what is under way, or wrong; empty for neither."""
    if running is not None:
        for_s = now.timestamp() - running.started_s
        is_long = 0 < one.at_most_s < for_s
        return f"#{running.number} runs for {lasting(for_s)}{', which is too long' if is_long else ''}"
    planned = datetime.fromtimestamp(kept.planned_s, UTC)
    if kept.stage is Stage.DUE:
        word = "late" if kept.was_late else "not started yet"
        return f"{word}, due at {one.when.spoken(planned, now)}{_why(kept)}"
    if kept.stage is Stage.GIVEN_UP:
        return f"not started at {one.when.spoken(planned, now)}{_why(kept)}"
    return ""


def _why(kept: Run) -> str:
    return f" ({wording.cut(plain(kept.reason), MAX_REASON_BYTES)})" if kept.reason else ""
