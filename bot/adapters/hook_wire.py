"""What GitHub's webhooks tell, in our words: pure, typed, and ready for nonsense that somebody signed.

Only the keys that are used are decoded; all else is passed over without being kept. A body is decoded after its
signature was found right, and what is told of a pull request goes through the same reading as an answer of the API.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw

from bot.adapters.github_wire import GHOST, MAX_ID, Unreadable, read_pull
from bot.adapters.hook_bytes import WrongBody, is_too_deep
from bot.events import BranchPushed, Event, PullCommented, PullReviewed, ReviewAsked, comment_key
from bot.forge import Missed, Told
from bot.values import Account, Comment, Pull, PullRef, Review, ReviewState

MAX_TITLE_CHARS = 1000  # GitHub takes 256
MAX_TEXT_CHARS = 64 * 1024  # GitHub takes no longer comment
MAX_TEXT_BYTES = 12 * MAX_TEXT_CHARS + 2  # with each character written as two \uXXXX
MAX_LABELS = 100
MAX_LABELS_BYTES = 256 * 1024  # a hundred of them with their addresses are a fifth of it
MAX_NAME_CHARS = 1000  # of a branch, a login, an address
MAX_NUMBER = 999_999_999
ACTION = re.compile(r"[a-z_]{0,64}", re.ASCII)
SHA = re.compile(r"[0-9a-f]{40}", re.ASCII)
NO_COMMIT = "0" * 40
BRANCHES = "refs/heads/"


class _User(msgspec.Struct):
    id: int = 0
    login: str = ""
    type: str = ""


class _Team(msgspec.Struct):
    slug: str = ""


class _Repo(msgspec.Struct):
    full_name: str = ""
    pushed_at: int | str | None = None  # a number in `push`, a date elsewhere


class _End(msgspec.Struct):
    ref: str = ""
    sha: str = ""
    repo: _Repo | None = None


class _Label(msgspec.Struct):
    name: str = ""


class _Pull(msgspec.Struct):
    """A pull request; those of reviews are without `merged` and `mergeable`."""

    number: int
    state: str
    head: _End
    base: _End
    title: Raw = Raw(b'""')
    user: _User | None = None
    html_url: str = ""
    draft: bool | None = None
    merged: bool | None = None
    merged_at: str | None = None
    mergeable: bool | None = None
    merge_commit_sha: str | None = None
    updated_at: str | None = None
    labels: Raw = Raw(b"[]")


class _Review(msgspec.Struct):
    id: int
    state: str = ""
    user: _User | None = None
    body: Raw = Raw(b'""')
    commit_id: str | None = ""
    submitted_at: str | None = None


class _Comment(msgspec.Struct):
    id: int
    user: _User | None = None
    body: Raw = Raw(b'""')
    created_at: str | None = None
    html_url: str = ""


class _PullOfIssue(msgspec.Struct):
    """That an issue is a pull request."""


class _Issue(msgspec.Struct):
    number: int
    pull_request: _PullOfIssue | None = None


class _Body(msgspec.Struct, kw_only=True):
    """What all bodies may have."""

    repository: _Repo | None = None
    sender: _User | None = None


class _PullBody(_Body, kw_only=True):
    action: str
    pull_request: _Pull
    requested_reviewer: _User | None = None
    requested_team: _Team | None = None


class _ReviewBody(_Body, kw_only=True):
    action: str
    review: _Review
    pull_request: _Pull


class _CommentBody(_Body, kw_only=True):
    action: str
    issue: _Issue
    comment: _Comment


class _PushBody(_Body, kw_only=True):
    ref: str
    before: str
    after: str
    forced: bool = False


class _OtherBody(msgspec.Struct):
    """An object of which nothing is used."""


Facts = tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A body that was understood.

    Arguments:
        what: "pull_request.synchronize", "push".
        repo: of which it tells, as GitHub spells it; empty where it is of no use.
    """

    what: str
    repo: str
    _body: Any
    _tell: "Callable[[Any, str, datetime], tuple[Pull | None, Facts]] | None"

    @property
    def is_of_use(self) -> bool:
        return self._tell is not None

    def told(self, guid: str, repo: str, now: datetime) -> Told:
        """Say it in our words.

        Arguments:
            guid: of the delivery.
            repo: as it is configured.

        Raises:
            WrongBody: something in it cannot be so.
        """
        assert self._tell is not None
        pull, facts = self._tell(self._body, repo, now)
        sender = self._body.sender
        return Told(guid, self.what, repo, pull, facts, _account(sender) if sender is not None else None)


