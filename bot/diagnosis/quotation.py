"""Which lines of a log are quoted around the telling one."""

from collections.abc import Iterable

from bot.diagnosis.hits import ABOVE, BELOW, Hit, Scan
from bot.diagnosis.signs import Role, Shape
from bot.diagnosis.starts import Starts

MOST = 15
AROUND_A_SIGNATURE = 3
MARGIN = 2  # lines more on each side, where there is room: a message is seldom told by its one line
QUOTED_WITH_LINES = 8  # a further error so near belongs to the same message


def quoted_range(hit: Hit, scan: Scan, others: Iterable[Hit], starts: Starts) -> tuple[int, int]:
    """Choose the first and the last line to quote: what the shape says, then what else the message tells.

    Arguments:
        others: hits that may stand in the same message.
    """
    first, last = _by_shape(hit, scan, starts)
    first, last = _at_most(first, min(last, max(scan.line_count, hit.line)), hit.line)
    for other in sorted(others, key=lambda other: abs(other.line - hit.line)):
        if abs(other.line - hit.line) > QUOTED_WITH_LINES:
            break
        if other.role in (Role.CAUSE, Role.SUMMARY) and not other.is_tolerated:
            wider = min(first, other.line), max(last, other.line)
            if wider[1] - wider[0] < MOST:
                first, last = wider
    for _ in range(MARGIN):
        if last - first + 1 < MOST and first > 1:
            first -= 1
        if last - first + 1 < MOST and last < scan.line_count:
            last += 1
    return first, last


def _by_shape(hit: Hit, scan: Scan, starts: Starts) -> tuple[int, int]:
    if not isinstance(hit.sign, Shape):
        return min(hit.first, hit.line) - AROUND_A_SIGNATURE, max(hit.last, hit.line) + AROUND_A_SIGNATURE
    first, last = min(hit.first, hit.line - hit.sign.before), max(hit.last, hit.line + hit.sign.after)
    if hit.sign.start:
        above = ((n, scan.lines[n]) for n in range(max(1, hit.line - ABOVE), hit.line) if n in scan.lines)
        first = hit.start or starts.above(hit.position, above) or first
    if hit.sign.stop:
        below = ((n, scan.lines[n]) for n in range(hit.line + 1, hit.line + BELOW + 1) if n in scan.lines)
        last = starts.below(hit.position, below) or last
    return first, last


def _at_most(first: int, last: int, line: int) -> tuple[int, int]:
    """Shorten a range to what may be quoted: around the telling line, with more of what stands above it."""
    if last - first < MOST:
        return max(1, first), last
    begin = min(max(first, line - MOST * 2 // 3), max(first, last - MOST + 1))
    return max(1, begin), begin + MOST - 1
