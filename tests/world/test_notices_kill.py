"""F28: Gordon is killed between the time of a notice and its telling, and it is heard once, or marked."""

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from tests.world.crash_rig import AGAIN, CrashRig, crash_rig
from tests.world.notices_rig import OWN, PLUGINS

DUE = "UPDATE timetable SET next_s = :now_s WHERE name LIKE 'chat %'"


def let_it_come_due(rig: CrashRig) -> None:
    """Have what is scheduled be due, as if its time had come while Gordon was away."""
    with contextlib.closing(sqlite3.connect(rig.world.folder / "state" / "gordon.db")) as database, database:
        database.execute(DUE, {"now_s": time.time() - 1})


@pytest.mark.parametrize(
    ("point", "is_marked"),
    [
        pytest.param("rows.move.after", False, id="after-its-time-is-on-disk"),
        pytest.param("journal.finish.before", False, id="before-its-words-are-on-disk"),
        pytest.param("journal.finish.after", False, id="after-its-words-are-on-disk"),
        pytest.param("chat.send.after", True, id="after-it-was-said"),
    ],
)
async def test_a_notice_is_heard_once_or_marked(tmp_path: Path, point: str, is_marked: bool) -> None:
    async with crash_rig(tmp_path, plugins=PLUGINS, plugin_folder=OWN) as rig:
        await rig.start()
        rig.people[0].type('schedule add "daily 09:00" todo')
        await rig.people[0].hears("is told todo at daily 09:00 UTC")
        await rig.quiet()
        await rig.stop()
        let_it_come_due(rig)
        with contextlib.suppress(AssertionError):  # it may die before it is in the channel
            await rig.start(crash_at=point)
        await rig.died()
        await rig.start()
        await rig.people[0].hears("2 things to do")
        await rig.quiet()
        told = [line for line in rig.lines() if "2 things to do" in line]
        assert [line.startswith(AGAIN) for line in told] == ([False, True] if is_marked else [False])
