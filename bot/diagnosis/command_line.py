"""How `gordon diagnose` and `gordon known` are called, and what the exit status means; loaded by every command."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot.diagnosis.verdict import Kind

# By how much there is to do for people: of several logs the greatest is the exit status.
EXIT_STATUS = {
    Kind.PASSED: 0,
    Kind.KNOWN_INFRA: 10,
    Kind.AGENT_LOST: 11,
    Kind.FLAKY_TEST: 12,
    Kind.TIMEOUT: 13,
    Kind.ABORTED: 14,
    Kind.UNKNOWN: 15,
    Kind.NEW_FAILURE: 16,
    Kind.COMPILE_ERROR: 17,
}
UNREAD = 1
MAX_JOBS = 64
_STATUSES = ", ".join(f"{status} {kind}" for kind, status in EXIT_STATUS.items())
EPILOG = f"""exit status: {_STATUSES}.
Of several logs the greatest counts. {UNREAD} if one could not be read (the others are told all the same),
2 if wrongly used.

A Jenkins that wants a login is given GORDON_JENKINS_USER and GORDON_JENKINS_TOKEN if its address is that in
GORDON_JENKINS_URL, or what ~/.netrc (or the file NETRC) has for its host.

examples:
  gordon diagnose yesterday.log                             why did it fail?
  gordon diagnose --json logs/ | jq -r 'select(.retry)|.file' which are worth another try?
  gordon diagnose https://ci.example/job/nightly/1234/      the log of a build
  make 2>&1 | gordon diagnose -                             what went wrong just now?
"""


def add_diagnose(commands: Any) -> argparse.ArgumentParser:
    """Say what `gordon diagnose` takes."""
    diagnose: argparse.ArgumentParser = commands.add_parser(
        "diagnose",
        help="say why a build failed, from its log",
        description="Say why a build failed, quote the line that tells it, and whether another try is sensible.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    diagnose.add_argument(
        "logs",
        nargs="+",
        metavar="LOG",
        help="a file, gzip or not; an address of a log or of a Jenkins build; - for standard input; a folder for the"
        " files named log, *.log, *.txt and *.gz in it",
    )
    diagnose.add_argument("--json", action="store_true", help="one JSON object for each log, one a line")
    diagnose.add_argument(
        "--context", type=_count, metavar="N", help="quote at most N lines on each side of the telling one"
    )
    diagnose.add_argument(
        "--catalogue",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="known failures of yours, beside those that come with Gordon; more than once if you like",
    )
    diagnose.add_argument(
        "--green", type=Path, metavar="FOLDER", help="logs of builds of the job that passed: what they say is no reason"
    )
    diagnose.add_argument(
        "--redact", type=Path, metavar="FILE", help="expressions of secrets of yours, one a line (RE2)"
    )
    diagnose.add_argument("--redact-emails", action="store_true", help="leave out e-mail addresses, too")
    diagnose.add_argument(
        "--jobs", type=_jobs, default=1, metavar="N", help="work on so many logs at once, in as many processes"
    )
    diagnose.add_argument("--no-colour", "--no-color", action="store_true", help="plain text, as without a terminal")
    return diagnose


def add_known(commands: Any) -> argparse.ArgumentParser:
    """Say what `gordon known` takes."""
    known: argparse.ArgumentParser = commands.add_parser(
        "known",
        help="look after the catalogue of known failures",
        description="Look after the catalogue of known failures: those that come with Gordon, and those of yours.",
        epilog="example: gordon known test yesterday.log",
    )
    actions = known.add_subparsers(dest="action", required=True, metavar="action")
    check = actions.add_parser(
        "check",
        help="is it right?",
        description="Look through catalogues; without names, those that are shipped. "
        "Exit status: 0 nothing found, 1 something to mend, 2 a file cannot be read.",
        epilog="example: gordon known check known.toml --green logs/",
    )
    check.add_argument("files", nargs="*", type=Path, metavar="FILE", help="catalogue in TOML")
    check.add_argument("--green", type=Path, metavar="FOLDER", help="logs of builds that passed: none may be hit much")
    test = actions.add_parser(
        "test",
        help="what does it find?",
        description="Tell what the signatures find in logs. Exit status: 0 they find something, 1 nothing, "
        "2 a file cannot be read.",
        epilog="example: gordon known test yesterday.log --catalogue known.toml --only",
    )
    test.add_argument(
        "logs", nargs="+", metavar="LOG", help="a file, gzip or not; a folder of them; - for standard input"
    )
    test.add_argument("--catalogue", action="append", type=Path, default=[], metavar="FILE", help="beside the shipped")
    test.add_argument("--only", action="store_true", help="without the shipped catalogues")
    test.add_argument("--json", action="store_true", help="one object per place, and one of totals")
    return known


def worst(kinds: Iterable[Kind | None]) -> int:
    """Tell the exit status for some logs; None stands for one that could not be read."""
    statuses = [UNREAD if kind is None else EXIT_STATUS[kind] for kind in kinds]
    return UNREAD if UNREAD in statuses else max(statuses, default=0)


def _count(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 4):
        raise argparse.ArgumentTypeError("it is a number of lines, from 0 on")
    return int(word)


def _jobs(word: str) -> int:
    if not (word.isascii() and word.isdigit() and 1 <= int(word[:4]) <= MAX_JOBS):
        raise argparse.ArgumentTypeError(f"it is a number from 1 to {MAX_JOBS}")
    return int(word)
