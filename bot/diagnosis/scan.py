"""One pass over the pages of a log: where the signs of a catalogue are found, in bounded memory.

The engine tells for each page which signs are in it; where they lie is found by a second look. On a log of any size the
second look is taken at the first places of each sign and, once the end has come, at the last pages again: causes stand
where an error is first told, or near the end. What lies between is counted out, so a log in which each line matches
each sign costs no more than its length.
"""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice

from bot.diagnosis.catalogue import Catalogue, Found
from bot.diagnosis.failed_names import tidy
from bot.diagnosis.hits import ABOVE, BELOW, MAX_LINE_BYTES, Ending, Hit, Scan, cut_line
from bot.diagnosis.pages import Page
from bot.diagnosis.signs import TEST, Role, Scope, Shape, Signature
from bot.diagnosis.starts import Starts

LAST_PAGES = 8  # in them each sign is looked for again whatever was found before: about 1 MB
HITS_PER_SIGN = 12  # in all pages before those
LOOKS_PER_SIGN = 64  # pages before those in which a sign is looked for by a second look
HITS_PER_PAGE = 600  # of all signs; shared among those that are found in it
MOST_OF_A_PAGE = 48  # hits of a sign in a page
TAILS_OF_A_PAGE_BYTES = (32 << 10, 2 << 10)  # where the last places of a frequent sign are looked for
MAX_HITS = 2_000  # before the last pages
MAX_LINES = 15_000  # kept around those
MAX_TESTS = 500
TESTS_OF_A_PAGE = 200
TAIL_LINES = 15
BROKEN_LINES = 400  # at the end, in which words may have been broken
SEAM_BYTES = 2 << 10  # of the text on each side of the border of two pages, where a match may go across it


def scan(pages: Iterable[Page], catalogue: Catalogue) -> Scan:
    """Find the signs of a catalogue in a log.

    Arguments:
        pages: read once, and not kept.
    """
    scanning = Scanning(catalogue)
    for page in pages:
        scanning.take(page)
    return scanning.finish()


