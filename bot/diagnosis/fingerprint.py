"""A digest of a failure that is the same on another machine, of another commit and at another time."""

import hashlib
from functools import cache
from typing import Any

import re2

from bot.diagnosis.verdict import FailureClass

LENGTH = 16  # hexadecimal digits: 64 bits
MAX_BYTES = 400  # of the telling line; what follows are usually arguments

# In order: each is put in the place of what it stands for before the next looks.
_RULES: tuple[tuple[bytes, bytes], ...] = (
    (rb"(?i)\b[a-z][a-z0-9+.-]*://[^\s'\"<>)\]]+", b"<url>"),
    (rb"[0-9A-Za-z_.+-]+@[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)+", b"<address>"),
    (rb"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|\s?[+-]\d\d:?\d\d)?)?", b"<time>"),
    (rb"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b", b"<time>"),
    (rb"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", b"<id>"),
    (rb"(?i)\b(?:sha(?:1|256|512):)[0-9a-f]{6,}", b"<id>"),
    (rb"(?i)\b0x[0-9a-f]+\b", b"<id>"),
    (rb"\[[0-9a-fA-F:]*:[0-9a-fA-F:.]+\](?::\d+)?", b"<address>"),
    (rb"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", b"<address>"),
    (rb"(?:[A-Za-z]:)?(?:[\\/]+|\.{1,2}[\\/]+|~[\\/]+)(?:[^\s'\"`:;,()\[\]{}<>|\\/]+[\\/]+)+", b"<dir>/"),
    (rb"(?:[0-9A-Za-z_.@+-]+[\\/])+", b"<dir>/"),
    (rb"<dir>/(?:<dir>/)+", b"<dir>/"),
    (rb"\b\d+\b", b"0"),  # before hashes, which may be digits alone only by chance
    (rb"(?i)\b[0-9a-f]{7,}\b", b"<id>"),
    (rb"\d+(?:[.,:]\d+)*", b"0"),
    (rb"\b0\s?(?:ns|us|ms|s|sec|secs|second|seconds|min|mins|minute|minutes|h|hours?)\b", b"<duration>"),
    (rb"\s+", b" "),
)


def fingerprint(failure_class: FailureClass, text: bytes, test: str = "") -> str:
    """Make the digest of a failure.

    Arguments:
        text: its telling line, cleaned.
        test: the name of the first failed test, which is part of the failure as it stands.
    """
    said = b"\0".join((failure_class.value.encode(), normalised(text), test.encode()))
    return hashlib.blake2b(said, digest_size=LENGTH // 2).hexdigest()


def normalised(text: bytes) -> bytes:
    """Put marks in place of what differs from run to run: addresses, times, hashes, folders, numbers."""
    text = text[:MAX_BYTES]
    for rule, (_, mark) in zip(_rules(), _RULES, strict=True):
        text = rule.sub(mark, text)
    return text.strip()


@cache
def _rules() -> tuple[Any, ...]:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return tuple(re2.compile(regex, options) for regex, _ in _RULES)
