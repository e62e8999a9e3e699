"""Who may do what: the one place where a role is weighed against a command or a target."""

from bot.commands import Call
from bot.errors import NotAllowed
from bot.events import Person, Pull, PullRef, Role, Speaker
from bot.people import People
from bot.plugin import Command


class Access:
    """Answers from the people file; whoever is not proven is anyone.

    Arguments:
        people: who is who.
        home: the repository whose roles count for what belongs to none, as `build` of a job.
    """

    def __init__(self, people: People, home: str) -> None:
        self.people = people
        self._home = home

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
        if why := self.why_not(who, command, repo_of(call)):
            raise NotAllowed(why)

    def role_for(self, person: Person | None, call: Call) -> Role:
        """Tell somebody's role where a command's target belongs."""
        return self.people.role(person, repo_of(call) or self._home)

    def has_lost(self, who: Speaker, floor: Role) -> bool:
        """Tell whether somebody who had a role when they asked has it no more."""
        return self.people.role(self.people.find(who), self._home) < floor

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


def repo_of(call: Call) -> str:
    """Tell which repository a command is about; empty for none."""
    return call.target.repo if isinstance(call.target, PullRef) else ""
