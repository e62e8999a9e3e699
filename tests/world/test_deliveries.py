"""G3: a history of deliveries that are doubled, reordered and lost ends as the clean one, after one comparison."""

import asyncio
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.compare import Comparison
from bot.events import BranchPushed, Event, PullCommented, PullEvent, PullReviewed
from bot.forge import Missed, Told
from bot.settings import GitHubSettings, WebSettings
from bot.values import Account, Comment, Pull, PullRef, Review, ReviewState
from tests.book_rig import ALICE, REPO, Booking, at, booking, live_of, pull_of

DELIVERIES, PULLS = 10_000 if os.environ.get("GORDON_SOAK") == "1" else 2_000, 300
TWICE, LATE, LOST = 0.3, 0.1, 0.05
LATE_BY = 40  # deliveries at most
AT_ONCE = 64
HOUR_S = 3600.0


@dataclass
class History:
    """What happened in a repository, one delivery for each.

    Arguments:
        told: the deliveries in order; the forge stood as `states` says after each.
        heads: of each pull request, in the order in which it had them.
    """

    told: list[Told] = field(default_factory=list)
    states: list[Pull | None] = field(default_factory=list)
    heads: dict[PullRef, list[str]] = field(default_factory=lambda: defaultdict(list))
    pulls: dict[int, Pull] = field(default_factory=dict)


def history_of(chance: random.Random) -> History:
    """Make up what happened; several things may happen to a pull request within a second."""
    made, now_s = History(), 0.0
    for number in range(DELIVERIES):
        now_s += chance.choice((0, 0, 1, 2)) * HOUR_S / DELIVERIES
        told = _next(made, chance, number, float(int(now_s)))
        made.told.append(told)
        made.states.append(told.pull)
        if told.pull is not None:
            made.pulls[told.pull.ref.number] = told.pull
            made.heads[told.pull.ref].append(told.pull.head)
    return made


def _next(made: History, chance: random.Random, count: int, now_s: float) -> Told:
    guid, sha = f"guid-{count}", f"{count:040x}"
    number = chance.randint(1, PULLS)
    before = made.pulls.get(number)
    if before is None:
        return Told(guid, "pull_request.opened", REPO, pull_of(now_s, number, head=sha), actor=ALICE)
    pull = replace(before, updated_at=at(now_s))
    if chance.random() < 0.3:
        return Told(guid, "a fact", REPO, facts=(_fact(chance, pull, count, now_s),), actor=ALICE)
    if not before.is_open:
        return Told(guid, "pull_request.reopened", REPO, replace(pull, is_open=True), actor=ALICE)
    action = chance.choice(("synchronize", "synchronize", "edited", "labeled", "converted_to_draft", "closed"))
    changed = {
        "synchronize": {"head": sha},
        "edited": {"title": f"Fix it, {count}"},
        "labeled": {"labels": tuple(sorted({*before.labels, f"label-{count % 7}"}))[-5:]},
        "converted_to_draft": {"draft": not before.draft},
        "closed": {"is_open": False},
    }[action]
    return Told(guid, f"pull_request.{action}", REPO, replace(pull, **changed), actor=ALICE)  # type: ignore[arg-type]


def _fact(chance: random.Random, pull: Pull, count: int, now_s: float) -> Event:
    lane, moment = str(pull.ref), at(now_s)
    kind = chance.choice(("comment", "review", "push"))
    if kind == "comment":
        said = Comment(count, Account(12, "bob"), "LGTM", moment)
        return PullCommented(key=f"comment:{count}", lane=lane, at=moment, pull=pull.ref, comment=said)
    if kind == "review":
        given = Review(count, Account(12, "bob"), ReviewState.APPROVED, pull.head, moment)
        return PullReviewed(key=f"review:{count}", lane=lane, at=moment, pull=pull, review=given)
    return BranchPushed(
        key=f"push:{count}", lane=REPO, at=moment, repo=REPO, branch="master", before="", after="a" * 40, forced=False
    )


@dataclass(frozen=True)
class Arrival:
    """A delivery that arrives, at a moment when so many things have happened at the forge."""

    told: Told
    happened: int


def disturbed(made: History, chance: random.Random) -> Sequence[Arrival]:
    """Double, delay and lose deliveries."""
    arrivals: list[tuple[float, int, Arrival]] = []
    for index, told in enumerate(made.told):
        if chance.random() < LOST:
            continue
        for _ in range(2 if chance.random() < TWICE else 1):
            late = chance.randint(1, LATE_BY) if chance.random() < LATE else 0
            place = index + late
            arrivals.append((place, index, Arrival(told, min(place, len(made.told) - 1))))
    return [arrival for *_, arrival in sorted(arrivals, key=lambda entry: entry[:2])]


