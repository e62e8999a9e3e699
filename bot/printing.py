"""What is printed, and what comes of it where nobody takes it."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress


def printed(work: Callable[[], int], unwritten: int) -> int:
    """Run what prints and return its exit status, or another one if what it printed could not be written."""
    try:
        status = work()
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # whoever reads us has seen enough
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        with suppress(OSError):  # where that cannot be written either, the exit status has to do
            print(f"gordon: {where}{error.strerror or error}", file=sys.stderr)
    else:
        return status
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()  # where it was something else that could not be written
        except OSError:
            with suppress(OSError):
                # What is left goes nowhere: at its end Python would try to write it once more, and tell of it.
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return unwritten
