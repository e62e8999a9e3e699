"""A state that was put back from a copy, while the world has gone on: nothing is done a second time."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.audit_trail import Tampered, verify
from bot.backup import backup, restore
from bot.demo.world import World
from bot.testing import FakeChat, Gordon, running
from tests.world.honesty import on_disk, triggers

QUEUED = r"queued janky \(item \d+\)"
ASKED = "rebuild moby#1 janky again"
NUMBERS = {"again_after_s": 0.2, "poll_s": 0.2, "timeout_s": 1.0}


async def copied(gordon: Gordon, folder: Path) -> Path:
    target = folder / "copy.db"
    assert await asyncio.to_thread(backup, gordon.world.config, target) == 0
    return target


async def test_a_build_that_was_under_way_in_the_copy_is_not_started_again(tmp_path: Path) -> None:
    """F22: nor one that it does not know at all."""
    async with World(tmp_path, numbers=NUMBERS) as world:
        async with running(tmp_path, world=world) as gordon:
            await gordon.say("tianon", ASKED, expect=QUEUED)
            copy = await copied(gordon, tmp_path)
            await gordon.say("tianon", "rebuild moby#1 lxc again", expect="queued lxc")
        await asyncio.to_thread(restore, world.config, copy)
        async with running(tmp_path, world=world, chat=FakeChat()) as gordon:
            await triggers(gordon, 2)


async def test_what_the_copy_does_not_know_as_done_is_looked_up_before_it_is_done(tmp_path: Path) -> None:
    """F22: a command that waited for Jenkins when the copy was made, and has been obeyed since."""
    async with World(tmp_path, numbers=NUMBERS) as world:
        async with running(tmp_path, world=world) as gordon:
            await world.jenkins.go_down("503")
            await gordon.chat.hear("tianon", ASKED)
            await on_disk(gordon, "SELECT state FROM deliveries", lambda state: state == "waiting")
            copy = await copied(gordon, tmp_path)
            await world.jenkins.come_back()
            await gordon.chat.line(QUEUED)
        await asyncio.to_thread(restore, world.config, copy)
        async with running(tmp_path, world=world, chat=FakeChat()) as gordon:
            await on_disk(gordon, "SELECT count(*) FROM deliveries", lambda count: count == 0)
            await triggers(gordon, 1)


async def test_words_that_waited_in_the_copy_are_marked_when_they_are_said(tmp_path: Path) -> None:
    """They may have been said since."""
    async with World(tmp_path, numbers=NUMBERS) as world:
        async with running(tmp_path, world=world) as gordon:
            gordon.chat.is_connected = False
            await gordon.chat.hear("tianon", ASKED)
            await on_disk(gordon, "SELECT count(*) FROM outbox", lambda count: count >= 1)
            copy = await copied(gordon, tmp_path)
            gordon.chat.is_connected = True
            await gordon.chat.line(QUEUED)
        await asyncio.to_thread(restore, world.config, copy)
        half = tmp_path / "state" / ".gordon.db.v0006.abcdefgh.part"  # of an upgrade that was killed
        half.write_text("half")
        async with running(tmp_path, world=world, chat=FakeChat()) as gordon:
            assert (await gordon.chat.line(QUEUED)).startswith("(again) ")
            assert not half.exists()


async def test_the_log_tells_the_head_of_the_audit_at_the_start_and_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A37: so the log is an anchor, against which a trail that was cut off is seen."""
    caplog.set_level(logging.INFO, logger="bot.audit")
    async with World(tmp_path) as world:
        for number in range(2):
            async with running(tmp_path, world=world, chat=FakeChat()) as gordon:
                await gordon.say("tianon", "ping", expect="pong", key=f"test:{number}")
        heads = told(caplog)
        assert len(heads) == 3, "at the very first start there was none"
        assert heads[0] == heads[1] != heads[2]
        assert verify(world.config, heads[2]) == 0
        with closing(sqlite3.connect(tmp_path / "state" / "gordon.db")) as db, db:
            db.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
        assert verify(world.config) == 0
        with pytest.raises(Tampered, match="was cut off"):
            verify(world.config, heads[2])


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.getMessage() for record in caplog.records]
    return [line.rpartition(" ")[2] for line in lines if line.startswith("the audit trail: head ")]
