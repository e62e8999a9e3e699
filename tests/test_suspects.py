"""Which labels are to blame: planted faults are named, chance and single broken nodes are not taken for them."""

import math
import random
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from bot.suspects import NodeCount, log_fisher, suspects
from bot.values import Result
from tests.fact_rig import KNOWN, NEW, booked, build, known

VALUES = {
    "kernel": ("3.18", "3.19", "4.0", "4.1", "4.2"),
    "driver": ("aufs", "devicemapper", "overlay", "zfs"),
    "distro": ("ubuntu14", "ubuntu15", "debian8"),
    "arch": ("amd64", "arm64"),
}
Rate = Callable[[int, dict[str, str]], float]


def fleet(chance: random.Random, nodes: int, runs: int, rate: Rate) -> list[NodeCount]:
    """Make nodes with tags by chance, and builds on each that fail with a probability.

    Arguments:
        runs: how many builds a node has at most.
        rate: tells how likely one fails, from the node's number and tags.
    """
    made = []
    for number in range(nodes):
        tags = {name: chance.choice(values) for name, values in VALUES.items()}
        count = chance.randrange(1, runs)
        bad = sum(chance.random() < rate(number, tags) for _ in range(count))
        made.append(NodeCount(f"n{number}", tuple(tags.items()), bad, count))
    return made


def node(name: str, bad: int, runs: int, **tags: str) -> NodeCount:
    return NodeCount(name, tuple(tags.items()), bad, runs)


@pytest.mark.parametrize(
    ("bad", "of", "others_bad", "others", "expected"),
    [
        pytest.param(3, 3, 0, 3, 1 / 20, id="all-of-few"),
        pytest.param(
            9, 10, 1, 60, 10 / math.comb(70, 10) * 60 + 1 / math.comb(70, 10), id="nine-of-ten-and-one-of-sixty"
        ),
        pytest.param(1, 10, 1, 10, 1.0, id="no-more-than-is-due"),
        pytest.param(0, 0, 5, 10, 1.0, id="nothing-there"),
    ],
)
def test_how_likely_it_is_that_chance_did_it(bad: int, of: int, others_bad: int, others: int, expected: float) -> None:
    assert math.exp(log_fisher(bad, of, others_bad, others)) == pytest.approx(expected, rel=1e-9)


def test_the_tail_is_the_sum_of_all_that_is_as_bad_or_worse() -> None:
    def brute(bad: int, of: int, others_bad: int, others: int) -> float:
        drawn = list(combinations(range(of + others), bad + others_bad))
        return sum(sum(one < of for one in draw) >= bad for draw in drawn) / len(drawn)

    for table in ((2, 4, 1, 6), (3, 5, 2, 7), (4, 4, 3, 8), (3, 6, 1, 5)):
        assert math.exp(log_fisher(*table)) == pytest.approx(brute(*table), rel=1e-9)


def test_a_million_builds_are_no_trouble() -> None:
    assert -40 < log_fisher(5_500, 500_000, 5_000, 500_000) < -10
    assert log_fisher(250_000, 500_000, 5_000, 500_000) < -100_000


def test_a_planted_kernel_fault_among_fifty_nodes_is_named_first_and_alone() -> None:
    """Issue 7: "3.18 and 3.19: 9 of 10 fail, others 1 of 60", for many fleets."""
    broken = ("3.18", "3.19")
    for seed in range(100):
        found = suspects(
            fleet(random.Random(seed), 50, 5, lambda number, tags: 0.9 if tags["kernel"] in broken else 1 / 60)
        )
        assert [(one.name, one.values) for one in found] == [("kernel", broken)], seed
        assert found[0].p < 1e-6


@pytest.mark.parametrize(
    ("nodes", "runs", "rate"),
    [
        pytest.param(50, 20, 0.1, id="fifty-nodes"),
        pytest.param(10, 20, 0.3, id="ten-nodes"),
        pytest.param(30, 8, 0.03, id="few-failures"),
    ],
)
def test_chance_is_silent(nodes: int, runs: int, rate: float) -> None:
    """Issue 7: of 1,000 histories without a fault at least 99 % are silent."""
    told = sum(bool(suspects(fleet(random.Random(seed), nodes, runs, lambda *_: rate))) for seed in range(1000))
    assert told <= 10


