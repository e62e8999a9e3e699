"""Canned answers through the whole program: to whom, how often, and that nothing overheard is ever obeyed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo.world import CHANNEL, World, people_of
from bot.errors import ConfigError
from bot.testing import FakeChat, Gordon, running
from tests import rigs
from tests.irc_person import IrcPerson
from tests.moved_clock import MovedClock, still

SAY = "set your watch: ntpdate pool.ntp.org"
SKEW = f"""
[plugin.answers.answer.clock-skew]
words = ["clock skew"]
say = "{SAY}"
channels = ["test/{CHANNEL}"]
again_s = 600

[plugin.answers.answer.drift]
words = ["drift"]
say = "ask jess"
channels = ["test/{CHANNEL}"]
"""
MANY = "".join(
    f'[plugin.answers.answer.a{number}]\nwords = ["word {number}"]\nsay = "answer {number}"\n'
    f'channels = ["test/{CHANNEL}"]\n'
    for number in range(10)
)
DEV = "#dev"
NETWORK = """
[irc.real]
host = "127.0.0.1"
port = {port}
tls = false
nick = "{nick}"
channels = ["#dev"]
nick_is_identity = true
line_every_s = 0.05
{answers}
"""


async def test_nothing_is_listened_to_unless_somebody_has_configured_it(tmp_path: Path) -> None:
    async with answering(tmp_path, "") as gordon:
        assert not await gordon.chat.overhear("ann", "clock skew")
        assert await gordon.say("ann", "clock skew?") == 'no command "clock"; try help'


async def test_what_is_overheard_is_answered_to_nobody_by_name_and_once_in_a_while(tmp_path: Path) -> None:
    clock = still()
    async with answering(tmp_path, SKEW, clock=clock) as gordon:
        assert await gordon.chat.overhear("ann", "what is Clock skew?")
        clock.move(599)
        assert await gordon.chat.overhear("bob", "clock skew")
        await drifts(gordon)
        assert gordon.lines == [SAY, "ask jess"]
        clock.move(2)
        assert await gordon.chat.overhear("bob", "clock skew")
        assert await gordon.chat.line(".", after=2) == SAY
        assert [place.to for place, _ in gordon.chat.said] == ["", "", ""]


async def test_whoever_asks_gordon_is_answered_each_time_by_name(tmp_path: Path) -> None:
    async with answering(tmp_path, SKEW, clock=still()) as gordon:
        for nick in ("ann", "bob", "ann"):
            assert await gordon.say(nick, "I've got clock skew, what's this?", proven=False) == SAY
        assert [place.to for place, _ in gordon.chat.said] == ["ann", "bob", "ann"]
        await gordon.chat.hear("ann", "clock skew", channel="")
        assert await gordon.chat.line(SAY, after=3) == SAY
        assert await gordon.chat.overhear("cal", "clock skew")  # which was just answered here
        await drifts(gordon)
        assert gordon.lines == [SAY, SAY, SAY, SAY, "ask jess"]


async def test_a_command_is_a_command_whatever_words_stand_in_it(tmp_path: Path) -> None:
    async with answering(tmp_path, SKEW) as gordon:
        assert "rebuild moby#1" not in await gordon.say("ann", "help clock skew", expect="clock|no command")
        assert "queued" in await gordon.say("tianon", "rebuild moby#1 janky")
        assert 'no context "clock"' in await gordon.say("tianon", "rebuild moby#1 clock skew", expect="context")
        assert SAY not in gordon.lines


async def test_nothing_that_is_overheard_is_obeyed(tmp_path: Path) -> None:
    async with answering(tmp_path, SKEW) as gordon:
        for text in ("!rebuild moby#1 janky clock skew", "gordon: rebuild moby#1", "rebuild moby#1", "confirm x"):
            assert await gordon.chat.overhear("tianon", text)
        await drifts(gordon)
        await gordon.say("ann", "ping")
        assert gordon.lines[:-1] == [SAY, "ask jess"]
        assert gordon.world.jenkins.ledger.triggers == []


async def test_a_channel_is_not_flooded_by_what_nobody_asked_for(tmp_path: Path) -> None:
    clock = still()
    async with answering(tmp_path, MANY, clock=clock) as gordon:
        for number in range(10):
            assert await gordon.chat.overhear("ann", f"word {number}")
        for number in (3, 4):
            clock.move(30)
            for again in range(10):
                assert await gordon.chat.overhear("ann", f"word {again}")
            await gordon.chat.line(f"answer {number}")
        assert gordon.lines == [f"answer {number}" for number in range(5)]
        assert await gordon.say("ann", "word 9") == "answer 9"  # who asks is no flood


async def test_a_plugin_that_is_switched_off_answers_nothing(tmp_path: Path) -> None:
    async with answering(tmp_path, SKEW) as gordon:
        await gordon.say("icecrime", "plugins off answers")
        await gordon.chat.overhear("ann", "clock skew")
        assert await gordon.say("ann", "clock skew") == 'no command "clock"; try help'
        assert SAY not in gordon.lines


async def test_answers_come_and_go_with_a_reload(tmp_path: Path) -> None:
    async with answering(tmp_path, "") as gordon:
        before = gordon.world.config.read_text()
        gordon.world.config.write_text(before + SKEW)
        await gordon.confirmed("icecrime", "reload", expect="reloaded|plugin.answers")
        assert await gordon.chat.overhear("ann", "clock skew")
        assert await gordon.chat.line(f"^{SAY}$") == SAY
        gordon.world.config.write_text(before)
        await gordon.confirmed("icecrime", "reload", expect="reloaded|plugin.answers")
        assert not await gordon.chat.overhear("ann", "clock skew")


async def test_a_channel_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[plugin\.answers\.answer\.clock-skew\] channels .*nowhere"):
        async with answering(tmp_path, SKEW.replace("test/", "nowhere/")):
            raise AssertionError("it started")


async def test_ten_thousand_lines_cost_little(tmp_path: Path) -> None:
    async with answering(tmp_path, SKEW + MANY, clock=still()) as gordon:
        began_s = time.process_time()
        for number in range(10_000):
            await gordon.chat.overhear("ann", f"line {number} of a long talk about clocks, which nobody answers")
        took_s = time.process_time() - began_s
        print(f"10,000 overheard lines with 11 answers: {took_s:.2f} s of a core")
        await gordon.say("ann", "ping")
        assert len(gordon.lines) == 1


@pytest.mark.parametrize(
    ("of_one", "of_the_other"),
    [
        pytest.param(("clock skew", SAY), ("clock skew", SAY), id="the same answer"),
        pytest.param(("clock skew", "this is drift"), ("drift", "clock skew again"), id="each with the other's words"),
    ],
)
async def test_two_gordons_do_not_talk_to_each_other_for_ever(
    tmp_path: Path, of_one: tuple[str, str], of_the_other: tuple[str, str]
) -> None:
    """Each says its answer once, on a real network, and then nothing more."""
    with rigs.ngircd(tmp_path) as port:
        ann = await IrcPerson.come(port, "ann", DEV)
        async with (
            on_network(tmp_path / "one", port, ann, "gordon", *of_one),
            on_network(tmp_path / "other", port, ann, "robot", *of_the_other),
        ):
            await ann.say(DEV, "is this clock skew?")
            spoke = {(await ann.until(r"!\S+ PRIVMSG \S+ :(?!ann: )")).partition("!")[0] for _ in range(2)}
            assert spoke == {":gordon", ":robot"}
            for nick in ("gordon", "robot", "gordon", "robot"):  # what they would answer each other, they would by now
                await asked(ann, nick)
            said = [line for line in ann.lines if " PRIVMSG " in line and ":ann: " not in line]
            assert len(said) == 2, said
        await ann.leave()


async def drifts(gordon: Gordon) -> None:
    """Wait for the answer to something else, before which all that was overheard until now would have been answered."""
    assert await gordon.chat.overhear("dan", "drift")
    await gordon.chat.line("ask jess")


async def asked(person: IrcPerson, nick: str) -> None:
    await person.say(DEV, f"{nick}: ping")
    await person.hears(f"{person.nick}: ", nick)


@asynccontextmanager
async def answering(folder: Path, answers: str, *, clock: MovedClock | None = None) -> AsyncIterator[Gordon]:
    async with World(folder, clock=clock) as world:
        world.config.write_text(world.config.read_text() + answers)
        async with running(folder, world=world, chat=FakeChat()) as gordon:
            yield gordon


@asynccontextmanager
async def on_network(
    folder: Path, port: int, person: IrcPerson, nick: str, words: str, say: str
) -> AsyncIterator[None]:
    """Run a Gordon on a network, from when it answers somebody there until it has left."""
    answers = f'[plugin.answers.answer.one]\nwords = ["{words}"]\nsay = "{say}"\nchannels = ["real/{DEV}"]\n'
    async with World(folder) as world:
        text = world.config.read_text() + NETWORK.format(port=port, nick=nick, answers=answers)
        world.config.write_text(text)
        (folder / "people.toml").write_text(people_of("real"))
        app = world.gordon()
        task = asyncio.create_task(app.run())
        try:
            await person.until(rf":{nick}!\S+ JOIN :?{DEV}")
            await asked(person, nick)
            yield
        finally:
            app.stop()
            await task
