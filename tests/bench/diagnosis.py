"""The diagnosis of long logs: how fast, beside the bare engines and what others do, in how much memory.

Each way runs in a process of its own, on one processor. Rounds are interleaved, and what counts is seconds of the
processor, so that others on the machine disturb little; they do share its caches.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.diagnosis.signs import Scope
from tests.bench import logs
from tests.bench.catalogues import patterns, write_catalogue
from tests.bench.table import Table, spread

COUNTS = (10, 100, 1000)
WHOLE_MB = 256
# What is slow gets less of the same kind of log: so many MB for each number of signatures.
FULL = dict.fromkeys(COUNTS, WHOLE_MB)
PYTHON_MB = {10: 16, 100: 4, 1000: 1}
JAVA_MB = {10: 16, 100: 4, 1000: 1}
RIPGREP_MB = {10: 64, 100: 64, 1000: 4}
HOSTILE: dict[str, Callable[[Path, int], None]] = {
    "one line": logs.write_one_line,
    "aaa...!": logs.write_same_letter,
    "each line a failure": logs.write_all_planted,
}
HOSTILE_MB = (25, 100)
STALL_LOG_MB = 64
JAVA = Path(__file__).with_name("BfaScan.java")


class Bench:
    """Runs ways over logs, which are written when they are first needed.

    Arguments:
        folder: where logs and catalogues go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.cache = folder / "cache"

    def log(self, megabytes: int, kind: str = "plain") -> Path:
        """Give a log of so many MB."""
        path = self._folder / f"{list(logs.KINDS).index(kind)}-{megabytes}.log"
        if not path.exists():
            logs.write_log(path, megabytes, kind)
        return path

    def hostile(self, name: str, megabytes: int) -> Path:
        """Write a log that was made to hurt."""
        path = self._folder / "hostile.log"
        HOSTILE[name](path, megabytes)
        return path

    def catalogue(self, count: int, scope: Scope = Scope.LINE) -> Path:
        """Give a catalogue of so many signatures."""
        path = self._folder / f"{count}-{scope}.toml"
        if not path.exists():
            write_catalogue(path, count, scope)
        return path

    def run(
        self, way: str, count: int, log: Path, *, scope: Scope = Scope.LINE, watched: bool = False
    ) -> dict[str, float]:
        """Let one way look through a log once; its rate in MB (10**6 bytes) per second is added to what it tells."""
        if way == "java":
            told = self._java(count, log)
        elif way == "ripgrep":
            told = self._ripgrep(count, log)
        else:
            command = [sys.executable, "-m", "tests.bench.scanners", way, str(count), str(log)]
            command += ["--catalogue", str(self.catalogue(count or 10, scope)), *(["--watched"] if watched else [])]
            told = json.loads(_output(command, self.cache))
        told["rate"] = log.stat().st_size / 1e6 / max(told["scan_s"], 1e-6)
        return told

    def warm(self, way: str, count: int, scope: Scope = Scope.LINE) -> None:
        """Let Hyperscan compile, which is done when a first long log is scanned."""
        self.run(way, count, self.log(32), scope=scope)

    def _java(self, count: int, log: Path) -> dict[str, float]:
        classes = self._folder / "classes"
        if not classes.exists():
            subprocess.run(["javac", "-d", str(classes), str(JAVA)], check=True)
        wanted = self._folder / f"{count}.tsv"
        lines = [f"{pattern.ignores_case:d}\t{pattern.regex}\n" for pattern in _of_lines(count)]
        wanted.write_text("".join(lines))
        found: dict[str, float] = json.loads(
            _output(["java", "-cp", str(classes), "BfaScan", str(wanted), str(log)], self.cache)
        )
        return found

    def _ripgrep(self, count: int, log: Path) -> dict[str, float]:
        wanted = self._folder / f"{count}.rg"
        wanted.write_text("".join(f"(?{'i' if one.ignores_case else '-i'}){one.regex}\n" for one in _of_lines(count)))
        before = os.times()
        command = [
            "rg",
            "--no-unicode",
            "--dfa-size-limit",
            "256M",
            "--threads",
            "1",
            "-c",
            "-f",
            str(wanted),
            str(log),
        ]
        lines = int(_output(command, self.cache) or 0)
        after = os.times()
        used_s = after.children_user + after.children_system - before.children_user - before.children_system
        return {"ready_s": 0.0, "scan_s": used_s, "found": lines, "peak_mb": 0.0}


