"""`make soak`: the long runs one after the other, and a table of what came of them.

    python -m tests.soak [busy] [months] [kills] [guards] [rest] [fuzz] [--to FILE]

Without names it plays all of them; the table is printed, and written as Markdown too.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from tests.soak.figures import FIGURE, Row, table

INPUTS = 200_000
FUZZED = (
    *(
        "tests/test_fuzz_commands.py",
        "tests/test_fuzz_irc.py",
        "tests/test_fuzz_hooks.py",
        "tests/test_fuzz_jenkins.py",
    ),
    *("tests/test_fuzz_parsers.py", "tests/test_notification.py", "tests/test_slack_wire.py", "tests/test_config.py"),
    "tests/diagnosis/test_fuzz_logs.py",
)
MONTHS, KILLS, GUARDS = "tests/soak/test_long_run.py", "tests/world/test_random_kills.py", "tests/mutation"
BUSY = "tests/soak/test_busy.py"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the long runs.

    Arguments:
        what: is played, in words.
        arguments: of pytest.
        environment: what is set besides.
    """

    what: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


# What is measured comes first, while nothing else has warmed the machine; the longest comes last.
PARTS = {
    "busy": Part("500 MB, 25 MB, a bad pattern and a plugin that blocks", ("-s", "-m", "soak", BUSY)),
    "months": Part("months of a whole Gordon", ("-s", "-m", "soak", MONTHS)),
    "kills": Part("random kills", ("-s", "-m", "soak", KILLS)),
    "guards": Part("each guard off, and its test fails", ("-m", "soak", GUARDS)),
    "rest": Part(
        "deaths at all points, weeks, storms",
        ("-m", "soak", "-n", "2", *(f"--ignore={path}" for path in (BUSY, MONTHS, KILLS, GUARDS, *FUZZED))),
    ),
    "fuzz": Part(
        f"{INPUTS:,} malformed inputs for each parser",
        ("-n", "2", "--dist", "worksteal", "-o", "timeout=7200", *FUZZED),
        {"GORDON_FUZZ": str(INPUTS)},
    ),
}


def main() -> int:
    """Play the parts that were named, or all, and tell; 1 if one of them failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--to", type=Path, default=Path("build/soak.md"), help="where the table goes, as Markdown")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    found: list[Row] = []
    for name in given.parts or PARTS:
        print(f"-- {name}: {PARTS[name].what}", flush=True)
        found += play(PARTS[name])
        given.to.parent.mkdir(parents=True, exist_ok=True)
        given.to.write_text(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors\n\n{table(found)}\n")
    print(f"\n{table(found)}\n")
    held = sum(row.held for row in found)
    print(f"SOAK: {held} of {len(found)} held" + ("" if held == len(found) else "; NOT HELD: see above"))
    return int(held < len(found))


def play(part: Part) -> Sequence[Row]:
    """Play one part and read what its tests tell of themselves."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = (
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-o",
            "junit_family=xunit1",
            f"--junitxml={report}",
            *part.arguments,
        )
        status = subprocess.run(command, env={**os.environ, "GORDON_SOAK": "1", **part.environment}, check=False)
        minutes = (time.monotonic() - began_s) / 60
        tests = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    bad = [one.get("name", "") for one in tests if one.find("failure") is not None or one.find("error") is not None]
    words = f"{len(tests) - len(bad)} of {len(tests)} tests, {minutes:.0f} min"
    held = status.returncode == 0 and bool(tests)
    return [
        *figures_of(tests),
        Row(part.what, words, "all", held),
        *(Row(f"`{name}`", "failed", "", False) for name in bad),
    ]


def figures_of(tests: Sequence[ElementTree.Element]) -> Iterator[Row]:
    """List what tests have recorded."""
    for test in tests:
        for one in test.iter("property"):
            if one.get("name") == FIGURE:
                yield Row.told(one.get("value", ""))


if __name__ == "__main__":
    sys.exit(main())
