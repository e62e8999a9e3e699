"""Patterns that people type, matched in linear time whatever they are (RE2)."""

from dataclasses import dataclass, field
from typing import Any

import re2

from bot.errors import UserError, shown

MAX_CHARS = 200
MAX_BYTES = 1 << 20  # of memory that one may take


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression that finds text in any case.

    Raises:
        UserError: RE2 does not take it, and where it is wrong.
    """

    text: str
    _compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.text) > MAX_CHARS:
            raise UserError(f"a pattern has at most {MAX_CHARS} characters")
        options = re2.Options()
        options.case_sensitive, options.log_errors, options.max_mem = False, False, MAX_BYTES
        try:
            object.__setattr__(self, "_compiled", re2.compile(self.text, options))
        except UnicodeEncodeError as error:
            raise UserError(f'"{shown(self.text)}" is no pattern: it has half a character') from error
        except re2.error as error:
            raise UserError(f'"{shown(self.text)}" is no pattern: {_said(self.text, error)}') from error

    def search(self, text: str) -> bool:
        """Tell whether it is found anywhere in a text."""
        return self._compiled.search(text.encode("utf-8", "replace").decode()) is not None  # half a character is none

    def __str__(self) -> str:
        return self.text


def _said(text: str, error: Exception) -> str:
    """Say what is wrong and where: RE2 tells, in bytes, the part that it does not take."""
    said = error.args[0] if error.args else ""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    what, _, part = words.partition(": ")
    at = text.find(part) if part else -1
    return f"{shown(words)} (at character {at + 1})" if at >= 0 and what else shown(words)
