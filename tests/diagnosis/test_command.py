"""`gordon diagnose` as it is typed: what it prints, its JSON, its exit status."""

import asyncio
import gzip
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.cli import main
from bot.diagnosis.command_line import EXIT_STATUS, UNREAD, worst
from bot.diagnosis.verdict import Kind

TOKEN = "ghp_a8Kq2LmZ0xW7vB4nT6yRa8Kq2LmZ0xW7vB4n"
# From nodejs/node-core-utils, test fixtures, Jenkins; shortened.
GIT = """Started by upstream project "node-test-commit" build number 19000
Fetching upstream changes from git@github.com:nodejs/node.git
 > git fetch --tags --progress git@github.com:nodejs/node.git +refs/heads/*:refs/remotes/origin/* # timeout=20
ERROR: Error fetching remote repo 'origin'
hudson.plugins.git.GitException: Failed to fetch from git@github.com:nodejs/node.git
Caused by: hudson.plugins.git.GitException: Command "git fetch" returned status code 128:
stdout:
stderr: ssh: connect to host github.com port 22: Connection timed out
fatal: Could not read from remote repository.
Finished: FAILURE
"""
GO = """+ go test ./...
ok  	example.org/eth	13.167s
--- FAIL: TestBoundedSync (0.18s)
    downloader_test.go:679: failed to synchronise blocks: retrieved hash chain is invalid
FAIL
FAIL	example.org/eth/downloader	94.804s
Finished: FAILURE
"""
COMPILE = """+ make
src/main.c: In function 'main':
src/main.c:12:5: error: 'x' undeclared (first use in this function)
make: *** [Makefile:7: all] Error 1
Finished: FAILURE
"""
ABORTED = "Started by user bob\n+ sleep 900\nAborted by bob\nFinished: ABORTED\n"
KEYS = {
    *("file", "kind", "class", "cause", "retry", "why", "confidence", "line", "chunk", "text", "quoted"),
    *("failed_tests", "fingerprint", "result", "lines", "partial", "error"),
}
SHIPPED_AGAIN = "[[signature]]\nid = 'git-ssh-timeout'\nregex = 'a b'\nretry = 'true'\nexample = 'a b'\n"
Diagnose = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"git": GIT, "go": GO, "compile": COMPILE, "aborted": ABORTED}.items():
        (tmp_path / f"{name}.log").write_text(text)
    (tmp_path / "passed.log").write_text("+ make\nerror: 0 errors\nFinished: SUCCESS\n")
    return tmp_path


