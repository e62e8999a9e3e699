"""Lines that a terminal or an editor broke, made whole again."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MIN_BYTES = 60  # of a line's width; nobody wraps at less
MAX_BYTES = 240  # a longer line was left as it is
MAX_LINES = 24  # that are taken as one


@dataclass(frozen=True, slots=True)
class Joined:
    """Some lines as one.

    Arguments:
        text: it ends without LF.
        starts: where in it each of the lines begins.
        first: the position of its first line among those that were given.
    """

    text: bytes
    starts: tuple[int, ...]
    first: int

    def line_at(self, at: int) -> int:
        """Tell in which of the given lines a byte of the text stands."""
        return self.first + bisect_right(self.starts, at) - 1


def joined(lines: Sequence[bytes]) -> Iterator[Joined]:
    """Put lines together that may have been one, in each way in which they may have been broken.

    A terminal cuts anywhere; `fold` and editors take a blank away, or break after a hyphen. Which it was cannot be told
    from one break, so the same lines come up to three times.

    Arguments:
        lines: without their LF.
    """
    at = 0
    while at < len(lines):
        end = at + 1
        while end < len(lines) and end - at < MAX_LINES and _may_go_on(lines[end - 1], lines[end]):
            end += 1
        if end - at > 1:
            yield from _ways(lines[at:end], at)
        at = end


def _may_go_on(line: bytes, after: bytes) -> bool:
    """Tell whether a line may have been broken before the next one: the next one's first word did not fit in it."""
    if not line.strip() or not after.strip() or len(line) > MAX_BYTES:
        return False
    word = after.split(None, 1)[0]
    if line.endswith(b"-"):
        word = word.split(b"-", 1)[0]
    needed = len(line) + 1 + len(word)
    return needed > MIN_BYTES and (needed > len(after) or len(line) == len(after))


def _ways(lines: Sequence[bytes], first: int) -> Iterator[Joined]:
    width = max(map(len, lines))
    glues: tuple[Callable[[bytes], bytes], ...] = (
        lambda line: b"",
        lambda line: b"" if line.endswith(b"-") or len(line) == width else b" ",
        lambda line: b"" if line.endswith(b"-") else b" ",
    )
    told = set()
    for glue in glues:
        text, starts = bytearray(), []
        for line in lines:
            starts.append(len(text))
            text += line + glue(line)
        whole = bytes(text)
        if whole not in told:
            told.add(whole)
            yield Joined(whole, tuple(starts), first)
