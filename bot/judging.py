"""Why a log says that a build failed: the catalogue that is in force, and what it makes of a log, without secrets."""

import threading
from collections.abc import Iterable

from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.judge import diagnose
from bot.diagnosis.reading import Extent
from bot.diagnosis.redaction import Redaction, read_patterns
from bot.diagnosis.verdict import Verdict
from bot.live import Live


class Judge:
    """Holds the catalogue; what it does takes a while, so it is called in threads."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._catalogue: Catalogue | None = None
        self._turn = threading.Lock()

    def verdict(self, chunks: Iterable[bytes], result: str) -> Verdict:
        """Tell why a build failed, from its log.

        Arguments:
            result: what its server says that it came to.
        """
        extent = Extent()
        verdict = diagnose(chunks, self._now(), extent=extent, result=result)
        return self._redaction().clean_verdict(verdict)

    def _now(self) -> Catalogue:
        with self._turn:
            if self._catalogue is None:
                self._catalogue = load_catalogue(self._live.now.settings.diagnosis.catalogues)
            return self._catalogue

    def _redaction(self) -> Redaction:
        settings = self._live.now.settings.diagnosis
        return Redaction(read_patterns(settings.secrets) if settings.secrets else (), emails=settings.redact_emails)
