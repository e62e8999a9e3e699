"""What GitHub is asked in GraphQL: pull requests by the hundred, files and their authors by few requests."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from bot.adapters import github_contents as contents
from bot.adapters import github_pulls as pulls
from bot.adapters import github_wire as wire
from bot.adapters.github_graphql import GraphProblem
from bot.adapters.github_http import PEER, Errand, GitHubHttp, Slow
from bot.adapters.github_pages import MAX_PAGES
from bot.adapters.github_writes import GitHubWrites
from bot.clock import Clock
from bot.errors import Refused, Unavailable, UserError
from bot.values import Account, Pull, PullRef, PullSummary

T = TypeVar("T")
FEWER_S = 3600.0  # before GitHub is trusted with as many at once again as in the beginning
TEXTS_AT_ONCE = 250
AUTHORS_AT_ONCE = 20
KEPT_S = 600.0  # how old a file may be that is told without asking
MAX_KEPT = 5000
MAX_KEPT_CHARS = 8 * 1024 * 1024


class GitHubQueries(GitHubWrites):
    """The GraphQL side of one GitHub."""

    def __init__(self, http: GitHubHttp, clock: Clock) -> None:
        super().__init__(http, clock)
        self._no_teams_as = 0  # the login that lacks the scope for them
        self._at_once = AtOnce(clock)
        self._texts = KeptTexts(clock)

    async def open_pulls(self, repo: str, *, with_files: bool = False, is_idle: bool = False) -> Sequence[PullSummary]:
        """List the open pull requests of a repository with all that is asked of them, a hundred a request."""

        async def listed(with_teams: bool) -> list[PullSummary] | None:
            query = pulls.pulls_query(with_teams=with_teams, with_files=with_files)
            return await self._listed(repo, query, is_idle=is_idle)

        return await self._with_teams(listed, f"the token lacks a scope for the pull requests of {repo}")

    async def heads(self, repo: str) -> Sequence[Pull]:
        """List the open pull requests by one point of the budget for a hundred; mergeability is missing."""
        found = await self._listed(repo, pulls.HEADS, is_idle=True)
        if found is None:
            raise Refused(PEER, f"the token lacks a scope for the pull requests of {repo}")
        return [summary.pull for summary in found]

    async def summary(self, ref: PullRef) -> PullSummary:
        """Read one pull request as a list has it, open or not, with its files, by one request."""
        errand = Errand(f"reading {ref}", ref.repo)

        async def read(with_teams: bool) -> PullSummary | None:
            query, asked = pulls.summary_query(with_teams=with_teams), {**self._named(ref.repo), "number": ref.number}
            found = await self._http.graphql(query, asked, lambda data: pulls.read_summary(data, ref.repo), errand)
            if isinstance(found, GraphProblem) and found.lacks_pull:
                raise UserError(f"there is no pull request #{ref.number} in {ref.repo}, or it is hidden from me")
            return None if isinstance(found, GraphProblem) else found

        return await self._with_teams(read, f"the token lacks a scope for the pull requests of {ref.repo}")

    async def texts(self, repo: str, paths: Collection[str]) -> Mapping[str, str]:
        """Read small text files of the default branch, up to 250 a request, none of them twice in ten minutes.

        What is not there, is no text or is over 256 KB is left out.
        """
        errand = Errand(f"reading files of {repo}", repo)
        wanted = list(dict.fromkeys(path for path in paths if contents.may_be_asked(path)))
        login = self._http.logins
        kept = self._texts.kept(repo, wanted, login)

        async def read(some: Sequence[str]) -> Mapping[str, str | None]:
            return await self._about(
                repo,
                contents.texts_query(len(some)),
                contents.variables([f"HEAD:{path}" for path in some]),
                lambda data: contents.read_texts(data, some),
                errand,
            )

        missing = [path for path in wanted if path not in kept]
        found = await self._in_parts((repo, "texts"), missing, TEXTS_AT_ONCE, read)
        self._texts.keep(repo, found, login)
        return {path: text for path, text in {**kept, **found}.items() if text is not None}

    async def authors(self, repo: str, paths: Collection[str]) -> Mapping[str, Sequence[Account]]:
        """Tell who has written the newest twenty commits of paths of the default branch, by one request.

        Commits that belong to no account are left out.

        Arguments:
            paths: of files or directories, the most changed first: of more than twenty the first twenty are asked.
        """
        errand = Errand(f"reading the history of {repo}", repo)
        wanted = list(dict.fromkeys(path for path in paths if contents.may_be_asked(path)))[:AUTHORS_AT_ONCE]

        async def read(some: Sequence[str]) -> Mapping[str, Sequence[Account]]:
            return await self._about(
                repo,
                contents.authors_query(len(some)),
                contents.variables(some),
                lambda data: contents.read_authors(data, some),
                errand,
            )

        return await self._in_parts((repo, "authors"), wanted, AUTHORS_AT_ONCE, read)

    def _named(self, repo: str) -> dict[str, Any]:
        owner, _, name = self._home(repo).removeprefix("/repos/").partition("/")
        return {"owner": owner, "name": name}

    async def _with_teams(self, ask: Callable[[bool], Awaitable[T | None]], refusal: str) -> T:
        """Ask with the names of teams, and without them where the token lacks the scope for them."""
        if self._no_teams_as != (login := self._http.logins):
            found = await ask(True)
            if found is not None:
                return found
            self._no_teams_as = login
        found = await ask(False)
        if found is None:
            raise Refused(PEER, refusal)
        return found

    async def _listed(self, repo: str, query: str, *, is_idle: bool) -> list[PullSummary] | None:
        """List open pull requests over all pages; None if the token lacks a scope for a part of the query."""
        errand = Errand(f"listing the pull requests of {repo}", repo, is_idle=is_idle)
        found = dict[int, PullSummary]()
        after: str | None = None
        for _ in range(MAX_PAGES):
            first = self._at_once.of((repo, query), wire.PAGE_SIZE)
            asked = {**self._named(repo), "first": first, "after": after}
            try:
                page = await self._http.graphql(query, asked, lambda data: pulls.read_page(data, repo), errand)
            except Slow:
                if not self._at_once.halve((repo, query), first, wire.PAGE_SIZE):
                    raise
                continue
            if isinstance(page, GraphProblem):
                return None
            found |= {summary.pull.ref.number: summary for summary in page.found}
            after = page.after
            if not after:
                return list(found.values())
        raise Unavailable(PEER, f"{errand.doing}: there are more than {MAX_PAGES} pages")

    async def _about(
        self, repo: str, query: str, given: Mapping[str, str], read: Callable[[Any], T], errand: Errand
    ) -> T:
        found = await self._http.graphql(query, {**self._named(repo), **given}, read, errand)
        if isinstance(found, GraphProblem):
            raise Refused(PEER, f"the token lacks a scope for the files of {repo}")
        return found

    async def _in_parts(
        self,
        what: tuple[str, str],
        wanted: Sequence[str],
        most: int,
        read: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]],
    ) -> dict[str, T]:
        """Ask for as many at once as GitHub brings."""
        found = dict[str, T]()
        while left := wanted[len(found) :]:
            count = self._at_once.of(what, most)
            try:
                found |= await read(left[:count])
            except Slow:
                if not self._at_once.halve(what, min(count, len(left)), most):
                    raise
        return found


class AtOnce:
    """How much GitHub brings at once before its patience ends, by what it is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._fewer = dict[tuple[str, str], tuple[int, float]]()

    def of(self, what: tuple[str, str], most: int) -> int:
        """Tell how many to ask for."""
        count, until_s = self._fewer.get(what, (most, 0.0))
        return count if self._clock.monotonic_s() < until_s else most

    def halve(self, what: tuple[str, str], count: int, most: int) -> bool:
        """Take in that so many were too many; tell whether half of it is worth a try, which it is twice."""
        if count <= most // 4:
            return False
        self._fewer[what] = count // 2, self._clock.monotonic_s() + FEWER_S
        return True


