"""How a build stands, in the words of a commit status."""

from bot.events import BuildDiagnosed, BuildFinished
from bot.plugin import lasting
from bot.values import Result, StatusState
from bot.wording import by, label, superseded

# What an end is told as; an error is what says nothing of the commit.
ENDS = {
    Result.SUCCESS: (StatusState.SUCCESS, "passed"),
    Result.UNSTABLE: (StatusState.FAILURE, "unstable"),
    Result.FAILURE: (StatusState.FAILURE, "failed"),
    Result.NOT_BUILT: (StatusState.ERROR, "was not built"),
    Result.ABORTED: (StatusState.ERROR, "was aborted"),
}
MAX_NAME_BYTES = 60  # of a cause or test: what happened has to fit behind it


def judged(event: BuildDiagnosed, dropped: str) -> tuple[StatusState, str]:
    """Say how a build ended, why in the first words.

    Arguments:
        dropped: why it is not tried again though its failure is one that is; empty where that was no question.
    """
    state, words = ending(event.end)
    if state is StatusState.SUCCESS and event.end.attempt > 1:
        return state, words.replace("passed", f"passed on try {event.end.attempt}", 1)
    if why := superseded(event.fact.diagnosis):
        return StatusState.ERROR, f"cancelled: {why}"
    if state is not StatusState.FAILURE:
        return state, words.replace("was aborted", f"was aborted{by(event.fact.diagnosis)}", 1)
    why = label(event.fact.diagnosis, MAX_NAME_BYTES)
    return state, (f"{why}: " if why else "") + words + (f", not retried: {dropped}" if dropped else "")


def retrying(words: str) -> str:
    """Say that a build tries again what failed, and which try it is; empty for a first try."""
    return f"retrying ({words})" if words else ""


def ending(event: BuildFinished) -> tuple[StatusState, str]:
    """Say how a build ended, as far as that is about the commit that was asked for."""
    if not event.number:
        return StatusState.ERROR, noted("never left the queue", event.note)
    if event.built:
        return StatusState.ERROR, f"#{event.number} built another commit, {event.built:.7}"
    if event.result is None:
        return StatusState.ERROR, noted(f"#{event.number} was gone before anybody saw its result", event.note)
    state, how = ENDS[event.result]
    took = "" if event.result is Result.NOT_BUILT else f" after {lasting(event.duration_s)}"
    where = f" on {event.node}" if event.node else ""
    return state, noted(f"{how}{took}{where}", event.note)


def noted(words: str, note: str) -> str:
    """Add what befell a build, if anything."""
    return f"{words} ({note})" if note else words