def read_body(event: str, body: bytes | bytearray) -> Delivery:
    """Decode the body of a webhook.

    Arguments:
        event: its name, from the header.

    Raises:
        WrongBody: it is no JSON, too deep, or not what GitHub sends for this event.
    """
    if is_too_deep(body):
        raise WrongBody("JSON that is too deep")
    decoder, tell = EVENTS.get(event, (OTHER, None))
    try:
        decoded: Any = decoder.decode(body)
    except msgspec.ValidationError as error:
        raise WrongBody("JSON, but not that of its event") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WrongBody("no JSON") from error
    action = getattr(decoded, "action", "")
    if not ACTION.fullmatch(action):
        raise WrongBody("no action")
    what = f"{event}.{action}" if action else event
    if tell is None or not _is_of_use(decoded):
        return Delivery(what, "", decoded, None)
    if decoded.repository is None or not decoded.repository.full_name:
        raise WrongBody("no repository")
    return Delivery(what, decoded.repository.full_name, decoded, tell)


def read_missed(missed: Missed, repo: str) -> Told | None:
    """Read a delivery that did not arrive as if it had; None if it is of no use.

    Arguments:
        repo: the one whose webhook sent it, as it is configured.
    """
    try:
        found = read_body(missed.name, missed.body)
        if not found.is_of_use or found.repo.lower() != repo.lower():
            return None
        return found.told(missed.guid, repo, missed.at)
    except WrongBody:
        return None


def _is_of_use(body: msgspec.Struct) -> bool:
    match body:
        case _ReviewBody():
            return body.action in ("submitted", "dismissed")  # what it says may be edited, how it stands not
        case _CommentBody():
            return body.action == "created" and body.issue.pull_request is not None
        case _PushBody():
            return body.ref.startswith(BRANCHES)
    return True


def _tell_pull(body: _PullBody, repo: str, now: datetime) -> tuple[Pull, Facts]:
    pull = _pull(body.pull_request, repo)
    if body.action not in ("review_requested", "review_request_removed"):
        return pull, ()
    who = ""
    if body.requested_reviewer is not None:
        who = _name(body.requested_reviewer.login)
    elif body.requested_team is not None:
        who = f"{repo.partition('/')[0]}/{_name(body.requested_team.slug)}"
    if not who:
        return pull, ()
    at = pull.updated_at or now
    asked = body.action == "review_requested"
    key = f"github:asked:{pull.ref}:{who}:{'asked' if asked else 'not'}:{_stamp(at)}"
    return pull, (_told_by(ReviewAsked, body, key, pull, at, reviewer=who, asked=asked),)


def _tell_review(body: _ReviewBody, repo: str, now: datetime) -> tuple[Pull, Facts]:
    pull, raw = _pull(body.pull_request, repo), body.review
    try:
        state = ReviewState(raw.state.lower())
    except ValueError:  # "pending", which only its author sees
        return pull, ()
    at = _time(raw.submitted_at) or pull.updated_at or now
    review = Review(_id(raw.id), _account(raw.user), state, raw.commit_id or "", at, _text(raw.body, MAX_TEXT_CHARS))
    if review.sha and not SHA.fullmatch(review.sha):
        raise WrongBody("a review of no commit")
    key = f"github:review:{review.id}:{state}:{_stamp(at)}"
    return pull, (_told_by(PullReviewed, body, key, pull, at, review=review),)


def _tell_comment(body: _CommentBody, repo: str, now: datetime) -> tuple[None, Facts]:
    ref, raw = _ref(repo, body.issue.number), body.comment
    at = _time(raw.created_at) or now
    author, text, url = _account(raw.user), _text(raw.body, MAX_TEXT_CHARS), _url(raw.html_url)
    comment = Comment(_id(raw.id), author, text, at, url)
    return None, (PullCommented(key=comment_key(comment.id), lane=str(ref), at=at, pull=ref, comment=comment),)


