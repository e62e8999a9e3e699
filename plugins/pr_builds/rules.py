"""`[plugin.pr_builds]`: which pull requests are built by themselves, and which of their contexts."""

from bot.plugin import Settings


class RepoRules(Settings, frozen=True):
    """`[plugin.pr_builds.repo."OWNER/NAME"]`."""


class PrBuildsSettings(Settings, frozen=True):
    """The whole of it."""

    repo: dict[str, RepoRules] = {}  # noqa: RUF012  each Settings gets its own
    per_author: int = 20
    per_repo: int = 200

    def builds(self, repo: str) -> bool:
        """Tell whether the pull requests of a repository are built without anybody's asking."""
        return repo in self.repo
