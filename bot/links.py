"""Accounts that people join to the ones they have, by proof on both sides; on the edge loop.

Whoever asks is given a code in private, and gives it on another network. Then each side is shown the other one and who
both would be, and both have to agree: so does whoever was talked into giving a stranger's code, or let theirs be read.
"""

import asyncio
import base64
import hashlib
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot import link_rows
from bot.access import unproven
from bot.audit import Audit, of_event
from bot.clock import Clock
from bot.database import Database
from bot.errors import NotAllowed, UserError
from bot.events import CommandGiven
from bot.linked import MADE, Link, Linking, Step, called, made_key
from bot.live import Live
from bot.people import CONSOLE, FORGE, MACHINE, SCHEDULE, People
from bot.values import Place, Speaker

CODE_WITHIN_S = 600.0
AGREE_WITHIN_S = 120.0  # after each step
TOKEN_BYTES = 16
AT_ONCE = 300  # of everybody together; the oldest makes room
YES, NO = "yes", "no"
# One text for all, or it would tell somebody who guesses whether they were near.
NO_CODE = (
    f"no such code: each is good once, within {CODE_WITHIN_S / 60:.0f} minutes, on another network than the one where "
    "link gave it; say link there again for a new one"
)
NOTHING = "nothing of yours waits to be joined, or not any more; say link in private to begin"
IN_PRIVATE = "ask me in private: whoever sees the code could give it before you do"


@dataclass(frozen=True, slots=True)
class Offer:
    """Two accounts that are about to be joined, or one that waits for the other.

    Arguments:
        asker: who was given the code.
        place: where they are told.
        met_by: the command that brought the code; its handler may run again.
        other, other_place: who brought it, and where they are told.
        person: who both would be.
        yes: which of them have agreed.
    """

    asker: Speaker
    place: Place
    until_s: float
    met_by: str = ""
    other: Speaker | None = None
    other_place: Place | None = None
    person: str = ""
    yes: frozenset[tuple[str, str]] = frozenset()

    def is_of(self, who: Speaker) -> bool:
        """Tell whether somebody is on one of its sides."""
        return any(side is not None and _key(side) == _key(who) for side in (self.asker, self.other))


