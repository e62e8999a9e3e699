"""Each mistake in `[slack.NAME]`, and in who speaks for a bridged channel, is told with its line and what to do."""

from pathlib import Path
from typing import Any

import pytest

from bot.config import load, secrets_problems
from bot.config_values import LIMITS
from bot.errors import ConfigError
from bot.settings import SlackSettings

GOOD = """\
[gordon]
home = "moby/moby"
plugins = ["help"]

[repos."moby/moby"]
announce = ["moby/#docker-dev", "oftc/#moby"]

[irc.oftc]
host = "irc.oftc.example"
channels = ["#moby", "#dev"]

[slack.moby]
bot_token_file = "bot"
app_token_file = "app"
channels = ["#docker-dev", "C024BE7LR"]
bots = ["B024BE7LH"]
relays = ["B024BE7LJ"]

[slack.moby.channel."#docker-dev"]
commands = ["reads", "rebuild open"]

[irc.oftc.channel."#moby"]
spoken_by = "moby/#docker-dev"
"""
SLACK, OF_DEV = "[slack.moby]", '[slack.moby.channel."#docker-dev"]'
APP = 'app_token_file = "app"\n'
SIGNED = 'signing_secret_file = "sign"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "gordon.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def row(old: str, new: str, line: int, said: str, name: str) -> Any:
    return pytest.param(old, new, line, said, id=name)