def uneven(seed: int, width: float) -> Sequence[NodeCount]:
    """Make nodes of which each has a rate of its own, a tenth in the mean; the less the width, the more they differ."""
    chance = random.Random(seed)
    rates = [chance.betavariate(width, 9 * width) for _ in range(40)]
    return fleet(chance, 40, 30, lambda number, tags: rates[number])


def test_nodes_that_differ_by_themselves_are_no_fault_of_their_labels() -> None:
    """Builds on one node are not independent: here most nodes hardly ever fail, and some often."""
    told = sum(any(one.name != "node" for one in suspects(uneven(seed, 0.5))) for seed in range(300))
    assert told <= 6


def test_a_node_that_is_a_little_worse_than_others_which_differ_too_is_not_named() -> None:
    told = sum(bool(suspects(uneven(seed, 2.0))) for seed in range(300))
    assert told <= 15


@pytest.mark.parametrize("nodes", [10, 50])
def test_one_broken_node_is_named_and_not_its_kernel(nodes: int) -> None:
    for seed in range(60):
        counts = fleet(random.Random(seed), nodes, 40, lambda number, tags: 0.9 if number == 3 else 0.03)
        if counts[3].runs >= 8:
            assert [(one.name, one.values) for one in suspects(counts)][:1] == [("node", ("n3",))], seed


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param([], [], id="no-nodes"),
        pytest.param([node("n1", 9, 10, kernel="3.18")], [], id="nothing-to-compare-with"),
        pytest.param([node(f"n{n}", 0, 10, kernel=f"{n % 3}") for n in range(9)], [], id="nothing-failed"),
        pytest.param([node(f"n{n}", 10, 10, kernel=f"{n % 3}") for n in range(9)], [], id="all-failed"),
        pytest.param(
            [node(f"n{n}", 900 if n < 8 else 1000, 10_000, kernel="old" if n < 8 else "new") for n in range(16)],
            [],
            id="sure-but-too-little-to-tell",
        ),
        pytest.param(
            [node(f"n{n}", 9 * (n < 8), 10, kernel=f"{n < 8}", distro=f"d{n < 8}") for n in range(20)],
            [("distro", ("dTrue",)), ("kernel", ("True",))],
            id="two-tags-that-always-go-together-are-both-named",
        ),
        pytest.param(
            [NodeCount(f"n{n}", [("label", "all"), ("label", f"l{n < 8}")], 9 * (n < 8), 10) for n in range(20)],
            [("label", ("lTrue",))],
            id="labels",
        ),
        pytest.param(
            [node(f"n{n}", 9 * (n < 8 or n == 15), 10, kernel="3.18" if n < 8 else "4.2") for n in range(24)],
            [("kernel", ("3.18",)), ("node", ("n15",))],
            id="a-kernel-and-a-node-beside-it",
        ),
    ],
)
def test_what_is_named(counts: Sequence[NodeCount], expected: Sequence[tuple[str, tuple[str, ...]]]) -> None:
    assert [(one.name, one.values) for one in suspects(counts)] == expected


async def test_the_ledger_names_the_kernel_that_fails_by_itself(tmp_path: Path) -> None:
    """A failure that the change may have made counts as a run, as do the runs of other jobs unless one is asked for."""
    with booked(tmp_path) as book:
        facts = []
        for number in range(264):
            named: dict[str, Any] = {"node": f"n{number % 24}", "job": "docker-prs" if number < 240 else "other"}
            named["tags"] = {"kernel": "3.18" if number % 24 < 8 else "4.2", "arch": "arm64"}
            fact = build(number, Result.FAILURE, **named)
            facts.append(known(fact, KNOWN if number % 24 < 8 and number < 216 else NEW))
        facts += [build(number, job="elsewhere", node=f"e{number}") for number in range(9)]
        await book.put(*facts)
        for word, of, others in (("", 88, 185), ("docker-prs", 80, 160), ("dm-init-rootfs", 88, 176)):
            (found,) = await book.ledger.suspects(word)
            assert (found.name, found.values, found.p < 1e-9) == ("kernel", ("3.18",), True), word
            assert (found.bad, found.of, found.others_bad, found.others) == (72, of, 0, others), word
        assert await book.ledger.suspects("other") == []
        assert await book.ledger.suspects("never-seen") == []
