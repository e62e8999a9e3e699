"""Tell people who they are to Gordon, and who may do what."""

from collections.abc import Mapping, Sequence

from bot.plugin import EVERYWHERE, Call, Command, Context, Plugin, UserError, match, own_repos, scopes
from bot.values import Membership, Person, Role, Speaker

plugin = Plugin("people")


@plugin.command("whoami", reads=True)
async def whoami(ctx: Context, call: Call) -> str:
    """Tell who you are here, what proves it, and your roles."""
    assert ctx.speaker is not None
    person = ctx.house.find(ctx.speaker)
    return introduce(ctx.speaker, person, ctx.house.memberships(person) if person else ())


@plugin.command("can <person> <command>...", reads=True)
async def can(ctx: Context, call: Call) -> str:
    """Tell whether somebody may give a command, and if not, why."""
    person = ctx.house.person(call["person"])
    if person is None:
        raise UserError(
            f"nobody in people.toml is called {call['person']}, and who is not there may do what anyone may"
        )
    command = find(ctx.house.commands(), call.words("command"))
    why_not = {repo: ctx.house.may(person, command, repo) for repo in scopes(command, person)}
    others = command.others
    all_of = [repo for repo in why_not if others is not None and ctx.house.roles(person, repo) >= others]
    return verdict(person.key, command, why_not, all_of)


def find(commands: Sequence[Command], words: Sequence[str]) -> Command:
    """Find a command by what one would type; what would be given to it is ignored."""
    by_name = {command.usage.name: command for command in commands}
    usage, _ = match({name: command.usage for name, command in by_name.items()}, words)
    return by_name[usage.name]


def introduce(speaker: Speaker, person: Person | None, memberships: Sequence[Membership] = ()) -> str:
    """Say who somebody is, or what they can do to be somebody."""
    if person is not None:
        doubts = [
            f"cannot check right now whether you are in {each.team} ({each.doubt})"
            for each in memberships
            if each.doubt
        ]
        parts = [f"you are {person.key}, proven by {speaker.evidence}", roles_of(person, memberships), *doubts]
        return "; ".join(parts)
    if speaker.account and speaker.evidence:
        return (
            f"you are logged in to {speaker.network} as {speaker.account} (proven by {speaker.evidence}), "
            "but people.toml has nobody with this account; ask an operator to add it"
        )
    if speaker.doubt:
        return f"you are anyone: {speaker.doubt}"
    return (
        f"you are anyone: nothing proves who you are, and a name alone is no proof. Log in to your account on "
        f"{speaker.network}, then ask again; an operator must have that account in people.toml"
    )


def roles_of(person: Person, memberships: Sequence[Membership] = ()) -> str:
    """List somebody's roles, with the teams that give them."""
    told = [
        f"{person.roles[repo].name.lower()} in {repo}{by_team(person, repo, memberships)}" for repo in own_repos(person)
    ]
    if (everywhere := person.roles.get(EVERYWHERE, Role.ANYONE)) or not told:
        told.append(f"{everywhere.name.lower()} everywhere{by_team(person, EVERYWHERE, memberships)}")
    return ", ".join(told)


def by_team(person: Person, scope: str, memberships: Sequence[Membership]) -> str:
    role = person.roles.get(scope)
    teams = [each.team for each in memberships if role and not each.doubt and each.roles.get(scope) == role]
    return f" (by {', '.join(teams)})" if teams else ""


def verdict(name: str, command: Command, why_not: Mapping[str, str], all_of: Sequence[str]) -> str:
    """Say where somebody may give a command, and for what where that counts.

    Arguments:
        why_not: a reason for each repository, "" for everywhere.
        all_of: where their role is for what is others' too.
    """
    if command.role is Role.AUTHOR and "" not in all_of:
        some = f" in {', '.join(all_of)}, and elsewhere" if all_of else ""
        return f"yes, {name} may give {command.usage.name}{some} for {command.own}"
    if not why_not[""]:
        return f"yes, {name} may give {command.usage.name}"
    if allowed := [repo for repo, reason in why_not.items() if not reason]:
        return f"yes, {name} may give {command.usage.name} in {', '.join(allowed)}, not elsewhere"
    return f"no: {'; '.join(dict.fromkeys(why_not.values()))}"
