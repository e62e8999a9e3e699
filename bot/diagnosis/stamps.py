"""What stands before the message in a line: the time, the stream, the node or the branch that it came from."""

import re

import stringzilla

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
# Ant writes the name of a task before what the task writes, in twelve columns; a level in brackets is none.
_ANT = (
    rb"(?= {1,7}\[(?!error|fatal|fail|warn|info|debug|trace)[a-z])(?:"
    + b"|".join(rb" {%d}\[[\w.:-]{%d}\] " % (blanks, 9 - blanks) for blanks in range(1, 8))
    + rb")"
)

# Each is fixed or bounded, so that a line costs the same whatever stands in it.
_STAMP = (
    rb"(?:"
    + _WHEN
    # Zuul: `2017-11-12 14:27:38.214034 | ` and then often the node.
    + rb"(?: \|(?: [A-Za-z][\w.-]{0,63} \|)?" + _BLANK
    # GitLab: the number of the stream, Out or Err, and `+` where a line goes on.
    + rb"| [0-9a-f]{2}[EO](?:\+|" + _BLANK + rb")|" + _BLANK + rb")"
    rb"|\[" + _WHEN + rb"\](?:[A-Za-z ]?:(?:\t ?|" + _BLANK + rb")|" + _BLANK + rb")"  # TeamCity writes `[09:15:02]W: `
    rb"|\(" + _WHEN + rb"\)" + _BLANK
    + rb"|\[(?:task|taskcluster|vcs|setup|fetches|cache) " + _WHEN + rb"\]" + _BLANK  # Taskcluster: who, time
    + rb"|\[ {0,7}\d{1,7}\.\d{6}\]" + _BLANK  # the kernel's seconds since boot
    + rb"|[a-z]{4,8}\t\d\d-" + _MONTH + rb"-\d{4} \d\d:\d\d:\d\d\t"  # Bamboo: stream, time, text
    rb"|[A-Za-z][\w.-]{0,63}[_-]\d{1,4} {1,64}\|" + _BLANK  # docker compose: `web_1  | `
    + rb"|#\d{1,4} \d{1,5}\.\d{1,3}" + _BLANK  # docker's BuildKit: step, seconds
    + rb"|\[\d{1,2}\]" + _BLANK  # Ginkgo's nodes, concurrently: which of several programs
    + rb"|[DIWEF]\d{4} " + _CLOCK + rb"\]" + _BLANK  # bootstrap.py of Kubernetes: level, month and day, time
    + rb"|" + _ANT
    + rb")"
)  # fmt: skip
# `gh run view --log`: job, step, and what GitHub writes before each line.
_TABLED = rb"(?:[^\t\n]{1,120}\t[^\t\n]{1,120}\t(?:\xef\xbb\xbf)?(?=\d{4}-\d\d-\d\dT))?"
_IS_TABLED = re.compile(_TABLED[:-1])
_BRANCHES = re.compile(rb"\n\[Pipeline\] (?:\{ \(Branch: ([^()\n]{1,100})\)|\[([^\]\n]{1,100})\] [{/])")
_AT_MOST_BRANCHES = 100
_AT_MOST_SHAPES = 64
_PROBES = 8  # lines of a page that are looked at before all of its lines are
# In which the next stamp differs from this one: month, fraction of a second (some drop its zeros), digits.
_VARIES = re.compile(rb"(" + _MONTH + rb")|((?<=[.,])\d+)|(\d)|([^A-Za-z0-9])")


class Stamps:
    """Takes away what stands before the messages of one log; it learns what that looks like, and names of branches.

    `[name] ` is a prefix only if a Pipeline opened a branch of that name before: `[ERROR] ` is none.
    """

    def __init__(self) -> None:
        self._branches: set[bytes] = set()
        self._shapes: set[bytes] = set()
        self._shaped: re.Pattern[bytes] | None = None
        self._head: bytes | None = None
        self._compile()

    def _compile(self) -> None:
        """Make the expression of all forms: slow, as each line may have any of them."""
        named = b"|".join(re.escape(name) for name in sorted(self._branches, key=len, reverse=True))
        prefix = _STAMP + rb"|\[(?:" + named + rb")\] " if named else _STAMP
        form = (self._head or b"") + rb"(?:" + prefix + rb"){1,4}"
        self._form, self._within = re.compile(form), re.compile(rb"\n" + form)

    def without(self, text: bytes, *, is_thorough: bool = True, from_line_start: bool = True) -> bytes:
        """Take the stamps and prefixes away; the number of lines stays.

        Arguments:
            is_thorough: look at each line; else at some, and only if one has a stamp at all, for what was seen so far.
            from_line_start: the text begins where a line does.
        """
        if self._head is None:
            self._head = _TABLED if _IS_TABLED.match(text) else b""
            self._compile()
        is_stamped = self._probe(text, from_line_start=from_line_start)
        if is_thorough:
            within: re.Pattern[bytes] | None = self._within
        else:
            within = self._shaped if is_stamped else None
        if within is None:
            return text
        first = self._form.match(text) if from_line_start else None
        return within.sub(b"\n", text[first.end() :] if first else text)

    def _probe(self, text: bytes, *, from_line_start: bool) -> bool:
        """Look at some lines, and learn from them; tell whether one has a stamp."""
        is_stamped = False
        known = len(self._shapes)
        for at in range(0, len(text), len(text) // _PROBES + 1):
            begin = text.find(b"\n", at) + 1 if at or not from_line_start else 0
            match = self._form.match(text, begin)
            end = match.end() if match else begin
            if match:
                is_stamped = True
                if len(self._shapes) < _AT_MOST_SHAPES:
                    self._shapes.update(_shape_of(match[0]))
            if text.startswith(b"[Pipeline] ", end):
                self._learn_branches(text)
        if len(self._shapes) > known:
            shapes = sorted(self._shapes, key=len, reverse=True)
            self._shaped = re.compile(rb"\n(?:" + b"|".join(shapes) + rb")")
        return is_stamped

    def _learn_branches(self, text: bytes) -> None:
        if len(self._branches) >= _AT_MOST_BRANCHES:
            return
        if stringzilla.find(text, b"(Branch: ") < 0 and stringzilla.find(text, b"[Pipeline] [") < 0:
            return
        found = {first or second for first, second in _BRANCHES.findall(b"\n" + self._within.sub(b"\n", text))}
        if new := found - self._branches:
            self._branches.update(sorted(new)[: _AT_MOST_BRANCHES - len(self._branches)])
            self._compile()


def _shape_of(stamp: bytes) -> tuple[bytes, ...]:
    """Give the expression of all stamps like one: much faster than that of all forms. There may be none."""
    if stamp[-1:] not in b" \t:+":
        return ()  # it ends where the line does, and the next may have none
    blanks = len(stamp) - len(stamp.rstrip(b" "))
    shape = _VARIES.sub(_varying, stamp.rstrip(b" ")) + rb"\ " * max(0, blanks - 1)
    return (shape + (rb"(?: |(?=\n))" if blanks else b""),)


def _varying(part: re.Match[bytes]) -> bytes:
    return (b"", _MONTH, rb"\d{1,9}", rb"\d", re.escape(part[0]))[part.lastindex or 0]
