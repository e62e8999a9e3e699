"""The guards of the program: what each keeps out, the text that is it, and the tests that see when it is off.

`guards.toml` lists them by the rows of the catalogue that they answer for.
"""

import ast
import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[2]
CATALOGUE = Path(__file__).with_name("guards.toml")
TEST_ID = re.compile(r"(?P<file>tests/[\w/]+\.py)::(?P<name>test_\w+)(?:\[(?P<case>[^]]+)\])?")


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One guard, and the program without it.

    Arguments:
        row: of the catalogue, "A7".
        is_off: what is so without it, in words.
        file: where it stands.
        text: what it is, which stands there once.
        off: what stands in its place when it is off.
        tests: those of which at least one must fail then, as pytest names them.
    """

    row: str
    is_off: str
    file: str
    text: str
    off: str
    tests: tuple[str, ...]

    def without(self, program: str) -> str:
        """Give the text of its file without it.

        Raises:
            ValueError: it does not stand there once.
        """
        if (count := program.count(self.text)) != 1:
            raise ValueError(f"{self.row}: {self.file} has {self.text!r} {count} times")
        return program.replace(self.text, self.off)


class _Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    guard: tuple[Guard, ...]


@cache
def guards() -> Sequence[Guard]:
    """Read all of them, in the order of their rows."""
    return msgspec.convert(tomllib.loads(CATALOGUE.read_text()), _Catalogue).guard


@cache
def names_in(file: str) -> frozenset[str]:
    """List the names of the tests of a file."""
    tree = ast.parse((ROOT / file).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))
