"""G7, G9: a log of 500 MB, a webhook of 25 MB, a pattern made to hurt and a plugin that blocks, on a whole Gordon."""

from pathlib import Path

import pytest

from tests.bench.busy import GOAL_LATE_S, GOAL_MB, GOAL_WAIT_S, play
from tests.soak.figures import Record, Row


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_much_at_once_leaves_the_connections_their_turn(tmp_path: Path, record_property: Record) -> None:
    """G7, G9: what a machine that does much else may miss is told, and what hangs or grows without end fails."""
    idle, large, blocked, _ = await play(tmp_path)
    beside = f"{idle.late_s * 1e3:.0f} ms with nothing to do"
    rows = (
        Row("G7, p99.9", f"{blocked.late_s * 1e3:.0f} ms; {beside}", "50 ms", blocked.late_s <= GOAL_LATE_S),
        Row("G9, memory above the start", f"{large.peak_mb:.0f} MB", "80 MB", large.peak_mb <= GOAL_MB),
        Row("G9, the longest wait", f"{large.longest_wait_s:.2f} s", "1 s", large.longest_wait_s <= GOAL_WAIT_S),
    )
    for row in rows:
        row.tell(record_property)
    assert blocked.late_s < 10 * GOAL_LATE_S
    assert blocked.longest_wait_s < 5 * GOAL_WAIT_S
    assert large.peak_mb < 2 * GOAL_MB
    assert large.longest_wait_s < 5 * GOAL_WAIT_S
