"""What Slack says of people is asked once, however many wait for it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bot.adapters.slack_members import Members
from bot.adapters.slack_wire import Installation
from bot.clock import SystemClock
from bot.demo.slack import moby
from bot.demo.slack.bodies import user_body


@pytest.mark.timeout(10)
async def test_who_asks_in_the_moment_of_the_answer_has_it() -> None:
    """The loop of all connections goes on: nothing else would ever happen, if this waited for what is over already."""
    answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
    asked: list[str] = []

    async def call(method: str, **arguments: Any) -> Mapping[str, Any]:
        asked.append(arguments["user"])
        return await answer

    members = Members("moby", call, lambda: Installation(moby.TEAM, moby.BOT), SystemClock())
    first = asyncio.create_task(members.member(moby.TIANON))
    while not asked:  # noqa: ASYNC110  a turn of the loop
        await asyncio.sleep(0)
    body = user_body(moby.moby(SystemClock()).users[moby.TIANON])
    answer.set_result({"ok": True, "user": body})
    second = asyncio.create_task(members.member(moby.TIANON))
    assert await first == await second
    assert asked == [moby.TIANON]
    await members.close()
