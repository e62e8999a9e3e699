"""Commands that are given for somebody who is not there: what of them is their plugin's, and not that person's."""

from pathlib import Path

from bot.strikes import MAX_FAILURES
from tests.world.notices_rig import at, noticing

DAILY = 'schedule add "daily 09:00"'


async def test_nothing_is_asked_of_a_plugin_that_is_off(tmp_path: Path) -> None:
    async with noticing(tmp_path, at("2014-09-01 08:58:00")) as site:
        site.gordon.app.strikes.switch_off("listing", "it failed")
        assert "listing is switched off: it failed" in await site.say("jess", f"{DAILY} todo")
        site.gordon.app.strikes.switch_on("listing")
        assert "is told todo at daily 09:00 UTC" in await site.say("jess", f"{DAILY} todo")


async def test_what_fails_again_and_again_is_its_own_plugins_mistake(tmp_path: Path) -> None:
    """And none of whoever asks for it at set times."""
    async with noticing(tmp_path, at("2014-09-01 08:58:00")) as site:
        for _ in range(MAX_FAILURES):
            assert site.gordon.app.strikes.why_off("listing") == ""
            assert "todo failed inside Gordon" in await site.say("jess", f"{DAILY} todo wrong")
        assert "the list is torn" in site.gordon.app.strikes.why_off("listing")
        assert site.gordon.app.strikes.why_off("notices") == ""
