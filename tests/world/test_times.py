"""Times of the wall clock in a whole program (F33): told once in chat, over pauses, reloads and deaths."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.demo.world import CHANNEL, PLUGINS, World
from bot.testing import NETWORK, running
from tests.moved_clock import MONDAY_S, MovedClock
from tests.world.crash_rig import crash_rig
from tests.world.honesty import said, until

OWN = Path(__file__).parent / "own_plugins"
HOUR_S = 3600.0
# Two hours are over at every even hour, wherever the machine's clock begins.
SAID = r"it is \d\d:00: tea, (\d+) missed"


def begin_on_the_hour() -> MovedClock:
    """Make a clock that goes on by itself, from five minutes past an even hour."""
    clock = MovedClock()
    past_s = (MONDAY_S + clock.monotonic_s()) % (2 * HOUR_S)
    clock.ahead_s = 2 * HOUR_S - past_s + 300
    return clock


async def test_f33_a_time_is_told_once_also_after_a_day_away(tmp_path: Path) -> None:
    clock = begin_on_the_hour()
    async with World(tmp_path, clock=clock, plugins=(*PLUGINS, "timing"), plugin_folder=OWN) as world:
        async with running(tmp_path, world=world) as gordon:
            at = f"{(clock.now().hour + 2) % 24:02}:00"
            assert (await gordon.say("tianon", "remind tea")).startswith(f"I shall say tea at {at}")
            clock.move(2 * HOUR_S)
            assert await gordon.chat.line(SAID) == f"it is {at}: tea, 0 missed"
            await said(gordon, "tea, ", 1)
        clock.move(24 * HOUR_S)
        async with running(tmp_path, world=world) as gordon:
            assert await gordon.chat.line(SAID) == f"it is {at}: tea, 11 missed"
            clock.move(2 * HOUR_S)
            await gordon.chat.line("tea, 0 missed")
            await said(gordon, "tea, ", 2)


async def test_a_reload_brings_times_and_takes_them_away(tmp_path: Path) -> None:
    clock = begin_on_the_hour()
    async with World(tmp_path, clock=clock, plugins=(*PLUGINS, "timing"), plugin_folder=OWN) as world:
        text = world.config.read_text(encoding="utf-8")
        async with running(tmp_path, world=world) as gordon:
            for name in ("tea", "cake"):
                table = f'\n[plugin.timing]\nplace = "{NETWORK}/{CHANNEL}"\n[plugin.timing.at]\n{name} = "every 2h"\n'
                world.config.write_text(text + table, encoding="utf-8")
                before = len(gordon.lines)
                assert await gordon.app.reload.on_signal()
                await has_entry(world, name)
                clock.move(2 * HOUR_S)
                await gordon.chat.line(f": {name}, 0 missed", after=before)
            await said(gordon, "tea, ", 1)


@pytest.mark.parametrize("point", ["rows.move.before:1", "rows.move.after:1", "journal.finish.before:2"])
async def test_f28_a_death_beside_a_time_that_has_come_has_it_told_once(tmp_path: Path, point: str) -> None:
    """F28: before and after it is on record, and before its handler has ended, or that of the command that woke it."""
    async with crash_rig(tmp_path, plugins=(*PLUGINS, "timing"), plugin_folder=OWN) as rig:
        [tianon] = rig.people
        await rig.start()
        await rig.compared()
        tianon.type("remind tea")
        await tianon.hears("I shall say tea")
        await rig.quiet()
        await rig.stop()
        await rig.start(point)
        with closing(database(rig.world)) as db, db:  # as if it had been asleep for two days
            assert db.execute("UPDATE timetable SET next_s = next_s - 172800").rowcount == 1
        tianon.type("remind cake")  # which has it look
        await rig.died()
        await rig.start()
        await tianon.hears(": tea, 2[34] missed")
        await tianon.hears("I shall say cake")
        await rig.quiet()
        await rig.stop()
        assert len([line for line in rig.lines() if "missed" in line]) == 1


def database(world: World) -> sqlite3.Connection:
    return sqlite3.connect(world.folder / "state" / "gordon.db")


async def has_entry(world: World, name: str) -> None:
    """Wait until a time is on disk, and no other one."""

    def names() -> list[str]:
        with closing(database(world)) as db:
            return [row[0] for row in db.execute("SELECT name FROM timetable").fetchall()]

    await until(lambda: names() == [name])
