"""The manifest of Slack's app: Slack takes it, and it asks for what Gordon uses, no more and no less."""

import ast
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.slack import GROUPS
from bot.adapters.slack_places import CHANGES
from bot.cli import WRONG, main
from bot.config import load
from bot.people import load_people
from bot.slack_manifest import EVENTS, LINK_EVENT, LINK_SCOPES, SCOPES, manifest

ROOT = Path(__file__).parents[1]
ADAPTERS = sorted((ROOT / "bot" / "adapters").glob("slack*.py"))
URL = "https://gordon.example.org/slack/moby/events"

# What Slack documents for each method with a bot's token; for those of channels, of the kinds that Gordon is in.
METHODS: Mapping[str, set[str]] = {
    "api.test": set(),
    "apps.connections.open": set(),  # by the app's token, which has connections:write
    "auth.test": set(),
    "bots.info": {"users:read"},
    "chat.delete": {"chat:write"},
    "chat.getPermalink": set(),
    "chat.postEphemeral": {"chat:write"},
    "chat.postMessage": {"chat:write"},
    "chat.unfurl": {"links:write"},
    "chat.update": {"chat:write"},
    "conversations.history": {"channels:history", "groups:history"},
    "conversations.info": {"channels:read", "groups:read"},
    "conversations.join": {"channels:join"},
    "conversations.list": {"channels:read", "groups:read"},
    "conversations.members": {"channels:read", "groups:read"},
    "conversations.open": {"im:write"},
    "conversations.replies": {"channels:history", "groups:history"},
    "files.completeUploadExternal": {"files:write"},
    "files.getUploadURLExternal": {"files:write"},
    "reactions.add": {"reactions:write"},
    "reactions.remove": {"reactions:write"},
    "team.info": {"team:read"},
    "usergroups.list": {"usergroups:read"},
    "usergroups.users.list": {"usergroups:read"},
    "users.conversations": {"channels:read", "groups:read"},
    "users.info": {"users:read"},
    "users.list": {"users:read"},
    "views.open": set(),
    "views.publish": set(),
    "views.push": set(),
    "views.update": set(),
}
# The same for each event; of a message the kind of the channel is said when subscribing, and not in the event.
HEARD: Mapping[str, set[str]] = {
    "app_home_opened": set(),
    "app_mention": {"app_mentions:read"},
    "app_uninstalled": set(),
    "channel_archive": {"channels:read"},
    "channel_created": {"channels:read"},
    "channel_deleted": {"channels:read"},
    "channel_id_changed": {"channels:read"},
    "channel_left": {"channels:read"},
    "channel_rename": {"channels:read"},
    "channel_unarchive": {"channels:read"},
    "group_archive": {"groups:read"},
    "group_deleted": {"groups:read"},
    "group_left": {"groups:read"},
    "group_rename": {"groups:read"},
    "group_unarchive": {"groups:read"},
    "link_shared": {"links:read"},
    "member_joined_channel": {"channels:read", "groups:read"},
    "member_left_channel": {"channels:read", "groups:read"},
    "message.channels": {"channels:history"},
    "message.groups": {"groups:history"},
    "message.im": {"im:history"},
    "subteam_created": {"usergroups:read"},
    "subteam_members_changed": {"usergroups:read"},
    "subteam_updated": {"usergroups:read"},
    "team_join": {"users:read"},
    "tokens_revoked": set(),
    "user_change": {"users:read"},
}
COMMANDS = {"commands"}  # what slash commands and shortcuts need


def texts(paths: list[Path]) -> set[str]:
    """List the texts that stand in the code of some files, without their docstrings."""
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
                found.add(node.value)
    return found


