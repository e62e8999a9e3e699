"""All expressions at once by RE2's sets, for machines that Hyperscan has no wheel for."""

from collections.abc import Sequence
from typing import Any

import re2

from bot.diagnosis.expressions import BadExpression, Expression, said

MAX_BYTES = 96 << 20  # of what sets may remember; with less they forget it again and again, and are slow
SET_SIZE = 50  # of a thousand unlike expressions in one set nothing is remembered for long: 50 times as slow


class Re2Engine:
    """Expressions in sets, compiled by RE2.

    Arguments:
        max_bytes: of memory for what all sets learn of the expressions as they go through texts.

    Raises:
        BadExpression: one of them, or all together, cannot be compiled.
    """

    def __init__(self, expressions: Sequence[Expression], *, max_bytes: int = MAX_BYTES) -> None:
        starts = range(0, len(expressions), SET_SIZE)
        each = max_bytes // max(len(starts), 1)
        self._sets = [(start, _set_of(expressions[start : start + SET_SIZE], each)) for start in starts]

    def scan(self, text: bytes) -> Sequence[int]:
        """List the positions of the expressions that are found in a text, each once."""
        return [start + at for start, one in self._sets for at in sorted(one.Match(text) or ())]


def _set_of(expressions: Sequence[Expression], max_bytes: int) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.log_errors, options.max_mem = False, max_bytes
    made = re2.Set.SearchSet(options)
    try:
        for expression in expressions:
            flags = "im" if expression.ignores_case else "m"
            made.Add(f"(?{flags}:{expression.text})".encode("ascii"))
        made.Compile()
    except re2.error as error:
        raise BadExpression(said(error)) from error
    return made
