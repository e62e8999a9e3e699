"""Why builds failed in words that are the same everywhere, and how what others have written is shown in chat.

Names and lines come from logs and servers, which anybody may have written: shown, they stay on one line, hold nothing
that cannot be seen, and stand in quotation marks unless they are harmless, as a bare name calls whoever has it.
"""

from collections.abc import Sequence

from bot.facts import Diagnosis, FailureClass, Kind
from bot.secret import redact
from bot.values import PullRef

SURE = 0.4  # below that a verdict is told as a guess
MAX_NAME_BYTES = 80  # of a test or a cause
MAX_BRANCH_BYTES = 60
NOT_BUILT_SINCE = "not built since it was overridden"  # of a status that an override has left
MAX_DESCRIPTION = 140  # characters of a status that GitHub takes; what may be more is cut to as many bytes
HARMLESS = frozenset("_./:-+[]()=,~$#<>")  # beside letters and digits, in the names of tests and agents
ABORTED_BY = "Aborted by "
CANCELLED_HERE = "cancelled here"  # of a diagnosis that knows better than the log, which names Gordon
CANCELLED_BY = f"{CANCELLED_HERE} by "
BECAUSE = ": "  # what begins so is no person, but for what a build was cancelled, though nobody asked for that
NO_DIAGNOSIS = "nobody knows why"

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
OF_TEST = "failure of a test"
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
    FailureClass.TEST_FAILURE: OF_TEST,
    FailureClass.TEST_FLAKE: OF_TEST,
}
# What a failure is called that neither a cause nor a test names.
LABELS = {
    Kind.FLAKY_TEST: "flaky test",
    Kind.COMPILE_ERROR: "compile error",
    Kind.ABORTED: "aborted",
    Kind.AGENT_LOST: "agent lost",
    Kind.TIMEOUT: "timed out",
}
BY_CAUSE = (Kind.KNOWN_INFRA, Kind.FLAKY_TEST, Kind.AGENT_LOST, Kind.TIMEOUT)  # of others it is the shape of a line


def is_known(diagnosis: Diagnosis) -> bool:
    """Tell whether a failure is known trouble, and not news of the commit; a time-out is by its cause alone."""
    return diagnosis.kind in BY_CAUSE and (diagnosis.kind is not Kind.TIMEOUT or bool(diagnosis.cause))


def is_by_test(diagnosis: Diagnosis) -> bool:
    """Tell whether a failure is named by the test that failed."""
    if not diagnosis.failed_tests:
        return False
    of_test = FAILURE.get(diagnosis.failure_class, OF_TEST) == OF_TEST
    return diagnosis.kind is Kind.FLAKY_TEST or (diagnosis.kind is Kind.NEW_FAILURE and of_test)


def label(diagnosis: Diagnosis, at_most: int = MAX_NAME_BYTES) -> str:
    """Name a failure in a few words: its test, its known cause, else what it is; empty where nothing explains it.

    Arguments:
        at_most: bytes of a name.
    """
    if is_by_test(diagnosis):
        return first_test(diagnosis, at_most)
    if diagnosis.kind in BY_CAUSE and diagnosis.cause:
        return name(diagnosis.cause, at_most)
    if diagnosis.kind is Kind.KNOWN_INFRA:
        return _trouble(diagnosis)
    if diagnosis.kind is Kind.NEW_FAILURE:
        return FAILURE.get(diagnosis.failure_class, "")
    return LABELS.get(diagnosis.kind, "")


def verdict(diagnosis: Diagnosis, node: str = "", *facts: str) -> str:
    """Say why a build failed, a guess as one, and in brackets what else is known of it.

    Arguments:
        node: the agent that it ran on.
    """
    words = _sure(diagnosis, node) if diagnosis.confidence >= SURE else _guessed(diagnosis, node)
    known = ", ".join(filter(None, facts))
    return f"{words} ({known})" if known else words


