"""`gordon`: who does what was typed, and how it ends. Each command loads what it needs when it is given."""

import argparse
import asyncio
import gc
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.command_line import command_line
from bot.errors import ConfigError, GordonError, visible
from bot.printing import printed

if TYPE_CHECKING:
    from bot.settings import GordonSettings  # start-up time

FAILED, WRONG, MISTAKE, INTERRUPTED = 1, 2, 70, 130
TRACEBACK = "GORDON_TRACEBACK"  # an environment variable: a mistake of ours is shown whole
log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 well, 1 failed, 2 wrongly used or configured, 70 our own mistake."""
    _open_what_is_closed()
    return printed(lambda: _done(arguments), FAILED)


def _done(arguments: Sequence[str] | None) -> int:
    """Run a command; whoever made a mistake reads what it is, and only of ours there is a traceback."""
    try:
        given = command_line().parse_args(arguments)
        return DO[given.command](given)
    except SystemExit as end:  # of the parser, which has said why
        return end.code if isinstance(end.code, int) else FAILED
    except ConfigError as error:
        print(visible(str(error)), file=sys.stderr)
        return WRONG
    except GordonError as error:
        print(visible(f"gordon: {error}"), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if logging.getLogger().hasHandlers():
            log.critical("ended by %r", error, exc_info=error)
        if isinstance(error, OSError):
            raise  # what is printed has no place any more, or a file is not as it should be
        _own_up(error)
        return MISTAKE


def _own_up(error: Exception) -> None:
    """Say that it is our turn, without what only we can read unless that is asked for."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
        return
    from bot.secret import redact

    what = visible(redact(f"{type(error).__name__}: {error}".splitlines()[0]))
    print(f"gordon: this is a mistake of Gordon itself: {what}", file=sys.stderr)
    print(f"gordon: report it, with what it says if it is run with {TRACEBACK}=1", file=sys.stderr)


def _open_what_is_closed() -> None:
    """Let what is written go nowhere where whoever started us has closed an output: the exit status still tells."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  it stays open to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may have letters that the locale lacks


def _diagnose(given: argparse.Namespace) -> int:
    from bot.diagnosis.command import diagnose

    return diagnose(given)


def _known(given: argparse.Namespace) -> int:
    from bot.diagnosis import known

    return known.run(given)


def _import(given: argparse.Namespace) -> int:
    from bot.leeroy_files import import_leeroy

    return import_leeroy(given.config, given.output)


def _manifest(given: argparse.Namespace) -> int:
    from bot.slack_manifest import write_manifest

    for note in write_manifest(given.config, given.name, given.http):
        print(f"- {note}", file=sys.stderr)
    return 0


def _init(given: argparse.Namespace) -> int:
    from bot.init import init

    return init(given)


def _doctor(given: argparse.Namespace) -> int:
    from bot.doctor import doctor

    return doctor(given.config, as_json=given.json)


def _backup(given: argparse.Namespace) -> int:
    from bot.backup import backup

    return backup(given.config, given.to)


def _restore(given: argparse.Namespace) -> int:
    from bot.backup import restore

    return restore(given.config, given.backup, even_tampered=given.even_tampered)


def _verify(given: argparse.Namespace) -> int:
    from bot.audit_trail import verify

    return verify(given.config, given.after)


def _demo(given: argparse.Namespace) -> int:
    from bot.demo.play import play  # the stand-ins are loaded for the demo only

    return play(interactive=sys.stdin.isatty() and sys.stdout.isatty() and not given.script)


def _completion(given: argparse.Namespace) -> int:
    from bot.completion import completion

    print(completion(command_line(), given.shell))
    return 0


def _run(given: argparse.Namespace) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # it would end us, until somebody takes it
    from bot import tracing
    from bot.config import load
    from bot.logs import log_to

    log_to(logging.StreamHandler(sys.stderr), given.log_level, given.log_format)
    tracing.begin()
    return asyncio.run(_serve(load(given.config), given.config))


async def _serve(settings: "GordonSettings", config: Path) -> int:
    gc.disable()  # what is made here lives as long as the program, so looking through it is lost time
    try:
        from bot.app import App
        from bot.notify import Supervisor

        app = App(settings, config=config, supervisor=Supervisor.of(os.environ))
        gc.freeze()
    finally:
        gc.enable()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.stop)
    loop.add_signal_handler(signal.SIGHUP, app.hang_up.came.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    return await app.run()


def _check(given: argparse.Namespace) -> int:
    from bot.check import check

    problems, told = check(given.config, live=given.live)
    for problem in problems:
        print(visible(problem), file=sys.stderr)
    if not problems:
        print(f"{given.config} is right: {told}{', and the neighbours agree' if given.live else ''}")
    return WRONG if problems else 0


DO: dict[str, Callable[[argparse.Namespace], int]] = {
    "init": _init,
    "check": _check,
    "doctor": _doctor,
    "demo": _demo,
    "import": _import,
    "slack": _manifest,
    "run": _run,
    "backup": _backup,
    "restore": _restore,
    "audit": _verify,
    "diagnose": _diagnose,
    "known": _known,
    "completion": _completion,
}

if __name__ == "__main__":
    sys.exit(main())
