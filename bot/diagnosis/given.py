"""What was given on the command line, to the logs that are meant and their bytes."""

import os
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bot.diagnosis.reading import Extent
from bot.diagnosis.sources import chunks_from, chunks_of
from bot.errors import UserError, shown

STDIN = "-"
ENDINGS = (".log", ".txt", ".gz")
NAMES = frozenset({"log", "consoleText"})


def is_address(given: str) -> bool:
    """Tell whether an address is meant, and not a file."""
    return "://" in given and not os.access(given, os.F_OK)


def expand(given: Sequence[str]) -> list[str]:
    """List the logs that are meant: of a folder those in it, by name.

    Raises:
        UserError: there is none in a folder, or standard input is to be read twice.
    """
    if given.count(STDIN) > 1:
        raise UserError("- is standard input, which can be read once")
    found: list[str] = []
    for name in given:
        if name == STDIN or is_address(name) or not _is_folder(name):
            found.append(name)
            continue
        inner = logs_in(Path(name))
        if not inner:
            raise UserError(
                f"{shown(name)}: in this folder is no log: nothing named {', '.join(sorted(NAMES))},"
                f" *{', *'.join(ENDINGS)}; name the files"
            )
        found += map(str, inner)
    return found


def _is_folder(name: str) -> bool:
    try:
        return stat.S_ISDIR(Path(name).stat().st_mode)
    except OSError:  # whoever opens it says why
        return False


def logs_in(folder: Path) -> list[Path]:
    """List what is named as a log in a folder and those inside it; links to folders are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(place, name) for name in sorted(names) if name in NAMES or name.endswith(ENDINGS)]
    return found


def chunks_given(given: str, extent: Extent) -> Iterator[bytes]:
    """Read a file or standard input."""
    return chunks_from(partial(os.read, 0), extent) if given == STDIN else chunks_of(Path(given), extent)
