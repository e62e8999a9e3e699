"""CODEOWNERS as GitHub reads it: the last line that fits a path tells its owners.

https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
has the rules. They are not those of .gitignore everywhere: `docs/*` is what lies in docs and nothing below that, and a
line with `!`, `[` or a `#` behind a backslash is wrong and left out. So this is no business of `bot.plugin.Paths`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate

MAX_BYTES = 3_000_000  # GitHub takes no notice of a larger file
MAX_LINE_CHARS = 2000
MAX_PATTERN_CHARS = 300
MAX_DEEP = 4  # `**` of a pattern; each is tried at every folder of a path
MAX_GLOBS = 1000  # lines with `*` or `?`, each of which is tried on each path; the last ones, as these count first
OWNER = re.compile(r"@([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,99})(?:/[A-Za-z0-9_.-]{1,100})?)")
WORD = re.compile(r"(?:\\.|[^\\\s])+")
DEEP = "**"

ANY = re.compile(translate("*"))

Segment = re.Pattern[str] | None  # None: any number of folders


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern with `*` or `?` in it.

    Arguments:
        number: of its line; the highest that fits counts.
        is_open: what lies below a folder that fits belongs to it, too.
    """

    number: int
    segments: tuple[Segment, ...]
    is_open: bool

    def has(self, names: Sequence[str]) -> bool:
        """Tell whether a path fits, by the names of its folders and its own."""
        if self.is_open and len(self.segments) == 2 and self.segments[0] is None and self.segments[1] is not None:
            return any(map(self.segments[1].match, names))  # as most of them are, `*.js`
        last, reached = len(self.segments), self._past({0})
        for name in names:
            if not reached:
                return False
            if last in reached and self.is_open:
                return True
            onward = set()
            for at in reached - {last}:
                segment = self.segments[at]
                if segment is None:
                    onward.add(at)
                elif segment.match(name):
                    onward.add(at + 1)
            reached = self._past(onward)
        return last in reached

    def _past(self, reached: set[int]) -> set[int]:
        """Add where one is when folders that may be any number are none."""
        for start in sorted(reached):
            at = start
            while at < len(self.segments) and self.segments[at] is None:
                at += 1
                reached.add(at)
        return reached


@dataclass(slots=True)
class CodeOwners:
    """The lines of one file; what names a path as it is, which most do, is looked up and not tried."""

    owners: list[tuple[str, ...]] = field(default_factory=list)
    rooted: dict[str, int] = field(default_factory=dict)
    anywhere: dict[str, int] = field(default_factory=dict)
    patterns: list[tuple[int, str]] = field(default_factory=list)
    globs: list[Glob] = field(default_factory=list)

    def of(self, path: str) -> tuple[str, ...] | None:
        """Tell the owners of a path, none where its line names none; None where no line is about it."""
        names = path.split("/")
        found = max(self._named(names), default=-1)
        for glob in reversed(self.globs):
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
            known["/".join(map(_unescaped, names)) + ("/" if is_folder else "")] = number
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
    known.globs = [_glob(number, pattern) for number, pattern in known.patterns[-MAX_GLOBS:]]
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


def _glob(number: int, pattern: str) -> Glob:
    names = [name for name in pattern.split("/") if name]
    is_rooted, is_folder = "/" in pattern.rstrip("/"), pattern.endswith("/")
    segments = [*([] if is_rooted else [None]), *map(_segment, names)]
    segments[-1] = segments[-1] or ANY  # `a/**` is all that is in a, but not a itself
    segments += [ANY] if is_folder else []
    return Glob(number, tuple(segments), is_open=is_folder or names[-1] != "*")


def _segment(name: str) -> Segment:
    if name == DEEP:
        return None
    parts = re.split(r"(\\.)", name)
    plain = (f"[{part[1]}]" if part in (r"\*", r"\?") else _unescaped(part) for part in parts)
    return re.compile(translate("".join(plain)))


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)
