"""Whether each guard is seen to guard: `python -m tests.mutation` tries all, `python -m tests.mutation A7 F23` some.

Each is turned off in a copy of the program, where at least one of its tests must fail; with all of them on, all pass.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.guards import guards
from tests.mutation.trial import Copies, Seen, Verdict, try_all
from tests.rows import ROWS

WORDS = 150


def main(rows: Sequence[str]) -> int:
    """Try the guards of some rows, or of all, and print a line for each row; 1 if one guards nothing that is seen."""
    if unknown := set(rows) - {guard.row for guard in guards()}:
        print(f"no guard is listed for {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    wanted = [guard for guard in guards() if not rows or guard.row in rows]
    with tempfile.TemporaryDirectory() as folder:
        copies = Copies(Path(folder))
        _, words = copies.run(sorted({test for guard in wanted for test in guard.tests}))
        if words != "all pass":
            print(f"with all guards on: {words}", file=sys.stderr)
            return 1
        verdicts = []
        for verdict in try_all(copies, wanted):
            verdicts.append(verdict)
            print(line_of(verdict), flush=True)
    print()
    for line in summary(verdicts):
        print(line)
    return int(any(verdict.seen is not Seen.YES for verdict in verdicts))


def line_of(verdict: Verdict) -> str:
    """Tell what came of one guard."""
    guard, words = verdict.guard, " ".join(verdict.words.split())
    words = words[:WORDS] if verdict.seen is Seen.YES else words[-10 * WORDS :]
    return f"{guard.row:4} {verdict.took_s:5.1f} s  {guard.is_off}: {verdict.seen} ({words})"


def summary(verdicts: Sequence[Verdict]) -> list[str]:
    """Tell of each row how many of its guards are seen, and then of how many rows all are."""
    by_row: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_row[verdict.guard.row].append(verdict)
    lines, whole = [], defaultdict(list)
    for row in sorted(by_row, key=ROWS.index):
        count = sum(verdict.seen is Seen.YES for verdict in by_row[row])
        whole[row[0]].append(count == len(by_row[row]))
        lines.append(f"{row:4} {count} of {len(by_row[row])} guards are seen")
    return [*lines, *(f"{kind}: {sum(all_seen)}/{len(all_seen)} rows" for kind, all_seen in whole.items())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
