"""What people and channels watch reaches them, and what they have muted does not, whichever plugin tells it."""

from pathlib import Path

import pytest

from bot.testing import Gordon
from bot.values import Place
from tests.world.failing import GREEN, REAL, Tries, failing

FAILS = "failed after"


def heard(gordon: Gordon, nick: str) -> list[str]:
    """List what was told to somebody alone."""
    return [text for place, text in gordon.chat.said if place.private and place.channel == nick]


async def test_a_watched_pull_request_is_told_in_private(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("janky", REAL)) as gordon:
        told = await gordon.say("jess", "watch moby#1")
        assert told.startswith("you hear of moby#1 in private until it is closed, 30d at most")
        await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.chat.line("janky #1 failed")
        await gordon.say("tianon", "ping", expect="pong")
        assert [FAILS in line for line in heard(gordon, "jess")] == [True]
