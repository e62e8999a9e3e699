"""Which files a rule is about, by patterns as .gitignore has them (https://git-scm.com/docs/gitignore#_pattern_format).

A pattern without a slash, or with one only at its end, fits at any depth; any other counts from the root. `*` and `?`
stop at a slash, `**` does not; what ends in a slash is a folder with all in it; `!` takes back what one before it says,
also a part of a folder, which git does not.
"""

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import re2
from pathspec import GitIgnoreSpec

from bot.errors import Unavailable, UserError, shown
from bot.values import ChangedFile, Pull, PullRef

MAX_READINGS = 3  # of the files of one head, where labels and comments come meanwhile


@dataclass(frozen=True, slots=True)
class Paths:
    """A list of patterns.

    Raises:
        UserError: one of them is none.
    """

    patterns: tuple[str, ...]
    _spec: GitIgnoreSpec = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            if not pattern.strip() or pattern.startswith("#") or not pattern.isprintable():
                raise UserError(f'"{shown(pattern)}" is no pattern of paths')
        try:
            # People type them, and names of files are anybody's: any other engine can be kept busy for hours by both.
            with warnings.catch_warnings():
                # "[[" may mean something else in a Python to come; what it means here is what re2 says.
                warnings.simplefilter("ignore", FutureWarning)
                spec = GitIgnoreSpec.from_lines(map(_folders, self.patterns), backend="re2")
        except (ValueError, re.error, re2.error) as error:  # "a[z-a]", which only the library that it is handed to sees
            raise UserError(f"a pattern of paths is wrong: {shown(str(error))}") from error
        object.__setattr__(self, "_spec", spec)

    def has(self, path: str) -> bool:
        """Tell whether a path is one of them."""
        return self._spec.match_file(path.encode("utf-8", "replace").decode())  # half a character is none

    def of(self, files: Iterable[ChangedFile]) -> Sequence[str]:
        """List the paths of changed files that are among them; one that was renamed counts by either name."""
        return [file.path for file in files if any(self.has(name) for name in (file.path, file.before) if name)]

    def have_all(self, files: Sequence[ChangedFile]) -> bool:
        """Tell whether all files are among them, by both names where one was renamed; false for no files."""
        return bool(files) and all(self.has(name) for file in files for name in (file.path, file.before) if name)


class Listing(Protocol):
    """What of a forge tells which files are changed."""

    async def pull(self, ref: PullRef) -> Pull:
        """Tell how a pull request stands now."""

    async def files(self, ref: PullRef) -> Sequence[ChangedFile]:
        """List all files that it changes."""


async def files_of(forge: Listing, pull: Pull) -> Sequence[ChangedFile]:
    """List the files that the head of a pull request changes, and not those of one that was there meanwhile.

    Whoever pushes texts while the files of code are listed, and then the code again, would have it skipped otherwise.

    Raises:
        Unavailable: it has another head or base by now, or changes all the time.
    """
    known = pull
    for _ in range(MAX_READINGS):
        files, before = await forge.files(pull.ref), known
        known = await forge.pull(pull.ref)
        if (known.head, known.base) != (pull.head, pull.base):
            break
        if known.updated_at == before.updated_at:
            return files
    raise Unavailable("GitHub", f"reading what {pull.head:.7} changes: {pull.ref.short} was changed meanwhile")


def _folders(pattern: str) -> str:
    """Write `a/**/`, the folders below a, so that the library does not take it for `a/**`, all that is below."""
    return f"{pattern}*/" if pattern.endswith("/**/") else pattern
