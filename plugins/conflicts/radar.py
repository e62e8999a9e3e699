"""Which pull requests a merge has broken: what was known before each, and what readings tell after it; pure.

A pull request is broken by a merge only if it was known to merge after the one before, with the same head and base.
Where more than one merge lies between, it is one of those, and nobody can tell which. What is not worked out yet counts
as neither.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

# Pull requests that are written to: 400 are new where nobody looked before, with up to three writes each, and whatever
# else is written, as of builds, shares the 500 in an hour that GitHub takes.
SHOWN_AT_MOST, SPAN_S = 30, 600.0
MAX_MERGES = 50  # of a repository; who was last known to merge before all of these is not told as broken by one


@dataclass(frozen=True, slots=True)
class Merge:
    """Something that moved a base branch.

    Arguments:
        serial: counts those of a repository, from 1 on.
        sha: where the branch pointed to then; empty where nobody told.
        number, title, author: of the pull request; 0 for a push of none.
        before: where the branch pointed to before the push.
    """

    base: str
    sha: str = ""
    number: int = 0
    title: str = ""
    author: str = ""
    before: str = ""
    serial: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a pull request was told to stand; `merges` is None while that is being worked out."""

    number: int
    head: str
    base: str
    merges: bool | None
    title: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an open pull request.

    Arguments:
        merges: what was read last; None for nothing yet.
        at: the serial of the newest merge when that was read.
        good: that of the newest merge after which it was known to merge; None if it never was, with this head and base.
        since: the serials of the merges of which one has broken it; empty where none is known to.
        untold: nobody has heard of it yet.
        shown: what its status says at this head.
        is_marked: it may have a comment or a label that says that it is broken.
        title, author: while it is untold.
    """

    head: str
    base: str
    merges: bool | None = None
    at: int = 0
    good: int | None = None
    since: tuple[int, ...] = ()
    untold: bool = False
    shown: bool | None = None
    is_marked: bool = False
    title: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """What there is to tell: the pull requests that one of these merges has broken."""

    merges: tuple[Merge, ...]
    pulls: Mapping[int, Known]


@dataclass(frozen=True, slots=True)
class Radar:
    """All that is known of a repository.

    Arguments:
        is_begun: its open pull requests were read once.
        serial: of the newest merge.
        chain: which row of looks is under way, or was the last one.
        due_s: when its next look is due; 0 when none is.
        since_s: when the first merge came that is looked at now.
        is_late: something came for which the looks that are left may be too few.
        span_s, in_span: since when pull requests are counted that are written to, and how many were.
        more_s: when the rest of them is due; 0 for never.
    """

    is_begun: bool = False
    serial: int = 0
    merges: tuple[Merge, ...] = ()
    pulls: Mapping[int, Known] = field(default_factory=dict)
    chain: int = 0
    due_s: float = 0.0
    since_s: float = 0.0
    is_late: bool = False
    span_s: float = 0.0
    in_span: int = 0
    more_s: float = 0.0

    @property
    def pending(self) -> Sequence[int]:
        """List the pull requests of which it is not known whether they merge now."""
        newest = {merge.base: merge.serial for merge in self.merges}
        return [
            number
            for number, known in self.pulls.items()
            if known.merges is None or known.at < newest.get(known.base, 0)
        ]

    def merge(self, serial: int) -> Merge | None:
        """Find a merge."""
        return next((merge for merge in self.merges if merge.serial == serial), None)


def load(kept: Mapping[str, Any] | None) -> Radar:
    """Read what was kept, which comes back as plain JSON."""
    if not kept:
        return Radar()
    merges = tuple(Merge(**merge) for merge in kept["merges"])
    pulls = {int(number): Known(**{**known, "since": tuple(known["since"])}) for number, known in kept["pulls"].items()}
    return Radar(**{**kept, "merges": merges, "pulls": pulls})


def dump(radar: Radar) -> dict[str, Any]:
    """Make plain JSON of it."""
    return {**asdict(radar), "pulls": {str(number): asdict(known) for number, known in radar.pulls.items()}}


def moved(radar: Radar, merge: Merge) -> Radar:
    """Take in that a base branch has moved; told twice, by the pull request and by the push, it is one merge.

    A push of a branch that no open pull request is to be merged into is left out.
    """
    pulls = {number: known for number, known in radar.pulls.items() if number != merge.number}
    radar = replace(radar, pulls=pulls)
    twin = next((one for one in radar.merges if is_same(one, merge)), None)
    if twin is not None:
        named = replace(merge, serial=twin.serial, sha=merge.sha or twin.sha) if merge.number else twin
        return replace(radar, merges=tuple(named if one is twin else one for one in radar.merges))
    if radar.is_begun and not any(known.base == merge.base for known in pulls.values()):
        return radar
    serial = radar.serial + 1
    merges = (*radar.merges, replace(merge, serial=serial))[-MAX_MERGES:]
    return replace(radar, serial=serial, merges=merges)


def is_same(one: Merge, other: Merge) -> bool:
    """Tell whether two that were told are one merge."""
    if one.base != other.base or (one.number and other.number and one.number != other.number):
        return False
    return (bool(one.sha) and one.sha == other.sha) or (bool(one.number) and one.number == other.number)


def stands(radar: Radar, number: int, head: str, base: str, *, is_marked: bool = False) -> Radar:
    """Take in that a pull request is open, with this head and base."""
    before = radar.pulls.get(number)
    known = before if before and (before.head, before.base) == (head, base) else fresh(before, head, base)
    known = replace(known, is_marked=known.is_marked or is_marked)
    return replace(radar, pulls={**radar.pulls, number: known})


def gone(radar: Radar, number: int) -> Radar:
    """Take in that a pull request is closed or a draft, so that nobody has to rebase it now."""
    return replace(radar, pulls={other: known for other, known in radar.pulls.items() if other != number})


def fresh(before: Known | None, head: str, base: str) -> Known:
    """Begin with a pull request, or with another head of it."""
    return Known(head, base, is_marked=bool(before and before.is_marked))


def read(radar: Radar, readings: Iterable[Reading], *, is_whole: bool) -> Radar:
    """Take in what a reading tells that was begun after the newest merge.

    Arguments:
        is_whole: all that are open are among them, and no others are.
    """
    pulls = {} if is_whole else dict(radar.pulls)
    for one in readings:
        pulls[one.number] = weighed(radar, radar.pulls.get(one.number), one)
    return replace(radar, pulls=pulls, is_begun=radar.is_begun or is_whole)


def weighed(radar: Radar, before: Known | None, one: Reading) -> Known:
    """Say what is known of a pull request once it was read."""
    if before is None or (before.head, before.base) != (one.head, one.base):
        before = fresh(before, one.head, one.base)
    if one.merges is None:
        return before
    known = replace(before, merges=one.merges, at=radar.serial)
    if one.merges:
        return replace(known, good=radar.serial, since=(), untold=False, title="", author="")
    if before.merges is False or before.good is None:
        return known
    between = [merge.serial for merge in radar.merges if merge.base == one.base and merge.serial > before.good]
    if not between or not radar.merges or before.good < radar.merges[0].serial - 1:
        return known
    return replace(known, since=tuple(between), untold=True, title=one.title, author=one.author)


def broken(radar: Radar) -> tuple[Radar, Sequence[Broken]]:
    """Give what nobody has heard of yet, by the merges that may have broken it, and the radar once it is told."""
    groups: dict[tuple[int, ...], dict[int, Known]] = {}
    for number, known in sorted(radar.pulls.items()):
        if known.untold:
            groups.setdefault(known.since, {})[number] = known
    told = {number: replace(known, untold=False, title="", author="") for number, known in radar.pulls.items()}
    found = [Broken(_merges(radar, since), pulls) for since, pulls in sorted(groups.items())]
    return replace(radar, pulls=told), [group for group in found if group.merges]


def to_show(radar: Radar) -> Mapping[int, Known]:
    """Give the pull requests of which something else is to be shown than is."""
    pending = set(radar.pending)
    return {
        number: known
        for number, known in radar.pulls.items()
        if known.merges is not None and number not in pending and known.shown is not known.merges
    }


def turns(radar: Radar, numbers: Collection[int], now_s: float) -> tuple[Radar, Collection[int]]:
    """Choose those that are written to now, a few in each span of time; what a merge has broken comes first."""
    if not 0 <= now_s - radar.span_s < SPAN_S:
        radar = replace(radar, span_s=now_s, in_span=0)
    first = sorted(numbers, key=lambda number: (bool(radar.pulls[number].since), number), reverse=True)
    chosen = first[: max(0, SHOWN_AT_MOST - radar.in_span)]
    return replace(radar, in_span=radar.in_span + len(chosen)), chosen


def shown(radar: Radar, numbers: Collection[int]) -> Radar:
    """Note that it is shown of these how they stand."""
    pulls = {
        number: replace(known, shown=known.merges, is_marked=known.merges is False) if number in numbers else known
        for number, known in radar.pulls.items()
    }
    return replace(radar, pulls=pulls)


def _merges(radar: Radar, serials: Iterable[int]) -> tuple[Merge, ...]:
    return tuple(merge for serial in serials if (merge := radar.merge(serial)) is not None)
