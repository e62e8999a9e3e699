"""What a long run came to, beside what it should: a row that a test records, and the table of all."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Self

import msgspec

FIGURE = "figure"  # the property of a test's record under which a row stands
Record = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Arguments:
        name: what was measured.
        figure: what it came to.
        goal: what it should be.
        held: whether it is.
    """

    name: str
    figure: str
    goal: str
    held: bool

    @classmethod
    def told(cls, text: str) -> Self:
        """Read what `tell` has written."""
        return cls(**msgspec.json.decode(text))

    def tell(self, record: Record) -> None:
        """Put it into the record of a test."""
        record(FIGURE, msgspec.json.encode(asdict(self)).decode())


def table(rows: Sequence[Row]) -> str:
    """Write rows as Markdown."""
    lines = [f"| {row.name} | {row.figure} | {row.goal} | {'yes' if row.held else '**no**'} |" for row in rows]
    return "\n".join(["| what | figure | goal | held |", "|---|---|---|---|", *lines])
