"""What is told of a pull request beside what is known: events, each once, and never an older head after a newer."""

import asyncio
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from bot.events import (
    BranchPushed,
    Event,
    PullCommented,
    PullEdited,
    PullLabelled,
    PullOpened,
    PullPushed,
    PullReviewed,
)
from bot.forge import Told
from bot.pull_news import STALE, Taken
from bot.values import Comment, Pull, PullRef, Review, ReviewState
from tests.book_rig import ALICE, NUMBER, REF, REPO, A, B, C, at, booking, live_of, pull_of, told_of
from tests.virtual_clock import VirtualClock

DAY_S = 86400.0
KNOWN = pull_of(10)


def comment(number: int = 1, seconds: float = 0) -> PullCommented:
    said = Comment(number, ALICE, "LGTM", at(seconds))
    return PullCommented(key=f"comment:{REF}:{number}", lane=str(REF), at=at(seconds), pull=REF, comment=said)


def review(pull: Pull) -> PullReviewed:
    given = Review(5, ALICE, ReviewState.APPROVED, pull.head, at(0))
    return PullReviewed(key=f"review:{REF}:5", lane=str(REF), at=at(0), pull=pull, review=given)


def push(seconds: float = 0) -> BranchPushed:
    return BranchPushed(
        key="push:1", lane=REPO, at=at(seconds), repo=REPO, branch="master", before=A, after=B, forced=False
    )


@pytest.mark.parametrize(
    ("known", "told", "taken", "news"),
    [
        pytest.param(KNOWN, pull_of(11, head=B), Taken.FRESH, ["PullPushed b"], id="pushed"),
        pytest.param(KNOWN, pull_of(9, head=B), Taken.OLD, [], id="F18-pushed-but-older"),
        pytest.param(KNOWN, pull_of(10, head=B), Taken.UNSURE, [], id="pushed-in-the-same-second"),
        pytest.param(KNOWN, pull_of(None, head=B), Taken.UNSURE, [], id="pushed-at-no-time"),
        pytest.param(pull_of(None), pull_of(11, head=B), Taken.UNSURE, [], id="pushed-after-no-time"),
        pytest.param(KNOWN, KNOWN, Taken.REPEATED, [], id="F17-the-same"),
        pytest.param(KNOWN, pull_of(11), Taken.FRESH, [], id="later-and-nothing-else"),
        pytest.param(KNOWN, pull_of(11, title="Mend it"), Taken.FRESH, ["PullEdited a"], id="title"),
        pytest.param(KNOWN, pull_of(11, base="release"), Taken.FRESH, ["PullEdited a"], id="A20-base"),
        pytest.param(KNOWN, pull_of(11, draft=True), Taken.FRESH, ["PullReadied a"], id="draft"),
        pytest.param(KNOWN, pull_of(11, labels=("bug", "ci")), Taken.FRESH, ["PullLabelled a"], id="label"),
        pytest.param(
            pull_of(10, labels=("bug", "ci")),
            pull_of(11, labels=("ci", "bug")),
            Taken.FRESH,
            [],
            id="labels-in-another-order",
        ),
        pytest.param(KNOWN, pull_of(11, is_open=False), Taken.FRESH, ["PullClosed a"], id="closed"),
        pytest.param(
            KNOWN,
            pull_of(11, is_open=False, merged=True, head=B, title="x"),
            Taken.FRESH,
            ["PullClosed b"],
            id="merged",
        ),
        pytest.param(pull_of(10, is_open=False), pull_of(11), Taken.FRESH, ["PullOpened a"], id="reopened"),
        pytest.param(
            pull_of(10, is_open=False),
            pull_of(11, head=B),
            Taken.FRESH,
            ["PullOpened b", "PullPushed b"],
            id="with-push",
        ),
        pytest.param(
            pull_of(10, is_open=False), pull_of(11, is_open=False, head=B), Taken.FRESH, [], id="pushed-while-closed"
        ),
        pytest.param(
            KNOWN,
            pull_of(11, head=B, base="release", draft=True, labels=()),
            Taken.FRESH,
            ["PullEdited b", "PullReadied b", "PullLabelled b", "PullPushed b"],
            id="all-at-once",
        ),
        pytest.param(KNOWN, replace(KNOWN, author="al", url="x"), Taken.REPEATED, [], id="spelt-in-another-way"),
        pytest.param(KNOWN, pull_of(11, mergeable=False), Taken.FRESH, [], id="what-nobody-keeps"),
    ],
)
async def test_what_differs_from_what_is_known_is_told(
    tmp_path: Path, known: Pull, told: Pull, taken: Taken, news: list[str]
) -> None:
    async with booking(tmp_path) as books:
        await books.begun(known)
        books.told.clear()
        assert await books.book.take(told_of(told)) is taken
        assert books.news == news
        assert books.unsure == ([REF] if taken is Taken.UNSURE else [])
        moved = replace(told, mergeable=None, updated_at=told.updated_at or known.updated_at)
        assert await books.state() == {NUMBER: moved if taken is Taken.FRESH else known}


