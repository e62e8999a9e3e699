"""Failures that nothing explains put together by what they say: first by fingerprint, then by alike lines.

Lines are compared by their sets of words, with min-hashes so that only those are compared that are likely alike: the
time goes with the number of different lines, never with its square. Two lines are put together if they have at least
`ALIKE` of their words in common; of a line the first `MAX_WORDS` words count. What two failures have in common that say
it in other words, or in lines around, is not seen.
"""

import zlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.values import BuildRef

ALIKE = 0.6  # of the words of both lines together
MAX_WORDS = 40
BANDS, ROWS = 8, 2  # two lines with 0.6 in common are compared with 97 %, with 0.2 with 28 %
MAX_COMPARED = 4  # groups that a line is held against in one band; a bucket of more has a common beginning only
MODULUS = (1 << 31) - 1
FACTORS = [(0x9E3779B1 * (at + 1) % MODULUS, 0x85EBCA77 * (at + 7) % MODULUS) for at in range(BANDS * ROWS)]


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A failure that nothing explains; `text` is its telling line."""

    build: BuildRef
    fingerprint: str
    text: str
    at: datetime


def cluster(failures: Sequence[Unexplained]) -> list[list[Unexplained]]:
    """Put together what looks like one failure, the largest first, in each the newest first."""
    by_print: dict[str, list[Unexplained]] = {}
    for failure in sorted(failures, key=lambda one: one.at, reverse=True):
        by_print.setdefault(failure.fingerprint, []).append(failure)
    groups = _alike({key: _words(found[0].text) for key, found in by_print.items()})
    joined: dict[str, list[Unexplained]] = {}
    for key, found in by_print.items():
        joined.setdefault(groups[key], []).extend(found)
    clusters = [sorted(found, key=lambda one: one.at, reverse=True) for found in joined.values()]
    return sorted(clusters, key=lambda found: (len(found), found[0].at), reverse=True)


def _words(text: str) -> frozenset[bytes]:
    """Take the words of a line, with a mark for each that has a digit, as such differ from run to run."""
    words = text.encode("utf-8", "replace").split(None, MAX_WORDS)[:MAX_WORDS]
    return frozenset(word if word.translate(None, b"0123456789") == word else b"0" for word in words)


def _alike(words: Mapping[str, frozenset[bytes]]) -> Mapping[str, str]:
    """Tell for each line the first one of those that it belongs to."""
    first: dict[str, str] = {}
    buckets: dict[Hashable, list[str]] = {}
    hashes: dict[bytes, tuple[int, ...]] = {}
    for key, of_line in words.items():
        places = _places(of_line, hashes)
        near = dict.fromkeys(first[one] for place in places for one in buckets.get(place, ()))
        first[key] = next((one for one in near if _is_alike(of_line, words[one])), key)
        for place in places:
            bucket = buckets.setdefault(place, [])
            if first[key] not in bucket and len(bucket) < MAX_COMPARED:
                bucket.append(first[key])
    return first


def _places(words: frozenset[bytes], hashes: dict[bytes, tuple[int, ...]]) -> list[Hashable]:
    """Tell the buckets of a line: one for each band of its min-hashes, none for an empty line."""
    for word in words:
        if word not in hashes:
            number = zlib.crc32(word)
            hashes[word] = tuple((a * number + b) % MODULUS for a, b in FACTORS)
    least = [min(column) for column in zip(*(hashes[word] for word in words), strict=True)]
    return [(at, *least[at : at + ROWS]) for at in range(0, len(least), ROWS)]


def _is_alike(one: frozenset[bytes], other: frozenset[bytes]) -> bool:
    return len(one & other) >= ALIKE * len(one | other)
