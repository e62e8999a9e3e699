"""Cards as Slack's blocks, pure: rich text for words, since nothing in it can call anybody or lead anybody astray.

The tone of a card is an emoji before its title: screen readers say its name, and it is plain in light and dark; a bar
of colour would be neither. Slack's limits are published but for the one on all blocks of a message together, which
answers `msg_blocks_too_long` from about 11,000 characters on; so what is long is cut, and says so.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bot.adapters.slack_text import IN_JSON, MORE, clean, cut, escape, is_address, one_line, parts, unescape, units
from bot.chat import Button, Card, Form, Tone, Words

FALLBACK_CHARS = 3_900  # chat.update takes 4,000
WORDS_ROOM = 8_000  # for the words of a message, with the JSON around them
BUTTONS_ROOM = 3_000  # for fewer than the 25 that one block takes
TITLE_CHARS = 1_000
LINE_CHARS = 1_000
FIELDS_ROOM = 2_000
FIELD_CHARS = 500
QUOTE_CHARS = 3_000
QUOTE_LINES = 24  # more would push the title out of sight
PREVIEW_CHARS = 2_000  # a section takes 3,000
MORE_ROOM = 200  # for the words that tell how much is missing
FIELDS_IN_ONE = 10
LABEL_CHARS = 75
MAX_CALLED = 20
VALUE_CHARS = 2_000
DIGEST_CHARS = 16
NO_WORDS = "(no words)"
PRESS = "press."  # begins the action of each button; its number follows
WAS_PRESSED = ": pressed by"

_EMOJI = {Tone.GOOD: "white_check_mark", Tone.BAD: "x"}
_SIGNS = {Tone.GOOD: "\u2705 ", Tone.BAD: "\u274c "}  # the same where an emoji has no element of its own
_DESTRUCTIVE = re.compile(
    r"(?:cancel|confirm|override|(?:known|schedule) remove|letters drop|plugins off|node \S+ offline)(?: .*)?"
)
_USER = re.compile(r"(?:T[A-Z0-9]+/)?([UW][A-Z0-9]+)")
_DIGEST = re.compile(f"[0-9a-f]{{{DIGEST_CHARS}}}")

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a button tells when it is pressed.

    Arguments:
        digest: of the card as it was shown.
        form: what is to be asked first.
        is_own: it is about whoever has pressed it alone.
    """

    command: str
    digest: str
    form: Form | None = None
    is_own: bool = False


def blocks_of(words: Words, *, to: str = "") -> list[Block]:
    """Write words as the blocks of a message, within Slack's limits.

    Arguments:
        to: whom they are for, parted by ", ": users are called, "U…" or "T…/U…", and others named; empty for nobody.
    """
    if isinstance(words, str):
        said = cut(clean(words).strip(), WORDS_ROOM - MORE_ROOM, _linked_units)
        return [_rich_text(_section([*_called(to), *_texts(said or NO_WORDS)]))]
    title = _rich_text(_section([*_called(to), *_title(words)]))
    room = WORDS_ROOM - _weight(title)
    fields = _fields(words.fields)
    room -= _weight(fields)
    quote = _quote(words.quote, min(QUOTE_CHARS, room - MORE_ROOM))
    room -= _weight(quote)
    return [title, *_lines(words.lines, room), *fields, *quote, *_actions(words)]


def preview_of(words: Words) -> list[Block]:
    """Write words as the blocks under a link, where Slack refuses rich text as `invalid_blocks`: in plain text.

    What the link leads to is in the message itself; quotations and buttons are for cards.
    https://github.com/slackapi/java-slack-sdk/issues/948, https://github.com/getsentry/sentry/pull/65588
    """
    card = words if isinstance(words, Card) else Card("", tuple(words.split("\n")))
    told = "\n".join(filter(None, map(one_line, [card.title, *card.lines]))) or NO_WORDS
    text = cut(_SIGNS.get(card.tone, "") + told, PREVIEW_CHARS)
    return [{"type": "section", "text": plain_text(text)}, *_fields(card.fields)]


def fallback(words: Words, *, to: str = "") -> str:
    """Say all of it but quoted logs in plain words, for notifications and for those who have messages read to them."""
    # What is brief may hold what should stand on a button alone, the token of a confirmation.
    text = replace(words, brief="", quote="").one_line() if isinstance(words, Card) else words
    users, others = _for_whom(to)
    called = "".join(f"<@{user}> " for user in users) + escape(others)
    room = FALLBACK_CHARS - units(called)
    return called + escape(cut(one_line(text) or NO_WORDS, room, lambda said: units(escape(said))))


