"""How diagnoses, tallies and trials are put into words; what is of a log is quoted, on one line."""

import math
import re
from collections.abc import Sequence
from datetime import datetime

from bot import wording
from bot.facts import (
    Diagnosis,
    Fact,
    FailureClass,
    FlakeRow,
    KnownCause,
    Retry,
    RetryState,
    Seen,
    Suspect,
    Trial,
)
from bot.plugin import lasting
from bot.values import Result
from bot.wording import by, cut, label, listed, name, plain, quoted, superseded

MAX_SHOWN = 8  # fits a few lines of IRC
MAX_TEXT_BYTES = 200  # of a quoted line
ENDINGS = {
    Result.SUCCESS: "passed",
    Result.UNSTABLE: "unstable",
    Result.FAILURE: "failed",
    Result.NOT_BUILT: "not built",
    Result.ABORTED: "aborted",
    None: "ended without a result",
}
DIGITS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def verdict(diagnosis: Diagnosis, node: str = "") -> str:
    """Say why a build failed, with the cause and the class by which commands know it."""
    is_said = diagnosis.failure_class.value in (diagnosis.kind.value, FailureClass.UNKNOWN.value)
    of_class = "" if is_said else diagnosis.failure_class.value
    return wording.verdict(diagnosis, node, name(diagnosis.cause), of_class)


def id_for(text: str) -> str:
    """Make an id for a cause of the first words of its line."""
    found = [word for word in re.findall(r"[a-z]{3,}", text.lower()) if word not in ("error", "fatal", "failed")]
    return "-".join(found[:3]) or "some-id"


def telling(diagnosis: Diagnosis) -> str:
    """Quote the telling line with its number; empty if there is none."""
    if not diagnosis.text:
        return diagnosis.unread and f"its log could not be read: {plain(diagnosis.unread)}"
    number = f"line {diagnosis.line}: " if diagnosis.line else ""
    partial = f" (partial: {plain(diagnosis.partial)})" if diagnosis.partial else ""
    return f"{number}{quoted(diagnosis.text, MAX_TEXT_BYTES)}{partial}"


def ended_for(diagnosis: Diagnosis) -> str:
    """Say who has aborted a build, else what there is to say of one that did not fail."""
    why = superseded(diagnosis) or diagnosis.why
    return by(diagnosis) or (f": {why}" if why else "")


def often(seen: Seen, now: datetime) -> str:
    """Say how often a failure was seen, with this time."""
    if seen.month < 2 or seen.last is None:
        return "not seen before in 30 days"
    week = f"{times(seen.week)} this week, " if seen.week else ""
    return f"seen {week}{times(seen.month)} in 30 days, last {ago(seen.last, now)}"


def decided(retry: Retry | None, diagnosis: Diagnosis, started: str) -> str:
    """Say whether a failed build is tried again, and if not, why.

    Arguments:
        started: what the build that tries it again is called, where that is known.
    """
    if retry is None:
        return f"not tried again{f': {plain(diagnosis.why)}' if diagnosis.why else ''}"
    event = f" [{retry.event_id}]" if retry.event_id else ""
    if retry.state is RetryState.DROPPED:
        return f"not tried again: {plain(retry.reason)}{event}"
    if retry.state is RetryState.PLANNED:
        return f"is to be tried again at {retry.due_at:%H:%M:%S} UTC ({retry.plan.words}){event}"
    return f"tried again{f' as {started}' if started else ''} ({retry.plan.words}){event}"


def tries(chain: Sequence[Fact]) -> str:
    """List the tries of a build; empty if it was tried once."""
    if len(chain) < 2:
        return ""
    told = [f"#{one.build.number} {ENDINGS[one.result]}{f' ({why})' if (why := reason(one)) else ''}" for one in chain]
    return f"tries: {several(told)}"


def reason(fact: Fact) -> str:
    """Say why something failed in a few words; empty for what has not, and for what nothing explains."""
    return label(fact.diagnosis) if fact.is_bad else ""


def cells(facts: Sequence[Fact]) -> str:
    """Name the cells that failed, each with why; empty for none."""
    bad = [f"{name(one.cell)}{f' ({why})' if (why := reason(one)) else ''}" for one in facts if one.cell and one.is_bad]
    return f"failed cells: {several(bad)}" if bad else ""


