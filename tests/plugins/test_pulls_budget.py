"""How many lines a place hears in an hour, and what is told together: against counting by hand."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from plugins.pulls.budget import (
    HOUR_S,
    Late,
    Spent,
    admits,
    at,
    digest_at,
    digest_lines,
    dump,
    load,
    ranges,
    said,
)
from plugins.pulls.digests import LINE_BYTES, LINES_PER_PAGE, Item, digest, page, page_number
from plugins.pulls.settings import Kind

NOON = datetime(2014, 7, 1, 12, tzinfo=UTC)


def play(arrivals: Sequence[tuple[float, bool]], limit: int) -> tuple[list[float], list[tuple[float, float]]]:
    """Let lines come at these times, and tell when each line was said, and of each that was late when it came and went.

    Arguments:
        arrivals: when, and whether it is valuable.
    """
    posts: list[float] = []
    late: list[tuple[float, float]] = []
    waiting: list[float] = []
    spent, todo = Spent(), [*arrivals]
    while todo or waiting:
        due_s = digest_at(spent, limit, spent.due_s or 0.0) if waiting else float("inf")
        if waiting and (not todo or due_s <= todo[0][0]):
            now_s = due_s
            spent = at(spent, now_s)
            lines = digest_lines(limit)
            posts += [now_s] * lines
            late += [(came_s, now_s) for came_s in waiting]
            waiting = []
            spent = said(replace(spent, late=None, due_s=now_s), now_s, lines)
            continue
        now_s, is_valuable = todo.pop(0)
        spent = replace(at(spent, now_s), due_s=now_s)
        if admits(spent, limit, now_s, is_valuable=is_valuable):
            posts.append(now_s)
            spent = said(spent, now_s)
        else:
            waiting.append(now_s)
            spent = replace(spent, late=spent.late or Late("x", now_s))
    return posts, late


@pytest.mark.parametrize("seed", range(40))
def test_no_hour_has_more_lines_than_it_may_and_nothing_waits_for_ever(seed: int) -> None:
    dice = random.Random(seed)
    limit = dice.choice([1, 2, 3, 4, 5, 8, 20, 100])
    moments = sorted(dice.uniform(0, dice.choice([60, 3600, 30000])) for _ in range(dice.randint(1, 300)))
    arrivals = [(moment, dice.random() < 0.5) for moment in moments]
    posts, late = play(arrivals, limit)
    for first in posts:
        assert sum(first <= other < first + HOUR_S - 1e-6 for other in posts) <= limit
    digests = len({went_s for _, went_s in late})
    assert len(posts) - digests * digest_lines(limit) + len(late) == len(arrivals)
    assert all(0 <= went_s - came_s <= 2 * HOUR_S for came_s, went_s in late)


def test_what_is_valuable_has_room_when_reviews_have_none() -> None:
    spent, now_s = Spent(), 1000.0
    while admits(spent, 20, now_s, is_valuable=False):
        spent = said(spent, now_s)
    assert len(spent.posts) == 12
    while admits(spent, 20, now_s, is_valuable=True):
        spent = said(spent, now_s)
    assert len(spent.posts) == 17
    assert admits(spent, 20, now_s + HOUR_S, is_valuable=False) is False  # `at` forgets, nobody else does
    assert admits(at(spent, now_s + HOUR_S), 20, now_s + HOUR_S, is_valuable=False)


def test_a_clock_that_is_set_back_neither_stops_nor_doubles_the_lines() -> None:
    """F33."""
    spent = said(Spent(), 10 * HOUR_S, 20)
    back = at(replace(spent, late=Late("x", 10 * HOUR_S)), 9 * HOUR_S)
    assert not admits(back, 20, 9 * HOUR_S, is_valuable=True)
    assert digest_at(back, 20, 9 * HOUR_S) == 10 * HOUR_S
    forward = at(spent, 11 * HOUR_S)
    assert forward.posts == ()


def test_what_is_spent_is_read_as_it_was_written() -> None:
    spent = Spent((1.0, 2.5), Late("k7f2qa", 2.0, 41), 99.0, ("a", "b"))
    assert load(dump(spent)) == spent
    assert dump(load(None)) is None


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        pytest.param([3], "#3", id="one"),
        pytest.param([5, 3], "#3, #5", id="two"),
        pytest.param([3, 4], "#3, #4", id="two-in-a-row"),
        pytest.param([9, 5, 6, 7, 8, 3, 5], "#3, #5-#9", id="a-row-and-one-twice"),
    ],
)
def test_numbers_in_a_row_are_one(numbers: list[int], words: str) -> None:
    assert ", ".join(ranges(numbers)) == words


def items(count: int, *kinds: Kind, step: int = 1, repo: str = "moby/moby") -> list[Item]:
    return [Item(repo, 10 + step * n, kinds, f"moby#{10 + step * n} {kinds[0]}") for n in range(count)]


def test_few_things_are_told_as_they_are() -> None:
    assert digest(items(3, Kind.MERGED), "k7f2qa", NOON, 3) == ["moby#10 merged", "moby#11 merged", "moby#12 merged"]


def test_many_things_are_told_by_number_the_most_valuable_first() -> None:
    found = [*items(12, Kind.ASKED), *items(12, Kind.OPENED), *items(2, Kind.MERGED, step=5)]
    assert digest(found, "k7f2qa", NOON, 3) == [
        "while it was busy, since 12:00 UTC, 12 pull requests: moby: 2 merged (#10, #15), 12 opened (#10-#21), "
        "12 review asked (#10-#21); by title: digest k7f2qa"
    ]


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("count", [5, 50, 500])
@pytest.mark.parametrize("repos", [1, 30])
def test_however_much_it_is_it_takes_so_many_lines(lines: int, count: int, repos: int) -> None:
    found = [
        item for n in range(repos) for kind in Kind for item in items(count, kind, step=3, repo=f"moby/project-{n}")
    ][:6000]
    told = digest(found, "k7f2qa", NOON, lines, is_quiet=True)
    assert len(told) <= lines
    assert all(len(line.encode()) <= LINE_BYTES for line in told)
    assert told[0].startswith("in quiet hours, since 12:00 UTC, ")
    assert told[-1].endswith("digest k7f2qa")


def test_each_page_names_the_next() -> None:
    assert page("k7f2qa", ["a", "b"], 1, 2) == "a\nb\npage 1 of 2; the next one: digest k7f2qa 2"
    assert page("k7f2qa", ["c"], 2, 2) == "c"
    assert page_number(None, 3) == 1
    assert page_number("3", 3) == 3
    for wrong in ("0", "4", "x", "-1", "1" * 9, "\N{SUPERSCRIPT TWO}"):
        with pytest.raises(Exception, match="3 pages"):
            page_number(wrong, 3)
    assert LINES_PER_PAGE == 10
