"""What a GitHub on loopback keeps of repositories, pull requests, commits and what people say about them."""

import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

DEFAULT_BRANCH = "master"


@dataclass(slots=True)
class CommitRecord:
    """A commit; its author is an account, or nobody that GitHub knows.

    Arguments:
        files: the paths that it is known to change.
    """

    sha: str
    message: str
    author: str
    parents: tuple[str, ...]
    at: datetime
    files: tuple[str, ...] = ()


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
        mergeable: whether it merges; None while GitHub works it out for ever.
        unasked: how often it has to be asked for before it is told.
        told_from: when it is told at the soonest, from the first time on that it was asked for.
        told: what whoever asked last was told; None again after a push.
        has_fork: the repository that it comes from is still there.
        voters: logins that have put a thumb up to it.
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
    unasked: int = 0
    told_from: datetime | None = None
    told: bool | None = None
    has_fork: bool = True
    commits: list[CommitRecord] = field(default_factory=list)
    files: list[FileRecord] = field(default_factory=list)
    reviews: list[ReviewRecord] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    asked_teams: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    voters: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Merging:
    """How a repository works out whether its pull requests merge, after a push to one or to its base.

    Arguments:
        asks: how often it has to be asked for before it is told.
        after_s: how long after the first time it is told at the soonest.
        by_files: what is merged breaks the pull requests into that branch that change one of its files.
    """

    asks: int = 0
    after_s: float = 0.0
    by_files: bool = False


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
        merging: how it works out what merges; at once unless a test says otherwise.
        contents: the files of the default branch by path, as far as anybody has put them there.
    """

    id: int
    name: str
    created: datetime
    merging: Merging = Merging()
    tips: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, PullRecord] = field(default_factory=dict)
    commits: dict[str, CommitRecord] = field(default_factory=dict)
    statuses: dict[str, list[StatusRecord]] = field(default_factory=dict)
    comments: dict[int, CommentRecord] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    def unsettle(self, pull: PullRecord) -> None:
        """Have it worked out anew whether a pull request merges."""
        pull.unasked, pull.told_from, pull.told = self.merging.asks, None, None

    def mergeable(self, pull: PullRecord, now: datetime | None = None) -> bool | None:
        """Tell whether a pull request merges; None while that is being worked out, or it is closed.

        Arguments:
            now: when it is asked for; None for what tells without being asked, as webhooks do.
        """
        is_known = not self.merging.asks or (not pull.unasked and pull.told_from is not None)
        if now is not None and self.merging.asks:
            pull.told_from = pull.told_from or now + timedelta(seconds=self.merging.after_s)
            is_known = is_known and now >= pull.told_from
            pull.unasked = max(0, pull.unasked - 1)
        shown = pull.mergeable if is_known and not pull.closed else None
        pull.told = pull.told if now is None else shown
        return shown

    def merged_into(self, base: str, files: Collection[str]) -> None:
        """Take in that a branch has moved, and which files that has changed."""
        for pull in self.pulls.values():
            if pull.base == base and not pull.closed:
                self.unsettle(pull)
                if self.merging.by_files and not {file.path for file in pull.files}.isdisjoint(files):
                    pull.mergeable = False

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
        """Find the commit that a full id, a branch or HEAD names."""
        branch = DEFAULT_BRANCH if ref == "HEAD" else ref.removeprefix("refs/").removeprefix("heads/")
        known = self.tips.get(branch, ref)
        return known if known in self.commits else None

    def history(self, sha: str, path: str = "") -> list[CommitRecord]:
        """List a commit and those that it builds on, the newest first.

        Arguments:
            path: only those that change this file, or one in this directory; empty for all.
        """
        found, left = set[str](), [sha]
        while left:
            if (each := left.pop()) not in found and each in self.commits:
                found.add(each)
                left += self.commits[each].parents
        within = f"{path.rstrip('/')}/"
        return [
            commit
            for commit in reversed(self.commits.values())
            if commit.sha in found
            and (not path or any(file == path or file.startswith(within) for file in commit.files))
        ]


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
