"""`gordon doctor`: what is well, what is not, and what to do about it, neighbour by neighbour."""

import asyncio
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bot.check import read_whole, unlogged
from bot.doctor_here import configuration, invalid, people, state, web
from bot.doctor_neighbours import neighbours
from bot.errors import ConfigError
from bot.findings import Condition, Finding
from bot.secret import cut_known
from bot.toml_file import TomlFile
from bot.wording import plain

WELL, WRONG, MISCONFIGURED = 0, 1, 2
COLOURS = {Condition.OK: "32", Condition.UNKNOWN: "36", Condition.WARNING: "33", Condition.WRONG: "1;31"}
BOLD = "1"
WIDTH, LEAST_WIDTH = 100, 60
MARGIN = 11  # the widest condition with two blanks on either side


class JsonLine(msgspec.Struct, frozen=True):
    """The object of `--json`."""

    neighbour: str
    check: str
    status: Condition
    what: str
    remedy: str


def doctor(config: Path, *, as_json: bool) -> int:
    """Look at everything, print it, and return the exit status: 0 well, 1 something is wrong, 2 wrongly configured.

    Arguments:
        as_json: one object for each finding, one a line.
    """
    try:
        whole = read_whole(config)
    except ConfigError as error:
        _show([*invalid(config, error.problems)], None, as_json=as_json)
        return MISCONFIGURED
    with unlogged():  # all of it is told here
        found = [*configuration(config, whole), *people(whole), *state(whole.settings), *web(whole.settings)]
        if not whole.problems:
            found += asyncio.run(neighbours(whole))
    _show(found, whole.file, as_json=as_json)
    if whole.problems:
        return MISCONFIGURED
    return WRONG if any(one.condition is Condition.WRONG for one in found) else WELL


def _show(found: Sequence[Finding], file: TomlFile | None, *, as_json: bool) -> None:
    if as_json:
        for one in found:
            line = JsonLine(one.neighbour, one.check, one.condition, _seen(one.what), _remedy(one, file))
            print(msgspec.json.encode(line).decode())
        return
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = max(LEAST_WIDTH, min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns))
    print("\n".join(lines_of(found, file, width, is_coloured=is_coloured)))


def lines_of(found: Sequence[Finding], file: TomlFile | None, width: int, *, is_coloured: bool) -> Iterator[str]:
    """Write findings for people: what is well of a neighbour in one go, then the rest of it, the worst first.

    Arguments:
        file: the configuration, for lines to name.
        width: of a line, in characters.
    """
    by_neighbour: dict[str, list[Finding]] = {}
    for one in found:
        by_neighbour.setdefault(one.neighbour, []).append(one)
    for neighbour, own in by_neighbour.items():
        yield _painted(neighbour, BOLD, is_coloured=is_coloured)
        well = list(dict.fromkeys(one.check for one in own if one.condition is Condition.OK))
        if well:
            yield from _row(Condition.OK, ", ".join(well), width, is_coloured=is_coloured)
        worst_first = (Condition.WRONG, Condition.WARNING, Condition.UNKNOWN)
        for one in sorted((one for one in own if one.condition in worst_first), key=_badness):
            yield from _row(one.condition, _seen(one.what), width, is_coloured=is_coloured)
            if remedy := _remedy(one, file):
                yield from textwrap.wrap(
                    remedy,
                    width,
                    initial_indent=" " * MARGIN + "→ ",
                    subsequent_indent=" " * (MARGIN + 2),
                    break_long_words=False,
                    break_on_hyphens=False,
                )
        yield ""
    yield _sum(found)


def _badness(one: Finding) -> int:
    return (Condition.WRONG, Condition.WARNING, Condition.UNKNOWN, Condition.OK).index(one.condition)


def _row(condition: Condition, text: str, width: int, *, is_coloured: bool) -> Iterator[str]:
    rows = textwrap.wrap(text, width - MARGIN, break_long_words=False, break_on_hyphens=False)
    mark = _painted(f"{condition:<{MARGIN - 4}}", COLOURS[condition], is_coloured=is_coloured)
    for number, row in enumerate(rows):
        yield f"  {mark}  {row}" if not number else " " * MARGIN + row


def _painted(text: str, colour: str, *, is_coloured: bool) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if is_coloured else text


def _sum(found: Sequence[Finding]) -> str:
    counts: Mapping[Condition, int] = {each: sum(one.condition is each for one in found) for each in Condition}
    if not counts[Condition.WRONG] and not counts[Condition.WARNING]:
        rest = f", and {counts[Condition.UNKNOWN]} that nobody can tell from here" if counts[Condition.UNKNOWN] else ""
        return f"all is well: {counts[Condition.OK]} things{rest}"
    told = [f"{counts[each]} {each}" for each in (Condition.WRONG, Condition.WARNING, Condition.UNKNOWN, Condition.OK)]
    return ", ".join(told)


def _remedy(one: Finding, file: TomlFile | None) -> str:
    """Say what to do, with the line of the configuration that it is about."""
    where = f"{file.path}:{file.line(one.at)}: " if file is not None and one.at and one.remedy else ""
    return _seen(f"{where}{one.remedy}")


def _seen(text: str) -> str:
    """Cut our secrets out of what a neighbour may have had a word in, and what a terminal would obey."""
    return plain(cut_known(text))