async def test_events_say_what_was_before_and_who_did_it(tmp_path: Path) -> None:
    async with booking(tmp_path) as books:
        await books.begun(KNOWN)
        await books.book.take(told_of(pull_of(11, head=B, title="Mend it", labels=("ci",))))
        edited, labelled, pushed = (event for event in books.told if not isinstance(event, PullOpened))
        assert isinstance(edited, PullEdited)
        assert (edited.title_before, edited.base_before, edited.actor) == ("Fix it", "", ALICE)
        assert isinstance(labelled, PullLabelled)
        assert (labelled.added, labelled.removed) == (("ci",), ("bug",))
        assert isinstance(pushed, PullPushed)
        assert (pushed.before, pushed.pull.head, pushed.lane) == (A, B, "moby/moby#7")
        assert pushed.key == "pull:moby/moby#7:2:pushed"


@pytest.mark.parametrize(
    ("is_begun", "told", "news"),
    [
        pytest.param(True, told_of(pull_of(), "opened"), ["PullOpened a"], id="opened"),
        pytest.param(True, told_of(pull_of(), "labeled"), ["PullOpened a"], id="opened-was-lost"),
        pytest.param(True, told_of(pull_of(), "look", is_read=True), ["PullOpened a"], id="F19-found"),
        pytest.param(False, told_of(pull_of(), "opened"), ["PullOpened a"], id="opened-before-the-first-comparison"),
        pytest.param(False, told_of(pull_of(), "labeled"), [], id="open-before-the-first-comparison"),
        pytest.param(False, told_of(pull_of(), "look", is_read=True), [], id="found-by-the-first-comparison"),
        pytest.param(True, told_of(pull_of(is_open=False), "closed"), ["PullClosed a"], id="F18-closed-before-opened"),
        pytest.param(True, told_of(pull_of(is_open=False), "labeled"), [], id="closed-long-before"),
    ],
)
async def test_what_is_not_known_is_news_if_it_can_be_new(
    tmp_path: Path, is_begun: bool, told: Told, news: list[str]
) -> None:
    async with booking(tmp_path) as books:
        if is_begun:
            await books.begun()
        assert await books.book.take(told) is Taken.FRESH
        assert books.news == news
        assert await books.state() == {NUMBER: told.pull}


HISTORY = (
    told_of(pull_of(1), "opened"),
    told_of(pull_of(2, head=B), "synchronize"),
    told_of(pull_of(3, head=B, labels=("bug", "ci")), "labeled"),
    told_of(pull_of(4, head=C, labels=("bug", "ci")), "synchronize"),
    told_of(pull_of(5, head=C, labels=("bug", "ci"), is_open=False), "closed"),
)


@pytest.mark.parametrize("first", range(5), ids=lambda first: HISTORY[first].what.partition(".")[2] + f"-{first}")
async def test_any_order_ends_in_the_same_state(tmp_path: Path, first: int) -> None:
    """F18: all permutations of five events; a head that was told is never followed by an older one."""
    async with booking(tmp_path) as books:
        await books.begun()
        for number, order in enumerate(itertools.permutations(HISTORY[:first] + HISTORY[first + 1 :]), 1):
            ref = PullRef(REPO, number)
            books.told.clear()
            for told in (HISTORY[first], *order):
                assert told.pull is not None
                await books.book.take(replace(told, pull=replace(told.pull, ref=ref)))
            known = await books.book.known(ref)
            assert known is not None
            assert HISTORY[-1].pull == replace(known.pull, ref=REF)
            heads = [event.pull.head for event in books.of_pulls]
            assert heads == sorted(heads), [told.what for told in order]
            assert heads[-1] == C
            assert sum(type(event).__name__ == "PullClosed" for event in books.told) == 1


