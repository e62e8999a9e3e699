"""How right the verdicts are: `python -m tests.evaluation [FOLDER] [--half odd|even] [--unseen]`.

The exit status is 1 if a goal is missed, and 2 if there are no labelled logs.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.judge import diagnose, judge
from bot.diagnosis.reading import pages
from bot.diagnosis.scan import scan
from bot.diagnosis.signs import Role
from bot.diagnosis.verdict import FailureClass, Verdict
from tests.bench.table import Table
from tests.evaluation.baselines import first_error, first_fail, last_lines
from tests.evaluation.labels import Label, NoLogs, Outcome, read_labels

BESIDE = Path(__file__).parents[2].parent / "shared" / "data" / "ci-logs"
BASELINES = {
    "the last 15 lines": last_lines,
    "the first error-like line and 7 on each side": first_error,
    "leeroy: 500 characters around the first FAIL": first_fail,
}
CLASS_GOAL, WITHIN_GOAL, EXACT_GOAL = 0.85, 0.85, 0.60
MISSED_GOAL = 1
SHORT = 60  # characters of a telling line in the table


def main() -> None:
    """Judge every log of a folder, and say how often that was right."""
    parser = argparse.ArgumentParser(prog="python -m tests.evaluation", description="Count right verdicts.")
    parser.add_argument("folder", nargs="?", type=Path, default=BESIDE, help="logs with an index.toml")
    parser.add_argument("--half", choices=("odd", "even"), default="", help="only logs with such numbers")
    parser.add_argument(
        "--unseen", action="store_true", help="without the signs whose reference names the log that is judged"
    )
    given = parser.parse_args()
    try:
        labels = read_labels(given.folder, given.half)
    except NoLogs as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    catalogue = load_catalogue()
    outcomes = [Outcome(label, _verdict(label, catalogue, is_unseen=given.unseen)) for label in labels]
    _show_each(outcomes)
    _show_baselines(outcomes)
    sys.exit(0 if _show_totals(outcomes) else 1)


def _verdict(label: Label, catalogue: Catalogue, *, is_unseen: bool) -> Verdict:
    """Judge a log; an unseen one without what was learned from it, but for the last word of its CI."""
    if not is_unseen:
        return diagnose([label.log], catalogue)
    found = scan(pages([label.log]), catalogue)
    hits = tuple(hit for hit in found.hits if hit.role is Role.ENDING or not label.is_named_in(hit.sign.reference))
    return judge(replace(found, hits=hits), catalogue)


def _show_each(outcomes: Sequence[Outcome]) -> None:
    table = Table("Each log", "log|class|told|retry|told|line|told|quoted|how|cause|text")
    for one in outcomes:
        verdict = one.verdict
        how = "exact" if one.is_exact else "within" if one.is_within else "MISSED"
        table.row(
            str(one.label.number),
            one.label.classes[0],
            str(verdict.failure_class) + ("" if one.is_class_right else " WRONG"),
            _word(one.label.retry),
            _word(verdict.retry) + (" FALSE" if one.is_false_retry else " MISSED" if one.is_missed_retry else ""),
            str(one.label.tell or "-"),
            str(verdict.line or "-"),
            "-".join(map(str, verdict.chunk or ())) or "-",
            how,
            verdict.cause or "-",
            verdict.text[:SHORT].replace("|", "/"),
        )
    table.show()


def _show_baselines(outcomes: Sequence[Outcome]) -> None:
    """Say of how many failures the telling line would be quoted."""
    failures = [one for one in outcomes if one.label.tell is not None]
    table = Table("The telling line is quoted", "by|failures|share")
    table.row("Gordon", *_share([one.is_within for one in failures]))
    for name, quote in BASELINES.items():
        hits = []
        for one in failures:
            first, last = quote(one.label.log) or (0, 0)
            hits.append(first <= (one.label.tell or 0) <= last)
        table.row(name, *_share(hits))
    table.show()


def _show_totals(outcomes: Sequence[Outcome]) -> bool:
    """Say how often the verdicts are right; True if all goals are met."""
    failures = [one for one in outcomes if one.label.tell is not None]
    shares = (
        ("class right", [one.is_class_right for one in outcomes], CLASS_GOAL),
        ("telling line quoted", [one.is_within for one in failures], WITHIN_GOAL),
        ("telling line exact", [one.is_exact for one in failures], EXACT_GOAL),
    )
    false, missed = sum(one.is_false_retry for one in outcomes), sum(one.is_missed_retry for one in outcomes)
    passed = [one for one in outcomes if one.label.classes[0] == FailureClass.SUCCESS]
    table = Table("Totals", "what|count|share|goal")
    for name, hits, goal in shares:
        table.row(name, *_share(hits), f">= {goal:.2f}")
    table.row("false retries", str(false), "", "0")
    table.row("missed retries", str(missed), "", f"<= {MISSED_GOAL}")
    table.row("retries where people would not agree", str(sum(one.is_doubtful_retry for one in outcomes)), "", "-")
    table.row("builds that passed, called failed", str(sum(not one.is_class_right for one in passed)), "", "0")
    table.show(f"{len(outcomes)} logs, {len(failures)} of them failures")
    return (
        not false
        and missed <= MISSED_GOAL
        and all(one.is_class_right for one in passed)
        and all(sum(hits) >= goal * len(hits) for _, hits, goal in shares)
    )


def _share(hits: Sequence[bool]) -> tuple[str, str]:
    return f"{sum(hits)} of {len(hits)}", f"{sum(hits) / (len(hits) or 1):.2f}"


def _word(retry: bool | None) -> str:
    return "depends" if retry is None else "yes" if retry else "no"


if __name__ == "__main__":
    main()
