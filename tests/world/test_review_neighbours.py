"""What neighbours, and those in front of them, answer in the wrong moment: nothing is built twice or hidden."""

from pathlib import Path

from bot.demo.jenkins_ledger import CommitThenDrop, Status
from tests.world.honesty import honest, said, triggers, until

TRIGGER = "/job/docker-prs/buildWithParameters"
QUEUED = r"^moby#1 at \w{7}: queued janky \(item \d+\)"


async def test_a_proxy_that_knows_no_route_while_a_lost_start_is_looked_for(tmp_path: Path) -> None:
    """F23, trap 15: its 404 does not tell of a job without builds."""
    async with honest(tmp_path, timeout_s=0.5, again_after_s=0.2, poll_s=0.1, gather_s=0.1) as gordon:
        jenkins = gordon.world.jenkins
        jenkins.faults.next("POST", TRIGGER, CommitThenDrop())
        await gordon.chat.hear("tianon", "rebuild moby#1 janky")
        await until(lambda: jenkins.ledger.triggers)
        jenkins.faults.next("GET", "/job/docker-prs/api/json", Status(404, "<html>no such route</html>"), times=2)
        await gordon.chat.line(QUEUED, within_s=20)
        await said(gordon, "janky #1 passed", 1)
        await triggers(gordon, 1)
