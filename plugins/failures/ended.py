"""What is kept of a build that is over until it is told, and who hears of which."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, TypeVar

from bot.events import Ask, BuildDiagnosed
from bot.facts import Change, Diagnosis, Fact, FailureClass, Kind, Seen
from bot.values import BuildRef, Cell, JobRef, Place, PullRef, Result, Subject
from bot.wording import label

MAX_CELL_CHARS = 80  # axes and their values are whatever the job's owner wrote
MAX_TEXT_CHARS, MAX_QUOTED, MAX_TESTS = 300, 15, 5


UNKNOWN = Diagnosis(Kind.UNKNOWN, FailureClass.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Try:
    """An earlier try of a build: what it failed with, and where."""

    diagnosis: Diagnosis
    node: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """How a context of a pull request, or a job, stood before: what its builds came to so far.

    Arguments:
        last: what the newest came to.
        counted: what the newest came to that was neither aborted nor not built.
        since: the number of the first build of those that have failed in a row; 0 if the newest has passed.
        builds: how many they are.
        sha: the commit of the newest of them.
        was_told: that they fail was told somewhere, and not merely counted.
        newest: the request id of the one that was told last: once, though two events may tell of it.
        green: the commit of the newest that has passed.
        at_s: when the newest ended.
    """

    last: str = ""
    counted: str = ""
    since: int = 0
    builds: int = 0
    sha: str = ""
    was_told: bool = False
    newest: str = ""
    green: str = ""
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What is kept of a build that is over.

    Arguments:
        name: of its context, or its job.
        job, server: the full name of that, and where it is; `pull` is the pull request in full, if it is of one.
        cells: how many cells its matrix has built; `bad_cells` names those that failed, and `cell_causes` tells of
            each, in the same order, why.
        no_more: why it is not tried again, where that was decided.
        change: how its result stands beside the one `before`.
        before: how its context stood before it.
        at_s: when it ended; 0 if nobody knows.
        earlier: the numbers of its earlier tries.
    """

    request_id: str
    name: str
    number: int
    url: str
    sha: str
    result: Result | None
    note: str
    duration_s: float
    asks: tuple[Ask, ...]
    built: str = ""
    cells: int = 0
    bad_cells: tuple[str, ...] = ()
    cell_causes: tuple[str, ...] = ()
    job: str = ""
    server: str = ""
    pull: str = ""
    ours: bool = True
    node: str = ""
    attempt: int = 1
    no_more: str = ""
    diagnosis: Diagnosis = UNKNOWN
    tries: tuple[Try, ...] = ()
    change: Change = Change.SUCCESS
    before: Past = field(default_factory=Past)
    at_s: float = 0.0
    earlier: tuple[int, ...] = ()

    @property
    def about(self) -> Subject:
        """What is told when it is told."""
        repo, _, number = self.pull.rpartition("#")
        pull, job = PullRef(repo, int(number)) if self.pull else None, JobRef(self.server, self.job)
        builds = tuple(BuildRef(job, each) for each in (*self.earlier, self.number))
        return Subject(pull, (self.name,), (job,), builds=builds)

    @property
    def is_bad(self) -> bool:
        """Whether it failed, or is unstable."""
        return self.result in (Result.FAILURE, Result.UNSTABLE)

    @property
    def is_fix(self) -> bool:
        """Whether it passes where a failure was told before."""
        return self.change is Change.FIXED and self.before.was_told


class Asked(Protocol):
    """Something that somebody asked for."""

    @property
    def asks(self) -> tuple[Ask, ...]:
        """Who wants to hear of it."""


A = TypeVar("A", bound=Asked)


def ended_of(event: BuildDiagnosed, tries: Sequence[Fact], before: Past, change: Change, no_more: str) -> Ended:
    """Take from an event what is told of it.

    Arguments:
        tries: the earlier ones of the same, oldest first.
    """
    end, fact = event.end, event.fact
    causes = {cell.cell: label(cell.diagnosis) for cell in event.cells}
    bad = bad_cells(end.cells)
    return Ended(
        event.request_id,
        event.context or str(event.job),
        end.number,
        end.url,
        event.sha,
        end.result,
        end.note,
        end.duration_s,
        end.asks,
        end.built,
        len(end.cells),
        tuple(name[:MAX_CELL_CHARS] for name in bad),
        tuple(causes.get(name, "") for name in bad),
        str(event.job),
        event.job.server,
        str(event.pull or ""),
        event.ours,
        fact.node or end.node,
        fact.attempt,
        no_more,
        short(fact.diagnosis),
        tuple(Try(short(one.diagnosis), one.node) for one in tries),
        change,
        before,
        fact.finished_at.timestamp() if fact.finished_at else 0.0,
        tuple(one.build.number for one in tries),
    )


