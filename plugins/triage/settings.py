"""What `[plugin.triage]` may hold."""

from bot.plugin import Settings


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


class TriageSettings(Settings, frozen=True):
    """`[plugin.triage]`."""

    repo: dict[str, RepoTriage] = {}  # noqa: RUF012  each Settings gets its own

    def of(self, repo: str) -> RepoTriage:
        """Tell what holds for a repository, whether it has a table or not."""
        return self.repo.get(repo, RepoTriage())
