"""What people on Slack call themselves, which is theirs to choose, through the whole program."""

from pathlib import Path

from bot.demo.jenkins.model import Plan
from bot.demo.slack import moby
from tests.world.slack_rig import on_slack

QUICK = {"poll_s": 0.05, "gather_s": 0.05, "again_after_s": 0.05}


async def test_what_somebody_watches_is_told_to_them_alone_and_once(tmp_path: Path) -> None:
    """A4: they wished it in private and in a channel, and are called like the id of somebody else."""
    async with on_slack(tmp_path, numbers=QUICK) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=0))
        await gordon.acts.changes(moby.TIANON, display_name=moby.JESS).acknowledged()
        gordon.acts.says(moby.TIANON, "watch moby#1", moby.TIANON)
        await gordon.said("you hear", moby.TIANON)
        await gordon.asks(moby.TIANON, "watch moby#1", expect="you hear")
        said = gordon.acts.mentions(moby.ICECRIME, "rebuild moby#1 janky", moby.DOCKER_DEV)
        await gordon.said("passed", under=said.ts)
        await gordon.said("passed", moby.TIANON)
        assert len([one for one in gordon.messages(moby.TIANON) if "passed" in one["text"]]) == 1
        assert gordon.messages(moby.JESS) == []
