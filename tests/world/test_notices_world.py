"""Notices at set times: told once at their time, kept in quiet hours, late rather than never, and by somebody's rights."""

from pathlib import Path

import pytest

from tests.world.notices_rig import DAY_S, HOUR_S, MORNING, at, noticing, world_with, at_work

TOLD = "morning: 2 things to do; sweep; mop"


async def test_a_list_is_told_once_at_its_time(tmp_path: Path) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:59:30"), MORNING) as site:
        assert await site.say("jess", "notices", expect="told here") == (
            "1 told here at set times; morning (todo) at daily 09:00 UTC, next 09:00"
        )
        site.clock.move(30)
        assert await site.has_told("things to do") == TOLD
        site.clock.move(HOUR_S)
        await site.settled()
        assert site.said("things to do") == [TOLD]
        assert "next Tue 2 Sep 09:00, last told 09:00" in await site.say("jess", "notices", expect="told here")
        site.clock.move_to("2014-09-02 09:00:00")
        await site.gordon.chat.line("things to do", after=len(site.gordon.lines))


async def test_what_came_due_in_a_day_of_downtime_is_told_once(tmp_path: Path) -> None:
    """A pause of 24 hours: what was missed in it is told once, and says so."""
    config = MORNING.replace("daily 09:00", "every 2h")
    async with world_with(tmp_path, at("2014-09-01 09:01:00"), config) as world:
        async with at_work(world) as site:
            await site.say("jess", "ping")
        site.clock.move(DAY_S)
        async with at_work(world) as site:
            line = await site.has_told("things to do")
            assert line == "morning (due at 08:00, I was away, and missed 11 before): 2 things to do; sweep; mop"
            await site.settled()
            assert len(site.said("things to do")) == 1
        async with at_work(world) as site:
            await site.settled()
            assert site.said("things to do") == []