def _sure(diagnosis: Diagnosis, node: str) -> str:
    match diagnosis.kind:
        case Kind.KNOWN_INFRA:
            return f"known {_trouble(diagnosis)}"
        case Kind.FLAKY_TEST:
            is_named = diagnosis.failed_tests or diagnosis.cause
            return f"flaky test {label(diagnosis)}" if is_named else label(diagnosis)
        case Kind.NEW_FAILURE:
            return failure(diagnosis) if diagnosis.seen.month else f"new {failure(diagnosis)}"
        case Kind.COMPILE_ERROR:
            return label(diagnosis)
        case Kind.AGENT_LOST:
            return f"the agent {name(node)} was lost" if node else "its agent was lost"
        case Kind.TIMEOUT:
            return LABELS[Kind.TIMEOUT]
        case Kind.ABORTED:
            return aborted(diagnosis)
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


def _trouble(diagnosis: Diagnosis) -> str:
    return f"{TROUBLE.get(diagnosis.failure_class, 'infrastructure')} trouble"


def failure(diagnosis: Diagnosis) -> str:
    """Name a failure that nothing explains: by its test, else by its class."""
    if is_by_test(diagnosis):
        return f"failure in {first_test(diagnosis)}"
    return FAILURE.get(diagnosis.failure_class, "failure")


def first_test(diagnosis: Diagnosis, at_most: int = MAX_NAME_BYTES) -> str:
    """Name the first test that failed, in at most so many bytes, and count the others."""
    more = len(diagnosis.failed_tests) - 1
    return name(diagnosis.failed_tests[0], at_most) + (f" and {more} more" if more else "")


def superseded(diagnosis: Diagnosis) -> str:
    """Say for what a build was cancelled that nobody has cancelled; empty for any other."""
    what = diagnosis.why.removeprefix(CANCELLED_HERE + BECAUSE)
    return plain(what) if what != diagnosis.why else ""


def aborted(diagnosis: Diagnosis) -> str:
    """Say that a build was aborted, and by whom; one that was cancelled for something else, for what."""
    why = superseded(diagnosis)
    return f"cancelled: {why}" if why else f"aborted{by(diagnosis)}"


def by(diagnosis: Diagnosis) -> str:
    """Say who has aborted a build: the person who did it through Gordon, else whom its log names; else nothing."""
    if superseded(diagnosis):
        return ""
    if diagnosis.why.startswith(CANCELLED_BY):
        return f" by {name(diagnosis.why.removeprefix(CANCELLED_BY))}"
    who = diagnosis.text.partition(ABORTED_BY)[2]
    return f" by {quoted(who, MAX_NAME_BYTES)}" if who else ""


def pull_slot(ref: PullRef) -> str:
    """Name what the card of a pull request is the state of: what else befalls that may follow it."""
    return f"pull {ref}"


def name(text: str, at_most: int = MAX_NAME_BYTES) -> str:
    """Write a name that comes from a log or a server: as it is if that is harmless, and no link, else quoted."""
    text = plain(text)
    is_harmless = "://" not in text and all(char.isalnum() or char in HARMLESS for char in text)
    return cut(text, at_most) if is_harmless else quoted(text, at_most)


def branch(text: str) -> str:
    """Write the name of a branch, which somebody chose."""
    return name(text, MAX_BRANCH_BYTES)


def quoted(text: str, at_most: int) -> str:
    """Put what a log says into quotation marks, on one line."""
    return f'"{cut(plain(text).replace(chr(34), chr(39)), at_most)}"'


def stated(text: str, at_most: int) -> str:
    """Put a reason or title that somebody has typed into quotation marks, without what looks like a secret."""
    return quoted(redact(text), at_most)


def typed(text: str) -> str:
    """Write the name of a job or cell as a command needs it: with blanks in it in quotation marks."""
    return f'"{text}"' if any(char.isspace() for char in text) else text


def plain(text: str) -> str:
    """Put text on one line, with a mark for what cannot be seen."""
    seen = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))
    return seen.strip()


def listed(words: Sequence[str], at_most: int, total: int = 0) -> str:
    """Name the first of some things, with a count of those that are too many.

    Arguments:
        total: how many there are, if not all are at hand.
    """
    more = max(total, len(words)) - len(words[:at_most])
    return ", ".join(words[:at_most]) + (f" and {more} more" if more > 0 else "")


def cut(text: str, at_most: int) -> str:
    """Shorten text to so many bytes, with a mark that it goes on."""
    raw = text.encode()
    return text if len(raw) <= at_most else raw[: max(0, at_most - 3)].decode(errors="ignore").rstrip() + "..."
