"""What is remembered as long as there is room."""

from bot.bounded import Bounded


def test_what_was_set_first_is_forgotten_first() -> None:
    known: Bounded[str, int] = Bounded(2)
    for number, key in enumerate("abac"):  # a is set again, and so newer than b
        known[key] = number
    assert known == {"a": 2, "c": 3}
    assert known.pop("a", None) == 2
    known["d"] = 4
    assert list(known) == ["c", "d"]


def test_however_it_is_filled_it_has_no_more_than_it_may() -> None:
    known: Bounded[int, int] = Bounded(2)
    known |= dict.fromkeys(range(5), 0)
    known.update(dict.fromkeys(range(5, 9), 0))
    known.setdefault(9, 0)
    assert list(known) == [8, 9]
