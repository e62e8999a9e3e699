"""How ends of builds are put into words: the verdict first, then which build, then what its log says of it.

What comes from logs is quoted, on one line and without marks that a chat would take for its own; a message never
begins with it, as a name at the beginning calls whoever has it.
"""

from collections.abc import Sequence

from bot.facts import Diagnosis, FailureClass, Kind
from bot.plugin import lasting
from bot.values import Result
from plugins.failures.ended import Ended, Try

SURE = 0.4  # below that a verdict is told as a guess
MAX_NAME_BYTES = 80  # of a test or a cause
MAX_REASON_BYTES = 100
HARMLESS = frozenset("_./:-+[]()=,~$#<>")  # beside letters and digits, in the names of tests and agents

TROUBLE = {
    FailureClass.DOCKER_DAEMON: "Docker",
    FailureClass.IMAGE_REGISTRY: "registry",
    FailureClass.NETWORK: "network",
    FailureClass.DEPENDENCY_MIRROR: "mirror",
    FailureClass.SCM: "checkout",
    FailureClass.CREDENTIALS: "credentials",
    FailureClass.AGENT_LOST: "agent",
    FailureClass.DISK_FULL: "disk",
    FailureClass.OOM_KILLED: "memory",
    FailureClass.KERNEL: "kernel",
    FailureClass.TIMEOUT: "time-out",
    FailureClass.CI_CONFIG: "CI set-up",
    FailureClass.DEPLOY: "deployment",
}
# What a failure that nothing explains is called, by its class.
FAILURE = {
    FailureClass.LINT: "lint error",
    FailureClass.CRASH: "crash",
    FailureClass.DEPLOY: "failure to deploy",
    FailureClass.CI_CONFIG: "failure of the CI set-up",
    FailureClass.CREDENTIALS: "failure of credentials",
    FailureClass.DISK_FULL: "failure for a full disk",
    FailureClass.OOM_KILLED: "failure for lack of memory",
    FailureClass.NETWORK: "failure of the network",
    FailureClass.SCM: "failure of the checkout",
    FailureClass.KERNEL: "failure of the kernel",
    FailureClass.DOCKER_DAEMON: "failure of Docker",
    FailureClass.IMAGE_REGISTRY: "failure of a registry",
    FailureClass.DEPENDENCY_MIRROR: "failure of a mirror",
    FailureClass.TEST_FAILURE: "failure of a test",
    FailureClass.TEST_FLAKE: "failure of a test",
}
ABORTED_BY = "Aborted by "
NO_DIAGNOSIS = "nobody knows why"


def verdict(diagnosis: Diagnosis, node: str = "") -> str:
    """Say in a few words why a build failed, and how often that was seen; a guess is told as one."""
    words = _sure(diagnosis, node) if diagnosis.confidence >= SURE else _guessed(diagnosis, node)
    known = [name(diagnosis.cause)] if diagnosis.kind is Kind.KNOWN_INFRA and diagnosis.cause else []
    facts = ", ".join(filter(None, [*known, often(diagnosis) if diagnosis.kind in COUNTED else ""]))
    return f"{words} ({facts})" if facts else words


COUNTED = (Kind.KNOWN_INFRA, Kind.FLAKY_TEST, Kind.NEW_FAILURE, Kind.AGENT_LOST, Kind.TIMEOUT, Kind.COMPILE_ERROR)


def _sure(diagnosis: Diagnosis, node: str) -> str:
    match diagnosis.kind:
        case Kind.KNOWN_INFRA:
            return f"known {TROUBLE.get(diagnosis.failure_class, 'infrastructure')} trouble"
        case Kind.FLAKY_TEST:
            return f"flaky test {tests(diagnosis)}" if diagnosis.failed_tests else f"flaky test ({diagnosis.cause})"
        case Kind.NEW_FAILURE:
            return failure(diagnosis) if diagnosis.seen.month else f"new {failure(diagnosis)}"
        case Kind.COMPILE_ERROR:
            return "compile error"
        case Kind.AGENT_LOST:
            return f"the agent {name(node)} was lost" if node else "its agent was lost"
        case Kind.TIMEOUT:
            return "timed out"
        case Kind.ABORTED:
            return f"aborted{by(diagnosis)}"
        case _:
            return NO_DIAGNOSIS


def _guessed(diagnosis: Diagnosis, node: str) -> str:
    words = _sure(diagnosis, node)
    match diagnosis.kind:
        case Kind.UNKNOWN | Kind.PASSED | Kind.ABORTED:
            return words
        case Kind.FLAKY_TEST:
            return f"probably the {words}"
        case Kind.NEW_FAILURE | Kind.COMPILE_ERROR:
            return f"probably a {words}"
        case _:
            return f"probably {words}"


def failure(diagnosis: Diagnosis) -> str:
    """Name a failure that nothing explains: by its test, else by its class."""
    is_test = diagnosis.failure_class in (FailureClass.TEST_FAILURE, FailureClass.TEST_FLAKE)
    if is_test and diagnosis.failed_tests:
        return f"failure in {tests(diagnosis)}"
    return FAILURE.get(diagnosis.failure_class, "failure")


def tests(diagnosis: Diagnosis) -> str:
    """Name the first test that failed, and count the others."""
    more = len(diagnosis.failed_tests) - 1
    return name(diagnosis.failed_tests[0]) + (f" and {more} more" if more else "")


def often(diagnosis: Diagnosis) -> str:
    """Say how often a failure was seen, with this time; empty for what was not seen before."""
    seen = diagnosis.seen
    if seen.week:
        return f"{seen.week + 1} times this week"
    return f"{seen.month + 1} times in 30 days" if seen.month else ""


def by(diagnosis: Diagnosis) -> str:
    """Say who has aborted a build, where its log tells."""
    who = diagnosis.text.partition(ABORTED_BY)[2]
    return f" by {quoted(who, MAX_NAME_BYTES)}" if who else ""


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
        f"{cell} ({name(cause)})" if cause and len(causes) > 1 else cell
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


def name(text: str) -> str:
    """Write a name that comes from a log or a server: as it is if that is harmless, else quoted."""
    text = plain(text)
    is_harmless = all(char.isalnum() or char in HARMLESS for char in text)
    return cut(text, MAX_NAME_BYTES) if is_harmless else quoted(text, MAX_NAME_BYTES)


def quoted(text: str, at_most: int) -> str:
    """Put what a log says into quotation marks, on one line."""
    return f'"{cut(plain(text).replace(chr(34), chr(39)), at_most)}"'


def plain(text: str) -> str:
    """Put text on one line, with a mark for what cannot be seen."""
    seen = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))
    return seen.strip()


def cut(text: str, at_most: int) -> str:
    """Shorten text to so many bytes, with a mark that it goes on."""
    raw = text.encode()
    return text if len(raw) <= at_most else raw[: max(0, at_most - 3)].decode(errors="ignore").rstrip() + "..."