def words_fit(text: str) -> bool:
    """Tell whether the blocks show the whole of a text; else it wants several messages."""
    return _linked_units(clean(text).strip()) <= WORDS_ROOM - MORE_ROOM


def quote_fits(card: Card) -> bool:
    """Tell whether the blocks show the whole of what a card quotes; else it wants a file."""
    lines = _quoted(card.quote)
    return len(lines) <= QUOTE_LINES and _json_units("\n".join(lines)) <= QUOTE_CHARS


def digest_of(words: Words) -> str:
    """Tell this state of a card from its others, in a few characters."""
    state = replace(words, fields=dict(words.fields)) if isinstance(words, Card) else words
    return hashlib.sha256(json.dumps(msgspec.to_builtins(state)).encode()).hexdigest()[:DIGEST_CHARS]


def read_value(text: str) -> Pressed | None:
    """Read what a button told; None if no card of ours has such a button."""
    if units(text) > VALUE_CHARS:
        return None
    try:
        pressed = msgspec.json.decode(text, type=Pressed)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    is_ours = _DIGEST.fullmatch(pressed.digest) and _is_plain(pressed.command)
    return pressed if is_ours else None


def disabled(blocks: Sequence[Mapping[str, Any]], action_id: str, user: str) -> list[Block]:
    """Take a button out of a message's blocks, and tell below who has pressed it.

    Arguments:
        blocks: as Slack hands them back, with `& < >` of plain text escaped and names of its own for them.
        user: who has pressed it, "U…" or "T…/U…".
    """
    found: list[Block] = []
    for block in blocks:
        own = _unescaped({key: value for key, value in block.items() if key != "block_id"})
        pressed = [one for one in own.get("elements", ()) if one.get("action_id") == action_id]
        if own["type"] != "actions" or not pressed:
            found.append(own)
            continue
        left = [one for one in own["elements"] if one not in pressed]
        found += [{**own, "elements": left}] if left else []
        found += [_pressed(one["text"]["text"], user) for one in pressed]
    return found


def user_id(name: str) -> str:
    """Find in "U…" or "T…/U…" the user whom Slack can call; empty if it is no user."""
    found = _USER.fullmatch(name)
    return found[1] if found else ""


def plain_text(text: str) -> Block:
    """Write text in which nothing is marked up."""
    return {"type": "plain_text", "text": text, "emoji": False}


def _pressed(label: str, user: str) -> Block:
    words = plain_text(cut(label, LABEL_CHARS) + WAS_PRESSED)
    who = {"type": "mrkdwn", "text": f"<@{user_id(user)}>"} if user_id(user) else plain_text("somebody")
    return {"type": "context", "elements": [words, who]}


def _unescaped(value: Any) -> Any:
    """Read plain text anywhere in a block as it was before Slack escaped it."""
    if isinstance(value, Mapping):
        if value.get("type") == "plain_text":
            return {**value, "text": unescape(str(value.get("text", "")))}
        return {key: _unescaped(inner) for key, inner in value.items()}
    return [_unescaped(inner) for inner in value] if isinstance(value, list) else value


def _title(card: Card) -> list[Block]:
    text = cut(one_line(card.title), TITLE_CHARS, _linked_units)
    emoji: list[Block] = []
    if card.tone in _EMOJI:
        emoji = [{"type": "emoji", "name": _EMOJI[card.tone]}, _text(" ")]
    if is_address(card.url):
        return [*emoji, {"type": "link", "url": card.url, "text": text or card.url, "style": {"bold": True}}]
    address = one_line(card.url)
    shown = " ".join(filter(None, (text, cut(address, TITLE_CHARS))))
    return [*emoji, *({**one, "style": {"bold": True}} for one in _texts(shown or NO_WORDS))]