@pytest.fixture
def diagnose(capsys: pytest.CaptureFixture[str]) -> Diagnose:
    """Run the command in this process: exit status, standard output, standard error."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        status = main(["diagnose", *map(str, arguments)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("name", "kind", "failure_class", "line"),
    [
        pytest.param("git", "known-infra", "scm", 8, id="git-timeout"),
        pytest.param("go", "new-failure", "test-failure", 3, id="go-test"),
        pytest.param("compile", "compile-error", "compile-error", 3, id="compiler"),
        pytest.param("aborted", "aborted", "aborted", 3, id="aborted"),
        pytest.param("passed", "passed", "success", None, id="passed"),
    ],
)
def test_a_log_is_told_as_an_object(
    folder: Path, diagnose: Diagnose, name: str, kind: str, failure_class: str, line: int | None
) -> None:
    file = folder / f"{name}.log"
    status, out, err = diagnose("--json", file)
    told = json.loads(out)
    assert (told["kind"], told["class"], told["line"]) == (kind, failure_class, line)
    assert told.keys() == KEYS
    assert (told["file"], told["error"], err) == (str(file), None, "")
    assert status == EXIT_STATUS[Kind(kind)]
    if line is not None:
        assert told["text"] == file.read_text().split("\n")[line - 1]
        assert told["quoted"][line - told["chunk"][0]] == told["text"]


def test_each_log_has_an_object_on_a_line_of_its_own(folder: Path, diagnose: Diagnose) -> None:
    names = [str(folder / f"{name}.log") for name in ("passed", "go", "git")]
    status, out, _ = diagnose("--json", *names)
    assert [json.loads(line)["file"] for line in out.splitlines()] == names
    assert [json.loads(line)["retry"] for line in out.splitlines()] == [False, False, True]
    assert status == EXIT_STATUS[Kind.NEW_FAILURE]


def test_people_get_a_headline_a_quotation_and_the_facts(folder: Path, diagnose: Diagnose) -> None:
    _, out, _ = diagnose(folder / "go.log")
    lines = out.splitlines()
    assert lines[0] == f"{folder}/go.log:3: failure (test-failure), do not try again"
    assert "> 3  --- FAIL: TestBoundedSync (0.18s)" in lines
    assert "  4      downloader_test.go:679: failed to synchronise blocks: retrieved hash chain is invalid" in lines
    assert lines[lines.index("  1 failed test:") + 1] == "    TestBoundedSync"
    assert lines[-1].startswith("  cause go-")
    assert "result FAILURE, 7 lines, fingerprint " in lines[-1]
    assert "\x1b" not in out
    assert [line for line in lines if line.startswith(">")] == ["> 3  --- FAIL: TestBoundedSync (0.18s)"]


def test_less_is_quoted_if_asked(folder: Path, diagnose: Diagnose) -> None:
    _, out, _ = diagnose("--context", "0", folder / "go.log")
    assert "--- FAIL" in out
    assert "downloader_test" not in out


def test_what_cannot_be_read_is_told_and_the_rest_too(folder: Path, diagnose: Diagnose) -> None:
    """F26: a file that is missing, a directory without logs beside it, a broken gzip."""
    (folder / "torn.gz").write_bytes(b"\x1f\x8bno gzip at all")
    status, out, err = diagnose("--json", folder / "absent.log", folder / "go.log")
    objects = [json.loads(line) for line in out.splitlines()]
    assert (objects[0]["kind"], objects[0]["error"]) == ("unknown", "No such file or directory")
    assert objects[1]["kind"] == "new-failure"
    assert f"gordon: {folder}/absent.log: No such file or directory" in err
    assert status == UNREAD
    status, out, err = diagnose(folder / "absent.log")
    assert (status, out) == (UNREAD, "")


def test_a_folder_stands_for_the_logs_in_it(tmp_path: Path, diagnose: Diagnose) -> None:
    builds = tmp_path / "builds" / "12"
    builds.mkdir(parents=True)
    (builds / "log").write_text(GO)
    (builds / "build.xml").write_text("<build/>")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(COMPILE.encode()))
    _, out, _ = diagnose("--json", tmp_path)
    told = {Path(one["file"]).name: one["kind"] for one in map(json.loads, out.splitlines())}
    assert told == {"a.txt.gz": "compile-error", "log": "new-failure"}
    (tmp_path / "empty").mkdir()
    status, out, err = diagnose(tmp_path / "empty")
    assert (status, out) == (UNREAD, "")
    assert "in this folder is no log" in err


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([], id="nothing"),
        pytest.param(["--jobs", "0", "x"], id="no-jobs"),
        pytest.param(["--context", "-1", "x"], id="context"),
        pytest.param(["--retry", "x"], id="unknown-option"),
    ],
)
def test_wrong_use_is_two(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", *wrong]) == 2
    assert "usage: gordon" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "text", "why"),
    [
        pytest.param("--catalogue", "[[signature]]\n", "mine", id="catalogue"),
        pytest.param(
            "--catalogue", SHIPPED_AGAIN, "mine: git-ssh-timeout: the id is there already, in signatures_", id="id"
        ),
        pytest.param("--redact", "x(\n", "mine:1: ", id="patterns"),
        pytest.param("--green", "", "is no folder", id="green"),
    ],
)
def test_a_wrong_file_of_ones_own_is_two(folder: Path, diagnose: Diagnose, option: str, text: str, why: str) -> None:
    mine = folder / "mine"
    mine.write_text(text)
    status, out, err = diagnose(option, mine, folder / "go.log")
    assert (status, out) == (2, "")
    assert why in err


def test_a_catalogue_of_ones_own_explains_what_the_shipped_ones_do_not(folder: Path, diagnose: Diagnose) -> None:
    (folder / "mine.toml").write_text(
        '[[signature]]\nid = "acme-moon"\nregex = "the moon is in the way"\nclass = "network"\nretry = "true"\n'
        'example = "the moon is in the way"\n'
    )
    (folder / "moon.log").write_text("+ ./deploy\nsorry, the moon is in the way\nFinished: FAILURE\n")
    status, out, _ = diagnose("--json", "--catalogue", folder / "mine.toml", folder / "moon.log")
    told = json.loads(out)
    assert (told["cause"], told["class"], told["retry"], status) == ("acme-moon", "network", True, 10)


def test_what_green_logs_say_is_no_reason(folder: Path, diagnose: Diagnose) -> None:
    noise = "ERROR: cannot reach the coffee machine\n"
    (folder / "two.log").write_text(f"{noise}+ x\nERROR: the flux is broken\nFinished: FAILURE\n")
    (folder / "green").mkdir()
    (folder / "green" / "1.log").write_text(f"{noise}Finished: SUCCESS\n")
    _, out, _ = diagnose("--json", "--green", folder / "green", folder / "two.log")
    assert json.loads(out)["line"] == 3


def test_nothing_that_is_said_has_a_secret_or_moves_the_terminal(folder: Path, diagnose: Diagnose) -> None:
    """A26, A13, A14: in the log, in names of tests and files, in errors."""
    log = folder / f"{TOKEN}\x1b[31m\u202e.log"
    log.write_text(
        f"--- FAIL: TestLogin/{TOKEN} (0.1s)\n    a_test.go:7: {TOKEN[:20]}\x1b[1m{TOKEN[20:]} is no login of a@b.org\n"
        f"FAIL\nerror: password=\x1b[31mhunter2\n"
    )
    for form in ([], ["--json"]):
        _, out, err = diagnose(*form, "--redact-emails", log, folder / f"{TOKEN}\n.log", f"https://bob:{TOKEN}@x/")
        said = out + err
        assert "[secret]" in said
        assert all(part not in said for part in (TOKEN[4:], "hunter2", "a@b.org"))
        assert [char for char in said if not char.isprintable() and char != "\n"] == []


def test_patterns_of_ones_own_are_cut(folder: Path, diagnose: Diagnose) -> None:
    (folder / "patterns").write_text("retrieved (?P<secret>\\w+) chain\n")
    _, out, _ = diagnose("--redact", folder / "patterns", folder / "go.log")
    assert "retrieved [secret] chain is invalid" in out


def in_a_process(*arguments: str | Path, **how: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "bot.cli", "diagnose", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=50, check=False, **how)


def test_standard_input_is_a_log(diagnose: Diagnose) -> None:
    """F25: also packed, and where the locale has no letters but those of ASCII."""
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = in_a_process("-", input=gzip.compress(GO.replace("invalid", "ungültig").encode()), env=plain)
    assert ended.stdout.startswith(b"-:3: failure")
    assert b"ung\\xfcltig" in ended.stdout
    assert (ended.returncode, ended.stderr) == (16, b"")
    assert diagnose("-", "-")[0] == UNREAD


def test_several_processes_say_the_same_in_the_same_order(folder: Path, diagnose: Diagnose) -> None:
    alone = diagnose("--json", folder, folder / "absent")
    ended = in_a_process("--json", "--jobs", "2", folder, folder / "absent")
    assert (ended.returncode, ended.stdout.decode(), ended.stderr.decode()) == alone


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    command = f"{sys.executable} -m bot.cli diagnose --json {' '.join([str(folder)] * 40)} | head -n 1"
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=50, check=False)
    assert ended.stdout.count(b"\n") == 1
    assert ended.stderr == b""


def on_a_terminal(*arguments: str | Path, **variables: str) -> str:
    """Run the command with both outputs on a terminal, and give what it shows."""
    shown = bytearray()
    command = [sys.executable, "-m", "bot.cli", "diagnose", *map(str, arguments)]
    env = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**env, "TERM": "xterm-256color", **variables}
    ):
        os.close(theirs)
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # its end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    return shown.decode()


def test_a_terminal_gets_colours_unless_told_otherwise(folder: Path) -> None:
    red = on_a_terminal(folder / "go.log")
    assert "\x1b[1;31mfailure" in red
    assert "--- FAIL: TestBoundedSync" in red
    assert "\x1b" not in on_a_terminal(folder / "go.log", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal("--no-colour", folder / "go.log")


def test_many_logs_show_how_far_it_is(folder: Path) -> None:
    shown = on_a_terminal(folder)
    assert "/5" in shown
    assert shown.count("result FAILURE") == 3


def test_the_exit_status_is_that_of_the_most_serious() -> None:
    assert EXIT_STATUS.keys() == set(Kind)
    assert len(set(EXIT_STATUS.values())) == len(Kind)
    assert not {1, 2} & set(EXIT_STATUS.values()), "they are said of the command itself"
    assert max(EXIT_STATUS.values()) < 64, "what shells and sysexits.h use begins there"
    assert worst([]) == worst([Kind.PASSED]) == 0
    assert worst([Kind.PASSED, Kind.COMPILE_ERROR, Kind.KNOWN_INFRA]) == EXIT_STATUS[Kind.COMPILE_ERROR]
    assert worst([Kind.COMPILE_ERROR, None]) == UNREAD


async def test_the_log_of_a_build_is_read_from_its_jenkins(diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch) -> None:
    """F25, F27: what Jenkins says counts, a build that goes on is partial, one that is gone is told."""
    facts = {"1": {"building": False, "result": "FAILURE"}, "2": {"building": True, "result": None}}

    async def answer(request: web.Request) -> web.Response:
        number = request.path.split("/")[3]
        if number not in facts or request.headers.get("Authorization") != "Basic Ym9iOnMzY3JldC10b2tlbg==":
            return web.Response(status=404)
        if request.path.endswith("api/json"):
            return web.json_response(facts[number])
        return web.Response(body=gzip.compress(GO[: GO.index("Finished")].encode()), content_type="text/plain")

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    monkeypatch.setenv("GORDON_JENKINS_USER", "bob")
    monkeypatch.setenv("GORDON_JENKINS_TOKEN", "s3cret-token")
    monkeypatch.delenv("GORDON_JENKINS_URL", raising=False)
    async with TestServer(app) as server:
        url = f"http://127.0.0.1:{server.port}/job/x"
        status, out, err = await asyncio.to_thread(
            diagnose, "--json", f"{url}/1/console", f"{url}/2/", f"{url}/3/", f"{url}/"
        )
    ended, running, gone, job = map(json.loads, out.splitlines())
    assert (ended["kind"], ended["line"], ended["result"], ended["partial"]) == ("new-failure", 3, "FAILURE", False)
    assert (running["result"], running["partial"]) == ("", True)
    assert "no such build (404)" in gone["error"]
    assert "add the number" in job["error"]
    assert status == UNREAD
    assert "s3cret-token" not in out + err


def test_a_token_without_its_user_is_told(diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GORDON_JENKINS_TOKEN", "s3cret-token")
    monkeypatch.delenv("GORDON_JENKINS_USER", raising=False)
    status, _, err = diagnose("http://127.0.0.1:9/job/x/1/")
    assert status == UNREAD
    assert "GORDON_JENKINS_USER" in err
    assert "s3cret-token" not in err


def test_what_fails_after_the_build_had_failed_is_no_reason_to_try_again(tmp_path: Path, diagnose: Diagnose) -> None:
    (tmp_path / "a.log").write_text(
        "+ make all\n3 of 9 checks were bad\nmake: *** [all] Error 2\n`make all' exited with code 2 at build.pl\n"
        "Build step 'Execute shell' marked build as failure\nERROR: Failed to evaluate groovy script.\n"
        "java.io.IOException: Remote call on linux-3 failed\n\tat hudson.remoting.Channel.call(Channel.java:655)\n"
        "Finished: FAILURE\n"
    )
    told = json.loads(diagnose("--json", tmp_path / "a.log")[1])
    assert told["retry"] is None
    assert told["why"] == "agent-remote-call-failed is worth another try, but the build was over before, in line 5"


@pytest.mark.parametrize(
    ("log", "why"),
    [
        pytest.param(
            "+ make\nall: done\n", "nothing in the log says that it failed, or why", id="no-word-of-a-failure"
        ),
        pytest.param("+ make\nhm\nFinished: FAILURE\n", "nothing in the log says why it failed", id="failed"),
    ],
)
def test_of_last_lines_no_more_is_said_than_is_known(tmp_path: Path, diagnose: Diagnose, log: str, why: str) -> None:
    (tmp_path / "a.log").write_text(log)
    status, out, _ = diagnose(tmp_path / "a.log")
    assert (status, out.splitlines()[1]) == (15, f"  {why}; these are only its last lines")


@pytest.mark.parametrize("size", [12, 300], ids=["nothing-came", "some"])
def test_why_a_log_is_not_whole_is_told(tmp_path: Path, diagnose: Diagnose, size: int) -> None:
    """F25: gzip that was cut, even before the first byte of its text."""
    lines = "".join(f"{number:x}\n" for number in range(5_000))
    (tmp_path / "a.gz").write_bytes(gzip.compress(lines.encode(), mtime=0)[:size])
    _, out, _ = diagnose(tmp_path / "a.gz")
    assert "partial: its gzip data ends too early" in out
    assert json.loads(diagnose("--json", tmp_path / "a.gz")[1])["partial"] is True
