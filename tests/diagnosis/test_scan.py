"""What is found in a log, wherever its pages begin and however often it is there."""

import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.diagnosis.cache import Cache
from bot.diagnosis.catalogue import Catalogue, load_catalogue
from bot.diagnosis.hits import MAX_LINE_BYTES, Scan, cut_line
from bot.diagnosis.pages import Page
from bot.diagnosis.redaction import Redaction
from bot.diagnosis.scan import HITS_PER_PAGE, HITS_PER_SIGN, LAST_PAGES, MAX_TESTS, TAIL_LINES, scan

SIGNS = r"""
[[signature]]
id = "wrapped"
class = "network"
retry = "true"
regex = "the quick brown fox fell"
example = "the quick brown fox fell"

[[shape]]
id = "error"
tool = "x"
weight = 50
regex = '^error: '
example = "error: x"

[[shape]]
id = "harmless"
tool = "x"
role = "tolerated"
weight = 0
regex = 'error: none$'
example = "error: none"

[[shape]]
id = "with-header"
tool = "x"
weight = 80
regex = '^Oops: '
start = '^Header$'
only_with_start = true
example = "Header\nOops: x"

[[shape]]
id = "test"
tool = "x"
class = "test-failure"
weight = 90
regex = '^FAIL (?P<test>\S+)'
example = "FAIL a"

[[shape]]
id = "end"
tool = "x"
role = "ending"
weight = 0
regex = '^End: (?P<result>\w+)'
example = "End: FAILURE"
"""


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder: Path = tmp_path_factory.mktemp("signs")
    file = folder / "signs.toml"
    file.write_text(SIGNS)
    return load_catalogue([file], shipped=False, cache=Cache(folder))


def cut_in_pages(text: bytes, size: int) -> Iterator[Page]:
    """Cut at the last LF before each multiple of a size, or in a line that is longer."""
    begin, line, is_continued = 0, 1, False
    while begin < len(text):
        end = begin + size
        if end < len(text):
            end = text.rfind(b"\n", begin, end) + 1 or end
        piece = text[begin:end]
        yield Page(piece, line, piece.count(b"\n"), begin, is_continued)
        begin, line, is_continued = begin + len(piece), line + piece.count(b"\n"), not piece.endswith(b"\n")


def places(found: Scan) -> list[tuple[str, int]]:
    return [(hit.sign.id, hit.line) for hit in found.hits]


LOG = (
    b"Header\nstep\nOops: one\nerror: a\nerror: none\nFAIL first\n"
    + b"filler\n" * 60
    + b"Oops: without a header\nthe quick brown\nfox fell\nFAIL second\nFAIL first\nEnd: SUCCESS\nEnd: FAILURE\nlast\n"
)


@settings(deadline=None, max_examples=60)
@given(size=st.integers(64, 700))
def test_where_pages_end_makes_no_difference(catalogue: Catalogue, size: int) -> None:
    found = scan(cut_in_pages(LOG, size), catalogue)
    assert places(found) == [
        ("with-header", 3),
        ("error", 4),
        ("error", 5),
        ("harmless", 5),
        ("test", 6),
        ("wrapped", 68),
        ("test", 70),
        ("test", 71),
        ("end", 72),
        ("end", 73),
    ]
    assert [hit.line for hit in found.hits if hit.is_tolerated and hit.sign.id == "error"] == [5]
    assert found.failed_tests == {"first": 6, "second": 70}
    assert found.ending is not None
    assert (found.ending.result, found.ending.line) == ("FAILURE", 73)
    assert found.line_count == 74
    assert [found.lines[n] for n in found.tail[-2:]] == [b"End: FAILURE", b"last"]
    assert found.lines[1] == b"Header"


def test_the_first_and_the_last_places_of_a_sign_are_kept(catalogue: Catalogue) -> None:
    text = b"".join(b"error: %d\n" % number for number in range(20_000))
    found = scan(cut_in_pages(text, 8192), catalogue)
    numbers = [hit.line for hit in found.hits]
    assert numbers[:HITS_PER_SIGN] == list(range(1, HITS_PER_SIGN + 1))
    assert numbers[-1] == 20_000
    assert len(numbers) <= HITS_PER_SIGN + LAST_PAGES * HITS_PER_PAGE


