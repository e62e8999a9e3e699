"""The command line: what there is to type, and who does it. Each command loads what it needs when it is given."""

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
    run.set_defaults(do=lambda given: _run(given.config, given.log_level))
    check = commands.add_parser(
        "check", help="validate a configuration", description="Validate a configuration whole, without network."
    )
    check.add_argument("config", type=Path, help="gordon.toml")
    check.add_argument("--live", action="store_true", help="ask each neighbour too")
    check.set_defaults(do=lambda given: _check(given.config, live=given.live))
    demo = commands.add_parser(
        "demo",
        help="a whole world on this machine",
        description="Start a Jenkins, a GitHub, an IRC network and Gordon on loopback. On a terminal you type as a "
        "maintainer; without one the script of a day is played and its transcript printed.",
    )
    demo.add_argument("--script", action="store_true", help="play the script even on a terminal")
    demo.set_defaults(do=_demo)
    add_diagnose(commands).set_defaults(do=_diagnose)
    add_known(commands).set_defaults(do=_known)
    _add_init(commands)
    _add_doctor(commands)
    _add_backup(commands)
    _add_audit(commands)
    _add_import(commands)
    _add_slack(commands)
    given = parser.parse_args(arguments)
    try:
        status: int = given.do(given)
        return status
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
    leeroy.set_defaults(do=_import)


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
    manifest.set_defaults(do=_manifest)


def _add_init(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "init",
        help="write a configuration to begin with",
        description="Write gordon.toml and people.toml, with a comment on each setting, into a folder. They pass "
        "`gordon check`; nothing that is there is written over.",
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="default: this one")
    parser.set_defaults(do=_init)


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "doctor",
        help="what is wrong with the neighbours, and what to do",
        description="Ask each neighbour whether it can be reached, knows Gordon, lets it do what it is to do and sends "
        "what it is to send, and say of each thing that is wrong what to do about it.",
    )
    parser.add_argument("config", type=Path, help="gordon.toml")
    parser.add_argument("--json", action="store_true", help="one object for each finding, one a line")
    parser.set_defaults(do=_doctor)


def _add_backup(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    backup = commands.add_parser(
        "backup",
        help="copy the state, also while Gordon runs",
        description="Write a copy of all that Gordon keeps, as it is at one moment, also while Gordon runs.",
    )
    backup.add_argument("config", type=Path, help="gordon.toml")
    backup.add_argument("to", type=Path, help="a file that is not there yet, or a folder for one named by the time")
    backup.set_defaults(do=_backup)
    restore = commands.add_parser(
        "restore",
        help="put a copy of the state back",
        description="Put a copy that `gordon backup` made in the place of the state, which is kept beside it. Gordon "
        "must not run.",
    )
    restore.add_argument("config", type=Path, help="gordon.toml")
    restore.add_argument("backup", type=Path, help="what `gordon backup` wrote")
    restore.set_defaults(do=_restore)


def _add_audit(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("audit", help="is the audit trail whole?", description="Look at the audit trail.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    verify = actions.add_parser(
        "verify",
        help="has somebody changed it?",
        description="Read the whole trail and say whether a record was changed, taken away, added or moved.",
    )
    verify.add_argument("config", type=Path, help="gordon.toml")
    verify.set_defaults(do=_verify)


def _open_what_is_closed() -> None:
    """Let what is written go nowhere where whoever started us has closed an output: the exit status still tells."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  it stays open to the end


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

    return init(given.folder)


def _doctor(given: argparse.Namespace) -> int:
    from bot.doctor import doctor

    return doctor(given.config, as_json=given.json)


def _backup(given: argparse.Namespace) -> int:
    from bot.backup import backup

    return backup(given.config, given.to)


def _restore(given: argparse.Namespace) -> int:
    from bot.backup import restore

    return restore(given.config, given.backup)


def _verify(given: argparse.Namespace) -> int:
    from bot.audit_trail import verify

    return verify(given.config)


def _demo(given: argparse.Namespace) -> int:
    from bot.demo.play import play  # the stand-ins are loaded for the demo only

    return play(interactive=sys.stdin.isatty() and sys.stdout.isatty() and not given.script)


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
