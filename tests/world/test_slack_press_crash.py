"""F10, F28: a press that is on disk counts once, though Gordon died before the button made room for a name."""

from functools import partial
from pathlib import Path

import pytest

from tests.world.slack_person import SlackPerson
from tests.world.slack_rig import TRANSPORTS, Transport
from tests.world.test_slack_crash import counted, on_slack


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_press_that_is_repeated_after_a_death_counts_once(transport: Transport, tmp_path: Path) -> None:
    """Slack says that the first one failed, so its presser presses again, and so does somebody else."""
    async with on_slack(tmp_path, transport) as (rig, tianon):
        card = await counted(rig, tianon, "journal.accept.after:2")
        seen = {name: card[name] for name in ("blocks", "text")}
        failed = tianon.press("Count", card)
        await rig.died()
        assert (await failed.acknowledged()).failure
        await rig.start()
        await tianon.hears("is number 2")
        for person in (tianon, SlackPerson(rig.world, "crosbymichael")):
            card |= seen  # which is still on their screens
            await person.insist(partial(person.press, "Count", card))
        await rig.quiet()
        assert "is number 3" not in "\n".join(tianon.heard)
