"""Whether a failure is one that passes by itself, what of it is tried again, and where; pure."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bot.events import BranchPushed, BuildDiagnosed
from bot.facts import Fact
from bot.values import Node, Result
from plugins.retries.rules import Rule

MAX_CAUSE_CHARS = 40
MAX_HEADS = 20  # of a branch that are remembered


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be tried again, and why.

    Arguments:
        cells: the only cells of a matrix; empty for the whole build.
    """

    cause: str
    cells: tuple[str, ...] = ()


def wish_of(rule: Rule, event: BuildDiagnosed) -> Wish | None:
    """Tell what of a build is to be tried again; None if it passed, was aborted, or failed for good."""
    end, fact = event.end, event.fact
    if rule.off or rule.at_most == 0 or not (event.ours or rule.others):
        return None
    if not end.number or end.built or (event.pull and not event.sha) or not _is_bad(rule, end.result):
        return None
    if not end.cells:
        return Wish(cause_of(rule, fact)) if passes_by_itself(rule, fact) else None
    failed = [cell.name for cell in end.cells if cell.result not in (Result.SUCCESS, Result.NOT_BUILT, None)]
    known = {cell.cell: cell for cell in event.cells}
    matched = [known[name] for name in failed if name in known and passes_by_itself(rule, known[name])]
    told = passes_by_itself(rule, fact)
    if not failed:
        return Wish(cause_of(rule, fact)) if told and rule.none_left == "whole" else None
    # A cell that failed for good leaves the build red whatever the others come to, and people wait for its news.
    is_wanted = {"matched": len(matched) == len(failed), "failed": bool(matched), "parent": told}[rule.cells]
    return Wish(cause_of(rule, (matched or [fact])[0]), tuple(failed)) if is_wanted else None


def passes_by_itself(rule: Rule, fact: Fact) -> bool:
    """Tell whether a build, or a cell of one, failed for what another try may not meet again."""
    told = fact.diagnosis
    if not _is_bad(rule, fact.result):
        return False
    if rule.pattern is None and rule.classes is None and rule.causes is None:
        return told.retry is True
    is_found = rule.pattern is not None and (not rule.pattern or rule.pattern in told.matched)
    return is_found or told.failure_class in (rule.classes or ()) or told.cause in (rule.causes or ())


def cause_of(rule: Rule, fact: Fact) -> str:
    """Name what a build failed for, as people read it and as it is counted."""
    found = rule.pattern if rule.pattern and rule.pattern in fact.diagnosis.matched else ""
    return (fact.diagnosis.cause or found or str(fact.diagnosis.failure_class))[:MAX_CAUSE_CHARS]


def chance_of(key: str) -> float:
    """Make a number from 0 to 1 of an event's key, the same each time."""
    return int.from_bytes(hashlib.blake2s(key.encode(), digest_size=4).digest()) / 2**32


def heads_after(heads: Sequence[str], push: BranchPushed) -> Sequence[str]:
    """List where a branch has pointed to, its head last; empty once it is deleted.

    What nobody has told is in no list, so that a commit whose push was missed is not taken for an old one.
    """
    if not push.after:
        return ()
    if push.after in heads[:-1] and push.before != heads[-1]:
        return heads  # told late: what came after it is known
    known = [each for each in (*heads, push.before) if each]
    return [*dict.fromkeys(each for each in known if each != push.after), push.after][-MAX_HEADS:]


def another_node(nodes: Iterable[Node], fact: Fact, failed_on: Collection[str]) -> str:
    """Choose an agent that can do what the failing one can; empty where there is none, or where nobody knows."""
    wanted = set(fact.labels) - {fact.node}
    fit = [
        node
        for node in nodes
        if wanted <= set(node.labels) and node.ref.server == fact.build.job.server and not node.offline
    ]
    free = [node for node in fit if node.ref.name not in {fact.node, *failed_on}]
    if not wanted or not free:
        return ""
    return min(free, key=lambda node: (len(node.running) >= node.executors, len(node.running), node.ref.name)).ref.name


def _is_bad(rule: Rule, result: Result | None) -> bool:
    return result is Result.FAILURE or (rule.unstable and result is Result.UNSTABLE)
