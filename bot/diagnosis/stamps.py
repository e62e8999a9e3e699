"""What stands before the message in a line: the time, the stream, the node or the branch that it came from."""

import re
from collections.abc import Iterable

_CLOCK = rb"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_ZONE = rb"(?:Z|[+-]\d\d:?\d\d)"
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATE = (
    rb"(?:\d{4}-\d\d-\d\d|\d{4}/\d\d/\d\d|\d\d/\d\d/\d{4}|\d\d\.\d\d\.\d{4}|\d\d-"
    + _MONTH
    + rb"-\d{4}|"
    + _MONTH
    + rb" [ \d]\d)"
)
_WHEN = rb"(?:" + _DATE + rb"[T ])?" + _CLOCK + rb"(?:[AP]M|(?: ?" + _ZONE + rb"| [AP]M| UTC| GMT)(?![\w:]))?"
# One blank is the stamp's, and a second one if the message does not begin with more of them (Jenkins' timestamper):
# the indentation of a traceback stays.
_BLANK = rb"(?:  (?! )|[ \t]|(?=\n)|\Z)"

# Each is fixed or bounded, so that a line costs the same whatever stands in it.
_STAMP = (
    rb"(?:"
    + _WHEN
    # Zuul: `2017-11-12 14:27:38.214034 | ` and then often the node.
    + rb"(?: \|(?: [A-Za-z][\w.-]{0,63} \|)?" + _BLANK
    # GitLab: the number of the stream, Out or Err, and `+` where a line goes on.
    + rb"| [0-9a-f]{2}[EO](?:\+|" + _BLANK + rb")|" + _BLANK + rb")"
    rb"|\[" + _WHEN + rb"\](?:[A-Za-z]?:[ \t]*|" + _BLANK + rb")"  # TeamCity writes `[09:15:02]W: `
    rb"|\(" + _WHEN + rb"\)" + _BLANK
    + rb"|\[ {0,7}\d{1,7}\.\d{6}\]" + _BLANK  # the kernel's seconds since boot
    + rb"|[a-z]{4,8}\t\d\d-" + _MONTH + rb"-\d{4} \d\d:\d\d:\d\d\t"  # Bamboo: stream, time, text
    rb"|[A-Za-z][\w.-]{0,63}[_-]\d{1,4} {1,64}\|" + _BLANK  # docker compose: `web_1  | `
    + rb")"
)  # fmt: skip
# `gh run view --log`: job, step, and what GitHub writes before each line.
_TABLED = rb"[^\t\n]{1,120}\t[^\t\n]{1,120}\t(?:\xef\xbb\xbf)?(?=\d{4}-\d\d-\d\dT)"
_BRANCHES = re.compile(rb"\n\[Pipeline\] (?:\{ \(Branch: ([^()\n]{1,100})\)|\[([^\]\n]{1,100})\] [{/])")
_AT_MOST_BRANCHES = 100


class Stamps:
    """Takes away what stands before the messages of one log; it learns the names of parallel branches as they begin.

    `[name] ` is a prefix only if a Pipeline opened a branch of that name before: `[ERROR] ` is none.
    """

    def __init__(self) -> None:
        self._branches: set[bytes] = set()
        self._compile(())

    def _compile(self, branches: Iterable[bytes]) -> None:
        named = b"|".join(re.escape(name) for name in sorted(branches, key=len, reverse=True))
        prefix = _STAMP + rb"|\[(?:" + named + rb")\] " if named else _STAMP
        form = rb"(?:" + _TABLED + rb")?(?:" + prefix + rb"){1,4}"
        self._within = re.compile(rb"\n(?:" + form + rb")")
        self._first = re.compile(form)

    def begins(self, text: bytes, position: int) -> bool:
        """Tell whether a line that begins at a position has a stamp or a prefix, or could open a branch."""
        return text.startswith(b"[Pipeline] ", position) or self._first.match(text, position) is not None

    def without(self, text: bytes, *, from_line_start: bool = True) -> bytes:
        """Take the stamps and prefixes away; the number of lines stays."""
        if len(self._branches) < _AT_MOST_BRANCHES and (b"(Branch: " in text or b"[Pipeline] [" in text):
            self._learn(text)
        rest = self._first.match(text) if from_line_start else None
        return self._within.sub(b"\n", text[rest.end() :] if rest else text)

    def _learn(self, text: bytes) -> None:
        found = {first or second for first, second in _BRANCHES.findall(b"\n" + self._within.sub(b"\n", text))}
        if new := found - self._branches:
            room = _AT_MOST_BRANCHES - len(self._branches)
            self._branches.update(sorted(new)[:room])
            self._compile(self._branches)
