"""Logs that are kept: which of them, how they are read again, and what a crash or a full disk leaves."""

import errno
import gzip
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.database import Database
from bot.diagnosis.whole_log import TooSlow
from bot.facts import LogLines
from bot.kept_logs import MB, KeptLog, KeptLogs, gap_line
from bot.log_spool import MARK_BYTES, Gap, Spool
from bot.settings import DiagnosisSettings
from bot.values import JobRef

SETTINGS = DiagnosisSettings(green_logs=2, red_logs=3)
JOB = JobRef("ci", "docker-prs")


@pytest_asyncio.fixture
async def kept(tmp_path: Path) -> AsyncIterator[KeptLogs]:
    database = Database(tmp_path / "gordon.db")
    made = KeptLogs(database, tmp_path / "logs")
    await made.load()
    yield made
    database.close()


async def keep(
    kept: KeptLogs,
    fact_id: int,
    *lines: str,
    is_green: bool = False,
    job: JobRef = JOB,
    settings: DiagnosisSettings = SETTINGS,
    size: int | None = None,
) -> None:
    """Keep a log; `size` is what it is said to take."""
    name, stored = kept.write(fact_id, lines)
    row = KeptLog(
        fact_id, job.server, job.full_name, is_green, name, stored if size is None else size, len(lines), fact_id
    )
    await kept.add(row, settings)


