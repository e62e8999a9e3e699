"""Raw bytes of a log, in chunks of any size, to pages of cleaned text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import stringzilla

from bot.diagnosis.cleaning import (
    CONTROLS,
    ends_in_note,
    rest_of_note,
    unfinished_at,
    without_bare_notes,
    without_escapes,
)
from bot.diagnosis.pages import Page
from bot.diagnosis.stamps import Stamps

BLOCK_BYTES = 256 * 1024  # a page has about as many, and never two times as many: it stays in the processor's cache
_MARK = b"\xef\xbb\xbf"  # GitHub and Windows begin a file with it
_THOROUGH_BLOCKS = 2  # nearly all logs are shorter: every line of these is looked at for stamps


@dataclass(slots=True)
class Extent:
    """How much of a log was read; filled while it is.

    Arguments:
        stored: bytes taken from the file or the connection, compressed as they are.
        size: bytes of the text, decompressed.
        lines: a last one without LF counts.
        why_partial: why it is not the whole log, in words that follow "partial: "; empty if it is.
    """

    stored: int = 0
    size: int = 0
    lines: int = 0
    why_partial: str = ""

    @property
    def is_partial(self) -> bool:
        """Whether more of the log is, or may be, elsewhere."""
        return bool(self.why_partial)

    def tell(self, why_partial: str) -> None:
        """Tell why it is not the whole log; what is told first stays, as the rest follows from it."""
        self.why_partial = self.why_partial or why_partial


def pages(chunks: Iterable[bytes], extent: Extent | None = None, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Page]:
    """Read a log as pages; how it is cut into chunks makes no difference."""
    pager = Pager(extent, block_bytes=block_bytes)
    for chunk in chunks:
        yield from pager.feed(chunk)
    yield from pager.close()


class Pager:
    """Makes pages of chunks as they arrive.

    A page ends at the last LF before a multiple of the block's bytes, so it depends on the log alone. A block without
    LF is a page by itself, and the next one goes on with the line.
    """

    def __init__(self, extent: Extent | None = None, *, block_bytes: int = BLOCK_BYTES) -> None:
        self._block_bytes = block_bytes
        self.extent = Extent() if extent is None else extent
        self._waiting = bytearray()  # less than a block
        self._carry = b""  # of the block before, what its page left
        self._blocks = 0
        self._offset = 0
        self._line = 1
        self._is_within_line = False
        self._is_in_note = False
        self._has_bare_notes = False
        self._stamps = Stamps()

    def feed(self, chunk: bytes) -> Iterator[Page]:
        """Take a chunk in, and give the pages that it fills."""
        self.extent.size += len(chunk)
        if len(chunk) == self._block_bytes and not self._waiting:
            yield from self._block(chunk)
            return
        view = memoryview(chunk)
        while len(self._waiting) + len(view) >= self._block_bytes:
            room = self._block_bytes - len(self._waiting)
            block = b"".join((self._waiting, view[:room]))
            view = view[room:]
            self._waiting.clear()
            yield from self._block(block)
        self._waiting += view

    def close(self) -> Iterator[Page]:
        """Give the last page: the log ends here."""
        raw = self._carry + bytes(self._waiting)
        self._carry = b""
        self._waiting.clear()
        if raw:
            yield from self._page(raw)
        self.extent.lines += self._is_within_line

    def _block(self, block: bytes) -> Iterator[Page]:
        end = block.rfind(b"\n") + 1
        if end:
            raw = b"".join((self._carry, memoryview(block)[:end]))
            self._carry = block[end:]
        else:
            raw = self._carry + block
            end = unfinished_at(raw)
            raw, self._carry = raw[:end], raw[end:]
        if raw:
            yield from self._page(raw)
        self._blocks += 1

    def _page(self, raw: bytes) -> Iterator[Page]:
        offset, is_continued = self._offset, self._is_within_line
        self._offset += len(raw)
        if self._is_in_note:
            raw = raw[rest_of_note(raw) :]
        lines = stringzilla.count(raw, b"\n")
        ends_line = raw.endswith(b"\n")
        self._is_in_note = not ends_line and (ends_in_note(raw) or (self._is_in_note and not raw))
        text = self._cleaned(raw, from_line_start=not is_continued)
        page = Page(text, self._line, lines, offset, is_continued)
        self._line += lines
        self._is_within_line = not ends_line
        self.extent.lines += lines
        if text or not is_continued:
            yield page

    def _cleaned(self, text: bytes, *, from_line_start: bool) -> bytes:
        is_thorough = self._blocks < _THOROUGH_BLOCKS
        if self._offset == len(text) and text.startswith(_MARK):
            text = text[len(_MARK) :]
        if stringzilla.find_first_of(text, CONTROLS) >= 0:
            text = without_escapes(text)
            if stringzilla.find_first_of(text, CONTROLS) >= 0:
                text = text.translate(None, CONTROLS)
        if is_thorough and not self._has_bare_notes:
            self._has_bare_notes = b"[8mha:" in text
        if self._has_bare_notes:
            text = without_bare_notes(text)
        return self._stamps.without(text, is_thorough=is_thorough, from_line_start=from_line_start)
