"""Tell people who they are to Gordon, and who may do what."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.plugin import (
    EVERYWHERE,
    Button,
    Call,
    Card,
    Command,
    Context,
    Link,
    Linking,
    Plugin,
    Step,
    UserError,
    called,
    match,
    own_repos,
    scopes,
)
from bot.values import Membership, Person, Role, Speaker

plugin = Plugin("people")
YES, NO = "link yes", "link no"


@plugin.command("whoami", reads=True)
async def whoami(ctx: Context, call: Call) -> str:
    """Tell who you are here, what proves it, and your roles."""
    assert ctx.speaker is not None
    person = ctx.house.find(ctx.speaker)
    if person is None:
        return introduce(ctx.speaker, None)
    said = introduce(ctx.speaker, person, ctx.house.memberships(person))
    return "; ".join([said, *accounts_of(ctx, person, but=ctx.speaker.network)])


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
    return "; ".join([verdict(person.key, command, why_not, all_of), *accounts_of(ctx, person)])


@plugin.command("link [<code>]")
async def link(ctx: Context, call: Call) -> str | Card:
    """Join an account of yours on another network to the one that you have here: asked in private, it begins."""
    found = await ctx.house.link(ctx.event, call["code"] or "")
    if found.place is not None and (words := said_there(found)):
        ctx.tell(found.place, words)
    return said_here(found)


@plugin.command("unlink <network> [<person>]", role=Role.AUTHOR, own="what is linked to them", others=Role.OPERATOR)
async def unlink(ctx: Context, call: Call) -> str:
    """Take apart what was joined by link: your account on a network, or as an operator somebody else's."""
    gone = await ctx.house.unlink(ctx.event, call["network"], call["person"] or "")
    return "no longer linked: " + "; ".join(told(link, ctx.clock.now()) for link in gone)


@plugin.command("links [<person>]", role=Role.AUTHOR, reads=True, own="anybody", others=Role.AUTHOR)
async def links(ctx: Context, call: Call) -> str | Card:
    """List which accounts you, or somebody, have joined by link, and since when."""
    assert ctx.speaker is not None
    key = call["person"]
    person = ctx.house.person(key) if key else ctx.house.find(ctx.speaker)
    if person is None:
        raise UserError(f"nobody here is called {key}" if key else "nobody knows you here (whoami tells more)")
    found = [told(link, ctx.clock.now()) for link in ctx.house.links(person)]
    if not found:
        return Card(f"{person.key} has linked no accounts", is_nothing=True)
    return Card(f"{person.key} has linked", tuple(found), brief=f"{person.key} has linked {'; '.join(found)}")


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
            "but people.toml has nobody with this account; ask an operator to add it, or say link to me in private to "
            "join it to an account that is known, or to yours on GitHub"
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


def accounts_of(ctx: Context, person: Person, *, but: str = "") -> Sequence[str]:
    """Say by which accounts somebody is known, if there is more to tell than one.

    Arguments:
        but: the network where they speak, so that they know of their account there.
    """
    links = {link.who.network: told(link, ctx.clock.now()) for link in ctx.house.links(person)}
    found = {network: f"{account} on {network}" for network, account in ctx.house.accounts(person).items()}
    words = [said for network, said in (found | links).items() if network != but or network in links]
    return [f"known as {', '.join(words)}"] if links or len(found) > 1 else []


def told(link: Link, now: datetime) -> str:
    """Tell what was joined to what, and how long ago, as an account may be somebody else's after years."""
    days = (now - link.at).days
    age = "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
    return f"{called(link.who)} (linked to {called(link.to)}, {link.at:%Y-%m-%d}, {age})"


def said_here(found: Linking) -> str | Card:
    """Answer whoever has taken a step."""
    if found.step is Step.ASKED:
        return (
            f"on your other network say to me in private, within 10 minutes: link {found.token} (on GitHub in a "
            "comment on a pull request, where you mention me); then each side is shown what is joined, and has to agree"
        )
    return _said(found, is_here=True)


def said_there(found: Linking) -> str | Card:
    """Tell the other side; empty for nothing that it needs to know."""
    return "" if found.step is Step.AGREED else _said(found, is_here=False)


def _said(found: Linking, *, is_here: bool) -> str | Card:
    if found.there is None:
        return "nothing is being joined now"
    here, there = called(found.here), called(found.there)
    if found.step is Step.DROPPED:
        return f"{here} is not joined with {there}" if is_here else f"{here} said no, so it is not joined with {there}"
    if found.step is Step.JOINED:
        return f"joined: {here} and {there} are both {found.person} from now on; links lists it, unlink undoes it"
    if found.step is Step.AGREED:
        return f"noted; {there} has to agree within 120 s, too, where they were asked"
    what = f"this joins {here} and {there}, both as {found.person}"
    ask = "only if both accounts are yours, say within 120 s: link yes (else link no); the other one has to, too"
    return Card(what, (ask,), buttons=(Button("Both are mine", YES), Button("No", NO)))
