"""Which of many hits is why the build failed.

A hit is worth what its shape or signature is worth, more where a failing step ends shortly after it or where it is the
first of a cascade, and less where the tool got over it by itself, in steps after the build, and where green logs have
the same line. Nothing here knows a tool: what a line is, the catalogue says.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from bot.diagnosis.fingerprint import normalised
from bot.diagnosis.hits import Hit, Scan
from bot.diagnosis.signs import Role, Scope, Shape, Signature
from bot.diagnosis.verdict import FailureClass

OF_A_SIGNATURE = {"false": 94.0, "true": 92.0, "unknown": 86.0}
OF_A_ROLE = {Role.CAUSE: 1.0, Role.SUMMARY: 0.7, Role.CONSEQUENCE: 0.4}

OVER_A_CONSEQUENCE = 2.0  # a cause in the same line must be worth so much more
BEFORE_A_MARK = ((10, 14.0), (30, 12.0), (100, 6.0))  # lines until a step is told as failed, and what that adds
NEVER = 1 << 30  # lines
FIRST_OF_A_BURST = 4.0
VAGUE_AFTERWARDS = 0.85  # of an error without a class that follows one with a class: it tells what that did
# Of a vague error just below one that says that it only follows from another: a script tells that its make failed.
ECHOED = 0.6
ECHO_LINES = 3
BURST_LINES = 25
STRONG = 60.0  # from this weight on an error is one that others may follow from
POST_FACTOR = 0.6  # taken from what stands after a mark of weight 100
AFTER_THE_END = 0.3
IN_GREEN_LOGS = 0.3
GOT_OVER = 0.55  # the tool said nearby that it tries again
RETRY_LINES = 3
AGAIN = ("retr", "again", "attempt")  # in the expression of a tolerated line; a warning says nothing of its neighbours
# Of a chain of exceptions Python tells the last one last, and a reader who asks what failed wants that one.
CHAINING = (b"During handling of the above exception, another", b"The above exception was the direct cause of the foll")
CHAINED = 0.8
CHAIN_LINES = 3
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
AS_GOOD = 0.85  # of a score: less is another matter
NEAR_LINES = 10  # between lines of one message
# What one of these is called depends on who tells it: a clone that a network breaks fails in git, and in the network.
LOOSE = {
    FailureClass.NETWORK,
    FailureClass.SCM,
    FailureClass.IMAGE_REGISTRY,
    FailureClass.DEPENDENCY_MIRROR,
    FailureClass.DOCKER_DAEMON,
    FailureClass.AGENT_LOST,
    FailureClass.TIMEOUT,
    FailureClass.DEPLOY,
}
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
    causes = _causes(scan.hits)
    order = _Order(scan, causes)
    ranked = []
    for burst in order.bursts(causes):
        nearness = order.nearness(burst[-1])
        known_before = False
        for hit in burst:
            score = worth(hit) * order.factor(hit)
            is_strong = hit.role is Role.CAUSE and worth(hit) >= STRONG
            if hit.role is not Role.CONSEQUENCE:
                score += nearness
            if is_strong and hit.line == burst[0].line:
                score += FIRST_OF_A_BURST
            if known_before and hit.sign.failure_class is FailureClass.UNKNOWN:
                score *= VAGUE_AFTERWARDS
            if not is_strong and hit.sign.failure_class is FailureClass.UNKNOWN and order.echoes(hit):
                score *= ECHOED
            if green and normalised(hit.text) in green:
                score *= IN_GREEN_LOGS
            known_before |= is_strong and hit.sign.failure_class is not FailureClass.UNKNOWN
            ranked.append(Ranked(hit, score * _of_result(hit, scan, causes)))
    return sorted(ranked, key=lambda one: (-one.score, one.hit.line))


def _causes(hits: Sequence[Hit]) -> list[Hit]:
    """Leave out what is no failure, and what is told better by another shape of its line.

    A word such as `Error` in the line that tells of a consequence, or in the last word of the CI, is no cause; nor is a
    line of which the next one says that it does not matter.
    """
    taken: dict[int, float] = {}  # by line: how much a hit must be worth to be more than what the line is known as
    for hit in hits:
        if hit.is_tolerated or not isinstance(hit.sign, Shape):
            continue
        if hit.role is Role.ENDING:
            taken[hit.line] = STRONG
        elif hit.role is Role.TOLERATED and hit.sign.scope is not Scope.LINE:
            taken[hit.line] = inf
        elif hit.role is Role.CONSEQUENCE:
            taken[hit.line] = max(taken.get(hit.line, 0.0), hit.sign.weight * OVER_A_CONSEQUENCE)
    return [
        hit
        for hit in hits
        if hit.role in OF_A_ROLE
        and not hit.is_tolerated
        and (hit.role is Role.CONSEQUENCE or worth(hit) >= taken.get(hit.line, 0.0))
    ]


def worth(hit: Hit) -> float:
    """Tell what a hit is worth by itself."""
    if isinstance(hit.sign, Signature):
        return OF_A_SIGNATURE[hit.sign.retry]
    assert isinstance(hit.sign, Shape)
    return hit.sign.weight * OF_A_ROLE.get(hit.role, 0.0)


def first_of_same(best: Ranked, ranked: Sequence[Ranked]) -> Hit:
    """Find the first place of an error that is told several times, with not too many lines between.

    Of a sign that names a class every place counts, as the first of a dozen compiler errors is the one to mend; of
    others those with the same words. What a tool got over is worth less, and is no first place.
    """
    hit = best.hit
    is_named = hit.sign.failure_class is not FailureClass.UNKNOWN
    text = normalised(hit.text)
    same = [
        one.hit
        for one in ranked
        if one.hit.position == hit.position
        and one.hit.line < hit.line
        and one.score >= AS_GOOD * best.score
        and (is_named or normalised(one.hit.text) == text)
    ]
    for other in sorted(same, key=lambda other: -other.line):
        if hit.line - other.line > SAME_ERROR_LINES:
            break
        hit = other
    return hit


def explaining(best: Ranked, ranked: Sequence[Ranked], scan: Scan) -> Signature | None:
    """Find the signature that stands in the message of a hit, a negative one before others.

    One that stands near explains it only if nothing between says that the step has ended, and if the hit does not tell
    of something else itself: a lost agent after a linker's error is no reason for that.
    """
    found = []
    for one in ranked:
        sign, distance = one.hit.sign, abs(one.hit.line - best.hit.line)
        if not isinstance(sign, Signature) or distance > NEAR_LINES:
            continue
        on_its_line = one.hit.first <= best.hit.last and best.hit.first <= one.hit.last
        if not on_its_line:
            low, high = sorted((one.hit.line, best.hit.line))
            if any(low < hit.line < high and hit.role is Role.POST for hit in scan.hits):
                continue
            if sign.retry != "false" and not _may_be(best.hit, sign.failure_class):
                continue
        found.append((sign.retry != "false", distance, sign))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _may_be(hit: Hit, failure_class: FailureClass) -> bool:
    """Tell whether what a hit says can be what a signature of a class knows: it is vague, or of that class."""
    return hit.sign.failure_class in (FailureClass.UNKNOWN, failure_class) or (
        hit.sign.failure_class in LOOSE and failure_class in LOOSE
    )


def marks_of(scan: Scan) -> list[int]:
    """List the lines, in order, that tell that a step has ended: with an error, or with all of the build."""
    marks = {hit.line for hit in scan.hits if hit.role in (Role.CONSEQUENCE, Role.POST) and not hit.is_tolerated}
    marks.add(scan.ending.line if scan.ending else scan.line_count + 1)
    return sorted(marks)


def lines_until_mark(hit: Hit, marks: Sequence[int]) -> int:
    """Tell after how many lines a step ends; of what follows the last mark, none does."""
    place = bisect_right(marks, hit.last)
    if place < len(marks):
        return marks[place] - hit.last
    return 0 if marks[-1] >= hit.first else NEVER  # the last word may be the cause, too


class _Order:
    """Where marks stand in a log: ends of failing steps, beginnings of later steps, retries, the end."""

    def __init__(self, scan: Scan, causes: Sequence[Hit]) -> None:
        self._marks = marks_of(scan)
        self._consequences = sorted(hit.line for hit in causes if hit.role is Role.CONSEQUENCE)
        self._posts = sorted((hit.line, worth_of_post(hit)) for hit in scan.hits if hit.role is Role.POST)
        self._end = scan.ending.line if scan.ending else scan.line_count + 1
        retries = [hit.line for hit in scan.hits if hit.role is Role.TOLERATED and is_retry(hit)]
        self._got_over = _got_over(causes, retries)
        self._chains = sorted(number for number, line in scan.lines.items() if line.lstrip().startswith(CHAINING))

    def bursts(self, causes: Sequence[Hit]) -> Iterator[list[Hit]]:
        """Put together the hits that stand near each other in one part of the build: one may follow from another."""
        burst: list[Hit] = []
        for hit in causes:
            if burst and (hit.line - burst[-1].last > BURST_LINES or self._is_after_post(burst[-1], hit)):
                yield burst
                burst = []
            burst.append(hit)
        if burst:
            yield burst

    def nearness(self, hit: Hit) -> float:
        """Tell what it adds that a failing step ends soon after a hit."""
        distance = lines_until_mark(hit, self._marks)
        return next((bonus for lines, bonus in BEFORE_A_MARK if distance <= lines), 0.0)

    def echoes(self, hit: Hit) -> bool:
        """Tell whether a hit stands just below one that follows from another."""
        place = bisect_left(self._consequences, hit.line) - 1
        return place >= 0 and hit.line - self._consequences[place] <= ECHO_LINES

    def factor(self, hit: Hit) -> float:
        """Tell what is left of a hit's worth where it stands."""
        factor = 1.0
        before = self._posts[: bisect_left(self._posts, (hit.line, 0.0))]
        if before:
            factor -= POST_FACTOR * max(weight for _, weight in before)
        if hit.line > self._end:
            factor *= AFTER_THE_END
        if (hit.position, hit.line) in self._got_over:
            factor *= GOT_OVER
        place = bisect_right(self._chains, hit.line)
        if place < len(self._chains) and self._chains[place] - hit.last <= CHAIN_LINES:
            factor *= CHAINED
        return factor

    def _is_after_post(self, one: Hit, other: Hit) -> bool:
        place = bisect_left(self._posts, (one.line, 0.0))
        return place < len(self._posts) and self._posts[place][0] < other.line


def _got_over(causes: Sequence[Hit], retries: Sequence[int]) -> set[tuple[int, int]]:
    """Find the hits after which a tool says that it tries again, unless the same comes again without such words."""
    over: set[tuple[int, int]] = set()
    last_of: dict[int, int] = {}  # of each sign, the nearest place below that stayed
    for hit in reversed(causes):
        place = bisect_left(retries, hit.line)
        is_retried = place < len(retries) and retries[place] <= hit.last + RETRY_LINES
        below = last_of.get(hit.position)
        if is_retried and (below is None or below - hit.line > SAME_ERROR_LINES):
            over.add((hit.position, hit.line))
        else:
            last_of[hit.position] = hit.line
    return over


def worth_of_post(hit: Hit) -> float:
    """Tell how surely only steps after the build follow, from 0 to 1."""
    return hit.sign.weight / 100 if isinstance(hit.sign, Shape) else 0.0


def is_retry(hit: Hit) -> bool:
    """Tell whether a tolerated line says of its neighbours too that they are no failure: the tool tries again."""
    sign = hit.sign
    words = f"{sign.id} {sign.regex}".lower()
    return isinstance(sign, Shape) and sign.weight > 0 and any(word in words for word in AGAIN)


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
