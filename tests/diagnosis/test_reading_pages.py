"""A log as pages: the same however it arrives, in bounded memory, with the numbers of its lines (F26)."""

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.diagnosis.cleaning import CONTROLS
from bot.diagnosis.pages import Page
from bot.diagnosis.reading import BLOCK_BYTES, Extent, Pager, pages

# Whole, and the first 9 KB, of public logs: of a Pipeline as Jenkins stores it, and of a job of Travis.
LOGS = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parents[1] / "fixtures/logs").glob("*-*.log"))}
BLOCK = 64  # of bytes, so that a short text has many
MEBIBYTE = 1 << 20
NOTES = [b"\x1b[8mha:" + b"A" * size + b"\x1b[0m" for size in (1, 50, 200)]
ESCAPES = [b"\x1b[31m", b"\x1b[0m", b"\x1b]0;title\x07", b"\x1b]8;;x\x1b\\"]
PIECES = st.lists(st.sampled_from([b"\n", b"\n", b"a line\n", b"word ", b"x" * 90, *NOTES, *ESCAPES]), max_size=40)


def text_of(read: list[Page]) -> bytes:
    return b"".join(page.text for page in read)


@given(PIECES, st.lists(st.integers(1, 200), min_size=1, max_size=10))
def test_how_a_log_is_cut_into_chunks_makes_no_difference(pieces: list[bytes], sizes: list[int]) -> None:
    log = b"".join(pieces)
    chunks: list[bytes] = []
    begin = 0
    while begin < len(log):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(log[begin : begin + size])
        begin += size
    extent, other = Extent(), Extent()
    assert list(pages(chunks, extent, block_bytes=BLOCK)) == list(pages([log], other, block_bytes=BLOCK))
    assert extent == other


@given(PIECES)
def test_where_pages_end_leaves_no_piece_of_a_note_or_an_escape(pieces: list[bytes]) -> None:
    log = b"".join(pieces)
    read = list(pages([log], block_bytes=BLOCK))
    assert text_of(read) == text_of(list(pages([log])))
    assert text_of(read).translate(None, CONTROLS) == text_of(read)


@given(PIECES)
def test_pages_follow_each_other_line_by_line(pieces: list[bytes]) -> None:
    log = b"".join(pieces)
    extent = Extent()
    read = list(pages([log], extent, block_bytes=BLOCK))
    assert sum(page.line_count for page in read) == log.count(b"\n")
    assert extent.lines == len(log.split(b"\n")) - (log.endswith(b"\n") or not log)
    assert extent.size == len(log)
    for page in read:
        assert page.text.count(b"\n") == page.line_count
        assert log[: page.offset].count(b"\n") + 1 == page.first_line
        if not page.is_continued:
            assert page.offset == 0 or log[page.offset - 1 : page.offset] == b"\n"
    for page, following in pairwise(read):
        assert following.first_line == page.first_line + page.line_count
        assert following.is_continued == (not page.text.endswith(b"\n"))


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_a_log_that_is_cut_anywhere_is_read_to_there(log: bytes) -> None:
    """F25: cut at each KiB, and at each byte of the first, amid notes and escapes; lines before that stay."""
    whole = text_of(list(pages([log]))).split(b"\n")
    for end in [*range(1024), *range(1024, len(log), 1024)]:
        extent = Extent()
        cut = text_of(list(pages([log[:end]], extent))).split(b"\n")
        assert cut[:-1] == whole[: len(cut) - 1]
        assert extent.lines == len(cut) - (cut[-1] == b"" and (not end or log[end - 1 : end] == b"\n"))
        assert cut[-1].translate(None, CONTROLS) == cut[-1]


def test_real_logs_lose_notes_folds_and_progress() -> None:
    jenkins, travis = (text_of(list(pages([LOGS[name]]))).split(b"\n") for name in ("jenkins-notes", "travis-folds"))
    assert jenkins[0].startswith(b"Started by user ")
    assert jenkins[1] == b"[Pipeline] Start of Pipeline"
    assert b"Timeout has been exceeded" in jenkins
    assert travis[0] == b"Worker information"
    assert not [line for line in travis if b"travis_fold" in line or b"[0m" in line]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""], ids=["with-a-mark", "without"])
