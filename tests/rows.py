"""Which tests answer for which row of the catalogues of faults (F), attacks (A) and traps of Jenkins (J).

`python -m tests.rows` lists them.

A test cites a row in its name, its docstring, an id of its table or a comment; a docstring of a whole file counts for
each of its tests.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

TESTS = Path(__file__).parent
NOT_OF_ROWS = {"test_readme.py"}  # it cites rows as examples of citing
ROWS = (
    *(f"F{number}" for number in range(1, 21)),
    *(
        "F21",
        "F22",
        "F23",
        "F24",
        "F25",
        "F26",
        "F27",
        "F28",
        "F29",
        "F30",
        "F31",
        "F32",
        "F33",
        "F36",
        "F37",
        "F38",
        "F39",
        "F40",
        "F41",
    ),
    *(
        "F43",
        "F44",
        "F45",
        "A1",
        "A2",
        "A3",
        *(f"A{number}" for number in range(4, 17)),
        "A17",
        "A18",
        "A19",
        "A20",
        "A23",
    ),
    *("A24", "A25", "A26", "A27", "A28", "A29", "A31", "A32", "A33", "A34", "A36", "A38"),
    *(f"J{number}" for number in range(1, 33)),
)
CITED = re.compile(r"(?<![A-Za-z0-9])[FAJ][1-9][0-9]?(?![A-Za-z0-9])")
RANGE = re.compile(r"(?<![A-Za-z0-9])([FAJ])([1-9][0-9]?) to \1?([1-9][0-9]?)(?![A-Za-z0-9])")


def cited() -> Mapping[str, list[str]]:
    """List the tests that cite each row, as `tests/file.py::test_name`."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(path for path in TESTS.rglob("test_*.py") if path.name not in NOT_OF_ROWS):
        lines = path.read_text().splitlines()
        tree = ast.parse("\n".join(lines))
        of_file = rows_in(ast.get_docstring(tree) or "")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                text = "\n".join(lines[first - 1 : node.end_lineno])
                for row in of_file | rows_in(text):
                    found[row].append(f"{path.relative_to(TESTS.parent).as_posix()}::{node.name}")
    return found


def rows_in(text: str) -> set[str]:
    """Find the rows that a text cites; of "F36 to F39" all four."""
    found = set(CITED.findall(text))
    for kind, first, last in RANGE.findall(text):
        found |= {f"{kind}{number}" for number in range(int(first), int(last) + 1)}
    return found


def main() -> int:
    """Print the tests of each row; 1 if a row has none."""
    found = cited()
    for row in ROWS:
        print(row, *(found.get(row) or ["no test"]), sep="\n  ")
    return int(any(row not in found for row in ROWS))


if __name__ == "__main__":
    sys.exit(main())
