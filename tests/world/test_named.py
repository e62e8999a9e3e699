"""G18: whoever asks while something is wrong hears what it is, under an id by which operators find the rest.

Each row is a fault, how it comes about, what is typed and which neighbour the answer has to name; `honest` sees to it
that nothing is called queued, here and in every other test of a whole Gordon, that Jenkins has not.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.audit import short_id
from bot.demo.jenkins.ledger import Status
from bot.demo.world import PLUGINS, World
from bot.testing import Gordon
from tests.world.honesty import CLAIM, honest

BAD = Path(__file__).parent / "bad_plugins"
JENKINS, GITHUB = "Jenkins ci", "GitHub"
Break = Callable[[World], None]


def jenkins(fault: Status, *, method: str = "*") -> Break:
    """Have a Jenkins answer so."""
    return lambda world: world.jenkins.faults.next(method, "*", fault, times=99)


def github(status: int, **how: object) -> Break:
    """Have a GitHub answer so."""
    return lambda world: world.github.fail(status, times=99, **how)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, and what is asked meanwhile."""

    row: str
    how: Break
    typed: str
    peer: str


OF_JENKINS = (
    Fault("F21", jenkins(Status(503)), "rebuild moby#1 janky", JENKINS),
    Fault("F21", jenkins(Status(503)), "cancel moby#1", JENKINS),
    Fault("F42", jenkins(Status(407)), "rebuild moby#1 lxc", JENKINS),
    Fault("F45", jenkins(Status(401)), "rebuild moby#1 lxc", JENKINS),
    Fault("F45", jenkins(Status(403), method="POST"), "rebuild moby#2 lxc", JENKINS),
    Fault("A12", jenkins(Status(200, "<html>")), "rebuild moby#1 lxc", JENKINS),
    Fault("F36", lambda world: None, "raise error", "raise failed inside Gordon"),
)
# Each in a world of its own, as GitHub is left alone for a while after most of them.
OF_GITHUB = (
    Fault("F13", github(502, method="GET"), "rebuild moby#1 janky", GITHUB),
    Fault("F15", lambda world: world.github.limit(times=99), "rebuild moby#1 janky", GITHUB),
    Fault("F45", github(401), "rebuild moby#1 janky", GITHUB),
)
READS = (
    Fault("F21", jenkins(Status(503)), "status moby#1", JENKINS),
    Fault("F21", jenkins(Status(503)), "queue", JENKINS),
    Fault("F27", jenkins(Status(404)), "why docker-prs#1", JENKINS),
)


@pytest.mark.parametrize(
    "faults",
    [pytest.param(OF_JENKINS, id="Jenkins"), *(pytest.param((one,), id=f"GitHub {one.row}") for one in OF_GITHUB)],
)
async def test_whoever_asks_hears_which_neighbour_it_is_and_an_id_that_operators_find(
    tmp_path: Path, faults: Sequence[Fault]
) -> None:
    """G18: of all that changes something."""
    async with honest(
        tmp_path, plugins=(*PLUGINS, "raising"), plugin_folder=BAD, again_after_s=0.2, timeout_s=1
    ) as gordon:
        assert [one for at, fault in enumerate(faults) if (one := await told(gordon, fault, f"key-{at}"))] == []


async def test_whoever_only_reads_hears_which_neighbour_it_is(tmp_path: Path) -> None:
    """G18: that leaves no record, so there is no id."""
    async with honest(tmp_path) as gordon:
        for fault in READS:
            line = await meeting(gordon, fault)
            assert line.startswith(fault.peer)
            assert not CLAIM.search(line)


async def told(gordon: Gordon, fault: Fault, key: str) -> str:
    """Ask while something is wrong, and have an operator find it by the answer's id; return an answer that is wrong."""
    mark = short_id(key)
    line = await meeting(gordon, fault, key, rf"\[{mark}\]$")
    found = ""
    async with asyncio.timeout(5):  # what is refused is answered without a wait for its record
        while f"tianon: {fault.typed}" not in found:
            found = await gordon.say("icecrime", f"audit {mark}")
    return "" if fault.peer in line and not CLAIM.search(line) else f"{fault.row} {fault.typed}: {line}"


async def meeting(gordon: Gordon, fault: Fault, key: str = "", expect: str = ".") -> str:
    """Ask while something is wrong, and return the answer once it is right again."""
    world = gordon.world
    fault.how(world)
    try:
        return await gordon.say("tianon", fault.typed, key=key, expect=expect)
    finally:
        world.jenkins.faults.clear()
