"""What happened to a pull request within a few seconds as one line, and how it stands on its card."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bot.events import (
    PullClosed,
    PullEdited,
    PullEvent,
    PullLabelled,
    PullOpened,
    PullPushed,
    PullReadied,
    PullReviewed,
    ReviewAsked,
)
from bot.plugin import Button, Card, Tone
from bot.values import Pull, ReviewState
from bot.wording import cut, listed, name, plain, pull_slot, stated
from plugins.pulls.settings import Facts, Kind

MAX_TITLE_BYTES = 120
MAX_LINE_BYTES = 400  # of a line of IRC are left for words on any network
MAX_NAMED = 5  # reviewers, labels or such of one thing that happened
MAX_HISTORY = 8  # of the things that happened, on a card
MAX_KEPT = 30  # reviewers of a pull request
BOT = "[bot]"  # how the logins of machines end

REVIEWS = {
    ReviewState.APPROVED: Kind.APPROVED,
    ReviewState.CHANGES_REQUESTED: Kind.CHANGES,
    ReviewState.COMMENTED: Kind.REVIEWED,
    ReviewState.DISMISSED: Kind.DISMISSED,
}
PHRASES = {
    Kind.MERGED: "merged",
    Kind.CLOSED: "closed",
    Kind.OPENED: "opened",
    Kind.REOPENED: "reopened",
    Kind.READY: "ready for review",
    Kind.DRAFT: "made a draft",
    Kind.CHANGES: "changes requested",
    Kind.APPROVED: "approved",
    Kind.REVIEWED: "reviewed",
    Kind.DISMISSED: "review dismissed",
    Kind.ASKED: "review asked",
    Kind.PUSHED: "pushed to",
    Kind.EDITED: "edited",
    Kind.LABELLED: "labelled",
}
WITH_BASE = (Kind.OPENED, Kind.REOPENED, Kind.READY, Kind.MERGED)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a pull request.

    Arguments:
        by: who did it; empty where nobody told.
        what: whose review is asked for, which labels came and went, what the title was: as its phrase needs it.
        is_draft: the pull request was a draft then.
        actor: the number of the account that did it; 0 where nobody told.
    """

    kind: Kind
    by: str = ""
    what: tuple[str, ...] = ()
    is_draft: bool = False
    actor: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pull request stands, as its card shows it.

    Arguments:
        reviews: what each reviewer's newest review that counts came to.
        asked: whose review is asked for.
        history: the last things that happened, a phrase each.
    """

    reviews: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    history: tuple[str, ...] = ()


def happening_of(event: PullEvent) -> Happening | None:
    """Tell what an event says has happened; None for what is no news to anybody."""
    pull, by = event.pull, event.actor.login if event.actor else ""
    kind, what = _of(event, pull)
    if kind is None:
        return None
    if kind is Kind.OPENED:
        by = pull.author
    if isinstance(event, PullReviewed):
        if event.review.author.login == pull.author:
            return None  # who answers a reviewer in the code writes a review by that, too
        by = by if kind is Kind.DISMISSED else event.review.author.login
    actor = event.actor.number if event.actor else 0
    return Happening(kind, by, what, is_draft=pull.draft, actor=actor)


def _of(event: PullEvent, pull: Pull) -> tuple[Kind | None, tuple[str, ...]]:
    match event:
        case PullOpened():
            return (Kind.REOPENED if event.again else Kind.OPENED), ()
        case PullClosed():
            return (Kind.MERGED if pull.merged else Kind.CLOSED), ()
        case PullReadied():
            return (Kind.DRAFT if pull.draft else Kind.READY), ()
        case PullReviewed():
            return REVIEWS[event.review.state], (event.review.author.login,)
        case ReviewAsked():
            return (Kind.ASKED if event.asked else None), (event.reviewer,)
        case PullPushed():
            return Kind.PUSHED, (event.pull.head[:7],)
        case PullEdited():
            return Kind.EDITED, tuple(
                told for told, before in (("title", event.title_before), ("base", event.base_before)) if before
            )
        case PullLabelled():
            return Kind.LABELLED, (*(f"+{one}" for one in event.added), *(f"-{one}" for one in event.removed))
    return None, ()


def facts_of(pull: Pull, *, is_bot: bool) -> Facts:
    """Take what decides who hears of a pull request."""
    return Facts(pull.ref.repo, pull.author, pull.base, pull.labels, is_bot or pull.author.endswith(BOT))


def line(pull: Pull, told: Sequence[Happening], files: int | None = None) -> str:
    """Say in one line what happened to a pull request.

    Arguments:
        files: how many it changes, where that is known.
    """
    kinds = {one.kind for one in told}
    details = []
    if not kinds & {Kind.OPENED}:
        details.append(f"by {name(pull.author)}")
    if files is not None:
        details.append(f"{files} file{'' if files == 1 else 's'}")
    if kinds & {*WITH_BASE}:
        details.append(f"base {name(pull.base)}")
    end = f" ({', '.join(details)}) {plain(pull.url)}".rstrip()
    head = f"{name(pull.ref.short)} {', '.join(phrases(told))}"
    title = stated(pull.title, MAX_TITLE_BYTES)
    room = MAX_LINE_BYTES - len(f": {title}{end}".encode())
    return f"{cut(head, max(room, 60))}: {title}{end}"


def phrases(told: Iterable[Happening]) -> list[str]:
    """Say what happened, things of one kind as one, in the order in which they began."""
    found: dict[tuple[Kind, str], list[Happening]] = {}
    for one in told:
        by = one.by if one.kind in (Kind.DISMISSED, Kind.LABELLED) else ""
        found.setdefault((one.kind, by), []).append(one)
    return [_phrase(kind, some) for (kind, _), some in found.items()]


def _phrase(kind: Kind, some: Sequence[Happening]) -> str:
    what = _listed(word for one in some for word in one.what)
    by = _listed(one.by for one in some if one.by)
    phrase = PHRASES[kind]
    match kind:
        case Kind.ASKED:
            return f"{phrase} of {what}"
        case Kind.DISMISSED:
            phrase = f"review of {what} dismissed"
        case Kind.EDITED:
            phrase = f"{what} changed" if what else phrase
        case Kind.LABELLED:
            phrase = f"labelled {what}"
    return f"{phrase} by {by}" if by else phrase


def _listed(words: Iterable[str]) -> str:
    return listed([name(word) for word in dict.fromkeys(words)], MAX_NAMED)


def after(standing: Standing, told: Sequence[Happening]) -> Standing:
    """Tell how a pull request stands after these things."""
    reviews, asked = dict(standing.reviews), list(standing.asked)
    for one in told:
        whom = one.what[0] if one.what else ""
        match one.kind:
            case Kind.ASKED:
                asked = [*(name for name in asked if name != whom), whom][-MAX_KEPT:]
            case Kind.APPROVED | Kind.CHANGES:
                reviews.pop(whom, None)
                reviews[whom] = one.kind.value
                asked = [name for name in asked if name != whom]
            case Kind.REVIEWED:
                asked = [name for name in asked if name != whom]
            case Kind.DISMISSED:
                reviews.pop(whom, None)
    kept = dict(list(reviews.items())[-MAX_KEPT:])
    history = (*standing.history, *phrases(told))[-MAX_HISTORY:]
    return Standing(kept, tuple(asked), history)


def card(pull: Pull, standing: Standing, brief: str) -> Card:
    """Show how a pull request stands; where only one line fits, say what happened."""
    reviews = [f"{PHRASES[Kind(state)]} by {name(login)}" for login, state in standing.reviews.items()]
    state = "merged" if pull.merged else "closed" if not pull.is_open else "draft" if pull.draft else "open"
    fields = {
        "state": state,
        "base": name(pull.base),
        "reviews": ", ".join(reviews),
        "asked": _listed(standing.asked),
        "labels": _listed(pull.labels),
    }
    return Card(
        f"{name(pull.ref.short)} {stated(pull.title, MAX_TITLE_BYTES)} by {name(pull.author)}",
        standing.history,
        {key: value for key, value in fields.items() if value},
        url=plain(pull.url),
        tone=Tone.GOOD if pull.merged else Tone.PLAIN,
        buttons=buttons(pull),
        slot=pull_slot(pull.ref),
        brief=brief,
    )


def buttons(pull: Pull) -> tuple[Button, ...]:
    """Offer what people do about a pull request that is open."""
    if not pull.is_open:
        return ()
    return (
        Button("Status", f"status {pull.ref}"),
        Button("Rebuild failed", f"rebuild {pull.ref} failed"),
        Button("Mute for 1h", f"mute {pull.ref} 1h", is_own=True),
    )


def dump(one: Any) -> dict[str, Any]:
    """Write one of these as JSON has it."""
    return asdict(one)


def load_happening(raw: Mapping[str, Any]) -> Happening:
    """Read what `dump` wrote."""
    return Happening(**{**raw, "kind": Kind(raw["kind"]), "what": tuple(raw["what"])})


def load_standing(raw: Mapping[str, Any] | None) -> Standing:
    """Read what `dump` wrote."""
    if not raw:
        return Standing()
    return replace(Standing(), reviews=raw["reviews"], asked=tuple(raw["asked"]), history=tuple(raw["history"]))
