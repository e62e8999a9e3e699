"""What the core does at its start, in its loops and at its gates when several things come together."""

import asyncio
import gc
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.app import App
from bot.audit import short_id
from bot.chat import Hear, Instead, MessageRef, Words
from bot.clock import SystemClock
from bot.demo.jenkins.ledger import Hang, Slow
from bot.demo.world import PLUGINS, World
from bot.events import Event, Tick
from bot.journal import SqliteJournal
from bot.ports import Delivery, OutboxRow
from bot.strikes import MAX_FAILURES
from bot.testing import FakeChat, running
from bot.values import Place
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


class Reluctant(FakeChat):
    """A network that takes no words, and its time to be left."""

    async def run(self, hear: Hear) -> None:
        try:
            await super().run(hear)
        finally:
            await asyncio.sleep(4)

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        await asyncio.Event().wait()
        return await super().send(place, words, instead=instead)


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
            gordon.world.github.hang(path="/pulls/1$")
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
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F36: whatever the error is, the log has it, and the next tick comes."""
    async with World(tmp_path, plugins=(*PLUGINS, "ticking"), plugin_folder=BAD) as world:
        chat = FakeChat()
        monkeypatch.setattr("bot.app.SqliteJournal", RefusesTicks)
        app = world.gordon(chat)
        async with started(app):
            await until(lambda: caplog.text.count("RuntimeError: no ticks") == 3)
            async with asyncio.timeout(60):
                count = 0
                while not count:
                    asked = len(chat.said)
                    await chat.hear("tianon", "count", key=f"count {asked}")
                    count = int((await chat.line("ticks", after=asked)).split()[0])


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
        assert int((await gordon.say("tianon", "count")).split()[0]) >= before + 2


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        pytest.param("maintainer", "^the gate is open", id="kept"),
        pytest.param("triager", "^open needs the role maintainer in moby/moby; tianon is triager", id="taken-away"),
    ],
)
async def test_who_waits_is_asked_for_the_right_again(tmp_path: Path, roles: str, told: str) -> None:
    """A24: a right that was taken away meanwhile gives no command that waited for something."""
    async with World(tmp_path, plugins=(*PLUGINS, "gated"), plugin_folder=BAD, numbers={"again_after_s": 0.3}) as world:
        async with running(tmp_path, world=world) as gordon:
            await gordon.say("tianon", "open moby#1", key="the-command", expect="the gate does not answer")
        people = tmp_path / "people.toml"
        before, _, rest = people.read_text().partition("[people.tianon]")
        people.write_text(f"{before}[people.tianon]{rest.replace('maintainer', roles, 1)}")
        async with running(tmp_path, world=world) as gordon:
            await gordon.say("jess", "may", key="may-1", expect="it may be opened")
            await gordon.chat.line(told)
            shown = await gordon.say("icecrime", f"audit {short_id('the-command')}", key="audit-1", expect="newest")
            assert ("refused" in shown) is (roles == "triager")


async def test_who_stands_second_in_a_lane_hears_a_word_within_five_seconds(tmp_path: Path) -> None:
    """F37: each for itself, and once."""
    async with honest(tmp_path, plugins=(*PLUGINS, "hanging"), plugin_folder=BAD, handler_limit_s=6) as gordon:
        for command in ("hang", "work"):
            await gordon.chat.hear("tianon", command, key=command)
        began_s = time.monotonic()
        for command in ("hang", "work"):
            await gordon.chat.line(rf"^no answer yet, I am still at it \[{short_id(command)}\]$")
        assert time.monotonic() - began_s < 5
        await gordon.chat.line("^it works")
        assert len([line for line in gordon.lines if "still at it" in line]) == 2


async def test_who_asks_while_the_work_loop_is_blocked_hears_a_word_within_five_seconds(tmp_path: Path) -> None:
    """F38."""
    async with honest(tmp_path, plugins=(*PLUGINS, "blocking"), plugin_folder=BAD) as gordon:
        await gordon.chat.hear("tianon", "block 7")
        await asyncio.sleep(0.3)
        began_s = time.monotonic()
        for command in ("rebuild moby#1 janky", "ping"):
            await gordon.chat.hear("jess", command, key=command)
        for command in ("rebuild moby#1 janky", "ping"):
            await gordon.chat.line(rf"^no answer yet, I am still at it \[{short_id(command)}\]$")
        assert time.monotonic() - began_s < 5
        await gordon.chat.line("queued janky")


async def test_who_was_answered_is_not_told_to_wait(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued janky")
        await gordon.say("tianon", "rebuild moby#1 nope", expect="no context")
        await gordon.say("tianon", "ping", expect="pong")
        await asyncio.sleep(5)
        assert not [line for line in gordon.lines if "still at it" in line]


async def test_a_locked_disk_keeps_no_command_waiting_that_only_reads(tmp_path: Path) -> None:
    """F32: and those that waited for it are worked off in the order of their arrival."""
    async with honest(tmp_path, plugins=(*PLUGINS, "hanging"), plugin_folder=BAD) as gordon:
        with closing(sqlite3.connect(tmp_path / "state" / "gordon.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            began_s = time.monotonic()
            for number in range(10):
                await gordon.chat.hear("tianon", "work", key=f"work {number}")
            assert await gordon.say("tianon", "ping") == "pong"
            assert time.monotonic() - began_s < 1
        await until(lambda: len([line for line in gordon.lines if "it works" in line]) == 10)
        answers = [line for line in gordon.lines if "it works" in line]
        assert answers == [f"it works [{short_id(f'work {number}')}]" for number in range(10)]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        pytest.param("running", r"^Jenkins or GitHub does not answer \(.*over 0.3 s\)", id="reads"),
        pytest.param("rebuild moby#1 janky", r"^Jenkins or GitHub does not answer .*I will keep trying", id="starts"),
    ],
)
async def test_a_slow_jenkins_costs_no_plugin_a_strike(tmp_path: Path, typed: str, told: str) -> None:
    """F22: at the limit it is the neighbour that is waited for, not the plugin."""
    async with honest(tmp_path, handler_limit_s=0.3, again_after_s=0.3) as gordon:
        gordon.world.jenkins.faults.next("GET", "*", Slow(1.0), times=1000)
        for _ in range(MAX_FAILURES + 1):
            await gordon.say("tianon", typed, expect=told)
        gordon.world.jenkins.faults.clear()
        assert " off" not in await gordon.say("tianon", "plugins", expect="rebuild on")


async def test_a_record_tells_role_words_and_target(tmp_path: Path) -> None:
    """A24: of what was accepted and of what was answered."""
    async with honest(tmp_path) as gordon:
        await gordon.say("jess", "rebuild docker#1 janky", expect="queued janky", key="one")
        await gordon.say("tianon", "status moby#1", expect="janky", key="two")
        (one,) = [each for each in await gordon.app.audit.newest(9, short_id("one")) if each["decision"] == "accepted"]
        (two,) = await gordon.app.audit.newest(9, short_id("two"))
    facts = {"repo": "moby/moby", "pr": 1}
    assert one.items() >= {**facts, "role": "triager", "args": "docker#1 janky"}.items()
    assert two.items() >= {**facts, "role": "maintainer", "args": "moby#1"}.items()
    assert 0 < two["latency_ms"] < 10_000


@pytest.mark.parametrize("command", ["letters drop", "letters replay"])
async def test_a_letter_that_is_dealt_with_is_not_called_impossible(tmp_path: Path, command: str) -> None:
    """F28: a command that was killed after it dealt with a letter runs again, and finds none."""
    async with honest(tmp_path, plugins=(*PLUGINS, "raising"), plugin_folder=BAD) as gordon:
        await gordon.say("tianon", "raise error", expect="as letter d1")
        assert await gordon.app.journal.drop("d1")
        told = await gordon.say("icecrime", f"{command} d1")
        assert told.startswith('no letter "d1" is there now: it never was, or it is dealt with')


async def test_the_stages_of_a_stop_have_one_deadline(tmp_path: Path) -> None:
    """F30: a handler that will not be cancelled, a trigger under way and a reluctant network, all at once."""
    plugins = (*PLUGINS, "hanging")
    async with World(tmp_path, plugins=plugins, plugin_folder=BAD, numbers={"timeout_s": 60}) as world:
        world.jenkins.faults.next("POST", "*/buildWithParameters", Hang())
        chat = Reluctant()
        async with started(world.gordon(chat)):
            for command in ("rebuild moby#1 janky", "cling", "ping"):
                await chat.hear("tianon", command)
            await until(lambda: world.jenkins.ledger.asked("POST"))
            asked_s = time.monotonic()
        assert time.monotonic() - asked_s < 10


async def test_what_comes_while_the_work_loop_ends_is_left_to_the_next_start(tmp_path: Path) -> None:
    """A task that was made and never began would tell of itself when it is forgotten."""
    async with honest(tmp_path) as gordon:
        work, later_s = gordon.app.work, time.time() + 3600
        tick = Tick(key="later", lane="later", at=datetime.now(UTC))
        ended = asyncio.create_task(asyncio.to_thread(work.stop, 1.0))
        number = 0
        while not ended.done():
            number += 1
            work.submit([Delivery(number, tick, "nobody", not_before_s=later_s)])
            await asyncio.sleep(0)
        await ended
    gc.collect()
