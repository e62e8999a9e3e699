"""Patterns of CODEOWNERS with `*` or `?`, of which only those are tried on a path that may fit it.

Each is found by words of it that stand in whatever fits: what the path begins with, the name of a file or folder
anywhere, or how a name begins or ends. Of a thousand patterns as people write them a few are left for each path.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import translate

DEEP = "**"
MAX_PART = 12  # characters of how a name begins or ends
ANY = re.compile(translate("*"))
SIGNS = re.compile(r"\\.|.", re.DOTALL)

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


Found = dict[str, list[Glob]]


@dataclass(slots=True)
class Globs:
    """Such patterns, by what must stand in a path that fits; the rest of them is tried on each."""

    by_path: Found = field(default_factory=dict)
    by_name: Found = field(default_factory=dict)
    by_start: Found = field(default_factory=dict)
    by_end: Found = field(default_factory=dict)
    rest: list[Glob] = field(default_factory=list)
    sizes: set[int] = field(default_factory=set)  # of what paths begin with, in `by_path`

    def add(self, number: int, pattern: str) -> None:
        """Take in the pattern of a line, among those that have few beside them."""
        names = [name for name in pattern.split("/") if name]
        is_rooted, is_folder = "/" in pattern.rstrip("/"), pattern.endswith("/")
        segments = [*([] if is_rooted else [None]), *map(_segment, names)]
        segments[-1] = segments[-1] or ANY  # `a/**` is all that is in a, but not a itself
        segments += [ANY] if is_folder else []
        glob = Glob(number, tuple(segments), is_open=is_folder or names[-1] != "*")
        found = [(known, key) for known, key in self._words(names, is_rooted=is_rooted) if key]
        if not found:
            self.rest.append(glob)
            return
        known, key = min(found, key=lambda one: (len(one[0].get(one[1], ())), -len(one[1])))
        known.setdefault(key, []).append(glob)
        self.sizes |= {len(key)} if known is self.by_path else set()

    def maybe(self, names: Sequence[str]) -> Sequence[Glob]:
        """List what may fit a path, the last lines first."""
        found = [*self.rest]
        for known, key in self._keys(names):
            found += known.get(key, ())
        return sorted(found, key=lambda glob: -glob.number)

    def _words(self, names: Sequence[str], *, is_rooted: bool) -> Iterator[tuple[Found, str]]:
        """List what must stand in a path that fits, and where that is looked up."""
        words = [_Word.of(name) for name in names]
        if is_rooted:
            first = next((at for at, word in enumerate(words) if word.is_glob), len(words) - 1)
            yield self.by_path, "/".join(word.start for word in words[: first + 1])
        for word in words:
            if word.is_glob:
                yield self.by_start, word.start[:MAX_PART]
                yield self.by_end, word.end[-MAX_PART:]
            else:
                yield self.by_name, word.start

    def _keys(self, names: Sequence[str]) -> Iterator[tuple[Found, str]]:
        """List what stands in a path, each once."""
        path = "/".join(names)
        yield from ((self.by_path, path[:size]) for size in self.sizes if size <= len(path))
        yield from ((self.by_name, name) for name in set(names))
        sizes = range(1, MAX_PART + 1)
        if self.by_start:
            yield from ((self.by_start, part) for part in {name[:size] for name in names for size in sizes})
        if self.by_end:
            yield from ((self.by_end, part) for part in {name[-size:] for name in names for size in sizes})


@dataclass(frozen=True, slots=True)
class _Word:
    """What of a name in a pattern stands before its first `*` or `?`, and behind its last one."""

    start: str
    end: str
    is_glob: bool

    @classmethod
    def of(cls, name: str) -> "_Word":
        signs = SIGNS.findall(name)
        globs = [at for at, sign in enumerate(signs) if sign in ("*", "?")]
        plain = [sign[-1] for sign in signs]
        if not globs:
            return cls("".join(plain), "", is_glob=False)
        return cls("".join(plain[: globs[0]]), "".join(plain[globs[-1] + 1 :]), is_glob=True)


def unescaped(name: str) -> str:
    """Take off the backslashes before what is meant as it is."""
    return re.sub(r"\\(.)", r"\1", name)


def _segment(name: str) -> Segment:
    if name == DEEP:
        return None
    parts = re.split(r"(\\.)", name)
    plain = (f"[{part[1]}]" if part in (r"\*", r"\?") else unescaped(part) for part in parts)
    return re.compile(translate("".join(plain)))
