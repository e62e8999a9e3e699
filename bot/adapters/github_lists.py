"""GitHub's lists into values: files, commits, reviews, comments, statuses, labels, deliveries; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from bot.adapters.github_wire import GHOST, MAX_ID, SHA, Unreadable, decoded, web_link
from bot.values import Account, ChangedFile, Comment, Commit, PullRef, Review, ReviewState, Status, StatusState

When = Annotated[datetime, msgspec.Meta(tz=True)]
Id = Annotated[int, msgspec.Meta(gt=0, lt=MAX_ID)]
ON_PULL = re.compile(r"/pull/([1-9][0-9]{0,8})#")
OUR_HOOK = re.compile(r"/notification/github(/[^/]+)?/?$")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A try to deliver something, as a hook's list tells it; what was sent is read apart."""

    id: int
    guid: str
    name: str
    at: datetime
    arrived: bool


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as a repository's list tells it; who reads its secret gets stars.

    Arguments:
        path: where it is sent, without the host.
        last: the status of the last answer; None before the first one.
        is_checked: the certificate of whoever is sent it is looked at.
    """

    id: int
    path: str
    is_active: bool = True
    events: frozenset[str] = frozenset()
    last: int | None = None
    is_checked: bool = True


class _User(msgspec.Struct):
    """An account; GitHub gives an object with nothing in it for a commit's author whom it does not know."""

    id: int = 0
    login: str = ""
    type: str = "User"


class _File(msgspec.Struct):
    filename: str
    status: str = "modified"
    previous_filename: str | None = None


class _ByGit(msgspec.Struct):
    email: str | None = None


class _Message(msgspec.Struct):
    message: str
    author: _ByGit | None = None


class _Parent(msgspec.Struct):
    sha: str


class _Commit(msgspec.Struct):
    sha: str
    commit: _Message
    author: _User | None = None
    parents: list[_Parent] = []


class _Review(msgspec.Struct):
    id: Id
    state: str
    user: _User | None = None
    body: str | None = None
    commit_id: str | None = None
    submitted_at: When | None = None


class _Comment(msgspec.Struct):
    id: Id
    created_at: When
    user: _User | None = None
    body: str | None = None
    html_url: str = ""
    updated_at: When | None = None


class _Status(msgspec.Struct):
    context: str
    state: StatusState
    description: str | None = None
    target_url: str | None = None


class _Combined(msgspec.Struct):
    statuses: list[_Status]


class _Label(msgspec.Struct):
    name: str


class _HookConfig(msgspec.Struct):
    url: str | None = None
    insecure_ssl: str | int = "0"


class _HookResponse(msgspec.Struct):
    code: int | None = None


class _Hook(msgspec.Struct):
    id: Id
    config: _HookConfig
    active: bool = True
    events: list[str] = []
    last_response: _HookResponse | None = None


class _Delivery(msgspec.Struct):
    id: Id
    guid: str
    delivered_at: When
    event: str
    status_code: int | None = 0  # null where nobody answered, by some installations


class _Sent(msgspec.Struct):
    payload: msgspec.Raw


class _DeliverySent(msgspec.Struct):
    request: _Sent


class _Self(msgspec.Struct):
    id: Id


class _App(msgspec.Struct):
    slug: str


def read_files(text: str) -> list[ChangedFile]:
    """Read a page of the files that a pull request changes."""
    raw = decoded(text, list[_File])
    return [ChangedFile(each.filename, each.status, each.previous_filename or "") for each in raw]


def read_commits(text: str) -> list[Commit]:
    """Read a page of commits."""
    found = []
    for each in decoded(text, list[_Commit]):
        if not SHA.fullmatch(each.sha):
            raise Unreadable("no commit")
        author = _account(each.author) if each.author is not None and each.author.id else None
        mail = each.commit.author.email if each.commit.author is not None else None
        found.append(Commit(each.sha, each.commit.message, author, len(each.parents), mail or ""))
    return found


def read_reviews(text: str) -> list[Review]:
    """Read a page of reviews; those that are not handed in yet, which only their author sees, are none."""
    return [
        Review(
            each.id,
            _account(each.user),
            ReviewState(each.state.lower()),
            each.commit_id or "",
            each.submitted_at,
            each.body or "",
        )
        for each in decoded(text, list[_Review])
        if each.submitted_at is not None and each.state.lower() in set(ReviewState)
    ]


def read_comments(text: str) -> list[Comment]:
    """Read a page of comments."""
    return [_comment(each) for each in decoded(text, list[_Comment])]


def read_new_comments(text: str, repo: str) -> list[tuple[PullRef, Comment]]:
    """Read a page of the comments of a whole repository: those on pull requests that were never edited."""
    found = []
    for each in decoded(text, list[_Comment]):
        place = ON_PULL.search(each.html_url)
        if place and each.updated_at == each.created_at:
            found.append((PullRef(repo, int(place[1])), _comment(each)))
    return found


def read_comment(text: str) -> Comment:
    """Read one comment."""
    return _comment(decoded(text, _Comment))


def read_statuses(text: str) -> list[Status]:
    """Read a page of the newest status of each context of a commit."""
    return [
        Status(each.context, each.state, each.description or "", web_link(each.target_url))
        for each in decoded(text, _Combined).statuses
    ]


def read_labels(text: str) -> list[str]:
    """Read a page of labels by their names."""
    return [each.name for each in decoded(text, list[_Label])]


def read_our_hooks(text: str) -> list[Hook]:
    """Read those webhooks of a page that are sent to where Gordon listens."""
    found = []
    for hook in decoded(text, list[_Hook]):
        try:
            path = urlsplit(hook.config.url or "").path
        except ValueError:
            continue  # no address at all, so not ours
        if OUR_HOOK.search(path):
            last = hook.last_response.code if hook.last_response else None
            is_checked = str(hook.config.insecure_ssl) == "0"
            found.append(Hook(hook.id, path.rstrip("/"), hook.active, frozenset(hook.events), last, is_checked))
    return found


def read_deliveries(text: str) -> list[Delivery]:
    """Read a page of what a webhook has sent, the newest first."""
    return [
        Delivery(each.id, each.guid, each.event, each.delivered_at, 200 <= (each.status_code or 0) < 300)
        for each in decoded(text, list[_Delivery])
    ]


def read_payload(text: str) -> bytes:
    """Read what was sent by a delivery."""
    return bytes(decoded(text, _DeliverySent).request.payload)


def read_id(text: str) -> int:
    """Read the number of an account."""
    return decoded(text, _Self).id


def read_slug(text: str) -> str:
    """Read the name of an App, as it stands in addresses."""
    return decoded(text, _App).slug


def newest_tries(tries: Sequence[Delivery]) -> list[Delivery]:
    """Take the newest try of each delivery, oldest first; one that ever arrived has arrived."""
    newest = dict[str, Delivery]()
    arrived = {each.guid for each in tries if each.arrived}
    for each in sorted(tries, key=lambda each: (each.at, each.id)):
        newest.pop(each.guid, None)
        newest[each.guid] = each
    return [Delivery(each.id, each.guid, each.name, each.at, each.guid in arrived) for each in newest.values()]


def _comment(raw: _Comment) -> Comment:
    return Comment(raw.id, _account(raw.user), raw.body or "", raw.created_at, web_link(raw.html_url))


def _account(raw: _User | None) -> Account:
    if raw is None or not raw.id:
        return Account(0, GHOST)
    return Account(raw.id, raw.login, raw.type == "Bot")
