"""`[plugin.pulls]`: which places hear of which pull requests, of what happens to them, and how many lines an hour."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from bot.plugin import Paths, QuietHours, Settings, UserError
from bot.values import ChangedFile, Place

MAX_LINES_PER_HOUR = 1000  # when each of them was said is kept


class Kind(StrEnum):
    """What happens to pull requests, the most valuable first."""

    MERGED = "merged"
    CLOSED = "closed"
    OPENED = "opened"
    REOPENED = "reopened"
    READY = "ready"
    DRAFT = "draft"
    CHANGES = "changes-requested"
    APPROVED = "approved"
    REVIEWED = "reviewed"
    DISMISSED = "dismissed"
    ASKED = "review-asked"
    PUSHED = "pushed"
    EDITED = "edited"
    LABELLED = "labelled"


VALUABLE = (Kind.MERGED, Kind.CLOSED, Kind.OPENED, Kind.REOPENED, Kind.READY)
USUAL = (*VALUABLE, Kind.CHANGES, Kind.APPROVED, Kind.REVIEWED, Kind.DISMISSED, Kind.ASKED)


class ChannelPulls(Settings, frozen=True):
    """`[plugin.pulls.channel."NETWORK/#CHANNEL"]`: what one place hears; what is not here is as in `[plugin.pulls]`."""

    repos: tuple[str, ...] = ()  # patterns; empty: those that announce there, or all where none does
    events: tuple[Kind, ...] | None = None
    authors: tuple[str, ...] = ()  # logins, or patterns of them; with `teams` either will do
    not_authors: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()  # of GitHub, "owner/team", one of which the author is in
    labels: tuple[str, ...] = ()  # patterns, one of which a label has
    not_labels: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()  # patterns as in .gitignore, one of which a changed file has
    bases: tuple[str, ...] = ()  # patterns of the branch that it is to be merged into
    drafts: bool | None = None
    bots: bool | None = None
    own: bool | None = None
    lines_per_hour: int | None = None
    quiet: str | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        see_limits(self.lines_per_hour)
        for team in self.teams:
            if not all(team.partition("/")[::2]) or team.count("/") != 1:
                raise ValueError(f'teams has "{team}"; a team is written OWNER/TEAM')
        try:
            Paths(self.paths)
        except UserError as error:
            raise ValueError(f"paths: {error}") from error


class PullsSettings(Settings, frozen=True):
    """`[plugin.pulls]`."""

    announce: bool = False  # the places in `announce` of a repository hear of its pull requests, without a table, too
    events: tuple[Kind, ...] = USUAL
    gather_s: float = 5.0  # what happens to one pull request within it is one line
    drafts: bool = False  # tell of drafts, too, before they are ready
    bots: bool = False  # tell of the pull requests of machines
    own: bool = False  # tell what Gordon itself did, as its labels
    lines_per_hour: int = 20  # at one place; what is more is told together
    quiet: str = ""  # hours in which nothing is said, "22:00-07:00"; what happens then is told together at their end
    zone: str = "UTC"  # of these hours
    channel: dict[str, ChannelPulls] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        if not 0 <= self.gather_s <= 600:
            raise ValueError(f"gather_s must be 0 to 600, is {self.gather_s}")
        see_limits(self.lines_per_hour)
        for name, own in self.channel.items():
            if not all(name.partition("/")[::2]):
                raise ValueError(f'channel has "{name}"; a place is written NETWORK/#CHANNEL')
            _see_quiet(self.quiet if own.quiet is None else own.quiet, own.zone or self.zone)
        _see_quiet(self.quiet, self.zone)

    def teams(self) -> Collection[str]:
        """Name the teams whose members matter here."""
        return {team for own in self.channel.values() for team in own.teams}


def see_limits(lines_per_hour: int | None) -> None:
    """Raise a ValueError for a number of lines that nobody can keep to."""
    if lines_per_hour is not None and not 1 <= lines_per_hour <= MAX_LINES_PER_HOUR:
        raise ValueError(f"lines_per_hour must be 1 to {MAX_LINES_PER_HOUR}, is {lines_per_hour}")


def _see_quiet(text: str, zone: str) -> None:
    if text:
        try:
            QuietHours.parse(text, zone=zone)
        except UserError as error:
            raise ValueError(f"quiet: {error}") from error


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a pull request decides who hears of it, besides who is in which team and which files it changes."""

    repo: str
    author: str
    base: str
    labels: tuple[str, ...] = ()
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What one place hears, all defaults filled in."""

    own: ChannelPulls
    events: tuple[Kind, ...]
    drafts: bool
    bots: bool
    is_own_told: bool
    lines_per_hour: int
    quiet: QuietHours | None

    def hears(self, kind: Kind, *, is_draft: bool = False, is_ours: bool = False) -> bool:
        """Tell whether the place wants to know when something happens.

        Arguments:
            is_draft: the pull request was a draft then.
            is_ours: Gordon itself has done it.
        """
        if kind not in self.events or (is_ours and not self.is_own_told):
            return False
        return self.drafts or not is_draft or kind is Kind.DRAFT

    def covers(self, facts: Facts) -> bool:
        """Tell whether the place hears of a pull request, as far as its facts tell."""
        own = self.own
        return (
            (self.bots or not facts.is_bot)
            and not _has(own.not_authors, facts.author)
            and (not own.authors or bool(own.teams) or _has(own.authors, facts.author))
            and (not own.bases or _has(own.bases, facts.base, folded=False))
            and (not own.labels or any(_has(own.labels, label) for label in facts.labels))
            and not any(_has(own.not_labels, label) for label in facts.labels)
        )

    def has_path(self, files: Sequence[ChangedFile]) -> bool:
        """Tell whether the place hears of a pull request that changes these files."""
        return not self.own.paths or bool(Paths(self.own.paths).of(files))

    def needs_team(self, author: str) -> bool:
        """Tell whether it depends on a team whether the place hears of somebody's pull requests."""
        return bool(self.own.teams) and not _has(self.own.authors, author)


