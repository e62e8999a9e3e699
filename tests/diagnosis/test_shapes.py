"""Every shape of the shipped catalogues is found where its tool wrote it, and nowhere else that its counters name."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import re2

from bot.diagnosis.signs import TELL, CatalogueFile, Scope, Shape

CATALOGUES = Path(__file__).parents[2] / "bot" / "diagnosis" / "catalogues"
FILES = sorted(CATALOGUES.glob("*.toml"))
SHAPES = [shape for file in FILES for shape in msgspec.toml.decode(file.read_bytes(), type=CatalogueFile).shape]
ABOVE, BELOW = 40, 25  # lines that `start` and `stop` reach


def compiled(expression: str, shape: Shape) -> Any:
    """Compile as for a second look: on bytes, and for the scope of a line never across a line break."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.never_nl = shape.scope is Scope.LINE
    options.case_sensitive = not shape.ignores_case
    options.log_errors = False
    return re2.compile(b"(?m)" + expression.encode(), options)


def told_lines(shape: Shape, text: str) -> list[int]:
    """List the lines, from 0 on, that a shape tells of a text."""
    lines = text.encode().split(b"\n")
    pattern = compiled(shape.regex, shape)
    group = pattern.groupindex.get(TELL, 0)
    found = [text.encode()[: match.start(group)].count(b"\n") for match in pattern.finditer(text.encode())]
    if not shape.only_with_start:
        return found
    start = compiled(shape.start, shape)
    return [line for line in found if any(start.search(above) for above in lines[max(0, line - ABOVE) : line])]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.id for shape in SHAPES])
def test_a_shape_is_found_in_its_example(shape: Shape) -> None:
    assert told_lines(shape, shape.example)


COUNTERS = [(shape, text) for shape in SHAPES for text in shape.counter]


@pytest.mark.parametrize(
    ("shape", "text"), COUNTERS, ids=[f"{shape.id}-{number}" for number, (shape, _) in enumerate(COUNTERS)]
)
def test_a_shape_is_not_found_in_its_counter(shape: Shape, text: str) -> None:
    assert not told_lines(shape, text)


@pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if shape.start], ids=[shape.id for shape in SHAPES if shape.start]
)
def test_a_quotation_begins_within_the_example(shape: Shape) -> None:
    lines = shape.example.encode().split(b"\n")
    told = told_lines(shape, shape.example)[0]
    start = compiled(shape.start, shape)
    assert any(start.search(above) for above in lines[max(0, told - ABOVE) : told + 1])


@pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if shape.stop], ids=[shape.id for shape in SHAPES if shape.stop]
)
def test_a_quotation_ends_within_the_example(shape: Shape) -> None:
    lines = shape.example.encode().split(b"\n")
    told = told_lines(shape, shape.example)[0]
    stop = compiled(shape.stop, shape)
    assert any(stop.search(below) for below in lines[told : told + BELOW + 1])


def test_each_shape_has_a_name_of_its_own() -> None:
    assert [name for name, count in Counter(shape.id for shape in SHAPES).items() if count > 1] == []


def test_a_weight_is_a_share_of_a_hundred() -> None:
    assert [shape.id for shape in SHAPES if not 0 <= shape.weight <= 100] == []


def test_what_needs_a_start_has_one() -> None:
    assert [shape.id for shape in SHAPES if shape.only_with_start and not shape.start] == []
