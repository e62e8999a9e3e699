"""Turning a guard off in a copy of the program, and running the tests that must see it.

A test that fails only because the program does not run without the guard has seen nothing: that is no verdict.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from xml.etree import ElementTree

from tests.mutation.guards import ROOT, Guard

AT_ONCE = 2
LIMIT_S = 600.0  # of the tests of one guard
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info"
)
FEW = {"GORDON_FUZZ": "300"}  # what is tried at random finds a guard that is off soon
NO_VERDICT = re.compile(
    r"(?:SyntaxError|IndentationError|ImportError|ModuleNotFoundError|NameError|UnboundLocalError"
    r"|TypeError|AttributeError|collection failure|failed on setup)\b"
)


class Seen(StrEnum):
    """What came of a run without a guard."""

    YES = "seen"
    NO = "no test fails"
    BROKEN = "the program is broken without it"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests of a guard said when it was off.

    Arguments:
        words: the failure that counts, or what else came of it.
    """

    guard: Guard
    seen: Seen
    words: str
    took_s: float


class Copies:
    """Copies of the repository, each of which is one trial's at a time.

    Arguments:
        folder: where they go.
    """

    def __init__(self, folder: Path, count: int = AT_ONCE) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        self._changes = 0
        for number in range(count):
            shutil.copytree(ROOT, folder / str(number), ignore=LEFT_OUT, symlinks=True)
            self._free.put(folder / str(number))

    @contextmanager
    def one(self) -> Iterator[Path]:
        """Have a copy to oneself."""
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)

    def run(self, tests: Iterable[str]) -> tuple[Seen, str]:
        """Run tests in a copy as it is."""
        with self.one() as copy:
            return _run(copy, tests)

    def try_without(self, guard: Guard) -> Verdict:
        """Run the tests of a guard in a copy where it is off."""
        began_s = time.monotonic()
        with self.one() as copy:
            file = copy / guard.file
            whole = file.read_text()
            try:
                self._write(file, guard.without(whole))
                seen, words = _run(copy, ("-x", *guard.tests))
            finally:
                self._write(file, whole)
        return Verdict(guard, seen, words, time.monotonic() - began_s)

    def _write(self, file: Path, text: str) -> None:
        """Write a file with a time that no earlier version of it had, by which Python knows what it has compiled."""
        file.write_text(text)
        self._changes += 1
        at_s = time.time() + 2.0 * self._changes
        os.utime(file, (at_s, at_s))


def try_all(copies: Copies, wanted: Sequence[Guard]) -> Iterator[Verdict]:
    """Try the program without each guard, a few at once, and tell of each in their order."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield from threads.map(copies.try_without, wanted)


def _run(copy: Path, arguments: Iterable[str]) -> tuple[Seen, str]:
    report = copy.with_suffix(".xml")
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-p", "no:randomly", f"--junitxml={report}"]
    environment = {key: value for key, value in os.environ.items() if key not in ("GORDON_SOAK", "PYTEST_ADDOPTS")}
    ended = subprocess.run(
        [*command, *arguments],
        cwd=copy,
        env=environment | FEW | {"PYTHONPATH": str(copy)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if ended.returncode == 0:
        return Seen.NO, "all pass"
    if ended.returncode != 1 or not report.exists():
        return Seen.BROKEN, (ended.stdout + ended.stderr)[-2000:]
    failures = [
        f"{case.get('name')}: {kind.get('message', '')}"
        for case in ElementTree.parse(report).iter("testcase")
        for kind in case
        if kind.tag in ("failure", "error")
    ]
    real = [one for one in failures if not NO_VERDICT.search(one.partition(": ")[2])]
    return (Seen.YES, real[0]) if real else (Seen.BROKEN, "; ".join(failures))
