"""Starting Gordon and the bots it is put beside, each as people start it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.demo.world import CHANNEL

ROOT = Path(__file__).parents[2]
IRC_ONLY = """
[gordon]
home = "moby/moby"
state = "irc-only"
people = "people.toml"
plugins = ["help", "people", "operate"]
commands_per_minute = 1000
commands_per_minute_in_channel = 10000

[repos."moby/moby"]

[irc.demo]
host = "127.0.0.1"
port = {port}
tls = false
nick = "gordon"
channels = ["{channel}"]
nick_is_identity = true
burst_lines = 100
line_every_s = 0.001
"""
PEOPLE = '[people.icecrime]\ngithub_id = 101\nirc = {{ demo = "icecrime" }}\nroles = {{ "*" = "operator" }}\n'
LIMNORIA = {
    "supybot.nick": "gordon",
    "supybot.ident": "gordon",
    "supybot.networks": "bench",
    "supybot.networks.bench.channels": CHANNEL,
    "supybot.networks.bench.ssl": "False",
    "supybot.reply.whenAddressedBy.chars": "!",
    "supybot.reply.withNickPrefix": "False",
    "supybot.plugins": "Utilities Misc",
    "supybot.plugins.Utilities": "True",
    "supybot.plugins.Misc": "True",
    "supybot.log.stdout": "False",
    "supybot.protocols.irc.throttleTime": "0.0",
    "supybot.abuse.flood.command": "False",
    "supybot.abuse.flood.command.invalid": "False",
}
SOPEL = """[core]
nick = gordon
host = 127.0.0.1
port = {port}
use_ssl = false
owner = nobody
prefix = !
channels =
    "{channel}"
homedir = {folder}
extra = {folder}/plugins
logdir = {folder}/logs
pid_dir = {folder}
db_filename = {folder}/sopel.db
flood_burst_lines = 1000
flood_refill_rate = 10000
flood_empty_wait = 0
flood_max_wait = 0
"""
SOPEL_ECHO = """from sopel import plugin


@plugin.command("echo")
def echo(bot, trigger):
    bot.say(trigger.group(2))
"""
ERRBOT = """import logging
BACKEND = "IRC"
BOT_DATA_DIR = {folder!r}
BOT_EXTRA_PLUGIN_DIR = None
BOT_LOG_FILE = {folder!r} + "/errbot.log"
BOT_LOG_LEVEL = logging.WARNING
BOT_ADMINS = ("nobody!nobody@nobody",)
CHATROOM_PRESENCE = ({channel!r},)
BOT_PREFIX = "!"
BOT_IDENTITY = {{"nickname": "gordon", "server": "127.0.0.1", "port": {port}, "ssl": False}}
CORE_PLUGINS = ("ACLs", "ChatRoom", "Utils", "Help", "CommandNotFoundFilter")
IRC_CHANNEL_RATE = None
IRC_PRIVATE_RATE = None
"""


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot that can be started; `command` and `answer` are what it is asked, `{0}` a word of each question's own."""

    name: str
    start: Callable[[Path, int], Sequence[str]]
    command: str = "echo {0}"
    answer: str = "{0}"


def gordon(config: Path) -> Bot:
    """Give Gordon with everything on."""
    return Bot("Gordon", lambda folder, port: [sys.executable, "-m", "bot.cli", "run", str(config)], "ping", "pong")


def gordon_irc_only() -> Bot:
    """Give Gordon without web and Jenkins."""

    def start(folder: Path, port: int) -> Sequence[str]:
        config = folder / "irc-only.toml"
        config.write_text(IRC_ONLY.format(port=port, channel=CHANNEL))
        (folder / "people.toml").write_text(PEOPLE.format())
        return [sys.executable, "-m", "bot.cli", "run", str(config)]

    return Bot("Gordon, IRC only", start, "ping", "pong")


def echo() -> Bot:
    """Give the floor."""
    program = [sys.executable, "-m", "tests.bench.echo_bot"]
    return Bot("bare echo bot", lambda folder, port: [*program, str(port), CHANNEL])


def others() -> tuple[list[Bot], list[str]]:
    """Give the bots that are installed, and say of the others how they would be found."""
    found, missing = [], []
    for name, program, start in (
        ("errbot", "errbot", _errbot),
        ("limnoria", "supybot", _limnoria),
        ("sopel", "sopel", _sopel),
    ):
        variable = f"GORDON_BENCH_{name.upper()}"
        command = os.environ.get(variable) or shutil.which(program)
        if command:
            found.append(Bot(name, lambda folder, port, start=start, command=command: start(command, folder, port)))  # type: ignore[misc]
        else:
            missing.append(f"{name} is not installed; {variable} may name its command")
    return found, missing


@contextmanager
def started(bot: Bot, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a bot in a folder and end it with all its children."""
    folder.mkdir(parents=True, exist_ok=True)
    command = bot.start(folder, port)
    environment: Mapping[str, str] = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    except TimeoutError as error:
        raise TimeoutError(f"{bot.name}: {error}; it said: {(folder / 'output').read_text()}") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(12)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def rss_mb(process: subprocess.Popen[bytes]) -> float:
    """Tell how much memory a process holds now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def _limnoria(command: str, folder: Path, port: int) -> Sequence[str]:
    settings = LIMNORIA | {"supybot.networks.bench.servers": f"127.0.0.1:{port}"}
    settings |= {f"supybot.directories.{name}": str(folder / name) for name in ("conf", "data", "log", "backup")}
    config = folder / "bot.conf"
    config.write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    return [command, "--allow-root", str(config)]


def _sopel(command: str, folder: Path, port: int) -> Sequence[str]:
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "bench.py").write_text(SOPEL_ECHO)
    config = folder / "default.cfg"
    config.write_text(SOPEL.format(port=port, channel=CHANNEL, folder=folder))
    not_root = ["unshare", "-U", "--map-user=1000"] if os.geteuid() == 0 else []  # it refuses to run as root
    return [*not_root, command, "start", "-c", str(config)]


def _errbot(command: str, folder: Path, port: int) -> Sequence[str]:
    config = folder / "config.py"
    config.write_text(ERRBOT.format(port=port, channel=CHANNEL, folder=str(folder)))
    return [command, "-c", str(config)]
