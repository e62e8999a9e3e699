"""What differs between two configurations, in words, and which keys a running Gordon takes over."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.config import load
from bot.difference import MAX_SHOWN, ONLY_AT_START, WHILE_RUNNING, changed_keys, difference, only_at_start, shortened
from bot.linked import Link
from bot.live import Facts
from bot.people import load_people
from bot.settings import GordonSettings
from bot.values import Speaker
from tests.test_config import GOOD, kinds

PEOPLE = """\
[people.tianon]
github_id = 1
irc = { demo = "tianon" }
roles = { "moby/moby" = "maintainer" }

[people.jess]
roles = { "moby/moby" = "triager" }

[teams."moby/core"]
roles = { "moby/moby" = "triager" }
"""
GITHUB = '\n[github]\nurl = "http://127.0.0.1:1"\n'


def facts(folder: Path, *, config: tuple[str, str] = ("", ""), people: tuple[str, str] = ("", "")) -> Facts:
    """Read the files with one thing replaced in one of them."""
    for name, text, (old, new) in (("gordon.toml", GOOD + GITHUB, config), ("people.toml", PEOPLE, people)):
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    settings = load(folder / "gordon.toml")
    return Facts(settings, load_people(folder / "people.toml"))


def test_every_key_is_either_taken_over_or_needs_a_restart() -> None:
    listed = Counter((kind, key) for kind, keys, _ in (*ONLY_AT_START, *WHILE_RUNNING) for key in keys.split())
    there = [(kind, key) for kind in kinds(GordonSettings) for key in kind.__struct_fields__]
    assert listed == Counter(there)
    assert all(why for _, _, why in (*ONLY_AT_START, *WHILE_RUNNING))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param("keep_days = 30", "keep_days = 31", "keep_days 30 -> 31", id="number"),
        pytest.param("keep_days = 30", "commands_per_minute = 60", "commands_per_minute 30 -> 60", id="left-out"),
        pytest.param("keep_days", 'prefix = "?"\nkeep_days', 'prefix "!" -> "?"', id="text"),
        pytest.param("keep_days", 'operators = ["demo/#moby"]\nkeep_days', "operators +demo/#moby", id="list"),
        pytest.param('"docker"]', '"mb"]', "moby/moby: aliases +mb -docker", id="list-of-a-table"),
        pytest.param('["moby", "docker"]', '["docker", "moby"]', "moby/moby: aliases in another order", id="order"),
        pytest.param("contexts.janky", "contexts.lxc", "no context janky of moby/moby any more", id="context-gone"),
        pytest.param("contexts.janky", "contexts.lxc", "new context lxc of moby/moby", id="context-new"),
        pytest.param(
            "folder/docker-prs", "prs", 'moby/moby janky: job "folder/docker-prs" -> "prs"', id="key-of-a-context"
        ),
        pytest.param(
            'prs"\n', 'prs"\nparameters = { A = "1" }\n', 'moby/moby janky: parameters A none -> "1"', id="parameters"
        ),
        pytest.param(
            'prs"\n', 'prs"\nparameters = { API_KEY = "abcdef" }\n',
            "moby/moby janky: parameters API_KEY none -> [secret]", id="secret",
        ),
        pytest.param("moby/other", "moby/another", "new repository moby/another", id="repository-new"),
        pytest.param("moby/other", "moby/another", "no repository moby/other any more", id="repository-gone"),
        pytest.param("jobs.base", "jobs.image", "new job image", id="job"),
        pytest.param('["#moby"]', '["#moby", "#ci"]', "joins #ci on demo", id="joins"),
        pytest.param("port = 6667", "port = 6667\ncolours = true", "demo: colours false -> true", id="network"),
        pytest.param('["reads", "rebuild"]', '["reads"]', "demo #moby: commands -rebuild", id="channel"),
        pytest.param(
            '[irc.demo.channel."#moby"]\ncommands = ["reads", "rebuild"]', "",
            "no settings for #moby of demo any more", id="channel-section",
        ),
        pytest.param("anything = [1, 2]", "anything = 3", "plugin rebuild: anything a list -> 3", id="plugin"),
    ],
)  # fmt: skip
def test_a_change_of_the_file_in_words(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert told in difference(facts(tmp_path), facts(tmp_path, config=(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param('"triager" }\n\n[t', '"merger" }\n\n[t', ["jess: triager -> merger in moby/moby"], id="role"),
        pytest.param('"moby/moby" = "m', '"*" = "m', [
            "tianon: maintainer -> anyone in moby/moby", "tianon: anyone -> maintainer everywhere",
        ], id="scope"),
        pytest.param("[people.jess]", "[people.jessie]", [
            "jess is nobody any more, was triager in moby/moby", "new person jessie, triager in moby/moby",
        ], id="person"),
        pytest.param("github_id = 1", "github_id = 2", ["tianon: GitHub account 1 -> 2"], id="github"),
        pytest.param('demo = "tianon"', 'demo = "tia"', ["tianon: account tianon -> tia on demo"], id="account"),
        pytest.param('irc = { demo = "tianon" }', "", ["tianon: account tianon -> none on demo"], id="no-account"),
        pytest.param('irc = {', 'slack = { moby = "U024BE7LH" }\nirc = {', [
            "tianon: account none -> U024BE7LH on moby"
        ], id="id-of-slack"),
        pytest.param("[teams", '[groups."moby/@core"]\nroles = { "*" = "triager" }\n[teams', [
            "group moby/@core: anyone -> triager everywhere"
        ], id="group"),
        pytest.param('"moby/core"', '"moby/all"', [
            "team moby/core: triager -> anyone in moby/moby", "team moby/all: anyone -> triager in moby/moby",
        ], id="team"),
    ],
)  # fmt: skip
def test_a_change_of_people_in_words(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert difference(facts(tmp_path), facts(tmp_path, people=(old, new))) == told


def test_what_people_have_linked_is_no_difference(tmp_path: Path) -> None:
    who, to = Speaker("moby", "Tia", "U024BE7LH", "Slack"), Speaker("demo", "tia", "tianon", "account-tag")
    before, after = facts(tmp_path), facts(tmp_path)
    people = before.people.linked([Link(who, to, "tianon", datetime(2026, 1, 1, tzinfo=UTC), "k")])
    assert people.find(who) is not None
    assert difference(Facts(before.settings, people), after) == []
    assert Facts(before.settings, people).policy == before.policy


def test_what_means_the_same_is_no_difference(tmp_path: Path) -> None:
    before = facts(tmp_path)
    same = facts(
        tmp_path, config=("keep_days = 30", "keep_days = 30 # a month"), people=("[people.jess]", "[people.jess] #")
    )
    assert difference(before, same) == []


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        pytest.param("8080", "8081", ["jenkins.ci.url"], id="url"),
        pytest.param(
            "[jenkins.ci]", '[jenkins.other]\nurl = "http://[::1]"\n[jenkins.ci]', ["jenkins.other"], id="server"
        ),
        pytest.param("keep_days", 'state = "s"\nkeep_days', ["gordon.state"], id="state"),
        pytest.param('"help"]', '"status"]', ["gordon.plugins"], id="plugins"),
        pytest.param("port = 6667", "port = 6668", ["irc.demo.port"], id="port"),
        pytest.param("[console]", '[irc.more]\nhost = "irc.example"\n[console]', ["irc.more"], id="network"),
        pytest.param('person = "tianon"', 'person = "jess"', ["console.person"], id="console"),
        pytest.param(GITHUB, "", ["github"], id="github"),
        pytest.param("keep_days = 30", "keep_days = 31", [], id="nothing"),
    ],
)
def test_what_needs_a_restart_is_named(tmp_path: Path, old: str, new: str, keys: list[str]) -> None:
    before = facts(tmp_path).settings
    after = facts(tmp_path, config=(old, new)).settings
    assert only_at_start(list(changed_keys(before, after))) == keys


def test_a_long_difference_is_cut_with_a_count() -> None:
    assert shortened(["a", "b"]) == "a; b"
    assert shortened([str(number) for number in range(MAX_SHOWN + 2)]).endswith("7; and 2 more, see the log")
