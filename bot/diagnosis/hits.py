"""What a scan hands on: where signs were found in a log, and the lines around."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.diagnosis.signs import Role, Shape, Sign

MAX_LINE_BYTES = 400  # of a line that is quoted; a longer one is cut around the match
BEFORE_MATCH_BYTES = 120  # how much of a long line stands before the match
ABOVE, BELOW = 40, 25  # lines around a hit that are kept


@dataclass(frozen=True, slots=True)
class Hit:
    """A sign at one place of the log.

    Arguments:
        position: of the sign in its catalogue.
        line: the telling line, from 1 on; `first` and `last` are those of the whole match.
        text: the telling line, cut around the match.
        groups: what the named groups of the expression matched.
        start: the line of a shape's `start` above it, if it was looked for.
        is_tolerated: the same line says that it is no failure.
    """

    sign: Sign
    position: int
    line: int
    first: int
    last: int
    text: bytes
    groups: Mapping[str, bytes] = field(default_factory=dict)
    start: int | None = None
    is_tolerated: bool = False

    @property
    def role(self) -> Role:
        """What the line is to the failure; signatures are causes."""
        return self.sign.role if isinstance(self.sign, Shape) else Role.CAUSE


@dataclass(frozen=True, slots=True)
class Ending:
    """The last word of the CI."""

    result: str
    line: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of a log after it was read once.

    Arguments:
        hits: in the order of the log; of a sign that is found very often only some first and some last ones.
        lines: those around the hits and the last ones, by number, each cut.
        tail: numbers of the last lines, at most 15.
        failed_tests: names and the lines where they stand first, in the order of the log.
        ending: None if the log ends without one.
        line_count: how many lines the log has.
    """

    hits: tuple[Hit, ...]
    lines: Mapping[int, bytes]
    tail: tuple[int, ...]
    failed_tests: Mapping[str, int]
    ending: Ending | None
    line_count: int


def cut_line(line: bytes, at: int = 0) -> bytes:
    """Shorten a line to what can be quoted, around a place in it (in bytes)."""
    if len(line) <= MAX_LINE_BYTES:
        return line
    begin = max(0, min(at - BEFORE_MATCH_BYTES, len(line) - MAX_LINE_BYTES))
    end = begin + MAX_LINE_BYTES
    while begin and begin < len(line) and line[begin] & 0xC0 == 0x80:  # never the middle of a character
        begin += 1
    while end < len(line) and end > begin and line[end] & 0xC0 == 0x80:
        end -= 1
    return (b"..." if begin else b"") + line[begin:end] + (b"..." if end < len(line) else b"")
