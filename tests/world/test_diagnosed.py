"""Each build that is over is diagnosed once, wherever the program is killed while it finds out why."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bot.values import BuildRef
from tests.log_rig import FAILED, JOB, LogServer, room

ROOT = Path(__file__).parents[2]
KILLED = """
import asyncio, sys
from pathlib import Path
from tests.log_rig import FAILED, LogServer, room

async def main(folder):
    server = LogServer()
    server.has(12, FAILED)
    async with room(Path(folder), server) as here:
        await here.ends(12)
        await here.diagnosed()
        await asyncio.Event().wait()

asyncio.run(main(sys.argv[1]))
"""


def events_of(folder: Path, kind: str) -> int:
    with sqlite3.connect(folder / "gordon.db") as db:
        found = db.execute("SELECT count(*) FROM events WHERE kind = ?", (kind,)).fetchone()[0]
    db.close()
    return int(found)


@pytest.mark.parametrize(
    ("point", "told_before"),
    [pytest.param("rows.move.before", 0, id="before"), pytest.param("rows.move.after", 1, id="after")],
)
async def test_a_kill_beside_the_write_leaves_one_diagnosis(tmp_path: Path, point: str, told_before: int) -> None:
    """(F28)"""
    killed = subprocess.run(  # noqa: ASYNC221  nothing else is under way
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"GORDON_CRASH_AT": f"{point}:1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert events_of(tmp_path, "BuildDiagnosed") == told_before
    server = LogServer()
    server.has(12, FAILED)
    server.has(13, FAILED)
    async with room(tmp_path, server) as here:
        await here.ends(13)
        await here.diagnosed(2 - told_before)
        facts = await here.room.facts.of_build(BuildRef(JOB, 12))
        assert [one.diagnosis.cause for one in facts] == ["go-test-failed"]
        assert here.room.part().name == "diagnosis"
    assert events_of(tmp_path, "BuildDiagnosed") == 2
    assert ("log docker-prs#12" in server.asked) is not bool(told_before)
