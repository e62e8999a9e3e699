"""Failures that nothing explains put together: by fingerprint, by alike lines, and many of them in little time."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bot.clusters import Unexplained, cluster
from bot.values import BuildRef, JobRef

NOON = datetime(2014, 9, 12, 12, tzinfo=UTC)


def failures(*texts: tuple[str, str]) -> list[Unexplained]:
    """Make failures of fingerprints and lines, each a minute after the one before."""
    return [
        Unexplained(BuildRef(JobRef("ci", "docker-prs"), number), fingerprint, text, NOON + timedelta(minutes=number))
        for number, (fingerprint, text) in enumerate(texts, 1)
    ]


def numbers(clusters: Sequence[Sequence[Unexplained]]) -> list[list[int]]:
    return [[failure.build.number for failure in one] for one in clusters]


@pytest.mark.parametrize(
    ("texts", "together"),
    [
        pytest.param([], [], id="none"),
        pytest.param([("a", "x"), ("b", "y z"), ("a", "x")], [[3, 1], [2]], id="largest-first-newest-first"),
        pytest.param([("a", "x y"), ("b", "u v")], [[2], [1]], id="the-newer-of-two-as-large"),
        pytest.param(
            [("a", "no route to host 4f00aa11bb22"), ("b", "no route to host 77ffaa11bb23")],
            [[2, 1]],
            id="what-differs-each-time",
        ),
        pytest.param(
            [("a", "gave up on shelf seven of the store"), ("b", "gave up on shelf eight of the store")],
            [[2, 1]],
            id="one-word-of-eight",
        ),
        pytest.param(
            [("a", "gave up on shelf seven"), ("b", "ran out of disk space")], [[2], [1]], id="nothing-in-common"
        ),
        pytest.param([("a", "the same line"), ("b", "")], [[2], [1]], id="without-a-line"),
        pytest.param([("a", ""), ("b", "")], [[2], [1]], id="two-without-a-line"),
    ],
)
def test_what_is_put_together(texts: Sequence[tuple[str, str]], together: list[list[int]]) -> None:
    assert numbers(cluster(failures(*texts))) == together


def test_the_order_they_come_in_does_not_matter() -> None:
    made = failures(*[(str(number), f"cannot reach host number {number} of the lab") for number in range(30)])
    for seed in range(5):
        random.Random(seed).shuffle(made)
        assert numbers(cluster(made)) == [list(range(30, 0, -1))]


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_ten_thousand_take_seconds_and_never_the_square(alike: float) -> None:
    dice = random.Random(7)
    words = ["".join(dice.choice("abcdefghijklmnop") for _ in range(8)) for _ in range(3000)]
    bases = [[dice.choice(words) for _ in range(10)] for _ in range(40)]

    def line() -> str:
        chosen = list(dice.choice(bases)) if dice.random() < alike else [dice.choice(words) for _ in range(10)]
        chosen[dice.randrange(10)] = dice.choice(words)
        return " ".join(chosen)

    made = failures(*[(str(number), line()) for number in range(10_000)])
    began_s = time.process_time()
    found = cluster(made)
    assert time.process_time() - began_s < 2  # about 0.4; each held against each would take minutes
    assert sum(map(len, found)) == len(made)
    if alike == 1:
        assert sum(map(len, found[:40])) > 0.6 * len(made)