class KeptTexts:
    """Files that were read a while ago, those that were not there among them; the one read longest ago makes room."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._login = 0  # what one token may see the next may not
        self._known = dict[tuple[str, str], tuple[str | None, float]]()
        self._chars = 0

    def kept(self, repo: str, paths: Sequence[str], login: int) -> dict[str, str | None]:
        """Give those that are known still."""
        if login != self._login:
            return {}
        now_s = self._clock.monotonic_s()
        found = {path: self._known.get((repo, path)) for path in paths}
        return {path: known[0] for path, known in found.items() if known and now_s < known[1]}

    def keep(self, repo: str, found: Mapping[str, str | None], login: int) -> None:
        """Take in what was read just now."""
        if login != self._login:
            self._known.clear()
            self._login, self._chars = login, 0
        until_s = self._clock.monotonic_s() + KEPT_S
        for path, text in found.items():
            self._drop((repo, path))
            self._known[repo, path] = text, until_s
            self._chars += len(path) + len(text or "")
        while len(self._known) > MAX_KEPT or self._chars > MAX_KEPT_CHARS:
            self._drop(next(iter(self._known)))

    def _drop(self, key: tuple[str, str]) -> None:
        if (old := self._known.pop(key, None)) is not None:
            self._chars -= len(key[1]) + len(old[0] or "")