def measure_diagnosis(folder: Path, rounds: int) -> None:
    """Print how fast long logs are looked through, how soon a catalogue is ready, stalls, hostile lines and memory."""
    bench = Bench(folder)
    with _on_one_processor():
        _ways(bench, rounds)
        _kinds(bench, rounds)
        _ready(bench, rounds)
        _hostile(bench, rounds)
        _memory(bench)
    _stalls(bench, rounds)


def _ways(bench: Bench, rounds: int) -> None:
    ways: list[tuple[str, str, dict[int, int]]] = [
        ("read and count lines", "reading", FULL),
        ("Hyperscan alone, stream of 64 KB", "hyperscan_stream", FULL),
        ("Hyperscan alone, blocks of whole lines", "hyperscan_block", FULL),
        ("Gordon", "ours", FULL),
        ("RE2's Set alone, blocks of whole lines", "re2_set", FULL),
        ("Python's re, by line and expression", "python_re", PYTHON_MB),
    ]
    absent = []
    for title, way, program, sizes in (
        ("Java's Pattern as in Build Failure Analyzer", "java", "javac", JAVA_MB),
        ("ripgrep, all expressions", "ripgrep", "rg", RIPGREP_MB),
    ):
        if shutil.which(program):
            ways.append((title, way, sizes))
        else:
            absent.append(f"{title}: there is no {program} here")
    rates: dict[tuple[str, int], list[float]] = defaultdict(list)
    found: dict[tuple[str, int], float] = {}
    for count in COUNTS:
        bench.warm("ours", count)
    for _ in range(rounds):
        for _, way, sizes in ways:
            for count, megabytes in sizes.items():
                told = bench.run(way, count, bench.log(megabytes))
                rates[way, count].append(told["rate"])
                found[way, count] = told["found"]
    table = Table(
        f"A plain log of {WHOLE_MB} MB, MB/s, {rounds} rounds",
        " | ".join(["way", *(f"{count} signatures | of the bare engine" for count in COUNTS), "MB of log"]),
    )
    for title, way, sizes in ways:
        cells = []
        for count in COUNTS:
            times = statistics.median(rates[way, count]) / statistics.median(rates["hyperscan_stream", count])
            cells += [spread(rates[way, count], ".3g" if sizes[count] < WHOLE_MB else ".0f"), f"{times:.2g}"]
        table.row(title, *cells, "/".join(dict.fromkeys(map(str, sizes.values()))))
    java = statistics.median(rates["ours", 100]) / statistics.median(rates["java", 100]) if rates["java", 100] else 0
    table.show(
        *absent,
        f"signatures found by Gordon: {[found['ours', count] for count in COUNTS]}, by the bare engine:"
        f" {[found['hyperscan_stream', count] for count in COUNTS]}",
        *([f"Gordon / Build Failure Analyzer's way at 100: {java:.0f}"] if java else []),
        "goals: 0.6 of the bare engine; 1 GB/s at 100; 500 MB/s at 1,000; 500 times Build Failure Analyzer's way",
    )


def _kinds(bench: Bench, rounds: int) -> None:
    rows: list[tuple[str, str, str, Scope]] = [
        *(("100 signatures", kind, "ours", Scope.LINE) for kind in logs.KINDS),
        ("100 signatures that may be wrapped", "plain", "ours", Scope.WRAPPED),
        *(("all that is shipped, to the verdict", kind, "ours_shipped", Scope.LINE) for kind in logs.KINDS),
    ]
    rates: dict[int, list[float]] = defaultdict(list)
    bench.warm("ours", 100, Scope.WRAPPED)
    bench.warm("ours_shipped", 0)
    for _ in range(rounds):
        for at, (_, kind, way, scope) in enumerate(rows):
            rates[at].append(bench.run(way, 100, bench.log(WHOLE_MB, kind), scope=scope)["rate"])
    table = Table(f"Logs of {WHOLE_MB} MB of several kinds, {rounds} rounds", "catalogue | log | MB/s")
    for at, (title, kind, _, _) in enumerate(rows):
        table.row(title, kind, spread(rates[at], ".0f"))
    table.show("goals at 100: 4 % coloured 500 MB/s, each line stamped or coloured 150 MB/s")


