"""The measurement of the way from a build's end to its verdict in chat, on logs that take no time."""

import asyncio
from pathlib import Path

import pytest

from tests.bench.verdict import measure_verdict


@pytest.mark.soak
@pytest.mark.timeout(60)
async def test_each_size_has_a_row_with_its_baselines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await asyncio.to_thread(measure_verdict, tmp_path, 1, (10_000,), 10_000)
    shown = capsys.readouterr().out
    [row] = [line for line in shown.splitlines() if line.startswith("| 10 kB")]
    whole, read, *others = [float(cell.split()[0]) for cell in row.strip("|").split("|")[1:]]
    assert len(others) == 3
    assert 0 < read <= whole
    assert "goal: 10 MB at most 1000 ms" in shown
