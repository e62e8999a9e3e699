"""A log while it is looked at: in a file without a name, for what is asked of it once it was read to its end."""

import logging
import tempfile
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HEAD_BYTES, TAIL_BYTES = 48 << 20, 16 << 20  # of a longer log what lies between is not kept
MARK_BYTES = 64 << 10  # how far the places are apart of which is known how many lines lie before them
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gap:
    """What of a log is not there: these lines, so many bytes."""

    first: int
    last: int
    size: int


class Spool:
    """Takes a log in, its head and its tail where it is long; the disk may refuse, which loses this and nothing else.

    Arguments:
        folder: where the file lies that nobody else can open.
    """

    def __init__(self, folder: Path, *, head_bytes: int = HEAD_BYTES, tail_bytes: int = TAIL_BYTES) -> None:
        self.size = 0
        self._lines = 0  # line feeds so far
        self._head_bytes, self._tail_bytes = head_bytes, max(tail_bytes, 2 * MARK_BYTES)
        self._marks, self._lines_at = array("Q", [0]), array("Q", [0])
        self.is_lost = False
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  it outlives this call
        except OSError as error:
            self._lose(error)

    def add(self, piece: bytes) -> None:
        """Take the next bytes in."""
        self._mark(piece)
        at = 0
        while at < len(piece) and not self.is_lost:
            place, room = self._place(self.size + at)
            part = piece[at : at + room]
            try:
                self._file.seek(place)
                written = self._file.write(part)
            except OSError as error:
                self._lose(error)
                break
            at += written
        self.size += len(piece)

    def offset_of(self, line: int) -> int | None:
        """Tell at which byte a line begins; within what is not kept the nearest place before it that is known."""
        if self.is_lost or line < 1 or line > self._lines + 1:
            return None
        mark = max(0, bisect_left(self._lines_at, line - 1) - 1)  # a line may begin long before a mark within it
        at, missing = self._marks[mark], line - 1 - self._lines_at[mark]
        while missing:
            text = self._read(at, MARK_BYTES)
            if not text:
                return self._marks[mark]
            count = text.count(b"\n")
            if count >= missing:
                end = 0
                for _ in range(missing):
                    end = text.index(b"\n", end) + 1
                return at + end
            at, missing = at + len(text), missing - count
        return at

    def parts(self) -> Iterator[bytes | Gap]:
        """Give what is kept, in pieces; a gap stands for the lines that are not."""
        if self.is_lost:
            return
        yield from self._pieces(0, min(self.size, self._head_bytes))
        if self.size <= self._head_bytes:
            return
        begin = max(self._head_bytes, self.size - self._tail_bytes)
        if begin > self._head_bytes:
            first = self._lines_before(self._head_bytes) + 1
            found = self._line_after(begin)
            yield Gap(first, found[1] - 1, found[0] - self._head_bytes)
            begin = found[0]
        yield from self._pieces(begin, self.size)

    def close(self) -> None:
        """Let go of the file, which nobody can open again."""
        if not self.is_lost:
            self.is_lost = True
            self._file.close()

    def _lose(self, error: OSError) -> None:
        log.warning("a log cannot be put down while it is looked at: %s", error.strerror)
        if hasattr(self, "_file"):
            self._file.close()
        self.is_lost = True

    def _mark(self, piece: bytes) -> None:
        """Note at every so many bytes how many lines lie before."""
        at = 0
        while at < len(piece):
            step = min(len(piece) - at, self._marks[-1] + MARK_BYTES - (self.size + at))
            self._lines += piece.count(b"\n", at, at + step)
            at += step
            if self.size + at - self._marks[-1] == MARK_BYTES:
                self._marks.append(self.size + at)
                self._lines_at.append(self._lines)

    def _place(self, offset: int) -> tuple[int, int]:
        """Tell where in the file a byte of the log stands, and how many follow it there without a break."""
        if offset < self._head_bytes:
            return offset, self._head_bytes - offset
        within = (offset - self._head_bytes) % self._tail_bytes
        return self._head_bytes + within, self._tail_bytes - within

    def _read(self, offset: int, most: int) -> bytes:
        """Read bytes of the log from a place on; nothing where they are not kept."""
        if offset >= self.size or self._head_bytes <= offset < self.size - self._tail_bytes:
            return b""
        place, room = self._place(offset)
        self._file.seek(place)
        return self._file.read(min(most, room, self.size - offset)) or b""

    def _pieces(self, begin: int, end: int) -> Iterator[bytes]:
        while begin < end and (text := self._read(begin, min(MARK_BYTES, end - begin))):
            begin += len(text)
            yield text

    def _lines_before(self, offset: int) -> int:
        """Count the line feeds before a byte of the head."""
        mark = bisect_right(self._marks, offset) - 1
        return self._lines_at[mark] + self._read(self._marks[mark], offset - self._marks[mark]).count(b"\n")

    def _line_after(self, offset: int) -> tuple[int, int]:
        """Find where the first line begins that is kept whole from a byte of the tail on, and its number."""
        mark = bisect_left(self._marks, offset)  # there is one, as a tail is longer than what lies between two
        at, lines = self._marks[mark], self._lines_at[mark]
        for text in self._pieces(at, self.size):
            end = text.find(b"\n") + 1
            if end:
                return at + end, lines + 2
            at += len(text)
        return self.size, self._lines + 2
