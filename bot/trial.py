"""Looking for one expression in the logs that are kept, before it decides about builds."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bot.diagnosis.catalogue import Catalogue
from bot.diagnosis.expressions import Expression, for_engine
from bot.diagnosis.re2_engine import Re2Engine
from bot.diagnosis.reading import pages
from bot.diagnosis.signs import Signature
from bot.facts import Trial

MAX_BYTES = 256 << 20  # of text that is looked through for one trial, the newest logs first
MAX_S = 10.0  # a command has 30 s
SLOW_S_PER_MIB = 0.1  # of processor time; of more it would hold up every diagnosis
MEASURED_BYTES = 1 << 20  # from so much on the time tells something
MAX_HITS, MAX_HIT_CHARS = 3, 160


@dataclass(slots=True)
class Search:
    """Looks for one signature in one log after the other, as long as bytes and time are left."""

    sign: Signature
    hits: list[str] = field(default_factory=list)
    read_bytes: int = 0
    took_s: float = 0.0
    _catalogue: Catalogue = field(init=False)

    def __post_init__(self) -> None:
        engine = Re2Engine([Expression(for_engine(self.sign.regex, self.sign.scope))])
        self._catalogue = Catalogue((self.sign,), (), engine)

    def count(self, logs: Iterable[Iterable[bytes]]) -> tuple[int, int]:
        """Tell in how many logs it is found, and in how many it was looked for.

        Arguments:
            logs: each in pieces of any size.
        """
        found = tried = 0
        until_s = time.monotonic() + MAX_S / 2
        for log in logs:
            if self.read_bytes >= MAX_BYTES or time.monotonic() >= until_s:
                break
            tried += 1
            found += self._is_in(log)
        return found, tried

    @property
    def is_slow(self) -> bool:
        """Whether it takes more time than a signature may."""
        return self.read_bytes >= MEASURED_BYTES and self.took_s > SLOW_S_PER_MIB * self.read_bytes / (1 << 20)

    def _is_in(self, log: Iterable[bytes]) -> bool:
        for page in pages(log):
            began_s = time.thread_time()
            found = self._catalogue.found(0, page.text, most=1) if self._catalogue.scan(page.text) else ()
            self.took_s += time.thread_time() - began_s
            self.read_bytes += len(page.text)
            if found:
                self.hits.append(_line_at(page.text, found[0].tell_start))
                return True
        return False


def trial_of(sign: Signature, reds: Iterator[Iterable[bytes]], greens: Iterator[Iterable[bytes]]) -> Trial:
    """Look for a signature in logs of both colours, the newest first; of each as many as bytes and time allow."""
    search = Search(sign)
    red, reds_tried = search.count(reds)
    hits = tuple(search.hits[:MAX_HITS])
    green, greens_tried = search.count(greens)
    wrong = ("takes too long to look for: repeat less, and begin with text that only this failure has",)
    return Trial(wrong if search.is_slow else (), red, reds_tried, green, greens_tried, hits)


def _line_at(text: bytes, at: int) -> str:
    begin, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
    return text[begin : end if end >= 0 else len(text)].decode("utf-8", "replace").strip()[:MAX_HIT_CHARS]
