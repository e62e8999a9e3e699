"""Two Jenkins at once: whose agent is meant, and what is known while one of them does not answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.standin import JenkinsStandIn
from bot.demo.world import TOKEN, World
from bot.errors import UserError
from bot.testing import Gordon, running
from bot.values import NodeRef

OLD = """
[jenkins.old]
url = "{url}"
user = "gordon"
token_file = "jenkins-token"
timeout_s = 5
poll_s = 0.5

[github]"""


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[tuple[Gordon, JenkinsStandIn]]:
    """Run a Gordon with two servers: both have arm-7, one has arm-8 and the other ppc-1."""
    world = World(folder)
    async with world:
        old = JenkinsStandIn(world.clock)
        old.add_user("gordon", token=TOKEN)
        await old.start()
        for server, name in ((world.jenkins, "arm-7"), (world.jenkins, "Arm-8"), (old, "arm-7"), (old, "ppc-1")):
            server.add_node(Agent(name))
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace("\n[github]", OLD.format(url=old.url)), encoding="utf-8")
        try:
            async with running(folder, world=world) as gordon:
                yield gordon, old
        finally:
            await old.stop()


async def test_an_agent_is_found_on_the_only_server_that_has_it(tmp_path: Path) -> None:
    async with site(tmp_path) as (gordon, old):
        find = gordon.app.builds.reading.node
        for asked, found in (
            (NodeRef("", "ppc-1"), NodeRef("old", "ppc-1")),
            (NodeRef("", "arm-8"), NodeRef("ci", "Arm-8")),
            (NodeRef("old", "arm-7"), NodeRef("old", "arm-7")),
        ):
            assert (await find(asked)).ref == found
        for asked, why in (
            (NodeRef("", "arm-7"), "there are several agents of that name: say ci/arm-7 or old/arm-7"),
            (NodeRef("", "arm-9"), 'no agent "arm-9"; did you mean arm-7'),
            (NodeRef("ci", "ppc-1"), 'no agent "ppc-1"; '),
            (NodeRef("new", "arm-7"), 'no Jenkins "new"; there are: ci, old'),
        ):
            with pytest.raises(UserError, match=why):
                await find(asked)
        await old.go_down("refused")
        assert (await find(NodeRef("ci", "arm-7"))).ref == NodeRef("ci", "arm-7")
        with pytest.raises(
            UserError, match=r"cannot tell where arm-7 is, as Jenkins old does not answer .*SERVER/NAME"
        ):
            await find(NodeRef("", "arm-7"))


async def test_an_agent_is_marked_twice_with_the_same_end(tmp_path: Path) -> None:
    """J23: the toggle of the second would take the mark away."""
    async with site(tmp_path) as (gordon, old):
        for nick in ("tianon", "icecrime"):
            said = await gordon.say(nick, "node old/arm-7 offline the disk is full")
            assert "arm-7 is marked offline" in said
        assert old.node("arm-7").marked
        assert not gordon.world.jenkins.node("arm-7").marked
        for nick in ("icecrime", "tianon"):
            assert "arm-7 is up" in await gordon.say(nick, "node old/arm-7 online")
        assert not old.node("arm-7").marked
        refused = await gordon.say("jess", "node old/arm-7 offline no reason")
        assert "needs the role maintainer in moby/moby; jess is triager" in refused


async def test_a_server_that_does_not_answer_hides_nothing_of_the_other(tmp_path: Path) -> None:
    async with site(tmp_path) as (gordon, old):
        await old.go_down("503")
        said = await gordon.say("tianon", "queue")
        assert said.startswith("nothing is waiting; Jenkins old does not answer"), said
