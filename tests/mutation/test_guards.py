"""Each guard that is listed is there, and (by `make soak`) is seen to guard: goal G10."""

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.mutation.__main__ import summary
from tests.mutation.guards import ROOT, TEST_ID, Guard, guards, names_in
from tests.mutation.trial import Copies, Seen, Verdict, try_all
from tests.rows import ROWS

WRONG_WITHOUT = Guard("A1", "nothing", "x.py", "is_well", "is_ill", ())


def test_every_attack_has_a_guard_and_every_guard_a_row() -> None:
    rows = [guard.row for guard in guards()]
    assert [row for row in ROWS if row.startswith("A") and row not in rows] == []
    assert [row for row in rows if row not in ROWS] == []
    assert rows == sorted(rows, key=ROWS.index)


def test_each_guard_is_there_once_and_the_program_can_be_read_without_it() -> None:
    for guard in guards():
        assert guard.text != guard.off, guard.is_off
        ast.parse(guard.without((ROOT / guard.file).read_text()))


def test_the_tests_of_guards_are_there() -> None:
    for guard in guards():
        assert guard.tests, guard.is_off
        for test in guard.tests:
            found = TEST_ID.fullmatch(test)
            assert found, f"{test} is no test"
            assert found["name"] in names_in(found["file"]), test


@pytest.mark.parametrize("program", ["", "is_well or is_well"], ids=["gone", "twice"])
def test_a_guard_that_does_not_stand_there_once_is_told(program: str) -> None:
    with pytest.raises(ValueError, match=r"x\.py has 'is_well'"):
        WRONG_WITHOUT.without(program)


def told(*seen: Seen) -> Sequence[str]:
    return summary([Verdict(guard, one, "", 1.0) for guard, one in zip([WRONG_WITHOUT] * 3, seen, strict=False)])


def test_an_attack_counts_when_all_its_guards_are_seen() -> None:
    assert told(Seen.YES, Seen.YES) == ["A1   2 of 2 guards are seen", "A: 1/1 rows"]
    assert told(Seen.YES, Seen.NO, Seen.BROKEN) == ["A1   1 of 3 guards are seen", "A: 0/1 rows"]


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_every_guard_is_seen_to_guard(tmp_path: Path) -> None:
    """G10: with all of them on every test passes, and without any one of them one fails."""
    copies = Copies(tmp_path)
    assert copies.run(sorted({test for guard in guards() for test in guard.tests})) == (Seen.NO, "all pass")
    verdicts = list(try_all(copies, guards()))
    assert [(one.guard.row, one.guard.is_off, one.words) for one in verdicts if one.seen is not Seen.YES] == []
