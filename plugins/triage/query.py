"""What somebody wants listed: filters, order and repository, in any order of words; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from difflib import get_close_matches

from bot.plugin import UserError
from bot.values import PullSummary
from bot.wording import quoted
from plugins.triage.filters import (
    ABOUT_DRAFTS,
    ALSO,
    KEYS,
    MAX_SHOWN_BYTES,
    WORDS,
    Filter,
    Known,
    Needs,
    all_pass,
    keyed,
    touched,
    word,
)

MONTH = timedelta(days=30)
REVERSE = "reverse"
FILTERS = "filters"  # what is said for the list of all that may be said
MAX_LIMIT = 1000  # more than anybody is shown


@dataclass(frozen=True, slots=True)
class Order:
    """An order of pull requests.

    Arguments:
        words: what comes first; and what does when it is reversed.
        key: what is compared, the largest first; among equal ones the oldest number is first.
    """

    words: str
    reversed_words: str
    key: Callable[[PullSummary], float]


def _opened_s(summary: PullSummary) -> float:
    return summary.created_at.timestamp()


def _touched_s(summary: PullSummary) -> float:
    return touched(summary).timestamp()


OLDEST, NEWEST = "oldest first", "newest first"
LAST, LONG_AGO = "last touched first", "longest untouched first"
ORDERS: Mapping[str, Order] = {
    "age": Order(OLDEST, NEWEST, lambda one: -_opened_s(one)),
    "created": Order(NEWEST, OLDEST, _opened_s),
    "activity": Order(LAST, LONG_AGO, _touched_s),
    "updated": Order(LONG_AGO, LAST, lambda one: -_touched_s(one)),
    "votes": Order("most votes first", "fewest votes first", lambda one: one.votes),
    "popularity": Order(
        "most comments and votes first", "fewest comments and votes first", lambda one: one.remark_count + one.votes
    ),
    "long-running": Order(
        "oldest of the long-running first", "newest of the long-running first", lambda one: -_opened_s(one)
    ),
}


def is_long_running(summary: PullSummary, known: Known) -> bool:
    """Tell whether it was opened more than a month ago and touched within the last, as GitHub has it for that order."""
    return known.now - summary.created_at > MONTH >= known.now - touched(summary)


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody wants listed.

    Arguments:
        repo: in full; empty where none was named.
        limit: how many at most; 0 where nothing was said.
    """

    filters: tuple[Filter, ...] = ()
    repo: str = ""
    order: str = "age"
    is_reversed: bool = False
    limit: int = 0

    @property
    def needs(self) -> Needs:
        """What all of its filters have to be told."""
        needs = Needs.NOTHING
        for one in self.filters:
            needs |= one.needs
        return needs

    @property
    def leaves_drafts_out(self) -> bool:
        """Tell whether drafts are left out, as no filter is about them."""
        return not any(one.text in ABOUT_DRAFTS for one in self.filters)

    @property
    def order_words(self) -> str:
        """What comes first."""
        order = ORDERS[self.order]
        return order.reversed_words if self.is_reversed else order.words

    def chosen(self, found: Iterable[PullSummary], known: Known, *, by_owners: bool = True) -> list[PullSummary]:
        """Choose pull requests, in order.

        Arguments:
            by_owners: also by the filters that need to know who owns files.
        """
        filters = [one for one in self.filters if by_owners or Needs.OWNERS not in one.needs]
        left = [one for one in found if not (one.pull.draft and self.leaves_drafts_out)]
        left = [one for one in left if all_pass(one, filters, known)]
        if self.order == "long-running":
            left = [one for one in left if is_long_running(one, known)]
        sign, key = 1 if self.is_reversed else -1, ORDERS[self.order].key
        return sorted(left, key=lambda one: (sign * key(one), one.pull.ref.number))


def read(words: Sequence[str], repo_of: Callable[[str], str]) -> Query:
    """Read what somebody typed.

    Arguments:
        repo_of: reads the name of a repository, or raises a UserError.

    Raises:
        UserError: a word is no filter; the text names the nearest, or all there are.
    """
    query = Query()
    for text in words:
        key, equals, value = text.partition("=")
        if equals:
            query = _with_value(query, key, value, repo_of)
        elif text.casefold() == REVERSE:
            query = replace(query, is_reversed=True)
        elif found := word(text):
            query = replace(query, filters=(*query.filters, found))
        else:
            query = _in(query, _repo(text, repo_of))
    return query


def _with_value(query: Query, key: str, value: str, repo_of: Callable[[str], str]) -> Query:
    match key.casefold():
        case "sort":
            if value.casefold() not in ORDERS:
                raise UserError(_unknown(f"sort={value}", "order", value, ORDERS))
            return replace(query, order=value.casefold())
        case "limit":
            if not (value.isascii() and value.isdigit() and 1 <= int(value[:5]) <= MAX_LIMIT):
                raise UserError(f"limit={quoted(value, MAX_SHOWN_BYTES)} is no number from 1 to {MAX_LIMIT}")
            return replace(query, limit=int(value))
        case "repo":
            return _in(query, repo_of(value))
    if (found := keyed(key, value)) is None:
        raise UserError(_unknown(f"{key}=", "filter", key, spelled()))
    return replace(query, filters=(*query.filters, found))


def _in(query: Query, repo: str) -> Query:
    if query.repo not in ("", repo):
        raise UserError(f"that is {query.repo} and {repo}; ask for one of them at a time")
    return replace(query, repo=repo)


def _repo(text: str, repo_of: Callable[[str], str]) -> str:
    try:
        return repo_of(text)
    except UserError:
        if "/" in text:
            raise
        raise UserError(_unknown(text, "filter or repository", text, spelled())) from None


def spelled() -> list[str]:
    """List all that may stand in a query, as it is typed."""
    return [
        *WORDS,
        *(f"{key}={kind.value}" for key, kind in KEYS.items()),
        f"sort={'|'.join(ORDERS)}",
        REVERSE,
        "limit=N",
        "REPOSITORY",
    ]


def _unknown(text: str, what: str, meant: str, there: Iterable[str]) -> str:
    """Say that there is no such thing, and which is the nearest; where none is near, what there is."""
    names = {one.partition("=")[0]: one for one in there}
    names |= {old: names[new] for old, new in ALSO.items() if new in names}
    near = get_close_matches(meant.casefold(), names, 1)
    told = f"did you mean {names[near[0]]}? prs {FILTERS} lists all" if near else f"there are: {', '.join(there)}"
    return f"no {what} {quoted(text, MAX_SHOWN_BYTES)}; {told}"
