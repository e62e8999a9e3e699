"""`gordon init`: what it writes passes `gordon check`, has every setting, and is there whole or not at all."""

import os
import pty
import re
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.beginning import SETTING, Beginning, gordon_toml, people_toml
from bot.check import check
from bot.cli import main
from bot.config import CHANNEL, REPO, load
from bot.config_values import NAME
from bot.people import ACCOUNT, MEMBER, load_people

ALL = (
    *("--repo", "docker/docker", "--jenkins", "https://ci.example.org", "--irc", "irc.oftc.net", "--channel", "#d"),
    *("--account", "annie", "--slack", "acme", "--member", "U024BE7LH", "--person", "ann"),
)
ANSWERS = {
    "repo": st.from_regex(REPO, fullmatch=True),
    "jenkins": st.sampled_from(["https://ci.example.org/x/", "http://127.0.0.1:8080", "http://localhost"]),
    "irc": st.sampled_from(["irc.libera.chat", "irc.oftc.net:7000", "127.0.0.1:6667", "irc", "irc.console.org"]),
    "channel": st.from_regex(CHANNEL, fullmatch=True).filter(str.isprintable),
    "account": st.from_regex(ACCOUNT, fullmatch=True),
    "slack": st.sampled_from(["libera", "oftc", "irc", "a-b_9", "-"]),
    "member": st.from_regex(MEMBER, fullmatch=True),
}


def begin(folder: Path, *options: str) -> int:
    return main(["init", str(folder), "--yes", *options])


def settings_of(text: str) -> Sequence[tuple[str, str]]:
    """List the settings that a configuration has or shows, in their order: the header of the table, and the key."""
    header, found = "", []
    for line in text.splitlines():
        if line.removeprefix("#").startswith("["):
            header = line.removeprefix("#")
        elif setting := SETTING.fullmatch(line if line.startswith("# ") else line.removeprefix("#")):
            found.append((header, setting["key"]))
    return found


def test_what_it_writes_without_a_word_passes_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert begin(tmp_path) == 0
    assert check(tmp_path / "gordon.toml", live=False)[0] == []
    told = capsys.readouterr().out
    assert f"gordon check {tmp_path}/gordon.toml" in told
    assert "umask" not in told


def test_with_neighbours_the_check_names_the_secrets_that_are_to_be_filled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert begin(tmp_path, *ALL) == 0
    wanted = re.findall(r"cat > (\S+)\)", capsys.readouterr().out)
    problems, _ = check(tmp_path / "gordon.toml", live=False)
    assert [problem.partition(":")[0] for problem in problems] == wanted
    assert len(wanted) == 5
    for name in wanted:
        Path(name).write_text("sesame-sesame")
        Path(name).chmod(0o600)
    assert check(tmp_path / "gordon.toml", live=False)[0] == []


def test_what_was_answered_stands_in_the_files(tmp_path: Path) -> None:
    assert begin(tmp_path, *ALL) == 0
    config = load(tmp_path / "gordon.toml")
    assert (config.gordon.home, config.jenkins["ci"].url) == ("docker/docker", "https://ci.example.org")
    assert (config.irc["oftc"].host, config.irc["oftc"].channels, [*config.slack]) == (
        "irc.oftc.net",
        ("#d",),
        ["acme"],
    )
    assert config.repos["docker/docker"].announce == config.gordon.operators == ("oftc/#d",)
    assert config.console is None
    people = tomllib.loads((tmp_path / "people.toml").read_text())["people"]
    accounts = {"irc": {"oftc": "annie"}, "slack": {"acme": "U024BE7LH"}}
    assert people == {"ann": {**accounts, "roles": {"*": "operator"}}}


@settings(deadline=None, max_examples=20)
@given(st.from_regex(NAME, fullmatch=True), st.fixed_dictionaries({}, optional=ANSWERS))
def test_whatever_is_answered_gordon_takes_it(person: str, answers: Mapping[str, str]) -> None:
    needs = {"channel": "irc", "account": "irc", "member": "slack"}
    begun = Beginning(person, **{name: text for name, text in answers.items() if needs.get(name, name) in answers})
    with TemporaryDirectory() as name:
        config, people = Path(name) / "gordon.toml", Path(name) / "people.toml"
        config.write_text(gordon_toml(begun), encoding="utf-8")
        people.write_text(people_toml(begun), encoding="utf-8")
        settings = load(config)
        known = load_people(people, repos=settings.repos, networks=(*settings.irc, *settings.slack))
    assert known.by_name(person) is not None
    assert len(known) == 1


@pytest.mark.parametrize("options", [pytest.param((), id="nothing-said"), pytest.param(ALL, id="all-said")])
@pytest.mark.parametrize("name", ["gordon.toml", "people.toml"])
def test_each_setting_is_there_with_its_word(tmp_path: Path, name: str, options: Sequence[str]) -> None:
    """The example has every setting, which a test of its own holds; none is lost on the way, and none made up."""
    assert begin(tmp_path, *options) == 0
    written = (tmp_path / name).read_text()
    example = files("bot").joinpath("examples", name).read_text()
    assert [key for _, key in settings_of(written)] == [key for _, key in settings_of(example)]
    told = [SETTING.fullmatch(line.lstrip("#").strip()) for line in written.splitlines()]
    assert all(setting["text"] for setting in told if setting) or name == "people.toml"


