"""Tables for people: what was measured, each number beside its baseline."""

import statistics
from collections.abc import Sequence


class Table:
    """A Markdown table that fits a terminal."""

    def __init__(self, title: str, columns: str) -> None:
        self._title = title
        self._rows = [[column.strip() for column in columns.split("|")]]

    def row(self, *cells: str) -> None:
        """Add a row."""
        self._rows.append(list(cells))

    def show(self, *notes: str) -> None:
        """Print it, and what is to be known about it."""
        widths = [max(len(row[column]) for row in self._rows) for column in range(len(self._rows[0]))]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in self._rows
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        print(f"\n### {self._title}\n", *lines, "", *notes, sep="\n", flush=True)


def percentile(values: Sequence[float], part: float) -> float:
    """Tell the value that this part of all is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Tell the median, with the least and the most."""
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"
