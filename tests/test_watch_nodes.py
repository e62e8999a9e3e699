"""Agents that go down and come back: told once, after a while, whatever happens to us or to their server meanwhile."""

from collections.abc import Sequence
from pathlib import Path
from time import process_time

import pytest

from bot.events import NodeCameBack, NodeEvent, NodeWentDown
from bot.node_watch import weigh
from bot.sightings import NodeRow
from tests.virtual_clock import NOON_S, VirtualClock
from tests.watch_rig import FakeServer, at, node, silent, watching

UP, DOWN, MARKED = node("arm-7"), node("arm-7", down=True), node("arm-7", down=True, marked=True, reason="disk full")
STABLE_S, LOOK_S = 60.0, 40.0  # what counts as stable, and within how long a look comes
MINUTES = 60.0


def words(events: Sequence[NodeEvent]) -> list[str]:
    return [f"{event.node} {'down' if isinstance(event, NodeWentDown) else 'back'}" for event in events]


async def test_an_agent_that_stays_down_is_told_once_and_so_is_its_return(tmp_path: Path) -> None:
    server = FakeServer(agents=[UP, node("arm-8")])
    async with watching(tmp_path, server) as watched:
        await watched.passes(5 * MINUTES)
        server.agents = [MARKED, node("arm-8")]
        await watched.passes(LOOK_S)
        assert watched.of_nodes == []
        await watched.passes(10 * MINUTES)
        (down,) = watched.of_nodes
        assert isinstance(down, NodeWentDown)
        assert (down.marked, down.reason, down.lane) == (True, "disk full", "node:ci/arm-7")
        assert down.key == f"node:ci/arm-7:down:{round(down.since.timestamp() * 1000)}"
        assert (down.at - down.since).total_seconds() >= STABLE_S
        server.agents = [UP, node("arm-8")]
        await watched.passes(10 * MINUTES)
        back = watched.of_nodes[-1]
        assert isinstance(back, NodeCameBack)
        assert 10 * MINUTES <= back.down_s <= 12 * MINUTES
        assert words(watched.of_nodes) == ["arm-7 down", "arm-7 back"]


@pytest.mark.parametrize("away_s", [pytest.param(1.0, id="a-moment"), pytest.param(3600.0, id="an-hour")])
async def test_a_restart_of_ours_tells_nothing_twice_and_forgets_nothing(tmp_path: Path, away_s: float) -> None:
    server, clock = FakeServer(agents=[DOWN]), VirtualClock()
    async with watching(tmp_path, server, clock) as watched:
        await watched.passes(LOOK_S)
        assert watched.of_nodes == []
    clock.now_s += STABLE_S + away_s
    async with watching(tmp_path, server, clock) as again:
        await again.passes(5)
        assert words(again.of_nodes) == ["arm-7 down"]
        assert again.of_nodes[0].since.timestamp() < clock.now().timestamp() - STABLE_S
    async with watching(tmp_path, server, clock) as third:
        await third.passes(10 * MINUTES)
        assert third.of_nodes == []
        server.agents = [UP]
        await third.passes(5 * MINUTES)
        assert words(third.of_nodes) == ["arm-7 back"]


async def test_one_that_goes_back_and_forth_is_not_told(tmp_path: Path) -> None:
    """It is seen down at every other look, which is never a minute without a break."""
    server = FakeServer(agents=[UP])
    async with watching(tmp_path, server, idle_poll_s=20.0) as watched:
        for turn in range(20):
            server.agents = [DOWN if turn % 2 else UP]
            await watched.passes(30)
        assert watched.of_nodes == []


async def test_one_that_flaps_after_it_was_told_is_still_down(tmp_path: Path) -> None:
    server = FakeServer(agents=[DOWN])
    async with watching(tmp_path, server, idle_poll_s=20.0) as watched:
        await watched.passes(3 * MINUTES)
        for turn in range(20):
            server.agents = [DOWN if turn % 2 else UP]
            await watched.passes(30)
        assert words(watched.of_nodes) == ["arm-7 down"]


async def test_the_first_look_tells_only_those_that_are_down(tmp_path: Path) -> None:
    down = [node(f"arm-{number}", down=True, marked=number % 2 == 0) for number in range(4)]
    server = FakeServer(agents=[*down, node("x86-1"), node("x86-2")])
    async with watching(tmp_path, server) as watched:
        await watched.passes(5 * MINUTES)
        assert sorted(words(watched.of_nodes)) == [f"arm-{number} down" for number in range(4)]
        assert len({event.at for event in watched.of_nodes}) == 1  # of one look, so that they can be one message


async def test_one_that_is_removed_while_it_is_down_is_closed_silently(tmp_path: Path) -> None:
    """If one of its name comes later, it is another, and begins anew."""
    server = FakeServer(agents=[DOWN])
    async with watching(tmp_path, server) as watched:
        await watched.passes(3 * MINUTES)
        server.agents = []
        await watched.passes(5 * MINUTES)
        server.agents = [UP]
        await watched.passes(5 * MINUTES)
        assert words(watched.of_nodes) == ["arm-7 down"]


async def test_a_server_that_does_not_answer_changes_nothing(tmp_path: Path) -> None:
    """F21: what nobody can see is neither down nor back."""
    server = FakeServer(agents=[UP])
    async with watching(tmp_path, server) as watched:
        await watched.passes(LOOK_S)
        server.troubles["nodes"] = silent()
        await watched.passes(20 * MINUTES)
        server.troubles.clear()
        await watched.passes(3 * MINUTES)
        assert watched.of_nodes == []


async def test_from_marked_to_disconnected_is_no_news(tmp_path: Path) -> None:
    """It takes no builds before and after; only that counts."""
    server = FakeServer(agents=[MARKED])
    async with watching(tmp_path, server) as watched:
        await watched.passes(3 * MINUTES)
        server.agents = [DOWN]
        await watched.passes(5 * MINUTES)
        assert words(watched.of_nodes) == ["arm-7 down"]


async def test_a_clock_that_is_set_back_makes_nobody_wait_for_as_long(tmp_path: Path) -> None:
    """F33: the wall clock may jump; an agent that is down is told a minute later all the same."""
    server, clock = FakeServer(agents=[DOWN]), VirtualClock()
    clock.now_s = 7200.0
    async with watching(tmp_path, server, clock) as watched:
        await watched.passes(LOOK_S)
    clock.now_s = 0.0
    async with watching(tmp_path, server, clock) as again:
        await again.passes(3 * MINUTES)
        assert words(again.of_nodes) == ["arm-7 down"]


def test_five_thousand_agents_are_weighed_in_no_time() -> None:
    """All connections of a large controller may be lost at once, and nothing else is done meanwhile."""
    nodes = [node(f"arm-{number}", down=True) for number in range(5000)]
    rows = {each.ref.name: NodeRow("ci", each.ref.name, True, NOON_S, None, NOON_S) for each in nodes}
    before_s = process_time()
    assert len(weigh(nodes, rows, at(STABLE_S), STABLE_S).events) == 5000
    assert process_time() - before_s < 0.5
