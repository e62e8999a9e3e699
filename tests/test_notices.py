"""Several words as one line: what fits, what is cut, and what is marked."""

from datetime import UTC, datetime

import pytest

from bot.chat import Card, Words
from bot.notices import in_one_line, joined, marked, summary
from bot.ports import OutboxRow
from bot.values import Place

NOW = datetime(2014, 7, 1, 14, 30, tzinfo=UTC)
AT_S = datetime(2014, 7, 1, 14, 5, tzinfo=UTC).timestamp()
PLACE = Place("net", "#c")


def rows(*words: Words, at_s: float = AT_S, again: bool = False) -> list[OutboxRow]:
    return [OutboxRow(number, PLACE, one, again=again, at_s=at_s + number) for number, one in enumerate(words)]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        pytest.param("text", "text", id="text"),
        pytest.param(" one\r\n\n two ", "one | two", id="lines"),
        pytest.param(Card("title", ("line",), {"PR": "1"}, url="http://x/"), "title; line; PR: 1 http://x/", id="card"),
    ],
)
def test_words_without_a_line_break(words: Words, line: str) -> None:
    assert in_one_line(words) == line


def test_a_mark_stands_before_words_that_may_have_been_said() -> None:
    assert [marked(row) for row in rows("a", Card("b", ("c",)))] == ["a", Card("b", ("c",))]
    assert [marked(row) for row in rows("a", Card("b", ("c",)), again=True)] == ["(again) a", Card("(again) b", ("c",))]


@pytest.mark.parametrize(
    ("texts", "room", "line", "number"),
    [
        pytest.param(["abc"], 1, "abc", 1, id="the-first-is-there-even-if-it-is-long"),
        pytest.param(["abc", "def"], 9, "abc | def", 2, id="just-fits"),
        pytest.param(["abc", "def"], 8, "abc", 1, id="one-byte-less"),
        pytest.param(["é", "é", "é"], 11, "é | é", 2, id="bytes-count-not-letters"),
        pytest.param(["a", "bbbbbbbbbbbbbb", "c"], 9, "a", 1, id="the-order-is-kept"),
    ],
)
def test_as_many_as_fit_are_joined(texts: list[str], room: int, line: str, number: int) -> None:
    assert joined(texts, room) == (line, number)


@pytest.mark.parametrize(
    ("told", "room", "line"),
    [
        pytest.param(rows("only"), 200, "while I was away, at 14:05 UTC: only", id="one"),
        pytest.param(rows("x" * 300), 100, f"while I was away, at 14:05 UTC: {'x' * 300}", id="one-loses-nothing"),
        pytest.param(rows("a", "b"), 200, "while I was away, 2 notices since 14:05 UTC: a | b", id="all-fit"),
        pytest.param(
            rows("first", "second", *["more"] * 10),
            80,
            "while I was away, 12 notices since 14:05 UTC: first | second | … and 10 more",
            id="some-fit",
        ),
        pytest.param(
            rows("é" * 60, "b"),
            80,
            f"while I was away, 2 notices since 14:05 UTC: {'é' * 7}… | … and 1 more",
            id="not-even-the-first-fits",
        ),
        pytest.param(
            rows("a", "b", again=True), 200, "(again) while I was away, 2 notices since 14:05 UTC: a | b", id="again"
        ),
        pytest.param(
            rows("a", "b", at_s=AT_S - 2 * 86400),
            200,
            "while I was away, 2 notices since 2014-06-29 14:05 UTC: a | b",
            id="days-ago",
        ),
    ],
)
def test_what_is_stale_is_one_line(told: list[OutboxRow], room: int, line: str) -> None:
    """F7."""
    assert summary(told, room, NOW) == line
    assert len(told) == 1 or len(line.encode()) <= room


def test_a_summary_fits_in_any_room() -> None:
    """The mark, the count and the date leave no room for more than is told."""
    for number in (2, 9, 10, 11, 99, 100, 101, 1000):
        for room in range(110, 400, 7):
            line = summary(rows(*["word é"] * number, at_s=0, again=True), room, NOW)
            assert len(line.encode()) <= room
            told = line.count("word é")
            assert told == number or line.endswith(f" | … and {number - told} more")
