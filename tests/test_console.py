"""The console: pipes are read plainly, a terminal has a prompt, and nothing raw reaches either."""

import asyncio
import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from bot.adapters.console import Console, command
from bot.chat import Button, Card, Chat, Heard
from bot.errors import Unavailable
from bot.values import Place, Speaker

HERE = Place("console", "alice", to="alice", private=True)
USAGES = ("rebuild <pull> [contexts...]", "status [pull]", "people list", "people add <name>")


async def heard_from(console: Console) -> list[Heard]:
    heard: list[Heard] = []

    async def hear(one: Heard) -> None:
        heard.append(one)

    await console.run(hear)
    return heard


def piped(text: str, stdout: io.StringIO | None = None) -> Console:
    return Console("alice", history=None, completions=tuple, stdin=io.StringIO(text), stdout=stdout or io.StringIO())


async def test_each_line_of_a_pipe_is_a_command_until_its_end() -> None:
    heard = await heard_from(piped("!rebuild 7\n\n  status \n\x1b]0;x\x07\rq\nlast without end"))
    assert [one.text for one in heard] == ["rebuild 7", "status", "␛]0;x␇␍q", "last without end"]
    assert {one.speaker for one in heard} == {Speaker("console", "alice", "alice", "console")}
    assert {one.place for one in heard} == {HERE}
    assert len({one.key for one in heard}) == 4
    assert all(one.key.startswith("console:") for one in heard)


async def test_a_real_pipe_is_read_as_it_fills_and_cancelled_at_once() -> None:
    heard: asyncio.Queue[Heard] = asyncio.Queue()
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        console = Console("alice", history=None, completions=tuple, stdin=stdin, stdout=io.StringIO())
        running = asyncio.create_task(console.run(heard.put))
        os.write(writing, b"status\n")
        assert (await heard.get()).text == "status"
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        os.close(writing)


async def test_words_are_plain_lines_without_controls_or_colours() -> None:
    out = io.StringIO()
    console: Chat = piped("", out)
    await console.send(HERE, "one\ntwo \x1b[31mred\x1b]8;;http://x\x07 \u202e\x9b")
    card = Card("moby#7", ("a\r\nb",), {"on": "ci"}, (Button("again", "rebuild 7"),), "http://ci/1")
    await console.send(HERE, card)
    assert out.getvalue() == (
        "one\ntwo ␛[31mred␛]8;;http://x␇ \ufffd\nmoby#7\n  a␍␊b\n  on: ci\n  again: rebuild 7\n  http://ci/1\n"
    )


async def test_a_closed_output_is_unavailable() -> None:
    out = io.StringIO()
    console = piped("", out)
    assert console.connected()
    out.close()
    assert not console.connected()
    with pytest.raises(Unavailable, match="the terminal does not answer"):
        await console.send(HERE, "x")


@pytest.mark.parametrize(
    ("usage", "typed"), list(zip(USAGES, ["rebuild ", "status ", "people list", "people add "], strict=True))
)
def test_what_is_completed_is_what_is_typed_as_it_stands(usage: str, typed: str) -> None:
    assert command(usage) == typed


async def test_the_prompt_drops_what_ctrl_c_drops_remembers_the_rest_and_ends(tmp_path: Path) -> None:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        console = Console(
            "alice", history=tmp_path / "new", completions=lambda: USAGES, toolbar=lambda: "all \x1bwell", prompted=True
        )
        keys.send_text("rebuild 7\r" + "never mind\x03" + "!status\r" + "\x04")
        heard = await heard_from(console)
    assert [one.text for one in heard] == ["rebuild 7", "status"]
    kept = tmp_path / "new" / "console-history"
    assert "+rebuild 7" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


async def test_ctrl_c_at_an_empty_prompt_ends() -> None:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        console = Console("alice", history=None, completions=tuple, prompted=True)
        keys.send_text("\x03")
        assert await heard_from(console) == []


@pytest.mark.parametrize("word", ["quit", "exit", " Exit ", "!quit"])
async def test_a_word_ends_the_prompt_and_is_no_command(word: str) -> None:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        console = Console("alice", history=None, completions=tuple, prompted=True)
        keys.send_text(f"status exit\r{word}\rnever read\r\x04")
        assert [one.text for one in await heard_from(console)] == ["status exit"]


async def test_a_pipe_ends_with_its_stream_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A service that was left its console ends at once, and its log says why."""
    with caplog.at_level("INFO"):
        assert [one.text for one in await heard_from(piped("quit\nping\n"))] == ["quit", "ping"]
    assert "so Gordon ends; a service has no [console]" in caplog.text


@pytest.mark.parametrize("line", ["gordon: ping", "Gordon, ping", "gordon:ping", "gordon: !ping"])
async def test_gordon_may_be_called_by_name_as_in_a_channel(line: str) -> None:
    assert [one.text for one in await heard_from(piped(f"{line}\n"))] == ["ping"]


ON_A_TERMINAL = """
import asyncio
from bot.adapters.console import Console
from bot.chat import Card

async def main():
    console = Console("alice", history=None, completions=lambda: ["rebuild <pull>"])
    async def hear(heard):
        await console.send(heard.place, Card("heard " + heard.text, (chr(27) + "[2Jdetails",)))
    await console.run(hear)
    print("the end")

asyncio.run(main())
"""


@pytest.fixture(params=[True, False], ids=["colours", "no-color"])
def terminal(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    """Run a console on a terminal of its own and give the other end."""
    outer, inner = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", "NO_COLOR": "1"}
    if request.param:
        del environment["NO_COLOR"]
    command_line = [sys.executable, "-W", "error", "-c", ON_A_TERMINAL]
    program = subprocess.Popen(command_line, stdin=inner, stdout=inner, stderr=inner, env=environment)
    os.close(inner)
    yield outer, request.param
    program.kill()
    program.wait()
    os.close(outer)


def test_a_terminal_has_a_prompt_completion_and_colours_if_wanted(terminal: tuple[int, bool]) -> None:
    end, colours = terminal
    shown, seen = b"", 0

    def read_until(wanted: bytes) -> None:
        nonlocal shown, seen
        while wanted not in shown[seen:]:
            shown += os.read(end, 65536)
        seen = shown.index(wanted, seen) + len(wanted)

    for wanted, typed in [(b"alice>", b"reb\t"), (b"uild", b"7\r"), (b"details", b""), (b"alice>", b"\x04")]:
        read_until(wanted)
        os.write(end, typed)
    read_until(b"the end")
    assert b"heard rebuild 7" in shown
    assert "␛[2Jdetails".encode() in shown
    assert b"\x1b[2J" not in shown
    assert (b"38;5;" in shown) == colours
