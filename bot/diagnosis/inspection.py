"""From what was given on the command line, a file, an address or standard input, to what is told of it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.fingerprint import normalised
from bot.diagnosis.given import chunks_given, is_address, logs_in
from bot.diagnosis.judge import diagnose
from bot.diagnosis.reading import Extent, pages
from bot.diagnosis.redaction import Redaction
from bot.diagnosis.scan import scan
from bot.diagnosis.show import Told
from bot.diagnosis.sources import chunks_from, chunks_of
from bot.diagnosis.verdict import Verdict
from bot.errors import ConfigError, GordonError, shown


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
            return self._judged(chunks_given(given, extent), extent)
        from bot.diagnosis.remote import opened_address  # asyncio and aiohttp take a while to import

        with opened_address(given) as log:
            verdict = self._judged(chunks_from(log.read, extent), extent, log.result)
            return replace(verdict, why_partial=verdict.why_partial or log.why_partial)

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


def _green_lines(folder: Path, catalogue: Catalogue) -> frozenset[bytes]:
    """Collect what looks like an error in logs of builds that passed."""
    if not folder.is_dir():
        raise ConfigError((f"{folder}: is no folder of logs",))
    lines: set[bytes] = set()
    for log in logs_in(folder):
        found = scan(pages(chunks_of(log, Extent())), catalogue)
        lines.update(normalised(hit.text) for hit in found.hits)
    return frozenset(lines)
