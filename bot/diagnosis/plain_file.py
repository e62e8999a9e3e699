"""Files that somebody wrote for Gordon, a catalogue or expressions of secrets, read whole."""

import errno
import os
import stat
from pathlib import Path

AT_MOST_BYTES = 16 << 20  # a thousand signatures are 300 KB


def read_whole(path: Path, at_most: int = AT_MOST_BYTES) -> bytes:
    """Read a file, if it is one: not a pipe that nobody writes to, nor a device without end.

    Raises:
        OSError: it cannot be read, is no plain file, or is larger.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a FIFO would wait for a writer
    with open(descriptor, "rb") as file:  # noqa: PTH123  a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no plain file")
        text = file.read(at_most + 1)
    if len(text) > at_most:
        raise OSError(errno.EFBIG, f"has more than {at_most} bytes")
    return text
