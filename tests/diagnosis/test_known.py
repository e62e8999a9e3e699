"""`gordon known`: its findings, what it hits, and its exit status."""

import argparse
import json
from pathlib import Path

import pytest

from bot.diagnosis.command_line import add_known
from bot.diagnosis.known import run

OURS = "[[signature]]\nid = 'ours'\nretry = 'true'\nexample = 'lake is dry'\nregex = 'lake is dry'\n"


def known(*words: object) -> int:
    parser = argparse.ArgumentParser()
    add_known(parser.add_subparsers())
    return run(parser.parse_args(["known", *map(str, words)]))


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    file = tmp_path / "ours.toml"
    file.write_text(OURS)
    return file


def test_a_good_catalogue_is_passed_in_silence(ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert known("check", ours) == 0
    assert capsys.readouterr().out == ""


def test_a_finding_is_a_line_with_its_place(ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours.write_text(OURS.replace("= 'lake is dry'", "= 'sea is dry'", 1))
    assert known("check", ours) == 1
    assert capsys.readouterr().out == f"{ours}:2: ours: is not found in its example: mend the one or the other\n"


def test_what_is_not_there_is_the_callers_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert known("check", tmp_path / "none.toml") == 2
    assert "none.toml" in capsys.readouterr().err


def test_hits_are_told_by_line_and_in_total(ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "1.log"
    log.write_text("a\r\nthe lake is dry\nthe lake\nis dry\n")
    assert known("test", log, "--catalogue", ours, "--only") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{log}:2: ours (retry true): the lake is dry",
        f"{log}:3: ours (retry true): the lake",
        "      2  ours",
    ]


def test_hits_as_json(ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "1.log"
    log.write_text("lake is dry\n")
    assert known("test", log, "--catalogue", ours, "--only", "--json") == 0
    place, totals = map(json.loads, capsys.readouterr().out.splitlines())
    assert place == {"file": str(log), "id": "ours", "line": 1, "retry": "true", "text": "lake is dry"}
    assert totals == {"totals": {"ours": 1}}


def test_what_is_quoted_is_redacted(ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A26: a secret in a line that is quoted."""
    log = tmp_path / "1.log"
    log.write_text("lake is dry at https://me:hunter2secret@example.org/x\n")
    known("test", log, "--catalogue", ours, "--only")
    assert "hunter2secret" not in capsys.readouterr().out


def test_a_log_without_hits_is_told_by_the_exit_status(ours: Path, tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    log.write_text("all is well\n")
    assert known("test", log, "--catalogue", ours, "--only") == 1
