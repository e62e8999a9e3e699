"""Which of many hits is why the build failed.

A hit is worth what its shape or signature is worth, more where a failing step ends shortly after it or where it is the
first of a cascade, and less where the tool got over it by itself, in steps after the build, and where green logs have
the same line. Nothing here knows a tool: what a line is, the catalogue says.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.diagnosis.fingerprint import normalised
from bot.diagnosis.hits import Hit, Scan
from bot.diagnosis.signs import Role, Shape, Signature
from bot.diagnosis.verdict import FailureClass

OF_A_SIGNATURE = {"false": 90.0, "true": 86.0, "unknown": 80.0}
OF_A_ROLE = {Role.CAUSE: 1.0, Role.SUMMARY: 0.7, Role.CONSEQUENCE: 0.4}

BEFORE_A_MARK = ((8, 12.0), (25, 8.0), (80, 4.0))  # lines until a step is told as failed, and what that adds
FIRST_OF_A_BURST = 6.0
BURST_LINES = 40
STRONG = 60.0  # from this weight on an error is one that others may follow from
POST_FACTOR = 0.6  # taken from what stands after a mark of weight 100
AFTER_THE_END = 0.3
IN_GREEN_LOGS = 0.3
GOT_OVER = 0.55  # the tool said nearby that it tries again
RETRY_LINES = 3
SAME_ERROR_LINES = 80  # from one place of an error to the next one
STOPPED = {"ABORTED"}
# What somebody or something may have stopped a build for; a failed test is no reason.
STOPPING = {
    FailureClass.ABORTED,
    FailureClass.TIMEOUT,
    FailureClass.DISK_FULL,
    FailureClass.OOM_KILLED,
    FailureClass.AGENT_LOST,
    FailureClass.KERNEL,
}
NOT_STOPPING_FACTOR = 0.7
REASON_OVER_HAND = 0.85  # `Aborted by` counts less where another reason to stop is told


@dataclass(frozen=True, slots=True)
class Ranked:
    """A hit with what speaks for it, from 0 to about 110."""

    hit: Hit
    score: float


def rank(scan: Scan, green: Collection[bytes] = ()) -> list[Ranked]:
    """Order the hits that can be why the build failed, the best first.

    Arguments:
        green: normalised lines (as by `fingerprint.normalised`) of logs of builds that passed.
    """
    causes = [hit for hit in scan.hits if hit.role in OF_A_ROLE and not hit.is_tolerated]
    if not causes:
        return []
    order = _Order(scan)
    firsts = _first_of_bursts(causes)
    ranked = []
    for hit in causes:
        score = worth(hit) * order.factor(hit)
        if hit.role is not Role.CONSEQUENCE:
            score += order.nearness(hit)
        if (hit.position, hit.line) in firsts:
            score += FIRST_OF_A_BURST
        if green and normalised(hit.text) in green:
            score *= IN_GREEN_LOGS
        ranked.append(Ranked(hit, score * _of_result(hit, scan, causes)))
    return sorted(ranked, key=lambda one: (-one.score, one.hit.line))


def worth(hit: Hit) -> float:
    """Tell what a hit is worth by itself."""
    if isinstance(hit.sign, Signature):
        return OF_A_SIGNATURE[hit.sign.retry]
    assert isinstance(hit.sign, Shape)
    return hit.sign.weight * OF_A_ROLE.get(hit.role, 0.0)


def first_of_same(hit: Hit, hits: Sequence[Hit]) -> Hit:
    """Find the first place of an error that is told several times, with not too many lines between."""
    text = normalised(hit.text)
    first = hit
    for other in reversed(hits):
        if other.line >= first.line or other.position != hit.position or other.is_tolerated:
            continue
        if first.line - other.line > SAME_ERROR_LINES:
            break
        if normalised(other.text) == text:
            first = other
    return first


class _Order:
    """Where marks stand in a log: ends of failing steps, beginnings of later steps, retries, the end."""

    def __init__(self, scan: Scan) -> None:
        marks = {hit.line for hit in scan.hits if hit.role in (Role.CONSEQUENCE, Role.POST) and not hit.is_tolerated}
        if scan.ending:
            marks.add(scan.ending.line)
        self._marks = sorted(marks)
        self._posts = sorted((hit.line, worth_of_post(hit)) for hit in scan.hits if hit.role is Role.POST)
        self._retries = [hit.line for hit in scan.hits if hit.role is Role.TOLERATED]
        self._end = scan.ending.line if scan.ending else scan.line_count + 1

    def nearness(self, hit: Hit) -> float:
        """Tell what it adds that a failing step ends soon after a hit."""
        place = bisect_right(self._marks, hit.last)
        if place == len(self._marks):
            return 0.0
        distance = self._marks[place] - hit.last
        return next((bonus for lines, bonus in BEFORE_A_MARK if distance <= lines), 0.0)

    def factor(self, hit: Hit) -> float:
        """Tell what is left of a hit's worth where it stands."""
        factor = 1.0
        before = self._posts[: bisect_left(self._posts, (hit.line, 0.0))]
        if before:
            factor -= POST_FACTOR * max(weight for _, weight in before)
        if hit.line > self._end:
            factor *= AFTER_THE_END
        place = bisect_left(self._retries, hit.line - RETRY_LINES)
        if place < len(self._retries) and self._retries[place] <= hit.last + RETRY_LINES:
            factor *= GOT_OVER
        return factor


def worth_of_post(hit: Hit) -> float:
    """Tell how surely only steps after the build follow, from 0 to 1."""
    return hit.sign.weight / 100 if isinstance(hit.sign, Shape) else 0.0


def _first_of_bursts(causes: Sequence[Hit]) -> set[tuple[int, int]]:
    """Find the errors before which no other stands for a while; what follows them may follow from them."""
    firsts: set[tuple[int, int]] = set()
    previous = -BURST_LINES - 1
    for hit in causes:
        if hit.role is not Role.CAUSE or worth(hit) < STRONG:
            continue
        if hit.line - previous > BURST_LINES or hit.line == previous:
            firsts.add((hit.position, hit.line))
        previous = hit.line
    return firsts


def _of_result(hit: Hit, scan: Scan, causes: Sequence[Hit]) -> float:
    """Tell what the last word of the CI leaves of a hit: a build that was stopped was stopped for some reasons only."""
    if scan.ending is None or scan.ending.result.upper() not in STOPPED:
        return 1.0
    if hit.sign.failure_class not in STOPPING:
        return NOT_STOPPING_FACTOR
    if hit.sign.failure_class is FailureClass.ABORTED and any(
        other.sign.failure_class in STOPPING
        and other.sign.failure_class is not FailureClass.ABORTED
        and other.role is Role.CAUSE
        for other in causes
    ):
        return REASON_OVER_HAND
    return 1.0
