"""Following builds: what cannot be read, what a restart takes, and what is told of it."""

from pathlib import Path

from bot.demo.jenkins.ledger import Status
from bot.demo.jenkins.model import Plan
from bot.ports import Order
from bot.testing import running
from bot.values import JobRef


async def test_a_build_that_cannot_be_read_keeps_no_other_from_being_told(tmp_path: Path) -> None:
    """Trap 15: a broken build page is one build's trouble."""
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.2))
        gordon.world.jenkins.faults.next("GET", "job/docker-prs/1/api/json", Status(500), times=1000)
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.say("tianon", "rebuild moby#2 windows", expect="queued")
        assert "windows #1 passed" in await gordon.chat.line("moby#2 at .*passed")
        gordon.world.jenkins.faults.clear()
        assert "janky #1 passed" in await gordon.chat.line("moby#1 at .*passed")


async def test_an_adopted_build_that_a_restart_takes_is_not_called_cancelled(tmp_path: Path) -> None:
    """F21: somebody else queued it, so nobody here may queue it again; the asker hears what became of it."""
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        jenkins = gordon.world.jenkins
        jenkins.job("docker-prs").quiet_period_s = 60.0
        pull = await gordon.app.builds.pull(gordon.app.live.now.names.pull("moby#1")[0])
        theirs = {"PR": "1", "GIT_SHA1": pull.head, "GIT_BASE_REPO": "moby/moby"}
        await gordon.app.servers["ci"].trigger(Order(JobRef("ci", "docker-prs"), theirs, request_id=""))
        assert "already queued" in await gordon.say("tianon", "rebuild moby#1 janky")
        jenkins.faults.queue_lost_on_restart = True
        await jenkins.restart(0.2)
        told = await gordon.chat.line("never left the queue")
        assert "lost from the queue in a restart" in told
        assert "cancelled" not in told
        assert len(jenkins.ledger.triggers) == 1


async def test_a_queue_that_a_restart_lost_is_asked_for_again_once(tmp_path: Path) -> None:
    """F21: the effect is doubted and looked up, and then sent again with the same mark."""
    async with running(tmp_path, poll_s=0.1, gather_s=0.05) as gordon:
        jenkins = gordon.world.jenkins
        jenkins.job("docker-prs").quiet_period_s = 1.5
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        jenkins.faults.queue_lost_on_restart = True
        await jenkins.restart(0.2)
        assert "janky #1 passed" in await gordon.chat.line("moby#1 at .*passed")
        assert list(jenkins.ledger.builds_by("GORDON_REQUEST_ID").values()) == [1]
        assert list(jenkins.ledger.items_by("GORDON_REQUEST_ID").values()) == [2]
