"""Several networks at once, each with its own people: one with services, one without."""

import asyncio
from pathlib import Path

from bot.demo.jenkins.model import Plan
from tests import rigs
from tests.contract.irc_world import ACCOUNTS, DEV, irc_world
from tests.irc_person import IrcPerson

OLD = """
[irc.old]
host = "127.0.0.1"
port = {port}
tls = false
nick = "gordon"
channels = ["{dev}"]
"""


async def test_who_is_proven_on_one_network_is_nobody_on_another_and_both_hear_the_news(tmp_path: Path) -> None:
    """A3."""
    with rigs.services(tmp_path, ACCOUNTS) as services, rigs.ngircd(tmp_path) as port:
        async with irc_world(tmp_path, services.network) as here:
            here.configure([OLD.format(port=port, dev=DEV)])
            config = here.world.config
            config.write_text(config.read_text().replace(f'["real/{DEV}"]', f'["real/{DEV}", "old/{DEV}"]'))
            here.world.build_of(lambda starting: Plan("SUCCESS", 0.5))
            tianon, namesake = await asyncio.gather(
                here.person("tianon", DEV, account="tianon"), IrcPerson.come(port, "tianon", DEV)
            )
            async with here.gordon():
                await here.meets(tianon)
                await namesake.until(rf":gordon!\S+ JOIN :?{DEV}|353 .*gordon")
                await namesake.say(DEV, "!rebuild moby#1 janky")
                assert "nothing proves who you are here: old has not told me of anybody" in await namesake.hears(
                    "tianon:"
                )
                assert here.builds() == 0
                await tianon.say(DEV, "!rebuild moby#1 janky")
                assert "queued janky" in await tianon.hears("tianon:")
                assert "moby#1" in await namesake.hears("janky #1 passed")
            await namesake.leave()
        assert here.builds() == 1