def _ready(bench: Bench, rounds: int) -> None:
    kept = bench.cache
    table = Table(f"A catalogue ready, {rounds} rounds", "catalogue | cold ms | compiled s | from the cache ms")
    for title, count, scope, way in (
        ("1,000 signatures", 1000, Scope.LINE, "ours"),
        ("1,000 signatures that may be wrapped", 1000, Scope.WRAPPED, "ours"),
        ("all that is shipped", 0, Scope.LINE, "ours_shipped"),
    ):
        cold, compiled, cached = [], [], []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as cache:
                bench.cache = Path(cache)
                cold.append(bench.run(way, count, bench.log(1), scope=scope)["ready_s"] * 1000)
                compiled.append(bench.run("compiling", count, bench.log(1), scope=scope)["ready_s"])
                bench.warm(way, count, scope)
                cached.append(bench.run(way, count, bench.log(1), scope=scope)["ready_s"] * 1000)
        table.row(title, spread(cold, ".0f"), spread(compiled), spread(cached, ".1f"))
    bench.cache = kept
    table.show(
        "cold it is RE2 that scans the first 8 MB or 2 s, before Hyperscan compiles; imports are not in it; goals for"
        " 1,000: 1.5 s, and 10 ms from the cache"
    )


def _hostile(bench: Bench, rounds: int) -> None:
    small, large = HOSTILE_MB
    table = Table(
        f"Hostile logs, 1,000 signatures, {rounds} rounds", f"log | ms/MB at {small} MB | at {large} MB | ratio"
    )
    for name in HOSTILE:
        per_mb: dict[int, list[float]] = defaultdict(list)
        for _ in range(rounds):
            for megabytes in HOSTILE_MB:
                per_mb[megabytes].append(1000 / bench.run("ours", 1000, bench.hostile(name, megabytes))["rate"])
        ratio = statistics.median(per_mb[large]) / statistics.median(per_mb[small])
        table.row(name, spread(per_mb[small]), spread(per_mb[large]), f"{ratio:.2f}")
    table.show("linear is a ratio of 1; what is done once makes it less")


def _memory(bench: Bench) -> None:
    table = Table(
        "The most memory above the start of the process, MB",
        "log | 1,000 signatures | all that is shipped | the same, compiled on the way",
    )
    cases = [
        ("32 MB", bench.log(32)),
        (f"{WHOLE_MB} MB", bench.log(WHOLE_MB)),
        ("one line of 100 MB", bench.hostile("one line", 100)),
    ]
    kept = bench.cache
    bench.warm("ours", 1000)
    bench.warm("ours_shipped", 0)
    for title, log in cases:
        peaks = [bench.run(way, 1000, log)["peak_mb"] for way in ("ours", "ours_shipped")]
        with tempfile.TemporaryDirectory() as cache:
            bench.cache = Path(cache)
            peaks.append(bench.run("ours_shipped", 0, log)["peak_mb"])
            bench.cache = kept
        table.row(title, *(f"{peak:.0f}" for peak in peaks))
    table.show("imports, catalogue and all; goal: 80 MB whatever the size")


def _stalls(bench: Bench, rounds: int) -> None:
    table = Table(f"The longest wait of another thread, {STALL_LOG_MB} MB, {rounds} rounds", "log | ms")
    cases: list[tuple[str, Path]] = [(kind, bench.log(STALL_LOG_MB, kind)) for kind in logs.KINDS]
    bench.warm("ours_shipped", 0)
    for title, log in [*cases, ("each line a failure", bench.hostile("each line a failure", STALL_LOG_MB))]:
        table.row(title, spread([bench.run("ours_shipped", 0, log, watched=True)["stall_ms"] for _ in range(rounds)]))
    table.show("with all that is shipped, on all processors; waits for other programs are in it; goal: 20 ms")


def _of_lines(count: int) -> list[Any]:
    return [pattern for pattern in patterns(count) if not pattern.names_line_breaks]


def _output(command: list[str], cache: Path) -> str:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


@contextmanager
def _on_one_processor() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
