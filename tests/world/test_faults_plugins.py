"""Faults F36 to F39: plugins that raise, hang, block and leak, and what else goes on meanwhile."""

import asyncio
import os
import re
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bot.demo.jenkins.model import Plan
from bot.demo.world import PLUGINS, World
from bot.strikes import MAX_FAILURES
from bot.testing import Gordon, running
from tests.world.bad_plugins import returning
from tests.world.bad_plugins.raising import WAYS
from tests.world.crash_rig import Maintainer
from tests.world.gordon_process import gordon_process
from tests.world.honesty import honest, said

BAD = Path(__file__).parent / "bad_plugins"
STUCK = 70
LETTER = r"operators find it as letter d\d+ \[\w{4}\]$"


@asynccontextmanager
async def with_plugin(
    folder: Path, name: str, *, handler_limit_s: float = 30, again_after_s: float = 1
) -> AsyncIterator[Gordon]:
    async with honest(
        folder,
        plugins=(*PLUGINS, name),
        plugin_folder=BAD,
        handler_limit_s=handler_limit_s,
        again_after_s=again_after_s,
    ) as gordon:
        yield gordon


@pytest.mark.parametrize("how", sorted(WAYS))
@pytest.mark.parametrize("command", ["raise", "raise-read", "raise-task"])
async def test_what_raises_is_one_line_and_hurts_nobody_else(tmp_path: Path, command: str, how: str) -> None:
    """F36: whatever it raises; the log has the rest."""
    async with with_plugin(tmp_path, "raising") as gordon:
        told = await gordon.say("tianon", f"{command} {how}")
        assert re.search(rf"^{command} failed inside Gordon \(.+\)", told)
        assert "\n" not in told
        assert await gordon.say("tianon", "work", expect="it works")
        assert await gordon.say("tianon", "rebuild moby#1 janky", expect="queued janky")
        assert not [line for line in gordon.lines if "leaves no words" in line]


@pytest.mark.parametrize(
    "typed",
    [
        *(f"give {what}" for what in returning.WAYS),
        *(f"give-read {what}" for what in (*returning.REPLIES, *returning.ERRORS)),
    ],
)
async def test_what_cannot_be_kept_or_said_is_a_failure_of_its_plugin(tmp_path: Path, typed: str) -> None:
    """F36: it ends neither the lane nor the program, and counts like anything that raises."""
    async with with_plugin(tmp_path, "returning") as gordon:
        for _ in range(MAX_FAILURES):
            told = await gordon.say("tianon", typed)
            assert re.search(rf"^{typed.partition(' ')[0]} failed inside Gordon \(.+\)", told)
        assert "returning is switched off: it failed 5 times" in await gordon.say("tianon", "work")
        assert await gordon.say("tianon", "ping") == "pong"
        assert "returning off: it failed 5 times" in await gordon.say("tianon", "plugins")


async def test_what_raises_too_often_is_off_until_an_operator_says_otherwise(tmp_path: Path) -> None:
    """F36: off after five failures, also for the next process."""
    world = World(tmp_path, plugins=(*PLUGINS, "raising"), plugin_folder=BAD)
    async with world:
        async with running(tmp_path, world=world) as gordon:
            for _ in range(MAX_FAILURES):
                assert re.search(LETTER, await gordon.say("tianon", "raise error"))
            assert re.search("^raising is switched off: it failed 5 times", await gordon.say("tianon", "work"))
            assert "raising off: it failed 5 times" in await gordon.say("tianon", "plugins")
        async with running(tmp_path, world=world) as gordon:
            assert "raising is switched off" in await gordon.say("tianon", "work", key="after-restart-1")
            await gordon.say("icecrime", "plugins on raising", key="after-restart-2")
            assert "it works" in await gordon.say("tianon", "work", key="after-restart-3")
            assert "5 stuck" in await gordon.say("icecrime", "letters", key="after-restart-4")


async def test_mistakes_of_people_do_not_count_against_a_plugin(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        for _ in range(MAX_FAILURES + 1):
            await gordon.say("tianon", "rebuild moby#1 nope", expect="no context")
        assert "queued janky" in await gordon.say("tianon", "rebuild moby#1 janky")


async def test_what_is_decided_first_is_waited_for_if_it_takes_two_tries(tmp_path: Path) -> None:
    """Otherwise a failure is told as the last word, and tried again nevertheless."""
    async with with_plugin(tmp_path, "deciding", again_after_s=0.1) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.1))
        await gordon.say("tianon", "rebuild moby#1 janky")
        assert await gordon.chat.line("heard after") == "heard after tried, decided"


async def test_others_hear_an_event_that_one_cannot_stand(tmp_path: Path) -> None:
    """F36: it is tried three times and then a letter; nobody asked, so nobody is told."""
    async with with_plugin(tmp_path, "raising", again_after_s=0.1) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.1))
        await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.chat.line("janky #1 passed")
        told = ""
        async with asyncio.timeout(30):
            while not re.search(r"^1 stuck.*raising\.listen: ValueError: it never listens", told):
                told = await gordon.say("icecrime", "letters")
        assert not [line for line in gordon.lines if "failed inside" in line]


