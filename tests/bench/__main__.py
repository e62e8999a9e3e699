"""How fast it is, each number beside its baseline in the same run: `python -m tests.bench [reading effect ...]`.

It is never a failure to be slow; the goals stand under the tables.
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench.busy import measure_busy
from tests.bench.chat import measure_effect, measure_reading, measure_start
from tests.bench.diagnosis import measure_diagnosis
from tests.bench.hooks import measure_hooks
from tests.bench.journal import measure_journal
from tests.bench.ledger import measure_ledger
from tests.bench.pr_week import measure_pr_week
from tests.bench.prs import measure_prs
from tests.bench.pulls import measure_pulls
from tests.bench.slack import measure_slack
from tests.bench.verdict import measure_verdict


def main() -> None:
    """Measure what is named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure, beside baselines.")
    parser.add_argument(
        "what",
        nargs="*",
        help="reading, effect, journal, start, hooks, slack, pulls, prs, diagnosis, ledger, verdict, busy, pr-week; "
        "or all",
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured; the median counts")
    parser.add_argument("--commands", type=int, default=200, help="commands in a round")
    parser.add_argument(
        "--latency-ms", type=float, nargs="+", default=[0.0, 50.0], help="what each request of prs takes besides"
    )
    parser.add_argument("--folder", type=Path, help="where databases go; a disk, no memory file system")
    given = parser.parse_args()
    measures: Mapping[str, Callable[[Path], None]] = {
        "reading": lambda folder: measure_reading(folder, given.rounds, given.commands),
        "effect": lambda folder: measure_effect(folder, given.rounds, given.commands),
        "journal": lambda folder: measure_journal(folder, given.rounds),
        "start": lambda folder: measure_start(folder, given.rounds),
        "hooks": lambda folder: measure_hooks(folder, given.rounds),
        "slack": measure_slack,
        "pulls": lambda folder: measure_pulls(folder, given.rounds),
        "prs": lambda folder: measure_prs(folder, given.rounds, given.latency_ms),
        "diagnosis": lambda folder: measure_diagnosis(folder, given.rounds),
        "ledger": lambda folder: measure_ledger(folder, given.rounds),
        "verdict": lambda folder: measure_verdict(folder, given.rounds),
        "busy": measure_busy,
        "pr-week": measure_pr_week,
    }
    if unknown := set(given.what) - set(measures):
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}; there are: {', '.join(measures)}")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start"
    )
    for name in given.what or measures:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            Path(folder).chmod(0o755)  # ngircd turns into nobody and reads its configuration here
            measures[name](Path(folder))


if __name__ == "__main__":
    main()
