"""A log as a stream of pages: bounded pieces of cleaned text that keep their line numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a log, without console notes, ANSI sequences, overwritten progress, time stamps and branch prefixes.

    Lines are those of the log, one for one: what is taken away lies within a line.

    Arguments:
        text: it begins where a line does unless `is_continued`, and ends with LF unless the line is longer than a page
            or the log ends.
        first_line: the number of its first line, from 1 on, split at LF only.
        line_count: how many LF it has.
        offset: where it begins in the log, in bytes as stored (decompressed).
        is_continued: its first line began in the page before.
    """

    text: bytes
    first_line: int
    line_count: int
    offset: int
    is_continued: bool = False
