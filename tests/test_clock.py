"""Time that is handed in: scaled, never going back, whatever the wall clock does."""

import asyncio
import time
from datetime import UTC

import pytest

from bot.clock import SystemClock

T0 = 1_404_216_000.0


def test_the_wall_clock_is_utc() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now().timestamp() - time.time()) < 5


def test_the_wall_clock_may_jump_and_the_monotonic_one_does_not() -> None:
    """F33: one hour back, as at a wrongly set machine."""
    wall = iter([T0, T0 - 3600])
    clock = SystemClock(_wall_s=lambda: next(wall))
    before_s = clock.monotonic_s()
    assert clock.now().timestamp() - clock.now().timestamp() == 3600
    assert before_s <= clock.monotonic_s() < before_s + 60


@pytest.mark.parametrize("speed", [1.0, 10.0, 1000.0])
async def test_scaled_time_runs_as_fast_everywhere(speed: float) -> None:
    clock = SystemClock(speed=speed)
    real_s, begun, begun_s = time.monotonic(), clock.now(), clock.monotonic_s()
    await clock.sleep(0.05 * speed)
    slept_s = time.monotonic() - real_s
    assert slept_s >= 0.049
    for elapsed_s in ((clock.now() - begun).total_seconds(), clock.monotonic_s() - begun_s):
        assert 0.049 * speed <= elapsed_s <= (time.monotonic() - real_s + 0.01) * speed


@pytest.mark.parametrize("delay_s", [0.0, -5.0])
async def test_a_moment_that_has_passed_is_not_waited_for(delay_s: float) -> None:
    await asyncio.wait_for(SystemClock().sleep(delay_s), 1)