def test_the_mark_at_the_start_of_a_file_hides_no_stamp(mark: bytes) -> None:
    assert text_of(list(pages([mark + b"2026-08-22T09:15:02.1234567Z text\n"]))) == b"text\n"


def test_text_of_two_bytes_each_can_be_read() -> None:
    """What Windows' shell writes to a file."""
    assert text_of(list(pages(["error: x\nline\n".encode("utf-16")]))).endswith(b"error: x\nline\n")


def test_each_control_goes_wherever_it_stands_and_nothing_else_does() -> None:
    for code in range(256):
        read = list(pages([b"ab\n" * 999 + b"x" + bytes([code]) + b"y\n"]))
        assert (code in text_of(read)) is (code not in CONTROLS)
        assert read[0].line_count == 1000 + (code == 10)


def peak_of(chunks: Iterator[bytes]) -> int:
    list(pages([b"warm\x1b[0m\n"]))
    tracemalloc.start()
    for page in pages(chunks):
        assert len(page.text) < 2 * BLOCK_BYTES
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(b"a line of a log, one of many\n" * 9000, id="lines"),
        pytest.param(b"x" * BLOCK_BYTES, id="one-line"),
        pytest.param(b"\0" * BLOCK_BYTES, id="zeros"),
        pytest.param(bytes(range(256)) * 64, id="binary"),
        pytest.param((b"\x1b]" + b"x" * 62) * (BLOCK_BYTES // 64), id="titles-without-end"),
        pytest.param(b"10%\r" * (BLOCK_BYTES // 4), id="progress"),
    ],
)
def test_memory_is_bounded_whatever_the_size(chunk: bytes) -> None:
    """F26: 16 MiB, of which a few pages are in memory at a time."""
    assert peak_of(chunk for _ in range(16 * MEBIBYTE // len(chunk))) < 4 * MEBIBYTE


def test_a_note_of_megabytes_is_no_text_and_takes_no_memory() -> None:
    def log() -> Iterator[bytes]:
        yield b"before\n\x1b[8mha:"
        yield from (b"A" * BLOCK_BYTES for _ in range(40))
        yield b"\x1b[0mafter\n"

    assert text_of(list(pages(log()))) == b"before\nafter\n"
    assert peak_of(log()) < 4 * MEBIBYTE


def test_an_empty_log_has_no_page_and_no_line() -> None:
    extent = Extent()
    assert list(pages([], extent)) == list(pages([b""], extent)) == []
    assert extent == Extent()


def test_pages_come_as_soon_as_they_are_full() -> None:
    pager = Pager(block_bytes=BLOCK)
    assert list(pager.feed(b"a line\n")) == []
    assert [page.text for page in pager.feed(b"x" * BLOCK)] == [b"a line\n"]
    assert [page.text for page in pager.close()] == [b"x" * BLOCK]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"\r" * 200, id="carriage-returns"),
        pytest.param(b"\x1b[" + b"9" * 300, id="numbers-of-a-colour"),
        pytest.param(b"\x1bP" * 100, id="strings-without-end"),
        pytest.param(b"a_1_1_1_1_1_1 " * 20, id="nearly-a-container"),
        pytest.param(b"a\t" * 100, id="nearly-a-table"),
        pytest.param(b"[8mha:AAAAAAAAAAAAAAA " * 10, id="nearly-a-note"),
        pytest.param(b"travis_fold:" * 20 + b"\r", id="nearly-a-fold"),
        pytest.param(b"a\b" * 100, id="backspaces"),
    ],
)
def test_hostile_lines_take_time_in_proportion(line: bytes) -> None:
    """A27: half a megabyte in one line and in many; what is not linear would take minutes."""
    for end in (b"", b"\n"):
        log = (line + end) * (BLOCK_BYTES * 2 // len(line))
        assert text_of(list(pages([log]))).count(b"\n") == log.count(b"\n")
