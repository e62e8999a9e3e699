"""A forge that is a value: it keeps statuses, comments and labels, and may lose answers or take its time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.errors import GordonError, Unavailable, UserError
from bot.findings import About, Finding, ForgeNeeds
from bot.forge import Missed, Unnoted
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

GORDON = Account(1, "gordon-bot", is_bot=True)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LOST = "lost"


def no_answer() -> Unavailable:
    return Unavailable("GitHub", "writing")


@dataclass
class FakeForge:
    """All of a forge that is read and written, with what was written in order.

    Arguments:
        answers: to the next writes: None is well; "lost" does it and does not answer; a number does it that many
            seconds after it was given up; an error is raised instead.
        troubles: what the next reads end with.
    """

    deadline_s: float = 0.0
    known: dict[PullRef, Pull] = field(default_factory=dict)
    shown: dict[tuple[str, str], dict[str, Status]] = field(default_factory=dict)
    marked: dict[tuple[PullRef, str], Comment] = field(default_factory=dict)
    reactions: set[tuple[PullRef, int, str]] = field(default_factory=set)
    contents: dict[tuple[str, str], str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    answers: deque[GordonError | str | float | None] = field(default_factory=deque)
    troubles: deque[GordonError] = field(default_factory=deque)
    budgets: tuple[Budget, ...] = ()
    silent: asyncio.Event | None = None
    began: asyncio.Event = field(default_factory=asyncio.Event)
    late: list[asyncio.Task[None]] = field(default_factory=list)

    async def pull(self, ref: PullRef) -> Pull:
        self._read()
        if ref not in self.known:
            raise UserError(f"there is no pull request #{ref.number} in {ref.repo}, or it is hidden from me")
        return self.known[ref]

    async def team(self, name: str) -> Collection[int]:
        return ()

    async def examine(self, needs: ForgeNeeds) -> AsyncIterator[Finding]:
        for repo in needs.repos:
            yield About("GitHub").well("repository", f"{repo} is there")

    async def check(self, repos: Sequence[str]) -> Sequence[str]:
        return ()

    async def close(self) -> None:
        for task in self.late:
            await task

    async def open_pulls(self, repo: str, *, with_files: bool = False, is_idle: bool = False) -> Sequence[PullSummary]:
        return [PullSummary(pull, NOON) for pull in await self.heads(repo)]

    async def summary(self, ref: PullRef) -> PullSummary:
        return PullSummary(await self.pull(ref), NOON, files=("README.md",), file_count=1)

    async def texts(self, repo: str, paths: Collection[str]) -> Mapping[str, str]:
        self._read()
        return {path: self.contents[repo, path] for path in paths if (repo, path) in self.contents}

    async def authors(self, repo: str, paths: Collection[str]) -> Mapping[str, Sequence[Account]]:
        self._read()
        return {path: [GORDON] if (repo, path) in self.contents else [] for path in paths}

    async def heads(self, repo: str) -> Sequence[Pull]:
        return [pull for ref, pull in self.known.items() if ref.repo == repo and pull.is_open]

    async def files(self, ref: PullRef) -> Sequence[ChangedFile]:
        return [ChangedFile("README.md")]

    async def commits(self, ref: PullRef) -> Sequence[Commit]:
        return [Commit((await self.pull(ref)).head, "Fix", GORDON)]

    async def reviews(self, ref: PullRef) -> Sequence[Review]:
        return ()

    async def comments(self, ref: PullRef) -> Sequence[Comment]:
        return [comment for (of, _), comment in self.marked.items() if of == ref]

    async def statuses(self, repo: str, sha: str) -> Mapping[str, Status]:
        self._read()
        return dict(self.shown.get((repo, sha), {}))

    async def set_status(self, repo: str, sha: str, status: Status) -> None:
        def write() -> None:
            self.shown.setdefault((repo, sha), {})[status.context] = status

        await self._write(f"{status.context} {status.state}", write)

    async def marked_comment(self, ref: PullRef, marker: str) -> Comment | None:
        self._read()
        return self.marked.get((ref, marker))

    async def comment(self, ref: PullRef, marker: str, body: str) -> Comment:
        """Write one more; a second one with the same marker is what must never happen."""
        made = Comment(len(self.written) + 1, GORDON, body, NOON, f"{ref}-{marker}")

        def write() -> None:
            assert (ref, marker) not in self.marked, "posted twice"
            self.marked[ref, marker] = made

        await self._write(f"post {body}", write)
        return made

    async def edit_comment(self, ref: PullRef, comment_id: int, marker: str, body: str) -> Comment:
        def write() -> None:
            assert self.marked[ref, marker].id == comment_id
            self.marked[ref, marker] = replace(self.marked[ref, marker], body=body)

        await self._write(f"edit {body}", write)
        return self.marked[ref, marker]

    async def delete_comment(self, ref: PullRef, comment_id: int) -> None:
        def write() -> None:
            self.marked = {key: one for key, one in self.marked.items() if one.id != comment_id}

        await self._write("delete", write)

    async def set_labels(self, ref: PullRef, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Sequence[str]:
        def write() -> None:
            left = [label for label in self.known[ref].labels if label not in remove]
            self.known[ref] = replace(self.known[ref], labels=tuple(left + [one for one in add if one not in left]))

        await self._write(f"+{','.join(add)} -{','.join(remove)}", write)
        return self.known[ref].labels

    async def react(self, ref: PullRef, comment_id: int, reaction: str) -> None:
        await self._write(reaction, lambda: self.reactions.add((ref, comment_id, reaction)))

    async def own_number(self) -> int:
        return GORDON.number

    async def comments_since(self, repo: str, since: datetime) -> Sequence[tuple[PullRef, Comment]]:
        return [(ref, one) for (ref, _), one in self.marked.items() if ref.repo == repo and one.at >= since]

    async def missed(self, repo: str, since: datetime, unnoted: Unnoted) -> Sequence[Missed] | None:
        return None

    def budget(self) -> Sequence[Budget]:
        return self.budgets

    def _read(self) -> None:
        if self.troubles:
            raise self.troubles.popleft()

    async def _write(self, what: str, write: Callable[[], None]) -> None:
        self.began.set()
        if self.silent is not None:
            await self.silent.wait()
        answer = self.answers.popleft() if self.answers else None
        if isinstance(answer, GordonError):
            raise answer
        if isinstance(answer, float):
            self.late.append(asyncio.create_task(self._later(answer, what, write)))
            raise no_answer()
        self.written.append(what)
        write()
        if answer == LOST:
            raise no_answer()

    async def _later(self, seconds: float, what: str, write: Callable[[], None]) -> None:
        await asyncio.sleep(seconds)
        self.written.append(what)
        write()