@pytest.mark.parametrize("command", ["hang", "hang-read", "cling"])
async def test_what_hangs_is_stopped_at_its_limit_and_its_lane_goes_on(tmp_path: Path, command: str) -> None:
    """F37: also what will not be cancelled."""
    async with with_plugin(tmp_path, "hanging", handler_limit_s=0.3) as gordon:
        began_s = time.monotonic()
        told = asyncio.create_task(gordon.chat.line("failed inside Gordon"))
        await gordon.chat.hear("tianon", command)
        await gordon.chat.hear("tianon", "work")
        assert re.search(rf"^{command} failed inside Gordon .*it took longer than 0.3 s and was stopped", await told)
        assert await gordon.chat.line("it works")
        assert time.monotonic() - began_s < 5
        await said(gordon, "failed inside", 1)


async def test_what_takes_long_is_told_of_before_five_seconds(tmp_path: Path) -> None:
    async with with_plugin(tmp_path, "hanging", handler_limit_s=30) as gordon:
        began_s = time.monotonic()
        assert re.search(r"^no answer yet, I am still at it \[\w{4}\]$", await gordon.say("tianon", "hang"))
        assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("command", ["block 3", "spin 3"])
async def test_what_blocks_the_work_loop_blocks_no_transport(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, command: str
) -> None:
    """F38: chats and the journal go on, the watchdog names the plugin and shows where it stands."""
    async with with_plugin(tmp_path, "blocking") as gordon:
        await gordon.chat.hear("tianon", command)
        await asyncio.sleep(0.3)
        for typed, read in (("rebuid moby#1", "did you mean: rebuild"), ("build base-image", "needs the role")):
            asked_s = time.monotonic()
            assert read in await gordon.say("jess", typed)
            assert time.monotonic() - asked_s < 1
        asked_s = time.monotonic()
        await gordon.chat.hear("tianon", "rebuild moby#1 janky")
        assert time.monotonic() - asked_s < 1, "it was not taken in at once"
        assert not gordon.world.request_ids()
        await gordon.chat.line("awake again|done")
        await gordon.chat.line("queued janky")
    blamed = [record.getMessage() for record in caplog.records if "blocks the work loop" in record.getMessage()]
    assert len(blamed) == 1
    assert blamed[0].startswith("plugin blocking blocks the work loop")
    assert "bad_plugins/blocking.py" in blamed[0]


async def test_what_never_lets_go_ends_the_process_and_is_off_after_three_times(tmp_path: Path) -> None:
    """F38: exit 70, replay, and at the fourth start without the plugin; the asker is told."""
    world = World(
        tmp_path,
        with_irc=True,
        plugins=(*PLUGINS, "blocking"),
        plugin_folder=BAD,
        numbers={"stuck_after_s": 1.5, "line_every_s": 0.01},
    )
    tianon = Maintainer("tianon")
    async with world:
        await tianon.join(world.irc_port)
        async with gordon_process(world) as gordon:
            await tianon.sees_gordon_join(0)
            tianon.type("block 3600")
            assert await gordon.ended() == STUCK
            assert re.search(r"plugin blocking has blocked the work loop for \d+ s: ending", gordon.errors)
        for _ in range(2):
            async with gordon_process(world) as gordon:
                assert await gordon.ended() == STUCK
        async with gordon_process(world) as gordon:
            await tianon.hears(r"block failed inside Gordon \(blocking is off\)")
            tianon.type("work")
            await tianon.hears("blocking is switched off: it blocked the work loop 3 times")
            tianon.type("rebuild moby#1 janky")
            await tianon.hears(r"queued janky \(item \d+\)")
            assert await gordon.stopped() == 0
        await tianon.leave()


