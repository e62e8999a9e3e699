"""What comes and goes as long as the program runs is not remembered for ever (G8)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import node_watch
from bot.database import Database
from bot.effect import Effect
from bot.errors import Unavailable
from bot.turns import Turns
from tests.watch_rig import FakeServer, node, watching


async def test_agents_that_were_made_for_one_build_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_watch, "MOST_SEEN", 20)
    server = FakeServer()
    async with watching(tmp_path, server) as watched:
        for day in range(3):
            server.agents = [node(f"cloud-{day}-{number}") for number in range(10)]
            await watched.passes(120)
        last_seen = watched.watch.nodes.last_seen
        assert [bool(last_seen("ci", f"cloud-{day}-0")) for day in range(3)] == [False, True, True]


async def test_targets_whose_write_failed_long_ago_hold_nothing_up_and_are_forgotten(tmp_path: Path) -> None:
    database = Database(tmp_path / "gordon.db")
    turns = Turns(database)
    try:
        for number in range(5):
            with pytest.raises(Unavailable):
                async with turns.taken(status_of(number), deadline_s=0.0):
                    raise Unavailable("GitHub", "setting a status")
        assert len(turns._not_before_s) <= 1
    finally:
        database.close()


def status_of(number: int) -> Effect:
    key, at = (
        f"e{number}|statuses.tell|status.set|moby/moby/{number:040x}/docker/janky",
        datetime(2014, 7, 1, tzinfo=UTC),
    )
    return Effect(number, key, f"e{number}", "status.set", {}, f"r{number}", "sending", {}, "", at)
