"""The log of a build in a Jenkins stand-in: which bytes are there at a moment, and how the console shows them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape

from bot.demo.jenkins.causes import Cause

NOTE = re.compile(rb"\x1b\[8mha:[A-Za-z0-9+/=]*\x1b\[0m")
LIVE_LINES = 10_000  # what one answer of a progressive log holds at most while the build runs

# Real logs carry such a note before a link; matching on raw text trips over it.
LINK_NOTE = b"\x1b[8mha:////4FFrVVhbmRzb21lTm90ZUZvckxpbmtzVG9Vc2Vycw==\x1b[0m"
_LONE_LF = re.compile(r"(?<!\r)\n")  # what stands behind a CR is sent as it is [LineEndNormalizingWriter]
_FIELD = re.compile(r"yyyy|SSS|MM|dd|HH|mm|ss|'([^']*)'")


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that appear evenly between two moments, or all at once when these are the same."""

    text: bytes
    begin_s: float
    end_s: float

    def so_far(self, now_s: float) -> bytes:
        """Give what has appeared; it may end in the middle of a line, or of a character."""
        if now_s >= self.end_s:
            return self.text
        if now_s <= self.begin_s:
            return b""
        share = (now_s - self.begin_s) / (self.end_s - self.begin_s)
        return self.text[: int(len(self.text) * share)]

    def shifted(self, by_s: float) -> "Piece":
        """Make the same for another time."""
        return Piece(self.text, self.begin_s + by_s, self.end_s + by_s)

    def when(self, offset: int) -> float:
        """Tell the moment at which the byte at an offset appears."""
        share = (offset + 1) / len(self.text)
        return self.begin_s + (self.end_s - self.begin_s) * share


@dataclass(slots=True)
class Log:
    """What a build has written and is going to write."""

    pieces: list[Piece] = field(default_factory=list)

    def add(self, text: bytes, begin_s: float, end_s: float | None = None) -> None:
        """Append bytes that appear at a moment, or over a while."""
        if text:
            self.pieces.append(Piece(text, begin_s, begin_s if end_s is None else end_s))

    def stored(self, now_s: float) -> bytes:
        """Give the bytes that are in the file."""
        return b"".join(piece.so_far(now_s) for piece in self.pieces)

    def cut(self, now_s: float) -> list[Piece]:
        """Forget what has not appeared yet, and give it; what stays ends with a whole line."""
        kept, rest = [], []
        for piece in self.pieces:
            shown = piece.so_far(now_s)
            if shown:
                kept.append(Piece(shown, piece.begin_s, min(piece.end_s, now_s)))
            if len(shown) < len(piece.text):
                rest.append(Piece(piece.text[len(shown) :], max(piece.begin_s, now_s), piece.end_s))
        self.pieces = kept
        if kept and not kept[-1].text.endswith(b"\n"):
            self.add(b"\n", now_s)
        return rest

    def lines(self, now_s: float) -> Iterator[tuple[float, bytes]]:
        """Give each whole line without its end, with the moment at which it was whole."""
        begun = b""
        for piece in self.pieces:
            at = 0
            shown = piece.so_far(now_s)
            while (end := shown.find(b"\n", at)) >= 0:
                yield piece.when(end), begun + shown[at:end]
                begun, at = b"", end + 1
            begun += shown[at:]


def freestyle_head(causes: Sequence[Cause], job: str, node: str, labels: Sequence[str] = ()) -> bytes:
    """Make the lines in front of a freestyle log."""
    more = f" ({' '.join(labels)})" if labels else ""
    where = f"Building remotely on {node}{more}" if node else "Building on the built-in node"
    place = f"{where} in workspace /var/lib/jenkins/workspace/{job}".encode()
    return b"\n".join([*cause_lines(causes), b"Running as SYSTEM", place, b""])


def cause_lines(causes: Sequence[Cause]) -> list[bytes]:
    """Make the lines that tell why a build was started; a user's name stands behind a note."""
    return [line for cause in causes for line in _cause_lines(cause, "")]


def _cause_lines(cause: Cause, indent: str) -> list[bytes]:
    line = (indent + cause.description).encode()
    if cause.is_of_user:
        words, _, name = line.rpartition(b" ")
        line = words + b" " + LINK_NOTE + name
    earlier = [more for inner in cause.earlier for more in _cause_lines(inner, f"{indent} ")]
    return [line, *([f"{indent}originally caused by:".encode()] if earlier else []), *earlier]


def as_lines(log: str | bytes) -> bytes:
    """Make the stored form of a log: bytes that end with a whole line."""
    stored = log.encode() if isinstance(log, str) else log
    return stored if not stored or stored.endswith(b"\n") else stored + b"\n"


@dataclass(frozen=True, slots=True)
class Progress:
    """One answer of the progressive log: the text, the offset to ask next, and whether to ask again."""

    text: bytes
    size: int
    more: bool


def progress(stored: bytes, start: int, *, complete: bool, old: bool, html: bool = False) -> Progress:
    """Cut a log as `logText/progressiveText` does; the newer way loses text for those who follow its offset.

    The offsets are those of LargeText.doProgressTextImpl before and since release 2.509; a negative one is an error.
    """
    if start < 0:
        raise ValueError("a negative offset")
    begin = start if start <= len(stored) else 0
    sent = stored[begin:]
    if not complete:
        whole = sent[: sent.rfind(b"\n") + 1]
        sent = whole if old else b"".join(line + b"\n" for line in whole.split(b"\n")[:-1][:LIVE_LINES])
    size = begin + len(sent) if old else len(stored)
    shown = NOTE.sub(b"", sent) if old or html else sent
    text = shown.decode("utf-8", "replace")
    text = escape(text) if html else text
    text = _LONE_LF.sub("\r\n", text) if "\r" in text else text.replace("\n", "\r\n")  # which is ten times as fast
    return Progress(text.encode(), size, not complete)


def clock_time(pattern: str, moment: datetime) -> str:
    """Write a moment by the pattern of `timestamps/?time=`, `HH:mm:ss`; text stands in single quotes."""
    values = {
        "yyyy": f"{moment:%Y}",
        "MM": f"{moment:%m}",
        "dd": f"{moment:%d}",
        "HH": f"{moment:%H}",
        "mm": f"{moment:%M}",
        "ss": f"{moment:%S}",
        "SSS": f"{moment.microsecond // 1000:03}",
    }
    return _FIELD.sub(lambda match: values.get(match[0], match[1] or "'"), pattern)
