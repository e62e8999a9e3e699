"""Pictures: the same numbers give the same bytes, whatever their names hold, one after the other beside the loop."""

import asyncio
import math
import os
import struct
import subprocess
import sys
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.slack_pictures import (
    ALT_CHARS,
    MAX_POINTS,
    MAX_SERIES,
    MAX_WAITING,
    Pictures,
    alt_of,
    draw,
    drawable,
)
from bot.adapters.slack_text import units
from bot.chat import Picture, Series
from bot.errors import Unavailable

FUZZ = max(1000, int(os.environ.get("GORDON_FUZZ", "5000")))
NOON_S = 1_390_046_400.0  # 2014-01-18
DAYS = Series("dm-error", tuple((NOON_S + day * 86_400, float(day % 5)) for day in range(30)))
FLAKES = Picture("Flakes", "builds a day", (DAYS, Series("network", ((NOON_S, 2.0), (NOON_S + 86_400, 4.0)))))
NAN, INFINITE = math.nan, math.inf

text = st.text(st.characters(exclude_categories=()), max_size=60)
points = st.lists(st.tuples(st.floats(), st.floats()), max_size=20).map(tuple)
pictures = st.builds(
    Picture, text, text | st.just("%"), st.lists(st.builds(Series, text, points), max_size=12).map(tuple)
)


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_the_same_numbers_are_the_same_picture_twice_as_wide_as_high() -> None:
    first = draw(FLAKES)
    assert first == draw(FLAKES)
    assert size_of(first) == (1200, 600)
    assert first != draw(Picture("Flakes", "%", FLAKES.series))


@settings(max_examples=FUZZ // 1000)
@given(pictures)
def test_whatever_names_and_numbers_hold_there_is_a_picture(picture: Picture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert size_of(draw(picture)) == (1200, 600)


@settings(max_examples=FUZZ // 100)
@given(pictures)
def test_its_description_fits_a_file(picture: Picture) -> None:
    assert 0 < units(alt_of(picture)) <= ALT_CHARS


@pytest.mark.parametrize("name", ["_hidden", "$x_1", r"$\frac$", "漢字 \U0001f600", "\u202eturned", "a\nb", ""])
def test_a_name_is_drawn_as_it_is_or_with_a_mark(name: str) -> None:
    assert size_of(draw(Picture(name, name, (Series(name, DAYS.points),)))) == (1200, 600)


def test_its_words_say_what_there_is_to_see() -> None:
    assert alt_of(Picture("Flakes", "builds a day", FLAKES.series[1:])) == (
        "Flakes, builds a day: network from 2 at 2014-01-18 12:00 UTC to 4 at 2014-01-19 12:00 UTC, lowest 2, highest 4"
    )
    assert alt_of(Picture("Flaky", "%", (Series("all", ((NOON_S, 0.125),)),))) == (
        "Flaky, %: all 12.5 % at 2014-01-18 12:00 UTC"
    )
    assert alt_of(Picture("", "", ())) == "a picture: no numbers yet"


@pytest.mark.parametrize(
    "point",
    [(NOON_S, NAN), (NOON_S, INFINITE), (NAN, 1.0), (-1.0, 1.0), (INFINITE, 1.0), (1e12, 1.0), (NOON_S, 1e300)],
)
def test_what_cannot_be_drawn_is_left_out(point: tuple[float, float]) -> None:
    assert drawable(Picture("", "", (Series("n", (point,)),))) == []
    assert drawable(Picture("", "", (Series("n", (point, (NOON_S, 1.0))),))) == [Series("n", ((NOON_S, 1.0),))]


def test_many_points_are_thinned_and_no_peak_is_lost() -> None:
    many = tuple(
        (NOON_S + second, 9.0 if second == 5_000 else -9.0 if second == 7_000 else 1.0) for second in range(10_000)
    )
    [series] = drawable(Picture("", "", (Series("n", many),)))
    assert len(series.points) <= MAX_POINTS
    assert {(NOON_S + 5_000, 9.0), (NOON_S + 7_000, -9.0)} <= set(series.points)
    assert list(series.points) == sorted(series.points)


def test_no_more_series_are_drawn_than_can_be_told_apart() -> None:
    some = tuple(Series(str(number), DAYS.points) for number in range(20))
    assert [series.name for series in drawable(Picture("", "", some))] == list("01234567")[:MAX_SERIES]


async def test_pictures_are_drawn_beside_the_loop_one_after_the_other() -> None:
    pictures = Pictures()
    ticks, task = 0, asyncio.gather(*(pictures.draw(FLAKES) for _ in range(3)))
    while not task.done():
        ticks += 1
        await asyncio.sleep(0.01)
    assert len(set(await task)) == 1
    assert ticks > 3
    pictures.close()


def test_a_program_that_ends_while_it_draws_ends_well() -> None:
    program = """
import asyncio
from bot.adapters.slack_pictures import Pictures
from bot.chat import Picture, Series

async def main():
    pictures, picture = Pictures(), Picture("", "", (Series("n", ((1.0, 1.0), (2.0, 2.0))),))
    drawing = [asyncio.create_task(pictures.draw(picture)) for _ in range(2)]
    await drawing[0]
    pictures.close()

asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


async def test_what_takes_too_long_and_what_is_too_much_is_told() -> None:
    pictures = Pictures(within_s=0.001)
    told = await asyncio.gather(*(pictures.draw(FLAKES) for _ in range(MAX_WAITING + 1)), return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in told)
    assert ["others wait" in str(one) for one in told] == [False] * MAX_WAITING + [True]
    with pytest.raises(Unavailable, match=r"within 0.001 s"):
        await pictures.draw(FLAKES)
    pictures.close()
