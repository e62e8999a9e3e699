"""Which labels of nodes are to blame: far more builds fail on them than elsewhere, and chance does not explain it.

Two groups of builds are held against each other by Fisher's exact test, one-sided. Builds on one node are not
independent, so what nodes within a group differ by more than chance would have it counts against the result (the
quasi-binomial way), and the nodes themselves, each good or bad, must be divided as chance does not explain either. So
one broken node blames itself and not its kernel, and of few nodes nothing but themselves is named.

The p that is told is corrected for all sets of values that could have been compared, of each tag, by Bonferroni: it
needs no random numbers, so the same builds always give the same answer, and it can tell 10^-6, for which permutations
would have to be counted in millions.

A job that fails more than others and runs on few nodes looks like a fault of theirs: ask of the job alone then.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

from bot.facts import Suspect

ALPHA = 0.01
ALONE_P = 0.01  # what each value of a group must come to alone
NODES_P = 0.05  # what its nodes must come to, counted as good and bad ones, corrected like ALPHA
LEAST_BAD = 3  # fewer failures of one value than this say nothing
LEAST_TIMES = 2.0  # of ten thousand builds a difference of a few in a hundred is no chance, and still nobody's hint
MOST_SUSPECTS = 5
LABEL, NODE = "label", "node"  # a node has many labels and one name, so these are no tags like others
MOST_NODES = 3  # that are named together
LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True, slots=True)
class NodeCount:
    """How many builds there were on a node, and how many of them failed.

    Arguments:
        name: of the node; where two servers have one of a name, with the server.
        tags: as kind and value; labels as the kind "label".
    """

    name: str
    tags: Collection[tuple[str, str]]
    bad: int
    runs: int


class _Group(NamedTuple):
    """Nodes that have one of some values of a tag, and how likely it is that chance made them so."""

    name: str
    values: tuple[str, ...]
    nodes: frozenset[int]
    log_p: float


def suspects(nodes: Sequence[NodeCount]) -> Sequence[Suspect]:
    """Name the tag values, labels or single nodes on which builds fail, the surest first.

    What fits as well as the first is named beside it, as of two tags that always go together nobody can tell which it
    is. Then its nodes are left out, and what is left is looked at again.
    """
    found: list[Suspect] = []
    left = [node for node in nodes if node.runs]
    while len(found) < MOST_SUSPECTS:
        groups = sorted(_groups(left), key=lambda group: (group.log_p, group.name == NODE, group.name, group.values))
        if not groups:
            break
        best = groups[0]
        found += [_suspect(group, left) for group in groups if group.nodes == best.nodes and group.name != NODE]
        if best.name == NODE:
            found.append(_suspect(best, left))
        left = [node for number, node in enumerate(left) if number not in best.nodes]
    return found[:MOST_SUSPECTS]


def _groups(nodes: Sequence[NodeCount]) -> Iterator[_Group]:
    """List the groups that chance does not explain."""
    by_tag: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for number, node in enumerate(nodes):
        by_tag[NODE][node.name].add(number)
        for name, value in node.tags:
            by_tag[name][value].add(number)
    for name, values in by_tag.items():
        for chosen, at, compared in _candidates(name, values, nodes):
            corrected = math.log(compared * len(by_tag))
            log_p = _log_p(at, nodes) + corrected
            if log_p < math.log(ALPHA) and (name == NODE or _log_p_of_nodes(at, nodes) + corrected < math.log(NODES_P)):
                yield _Group(name, tuple(sorted(chosen)), frozenset(at), log_p)


def _candidates(
    name: str, values: Mapping[str, set[int]], nodes: Sequence[NodeCount]
) -> Iterator[tuple[Sequence[str], set[int], int]]:
    """List sets of values, with their nodes and how many sets of that kind there are.

    Of all sets of one size the one with the worst values has most failures, so only that is looked at; what it is
    corrected for are all of that size, and all sizes. A value with few failures is in none.
    """
    telling = [value for value in values if sum(nodes[number].bad for number in values[value]) >= LEAST_BAD]
    ordered = sorted(telling, key=lambda value: (-_rate(values[value], nodes), value))
    if name == LABEL:  # those who have not the first may have the second
        yield from (([value], values[value], len(values)) for value in ordered)
        return
    sizes = min(MOST_NODES, len(values) - 1) if name == NODE else len(values) - 1
    for size in range(1, min(len(ordered), sizes) + 1):
        chosen = ordered[:size]
        at = set[int]().union(*(values[value] for value in chosen))
        if size > 1 and not _stands_out(values[chosen[-1]], set(range(len(nodes))) - at, len(values), nodes):
            break
        yield chosen, at, math.comb(len(values), size) * sizes


def _stands_out(at: set[int], rest: set[int], compared: int, nodes: Sequence[NodeCount]) -> bool:
    """Tell whether a value is one of the bad ones by itself, and does not only hang on to those that are."""
    return log_fisher(*_sum(at, nodes), *_sum(rest, nodes)) + math.log(compared) < math.log(ALONE_P)


def _log_p(at: set[int], nodes: Sequence[NodeCount]) -> float:
    """Tell how likely it is that chance made so many fail on some nodes; 0, which is surely, if they are no hint."""
    bad, runs = _sum(at, nodes)
    all_bad, all_runs = _sum(range(len(nodes)), nodes)
    others_bad, others = all_bad - bad, all_runs - runs
    if not others or bad * others < LEAST_TIMES * others_bad * runs:
        return 0.0
    log_p = log_fisher(bad, runs, others_bad, others)
    spread = _spread((at, set(range(len(nodes))) - at), nodes)
    return log_p if spread <= 1 else _log_tail(_deviation(log_p) / math.sqrt(spread))


def _log_p_of_nodes(at: set[int], nodes: Sequence[NodeCount]) -> float:
    """Tell how likely it is that chance put so many of the bad nodes among these, whatever makes a node bad."""
    rest = set(range(len(nodes))) - at
    (bad, runs), (others_bad, others) = _sum(at, nodes), _sum(rest, nodes)
    middle = (bad / runs + others_bad / others) / 2
    bad_nodes = {number for number, node in enumerate(nodes) if node.bad > middle * node.runs}
    return log_fisher(len(bad_nodes & at), len(at), len(bad_nodes & rest), len(rest))


def log_fisher(bad: int, of: int, others_bad: int, others: int) -> float:
    """Tell the logarithm of how likely it is that by chance so many or more of the failures are among the first.

    Arguments:
        bad, of: how many failed, of how many; likewise the others.
    """
    all_bad, total = bad + others_bad, of + others
    if bad * total <= all_bad * of:
        return 0.0  # no more than the share that is due; what lies above is no hint
    log_first = _log_comb(of, bad) + _log_comb(others, others_bad) - _log_comb(total, all_bad)
    term = tail = 1.0
    for here in range(bad, min(all_bad, of)):
        term *= (of - here) * (all_bad - here) / ((here + 1) * (others - all_bad + here + 1))
        tail += term
        if term < tail * 1e-16:
            break
    return min(0.0, log_first + math.log(tail))


def _spread(groups: Collection[Collection[int]], nodes: Sequence[NodeCount]) -> float:
    """Tell how much more the nodes within their groups differ than builds that fail independently would; 1 if not."""
    squares, freedom = 0.0, 0
    for group in groups:
        bad, runs = _sum(group, nodes)
        if 0 < bad < runs:
            rate = bad / runs
            for number in group:
                node = nodes[number]
                squares += (node.bad - node.runs * rate) ** 2 / (node.runs * rate * (1 - rate))
            freedom += len(group) - 1
    return max(1.0, squares / freedom) if freedom else 1.0


def _deviation(log_p: float) -> float:
    """Tell how many standard deviations above its mean a normal variable is with this probability above it."""
    if log_p > -600:
        return -NormalDist().inv_cdf(min(math.exp(log_p), 0.5))
    deviation = math.sqrt(-2 * log_p)
    for _ in range(4):  # far out the tail is density / deviation
        deviation = math.sqrt(-2 * (log_p + LOG_SQRT_2PI + math.log(deviation)))
    return deviation


def _log_tail(deviation: float) -> float:
    if deviation < 30:
        return math.log(0.5 * math.erfc(deviation / math.sqrt(2)))
    return -(deviation**2) / 2 - LOG_SQRT_2PI - math.log(deviation)


def _suspect(group: _Group, nodes: Sequence[NodeCount]) -> Suspect:
    bad, of = _sum(group.nodes, nodes)
    all_bad, all_runs = _sum(range(len(nodes)), nodes)
    return Suspect(group.name, group.values, bad, of, all_bad - bad, all_runs - of, math.exp(max(group.log_p, -700.0)))


def _sum(numbers: Collection[int], nodes: Sequence[NodeCount]) -> tuple[int, int]:
    return sum(nodes[number].bad for number in numbers), sum(nodes[number].runs for number in numbers)


def _rate(numbers: Collection[int], nodes: Sequence[NodeCount]) -> float:
    bad, runs = _sum(numbers, nodes)
    return bad / runs


def _log_comb(of: int, chosen: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)