async def test_a_delivery_that_comes_again_changes_nothing(tmp_path: Path) -> None:
    """F16: one after the other and at once."""
    told = told_of(pull_of(11, head=B), "synchronize", "guid-1", facts=(comment(),))
    async with booking(tmp_path) as books:
        await books.begun(KNOWN)
        books.told.clear()
        taken = [await books.book.take(told) for _ in range(2)]
        taken += await asyncio.gather(*(books.book.take(told) for _ in range(98)))
        assert taken == [Taken.FRESH, *[Taken.REPEATED] * 99]
        assert [type(event) for event in books.told] == [PullPushed, PullCommented]


async def test_a_delivery_of_a_fact_alone_counts_once(tmp_path: Path) -> None:
    """F16: its name is all there is to know it by, as no pull request is told with it."""
    told = Told("guid-1", "issue_comment.created", REPO, facts=(comment(),))
    async with booking(tmp_path) as books:
        await books.begun(KNOWN)
        assert [await books.book.take(told) for _ in range(3)] == [Taken.FRESH, Taken.REPEATED, Taken.REPEATED]


async def test_deliveries_at_once_have_one_winner(tmp_path: Path) -> None:
    """F16: the first of them may not be there yet when the second comes."""
    told = told_of(pull_of(11, head=B), "synchronize", "guid-1")
    async with booking(tmp_path) as books:
        await books.begun(KNOWN)
        taken = await asyncio.gather(*(books.book.take(told) for _ in range(100)))
        assert sorted(taken) == sorted([Taken.FRESH, *[Taken.REPEATED] * 99])
        assert books.book.counts[Taken.REPEATED] == 99


async def test_a_delivery_that_comes_again_after_a_restart_changes_nothing(tmp_path: Path) -> None:
    """F16: what was taken in is known from the disk."""
    told = told_of(pull_of(11, head=B), "synchronize", "guid-1", facts=(comment(),))
    async with booking(tmp_path) as books:
        await books.begun(KNOWN)
        await books.book.take(told)
    async with booking(tmp_path) as books:
        assert await books.book.take(told) is Taken.REPEATED
        assert books.told == []


async def test_two_webhooks_for_one_thing_tell_it_once(tmp_path: Path) -> None:
    """F17: of the organisation and of the repository, each delivery with a name of its own."""
    pull = pull_of(11, head=B)
    async with booking(tmp_path) as books:
        await books.begun(KNOWN)
        books.told.clear()
        for guid in ("guid-1", "guid-2"):
            await books.book.take(told_of(pull, "synchronize", guid, facts=(comment(),)))
        assert [type(event) for event in books.told] == [PullPushed, PullCommented]
        assert books.book.counts[Taken.UNSURE] == 0, "nobody has to ask the forge which of the two is right"


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        pytest.param(told_of(pull_of(1), "opened", "guid-1"), Taken.OLD, id="opened"),
        pytest.param(told_of(pull_of(2, head=B), "synchronize", "guid-1"), Taken.OLD, id="pushed"),
        pytest.param(Told("guid-1", "issue_comment.created", REPO, facts=(comment(),)), Taken.OLD, id="comment"),
        pytest.param(Told("guid-1", "push", REPO, facts=(push(),)), Taken.OLD, id="push"),
        pytest.param(
            Told("guid-1", "pull_request_review.submitted", REPO, pull_of(2), (review(pull_of(2)),)),
            Taken.OLD,
            id="review",
        ),
        pytest.param(told_of(pull_of(1, number=9), "opened", "guid-1"), Taken.UNSURE, id="of-one-that-is-not-known"),
    ],
)
async def test_a_replay_after_its_name_was_forgotten_is_old_news(tmp_path: Path, told: Told, taken: Taken) -> None:
    """A9: a signed delivery aged 31 days, whose name and whose events were purged."""
    clock = VirtualClock()
    async with booking(tmp_path, clock) as books:
        await books.begun()
        await books.book.take(told_of(pull_of(1), "opened", "guid-0"))
        await books.book.take(told_of(pull_of(2, head=B), "synchronize", "guid-1"))
        await books.book.take(told_of(pull_of(3, head=C), "synchronize", "guid-2"))
        clock.now_s = 31 * DAY_S
        before_s = clock.now().timestamp() - 30 * DAY_S
        assert await books.book.purge(before_s) == 3
        await books.database.write(lambda db: db.execute("DELETE FROM events"))
        books.told.clear()
        assert await books.book.take(told) is taken
        assert books.told == []


