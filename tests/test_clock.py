"""Time that is handed in: scaled, never going back, whatever the wall clock does."""

import asyncio
import math
import time
from datetime import UTC

import pytest

from bot.clock import SystemClock, sleep_until

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


@pytest.mark.parametrize(
    ("set_after_s", "at_most_s", "least_s", "most_s"),
    [
        pytest.param(0.0, math.inf, 0.0, 0.05, id="set-at-once"),
        pytest.param(0.05, math.inf, 0.045, 5.0, id="set-while-nothing-else-ends-it"),
        pytest.param(0.05, 60.0, 0.045, 5.0, id="set-before-the-time-has-come"),
        pytest.param(60.0, 0.05, 0.045, 5.0, id="the-time-has-come-before"),
    ],
)
async def test_whoever_waits_goes_on_at_the_event_or_when_the_time_has_come(
    set_after_s: float, at_most_s: float, least_s: float, most_s: float
) -> None:
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    setting = loop.call_later(set_after_s, event.set)
    before_s, before = time.monotonic(), asyncio.all_tasks()
    await sleep_until(event, at_most_s, SystemClock())
    assert least_s <= time.monotonic() - before_s < most_s
    assert asyncio.all_tasks() == before  # and nothing goes on waiting
    setting.cancel()