def ids(kept: KeptLogs, is_green: bool | None = None) -> list[int]:
    return [one.fact_id for one in kept.list(is_green=is_green)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_of_each_job_and_colour_the_newest_stay(kept: KeptLogs) -> None:
    other = JobRef("ci", "win")
    await keep(kept, 1, "other", job=other)
    for fact_id in range(2, 8):
        await keep(kept, fact_id, "bad")
    for fact_id in range(8, 12):
        await keep(kept, fact_id, "good", is_green=True)
    assert ids(kept, is_green=False) == [7, 6, 5, 1]
    assert ids(kept, is_green=True) == [11, 10]
    assert [one.fact_id for one in kept.list(job=other)] == [1]
    assert names(kept.folder) == sorted(f"{fact_id}.gz" for fact_id in (1, 5, 6, 7, 10, 11))


async def test_all_together_take_no_more_than_is_configured(kept: KeptLogs) -> None:
    settings = DiagnosisSettings(logs_max_mb=3)
    for fact_id in range(1, 6):
        await keep(kept, fact_id, "log", settings=settings, size=MB)
    assert ids(kept) == [5, 4, 3]
    assert kept.size() == 3 * MB
    assert await kept.trim(DiagnosisSettings(logs_max_mb=1)) == 2
    assert ids(kept) == [5]


async def test_what_a_crash_left_is_cleaned_at_the_next_start(kept: KeptLogs) -> None:
    """(F31) Files that no row knows, rows without their files, and drafts."""
    await keep(kept, 1, "stays")
    await keep(kept, 2, "its file is lost")
    kept.write(3, ["its row was never written"])
    (kept.folder / "2.gz").unlink()
    (kept.folder / ".4.gz").write_bytes(b"half")
    again = KeptLogs(kept._database, kept.folder)
    await again.load()
    assert ids(again) == [1]
    assert names(again.folder) == ["1.gz"]
    once_more = KeptLogs(kept._database, kept.folder)
    await once_more.load()
    assert ids(once_more) == [1]


async def test_files_are_for_nobody_else(kept: KeptLogs) -> None:
    await keep(kept, 1, "x")
    assert (kept.folder / "1.gz").stat().st_mode & 0o777 == 0o600
    assert kept.folder.stat().st_mode & 0o777 == 0o700


async def test_a_full_disk_leaves_no_half_of_a_log(kept: KeptLogs) -> None:
    """(F31)"""

    def lines() -> Iterator[str]:
        yield "one"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        kept.write(1, lines())
    assert names(kept.folder) == []


LINES = [f"line {number}" for number in range(1, 101)]
READ = [
    pytest.param(None, 3, (98, ["line 98", "line 99", "line 100"]), id="the last ones"),
    pytest.param(50, 3, (49, ["line 49", "line 50", "line 51"]), id="around one"),
    pytest.param(1, 3, (1, ["line 1", "line 2", "line 3"]), id="at the beginning"),
    pytest.param(100, 4, (98, ["line 98", "line 99", "line 100"]), id="at the end"),
    pytest.param(500, 3, (1, []), id="beyond it"),
]


@pytest.mark.parametrize(("around", "at_most", "told"), READ)
async def test_lines_are_read_by_their_numbers(
    kept: KeptLogs, around: int | None, at_most: int, told: tuple[int, list[str]]
) -> None:
    await keep(kept, 1, *LINES)
    assert kept.lines(1, around=around, at_most=at_most) == LogLines(told[0], tuple(told[1]), 100)


async def test_numbers_after_a_gap_are_those_of_the_log(kept: KeptLogs) -> None:
    """(F26)"""
    await keep(kept, 1, "line 1", "line 2", gap_line(3, 900), "line 901", "line 902")
    assert kept.lines(1, around=901, at_most=2) == LogLines(901, ("line 901",), 5)
    assert kept.lines(1, around=None, at_most=1) == LogLines(902, ("line 902",), 5)


async def test_a_log_that_is_not_kept_and_one_that_is_torn_have_nothing_to_read(kept: KeptLogs) -> None:
    await keep(kept, 1, *LINES)
    whole = (kept.folder / "1.gz").read_bytes()
    (kept.folder / "1.gz").write_bytes(whole[: len(whole) // 2])
    assert b"".join(kept.chunks(1)) in "".join(f"{line}\n" for line in LINES).encode()
    assert list(kept.chunks(2)) == []
    assert kept.lines(2, around=None, at_most=5) is None


async def test_lines_that_end_with_an_error_leave_no_half_of_a_log(kept: KeptLogs) -> None:
    def lines() -> Iterator[str]:
        yield "begun"
        raise TooSlow("it takes too long")

    with pytest.raises(TooSlow):
        kept.write(1, lines())
    assert list(kept.folder.iterdir()) == []


async def test_a_log_that_the_disk_has_spoilt_has_nothing_to_read(kept: KeptLogs) -> None:
    await keep(kept, 1, *LINES)
    head = (kept.folder / "1.gz").read_bytes()[:10]
    (kept.folder / "1.gz").write_bytes(head + b"\xff" * 100)
    assert list(kept.chunks(1)) == []


async def test_a_folder_that_somebody_has_removed_costs_the_logs_in_it_and_no_later_ones(kept: KeptLogs) -> None:
    await keep(kept, 1, *LINES)
    shutil.rmtree(kept.folder)
    assert kept.lines(1, around=None, at_most=5) is None
    await keep(kept, 2, *LINES)
    assert kept.lines(2, around=None, at_most=1) is not None
    assert kept.folder.stat().st_mode & 0o777 == 0o700


async def test_a_log_is_read_in_pieces(kept: KeptLogs) -> None:
    await keep(kept, 1, *LINES * 5000)
    pieces = list(kept.chunks(1))
    assert max(map(len, pieces)) <= 64 * 1024
    assert b"".join(pieces) == gzip.decompress((kept.folder / "1.gz").read_bytes())


def spooled(folder: Path, log: bytes, piece: int = 10_000, **sizes: int) -> Spool:
    spool = Spool(folder, **sizes)
    for at in range(0, len(log), piece):
        spool.add(log[at : at + piece])
    return spool


@pytest.mark.parametrize("piece", [1000, MARK_BYTES, 1 << 20])
def test_where_a_line_begins_is_told_to_the_byte(tmp_path: Path, piece: int) -> None:
    lines = [b"x" * (number * 37 % 500) for number in range(2000)]
    lines[700] = b"y" * 300_000
    log = b"\n".join(lines)
    spool = spooled(tmp_path, log, piece)
    starts = [0]
    for line in lines[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    for number in (1, 2, 3, 699, 700, 701, 702, 703, 1999, 2000):
        assert spool.offset_of(number) == starts[number - 1], number
    assert spool.offset_of(2001) is None
    assert b"".join(part for part in spool.parts() if isinstance(part, bytes)) == log
    spool.close()


def test_of_a_long_log_head_and_tail_stay_and_the_gap_is_told(tmp_path: Path) -> None:
    """(F26)"""
    lines = [b"line %d" % number for number in range(1, 100_001)]
    log = b"\n".join(lines) + b"\n"
    spool = spooled(tmp_path, log, head_bytes=200_000, tail_bytes=150_000)
    parts = list(spool.parts())
    [gap] = [part for part in parts if isinstance(part, Gap)]
    at = parts.index(gap)
    head = b"".join(part for part in parts[:at] if isinstance(part, bytes))
    tail = b"".join(part for part in parts[at + 1 :] if isinstance(part, bytes))
    assert log.startswith(head)
    assert log.endswith(tail)
    assert len(head) == 200_000
    assert head.count(b"\n") + 1 == gap.first
    assert tail.startswith(b"line %d\n" % (gap.last + 1))
    assert len(head) + gap.size + len(tail) == len(log)
    assert spool.offset_of(gap.last + 2) == log.index(b"line %d\n" % (gap.last + 2))
    within = spool.offset_of(gap.first + 5000)
    exact = log.index(b"line %d\n" % (gap.first + 5000))
    assert within is not None
    assert exact - MARK_BYTES <= within <= exact  # near before it, as it is not kept
    assert names(tmp_path) == []  # nobody can open it
    spool.close()


def test_a_line_longer_than_what_is_kept_leaves_the_head(tmp_path: Path) -> None:
    """(F26)"""
    spool = spooled(tmp_path, b"begin\n" + b"x" * 2_000_000, head_bytes=100_000, tail_bytes=150_000)
    kinds = [part if isinstance(part, Gap) else b"" for part in spool.parts()]
    assert kinds[-1] == Gap(2, 2, 1_900_006)
    spool.close()


def test_a_disk_that_takes_no_log_loses_only_that(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """(F31)"""
    spool = Spool(tmp_path / "not-there")
    spool.add(b"one\ntwo\n")
    assert spool.is_lost
    assert spool.offset_of(1) is None
    assert list(spool.parts()) == []
    assert "cannot be put down" in caplog.text
    spool.close()
