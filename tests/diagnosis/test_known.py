"""`gordon known`: its findings, what it hits, and its exit status."""

import argparse
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.diagnosis.catalogue import SHIPPED, load_catalogue
from bot.diagnosis.command_line import add_known
from bot.diagnosis.known import run
from bot.diagnosis.plain_file import AT_MOST_BYTES
from bot.diagnosis.redaction import read_patterns
from bot.errors import ConfigError

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


def test_an_id_that_gordon_has_already_is_told(ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours.write_text(OURS.replace("'ours'", "'git-ssh-timeout'"))
    assert known("check", ours) == 1
    assert "the id is there already, in what comes with Gordon" in capsys.readouterr().out


def test_a_shipped_signature_that_is_tried_first_is_told(ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours.write_text(OURS.replace("lake is dry", "write error: No space left on device"))
    assert known("check", ours) == 1
    assert "its example is taken by disk-no-space, which is tried first" in capsys.readouterr().out


def test_one_of_the_shipped_catalogues_is_right_beside_the_others() -> None:
    assert known("check", SHIPPED / "signatures_scm.toml") == 0


def test_green_logs_are_read_as_logs_are(ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    green = tmp_path / "green"
    (green / "7").mkdir(parents=True)
    (green / "7" / "log").write_bytes(gzip.compress(b"the lake is dry\n"))
    (green / "8.log").write_text("all is well\n")
    (green / "README").write_text("no log\n")
    assert known("check", ours, "--green", green) == 1
    assert "is found in 1 of 2 green logs" in capsys.readouterr().out


def test_green_logs_that_are_not_there_are_the_callers_mistake(
    ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert known("check", ours, "--green", tmp_path / "none") == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none'}: is no folder of logs\n"


def test_a_folder_stands_for_its_logs_and_one_that_cannot_be_read_does_not_end_it(
    ours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "1.log"
    log.write_text("lake is dry\n")
    assert known("test", tmp_path / "none.log", tmp_path / "logs", "--catalogue", ours, "--only") == 2
    told = capsys.readouterr()
    assert told.out.splitlines() == [f"{log}:1: ours (retry true): lake is dry", "      1  ours"]
    assert told.err == f"{tmp_path / 'none.log'}: No such file or directory\n"


def test_an_address_is_not_asked(ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert known("test", "https://me:hunter2secret@ci.example/job/x/1/", "--catalogue", ours, "--only") == 2
    told = capsys.readouterr().err
    assert told.endswith("ci.example/job/x/1/: an address, not a file: save the log first\n")
    assert "hunter2secret" not in told


def test_standard_input_is_a_log(ours: Path) -> None:
    command = [sys.executable, "-m", "bot.cli", "known", "test", "-", "--catalogue", str(ours), "--only"]
    told = subprocess.run(command, input="lake is dry\n", capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[0] == "-:1: ours (retry true): lake is dry"


def test_whoever_reads_the_hits_may_have_seen_enough(ours: Path, tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    log.write_text("lake is dry\n" * 20_000)
    command = [sys.executable, "-m", "bot.cli", "known", "test", str(log), "--catalogue", str(ours), "--only"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as told:
        assert told.stdout is not None
        assert told.stderr is not None
        told.stdout.readline()
        told.stdout.close()
        assert told.stderr.read() == b""


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        pytest.param(
            "retry = 'true'",
            "retry = true",
            '2: ours: retry: Expected `str`, got `bool`: it is one of "true"',
            id="no-text",
        ),
        pytest.param(
            "retry = 'true'", "retry = 'yes'", "2: ours: retry: Invalid enum value 'yes': it is one of", id="retry"
        ),
        pytest.param(
            "retry =",
            "class = 'net'\nretry =",
            "2: ours: class: Invalid enum value 'net': it is one of docker-daemon, ",
            id="class",
        ),
        pytest.param(
            "retry =",
            "contre = ['x']\nretry =",
            "2: ours: keys: Object contains unknown field `contre`",
            id="unknown-key",
        ),
        pytest.param("regex", "regexp", "2: ours: keys: Object ", id="misspelt-key"),
        pytest.param("id = 'ours'\n", "", "1: -: signature 1: keys: Object missing required field `id`", id="no-id"),
        pytest.param(
            "[[signature]]", "[[signatures]]", "a catalogue has tables [[signature]] and [[shape]]", id="table"
        ),
        pytest.param(
            "[[signature]]", "[signature]", "a catalogue has tables [[signature]] and [[shape]]", id="one-table"
        ),
        pytest.param("[[signature]]", "signature = [1]", "1: -: ", id="no-table"),
        pytest.param("id = 'ours'", "id = ", "1: -: Invalid value (at line 2, column 6)", id="no-toml"),
    ],
)
def test_a_mistake_is_told_by_the_sign_and_with_the_words_that_a_key_takes(
    ours: Path, capsys: pytest.CaptureFixture[str], written: str, instead: str, said: str
) -> None:
    ours.write_text(OURS.replace(written, instead))
    assert known("check", ours) == 1
    assert said in capsys.readouterr().out


def test_a_catalogue_is_a_plain_file(tmp_path: Path) -> None:
    """A27: neither a device without end nor a pipe that nobody writes to is read."""
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(ConfigError, match="is no plain file"):
            load_catalogue([path], shipped=False)
        with pytest.raises(ConfigError, match="is no plain file"):
            read_patterns(path)
    large = tmp_path / "large.toml"
    with large.open("wb") as file:
        file.truncate(AT_MOST_BYTES + 1)
    with pytest.raises(ConfigError, match=f"has more than {AT_MOST_BYTES} bytes"):
        load_catalogue([large], shipped=False)