@dataclass
class Run:
    """How a run ended."""

    state: Mapping[int, Pull]
    events: list[Event]

    @property
    def last_heads(self) -> Counter[tuple[PullRef, str]]:
        """Count pull requests with the head that was told last of each."""
        told = {one.pull.ref: one.pull.head for one in self.of_state}
        return Counter(told.items())

    @property
    def of_state(self) -> Iterator[PullEvent]:
        return (one for one in self.events if isinstance(one, PullEvent) and not isinstance(one, PullReviewed))

    @property
    def facts(self) -> set[str]:
        return {one.key for one in self.events if isinstance(one, PullCommented | PullReviewed | BranchPushed)}


async def run(folder: Path, made: History, arrivals: Sequence[Arrival], *, is_listed: bool) -> Run:
    """Take in what arrives, in two processes one after the other, and compare once at the end."""
    secret = (Path("secret"),) if is_listed else ()
    live = live_of(github=GitHubSettings(secret_files=secret), web=WebSettings())
    events: list[Event] = []
    half = len(arrivals) // 2
    state: Mapping[int, Pull] = {}
    for part, is_last in ((arrivals[:half], False), (arrivals[half:], True)):
        async with booking(folder, live=live) as books:
            books.told = events
            if not is_last:
                await books.begun()
            await arrive(books, made, part)
            if is_last:
                await compare(books, made, {one.told.guid for one in arrivals}, is_listed=is_listed)
                state = {number: replace(pull, updated_at=None) for number, pull in (await books.state()).items()}
    return Run(state, events)


async def arrive(books: Booking, made: History, arrivals: Sequence[Arrival]) -> None:
    happened = 0
    for first in range(0, len(arrivals), AT_ONCE):
        group = arrivals[first : first + AT_ONCE]
        await asyncio.gather(*(books.book.take(one.told) for one in group))
        until = max(happened, group[-1].happened + 1)
        books.forge.has(*(pull for pull in made.states[happened:until] if pull is not None))
        happened = until
        await read_again(books)


async def read_again(books: Booking) -> None:
    while books.unsure:
        wanted = set(books.unsure)
        books.unsure.clear()
        for ref in wanted:
            await books.looks.look(ref)


async def compare(books: Booking, made: History, arrived: set[str], *, is_listed: bool) -> None:
    """Compare once with the forge as it stands at the end."""
    books.forge.has(*made.pulls.values())
    by_guid = {told.guid: told for told in made.told}
    if is_listed:
        now = books.clock.now()
        books.forge.sent = [
            Missed(guid, told.what, now, b"" if guid in arrived else guid.encode(), guid in arrived)
            for guid, told in by_guid.items()
        ]
    looks, clock = books.looks, books.clock
    decode = by_guid.get
    comparison = Comparison(
        books.server, books.book, looks, books.live, clock, lambda missed, _: decode(missed.body.decode())
    )
    await comparison.compare(REPO)
    await read_again(books)


@pytest.mark.parametrize("is_listed", [True, False], ids=["list-of-deliveries", "open-pull-requests"])
async def test_ten_thousand_deliveries_end_as_if_each_had_come_once_and_in_order(
    tmp_path: Path, is_listed: bool
) -> None:
    """G3, F16, F18, F19: 30 % doubled, 10 % late, 5 % lost, and a restart in the middle."""
    folders = [tmp_path / "clean", tmp_path / "rough"]
    for folder in folders:
        folder.mkdir()
    chance = random.Random(3)
    made = history_of(chance)
    clean = await run(
        folders[0], made, [Arrival(told, index) for index, told in enumerate(made.told)], is_listed=is_listed
    )
    arrivals = disturbed(made, chance)
    rough = await run(folders[1], made, arrivals, is_listed=is_listed)
    assert clean.state == {number: replace(pull, updated_at=None) for number, pull in made.pulls.items()}
    assert rough.state == clean.state
    assert rough.last_heads == clean.last_heads
    assert len({one.key for one in rough.events}) == len(rough.events)
    arrived = {one.told.guid for one in arrivals}
    assert rough.facts == {fact.key for told in made.told if is_listed or told.guid in arrived for fact in told.facts}
    for ref, heads in made.heads.items():
        places = [heads.index(one.pull.head) for one in rough.of_state if one.pull.ref == ref]
        assert places == sorted(places), f"an older head of {ref} was told after a newer one"