@dataclass(slots=True, eq=False)
class _Seen:
    """A page with the positions of the signs that are in it; its lines are split when they are asked for."""

    page: Page
    positions: Sequence[int]
    tolerates: bool  # whether one of the positions is of a line that is no failure
    _lines: list[bytes] | None = None
    _starts: list[int] | None = None

    @property
    def lines(self) -> list[bytes]:
        if self._lines is None:
            self._lines = self.page.text.split(b"\n")
        return self._lines

    @property
    def last_line(self) -> int:
        has_rest = not self.page.text.endswith(b"\n")
        return self.page.first_line + self.page.line_count - (0 if has_rest else 1)

    def forget_lines(self) -> None:
        """Free what is made again when it is needed: of short lines it is many times the page."""
        self._lines = self._starts = None

    def row_of(self, offset: int) -> int:
        """Tell in which of its lines, from 0 on, a byte of the page lies."""
        if self._starts is None:
            self._starts = [0, *accumulate(len(line) + 1 for line in self.lines)]
        return min(bisect_right(self._starts, offset) - 1, len(self.lines) - 1)

    def begin_of(self, row: int) -> int:
        assert self._starts is not None
        return self._starts[row]

    def numbered(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """List those of some lines that are in this page."""
        for number in range(max(first, self.page.first_line), min(last, self.last_line) + 1):
            yield number, self.lines[number - self.page.first_line]


class Scanning:
    """What is remembered while pages come."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._starts = Starts(catalogue.signs)
        self._tolerating = frozenset(
            position
            for position, sign in enumerate(catalogue.signs)
            if isinstance(sign, Shape) and sign.role is Role.TOLERATED
        )
        self._recent: deque[_Seen] = deque()
        self._before: _Seen | None = None  # the page before the first of the recent ones
        self._hits: dict[tuple[int, int], Hit] = {}  # by position and telling line
        self._lines: dict[int, bytes] = {}
        self._tests: dict[str, int] = {}
        self._found: Counter[int] = Counter()
        self._looks: Counter[int] = Counter()

    def take(self, page: Page) -> None:
        """Let the engine look at the next page, and look a second time at the one that is now further from the end."""
        positions = self._catalogue.scan(page.text)
        seen = _Seen(page, positions, not self._tolerating.isdisjoint(positions))
        if self._recent:
            self._look_at_seam(self._recent[-1], seen)
        self._recent.append(seen)
        if len(self._recent) > LAST_PAGES:
            self._look_early(self._recent[0])
            if self._before:
                self._before.forget_lines()
            self._before = self._recent.popleft()

    def finish(self) -> Scan:
        """Look at the last pages, and put in order what was found."""
        for place in reversed(range(len(self._recent))):
            seen = self._recent[place]
            share = max(4, min(MOST_OF_A_PAGE, HITS_PER_PAGE // (len(seen.positions) or 1)))
            above = self._recent[place - 1] if place else self._before
            below = self._recent[place + 1] if place + 1 < len(self._recent) else None
            for position in seen.positions:
                self._look(seen, position, share, (above, seen, below), with_last=True)
            if below:
                below.forget_lines()
        if not any(isinstance(hit.sign, Signature) for hit in self._hits.values()):
            self._look_at_broken_words()
        hits = tuple(sorted(self._hits.values(), key=lambda hit: (hit.line, hit.position)))
        line_count = self._recent[-1].last_line if self._recent else 0
        tail = tuple(range(max(1, line_count - TAIL_LINES + 1), line_count + 1))
        self._keep(tail[0] if tail else 1, line_count, self._recent)
        return Scan(
            hits,
            self._lines,
            tail,
            dict(sorted(self._tests.items(), key=lambda item: item[1])),
            _ending(hits),
            line_count,
        )

    def _look_early(self, seen: _Seen) -> None:
        wanted = [p for p in seen.positions if self._found[p] < HITS_PER_SIGN and self._looks[p] < LOOKS_PER_SIGN]
        around = (self._before, seen, self._recent[1])
        for position in wanted:
            if len(self._hits) >= MAX_HITS and self._found[position]:
                continue
            self._looks[position] += 1
            self._look(seen, position, HITS_PER_SIGN - self._found[position], around)

    def _look(
        self, seen: _Seen, position: int, most: int, around: Sequence[_Seen | None], *, with_last: bool = False
    ) -> None:
        """Find where a sign lies in a page: at its first places, and if asked at its last ones."""
        has_names = self._starts.names_tests(position) and len(self._tests) < MAX_TESTS
        text = seen.page.text
        found = self._catalogue.found(position, text, most=TESTS_OF_A_PAGE if has_names else most)
        if has_names:
            self._name(seen, position, found, around)
        found = found[:most]
        if with_last and len(found) == most:
            after = found[-1].start
            found = [*found, *(one for one in self._last(position, text, most) if one.start > after)]
        for one in found:
            self._add(seen, position, one, around)

    def _last(self, position: int, text: bytes, most: int) -> Sequence[Found]:
        """Find the last places of a sign that a page has too often; nearer to the end if that has it too often, too."""
        found: Sequence[Found] = ()
        for size in TAILS_OF_A_PAGE_BYTES:
            begin = text.rfind(b"\n", 0, max(0, len(text) - size)) + 1
            found = self._catalogue.found(position, text, most=TESTS_OF_A_PAGE, start=begin)
            if len(found) < TESTS_OF_A_PAGE:
                break
        return found[-most:]

    def _add(self, seen: _Seen, position: int, found: Found, around: Sequence[_Seen | None]) -> None:
        row = seen.row_of(found.tell_start)
        line = seen.page.first_line + row
        if (position, line) in self._hits:
            return
        sign = self._catalogue.signs[position]
        text = seen.lines[row]
        first = seen.page.first_line + seen.row_of(found.start)
        last = seen.page.first_line + seen.row_of(max(found.start, found.end - 1))
        start = None
        if self._starts.is_needed(position):
            start = self._start(position, first, around)
            if start is None:
                return
        self._found[position] += 1
        hit = Hit(
            sign,
            position,
            line,
            first,
            last,
            cut_line(text, found.tell_start - seen.begin_of(row)),
            found.groups,
            start,
            self._is_tolerated(seen, text, found.tell_start - seen.begin_of(row)),
        )
        self._hits[position, line] = hit
        if len(self._lines) < MAX_LINES or seen in self._recent:
            self._keep(first - ABOVE, last + BELOW, [part for part in around if part])

    def _start(self, position: int, first: int, around: Sequence[_Seen | None]) -> int | None:
        above = [pair for part in around if part for pair in part.numbered(first - ABOVE, first)]
        return self._starts.above(position, above)

    def _is_tolerated(self, seen: _Seen, line: bytes, at: int) -> bool:
        if not seen.tolerates:
            return False
        part = line[max(0, at - MAX_LINE_BYTES) : at + MAX_LINE_BYTES]
        return any(
            position in self._tolerating and bool(self._catalogue.found(position, part, most=1))
            for position in self._catalogue.scan(part)
        )

    def _keep(self, first: int, last: int, parts: Iterable[_Seen]) -> None:
        for part in parts:
            for number, line in part.numbered(first, last):
                if number not in self._lines:
                    self._lines[number] = cut_line(line)

    def _name(self, seen: _Seen, position: int, found: Iterable[Found], around: Sequence[_Seen | None]) -> None:
        for one in islice(found, MAX_TESTS - len(self._tests)):
            if not (name := tidy(one.groups.get(TEST, b""))):
                continue
            row = seen.row_of(one.start)
            line = seen.page.first_line + row
            if self._starts.is_needed(position) and self._start(position, line, around) is None:
                continue
            if not self._is_tolerated(seen, seen.lines[row], one.start - seen.begin_of(row)):
                self._tests[name] = min(line, self._tests.get(name, line))

    def _look_at_seam(self, above: _Seen, below: _Seen) -> None:
        """Look for what begins in a page and ends in the next: several lines, or one that is longer than a page."""
        head, foot = above.page.text[-SEAM_BYTES:], below.page.text[:SEAM_BYTES]
        if not below.page.is_continued and len(head) < len(above.page.text):
            head = head[head.find(b"\n") + 1 :]
        text, border = head + foot, len(head)
        positions = [p for p in self._catalogue.scan(text) if self._goes_across(p, is_one_line=below.page.is_continued)]
        if not positions:
            return
        page = Page(text, above.page.first_line + above.page.line_count - head.count(b"\n"), text.count(b"\n"), 0)
        seam = _Seen(page, positions, not self._tolerating.isdisjoint(positions))
        for position in positions:
            for found in self._catalogue.found(position, text, most=4):
                if found.start < border < found.end:
                    self._add(seam, position, found, (above, seam, below))

    def _look_at_broken_words(self) -> None:
        """Look at the last lines as if a terminal had broken them amid words: nothing known was found otherwise."""
        last = self._recent[-1].last_line if self._recent else 0
        numbered = [pair for seen in self._recent for pair in seen.numbered(last - BROKEN_LINES, last)]
        for one in self._catalogue.found_wrapped([line for _, line in numbered]):
            first = numbered[one.first][0]
            hit = Hit(
                self._catalogue.signs[one.position],
                one.position,
                first,
                first,
                numbered[one.last][0],
                cut_line(one.text),
            )
            self._hits[one.position, first] = hit
            self._keep(first - ABOVE, hit.last + BELOW, self._recent)

    def _goes_across(self, position: int, *, is_one_line: bool) -> bool:
        return is_one_line or self._catalogue.signs[position].scope is not Scope.LINE


def _ending(hits: Sequence[Hit]) -> Ending | None:
    """Take the last word that the CI said: a job may print such a line itself before."""
    for hit in reversed(hits):
        if hit.role is Role.ENDING and not hit.is_tolerated:
            return Ending(hit.groups.get("result", b"").decode(errors="replace").strip(), hit.line)
    return None
