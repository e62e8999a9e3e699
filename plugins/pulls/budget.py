"""How many lines a place hears in an hour, and when it hears of the rest together."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

HOUR_S = 3600.0
MOST_DIGEST_LINES = 3


@dataclass(frozen=True, slots=True)
class Late:
    """What is to be told together at a place.

    Arguments:
        id: by which people ask for it.
        since_s: when the first of it came.
        count: of the lines that it is made of.
    """

    id: str
    since_s: float
    count: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What a place has heard.

    Arguments:
        posts: when the lines of the last hour were said, oldest first.
        due_s: when it is looked next whether what is late may be told; None for never.
        digests: the ids of what was told together and is still kept, oldest first.
    """

    posts: tuple[float, ...] = ()
    late: Late | None = None
    due_s: float | None = None
    digests: tuple[str, ...] = ()


def at(spent: Spent, now_s: float) -> Spent:
    """Forget lines that are more than an hour old; a clock that was set back leaves none that are yet to come."""
    posts = tuple(min(one, now_s) for one in spent.posts if one > now_s - HOUR_S)
    late = spent.late and replace(spent.late, since_s=min(spent.late.since_s, now_s))
    return replace(spent, posts=posts, late=late)


def digest_lines(limit: int) -> int:
    """Tell how many lines of so many in an hour are kept for what is told together."""
    return max(1, min(MOST_DIGEST_LINES, limit // 4))


def admits(spent: Spent, limit: int, now_s: float, *, is_valuable: bool) -> bool:
    """Tell whether one more line may be said now; `spent` is of this moment.

    What is not valuable leaves a quarter for what is. After an hour what is late has its turn before anything else.
    """
    if spent.late is not None and now_s >= spent.late.since_s + HOUR_S:
        return False
    room = limit - digest_lines(limit) if limit > 1 else limit - (spent.late is not None)
    return len(spent.posts) < (room if is_valuable else max(min(room, 1), room * 3 // 4))


def digest_at(spent: Spent, limit: int, now_s: float) -> float:
    """Tell when what is late may be told, if nothing else is said before; `spent` is of this moment.

    That is once half of the lines may be said again, or after an hour, so that there are few of these.
    """
    if spent.late is None:
        raise ValueError("nothing is late")
    over_s, lines = spent.late.since_s + HOUR_S, digest_lines(limit)
    for moment_s in sorted({now_s, over_s, *(one + HOUR_S for one in spent.posts)}):
        used = sum(one + HOUR_S > moment_s for one in spent.posts)
        if moment_s >= now_s and used + lines <= limit and (moment_s >= over_s or used <= limit // 2):
            return moment_s
    raise AssertionError("after an hour nothing is left of what was said")


def said(spent: Spent, now_s: float, lines: int = 1) -> Spent:
    """Count lines that are said now."""
    return replace(spent, posts=(*spent.posts, *[now_s] * lines))


def dump(spent: Spent) -> dict[str, Any] | None:
    """Write it as JSON has it; None for a place of which nothing is to be kept."""
    return asdict(spent) if spent != Spent() else None


def load(raw: Mapping[str, Any] | None) -> Spent:
    """Read what `dump` wrote."""
    if not raw:
        return Spent()
    late = Late(**raw["late"]) if raw["late"] else None
    return Spent(tuple(raw["posts"]), late, raw["due_s"], tuple(raw["digests"]))


def ranges(numbers: Iterable[int]) -> list[str]:
    """Write numbers as people do, those in a row as one: #3, #5-#9."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return [f"#{row[0]}" if len(row) == 1 else f"#{row[0]}{'-' if len(row) > 2 else ', '}#{row[-1]}" for row in found]
