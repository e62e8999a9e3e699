"""Who is who and may do what: `people.toml`, read whole and checked before anybody is believed."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from bot.linked import FORGE_NETWORK, Known, Link
from bot.toml_file import Builder, Findings, or_nearest, read, show, table_name
from bot.values import Person, Role, Speaker

CONSOLE = "console"  # both the network and the evidence of a person at this terminal
FORGE = FORGE_NETWORK  # the same for who writes there, by the number of the account
MACHINE = "leeroy"  # the same for a program that asks over HTTP as Leeroy's clients do
SCHEDULE = "schedule"  # the same for what somebody has put down to be told at set times
EVERYWHERE = "*"
ROLES = {role.name.lower(): role for role in Role}

KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
TEAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")  # owner/slug, as in its address
GROUP = re.compile(r"[^/\s]{1,64}/(@[a-z0-9][a-z0-9._-]{0,79}|S[A-Z0-9]{6,20})")  # network/@handle, or its id
MEMBER = re.compile(r"([TE][A-Z0-9]{6,20}/)?[UW][A-Z0-9]{6,20}")  # of Slack: people of other workspaces with theirs
ACCOUNT = re.compile(r"(?!0$)[!-)+-~][!-~]{0,63}")  # printable ASCII; "*" and "0" are how IRC says "no account"


class PersonEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`[people.NAME]`."""

    github_id: int | None = None
    irc: dict[str, str] = {}  # network: services account
    slack: dict[str, str] = {}  # network: id of the user; "TEAM/USER" of somebody from another workspace
    roles: dict[str, str] = {}  # "*" or a repository: role


class TeamEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`[teams."OWNER/TEAM"]`: what its members have besides their own roles."""

    roles: dict[str, str]


class GroupEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`[groups."NETWORK/@GROUP"]`: the same of a group of users on a chat network."""

    roles: dict[str, str]


class PeopleFile(msgspec.Struct, frozen=True):
    """The whole of `people.toml`."""

    people: dict[str, PersonEntry] = {}
    teams: dict[str, TeamEntry] = {}
    groups: dict[str, GroupEntry] = {}


class People:
    """Everybody who is somebody: who stands in the file, with the accounts that they have linked, and who linked some.

    Arguments:
        accounts: the key of the person by network and account, which is compared without regard to case.
        teams: by team, the role that its members have by repository or `*`; who is a member is `teams.py`'s to know.
        groups: the same by group, as `network/@handle`; who is a member is `groups.py`'s to know.
        members: as `accounts`, of networks where ids are compared as they stand.
        links: the accounts that people have joined; those that do not count any more have no effect.
    """

    def __init__(
        self,
        people: Mapping[str, Person],
        accounts: Mapping[tuple[str, str], str],
        teams: Mapping[str, Mapping[str, Role]] = MappingProxyType({}),
        groups: Mapping[str, Mapping[str, Role]] = MappingProxyType({}),
        members: Mapping[tuple[str, str], str] = MappingProxyType({}),
        links: Sequence[Link] = (),
    ) -> None:
        self.teams = MappingProxyType(dict(teams))
        self.groups = MappingProxyType(dict(groups))
        self.links = tuple(links)
        folded = {(network, _folded(account)): key for (network, account), key in accounts.items()}
        self._file = Known(people, folded | dict(members))
        self._now = Known(people, self._file.accounts, links) if links else self._file

    def __iter__(self) -> Iterator[Person]:
        return iter(self._file.people.values())

    def __len__(self) -> int:
        return len(self._file.people)

    def linked(self, links: Sequence[Link]) -> "People":
        """Tell who everybody is with these links instead of those that there were."""
        return People(self._file.people, {}, self.teams, self.groups, self._file.accounts, links)

    def find(self, speaker: Speaker) -> Person | None:
        """Tell who spoke; None unless an account was proven that belongs to somebody."""
        if not speaker.account or not speaker.evidence or not speaker.account.isascii():
            return None
        own = {CONSOLE, FORGE, MACHINE, SCHEDULE} & {speaker.network, speaker.evidence}
        if own and speaker.network != speaker.evidence:
            return None
        if speaker.network in (CONSOLE, MACHINE, SCHEDULE):
            return self.by_name(speaker.account)
        known = self._file if speaker.doubt else self._now  # a doubt about an account is lifted by the file alone
        owner = known.owner  # ids are kept in capitals, so that nobody has one in small letters
        return self.by_name(owner(speaker.network, speaker.account) or owner(speaker.network, _folded(speaker.account)))

    def by_github(self, number: int) -> Person | None:
        """Look a person up by the number of their account on GitHub, which 0 is none of."""
        return self.by_name(self._now.numbers.get(number, "")) if number else None

    def accounts_of(self, key: str) -> Mapping[str, str]:
        """Tell somebody's account on each network, as it is compared: in small letters, and ids as they stand."""
        return {network: account for (network, account), whose in self._now.accounts.items() if whose == key}

    def accounts_in_file(self, key: str) -> Mapping[str, str]:
        """Tell the same of what stands in the file."""
        return {network: account for (network, account), whose in self._file.accounts.items() if whose == key}

    def by_name(self, key: str) -> Person | None:
        """Look a person up by their name in the file, or the one that their links have made."""
        return self._now.people.get(key)

    def in_file(self, key: str) -> Person | None:
        """Look a person up as the file has them."""
        return self._file.people.get(key)

    def links_of(self, key: str) -> Sequence[Link]:
        """List the links that count for somebody."""
        return self._now.counting.get(key, ())


