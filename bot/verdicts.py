"""What a build server's answers mean for a build that is watched: pure, so that each case is a row of a table."""

from bot.builds import BuildRow
from bot.ports import Newest
from bot.values import Build, Kind, Result

SAME_START_S = 60.0  # as far as two readings of one start may be apart, where clocks are set meanwhile


def peer_of(row: BuildRow) -> str:
    """Name a build's server as people know it."""
    return f"Jenkins {row.server}"


def is_listed(newest: Newest, number: int) -> bool:
    """Tell whether a build of this number would stand among the newest, if it were there."""
    return not newest.builds or number >= min(build.ref.number for build in newest.builds)


def is_another(row: BuildRow, build: Build) -> bool:
    """Tell whether a number belongs to another build than the one that was seen under it.

    Numbers never go back, but begin anew in a job that was deleted and made again.
    """
    if row.queue_id is not None and build.queue_id is not None:
        return row.queue_id != build.queue_id
    if row.started_s is None or build.started_at is None:
        return False
    return abs(build.started_at.timestamp() - row.started_s) > SAME_START_S


def made_anew(row: BuildRow) -> str:
    return f"the job was deleted and made anew; #{row.number} is another build now"


def why_gone(row: BuildRow, newest: Newest | None, session: str) -> str:
    """Say why a build is not there any more, which was there.

    Arguments:
        newest: what is there of its job; None when the job is gone.
        session: which start of the server says so.
    """
    number = row.number or 0
    if newest is None:
        return f"{peer_of(row)} has no job {row.job} any more: it was renamed, moved or deleted"
    if is_restarted(row, session):
        return f"lost when {peer_of(row)} was restarted"
    if newest.next <= number:
        return f"the job was deleted and made anew; there is no #{number} yet"
    if newest.first is not None and newest.first > number:
        return "it ended and was rotated away before its result was read"
    return "somebody deleted it"


def befell(row: BuildRow, build: Build, session: str) -> str:
    """Say what befell a build on its way, when it is seen running or at its end; empty for nothing new."""
    if build.finished and build.kind is Kind.MATRIX and build.result is Result.NOT_BUILT and not build.cells:
        return "none of its cells was built"
    if not is_restarted(row, session):
        return ""
    if build.finished and build.result is Result.ABORTED:
        return f"aborted when {peer_of(row)} was restarted"
    return f"resumed after a restart of {peer_of(row)}" if build.kind is Kind.PIPELINE else ""


def is_restarted(row: BuildRow, session: str) -> bool:
    """Tell whether the server was restarted since a build was last seen alive."""
    return bool(row.session and session and row.session != session)
