"""Why a log says that a build failed: the catalogue that is in force, and what it makes of a log, without secrets."""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.expressions import LOOK_BYTES, BadExpression, Expression, for_engine
from bot.diagnosis.judge import diagnose
from bot.diagnosis.re2_engine import Re2Engine
from bot.diagnosis.reading import Extent, Pager
from bot.diagnosis.redaction import Redaction, read_patterns
from bot.diagnosis.scan import Scanning
from bot.diagnosis.signs import Scope, Signature
from bot.diagnosis.verdict import Verdict
from bot.errors import ConfigError
from bot.live import Live
from bot.settings import DiagnosisSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a log says.

    Arguments:
        matched: of the expressions that were looked for beside the catalogue, those that were found.
    """

    verdict: Verdict
    matched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _InForce:
    """What logs are searched for, made once for what the configuration and its files said on one day."""

    settings: DiagnosisSettings
    day: date  # signatures expire
    files: tuple[tuple[int, int], ...]  # when each was changed, and how long it is
    catalogue: Catalogue
    redaction: Redaction


class Judge:
    """Holds the catalogue; what it does takes a while, so it is called in threads.

    Arguments:
        added: the file of the signatures that people have added in chat, if there are any.
    """

    def __init__(self, live: Live, added: Path) -> None:
        self._live = live
        self._added = added
        self._in_force: _InForce | None = None
        self._turn = threading.Lock()

    def verdict(
        self, chunks: Iterable[bytes], result: str, *, extent: Extent | None = None, wanted: Sequence[str] = ()
    ) -> Judged:
        """Tell why a build failed, from its log.

        Arguments:
            result: what its server says that it came to.
            extent: filled with how much was read; why it is not the whole log may be noted there.
            wanted: expressions that are looked for beside the catalogue, as a signature's are.

        Raises:
            ConfigError: there is no catalogue, as a file cannot be used.
        """
        in_force = self._now()
        own = _own_catalogue(tuple(wanted)) if wanted else None
        looking = _Looking(chunks, own) if own else None
        verdict = diagnose(looking or chunks, in_force.catalogue, extent=extent, result=result)
        return Judged(in_force.redaction.clean_verdict(verdict), looking.found() if looking else ())

    def catalogue(self) -> Catalogue:
        """Tell what is in force; the first time it is read.

        Raises:
            ConfigError: a file cannot be used.
        """
        return self._now().catalogue

    def redaction(self) -> Redaction:
        """Tell what cuts secrets out of logs now; errors are those of `catalogue`."""
        return self._now().redaction

    def renew(self) -> None:
        """Read the catalogue again, for all logs from now on; what cannot be used changes nothing.

        Raises:
            ConfigError: a file cannot be used.
        """
        made = self._made()
        with self._turn:
            self._in_force = made

    def _now(self) -> _InForce:
        """Give what is in force, made anew when the configuration or the day is another."""
        with self._turn:
            settings, last = self._live.now.settings.diagnosis, self._in_force
            day, files = datetime.now(UTC).date(), _stamps(settings)
            if last is not None and (last.settings, last.day, last.files) == (settings, day, files):
                return last
            try:
                self._in_force = self._made()
            except ConfigError as error:
                if last is None:
                    raise
                log.error("the catalogues cannot be read again, so those from before stay: %s", error)
                self._in_force = replace(last, settings=settings, day=day, files=files)
            return self._in_force

    def _made(self) -> _InForce:
        settings, day = self._live.now.settings.diagnosis, datetime.now(UTC).date()
        files = [*settings.catalogues, *([self._added] if self._added.exists() else [])]
        stamps = _stamps(settings)
        catalogue = load_catalogue(files, today=day) if files else _shipped(day)
        return _InForce(settings, day, stamps, catalogue, _redaction(settings))


class _Looking:
    """Chunks of a log as they pass, with what of one's own expressions is found in them."""

    def __init__(self, chunks: Iterable[bytes], own: Catalogue) -> None:
        self._chunks = chunks
        self._own = own
        self._pager = Pager()
        self._scanning = Scanning(own)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            for page in self._pager.feed(chunk):
                self._scanning.take(page)
            yield chunk

    def found(self) -> tuple[str, ...]:
        """Tell what was found, once all has passed."""
        for page in self._pager.close():
            self._scanning.take(page)
        hits = {hit.position for hit in self._scanning.finish().hits}
        return tuple(sign.regex for position, sign in enumerate(self._own.signs) if position in hits)


@lru_cache(maxsize=1)
def _shipped(day: date) -> Catalogue:
    """Read what comes with Gordon, once for all in this process: it takes some 40 MB."""
    return load_catalogue(today=day)


@lru_cache(maxsize=256)  # a few for each job; what a reload replaced is forgotten in the end
def _own_catalogue(regexes: tuple[str, ...]) -> Catalogue | None:
    """Compile expressions of a plugin's settings; one that cannot be is told and left out."""
    signs, expressions = [], []
    for regex in dict.fromkeys(regexes):
        try:
            expression = Expression(for_engine(regex, Scope.WRAPPED))
            Re2Engine([expression])
        except BadExpression as error:
            log.error("the expression %s of a plugin's settings cannot be looked for: %s", regex, error)
            continue
        signs.append(Signature(id=regex, regex=regex, example="", retry="unknown"))
        expressions.append(expression)
    return Catalogue(tuple(signs), (), Re2Engine(expressions, max_bytes=LOOK_BYTES)) if signs else None


def _stamps(settings: DiagnosisSettings) -> tuple[tuple[int, int], ...]:
    """Tell by what one sees that a file was written again; of one that is gone nothing."""
    found = []
    for file in (*settings.catalogues, *([settings.secrets] if settings.secrets else [])):
        with suppress(OSError):
            seen = file.stat()
            found.append((seen.st_mtime_ns, seen.st_size))
    return tuple(found)


def _redaction(settings: DiagnosisSettings) -> Redaction:
    return Redaction(read_patterns(settings.secrets) if settings.secrets else (), emails=settings.redact_emails)


def problems(settings: DiagnosisSettings) -> Iterator[tuple[str, str]]:
    """Tell what is wrong with the files that `[diagnosis]` names: the key, and what."""
    if settings.catalogues:
        try:
            load_catalogue(settings.catalogues)
        except ConfigError as error:
            yield from (("catalogues", problem) for problem in error.problems)
    if settings.secrets:
        try:
            read_patterns(settings.secrets)
        except ConfigError as error:
            yield from (("secrets", problem) for problem in error.problems)
