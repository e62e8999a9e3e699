"""Who is who and may do what: `people.toml`, read whole and checked before anybody is believed."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from bot.events import Person, Role, Speaker
from bot.toml_file import Builder, Findings, or_nearest, read, show, table_name

CONSOLE = "console"  # both the network and the evidence of a person at this terminal
EVERYWHERE = "*"
ROLES = {role.name.lower(): role for role in Role}

KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
ACCOUNT = re.compile(r"(?!0$)[!-)+-~][!-~]{0,63}")  # printable ASCII; "*" and "0" are how IRC says "no account"


class PersonEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`[people.NAME]`."""

    github_id: int | None = None
    irc: dict[str, str] = {}  # network: services account
    roles: dict[str, str] = {}  # "*" or a repository: role


class PeopleFile(msgspec.Struct, frozen=True):
    """The whole of `people.toml`."""

    people: dict[str, PersonEntry] = {}


class People:
    """Everybody who is more than anyone.

    Arguments:
        accounts: the key of the person by network and account.
    """

    def __init__(self, people: Mapping[str, Person], accounts: Mapping[tuple[str, str], str]) -> None:
        self._people = dict(people)
        self._accounts = {(network, _folded(account)): key for (network, account), key in accounts.items()}

    def __iter__(self) -> Iterator[Person]:
        return iter(self._people.values())

    def __len__(self) -> int:
        return len(self._people)

    def find(self, speaker: Speaker) -> Person | None:
        """Tell who spoke; None unless an account was proven that belongs to somebody."""
        if not speaker.account or not speaker.evidence or not speaker.account.isascii():
            return None
        if (speaker.network == CONSOLE) != (speaker.evidence == CONSOLE):
            return None
        if speaker.network == CONSOLE:
            return self._people.get(speaker.account)
        key = self._accounts.get((speaker.network, _folded(speaker.account)))
        return None if key is None else self._people[key]

    def role(self, person: Person | None, repo: str | None) -> Role:
        """Tell the highest role of a person for a repository; for None, the one that counts everywhere."""
        if person is None:
            return Role.ANYONE
        everywhere = person.roles.get(EVERYWHERE, Role.ANYONE)
        return everywhere if repo is None else max(everywhere, person.roles.get(repo, Role.ANYONE))

    def by_name(self, key: str) -> Person | None:
        """Look a person up by their name in the file."""
        return self._people.get(key)


def load_people(path: Path, *, repos: Collection[str] | None = None, networks: Collection[str] | None = None) -> People:
    """Read and check a people file.

    Arguments:
        repos, networks: those of the configuration; what names another is wrong then.

    Raises:
        ConfigError: everything that is wrong with it.
    """
    file = read(path)
    findings = Findings(file)
    entries = Builder(findings, path.parent).struct(PeopleFile, file.data).people
    _check_unique(entries, findings)
    accounts: dict[tuple[str, str], str] = {}
    for key, entry in entries.items():
        _check_roles(key, entry, repos, findings)
        _check_accounts(key, entry, networks, findings)
        accounts.update(dict.fromkeys(entry.irc.items(), key))
    findings.raise_any()
    return People({key: _person(key, entry) for key, entry in entries.items()}, accounts)


def _person(key: str, entry: PersonEntry) -> Person:
    return Person(key, {scope: ROLES[role] for scope, role in entry.roles.items()}, entry.github_id)


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
        for network, account in entry.irc.items():
            if (other := owners.setdefault((network, _folded(account)), key)) != key:
                findings.about((*at, "irc", network), f"is {show(account)}, which belongs to {show(other)} already")


def _check_roles(key: str, entry: PersonEntry, repos: Collection[str] | None, findings: Findings) -> None:
    for scope, role in entry.roles.items():
        at = ("people", key, "roles", scope)
        if role not in ROLES:
            findings.about(at, f"must be one of {', '.join(ROLES)}, is {show(role)}{or_nearest(role, ROLES)}")
        elif scope != EVERYWHERE and repos is not None and scope not in repos:
            has = ", ".join(map(show, repos)) or "none"
            findings.about(at, f'is for no configured repository; there are "*", {has}{or_nearest(scope, repos)}')


def _check_accounts(key: str, entry: PersonEntry, networks: Collection[str] | None, findings: Findings) -> None:
    if entry.github_id is not None and entry.github_id < 1:
        findings.about(("people", key, "github_id"), f"must be 1 or more, is {show(entry.github_id)}")
    for network, account in entry.irc.items():
        at = ("people", key, "irc", network)
        if network == CONSOLE:
            findings.about(at, "is no IRC network; at the console a person is known by their name here")
        elif networks is not None and network not in networks:
            has = ", ".join(map(show, networks)) or "none"
            findings.about(at, f"is no configured network; there are {has}{or_nearest(network, networks)}")
        elif not ACCOUNT.fullmatch(account):
            findings.about(at, f"must be a services account in plain ASCII, is {show(account)}")
