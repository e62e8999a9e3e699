"""All expressions at once by RE2's sets, for machines that Hyperscan has no wheel for."""

from collections.abc import Sequence

import re2

from bot.diagnosis.expressions import BadExpression, Expression, said

MAX_BYTES = 64 << 20  # of the states that it may keep; with less it forgets them again and again, and is slow


class Re2Engine:
    """A set of expressions, compiled by RE2.

    Arguments:
        max_bytes: of memory for what it learns of the expressions as it goes through texts.

    Raises:
        BadExpression: one of them, or all together, cannot be compiled.
    """

    def __init__(self, expressions: Sequence[Expression], *, max_bytes: int = MAX_BYTES) -> None:
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors, options.max_mem = False, max_bytes
        self._set = re2.Set.SearchSet(options) if expressions else None
        if self._set is None:
            return
        try:
            for expression in expressions:
                flags = "im" if expression.ignores_case else "m"
                self._set.Add(f"(?{flags}:{expression.text})".encode("ascii"))
            self._set.Compile()
        except re2.error as error:
            raise BadExpression(said(error)) from error

    def scan(self, text: bytes) -> Sequence[int]:
        """List the positions of the expressions that are found in a text, each once."""
        return sorted(self._set.Match(text) or ()) if self._set is not None else []
