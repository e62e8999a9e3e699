"""Where a log comes from, and what is told when there is less of it, or more, than there should be (F25, F26, A28)."""

import gzip
import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.diagnosis.gunzip import Gunzip
from bot.diagnosis.reading import BLOCK_BYTES, Extent
from bot.diagnosis.sources import Unreadable, chunks_from, chunks_of

LOG = b"a line of a log\n" * 40_000  # more than two blocks


def read_of(path: Path) -> tuple[bytes, Extent]:
    extent = Extent()
    return b"".join(chunks_of(path, extent)), extent


@pytest.mark.parametrize("log", [LOG, b"", b"x", b"\x1f", b"no end"], ids=["blocks", "empty", "byte", "magic", "short"])
@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_is_read_whole(tmp_path: Path, log: bytes, packed: Callable[[bytes], bytes]) -> None:
    (tmp_path / "log").write_bytes(packed(log))
    read, extent = read_of(tmp_path / "log")
    assert read == log
    assert extent == Extent(stored=len(packed(log)))


@pytest.mark.parametrize(
    ("stored", "left", "why"),
    [
        pytest.param(gzip.compress(LOG) + gzip.compress(b"more"), LOG + b"more", "", id="two-members"),
        pytest.param(gzip.compress(b"") + gzip.compress(b"more"), b"more", "", id="empty-member"),
        pytest.param(gzip.compress(LOG) + b"\0" * 999, LOG, "", id="padding"),
        pytest.param(
            gzip.compress(LOG) + b"other", LOG, "something else follows its gzip data", id="something-behind-it"
        ),
        pytest.param(gzip.compress(b"text")[:-3], b"text", "its gzip data ends too early", id="cut-in-the-checksum"),
        pytest.param(gzip.compress(LOG)[:5], b"", "its gzip data ends too early", id="cut-in-the-header"),
        pytest.param(
            gzip.compress(b"one") + b"\x1f\x8b\x08", b"one", "its gzip data ends too early", id="cut-second-member"
        ),
        pytest.param(gzip.compress(b"text")[:-8] + b"\0" * 8, b"", "its gzip data is damaged", id="wrong-checksum"),
        pytest.param(b"\x1f\x8bno gzip at all", b"", "its gzip data is damaged", id="magic-alone"),
    ],
)
def test_gzip_is_read_as_far_as_it_goes(tmp_path: Path, stored: bytes, left: bytes, why: str) -> None:
    (tmp_path / "log.gz").write_bytes(stored)
    read, extent = read_of(tmp_path / "log.gz")
    assert read == left
    assert extent.why_partial == why


def test_gzip_that_is_cut_at_each_kibibyte_is_partial(tmp_path: Path) -> None:
    """F25: what comes out is the beginning of what went in."""
    log = os.urandom(12_000).hex().encode()
    stored = gzip.compress(log)
    for end in range(1024, len(stored), 1024):
        (tmp_path / "log.gz").write_bytes(stored[:end])
        read, extent = read_of(tmp_path / "log.gz")
        assert log.startswith(read)
        assert len(read) > end
        assert extent.is_partial


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50))
def test_gzip_may_arrive_in_any_pieces(members: list[bytes], size: int) -> None:
    stored = b"".join(gzip.compress(member) for member in members)
    pieces = iter([stored[at : at + size] for at in range(0, len(stored), size)])
    extent = Extent()
    assert b"".join(chunks_from(lambda wanted: next(pieces, b""), extent)) == b"".join(members)
    assert not extent.is_partial


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        pytest.param({"at_most": 4 << 20}, "it has more than 4,194,304 bytes decompressed", id="size"),
        pytest.param({"ratio": 100, "ratio_from": 2 << 20}, "each of its bytes stands for more than 100", id="ratio"),
    ],
)
def test_a_bomb_is_put_down_early(limits: dict[str, int], why: str) -> None:
    """A28: 16 MiB of zeros in 16 KiB, all of which arrive at once."""
    extent = Extent()
    gunzip = Gunzip(extent, **limits)
    pieces = [len(piece) for piece in gunzip.feed(bomb(16 << 20))]
    assert max(pieces) <= BLOCK_BYTES
    assert sum(pieces) <= (4 << 20) + BLOCK_BYTES
    assert gunzip.is_over
    assert extent.why_partial == why


