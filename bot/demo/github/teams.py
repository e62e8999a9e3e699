"""The teams of a GitHub on loopback: who is in them, and the two reads of the API that tell it."""

from collections.abc import Callable, Iterable

from aiohttp import web

from bot.demo.github.bodies import Bodies
from bot.demo.github.pages import page_of
from bot.demo.github.records import TeamRecord

SCOPE = "read:org"


class Teams:
    """Teams by `owner/slug`, written in any case.

    Simpler than at GitHub: a token with the scope `read:org` sees every team, and one without it none.

    Arguments:
        next_id: gives a number that nothing has.
        scopes: tells what the token of a request may do.
    """

    def __init__(
        self, bodies: Bodies, next_id: Callable[[], int], scopes: Callable[[web.Request], Iterable[str]]
    ) -> None:
        self._bodies = bodies
        self._next_id = next_id
        self._scopes = scopes

    def add(self, name: str, *logins: str, parent: str = "") -> None:
        """Make a team with these members, within another one if that is named."""
        self._bodies.teams[name.lower()] = TeamRecord(self._next_id(), name, parent.lower())
        for login in logins:
            self.join(name, login)

    def join(self, name: str, login: str) -> None:
        """Put somebody into a team."""
        self._bodies.teams[name.lower()].members.append(self._bodies.number(login))

    def leave(self, name: str, login: str) -> None:
        """Take somebody out of a team."""
        self._bodies.teams[name.lower()].members.remove(self._bodies.number(login))

    def leave_organization(self, organization: str, login: str) -> None:
        """Take somebody out of an organisation, which takes them out of all its teams."""
        for team in self._bodies.teams.values():
            if team.organization == organization and self._bodies.number(login) in team.members:
                self.leave(team.name, login)

    def routes(self) -> list[web.RouteDef]:
        """List what is answered, by the names and by the numbers of organisation and team."""
        return [
            web.get(team + rest, answer)
            for team in ("/orgs/{org}/teams/{slug}", "/organizations/{org_id}/team/{team_id}")
            for rest, answer in (("", self._get_team), ("/members", self._get_members))
        ]

    async def _get_team(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._bodies.team(self._find(request)))

    async def _get_members(self, request: web.Request) -> web.StreamResponse:
        team = self._find(request)
        page, link = page_of(
            request, self._members(team), f"{self._bodies.base_url}{self._bodies.team_path(team)}/members"
        )
        logins = {number: login for login, number in self._bodies.users.items()}
        return web.json_response([self._bodies.user(logins[number]) for number in page], headers=link)

    def _members(self, team: TeamRecord) -> list[int]:
        """List the members of a team, and of the teams within it, each once."""
        inner = [each for each in self._bodies.teams.values() if each.parent == team.name.lower()]
        return list(dict.fromkeys([*team.members, *(number for each in inner for number in self._members(each))]))

    def _find(self, request: web.Request) -> TeamRecord:
        known = request.match_info
        if "slug" in known:
            team = self._bodies.teams.get(f"{known['org']}/{known['slug']}".lower())
        else:
            here = f"/organizations/{known['org_id']}/team/{known['team_id']}"
            team = next((each for each in self._bodies.teams.values() if self._bodies.team_path(each) == here), None)
        if team is None or SCOPE not in self._scopes(request):
            raise web.HTTPNotFound
        return team
