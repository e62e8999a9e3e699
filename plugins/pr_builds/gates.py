"""Why a context of a pull request is not built, or not yet: pure."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.values import Pull, StatusState, Trust
from bot.wording import MAX_DESCRIPTION, NOT_BUILT_SINCE, branch, cut, plain
from plugins.pr_builds.rules import Rule

WAITS_FOR_OK = "waits for ok to test"
GIVEN_UP = "GitHub has not told for 10 min whether it can be merged; asked again when something happens to it"
# How each description begins that is written here; none of those of builds and overrides does.
BEGINNINGS = (
    "a draft; ", "skipped, ", "has conflicts with ", "waits", "GitHub has not told ", "not built: ", "not started: ",
    NOT_BUILT_SINCE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """Why nothing is built.

    Arguments:
        looks_again: it may be otherwise soon, and nothing tells when.
        is_end: it is not built at all, and need not be.
    """

    state: StatusState
    words: str
    looks_again: bool = False
    is_end: bool = False


def held(
    rule: Rule,
    pull: Pull,
    skipped: str,
    trust: Trust,
    check: Callable[[str], tuple[bool, str] | None],
    *,
    is_patient: bool,
) -> Held | None:
    """Tell why a context is not built; None if it is to be.

    Arguments:
        skipped: why its paths say that it need not be.
        check: tells how a check went at the head; None if nobody has said.
        is_patient: GitHub may be asked again whether it can be merged.
    """
    if pull.draft and not rule.draft:
        return Held(StatusState.PENDING, "a draft; it is built once it is ready for review")
    if skipped:
        return Held(StatusState.SUCCESS, skipped, is_end=True)
    if rule.mergeable and pull.mergeable is False:  # nobody need look at what has to be changed anyway
        return Held(StatusState.ERROR, f"has conflicts with {branch(pull.base)}")
    if (why := _checked(rule, check)) is not None:
        return why
    if not trust:
        return Held(StatusState.PENDING, WAITS_FOR_OK)
    if rule.mergeable and pull.mergeable is None:
        words = "waits: GitHub works out whether it can be merged" if is_patient else GIVEN_UP
        return Held(StatusState.PENDING, words, looks_again=is_patient)
    return None


def waits(error: Exception) -> Held:
    """Say that something has to come later."""
    return Held(StatusState.PENDING, words_of(f"waits: {error}"), looks_again=True)


def failed(error: Exception) -> Held:
    """Say that something could not be started, and will not be by itself."""
    return Held(StatusState.ERROR, words_of(f"not started: {error}"), is_end=True)


def is_ours(description: str) -> bool:
    """Tell whether a status says why something is not built, and not what a build came to."""
    return description.startswith(BEGINNINGS)


def words_of(text: str) -> str:
    """Write a description of a status."""
    return cut(plain(text), MAX_DESCRIPTION)


def _checked(rule: Rule, check: Callable[[str], tuple[bool, str] | None]) -> Held | None:
    waited = []
    for need in rule.needs:
        result = check(need)
        if result is None:
            waited.append(need)
        elif not result[0]:
            return Held(StatusState.ERROR, words_of(f"not built: {need}: {result[1] or 'failed'}"))
    return Held(StatusState.PENDING, words_of(f"waits for {', '.join(waited)}")) if waited else None
