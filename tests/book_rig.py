"""A book of pull requests on a disk of its own, and a forge that is a value, for what one telling may mean."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from bot.accepting import Accepting
from bot.errors import GordonError, UserError
from bot.events import Event, PullEvent
from bot.forge import ForgeServer, Missed, Told, Unnoted
from bot.journal import SqliteJournal
from bot.live import Facts, Live
from bot.loader import Registry
from bot.people import People
from bot.plugin import Context, Handler
from bot.ports import Delivery
from bot.pull_book import PullBook
from bot.second_look import SecondLook
from bot.settings import CoreSettings, GordonSettings, RepoSettings
from bot.values import Account, Comment, Pull, PullRef
from tests.virtual_clock import NOON_S, VirtualClock
from tests.watch_rig import CountedDatabase

REPO, NUMBER = "moby/moby", 7
REF = PullRef(REPO, NUMBER)
A, B, C = ("a" * 40, "b" * 40, "c" * 40)
ALICE = Account(11, "alice")


def at(seconds: float) -> datetime:
    """Tell a moment by the seconds since a clock of these tests began."""
    return datetime.fromtimestamp(NOON_S, UTC) + timedelta(seconds=seconds)


def pull_of(seconds: float | None = 0, number: int = NUMBER, **changed: Any) -> Pull:
    """Make a pull request as it was told at a second, open unless told."""
    known: dict[str, Any] = {"head": A, "title": "Fix it", "labels": ("bug",)} | changed
    return Pull(
        ref=PullRef(REPO, number),
        author="alice",
        author_id=11,
        base=known.pop("base", "master"),
        head_repo="alice/moby",
        url=f"https://forge/{number}",
        updated_at=None if seconds is None else at(seconds),
        **known,
    )


def told_of(pull: Pull, action: str = "edited", guid: str = "", **more: Any) -> Told:
    """Make what a webhook tells of a pull request."""
    return Told(guid, f"pull_request.{action}", pull.ref.repo, pull, actor=ALICE, **more)


@dataclass
class FakeForge:
    """A forge that keeps pull requests and what it has sent, and what it was asked.

    Arguments:
        sent: what its list of deliveries shows; None where that is not for us.
        reads_at_most: how many of what it has sent it reads at a time.
        troubles: what a question ends with, by its beginning: "heads".
    """

    pulls: dict[PullRef, Pull] = field(default_factory=dict)
    sent: list[Missed] | None = None
    comments: list[tuple[PullRef, Comment]] = field(default_factory=list)
    reads_at_most: int = 1_000_000
    troubles: dict[str, GordonError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    asked_since: list[datetime] = field(default_factory=list)

    def has(self, *pulls: Pull) -> None:
        """Keep pull requests as they stand from now on."""
        self.pulls |= {pull.ref: pull for pull in pulls}

    async def pull(self, ref: PullRef) -> Pull:
        self._ask(f"pull {ref}")
        if ref not in self.pulls:
            raise UserError(f"there is no {ref}")
        return self.pulls[ref]

    async def heads(self, repo: str) -> Sequence[Pull]:
        self._ask(f"heads {repo}")
        return [pull for pull in self.pulls.values() if pull.is_open and pull.ref.repo == repo]

    async def comments_since(self, repo: str, since: datetime) -> Sequence[tuple[PullRef, Comment]]:
        self._ask(f"comments {repo}")
        return [(ref, comment) for ref, comment in self.comments if ref.repo == repo and comment.at >= since]

    async def missed(self, repo: str, since: datetime, unnoted: Unnoted) -> Sequence[Missed] | None:
        self._ask(f"missed {repo}")
        self.asked_since.append(since)
        if self.sent is None:
            return None
        wanted = await unnoted([one.guid for one in self.sent])
        listed = [one for one in self.sent if one.at >= since and one.guid in wanted]
        read = [one.guid for one in listed if one.body][: self.reads_at_most]
        return [one if one.guid in read else replace(one, body=b"") for one in listed]

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        for beginning, error in self.troubles.items():
            if question.startswith(beginning):
                raise error


class Booking:
    """A book that is open, with the events that came of it."""

    def __init__(self, database: CountedDatabase, clock: VirtualClock, live: Live, forge: FakeForge) -> None:
        registry = Registry(handlers={"p:all": Handler("p", Event, _hear)})
        self.told: list[Event] = []
        self.database = database
        self.clock = clock
        self.live = live
        self.forge = forge
        self.journal = SqliteJournal(database, clock)
        self.book = PullBook(Accepting(self.journal, registry, database, self.submit), database, live, clock)
        self.looks = SecondLook(self.server, self.book, clock)
        self.unsure: list[PullRef] = []
        self.book.on_unsure = self.unsure.append

    @property
    def server(self) -> ForgeServer:
        return cast(ForgeServer, self.forge)

    @property
    def news(self) -> list[str]:
        """Name the events so far, each with the head that it was told with."""
        return [f"{type(event).__name__} {event.pull.head[0]}" for event in self.of_pulls]

    @property
    def of_pulls(self) -> list[PullEvent]:
        return [event for event in self.told if isinstance(event, PullEvent)]

    @property
    def last_heads(self) -> Mapping[PullRef, str]:
        """Tell the head that was told last of each pull request."""
        return {event.pull.ref: event.pull.head for event in self.of_pulls}

    def submit(self, deliveries: Sequence[Delivery]) -> None:
        self.told += [delivery.event for delivery in deliveries]

    async def begun(self, *pulls: Pull) -> None:
        """Have been compared once, with these pull requests found."""
        for pull in pulls:
            await self.book.take(Told("", "look", REPO, pull, is_read=True))
        await self.book.note_compared(REPO, self.clock.now().timestamp())

    async def state(self, repo: str = REPO) -> Mapping[int, Pull]:
        """Tell all that is known of each pull request, closed ones among them."""
        rows = await self.database.read(lambda db: db.execute("SELECT number FROM pulls").fetchall())
        refs = [PullRef(repo, row[0]) for row in rows]
        found = [await self.book.known(ref) for ref in refs]
        return {one.pull.ref.number: replace(one.pull, mergeable=None) for one in found if one}


async def _hear(_ctx: Context, _event: Event) -> None:
    """Nobody runs it: what is told is read from the deliveries."""


def live_of(repos: Collection[str] = (REPO,), **more: Any) -> Live:
    settings = GordonSettings(gordon=CoreSettings(home=REPO), repos={name: RepoSettings() for name in repos}, **more)
    return Live(Facts(settings, People({}, {})))


@asynccontextmanager
async def booking(
    folder: Path, clock: VirtualClock | None = None, forge: FakeForge | None = None, live: Live | None = None
) -> AsyncIterator[Booking]:
    """Be one process with a book, until it ends where it stands."""
    clock = clock or VirtualClock()
    database = CountedDatabase(folder / "gordon.db")
    clock.is_held_up = lambda: database.under_way > 0
    try:
        yield Booking(database, clock, live or live_of(), forge or FakeForge())
    finally:
        await asyncio.to_thread(database.close)
