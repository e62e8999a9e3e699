"""For whom a pull request waits, since when, and why it is not merged."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.values import Account, PullSummary, Review, ReviewState, Status, StatusState
from bot.wording import branch, listed, name, stated
from plugins.triage.settings import RepoTriage

MAX_NAMED = 5  # contexts or people in one reason
MAX_SAID_BYTES = 140  # of the words of a status
SIGN_OFF = re.compile(r"(?:^|[^a-z0-9])dco(?:[^a-z0-9]|$)", re.IGNORECASE)
UNSIGNED = frozenset({"dco/no", "needs-dco", "needs-sign-off"})  # labels, the first of them Docker's own
BAD = (StatusState.FAILURE, StatusState.ERROR)
CONFLICTS = "conflicts with "  # so begins what the plugin conflicts has its status say


class Whom(StrEnum):
    """Who has to do something next."""

    AUTHOR = "its author"
    REVIEWERS = "a review"
    CI = "builds"
    HOLDER = "whoever holds it"
    FORGE = "GitHub"
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
    found = [one for one in opinions(summary) if one.state is ReviewState.APPROVED and one.sha == summary.pull.head]
    return tuple(one.author.login for one in found)


def opinions(summary: PullSummary) -> list[Review]:
    """List the newest review of each reviewer that approves, wants changes or was dismissed; the oldest first."""
    newest: dict[int | str, Review] = {}
    for review in sorted(summary.reviews, key=lambda one: (one.at, one.id)):
        who = review.author
        if review.state is not ReviewState.COMMENTED and not who.is_bot and not is_author(summary, who):
            key = who.number or who.login.casefold()
            newest.pop(key, None)
            newest[key] = review
    return list(newest.values())


def stale(summary: PullSummary) -> tuple[str, ...]:
    """Name those who have approved another head."""
    found = [one for one in opinions(summary) if one.state is ReviewState.APPROVED and one.sha != summary.pull.head]
    return tuple(one.author.login for one in found)


def objections(summary: PullSummary) -> list[Review]:
    """List the reviews that want changes: GitHub keeps them, whatever is pushed, until their reviewers think better."""
    return [one for one in opinions(summary) if one.state is ReviewState.CHANGES_REQUESTED]


def is_author(summary: PullSummary, who: Account) -> bool:
    """Tell whether somebody is the author, whose login may have changed."""
    pull = summary.pull
    if who.number and pull.author_id:
        return who.number == pull.author_id
    return who.login.casefold() == pull.author.casefold()


def is_signed_off(summary: PullSummary) -> bool | None:
    """Tell whether all commits are signed off, as statuses say, else labels; None where nothing does."""
    told = [status.state for status in summary.statuses if is_sign_off(status)]
    if StatusState.FAILURE in told:
        return False
    if StatusState.SUCCESS in told:
        return True
    return False if any(label.casefold() in UNSIGNED for label in summary.pull.labels) else None


def holding(summary: PullSummary, wanted: RepoTriage) -> tuple[str, ...]:
    """List the labels that keep it from being merged."""
    hold = {label.casefold() for label in wanted.hold_labels}
    return tuple(label for label in summary.pull.labels if label.casefold() in hold)


def waiting(summary: PullSummary, wanted: RepoTriage) -> Waiting:
    """Tell for whom an open pull request waits: whoever has to act before the others need to."""
    told = {
        Whom.AUTHOR: [*_of_author(summary, wanted)],
        Whom.CI: [*_of_builds(summary, wanted)],
        Whom.REVIEWERS: [*_of_reviewers(summary, wanted)],
        Whom.HOLDER: [f"it is held by the label {name(label)}" for label in holding(summary, wanted)],
        Whom.FORGE: [*_of_forge(summary)],
    }
    whom = next((whom for whom, reasons in told.items() if reasons), Whom.MERGER)
    reasons = tuple(reason for reasons in told.values() for reason in reasons)
    return Waiting(whom, _since(summary, whom), reasons)


def _of_author(summary: PullSummary, wanted: RepoTriage) -> Iterator[str]:
    pull = summary.pull
    if pull.draft:
        yield "it is a draft"
    if pull.mergeable is False:
        yield f"it conflicts with {branch(pull.base)}"
    if mine := [one.author.login for one in objections(summary) if not _is_answered(summary, one)]:
        yield f"{named(mine)} {'want' if len(mine) > 1 else 'wants'} changes"
    if is_signed_off(summary) is False:
        yield "commits lack a sign-off"
    for one in _asked(summary, wanted):
        if is_told_apart(one) and not _is_said_already(summary, one):
            said = f"says {stated(one.description, MAX_SAID_BYTES)}" if one.description else "is an error"
            yield f"{name(one.context)} {said}"
    if failed := [one.context for one in counted(summary, wanted) if one.state is StatusState.FAILURE]:
        yield f"{named(failed)} failed"


def _of_builds(summary: PullSummary, wanted: RepoTriage) -> Iterator[str]:
    those = counted(summary, wanted)
    told = {one.context for one in summary.statuses}
    if broken := [one.context for one in those if one.state is StatusState.ERROR]:  # it says nothing of the commit
        yield f"{named(broken)} {'have' if len(broken) > 1 else 'has'} to be built again"
    if pending := [one.context for one in those if one.state is StatusState.PENDING]:
        yield f"{named(pending)} {'are' if len(pending) > 1 else 'is'} pending"
    if missing := [context for context in wanted.required if context not in told]:
        yield f"nothing is told of {named(missing)}"


def _of_reviewers(summary: PullSummary, wanted: RepoTriage) -> Iterator[str]:
    if theirs := [one.author.login for one in objections(summary) if _is_answered(summary, one)]:
        yield f"{named(theirs)} wanted changes and {'have' if len(theirs) > 1 else 'has'} not looked again"
    count, outdated = len(approvals(summary)), stale(summary)
    if count < wanted.approvals:
        known = f", {named(outdated)} approved an older commit" if outdated else ""
        asked = "" if summary.asked or outdated or opinions(summary) else ", nobody is asked for one"
        yield f"it has {count} of {wanted.approvals} approval{'' if wanted.approvals == 1 else 's'}{known}{asked}"


def _of_forge(summary: PullSummary) -> Iterator[str]:
    if summary.pull.mergeable is None:  # after a merge that is so of all that are open, whoever's turn they are
        yield f"GitHub does not know yet whether it conflicts with {branch(summary.pull.base)}"


def _is_answered(summary: PullSummary, objection: Review) -> bool:
    """Tell whether an objection is its reviewer's turn: there is another head, or they were asked again."""
    asked = {each.casefold() for each in summary.asked}
    return objection.sha != summary.pull.head or objection.author.login.casefold() in asked


