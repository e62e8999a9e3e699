"""Where colours are allowed, whoever looks at a channel sees from afar how a build ended."""

import asyncio
from pathlib import Path

import pytest

from bot.demo.jenkins.model import Plan, Result
from bot.demo.world import CHANNEL, World
from bot.testing import running
from tests.world.honesty import until

GREEN, RED, END = "\x0303", "\x0304", "\x0f"


@pytest.mark.parametrize(
    ("result", "began", "ended"),
    [
        pytest.param("SUCCESS", GREEN, END, id="good-news"),
        pytest.param("FAILURE", RED, END, id="bad-news"),
        pytest.param("ABORTED", "", "", id="neither"),
    ],
)
async def test_how_a_build_ended_is_said_in_its_colour(tmp_path: Path, result: Result, began: str, ended: str) -> None:
    async with World(tmp_path, with_irc=True, numbers={"poll_s": 0.1, "gather_s": 0.05}) as world:
        world.config.write_text(world.config.read_text() + "colours = true\n")
        world.build_of(lambda starting: Plan(result, 0.1))
        irc = world.irc
        assert irc is not None
        said: asyncio.Queue[str] = asyncio.Queue()
        irc.on_message(lambda heard: said.put_nowait(heard.text) if heard.nick == "gordon" else None)
        irc.join("tianon", CHANNEL)
        async with running(tmp_path, world=world), asyncio.timeout(60):
            await until(lambda: any(member.nick == "gordon" for member in irc.channels[CHANNEL].members))
            irc.say("tianon", CHANNEL, "!rebuild moby#1 janky")
            queued, told = await said.get(), await said.get()
        assert queued.startswith("tianon: moby#1 at ")
        assert told.startswith(f"{began}tianon: ")
        assert "moby#1 at " in told
        assert "janky #1 " in told
        assert told.endswith(ended)
        assert bool(began) is ("\x03" in told)
