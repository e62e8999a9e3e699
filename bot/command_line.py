"""What there is to type: each command, what it takes, and an example of it; `cli.py` says who does it."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from bot import __version__
from bot.diagnosis.command_line import add_diagnose, add_known

EXAMPLES = """examples:
  gordon init                         a configuration to begin with, with a word on each setting
  gordon check gordon.toml            is it right? asks nobody
  gordon doctor gordon.toml           what is wrong with the neighbours, and what to do about it
  gordon run gordon.toml              work until SIGTERM
  gordon backup gordon.toml backups/  copy the state, also while it works
  gordon demo                         a whole world on this machine, no account anywhere
  gordon diagnose yesterday.log       why did that build fail? needs no configuration
  gordon completion bash              what lets the shell complete all of this

README.md has the exit statuses."""
GROUPS = {
    "to begin": ("init", "check", "doctor", "demo", "import", "slack"),
    "to work": ("run",),
    "to look after it": ("backup", "restore", "audit"),
    "to know why builds fail": ("diagnose", "known"),
    "for the shell": ("completion",),
}
SHELLS = ("bash", "zsh", "tcsh")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("text", "json")
CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Parser(argparse.ArgumentParser):
    """A parser that says of what it does not know which it knows that is like it."""

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Refuse what is left over here, where the options of this command are known."""
        given, rest = super().parse_known_args(args, namespace)
        if rest:
            hint = _or_nearest(rest[0].partition("=")[0], [*self._option_string_actions])
            self.error(f"it takes no {' '.join(rest)}{hint}")
        return given, rest

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stderr).write(message)  # what cannot be written argparse itself takes for written

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with how a command was called, and end with status 2."""
        if found := CHOICE.search(message):
            choices = re.findall(r"[\w-]+", found[2])
            hint = f"{_or_nearest(found[1], choices)}; there are: {', '.join(choices)}"
            message = f'{message[: found.start()]}there is no "{found[1]}"{hint}'
        super().error(message)


class Grouped(argparse.RawDescriptionHelpFormatter):
    """Shows commands by what they are for."""

    def _format_action(self, action: argparse.Action) -> str:
        if not isinstance(action, argparse._SubParsersAction):
            return super()._format_action(action)
        self._action_max_length += self._indent_increment  # argparse forgets it, and breaks the longest line
        told = {one.dest: self._format_action(one) for one in self._iter_indented_subactions(action)}
        return "\n".join(
            f"{'':{self._current_indent}}{group}:\n{''.join(told[name] for name in names)}"
            for group, names in GROUPS.items()
        )


def command_line() -> argparse.ArgumentParser:
    """Make the parser of all commands; what it gives has the name of the command as `command`."""
    parser = Parser(
        prog="gordon",
        description="A chat-ops bot for the maintainers of large projects.",
        epilog=EXAMPLES,
        formatter_class=Grouped,
    )
    parser.add_argument("--version", action="version", version=f"gordon {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command", title="commands")
    _add_init(commands)
    _add_check(commands)
    _add_doctor(commands)
    _add_demo(commands)
    _add_import(commands)
    _add_slack(commands)
    _add_run(commands)
    _add_backup(commands)
    _add_audit(commands)
    add_diagnose(commands)
    add_known(commands)
    _add_completion(commands)
    return parser


def _add(commands: Commands, name: str, *, help: str, description: str, examples: str) -> Parser:
    """Add a command.

    Arguments:
        examples: of calling it, a line each.
    """
    lines = [f"  {line}" for line in examples.splitlines()]
    head = "example:" if len(lines) == 1 else "examples:"
    return commands.add_parser(
        name,
        help=help,
        description=description,
        epilog="\n".join([head, *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", type=Path, help="gordon.toml")


def _add_init(commands: Commands) -> None:
    parser = _add(
        commands,
        "init",
        help="write a configuration to begin with",
        description="Write gordon.toml and people.toml, with a comment on each setting, into a folder. On a terminal\n"
        "what no option says is asked for. Nothing that is there is written over.",
        examples="gordon init\n"
        "gordon init --yes gordon\n"
        "gordon init --repo moby/moby --jenkins https://ci.example.org --irc irc.libera.chat --channel '#moby' "
        "--account me",
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="default: this one")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--repo", metavar="OWNER/NAME", help="the repository on GitHub whose pull requests are meant")
    parser.add_argument("--jenkins", metavar="URL", help="the Jenkins that builds them")
    parser.add_argument("--irc", metavar="HOST[:PORT]", help="an IRC network")
    parser.add_argument("--channel", metavar="#CHANNEL", help="where Gordon is to be there")
    parser.add_argument("--slack", metavar="WORKSPACE", help="a Slack workspace, by any short name")
    parser.add_argument("--person", metavar="NAME", help="you, who may do everything; default: your name here")
    parser.add_argument("--account", metavar="ACCOUNT", help="your services account on that IRC network")
    parser.add_argument("--member", metavar="ID", help="your id in that Slack workspace, as U024BE7LH")


def _add_check(commands: Commands) -> None:
    parser = _add(
        commands,
        "check",
        help="validate a configuration",
        description="Validate a configuration whole, without network.",
        examples="gordon check gordon.toml\ngordon check --live gordon.toml",
    )
    _add_config(parser)
    parser.add_argument("--live", action="store_true", help="ask each neighbour too")


def _add_doctor(commands: Commands) -> None:
    parser = _add(
        commands,
        "doctor",
        help="what is wrong with the neighbours, and what to do",
        description="Ask each neighbour whether it can be reached, knows Gordon, lets it do what it is to do and\n"
        "sends what it is to send, and say of each thing that is wrong what to do about it.",
        examples="gordon doctor gordon.toml\ngordon doctor --json gordon.toml",
    )
    _add_config(parser)
    parser.add_argument("--json", action="store_true", help="one object for each finding, one a line")


def _add_demo(commands: Commands) -> None:
    parser = _add(
        commands,
        "demo",
        help="a whole world on this machine",
        description="Start a Jenkins, a GitHub, an IRC network and Gordon on loopback. On a terminal you type as a\n"
        "maintainer; without one the script of a day is played and its transcript printed.",
        examples="gordon demo\ngordon demo --script",
    )
    parser.add_argument("--script", action="store_true", help="play the script even on a terminal")


def _add_import(commands: Commands) -> None:
    parser = _add(
        commands,
        "import",
        help="carry over what Leeroy did",
        description="Write what the configuration of a Leeroy says as one of Gordon, with its secrets in files of\n"
        "their own, and say what could not be carried over.",
        examples="gordon import leeroy config.json",
    )
    sources = parser.add_subparsers(dest="source", required=True, metavar="source")
    leeroy = _add(
        sources,
        "leeroy",
        help="from its config.json",
        description="Write gordon.toml, people.toml and secrets/ from a config.json of Leeroy.",
        examples="gordon import leeroy config.json\ngordon import leeroy config.json -o /etc/gordon/gordon.toml",
    )
    leeroy.add_argument("config", type=Path, help="config.json")
    leeroy.add_argument("-o", "--output", type=Path, default=Path("gordon.toml"), help="default: gordon.toml")


def _add_slack(commands: Commands) -> None:
    parser = _add(
        commands,
        "slack",
        help="let Gordon into Slack",
        description="What is needed to let Gordon into a Slack workspace.",
        examples="gordon slack manifest",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    manifest = _add(
        actions,
        "manifest",
        help="print the manifest of the app",
        description="Print the manifest that Slack makes the app from: api.slack.com/apps, Create New App, From a\n"
        "manifest. deploy/slack.md has the steps before and after it.",
        examples="gordon slack manifest\ngordon slack manifest --config gordon.toml --name moby",
    )
    manifest.add_argument("--config", type=Path, help="gordon.toml; whose links become cards is known from it only")
    manifest.add_argument("--name", default="", help="of the workspace, as in [slack.NAME], if there are several")
    manifest.add_argument("--http", default="", metavar="URL", help="where Slack reaches [web], instead of Socket Mode")


def _add_run(commands: Commands) -> None:
    parser = _add(
        commands,
        "run",
        help="work until SIGTERM",
        description="Work until SIGTERM or Ctrl-C; SIGHUP: reload.",
        examples="gordon run gordon.toml",
    )
    _add_config(parser)
    parser.add_argument("--log-level", default="INFO", choices=LOG_LEVELS)
    parser.add_argument("--log-format", default="text", choices=LOG_FORMATS, help="json: one object a line")


def _add_backup(commands: Commands) -> None:
    backup = _add(
        commands,
        "backup",
        help="copy the state, also while Gordon runs",
        description="Write a copy of all that Gordon keeps, as it is at one moment, also while Gordon runs.",
        examples="gordon backup gordon.toml backups/",
    )
    _add_config(backup)
    backup.add_argument("to", type=Path, help="a file that is not there yet, or a folder for one named by the time")
    restore = _add(
        commands,
        "restore",
        help="put a copy of the state back",
        description="Put a copy that `gordon backup` made in the place of the state, which is kept beside it.\n"
        "Gordon must not run.",
        examples="gordon restore gordon.toml backups/gordon.backup",
    )
    _add_config(restore)
    restore.add_argument("backup", type=Path, help="what `gordon backup` wrote")
    restore.add_argument(
        "--even-tampered", action="store_true", help="though the audit trail in it is not as it was written"
    )


def _add_audit(commands: Commands) -> None:
    parser = _add(
        commands,
        "audit",
        help="is the audit trail whole?",
        description="Look at the audit trail.",
        examples="gordon audit verify gordon.toml",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    verify = _add(
        actions,
        "verify",
        help="has somebody changed it?",
        description="Read the whole trail and say whether a record was changed, taken away, added or moved.",
        examples="gordon audit verify gordon.toml",
    )
    _add_config(verify)
    verify.add_argument(
        "--after",
        default="",
        metavar="SEQ:HASH",
        help="a record that must be in it, as noted from the log or a backup: so it is seen if newer ones were cut off",
    )


def _add_completion(commands: Commands) -> None:
    parser = _add(
        commands,
        "completion",
        help="print what completes these commands",
        description="Print a script by which a shell completes commands, options and files.",
        examples="gordon completion bash > ~/.local/share/bash-completion/completions/gordon\n"
        "gordon completion zsh > ~/.zfunc/_gordon    # a folder of $fpath\n"
        "gordon completion tcsh >> ~/.tcshrc",
    )
    parser.add_argument("shell", choices=SHELLS)


def _or_nearest(word: str, known: Sequence[str]) -> str:
    from bot.toml_file import or_nearest  # only where something was mistyped: start-up time

    return or_nearest(word, known)
