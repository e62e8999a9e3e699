"""Who may do what: the one place where a role is weighed against a command or a target."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from bot.commands import Call, Target
from bot.errors import NotAllowed, Unchecked
from bot.groups import Groups
from bot.live import Live
from bot.people import EVERYWHERE, People, role_in
from bot.plugin import Command
from bot.rolls import M, Rolls
from bot.teams import Teams
from bot.values import (
    BuildRef,
    ContextRef,
    JobRef,
    Membership,
    NodeRef,
    Person,
    Pull,
    PullRef,
    RepoRef,
    Role,
    Speaker,
)


class Access:
    """Answers from the people file and the teams as they are now; whoever is not proven is anyone.

    What belongs to no repository is the home's matter. Who commands a job must have the role in each repository for
    whose pull requests it builds. A role counts by the file, by a team or by a group; one whose members nobody can
    tell now gives none. Who is in a team or group is told of the accounts that the file names, so that nobody has more
    by a link than they had.
    """

    def __init__(self, live: Live, teams: Teams, groups: Groups | None = None) -> None:
        self._live = live
        self._teams = teams
        self._groups = groups

    @property
    def people(self) -> People:
        """Who is who now."""
        return self._live.now.people

    @property
    def _home(self) -> str:
        return self._live.now.settings.gordon.home

    def find(self, who: Speaker) -> Person | None:
        """Tell who a speaker is proven to be, with all the roles that they have now."""
        person = self.people.find(who)
        return self._with_teams(person) if person is not None else None

    def by_name(self, key: str) -> Person | None:
        """Find somebody by their name in the people file, with all the roles that they have now."""
        person = self.people.by_name(key)
        return self._with_teams(person) if person is not None else None

    def memberships(self, person: Person) -> Sequence[Membership]:
        """List the teams and groups that somebody is in, and those where nobody can tell now whether they are."""
        own = self.people.in_file(person.key)
        found: list[Membership] = []
        if own is None:
            return found
        for team, roles in self.people.teams.items() if own.github_id is not None else ():
            found += _membership(self._teams, team, own.github_id or 0, roles)
        if self._groups is not None and self.people.groups:
            accounts = self.people.accounts_in_file(own.key)
            for group, roles in self.people.groups.items():
                if account := accounts.get(group.partition("/")[0]):
                    found += _membership(self._groups, group, account, roles)
        return found

    def role(self, person: Person | None, repo: str | None) -> Role:
        """Tell the highest role of somebody in a repository; for None, the one that counts everywhere."""
        own = self.people.by_name(person.key) if person is not None else None
        if own is None:
            return Role.ANYONE
        by_team = (role_in(each.roles, repo) for each in self.memberships(own) if not each.doubt)
        return max([role_in(own.roles, repo), *by_team])

    def is_insider(self, account: int, repo: str) -> bool:
        """Tell whether whose account this is on the forge has any role in a repository, by the file or by a team.

        Raises:
            Unchecked: that hangs on a team whose members nobody can tell now.
        """
        person = self.people.by_github(account)
        if role_in(person.roles if person else {}, repo) >= Role.AUTHOR:
            return True
        doubt = ""
        for team, roles in self.people.teams.items():
            if not account or role_in(roles, repo) < Role.AUTHOR:
                continue
            is_in = self._teams.has(team, account)
            if is_in:
                return True
            if is_in is None:
                doubt = f"{team} ({self._teams.why_unknown(team)})"
        if doubt:
            raise Unchecked(f"cannot check right now who is in {doubt}, so not now")
        return False

    def require(self, who: Speaker | Person, floor: Role, repo: str | None, refusal: str) -> None:
        """See that somebody has a role in a repository; for None, everywhere.

        Raises:
            Unchecked: it hangs on a team whose members nobody can tell now.
            NotAllowed: they have not; in these words.
        """
        person = self.people.find(who) if isinstance(who, Speaker) else self.people.by_name(who.key)
        if self.role(person, repo) >= floor:
            return
        for each in self.memberships(person) if person is not None else ():
            if each.doubt and role_in(each.roles, repo) >= floor:
                whom = "you are" if isinstance(who, Speaker) else f"{who.key} is"
                raise Unchecked(f"cannot check right now whether {whom} in {each.team} ({each.doubt}), so not now")
        raise NotAllowed(refusal)

    def why_not(self, who: Speaker | Person, command: Command, repo: str) -> str:
        """Tell why somebody may not give a command; empty if they may, as far as the target does not decide.

        Arguments:
            repo: the repository that the command is about; empty for none, which means home.
        """
        try:
            self._weigh(who, command, repo)
        except NotAllowed as error:
            return str(error)
        return ""

    def weigh(self, who: Speaker, command: Command, call: Call) -> None:
        """See that somebody may give a command, now and for its target.

        Raises:
            Unchecked: that hangs on a team whose members nobody can tell now.
            NotAllowed: they may not, and why.
        """
        for repo in self.repos(call.target):
            self._weigh(who, command, repo)

    def role_for(self, person: Person | None, call: Call) -> Role:
        """Tell somebody's role where a command's target belongs."""
        return min(self.role(person, repo or self._home) for repo in self.repos(call.target))

    def has_lost(self, who: Speaker, floor: Role, target: JobRef | NodeRef) -> bool:
        """Tell whether somebody who had a role when they asked for something about a job or an agent has it no more.

        Raises:
            Unchecked: that hangs on a team whose members nobody can tell now.
        """
        try:
            for repo in self.repos(target):
                self.require(who, floor, repo or self._home, "")
        except Unchecked:
            raise
        except NotAllowed:
            return True
        return False

    def of_pull(self, who: Speaker, pull: Pull) -> Person:
        """Tell who may have builds of this pull request started: triagers, and its author.

        Raises:
            Unchecked: that hangs on a team whose members nobody can tell now.
            NotAllowed: this one may not.
        """
        person = self.find(who)
        if person is None:
            raise NotAllowed(f"builds of {pull.ref.short} are not yours to start: {unproven(who)}")
        if person.github_id is None or person.github_id != pull.author_id:
            refusal = (
                f"builds of {pull.ref.short} may be started by its author and by triagers of {pull.ref.repo}; "
                f"{person.key} is neither"
            )
            self.require(who, Role.TRIAGER, pull.ref.repo, refusal)
        return person

    def _weigh(self, who: Speaker | Person, command: Command, repo: str) -> None:
        name, needed = command.usage.name, command.role.name.lower()
        person = self.people.find(who) if isinstance(who, Speaker) else self.people.by_name(who.key)
        if person is None and isinstance(who, Speaker) and who.evidence and who.doubt:
            raise NotAllowed(f"{name} is not for you here: {who.doubt.rstrip('.')}")
        if command.role is Role.ANYONE:
            return
        if person is None:
            why = unproven(who) if isinstance(who, Speaker) else f"{who.key} is not in people.toml"
            raise NotAllowed(f"{name} needs the role {needed}, and {why}")
        if command.role is Role.AUTHOR:
            return
        # Who operates the whole program must be operator everywhere.
        scope = None if command.role is Role.OPERATOR else repo or self._home
        where = f"in {scope}" if scope else "everywhere"
        has = self.role(person, scope).name.lower()
        if scope is None and self._with_teams(person).roles.keys() - {EVERYWHERE}:
            has += " (roles in single repositories do not count for it)"
        self.require(who, command.role, scope, f"{name} needs the role {needed} {where}; {person.key} is {has}")

    def _with_teams(self, person: Person) -> Person:
        roles = dict(person.roles)
        for each in self.memberships(person):
            for scope, role in each.roles.items() if not each.doubt else ():
                roles[scope] = max(role, roles.get(scope, Role.ANYONE))
        return replace(person, roles=roles)

    def repos(self, target: Target | None) -> Collection[str]:
        """List the repositories that something belongs to; "" alone for what belongs to none, as an agent."""
        if isinstance(target, PullRef):
            return (target.repo,)
        if isinstance(target, RepoRef):
            return (target.name,)
        if isinstance(target, ContextRef):
            return (target.repo,)
        job = target.job if isinstance(target, BuildRef) else target
        return (sorted(self._live.now.repos_of(job)) if isinstance(job, JobRef) else ()) or ("",)


def _membership(rolls: Rolls[M], name: str, account: M, roles: Mapping[str, Role]) -> Sequence[Membership]:
    is_in = rolls.has(name, account)
    return [] if is_in is False else [Membership(name, roles, doubt="" if is_in else rolls.why_unknown(name))]


def unproven(who: Speaker) -> str:
    """Say why somebody is nobody here, and what to do about it."""
    if who.doubt:
        return f"nothing proves who you are here: {who.doubt.rstrip('.')}"
    if who.account and who.evidence:
        return "people.toml has nobody with your account (whoami tells more)"
    return "nothing proves who you are here (whoami tells more)"


def repo_of(call: Call) -> str:
    """Tell which repository a command is about; empty for none."""
    return call.target.repo if isinstance(call.target, PullRef) else ""
