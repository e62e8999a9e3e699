"""For whom a pull request waits, since when, and why it is not merged."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.values import PullSummary
from plugins.triage.settings import RepoTriage


class Whom(StrEnum):
    """Who has to do something next."""

    AUTHOR = "its author"
    REVIEWERS = "a review"
    CI = "builds"
    MERGER = "being merged"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a pull request waits for.

    Arguments:
        since: when it began to wait for that, as far as is known.
        reasons: all that keeps it from being merged, in words, the gravest first; empty when nothing does.
    """

    whom: Whom
    since: datetime
    reasons: tuple[str, ...]


def approvals(summary: PullSummary) -> tuple[str, ...]:
    """Name those whose newest review approves the head; the author does not count, and each counts once."""
    raise NotImplementedError


def waiting(summary: PullSummary, wanted: RepoTriage) -> Waiting:
    """Tell for whom a pull request waits."""
    raise NotImplementedError
