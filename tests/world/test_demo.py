"""`gordon demo` as people start it: a script without a terminal, a prompt with one, and nothing left behind."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.demo.day import Day, disagreement
from bot.demo.jenkins.ledger import Ledger, TriggerAccepted
from bot.demo.play import print_transcript
from bot.demo.world import World

COMMAND = [sys.executable, "-W", "error", "-m", "bot.cli", "demo"]
SCRIPT_WITHIN_S = 90  # it takes 35 on a machine that has nothing else to do
TELLING = [
    pytest.param(r"<gordon> tianon: moby#3 at \w{7}: queued experimental \(item \d+\), janky ", id="queued"),
    pytest.param(r"<gordon> jess: moby#3 at \w{7}: windows is already (running|queued)", id="attached"),
    pytest.param(r"<gordon> newcomer: builds of moby#1 may be started by its author and by triagers", id="refused"),
    pytest.param(
        r'<gordon> icecrime: no context "lxcc" for moby/moby; did you mean lxc\? There are: ', id="unknown-context"
    ),
    pytest.param(r"<gordon> icecrime: moby#88 is closed", id="closed"),
    pytest.param(
        r"<gordon> tianon: moby#3 at \w{7}: janky #\d+ passed on the 2nd try; the 1st hit docker-init-rootfs \(Docker",
        id="a-known-flake-is-retried-and-told-once",
    ),
    pytest.param(
        r"<jess> !why docker-prs#1\n(.*\n)*<gordon> jess: docker-prs#1 failed: known Docker trouble "
        r'\(docker-init-rootfs.*"Error getting container init rootfs .*tried again as #\d+',
        id="why",
    ),
    pytest.param(
        r"-- tianon pushes to moby#1.*\n(.*\n)*<gordon> jess: moby#1 has moved from \w{7} to \w{7}: ",
        id="a-push-is-told",
    ),
    pytest.param(r"-- on GitHub moby#2 shows (.*, )?docker/lxc success: passed after \d+m", id="statuses"),
    pytest.param(
        r"<gordon> jess: new failure in TestRunVolumesFrom: moby#4 at \w{7}: .*lxc #\d+ failed after .* http://",
        id="the-verdict-of-a-real-failure-comes-first",
    ),
    pytest.param(r"<gordon> jess: .*moby#4 .* not tried again: a test failed", id="why-it-is-not-tried-again"),
    pytest.param(r"<tianon> !known test .*\n(.*\n)*<gordon> tianon: found in 1 of \d+ red logs, 0 of", id="known-test"),
    pytest.param(r"<gordon> compile error: 5 builds failed alike since .*; they are counted here", id="a-storm"),
    pytest.param(r"<gordon> tianon: flakes by cause, .*docker-init-rootfs: 1 of \d+ builds", id="flakes"),
    pytest.param(r"<gordon> tianon: base-image: queued \(item \d+\)", id="a-job-by-name"),
    pytest.param(r"<gordon> icecrime: .* would cancel lxc #\d+, windows #\d+, both asked", id="to-be-confirmed"),
    pytest.param(r"<icecrime> !confirm \w{26}\n(.*\n)*<gordon> icecrime: moby#1: lxc #\d+, windows", id="cancelled"),
    pytest.param(r"<newcomer> !rebuild moby#3 failed\n(.*\n)*<gordon> newcomer: moby#3 at \w{7}: queued", id="author"),
    pytest.param(r"<gordon> jess: Jenkins ci does not answer .* keep trying until \d\d:\d\d UTC", id="honest-line"),
    pytest.param(r"<gordon> jess: moby#2 at \w{7}: queued experimental \(item \d+\)", id="then-the-truth"),
    pytest.param(r"-- Gordon is started again\n(.*\n)*<gordon> .*moby#2 at \w{7}: .* passed \(", id="after-a-restart"),
    pytest.param(
        r"-- on GitHub libcontainer#1 shows docker/dco-signed failure: .*labels: dco/no, comments of gordon-bot: .Tha",
        id="not-signed-off",
    ),
    pytest.param(
        r"-- on GitHub libcontainer#1 shows libcontainer/unit pending: waits for ok to test, "
        r"docker/dco-signed success: .*labels: none, comments of gordon-bot: none\n",
        id="signed-off",
    ),
    pytest.param(
        r'<gordon> libcontainer#1 "Find cgroups by mountinfo" by newcomer waits for ok to test at \w{12} .*\n'
        r"(.*\n)*<gordon> tianon: libcontainer#1 at \w{7} is ok to test; cross, unit: starts",
        id="ok-to-test",
    ),
    pytest.param(
        r"-- newcomer pushes to libcontainer#1: .*\n(.*\n)*"
        r"-- on GitHub libcontainer#1 shows libcontainer/cross pending: waits for ok to test, .*\n(.*\n)*"
        r"-- by the ledger of Jenkins cross #\d+ and unit #\d+ of \w{7} were stopped\n"
        r"(.*\n)*<tianon> !ok to test libcontainer#1 \w{40}\n",
        id="a-push-supersedes-and-wants-another-ok",
    ),
    pytest.param(r"-- by the ledger of Jenkins cross and unit of \w{7} were asked for, though", id="built-unasked"),
    pytest.param(
        r"-- jess comments on libcontainer#2: /retest\n(.*\n)*"
        r'-- gordon-bot reacts with eyes, and its one comment there says: "@jess .*queued cross .*fixed',
        id="a-comment-is-a-command",
    ),
    pytest.param(
        r"<icecrime> !override libcontainer#3 cross .*\n(.*\n)*-- on GitHub libcontainer#3 shows libcontainer/cross "
        r"success: overridden by icecrime until",
        id="override",
    ),
    pytest.param(
        r"<gordon> the merge of libcontainer#2 .* broke 1 pull request: #3 .*\n(.*\n)*"
        r"-- on GitHub libcontainer#3 shows docker/mergeable failure: conflicts with .*, labels: needs-rebase",
        id="a-merge-that-breaks",
    ),
    pytest.param(
        r"-- jess opens libcontainer#4: .*\n(.*\n)*<gordon> libcontainer#4 opened by jess: .*\n(.*\n)*"
        r"-- vieux approves libcontainer#4.*\n(.*\n)*<gordon> libcontainer#4 approved by vieux: .*\n(.*\n)*"
        r"<gordon> libcontainer#4 merged by crosbymichael: ",
        id="announced",
    ),
    pytest.param(
        r"<tianon> !review libcontainer#4\n(.*\n)*<gordon> tianon: libcontainer#4 .* might be reviewed by vieux \(owns "
        r".*wrote 2 of the last 3 commits there\), crosbymichael",
        id="who-might-review",
    ),
    pytest.param(r"<gordon> tianon: 3 open pull requests of libcontainer: .*#1 .*#3 .*#4 ", id="the-queue"),
    pytest.param(r"<gordon> tianon: 1 of 3 open .*: conflicts, .*libcontainer#3 .*waits for its author", id="a-list"),
    pytest.param(r"<gordon> tianon: libcontainer#3 is not merged: it conflicts with master; ", id="why-not-merged"),
    pytest.param(
        r"<tianon> !schedule add \"every 5m\" prs libcontainer conflicts\n(.*\n)*"
        r"<gordon> prs libcontainer conflicts \[\w+\]: 1 of 2 open pull requests .*libcontainer#3 (.*\n)*"
        r"<gordon> tianon: \w+ \(prs libcontainer conflicts\) is not told here any more",
        id="told-at-set-times",
    ),
    pytest.param(r"<gordon> tianon: weekly-base-image: .*next \w+ \d+ \w+ 04:00 Europe/Paris", id="scheduled-builds"),
    pytest.param(r"-- by the ledger of Jenkins \d+ builds were asked for, none of them twice\n\Z", id="ledger"),
]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Play the script once for all who read its transcript; give what it printed and its folder for temporary files."""
    folder = tmp_path_factory.mktemp("script")
    ended = subprocess.run(
        [*COMMAND, "--script"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        timeout=SCRIPT_WITHIN_S,
    )
    return ended, folder


@pytest.mark.timeout(SCRIPT_WITHIN_S + 10)
def test_the_script_ends_well_and_in_time_and_leaves_nothing(
    script: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    ended, folder = script
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    assert list(folder.iterdir()) == []


@pytest.mark.timeout(SCRIPT_WITHIN_S + 10)
@pytest.mark.parametrize("telling", TELLING)
def test_the_transcript_has_what_the_demo_is_for(
    script: tuple[subprocess.CompletedProcess[str], Path], telling: str
) -> None:
    assert re.search(telling, script[0].stdout), script[0].stdout


@pytest.mark.timeout(SCRIPT_WITHIN_S + 10)
def test_the_transcript_is_people_gordon_and_narration_only(
    script: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    # What a line has no room for begins with the blank before it.
    others = [line for line in script[0].stdout.splitlines() if not re.match(r"<\w+>  ?\S|-- \S", line)]
    assert others == []


async def test_an_answer_that_does_not_come_is_exit_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gordon.log").write_text("what went wrong\n")
    async with World(tmp_path, with_irc=True, with_hook=True, plugins=("help", "failures")) as world:
        day = Day(world, print, answer_within_s=2)
        assert await print_transcript(day, tmp_path / "gordon.log") == 1
    shown = capsys.readouterr()
    assert '<gordon> newcomer: no command "rebuild"' in shown.out
    assert "-- Gordon did not say 'the first build of a commit" in shown.out
    assert shown.err == "what went wrong\n"


MOMENT = datetime(2015, 1, 5, 12, tzinfo=UTC)


def accepted(queue_id: int, mark: str, *, folded: bool = False) -> TriggerAccepted:
    return TriggerAccepted(MOMENT, "docker-prs", {"GORDON_REQUEST_ID": mark}, queue_id, folded, "gordon")


@pytest.mark.parametrize(
    ("said", "triggers", "wrong"),
    [
        pytest.param(["queued janky (item 1)"], [accepted(1, "a")], "", id="said-and-done"),
        pytest.param([], [accepted(1, "a"), accepted(2, "b")], "", id="done-and-not-said-yet"),
        pytest.param([], [accepted(1, "a"), accepted(1, "a", folded=True)], "", id="a-repeat-that-jenkins-took-in"),
        pytest.param([], [accepted(1, "a"), accepted(2, "a")], "begun twice: a", id="twice"),
        pytest.param(
            ["queued lxc (item 1), janky (item 7)"], [accepted(1, "a")], "told, but not there: item 7", id="said-only"
        ),
    ],
)
def test_words_are_compared_with_the_ledger(said: list[str], triggers: list[TriggerAccepted], wrong: str) -> None:
    assert disagreement(said, Ledger(triggers=triggers)) == wrong


class Terminal:
    """The person's end of a terminal on which the demo runs."""

    def __init__(self, end: int, program: subprocess.Popen[bytes]) -> None:
        self.end = end
        self.program = program
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self.end, text.encode())

    def read_until(self, pattern: str) -> str:
        """Read on to this pattern, and return what fits it; what came before is not searched again."""
        while (found := re.search(pattern, self.shown)) is None:
            self.shown += os.read(self.end, 65536).decode("utf-8", "replace")
        self.shown = self.shown[found.end() :]
        return found[0]

    def ends(self) -> int:
        """Read on to the program's end, as a terminal that nobody reads would block it, and return its status."""
        while self.program.poll() is None:
            try:
                os.read(self.end, 65536)
            except OSError:  # how Linux says that nobody has the other end
                time.sleep(0.01)
        return self.program.returncode


@contextmanager
def at_a_terminal(folder: Path) -> Iterator[Terminal]:
    end, inner = pty.openpty()
    own = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", "TMPDIR": str(folder), "PATH": "/usr/bin:/bin"}
    environment = {**os.environ, **own}
    program = subprocess.Popen(COMMAND, stdin=inner, stdout=inner, stderr=inner, env=environment)
    os.close(inner)
    try:
        yield Terminal(end, program)
    finally:
        program.kill()
        program.wait()
        os.close(end)


def test_at_a_terminal_one_types_as_a_maintainer_and_ctrl_d_ends(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path) as terminal:
        terminal.read_until(r"/connect 127\.0\.0\.1 \d+")
        page = terminal.read_until(r"http://127\.0\.0\.1:\d+/(?= in a browser)")
        doctor = terminal.read_until(r"/\S+/gordon(?= doctor /\S+/gordon\.toml)")
        assert Path(doctor).exists(), "it can be typed in a second terminal as it stands there"
        terminal.read_until("tianon>")
        terminal.type("rebuild moby#1\r")
        terminal.read_until(r"moby#1 at \w{7}: queued experimental \(item \d+\)")
        with urllib.request.urlopen(page, timeout=10) as answer:
            assert "moby#1" in answer.read().decode()
        terminal.read_until("tianon>")  # while words are printed the terminal is cooked, and Ctrl-D no key
        log = next(tmp_path.glob("*/gordon.log")).read_text()
        terminal.type("\x04")
        assert terminal.ends() == 0
    assert list(tmp_path.iterdir()) == []
    assert "INFO bot.adapters.irc_login: demo: connected" in log
    assert "alembic" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "the-terminal-is-closed"])
def test_a_demo_that_is_ended_from_outside_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with at_a_terminal(tmp_path) as terminal:
        terminal.read_until("tianon>")
        terminal.program.send_signal(number)
        assert terminal.ends() == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_transcript_that_nobody_reads_on_ends_without_a_traceback(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*COMMAND, "--script"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    ) as program:  # fmt: skip
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline().startswith(b"-- ")
        program.stdout.close()
        assert program.stderr.read() == b""
        assert program.wait() == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
