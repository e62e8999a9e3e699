"""Looking for signatures in the logs that are kept, before they decide about builds."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bot.diagnosis.catalogue import Catalogue
from bot.diagnosis.expressions import Expression, for_engine
from bot.diagnosis.re2_engine import Re2Engine
from bot.diagnosis.reading import pages
from bot.diagnosis.signs import Signature
from bot.facts import Trial

MAX_BYTES = 256 << 20  # of text of one colour that is looked through for one trial
MAX_S = 5.0  # for one colour, unless told otherwise; a command has 30 s for all
SLOW_S_PER_MIB = 0.1  # of processor time; of more it would hold up every diagnosis
MEASURED_BYTES = 1 << 18  # from so much on the time tells something
MAX_HITS, MAX_HIT_CHARS = 3, 160


class Search:
    """Looks for signatures in one log after the other, as long as bytes and time are left."""

    def __init__(self, signs: Sequence[Signature], max_s: float) -> None:
        engine = Re2Engine([Expression(for_engine(sign.regex, sign.scope)) for sign in signs])
        self._catalogue = Catalogue(tuple(signs), (), engine)
        self._max_s = max_s
        self._read_bytes = 0
        self._took_s = 0.0

    def run(self, logs: Iterable[Iterable[bytes]]) -> "Found":
        """Look through logs.

        Arguments:
            logs: each in pieces of any size.
        """
        found = Found()
        until_s, until_bytes = time.monotonic() + self._max_s, self._read_bytes + MAX_BYTES
        for log in logs:
            if self._read_bytes >= until_bytes or time.monotonic() >= until_s:
                break
            found.tried += 1
            for position, line in self._in_one(log).items():
                found.counts[position] += 1
                found.lines.setdefault(position, []).append(line)
        return found

    @property
    def is_slow(self) -> bool:
        """Whether it takes more time than a signature may."""
        mib = self._read_bytes / (1 << 20)
        return self._read_bytes >= MEASURED_BYTES and self._took_s > SLOW_S_PER_MIB * mib * len(self._catalogue.signs)

    def _in_one(self, log: Iterable[bytes]) -> dict[int, str]:
        """Tell which signatures a log has, and the first line that has each."""
        lines: dict[int, str] = {}
        for page in pages(log):
            began_s = time.thread_time()
            for position in self._catalogue.scan(page.text):
                if position not in lines and (found := self._catalogue.found(position, page.text, most=1)):
                    lines[position] = _line_at(page.text, found[0].tell_start)
            self._took_s += time.thread_time() - began_s
            self._read_bytes += len(page.text)
            if len(lines) == len(self._catalogue.signs):
                break
        return lines


@dataclass(slots=True)
class Found:
    """In how many logs each signature, by its position, was found, with lines that have it."""

    tried: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    lines: dict[int, list[str]] = field(default_factory=dict)


def trials_of(
    signs: Sequence[Signature],
    reds: Iterable[Iterable[bytes]],
    greens: Iterable[Iterable[bytes]],
    *,
    max_s: float = MAX_S,
) -> list[Trial]:
    """Look for signatures in logs of both colours, the newest first; of each colour as many as bytes and time allow."""
    search = Search(signs, max_s)
    red, green = search.run(reds), search.run(greens)
    wrong = ("takes too long to look for: repeat less, and begin with text that only this failure has",)
    return [
        Trial(
            wrong if search.is_slow else (),
            red.counts[at],
            red.tried,
            green.counts[at],
            green.tried,
            tuple(red.lines.get(at, [])[:MAX_HITS]),
        )
        for at in range(len(signs))
    ]


def _line_at(text: bytes, at: int) -> str:
    begin, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
    return text[begin : end if end >= 0 else len(text)].decode("utf-8", "replace").strip()[:MAX_HIT_CHARS]
