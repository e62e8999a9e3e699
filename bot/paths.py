"""Which files a rule is about, by patterns as .gitignore has them (https://git-scm.com/docs/gitignore#_pattern_format).

A pattern without a slash, or with one only at its end, fits at any depth; any other counts from the root. `*` and `?`
stop at a slash, `**` does not; what ends in a slash is a folder with all in it; `!` takes back what one before it says.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pathspec import GitIgnoreSpec

from bot.errors import UserError, shown
from bot.values import ChangedFile


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
            object.__setattr__(self, "_spec", GitIgnoreSpec.from_lines(self.patterns))
        except ValueError as error:
            raise UserError(f"a pattern of paths is wrong: {shown(str(error))}") from error

    def has(self, path: str) -> bool:
        """Tell whether a path is one of them."""
        return self._spec.match_file(path)

    def of(self, files: Iterable[ChangedFile]) -> Sequence[str]:
        """List the paths of changed files that are among them; one that was renamed counts by either name."""
        return [file.path for file in files if any(self.has(name) for name in (file.path, file.before) if name)]

    def have_all(self, files: Sequence[ChangedFile]) -> bool:
        """Tell whether all files are among them, by both names where one was renamed; false for no files."""
        return bool(files) and all(self.has(name) for file in files for name in (file.path, file.before) if name)
