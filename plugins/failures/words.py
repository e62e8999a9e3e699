"""How ends of builds are put into words: the verdict first, then which build, then what its log says of it.

A message never begins with what comes from a log, as a name at the beginning calls whoever has it.
"""

from collections.abc import Sequence

from bot import wording
from bot.facts import Diagnosis, Kind
from bot.plugin import lasting
from bot.values import Result
from bot.wording import TROUBLE, by, cut, name, plain, quoted, superseded
from plugins.failures.ended import Ended, Try

MAX_REASON_BYTES = 100
COUNTED = (Kind.KNOWN_INFRA, Kind.FLAKY_TEST, Kind.NEW_FAILURE, Kind.AGENT_LOST, Kind.TIMEOUT, Kind.COMPILE_ERROR)


def verdict(diagnosis: Diagnosis, node: str = "") -> str:
    """Say in a few words why a build failed, and how often that was seen; a guess is told as one."""
    known = name(diagnosis.cause) if diagnosis.kind is Kind.KNOWN_INFRA else ""
    return wording.verdict(diagnosis, node, known, often(diagnosis) if diagnosis.kind in COUNTED else "")


def often(diagnosis: Diagnosis) -> str:
    """Say how often a failure was seen, with this time; empty for what was not seen before."""
    seen = diagnosis.seen
    if seen.week:
        return f"{seen.week + 1} times this week"
    return f"{seen.month + 1} times in 30 days" if seen.month else ""


def novelty(diagnosis: Diagnosis) -> str:
    """Say that a failure is new; empty where it is not, or where that says nothing."""
    is_told = diagnosis.kind is Kind.NEW_FAILURE and diagnosis.fingerprint and not diagnosis.seen.month
    return ", not seen in 30 days" if is_told else ""


def doubts(diagnosis: Diagnosis) -> str:
    """Say how much of the log nobody has read; empty where all of it was."""
    if diagnosis.unread:
        return f" (its log was not read: {cut(plain(diagnosis.unread), MAX_REASON_BYTES)})"
    return f" (from a part of its log: {cut(plain(diagnosis.partial), MAX_REASON_BYTES)})" if diagnosis.partial else ""


def quote(diagnosis: Diagnosis, at_most: int) -> str:
    """Quote the telling line with its number, in at most so many bytes; empty for none."""
    is_told = diagnosis.text and at_most and diagnosis.kind is not Kind.ABORTED
    if not is_told:
        return ""
    line = f" (line {diagnosis.line})" if diagnosis.line else ""
    last = "last " if diagnosis.kind is Kind.UNKNOWN else ""  # nothing tells why, so that is what was said last
    return f" - {last}{quoted(diagnosis.text, at_most)}{line}"


def phrase(build: Ended, max_cells: int = 5, *, with_times: bool = True) -> str:
    """Say how one build ended, without why and without its link."""
    name = f"{build.name} #{build.number}"
    took = f" after {lasting(build.duration_s)}" if with_times else ""
    again = f" on the {ordinal(build.attempt)} try" if build.attempt > 1 else ""
    notes = note(build)
    if why := superseded(build.diagnosis):
        return f"{name if build.number else build.name} was cancelled: {why}"
    if not build.number:
        return f"{build.name} never left the queue{notes}"
    match build.result:
        case Result.SUCCESS if build.attempt > 1:
            return f"{name} passed{again}{before(build.tries)}{notes}"
        case Result.SUCCESS:
            return f"{name} passed{f' ({lasting(build.duration_s)})' if with_times else ''}{history(build)}{notes}"
        case Result.FAILURE:
            return f"{name} failed{again}{took}{where(build, max_cells)}{notes}"
        case Result.UNSTABLE:
            ran = f"ran to its end in {lasting(build.duration_s)} but " if with_times else ""
            return f"{name} {ran}is unstable{again}{where(build, max_cells)}{notes}"
        case Result.NOT_BUILT:
            return f"{name} was not built{notes}"
        case Result.ABORTED:
            who = by(build.diagnosis) if build.diagnosis.kind is Kind.ABORTED and not build.note else ""
            return f"{name} was aborted{who}{took}{notes}"
    return f"{name} was gone before anybody saw its result{notes}"


def note(build: Ended) -> str:
    """Say what befell a build on its way, if anything."""
    built = f"built {build.built:.7} instead of {build.sha:.7}, which was asked for" if build.built else ""
    known = "; ".join(filter(None, (build.note, built)))
    return f" ({known})" if known else ""


def where(build: Ended, max_cells: int) -> str:
    """Say in which cells of a matrix a build failed, as many as fit; with their causes where these differ."""
    if not build.bad_cells:
        return ""
    causes = set(build.cell_causes)
    told = [
        f"{cell} ({cause})" if cause and len(causes) > 1 else cell
        for cell, cause in zip(build.bad_cells, build.cell_causes, strict=True)
    ]
    more = len(told) - max_cells
    named = [*told[:max_cells], *([f"and {more} more"] if more > 0 else [])]
    count = f" in {len(told)} of {build.cells} cells"
    return f"{count}: {'; '.join(named)}" if max_cells else count


def before(tries: Sequence[Try]) -> str:
    """Say what earlier tries of a build have hit, those of one cause together."""
    hit: dict[str, list[int]] = {}
    for number, one in enumerate(tries, 1):
        hit.setdefault(one.diagnosis.same or str(one.diagnosis.kind), []).append(number)
    told = []
    for numbers in hit.values():
        one = tries[numbers[0] - 1]
        trouble = TROUBLE.get(one.diagnosis.failure_class, "")
        where = [f"node {name(one.node)}" if one.node and len(numbers) == 1 else "", often(one.diagnosis)]
        facts = ", ".join(filter(None, [trouble, *where]))
        cause = name(one.diagnosis.cause) or verdict(one.diagnosis, one.node)
        told.append(f"the {' and '.join(map(ordinal, numbers))} hit {cause}{f' ({facts})' if facts else ''}")
    return f"; {', '.join(told)}" if told else ""


def history(build: Ended) -> str:
    """Say since when what passes again has failed, and which commit came in between."""
    if not build.is_fix:
        return ""
    past = build.before
    count = f", {past.builds} builds" if past.builds > 1 else ""
    if build.sha and build.sha == past.sha:
        return f" (failed since #{past.since}{count}; the commit is the same)"
    commit = f"; by {build.sha:.7}" if build.sha and past.sha else ""
    return f" (failed since #{past.since}{count}{commit})"


def last_word(builds: Sequence[Ended]) -> str:
    """Say why failures of one cause are not tried again, where that was decided; of which, unless it is of all."""
    named: dict[str, list[str]] = {}
    for build in builds:
        named.setdefault(build.no_more, []).append(build.name)
    told = [
        cut(plain(reason), MAX_REASON_BYTES) + (f" ({', '.join(names)})" if len(named) > 1 else "")
        for reason, names in named.items()
        if reason
    ]
    return f", not retried: {', '.join(told)}" if told else ""


def ordinal(number: int) -> str:
    """Write 1st, 2nd, 3rd."""
    is_teen = 10 < number % 100 < 20
    return f"{number}{'th' if is_teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
