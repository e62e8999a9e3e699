"""What is news about a pull request: how it was told now beside how it was known; no disk, no network."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.events import (
    Event,
    PullClosed,
    PullCommented,
    PullEdited,
    PullEvent,
    PullLabelled,
    PullOpened,
    PullPushed,
    PullReadied,
)
from bot.forge import Told
from bot.values import Pull

STALE = timedelta(days=4)  # the forge sends a delivery again for three days; what tells of older things is a replay
AHEAD = timedelta(days=1)  # one of the two clocks is wrong, so times say nothing
DIFFER = timedelta(minutes=1)  # by as much as two clocks that are both right
PUSHED = "pull_request.synchronize"
MAX_NUMBER, MAX_ID = 999_999_999, (1 << 53) - 1
MAX_CHARS, MAX_SHA_CHARS, MAX_LABELS = 1000, 64, 1000


class Taken(StrEnum):
    """What came of something that was told."""

    FRESH = "taken"
    REPEATED = "repeated"
    OLD = "older than what is known"
    UNSURE = "to be read again"
    UNKNOWN = "of no use"


@dataclass(frozen=True, slots=True)
class Known:
    """A pull request as the book has it.

    Arguments:
        serial: counts its changes.
        head_since_s: by the forge's clock, when its head and base were so for sure; None where that was not told.
        head_told_s: by our clock, when something was told last of its being pushed; None for before anybody kept that.
    """

    pull: Pull
    serial: int
    head_since_s: float | None = None
    head_told_s: float | None = None


def weigh(known: Known | None, told: Told, pull: Pull, asked: int | None, now: datetime) -> Taken:
    """Tell whether what is told of a pull request counts.

    Arguments:
        asked: how far the book was, by its serial, when a reading of ours was begun; 0 if it knew nothing. A reading
            during which something else came may be the older of the two.
    """
    if known is None:
        is_stale = pull.updated_at is not None and now - pull.updated_at > STALE
        return Taken.UNSURE if is_stale and not told.is_read else Taken.FRESH
    before, after = known.pull.updated_at, pull.updated_at
    if before is not None and after is not None and before != after:
        if after > before:
            return Taken.FRESH
        if before - now <= DIFFER:
            return Taken.OLD
        # The forge's clock may have been put right since, and what it tells now would be older for hours.
    if not changes(known.pull, pull):
        return Taken.REPEATED
    return Taken.FRESH if told.is_read and asked in (None, known.serial) else Taken.UNSURE


def changes(before: Pull, after: Pull) -> bool:
    """Tell whether anything is another of which there are events.

    A list and a webhook may spell an author or an address in two ways; that is no change.
    """
    return _content(before) != _content(after)


def _content(pull: Pull) -> tuple[object, ...]:
    state = pull.is_open, pull.merged, pull.draft, pull.head, pull.base, pull.title
    return *state, frozenset(pull.labels)


def voids_trust(sha: str, base: str, updated_s: float, told: Told) -> bool:
    """Tell whether what is told shows that something else was pushed since a commit was found ok to test.

    It may be older than what is known, and it need not be the newest push: one that was there in between will do.

    Arguments:
        sha, base, updated_s: what was found ok to test, and when the pull request had changed last then.
    """
    pull, at_s = told.pull, _seconds(told.pull)
    if pull is None or at_s is None:
        return False
    is_other = (pull.head, pull.base) != (sha, base)
    return at_s >= updated_s if is_other else told.what == PUSHED and at_s > updated_s


def head_since(known: Known | None, told: Told, pull: Pull, *, is_taken: bool) -> float | None:
    """Tell since when a pull request has had its head and base for sure, after something was told of it.

    Arguments:
        is_taken: what is told is how it stands now; otherwise it stood so before, and only shows what was in between.
    """
    told_s, before = _seconds(pull), known.head_since_s if known else None
    is_other = known is not None and (known.pull.head, known.pull.base) != (pull.head, pull.base)
    if known is None or (is_taken and is_other):
        return told_s
    if told_s is None:
        return before
    if is_other:  # what is known came after this, whatever it was before
        since_s = _seconds(known.pull)
        return before if before is not None and before > told_s else since_s
    if before is None or told.what == PUSHED:  # it may have been away in between
        return told_s if before is None else max(before, told_s)
    return before


def _seconds(pull: Pull | None) -> float | None:
    return pull.updated_at.timestamp() if pull and pull.updated_at else None


def news_of_known(before: Pull, after: Pull) -> Iterator[tuple[type[PullEvent], dict[str, Any]]]:
    """List the events that lead from one state to the other, each with what only it has, in their order.

    What is done to a closed pull request is no news until it is opened again.
    """
    if after.is_open != before.is_open:
        yield (PullOpened, {"again": True}) if after.is_open else (PullClosed, {})
    if not after.is_open:
        return
    if (after.title, after.base) != (before.title, before.base):
        title = before.title if before.title != after.title else ""
        base = before.base if before.base != after.base else ""
        yield PullEdited, {"title_before": title, "base_before": base}
    if after.draft != before.draft:
        yield PullReadied, {}
    added = tuple(label for label in after.labels if label not in before.labels)
    removed = tuple(label for label in before.labels if label not in after.labels)
    if added or removed:
        yield PullLabelled, {"added": added, "removed": removed}
    if after.head != before.head:
        yield PullPushed, {"before": before.head}


def news_of_unknown(told: Told, pull: Pull, *, is_begun: bool) -> Iterator[tuple[type[PullEvent], dict[str, Any]]]:
    """List the events of a pull request that the book does not know.

    Arguments:
        is_begun: the repository was compared with the forge before, so that what is open and not known is new.
    """
    action = told.what.rpartition(".")[2]
    if pull.is_open and (is_begun or action in ("opened", "reopened")):
        yield PullOpened, {"again": action == "reopened"}
    elif not pull.is_open and action == "closed":
        yield PullClosed, {}


def is_possible(pull: Pull) -> bool:
    """Tell whether a forge can have such a pull request: what is told is what somebody wrote."""
    texts = (pull.title, pull.author, pull.base, pull.head_repo, pull.url, *pull.labels)
    return (
        0 < pull.ref.number <= MAX_NUMBER
        and 0 <= pull.author_id <= MAX_ID
        and 0 < len(pull.head) <= MAX_SHA_CHARS
        and len(pull.labels) <= MAX_LABELS
        and all(len(text) <= MAX_CHARS for text in texts)
    )


def dated(pull: Pull, now: datetime) -> Pull:
    """Leave the time out where it is one to come, as nothing that is told later would count beside it."""
    is_ahead = pull.updated_at is not None and pull.updated_at - now > AHEAD
    return replace(pull, updated_at=None) if is_ahead else pull


def is_stale(fact: Event, now: datetime) -> bool:
    """Tell whether a fact is too long ago to be told now: its key may have been forgotten since."""
    at: datetime | None = fact.at
    if isinstance(fact, PullCommented):
        at = fact.comment.at
    elif isinstance(fact, PullEvent):
        at = fact.pull.updated_at or fact.at
    return at is not None and now - at > STALE
