"""`gordon slack manifest`: what Slack has to know of the app before it lets Gordon in, as the JSON that it takes.

Which scope each method and each event needs is Slack's to say; a test holds what is asked for here to what is used.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.config import load
from bot.config_values import NAME, is_loopback
from bot.errors import ConfigError
from bot.settings import GitHubSettings, GordonSettings, SlackSettings
from bot.toml_file import show

WHY, START = "why", "start"  # what Slack calls the shortcuts when it tells that one was taken
MAX_DOMAINS = 5  # Slack takes no manifest with more
DOMAIN = re.compile(r"(?=.{4,255}$)[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}")
ADDRESS = re.compile(r"https://[\w.-]+(:\d{1,5})?(/[\w./-]*)?", re.ASCII)

SCOPES: Mapping[str, str] = {
    "app_mentions:read": "hear commands that begin with @gordon",
    "channels:history": "hear what is said in public channels: commands after the prefix, and words that are answered",
    "channels:join": "come into the public channels of the configuration unasked",
    "channels:read": "find channels by their names, and notice that one is renamed or archived",
    "chat:write": "answer, announce, and keep cards up to date",
    "commands": "the slash command and the shortcuts",
    "files:write": "show logs as snippets, and pictures",
    "groups:history": "the same in private channels that it was invited to",
    "groups:read": "find those by their names",
    "im:history": "hear commands in direct messages",
    "im:write": "tell people alone what is for them alone",
    "usergroups:read": "know who is in the user groups that carry roles",
    "users:read": "tell guests, bots and people of other workspaces from members",
}
LINK_SCOPES: Mapping[str, str] = {
    "links:read": "notice links to builds and pull requests",
    "links:write": "show cards under them",
}
EVENTS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "channel_archive",
    "channel_created",
    "channel_deleted",
    "channel_id_changed",
    "channel_left",
    "channel_rename",
    "channel_unarchive",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_rename",
    "group_unarchive",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "subteam_created",
    "subteam_members_changed",
    "subteam_updated",
    "tokens_revoked",
    "user_change",
)
LINK_EVENT = "link_shared"


def write_manifest(config: Path | None, name: str, http: str) -> Sequence[str]:
    """Print the manifest, and give what should be said beside it.

    Arguments:
        config: of Gordon; without one the manifest has no domains of links, and what else is usual.
        name: of the workspace in the configuration; empty: the only one.
        http: where Slack reaches Gordon's listener; empty: by Socket Mode.

    Raises:
        ConfigError: the file is wrong, or what was given does not fit it.
    """
    settings = load(config) if config is not None else None
    name, slack = _workspace(settings, name)
    _check_address(name, slack, http)
    found = domains(settings) if settings is not None and slack.unfurl else ()
    url = f"{http.rstrip('/')}/slack/{name}/events" if http else ""
    print(json.dumps(manifest(slack.command, found[:MAX_DOMAINS], url), indent=2, ensure_ascii=False))
    left = found[MAX_DOMAINS:]
    return [f"Slack takes {MAX_DOMAINS} domains; links to {', '.join(left)} stay links"] if left else []


def _workspace(settings: GordonSettings | None, name: str) -> tuple[str, SlackSettings]:
    if settings is None:
        if name and not NAME.fullmatch(name):
            raise ConfigError((f"{show(name)} cannot be the name of a workspace in gordon.toml",))
        return name, SlackSettings()
    known = settings.slack
    if not known:
        raise ConfigError(("there is no [slack.NAME] in the configuration; deploy/slack.md says how to begin",))
    if not name and len(known) > 1:
        raise ConfigError((f"say which workspace by --name: {', '.join(known)}",))
    name = name or next(iter(known))
    if name not in known:
        raise ConfigError((f"there is no [slack.{name}]; there are: {', '.join(known)}",))
    return name, known[name]


def _check_address(name: str, slack: SlackSettings, http: str) -> None:
    is_signed = slack.signing_secret_file is not None or bool(slack.signing_secret_env)
    if http and not ADDRESS.fullmatch(http):
        raise ConfigError((f"--http must be like https://gordon.example.org, is {show(http)}",))
    if http and not name:
        raise ConfigError(("--http needs --name, too: Slack sends to /slack/NAME/events",))
    if http and (slack.app_token_file is not None or slack.app_token_env):
        raise ConfigError((f"[slack.{name}] has an app token, for Socket Mode: leave --http out",))
    if is_signed and not http:
        raise ConfigError((f"[slack.{name}] has a signing secret: say by --http where Slack reaches [web]",))


def domains(settings: GordonSettings) -> Sequence[str]:
    """List the hosts of links that can become cards; those of this machine are nobody else's."""
    urls = [_pages(settings.github)] if settings.github is not None else []
    urls += [server.url for server in settings.jenkins.values()]
    hosts = dict.fromkeys((urlsplit(url).hostname or "").lower() for url in urls)
    return [host for host in hosts if DOMAIN.fullmatch(host) and not is_loopback(host)]


def _pages(github: GitHubSettings) -> str:
    """Tell where the pages are of which the configuration has the API."""
    return github.url.replace("https://api.github.com", "https://github.com", 1)


def manifest(command: str, found: Sequence[str], url: str) -> Mapping[str, Any]:
    """Make the manifest of the app.

    Arguments:
        found: domains whose links become cards.
        url: where Slack sends to; empty: it has Gordon open sockets.
    """
    sent_to = {"request_url": url} if url else {}
    options = {"message_menu_options_url": url} if url else {}
    slash = {"command": command, "description": "Builds and pull requests", "usage_hint": "help, or rebuild moby#7"}
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": "Gordon",
            "description": "Starts builds, tells how they ended and why, and knows how pull requests stand.",
            "background_color": "#1d4d6b",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "gordon", "always_online": True},
            "shortcuts": [
                {
                    "name": "Why did this fail?",
                    "type": "message",
                    "callback_id": WHY,
                    "description": "Tells why the build, or the pull request, of a message failed",
                },
                {
                    "name": "Start a build",
                    "type": "global",
                    "callback_id": START,
                    "description": "Starts one of the jobs that the configuration lists",
                },
            ],
            "slash_commands": [slash | ({"url": url} if url else {}) | {"should_escape": False}],
            **({"unfurl_domains": list(found)} if found else {}),
        },
        "oauth_config": {"scopes": {"bot": sorted({**SCOPES, **(LINK_SCOPES if found else {})})}},
        "settings": {
            "event_subscriptions": sent_to | {"bot_events": sorted([*EVENTS, *([LINK_EVENT] if found else [])])},
            "interactivity": {"is_enabled": True, **sent_to, **options},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not url,
            "token_rotation_enabled": False,
        },
    }