def test_a_log_that_packs_well_is_no_bomb() -> None:
    extent = Extent()
    assert sum(len(piece) for piece in Gunzip(extent).feed(bomb(16 << 20))) == 16 << 20
    assert not extent.is_partial


def test_a_file_that_grows_is_read_to_the_length_it_had(tmp_path: Path) -> None:
    """F25."""
    path, extent = tmp_path / "log", Extent()
    path.write_bytes(LOG)
    chunks = chunks_of(path, extent)
    first = next(chunks)
    with path.open("ab") as file:
        file.write(b"more\n" * 100_000)
    assert first + b"".join(chunks) == LOG
    assert extent.why_partial == "it still grows"


def test_a_file_that_shrinks_is_read_to_its_new_end(tmp_path: Path) -> None:
    """F25."""
    path, extent = tmp_path / "log", Extent()
    path.write_bytes(LOG)
    chunks = chunks_of(path, extent)
    first = next(chunks)
    os.truncate(path, BLOCK_BYTES + 10)
    assert first + b"".join(chunks) == LOG[: BLOCK_BYTES + 10]
    assert extent.why_partial == "it shrank while it was read"


@pytest.mark.parametrize(
    ("comes", "why"),
    [
        pytest.param(True, "another file took its place while it was read", id="another-comes"),
        pytest.param(False, "it was removed while it was read", id="none-comes"),
    ],
)
def test_a_file_that_is_rotated_is_read_to_its_end(tmp_path: Path, *, comes: bool, why: str) -> None:
    """F25."""
    path, extent = tmp_path / "log", Extent()
    path.write_bytes(LOG)
    chunks = chunks_of(path, extent)
    first = next(chunks)
    path.rename(tmp_path / "log.1")
    if comes:
        path.write_bytes(b"new\n")
    assert first + b"".join(chunks) == LOG
    assert extent.why_partial == why


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("none", "No such file or directory", id="missing"),
        pytest.param(".", "a directory, not a log", id="directory"),
        pytest.param("loop", "Too many levels of symbolic links", id="loop"),
        pytest.param("fifo", "a pipe, and nobody wrote to it within 0.05 s", id="pipe-without-a-writer"),
        pytest.param("a\0b", "no file has such a name", id="name-with-zero"),
        pytest.param("x" * 300, "File name too long", id="long-name"),
    ],
)
def test_what_cannot_be_read_is_told_by_name_and_reason(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Unreadable, match=why):
        list(chunks_of(tmp_path / name, Extent(), fifo_wait_s=0.05))


def test_a_named_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=(tmp_path / "fifo").write_bytes, args=[LOG])
    writer.start()
    read, extent = read_of(tmp_path / "fifo")
    writer.join()
    assert read == LOG
    assert not extent.is_partial


def test_what_has_no_end_is_read_to_a_limit() -> None:
    extent = Extent()
    assert sum(len(chunk) for chunk in chunks_of(Path("/dev/zero"), extent, at_most=1_000_000)) == 1_000_000
    assert extent.why_partial == "it has no end within 1,000,000 bytes"


def test_files_without_a_size_are_read_all_the_same() -> None:
    read, extent = read_of(Path("/proc/self/status"))
    assert b"Name:" in read
    assert not extent.is_partial


def test_input_that_breaks_off_is_partial_and_one_that_never_came_an_error() -> None:
    answers = iter([b"text\n"])

    def read(_wanted: int) -> bytes:
        for answer in answers:
            return answer
        raise OSError(5, "Input/output error")

    extent = Extent()
    assert list(chunks_from(read, extent)) == [b"text\n"]
    assert extent.why_partial == "reading it stopped: Input/output error"
    with pytest.raises(Unreadable, match="the input: Input/output error"):
        list(chunks_from(read, Extent()))


def test_what_made_a_log_partial_first_is_what_is_told() -> None:
    extent = Extent()
    extent.tell("it was cut")
    extent.tell("it still grows")
    assert extent.why_partial == "it was cut"
