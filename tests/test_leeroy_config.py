"""What `[leeroy]` may hold, and what nobody may take its place by."""

from pathlib import Path

import pytest

from bot.config import load
from bot.errors import ConfigError
from bot.people import People
from bot.values import Person, Speaker

CONFIG = """
[gordon]
home = "moby/moby"

[jenkins.ci]
url = "http://127.0.0.1:8080/"

[repos."moby/moby".contexts.janky]
jenkins = "ci"
job = "docker-prs"

[web]

[leeroy]
user = "leeroy"
person = "old-bot"
password_env = "GORDON_LEEROY_PASSWORD"
custom = { "moby/moby" = ["janky"] }
"""
WRONG = [
    pytest.param("[web]\n", "", "[leeroy] is there without [web]", id="no-page"),
    pytest.param('user = "leeroy"', 'user = "a:b"', "[leeroy] user must be a name without a colon", id="colon"),
    pytest.param('user = "leeroy"', 'user = ""', "[leeroy] user must be a name", id="A7-no-user"),
    pytest.param('person = "old-bot"', 'person = ""', "[leeroy] person must be a name from the people file", id="who"),
    pytest.param('password_env = "GORDON_LEEROY_PASSWORD"\n', "", "[leeroy] needs its password", id="A7-no-password"),
    pytest.param('"GORDON_LEEROY_PASSWORD"', '"pa ss"', "not the secret itself", id="password-itself"),
    pytest.param('"moby/moby" = ["janky"]', '"moby/mobi" = []', 'did you mean "moby/moby"?', id="A23-repository"),
    pytest.param('["janky"] }', '["jank"] }', 'did you mean "janky"?', id="A23-context"),
    pytest.param("[leeroy]", '[irc.leeroy]\nhost = "127.0.0.1"\n\n[leeroy]', '"leeroy" is for the clients', id="irc"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "gordon.toml"
    path.write_text(CONFIG)
    assert load(path).leeroy is not None
    path.write_text(CONFIG.replace(old, new))
    with pytest.raises(ConfigError) as error:
        load(path)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("network", "evidence", "is_known"),
    [
        pytest.param("leeroy", "leeroy", True, id="by-its-page"),
        pytest.param("libera", "leeroy", False, id="evidence-from-elsewhere"),
        pytest.param("leeroy", "account-tag", False, id="network-of-that-name"),
        pytest.param("leeroy", "", False, id="nothing"),
    ],
)
def test_a_program_is_known_by_its_page_alone(network: str, evidence: str, is_known: bool) -> None:
    people = People({"old-bot": Person("old-bot", {}, None)}, {("leeroy", "old-bot"): "old-bot"})
    assert (people.find(Speaker(network, "leeroy", "old-bot", evidence)) is not None) is is_known
