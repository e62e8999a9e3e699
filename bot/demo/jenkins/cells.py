"""The cells of a matrix: their names, and the values of a build parameter that choose among them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import ClassVar, TypeAlias

Axes: TypeAlias = Mapping[str, Sequence[str]]
Combination: TypeAlias = Mapping[str, str]

NO_AXES = "default"
VALUE_CLASS = "hudson.plugins.matrix_configuration_parameter.MatrixCombinationsParameterValue"
FILTER_CLASS = "hudson.plugins.matrix_configuration_parameter.DefaultMatrixCombinationsParameterValue"

_TOKEN = re.compile(r"\s*(?:(==|!=|&&|\|\||!|\(|\))|'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\$]|\\.)*)\"|([A-Za-z_]\w*))")
_ESCAPED = re.compile(r"\\(.)")


class BadFilter(ValueError):
    """A filter that Groovy cannot compile or evaluate; the build that needs it fails."""


def cell_name(combination: Combination) -> str:
    """Write a combination, its axes in the order of their names [hudson.matrix.Combination.toString]."""
    return ",".join(f"{axis}={combination[axis]}" for axis in sorted(combination)) or NO_AXES


def read_cell_name(text: str) -> str | None:
    """Bring a name into its one order; None when it names no combination [Combination.fromString]."""
    if text == NO_AXES:
        return text
    parts = [part.partition("=") for part in text.split(",") if part]
    if not parts or any(not equals for _, equals, _ in parts):
        return None
    return cell_name({axis: value for axis, _, value in parts})


def combinations(axes: Axes) -> list[Combination]:
    """List all combinations, those of the last axis beside each other."""
    return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]


def compact_name(combination: Combination, axes: Axes) -> str:
    """Write a combination for people: an axis is named only if another has one of its values too."""
    values = [value for each in axes.values() for value in each]
    clashing = {axis for axis, own in axes.items() if any(values.count(value) > 1 for value in own)}
    words = [f"{axis}={combination[axis]}" if axis in clashing else combination[axis] for axis in sorted(combination)]
    return ",".join(words) or NO_AXES


@dataclass(frozen=True, slots=True)
class Combinations:
    """The value of a Matrix Combinations parameter: the names of cells from a form, or else a filter.

    Arguments:
        cells: what was chosen in the form; None when the value is a filter.
        expression: a Groovy expression over the axes; None and blanks let all cells run.
    """

    cells: tuple[str, ...] | None = None
    expression: str | None = None

    @property
    def kind(self) -> str:
        """The class of the value, which alone tells the two sorts apart in JSON."""
        return FILTER_CLASS if self.cells is None else VALUE_CLASS

    def accepts(self, combination: Combination) -> bool:
        """Tell whether a cell is to run [MatrixCombinationsParameterValue.combinationExists]."""
        if self.cells is not None:
            return cell_name(combination) in self.cells
        expression = (self.expression or "").strip()
        return not expression or _Filter(_tokens(expression), combination).decide()

    def described(self, name: str) -> str:
        """Write the value as the line `params` of a queue item shows it."""
        if self.cells is None:
            return f"({FILTER_CLASS}) {name}: {'null' if self.expression is None else self.expression}"
        return f"(MatrixCombinationsParameterValue) {name}\n" + "".join(f"{cell}\n" for cell in self.cells)


@dataclass(frozen=True, slots=True)
class CombinationsParameter:
    """A parameter that chooses the cells of a matrix build (plugin matrix-combinations-parameter).

    Arguments:
        default_filter: the expression when nothing is sent; None lets all cells run.
        heeds_fields: False is a release before 1.1.0, which builds all cells whatever a plain field says.
    """

    name: str
    default_filter: str | None = None
    description: str = ""
    heeds_fields: bool = True
    kind: ClassVar[str] = "MatrixCombinations"

    @property
    def default(self) -> Combinations:
        """The value when nothing is sent."""
        return Combinations(expression=self.default_filter)

    def read(self, text: str) -> Combinations:
        """Make the value from a plain field, which is a filter and no list of cells."""
        return Combinations(expression=text if self.heeds_fields else None)

    def read_form(self, entry: Mapping[str, object]) -> Combinations:
        """Make the value from its part of the `json` form, which names the cells."""
        given = entry.get("combinations", [])
        return Combinations(cells=tuple(str(cell) for cell in (given if isinstance(given, list) else [given])))


def _tokens(expression: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(expression.rstrip()):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise BadFilter(f"unexpected token: {expression[at:]}")
        mark, single, double, word = match.groups()
        text = single if single is not None else double
        found.append(("text", _ESCAPED.sub(r"\1", text)) if text is not None else (mark or "word", word or mark))
        at = match.end()
    return found


@dataclass(slots=True)
class _Filter:
    """Evaluates the part of Groovy that filters are written in: comparisons, `&&`, `||`, `!` and parentheses."""

    tokens: list[tuple[str, str]]
    combination: Combination
    at: int = field(default=0)

    def decide(self) -> bool:
        decision = self._either()
        if self.at < len(self.tokens):
            raise BadFilter(f"unexpected token: {self.tokens[self.at][1]}")
        return decision is True

    def _take(self, kind: str) -> bool:
        taken = self.at < len(self.tokens) and self.tokens[self.at][0] == kind
        self.at += taken
        return taken

    def _either(self) -> str | bool:
        decision = self._both()
        while self._take("||"):
            other = self._both()
            decision = bool(decision) or bool(other)
        return decision

    def _both(self) -> str | bool:
        decision = self._comparison()
        while self._take("&&"):
            other = self._comparison()
            decision = bool(decision) and bool(other)
        return decision

    def _comparison(self) -> str | bool:
        left = self._term()
        if self._take("=="):
            return left == self._term()
        return left != self._term() if self._take("!=") else left

    def _term(self) -> str | bool:
        if self._take("!"):
            return not self._term()
        if self._take("("):
            decision = self._either()
            if not self._take(")"):
                raise BadFilter("expecting ')'")
            return decision
        if self._take("text"):
            return self.tokens[self.at - 1][1]
        if not self._take("word"):
            raise BadFilter("unexpected end of the expression")
        word = self.tokens[self.at - 1][1]
        if word in ("true", "false"):
            return word == "true"
        if word not in self.combination:
            raise BadFilter(f"No such property: {word}")
        return self.combination[word]
