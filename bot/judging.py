"""Why a log says that a build failed: the catalogue that is in force, and what it makes of a log, without secrets."""

import threading
from collections.abc import Iterable
from pathlib import Path

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.judge import diagnose
from bot.diagnosis.reading import Extent
from bot.diagnosis.redaction import Redaction, read_patterns
from bot.diagnosis.verdict import Verdict
from bot.live import Live


class Judge:
    """Holds the catalogue; what it does takes a while, so it is called in threads.

    Arguments:
        added: the file of the signatures that people have added in chat, if there are any.
    """

    def __init__(self, live: Live, added: Path) -> None:
        self._live = live
        self._added = added
        self._catalogue: Catalogue | None = None
        self._turn = threading.Lock()

    def verdict(self, chunks: Iterable[bytes], result: str) -> Verdict:
        """Tell why a build failed, from its log.

        Arguments:
            result: what its server says that it came to.
        """
        extent = Extent()
        verdict = diagnose(chunks, self.catalogue(), extent=extent, result=result)
        return self._redaction().clean_verdict(verdict)

    def catalogue(self) -> Catalogue:
        """Tell what is in force; the first time it is read.

        Raises:
            CatalogueError: a file cannot be used.
        """
        with self._turn:
            if self._catalogue is None:
                self._catalogue = self._read()
            return self._catalogue

    def renew(self) -> None:
        """Read the catalogue again, for all logs from now on; what cannot be used changes nothing.

        Raises:
            CatalogueError: a file cannot be used.
        """
        catalogue = self._read()
        with self._turn:
            self._catalogue = catalogue

    def _read(self) -> Catalogue:
        files = [*self._live.now.settings.diagnosis.catalogues, *([self._added] if self._added.exists() else [])]
        return load_catalogue(files)

    def _redaction(self) -> Redaction:
        settings = self._live.now.settings.diagnosis
        return Redaction(read_patterns(settings.secrets) if settings.secrets else (), emails=settings.redact_emails)
