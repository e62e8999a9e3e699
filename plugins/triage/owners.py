"""Who owns which files, as a repository's CODEOWNERS and MAINTAINERS say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # the first that is there counts
MAINTAINERS = "MAINTAINERS"  # in any folder; the nearest one counts


@dataclass(frozen=True, slots=True)
class Owners:
    """The owners of paths: logins, or teams as `owner/team`."""

    def of(self, path: str) -> tuple[str, ...]:
        """Tell who owns a path, nearest first; empty for nobody."""
        raise NotImplementedError


def places(paths: Collection[str]) -> list[str]:
    """List the files in which it may stand who owns these paths, at most a few hundred."""
    raise NotImplementedError


def read(texts: Mapping[str, str]) -> Owners:
    """Read what such files say; whatever is wrong in them is left out."""
    raise NotImplementedError
