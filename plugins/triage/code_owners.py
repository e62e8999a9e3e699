"""CODEOWNERS as GitHub reads it: the last line that fits a path tells its owners.

https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
has the rules. They are not those of .gitignore everywhere: `docs/*` is what lies in docs and nothing below that, and a
line with `!`, `[` or a `#` behind a backslash is wrong and left out. So this is no business of `bot.plugin.Paths`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from plugins.triage.globs import DEEP, Globs, unescaped

MAX_BYTES = 3_000_000  # GitHub takes no notice of a larger file
MAX_LINE_CHARS = 2000
MAX_PATTERN_CHARS = 300
MAX_DEEP = 4  # `**` of a pattern; each is tried at every folder of a path
MAX_GLOBS = 1000  # lines with `*` or `?`, of which each may have to be tried on each path; the last ones count first
OWNER = re.compile(r"@([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,99})(?:/[A-Za-z0-9_.-]{1,100})?)")
WORD = re.compile(r"(?:\\.|[^\\\s])+")


@dataclass(slots=True)
class CodeOwners:
    """The lines of one file; what names a path as it is, which most do, is looked up and not tried."""

    owners: list[tuple[str, ...]] = field(default_factory=list)
    rooted: dict[str, int] = field(default_factory=dict)
    anywhere: dict[str, int] = field(default_factory=dict)
    patterns: list[tuple[int, str]] = field(default_factory=list)
    globs: Globs = field(default_factory=Globs)

    def of(self, path: str) -> tuple[str, ...] | None:
        """Tell the owners of a path, none where its line names none; None where no line is about it."""
        names = path.split("/")
        found = max(self._named(names), default=-1)
        for glob in self.globs.maybe(names):
            if glob.number <= found:
                break
            if glob.has(names):
                return self.owners[glob.number]
        return self.owners[found] if found >= 0 else None

    def _named(self, names: Sequence[str]) -> Iterator[int]:
        """List the lines that name a path or a folder above it without `*` and `?`."""
        above = ""
        for number, name in enumerate(names, start=1):
            whole = f"{above}{name}"
            above = f"{whole}/"
            keys = [(self.rooted, whole), (self.anywhere, name)]
            if number < len(names):
                keys += [(self.rooted, above), (self.anywhere, f"{name}/")]
            yield from (known[key] for known, key in keys if key in known)

    def add(self, pattern: str, owners: tuple[str, ...]) -> None:
        """Take in a line."""
        number = len(self.owners)
        self.owners.append(owners)
        is_rooted, is_folder = "/" in pattern.rstrip("/"), pattern.endswith("/")
        names = [name for name in pattern.split("/") if name]
        if not names:
            return
        if not any(char in pattern for char in "*?"):
            known = self.rooted if is_rooted else self.anywhere
            known["/".join(map(unescaped, names)) + ("/" if is_folder else "")] = number
            return
        self.patterns.append((number, pattern))


def read(text: str) -> CodeOwners:
    """Read such a file; lines that are wrong, and addresses in place of logins, are left out."""
    known = CodeOwners()
    if len(text.encode(errors="replace")) >= MAX_BYTES:
        return known
    for line in text.splitlines():
        if line.lstrip().startswith("#") or not (words := _words(line)):
            continue
        pattern, *named = words
        if pattern.startswith(("!", "\\#")) or "[" in pattern or "]" in pattern:
            continue
        if len(pattern) > MAX_PATTERN_CHARS or pattern.count(DEEP) > MAX_DEEP:
            continue
        found = [OWNER.fullmatch(each) for each in named]
        if all(one or "@" in each[1:] for one, each in zip(found, named, strict=True)):
            known.add(pattern, unique(one[1] for one in found if one))
    for number, pattern in known.patterns[-MAX_GLOBS:]:
        known.globs.add(number, pattern)
    return known


def unique(logins: Iterable[str]) -> tuple[str, ...]:
    """List logins once each, in whatever case they are written."""
    known: dict[str, str] = {}
    for login in logins:
        known.setdefault(login.casefold(), login)
    return tuple(known.values())


def _words(line: str) -> list[str]:
    """Take a line apart at blanks that no backslash is before, up to a comment."""
    if len(line) > MAX_LINE_CHARS:
        return []
    words = WORD.findall(line)
    end = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:end]