def _tell_push(body: _PushBody, repo: str, now: datetime) -> tuple[None, Facts]:
    branch = _name(body.ref.removeprefix(BRANCHES))
    if not branch or not SHA.fullmatch(body.before) or not SHA.fullmatch(body.after):
        raise WrongBody("a push of no branch")
    at = _time(body.repository.pushed_at if body.repository else None)
    key = f"github:push:{repo}:{body.ref}:{body.before}:{body.after}:{_stamp(at) if at else ''}"
    pushed = BranchPushed(
        key=key,
        lane=f"{repo}:{branch}",
        at=at or now,
        repo=repo,
        branch=branch,
        before="" if body.before == NO_COMMIT else body.before,
        after="" if body.after == NO_COMMIT else body.after,
        forced=body.forced,
        actor=_account(body.sender) if body.sender is not None else None,
    )
    return None, (pushed,)


def _told_by(kind: type[Any], body: _Body, key: str, pull: Pull, at: datetime, **more: object) -> Event:
    """Make an event that is about a pull request, in its lane and with who did it."""
    actor = _account(body.sender) if body.sender is not None else None
    event: Event = kind(key=key, lane=str(pull.ref), at=at, pull=pull, actor=actor, **more)
    return event


def _pull(raw: _Pull, repo: str) -> Pull:
    merged = raw.merged if raw.merged is not None else raw.merged_at is not None
    if len(raw.labels) > MAX_LABELS_BYTES:
        raise WrongBody("too many labels")
    try:
        labels = _LABELS.decode(raw.labels)[:MAX_LABELS]
        plain = msgspec.structs.asdict(raw) | {
            "title": _text(raw.title, MAX_TITLE_CHARS),
            "labels": [{"name": _name(label.name)} for label in labels],
            "head": msgspec.to_builtins(raw.head),
            "base": msgspec.to_builtins(raw.base),
            "user": msgspec.to_builtins(raw.user),
            "merged": merged,
        }
        pull = read_pull(plain, _ref(repo, raw.number))
    except (Unreadable, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WrongBody("no pull request") from error
    for text in (pull.author, pull.base, pull.head_repo, pull.url):
        _name(text)
    return pull


def _ref(repo: str, number: int) -> PullRef:
    if not 0 < number <= MAX_NUMBER:
        raise WrongBody("no number of a pull request")
    return PullRef(repo, number)


def _id(number: int) -> int:
    if not 0 < number < MAX_ID:
        raise WrongBody("something without a number")
    return number


def _account(user: _User | None) -> Account:
    if user is None:
        return Account(0, GHOST)
    return Account(user.id if 0 < user.id < MAX_ID else 0, _name(user.login) or GHOST, is_bot=user.type == "Bot")


def _name(text: str) -> str:
    if len(text) > MAX_NAME_CHARS:
        raise WrongBody("a name that is too long")
    return text


def _url(text: str) -> str:
    return _name(text) if text.startswith(("https://", "http://")) else ""


def _text(raw: Raw, at_most: int) -> str:
    """Read what people write, which is decoded only when it has a size that they can have written."""
    if len(raw) > MAX_TEXT_BYTES:
        raise WrongBody("a text that is too long")
    try:
        return (_TEXT.decode(raw) or "")[:at_most]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WrongBody("a text that is none") from error


def _time(raw: int | str | None) -> datetime | None:
    try:
        if isinstance(raw, str):
            at = datetime.fromisoformat(raw[:40])
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        return datetime.fromtimestamp(raw, UTC) if raw is not None else None
    except (ValueError, OverflowError, OSError) as error:
        raise WrongBody("a time that is none") from error


def _stamp(at: datetime) -> str:
    return f"{int(at.timestamp())}"


OTHER = msgspec.json.Decoder(_OtherBody)
_LABELS = msgspec.json.Decoder(list[_Label])
_TEXT = msgspec.json.Decoder(str | None)
EVENTS: Mapping[str, tuple[Any, Callable[[Any, str, datetime], tuple[Pull | None, Facts]]]] = {
    "pull_request": (msgspec.json.Decoder(_PullBody), _tell_pull),
    "pull_request_review": (msgspec.json.Decoder(_ReviewBody), _tell_review),
    "issue_comment": (msgspec.json.Decoder(_CommentBody), _tell_comment),
    "push": (msgspec.json.Decoder(_PushBody), _tell_push),
}
