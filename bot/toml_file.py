"""A TOML file as checked values: read it, know the line of every key, collect all that is wrong."""

import os
import re
import stat
import tomllib
import types
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeGuard, TypeVar, get_args, get_origin

import msgspec

from bot.errors import ConfigError
from bot.secret import redact

MAX_BYTES = 1 << 20
MAX_DEPTH = 32  # deeper keys get the line of what holds them; no setting of ours is deeper than 5
MAX_SHOWN_CHARS = 40

BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*+")
BARE = re.compile(r"[A-Za-z0-9_-]+")
KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*+\"|'[^'\n]*'")
QUOTED = re.compile(r"\"\"\"(?:[^\\]|\\.)*?\"{3,5}|'''.*?'{3,5}|\"(?:[^\"\\\n]|\\.)*+\"|'[^'\n]*'", re.DOTALL)
SCALAR = re.compile(r"[^,\]}#\n]*")
AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
AT_END = " (at end of document)"

At = tuple[str | int, ...]  # where a value is: keys, and places in lists
S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What a file says, and on which line it says it."""

    path: Path
    data: Mapping[str, Any]
    lines: Mapping[At, int]

    def line(self, at: At) -> int:
        """Tell the line of a value; of one that is not there, the line of what would hold it."""
        return next((self.lines[at[:size]] for size in range(len(at), 0, -1) if at[:size] in self.lines), 1)


def read(path: Path) -> TomlFile:
    """Read a TOML file that nobody but its owner and group may change.

    Raises:
        ConfigError: it cannot be read, is too large, or is no TOML.
    """
    content = _content(path)
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError((f"{path}:{line}: this line is not UTF-8",)) from error
    try:
        return TomlFile(path, tomllib.loads(text), lines_of(text))
    except RecursionError as error:
        raise ConfigError((f"{path}:1: lists or tables in one another, too deep to read",)) from error
    except ValueError as error:  # TOMLDecodeError is one; so is a number of more than 4,300 digits
        raise ConfigError((_syntax_problem(path, text, str(error)),)) from error


def _content(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # a pipe would be waited for without end
            raise ConfigError((f"{path}: is not a file",))
        if mode & stat.S_IWOTH:
            raise ConfigError((f"{path}: everybody may change this file; run: chmod o-w {path}",))
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError((f"{path}: cannot be read: {os.strerror(error.errno or 0)}",)) from error
    except ValueError as error:
        raise ConfigError((f"{show(str(path))}: is no file name",)) from error
    if len(content) > MAX_BYTES:
        raise ConfigError((f"{path}: is larger than {MAX_BYTES} bytes",))
    return content


def _syntax_problem(path: Path, text: str, said: str) -> str:
    found = AT_LINE.search(said)
    line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1 if said.endswith(AT_END) else 1
    what = AT_LINE.sub("", said.removesuffix(AT_END))
    return f"{path}:{line}: not valid TOML: {what}"


def lines_of(text: str) -> dict[At, int]:
    """Tell the line on which each key, table and list item of a TOML text begins; never raises."""
    return _Scan(text).run()


class _Scan:
    """One pass over a text that the TOML parser has accepted; on any other it finds less, and ends."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.found: dict[At, int] = {}
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.repeats: dict[At, int] = {}  # how many tables a `[[list]]` has so far

    def run(self) -> dict[At, int]:
        table: At = ()
        while self._over(BLANK) < len(self.text):
            begin = self.pos
            if self._sees("["):
                table = self._header()
            else:
                self._pair(table)
            if self.pos == begin:
                self._next_line()
        return self.found

    def _sees(self, mark: str) -> bool:
        return self.text.startswith(mark, self.pos)

    def _over(self, pattern: re.Pattern[str]) -> int:
        if found := pattern.match(self.text, self.pos):
            self.pos = found.end()
        return self.pos

    def _next_line(self) -> None:
        end = self.text.find("\n", self.pos)
        self.pos = len(self.text) if end < 0 else end + 1

    def _note(self, at: At, pos: int) -> None:
        if len(at) <= MAX_DEPTH:
            self.found.setdefault(at, bisect_right(self.starts, pos))

    def _header(self) -> At:
        begin = self.pos
        is_list = self._sees("[[")
        self.pos += 2 if is_list else 1
        keys = self._keys()
        at: At = ()
        for number, key in enumerate(keys, 1):
            at = (*at, key)
            self._note(at, begin)
            if is_list and number == len(keys):
                self.repeats[at] = self.repeats.get(at, 0) + 1
            if at in self.repeats:
                at = (*at, self.repeats[at] - 1)
                self._note(at, begin)
        self._next_line()
        return at

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._over(BLANK)
            found = KEY.match(self.text, self.pos)
            if found is None:
                break
            self.pos = found.end()
            if len(keys) <= MAX_DEPTH:
                keys.append(_plain_key(found[0]))
            self._over(BLANK)
            if not self._sees("."):
                break
            self.pos += 1
        return keys

    def _pair(self, table: At) -> None:
        begin = self.pos
        at = table
        for key in self._keys():
            at = (*at, key)
            self._note(at, begin)
        if self._sees("="):
            self.pos += 1
            self._value(at)

    def _value(self, at: At) -> None:
        self._over(BLANK)
        if self._sees("[") and len(at) < MAX_DEPTH:
            self._items(at, "]")
        elif self._sees("{") and len(at) < MAX_DEPTH:
            self._items(at, "}")
        elif found := QUOTED.match(self.text, self.pos):
            self.pos = found.end()
        else:
            self._over(SCALAR)

    def _items(self, at: At, end: str) -> None:
        """Go over a list or an inline table, from its opening bracket past its closing one."""
        self.pos += 1
        index = 0
        while self._over(BLANK) < len(self.text) and not self._sees(end):
            begin = self.pos
            if end == "}":
                self._pair(at)
            else:
                self._note((*at, index), begin)
                self._value((*at, index))
            self._over(BLANK)
            if self._sees(","):
                index += 1
                self.pos += 1
            if self.pos == begin:
                self.pos += 1
        self.pos += 1


