"""How fast something may be said: never faster than stated, and no later than need be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.bucket import Bucket


@given(st.integers(1, 6), st.floats(0.1, 5), st.lists(st.floats(0, 3), max_size=40))
def test_bucket_never_gives_more_than_its_burst_and_rate(burst: int, every_s: float, pauses: list[float]) -> None:
    bucket, now_s, taken = Bucket(burst, every_s), 0.0, []
    for pause_s in pauses:
        now_s += pause_s
        if bucket.take(now_s) == 0:
            taken.append(now_s)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            span_s = taken[last] - taken[first]
            assert last - first + 1 <= burst + span_s / every_s + 1e-6


def test_bucket_says_how_long_to_wait() -> None:
    bucket = Bucket(2, 0.5)
    assert [bucket.take(10.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert bucket.take(10.5) == 0.0


@pytest.mark.parametrize("bucket", [Bucket(0, 1.0), Bucket(4, 0.0)])
def test_bucket_of_nothing_is_no_limit(bucket: Bucket) -> None:
    assert all(bucket.take(1.0) == 0.0 for _ in range(1000))


def test_what_could_not_wait_makes_others_wait_for_it() -> None:
    bucket = Bucket(2, 0.5)
    for _ in range(5):
        bucket.spend(10.0)
    assert bucket.take(10.0) == 2.0
    assert bucket.take(12.0) == 0.0
