"""From what was given on the command line, a file, an address or standard input, to what is told of it."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.fingerprint import normalised
from bot.diagnosis.judge import diagnose
from bot.diagnosis.reading import Extent, pages
from bot.diagnosis.redaction import Redaction
from bot.diagnosis.scan import scan
from bot.diagnosis.show import Told
from bot.diagnosis.sources import chunks_from, chunks_of
from bot.diagnosis.verdict import Verdict
from bot.errors import ConfigError, GordonError, UserError, shown

STDIN = "-"
ENDINGS = (".log", ".txt", ".gz")
NAMES = frozenset({"log", "consoleText"})


@dataclass(frozen=True, slots=True)
class Wishes:
    """How logs are to be looked at, in a form that another process can be given."""

    catalogues: tuple[Path, ...] = ()
    green: Path | None = None
    patterns: tuple[str, ...] = ()
    redacts_emails: bool = False


@dataclass(slots=True)
class Inspection:
    """Looks at one log after the other."""

    catalogue: Catalogue
    redaction: Redaction
    green: Collection[bytes] = field(default_factory=frozenset)

    def tell(self, given: str) -> Told:
        """Say what is in a log, or why it cannot be read."""
        name = self.redaction.clean_line(given)
        try:
            return Told(name, self.redaction.clean_verdict(self._verdict(given)))
        except GordonError as error:
            why = str(error).removeprefix(f"{shown(given)}: ")
            return Told(name, error=self.redaction.clean_line(why))

    def _verdict(self, given: str) -> Verdict:
        extent = Extent()
        if not is_address(given):
            return self._judged(_chunks(given, extent), extent)
        from bot.diagnosis.remote import opened_address  # asyncio and aiohttp take a while to import

        with opened_address(given) as log:
            verdict = self._judged(chunks_from(log.read, extent), extent, log.result)
            return replace(verdict, is_partial=verdict.is_partial or bool(log.why_partial))

    def _judged(self, chunks: Iterable[bytes], extent: Extent, result: str = "") -> Verdict:
        return diagnose(chunks, self.catalogue, extent=extent, green=self.green, result=result)


def begin(wishes: Wishes) -> Inspection:
    """Make ready what all logs need.

    Raises:
        ConfigError: a catalogue, or the folder of green logs, cannot be used.
    """
    inspection = Inspection(load_catalogue(wishes.catalogues), Redaction(wishes.patterns, emails=wishes.redacts_emails))
    if wishes.green is not None:
        inspection.green = _green_lines(wishes.green, inspection.catalogue)
    return inspection


def is_address(given: str) -> bool:
    """Tell whether an address is meant, and not a file."""
    return "://" in given and not Path(given).exists()


def expand(given: Sequence[str]) -> list[str]:
    """List the logs that are meant: of a folder those in it, by name.

    Raises:
        UserError: there is none in a folder, or standard input is to be read twice.
    """
    if given.count(STDIN) > 1:
        raise UserError("- is standard input, which can be read once")
    found: list[str] = []
    for name in given:
        if name == STDIN or is_address(name) or not Path(name).is_dir():
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


def logs_in(folder: Path) -> list[Path]:
    """List what is named as a log in a folder and those inside it; links to folders are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(place, name) for name in sorted(names) if name in NAMES or name.endswith(ENDINGS)]
    return found


def _green_lines(folder: Path, catalogue: Catalogue) -> frozenset[bytes]:
    """Collect what looks like an error in logs of builds that passed."""
    if not folder.is_dir():
        raise ConfigError((f"{folder}: is no folder of logs",))
    lines: set[bytes] = set()
    for log in logs_in(folder):
        found = scan(pages(chunks_of(log, Extent())), catalogue)
        lines.update(normalised(hit.text) for hit in found.hits)
    return frozenset(lines)


def _chunks(given: str, extent: Extent) -> Iterator[bytes]:
    return chunks_from(partial(os.read, 0), extent) if given == STDIN else chunks_of(Path(given), extent)