def _plain_key(token: str) -> str:
    if token[0] not in "\"'":
        return token
    try:
        value: str = tomllib.loads(f"key = {token}")["key"]
    except tomllib.TOMLDecodeError:
        return token
    return value


def show(value: object) -> str:
    """Say a value in an error message: quoted, short, without secrets and control characters."""
    match value:
        case str():
            text = redact(value)
            short = text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"
            return "".join(char if char.isprintable() else "?" for char in f'"{short}"')
        case bool():
            return "true" if value else "false"
        case int() if value.bit_length() > 64:
            return "a huge number"
        case int() | float():
            return str(value)
        case dict():
            return "a table"
        case list():
            return "a list"
    return "a date or time"


def table_name(at: Iterable[str | int]) -> str:
    """Write where a table is as its header is written."""
    names = [part for part in at if isinstance(part, str)]
    return "[" + ".".join(name if BARE.fullmatch(name) else show(name) for name in names) + "]"


def nearest(word: str, choices: Iterable[str]) -> str:
    """Find the choice that somebody who typed this word may have meant; empty if none is near."""
    import difflib  # only a mistake needs it, so only a mistake pays for loading it

    near = difflib.get_close_matches(word[:64].lower(), {choice.lower(): None for choice in choices}, n=1)
    return next((choice for choice in choices if choice.lower() in near), "")


def or_nearest(word: str, choices: Collection[str]) -> str:
    """Say the nearest right word as the end of a message; nothing if none is near."""
    near = nearest(word, choices)
    return f" (did you mean {show(near)}?)" if near else ""


