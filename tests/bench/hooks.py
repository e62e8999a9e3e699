"""Webhooks: how many signed deliveries a second are taken in, durably, and whether one is lost by a kill."""

import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.bots import ROOT
from tests.bench.table import Table, percentile, spread
from tests.rigs.hook_server import SECRET_FILE, heads_in

SENDERS = 16
EACH = 240  # some 4,000 in all, whose log is folded a few times
WARM_UP = 40
FEW = (1, 4)  # senders, for what a delivery takes when fewer come at a time
KILLED_AFTER_S = (0.3, 0.5, 0.7)
HOWS = {
    "nothing": "the same page, nothing kept",
    "each": "the same page, a commit for each",
    "book": "Gordon: the page, the book, the journal",
}


@dataclass(frozen=True, slots=True)
class Run:
    """How many deliveries a second were taken, and after how long each was answered.

    Arguments:
        cpu_ms: what one took of the server's processor, which tells the same when others use the machine.
    """

    rate: float
    cpu_ms: float
    times_ms: Sequence[float]


@dataclass(frozen=True, slots=True)
class Server:
    """A page that listens."""

    process: "subprocess.Popen[str]"
    url: str
    secret: str

    def cpu_s(self) -> float:
        """Tell how much of its processor it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_hooks(folder: Path, rounds: int) -> None:
    """Print deliveries per second and the slowest of them, beside no journal and beside a commit for each."""
    runs: dict[str, list[Run]] = {how: [] for how in HOWS}
    few: dict[int, list[Run]] = {senders: [] for senders in FEW}
    for number in range(rounds):
        for how in HOWS:
            with serving(folder / f"{how} {number}", how) as server:
                send(server, SENDERS, WARM_UP, 0)
                runs[how].append(send(server, SENDERS, EACH, WARM_UP))
                for senders in FEW if how == "book" else ():
                    few[senders].append(send(server, senders, EACH, WARM_UP + EACH))
    table = Table(
        f"Webhooks: signed deliveries of 25 KB, {SENDERS} senders, {SENDERS * EACH} in each of {rounds} rounds",
        "how | per second (rounds) | times a commit for each | of no journal | processor ms | median ms | p99 | most",
    )
    rates = {how: statistics.median(run.rate for run in of) for how, of in runs.items()}
    for how, name in HOWS.items():
        of = runs[how]
        ratios = [f"{rates[how] / rates[other]:.2f}" for other in ("each", "nothing")]
        table.row(name, spread([run.rate for run in of], ".0f"), *ratios, *_tail(of))
    for senders, of in few.items():
        table.row(f"Gordon, {senders} at a time", spread([run.rate for run in of], ".0f"), "", "", *_tail(of))
    table.show(
        "goals: Gordon at least 2 times a commit for each, at least 0.5 of no journal, p99 at most 10 ms",
        f"the server has one processor, the senders {'another' if len(_processors()) > 1 else 'the same one'}",
    )
    table = Table("Webhooks: SIGKILL while they come", "killed after s | answered by success | of these lost | twice")
    for after_s in KILLED_AFTER_S:
        answered, lost, twice = _killed(folder / f"killed after {after_s}", after_s)
        table.row(f"{after_s}", f"{answered}", f"{lost}", f"{twice}")
    table.show()


@contextmanager
def serving(folder: Path, how: str) -> Iterator[Server]:
    """Let the page listen in a process and on a processor of its own until it is killed."""
    folder.mkdir()
    secret = folder / SECRET_FILE
    secret.write_text(secrets.token_hex(20))
    secret.chmod(0o600)
    command = [sys.executable, "-m", "tests.rigs.hook_server", str(folder), "/dev/stdout", how, *_processors()[:1]]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process, process.stdout.readline().strip(), secret.read_text())
        finally:
            process.kill()


@contextmanager
def made(server: Server, senders: int, each: int, begin: int) -> Iterator["subprocess.Popen[str]"]:
    """Have all made that is to be sent, in another process; it is sent when a line is written to it."""
    numbers = [str(number) for number in (senders, each, begin)]
    command = [sys.executable, "-m", "tests.bench.hook_senders", server.url, *numbers, *_processors()[-1:]]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        _say(process, server.secret)
        assert _hear(process) == "made"
        yield process


def send(server: Server, senders: int, each: int, begin: int) -> Run:
    """Send deliveries, each of which must be answered by success."""
    with made(server, senders, each, begin) as process:
        before_s = server.cpu_s()
        _say(process, "")
        found = _hear(process)
        cpu_s = server.cpu_s() - before_s
    assert len(found["answered"]) == senders * each
    assert {status for _, status, _ in found["answered"]} == {202}
    count, times_ms = senders * each, [took_ms for *_, took_ms in found["answered"]]
    return Run(count / found["took_s"], cpu_s * 1e3 / count, times_ms)


def _killed(folder: Path, after_s: float) -> tuple[int, int, int]:
    """Kill the server while deliveries come; tell how many it had answered, and how many are lost and there twice."""
    with serving(folder, "book") as server, made(server, SENDERS, EACH, 0) as process:
        _say(process, "")
        time.sleep(after_s)
        server.process.kill()
        found = _hear(process)
    kept = heads_in(folder)
    answered = [head for head, status, _ in found["answered"] if status == 202]
    assert len(answered) < SENDERS * EACH, "it was killed before the end"
    return len(answered), sum(not kept[head] for head in answered), sum(count > 1 for count in kept.values())


def _processors() -> Sequence[str]:
    """Tell which processors there are; the server has the first, the senders the last."""
    return [str(number) for number in sorted(os.sched_getaffinity(0))]


def _say(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _hear(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def _tail(runs: Sequence[Run]) -> list[str]:
    """Tell what one took of the processor, and the median, the p99 and the most of all, as medians of the rounds."""
    tails = [(statistics.median(run.times_ms), percentile(run.times_ms, 0.99), max(run.times_ms)) for run in runs]
    numbers = [f"{statistics.median(each):.1f}" for each in zip(*tails, strict=True)]
    return [f"{statistics.median(run.cpu_ms for run in runs):.2f}", *numbers]
