"""What a scan hands on: where signs were found in a log, and the lines around."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.diagnosis.secret_shapes import spans_in
from bot.diagnosis.signs import Role, Shape, Sign

MAX_LINE_BYTES = 400  # of a line that is quoted; a longer one is cut around the match
CONTEXT_BYTES = 100  # of what is cut off, which tells that a secret stands beside it
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
    begin, end = _without_torn_secrets(line, begin, end, at)
    return (b"..." if begin else b"") + line[begin:end] + (b"..." if end < len(line) else b"")


def _without_torn_secrets(line: bytes, begin: int, end: int, at: int) -> tuple[int, int]:
    """Quote less of a line where a secret would lose what it is known by, such as its name, or a part of itself."""
    if begin:
        for start, stop in _known_by(line, begin - CONTEXT_BYTES, begin, begin + 2 * CONTEXT_BYTES, is_begin=True):
            if start < at:
                begin = max(begin, min(stop, at))
    if end < len(line):
        for start, _ in _known_by(line, end - 2 * CONTEXT_BYTES, end, end + CONTEXT_BYTES, is_begin=False):
            if start >= at:
                end = min(end, start)
    return begin, max(begin, end)


def _known_by(line: bytes, first: int, cut: int, last: int, *, is_begin: bool) -> set[tuple[int, int]]:
    """List the secrets in what stays of a line that are told by what is cut off."""
    first = max(0, first)
    text = line[first:last].decode("latin-1")  # a character for each byte
    whole = {(first + start, first + stop) for start, stop in spans_in(text)}
    whole = {span for span in whole if (span[1] > cut if is_begin else span[0] < cut)}
    if not whole:
        return whole
    moved, kept = (cut, text[cut - first :]) if is_begin else (first, text[: cut - first])
    return whole - {(moved + start, moved + stop) for start, stop in spans_in(kept)}
