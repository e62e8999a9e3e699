"""Tell those who asked, and the repository's channels, how builds ended: one line for what ends close together.

Of builds that others started the channels hear only those that ended badly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, TypeVar

from bot.events import Ask, BuildFinished, BuildStarted, Event
from bot.plugin import Card, Context, Plugin, Settings, Tone, lasting
from bot.values import Cell, Place, PullRef, Result

LOST_S = 60.0  # so late, what should have told the kept outcomes became a dead letter, and another one takes over
MAX_CELLS = 5  # of a failed matrix are named, so that 24 of them do not fill the channel
MAX_CELL_CHARS = 80  # axes and their values are whatever the job's owner wrote
NO_NEWS = (Result.SUCCESS, Result.ABORTED, Result.NOT_BUILT)  # of builds that nobody here has asked for
BAD_FIRST = (Result.FAILURE, Result.UNSTABLE, None, Result.NOT_BUILT, Result.ABORTED, Result.SUCCESS)


class OutcomesSettings(Settings, frozen=True):
    """`[plugin.outcomes]`."""

    gather_s: float = 5.0  # contexts of one push that fail for one reason mostly fail within seconds

    def __post_init__(self) -> None:
        if not 0 <= self.gather_s <= 600:
            raise ValueError(f"gather_s must be 0 to 600, is {self.gather_s}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomesDue(Event):
    """It is time to tell what was gathered for a pull request."""

    pull: PullRef


@dataclass(frozen=True, slots=True)
class Ended:
    """What is kept of a build that is over."""

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


class Asked(Protocol):
    """Something that somebody asked for."""

    @property
    def asks(self) -> tuple[Ask, ...]:
        """Who wants to hear of it."""


A = TypeVar("A", bound=Asked)


plugin = Plugin("outcomes", OutcomesSettings)


@plugin.on(BuildStarted)
async def warn(ctx: Context, event: BuildStarted) -> None:
    """Tell those who asked at once that a build runs with something else than they asked for."""
    if event.differs:
        name = f"{event.context or event.job} #{event.number}"
        told = f"{f'{event.pull.short} {name}' if event.pull else name} {', '.join(event.differs)} {event.url}".rstrip()
        for place, _ in shares((), [event]):
            ctx.tell(place, Card(told, tone=Tone.BAD))


@plugin.on(BuildFinished)
async def keep(ctx: Context, event: BuildFinished) -> None:
    """Keep what a pull request's build came to; tell a job's at once."""
    if not event.ours and event.result in NO_NEWS:
        return
    ended = Ended(
        event.context or str(event.job), event.number, event.url, event.sha,
        event.result, event.note, event.duration_s, event.asks,
        event.built, len(event.cells), bad_cells(event.cells),
    )  # fmt: skip
    if event.pull is None:
        tell(ctx, "", (), [ended])
        return
    now_s = ctx.clock.now().timestamp()
    kept = await ctx.store.get(str(event.pull))
    if needs_due(kept, now_s):
        due = OutcomesDue(
            key=f"outcomes:{event.pull}:{event.key}", lane=event.lane, at=ctx.clock.now(), pull=event.pull
        )
        ctx.later(due, delay_s=ctx.settings.gather_s)
        kept = {"due_s": now_s + ctx.settings.gather_s, "ended": kept["ended"] if kept else []}
    ctx.store.put(str(event.pull), {**kept, "ended": [*kept["ended"], asdict(ended)]})


@plugin.on(OutcomesDue)
async def tell_gathered(ctx: Context, event: OutcomesDue) -> None:
    """Tell what was kept for a pull request, and forget it."""
    kept = await ctx.store.get(str(event.pull))
    if kept:
        ctx.store.put(str(event.pull), None)
        channels = ctx.announce.get(event.pull.repo, ())
        tell(ctx, event.pull.short, channels, [load(row) for row in kept["ended"]])


def tell(ctx: Context, title: str, channels: Iterable[Place], ended: Sequence[Ended]) -> None:
    for place, builds in shares(channels, ended):
        ctx.tell(place, Card(line(title, builds), tone=tone(builds)))


def needs_due(kept: Mapping[str, Any] | None, now_s: float) -> bool:
    """Tell whether nothing is under way that will tell what is kept."""
    return not kept or now_s > kept["due_s"] + LOST_S


def load(row: Mapping[str, Any]) -> Ended:
    """Read what was kept, which comes back as plain JSON."""
    asks = tuple(Ask(ask["name"], Place(**ask["place"]), ask["event_key"]) for ask in row["asks"])
    cells = {"bad_cells": tuple(row.get("bad_cells", ()))}
    return Ended(**{**row, "result": Result(row["result"]) if row["result"] else None, "asks": asks} | cells)


def bad_cells(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Name the cells of a matrix that failed, the worse ones first."""
    bad = sorted(
        (cell for cell in cells if cell.result in (Result.FAILURE, Result.UNSTABLE)),
        key=lambda cell: (cell.result is Result.UNSTABLE, cell.name),
    )
    return tuple(cell.name[:MAX_CELL_CHARS] for cell in bad)