def test_all_marks_taken_away_it_is_still_a_configuration(tmp_path: Path) -> None:
    assert begin(tmp_path) == 0
    text = re.sub(r"^#(?! |$)", "", (tmp_path / "gordon.toml").read_text(), flags=re.MULTILINE)
    example = tomllib.loads(files("bot").joinpath("examples", "gordon.toml").read_text())
    whole = tomllib.loads(text)
    assert [*whole] == [*example]
    assert whole["repos"].keys() == {"owner/name"}
    assert whole["plugin"].keys() == example["plugin"].keys()


@pytest.mark.parametrize("name", ["gordon.toml", "people.toml"])
@pytest.mark.parametrize("kind", ["file", "folder", "dangling-link"])
def test_nothing_that_is_there_is_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    there = tmp_path / name
    if kind == "file":
        there.write_text("mine")
    elif kind == "folder":
        there.mkdir()
    else:
        there.symlink_to(tmp_path / "nowhere")
    assert begin(tmp_path) == 2
    assert capsys.readouterr().err == f"{there} is there already; nothing was written\n"
    assert list(tmp_path.iterdir()) == [there]


def test_a_file_where_the_secrets_should_be_is_told_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secrets").write_text("mine")
    assert begin(tmp_path) == 1
    assert capsys.readouterr().err == f"gordon: {tmp_path}/secrets: File exists\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "secrets"]


def test_a_disk_that_takes_only_a_part_is_left_as_it_was(tmp_path: Path) -> None:
    """F26: here by a limit on the size of files, which fits the first 4 KB."""
    command = f"ulimit -f 4; trap '' XFSZ; exec {sys.executable} -m bot init {tmp_path}/new --yes"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=50)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "File too large" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    assert begin(tmp_path / "new", *ALL) == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert modes == {"gordon.toml": 0o640, "people.toml": 0o640, "secrets": 0o700}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) & 0o027 == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param(["--repo", "moby"], '--repo must be like OWNER/NAME, is "moby"', id="repo"),
        pytest.param(["--jenkins", "http://ci.org"], "--jenkins must be like https://ci.example", id="in-the-clear"),
        pytest.param(["--irc", "h:70000"], '--irc must be like irc.libera.chat, is "h:70000"', id="port"),
        pytest.param(["--irc", "h", "--channel", "#a\x7f"], '--channel must be like #moby, is "#a', id="not-printable"),
        pytest.param(["--account", "ann"], "--account needs --irc, too", id="an-account-of-no-network"),
        pytest.param(["--slack", "console"], "--slack must be like moby", id="a-network-of-our-own"),
        pytest.param(["--slack", "a b"], '--slack must be like moby, is "a b"', id="workspace"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: Sequence[str], told: str
) -> None:
    assert begin(tmp_path / "new", *options) == 2
    assert capsys.readouterr().err.startswith(told)
    assert list(tmp_path.iterdir()) == []


class Terminal:
    """The person's end of a terminal."""

    def __init__(self, end: int) -> None:
        self._end = end
        self.seen = ""

    def read_until(self, words: str) -> None:
        while words not in self.seen:
            self.seen += os.read(self._end, 4096).decode()
        self.seen = self.seen.partition(words)[2]

    def rest(self) -> str:
        os.set_blocking(self._end, False)
        with suppress(OSError):
            self.seen += os.read(self._end, 65536).decode()
        return self.seen

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())


@contextmanager
def asked(folder: Path) -> Iterator[tuple[Terminal, "subprocess.Popen[bytes]"]]:
    """Run `gordon init` on a terminal."""
    end, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "init", str(folder)], stdin=inner, stdout=inner, stderr=inner,
        start_new_session=True, preexec_fn=lambda: os.close(os.open(os.ttyname(1), os.O_RDWR)),
    )  # fmt: skip  # what is opened first becomes the terminal of the session, so that its Ctrl-C arrives
    os.close(inner)
    try:
        yield Terminal(end), process
    finally:
        process.kill()
        process.wait()
        os.close(end)


def test_on_a_terminal_it_asks_again_until_an_answer_can_be_one(tmp_path: Path) -> None:
    with asked(tmp_path / "new") as (terminal, process):
        terminal.read_until("Which repository")
        terminal.type("moby\n")
        terminal.read_until('must be like OWNER/NAME, is "moby"')
        terminal.type("moby/moby\n")
        terminal.read_until("Where is the Jenkins")
        terminal.type("?\n")
        terminal.read_until("user of its own there")
        terminal.type("\n")
        terminal.read_until("On which IRC network")
        terminal.type("irc.libera.chat\n")
        terminal.read_until("In which channel")
        terminal.type("#moby\n")
        terminal.read_until("your services account")
        terminal.type("ann\n")
        terminal.read_until("Slack workspace")
        terminal.type("\n")
        terminal.read_until("What are you called?")
        terminal.type("ann\n")
        terminal.read_until("gordon run")
        assert process.wait(20) == 0
    config = load(tmp_path / "new" / "gordon.toml")
    assert (config.gordon.home, config.irc["libera"].channels, config.jenkins) == ("moby/moby", ("#moby",), {})


@pytest.mark.parametrize("key", [pytest.param("\x03", id="ctrl-c"), pytest.param("\x04", id="ctrl-d")])
def test_who_stops_leaves_nothing_behind(tmp_path: Path, key: str) -> None:
    with asked(tmp_path / "new") as (terminal, process):
        terminal.read_until("Which repository")
        terminal.type("moby/moby\n")
        terminal.read_until("Where is the Jenkins")
        while process.poll() is None:  # a first Ctrl-C may come between the prompt and the reading
            terminal.type(key)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
        assert process.returncode == 130
        assert "Traceback" not in terminal.rest()
    assert list(tmp_path.iterdir()) == []