@pytest.mark.parametrize(
    ("age_s", "is_kept"), [pytest.param(3 * DAY_S, True, id="3-days"), pytest.param(5 * DAY_S, False, id="5-days")]
)
async def test_the_name_of_what_may_be_sent_again_is_kept(tmp_path: Path, age_s: float, is_kept: bool) -> None:
    """However little is to be kept of events: without its name a repeat would be told a second time."""
    async with booking(tmp_path) as books:
        await books.book.take(told_of(pull_of(1), "opened", "guid-1"))
        books.clock.now_s = age_s
        assert await books.book.purge(books.clock.now().timestamp()) == (not is_kept)
        assert await books.book.unnoted(["guid-1", "guid-2"]) == ({"guid-2"} if is_kept else {"guid-1", "guid-2"})


@pytest.mark.parametrize("fact", [comment(), push(), review(KNOWN)], ids=lambda fact: type(fact).__name__)
async def test_a_fact_counts_whatever_the_book_knows(tmp_path: Path, fact: Event) -> None:
    """What is no state needs no state: the pull request may be unknown, or known newer."""
    async with booking(tmp_path) as books:
        assert await books.book.take(Told("guid-1", "x", REPO, facts=(fact,))) is Taken.FRESH
        assert books.told == [fact]
        await books.begun(pull_of(20))
        older = told_of(pull_of(10), "submitted", facts=(replace(fact, key="other"),))
        assert await books.book.take(older) is Taken.OLD
        assert [event.key for event in books.told if not isinstance(event, PullOpened)] == [fact.key, "other"]


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(told_of(replace(pull_of(), ref=PullRef("else/where", 7)), "opened"), id="A8-another-repository"),
        pytest.param(told_of(pull_of(number=0), "opened"), id="number-0"),
        pytest.param(told_of(pull_of(number=-1), "opened"), id="number-below-0"),
        pytest.param(told_of(pull_of(number=10**30), "opened"), id="A12-number-too-long"),
        pytest.param(told_of(replace(pull_of(), author_id=1 << 80), "opened"), id="A12-account-too-long"),
        pytest.param(told_of(pull_of(title="x" * 100_000), "opened"), id="title-too-long"),
        pytest.param(told_of(pull_of(labels=("x",) * 5000), "opened"), id="too-many-labels"),
        pytest.param(told_of(pull_of(head=""), "opened"), id="no-head"),
        pytest.param(told_of(pull_of(head="a" * 10_000), "opened"), id="head-too-long"),
    ],
)
async def test_what_no_forge_can_mean_is_counted_and_dropped(tmp_path: Path, told: Told) -> None:
    async with booking(tmp_path) as books:
        await books.begun()
        assert await books.book.take(replace(told, facts=(comment(),))) is Taken.UNKNOWN
        assert (books.told, await books.state()) == ([], {})
        assert books.book.words() == "1 of no use"


async def test_a_repository_is_the_same_however_it_is_spelt(tmp_path: Path) -> None:
    """GitHub takes Moby/Moby for moby/moby, and tells the name as its owner wrote it."""
    async with booking(tmp_path, live=live_of(["Moby/Moby"])) as books:
        await books.book.take(told_of(pull_of(1), "opened"))
        await books.book.take(told_of(pull_of(2, head=B), "synchronize"))
        assert [event.lane for event in books.told] == ["Moby/Moby#7", "Moby/Moby#7"]
        assert books.news == ["PullOpened a", "PullPushed b"]


async def test_a_time_to_come_does_not_stop_the_book(tmp_path: Path) -> None:
    """What is told later would be older than it for ever."""
    async with booking(tmp_path) as books:
        await books.begun(KNOWN)
        assert await books.book.take(told_of(pull_of(900 * DAY_S, head=B))) is Taken.UNSURE
        assert await books.book.take(told_of(pull_of(20, head=C))) is Taken.FRESH


async def test_the_age_of_news_is_that_of_what_it_tells(tmp_path: Path) -> None:
    """A forge that sends again what was not taken in does so for three days."""
    clock = VirtualClock()
    clock.now_s = STALE.total_seconds()
    async with booking(tmp_path, clock) as books:
        await books.book.take(Told("guid-1", "x", REPO, facts=(comment(1, 1), comment(2, -1))))
        assert [event.key for event in books.told] == [comment(1).key]