def role_in(roles: Mapping[str, Role], repo: str | None) -> Role:
    """Tell the highest of some roles that counts in a repository; for None, the one that counts everywhere."""
    everywhere = roles.get(EVERYWHERE, Role.ANYONE)
    return everywhere if repo is None else max(everywhere, roles.get(repo, Role.ANYONE))


def load_people(
    path: Path,
    *,
    repos: Collection[str] | None = None,
    networks: Collection[str] | None = None,
    slack: Collection[str] | None = None,
    with_github: bool = True,
) -> People:
    """Read and check a people file.

    Arguments:
        repos, networks: those of the configuration; what names another is wrong then.
        slack: those networks that are Slack's, where alone there are ids of users, and groups.
        with_github: there is a GitHub to be asked who is in a team; without one, teams are wrong.

    Raises:
        ConfigError: everything that is wrong with it.
    """
    file = read(path)
    findings = Findings(file)
    whole = Builder(findings, path.parent).struct(PeopleFile, file.data)
    entries = whole.people
    _check_unique(entries, findings)
    _check_teams(whole.teams, repos, findings, with_github=with_github)
    _check_groups(whole.groups, slack, repos, findings)
    accounts: dict[tuple[str, str], str] = {}
    members: dict[tuple[str, str], str] = {}
    for key, entry in entries.items():
        _check_roles(("people", key), entry.roles, repos, findings)
        _check_irc(key, entry, networks, slack or (), findings)
        _check_slack(key, entry, networks if slack is None else slack, findings)
        accounts.update(dict.fromkeys(entry.irc.items(), key))
        members.update(dict.fromkeys(entry.slack.items(), key))
    findings.raise_any()
    people = {key: Person(key, _roles(entry), entry.github_id) for key, entry in entries.items()}
    teams, groups = ({name: _roles(one) for name, one in given.items()} for given in (whole.teams, whole.groups))
    return People(people, accounts, teams, groups, members)


def _roles(entry: PersonEntry | TeamEntry | GroupEntry) -> Mapping[str, Role]:
    return {scope: ROLES[role] for scope, role in entry.roles.items()}


def _folded(account: str) -> str:
    # Only A-Z: networks differ in whether [ and { are one letter, and nobody may be taken for another.
    return account.lower()


def _check_unique(entries: Mapping[str, PersonEntry], findings: Findings) -> None:
    keys: dict[str, str] = {}
    ids: dict[int, str] = {}
    owners: dict[tuple[str, str], str] = {}
    for key, entry in entries.items():
        at = ("people", key)
        if not KEY.fullmatch(key):
            findings.say(at, f"{table_name(at)}: {show(key)} cannot be a person's name here")
        if (other := keys.setdefault(key.lower(), key)) != key:
            findings.say(at, f"{table_name(at)}: there is {show(other)} already")
        if entry.github_id is not None and (other := ids.setdefault(entry.github_id, key)) != key:
            findings.about((*at, "github_id"), f"is {show(entry.github_id)}, which belongs to {show(other)} already")
        proofs = [("irc", *each) for each in entry.irc.items()] + [("slack", *each) for each in entry.slack.items()]
        for kind, network, account in proofs:
            if (other := owners.setdefault((network, _folded(account)), key)) != key:
                findings.about((*at, kind, network), f"is {show(account)}, which belongs to {show(other)} already")