class Findings:
    """All that is wrong with one file, a line each; of one value only the first is kept."""

    def __init__(self, file: TomlFile) -> None:
        self._file = file
        self._bad: set[At] = set()
        self._found: list[tuple[int, str]] = []

    def say(self, at: At, text: str) -> None:
        """Keep a whole message about the value at a place, unless it or what holds it was bad before."""
        if any(at[:size] in self._bad for size in range(len(at) + 1)):
            return
        self._bad.add(at)
        self._found.append((self._file.line(at), f"{self._file.path}:{self._file.line(at)}: {text}"))

    def about(self, at: At, text: str) -> None:
        """Keep a message that begins with the table and the key it is about."""
        names = [part for part in at if isinstance(part, str)]
        table = f"{table_name(names[:-1])} " if names[1:] else ""
        self.say(at, f"{table}{names[-1] if BARE.fullmatch(names[-1]) else show(names[-1])} {text}")

    def skip(self, at: At) -> None:
        """Say nothing about the value at a place: what is wrong with it was said at another."""
        self._bad.add(at)

    def raise_any(self) -> None:
        """Fail if anything was found.

        Raises:
            ConfigError: something was found; by line.
        """
        if self._found:
            raise ConfigError(tuple(text for _, text in sorted(self._found, key=lambda found: found[0])))


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes settings of plain data; what is wrong goes to the findings and leaves an empty value behind.

    Arguments:
        folder: where relative paths begin.
    """

    findings: Findings
    folder: Path

    def struct(self, kind: type[S], data: object, at: At = ()) -> S:
        """Make one table's settings, whatever the data is."""
        if not isinstance(data, dict):
            self.findings.about(at, f"must be a table, is {show(data)}")
            data = {}
        fields = msgspec.structs.fields(kind)
        guessed = self._unknown_keys(data, [field.name for field in fields], at)
        values: dict[str, Any] = {}
        for field in fields:
            here = (*at, field.name)
            if field.name in data:
                values[field.name] = self._value(field.type, data[field.name], here)
            elif field.required:
                if field.name in guessed:
                    self.findings.skip(here)
                else:
                    what = table_name(here) if _is_struct(field.type) else f"{table_name(at)} {field.name}"
                    self.findings.say(here, f"{what} is missing")
                values[field.name] = self.struct(field.type, {}, here) if _is_struct(field.type) else field.type()
            elif isinstance(field.default, Path):
                values[field.name] = self.folder / field.default
        return kind(**values)

    def _unknown_keys(self, data: Mapping[str, object], names: list[str], at: At) -> set[str]:
        guessed = set()
        for key in [key for key in data if key not in names]:
            near = nearest(key, [name for name in names if name not in data])
            guessed.add(near)
            where = f" in {table_name(at)}" if at else ""
            hint = f" (did you mean {show(near)}?)" if near else f"; it may have {', '.join(names)}"
            self.findings.say((*at, key), f"unknown key {show(key)}{where}{hint}")
        return guessed

    def _value(self, kind: object, value: object, at: At) -> object:
        if isinstance(kind, types.UnionType):
            kind = get_args(kind)[0]  # "X | None": TOML has no word for None, so a value there is an X
            return self._value(kind, value, at) if kind is not Path else self._path(value, at)
        if _is_struct(kind):
            return self.struct(kind, value, at)
        if get_origin(kind) is dict:
            return self._table(get_args(kind)[1], value, at)
        if get_origin(kind) is tuple:
            return self._texts(value, at) if get_args(kind)[0] is str else self._paths(value, at)
        if kind is Path:
            return self._path(value, at) or self.folder
        if kind is Any:
            return value
        if get_origin(kind) is Literal:
            return self._choice(get_args(kind), value, at)
        assert isinstance(kind, type)
        return self._plain(kind, value, at)

    def _choice(self, words: tuple[str, ...], value: object, at: At) -> str:
        if not isinstance(value, str) or value not in words:
            self.findings.about(at, f"must be one of {', '.join(words)}, is {show(value)}")
            return words[0]
        return value

    def _plain(self, kind: type, value: object, at: At) -> object:
        if kind is float and type(value) is int and value.bit_length() <= 64:
            return float(value)
        if type(value) is kind:  # not isinstance: true is no number
            return value
        words = {str: "text in quotes", bool: "true or false", int: "a whole number", float: "a number"}
        self.findings.about(at, f"must be {words[kind]}, is {show(value)}")
        return kind()

    def _path(self, value: object, at: At) -> Path | None:
        text = self._plain(str, value, at)
        if not isinstance(text, str) or not text or "\0" in text or text.startswith("~"):
            self.findings.about(at, f"must be a path, is {show(value)}; a ~ is not understood here")
            return None
        return self.folder / text

    def _paths(self, value: object, at: At) -> tuple[Path, ...]:
        if not isinstance(value, list):
            self.findings.about(at, f"must be a list of paths, is {show(value)}")
            return ()
        return tuple(self._path(item, (*at, index)) or self.folder for index, item in enumerate(value))

    def _texts(self, value: object, at: At) -> tuple[object, ...]:
        if not isinstance(value, list):
            self.findings.about(at, f"must be a list of texts, is {show(value)}")
            return ()
        return tuple(self._plain(str, item, (*at, index)) for index, item in enumerate(value))

    def _table(self, kind: object, value: object, at: At) -> dict[str, object]:
        if not isinstance(value, dict):
            self.findings.about(at, f"must be a table, is {show(value)}")
            return {}
        return {key: self._value(kind, item, (*at, key)) for key, item in value.items()}


def _is_struct(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