def failed_tests(diagnosis: Diagnosis) -> str:
    """Name the tests that failed, two at most; empty for none."""
    found = [name(test) for test in diagnosis.failed_tests]
    return f"failed tests: {listed(found, 2)}" if found else ""


def numbered(first: int, lines: Sequence[str]) -> tuple[str, ...]:
    """Give lines of a log, each with its number."""
    return tuple(f"{number}: {cut(plain(text), MAX_TEXT_BYTES)}" for number, text in enumerate(lines, first))


def tried(trial: Trial) -> str:
    """Say what looking for an expression came to."""
    reds = f"found in {trial.reds} of {trial.reds_tried} red logs"
    if trial.is_unproven:
        greens = "unproven, as no log of a build that passed is kept"
    else:
        greens = f"{trial.greens} of {trial.greens_tried} green"
    example = f"; e.g. {quoted(trial.hits[0], MAX_TEXT_BYTES)}" if trial.hits else ""
    return f"{reds}, {greens}{example}"


def too_broad(trial: Trial) -> str:
    """Say that an expression cannot be added as it stands."""
    return "more than a tenth of the green logs have it, so it cannot be added: require more of the text around it"


def known(cause: KnownCause, month: int) -> str:
    """Say a signature in one line."""
    where = f"from {cause.origin}" if not cause.is_added else f"added by {cause.origin}"
    unproven = ", unproven" if cause.is_unproven else ""
    counted = f", {times(month)} in 30 days" if month else ""
    return f"{cause.id} ({cause.failure_class.value}, retry {retry_word(cause.retry)}, {where}{unproven}{counted})"


def retry_word(retry: bool | None) -> str:
    """Say whether another try is sensible, in the word of catalogues."""
    return {True: "true", False: "false", None: "unknown"}[retry]


def flake(row: FlakeRow, now: datetime) -> str:
    """Say how often one thing failed by itself."""
    rate = f" ({100 * row.rate:.1f} %)" if row.runs else ""
    if row.before == row.failed:
        trend = ", as before"
    elif not row.before:
        trend = ", none before"
    else:
        trend = f", {'up' if row.failed > row.before else 'down'} from {row.before}"
    passed = f", {row.passed} of {row.retried} passed when tried again" if row.retried else ""
    mostly = f"; mostly {', '.join(name(job) for job in row.jobs[:2])}" if row.jobs else ""
    count = f"{row.failed} of {row.runs} builds"
    return f"{name(row.name)}: {count}{rate}{trend}, last {ago(row.last, now)}{passed}{mostly}"


def suspect(found: Suspect) -> str:
    """Say on which labels far more builds fail than elsewhere."""
    values = " and ".join(filter(None, [", ".join(found.values[:-1]), found.values[-1]]))
    here = f"{found.bad} of {found.of} fail" if found.of else "all fail"
    return f"{found.name} {values}: {here}, others {found.others_bad} of {found.others} ({chance(found.p)})"


def chance(p: float) -> str:
    """Say a probability as people write small ones."""
    if p <= 0:
        return "p ≈ 0"
    if p >= 0.001:
        return f"p = {p:.3f}"
    return f"p < 10{str(math.floor(math.log10(p)) + 1).translate(DIGITS)}"


def ago(then: datetime, now: datetime) -> str:
    """Say how long ago something was."""
    seconds = (now - then).total_seconds()
    return f"{seconds / 86400:.0f} days ago" if seconds >= 172800 else f"{lasting(seconds)} ago"


def times(count: int) -> str:
    """Say a number of times."""
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def several(told: Sequence[str], at_most: int = MAX_SHOWN) -> str:
    """List the first, with a count of those that are too many."""
    return "; ".join(capped(told, at_most))


def capped(told: Sequence[str], at_most: int = MAX_SHOWN) -> tuple[str, ...]:
    """Give the first, and a count of those that are too many."""
    more = len(told) - at_most
    return (*told[:at_most], f"and {more} more") if more > 0 else tuple(told)