def called(paths: list[Path]) -> Iterator[str]:
    """List the methods that are called by name: the first argument of `call` and `pages`."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first = node.args[0]
                if node.func.attr in ("call", "pages") and isinstance(first, ast.Constant):
                    yield str(first.value)


def test_each_method_that_is_called_is_known_here() -> None:
    assert set(called(ADAPTERS)) - set(METHODS) == set()


def test_the_scopes_are_those_that_methods_and_events_need() -> None:
    used = texts(ADAPTERS) & set(METHODS)
    needed = COMMANDS.union(*(METHODS[name] for name in used), *(HEARD[name] for name in (*EVENTS, LINK_EVENT)))
    assert set(SCOPES) | set(LINK_SCOPES) == needed
    assert len(used) > 5


def test_the_set_up_has_each_scope_with_its_reason() -> None:
    text = (ROOT / "deploy" / "slack.md").read_text(encoding="utf-8")
    told = re.findall(
        r"^\| `([a-z_.]+:?[a-z]*)` \| (.+) \|$", text.partition("\n## How it is talked to")[0], re.MULTILINE
    )
    assert told == sorted({**SCOPES, **LINK_SCOPES}.items())


def test_the_settings_of_the_set_up_are_right(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "slack.md").read_text(encoding="utf-8")
    settings, people = (textwrap.dedent(found) for found in re.findall(r" *```toml\n(.*?)```", text, re.DOTALL))
    path = Path(config(tmp_path, settings))
    (tmp_path / "people.toml").write_text(people, encoding="utf-8")
    slack = load(path).slack
    assert [person.key for person in load_people(tmp_path / "people.toml", networks=slack)] == ["tianon"]


def test_what_is_subscribed_to_is_what_is_heard() -> None:
    """An event that nobody reads costs a request each time; one that is not subscribed to never comes."""
    literal = texts(ADAPTERS)
    channels = {f"{family}_{change}" for family in ("channel", "group") for change in CHANGES}

    def is_read(name: str) -> bool:
        return name.partition(".")[0] in literal | channels or name.startswith(GROUPS)

    assert [name for name in HEARD if is_read(name)] == [name for name in HEARD if name in (*EVENTS, LINK_EVENT)]
    assert {*EVENTS, LINK_EVENT} <= set(HEARD)


def text(low: int, high: int, pattern: str = r"[\s\S]*") -> Any:
    return lambda value: isinstance(value, str) and low <= len(value) <= high and re.fullmatch(pattern, value)


def some(low: int, high: int, each: Any) -> Any:
    def is_right(value: Any) -> bool:
        shown = [json.dumps(one) for one in value]
        return low <= len(value) <= high and len({*shown}) == len(shown) and all(fits(one, each) for one in value)

    return is_right


def fits(value: Any, shape: Any) -> bool:
    """Tell whether a value is as Slack's published schema has it; no other key may be there."""
    if isinstance(shape, dict):
        needed = {key.rstrip("!") for key in shape if key.endswith("!")}
        known = {key.rstrip("!"): each for key, each in shape.items()}
        return needed <= set(value) <= set(known) and all(fits(one, known[key]) for key, one in value.items())
    return isinstance(value, shape) if isinstance(shape, type) else bool(shape(value))


ADDRESS = r"https?://.+"
SHORTCUT = {
    "name!": text(1, 24),
    "type!": text(1, 9, "message|global"),
    "callback_id!": text(1, 255),
    "description!": text(1, 150),
}
SLASH = {
    "command!": text(2, 32, "/.+"),
    "url": text(1, 3000, ADDRESS),
    "description!": text(1, 2000),
    "usage_hint": text(1, 1000),
    "should_escape": bool,
}
SHAPE = {
    "_metadata": {"major_version": int, "minor_version": int},
    "display_information!": {
        "name!": text(1, 35),
        "description": text(1, 140),
        "background_color": text(4, 7, "#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?"),
        "long_description": text(175, 4000),
    },
    "features": {
        "app_home": dict.fromkeys(("home_tab_enabled", "messages_tab_enabled", "messages_tab_read_only_enabled"), bool),
        "bot_user": {"display_name!": text(1, 80, "[a-z0-9._-]+"), "always_online": bool},
        "shortcuts": some(1, 10, SHORTCUT),
        "slash_commands": some(1, 50, SLASH),
        "unfurl_domains": some(1, 5, text(2, 255, r"(?![.-])[-a-z0-9.]+[a-z0-9]")),
    },
    "oauth_config": {"scopes": {"bot": some(1, 255, text(1, 50))}},
    "settings": {
        "event_subscriptions": {"request_url": text(1, 3500, ADDRESS), "bot_events": some(1, 100, text(1, 50))},
        "interactivity": {
            "is_enabled!": bool,
            "request_url": text(1, 3500, ADDRESS),
            "message_menu_options_url": text(1, 3500, ADDRESS),
        },
        "org_deploy_enabled": bool,
        "socket_mode_enabled": bool,
        "token_rotation_enabled": bool,
    },
}


@pytest.mark.parametrize("url", ["", URL], ids=["socket", "http"])
@pytest.mark.parametrize("found", [(), ("github.com", "ci.example.org")], ids=["no-links", "links"])
def test_the_manifest_is_as_slack_takes_it(found: tuple[str, ...], url: str) -> None:
    told = json.loads(json.dumps(manifest("/gordon", found, url)))
    assert fits(told, SHAPE)
    assert not fits(told | {"setings": {}}, SHAPE)
    assert told["settings"]["socket_mode_enabled"] is not bool(url)
    asked = set(told["oauth_config"]["scopes"]["bot"])
    assert asked == set(SCOPES) | (set(LINK_SCOPES) if found else set())
    assert ("link_shared" in told["settings"]["event_subscriptions"]["bot_events"]) is bool(found)
    addresses = re.findall(r'"(https://gordon[^"]*)"', json.dumps(told))
    assert addresses == [URL] * 4 * bool(url)  # of the command, of events, of clicks, of menus