def test_a_rare_sign_is_found_amid_a_frequent_one(catalogue: Catalogue) -> None:
    text = b"error: x\n" * 30_000 + b"FAIL rare\n" + b"error: x\n" * 30_000
    assert ("test", 30_001) in places(scan(cut_in_pages(text, 4096), catalogue))


def test_names_of_tests_are_bounded(catalogue: Catalogue) -> None:
    text = b"".join(b"FAIL test-%d\n" % number for number in range(5_000))
    assert len(scan(cut_in_pages(text, 4096), catalogue).failed_tests) <= MAX_TESTS


def test_a_match_in_a_giant_line_is_found_across_its_pages(catalogue: Catalogue) -> None:
    line = b"x" * 4090 + b" the quick brown fox fell " + b"y" * 4000
    found = scan(cut_in_pages(b"one\n" + line + b"\nerror: z\n", 4096), catalogue)
    assert places(found) == [("wrapped", 2), ("error", 3)]
    assert b"the quick brown fox fell" in found.hits[0].text
    assert all(len(text) <= MAX_LINE_BYTES + 6 for text in found.lines.values())


def test_words_broken_at_a_terminals_width_are_found_at_the_end(catalogue: Catalogue) -> None:
    told = b"a prefix that fills the line to the width of eighty columns: the quick brown fox fell"
    text = b"filler\n" * 900 + b"\n".join(told[at : at + 72] for at in range(0, len(told), 72)) + b"\n"
    assert places(scan(cut_in_pages(text, 4096), catalogue)) == [("wrapped", 901)]


@pytest.mark.parametrize("text", [b"", b"\n", b"x", b"\n\n", b"error: "], ids=repr)
def test_the_smallest_logs_have_lines(catalogue: Catalogue, text: bytes) -> None:
    found = scan(cut_in_pages(text, 64), catalogue)
    assert found.line_count == text.count(b"\n") + (not text.endswith(b"\n") and bool(text))
    assert len(found.tail) == min(found.line_count, TAIL_LINES)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"Header\nOops: x\nerror: x\nFAIL x\nEnd: y\nthe quick brown fox fell\n" * 2_000, id="all-signs"),
        pytest.param(b"error: \n" + b"\n" * 130_000, id="empty-lines"),
    ],
)
def test_a_hostile_log_takes_bounded_memory(catalogue: Catalogue, block: bytes) -> None:
    """A27, F26."""
    height = block.count(b"\n")

    def pages(count: int) -> Iterator[Page]:
        for number in range(count):
            yield Page(block, number * height + 1, height, number * len(block))

    tracemalloc.start()
    found = scan(pages(60), catalogue)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.line_count == 60 * height
    assert peak < 40 << 20


def test_the_time_that_a_hostile_log_takes_grows_as_the_log_does(catalogue: Catalogue) -> None:
    """A27."""
    block = b"error: x the quick brown FAIL x Oops: \n" * 4_000

    def taken(count: int) -> float:
        begin = time.process_time()
        scan((Page(block, n * 4_000 + 1, 4_000, n * len(block)) for n in range(count)), catalogue)
        return time.process_time() - begin

    taken(4)
    assert taken(160) < 10 * max(taken(40), 0.01)


@pytest.mark.parametrize("at", [0, 300, 5_000, 9_999])
def test_a_cut_line_has_what_stands_at_the_place(at: int) -> None:
    line = bytearray("ä".encode() * 5_000)
    line[at : at + 1] = b"!"
    cut = cut_line(bytes(line), at)
    assert b"!" in cut
    assert len(cut) <= MAX_LINE_BYTES + 6


@pytest.mark.parametrize("before", ["DB_PASSWORD=", "docker login -u bob -p ", "curl https://bob:", "echo "])
@pytest.mark.parametrize("is_above", [True, False], ids=["above", "below"])
def test_a_line_is_not_cut_between_a_secret_and_what_tells_it(before: str, is_above: bool) -> None:
    """A26: wherever the cut falls."""
    secret = "correcthorsebattery"
    told = f"{before}{secret}@host | docker login --password-stdin"
    for pad in range(420):
        line = (
            f"{'x' * 900} {told} {'y' * pad} error: boom" if is_above else f"error: boom {'y' * pad} {told} {'z' * 900}"
        )
        cut = cut_line(line.encode(), line.index("error")).decode()
        assert "error: boom" in cut
        shown = Redaction().clean_line(cut)
        assert not any(secret[part : part + 5] in shown for part in range(len(secret) - 4)), shown
