"""GitHub as the place where pull requests live: what to ask it, and what its answers mean."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence

from bot.adapters import github_wire as wire
from bot.adapters.github_examination import GitHubExamination
from bot.adapters.github_http import PEER, Errand, GitHubHttp
from bot.adapters.github_queries import GitHubQueries
from bot.calls import Calls
from bot.clock import Clock
from bot.errors import Refused, UserError
from bot.findings import Finding, ForgeNeeds, words_of
from bot.settings import GitHubSettings
from bot.values import Budget, Pull, PullRef

TEAM_RIGHT = 'it needs the scope read:org, or if it is fine-grained the permission "Members" of the organisation'


class GitHub(GitHubQueries):
    """GitHub, or an own installation of it.

    Arguments:
        read_token: reads the token anew, or of an App the private key; called in a thread, too.

    Raises:
        ConfigError: there is none to read.
    """

    def __init__(
        self, settings: GitHubSettings, read_token: Callable[[], str], clock: Clock, calls: Calls | None = None
    ) -> None:
        super().__init__(GitHubHttp(settings, read_token, clock, calls), clock)
        self.deadline_s = self._http.deadline_s
        self._examination = GitHubExamination(self._http, settings, self.team, clock)

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

    def examine(self, needs: ForgeNeeds) -> AsyncIterator[Finding]:
        """Tell of the connection, the token and what is needed how it is, and what to do about what is wrong."""
        return self._examination.findings(needs)

    async def check(self, repos: Sequence[str]) -> Sequence[str]:
        """Tell what is wrong with the connection, the token or these repositories."""
        return words_of([one async for one in self.examine(ForgeNeeds(repos))])

    def budget(self) -> Sequence[Budget]:
        """Tell what is left of each limit, as the last answers told it."""
        return self._http.budget()

    async def close(self) -> None:
        """Let go of connections; a request under way is left to itself and holds up nothing."""
        await self._http.close()
