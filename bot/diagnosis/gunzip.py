"""Decompression of gzip as it arrives, bounded: a few megabytes may stand for many gigabytes."""

import zlib
from collections.abc import Iterator

from bot.diagnosis.reading import BLOCK_BYTES, Extent

GZIP_MAGIC = b"\x1f\x8b"
DECODED_BYTES = 2 << 30
# The best that the format can do is about 1,000 to 1; text that is no attack, 5 to 100.
RATIO = 400
RATIO_FROM_BYTES = 256 << 20  # less than that is no harm, and a short loop of one line may be packed as tightly
_GZIP_WINDOW = 16 + zlib.MAX_WBITS  # with a header and a checksum


class Gunzip:
    """Decompresses one log, of one gzip member or of several.

    Arguments:
        extent: told why it is partial: it was cut, is damaged, or more than the limits allow.
        at_most: bytes to give.
        ratio: bytes given for each that is taken, if more than `ratio_from` are given.
    """

    def __init__(
        self,
        extent: Extent,
        *,
        at_most: int = DECODED_BYTES,
        ratio: int = RATIO,
        ratio_from: int = RATIO_FROM_BYTES,
    ) -> None:
        self.is_over = False
        self._extent = extent
        self._at_most, self._ratio, self._ratio_from = at_most, ratio, ratio_from
        self._taken = self._given = 0
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._is_begun = False
        self._ahead = b""  # fewer bytes after a member than tell whether there is another

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take compressed bytes in, and give the text in pieces of at most a block."""
        chunk, self._ahead = self._ahead + chunk, b""
        self._taken += len(chunk)
        text = b""
        # After a full block more may come of what was taken, although all of it was.
        while (chunk or len(text) == BLOCK_BYTES) and not self.is_over:
            if not self._is_begun and not self._begin(chunk):
                return
            try:
                text = self._member.decompress(chunk, BLOCK_BYTES)
            except zlib.error:
                self._stop("its gzip data is damaged")
                return
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            self._is_begun = not self._member.eof
            if text:
                self._given += len(text)
                yield text
            self._look_at_limits()

    def close(self) -> None:
        """Tell that nothing more comes."""
        if self._is_begun and not self.is_over:
            self._stop("its gzip data ends too early")

    def _begin(self, chunk: bytes) -> bool:
        """Begin another member; what else may follow a member is zeros, as tape blocks are filled with."""
        if len(chunk) < len(GZIP_MAGIC):
            self._ahead = chunk
            return False
        if not chunk.startswith(GZIP_MAGIC):
            if chunk.strip(b"\0"):
                self._stop("something else follows its gzip data")
            return False
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._is_begun = True
        return True

    def _look_at_limits(self) -> None:
        if self._given >= self._at_most:
            self._stop(f"it has more than {self._at_most:,} bytes decompressed")
        elif self._given > self._ratio_from and self._given > self._ratio * self._taken:
            self._stop(f"each of its bytes stands for more than {self._ratio}")

    def _stop(self, why: str) -> None:
        self._extent.tell(why)
        self.is_over = True
