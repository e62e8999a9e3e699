"""What a GitHub on loopback keeps of repositories, pull requests, commits and what people say about them."""

import itertools
import re
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class CommitRecord:
    """A commit; its author is an account, or nobody that GitHub knows."""

    sha: str
    message: str
    author: str
    parents: tuple[str, ...]
    at: datetime


@dataclass(slots=True)
class FileRecord:
    """A file that a pull request changes; `before` is its former path when it was renamed."""

    path: str
    status: str = "modified"
    before: str = ""


@dataclass(slots=True)
class StatusRecord:
    """How somebody said that a context stands at a commit."""

    id: int
    sha: str
    context: str
    state: str
    description: str | None
    url: str | None
    creator: str
    at: datetime


@dataclass(slots=True)
class ReactionRecord:
    """An answer to a comment by one sign, of which everybody has one of each."""

    id: int
    content: str
    author: str
    at: datetime


@dataclass(slots=True)
class CommentRecord:
    """A comment on a pull request; its id is unique among all repositories."""

    id: int
    number: int
    author: str
    body: str
    created: datetime
    updated: datetime
    reactions: list[ReactionRecord] = field(default_factory=list)


@dataclass(slots=True)
class ReviewRecord:
    """A review at one commit; `state` is in large letters, as answers of the API have it."""

    id: int
    author: str
    state: str
    body: str
    sha: str
    at: datetime


@dataclass(slots=True)
class PullRecord:
    """A pull request; its id is unique among all repositories.

    Arguments:
        author: "ghost" when the account is gone.
        asked: logins whose review is asked for.
        asked_teams: slugs of teams of the organisation, likewise.
        commits: oldest first; the last one is the head.
        mergeable: None while GitHub works it out.
        has_fork: the repository that it comes from is still there.
    """

    id: int
    number: int
    title: str
    author: str
    head: str
    base: str
    base_sha: str
    merge_sha: str
    draft: bool
    labels: tuple[str, ...]
    created: datetime
    updated: datetime
    branch: str
    body: str | None = None
    closed: datetime | None = None
    merged: bool = False
    merged_by: str = ""
    mergeable: bool | None = True
    has_fork: bool = True
    commits: list[CommitRecord] = field(default_factory=list)
    files: list[FileRecord] = field(default_factory=list)
    reviews: list[ReviewRecord] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    asked_teams: list[str] = field(default_factory=list)


@dataclass(slots=True)
class TeamRecord:
    """A team; its members are accounts by number, as these stay when a login changes."""

    id: int
    name: str
    parent: str
    members: list[int] = field(default_factory=list)

    @property
    def organization(self) -> str:
        return self.name.partition("/")[0]


@dataclass(slots=True)
class RepoRecord:
    """A repository.

    Arguments:
        tips: the heads of its branches.
        statuses: by commit, oldest first.
        comments: by their ids.
    """

    id: int
    name: str
    created: datetime
    tips: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, PullRecord] = field(default_factory=dict)
    commits: dict[str, CommitRecord] = field(default_factory=dict)
    statuses: dict[str, list[StatusRecord]] = field(default_factory=dict)
    comments: dict[int, CommentRecord] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    def next_number(self) -> int:
        """Tell the number of the next pull request: the lowest that none has, so that some may be given in advance."""
        return next(number for number in itertools.count(1) if number not in self.pulls)

    def comments_on(self, number: int) -> list[CommentRecord]:
        """List the comments on a pull request, oldest first."""
        return [comment for comment in self.comments.values() if comment.number == number]

    def newest_statuses(self, sha: str) -> list[StatusRecord]:
        """List the last status of each context at a commit, newest first."""
        newest = {status.context: status for status in self.statuses.get(sha, ())}
        return sorted(newest.values(), key=lambda status: status.id, reverse=True)

    def sha_of(self, ref: str) -> str | None:
        """Find the commit that a full id or a branch names."""
        known = self.tips.get(ref.removeprefix("refs/").removeprefix("heads/"), ref)
        return known if known in self.commits else None


def branch_for(number: int, title: str) -> str:
    """Name the branch that a pull request comes from."""
    return f"{number}-{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-')}"


def label_of(pull: PullRecord) -> str:
    """Name that branch with its owner, as the `head` filter takes it."""
    return f"{pull.author}:{pull.branch}"


def stamp(moment: datetime) -> str:
    """Write a moment as the API does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def together(statuses: list[StatusRecord]) -> str:
    """Tell the one state that the newest statuses of all contexts come to."""
    states = {status.state for status in statuses}
    if states & {"error", "failure"}:
        return "failure"
    return "success" if states == {"success"} else "pending"
