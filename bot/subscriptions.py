"""Who wants to hear of what, and who does not: what decides about each notice that nobody has asked for.

Notices ask from the work loop, and answers must not wait for a disk: what holds is one value in memory, swapped when
something of it changes. How long it holds is counted by the clock that never jumps, from when it was written or read.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot import pull_rows
from bot import subscription_rows as rows
from bot.bounded import Bounded
from bot.bridges import speaking
from bot.clock import Clock
from bot.database import Database
from bot.errors import UserError
from bot.live import Live
from bot.people import FORGE, MACHINE
from bot.values import (
    Account,
    AuthorRef,
    BuildRef,
    ContextRef,
    JobRef,
    NodeRef,
    Place,
    Pull,
    PullRef,
    RepoRef,
    Speaker,
    Subject,
    Subscription,
    Watchable,
    Wish,
)

MAX_EACH = 50  # of a person, and of a channel: each notice is weighed against all of them
Part = str | JobRef | BuildRef | NodeRef  # one of several things that a notice is about; a context is its name
MOST_AUTHORS = 20_000  # pull requests, the newest that were told of, whose author is known
KEPT_S = 7 * 86400.0  # rows that are over, as the clock that says so may be wrong


@dataclass(frozen=True, slots=True)
class _Held:
    """A subscription in memory, and until when it holds by the clock that never jumps."""

    of: Subscription
    until_s: float


class Subscriptions:
    """Written and asked on the work loop; `know` is for any thread."""

    def __init__(self, database: Database, live: Live, clock: Clock) -> None:
        self._database = database
        self._live = live
        self._clock = clock
        self._held: tuple[_Held, ...] = ()
        self._authors: Bounded[PullRef, Account] = Bounded(MOST_AUTHORS)

    async def load(self) -> None:
        """Read what is on disk, and whose the pull requests are."""
        self._hold(await self._database.read(rows.all_of_them))
        repos = list(self._live.now.settings.repos)
        known = await self._database.read(lambda db: [pull_rows.open_pulls(db, repo) for repo in repos])
        for pulls in known:
            for one in pulls.values():
                self.know(one.pull)

    def know(self, pull: Pull) -> None:
        """Learn whose pull request it is."""
        self._authors[_folded(pull.ref)] = Account(pull.author_id, pull.author)

    # -- what people say --

    async def add(self, one: Subscription) -> None:
        """Write down what somebody wants; the same once more is for another time.

        Raises:
            UserError: they have so many already, or cannot be told anything there.
        """
        if one.place.network in (FORGE, MACHINE) and (one.wish is Wish.WATCH or not one.person):
            raise UserError("what you watch is not told here; say it in chat, where you want to hear of it")
        now_s = self._clock.now().timestamp()

        def write(db: sqlite3.Connection) -> Sequence[Subscription]:
            rows.purge(db, now_s - KEPT_S)
            if not rows.has(db, one) and rows.count(db, one, now_s) >= MAX_EACH:
                whose = "you watch and mute" if one.person else f"{one.place.channel} watches and mutes"
                raise UserError(f"{whose} {MAX_EACH} things, which is as many as one may; watches lists them")
            rows.put(db, one)
            return rows.all_of_them(db)

        self._hold(await self._database.write(write))

    async def remove(self, one: Subscription) -> bool:
        """Forget what somebody wanted; tell whether they did."""

        def write(db: sqlite3.Connection) -> tuple[bool, Sequence[Subscription]]:
            return rows.forget(db, one), rows.all_of_them(db)

        was_there, left = await self._database.write(write)
        self._hold(left)
        return was_there

    async def end(self, what: Collection[Watchable], until: datetime) -> Sequence[Subscription]:
        """Let watches of what is over hold no longer than until then; tell which of them there are."""
        now_s = self._clock.monotonic_s()
        names = {rows.dump(one).lower() for one in what}  # a server spells a job as it likes
        found = [
            held.of
            for held in self._held
            if held.of.wish is Wish.WATCH and held.until_s > now_s and rows.dump(held.of.what).lower() in names
        ]

        def write(db: sqlite3.Connection) -> Sequence[Subscription]:
            for one in found:
                if one.until > until and rows.has(db, one):
                    rows.put(db, replace(one, until=until))
            return rows.all_of_them(db)

        if found:
            self._hold(await self._database.write(write))
        return [one for one in found if self._is_theirs(one)]

    def list(self, person: str, place: Place) -> Sequence[tuple[Subscription, timedelta]]:
        """List what a person wants, and what a channel does, each with the time that is left."""
        now_s = self._clock.monotonic_s()
        return [
            (held.of, timedelta(seconds=held.until_s - now_s))
            for held in self._held
            if held.until_s > now_s and (held.of.person == person if held.of.person else _is_at(held.of, place))
        ]

    # -- what plugins ask --

    def audience(self, places: Sequence[Place], about: Subject) -> Sequence[Place]:
        """Tell who hears a notice: of these places those that have not muted what it is about, and who watches it."""
        if not self._held:
            return places
        authors, now_s = self._authors_of(about), self._clock.monotonic_s()
        held = [each.of for each in self._held if each.until_s > now_s]
        mutes = [one for one in held if one.wish is Wish.MUTE]
        found = [place for place in places if not silences(self._mutes_at(mutes, place), about, authors)]
        there = {self._spot(place) for place in found}
        for one in held:
            if one.wish is Wish.MUTE or self._spot(one.place) in there or not touches(one.what, about, authors):
                continue
            own = self._mutes_of(mutes, one.person) if one.person else self._mutes_at(mutes, one.place)
            if self._is_theirs(one) and not silences(own, about, authors):
                there.add(self._spot(one.place))
                found.append(one.place)
        return found

    def has_muted(self, who: Account, about: Subject) -> bool:
        """Tell whether somebody wants to hear nothing of it, so that they are not addressed by name either."""
        if not self._held:
            return False
        people, now_s = self._live.now.people, self._clock.monotonic_s()
        person = people.by_github(who.number) or people.by_name(who.login)
        if person is None:
            return False
        mutes = [held.of for held in self._held if held.until_s > now_s and held.of.wish is Wish.MUTE]
        return silences(self._mutes_of(mutes, person.key), about, self._authors_of(about))

    def _mutes_at(self, mutes: Sequence[Subscription], place: Place) -> Sequence[Watchable]:
        """List what is muted at a place: of one that is somebody's own, what they have."""
        if not place.private:
            return [one.what for one in mutes if not one.person and self._spot(one.place) == self._spot(place)]
        found = self._live.now.people.find(_speaker(place.network, place.account or place.channel))
        return self._mutes_of(mutes, found.key) if found else ()

    def _spot(self, place: Place) -> tuple[str, str, bool]:
        """Tell what makes two places one for who hears a notice: a bridge repeats in one what is said in the other."""
        return _spot(speaking(self._live.now.settings, replace(place, to="", thread="")))

    def _mutes_of(self, mutes: Sequence[Subscription], person: str) -> Sequence[Watchable]:
        return [one.what for one in mutes if one.person == person]

    def _is_theirs(self, one: Subscription) -> bool:
        """Tell whether the account that is to be told is still that of whoever wanted it; a channel is told anyway."""
        if not one.person:
            return True
        found = self._live.now.people.find(_speaker(one.place.network, one.account))
        return found is not None and found.key == one.person

    def _authors_of(self, about: Subject) -> Collection[str]:
        """Tell by which names the author of what a notice is about is known, in small letters."""
        known = self._authors.get(_folded(about.pull)) if about.pull else None
        person = self._live.now.people.by_github(known.number) if known else None
        names = (about.author, known.login if known else "", person.key if person else "")
        return {name.lower() for name in names if name}

    def _hold(self, found: Sequence[Subscription]) -> None:
        """Hold what is on disk now; what was held before with the same end has that by the same clock still."""
        before = {held.of: held.until_s for held in self._held}
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        self._held = tuple(
            _Held(one, before[one] if one in before else now_s + (one.until - now).total_seconds()) for one in found
        )


