"""This terminal as a `Chat`: a prompt for people, plain lines for pipes.

Import it only when it is wanted: prompt_toolkit takes a while to load.
"""

import asyncio
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.patch_stdout import patch_stdout

from bot.adapters.irc_wire import sanitise
from bot.chat import Card, Hear, Heard, Instead, MessageRef, Report, Words
from bot.errors import Unavailable
from bot.values import Place, Speaker

NETWORK = "console"
HISTORY_FILE = "console-history"
MAX_READ_AHEAD = 1000
ENDINGS = ("quit", "exit")  # at the prompt only: a pipe ends by itself
log = logging.getLogger(__name__)
_NAME = re.compile(r"^gordon[:,]\s*", re.IGNORECASE)


class Console:
    """A prompt on this terminal, or the lines of a pipe; each line is a command.

    Arguments:
        person: whose terminal this is.
        history: the folder that keeps what was typed; None forgets it.
        completions: lists the usages of commands, "rebuild <pull> [contexts...]".
        toolbar: what the last row of the terminal says.
        prompted: whether to prompt; by default when both ends are terminals.
    """

    network = NETWORK

    def __init__(
        self,
        person: str,
        *,
        history: Path | None,
        completions: Callable[[], Sequence[str]],
        prefix: str = "!",
        toolbar: Callable[[], str] | None = None,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        prompted: bool | None = None,
    ) -> None:
        self.report: Report = lambda about, words: None
        self._person = person
        self._history = history
        self._completions = completions
        self._prefix = prefix
        self._toolbar = toolbar
        self._stdin = stdin or sys.stdin
        self._stdout = stdout or sys.stdout
        both_terminals = self._stdin.isatty() and self._stdout.isatty()
        self._prompted = both_terminals if prompted is None else prompted
        self._started = time.time_ns()
        self._lines = 0

    def connected(self) -> bool:
        """Tell whether `send` may work now: the terminal is always there."""
        return not self._stdout.closed

    async def run(self, hear: Hear) -> None:
        """Hand on what is typed; returns at end-of-file or `quit`, by which the person says that they are done."""
        await (self._prompt(hear) if self._prompted else self._read(hear))

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        """Print words, above the prompt where there is one.

        Raises:
            Unavailable: nobody reads what this process prints.
        """
        rows = _rows(words)
        try:
            if self._prompted:
                await run_in_terminal(lambda: print_formatted_text(_coloured(rows)))
            else:
                self._stdout.write("".join(f"{text}\n" for _, text in rows))
                self._stdout.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream was closed here
            raise Unavailable("the terminal", f"printing ({error})") from error
        return MessageRef(place)

    async def arrived(self, ref: MessageRef) -> None:
        """What was printed has arrived."""

    def show_load(self, words: str) -> None:
        """A terminal shows no load: who sits there may ask."""

    async def _prompt(self, hear: Hear) -> None:
        toolbar = self._toolbar
        session: PromptSession[str] = PromptSession(
            f"{sanitise(self._person)}> ",
            history=_history(self._history),
            completer=WordCompleter(self._commands, sentence=True, ignore_case=True),
            complete_while_typing=False,
            bottom_toolbar=(lambda: sanitise(toolbar())) if toolbar else None,
        )
        session.key_bindings = _keys(lambda: bool(session.default_buffer.text))
        with patch_stdout():
            while True:
                try:
                    # signals are the application's matter
                    line = await session.prompt_async(handle_sigint=False)
                except (EOFError, KeyboardInterrupt):
                    return
                if self._words(line).lower() in ENDINGS:
                    return
                await self._hear_line(line, hear)

    async def _read(self, hear: Hear) -> None:
        """Read lines in a thread, as neither files nor terminals can be awaited; it never holds up an exit."""
        loop = asyncio.get_running_loop()
        ahead = threading.Semaphore(MAX_READ_AHEAD)
        lines: asyncio.Queue[str] = asyncio.Queue()

        def read() -> None:
            line = "-"
            while line:
                ahead.acquire()
                try:
                    line = self._stdin.readline()
                except (OSError, ValueError):  # the stream was closed here: nothing more will come
                    line = ""
                try:
                    loop.call_soon_threadsafe(lines.put_nowait, line)
                except RuntimeError:  # the loop has ended before the stream
                    return

        threading.Thread(target=read, name="console", daemon=True).start()
        while line := await lines.get():
            ahead.release()
            await self._hear_line(line, hear)
        log.info("the console: nothing more is typed, so Gordon ends; a service has no [console]")

    async def _hear_line(self, line: str, hear: Hear) -> None:
        text = self._words(line)
        if not text:
            return
        self._lines += 1
        speaker = Speaker(NETWORK, self._person, self._person, "console")
        place = Place(NETWORK, self._person, to=self._person, private=True)
        await hear(Heard(f"console:{self._started}-{self._lines}", text, speaker, place))

    def _words(self, line: str) -> str:
        """Take off what addresses Gordon, as people type it in channels."""
        return _NAME.sub("", sanitise(line.strip()), count=1).removeprefix(self._prefix).strip()

    def _commands(self) -> list[str]:
        return sorted({command(usage) for usage in self._completions()})


def command(usage: str) -> str:
    """Take the words of a usage that are typed as they stand: "rebuild " of "rebuild <pull>"."""
    cut = min((at for mark in "<[" if (at := usage.find(mark)) >= 0), default=len(usage))
    return usage[:cut].rstrip() + (" " if cut < len(usage) else "")


def _rows(words: Words) -> list[tuple[str, str]]:
    """Lay words out as rows of a style and a harmless text."""
    if isinstance(words, str):
        return [("", sanitise(line)) for line in words.split("\n")]
    return [("bold", sanitise(words.title)), *(("", f"  {sanitise(line)}") for line in _details(words))]


def _details(card: Card) -> list[str]:
    facts = [f"{name}: {value}" for name, value in card.fields.items()]
    presses = [f"{button.label}: {button.command}" for button in card.buttons]
    return [*card.lines, *card.quote.splitlines(), *facts, *presses, *([card.url] if card.url else [])]


def _coloured(rows: Sequence[tuple[str, str]]) -> FormattedText:
    fragments = [(style, text) for style, text in rows]
    return FormattedText([piece for row in fragments for piece in (row, ("", "\n"))][:-1])


def _history(folder: Path | None) -> History:
    if folder is None:
        return InMemoryHistory()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / HISTORY_FILE
    path.touch(mode=0o600)
    return FileHistory(path)


def _keys(has_text: Callable[[], bool]) -> KeyBindings:
    """Let Ctrl-C drop a line that was begun; at an empty prompt it ends, as Ctrl-D does."""
    keys = KeyBindings()

    @keys.add("c-c", filter=Condition(has_text))
    def _drop(event: KeyPressEvent) -> None:
        event.current_buffer.reset()

    return keys
