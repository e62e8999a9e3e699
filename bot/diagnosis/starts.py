"""With which line above and below a shape a quotation begins and ends."""

from collections.abc import Iterable, Sequence
from typing import Any

import re2

from bot.diagnosis.signs import TEST, Shape, Sign


class Starts:
    """The expressions `start` and `stop` of shapes, compiled when they are first needed."""

    def __init__(self, signs: Sequence[Sign]) -> None:
        self._signs = signs
        self._compiled: dict[tuple[str, bool], Any] = {}
        self._naming = frozenset(n for n, sign in enumerate(signs) if f"(?P<{TEST}>" in sign.regex)

    def names_tests(self, position: int) -> bool:
        """Tell whether a sign holds the name of a failed test."""
        return position in self._naming

    def is_needed(self, position: int) -> bool:
        """Tell whether a sign is no match without its `start`."""
        sign = self._signs[position]
        return isinstance(sign, Shape) and sign.only_with_start

    def above(self, position: int, lines: Iterable[tuple[int, bytes]]) -> int | None:
        """Find the nearest line above in which a shape's `start` is found; the lines come in order."""
        sign = self._signs[position]
        if not isinstance(sign, Shape) or not sign.start:
            return None
        return self._nearest(sign.start, sign, reversed(list(lines)))

    def below(self, position: int, lines: Iterable[tuple[int, bytes]]) -> int | None:
        """Find the first line below in which a shape's `stop` is found; the lines come in order."""
        sign = self._signs[position]
        if not isinstance(sign, Shape) or not sign.stop:
            return None
        return self._nearest(sign.stop, sign, lines)

    def _nearest(self, regex: str, sign: Shape, lines: Iterable[tuple[int, bytes]]) -> int | None:
        key = regex, sign.ignores_case
        if key not in self._compiled:
            options = re2.Options()
            options.encoding, options.log_errors = re2.Options.Encoding.LATIN1, False
            options.case_sensitive = not sign.ignores_case
            self._compiled[key] = re2.compile(regex.encode(), options)
        compiled = self._compiled[key]
        return next((number for number, line in lines if compiled.search(line) is not None), None)
