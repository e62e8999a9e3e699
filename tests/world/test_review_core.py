"""What the core does at its start, in its loops and at its gates when several things come together."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app import App
from bot.clock import SystemClock
from bot.demo.world import PLUGINS, World
from bot.events import Event, Tick
from bot.journal import SqliteJournal
from bot.ports import Delivery, OutboxRow
from bot.testing import FakeChat, running
from tests.world.honesty import honest, until

BAD = Path(__file__).parent / "bad_plugins"


class SlowToRead(SqliteJournal):
    """A journal on a disk where reading takes its time."""

    async def unsaid(self, networks: Sequence[str]) -> Sequence[OutboxRow]:
        await asyncio.sleep(0.5)
        return await super().unsaid(networks)


class RefusesTicks(SqliteJournal):
    """A journal with a mistake that every third tick wakes."""

    refused = 0

    async def accept(self, event: Event, handlers: Sequence[str]) -> Sequence[Delivery]:
        if isinstance(event, Tick) and self.refused < 3:
            self.refused += 1
            raise RuntimeError("no ticks")
        return await super().accept(event, handlers)


@asynccontextmanager
async def started(app: App) -> AsyncIterator[None]:
    task = asyncio.create_task(app.run())
    try:
        yield
    finally:
        app.stop()
        assert await task == 0


async def test_a_command_that_is_taken_up_at_the_start_is_answered_once(tmp_path: Path) -> None:
    """F28: its answer is not loaded from the disk and said a second time."""
    async with World(tmp_path) as world:
        async with running(tmp_path, world=world) as gordon:
            gordon.world.github.hang()
            await gordon.chat.hear("tianon", "rebuild moby#1 nope")
            await gordon.world.github.hanging()
        world.github.resume()
        chat = FakeChat()
        app = world.gordon(chat)
        app.journal = SlowToRead(app.database, app.clock)
        async with started(app):
            await chat.line("no context")
            await app.outbox.drain(5)
            await asyncio.sleep(0.5)
        assert len([text for _, text in chat.said if "no context" in text]) == 1


async def test_a_tick_that_cannot_be_accepted_does_not_end_the_program(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F36: whatever the error is, the log has it, and the next tick comes."""
    async with World(tmp_path, plugins=(*PLUGINS, "ticking"), plugin_folder=BAD) as world:
        chat = FakeChat()
        app = world.gordon(chat)
        app.journal = RefusesTicks(app.database, app.clock)
        async with started(app):
            await asyncio.sleep(1.5)
            await chat.hear("tianon", "count")
            assert int((await chat.line("ticks")).split()[0])
    assert caplog.text.count("no ticks") >= 3


async def test_a_plugin_that_is_off_for_its_ticks_leaves_no_letters(tmp_path: Path) -> None:
    """F36: neither its last failures nor the ticks that it does not hear any more."""
    async with honest(tmp_path, plugins=(*PLUGINS, "ticking"), plugin_folder=BAD, again_after_s=0.05) as gordon:
        await gordon.say("tianon", "tick-badly")
        await until(lambda: gordon.app.strikes.why_off("ticking"))
        await asyncio.sleep(1)
        assert await gordon.say("icecrime", "letters") == "nothing is stuck"


async def test_ticks_go_on_when_the_clock_is_set_back(tmp_path: Path) -> None:
    """F33: a tick is no repeat of one that came before the clock was set back."""
    back_s = 0.0
    clock = SystemClock(_wall_s=lambda: time.time() - back_s)
    async with honest(tmp_path, clock=clock, plugins=(*PLUGINS, "ticking"), plugin_folder=BAD) as gordon:
        await asyncio.sleep(2)
        back_s = 2.0
        before = int((await gordon.say("tianon", "count")).split()[0])
        await asyncio.sleep(1)
        assert int((await gordon.say("tianon", "count")).split()[0]) >= before + 3