class Links:
    """Joins accounts and takes them apart; what is joined counts at once and is on disk.

    Arguments:
        clock: of the time that people take.
    """

    def __init__(self, database: Database, live: Live, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._live = live
        self._audit = audit
        self._clock = clock
        self._offers: dict[bytes, Offer] = {}  # by the hash of the code, which is how none is ever compared
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Have what is on disk count."""
        live = self._live
        links = await self._database.read(link_rows.all_of_them)
        live.now = replace(live.now, people=live.now.people.linked(links))

    def expects(self, who: Speaker, text: str) -> bool:
        """Tell whether a line of somebody, whom nobody may know, goes on with something that was begun."""
        first, *more = text.lower().split()
        if first != "link" or len(more) != 1:
            return False
        if more[0] in (YES, NO):
            return self._waiting(self._compared(who)) is not None
        offer = self._offers.get(_mark(more[0]))
        return offer is not None and not offer.met_by and self._clock.monotonic_s() <= offer.until_s

    async def step(self, event: CommandGiven, given: str) -> Linking:
        """Take the next step for whoever gave a command: no word asks for a code, others are one, or yes or no.

        Raises:
            NotAllowed: nothing proves who they are, or this code is none, or not theirs to give here.
            UserError: these two cannot be joined, and why.
            StorageError: the disk does not take it; yes may be said again.
        """
        who, given = self._compared(event.speaker), given.lower()
        is_seen = not event.place.private and who.network != FORGE
        if is_seen and self._offers.pop(_mark(given), None) is not None:
            raise NotAllowed("others have read that code now, so it is good no more; say link in private for a new one")
        self._see_proven(who)
        if is_seen:
            raise NotAllowed(IN_PRIVATE)
        if not given:
            return self._ask(who, event.place)
        if given == NO:
            return self._drop(who)
        if given == YES:
            async with self._turn:
                return await self._agree(who, event)
        return self._meet(who, given, event)

    async def undo(self, event: CommandGiven, network: str, person: str) -> Sequence[Link]:
        """Take an account of somebody apart from them, and what hangs on it; tell what was.

        Raises:
            UserError: there is none.
            StorageError: the disk does not take it.
        """
        async with self._turn:
            people = self._live.now.people
            own = {*people.links_of(person), *(link for link in people.links if link.person == person)}
            gone = {link for link in own if link.who.network == network}
            if not gone and MADE in person and network == FORGE:
                gone = own
            if not gone:
                raise UserError(f"{person} has linked no account on {network}; links lists what there is")
            left = [link for link in people.links if link not in gone]
            after = people.linked(left)
            gone |= {link for link in people.links_of(person) if link not in after.links_of(person)}
            told = tuple(sorted(gone, key=lambda link: (link.who.network != network, link.at, link.who.network)))
            words = "; ".join(f"{called(link.who)} from {called(link.to)}" for link in told)
            record = of_event(event, decision="unlinked", person=person, effect="unlink", args=words, rule=words)

            def write(db: sqlite3.Connection) -> None:
                for link in told:
                    link_rows.forget(db, link)
                self._audit.append_with(db, record)

            await self._database.write(write)
            self._swap(tuple(link for link in left if link not in gone))
            return told

    def _ask(self, who: Speaker, place: Place) -> Linking:
        if who.network == FORGE:
            raise UserError("everybody could read a code that I write here; say link to me in private, where we chat")
        self._forget(who)
        token = base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=").lower()
        self._offers[_mark(token)] = Offer(who, place, self._clock.monotonic_s() + CODE_WITHIN_S)
        for mark in list(self._offers)[:-AT_ONCE]:
            del self._offers[mark]
        return Linking(Step.ASKED, who, token=token)

    def _meet(self, who: Speaker, token: str, event: CommandGiven) -> Linking:
        mark, now_s = _mark(token), self._clock.monotonic_s()
        offer = self._offers.get(mark)
        if offer is None or now_s > offer.until_s or offer.met_by not in ("", event.key):
            raise NotAllowed(NO_CODE)
        if offer.asker.network == who.network:
            raise UserError(f"that code was given on {who.network}, too; give it on another network")
        if not offer.met_by:
            self._offers.pop(mark)
            self._forget(who)
            person, _, _ = judge(self._live.now.people, offer.asker, who)
            until_s = now_s + AGREE_WITHIN_S
            offer = replace(offer, until_s=until_s, met_by=event.key, other=who, other_place=event.place, person=person)
            self._offers[mark] = offer
        return Linking(Step.MET, who, offer.asker, offer.place, offer.person)

    async def _agree(self, who: Speaker, event: CommandGiven) -> Linking:
        found = self._waiting(who)
        if found is None:
            return self._done(who, event)
        mark, offer = found
        there, place = _across(offer, who)
        offer = replace(offer, yes=offer.yes | {_key(who)}, until_s=self._clock.monotonic_s() + AGREE_WITHIN_S)
        if len(offer.yes) < 2:
            self._offers[mark] = offer
            return Linking(Step.AGREED, who, there, place, offer.person)
        try:
            person, joined, to = judge(self._live.now.people, who, there)
            if person != offer.person:
                raise UserError(f"by now you both would be {person}, which nobody was shown; begin again")
        except UserError:
            del self._offers[mark]
            raise
        link = Link(joined, to, person, self._clock.now(), event.key)
        words = f"{called(joined)} ({joined.evidence}) with {called(to)} ({to.evidence})"
        record = of_event(event, decision="linked", person=person, effect="link", args=words, rule=words)

        def write(db: sqlite3.Connection) -> None:
            link_rows.put(db, link)
            self._audit.append_with(db, record)

        await self._database.write(write)
        self._offers.pop(mark, None)
        self._swap((*(one for one in self._live.now.people.links if _key(one.who) != _key(joined)), link))
        return Linking(Step.JOINED, who, there, place, person)

    def _done(self, who: Speaker, event: CommandGiven) -> Linking:
        """Tell once more what this very command has joined before its handler was interrupted."""
        for link in self._live.now.people.links:
            if link.event_key == event.key:
                there = link.to if _key(link.who) == _key(who) else link.who
                return Linking(Step.JOINED, who, there, None, link.person)
        raise NotAllowed(NOTHING)

    def _drop(self, who: Speaker) -> Linking:
        found = self._waiting(who)
        if found is None:
            self._forget(who)
            return Linking(Step.DROPPED, who)
        mark, offer = found
        del self._offers[mark]
        there, place = _across(offer, who)
        return Linking(Step.DROPPED, who, there, place)

    def _waiting(self, who: Speaker) -> tuple[bytes, Offer] | None:
        """Find what waits for somebody's word, with both sides there."""
        now_s = self._clock.monotonic_s()
        for mark, offer in self._offers.items():
            if offer.other is not None and now_s <= offer.until_s and offer.is_of(who):
                return mark, offer
        return None

    def _forget(self, who: Speaker) -> None:
        """Forget what somebody has begun before, so that their word is about one thing only, and what is over."""
        now_s = self._clock.monotonic_s()
        left = {mark: one for mark, one in self._offers.items() if now_s <= one.until_s and not one.is_of(who)}
        self._offers = left

    def _swap(self, links: tuple[Link, ...]) -> None:
        live = self._live
        live.now = replace(live.now, people=live.now.people.linked(links))

    def _compared(self, who: Speaker) -> Speaker:
        """Spell an account as it is compared: ids of Slack as they stand, others in small letters."""
        is_id = who.network in self._live.now.settings.slack
        return who if is_id else replace(who, account=who.account.lower())

    def _see_proven(self, who: Speaker) -> None:
        """See that an account is proven and one that a person may join."""
        if not who.account or not who.evidence or not who.account.isascii():
            raise NotAllowed(f"accounts are joined by proof, and {unproven(who)}")
        if who.doubt:
            raise NotAllowed(f"{called(who)} cannot be joined: {who.doubt.rstrip('.')}")
        if {who.network, who.evidence} & {CONSOLE, MACHINE, SCHEDULE}:
            raise UserError("who is known here has their name in people.toml; there is no account to join")
        slack = self._live.now.settings.slack.get(who.network)
        if slack is not None and "/" in who.account:
            raise NotAllowed("accounts of other workspaces are joined by an operator, in people.toml")
        if slack is not None and who.account in slack.bots:
            raise NotAllowed("accounts are joined for people; this is a bot's")


def judge(people: People, one: Speaker, other: Speaker) -> tuple[str, Speaker, Speaker]:
    """Tell who two accounts would be together, which of them would be joined, and to which.

    Raises:
        UserError: they cannot be joined, and what to do.
    """
    first, second = people.find(one), people.find(other)
    if first is not None and second is not None:
        if first.key == second.key:
            raise UserError(f"{called(one)} and {called(other)} are both {first.key} already")
        raise NotAllowed(
            f"{called(one)} is {first.key} and {called(other)} is {second.key}; if they are one person, an operator "
            "has to say so in people.toml"
        )
    person, to, who = (first, one, other) if first is not None else (second, other, one)
    if person is not None:
        has = str(person.github_id or "") if who.network == FORGE else people.accounts_of(person.key).get(who.network)
        if has:
            raise NotAllowed(
                f"{person.key} has another account on {who.network}, {has}; unlink {who.network} takes it away if it "
                "was linked, and an operator if it stands in people.toml"
            )
        return person.key, who, to
    if FORGE not in (one.network, other.network):
        raise UserError(
            "people.toml has neither account, so together they would still be nobody: join one of them with your "
            "account on GitHub, which makes you the author of your pull requests, or ask an operator to add you"
        )
    to, who = (one, other) if one.network == FORGE else (other, one)
    return made_key(to.name, to.account), who, to


def _across(offer: Offer, who: Speaker) -> tuple[Speaker, Place]:
    """Tell who is on the other side, and where they are told."""
    if offer.other is None or offer.other_place is None:
        raise LookupError("nobody is on the other side yet")
    if _key(who) == _key(offer.asker):
        return offer.other, offer.other_place
    return offer.asker, offer.place


def _key(who: Speaker) -> tuple[str, str]:
    return who.network, who.account


def _mark(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
