"""Which tests answer for which row of the catalogues of faults (F), attacks (A) and traps of Jenkins (J), and goal (G).

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
OUT_OF_SCOPE = frozenset({"F34", "F35"})  # two instances of one Gordon, and brokers of messages: there are none
ROWS = tuple(f"{kind}{number}" for kind, most in (("F", 45), ("A", 38), ("J", 32)) for number in range(1, most + 1))
GOALS = tuple(f"G{number}" for number in range(1, 19))
CITED = re.compile(r"(?<![A-Za-z0-9])[FAJG][1-9][0-9]?(?![A-Za-z0-9])")
RANGE = re.compile(r"(?<![A-Za-z0-9])([FAJG])([1-9][0-9]?) to \1?([1-9][0-9]?)(?![A-Za-z0-9])")


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
    for row in (*ROWS, *GOALS):
        print(row, *(found.get(row) or ["out of scope" if row in OUT_OF_SCOPE else "no test of its own"]), sep="\n  ")
    return int(any(row not in found for row in ROWS if row not in OUT_OF_SCOPE))


if __name__ == "__main__":
    sys.exit(main())
