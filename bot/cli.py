"""The command line: `gordon run`, `demo`, `check`, `diagnose`, `known`, `import` and `slack`."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bot import __version__
from bot.diagnosis.command_line import add_diagnose, add_known
from bot.errors import ConfigError, StorageError
from bot.logs import log_to
from bot.settings import GordonSettings

EXAMPLES = """examples:
  gordon check gordon.toml            is the configuration right? asks nobody
  gordon check --live gordon.toml     and do the neighbours agree?
  gordon run gordon.toml              work until SIGTERM
  gordon demo                         a whole world on this machine, no account anywhere
  gordon diagnose yesterday.log       why did that build fail? needs no configuration
  gordon slack manifest               what Slack makes Gordon's app from
"""
WRONG, FAILED = 2, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 well, 1 failed, 2 wrongly used or configured."""
    _open_what_is_closed()
    parser = argparse.ArgumentParser(
        prog="gordon",
        description="A chat-ops bot for the maintainers of large projects.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gordon {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    run = commands.add_parser(
        "run", help="work until SIGTERM", description="Work until SIGTERM or Ctrl-C; SIGHUP: reload."
    )
    run.add_argument("config", type=Path, help="gordon.toml")
    run.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    check = commands.add_parser(
        "check", help="validate a configuration", description="Validate a configuration whole, without network."
    )
    check.add_argument("config", type=Path, help="gordon.toml")
    check.add_argument("--live", action="store_true", help="ask each neighbour too")
    demo = commands.add_parser(
        "demo",
        help="a whole world on this machine",
        description="Start a Jenkins, a GitHub, an IRC network and Gordon on loopback. On a terminal you type as a "
        "maintainer; without one the script of a day is played and its transcript printed.",
    )
    demo.add_argument("--script", action="store_true", help="play the script even on a terminal")
    add_diagnose(commands)
    add_known(commands)
    _add_import(commands)
    _add_slack(commands)
    given = parser.parse_args(arguments)
    try:
        if given.command == "run":
            return _run(given.config, given.log_level)
        if given.command == "check":
            return _check(given.config, live=given.live)
        if given.command == "diagnose":
            from bot.diagnosis.command import diagnose

            return diagnose(given)
        if given.command == "import":
            from bot.leeroy_files import import_leeroy

            return import_leeroy(given.config, given.output)
        if given.command == "slack":
            from bot.slack_manifest import write_manifest

            for note in write_manifest(given.config, given.name, given.http):
                print(f"- {note}", file=sys.stderr)
            return 0
        if given.command == "known":
            from bot.diagnosis import known

            return known.run(given)
        from bot.demo.play import play  # the stand-ins are loaded for the demo only

        return play(interactive=sys.stdin.isatty() and sys.stdout.isatty() and not given.script)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return WRONG
    except StorageError as error:
        print(f"gordon: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130


def _add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "import",
        help="carry over what Leeroy did",
        description="Write what the configuration of a Leeroy says as one of Gordon, with its secrets in files of "
        "their own, and say what could not be carried over.",
    )
    sources = parser.add_subparsers(dest="source", required=True, metavar="source")
    leeroy = sources.add_parser("leeroy", help="from its config.json")
    leeroy.add_argument("config", type=Path, help="config.json")
    leeroy.add_argument("-o", "--output", type=Path, default=Path("gordon.toml"), help="default: gordon.toml")


def _add_slack(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "slack", help="let Gordon into Slack", description="What is needed to let Gordon into a Slack workspace."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    manifest = actions.add_parser(
        "manifest",
        help="print the manifest of the app",
        description="Print the manifest that Slack makes the app from: api.slack.com/apps, Create New App, From a "
        "manifest. deploy/slack.md has the steps before and after it.",
    )
    manifest.add_argument("--config", type=Path, help="gordon.toml; whose links become cards is known from it only")
    manifest.add_argument("--name", default="", help="of the workspace, as in [slack.NAME], if there are several")
    manifest.add_argument("--http", default="", metavar="URL", help="where Slack reaches [web], instead of Socket Mode")


def _open_what_is_closed() -> None:
    """Let what is written go nowhere where whoever started us has closed an output: the exit status still tells."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  it stays open to the end


def _run(config: Path, log_level: str) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # it would end us, until somebody takes it
    log_to(logging.StreamHandler(sys.stderr), log_level)
    from bot.config import load  # each command loads what it needs: start-up time

    settings = load(config)
    return asyncio.run(_serve(settings, config))


async def _serve(settings: GordonSettings, config: Path) -> int:
    gc.disable()  # what is made here lives as long as the program, so looking through it is lost time
    try:
        from bot.app import open_app

        app = open_app(settings, config=config)
        gc.freeze()
    finally:
        gc.enable()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.stop)
    loop.add_signal_handler(signal.SIGHUP, app.hung_up.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    return await app.run()


def _check(config: Path, *, live: bool) -> int:
    from bot.check import check

    problems, told = check(config, live=live)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{config} is right: {told}{', and the neighbours agree' if live else ''}")
    return WRONG if problems else 0


if __name__ == "__main__":
    sys.exit(main())
