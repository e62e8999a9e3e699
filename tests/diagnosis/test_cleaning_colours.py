"""Where a text has colours alone they go by a shorter way, and what is left is the same."""

import random

from bot.diagnosis.cleaning import without_escapes

PIECES = [
    b"\x1b[0m",
    b"\x1b[1;32m",
    b"\x1b[m",
    b"[0m",
    b"m",
    b"x",
    b"ha:",
    b"AAAA=",
    b"\n",
    b"\x1b[8m",
    b"\x1b[8mha:AAAA=",
]
OTHER_ESCAPE = b"\n\x1b[Kend"  # with it the text goes the long way


def test_colours_go_the_same_by_both_ways() -> None:
    rng = random.Random(4)
    for _ in range(3000):
        text = b"".join(rng.choices(PIECES, k=rng.randrange(12)))
        assert without_escapes(text + OTHER_ESCAPE) == without_escapes(text) + b"\nend", text
