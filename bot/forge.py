"""What the program needs of the place where the code and its pull requests live, in its own words."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.events import Event
from bot.findings import Finding, ForgeNeeds
from bot.values import (
    Account,
    Budget,
    ChangedFile,
    Comment,
    Commit,
    Pull,
    PullRef,
    PullSummary,
    Review,
    Status,
)

Unnoted = Callable[[Collection[str]], Awaitable[Collection[str]]]


@dataclass(frozen=True, slots=True)
class Missed:
    """A delivery in the forge's own list of what it has sent.

    Arguments:
        guid: its identity, which a second try keeps.
        name: of the event, "pull_request".
        body: what was sent, whole, as bytes of JSON; empty if it arrived, as reading it costs a request, and where so
            many did not arrive that it has to wait.
        arrived: somebody answered it with success, at one try or another.
    """

    guid: str
    name: str
    at: datetime
    body: bytes
    arrived: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a webhook, or a look of our own, says about a repository.

    Arguments:
        guid: of the delivery; empty for a look of our own.
        what: "pull_request.synchronize", "push", as the forge calls it.
        pull: how it stands, for whatever is about a pull request.
        facts: what happened beside the state of the pull request itself: reviews, comments, pushes to branches.
        actor: who did it.
        is_read: read just now by us, so it counts even where its time is the one that is known.
    """

    guid: str
    what: str
    repo: str
    pull: Pull | None = None
    facts: tuple[Event, ...] = ()
    actor: Account | None = None
    is_read: bool = False


class PullForge(Protocol):
    """As much of it as tells what may be built, and for whom."""

    async def pull(self, ref: PullRef) -> Pull:
        """Read one pull request.

        Raises:
            UserError: there is no such pull request.
            Unavailable: the forge does not answer or has no budget left for us.
        """

    async def team(self, name: str) -> Collection[int]:
        """Tell the numbers of the accounts that are members of a team, `owner/team`.

        Raises:
            Unavailable: the forge does not answer or has no budget left for us.
            Refused: there is no such team, or the token may not read it.
        """

    async def check(self, repos: Sequence[str]) -> Sequence[str]:
        """Tell what is wrong with the connection, the token or these repositories."""

    async def close(self) -> None:
        """Let go of connections."""


class ForgeServer(PullForge, Protocol):
    """All of it.

    All reads raise Unavailable when the forge does not answer or has no budget left for us, and Refused when the token
    may not read it; writes are sent once and never repeated here, and raise Unavailable when nobody can tell whether
    they took effect, UserError or Refused when they did not.

    Arguments:
        deadline_s: how long one write may still be under way after it was given up.
    """

    deadline_s: float

    def examine(self, needs: ForgeNeeds) -> AsyncIterator[Finding]:
        """Tell of the connection, the token and what is needed how it is, without changing anything; never raises."""

    async def open_pulls(self, repo: str, *, with_files: bool = False, is_idle: bool = False) -> Sequence[PullSummary]:
        """List the open pull requests of a repository, a hundred a request.

        Arguments:
            with_files: also the paths that they change, the first hundred of each.
            is_idle: nobody waits for it, so it leaves the end of the budget to others.
        """

    async def summary(self, ref: PullRef) -> PullSummary:
        """Read one pull request, open or not, as such a list has it, with its files, by one request.

        Raises:
            UserError: there is no such pull request.
        """

    async def texts(self, repo: str, paths: Collection[str]) -> Mapping[str, str]:
        """Read text files of the default branch, up to 250 a request; those read within ten minutes are known still.

        What is not there, is no text or is over 256 KB is left out.
        """

    async def authors(self, repo: str, paths: Collection[str]) -> Mapping[str, Sequence[Account]]:
        """Tell who has written the newest twenty commits of paths on the default branch, newest first, by one request.

        Commits of nobody with an account are left out.

        Arguments:
            paths: of files or directories, the most changed first: of more than twenty the first twenty are asked.
        """

    async def heads(self, repo: str) -> Sequence[Pull]:
        """List the open pull requests as cheaply as may be; mergeability and labels may be missing."""

    async def files(self, ref: PullRef) -> Sequence[ChangedFile]:
        """List all files that a pull request changes."""

    async def commits(self, ref: PullRef) -> Sequence[Commit]:
        """List the commits of a pull request, oldest first; the forge tells at most 250."""

    async def reviews(self, ref: PullRef) -> Sequence[Review]:
        """List all reviews of a pull request, oldest first."""

    async def comments(self, ref: PullRef) -> Sequence[Comment]:
        """List all comments on a pull request, oldest first."""

    async def statuses(self, repo: str, sha: str) -> Mapping[str, Status]:
        """Tell how each context stands at a commit, the newest of each."""

    async def set_status(self, repo: str, sha: str, status: Status) -> None:
        """Tell how a context stands at a commit; the last one told counts."""

    async def marked_comment(self, ref: PullRef, marker: str) -> Comment | None:
        """Find our own comment that carries a hidden marker; its body is told as it was given, without the marker."""

    async def comment(self, ref: PullRef, marker: str, body: str) -> Comment:
        """Write a comment that carries a hidden marker."""

    async def edit_comment(self, ref: PullRef, comment_id: int, marker: str, body: str) -> Comment:
        """Write a comment of ours anew, with its marker."""

    async def delete_comment(self, ref: PullRef, comment_id: int) -> None:
        """Take a comment of ours away; one that is gone is no mistake."""

    async def set_labels(self, ref: PullRef, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Sequence[str]:
        """Have labels be there or not, and tell those that are there then; those that are as wanted are left."""

    async def react(self, ref: PullRef, comment_id: int, reaction: str) -> None:
        """Answer a comment by "+1", "eyes", "rocket"; the same a second time changes nothing."""

    async def own_number(self) -> int:
        """Tell the number of our own account."""

    async def comments_since(self, repo: str, since: datetime) -> Sequence[tuple[PullRef, Comment]]:
        """List the comments on pull requests of a repository that were written since then and never edited."""

    async def missed(self, repo: str, since: datetime, unnoted: Unnoted) -> Sequence[Missed] | None:
        """List what a repository's webhook has sent here, or tried to, since then; None where that is not for us.

        Arguments:
            unnoted: tells which deliveries were not taken in; only these are read, the oldest first.
        """

    def budget(self) -> Sequence[Budget]:
        """Tell what is left of each limit, as the last answers told it; nothing before the first one."""
