"""From lines that say one failure in many ways to one expression that knows them: what is the same in all stays."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher

import re2

from bot.diagnosis.expressions import BadExpression, look
from bot.diagnosis.lint import wrong_with
from bot.diagnosis.signs import Scope, Signature
from bot.secret import CUT

MAX_SAMPLES = 40  # different lines that an expression is made of
MAX_TEXT_CHARS = 400  # of a line; what follows are usually arguments
MAX_REGEX_CHARS = 200  # it is to be typed, in one line of IRC with the rest of the command
MAX_OPEN = 4  # places where anything may stand
MIN_KNOWN = 0.9  # of the lines that it is made for
MIN_WORDS, MIN_LETTERS = 2, 10  # that stay as they are; of less one cannot say what it would find elsewhere
SURE_LINES = 5  # different lines with the same short number in one place: there it means something
SHORT_DIGITS = 3

# In order; each says what may stand in its place. What is not here stays as it is.
_CLASSES = {
    "secret": (re.escape(CUT), r"\S+"),
    "url": (r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s'\"<>)\]]+", r"\S+"),
    "time": (
        r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?Z?)?|\d{1,2}:\d\d:\d\d(?:[.,]\d+)?",
        r"[0-9T:.,Z -]+",
    ),
    "address": (r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?", r"[0-9.:]+"),
    "hash": (r"\b(?=[a-f]*[0-9])[0-9a-f]{6,}\b", r"[0-9a-f]+"),
    "folder": (r"(?:[A-Za-z]:)?[\\/.~]{0,3}(?:[\w.@+-]+[\\/])+", r"\S*[\\/]"),
    "number": (r"\d+", r"\d+"),
    "blanks": (r"\s{2,}|\t", r"\s+"),  # a tab is shown as blanks
    "unseen": ("\N{REPLACEMENT CHARACTER}+", r"\S*"),
}
_TOKEN = re.compile(
    "|".join(f"(?P<{name}>{regex})" for name, (regex, _) in _CLASSES.items()) + r"|(?P<word>[^\W\d_]+)|(?P<mark>[\s\S])"
)
_SPECIAL = re.compile(r"([\\.^$|?*+()\[\]{}])")
# What may stand in a gap, the narrowest first: what all that stands there must be, and what is written for it.
_OPEN = [
    (r"\d+", r"\d+"),
    ("[0-9a-f]{6,}", "[0-9a-f]+"),
    (r"\w+", r"\w+"),
    (r"\S+", r"\S+"),
    (r"\S*", r"\S*"),
    (".*", ".*"),
]
GAP = "gap"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line: of a kind that differs from run to run, or as it stands."""

    kind: str
    text: str

    @property
    def is_word(self) -> bool:
        """Whether it is a word that says something."""
        return self.kind == "word" and len(self.text) > 2


@dataclass(frozen=True, slots=True)
class Proposal:
    """An expression for some lines.

    Arguments:
        regex: empty where none can be made.
        why_not: why that is so, in words.
        knows, of: how many of the lines it is found in, and how many there are.
    """

    regex: str
    why_not: str = ""
    knows: int = 0
    of: int = 0


