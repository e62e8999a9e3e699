"""All expressions in one pass, by Hyperscan; what it compiled is kept in a cache."""

import functools
import hashlib
import threading
from collections.abc import Sequence
from typing import Any

import hyperscan

from bot.diagnosis.cache import Cache
from bot.diagnosis.expressions import BadExpression, Expression, said

FLAGS = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_MULTILINE
# Of more than the first one database takes twice the memory to compile, and is scanned for no faster than several.
WHOLE, PART = 1000, 500
# Vectorscan 5.4.12, in the wheels of hyperscan 0.8 and 0.9, misses the first beside the second in this text, and others
# as silently; 5.4.11, in those of 0.7, does not. https://github.com/VectorCamp/vectorscan/issues/382 is of this kind.
LOST = ("^[0-9]+\\) [a-z]+\\([a-z]+\\)", "^[0-9]+ tests completed, [1-9]")
LOST_IN = b"x" * 100 + b"\n1) one(two)\n" + b"x" * 300 + b"\n"


class HyperscanEngine:
    """A set of expressions, compiled by Hyperscan for texts that are there as a whole.

    Arguments:
        cache: where what was compiled is kept; None to compile each time.

    Raises:
        BadExpression: one of them, or all together, cannot be compiled.
    """

    def __init__(self, expressions: Sequence[Expression], cache: Cache | None = None) -> None:
        self._databases = [(start, _opened(part, cache)) for start, part in _parts(expressions)]
        self._own = threading.local()  # scratch memory serves one thread at a time

    def scan(self, text: bytes) -> Sequence[int]:
        """List the positions of the expressions that are found in a text, each once."""
        scratches = getattr(self._own, "scratches", None)
        if scratches is None:
            scratches = self._own.scratches = [hyperscan.Scratch(database) for _, database in self._databases]
        found: list[int] = []
        for (start, database), scratch in zip(self._databases, scratches, strict=True):
            known = len(found)
            database.scan(text, match_event_handler=_note, context=found, scratch=scratch)
            if start:
                found[known:] = [start + position for position in found[known:]]
        return sorted(found)


@functools.cache
def misses_matches() -> bool:
    """Tell whether this Hyperscan is one that misses what is there."""
    return 0 not in HyperscanEngine([Expression(text) for text in LOST]).scan(LOST_IN)


def _note(position: int, _start: int, _end: int, _flags: int, found: Any) -> None:
    found.append(position)


def is_kept(expressions: Sequence[Expression], cache: Cache) -> bool:
    """Tell whether there is something in the cache for a set of expressions."""
    return all(cache.has(_name(part)) for _, part in _parts(expressions))


def _parts(expressions: Sequence[Expression]) -> list[tuple[int, Sequence[Expression]]]:
    """Cut a set of expressions into parts, each with the position where it begins."""
    count = -(-len(expressions) // PART) if len(expressions) > WHOLE else 1
    size = -(-len(expressions) // count) or 1
    return [(start, expressions[start : start + size]) for start in range(0, len(expressions), size)]


def _opened(expressions: Sequence[Expression], cache: Cache | None) -> hyperscan.Database:
    name = _name(expressions) if cache else ""
    if cache and (kept := cache.read(name)):
        try:
            database = hyperscan.loadb(kept, hyperscan.HS_MODE_BLOCK)
            hyperscan.Scratch(database)  # refuses what was compiled for another processor
        except hyperscan.error:
            pass  # broken or foreign: it is made anew and written over
        else:
            return database
    database = compiled(expressions)
    if cache:
        cache.write(name, hyperscan.dumpb(database))
    return database


def compiled(expressions: Sequence[Expression]) -> hyperscan.Database:
    """Compile expressions into one database.

    Raises:
        BadExpression: one of them, or all together, cannot be compiled.
    """
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    caseless = hyperscan.HS_FLAG_CASELESS
    try:
        database.compile(
            expressions=[expression.text.encode("ascii") for expression in expressions],
            ids=list(range(len(expressions))),
            flags=[FLAGS | caseless if expression.ignores_case else FLAGS for expression in expressions],
        )
    except hyperscan.error as error:
        raise BadExpression(said(error)) from error
    return database


def _name(expressions: Sequence[Expression]) -> str:
    """Name a set of expressions, for this Hyperscan on this processor."""
    probe = compiled([Expression("a")])  # it tells its version and what of the processor it uses
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{probe.info()!r} {FLAGS}".encode())
    digest.update("\0".join(f"{one.ignores_case:d}{one.text}" for one in expressions).encode())
    return f"{digest.hexdigest()}.hyperscan"
