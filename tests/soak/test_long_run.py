"""G1, G4, G8: months of a whole Gordon, which grows neither in memory nor on disk, loses nothing and repeats nothing.

CI plays a short one, so that it does not rot; `make soak` a million events.
"""

from pathlib import Path

import pytest

from tests.soak.measures import growth
from tests.soak.world import LONG, SHORT, Figures, Size, soaking

FEW = 2  # files and tasks more than before
KEPT_ALIVE = 8  # connections that stay open for a while, in a run that is too short to wait for their end
GROWTH = 0.05
JOURNAL_BYTES = 200 << 20
OLDEST_DAYS = 5 + 3.2  # what is kept, and what passes between two looks at what may go
SIZES = [
    pytest.param(SHORT, id="short", marks=pytest.mark.timeout(120)),
    pytest.param(LONG, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(int(LONG.within_s) + 900)]),
]


@pytest.mark.parametrize("size", SIZES)
async def test_months_leave_nothing_behind(tmp_path: Path, size: Size) -> None:
    async with soaking(tmp_path, size) as soak:
        figures = await soak.play()
    see_nothing_left(figures)
    if size is LONG:
        see_no_growth(figures)


def see_nothing_left(figures: Figures) -> None:
    """Nothing is lost or repeated, and what was opened is closed."""
    base, end = figures.base, figures.end
    assert base is not None
    assert end is not None
    assert figures.kinds.total() >= figures.size.events
    assert figures.reconnects.total() == figures.size.reconnects
    assert figures.reloads == figures.size.reloads
    assert figures.acknowledged
    assert (figures.lost, figures.twice, figures.unended) == ([], [], [])
    assert end.files <= base.files + FEW + (0 if figures.size is LONG else KEPT_ALIVE)
    assert end.edge + end.work <= base.edge + base.work + FEW, (figures.names[0], figures.names[-1])


def see_no_growth(figures: Figures) -> None:
    """Memory stays what it was when all was warm, and the disk keeps what it is to keep and no more."""
    assert growth(figures.samples) < GROWTH
    assert max(one.disk_bytes for one in figures.samples) < JOURNAL_BYTES
    assert figures.oldest_days <= OLDEST_DAYS
