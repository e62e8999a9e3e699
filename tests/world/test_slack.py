"""A whole Gordon on Slack: the same by a socket that it opens and by requests that Slack posts."""

from pathlib import Path

import pytest

from bot.demo.slack import moby
from tests.world.slack_rig import TRANSPORTS, Transport, failed, on_slack

by_each = pytest.mark.parametrize("transport", TRANSPORTS)


@by_each
async def test_a_mention_starts_a_build_and_is_answered_in_its_thread(transport: Transport, tmp_path: Path) -> None:
    """F10: the line is told of twice, as a message and as a mention, and counts once."""
    async with on_slack(tmp_path, transport) as gordon:
        said = await gordon.acts.mentions(moby.TIANON, "rebuild moby#1 janky", moby.DOCKER_DEV).acknowledged()
        await gordon.said("queued janky", under=said.ts)
        assert (len(said.deliveries), failed(said)) == (2, [])
        assert (len(gordon.world.request_ids()), len(gordon.under(said.ts))) == (1, 1)
