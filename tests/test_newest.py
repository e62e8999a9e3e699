"""What is remembered as long as there is room."""

from bot.adapters.newest import Newest


def test_what_was_set_first_is_forgotten_first() -> None:
    newest: Newest[str, int] = Newest(2)
    for number, key in enumerate("abac"):  # a is set again, and so newer than b
        newest[key] = number
    assert newest == {"a": 2, "c": 3}
    assert newest.pop("a", None) == 2
    newest["d"] = 4
    assert list(newest) == ["c", "d"]
