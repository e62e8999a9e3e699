"""Words of messages as Slack reads them: what they notify, what they link to, and how they are stored."""

import re
from collections.abc import Iterator

from bot.demo.slack.workspace import Channel, Ping, Workspace

LARGEST_TEXT = 40_000  # beyond, Slack cuts
LARGEST_UPDATE = 4_000  # beyond, chat.update refuses
TOKEN = re.compile(r"<((?:[@#!]|[a-z][a-z0-9+.-]*:)[^<>\n]*)>", re.IGNORECASE)
EVERYBODY = ("channel", "here", "everyone", "group")
NAME = re.compile(r"(?<![\w@/.<!])@([\w.-]*\w)")
CHANNEL_NAME = re.compile(r"(?<![\w#&/<])#([a-z0-9_-]+)")
BARE_URL = re.compile(r"https?://[^\s<>|]+")


def stored(text: str) -> str:
    """Write a text as Slack stores it: a `<` that begins nothing, and a `>` that ends nothing, are escaped."""
    parts: list[str] = []
    end = 0
    for match in TOKEN.finditer(text):
        parts += [escaped(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, escaped(text[end:])])


def escaped(text: str) -> str:
    """Escape what is not escaped yet."""
    text = re.sub(r"&(?!(?:amp|lt|gt);)", "&amp;", text)
    return text.replace("<", "&lt;").replace(">", "&gt;")


def linked(workspace: Workspace, text: str, *, names: bool, full: bool) -> str:
    """Turn names into mentions where `link_names` or `parse=full` asks for it, and bare addresses into links."""

    def mention(match: re.Match[str]) -> str:
        name = match[1].lower()
        if name in EVERYBODY:
            return f"<!{name}>"
        found = next((user.id for user in workspace.users.values() if user.name == name), "")
        group = next((each.id for each in workspace.usergroups.values() if each.handle == name), "")
        return f"<@{found}>" if found else f"<!subteam^{group}>" if group else match[0]

    def channel(match: re.Match[str]) -> str:
        found = next((each.id for each in workspace.channels.values() if each.name == match[1]), "")
        return f"<#{found}|{match[1]}>" if found else match[0]

    parts: list[str] = []
    end = 0
    for match in TOKEN.finditer(text):
        parts += [text[end : match.start()], match[0]]
        end = match.end()
    parts.append(text[end:])
    for index in range(0, len(parts), 2):
        plain = parts[index]
        if names or full:
            plain = NAME.sub(mention, plain)
        if full:
            plain = CHANNEL_NAME.sub(channel, plain)
        parts[index] = BARE_URL.sub(lambda url: f"<{url[0]}>", plain)
    return "".join(parts)


def links(text: str) -> Iterator[str]:
    """List the addresses that a stored text links to."""
    for match in TOKEN.finditer(text):
        target = match[1].partition("|")[0]
        if target.startswith(("http://", "https://")):
            yield target.replace("&amp;", "&")


def pings(workspace: Workspace, channel: Channel, ts: str, text: str) -> Iterator[Ping]:
    """List whom a stored text notifies, by each of its tokens."""
    for match in TOKEN.finditer(text):
        target = match[1].partition("|")[0]
        whom: list[str] = []
        if target.startswith("!subteam^"):
            group = workspace.usergroups.get(target.removeprefix("!subteam^"))
            whom = group.users if group else []
        elif target.startswith("!") and target[1:] in EVERYBODY:
            whom = [user for user in channel.members if not workspace.users[user].is_bot]
        elif target.startswith("@") and target[1:] in workspace.users:
            whom = [target[1:]]
        yield from (Ping(channel.id, ts, user, match[0]) for user in whom)
