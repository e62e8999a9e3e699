"""A whole log without secrets, in a fraction of the time that looking closely at each of its lines would take."""

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import re2

from bot.diagnosis.reading import pages
from bot.diagnosis.redaction import KEY_BEGIN, KEY_BODY, KEY_END, Redaction, visible
from bot.diagnosis.secret_shapes import (
    BEFORE_IT,
    NAMED,
    PARTS,
    TOKEN_REGEX,
    TORN,
    TORN_TOKEN,
    TORN_URL,
)
from bot.errors import GordonError
from bot.secret import cut_known

WINDOW, BESIDE = 200, 60  # lines that are looked at together, and those above and below in which a secret may go on
MAX_LINE_BYTES = 8 << 10  # of a line that are looked at; of those fewer stay, so that a secret at the end is whole
MAX_LINE_CHARS = 4000
WITHIN_S = 60.0  # of processor time; 64 MB of an ordinary log take some 3 s, and made of secrets alone 8 minutes
MEMORY_BYTES = 64 << 20  # that RE2 may take for all expressions together; it takes what it needs
# The first 12 characters of ASCII text in base64: of each four the first three have bits that are zero.
_ASCII_IN_BASE64 = (
    r"(?:^|[^A-Za-z0-9])"
    r"(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]){3}"
)
# Of Go's tests, in nearly each line of their logs: no name of a secret.
_VERDICT = re.compile(r"PASS: (?=Test|Example|Benchmark|[^\s:]{1,200}_test\.go:[0-9])")
_NAMES = re.compile(r"\(\?P<\w+>")


class TooSlow(GordonError):
    """A log that somebody has filled with what looks like secrets, so that it would hold up all others."""


class LongRedaction:
    """Cuts secrets out of logs of any length: only where something may be one it is looked at closely.

    Arguments:
        within_s: processor time that one log may take of the thread that it is cleaned in.
    """

    def __init__(self, redaction: Redaction, *, within_s: float = WITHIN_S) -> None:
        self._redaction = redaction
        self._within_s = within_s
        shapes = [
            f"(?:{BEFORE_IT})(?:{TOKEN_REGEX})",
            *(regex.pattern for regex in (*PARTS, NAMED, TORN, TORN_URL, TORN_TOKEN)),
            *(regex.pattern for regex in (KEY_BEGIN, KEY_END, KEY_BODY)),
            r"(?i)\b(?:basic|bearer)\s",
            _ASCII_IN_BASE64,
            *redaction.more,
        ]
        options = re2.Options()
        options.log_errors, options.max_mem, options.never_capture = False, MEMORY_BYTES, True
        union = "|".join(f"(?m:{_NAMES.sub('(?:', shape)})" for shape in shapes)
        self._suspect: Any = re2.compile(union, options)

    def clean(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """Give the lines of a log, one for one, without secrets, escape sequences and time stamps.

        Arguments:
            chunks: the log as stored, in pieces of any size.

        Raises:
            TooSlow: it takes more time than it may.
        """
        until_s = time.thread_time() + self._within_s
        lines = map(_readable, _lines(chunks))
        above: deque[str] = deque(maxlen=BESIDE)
        ahead = list(islice(lines, WINDOW + BESIDE))
        while ahead:
            if time.thread_time() > until_s:
                raise TooSlow(f"taking the secrets out of it takes more than {self._within_s:g} s")
            window, below = ahead[:WINDOW], ahead[WINDOW:]
            yield from self._window([*above], window, below)
            above.extend(window)
            ahead = [*below, *islice(lines, WINDOW + BESIDE - len(below))]

    def _window(self, above: Sequence[str], window: Sequence[str], below: Sequence[str]) -> Iterator[str]:
        near = [*above, *window, *below]
        if self.is_suspect(near):
            cleaned: Sequence[str] = self._redaction.clean(near)[len(above) : len(above) + len(window)]
        else:
            cleaned = cut_known("\n".join(window)).split("\n")
        for line in cleaned:
            yield line if len(line) <= MAX_LINE_CHARS else f"{line[:MAX_LINE_CHARS]}..."

    def is_suspect(self, lines: Sequence[str]) -> bool:
        """Tell whether there may be a secret in neighbouring lines; never no where there is one."""
        texts = ("\n".join(lines), "".join(lines))  # as it stands, and as it was where it was wrapped
        return any(self._suspect.search(_VERDICT.sub("", text)) for text in texts)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split a log as it is read into its lines, each cut where nobody reads on."""
    waiting, is_begun = b"", False
    for page in pages(chunks):
        *whole, rest = page.text.split(b"\n")
        for line in whole:
            yield waiting + line[: MAX_LINE_BYTES - len(waiting)]
            waiting = b""
        waiting += rest[: MAX_LINE_BYTES - len(waiting)]
        is_begun = not page.text.endswith(b"\n") and (bool(page.text) or is_begun)
    if is_begun:
        yield waiting


def _readable(line: bytes) -> str:
    return visible(line.decode("utf-8", "replace"))
