"""The command line as a whole: its help, what it says of what was mistyped, its completion, and how it ends."""

import argparse
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.cli import DO, FAILED, INTERRUPTED, MISTAKE, WRONG, main
from bot.command_line import GROUPS, SHELLS, command_line
from bot.completion import completion
from bot.diagnosis.command_line import EXIT_STATUS
from tests.test_readme import ROOT, section, tables

FOUND = set(EXIT_STATUS.values()) - {0}
GORDON = [sys.executable, "-m", "bot"]


def parsers(parser: argparse.ArgumentParser, name: str = "gordon") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """List the commands with their parsers, those with commands of their own before these."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner, its in action.choices.items():
                yield from parsers(its, f"{name} {inner}")


COMMANDS = dict(parsers(command_line()))


def ran(*command: str, **given: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=50, **given)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_has_an_example_that_can_be_typed(name: str) -> None:
    told = COMMANDS[name].format_help()
    typed = re.findall(r"(?:^  |: |\| )(gordon .+?)(?:  .*| [>|].*)?$", told.partition("example")[2], re.MULTILINE)
    assert typed
    for line in typed:
        words = shlex.split(line, comments=True)
        assert " ".join(words).startswith(name)
        assert command_line().parse_args(words[1:]).command in DO


def test_each_command_is_shown_in_one_group_and_done_by_somebody() -> None:
    names = [name for group in GROUPS.values() for name in group]
    assert sorted(names) == sorted(DO) == sorted({name.split()[1] for name in COMMANDS if " " in name})
    told = command_line().format_help()
    assert [told.index(f"    {name} ") for name in names] == sorted(told.index(f"    {name} ") for name in names)


def test_the_readme_tells_what_each_command_takes_and_how_it_ends() -> None:
    rows = list(tables(section((ROOT / "README.md").read_text(), "## The command line")))
    told = [row[0].strip("`") for row in rows if row[0].startswith("`gordon ")]
    doing = {name: its for name, its in COMMANDS.items() if not its._subparsers}
    assert [next(name for name in doing if line.startswith(f"{name} ")) for line in told] == [*doing]
    for line, (name, its) in zip(told, doing.items(), strict=True):
        taken = {option.option_strings[-1] for option in its._actions if option.option_strings} - {"--help"}
        assert set(re.findall(r"--[a-z-]+", line)) == (taken if name != "gordon diagnose" else set()), name
    statuses = [row[0] for row in rows if row[0][0].isdigit()]
    own = [str(status) for status in (0, FAILED, WRONG, MISTAKE, INTERRUPTED)]
    assert statuses == [*own[:3], f"{min(FOUND)} to {max(FOUND)}", *own[3:]]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param("chek gordon.toml", 'there is no "chek" (did you mean "check"?)', id="command"),
        pytest.param("audit verfy gordon.toml", 'there is no "verfy" (did you mean "verify"?)', id="action"),
        pytest.param("check --lvie gordon.toml", 'it takes no --lvie (did you mean "--live"?)', id="option"),
        pytest.param("run g.toml --log-level DEBU", '"DEBU" (did you mean "DEBUG"?)', id="value"),
        pytest.param("check a.toml b.toml", "it takes no b.toml\n", id="nothing-is-near"),
        pytest.param("", "the following arguments are required: command", id="nothing"),
    ],
)
def test_what_was_mistyped_is_told_with_what_is_like_it(
    words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    said = capsys.readouterr()
    assert (said.out, told in said.err) == ("", True), said.err


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        pytest.param(["ba"], {"backup"}, id="command"),
        pytest.param(["audit", ""], {"verify"}, id="action"),
        pytest.param(["run", "gor"], {"gordon.toml"}, id="file"),
        pytest.param(["backup", "gordon.toml", "fol"], {"folder"}, id="file-or-folder"),
        pytest.param(["init", ""], {"folder"}, id="folders-only"),
        pytest.param(["run", "gordon.toml", "--log-level", "D"], {"DEBUG"}, id="value"),
        pytest.param(["doctor", "--j"], {"--json"}, id="option"),
        pytest.param(["diagnose", "gor"], {"gordon.toml"}, id="log"),
        pytest.param(["completion", "z"], {"zsh"}, id="shell"),
    ],
)
def test_bash_completes(tmp_path: Path, typed: Sequence[str], expected: set[str]) -> None:
    (tmp_path / "gordon.toml").touch()
    (tmp_path / "folder").mkdir()
    words = f"COMP_WORDS=({shlex.join(['gordon', *typed])}); COMP_CWORD={len(typed)}"
    asks = f"complete -p gordon >&2; {words}; _shtab_gordon gordon {typed[-1]!r}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    ended = ran("bash", "--norc", input=f"{completion(command_line(), 'bash')}\n{asks}\n", cwd=tmp_path)
    assert (set(ended.stdout.split()), ended.stderr) == (expected, "complete -o bashdefault -F _shtab_gordon gordon\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in DO)


def test_python_m_bot_is_gordon() -> None:
    assert ran(*GORDON, "--version").stdout.startswith("gordon 0.")


@pytest.mark.parametrize("words", [["--help"], ["completion", "bash"]], ids=" ".join)
def test_what_a_command_has_no_use_for_is_not_loaded(words: Sequence[str]) -> None:
    """Start-up time: each library that makes it long comes with the commands that need it."""
    asks = f"import sys; from bot.cli import main; main({words!r}); print(*sys.modules, file=sys.stderr)"
    loaded = {name.partition(".")[0] for name in ran(sys.executable, "-c", asks).stderr.split()}
    assert "bot" in loaded
    assert (
        loaded & {"aiohttp", "github", "hyperscan", "matplotlib", "msgspec", "rich", "sqlalchemy", "tomlkit"} == set()
    )


@pytest.mark.parametrize(
    ("ending", "status", "errors"),
    [
        pytest.param("> /dev/full", 1, "gordon: No space left on device\n", id="full-disk"),
        pytest.param(">&-", 0, "", id="closed-output"),
        pytest.param("<&-", 0, "", id="closed-input"),
        pytest.param("2>&-", 0, "", id="closed-errors"),
    ],
)
@pytest.mark.parametrize("command", ["--help", "completion bash"])
def test_what_is_printed_goes_where_it_can(command: str, ending: str, status: int, errors: str) -> None:
    ended = ran("bash", "-c", f"{shlex.join(GORDON)} {command} {ending}")
    assert (ended.returncode, ended.stderr) == (status, errors)


def test_a_mistake_that_cannot_be_told_is_still_one() -> None:
    """What is buffered Python would try to write once more at its end, and end with a status of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = f"{shlex.join(GORDON)} check nowhere.toml 2> /dev/full"
    assert ran("bash", "-c", command, env=environment).returncode == 1


