"""What fails by itself and how often, from what was counted."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from heapq import nsmallest

from bot import codec
from bot.facts import FlakeRow
from bot.tallies import Row, Where

MOST_JOBS = 3  # that are named of one cause, test or node
Place = tuple[str, str]  # server and name


def flaking(
    kind: str, rows: Sequence[Row], wheres: Sequence[Where], job_runs: Mapping[Place, int], word: str
) -> Sequence[FlakeRow]:
    """List what failed by itself, the most often first.

    A cause or test could have happened in each run of the jobs in which it did.

    Arguments:
        kind: "cause", "test", "job" or "node"; what rows are of.
        word: only what has this in its name, in whichever case.
    """
    in_jobs: dict[Place, list[tuple[int, Place]]] = defaultdict(list)
    for name, server, job, failed in wheres:
        in_jobs[server if kind == "node" else "", name].append((-failed, (server, job)))
    label_of_job = labels_of(job_runs)
    merged = _merged(rows)
    label_of = labels_of(merged) if kind in ("job", "node") else {place: place[1] for place in merged}
    found = []
    for place, row in merged.items():
        if row.failed <= 0 or word.lower() not in label_of[place].lower():
            continue
        jobs = in_jobs[place]
        runs = row.runs if kind in ("job", "node") else sum(job_runs.get(job, 0) for _, job in jobs)
        named = tuple(label_of_job.get(job, job[1]) for _, job in nsmallest(MOST_JOBS, jobs))
        found.append(_flake(label_of[place], row._replace(runs=runs), named))
    return sorted(found, key=_worst_first)


def flaking_labels(rows: Sequence[Row], word: str) -> Sequence[FlakeRow]:
    """List the tags, or of nodes without tags the labels, on whose nodes most failed by itself."""
    merged: dict[str, Row] = {}
    for row in rows:
        for name in tags_of(row.name, row.detail):
            label = f"{name[0]}={name[1]}"
            merged[label] = _added(merged[label], row) if label in merged else row
    found = [
        _flake(label, row, ()) for label, row in merged.items() if row.failed > 0 and word.lower() in label.lower()
    ]
    return sorted(found, key=_worst_first)


@lru_cache(4096)
def tags_of(node: str, detail: str) -> Collection[tuple[str, str]]:
    """Tell the tags that a node had, as kind and value; where it had none its labels, but not its own name."""
    if not detail:
        return ()
    labels, tags = codec.load(detail)
    return tuple(tags.items()) or tuple(("label", label) for label in labels if label != node)


def labels_of(places: Iterable[Place]) -> Mapping[Place, str]:
    """Name jobs or nodes; where two servers have one of a name, with the server."""
    places = list(places)
    servers = Counter(name for _, name in set(places))
    return {(server, name): f"{server}/{name}" if servers[name] > 1 else name for server, name in places}


def _merged(rows: Sequence[Row]) -> Mapping[Place, Row]:
    merged: dict[Place, Row] = {}
    for row in rows:
        place = (row.server, row.name)
        merged[place] = _added(merged[place], row) if place in merged else row
    return merged


def _added(one: Row, other: Row) -> Row:
    return one._replace(
        runs=one.runs + other.runs,
        failed=one.failed + other.failed,
        again=one.again + other.again,
        passed=one.passed + other.passed,
        before=one.before + other.before,
        last_s=max(one.last_s, other.last_s),
    )


def _flake(name: str, row: Row, jobs: tuple[str, ...]) -> FlakeRow:
    last = datetime.fromtimestamp(row.last_s, UTC)
    return FlakeRow(name, row.runs, row.failed, row.again, row.passed, row.before, last, jobs)


def _worst_first(row: FlakeRow) -> tuple[int, float, str]:
    return -row.failed, -row.rate, row.name
