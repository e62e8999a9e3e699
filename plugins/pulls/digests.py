"""What a place has heard nothing of by itself: as a few lines that name all of it, and as pages for who asks."""

import hashlib
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bot.plugin import UserError
from bot.wording import cut, name
from plugins.pulls.budget import ranges
from plugins.pulls.settings import Kind
from plugins.pulls.told import PHRASES

CHUNK = 40  # of the things that are told together stand in one row on disk
LINES_PER_PAGE = 10
LINE_BYTES = 380
LEAST_RANGES = 3  # of numbers are named for each kind, however many there are
KEPT_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Item:
    """What would have been one line.

    Arguments:
        kinds: what happened, each once.
    """

    repo: str
    number: int
    kinds: tuple[Kind, ...]
    line: str


def new_id(place: str, key: str) -> str:
    """Make the id of what is told together at a place, by the event that it begins with."""
    digest = hashlib.sha256(f"{place}\n{key}".encode()).digest()
    return "".join("abcdefghijkmnpqrstuvwxyz23456789"[byte % 32] for byte in digest[:6])


def digest(items: Sequence[Item], id: str, since: datetime, lines: int, *, is_quiet: bool = False) -> list[str]:
    """Say in a few lines what has happened; a few things as they would have been said by themselves.

    Arguments:
        since: when the first of it came, in UTC.
        is_quiet: it came in hours in which nothing is said.
    """
    if len(items) <= lines:
        return [item.line for item in items]
    pulls = len({(item.repo, item.number) for item in items})
    why = "in quiet hours" if is_quiet else "while it was busy"
    head = f"{why}, since {since:%H:%M} UTC, {pulls} pull request{'' if pulls == 1 else 's'}: "
    tail = f"; by title: digest {id}"
    room = lines * (LINE_BYTES - 40) - len(head) - len(tail)  # words are not cut, so some room of each line stays free
    body, most = _body(items, 10**6), max(len(item.line) for item in items) + len(items)
    while len(body.encode()) > room and most >= LEAST_RANGES:
        most = min(most, 512) * 3 // 4 if most > LEAST_RANGES else 0
        body = _body(items, most)
    body = cut(body, room)
    return textwrap.wrap(f"{head}{body}{tail}", LINE_BYTES, break_long_words=True, break_on_hyphens=False)[:lines]


def _body(items: Sequence[Item], most: int) -> str:
    """Name what happened in each repository, of each kind at most so many rows of numbers."""
    found: dict[str, dict[Kind, list[int]]] = {}
    for item in items:
        for kind in item.kinds:
            found.setdefault(item.repo, {}).setdefault(kind, []).append(item.number)
    return "; ".join(
        f"{name(repo.rpartition('/')[2])}: "
        + ", ".join(_group(kind, kinds[kind], most) for kind in Kind if kind in kinds)
        for repo, kinds in found.items()
    )


def _group(kind: Kind, numbers: Sequence[int], most: int) -> str:
    rows = ranges(numbers)
    named = ", ".join(rows[:most]) + (", ..." if 0 < most < len(rows) else "")
    count = len(set(numbers))
    return f"{count} {PHRASES[kind]} ({named})" if named else f"{count} {PHRASES[kind]}"


def page(id: str, lines: Sequence[str], number: int, pages: int) -> str:
    """Write one page of what was told together."""
    if number < pages:
        lines = [*lines, f"page {number} of {pages}; the next one: digest {id} {number + 1}"]
    return "\n".join(lines)


def page_number(word: str | None, pages: int) -> int:
    """Read which page somebody wants.

    Raises:
        UserError: there is none such.
    """
    if word is None:
        return 1
    if not (word.isascii() and word.isdigit() and len(word) < 6 and 1 <= int(word) <= pages):
        raise UserError(f"there {'is 1 page' if pages == 1 else f'are {pages} pages'}; ask for one by its number")
    return int(word)


def dump(item: Item) -> dict[str, Any]:
    """Write it as JSON has it."""
    return asdict(item)


def load(raw: Mapping[str, Any]) -> Item:
    """Read what `dump` wrote."""
    return Item(raw["repo"], raw["number"], tuple(Kind(kind) for kind in raw["kinds"]), raw["line"])
