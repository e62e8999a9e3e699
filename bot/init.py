"""`gordon init`: what a configuration begins with is asked for, or taken from options, and its files are written."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bot.beginning import Beginning, gordon_toml, people_toml, secrets_of
from bot.config import CHANNEL, OWN_NETWORKS, REPO
from bot.config_values import HOST, NAME, URL, is_loopback
from bot.errors import ConfigError
from bot.people import ACCOUNT, MEMBER
from bot.toml_file import show

CONFIG, PEOPLE, SECRETS = "gordon.toml", "people.toml", "secrets"
FILE_MODE, FOLDER_MODE, SECRETS_MODE = 0o640, 0o750, 0o700
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody who begins is asked; `--name` answers it beforehand.

    Arguments:
        only_with: the name of another one, without whose answer this one means nothing.
    """

    name: str
    asks: str
    help: str
    like: str
    fits: Callable[[str], object]
    only_with: str = ""

    def wrong(self, answer: str) -> str:
        """Say what an answer must be like; nothing if it is."""
        fits = answer.isprintable() and self.fits(answer)
        return "" if fits else f"must be like {self.like}, is {show(answer)}"


def _is_jenkins(url: str) -> bool:
    found = URL.fullmatch(url)
    is_safe = found is not None and (found["scheme"] == "https" or is_loopback(found["host"]))  # for its token
    return found is not None and is_safe and _is_port(found["port"] or "1")


def _is_server(words: str) -> bool:
    host, colon, port = words.partition(":")
    return HOST.fullmatch(host) is not None and (not colon or _is_port(port))


def _is_workspace(name: str) -> bool:
    return NAME.fullmatch(name) is not None and name not in OWN_NETWORKS


def _is_port(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= MAX_PORT


QUESTIONS = (
    Question(
        "repo", "Which repository on GitHub has the pull requests?",
        "Its pull requests are what #7 means. More of them can be added to [repos] later.",
        "OWNER/NAME", REPO.fullmatch,
    ),
    Question(
        "jenkins", "Where is the Jenkins that builds them?",
        "The address that you open in a browser. Gordon wants a user of its own there, and its API token.",
        "https://ci.example.org", _is_jenkins,
    ),
    Question(
        "irc", "On which IRC network do you talk?",
        "The host, with :PORT if that is not 6697. Gordon wants a services account of its own there.",
        "irc.libera.chat", _is_server,
    ),
    Question(
        "channel", "In which channel there?",
        "Gordon joins it, obeys in it and tells news in it.", "#moby", CHANNEL.fullmatch, "irc",
    ),
    Question(
        "account", "What is your services account there?",
        "As whom NickServ knows you; a nick alone proves nothing. Without it nobody there may do anything yet.",
        "tianon", ACCOUNT.fullmatch, "irc",
    ),
    Question(
        "slack", "In which Slack workspace do you talk?",
        "Any short name for it, by which the files refer to it. gordon slack manifest is what the app is made from.",
        "moby", _is_workspace,
    ),
    Question(
        "member", "What is your member id there?",
        "Profile, three dots, Copy member ID; a name proves nothing.", "U024BE7LH", MEMBER.fullmatch, "slack",
    ),
    Question(
        "person", "What are you called?", "A name in people.toml; it may do everything.", "tianon", NAME.fullmatch,
    ),
)  # fmt: skip


def init(given: argparse.Namespace) -> int:
    """Write gordon.toml, people.toml and a folder for secrets, say what to do next, and return the exit status.

    Raises:
        ConfigError: an option is wrong, or a file that would be written is there already; nothing is written.
    """
    folder: Path = given.folder
    paths = {name: folder / name for name in (CONFIG, PEOPLE)}
    if there := [path for path in paths.values() if os.path.lexists(path)]:
        raise ConfigError(tuple(f"{path} is there already; nothing was written" for path in there))
    is_asking = not given.yes and sys.stdin.isatty() and sys.stdout.isatty()
    begun = Beginning(**dict(_answers(vars(given), _ask if is_asking else _default)))
    _write(folder, {paths[CONFIG]: gordon_toml(begun), paths[PEOPLE]: people_toml(begun)})
    print(f"wrote {paths[CONFIG]}, {paths[PEOPLE]} and the folder {folder / SECRETS}\nnext:")
    for name, what in secrets_of(begun).items():
        print(f"  (umask 077; cat > {folder / SECRETS / name})   # {what}")
    for command in ("check", "doctor", "run"):
        print(f"  gordon {command} {paths[CONFIG]}")
    return 0


def _answers(options: Mapping[str, str | None], ask: Callable[[Question], str]) -> Iterator[tuple[str, str]]:
    known: dict[str, str] = {}
    for question in QUESTIONS:
        answer, has_use = options[question.name], not question.only_with or bool(known[question.only_with])
        if answer is not None and not has_use:
            raise ConfigError((f"--{question.name} needs --{question.only_with}, too",))
        if answer and (wrong := question.wrong(answer)):
            raise ConfigError((f"--{question.name} {wrong}",))
        known[question.name] = answer if answer is not None else ask(question) if has_use else ""
    known["person"] = known["person"] or _default(QUESTIONS[-1])
    yield from known.items()


def _default(question: Question) -> str:
    """Give what holds when nobody says anything: nothing is known but a name for whoever runs this."""
    user = os.environ.get("USER", "")
    return (user if NAME.fullmatch(user) else "me") if question.name == "person" else ""


def _ask(question: Question) -> str:
    """Ask until there is an answer that can be one, or none."""
    default = _default(question)
    while True:
        try:
            answer = input(f"{question.asks} (like {question.like}; ? for more) [{default or 'none yet'}] ").strip()
        except EOFError:
            raise KeyboardInterrupt from None  # Ctrl-D means no more than Ctrl-C: nothing is written
        if answer == "?":
            print(f"  {question.help}")
        elif wrong := answer and question.wrong(answer):
            print(f"  it {wrong}")
        else:
            return answer or default


def _write(folder: Path, texts: Mapping[Path, str]) -> None:
    """Write all of it or, where that fails or is interrupted, nothing."""
    with ExitStack() as undo:
        for path, mode in ((folder, FOLDER_MODE), (folder / SECRETS, SECRETS_MODE)):
            if not path.is_dir():
                path.mkdir(mode)
                undo.callback(path.rmdir)
        for path, text in texts.items():
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
            undo.callback(path.unlink)
            with os.fdopen(made, "w", encoding="utf-8") as file:
                file.write(text)
        undo.pop_all()
