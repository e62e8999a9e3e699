"""`gordon diagnose` and `gordon known` where what is around them ends: a disk, an output, the process, a name."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.diagnosis.command_line import EXIT_STATUS, UNREAD
from bot.diagnosis.verdict import Kind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = "src/main.c:12:5: error: 'x' undeclared (first use in this function)\nFinished: FAILURE\n"
    (tmp_path / "compile.log").write_text(text)
    (tmp_path / "disk.log").write_text("write error: No space left on device\n")
    return tmp_path


def test_a_full_disk_is_said_in_one_line(folder: Path) -> None:
    for arguments in (["diagnose"], ["diagnose", "--json"], ["known", "test"]):
        command = [sys.executable, "-m", "bot.cli", *arguments, str(folder / "disk.log")]
        with Path("/dev/full").open("wb") as full:
            ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=50, check=False)
        assert ended.stderr == b"gordon: No space left on device\n"
        assert ended.returncode in {1, 2}


def test_who_closes_an_output_gets_the_exit_status(folder: Path) -> None:
    for closed in (">&-", ">&- 2>&-", "--json >&-"):
        command = f"{sys.executable} -m bot.cli diagnose {folder / 'compile.log'} {closed}"
        ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=50, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (EXIT_STATUS[Kind.COMPILE_ERROR], b"", b"")


@pytest.mark.parametrize("name", ["a" * 300, f"http://127.0.0.1:1/{'a' * 5000}"], ids=["file", "address"])
def test_a_name_that_no_file_can_have_is_said(name: str) -> None:
    command = [sys.executable, "-m", "bot.cli", "diagnose", name]
    ended = subprocess.run(command, capture_output=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout) == (UNREAD, b"")
    assert ended.stderr.count(b"\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(folder: Path, number: signal.Signals) -> None:
    """Those that go on would keep the outputs open, so that nobody saw the end."""
    os.mkfifo(folder / "endless.log")
    command = [sys.executable, "-m", "bot.cli", "diagnose", "--json", "--jobs", "2", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as started:
        assert started.stdout
        assert json.loads(started.stdout.readline())["kind"] == "compile-error"
        os.killpg(started.pid, number) if number == signal.SIGINT else started.send_signal(number)
        _, errors = started.communicate(timeout=45)
    assert b"Traceback" not in errors
    assert started.returncode in {-number, 130}