def _check_teams(
    teams: Mapping[str, TeamEntry], repos: Collection[str] | None, findings: Findings, *, with_github: bool
) -> None:
    names: dict[str, str] = {}
    for name, team in teams.items():
        at = ("teams", name)
        if not with_github:
            findings.say(at, f"{table_name(at)}: GitHub knows who is in a team, and no [github] is configured")
        if not TEAM.fullmatch(name):
            findings.say(at, f"{table_name(at)}: {show(name)} is no team; write owner/team as in its address on GitHub")
        if (other := names.setdefault(name.lower(), name)) != name:
            findings.say(at, f"{table_name(at)}: there is {show(other)} already, and GitHub takes both for one")
        _check_roles(at, team.roles, repos, findings)


def _check_groups(
    groups: Mapping[str, GroupEntry],
    networks: Collection[str] | None,
    repos: Collection[str] | None,
    findings: Findings,
) -> None:
    for name, group in groups.items():
        at, network = ("groups", name), name.partition("/")[0]
        if not GROUP.fullmatch(name):
            said = "is no group; write network/@handle, in small letters, or network/ and its id, which begins with S"
            findings.say(at, f"{table_name(at)}: {show(name)} {said}")
        elif networks is not None and network not in networks:
            has = ", ".join(map(show, networks)) or "none"
            said = f"groups are known on Slack, and {show(network)} is no [slack.NAME]; there are {has}"
            findings.say(at, f"{table_name(at)}: {said}{or_nearest(network, networks)}")
        _check_roles(at, group.roles, repos, findings)


def _check_roles(
    holder: tuple[str, str], roles: Mapping[str, str], repos: Collection[str] | None, findings: Findings
) -> None:
    for scope, role in roles.items():
        at = (*holder, "roles", scope)
        if role not in ROLES:
            findings.about(at, f"must be one of {', '.join(ROLES)}, is {show(role)}{or_nearest(role, ROLES)}")
        elif scope != EVERYWHERE and repos is not None and scope not in repos:
            has = ", ".join(map(show, repos)) or "none"
            findings.about(at, f'is for no configured repository; there are "*", {has}{or_nearest(scope, repos)}')


def _check_irc(
    key: str, entry: PersonEntry, networks: Collection[str] | None, slack: Collection[str], findings: Findings
) -> None:
    if entry.github_id is not None and entry.github_id < 1:
        findings.about(("people", key, "github_id"), f"must be 1 or more, is {show(entry.github_id)}")
    for network, account in entry.irc.items():
        at = ("people", key, "irc", network)
        if network == CONSOLE:
            findings.about(at, "is no IRC network; at the console a person is known by their name here")
        elif network in (FORGE, MACHINE, SCHEDULE):
            findings.about(at, "is no IRC network; who writes on GitHub is known by github_id")
        elif network in slack:
            findings.about(at, "is no IRC network; who writes on Slack is known by slack")
        elif networks is not None and network not in networks:
            has = ", ".join(map(show, networks)) or "none"
            findings.about(at, f"is no configured network; there are {has}{or_nearest(network, networks)}")
        elif not ACCOUNT.fullmatch(account):
            findings.about(at, f"must be a services account in plain ASCII, is {show(account)}")


def _check_slack(key: str, entry: PersonEntry, networks: Collection[str] | None, findings: Findings) -> None:
    for network, account in entry.slack.items():
        at = ("people", key, "slack", network)
        if networks is not None and network not in networks:
            has = ", ".join(map(show, networks)) or "none"
            findings.about(at, f"is no configured network; there are {has}{or_nearest(network, networks)}")
        elif not MEMBER.fullmatch(account):
            findings.about(at, f"must be the id of a user, which begins with U or W, is {show(account)}")
