"""GitHub as the place where pull requests live: what to ask it, and what its answers mean."""

from collections.abc import Callable, Collection, Mapping, Sequence

from bot.adapters import github_graphql as graphql
from bot.adapters import github_wire as wire
from bot.adapters.github_http import PEER, Errand, GitHubHttp, Slow
from bot.adapters.github_pages import MAX_PAGES
from bot.adapters.github_writes import GitHubWrites
from bot.clock import Clock
from bot.errors import GordonError, Refused, Unavailable, UserError
from bot.settings import GitHubSettings
from bot.values import Account, Budget, Pull, PullRef, PullSummary

FEWEST_AT_ONCE = 25  # pull requests in a page of GraphQL
FEWER_S = 3600.0  # before it is trusted with a hundred again
TEAM_RIGHT = 'it needs the scope read:org, or if it is fine-grained the permission "Members" of the organisation'


class GitHub(GitHubWrites):
    """GitHub, or an own installation of it.

    Arguments:
        read_token: reads the token anew, or of an App the private key; called in a thread, too.

    Raises:
        ConfigError: there is none to read.
    """

    def __init__(self, settings: GitHubSettings, read_token: Callable[[], str], clock: Clock) -> None:
        super().__init__(GitHubHttp(settings, read_token, clock))
        self.deadline_s = self._http.deadline_s
        self._no_teams_as = 0  # the login that lacks the scope for them
        self._clock = clock
        # For a repository and a query, how many GitHub lists before its patience ends, and until when that is believed.
        self._at_once = dict[tuple[str, str], tuple[int, float]]()

    async def pull(self, ref: PullRef) -> Pull:
        """Read one pull request by one request."""
        errand = Errand(f"reading {ref}", ref.repo)
        path = f"{self._home(ref.repo)}/pulls/{ref.number}"
        found = await self._http.get(path, lambda text: wire.read_pull(wire.read_object(text), ref), errand)
        if found is None:
            raise UserError(f"there is no pull request #{ref.number} in {ref.repo}, or it is hidden from me")
        return found[0]

    async def team(self, name: str) -> Collection[int]:
        """Read the numbers of a team's members, a hundred a request; members of teams within it are among them."""
        errand = Errand(f"reading who is in {name}", f"{name}: {TEAM_RIGHT}")
        found = await self._all(wire.members_path(name), wire.read_members, errand)
        if found is None:
            raise Refused(PEER, f"there is no team {name}, or the token may not see it: {TEAM_RIGHT}")
        return frozenset(found)

    async def summary(self, ref: PullRef) -> PullSummary:
        """Read one pull request as a list has it."""
        raise NotImplementedError

    async def texts(self, repo: str, paths: Collection[str]) -> Mapping[str, str]:
        """Read small text files of the default branch."""
        raise NotImplementedError

    async def authors(self, repo: str, paths: Collection[str]) -> Mapping[str, Sequence[Account]]:
        """Tell who has written the newest commits of paths."""
        raise NotImplementedError

    async def open_pulls(self, repo: str, *, with_files: bool = False) -> Sequence[PullSummary]:
        """List the open pull requests of a repository with all that is asked of them, a hundred a request."""
        if self._no_teams_as != self._http.logins:
            found = await self._listed(repo, graphql.PULLS)
            if found is not None:
                return found
            self._no_teams_as = self._http.logins
        found = await self._listed(repo, graphql.PULLS_WITHOUT_TEAMS)
        if found is None:
            raise Refused(PEER, f"the token lacks a scope for the pull requests of {repo}")
        return found

    async def heads(self, repo: str) -> Sequence[Pull]:
        """List the open pull requests by one point of the budget for a hundred; mergeability is missing."""
        found = await self._listed(repo, graphql.HEADS)
        if found is None:
            raise Refused(PEER, f"the token lacks a scope for the pull requests of {repo}")
        return [summary.pull for summary in found]

    async def check(self, repos: Sequence[str]) -> Sequence[str]:
        """Tell what is wrong with the connection, the token or these repositories."""
        problems = []
        for repo in repos:
            errand = Errand(f"checking {repo}", repo)
            try:
                if await self._http.get(self._home(repo), wire.read_object, errand) is None:
                    problems.append(f"there is no repository {repo} on GitHub, or it is hidden from me")
            except UserError as error:
                problems.append(str(error))
            except GordonError as error:
                return [*problems, str(error)]  # the others would fail alike
        return problems

    def budget(self) -> Sequence[Budget]:
        """Tell what is left of each limit, as the last answers told it."""
        return self._http.budget()

    async def close(self) -> None:
        """Let go of connections; a request under way is left to itself and holds up nothing."""
        await self._http.close()

    async def _listed(self, repo: str, query: str) -> list[PullSummary] | None:
        """List open pull requests over all pages; None if the token lacks a scope for a part of the query."""
        owner, _, name = self._home(repo).removeprefix("/repos/").partition("/")
        errand = Errand(f"listing the pull requests of {repo}", repo, is_idle=True)
        found = dict[int, PullSummary]()
        after: str | None = None
        for _ in range(MAX_PAGES):
            first, until_s = self._at_once.get((repo, query), (wire.PAGE_SIZE, 0.0))
            first = first if self._clock.monotonic_s() < until_s else wire.PAGE_SIZE
            asked = {"owner": owner, "name": name, "first": first, "after": after}
            try:
                page = await self._http.graphql(query, asked, lambda data: graphql.read_page(data, repo), errand)
            except Slow:
                if first <= FEWEST_AT_ONCE:
                    raise
                self._at_once[repo, query] = first // 2, self._clock.monotonic_s() + FEWER_S
                continue
            if isinstance(page, graphql.GraphProblem):
                return None
            found |= {summary.pull.ref.number: summary for summary in page.found}
            after = page.after
            if not after:
                return list(found.values())
        raise Unavailable(PEER, f"{errand.doing}: there are more than {MAX_PAGES} pages")
