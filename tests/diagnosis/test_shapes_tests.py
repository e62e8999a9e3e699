"""What is told of the output of test tools: the line that names what failed, and the failed tests.

The pieces of output stand in tests/fixtures/diagnosis/test_tools.toml.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.diagnosis.catalogue import SHIPPED, Catalogue, engine_for, load_catalogue
from bot.diagnosis.expressions import Expression
from bot.diagnosis.failed_names import distinct, tidy
from bot.diagnosis.judge import diagnose
from bot.diagnosis.reading import Extent, pages
from bot.diagnosis.scan import scan
from bot.diagnosis.signs import TEST, Role, Shape
from bot.diagnosis.verdict import FailureClass

FIXTURES = Path(__file__).parents[1] / "fixtures" / "diagnosis"
PIECES = tomllib.loads((FIXTURES / "test_tools.toml").read_text())
TOLD = tomllib.loads((FIXTURES / "test_shapes_told.toml").read_text())
OURS = load_catalogue(sorted(SHIPPED.glob("tests_*.toml")), shipped=False)
SHAPES = {sign.id: sign for sign in OURS.signs if isinstance(sign, Shape)}
CLASSES = {
    FailureClass.TEST_FAILURE,
    FailureClass.TIMEOUT,
    FailureClass.CRASH,
    FailureClass.COMPILE_ERROR,
    FailureClass.CI_CONFIG,
}


def hits_in(text: str, catalogue: Catalogue = OURS) -> Any:
    return scan(pages([text.encode()], Extent()), catalogue)


@pytest.mark.parametrize("piece", PIECES["red"], ids=lambda piece: piece["tool"])
def test_the_line_that_names_what_failed_is_told_with_the_failed_tests(piece: Mapping[str, Any]) -> None:
    verdict = diagnose([piece["text"].encode()], OURS)
    assert verdict.text == piece["told"]
    assert sorted(verdict.failed_tests) == sorted(piece["tests"])
    assert verdict.failure_class in CLASSES


@pytest.mark.parametrize("piece", PIECES["red"], ids=lambda piece: piece["tool"])
def test_what_is_told_is_quoted_with_the_lines_around(piece: Mapping[str, Any]) -> None:
    verdict = diagnose([piece["text"].encode()], OURS)
    assert verdict.line is not None
    assert verdict.chunk is not None
    lines = piece["text"].split("\n")
    assert lines[verdict.line - 1].rstrip() == piece["told"]
    assert verdict.chunk[0] <= verdict.line <= verdict.chunk[1] <= verdict.chunk[0] + 14
    assert [line.rstrip() for line in lines[verdict.chunk[0] - 1 : verdict.chunk[1]]] == list(verdict.quoted)


@pytest.mark.parametrize("piece", PIECES["green"], ids=lambda piece: piece["tool"])
def test_nothing_is_told_of_tests_that_passed(piece: Mapping[str, Any]) -> None:
    found = hits_in(piece["text"])
    roles = (Role.CAUSE, Role.SUMMARY, Role.CONSEQUENCE)
    assert [(hit.sign.id, hit.text) for hit in found.hits if hit.role in roles and not hit.is_tolerated] == []
    assert found.failed_tests == {}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_shape_tells_the_right_line_and_test(name: str) -> None:
    """In its example as it is read, by the engine that looks for all shapes at once: it may miss none."""
    found = next(hit for hit in hits_in(SHAPES[name].example).hits if hit.sign.id == name)
    told = TOLD[name]
    assert found.text.decode() == told["line"]
    assert tidy(found.groups.get(TEST, b"")) == told.get("test", "")


def test_each_shape_has_its_line_in_the_table_of_what_is_told() -> None:
    assert sorted(TOLD) == sorted(SHAPES)


@pytest.mark.parametrize("number", [1, 12])
def test_one_numbered_line_is_found_beside_a_shape_of_another(number: int) -> None:
    """Vectorscan 5.4.12 misses it, so it is not used."""
    engine = engine_for([Expression("^[0-9]+\\) [a-z]+\\([a-z]+\\)"), Expression("^[0-9]+ tests completed, [1-9]")])
    assert list(engine.scan(b"x" * 100 + b"\n%d) one(two)\n" % number + b"x" * 300 + b"\n")) == [0]


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        pytest.param(["test_open", "tests/test_a.py::test_open"], ["tests/test_a.py::test_open"], id="pytest"),
        pytest.param(["TestA.test_open", "a.py::TestA::test_open"], ["a.py::TestA::test_open"], id="pytest-class"),
        pytest.param(["open(shop.StoreTest)", "StoreTest.open"], ["open(shop.StoreTest)"], id="surefire-2"),
        pytest.param(["org.shop.StoreTest.open", "StoreTest.open"], ["org.shop.StoreTest.open"], id="surefire-3"),
        pytest.param(["TestOpen", "TestOpen/twice"], ["TestOpen", "TestOpen/twice"], id="go-parent-and-child"),
        pytest.param(["a", "b", "a"], ["a", "b"], id="told-twice"),
        pytest.param(["open (x)", "close (x)"], ["open (x)", "close (x)"], id="two-of-a-class"),
    ],
)
def test_a_test_is_named_once_by_its_longest_name(names: list[str], kept: list[str]) -> None:
    assert list(distinct(names)) == kept


def test_a_name_over_several_lines_becomes_one() -> None:
    assert tidy(b" price\n       takes the  rebate off") == "price takes the rebate off"


def test_a_line_that_needs_a_line_above_names_no_test_without_it() -> None:
    text = "Failing scenarios:\n  features/basket.feature:14  An empty basket\n"
    assert list(hits_in(text).failed_tests) == ["features/basket.feature:14 An empty basket"]
    assert hits_in(text.partition("\n")[2]).failed_tests == {}
