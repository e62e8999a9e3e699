"""What Slack sends of people and of what they say, as values; pure.

A line is for us when it begins with a mention of us, with our name and a colon, or with the prefix of commands, and in
a direct message always. Its first line is the command and the rest is talk, as on IRC, where a line is all there is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.adapters.slack_text import unescape

PRIVATE = "im"  # the type of a direct message
MAX_CHARS = 40_000  # of a text, which is as long as Slack lets one be
TYPED = ("", "thread_broadcast")  # the subtypes of lines that somebody typed as they stand
WITH_MORE = ("file_share", "me_message")  # of lines that somebody typed, with a file or about themselves
OF_PROGRAMS = ("bot_message",)

_CHANNEL = re.compile(r"[CDG][A-Z0-9]{2,30}")
_USER = re.compile(r"[UW][A-Z0-9]{2,30}")
_BOT = re.compile(r"B[A-Z0-9]{2,30}")
_TEAM = re.compile(r"[TE][A-Z0-9]{2,30}")
_TS = re.compile(r"[0-9]{1,11}\.[0-9]{1,9}")
_TRIGGER = re.compile(r"[!-~]{1,200}")
_UNSEEN = "\u00ad\u200b\u200e\u200f\u2060\ufeff"
_PARTS = re.compile(r"<(?P<link>[^<>\n]*)>|(?P<escape>&(?:amp|lt|gt);)|(?P<char>[\u2018-\u201f\t" + _UNSEEN + r"]|\s)")
# Quoted, relayed by a bridge ("<alice> !rebuild 7"), or code: said, or shown, and not meant.
_NOT_MEANT = re.compile(r">|`|(?:<[^<>\s]+>|\[[^\[\]\s]+\])(?:\s|$)")


class Unreadable(Exception):
    """It is not what Slack sends."""


@dataclass(frozen=True, slots=True)
class Installation:
    """Who we are in a workspace, as auth.test and bots.info tell.

    Arguments:
        user, bot: our ids as a user and as a bot.
        name: what people call us.
        enterprise: the organisation that the workspace belongs to, if any.
    """

    team: str
    user: str
    bot: str = ""
    app: str = ""
    name: str = "gordon"
    enterprise: str = ""

    @property
    def teams(self) -> tuple[str, ...]:
        """List by which names people of this workspace are said to be of it."""
        return (self.team, self.enterprise) if self.enterprise else (self.team,)


@dataclass(frozen=True, slots=True)
class Line:
    """A message in a channel or to us alone, as it was told of.

    Arguments:
        kind: the type of its channel; empty where that is not told.
        user: who said it; empty for what is said in nobody's name.
        teams: the workspaces and organisations that it names as its speaker's.
        text: as Slack writes it, with its escapes.
        thread: the time stamp of the first message of its thread; empty in the channel itself.
        bot, app: the program that said it, or that said it for somebody.
        is_mention: told of because it mentions us; the same line is told of as a message, too.
        is_edited: not as it was said first.
        has_files: it came with files. An `app_mention` may have them without the subtype that tells so:
            https://github.com/seratch/seratch-slack-types/issues/8
        is_forwarded: it has what somebody else said elsewhere with it.
    """

    channel: str
    ts: str
    kind: str = ""
    user: str = ""
    teams: tuple[str, ...] = ()
    text: str = ""
    thread: str = ""
    subtype: str = ""
    bot: str = ""
    app: str = ""
    is_mention: bool = False
    is_edited: bool = False
    has_files: bool = False
    is_forwarded: bool = False

    @property
    def is_private(self) -> bool:
        """Tell whether it was said to us alone."""
        return self.kind == PRIVATE or self.channel.startswith("D")

    @property
    def at_s(self) -> float:
        """Tell when it was said, in wall-clock seconds by Slack's clock."""
        return float(self.ts)

    @property
    def is_of_program(self) -> bool:
        """Tell whether a program said it, be it in a person's name."""
        return bool(self.bot or self.app or self.subtype in OF_PROGRAMS or self.user == "USLACKBOT")


