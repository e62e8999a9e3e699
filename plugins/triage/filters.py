"""The words that narrow a list of pull requests: what each lets through, and what has to be known for that; pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Flag, auto

from bot.plugin import Paths, UserError
from bot.values import PullSummary, StatusState
from bot.wording import quoted
from plugins.triage.settings import RepoTriage
from plugins.triage.waiting import Whom, approvals, counted, is_author, objections, waiting

ME = "me"
BOT = "[bot]"  # ends the login of an App's account
WAITS = {
    "author": Whom.AUTHOR,
    "review": Whom.REVIEWERS,
    "builds": Whom.CI,
    "hold": Whom.HOLDER,
    "github": Whom.FORGE,
    "merge": Whom.MERGER,
}
COUNT = re.compile(r"(?P<number>\d{1,3})(?P<more>\+?)", re.ASCII)
LOGIN = re.compile(r"@?(?P<name>[\w.-]{1,64}(\[bot\]|/[\w.-]{1,100})?)", re.ASCII)
GLOB = frozenset("*?[")
MAX_SHOWN_BYTES = 60  # of a value that somebody typed


class Needs(Flag):
    """What a filter has to be told beside the list."""

    NOTHING = 0
    FILES = auto()
    OWNERS = auto()
    ACCOUNT = auto()  # which account of the forge is the asker's
    LOGIN = auto()  # what that is called


@dataclass(frozen=True, slots=True)
class Me:
    """The asker's account of the forge.

    Arguments:
        names: its login, and its teams as `owner/team`, as far as they are known.
    """

    number: int
    names: frozenset[str] = frozenset()


def nobody(path: str) -> Sequence[str]:
    """Tell that a path has no owners."""
    return ()


@dataclass(frozen=True, slots=True)
class Known:
    """What filters know beside a pull request; `me` and `owners_of` say nothing unless a filter needs them."""

    now: datetime
    wanted: RepoTriage
    me: Me = Me(0)
    owners_of: Callable[[str], Sequence[str]] = nobody


Test = Callable[[PullSummary, Known], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as it was typed, and what it lets through."""

    text: str
    test: Test
    needs: Needs = Needs.NOTHING


@dataclass(frozen=True, slots=True)
class Keyed:
    """A filter with a value.

    Arguments:
        value: what may stand behind the equals sign, for people.
        make: makes the test of a value, or raises a UserError that says what is wrong with it.
    """

    value: str
    make: Callable[[str], Test]
    needs: Needs = Needs.NOTHING


def touched(summary: PullSummary) -> datetime:
    """Tell when something last happened to a pull request."""
    return summary.pull.updated_at or summary.created_at


def is_bots(summary: PullSummary) -> bool:
    """Tell whether a bot has opened it."""
    return summary.pull.author.endswith(BOT)


def is_unanswered(summary: PullSummary) -> bool:
    """Tell whether nobody but its author and bots has said anything, as far as the newest remarks tell."""
    who = [*(remark.author for remark in summary.remarks), *(review.author for review in summary.reviews)]
    return all(one.is_bot or is_author(summary, one) for one in who)


def is_red(summary: PullSummary, wanted: RepoTriage) -> bool:
    """Tell whether a context that counts has failed; what broke, and has to be built again, says nothing of it."""
    return any(one.state is StatusState.FAILURE for one in counted(summary, wanted))


def is_green(summary: PullSummary, wanted: RepoTriage) -> bool:
    """Tell whether each context that counts has passed; where none was told yet, none has."""
    passed = [one.context for one in counted(summary, wanted) if one.state is StatusState.SUCCESS]
    return bool(passed) and len(passed) == (len(wanted.required) or len(summary.statuses))


def is_approved(summary: PullSummary, wanted: RepoTriage) -> bool:
    """Tell whether as many people have approved its head as its repository wants, and one at least."""
    return len(approvals(summary)) >= max(1, wanted.approvals)


def folded(names: Iterable[str]) -> frozenset[str]:
    """Make names such that those that are one name for the forge are equal."""
    return frozenset(name.removeprefix("@").casefold() for name in names)


def owns_some(names: frozenset[str], summary: PullSummary, known: Known) -> bool:
    """Tell whether one of these owns a file that a pull request changes."""
    return any(not names.isdisjoint(folded(known.owners_of(path))) for path in summary.files)


def may_review(names: frozenset[str], summary: PullSummary, known: Known) -> bool:
    """Tell whether a review of one of these is asked for, or they own what is changed; nobody reviews their own."""
    is_own = summary.pull.author.casefold() in names
    return not is_own and (not names.isdisjoint(folded(summary.asked)) or owns_some(names, summary, known))


def _by(login: str) -> Test:
    if login.casefold() == ME:
        return lambda one, known: one.pull.author_id == known.me.number
    names = _named(login)
    return lambda one, known: one.pull.author.casefold() in names


def _people(holds: Callable[[frozenset[str], PullSummary, Known], bool]) -> Callable[[str], Test]:
    """Make tests of what is true for somebody, by login or team, or for whoever asks."""

    def make(login: str) -> Test:
        if login.casefold() == ME:
            return lambda one, known: holds(folded(known.me.names), one, known)
        names = _named(login)
        return lambda one, known: holds(names, one, known)

    return make


