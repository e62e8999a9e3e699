"""What somebody has said to count as passed: for how long, in which words, and what is told when that is over."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.facts import Fact
from bot.plugin import Settings, UserError, lasting, nearest
from bot.values import Pull, Status, StatusState
from bot.wording import MAX_DESCRIPTION, NOT_BUILT_SINCE, label, name, quoted, stated
from plugins.statuses.words import ENDS, MAX_NAME_BYTES

MAX_SAID_BYTES = 100  # of a description that is repeated in chat
MARK = "overridden by "  # begins each description of ours that says so
SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")
UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86400.0}


class StatusesSettings(Settings, frozen=True):
    """`[plugin.statuses]`."""

    override_s: float = 86400.0  # how long an override counts that says nothing of it
    override_at_most_s: float = 604800.0

    def __post_init__(self) -> None:
        if not 60 <= self.override_at_most_s <= 2_592_000:
            raise ValueError(f"override_at_most_s must be 60 to 2592000, is {self.override_at_most_s}")
        if not 60 <= self.override_s <= self.override_at_most_s:
            raise ValueError(f"override_s must be 60 to override_at_most_s, is {self.override_s}")


@dataclass(frozen=True, slots=True)
class Override:
    """A context that counts as passed at one head of a pull request, whatever its builds come to.

    Arguments:
        id: the key of the command that began it.
        author: whose pull request it is.
        by: the key of whoever gave the command.
        status: what the forge calls the context.
        state, words, url: what is told when it is over, as the newest build has it; empty if nothing is known.
    """

    id: str
    sha: str
    base: str
    author: str
    by: str
    status: str
    until_s: float
    state: str = ""
    words: str = ""
    url: str = ""

    def over(self, now: Status | None, before: "Override | None") -> "Override":
        """Note what is told when it is over: what stood there now, or what another override has kept."""
        if before is not None and before.sha == self.sha:
            return replace(self, state=before.state, words=before.words, url=before.url)
        if now is None or is_overridden(now):
            return self
        return replace(self, state=now.state, words=now.description, url=now.url)

    def after(self, facts: Sequence[Fact], context: str) -> Status:
        """Tell how the context stands when the override is over.

        Arguments:
            facts: what the ledger has of the pull request, for what was not told while it was in force.
        """
        if self.state:
            return Status(self.status, StatusState(self.state), self.words, self.url)
        for fact in facts:
            if fact.context == context and fact.sha == self.sha and not fact.cell and fact.result is not None:
                state, words = ENDS[fact.result]
                why = label(fact.diagnosis, MAX_NAME_BYTES) if state is StatusState.FAILURE else ""
                said = f"#{fact.build.number} {words}"
                return Status(self.status, state, f"{why}: {said}" if why else said, fact.url)
        return Status(self.status, StatusState.PENDING, NOT_BUILT_SINCE)


def read_reason(typed: Sequence[str], settings: StatusesSettings) -> tuple[float, str]:
    """Tell for how many seconds, and why; a time as 90m, 2h or 3d may stand before the reason."""
    found = SPAN.fullmatch(typed[0])
    lasts_s = float(found[1]) * UNITS_S[found[2]] if found else settings.override_s
    if lasts_s > settings.override_at_most_s:
        raise UserError(f"an override counts for {span(settings.override_at_most_s)} at most")
    reason = " ".join(typed[1:] if found else typed).strip()
    if not reason:
        raise UserError("say why, too, for those who find the context green")
    return lasts_s, reason


def find(typed: str, names: Mapping[str, str], known: Mapping[str, Status], pull: Pull) -> str:
    """Find the context that is meant, by its name here or on the forge.

    Arguments:
        names: of each configured context, what the forge calls it; empty if Gordon does not tell it.
        known: how things stand on the forge.
    """
    context = next((one for one, status in names.items() if typed in filter(None, (one, status))), "")
    if not context:
        bad = {one for one, status in names.items() if status in known and not is_green(known[status])}
        failing = f"failing are: {', '.join(sorted(bad))}" if bad else f"none is failing; {nearest(typed, names)}"
        raise UserError(f"{pull.ref.short} has no context {quoted(typed, MAX_SAID_BYTES)}; {failing}")
    if not names[context]:
        raise UserError(f"I do not tell GitHub how {context} stands: it has no status in my configuration")
    return context


def is_green(status: Status | None) -> bool:
    """Tell whether a context has passed by itself."""
    return status is not None and status.state is StatusState.SUCCESS and not is_overridden(status)


def is_overridden(status: Status) -> bool:
    """Tell whether a status is one that an override has set."""
    return status.description.startswith(MARK)


def effect(pull: Pull, context: str, now: Status | None, lasts_s: float) -> str:
    """Say what would be overridden, in words that follow "this would"."""
    at = f"{pull.ref.short} at {pull.head} on {name(pull.base)}"
    return f"have {context} of {at} count as passed for {span(lasts_s)}, {standing(now)}"


def description(by: str, end: str, reason: str) -> str:
    """Say on the commit who has overridden a context, until when and why."""
    start = f"{MARK}{name(by)} until {end}: "
    return start + stated(reason, MAX_DESCRIPTION - len(start.encode()) - 2)


def until(at: datetime, lasts_s: float) -> str:
    """Say when it is over, with the day where that is another one."""
    end = at + timedelta(seconds=lasts_s)
    day = "" if end.date() == at.date() else f"{end.day} {end:%b} "
    return f"{day}{end:%H:%M} UTC"


def span(seconds: float) -> str:
    """Say a span as it is typed: 90m, 24h, 7d."""
    for unit, unit_s in (("d", 86400.0), ("h", 3600.0)):
        if seconds % unit_s == 0 and seconds >= 2 * unit_s:
            return f"{seconds / unit_s:g}{unit}"
    return lasting(seconds)


def standing(status: Status | None) -> str:
    """Say how a context stands on the forge."""
    if status is None:
        return "of which nothing is told there"
    said = f" ({quoted(status.description, MAX_SAID_BYTES)})" if status.description else ""
    return f"which is {status.state}{said}"


def none_there(pull: str, context: str, there: Collection[str]) -> str:
    """Say that nothing is overridden there, and what is."""
    others = f"; overridden is {', '.join(sorted(there))}" if there else ""
    return f"{quoted(context, MAX_SAID_BYTES)} of {pull} is not overridden{others}"
