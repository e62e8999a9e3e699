"""What is looked for in logs: catalogues read from their files, and one engine for all of their expressions."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from bot.diagnosis.cache import Cache, users_folder
from bot.diagnosis.engine import Engine
from bot.diagnosis.expressions import BadExpression, Expression, for_engine, has_wide_dots, look
from bot.diagnosis.plain_file import read_whole
from bot.diagnosis.re2_engine import Re2Engine
from bot.diagnosis.signs import TELL, CatalogueFile, Role, Scope, Shape, Sign, Signature
from bot.diagnosis.unwrapping import joined
from bot.diagnosis.verdict import FailureClass
from bot.errors import ConfigError

SHIPPED = Path(__file__).parent / "catalogues"
FORMAT = "2"  # of what is kept in the cache, with how expressions are written for the engines
WORDS = {  # of keys that take some words only
    "class": tuple(FailureClass),
    "role": tuple(Role),
    "scope": tuple(Scope),
    "retry": ('"true"', '"false"', '"unknown"'),
}
_PLACE = re.compile(r"`\$\.(signature|shape)\[(\d+)\](?:\.(\w+))?.*`")  # as msgspec writes it
MIN_WRAPPED = 40  # bytes of a line that may have been wrapped where a `.*` goes on in the next one


class CatalogueError(ConfigError):
    """A catalogue that cannot be used, with its file and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where an expression was found in a text.

    Arguments:
        start: of the whole match, in bytes of the text.
        tell_start: of its group `tell`, or else as start.
        groups: its named groups that took part.
    """

    start: int
    end: int
    tell_start: int
    tell_end: int
    groups: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class FoundWrapped:
    """Where an expression was found in lines that had to be put together first.

    Arguments:
        position: of the sign in its catalogue.
        first: the position of the line where it begins, among those that were looked at.
        last: of the line where it ends.
        text: what was found, as one line.
    """

    position: int
    first: int
    last: int
    text: bytes


class Entry(msgspec.Struct, frozen=True):
    """A sign of a file with its expression as engines take it."""

    sign: Signature | Shape
    expression: str


@dataclass(slots=True)
class Catalogue:
    """Signs, the expired ones left out, with an engine for their expressions.

    Arguments:
        signs: an expression's position is that of its sign here.
        expired: signatures that are not used any more.
    """

    signs: tuple[Signature | Shape, ...]
    expired: tuple[Signature | Shape, ...]
    engine: Engine
    _looks: dict[tuple[int, bool], Any] = field(default_factory=dict)

    def scan(self, text: bytes) -> Sequence[int]:
        """List the positions of the signs that a text may have; nearly always it has them."""
        return self.engine.scan(text)

    def found(self, position: int, text: bytes, *, most: int = 16, start: int = 0) -> Sequence[Found]:
        """Look a second time, for where a sign is.

        Arguments:
            most: how many places are told at most, the first ones.
            start: look from this byte of the text on.
        """
        sign = self.signs[position]
        found = self._look(position, False, text, most, start)
        if found or sign.scope is not Scope.WRAPPED or not has_wide_dots(sign.regex):
            return found
        crossing = self._look(position, True, text, most, start)
        return [one for one in crossing if _is_wrapped(text[one.start : one.end], text, one.start)]

    def found_wrapped(self, lines: Sequence[bytes]) -> Sequence[FoundWrapped]:
        """Look for known failures in lines that were broken inside words, as a terminal of 80 columns does.

        The pass over a log finds what was broken at blanks only. This is for where nothing explains a failure, on the
        lines around it or at the end of the log; it takes about three times as long as a pass over these lines.

        Arguments:
            lines: without their LF, at most some thousands.
        """
        found: dict[tuple[int, int, int], FoundWrapped] = {}
        for whole in joined(lines):
            for position in self.engine.scan(whole.text):
                if self.signs[position].scope is not Scope.WRAPPED:
                    continue
                for one in self.found(position, whole.text):
                    first, last = whole.line_at(one.start), whole.line_at(max(one.start, one.end - 1))
                    if first < last:  # what is in one line was found before
                        told = FoundWrapped(position, first, last, whole.text[one.start : one.end])
                        found.setdefault((position, first, last), told)
        return list(found.values())

    def _look(self, position: int, dots_cross: bool, text: bytes, most: int, start: int) -> list[Found]:
        compiled = self._looks.get((position, dots_cross))
        if compiled is None:
            sign = self.signs[position]
            compiled = look(sign.regex, sign.scope, ignores_case=sign.ignores_case, dots_cross=dots_cross)
            self._looks[position, dots_cross] = compiled
        names = compiled.groupindex
        found = []
        for match in compiled.finditer(text, start):
            groups = {name.decode(): match.group(at) for name, at in names.items() if match.start(at) >= 0}
            tell_start, tell_end = match.span(names[TELL.encode()]) if TELL in groups else match.span()
            found.append(Found(match.start(), match.end(), tell_start, tell_end, groups))
            if len(found) == most:
                break
        return found


def _is_wrapped(quoted: bytes, text: bytes, start: int) -> bool:
    """Tell whether each line that a match leaves is long enough to have been wrapped."""
    line = text.rfind(b"\n", 0, start) + 1
    ends = [at for at, byte in enumerate(quoted, start) if byte == 10]
    return all(end - begin >= MIN_WRAPPED for begin, end in zip([line, *(e + 1 for e in ends)], ends, strict=False))


def load_catalogue(
    files: Iterable[Path] = (), *, shipped: bool = True, today: date | None = None, cache: Cache | None = None
) -> Catalogue:
    """Read catalogues and make an engine for all that they look for.

    Arguments:
        files: a site's own.
        shipped: with those that come with the program.
        today: what has expired by then is left out; the day in UTC if it is not given.
        cache: where what was compiled is kept; the user's cache folder if it is not given.

    Raises:
        CatalogueError: a file cannot be read, or an expression not be used.
    """
    cache = cache or Cache(users_folder())
    entries = _read_all([*(sorted(SHIPPED.glob("*.toml")) if shipped else ()), *files], cache)
    day = today or datetime.now(UTC).date()
    used = [entry for entry in entries if not is_expired(entry.sign, day)]
    expressions = [Expression(entry.expression, entry.sign.ignores_case) for entry in used]
    expired = tuple(
        entry.sign for entry in entries if isinstance(entry.sign, Signature) and is_expired(entry.sign, day)
    )
    try:
        return Catalogue(tuple(entry.sign for entry in used), expired, engine_for(expressions, cache))
    except BadExpression as error:
        culprits = [entry.sign.id for entry in used if not _compiles(entry)]
        raise CatalogueError((f"{', '.join(culprits) or 'all expressions together'}: {error}",)) from error


def is_expired(sign: Sign, today: date) -> bool:
    """Tell whether a sign is a signature past its day."""
    return isinstance(sign, Signature) and sign.expires is not None and sign.expires <= today


def engine_for(expressions: Sequence[Expression], cache: Cache | None = None) -> Engine:
    """Compile expressions by Hyperscan, or by RE2 where there is none or one that misses matches.

    Arguments:
        cache: if what Hyperscan compiled is not in it, RE2 begins; None to compile at once.

    Raises:
        BadExpression: one of them, or all together, cannot be compiled.
    """
    try:
        from bot.diagnosis.hyperscan_engine import HyperscanEngine, is_kept, misses_matches  # it has no wheel for some
        from bot.diagnosis.late_engine import LateEngine
    except ImportError:
        return Re2Engine(expressions)
    if cache is not None and is_kept(expressions, cache):
        return HyperscanEngine(expressions, cache)
    if misses_matches():
        return Re2Engine(expressions)
    return HyperscanEngine(expressions) if cache is None else LateEngine(expressions, cache)


def _compiles(entry: Entry) -> bool:
    try:
        engine_for([Expression(entry.expression, entry.sign.ignores_case)])
    except BadExpression:
        return False
    return True


def _read_all(files: Sequence[Path], cache: Cache) -> list[Entry]:
    texts = []
    for file in files:
        try:
            texts.append(read_whole(file))
        except OSError as error:
            raise CatalogueError((f"{file}: {error.strerror}",)) from error
    digest = hashlib.blake2b(FORMAT.encode(), digest_size=16)
    for text in texts:
        digest.update(b"%d\0" % len(text) + text)
    name = f"{digest.hexdigest()}.catalogue"
    if kept := cache.read(name):
        try:
            return msgspec.msgpack.decode(kept, type=list[Entry])
        except msgspec.MsgspecError:
            pass  # of another version: it is made anew and written over
    entries: list[Entry] = []
    seen: dict[tuple[type, str], Path] = {}
    for file, text in zip(files, texts, strict=True):
        for entry in _entries_of(file, text):
            key = type(entry.sign), entry.sign.id
            if key in seen:
                where = f"the id is there already, in {seen[key].name}"
                raise CatalogueError((f"{file}: {entry.sign.id}: {where}: give one of them another",))
            seen[key] = file
            entries.append(entry)
    cache.write(name, msgspec.msgpack.encode(entries))
    return entries


def _entries_of(file: Path, text: bytes) -> list[Entry]:
    entries = []
    for sign in read_file(file, text):
        try:
            entries.append(Entry(sign, for_engine(sign.regex, sign.scope)))
        except BadExpression as error:
            raise CatalogueError((f"{file}: {sign.id}: {error}",)) from error
    return entries


def read_file(file: Path, text: bytes) -> list[Signature | Shape]:
    """Read the signs of one catalogue, in their order.

    Raises:
        CatalogueError: it is no TOML, or has keys or values that a catalogue has not.
    """
    try:
        tables = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError((f"{file}: {error}",)) from error
    try:
        read = msgspec.convert(tables, CatalogueFile)
    except msgspec.ValidationError as error:
        raise CatalogueError((f"{file}: {_mistake(str(error), tables)}",)) from error
    return [*read.signature, *read.shape]


def _mistake(said: str, tables: Mapping[str, Any]) -> str:
    """Say what is wrong with a sign by its id, and which words its key takes."""
    what, _, place = said.partition(" - at ")
    if (at := _PLACE.fullmatch(place)) is None:
        return f"{said}: a catalogue has tables [[signature]] and [[shape]]"
    table, number, key = at.groups()
    sign = tables[table][int(number)]
    sign_id = sign.get("id") if isinstance(sign, Mapping) else None
    name = sign_id if isinstance(sign_id, str) else f"{table} {int(number) + 1}"
    takes = f": it is one of {', '.join(WORDS[key])}" if key in WORDS else ""
    return f"{name}: {key or 'keys'}: {what}{takes}"