def _lines(lines: Sequence[str], room: int) -> list[Block]:
    """Write lines as a list, one alone without a mark; of many what there is room for, and how many are missing."""
    told = [line for line in map(one_line, lines) if line]
    items: list[Block] = []
    room -= MORE_ROOM
    for line in told:
        item = _section(_texts(cut(line, LINE_CHARS, _linked_units)))
        room -= _weight(item)
        if room < 0:
            break
        items.append(item)
    if left := len(told) - len(items):
        items.append(_section([_text(f"{MORE} and {left} more")]))
    if len(items) < 2:
        return [_rich_text(item) for item in items]
    return [_rich_text({"type": "rich_text_list", "style": "bullet", "elements": items})]


def _fields(fields: Mapping[str, str]) -> list[Block]:
    """Write facts in two columns."""
    told = [plain_text(cut(f"{one_line(name)}: {one_line(value)}", FIELD_CHARS)) for name, value in fields.items()]
    shown: list[Block] = []
    room = FIELDS_ROOM
    for field in told:
        room -= _weight(field)
        if room < 0:
            shown.append(plain_text(f"{MORE} and {len(told) - len(shown)} more"))
            break
        shown.append(field)
    tens = (shown[begin : begin + FIELDS_IN_ONE] for begin in range(0, len(shown), FIELDS_IN_ONE))
    return [{"type": "section", "fields": some} for some in tens]


def _quote(quote: str, room: int) -> list[Block]:
    lines = _quoted(quote)
    if not lines or room < MORE_ROOM:
        return []
    text = cut("\n".join(lines[:QUOTE_LINES]), room, _json_units)
    if len(lines) > QUOTE_LINES and not text.endswith(MORE):
        text += f"\n{MORE}"
    return [_rich_text({"type": "rich_text_preformatted", "elements": [_text(text)]})]


def _quoted(quote: str) -> list[str]:
    text = "\n".join(line.expandtabs(4).rstrip() for line in clean(quote).split("\n")).strip("\n")
    return text.split("\n") if text else []


def _actions(card: Card) -> list[Block]:
    digest = digest_of(card)
    shown: list[Block] = []
    room = BUTTONS_ROOM
    for number, button in enumerate(card.buttons):
        label, value = one_line(button.label), _value(button, digest)
        if not label or not value:
            continue
        element = {
            "type": "button",
            "action_id": f"{PRESS}{number}",
            "text": plain_text(cut(label, LABEL_CHARS)),
            "value": value,
        }
        if _DESTRUCTIVE.fullmatch(button.command):
            element["style"] = "danger"
        room -= _weight(element)
        if room < 0:
            break
        shown.append(element)
    return [{"type": "actions", "elements": shown}] if shown else []


def _value(button: Button, digest: str) -> str:
    """Write what a button tells; empty if it cannot be told in full, or the command holds what nobody would see."""
    if not _is_plain(button.command):
        return ""
    try:
        told = msgspec.json.encode(Pressed(button.command, digest, button.form, button.is_own)).decode()
    except UnicodeEncodeError:  # half a character in a form
        return ""
    told = told.translate(IN_JSON)
    return told if units(told) <= VALUE_CHARS else ""


def _is_plain(command: str) -> bool:
    return bool(command.strip()) and clean(command) == command and "\n" not in command


def _called(to: str) -> list[Block]:
    users, others = _for_whom(to)
    called = [one for user in users for one in ({"type": "user", "user_id": user}, _text(" "))]
    return [*called, _text(others)] if others else called


def _for_whom(to: str) -> tuple[list[str], str]:
    """Tell whom Slack can call of those whom words are for, and how the others begin the words."""
    names = list(filter(None, map(one_line, to.split(", "))))[:MAX_CALLED]
    others = ", ".join(cut(name, LABEL_CHARS) for name in names if not user_id(name))
    return [user for name in names if (user := user_id(name))], f"{others}: " if others else ""


def _texts(text: str) -> list[Block]:
    return [{"type": "link", "url": one} if is_url else _text(one) for one, is_url in parts(text)]


def _text(text: str) -> Block:
    return {"type": "text", "text": text}


def _section(elements: list[Block]) -> Block:
    return {"type": "rich_text_section", "elements": elements}


def _rich_text(element: Block) -> Block:
    return {"type": "rich_text", "elements": [element]}


def _weight(value: Any) -> int:
    return units(json.dumps(value, ensure_ascii=False))


def _linked_units(text: str) -> int:
    """Count text with what is written around each address in it."""
    return _weight(_texts(text))


def _json_units(text: str) -> int:
    return _weight(text) - len('""')
