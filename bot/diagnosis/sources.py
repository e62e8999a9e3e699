"""Where the bytes of a log come from: a file, a pipe or standard input, compressed with gzip or not.

What cannot be opened is an error that says why. What can be read in part only is read so far, and said to be partial.
"""

import os
import select
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.diagnosis.gunzip import GZIP_MAGIC, Gunzip
from bot.diagnosis.reading import BLOCK_BYTES, Extent
from bot.errors import UserError, shown

STREAM_BYTES = 16 << 30  # of what has no size, as a pipe or a device: /dev/zero has no end
FIFO_WAIT_S = 60.0  # a named pipe that nobody writes to would be waited for for ever


class Unreadable(UserError):
    """A log cannot be opened; the text says which one and why."""


def chunks_of(
    path: Path, extent: Extent, *, at_most: int = STREAM_BYTES, fifo_wait_s: float = FIFO_WAIT_S
) -> Iterator[bytes]:
    """Read a file, decompressed if it is gzip.

    A file that grows is read to the length that it had, one that shrinks to its new end; both are told in the extent.

    Arguments:
        extent: filled with what was read and why not all.
        at_most: bytes to read of what has no size.
        fifo_wait_s: how long a named pipe may be without a writer.

    Raises Unreadable.
    """
    name = shown(str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable(f"{name}: {error.strerror}") from error
    except ValueError as error:
        raise Unreadable(f"{name}: no file has such a name") from error
    try:
        before = os.fstat(descriptor)
        if stat.S_ISDIR(before.st_mode):
            raise Unreadable(f"{name}: a directory, not a log")
        if stat.S_ISFIFO(before.st_mode):
            _wait_for_writer(descriptor, name, fifo_wait_s)
        os.set_blocking(descriptor, True)
        # Files of /proc have no size and yet something to read.
        is_sized = stat.S_ISREG(before.st_mode) and before.st_size > 0
        limit = before.st_size if is_sized else at_most
        yield from _decoded(lambda wanted: os.read(descriptor, wanted), extent, limit, name)
        if is_sized:
            _compare(path, descriptor, before.st_size, extent)
        elif extent.stored >= limit:
            extent.tell(f"it has no end within {limit:,} bytes")
    finally:
        os.close(descriptor)


def chunks_from(read: Callable[[int], bytes], extent: Extent, *, at_most: int = STREAM_BYTES) -> Iterator[bytes]:
    """Read what has no name, decompressed if it is gzip.

    Arguments:
        read: gives at most as many bytes as it is asked for, and none at the end, as `partial(os.read, 0)` does.
        extent: filled with what was read and why not all.
        at_most: bytes to read.

    Raises Unreadable.
    """
    yield from _decoded(read, extent, at_most, "the input")
    if extent.stored >= at_most:
        extent.tell(f"it has no end within {at_most:,} bytes")


def _wait_for_writer(descriptor: int, name: str, wait_s: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(wait_s * 1000):
        raise Unreadable(f"{name}: a pipe, and nobody wrote to it within {wait_s:g} s")


def _decoded(read: Callable[[int], bytes], extent: Extent, limit: int, name: str) -> Iterator[bytes]:
    def take() -> bytes:
        try:
            chunk = read(min(BLOCK_BYTES, limit - extent.stored)) if extent.stored < limit else b""
        except OSError as error:
            if not extent.stored:
                raise Unreadable(f"{name}: {error.strerror}") from error
            extent.tell(f"reading it stopped: {error.strerror}")
            return b""
        extent.stored += len(chunk)
        return chunk

    chunk = take()
    while 0 < len(chunk) < len(GZIP_MAGIC) and (more := take()):  # a pipe may give its bytes one by one
        chunk += more
    if not chunk.startswith(GZIP_MAGIC):
        while chunk:
            yield chunk
            chunk = take()
        return
    gunzip = Gunzip(extent)
    while chunk and not gunzip.is_over:
        yield from gunzip.feed(chunk)
        chunk = take()
    gunzip.close()


def _compare(path: Path, descriptor: int, size: int, extent: Extent) -> None:
    """Tell whether the file is still the one that it was."""
    now = os.fstat(descriptor)
    if now.st_size < size:
        extent.tell("it shrank while it was read")
    elif now.st_size > size:
        extent.tell("it still grows")
    elif not extent.is_partial:
        try:
            there = path.stat()
        except OSError:
            extent.tell("it was removed while it was read")
            return
        if (there.st_dev, there.st_ino) != (now.st_dev, now.st_ino):
            extent.tell("another file took its place while it was read")
