"""Accounts of one person that were joined by proof on both sides, and whom that makes them; pure.

A link counts for as long as the account that it was joined with belongs to whoever that was then, so that who is taken
out of the people file takes nothing along, and who gets an account or a name after somebody else gets no link with it.
What the file says of an account, or of somebody on a network, comes first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.values import Person, Place, Speaker
from bot.wording import MAX_NAME_BYTES, quoted

FORGE_NETWORK = "github"
MADE = "@"  # in the key of somebody who is in no file, and in none of the file


@dataclass(frozen=True, slots=True)
class Link:
    """An account that was joined to somebody.

    Arguments:
        who: the account, as it was proven then.
        to: the account that it was joined with, which says who that is, as it was proven then.
        person: who that was then.
        event_key: the command that joined them.
    """

    who: Speaker
    to: Speaker
    person: str
    at: datetime
    event_key: str


class Step(StrEnum):
    """How far the joining of two accounts has come."""

    ASKED = "asked"  # there is a code
    MET = "met"  # it was given by another account, so both can see what would be joined
    AGREED = "agreed"  # by one of them
    JOINED = "joined"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Linking:
    """What came of one step.

    Arguments:
        here: the account that took it.
        there: the other one, once there is one.
        place: where whoever has the other one is told.
        person: who both are once they are joined.
        token: the code, of the first step.
    """

    step: Step
    here: Speaker
    there: Speaker | None = None
    place: Place | None = None
    person: str = ""
    token: str = ""


class Known:
    """Everybody of the file, with what links add.

    Arguments:
        people: by key.
        accounts: by network and account, the key; without the forge.
        links: those that do not count are left out.
    """

    def __init__(
        self, people: Mapping[str, Person], accounts: Mapping[tuple[str, str], str], links: Iterable[Link] = ()
    ) -> None:
        self.people = dict(people)
        self.accounts = dict(accounts)
        self.numbers = {one.github_id: key for key, one in people.items() if one.github_id is not None}
        self.counting: dict[str, tuple[Link, ...]] = {}
        left = sorted(links, key=lambda link: link.at)
        while any(has_joined := [self._join(link) for link in left]):  # one may be to an account that another joins
            left = [link for link, is_in in zip(left, has_joined, strict=True) if not is_in]

    def owner(self, network: str, account: str) -> str:
        """Tell whose an account is, as it is compared; empty for nobody's."""
        if network == FORGE_NETWORK:
            return self.numbers.get(int(account), "") if account.isdecimal() else ""
        return self.accounts.get((network, account), "")

    def has_on(self, key: str, network: str) -> bool:
        """Tell whether somebody has an account on a network."""
        if network == FORGE_NETWORK:
            return key in self.numbers.values()
        return any(where == network and whose == key for (where, _), whose in self.accounts.items())

    def _join(self, link: Link) -> bool:
        """Take a link over if it counts."""
        who, to = link.who, link.to
        if self.owner(who.network, who.account):
            return False
        key, _, number = link.person.rpartition(MADE)
        whose = self.numbers.get(int(number), link.person) if key else link.person
        if key and whose not in self.people and (to.network, to.account) == (FORGE_NETWORK, number):
            self.people[whose] = Person(whose, {}, int(number))
            self.numbers[int(number)] = whose
        if self.owner(to.network, to.account) != whose or self.has_on(whose, who.network):
            return False
        if who.network == FORGE_NETWORK:
            self.numbers[int(who.account)] = whose
            self.people[whose] = replace(self.people[whose], github_id=int(who.account))
        else:
            self.accounts[who.network, who.account] = whose
        self.counting[whose] = (*self.counting.get(whose, ()), link)
        return True


def made_key(login: str, number: str) -> str:
    """Name somebody who is in no file by their account on GitHub, whose number is nobody else's ever."""
    return f"{login}{MADE}{number}"


def called(who: Speaker) -> str:
    """Name an account for people, with the name that it goes by where that is another; a name is no proof."""
    if who.network == FORGE_NETWORK:
        return f"{who.name} on GitHub (number {who.account})"
    goes_by = "" if who.name.lower() == who.account.lower() else f", who goes by {quoted(who.name, MAX_NAME_BYTES)}"
    return f"{who.account} on {who.network}{goes_by}"