def shares(channels: Iterable[Place], ended: Sequence[A]) -> list[tuple[Place, list[A]]]:
    """Tell who hears what: channels all, askers what they asked for, and no place anything twice."""
    heard: dict[Place, list[A]] = {bare(place): list(ended) for place in channels}
    names: dict[Place, list[str]] = {}
    for build in ended:
        for ask in build.asks:
            place = bare(ask.place)
            if build not in heard.setdefault(place, []):
                heard[place].append(build)
            if ask.place.to and ask.place.to not in names.setdefault(place, []):
                names[place].append(ask.place.to)
    return [(replace(place, to=", ".join(names.get(place, ()))), builds) for place, builds in heard.items()]


def bare(place: Place) -> Place:
    """Leave out who is addressed, so that two askers in one channel get one line."""
    return replace(place, to="")


def line(title: str, ended: Iterable[Ended]) -> str:
    """Say how builds ended, bad ones first; those of one commit together."""
    in_order = sorted(ended, key=lambda build: (BAD_FIRST.index(build.result), build.name, build.number))
    parts = []
    for sha in dict.fromkeys(build.sha for build in in_order):
        told = "; ".join(phrase(build) for build in in_order if build.sha == sha)
        head = f"{title} at {sha:.7}" if title and sha else title
        parts.append(f"{head}: {told}" if head else told)
    return "; ".join(parts)


def tone(ended: Iterable[Ended]) -> Tone:
    """Tell whether this is good news or bad; what was stopped or never ran is neither."""
    results = {build.result for build in ended}
    if results & {Result.FAILURE, Result.UNSTABLE}:
        return Tone.BAD
    return Tone.GOOD if results == {Result.SUCCESS} else Tone.PLAIN


def phrase(build: Ended) -> str:
    built = f"built {build.built:.7} instead of {build.sha:.7}, which was asked for" if build.built else ""
    note = f" ({'; '.join(filter(None, (build.note, built)))})" if build.note or built else ""
    if not build.number:
        return f"{build.name} never left the queue{note}"
    name, took, link = f"{build.name} #{build.number}", lasting(build.duration_s), f"{note} {build.url}".rstrip()
    return {
        Result.SUCCESS: f"{name} passed ({took}){note}",
        Result.FAILURE: f"{name} failed after {took}{where(build)}{link}",
        Result.UNSTABLE: f"{name} ran to its end in {took} but is unstable{where(build)}{link}",
        Result.NOT_BUILT: f"{name} was not built{link}",
        Result.ABORTED: f"{name} was aborted after {took}{note}",
        None: f"{name} was gone before anybody saw its result{link}",
    }[build.result]


def where(build: Ended) -> str:
    """Say in which cells of a matrix a build failed, as many as fit."""
    if not build.bad_cells:
        return ""
    more = len(build.bad_cells) - MAX_CELLS
    named = [*build.bad_cells[:MAX_CELLS], *([f"and {more} more"] if more > 0 else [])]
    return f" in {len(build.bad_cells)} of {build.cells} cells: {'; '.join(named)}"