def counted(summary: PullSummary, wanted: RepoTriage) -> list[Status]:
    """List the statuses that have to be well, by name, but those that have words of their own."""
    lacking = is_signed_off(summary) is False
    return [one for one in _asked(summary, wanted) if not (is_told_apart(one) or (lacking and is_sign_off(one)))]


def _asked(summary: PullSummary, wanted: RepoTriage) -> list[Status]:
    """List the statuses of the required contexts, or where none are named all, by name."""
    found = (one for one in summary.statuses if not wanted.required or one.context in wanted.required)
    return sorted(found, key=lambda one: one.context)


def is_told_apart(status: Status) -> bool:
    """Tell whether a status is bad in a way that no build cures: of a sign-off, or of a conflict."""
    return status.state in BAD and (is_sign_off(status) or status.description.startswith(CONFLICTS))


def _is_said_already(summary: PullSummary, status: Status) -> bool:
    """Tell whether what a status says is said without it; one of sign-offs that is an error tells of none."""
    return status.state is StatusState.FAILURE if is_sign_off(status) else summary.pull.mergeable is False


def is_sign_off(status: Status) -> bool:
    """Tell whether a status is about sign-offs."""
    return SIGN_OFF.search(status.context) is not None


def pushed_at(summary: PullSummary) -> datetime:
    """Tell when it was pushed to last; its author's clock says so, and may go wrong, but not beyond what is known."""
    at = max(summary.created_at, summary.committed_at or summary.created_at)
    return min(at, max(summary.created_at, summary.pull.updated_at)) if summary.pull.updated_at else at


def _since(summary: PullSummary, whom: Whom) -> datetime:
    """Tell when the other side has acted last, so that it is this one's turn."""
    pushed = pushed_at(summary)
    said = {True: pushed, False: pushed}
    acts = [(one.author, one.at) for one in summary.remarks] + [(one.author, one.at) for one in summary.reviews]
    for who, at in acts:
        if not who.is_bot:
            is_theirs = is_author(summary, who)
            said[is_theirs] = max(said[is_theirs], at)
    match whom:
        case Whom.CI:
            return pushed
        case Whom.REVIEWERS:
            return said[True]
        case Whom.MERGER | Whom.FORGE:
            approved = [one.at for one in opinions(summary) if one.state is ReviewState.APPROVED]
            return max([pushed, *approved])
        case _:
            return said[False]


def named(names: Sequence[str]) -> str:
    """List names that others chose, a few of them."""
    return listed([name(each) for each in names], MAX_NAMED)