async def test_a_disk_that_is_locked_keeps_no_stuck_process_alive(tmp_path: Path) -> None:
    """F32 and F38: it cannot be noted who blocked the work loop, and the process ends all the same."""
    world = World(
        tmp_path, with_irc=True, plugins=(*PLUGINS, "blocking"), plugin_folder=BAD, numbers={"stuck_after_s": 1.5}
    )
    tianon = Maintainer("tianon")
    async with world:
        await tianon.join(world.irc_port)
        async with gordon_process(world) as gordon:
            await tianon.sees_gordon_join(0)
            tianon.type("spin 3600")
            await gordon.logs("blocks the work loop")
            with closing(sqlite3.connect(tmp_path / "state" / "gordon.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                assert await gordon.ended() == STUCK
        await tianon.leave()


async def test_a_process_that_was_stopped_for_a_while_blames_nobody(tmp_path: Path) -> None:
    """F33: a pause of the machine, longer than a plugin may block, is nobody's blocking."""
    async with World(tmp_path, with_irc=True, numbers={"stuck_after_s": 1.5}) as world:
        tianon = Maintainer("tianon")
        await tianon.join(world.irc_port)
        async with gordon_process(world) as gordon:
            await tianon.sees_gordon_join(0)
            for _ in range(3):
                os.kill(gordon.pid, signal.SIGSTOP)
                await asyncio.sleep(2.5)
                os.kill(gordon.pid, signal.SIGCONT)
                await asyncio.sleep(0.5)
            tianon.type("ping")
            await tianon.hears("pong")
            assert "blocks the work loop" not in gordon.errors
            assert await gordon.stopped() == 0
        await tianon.leave()


async def test_tasks_of_one_plugin_are_counted(tmp_path: Path) -> None:
    """F39: a hundred at once; those of others are not touched."""
    async with with_plugin(tmp_path, "leaking") as gordon:
        assert "leaking has 100 tasks, which is as many as" in await gordon.say("tianon", "leak 150")
        assert "leaking has 100 tasks" in await gordon.say("tianon", "leak 1")
        assert "queued janky" in await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.say("tianon", "mend")
        assert "90 tasks run" in await gordon.say("tianon", "leak 90")
        await gordon.say("tianon", "mend")


async def test_words_of_one_handler_are_counted(tmp_path: Path) -> None:
    """F39: twenty, and how many more there were."""
    async with with_plugin(tmp_path, "leaking") as gordon:
        await gordon.chat.hear("tianon", "flood 10000")
        await gordon.chat.line(r"\.\.\.and 9980 more from leaking")
        assert "pong" in await gordon.say("tianon", "ping")
        # On a busy machine ten thousand lines take so long that whoever asked is told to wait.
        lines = [line.partition(" [")[0] for line in gordon.lines if "I am still at it" not in line]
        assert (lines[:20], len(lines)) == ([f"line {number}" for number in range(20)], 22)


GOOD = '''
from bot.plugin import Call, Context, Plugin

plugin = Plugin("{name}")


@plugin.command("{command}", reads=True)
async def answer(ctx: Context, call: Call) -> str:
    """Answer."""
    return "from {name}"
'''

BROKEN = [
    pytest.param("raise ValueError('no luck')", "ValueError: no luck", id="raises"),
    pytest.param("import sys; sys.exit(3)", "SystemExit: 3", id="exits"),
    pytest.param("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'", id="lacks-a-module"),
    pytest.param("def broken(:", "SyntaxError: ", id="no-python"),
    pytest.param("x = 1", "has no `plugin = Plugin(...)`", id="no-plugin"),
    pytest.param(GOOD.format(name="other", command="hi"), 'calls itself "other"', id="another-name"),
    pytest.param(GOOD.format(name="bad", command="ping"), '"ping" is already that of operate', id="taken-command"),
    pytest.param(GOOD.format(name="bad", command="<x>"), "has no name", id="wrong-usage"),
]


@pytest.mark.parametrize(("code", "why"), BROKEN)
async def test_a_plugin_that_does_not_load_is_named_and_the_rest_start(tmp_path: Path, code: str, why: str) -> None:
    """F36: at import; two commands of one name are refused."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "bad.py").write_text(code)
    (folder / "good.py").write_text(GOOD.format(name="good", command="hello"))
    async with honest(tmp_path, plugins=(*PLUGINS, "bad", "good"), plugin_folder=folder) as gordon:
        told = await gordon.say("tianon", "plugins")
        assert re.search(rf"rebuild on; .*good on; bad did not load: .*{re.escape(why)}", told), told
        assert await gordon.say("tianon", "hello") == "from good"
        assert await gordon.say("tianon", "ping") == "pong"


async def test_two_plugins_of_one_name_are_refused(tmp_path: Path) -> None:
    """A35: a look-alike in the folder does not take the place of our own, and neither starts."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "status.py").write_text(GOOD.format(name="status", command="status"))
    async with honest(tmp_path, plugin_folder=folder) as gordon:
        told = await gordon.say("tianon", "plugins")
        assert 'status did not load: there are 2 plugins called "status"; rename one' in told
        assert 'no command "status"' in await gordon.say("tianon", "status moby#1")


@pytest.mark.parametrize("target", ["greetings", "greetings:plugin"])
async def test_a_plugin_of_another_package_is_found_by_its_entry_point(tmp_path: Path, target: str) -> None:
    package = tmp_path / "site" / "greetings-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: greetings\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[gordon.plugins]\ngreeter = {target}\n")
    (tmp_path / "site" / "greetings.py").write_text(GOOD.format(name="greeter", command="hello"))
    world = World(tmp_path, with_irc=True, plugins=(*PLUGINS, "greeter"))
    tianon = Maintainer("tianon")
    async with world:
        await tianon.join(world.irc_port)
        async with gordon_process(world, PYTHONPATH=str(tmp_path / "site")) as gordon:
            await tianon.sees_gordon_join(0)
            tianon.type("hello")
            await tianon.hears("from greeter")
            assert await gordon.stopped() == 0
        await tianon.leave()
