"""`gordon diagnose`: logs in, what is told of them out."""

import os
import signal
import sys
import threading
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from bot.diagnosis.command_line import UNREAD, worst
from bot.diagnosis.given import STDIN, expand, is_address
from bot.diagnosis.inspection import Inspection, Wishes, begin
from bot.diagnosis.redaction import Redaction, read_patterns
from bot.diagnosis.show import Told, as_json, coloured, plain, rows
from bot.errors import UserError
from bot.printing import printed

_own: Inspection | None = None  # of a process that was started for a part of many logs


def diagnose(given: Namespace) -> int:
    """Tell of each log why its build failed, and give the exit status.

    Raises:
        ConfigError: a file of patterns or a catalogue is wrong.
    """
    patterns = read_patterns(given.redact) if given.redact else ()
    redaction = Redaction(patterns, emails=given.redact_emails)
    try:
        logs = expand(given.logs)
    except UserError as error:
        print(f"gordon: {redaction.clean_line(str(error))}", file=sys.stderr)
        return UNREAD
    wishes = Wishes(tuple(given.catalogue), given.green, patterns, given.redact_emails)
    say = _Saying(as_lines=not given.json, in_colour=not given.no_colour, context=given.context)
    try:
        return printed(
            lambda: worst([say.told(told) for told in say.following(logs, _tell(logs, wishes, given.jobs))]), UNREAD
        )
    except BrokenProcessPool:
        print("gordon: a process ended before its log did, perhaps for want of memory; try --jobs 1", file=sys.stderr)
        return UNREAD


def _tell(logs: Sequence[str], wishes: Wishes, jobs: int) -> Iterator[Told]:
    """Look at logs, in their order."""
    if jobs == 1 or len(logs) == 1 or STDIN in logs:
        inspection = begin(wishes)
        yield from map(inspection.tell, logs)
        return
    begin(wishes)  # what is wrong with a catalogue is told once, and what was compiled is kept for all
    context = get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    with ProcessPoolExecutor(min(jobs, len(logs)), context, initializer=_begin, initargs=(wishes, theirs)) as pool:
        try:
            # Ctrl-C reaches all processes of a terminal: this one takes it, and the others end with it.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                tellings = pool.map(_tell_one, logs)
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            yield from tellings
        finally:
            ours.close()
            pool.shutdown(cancel_futures=True)


def _begin(wishes: Wishes, starter: Connection) -> None:
    global _own
    threading.Thread(target=_end_with, args=(starter,), daemon=True).start()
    _own = begin(wishes)


def _end_with(starter: Connection) -> None:
    """End this process, whatever it is at, when the one that started it has no more use for it or is gone."""
    with suppress(EOFError, OSError):
        starter.recv_bytes()
    os._exit(UNREAD)


def _tell_one(given: str) -> Told:
    assert _own is not None, "a process begins before it is given logs"
    return _own.tell(given)


class _Saying:
    """Writes to standard output; to the terminal of standard error how far it is.

    Arguments:
        as_lines: for people, otherwise JSON.
        in_colour: if it is a terminal.
    """

    def __init__(self, *, as_lines: bool, in_colour: bool, context: int | None) -> None:
        self._as_lines = as_lines
        self._context = context
        self._console: Any = None
        self._is_first = True
        is_plain = not in_colour or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        if as_lines and not is_plain and sys.stdout.isatty():
            from rich.console import Console  # where there is a terminal only: start-up time

            self._console = Console(highlight=False, soft_wrap=True)
        else:
            # Names of files and words of a log may have letters that the locale lacks.
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

    def following(self, logs: Sequence[str], tellings: Iterator[Told]) -> Iterator[Told]:
        """Show how many of many logs are done."""
        if not sys.stderr.isatty() or not (len(logs) > 1 or any(map(is_address, logs))):
            yield from tellings
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        # On one terminal both go through one console, so that a line never lands in the bar.
        console = self._console or Console(stderr=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("logs"), TimeElapsedColumn())
        redirects = self._console is None and sys.stdout.isatty()
        with Progress(*columns, console=console, transient=True, redirect_stdout=redirects) as progress:
            task = progress.add_task("", total=len(logs))
            for told in tellings:
                yield told
                progress.advance(task)

    def told(self, told: Told) -> Any:
        """Say what came of a log, and give its kind."""
        if told.verdict is None:
            print(f"gordon: {told.file}: {told.error}", file=sys.stderr)
        if not self._as_lines:
            sys.stdout.flush()
            sys.stdout.buffer.write(as_json(told) + b"\n")
            sys.stdout.buffer.flush()
        elif told.verdict is not None:
            self._say_lines(told)
        return told.verdict.kind if told.verdict else None

    def _say_lines(self, told: Told) -> None:
        if not self._is_first:
            self._say([])
        self._is_first = False
        for row in rows(told, context=self._context):
            self._say(row)

    def _say(self, row: list[tuple[str, str]]) -> None:
        if self._console is not None:
            self._console.print(coloured(row))
        else:
            print(plain(row))
