"""What is measured of a Gordon from outside its process, and what becomes of the figures."""

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

WARM = 0.2  # of the run; until then caches and pools fill
COMMENTED = "PullCommented"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process held at a moment.

    Arguments:
        progress: how much of the run was over, 0 to 1.
        rss_kb: its memory.
        files: descriptors that were open.
        edge, work: tasks on its two loops.
        disk_bytes: its database, with the log beside it.
    """

    progress: float
    rss_kb: int
    files: int
    threads: int
    edge: int
    work: int
    disk_bytes: int


def sample(pid: int, told: Path, database: Path, progress: float) -> Sample:
    """Measure a process by what the kernel, its own file and the disk say."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    inside = last_line(told)
    return Sample(
        progress,
        int(status["VmRSS"].split()[0]),
        len([*Path(f"/proc/{pid}/fd").iterdir()]),
        int(status["Threads"]),
        inside.get("edge", 0),
        inside.get("work", 0),
        sum(each.stat().st_size for each in database.parent.glob(f"{database.name}*")),
    )


def last_line(told: Path) -> Mapping[str, int]:
    """Read the newest whole line that a Gordon has told of itself."""
    with told.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = [line for line in file.read().split(b"\n") if line.startswith(b'{"edge"') and line.endswith(b"}")]
    return msgspec.json.decode(lines[-1]) if lines else {}


def growth(samples: Sequence[Sample], warm: float = WARM) -> float:
    """Tell by which share memory grew from when all was warm to the end, by the medians of two fifths of the run."""
    first = [one.rss_kb for one in samples if warm <= one.progress < warm + 0.2]
    last = [one.rss_kb for one in samples if one.progress >= 0.8]
    return median(last) / median(first) - 1 if first and last else 0.0


class Told:
    """Everything that a journal has accepted, read as it comes, as what is old is forgotten there.

    Arguments:
        kinds: how many events there were of each kind.
        ticks: the same of ticks, by handler.
        comments: the keys of those that tell of comments.
    """

    def __init__(self, database: Path) -> None:
        self.kinds: Counter[str] = Counter()
        self.ticks: Counter[str] = Counter()
        self.comments: set[str] = set()
        self._database = database
        self._last = 0

    @property
    def count(self) -> int:
        """How many there were."""
        return self.kinds.total()

    def read(self) -> None:
        """Read what is new."""
        query = "SELECT rowid, kind, key FROM events WHERE rowid > ? ORDER BY rowid"
        for row, kind, key in rows(self._database, query, self._last):
            self._last = row
            self.kinds[kind] += 1
            if kind == "Tick":
                self.ticks[key.split(":", 1)[1].rsplit(":", 2)[0]] += 1
            elif kind == COMMENTED:
                self.comments.add(key)


def rows(database: Path, query: str, *given: object) -> Sequence[tuple[Any, ...]]:
    """Ask a database that another process writes."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20) as opened:
        found: list[tuple[Any, ...]] = opened.execute(query, given).fetchall()
    opened.close()
    return found


def table_sizes(database: Path) -> Mapping[str, int]:
    """Count the rows of each table."""
    names = [str(row[0]) for row in rows(database, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: int(str(rows(database, f'SELECT count(*) FROM "{name}"')[0][0])) for name in names}


def grown(tellings: Iterable[Mapping[str, int]], least: int = 200) -> Mapping[str, Sequence[int]]:
    """Name what grew at each telling, and by at least so much in all: what may be a leak."""
    told = list(tellings)
    names = {name for each in told for name in each}
    found = {name: [each.get(name, 0) for each in told] for name in sorted(names)}
    return {
        name: sizes
        for name, sizes in found.items()
        if sizes[-1] - sizes[0] >= least and all(before < after for before, after in pairwise(sizes))
    }
