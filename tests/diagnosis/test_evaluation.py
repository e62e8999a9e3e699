"""Counting right verdicts counts right."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.diagnosis import pieces as p
from tests.evaluation.baselines import first_error, first_fail, last_lines

ROOT = Path(__file__).parents[2]
LABELS = """
[[log]]
id = 1
file = "compiler.log"
class = "{failure_class}"
retry = "false"
tell = 5

[[log]]
id = 2
file = "passed.log"
class = "success"
retry = "false"
"""


def evaluated(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.evaluation", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("failure_class", "status", "count"),
    [pytest.param("compile-error", 0, "2 of 2", id="right"), pytest.param("lint", 1, "1 of 2", id="wrong")],
)
def test_right_verdicts_are_counted(tmp_path: Path, failure_class: str, status: int, count: str) -> None:
    (tmp_path / "index.toml").write_text(LABELS.format(failure_class=failure_class))
    (tmp_path / "compiler.log").write_text("one\ntwo\n" + p.GCC + p.MARKED + p.FAILURE)
    (tmp_path / "passed.log").write_text("one\n" + p.SUCCESS)
    done = evaluated(tmp_path)
    row = next(line for line in done.stdout.split("\n") if line.startswith("| class right"))
    assert (done.returncode, count in row) == (status, True), done.stdout + done.stderr


def test_a_folder_without_labels_is_said(tmp_path: Path) -> None:
    done = evaluated(tmp_path)
    assert done.returncode == 2
    assert "index.toml is missing" in done.stderr


def test_what_simpler_ways_would_quote() -> None:
    log = b"one\ntwo\nerror: x\n" + b"line\n" * 30 + b"FAIL\n"
    assert last_lines(log) == (20, 34)
    assert first_error(log) == (-4, 10)
    assert first_fail(log) == (1, 35)
    assert first_error(b"fine\n") is first_fail(b"fine\n") is None
