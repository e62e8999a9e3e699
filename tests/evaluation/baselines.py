"""What simpler ways would quote of a log, each as a first and a last line."""

import re

LAST = 15
ERROR_LIKE = re.compile(rb"error|fail|fatal|exception", re.IGNORECASE)  # plain alternatives: linear on any log
AROUND = 7
FAIL_CHARS = 500


def last_lines(log: bytes) -> tuple[int, int] | None:
    """Quote the last 15 lines."""
    count = log.count(b"\n") + (not log.endswith(b"\n"))
    return max(1, count - LAST + 1), count


def first_error(log: bytes) -> tuple[int, int] | None:
    """Quote the first line that looks like an error, with 7 lines on each side."""
    match = ERROR_LIKE.search(log)
    if match is None:
        return None
    line = _line_of(log, match.start())
    return line - AROUND, line + AROUND


def first_fail(log: bytes) -> tuple[int, int] | None:
    """Quote 500 characters on each side of the first `FAIL`, as github.com/docker/leeroy does."""
    place = log.find(b"FAIL")
    if place < 0:
        return None
    return _line_of(log, max(0, place - FAIL_CHARS)), _line_of(log, min(len(log), place + FAIL_CHARS))


def _line_of(log: bytes, offset: int) -> int:
    return log.count(b"\n", 0, offset) + 1
