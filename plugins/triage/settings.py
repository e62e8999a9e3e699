"""What `[plugin.triage]` may hold."""

import re
from collections.abc import Collection

from bot.plugin import Settings

TEAM = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
MAX_APPROVALS = 20  # as many reviews are read of each pull request


class RepoTriage(Settings, frozen=True):
    """`[plugin.triage.repo."OWNER/NAME"]`: what a pull request needs before it is merged.

    Arguments:
        approvals: reviews that approve the head, of different people, not of the author.
        required: contexts of the forge, as it is told them, that must have passed; empty: all that were told.
        hold_labels: labels that keep it from being merged.
        stale_days: without anything happening to it.
        new_hours: since it was opened.
    """

    approvals: int = 1
    required: tuple[str, ...] = ()
    hold_labels: tuple[str, ...] = ("do-not-merge", "wip", "status/blocked")
    stale_days: float = 14.0
    new_hours: float = 24.0

    def __post_init__(self) -> None:
        if not 0 <= self.approvals <= MAX_APPROVALS:
            raise ValueError(f"approvals must be 0 to {MAX_APPROVALS}, is {self.approvals}")
        if not 0 < self.stale_days <= 3650:
            raise ValueError(f"stale_days must be more than 0 and at most 3650, is {self.stale_days}")
        if not 0 < self.new_hours <= 8760:
            raise ValueError(f"new_hours must be more than 0 and at most 8760, is {self.new_hours}")


class TriageSettings(Settings, frozen=True):
    """`[plugin.triage]`.

    Arguments:
        members_of: teams, as `owner/team`, of which it is known who is in them: what is theirs is their members' too.
    """

    members_of: tuple[str, ...] = ()
    repo: dict[str, RepoTriage] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        for team in self.members_of:
            if not TEAM.fullmatch(team):
                raise ValueError(f'members_of has "{team}"; a team is written OWNER/TEAM')

    def teams(self) -> Collection[str]:
        """Name the teams whose members matter here."""
        return self.members_of

    def of(self, repo: str) -> RepoTriage:
        """Tell what holds for a repository, whether it has a table or not."""
        return self.repo.get(repo, RepoTriage())
