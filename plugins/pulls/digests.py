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
ID_CHARS = 6
PAGE_CHARS = 3  # fewer than an id has
LEAST_RANGES = 3  # of numbers are named for each kind, however many there are
KEPT_S = 7 * 86400.0
_Group = tuple[str, list[tuple[Kind, int, list[str]]]]  # a repository, and of each kind how many and which


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
    return "".join("abcdefghijkmnpqrstuvwxyz23456789"[byte % 32] for byte in digest[:ID_CHARS])


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
    tail = f"; by title: digest\N{NO-BREAK SPACE}{id}"  # which must stand in one line
    room = lines * (LINE_BYTES - 40) - len(head) - len(tail)  # words are not cut, so some room of each line stays free
    groups = _groups(items)
    most = max(len(rows) for _, kinds in groups for _, _, rows in kinds)
    while len((body := _body(groups, most)).encode()) > room and most:
        most = min(most, 512) * 3 // 4 if most > LEAST_RANGES else 0
    body = cut(body, room)
    wrapped = textwrap.wrap(f"{head}{body}{tail}", LINE_BYTES, break_long_words=True, break_on_hyphens=False)
    return [one.replace("\N{NO-BREAK SPACE}", " ") for one in wrapped]


def _groups(items: Sequence[Item]) -> list[_Group]:
    """Gather by repository and kind how many pull requests there are, and their numbers, those in a row as one."""
    found: dict[str, dict[Kind, set[int]]] = {}
    for item in items:
        for kind in item.kinds:
            found.setdefault(item.repo, {}).setdefault(kind, set()).add(item.number)
    return [
        (repo, [(kind, len(kinds[kind]), ranges(kinds[kind])) for kind in Kind if kind in kinds])
        for repo, kinds in found.items()
    ]


def _body(groups: Sequence[_Group], most: int) -> str:
    """Name what happened in each repository, of each kind at most so many rows of numbers."""
    return "; ".join(
        f"{name(repo.rpartition('/')[2])}: " + ", ".join(_kind(kind, count, rows, most) for kind, count, rows in kinds)
        for repo, kinds in groups
    )


def _kind(kind: Kind, count: int, rows: Sequence[str], most: int) -> str:
    named = ", ".join(rows[:most]) + (", ..." if 0 < most < len(rows) else "")
    return f"{count} {PHRASES[kind]} ({named})" if named else f"{count} {PHRASES[kind]}"


def page(id: str, lines: Sequence[str], number: int, pages: int) -> str:
    """Write one page of what was told together."""
    if number < pages:
        lines = [*lines, f"page {number} of {pages}; the next one: digest {id} {number + 1}"]
    return "\n".join(lines)


def asked(id: str | None, page: str | None) -> tuple[str, str | None]:
    """Tell which digest somebody wants, and which page; a short number alone is a page of the newest."""
    if id and page is None and id.isascii() and id.isdigit() and len(id) <= PAGE_CHARS:
        return "", id
    return id or "", page


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
