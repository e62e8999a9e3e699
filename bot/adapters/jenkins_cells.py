"""The cells of a matrix job that somebody has chosen, and how its parameters tell them; pure.

Naginator is no way to choose cells, though it repeats the failed cells of a matrix by itself: its `retry` of a matrix
build takes a plain NaginatorAction and builds the whole [NaginatorRetryAction.doIndex], and only its own publisher ever
makes the action that names cells [NaginatorListener.onCompleted, NaginatorMatrixAction].
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from bot.adapters.jenkins_jobs import near, some
from bot.errors import UserError
from bot.values import JobRef

WHOLE = "default"  # the name of the only cell of a matrix without axes [Combination.toString]
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
GROOVY_WORDS = """
abstract as assert boolean break byte case catch char class const continue def default do double else enum extends
false final finally float for goto if implements import in instanceof int interface it long native new null package
private protected public return short static super switch synchronized this throw throws trait transient true try var
void volatile while
"""
RESERVED = frozenset(GROOVY_WORDS.split())


def choose_cells(job: JobRef, cells: Sequence[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Choose the cells of a job that hold one of the combinations wanted, which need not name every axis.

    Arguments:
        cells: all that the job has, `ARCH=arm64,FS=aufs` each.
        wanted: the same, or only part of it, `FS=aufs`.

    Raises:
        UserError: there is no such axis, value or cell.
    """
    by_name = {cell: _read(cell) for cell in cells}
    chosen: set[str] = set()
    for one in wanted:
        found = {one} if one in by_name else _holding(job, by_name, one)
        if not found:
            raise UserError(f"no cell of {job} has {one}; it has {some(list(cells))}")
        chosen |= found
    return tuple(cell for cell in cells if cell in chosen)


def as_filter(cells: Sequence[str]) -> str | None:
    """Spell cells as the filter that the Matrix Combinations parameter takes; None where Groovy cannot say it.

    By `buildWithParameters` this parameter takes an expression over the axes, not names of cells
    [MatrixCombinationsParameterDefinition.createValue]. Its form takes names, but then Jenkins fills in no defaults, so
    that a password that nobody may read would get lost.
    """
    terms: list[str] = []
    for cell in cells:
        axes = _read(cell)
        if not axes or not all(VARIABLE.fullmatch(axis) and axis not in RESERVED for axis in axes):
            return None
        quoted = {axis: value.replace("\\", "\\\\").replace("'", "\\'") for axis, value in axes.items()}
        terms.append("(" + " && ".join(f"{axis} == '{value}'" for axis, value in quoted.items()) + ")")
    return " || ".join(terms)


def _holding(job: JobRef, by_name: Mapping[str, Mapping[str, str]], wanted: str) -> set[str]:
    """Find the cells that have all these values; a word about the first axis or value that no cell has."""
    asked = _read(wanted)
    if not asked:
        raise UserError(f"{wanted!r} is no cell: write AXIS=value, or several of them with commas between")
    for axis, value in asked.items():
        axes = sorted({name for cell in by_name.values() for name in cell})
        if axis not in axes:
            raise UserError(
                f"{job} has no axis {axis!r}; it has {some(axes)}{near(axis, axes)}"
                if axes
                else f"{job} has no axes, so not {axis!r} either"
            )
        values = sorted({cell[axis] for cell in by_name.values() if axis in cell})
        if value not in values:
            raise UserError(f"{axis} of {job} is one of {some(values)}; not {value!r}{near(value, values)}")
    return {name for name, cell in by_name.items() if asked.items() <= cell.items()}


def _read(cell: str) -> dict[str, str]:
    """Take a combination apart; nothing if it is none."""
    parts = [part.partition("=") for part in cell.split(",")]
    if not all(axis and equals for axis, equals, _ in parts):
        return {}
    return {axis.strip(): value for axis, _, value in parts}
