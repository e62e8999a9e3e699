"""Storms: many builds that fail for one cause within minutes are one message that counts up, and says when it is over.

What is known of them is one value of the plugin's store, worked on in one lane: causes that were seen lately, and of
each that is a storm how many builds it has had. It does not grow with the builds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from bot.facts import Diagnosis, Seen
from bot.plugin import Card, Tone
from bot.values import JobRef, Place, PullRef, Subject
from plugins.failures.ended import bare
from plugins.failures.words import verdict

MAX_NODES = 500
MAX_ASKED = 100  # builds of one place that are named until the next time something is said there
MAX_NAMED = 6
MAX_ABOUT = 100  # things that a storm is about, each of which may be muted
MAX_AT_ONCE = 15  # messages of one look: of more than twenty of one handler the rest would only be counted


Hears = Callable[[Place, Sequence[Subject]], bool]


def everybody(place: Place, about: Sequence[Subject]) -> bool:
    """Leave out nobody."""
    return True


@dataclass(frozen=True, slots=True)
class Failure:
    """A build that failed, as far as a storm is about it.

    Arguments:
        same: what it has in common with others.
        head: what that is, in words.
        origin: its pull request, or itself: what fails in one alone is its own matter.
        is_known: it is known trouble, so that one origin is enough.
        places: where it would be told unasked.
        about: what it is about.
    """

    same: str
    head: str
    origin: str
    build: str
    url: str
    node: str
    is_known: bool
    places: tuple[Place, ...]
    about: Subject = field(default_factory=Subject)


@dataclass(slots=True)
class Storm:
    """A cause that was seen lately; a storm since `is_on`.

    Arguments:
        recent: when, where and of what it was seen, until it is a storm.
        told: how many builds it had when that was last said for everybody, and
        shown: when it was last shown where a message can be edited.
        build, url: the newest.
        asked: what was asked for and failed since something was last said, by place.
        about: what its builds are about; their repositories alone, once that is too many things.
    """

    head: str
    recent: list[dict[str, Any]] = field(default_factory=list)
    is_on: bool = False
    count: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    told: int = 0
    shown: int = 0
    build: str = ""
    url: str = ""
    nodes: list[str] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    about: list[dict[str, Any]] = field(default_factory=list)


def load(row: Mapping[str, Any] | None) -> dict[str, Storm]:
    """Read what is kept, by what failures have in common."""
    return {same: Storm(**one) for same, one in (row or {}).items()}


def dump(storms: Mapping[str, Storm]) -> dict[str, Any]:
    """Write what is kept."""
    return {same: asdict(storm) for same, storm in storms.items()}


def head_of(diagnosis: Diagnosis) -> str:
    """Say what all builds of a storm have failed for."""
    return verdict(replace(diagnosis, seen=Seen()))


def add(storms: dict[str, Storm], failure: Failure, now_s: float, *, builds: int, within_s: float) -> Storm | None:
    """Count a failure; return the storm that begins with it.

    Arguments:
        builds, within_s: how many within which time are a storm.
    """
    for same in [same for same, storm in storms.items() if not _matters(storm, now_s, within_s)]:
        del storms[same]
    storm = storms.setdefault(failure.same, Storm(failure.head))
    storm.last_s, storm.build, storm.url = now_s, failure.build, failure.url
    _note(storm, failure.about)
    if storm.is_on:
        _count(storm, failure.node, failure.places)
        return None
    seen = {"at_s": now_s, "origin": failure.origin, "node": failure.node, "places": [*map(asdict, failure.places)]}
    storm.recent = [*(one for one in storm.recent if now_s - one["at_s"] < within_s), seen]
    origins = {one["origin"] for one in storm.recent}
    if len(storm.recent) < builds or (len(origins) < 2 and not failure.is_known):
        storm.recent = storm.recent[-2 * builds :]
        return None
    storm.is_on, storm.first_s = True, storm.recent[0]["at_s"]
    for one in storm.recent:
        _count(storm, one["node"], [Place(**place) for place in one["places"]])
    storm.recent, storm.told, storm.shown = [], storm.count, storm.count
    return storm


def _note(storm: Storm, about: Subject) -> None:
    """Note what a storm is about, so that who has muted all of it hears nothing more."""
    if not about.contexts:
        return
    is_wide = any(not row["context"] for row in storm.about)
    pull, job = about.pull, about.jobs[0] if about.jobs else None
    rows = [
        *storm.about,
        {
            "repo": pull.repo if pull else about.repo,
            "number": pull.number if pull else 0,
            "context": "".join(about.contexts[:1]),
            "job": [job.server, job.full_name] if job else [],
        },
    ]
    if is_wide or len(rows) > MAX_ABOUT:
        rows = [{"repo": row["repo"], "number": 0, "context": "", "job": []} for row in rows]
    storm.about = [row for index, row in enumerate(rows) if row not in rows[:index]]


def subjects(storm: Storm) -> list[Subject]:
    """List what a storm is about."""
    return [
        Subject(
            PullRef(row["repo"], row["number"]) if row["number"] else None,
            (row["context"],) if row["context"] else (),
            (JobRef(*row["job"]),) if row["job"] else (),
            repo=row["repo"],
        )
        for row in storm.about
    ]


def _matters(storm: Storm, now_s: float, within_s: float) -> bool:
    return storm.is_on or bool(storm.asked) or now_s - storm.last_s < within_s


def _count(storm: Storm, node: str, places: Iterable[Place]) -> None:
    storm.count += 1
    if node and node not in storm.nodes and len(storm.nodes) < MAX_NODES:
        storm.nodes.append(node)
    storm.places += [row for place in places if (row := asdict(bare(place))) not in storm.places]


def ask(storm: Storm, place: Place, build: str, url: str) -> None:
    """Note that somebody asked for a build that failed in a storm; they are told together with its others.

    Arguments:
        url: where its log is; of the first one that is named, this is told.
    """
    row = next((one for one in storm.asked if one["place"] == asdict(bare(place))), None)
    if row is None:
        row = {"place": asdict(bare(place)), "names": [], "builds": [], "more": 0, "url": url}
        storm.asked.append(row)
    if place.to and place.to not in row["names"]:
        row["names"].append(place.to)
    if build in row["builds"]:
        return
    if len(row["builds"]) < MAX_ASKED:
        row["builds"].append(build)
    else:
        row["more"] += 1


def news(storms: dict[str, Storm], now_s: float, within_s: float, hears: Hears = everybody) -> list[tuple[Place, Card]]:
    """Tell what is to be said by now of each storm, and forget those that are over; what is too much waits.

    Arguments:
        hears: tells whether a place hears of what a storm is about.
    """
    said: list[tuple[Place, Card]] = []
    for same, storm in list(storms.items()):
        room = MAX_AT_ONCE - len(said)
        said += answers(storm)[:room]
        storm.asked = storm.asked[room:]
        if not storm.is_on or (said and len(said) + len(storm.places) > MAX_AT_ONCE):
            continue
        if now_s - storm.last_s >= within_s and not storm.asked:
            said += to_all(storm, card(same, storm, over(storm)), hears)
            del storms[same]
        elif step(storm.count) > step(storm.told):
            storm.told = storm.shown = storm.count
            said += to_all(storm, card(same, storm, count(storm)), hears)
        elif storm.count > storm.shown:
            storm.shown = storm.count
            said += to_all(storm, replace(card(same, storm, count(storm)), is_step=True), hears)
    return said


def is_busy(storms: Mapping[str, Storm]) -> bool:
    """Tell whether there is something to look at again."""
    return any(storm.is_on or storm.asked for storm in storms.values())


def step(number: int) -> int:
    """Round down to what is worth a line of its own: 10, 30, 100, 300, 1000."""
    found, ten = 0, 10
    while ten <= number:
        found = 3 * ten if 3 * ten <= number else ten
        ten *= 10
    return found


def to_all(storm: Storm, words: Card, hears: Hears) -> list[tuple[Place, Card]]:
    about, places = subjects(storm), [Place(**place) for place in storm.places]
    return [(place, words) for place in places if hears(place, about)]


def beginning(same: str, storm: Storm, hears: Hears = everybody) -> list[tuple[Place, Card]]:
    """Say that many builds fail alike."""
    told = f"{count(storm)}; they are counted here, and not told one by one"
    return to_all(storm, card(same, storm, told), hears)


def card(same: str, storm: Storm, words: str) -> Card:
    """Make the message of a storm, which takes the place of the former one where it can."""
    tone, slot = Tone.BAD, f"storm {same} {storm.first_s:.0f}"
    return Card(words, url=storm.url, tone=tone, slot=slot, brief=f"{words} {storm.url}".rstrip())


def count(storm: Storm) -> str:
    """Say how many builds a storm has had so far, and which was the newest."""
    since = f"{clock(storm.first_s)} UTC{on_nodes(storm)}"
    return f"{storm.head}: {storm.count} builds failed alike since {since}, last {storm.build}"


def over(storm: Storm) -> str:
    """Say what a storm came to."""
    span = f"{clock(storm.first_s)}-{clock(storm.last_s)} UTC"
    nodes = f", {len(storm.nodes)} node{'' if len(storm.nodes) == 1 else 's'}" if storm.nodes else ""
    return f"over: {storm.head}: {storm.count} builds, {span}{nodes}"


def on_nodes(storm: Storm) -> str:
    if not storm.nodes:
        return ""
    return f" on {storm.nodes[0]}" if len(storm.nodes) == 1 else f" on {len(storm.nodes)} nodes"


def answers(storm: Storm) -> list[tuple[Place, Card]]:
    """Answer those who asked for builds that failed in a storm: one line for each place."""
    told = []
    for row in storm.asked:
        place = replace(Place(**row["place"]), to=", ".join(row["names"]))
        named, more = row["builds"][:MAX_NAMED], len(row["builds"][MAX_NAMED:]) + row["more"]
        builds = ", ".join(named) + (f" and {more} more" if more else "")
        alike = f" (as {storm.count} builds have since {clock(storm.first_s)} UTC)" if storm.is_on else ""
        told.append((place, Card(f"{storm.head}: {builds} failed{alike} {row['url']}".rstrip(), tone=Tone.BAD)))
    return told


def clock(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%H:%M}"