@pytest.mark.parametrize("command", ["--help", "completion bash"])
def test_where_nobody_reads_on_it_ends_without_a_word(command: str) -> None:
    unread, end = os.pipe()
    os.close(unread)
    try:
        ended = subprocess.run([*GORDON, *command.split()], stdout=end, stderr=subprocess.PIPE, text=True, timeout=50)
    finally:
        os.close(end)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_ctrl_c_ends_it_without_a_word() -> None:
    """Here while it waits for what is piped into it."""
    process = subprocess.Popen([*GORDON, "diagnose", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for = f"/proc/{process.pid}/wchan"
    deadline = time.monotonic() + 5  # where the kernel does not tell
    while "pipe" not in Path(wait_for).read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (INTERRUPTED, "")


def broken(given: argparse.Namespace) -> int:
    raise LookupError("token=abcdefghijkl is not where it was")


def test_a_mistake_of_our_own_is_one_to_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(DO, "check", broken)
    assert main(["check", "gordon.toml"]) == MISTAKE
    told = capsys.readouterr().err
    assert told.startswith("gordon: this is a mistake of Gordon itself: LookupError: ")
    assert "GORDON_TRACEBACK=1" in told
    assert "abcdefghijkl" not in told
    assert "Traceback" not in told
    monkeypatch.setenv("GORDON_TRACEBACK", "1")
    assert main(["check", "gordon.toml"]) == MISTAKE
    assert "Traceback" in capsys.readouterr().err


def test_a_mistake_of_our_own_while_it_works_is_in_the_log_whole(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(DO, "run", broken)
    assert main(["run", "gordon.toml"]) == MISTAKE
    assert [record.levelname for record in caplog.records if record.exc_info] == ["CRITICAL"]


FILES = (
    "none",
    "folder",
    "empty",
    "text",
    "bytes",
    "config",
    "people.toml",
    "world-writable",
    "loop",
    "pipe",
    "/dev/null",
)
ODD = ("/dev/null", "\udcff", "x" * 300, "-", "", "--", "http://127.0.0.1:9/", "config/under", "2")
OPTIONS = ("--live", "--json", "--yes", "--help", "--name", "--http", "--config", "-o", "--log-level", "--context")
MORE = ("--catalogue", "--green", "--redact", "--only", "--repo", "--jenkins", "--irc", "--jobs=x")
HARMLESS = [name.split()[1:] for name in COMMANDS if name not in ("gordon", "gordon demo", "gordon run")]
TYPED = st.binary(max_size=5).map(lambda typed: os.fsdecode(typed.replace(b"\0", b"")))  # as no system lets one
WORDS = st.sampled_from(FILES) | st.sampled_from(FILES + ODD + OPTIONS + MORE) | TYPED
STATUSES = {0, FAILED, WRONG, *FOUND, INTERRUPTED}  # none of it is a mistake of ours


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of each kind that somebody may name."""
    folder = tmp_path_factory.mktemp("place")
    assert main(["init", str(folder), "--yes", "--person", "me"]) == 0
    (folder / "gordon.toml").rename(folder / "config")
    (folder / "config").write_text((folder / "config").read_text().replace("[gordon]", '[gordon]\nstate = "text"'))
    for name, content in {"empty": b"", "text": b"words\n", "bytes": bytes(range(256)), "world-writable": b""}.items():
        (folder / name).write_bytes(content)
    (folder / "world-writable").chmod(0o666)
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    return folder


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(HARMLESS), st.lists(WORDS, max_size=4))
def test_whatever_is_typed_nobody_reads_a_traceback(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"what is piped in")))
    status = main([*command, *(word for word in words if word != "pipe" or command[0] not in ("diagnose", "known"))])
    told = capsys.readouterr()
    assert (status in STATUSES, "Traceback" in told.err) == (True, False), (status, told.err)
    assert status != 2 or told.out or told.err
