"""F8: a channel of Slack that takes no more for a while keeps its order, and nobody else waits for it."""

import re
from pathlib import Path

import pytest

from bot.demo.slack import moby
from tests.world.slack_rig import OnSlack
from tests.world.test_slack_chaos import counting_on_slack

SPEED = 1200.0
COUNT = "count moby#1"


def said(gordon: OnSlack, channel: str) -> list[str]:
    """List what was answered at a channel."""
    return [found[0] for one in gordon.messages(channel) if (found := re.search(r"is number \d", one["text"]))]


@pytest.mark.parametrize(
    ("retry_after", "wait_s"), [("1", 1), ("30", 30), ("3600", 3600), (None, 1), ("-1", 1), ("soon", 1)]
)
async def test_a_limit_is_waited_for_at_its_channel_alone(
    retry_after: str | None, wait_s: float, tmp_path: Path
) -> None:
    async with counting_on_slack(tmp_path, "socket", SPEED) as gordon:
        gordon.double.faults.limit(retry_after, channel=moby.DOCKER_DEV)
        acts = [gordon.acts.mentions(moby.TIANON, COUNT, moby.DOCKER_DEV)]
        await gordon.until(lambda: [call for call in gordon.double.calls if call.status == 429])
        acts += [gordon.acts.mentions(moby.ICECRIME, COUNT, moby.DOCKER_DEV) for _ in range(2)]
        for _ in range(2):
            gordon.acts.mentions(moby.JESS, COUNT, moby.BUILDS)
        await gordon.until(lambda: len(said(gordon, moby.BUILDS)) == 2)
        if wait_s > SPEED:  # a limit of less than a real second may be over by then
            assert said(gordon, moby.DOCKER_DEV) == []
        await gordon.until(lambda: len(said(gordon, moby.DOCKER_DEV)) == 3)
        assert [gordon.under(act.ts)[0].split(" [")[0] for act in acts] == [f"moby#1 is number {n}" for n in (1, 2, 3)]
        assert said(gordon, moby.DOCKER_DEV) == ["is number 1", "is number 2", "is number 3"]
        posts = [
            one for one in gordon.double.calls_of("chat.postMessage") if one.arguments["channel"] == moby.DOCKER_DEV
        ]
        [limited] = [one for one in posts if one.status == 429]
        following = [one for one in posts if one.at_s > limited.at_s]
        assert min(one.at_s for one in following) - limited.at_s >= wait_s
