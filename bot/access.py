"""Who may do what: the one place where a role is weighed against a command or a target."""

from collections.abc import Collection

from bot.commands import Call
from bot.errors import NotAllowed
from bot.events import BuildRef, JobRef, Person, Pull, PullRef, Role, Speaker
from bot.live import Live
from bot.people import People
from bot.plugin import Command


class Access:
    """Answers from the people file as it is now; whoever is not proven is anyone.

    What belongs to no repository is the home's matter. Who commands a job must have the role in each repository for
    whose pull requests it builds.
    """

    def __init__(self, live: Live) -> None:
        self._live = live

    @property
    def people(self) -> People:
        """Who is who now."""
        return self._live.now.people

    @property
    def _home(self) -> str:
        return self._live.now.settings.gordon.home

    def why_not(self, who: Speaker | Person, command: Command, repo: str) -> str:
        """Tell why somebody may not give a command; empty if they may, as far as the target does not decide.

        Arguments:
            repo: the repository that the command is about; empty for none, which means home.
        """
        if command.role is Role.ANYONE:
            return ""
        person = self.people.find(who) if isinstance(who, Speaker) else who
        if person is None:
            return (
                f"{command.usage.name} needs the role {command.role.name.lower()}, "
                "and nothing proves who you are here (whoami tells more)"
            )
        # Who operates the whole program must be operator everywhere.
        scope = None if command.role is Role.OPERATOR else repo or self._home
        if command.role is Role.AUTHOR or self.people.role(person, scope) >= command.role:
            return ""
        where = f"in {scope}" if scope else "everywhere"
        has = self.people.role(person, scope).name.lower()
        needed = command.role.name.lower()
        return f"{command.usage.name} needs the role {needed} {where}; {person.key} is {has}"

    def weigh(self, who: Speaker, command: Command, call: Call) -> None:
        """See that somebody may give a command, now and for its target.

        Raises:
            NotAllowed: they may not, and why.
        """
        for repo in self._repos(call.target):
            if why := self.why_not(who, command, repo):
                raise NotAllowed(why)

    def role_for(self, person: Person | None, call: Call) -> Role:
        """Tell somebody's role where a command's target belongs."""
        return min(self.people.role(person, repo or self._home) for repo in self._repos(call.target))

    def has_lost(self, who: Speaker, floor: Role, job: JobRef) -> bool:
        """Tell whether somebody who had a role when they asked for a job has it no more."""
        person = self.people.find(who)
        return any(self.people.role(person, repo or self._home) < floor for repo in self._repos(job))

    def of_pull(self, who: Speaker, pull: Pull) -> Person:
        """Tell who may have builds of this pull request started: triagers, and its author.

        Raises:
            NotAllowed: this one may not.
        """
        person = self.people.find(who)
        if person is None:
            raise NotAllowed(f"nothing proves who you are, so builds of {pull.ref.short} are not yours to start")
        if self.people.role(person, pull.ref.repo) >= Role.TRIAGER:
            return person
        if person.github_id is not None and person.github_id == pull.author_id:
            return person
        raise NotAllowed(
            f"builds of {pull.ref.short} may be started by its author and by triagers of {pull.ref.repo}; "
            f"{person.key} is neither"
        )

    def _repos(self, target: PullRef | JobRef | BuildRef | None) -> Collection[str]:
        if isinstance(target, PullRef):
            return (target.repo,)
        job = target.job if isinstance(target, BuildRef) else target
        return (sorted(self._live.now.repos_of_jobs.get(job, ())) if job else ()) or ("",)


def repo_of(call: Call) -> str:
    """Tell which repository a command is about; empty for none."""
    return call.target.repo if isinstance(call.target, PullRef) else ""