def rule_at(settings: PullsSettings, place: Place) -> Rule:
    """Find what holds at a place."""
    own = None if place.private else _table(settings, place)
    table = own or ChannelPulls()
    quiet = settings.quiet if table.quiet is None else table.quiet
    return Rule(
        table,
        settings.events if table.events is None else table.events,
        settings.drafts if table.drafts is None else table.drafts,
        settings.bots if table.bots is None else table.bots,
        settings.own if table.own is None else table.own,
        settings.lines_per_hour if table.lines_per_hour is None else table.lines_per_hour,
        QuietHours.parse(quiet, zone=table.zone or settings.zone) if quiet else None,
    )


def places_of(settings: PullsSettings, announce: Mapping[str, Sequence[Place]], repo: str) -> list[Place]:
    """List the places that may hear of the pull requests of a repository, each once."""
    repo = next((known for known in announce if known.casefold() == repo.casefold()), repo)
    found = [place for place in announce.get(repo, ()) if settings.announce and _table(settings, place) is None]
    for name, own in settings.channel.items():
        place = Place.parse(name)
        at_home = [known for known, places in announce.items() if any(_is(one, name) for one in places)]
        if _has(own.repos, repo) if own.repos else (not at_home or repo in at_home):
            found.append(place)
    return list(dict.fromkeys(found))


def _table(settings: PullsSettings, place: Place) -> ChannelPulls | None:
    return next((own for name, own in settings.channel.items() if _is(place, name)), None)


def _is(place: Place, name: str) -> bool:
    return str(place).casefold() == name.casefold()


def _has(patterns: Sequence[str], text: str, *, folded: bool = True) -> bool:
    """Tell whether a text is one of these, or has one of them as a pattern; in any case, unless that matters."""
    if folded:
        patterns, text = [pattern.casefold() for pattern in patterns], text.casefold()
    return any(text == pattern or fnmatchcase(text, pattern) for pattern in patterns)
