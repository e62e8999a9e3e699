"""What `gordon doctor` finds out, and what a neighbour has to be good for; values only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from bot.values import JobRef

At = tuple[str | int, ...]  # where something stands in gordon.toml: keys, and places in lists
SKEWED, TOO_SKEWED = timedelta(seconds=30), timedelta(minutes=5)  # after the second, signatures and tokens do not count
EXPIRES_SOON = timedelta(days=14)


class Condition(StrEnum):
    """How something is; the worst is the last."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Arguments:
        neighbour: whose it is, as people know it: "Jenkins ci".
        check: what was looked at, in a word or two that stay the same: "reachable".
        what: a sentence; of what is not well it says how it is, of `unknown` why nobody can tell.
        remedy: what to do about it: a command, a page, a key of the configuration.
        at: the key of gordon.toml that the remedy is about; empty if it is about none.
    """

    neighbour: str
    check: str
    condition: Condition
    what: str
    remedy: str = ""
    at: At = ()


@dataclass(frozen=True, slots=True)
class About:
    """Writes findings about one neighbour."""

    neighbour: str

    def well(self, check: str, what: str) -> Finding:
        """Say that something is as it should be."""
        return Finding(self.neighbour, check, Condition.OK, what)

    def unknown(self, check: str, what: str, remedy: str = "", at: At = ()) -> Finding:
        """Say that something cannot be told, and why."""
        return Finding(self.neighbour, check, Condition.UNKNOWN, what, remedy, at)

    def warning(self, check: str, what: str, remedy: str, at: At = ()) -> Finding:
        """Say that something will be wrong, or is in part."""
        return Finding(self.neighbour, check, Condition.WARNING, what, remedy, at)

    def wrong(self, check: str, what: str, remedy: str, at: At = ()) -> Finding:
        """Say that something is wrong."""
        return Finding(self.neighbour, check, Condition.WRONG, what, remedy, at)

    def clock(self, ahead: timedelta) -> Finding:
        """Compare a neighbour's clock with ours.

        Arguments:
            ahead: how far theirs is ahead of ours; less than nothing if it is behind.
        """
        told = f"its clock is {abs(ahead).total_seconds():.0f} s {'ahead of' if ahead > timedelta() else 'behind'} ours"
        remedy = "run `timedatectl` here and there: one of the two machines does not keep its time by NTP"
        if abs(ahead) > TOO_SKEWED:
            return self.wrong("clock", told, remedy)
        if abs(ahead) > SKEWED:
            return self.warning("clock", told, remedy)
        return self.well("clock", "its clock is ours to within half a minute")

    def certificate(self, left: timedelta, whose: str) -> Finding:
        """Say for how long a certificate is valid.

        Arguments:
            whose: who has to renew it.
        """
        if left > EXPIRES_SOON:
            return self.well("certificate", f"its certificate is valid for {left.days} days")
        what = f"its certificate is valid for {max(0, left.days)} days only, and nothing is reached after that"
        return self.warning("certificate", what, f"have whoever runs {whose} renew it")


@dataclass(frozen=True, slots=True)
class JobNeeds:
    """What Gordon starts a job with.

    Arguments:
        values: by parameter, the values that the configuration gives it; none if it gives any.
        facts: what it tells jobs of a pull request; what a job does not declare of it is left out.
        is_project: it is a multibranch project, whose jobs come and go.
        at: the key that names the job.
    """

    job: JobRef
    values: Mapping[str, Collection[str]] = field(default_factory=dict)
    facts: Collection[str] = ()
    is_project: bool = False
    at: At = ()


@dataclass(frozen=True, slots=True)
class ServerNeeds:
    """What a build server has to be good for.

    Arguments:
        agents: agents are marked offline and online.
    """

    jobs: Sequence[JobNeeds] = ()
    agents: bool = False


@dataclass(frozen=True, slots=True)
class ForgeNeeds:
    """What the forge has to be good for.

    Arguments:
        accounts: by the number of an account, the person whose it is.
        statuses: it is told how builds stand at commits.
        writes: comments, labels and reactions are written.
        hooks: by repository, the path that its webhook is sent to.
    """

    repos: Sequence[str] = ()
    teams: Sequence[str] = ()
    accounts: Mapping[int, str] = field(default_factory=dict)
    statuses: bool = False
    writes: bool = False
    hooks: Mapping[str, str] = field(default_factory=dict)


def words_of(findings: Sequence[Finding]) -> list[str]:
    """Say what is wrong."""
    return [one.what for one in findings if one.condition is Condition.WRONG]