@dataclass(frozen=True, slots=True)
class Slash:
    """A command given with a slash.

    Arguments:
        team: the workspace where it was given.
        name: the handle of who gave it, which proves nothing.
        trigger: what Slack knows it by.
    """

    team: str
    channel: str
    user: str
    name: str
    text: str
    trigger: str

    @property
    def is_private(self) -> bool:
        """Tell whether it was given in a direct message, with us or with anybody."""
        return self.channel.startswith("D")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with an account, or whom Slack Connect shows from elsewhere.

    Arguments:
        id: of the user; of a bot that is none, of the bot.
        teams: the workspace of the account, where Slack tells it, then others of the same organisation, and this
            itself, which is all that some events name (`extract_actor_team_id` of slack_bolt.request.internals).
        name: what people see, which is anybody's to choose.
    """

    id: str
    teams: tuple[str, ...]
    name: str
    is_deleted: bool = False
    is_guest: bool = False
    is_stranger: bool = False
    is_bot: bool = False


def read_line(payload: object) -> Line:
    """Read an event that tells of a message or of a mention.

    Raises:
        Unreadable: it tells of something else, or not as Slack does.
    """
    event = _part(payload, "event")
    kind = _text(event, "type")
    if kind not in ("message", "app_mention"):
        raise Unreadable(f"an event of type {kind!r} is no line")
    attachments = event.get("attachments")
    shared = [each for each in attachments if isinstance(each, Mapping)] if isinstance(attachments, list) else []
    named = (_text(event, key) for key in ("user_team", "source_team", "team"))
    return Line(
        channel=_id(event, "channel", _CHANNEL),
        ts=_id(event, "ts", _TS),
        kind=_text(event, "channel_type"),
        user=_id(event, "user", _USER, optional=True),
        teams=tuple(dict.fromkeys(team for team in named if team)),
        text=_text(event, "text")[:MAX_CHARS],
        thread=_id(event, "thread_ts", _TS, optional=True),
        subtype=_text(event, "subtype"),
        bot=_text(event, "bot_id"),
        app=_text(event, "app_id"),
        is_mention=kind == "app_mention",
        is_edited="edited" in event,
        has_files=bool(event.get("files")),
        is_forwarded=any(each.get("is_share") or each.get("is_msg_unfurl") for each in shared),
    )


def read_slash(payload: object) -> Slash:
    """Read a command given with a slash.

    Raises:
        Unreadable: it is none.
    """
    if not isinstance(payload, Mapping):
        raise Unreadable("no object")
    return Slash(
        team=_id(payload, "team_id", _TEAM),
        channel=_id(payload, "channel_id", _CHANNEL),
        user=_id(payload, "user_id", _USER),
        name=shown_name(_text(payload, "user_name")),
        text=first_line(plain(_text(payload, "text")[:MAX_CHARS])),
        trigger=_id(payload, "trigger_id", _TRIGGER),
    )


def read_member(answer: object) -> Member:
    """Read what users.info answers.

    Raises:
        Unreadable: it tells of nobody.
    """
    user = _part(answer, "user")
    profile, enterprise = user.get("profile"), user.get("enterprise_user")
    profile = profile if isinstance(profile, Mapping) else {}
    enterprise = enterprise if isinstance(enterprise, Mapping) else {}
    more = enterprise.get("teams")
    # In an organisation the first may be missing: https://github.com/abdolence/slack-morphism-rust/pull/215
    teams = [_id(user, "team_id", _TEAM, optional=True), *(more if isinstance(more, list) else ())]
    teams.append(_id(enterprise, "enterprise_id", _TEAM, optional=True))
    known = tuple(dict.fromkeys(team for team in teams if isinstance(team, str) and team))
    if not known:
        raise Unreadable("is of no workspace")
    id_ = _id(user, "id", _USER)
    names = (_text(profile, "display_name"), _text(user, "real_name"), _text(profile, "real_name"), _text(user, "name"))
    return Member(
        id=id_,
        teams=known,
        name=next(filter(None, map(shown_name, names)), id_),
        is_deleted=_is(user, "deleted"),
        is_guest=_is(user, "is_restricted") or _is(user, "is_ultra_restricted"),
        is_stranger=_is(user, "is_stranger"),
        is_bot=_is(user, "is_bot") or _is(user, "is_workflow_bot") or _is(user, "is_connector_bot"),
    )


def read_bot(answer: object, team: str) -> Member:
    """Read what bots.info answers, in a workspace.

    Raises:
        Unreadable: it tells of nobody.
    """
    bot = _part(answer, "bot")
    id_ = _id(bot, "user_id", _USER, optional=True) or _id(bot, "id", _BOT)
    teams = (_id(bot, "team_id", _TEAM, optional=True) or team,)
    return Member(id_, teams, shown_name(_text(bot, "name")) or id_, _is(bot, "deleted"), is_bot=True)


def read_changed(payload: object) -> str:
    """Read of whom an event tells that something about them has changed.

    Raises:
        Unreadable: it tells of nobody.
    """
    return _id(_part(_part(payload, "event"), "user"), "id", _USER)


def command_of(text: str, us: Installation, prefix: str, *, private: bool) -> str | None:
    """Take off what addresses us and give the command; None for a line that is not for us.

    What somebody quotes or shows as code is for nobody, nor is a mention later in a line, where people talk about us.
    """
    words = text.strip()
    mention = re.match(rf"<@{re.escape(us.user)}(?:\|[^<>]*)?>[:,]?", words)
    by_name = re.match(rf"@?{re.escape(us.name)}[:,]", words, re.IGNORECASE) if us.name and not mention else None
    named = mention or by_name
    words = plain(words[named.end() :] if named else words).strip()
    if not words or _NOT_MEANT.match(words):
        return None
    line = first_line(words)
    if prefix and line.startswith(prefix):
        rest = line.removeprefix(prefix)
        # "!!!" and "! what" are exclamations, not commands
        return rest if rest[:1].isalnum() else None
    return line if named or private else None


def plain(text: str) -> str:
    """Write a text as its author typed it: without escapes, labels and the signs that clients put in by themselves.

    Of a link the address stays, never what it is labelled with, unless Slack made a link of the address itself.
    """
    return _PARTS.sub(_typed, text)


def first_line(text: str) -> str:
    """Give the first line that has something in it."""
    return next((line.strip() for line in text.split("\n") if line.strip()), "")


def shown_name(name: str) -> str:
    """Make a name that somebody chose harmless: short, in one line, of characters that can be seen."""
    seen = "".join(char if char.isprintable() else " " for char in name)
    return " ".join(seen.split())[:80]


def _typed(found: re.Match[str]) -> str:
    link = found["link"]
    if link is not None:
        return _unlinked(link)
    if found["escape"]:
        return unescape(found["escape"])
    char = found["char"]
    if char in _UNSEEN:
        return ""
    if char.isspace():
        return "\n" if char in "\n\r\x0b\x0c\x85\u2028\u2029" else " "
    return '"' if char in "\u201c\u201d\u201e\u201f" else "'"


def _unlinked(link: str) -> str:
    target, _, label = link.partition("|")
    target, label = unescape(target), unescape(label)
    match target[:1]:
        case "#":
            return f"#{label or target[1:]}"
        case "@":
            return target
        case "!":
            name, _, more = target[1:].partition("^")
            return label if name == "date" else f"@{more or name}"
    bare = re.sub(r"\A(?:https?://|mailto:|tel:)", "", target)
    return label if label and label == bare.removesuffix("/") else target.removeprefix("mailto:")


def _part(body: object, key: str) -> Mapping[str, Any]:
    part = body.get(key) if isinstance(body, Mapping) else None
    if not isinstance(part, Mapping):
        raise Unreadable(f"has no {key}")
    return part


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _is(body: Mapping[str, Any], key: str) -> bool:
    return body.get(key) is True


def _id(body: Mapping[str, Any], key: str, pattern: re.Pattern[str], *, optional: bool = False) -> str:
    value = body.get(key)
    if optional and (value is None or value == ""):
        return ""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Unreadable(f"{key} is none")
    return value
