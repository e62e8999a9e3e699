"""What a Slack on loopback keeps of one workspace: people, channels, messages, files, views and its app."""

import hashlib
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bot.clock import Clock

Json = dict[str, Any]
EVERY_SCOPE = frozenset(
    (
        "app_mentions:read", "channels:history", "channels:join", "channels:read", "chat:write", "chat:write.public",
        "commands", "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write",
        "links:read", "links:write", "reactions:write",
        "team:read", "usergroups:read", "users:read",
    )
)  # fmt: skip


@dataclass(slots=True)
class User:
    """Somebody with an account, or whom Slack Connect shows here from another workspace.

    Arguments:
        display_name: what people see, who may set it to anything; `name` is the handle.
        team_id: where the account is; another one's than the workspace's for a stranger.
        is_restricted: a guest of several channels; is_ultra_restricted: of one.
    """

    id: str
    name: str
    team_id: str
    real_name: str = ""
    display_name: str = ""
    is_bot: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    tz: str = "Europe/Amsterdam"
    bot_id: str = ""


@dataclass(slots=True)
class Channel:
    """A channel or a direct message; its messages by ts, as Slack stores them."""

    id: str
    name: str = ""
    is_im: bool = False
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    members: list[str] = field(default_factory=list)
    messages: dict[str, Json] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The channel's type, as events and lists name it."""
        return "im" if self.is_im else "group" if self.is_private else "channel"

    def thread(self, ts: str) -> list[Json]:
        """List a message and its replies, oldest first."""
        replies = [message for key, message in self.messages.items() if message.get("thread_ts") == ts and key != ts]
        return [self.messages[ts], *replies] if ts in self.messages else []


@dataclass(slots=True)
class Usergroup:
    """A group of people that a message can mention."""

    id: str
    handle: str
    name: str
    users: list[str]
    date_delete: int = 0


@dataclass(slots=True)
class File:
    """A file that was uploaded; nobody sees it until it is completed."""

    id: str
    name: str
    length: int
    title: str = ""
    snippet_type: str = ""
    alt_txt: str = ""
    content: bytes | None = None
    is_complete: bool = False
    channels: list[str] = field(default_factory=list)


@dataclass(slots=True)
class View:
    """A modal that somebody sees, or a Home tab.

    Arguments:
        errors: what the app said is wrong with its values, by block.
    """

    id: str
    user: str
    view: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    is_closed: bool = False
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """A message that one person alone sees; nothing can ask for it."""

    channel: str
    user: str
    ts: str
    message: Json


@dataclass(frozen=True, slots=True)
class Ping:
    """Somebody whom a message notifies, and by which of its words."""

    channel: str
    ts: str
    whom: str
    word: str


@dataclass(slots=True)
class AppRecord:
    """The app under test, as it is installed in one workspace.

    Arguments:
        request_url: where Slack posts to in HTTP mode; empty for Socket Mode.
        revoked: the error that its bot token is refused with; empty while it counts.
        domains: whose links it unfurls.
        events: the types that it subscribes to, such as "app_mention" and "message.channels"; None for all.
    """

    id: str
    user_id: str
    bot_id: str
    bot_token: str
    app_token: str
    signing_secret: str
    command: str = "/gordon"
    scopes: frozenset[str] = EVERY_SCOPE
    request_url: str = ""
    revoked: str = ""
    domains: tuple[str, ...] = ("github.com",)
    events: frozenset[str] | None = None


class Workspace:
    """One team, and what all rooms of the double share of it.

    Arguments:
        tell: hands an event to the app; set by whoever delivers.
        pings: everybody whom a message notified, so that tests can say that nobody was.
        unfurled: links of the app's own messages that Slack would have shown a preview of, by channel and ts.
    """

    def __init__(self, name: str, team_id: str, app: AppRecord, clock: Clock) -> None:
        self.name = name
        self.domain = name
        self.team_id = team_id
        self.app = app
        self.clock = clock
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, Usergroup] = {}
        self.files: dict[str, File] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.ephemerals: list[Ephemeral] = []
        self.pings: list[Ping] = []
        self.unfurled: list[tuple[str, str, str]] = []
        self.unfurls: dict[str, Json] = {}
        self.tell: Callable[[Json], object] = lambda _: None
        self._numbers = itertools.count(1)
        self._last_us = 0
        bot = User(app.user_id, "gordon", team_id, "Gordon", is_bot=True, bot_id=app.bot_id)
        self.users[bot.id] = bot

    @property
    def bot(self) -> User:
        return self.users[self.app.user_id]

    def now_s(self) -> float:
        return self.clock.now().timestamp()

    def next_ts(self) -> str:
        """Make the next time stamp, which is a message's name: unique, and later than all before."""
        self._last_us = max(self._last_us + 100, int(self.now_s() * 1_000_000))
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    def next_id(self, prefix: str) -> str:
        """Make an id that nothing else has."""
        digest = hashlib.sha256(f"{self.team_id}:{next(self._numbers)}".encode()).hexdigest().upper()
        return prefix + digest[: 11 - len(prefix)]

    def add_user(self, user: User) -> User:
        self.users[user.id] = user
        return user

    def add_channel(self, channel: Channel, members: Iterable[str] = ()) -> Channel:
        channel.members += [user for user in members if user not in channel.members]
        self.channels[channel.id] = channel
        return channel

    def im_with(self, user: str) -> Channel:
        """Find the direct message between the app and somebody, or open it."""
        for channel in self.channels.values():
            if channel.is_im and user in channel.members:
                return channel
        return self.add_channel(Channel(self.next_id("D"), is_im=True), (user, self.app.user_id))

    def put(self, channel: Channel, message: Json) -> Json:
        """Store a message, and count it in its thread."""
        channel.messages[message["ts"]] = message
        parent = channel.messages.get(message.get("thread_ts", ""))
        if parent is not None and parent is not message:
            replies = channel.thread(parent["ts"])[1:]
            parent |= {
                "thread_ts": parent["ts"],
                "reply_count": len(replies),
                "reply_users": list(dict.fromkeys(reply.get("user", "") for reply in replies)),
                "latest_reply": replies[-1]["ts"],
            }
        return message