def test_the_rows_begin_with_what_is_right(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD))
    assert settings.slack["moby"].channels == ("#docker-dev", "C024BE7LR")
    assert settings.network("moby") is settings.slack["moby"]
    assert settings.spoken_by("OFTC/#moby") == ""
    assert settings.spoken_by("oftc/#MOBY") == "moby/#docker-dev"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        row(
            'bot_token_file = "bot"\n',
            "",
            12,
            f"{SLACK}: needs bot_token_file or bot_token_env, the token that begins",
            "bot-token",
        ),
        row(
            '"bot"\n',
            '"bot"\nbot_token_env = "A"\n',
            14,
            f"{SLACK} bot_token_env and bot_token_file are both there; keep one",
            "bot-token-twice",
        ),
        row('bot_token_file = "bot"', 'bot_token_env = "A-B"', 13, f"{SLACK} bot_token_env", "variable"),
        row(
            APP,
            "",
            12,
            "or signing_secret_file where Slack sends to [web]; neither is there",
            "transport",
        ),
        row(
            APP,
            APP + SIGNED,
            12,
            "or signing_secret_file where Slack sends to [web]; both are there; keep one",
            "two-transports",
        ),
        row(
            APP,
            SIGNED,
            12,
            f"{SLACK}: signing_secret_file is of use only with [web], where Slack sends to",
            "nowhere-to-send-to",
        ),
        row(
            OF_DEV,
            '[slack.docker]\nbot_token_file = "other-bot"\napp_token_file = "app"\n\n' + OF_DEV,
            21,
            "[slack.docker] app_token_file is that of [slack.moby], too; each workspace needs an app of its own",
            "app-of-two-workspaces",
        ),
        row(APP, APP + 'url = "http://slack.example/api/"\n', 15, f"{SLACK} url", "plain-http"),
        row(APP, APP + "timeout_s = 0\n", 15, f"{SLACK} timeout_s must be 0.1 to 120, is 0", "time-out"),
        row(APP, APP + 'command = "gordon"\n', 15, f'{SLACK} command must be like /gordon, is "gordon"', "slash"),
        row(
            APP,
            APP + 'command = "/Gordon"\n',
            15,
            f'{SLACK} command must be like /gordon, is "/Gordon"',
            "slash-capital",
        ),
        row(APP, APP + f'command = "/{"g" * 32}"\n', 15, f"{SLACK} command must be like /gordon", "slash-length"),
        row(APP, APP + 'broadcast = "yes"\n', 15, f'{SLACK} broadcast must be true or false, is "yes"', "bool"),
        row(
            APP, APP + "brodcast = true\n", 15, f'unknown key "brodcast" in {SLACK} (did you mean "broadcast"?)', "key"
        ),
        row(
            '"C024BE7LR"]',
            '"docker-dev"]',
            15,
            f'{SLACK} channels has "docker-dev", which is no channel: write #name or its id',
            "channel",
        ),
        row(
            '"C024BE7LR"]', '"#Docker"]', 15, f'{SLACK} channels has "#Docker", which is no channel', "channel-capital"
        ),
        row('"C024BE7LR"]', '"#a b"]', 15, f'{SLACK} channels has "#a b", which is no channel', "channel-blank"),
        row(
            '"C024BE7LR"]',
            '"D024BE7LR"]',
            15,
            f'{SLACK} channels has "D024BE7LR", which is no channel',
            "channel-direct",
        ),
        row('"C024BE7LR"]', '"#docker-dev"]', 15, f'{SLACK} channels has "#docker-dev" twice', "channel-twice"),
        row(
            '["B024BE7LH"]',
            '["gordon"]',
            16,
            f'{SLACK} bots has "gordon", which is no id of a bot; they begin with U or B',
            "bot",
        ),
        row('["B024BE7LH"]', '["B024BE7LH", "B024BE7LH"]', 16, f'{SLACK} bots has "B024BE7LH" twice', "bot-twice"),
        row(
            '["B024BE7LJ"]',
            '["slackbridge"]',
            17,
            f'{SLACK} relays has "slackbridge", which is no id of a bot',
            "relay",
        ),
        row(
            '["B024BE7LJ"]',
            '["B024BE7LH"]',
            16,
            f'{SLACK} bots has "B024BE7LH", which is in relays, too: it is obeyed or it is not',
            "bot-and-relay",
        ),
        row(
            'channel."#docker-dev"]',
            'channel."#docker-devs"]',
            19,
            '"#docker-devs" is not in [slack.moby] channels (did you mean "#docker-dev"?)',
            "channel-elsewhere",
        ),
        row(
            '"rebuild open"',
            '"Rebuild!"',
            20,
            f'{OF_DEV} commands has "Rebuild!", which is no name of a command',
            "command",
        ),
        row(
            "[slack.moby]",
            "[slack.oftc]",
            12,
            "[slack.oftc]: there is [irc.oftc], and a place would be of both; choose another",
            "name-of-both",
        ),
        row(
            "[slack.moby]",
            "[slack.github]",
            12,
            '[slack.github]: "github" is where pull requests live; choose another name',
            "name-of-ours",
        ),
        row("[slack.moby]", '[slack."a b"]', 12, '"a b" cannot be a name here', "name"),
        row(
            '"moby/#docker-dev", "o',
            '"moby/#docker-dew", "o',
            6,
            '"#docker-dew" is not in [slack.moby] channels (did you mean "#docker-dev"?)',
            "announce",
        ),
        row(
            '= "moby/#docker-dev"\n',
            '= "mobi/#docker-dev"\n',
            23,
            '[irc.oftc.channel."#moby"] spoken_by has "mobi/#docker-dev", but the networks are',
            "speaks-nowhere",
        ),
        row(
            '= "moby/#docker-dev"\n',
            '= "oftc/#Moby"\n',
            23,
            'spoken_by is "oftc/#Moby", which does not speak for itself',
            "speaks-for-itself",
        ),
        row(
            '"rebuild open"]\n',
            '"rebuild open"]\nspoken_by = "oftc/#moby"\n',
            21,
            'spoken_by is "oftc/#moby", which does not speak for itself',
            "each-for-the-other",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_do(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load(path)
    told = [problem for problem in caught.value.problems if said in problem]
    assert told, caught.value.problems
    assert told[0].startswith(f"{path}:{line}: ")


@pytest.mark.parametrize("channel", ["#général", "#開発", "#a_b-c", "#1", "C024BE7LR", "G024BE7LR"])
def test_what_slack_calls_a_channel(tmp_path: Path, channel: str) -> None:
    settings = load(write(tmp_path, GOOD.replace('"C024BE7LR"', f'"{channel}"')))
    assert settings.slack["moby"].channels[1] == channel


def test_slack_may_send_to_our_own_listener(tmp_path: Path) -> None:
    text = GOOD.replace(APP, SIGNED) + "\n[web]\nport = 8080\n"
    settings = load(write(tmp_path, text))
    assert settings.slack["moby"].signing_secret_file == tmp_path / "sign"


def test_each_secret_of_slack_must_be_there(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD))
    first, second = secrets_problems(settings)
    assert "the bot on Slack moby" in first
    assert "the app on Slack moby" in second
    for name in ("bot", "app"):
        (tmp_path / name).write_text("xox")
        (tmp_path / name).chmod(0o600)
    assert secrets_problems(settings) == ()
    (tmp_path / "bot").chmod(0o644)
    (problem,) = secrets_problems(settings)
    assert "the bot on Slack moby" in problem


def test_every_number_of_slack_has_limits() -> None:
    numbers = {name for name, kind in SlackSettings.__annotations__.items() if kind in (int, float)}
    assert numbers == set(LIMITS[SlackSettings])