def _named(login: str) -> frozenset[str]:
    if not (found := LOGIN.fullmatch(login)):
        raise UserError(f"{quoted(login, MAX_SHOWN_BYTES)} is no login")
    return folded([found["name"]])


def _approvals(value: str) -> Test:
    if not (found := COUNT.fullmatch(value)):
        raise UserError(f"approvals={quoted(value, MAX_SHOWN_BYTES)} is no number; say approvals=2, or approvals=2+")
    number = int(found["number"])
    if found["more"]:
        return lambda one, known: len(approvals(one)) >= number
    return lambda one, known: len(approvals(one)) == number


def _waits(value: str) -> Test:
    if value.casefold() not in WAITS:
        raise UserError(f"waits={quoted(value, MAX_SHOWN_BYTES)} is nothing; say one of {', '.join(WAITS)}")
    whom = WAITS[value.casefold()]
    return lambda one, known: waiting(one, known.wanted).whom is whom


def _within(value: str) -> Test:
    """Take what is in a folder, or a file, from the root; with `*`, `?` or `[` in it a pattern as .gitignore has."""
    if not GLOB.isdisjoint(value):
        paths = Paths((value,))
        return lambda one, known: any(map(paths.has, one.files))
    root = value.strip("/")
    return lambda one, known: any(f"{path}/".startswith(f"{root}/") for path in one.files)


def _ending(value: str) -> Test:
    end = f".{value.removeprefix('.')}".casefold()
    return lambda one, known: any(path.casefold().endswith(end) for path in one.files)


def _labelled(value: str) -> Test:
    return lambda one, known: value.casefold() in folded(one.pull.labels)


def _not_labelled(value: str) -> Test:
    return lambda one, known: value.casefold() not in folded(one.pull.labels)


def _into(value: str) -> Test:
    return lambda one, known: one.pull.base == value


WORDS: Mapping[str, Test] = {
    "new": lambda one, known: known.now - one.created_at < timedelta(hours=known.wanted.new_hours),
    "stale": lambda one, known: known.now - touched(one) >= timedelta(days=known.wanted.stale_days),
    "conflicts": lambda one, known: one.pull.mergeable is False,
    "draft": lambda one, known: one.pull.draft,
    "with-drafts": lambda one, known: True,
    "approved": lambda one, known: is_approved(one, known.wanted),
    "changes": lambda one, known: bool(objections(one)),
    "no-answer": lambda one, known: is_unanswered(one),
    "mine": _by(ME),
    "assigned": lambda one, known: bool(one.assignees),
    "unassigned": lambda one, known: not one.assignees,
    "red": lambda one, known: is_red(one, known.wanted),
    "green": lambda one, known: is_green(one, known.wanted),
    "bots": lambda one, known: is_bots(one),
    "no-bots": lambda one, known: not is_bots(one),
}
ALSO = {"drafts": "draft", "no-merge": "conflicts", "lgtm": "approved", "user": "author", "extension": "ext"}
ABOUT_DRAFTS = ("draft", "with-drafts")
KEYS: Mapping[str, Keyed] = {
    "approvals": Keyed("N|N+", _approvals),
    "author": Keyed("LOGIN|me", _by),
    "review": Keyed("LOGIN|me", _people(may_review), Needs.FILES | Needs.OWNERS),
    "maintainer": Keyed("LOGIN|me", _people(owns_some), Needs.FILES | Needs.OWNERS),
    "assigned": Keyed("LOGIN|me", _people(lambda names, one, known: not names.isdisjoint(folded(one.assignees)))),
    "waits": Keyed("|".join(WAITS), _waits),
    "dir": Keyed("daemon/", _within, Needs.FILES),
    "ext": Keyed("go", _ending, Needs.FILES),
    "label": Keyed("NAME", _labelled),
    "not-label": Keyed("NAME", _not_labelled),
    "base": Keyed("BRANCH", _into),
}


def word(text: str) -> Filter | None:
    """Read a filter that is a word; None if it is none."""
    name = ALSO.get(text.casefold(), text.casefold())
    if name not in WORDS:
        return None
    return Filter(name, WORDS[name], Needs.ACCOUNT if name == "mine" else Needs.NOTHING)


def keyed(key: str, value: str) -> Filter | None:
    """Read a filter with a value; None if there is none of this name.

    Raises:
        UserError: the value is none for it.
    """
    name = ALSO.get(key.casefold(), key.casefold())
    if name not in KEYS:
        return None
    kind = KEYS[name]
    if not value:
        raise UserError(f"{name}= needs a value: {name}={kind.value}")
    needs = kind.needs
    if value.casefold() == ME and ME in kind.value:
        needs |= Needs.ACCOUNT if name == "author" else Needs.ACCOUNT | Needs.LOGIN
    return Filter(f"{name}={value}", kind.make(value), needs)


def all_pass(summary: PullSummary, filters: Collection[Filter], known: Known) -> bool:
    """Tell whether each of some filters lets a pull request through."""
    return all(one.test(summary, known) for one in filters)
