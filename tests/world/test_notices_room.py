"""How much one person may have scheduled, and who takes out what stands anywhere."""

import itertools
from pathlib import Path

from tests.world.honesty import until
from tests.world.notices_rig import Site, at, noticing

DAILY = 'schedule add "daily 09:00"'
FULL = (
    "you have 40 scheduled in all places, which is as many as one may have; "
    "where they are told schedule list shows them, and schedule remove <id> takes one out"
)
_numbers = itertools.count(1)


async def fill(site: Site, nick: str, channel: str, count: int) -> None:
    """Have somebody schedule so many things in a channel."""
    for _ in range(count):
        number = next(_numbers)
        await site.chat.hear(nick, f"{DAILY} todo n{number}", key=f"fill:{number}", channel=channel)
    await until(lambda: len(site.said(f"{channel} is told")) == count)


async def test_one_person_does_not_fill_the_timetable_for_all(tmp_path: Path) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:58:00")) as site:
        await fill(site, "jess", "#one", 20)
        await fill(site, "jess", "#other", 20)
        assert (await site.say("jess", f"{DAILY} todo")).startswith(FULL)
        assert (await site.say("jess", f"{DAILY} todo", private=True)).startswith(FULL)
        assert "is told todo at" in await site.say("tianon", f"{DAILY} todo")
        short = site.said("#one is told")[0].partition(":")[0]
        await site.chat.hear("jess", f"schedule remove {short}", key="room", channel="#one")
        await site.has_told("is not told here any more")
        assert "you are told in private todo at" in await site.say("jess", f"{DAILY} todo", private=True)


async def test_an_operator_takes_out_what_stands_anywhere_and_nobody_else_does(tmp_path: Path) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:58:00")) as site:
        alone = (await site.say("jess", f"{DAILY} todo text", private=True)).partition(":")[0]
        await fill(site, "jess", "#other", 1)
        other = site.said("#other is told")[0].partition(":")[0]
        for nick in ("tianon", "jess"):
            for short in (alone, other):
                refused = await site.say(nick, f"schedule remove {short}")
                assert refused.startswith(f"nothing called {short} is scheduled here; there are none")
        wrong = await site.say("icecrime", "schedule remove none")
        assert wrong.startswith("nothing called none is scheduled; ")
        assert alone in wrong
        removed = await site.say("icecrime", f"schedule remove {alone}")
        assert removed.startswith(f"{alone} is not told to jess in private any more")
        removed = await site.say("icecrime", f"schedule remove {other}")
        assert ") is not told in #other any more" in removed
        assert await site.say("jess", "schedule list", private=True) == "nothing is scheduled here"
        site.clock.move_to("2014-09-01 09:00:00")
        await site.settled()
        assert site.said("things to do") == site.said("a text") == []
