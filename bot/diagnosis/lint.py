"""Catalogues looked through before they are used: what is wrong with a sign, where, and what to do about it."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import re2

from bot.diagnosis.catalogue import Catalogue, CatalogueError, engine_for, is_expired, read_file
from bot.diagnosis.expressions import BadExpression, Expression, for_engine, look, said, tokens_of
from bot.diagnosis.plain_file import read_whole
from bot.diagnosis.reading import pages
from bot.diagnosis.signs import Scope, Shape, Signature

MAX_STEPS = 6000  # of RE2's program for one expression; `(a{1,30}){1,30}` has about as many
MAX_GREEN = 0.1  # of the green logs that a signature may be found in
COLUMNS = 80
QUOTED_LINES = 15
ORDINARY = (b"x", b"Started by an SCM change", b"+ docker build -t app:42 .", b"[INFO] 17 tests in 3.2 s")
ID = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a sign that somebody has to look at.

    Arguments:
        line: of the file, where the sign's id stands.
        is_error: the catalogue should not be used so; otherwise it is a hint.
    """

    file: Path
    line: int
    id: str
    what: str
    is_error: bool = True

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.id}: {self.what}"


@dataclass(frozen=True, slots=True)
class Placed:
    """A sign and where it stands."""

    file: Path
    line: int
    sign: Signature | Shape

    def finding(self, what: str, *, is_error: bool = True) -> Finding:
        """Say something about it."""
        return Finding(self.file, self.line, self.sign.id, what, is_error)


def lint(
    files: Sequence[Path],
    *,
    today: date,
    green: Iterable[Iterable[bytes]] = (),
    beside: Catalogue | None = None,
) -> list[Finding]:
    """Look through catalogues.

    Arguments:
        green: logs of builds that passed, each in pieces of any size.
        beside: what they will be used together with, and is not looked through itself.

    Returns:
        What was found, in the order of the files.
    """
    findings: list[Finding] = []
    placed: list[Placed] = []
    for file in files:
        try:
            placed += _placed(file, read_whole(file))
        except OSError as error:
            findings.append(Finding(file, 1, "-", f"{error.strerror}: is the name right?"))
        except CatalogueError as error:
            findings.append(_unread(file, str(error).removeprefix(f"{file}: ")))
    sound = []
    for one in placed:
        found = list(_about(one, today))
        findings += found
        if not any(finding.is_error for finding in found):
            sound.append(one)
    findings += _twice(placed, beside)
    catalogue, refused = _catalogue_of(sound)
    findings += refused
    usable = [one for one in sound if one.sign in catalogue.signs]
    for position, one in enumerate(usable):
        findings += _about_examples(one, position, catalogue)
        for neighbours in (catalogue, beside) if beside else (catalogue,):
            findings += _about_neighbours(one, neighbours)
    findings += _about_green(usable, catalogue, green)
    order = {file: at for at, file in enumerate(files)}
    return sorted(findings, key=lambda finding: (order[finding.file], finding.line))


def wrong_with(sign: Signature, today: date) -> list[str]:
    """Tell what is wrong with a signature that stands in no file yet, apart from its examples."""
    options = re2.Options()
    options.log_errors = False
    try:
        tokens_of(sign.regex)
        re2.compile(sign.regex, options)  # as it was typed, so that its mistake is told in its own words
    except BadExpression as error:
        return [str(error)]
    except re2.error as error:
        return [said(error)]
    placed = Placed(Path(), 1, sign)
    if found := [finding.what for finding in _about(placed, today) if finding.is_error]:
        return found
    return [finding.what for finding in _catalogue_of([placed])[1]]


def _unread(file: Path, why: str) -> Finding:
    """Tell of a file that no sign can be read from, at the sign that is named if one is."""
    sign_id, _, what = why.partition(": ")
    numbers = _lines_of_ids(read_whole(file)).get(sign_id)
    return Finding(file, numbers[0], sign_id, what) if numbers else Finding(file, 1, "-", why)


def _lines_of_ids(text: bytes) -> dict[str, list[int]]:
    lines: dict[str, list[int]] = {}
    for number, line in enumerate(text.decode(errors="replace").split("\n"), 1):
        key, equals, value = line.partition("=")
        if equals and key.strip() == "id":
            lines.setdefault(value.strip().strip("\"'"), []).append(number)
    return lines


def _placed(file: Path, text: bytes) -> Iterator[Placed]:
    lines = _lines_of_ids(text)
    for sign in read_file(file, text):
        numbers = lines.get(sign.id, [1])
        yield Placed(file, numbers.pop(0) if len(numbers) > 1 else numbers[0], sign)


def _about(one: Placed, today: date) -> Iterator[Finding]:
    """Look at a sign by itself."""
    sign = one.sign
    if not sign.id or not set(sign.id) <= ID:
        yield one.finding("an id has lower case letters, digits and hyphens only")
    if is_expired(sign, today):
        yield one.finding("expired, so it is not used: remove it, or look at it again and move the day", is_error=False)
    if isinstance(sign, Shape):
        yield from _about_shape(one, sign)
    try:
        yield from _about_expression(one)
    except BadExpression as error:
        yield one.finding(str(error))


def _about_shape(one: Placed, shape: Shape) -> Iterator[Finding]:
    if not 0 <= shape.weight <= 100:
        yield one.finding(f"weight {shape.weight}: it is from 0 to 100")
    if not (0 <= shape.before < QUOTED_LINES and 0 <= shape.after < QUOTED_LINES):
        yield one.finding(f"before and after are from 0 to {QUOTED_LINES - 1}: no more lines are quoted")
    if shape.only_with_start and not shape.start:
        yield one.finding("only_with_start needs a start")
    for name, regex in (("start", shape.start), ("stop", shape.stop)):
        try:
            if regex:
                look(regex, Scope.LINE)
        except BadExpression as error:
            yield one.finding(f"{name}: {error}")