CONFIG = """\
[gordon]
home = "moby/moby"

[repos."moby/moby"]
{more}
"""
TOKENS = 'bot_token_env = "B"\napp_token_env = "A"\n'
OTHERS = 'bot_token_env = "OTHER_B"\napp_token_env = "OTHER_A"\n'
SIGNED = 'bot_token_env = "B"\nsigning_secret_env = "S"\n'
MOBY = f"[slack.moby]\n{TOKENS}"


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["slack", "manifest", *arguments])
    output = capsys.readouterr()
    return status, output.out, output.err


def config(folder: Path, more: str) -> str:
    path = folder / "gordon.toml"
    path.write_text(CONFIG.format(more=more), encoding="utf-8")
    return str(path)


def test_without_a_configuration_it_is_what_is_usual(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = told(capsys)
    assert (status, err) == (0, "")
    assert json.loads(out) == manifest("/gordon", (), "")


def test_the_configuration_tells_command_and_links(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    servers = "".join(f'[jenkins.j{n}]\nurl = "https://j{n}.example.org/"\n' for n in range(5))
    local = '[jenkins.here]\nurl = "http://127.0.0.1:8080"\n[jenkins.there]\nurl = "https://jenkins"\n'
    path = config(tmp_path, f'[github]\n{local}{servers}{MOBY}command = "/ci"\n')
    status, out, err = told(capsys, "--config", path)
    assert status == 0
    features = json.loads(out)["features"]
    assert features["slash_commands"][0]["command"] == "/ci"
    assert features["unfurl_domains"] == ["github.com", *(f"j{n}.example.org" for n in range(4))]
    assert err == "- Slack takes 5 domains; links to j4.example.org stay links\n"


@pytest.mark.parametrize(
    ("more", "domains"),
    [
        pytest.param('[github]\nurl = "https://ghe.example.org/api/v3"\n', ["ghe.example.org"], id="enterprise"),
        pytest.param("[github]\n", ["github.com"], id="github"),
        pytest.param("", None, id="nothing-to-link-to"),
    ],
)
def test_which_links_become_cards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, domains: list[str] | None
) -> None:
    _, out, _ = told(capsys, "--config", config(tmp_path, more + MOBY))
    assert json.loads(out)["features"].get("unfurl_domains") == domains
    _, out, _ = told(capsys, "--config", config(tmp_path, f"{more}{MOBY}unfurl = false\n"))
    assert "unfurl_domains" not in json.loads(out)["features"]


def test_where_slack_sends_to_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config(tmp_path, f"[web]\n[slack.moby]\n{SIGNED}")
    for address in ("https://gordon.example.org", "https://gordon.example.org/"):
        _, out, _ = told(capsys, "--config", path, "--http", address)
        assert json.loads(out)["settings"]["event_subscriptions"]["request_url"] == URL


@pytest.mark.parametrize(
    ("more", "arguments", "said"),
    [
        pytest.param("", [], "there is no [slack.NAME] in the configuration", id="no-slack"),
        pytest.param(f"{MOBY}[slack.other]\n{OTHERS}", [], "say which workspace by --name: moby, other", id="several"),
        pytest.param(MOBY, ["--name", "mobi"], "there is no [slack.mobi]; there are: moby", id="another"),
        pytest.param(MOBY, ["--http", "https://g.example.org"], "[slack.moby] has an app token", id="both-ways"),
        pytest.param(f"[web]\n[slack.moby]\n{SIGNED}", [], "say by --http where Slack reaches [web]", id="no-address"),
        pytest.param(
            f"[web]\n[slack.moby]\n{SIGNED}",
            ["--http", "http://g.example.org"],
            '--http must be like https://gordon.example.org, is "http://g.example.org"',
            id="plain-http",
        ),
        pytest.param("[slack.moby]\n", [], "needs bot_token_file", id="wrong-file"),
    ],
)
def test_what_does_not_fit_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, arguments: list[str], said: str
) -> None:
    status, out, err = told(capsys, "--config", config(tmp_path, more), *arguments)
    assert (status, out) == (WRONG, "")
    assert said in err


def test_an_address_without_a_configuration_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = told(capsys, "--http", "https://gordon.example.org")
    assert status == WRONG
    assert "--http needs --name" in err
    _, out, _ = told(capsys, "--http", "https://gordon.example.org", "--name", "moby")
    assert URL in out