def propose(lines: Sequence[str]) -> Proposal:
    """Make an expression that knows lines by what they have in common.

    Arguments:
        lines: the telling line of each failure, without secrets.
    """
    counted = Counter(_shortened(line) for line in lines)
    different = sorted(counted)
    step = max(1, len(different) // MAX_SAMPLES)
    template = _common([_pieces(line) for line in different[::step][:MAX_SAMPLES]])
    template = _trimmed(_kept_numbers(template, different))
    gaps = _gaps(template, different)
    while len(regex := _written(template, gaps)) > MAX_REGEX_CHARS:
        template = _trimmed(template[:-1])
    if sum(piece.is_word for piece in template) < MIN_WORDS or _substance(template) < MIN_LETTERS:
        return Proposal("", "their lines have too few words in common", of=len(lines))
    if wrong := _wrong(regex):
        return Proposal("", wrong, of=len(lines))
    compiled = look(regex, Scope.WRAPPED)
    knows = sum(count for line, count in counted.items() if compiled.search(line.encode()))
    if knows < MIN_KNOWN * len(lines):
        return Proposal("", f"what most have in common is in {knows} of {len(lines)} only", of=len(lines))
    return Proposal(regex, knows=knows, of=len(lines))


def _shortened(line: str) -> str:
    line = " ".join(line.split("\n")).strip()
    return line if len(line) <= MAX_TEXT_CHARS else line[:MAX_TEXT_CHARS].rpartition(" ")[0] or line[:MAX_TEXT_CHARS]


def _pieces(line: str) -> list[Piece]:
    found = []
    for match in _TOKEN.finditer(line):
        kind = match.lastgroup or "mark"
        found.append(Piece(kind, "" if kind in _CLASSES else match.group()))
    return found


def _common(samples: Sequence[list[Piece]]) -> list[Piece]:
    """Find what is in all samples in one order; one that has little of it is left out, as a stray one."""
    template = samples[0]
    if len(samples) > 2:  # the first one may be the stray one itself
        template = max(samples[:3], key=lambda one: sum(_alike(one, other) for other in samples[:5]))
    for sample in samples:
        merged = _merged(template, sample)
        if 2 * _substance(merged) >= _substance(template):
            template = merged
    return template


def _alike(one: list[Piece], other: list[Piece]) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _substance(template: Sequence[Piece]) -> int:
    return sum(len(piece.text) for piece in template if piece.is_word)


def _merged(template: list[Piece], sample: list[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    one = other = 0
    for block in SequenceMatcher(None, template, sample, autojunk=False).get_matching_blocks():
        between = template[one : block.a]
        if (between or block.b > other) and not (merged and merged[-1].kind == GAP):
            merged.append(Piece(GAP, ""))
        merged += template[block.a : block.a + block.size]
        one, other = block.a + block.size, block.b + block.size
    return merged


def _kept_numbers(template: Sequence[Piece], lines: Sequence[str]) -> list[Piece]:
    """Write short numbers out that are the same in many lines, as a status or a signal is."""
    if len(lines) < SURE_LINES or not any(piece.kind == "number" for piece in template):
        return list(template)
    compiled = _compiled("".join(rf"({_CLASSES['number'][1]})" if p.kind == "number" else _said(p) for p in template))
    seen = [match.groups() for line in lines if (match := compiled.search(line))]
    columns = iter([set(column) for column in zip(*seen, strict=True)])
    kept = []
    for piece in template:
        if piece.kind == "number" and (values := next(columns, set())) and len(seen) >= SURE_LINES:
            value = values.pop()
            if not values and len(value) <= SHORT_DIGITS:
                kept.append(Piece("kept", value))
                continue
        kept.append(piece)
    return kept


def _trimmed(template: Sequence[Piece]) -> list[Piece]:
    """Leave out what stands between two gaps without a word, and begin and end with one."""
    runs: list[list[Piece]] = [[]]
    for piece in template:
        if piece.kind == GAP:
            runs.append([])
        else:
            runs[-1].append(piece)
    told = [run for run in runs if any(piece.is_word for piece in run)][: MAX_OPEN + 1]
    joined = [piece for run in told for piece in (Piece(GAP, ""), *run)]
    words = [at for at, piece in enumerate(joined) if piece.is_word or piece.kind == "kept"]
    return joined[words[0] : words[-1] + 1] if words else []


def _written(template: Sequence[Piece], gaps: Sequence[str]) -> str:
    openings = iter(gaps)
    return "".join(next(openings) if piece.kind == GAP else _said(piece) for piece in template)


def _said(piece: Piece) -> str:
    if piece.kind in _CLASSES:
        return _CLASSES[piece.kind][1]
    if piece.kind == GAP:
        return ".*?"
    return _SPECIAL.sub(r"\\\1", piece.text)


def _gaps(template: Sequence[Piece], lines: Sequence[str]) -> list[str]:
    """Tell for each gap the narrowest expression that takes what stands there in all lines."""
    compiled = _compiled("".join(f"({_said(piece)})" if piece.kind == GAP else _said(piece) for piece in template))
    seen = [match.groups() for line in lines if (match := compiled.search(line))]
    return [
        next(written for one, written in _OPEN if all(re.fullmatch(one, text) for text in column))
        for column in zip(*seen, strict=True)
    ]


def _compiled(regex: str) -> "re2._Regexp[str]":
    return re2.compile(regex)


def _wrong(regex: str) -> str:
    sign = Signature(id="proposal", regex=regex, example="", retry="unknown")
    try:
        look(regex, Scope.WRAPPED)
    except BadExpression as error:
        return str(error)
    return "; ".join(wrong_with(sign, date.min))