def touches(what: Watchable, about: Subject, authors: Collection[str]) -> bool:
    """Tell whether a notice is about something, among others.

    Arguments:
        authors: the names of whoever's pull request it is, in small letters.
    """
    return _is_all_of(what, about, authors) or any(_is(what, part, about) for part in _parts(about))


def silences(mutes: Collection[Watchable], about: Subject, authors: Collection[str]) -> bool:
    """Tell whether all that a notice is about is muted: its pull request, or each of its contexts, jobs or such."""
    if any(_is_all_of(what, about, authors) for what in mutes):
        return True
    return any(
        kind and all(any(_is(what, part, about) for what in mutes) for part in kind) for kind in _parts_by_kind(about)
    )


def _parts(about: Subject) -> Iterator[Part]:
    for kind in _parts_by_kind(about):
        yield from kind


def _parts_by_kind(about: Subject) -> Sequence[Sequence[Part]]:
    return about.contexts, about.jobs, about.builds, about.nodes


def _is_all_of(what: Watchable, about: Subject, authors: Collection[str]) -> bool:
    """Tell whether something holds all that a notice is about."""
    match what:
        case PullRef():
            return about.pull is not None and _folded(about.pull) == _folded(what)
        case RepoRef():
            return (about.pull.repo if about.pull else about.repo).lower() == what.name.lower()
        case AuthorRef():
            return what.name.lower() in authors
    return False


def _is(what: Watchable, part: Part, about: Subject) -> bool:
    """Tell whether one of the things that a notice is about is meant; of a folder of jobs each one in it is."""
    match what, part:
        case ContextRef(), str():
            repo = about.pull.repo if about.pull else about.repo
            return what.name.lower() == part.lower() and what.repo.lower() in ("", repo.lower())
        case JobRef(), JobRef():
            name, wanted = part.full_name.lower(), what.full_name.lower()
            return what.server == part.server and (name == wanted or name.startswith(f"{wanted}/"))
        case BuildRef(), BuildRef():
            same_job = what.job.server == part.job.server and str(what.job).lower() == str(part.job).lower()
            return same_job and what.number == part.number
        case NodeRef(), NodeRef():
            return what.server in ("", part.server) and what.name.lower() == part.name.lower()
    return False


def _is_at(one: Subscription, place: Place) -> bool:
    return _spot(one.place) == _spot(place)


def _spot(place: Place) -> tuple[str, str, bool]:
    """Tell what makes two places one: who is addressed there does not count."""
    return place.network, place.channel.lower(), place.private


def _speaker(network: str, account: str) -> Speaker:
    return Speaker(network, account, account, evidence=network)


def _folded(ref: PullRef) -> PullRef:
    return PullRef(ref.repo.lower(), ref.number)