def short(diagnosis: Diagnosis) -> Diagnosis:
    """Leave out of a diagnosis what nobody is told, so that what is kept stays small."""
    return replace(
        diagnosis,
        text=diagnosis.text[:MAX_TEXT_CHARS],
        quoted=tuple(line[:MAX_TEXT_CHARS] for line in diagnosis.quoted[:MAX_QUOTED]),
        failed_tests=diagnosis.failed_tests[:MAX_TESTS],
        seen=replace(diagnosis.seen, last=None),
        matched=(),
    )


def after(past: Past, ended: Ended) -> Past:
    """Tell how a context stands after a build of it.

    One that waited for another try and got none may be told after a newer one, and then changes nothing.
    """
    last, newest = str(ended.result or ""), replace(past, newest=ended.request_id, at_s=max(past.at_s, ended.at_s))
    if 0 < ended.at_s < past.at_s:
        return newest
    if ended.result is Result.SUCCESS:
        return Past(last, last, newest=ended.request_id, green=ended.sha, at_s=newest.at_s)
    if not ended.is_bad:
        return replace(newest, last=last)
    since, builds = past.since or ended.number, past.builds + 1
    return replace(newest, last=last, counted=last, since=since, builds=builds, sha=ended.sha, was_told=True)


def bad_cells(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Name the cells of a matrix that failed, the worse ones first."""
    bad = sorted(
        (cell for cell in cells if cell.result in (Result.FAILURE, Result.UNSTABLE)),
        key=lambda cell: (cell.result is Result.UNSTABLE, cell.name),
    )
    return tuple(cell.name for cell in bad)


def load(row: Mapping[str, Any]) -> Ended:
    """Read what was kept, which comes back as plain JSON."""
    return Ended(
        **{
            **row,
            "result": Result(row["result"]) if row["result"] else None,
            "asks": tuple(Ask(ask["name"], Place(**ask["place"]), ask["event_key"]) for ask in row["asks"]),
            "bad_cells": tuple(row["bad_cells"]),
            "cell_causes": tuple(row["cell_causes"]),
            "diagnosis": load_diagnosis(row["diagnosis"]),
            "tries": tuple(Try(load_diagnosis(one["diagnosis"]), one["node"]) for one in row["tries"]),
            "change": Change(row["change"]),
            "before": Past(**row["before"]),
            "earlier": tuple(row.get("earlier", ())),
        }
    )


def load_diagnosis(row: Mapping[str, Any]) -> Diagnosis:
    """Read a diagnosis that was kept."""
    listed = {name: tuple(row[name]) for name in ("quoted", "failed_tests", "matched")}
    kinds = {"kind": Kind(row["kind"]), "failure_class": FailureClass(row["failure_class"])}
    return Diagnosis(**{**row, **kinds, **listed, "seen": Seen(row["seen"]["week"], row["seen"]["month"])})


def dump(ended: Ended) -> dict[str, Any]:
    """Write what is kept, as plain values."""
    return asdict(ended)


def shares(channels: Mapping[Place, Sequence[A]], ended: Sequence[A]) -> list[tuple[Place, list[A]]]:
    """Tell who hears what: channels what is chosen for them, askers what they asked for, and no place anything twice.

    Who asked in a thread hears it there, and a channel does not hear again what a thread of it does.

    Arguments:
        channels: what each of them hears unasked.
        ended: all that there is to tell.
    """
    heard: dict[Place, list[A]] = {
        bare(place): [one for one in chosen if not is_told_under(place, one)] for place, chosen in channels.items()
    }
    names: dict[Place, list[str]] = {}
    for build in ended:
        for ask in build.asks:
            place = bare(ask.place)
            if build not in heard.setdefault(place, []):
                heard[place].append(build)
            if ask.place.to and ask.place.to not in names.setdefault(place, []):
                names[place].append(ask.place.to)
    return [(replace(place, to=", ".join(names.get(place, ()))), builds) for place, builds in heard.items() if builds]


def is_told_under(place: Place, asked: Asked) -> bool:
    """Tell whether somebody asked for something in a thread of a channel."""
    here = place.network, place.channel
    return any(ask.place.thread and (ask.place.network, ask.place.channel) == here for ask in asked.asks)


def bare(place: Place) -> Place:
    """Leave out who is addressed, so that two askers in one channel get one line."""
    return replace(place, to="")