def _about_expression(one: Placed) -> Iterator[Finding]:
    sign = one.sign
    if sign.scope is not Scope.LINES and any(token.text == r"\n" for token in tokens_of(sign.regex)):
        yield one.finding('names a line break, which is never found so: write scope = "lines"')
        return
    compiled = look(sign.regex, sign.scope, ignores_case=sign.ignores_case)
    if compiled.programsize > MAX_STEPS:
        yield one.finding(
            f"too large when compiled ({compiled.programsize} steps): repeat less, or use + in place of counts"
        )
        return
    if compiled.search(b"") is not None:
        yield one.finding("is found in nothing at all: every part of it may be missing, so require some text")
        return
    if all(compiled.search(line) for line in ORDINARY):
        yield one.finding("is found in every ordinary line: require text that only this failure has")
        return


def _about_examples(one: Placed, position: int, catalogue: Catalogue) -> Iterator[Finding]:
    sign = one.sign
    if not is_found(catalogue, position, sign.example):
        yield one.finding("is not found in its example: mend the one or the other")
        return
    if isinstance(sign, Signature) and sign.scope is Scope.WRAPPED:
        for way, broken in wrapped(sign.example).items():
            if not is_found(catalogue, position, broken):
                yield one.finding(f"is not found in its example {way}: is there a [^x]+ that goes over blanks?")
    needed = look(sign.start, Scope.LINE) if isinstance(sign, Shape) and sign.only_with_start else None
    for counter in sign.counter:
        if is_found(catalogue, position, counter) and (needed is None or needed.search(counter.encode())):
            yield one.finding(f"is found in its counter-example {counter[:60]!r}: require more of the text around it")


def is_found(catalogue: Catalogue, position: int, text: str) -> bool:
    """Tell whether a diagnosis would see a sign in a text, even one that was broken inside words."""
    raw = text.encode()
    if position in catalogue.scan(raw) and catalogue.found(position, raw, most=1):
        return True
    if catalogue.signs[position].scope is not Scope.WRAPPED:
        return False
    return any(found.position == position for found in catalogue.found_wrapped(raw.split(b"\n")))


def wrapped(text: str, columns: int = COLUMNS) -> dict[str, str]:
    """Break a text as an editor does, and as a terminal does."""
    lines = text.split("\n")
    return {
        f"wrapped at {columns} columns": "\n".join(part for line in lines for part in textwrap.wrap(line, columns)),
        f"cut at column {columns}": "\n".join(
            line[at : at + columns] for line in lines for at in range(0, len(line), columns)
        ),
    }


def _twice(placed: Sequence[Placed], beside: Catalogue | None) -> Iterator[Finding]:
    taken = {(type(sign), sign.id) for sign in (*beside.signs, *beside.expired)} if beside else set()
    ids: dict[tuple[type, str], Placed] = {}  # a shape may be named like the signature of the same failure
    for one in placed:
        first = ids.setdefault((type(one.sign), one.sign.id), one)
        if first is not one:
            yield one.finding(f"the id is there already, at {first.file}:{first.line}: give one of them another")
        elif (type(one.sign), one.sign.id) in taken:
            yield one.finding("the id is there already, in what comes with Gordon: give yours another")


def _catalogue_of(sound: Sequence[Placed]) -> tuple[Catalogue, list[Finding]]:
    """Compile signs together, without those that the engine refuses."""
    try:
        return _compiled(sound), []
    except BadExpression:
        pass
    refused, taken = [], []
    for one in sound:
        try:
            _compiled([one])
        except BadExpression as error:
            refused.append(one.finding(f"the engine refuses it: {error}"))
        else:
            taken.append(one)
    return _compiled(taken), refused


def _compiled(placed: Sequence[Placed]) -> Catalogue:
    signs = tuple(one.sign for one in placed)
    expressions = [Expression(for_engine(sign.regex, sign.scope), sign.ignores_case) for sign in signs]
    return Catalogue(signs, (), engine_for(expressions))


def _about_neighbours(one: Placed, catalogue: Catalogue) -> Iterator[Finding]:
    """Tell of signatures that are tried first and take what a signature was written for."""
    if not isinstance(one.sign, Signature) or one.sign.retry == "false":
        return
    text = one.sign.example.encode()
    for other in catalogue.scan(text):
        before = catalogue.signs[other]
        if isinstance(before, Signature) and before.retry == "false" and catalogue.found(other, text, most=1):
            yield one.finding(f"its example is taken by {before.id}, which is tried first: make one narrower")


def _about_green(usable: Sequence[Placed], catalogue: Catalogue, green: Iterable[Iterable[bytes]]) -> Iterator[Finding]:
    """Tell of signatures that are found in logs of builds that passed."""
    counts: Counter[int] = Counter()
    logs = 0
    for log in green:
        logs += 1
        seen = {
            position
            for page in pages(log)
            for position in catalogue.scan(page.text)
            if catalogue.found(position, page.text, most=1)
        }
        counts.update(seen)
    for position, count in counts.items():
        if isinstance(catalogue.signs[position], Signature) and count > MAX_GREEN * logs:
            yield usable[position].finding(
                f"is found in {count} of {logs} green logs, so it tells nothing: make it narrower"
            )
