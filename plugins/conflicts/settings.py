"""`[plugin.conflicts]`: in which repositories conflicts are looked for, and what is done about them."""

from bot.plugin import Settings


class RepoConflicts(Settings, frozen=True):
    """`[plugin.conflicts.repo."OWNER/NAME"]`."""

    tell: bool = True  # the places in `announce` of the repository hear which pull requests a merge has broken
    status: str = ""  # under which name each head is told whether it merges: "docker/mergeable"; empty: not at all
    comment: bool = False  # one comment on what does not merge, gone when it does
    label: str = ""  # on what does not merge: "needs-rebase"; empty: none

    def __post_init__(self) -> None:
        for key, value in (("status", self.status), ("label", self.label)):
            if len(value) > 50 or value != value.strip() or not value.isprintable():
                raise ValueError(f"{key} must be a name of at most 50 characters, is {value!r}")

    @property
    def shows(self) -> bool:
        """Tell whether anything is written on pull requests."""
        return bool(self.status or self.comment or self.label)


class ConflictsSettings(Settings, frozen=True):
    """`[plugin.conflicts]`."""

    settle_s: float = 10.0  # how long after a merge it is looked; what is still worked out then is asked for again
    repo: dict[str, RepoConflicts] = {}  # noqa: RUF012  each Settings gets its own

    def __post_init__(self) -> None:
        if not 0.01 <= self.settle_s <= 600:
            raise ValueError(f"settle_s must be 0.01 to 600, is {self.settle_s}")

    def name_of(self, repo: str) -> str:
        """Tell how a repository is written here, which may be told in any case; empty where nothing is wanted of it."""
        return next((name for name in self.repo if name.casefold() == repo.casefold()), "")
