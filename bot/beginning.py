"""A configuration to begin with: the examples, with what is known filled in and all else as comments.

Prose begins with "# ", what may be left out with "#" alone, so that an editor takes just this one mark away.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from bot.config import OWN_NETWORKS
from bot.config_values import NAME, is_loopback

REPO = "owner/name"
TLS_PORT = 6697
VALUE_COLUMNS = 30  # as the examples are aligned
SETTING = re.compile(r"(?:# )?(?P<key>\w+) = (?P<value>.+?)(?: +# (?P<text>.+))?")
NAMES = re.compile(r"\bmoby/moby\b|\blibera\b|\btianon\b|(?<=slack\.)moby\b|\bmoby(?=/[#@])|\bmoby(?= = \"U)")
SECRETS = {
    "jenkins-token": "the API token of the user gordon on Jenkins",
    "github-token": "a token of GitHub; deploy/README.md says what it must be allowed",
    "irc-account-password": "the password of the services account gordon",
    "slack-bot": "the bot token of the app, which begins with xoxb-; gordon slack manifest is where the app begins",
    "slack-app": "its app token, which begins with xapp-",
}
HEAD = """\
# What Gordon goes by. A line that begins with # and no blank is a setting, or a table, that may be left out: take the
# mark away where you want another value. What is shown holds without it, unless the text behind it begins with "must
# be there" or "example". Paths that do not begin with a slash begin at the folder of this file.
#
# Next: say which jobs build a pull request, [repos."{repo}".contexts.NAME] below; put the secrets that are named
# here into files that nobody else may read, (umask 077; cat > secrets/NAME); then
#   gordon check gordon.toml    is it right? asks nobody
#   gordon doctor gordon.toml   what is wrong with the neighbours, and what to do about it
#   gordon run gordon.toml      work until SIGTERM
"""
PEOPLE_HEAD = """\
# Who is who, and who may do what. Only its owner may write to it; there are no secrets in it.
# Who is not in this file, and who is but cannot be proven, is "anyone": may ask for help and for the status of things.
# A line that begins with # and no blank is an example.
"""
Tables = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known when there is no configuration yet; empty where it is not.

    Arguments:
        person: a name for whoever begins, who may do everything.
        irc: a host, with a port if it is not that of TLS.
        account: of that person with the services of the IRC network.
        member: the id of that person in the Slack workspace.
    """

    person: str
    repo: str = ""
    jenkins: str = ""
    irc: str = ""
    channel: str = ""
    account: str = ""
    slack: str = ""
    member: str = ""

    @property
    def network(self) -> str:
        """The name of the IRC network: what its host is called without what all are called."""
        *_, name, _ = ["", "", *self.irc.partition(":")[0].split(".")]
        fits = NAME.fullmatch(name) and not name.isdigit() and name not in (self.slack, *OWN_NETWORKS)
        return name if fits else "irc" if self.slack != "irc" else "irc-network"


def gordon_toml(begun: Beginning) -> str:
    """Write gordon.toml; what is not known is a comment with the value that holds."""
    example = _example("gordon.toml", begun)
    return HEAD.format(repo=begun.repo or REPO) + _filled_in(example, _tables(begun))


def people_toml(begun: Beginning) -> str:
    """Write people.toml, where one person is an operator and the rest are examples."""
    accounts = {"irc": {begun.network: begun.account}} if begun.account else {}
    accounts |= {"slack": {begun.slack: begun.member}} if begun.member else {}
    roles = {"roles": {"*": "operator"}}
    return PEOPLE_HEAD + _filled_in(_example("people.toml", begun), {f"people.{begun.person}": accounts | roles})


def secrets_of(begun: Beginning) -> Mapping[str, str]:
    """Tell which files with secrets gordon.toml names, within `secrets`, and what belongs into each."""
    named = {str(value) for table in _tables(begun).values() for value in table.values()}
    return {name: what for name, what in SECRETS.items() if f"secrets/{name}" in named}


def _tables(begun: Beginning) -> Tables:
    repo, places = begun.repo or REPO, [f"{begun.network}/{begun.channel}"] if begun.channel else []
    tables: dict[str, Mapping[str, object]] = {"gordon": {"home": repo} | ({"operators": places} if places else {})}
    tables[f'repos."{repo}"'] = {"announce": places} if places else {}
    if begun.repo:
        tables["github"] = {"token_file": "secrets/github-token"}
    if begun.jenkins:
        tables["jenkins.ci"] = {"url": begun.jenkins, "user": "gordon", "token_file": "secrets/jenkins-token"}
    if begun.irc:
        tables[f"irc.{begun.network}"] = _irc(begun)
    if begun.slack:
        tables[f"slack.{begun.slack}"] = {"bot_token_file": "secrets/slack-bot", "app_token_file": "secrets/slack-app"}
    if not begun.irc and not begun.slack:
        tables["console"] = {"person": begun.person}
    return tables


def _irc(begun: Beginning) -> Mapping[str, object]:
    host, _, port = begun.irc.partition(":")
    table: dict[str, object] = {"host": host, "nick": "gordon"}
    if port:
        table["port"] = int(port)
    if begun.channel:
        table["channels"] = [begun.channel]
    if is_loopback(host):  # somebody's try-out, which has neither certificates nor services
        return table | {"tls": int(port or TLS_PORT) == TLS_PORT}
    return table | {"account": "gordon", "account_password_file": "secrets/irc-account-password"}


def _example(name: str, begun: Beginning) -> str:
    """Read an example, with the names of this place, and without its head."""
    text = files("bot").joinpath("examples", name).read_text(encoding="utf-8")
    names = {"moby/moby": begun.repo or REPO, "libera": begun.network if begun.irc else "libera"}
    names |= {"tianon": begun.person, "moby": begun.slack or "moby"}
    _head, _, rest = text.partition("\n\n")
    return "\n" + NAMES.sub(lambda found: names[found[0]], rest)


def _filled_in(example: str, tables: Tables) -> str:
    """Let the tables of these headers and their values hold, and make comments of all else that holds in an example."""
    lines, values = [], dict[str, object]()
    is_there = False
    for line in example.splitlines():
        if line.startswith("["):
            is_there = line[1:-1] in tables
            values = dict(tables.get(line[1:-1], {}))
            lines.append(line if is_there else f"#{line}")
        elif found := SETTING.fullmatch(line):
            given = values.pop(found["key"], None)
            text = found["text"] or ""
            if given is None:
                lines.append(f"#{_line(found['key'], found['value'], text)}")
            else:
                lines.append(_line(found["key"], _toml(given), text.removeprefix("example: ")))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _line(key: str, value: str, text: str) -> str:
    return f"{f'{key} = {value}':<{VALUE_COLUMNS - 1}} # {text}" if text else f"{key} = {value}"


def _toml(value: object) -> str:
    """Write a value that has printable text in it, of which JSON and TOML write all alike but inner tables."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_toml(inner)}' for key, inner in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if NAME.fullmatch(name) else json.dumps(name)
