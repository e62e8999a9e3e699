"""All expressions against a page of text at once."""

from collections.abc import Sequence
from typing import Protocol


class Engine(Protocol):
    """A compiled set of expressions."""

    def scan(self, text: bytes) -> Sequence[int]:
        """List the positions, in the set, of the expressions that are found in a text, each once.

        One may be listed that is not found (an expression that went across a line break it may not cross); none is
        missing. Where each lies is found by a second look.
        """
        ...
