"""G1, G4, G8: months of a whole Gordon, which grows neither in memory nor on disk, loses nothing and repeats nothing.

CI plays a short one, so that it does not rot; `make soak` a million events.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.figures import Record, Row
from tests.soak.measures import grown, growth
from tests.soak.world import LONG, SHORT, Figures, Size, soaking

FEW = 2  # files and tasks more than before
KEPT_ALIVE = 8  # connections that stay open for a while, in a run that is too short to wait for their end
GROWTH = 0.05
JOURNAL_MB = 200
OLDEST_DAYS = 5 + 3.2  # what is kept, and what passes between two looks at what may go
SIZES = [
    pytest.param(SHORT, id="short", marks=pytest.mark.timeout(240)),
    pytest.param(LONG, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(int(LONG.within_s) + 900)]),
]


@pytest.mark.parametrize("size", SIZES)
async def test_months_leave_nothing_behind(tmp_path: Path, size: Size, record_property: Record) -> None:
    async with soaking(tmp_path, size) as soak:
        figures = await soak.play()
    found = [*rows_of(figures), *(rows_of_many(figures) if size.is_long else ())]
    for row in found:
        row.tell(record_property)
        print(f"{'held' if row.held else 'NOT HELD'}: {row.name}: {row.figure} ({row.goal})")
    if size.is_long:
        print(f"{figures.kinds.most_common()}\n{figures.reconnects.most_common()}\n{figures.tables[-1]}")
        print(f"what grew each fifth: {grown(figures.held[1:-1])}")
    assert [row for row in found if not row.held] == []


def rows_of(figures: Figures) -> Iterator[Row]:
    """Tell whether anything was lost or repeated, or what was opened is not closed."""
    base, end, size = figures.base, figures.end, figures.size
    assert base is not None
    assert end is not None
    events, reconnects = figures.kinds.total(), figures.reconnects.total()
    yield Row(
        "events accepted", f"{events:,} in {figures.seconds / 60:.0f} min", f"{size.events:,}", events >= size.events
    )
    yield Row("reconnects", f"{reconnects:,}", f"{size.reconnects:,}", reconnects == size.reconnects)
    yield Row("reloads", f"{figures.reloads}", f"{size.reloads}", figures.reloads == size.reloads)
    yield Row("builds that were said to be queued", f"{figures.acknowledged:,}", "some", figures.acknowledged > 0)
    for name, bad in (("lost", figures.lost), ("done twice", figures.twice), ("without an end", figures.unended)):
        yield Row(name, f"{len(bad)}{': ' if bad else ''}{', '.join(bad[:3])}", "0", not bad)
    most = base.files + FEW + (0 if size.is_long else KEPT_ALIVE)
    yield Row("files at rest, before and after", f"{base.files}, {end.files}", f"at most {most}", end.files <= most)
    before, after = base.edge + base.work, end.edge + end.work
    yield Row("tasks at rest, before and after", f"{before}, {after}", f"at most {before + FEW}", after <= before + FEW)


def rows_of_many(figures: Figures) -> Iterator[Row]:
    """Tell whether memory stayed what it was when all was warm, and the disk keeps what it is to keep and no more."""
    share, most_mb = growth(figures.samples), max(one.disk_bytes for one in figures.samples) >> 20
    first, last = (one.rss_kb >> 10 for one in (figures.samples[0], figures.samples[-1]))
    yield Row(
        "memory after warm-up", f"{share:+.1%} ({first} MB at first, {last} in the end)", "below 5 %", share < GROWTH
    )
    yield Row("most on disk", f"{most_mb} MB, {figures.days:.0f} days", f"below {JOURNAL_MB} MB", most_mb < JOURNAL_MB)
    oldest = figures.oldest_days
    yield Row("the oldest key", f"{oldest:.1f} days", f"at most {OLDEST_DAYS}", oldest <= OLDEST_DAYS)
