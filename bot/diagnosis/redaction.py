"""What is quoted of a log leaves the program without secrets and without power over a terminal."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import re2

from bot.diagnosis.plain_file import read_whole
from bot.diagnosis.secret_shapes import EMAIL, compiled, looks_random, spans_in
from bot.diagnosis.verdict import Verdict
from bot.errors import ConfigError, shown
from bot.secret import CUT, cut_known

TAB = "    "
MARK = "\N{REPLACEMENT CHARACTER}"
BREAKS = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
FULL_CHARS = 72  # a line of so many may have been wrapped
NAME_CHARS = 40  # of what may stand before a secret at the head of a line
MAX_PATTERN_FILE_BYTES = 256 * 1024
ESCAPES = compiled(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
KEY_BEGIN = compiled(r"-----?\s?BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----?")
KEY_END = compiled(r"-----?\s?END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----?")
KEY_LINE = compiled(
    r"^(?:.*[\s|\]])?(?P<body>[A-Za-z0-9+/]{1,}={0,2})\s*$|^\s*$|(?:Proc-Type|DEK-Info|Comment|Version):"
)
KEY_BODY = compiled(r"(?:^|[\s|\]])(?P<body>[A-Za-z0-9+/]{60,76}={0,2})\s*$")
ORDINARY = ("Finished: FAILURE", "make: *** [all] Error 1", "+ git fetch origin", "1", " ", "error")


class Redaction:
    """Cuts secrets out of lines of a log, each of which stays one line.

    Arguments:
        more: further expressions of RE2's; of one with a group `secret` only that is cut.
        emails: addresses are cut, too.
    """

    def __init__(self, more: Sequence[str] = (), *, emails: bool = False) -> None:
        self.more = (*more, EMAIL.pattern) if emails else tuple(more)
        own = [compiled(regex) for regex in more]
        self._more: tuple[Any, ...] = (*own, EMAIL) if emails else tuple(own)

    def clean(self, lines: Sequence[str]) -> tuple[str, ...]:
        """Clean neighbouring lines together, as a secret may be wrapped."""
        seen = [cut_known(visible(line)) for line in lines]
        whole = [list(spans_in(line, self._more)) for line in seen]
        cuts = [list(spans) for spans in whole]
        for at, span in _wrapped(seen, whole, self._more):
            cuts[at].append(span)
        for at, span in _keys(seen):
            cuts[at].append(span)
        return tuple(cut_known(_cut(line, spans)) for line, spans in zip(seen, cuts, strict=True))

    def clean_line(self, text: str) -> str:
        """Clean a text that becomes one line: a sentence, the name of a test or of a file."""
        return self.clean([text])[0]

    def clean_verdict(self, verdict: Verdict) -> Verdict:
        """Clean everything in a verdict that was in the log."""
        above, below = verdict.around
        quoted = self.clean([above, *verdict.quoted, below])[1:-1]
        text = verdict.text
        at = verdict.line - verdict.chunk[0] if verdict.line is not None and verdict.chunk is not None else -1
        if not 0 <= at < len(quoted):
            text = self.clean_line(text)
        elif text == verdict.quoted[at]:
            text = quoted[at]
        else:  # its neighbours tell whether it is a part of a secret
            lines = [above, *verdict.quoted, below]
            lines[at + 1] = text
            text = self.clean(lines)[at + 1]
        return replace(
            verdict,
            text=text,
            quoted=quoted,
            around=("", ""),
            why=self.clean_line(verdict.why),
            failed_tests=tuple(dict.fromkeys(self.clean_line(name) for name in verdict.failed_tests)),
            result=self.clean_line(verdict.result),
        )


def visible(text: str) -> str:
    """Make one line of a text, without sequences and characters that a terminal obeys or nobody sees."""
    if text.isprintable():
        return text
    return "".join(map(_visible, ESCAPES.sub("", _whole(text))))


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half a character is none, and RE2 takes none


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    if char == "\t":
        return TAB
    if char in BREAKS:
        return MARK
    kind = unicodedata.category(char)
    if kind == "Zs":
        return " "
    return "" if kind in {"Cc", "Cf"} else MARK


def read_patterns(file: Path) -> tuple[str, ...]:
    """Read further expressions from a file, one a line; a line that begins with `#` is a remark.

    Raises:
        ConfigError: the file cannot be read, or one is no expression, or would cut what is no secret.
    """
    try:
        text = read_whole(file, MAX_PATTERN_FILE_BYTES).decode("utf-8")
    except OSError as error:
        raise ConfigError((f"{file}: cannot read the patterns of secrets: {error.strerror}",)) from error
    except UnicodeDecodeError:
        raise ConfigError((f"{file}: the patterns of secrets are not UTF-8 text",)) from None
    found = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    found = [(number, line) for number, line in found if line and not line.startswith("#")]
    problems = [f"{file}:{number}: {why}" for number, line in found if (why := _why_not(line))]
    if problems:
        raise ConfigError(tuple(problems))
    return tuple(line for _, line in found)


def _why_not(regex: str) -> str:
    """Tell what is wrong with an expression; empty if nothing is."""
    try:
        pattern = compiled(regex)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return f'"{shown(regex)}" is no expression of RE2: {shown(words)}'
    if pattern.search(""):
        return f'"{shown(regex)}" matches nothing at all, so it would cut everywhere'
    hit = next((text for text in ORDINARY if pattern.search(text)), None)
    return f'"{shown(regex)}" would cut "{hit}", which is no secret' if hit else ""


def _cut(line: str, spans: list[tuple[int, int]]) -> str:
    """Put a mark in the place of each span; those that touch get one together."""
    if not spans:
        return line
    pieces, done, cut_to = [], 0, -1
    for start, end in sorted(spans):
        if start > cut_to:
            pieces += [line[done:start], CUT]
        cut_to = done = max(end, cut_to)
    return "".join([*pieces, line[done:]])


def _wrapped(
    lines: Sequence[str], whole: Sequence[Sequence[tuple[int, int]]], more: tuple[Any, ...]
) -> Iterator[tuple[int, tuple[int, int]]]:
    """List the parts of secrets that go on in the next line: the line, and where in it.

    Arguments:
        whole: what was found in each line by itself.
    """
    starts = [0, *accumulate(map(len, lines))]
    joined = "".join(lines)
    for start, end in spans_in(joined, more):
        at = bisect_right(starts, start, hi=len(lines)) - 1
        begin = start - starts[at]
        if end <= starts[at + 1]:  # its name, or a part of that, may stand in the line before
            if at and begin < NAME_CHARS and looks_random(joined[start:end]):
                yield at, (begin, end - starts[at])
            continue
        size = len(lines[at])
        is_whole = any(one[1] == size for one in whole[at])
        rest = lines[at + 1][: end - starts[at + 1]]
        is_torn = begin < size and not is_whole and lines[at][-1:].isalnum() and rest[:1].isalnum()
        if not (looks_random(rest) or size >= FULL_CHARS or is_torn):
            continue
        yield at, (begin, size)
        while end > starts[at + 1]:
            at += 1
            yield at, (0, min(end - starts[at], len(lines[at])))
            if len(lines[at]) < FULL_CHARS and at + 1 < len(lines) and not looks_random(lines[at + 1]):
                break


def _body(line: str) -> Any:
    """Find what may be a line of a key: 64 characters as RFC 7468 has them, or 70 or 76; a hash has no capitals."""
    found = KEY_BODY.search(line)
    return found if found and looks_random(found["body"]) and found["body"].lower() != found["body"] else None


def _keys(lines: Sequence[str]) -> Iterator[tuple[int, tuple[int, int]]]:
    """List the lines of private keys, also of one whose head is not there."""
    inside = False
    for at, line in enumerate(lines):
        begin = KEY_BEGIN.search(line)
        end = KEY_END.search(line, begin.end() if begin else 0)
        if begin:
            yield at, (begin.start(), end.end() if end else len(line))
            inside = end is None
        elif inside and (end or KEY_LINE.search(line)):
            yield at, (0, end.end() if end else len(line))
            inside = end is None
        else:
            inside = False
    bodies = [_body(line) for line in lines]
    for at, body in enumerate(bodies):
        near = (bodies[at - 1] if at else None, bodies[at + 1] if at + 1 < len(bodies) else None)
        ends = at + 1 < len(lines) and KEY_END.search(lines[at + 1])
        if body and (ends or any(one and len(one["body"]) == len(body["body"]) for one in near)):
            yield at, body.span(1)
    for at, line in enumerate(lines):
        if at and KEY_END.search(line) and KEY_LINE.search(lines[at - 1]):
            yield at - 1, (0, len(lines[at - 1]))
